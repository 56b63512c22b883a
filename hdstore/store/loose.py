"""Writing a few objects, each as a file of its own: what a save does."""

from __future__ import annotations

import os
import zlib
from contextlib import suppress
from pathlib import Path

from hdstore.store import files
from hdstore.store.gitobjects import new_object_id
from hdstore.store.presence import Presence, loose_path

__all__ = ["LooseWriter"]


class LooseWriter:
    """Collects objects and writes them all in ``finish``: first every byte, then every name."""

    def __init__(self, objects: Path, tmp: Path, presence: Presence) -> None:
        self._objects = objects
        self._tmp = tmp
        self._presence = presence
        self._pending: dict[str, bytes] = {}

    def write(self, kind: str, data: bytes) -> str:
        """Returns the id of the object; it is kept for ``finish`` unless the repository has it."""
        oid = new_object_id(kind, data)
        if oid not in self._pending and not self._presence.renew(oid):
            self._pending[oid] = b"%s %d\0%s" % (kind.encode(), len(data), data)
        return oid

    def finish(self) -> None:
        """Writes all that was collected; when this returns it is on the disk."""
        if not self._pending:
            return
        asides: list[tuple[Path, Path]] = []
        with files.storage_errors(f"write objects to {self._objects}"):
            try:
                for oid, raw in self._pending.items():
                    aside = files.new_name(self._tmp, "object")
                    asides.append((aside, loose_path(self._objects, oid)))
                    self._write(aside, raw)
                for aside, target in asides:
                    self._put_in_place(aside, target)
            except BaseException:
                for aside, _ in asides:
                    with suppress(OSError):
                        aside.unlink()
                raise
            for folder in {target.parent for _, target in asides}:
                files.flush_folder(folder)

    @staticmethod
    def _put_in_place(aside: Path, target: Path) -> None:
        files.make_folders(target.parent)
        try:
            files.rename(aside, target)
        except FileNotFoundError:
            # git removes folders of objects that it has emptied.
            files.make_folders(target.parent)
            files.rename(aside, target)

    @staticmethod
    def _write(aside: Path, raw: bytes) -> None:
        descriptor = files.open_new(aside, mode=0o444)
        try:
            files.write_all(descriptor, zlib.compress(raw, 1))
            files.flush(descriptor, aside)
        finally:
            os.close(descriptor)
