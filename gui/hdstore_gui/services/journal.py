"""Unsaved work on disk, so that a crash between an edit and its save loses nothing.

Each running app appends to a file of its own, which it locks. A file whose app has died is taken over at the
next start. Lines are JSON: the frame as it was read and as it is now, or the note that it was saved.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from PySide6.QtCore import QLockFile

from hdstore.codec import frame_from_json, frame_to_json
from hdstore.errors import InvalidInputError, StorageError
from hdstore.ids import new_id
from hdstore.model import Frame, PutFrame
from hdstore_gui.editing.working import WorkingFrame

__all__ = ["Journal", "Unsaved"]


@dataclass(frozen=True, slots=True)
class Unsaved:
    """Work that a dead app left behind."""

    version_id: str
    working: WorkingFrame


class Journal:
    """The file of this app's unsaved work, in a folder shared with other apps on the same repository."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / f"{new_id(12)}.jsonl"
        self._lock: QLockFile | None = None
        self._file: IO[str] | None = None
        self._waiting: dict[tuple[str, str], Frame] = {}
        """The bases of the frames in the file: written once, however often their frames change."""

    def keep(self, version_id: str, working: WorkingFrame) -> None:
        """Notes a frame with unsaved edits; a crash of this process can not take it any more."""
        key = (version_id, working.frame.id)
        line = {
            "version": version_id,
            "id": working.frame.id,
            "commit": working.commit,
            "frame": frame_to_json(working.frame, indent=-1),
        }
        if self._waiting.get(key) is not working.base:
            line["base"] = frame_to_json(working.base, indent=-1)
            self._waiting[key] = working.base
        self._append(line)

    def drop(self, version_id: str, frame_id: str) -> None:
        """Notes that a frame has no unsaved edits any more."""
        if (version_id, frame_id) not in self._waiting:
            return
        del self._waiting[version_id, frame_id]
        if self._waiting or self._file is None:
            self._append({"version": version_id, "saved": frame_id})
        else:
            self._file.seek(0)
            self._file.truncate()

    def close(self) -> None:
        """Removes the file, unless it still holds work."""
        if self._file is not None:
            self._file.close()
            self._file = None
            if not self._waiting:
                self._path.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.unlock()
            self._lock = None

    def take_over(self) -> list[Unsaved]:
        """Returns the work that dead apps left behind, now kept by this journal instead."""
        found: list[Unsaved] = []
        for path in sorted(self._folder.glob("*.jsonl")):
            if path == self._path:
                continue
            lock = _locked(path)
            if lock is None:
                continue
            left = _read(path)
            for one in left:
                self.keep(one.version_id, one.working)
            found += left
            path.unlink(missing_ok=True)
            lock.unlock()
        return found

    def _append(self, line: dict[str, str]) -> None:
        try:
            if self._file is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._lock = _locked(self._path)
                self._file = self._path.open("a+", encoding="utf-8")
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        except OSError as error:
            raise StorageError(
                f"Unsaved work could not be noted in {str(self._path)!r}: {error.strerror}. Save now."
            ) from error


def _locked(path: Path) -> QLockFile | None:
    lock = QLockFile(os.fspath(path.with_suffix(".lock")))
    # Never stale by age: an app may stay open for days. The lock of a dead process is taken over all the
    # same.
    lock.setStaleLockTime(0)
    return lock if lock.tryLock(0) else None


def _read(path: Path) -> list[Unsaved]:
    """Returns what a journal still holds; a last line that was cut off by the crash is left out."""
    work: dict[tuple[str, str], Unsaved] = {}
    bases: dict[tuple[str, str], Frame] = {}
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
            version_id = line["version"]
            if "saved" in line:
                work.pop((version_id, line["saved"]), None)
                continue
            key = (version_id, line["id"])
            if "base" in line:
                bases[key] = frame_from_json(line["base"])
            base, frame = bases[key], frame_from_json(line["frame"])
        except (ValueError, KeyError, TypeError, InvalidInputError):
            continue
        working = WorkingFrame(base=base, commit=line["commit"], frame=frame, edits=(PutFrame(frame=frame),))
        work[key] = Unsaved(version_id, working)
    return list(work.values())
