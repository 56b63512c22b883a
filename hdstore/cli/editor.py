"""Editing a frame or a view as JSON: in the user's editor, or from text that was prepared.

What was typed is never lost: when it can not be saved, it stays in a file whose name is told.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hdstore.cli.failures import explain
from hdstore.cli.opening import read_text
from hdstore.cli.prompts import can_ask, wants
from hdstore.errors import HdstoreError, InvalidInputError, InvalidValueError, StorageError
from hdstore.model import Changes, PutFrame

if TYPE_CHECKING:
    from hdstore.repository import DatasetVersion

__all__ = ["edit_frame", "edit_text", "put_frame"]

_T = TypeVar("_T")


def put_frame(version: DatasetVersion, frame_id: str, text: str, *, base: str) -> Changes:
    """Saves the frame that JSON describes; ``base`` is the commit at which it was read."""
    from hdstore.codec import frame_from_json

    frame = frame_from_json(text)
    if frame.id != frame_id:
        raise InvalidValueError(
            f"The frame is {frame_id!r}, but its JSON says {frame.id!r}: a frame's id never changes; add"
            " another frame and delete this one instead."
        )
    return version.apply(PutFrame(frame=frame), base=base)


def edit_frame(version: DatasetVersion, frame_id: str) -> Changes:
    """Opens a frame in the user's editor and saves what comes back."""
    from hdstore.codec import frame_to_json

    state = version.state()
    changes = edit_text(
        frame_to_json(state.frame(frame_id)) + "\n",
        lambda text: put_frame(version, frame_id, text, base=state.commit),
        what="frame",
        instead="--json",
    )
    return changes or Changes(before=state.commit, after=state.commit, version_id=version.id)


def edit_text(before: str, save: Callable[[str], _T], *, what: str, instead: str) -> _T | None:
    """Opens a text in the user's editor and returns what ``save`` makes of it; None when nothing was changed.

    What ``save`` refuses can be edited again. ``instead`` is the option that needs no editor.
    """
    path = _temporary(before, what)
    try:
        saved = _edit_until_saved(path, before, save, instead)
    except HdstoreError as error:
        if _differs(path, before):
            error.add_note(f"What you wrote is kept in {path}")
        else:
            path.unlink(missing_ok=True)
        raise
    path.unlink(missing_ok=True)
    return saved


def _edit_until_saved(path: Path, before: str, save: Callable[[str], _T], instead: str) -> _T | None:
    while True:
        _run_editor(path, instead)
        text = read_text(str(path))
        if text.strip() == before.strip():
            return None
        try:
            return save(text)
        except InvalidInputError as error:
            if not can_ask():
                raise
            explain(error)
            if not wants("Edit it again?", default=True):
                raise


def _differs(path: Path, before: str) -> bool:
    try:
        return path.read_bytes().strip() != before.encode().strip()
    except OSError:
        return False


def _temporary(text: str, what: str) -> Path:
    try:
        handle, name = tempfile.mkstemp(prefix=f"hdstore-{what}-", suffix=".json")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise StorageError(f"The {what} can not be written for the editor: {error.strerror}.") from error
    return Path(name)


def _run_editor(path: Path, instead: str) -> None:
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    # Ctrl-C belongs to the editor while it runs. A handler, and not "ignore", because the editor would inherit that.
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        words = shlex.split(command)
        done = subprocess.run([*words, str(path)], check=False)
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"The editor {command!r} can not be started ({error}); set VISUAL or EDITOR, or use {instead}."
        ) from error
    finally:
        signal.signal(signal.SIGINT, before)
    if done.returncode:
        raise InvalidInputError(
            f"The editor {command!r} ended with status {done.returncode}; nothing was saved."
        )
