"""Editing a frame as JSON: in the user's editor, or from text that was prepared.

What was typed is never lost: when it can not be saved, it stays in a file whose name is told.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hdstore.cli.failures import explain
from hdstore.cli.opening import read_text
from hdstore.cli.prompts import can_ask, wants
from hdstore.errors import HdstoreError, InvalidInputError, InvalidValueError, StorageError
from hdstore.model import Changes, PutFrame

if TYPE_CHECKING:
    from hdstore.repository import DatasetVersion

__all__ = ["edit_frame", "put_frame"]


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
    before = frame_to_json(state.frame(frame_id)) + "\n"
    path = _temporary(before)
    try:
        changes = _edit_until_saved(version, frame_id, path, before, base=state.commit)
    except HdstoreError as error:
        if _differs(path, before):
            error.add_note(f"What you wrote is kept in {path}")
        else:
            path.unlink(missing_ok=True)
        raise
    path.unlink(missing_ok=True)
    return changes


def _edit_until_saved(
    version: DatasetVersion, frame_id: str, path: Path, before: str, *, base: str
) -> Changes:
    while True:
        _run_editor(path)
        text = read_text(str(path))
        if text.strip() == before.strip():
            return Changes(before=base, after=base, version_id=version.id)
        try:
            return put_frame(version, frame_id, text, base=base)
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


def _temporary(text: str) -> Path:
    try:
        handle, name = tempfile.mkstemp(prefix="hdstore-frame-", suffix=".json")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise StorageError(f"The frame can not be written for the editor: {error.strerror}.") from error
    return Path(name)


def _run_editor(path: Path) -> None:
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    # Ctrl-C belongs to the editor while it runs. A handler, and not "ignore", because the editor would inherit that.
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        words = shlex.split(command)
        done = subprocess.run([*words, str(path)], check=False)
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"The editor {command!r} can not be started ({error}); set VISUAL or EDITOR, or use --json."
        ) from error
    finally:
        signal.signal(signal.SIGINT, before)
    if done.returncode:
        raise InvalidInputError(
            f"The editor {command!r} ended with status {done.returncode}; nothing was saved."
        )
