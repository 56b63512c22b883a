"""Where a bundle is unpacked before it is known to be good: beside the repository, and seen together with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hdstore.errors import StorageError
from hdstore.ids import new_hasher
from hdstore.store import Objects, files
from hdstore.store.pack import PackWriter

__all__ = ["Quarantine", "new_quarantine"]

_RESERVE = 16 << 20
"""Bytes of the disk that are left free."""


class Quarantine(Objects):
    """The objects that a bundle brought, and ``behind`` them those that were here."""

    def __init__(self, folder: Path, behind: Objects | None) -> None:
        super().__init__(folder)
        self._place = folder
        self._behind = behind
        self.brought: dict[bytes, str] = {}
        """The ids of the objects of the bundle, and their kinds."""
        self.media: dict[str, Path] = {}
        """The media of the bundle that are not kept here yet, by their hashes."""

    def read_any(self, oid: str) -> tuple[str, bytes]:
        """Returns an object's kind and bytes, of the bundle or of what is behind it."""
        if self._behind is None or bytes.fromhex(oid) in self.brought:
            return super().read_any(oid)
        return self._behind.read_any(oid)

    def exists(self, oid: str) -> bool:
        """Says whether the object is there."""
        found = bytes.fromhex(oid) in self.brought
        return found or (self._behind is not None and self._behind.exists(oid))

    @contextmanager
    def unpacking(self) -> Iterator[PackWriter]:
        """Yields what takes the objects of the bundle; they can be read when the block has ended."""
        writer = PackWriter(self._place / "objects" / "pack", self._place / "hdstore" / "tmp")
        try:
            yield writer
            writer.finish()
        except BaseException:
            writer.abort()
            raise
        self.refresh()

    def packs(self) -> list[Path]:
        """Returns the packs that hold what was brought."""
        return sorted((self._place / "objects" / "pack").glob("*.pack"))

    def check_room(self, needed: int) -> None:
        """Raises StorageError when the disk has not so many bytes left."""
        with files.storage_errors(f"examine the disk of {self._place}"):
            free = shutil.disk_usage(self._place).free
        if needed + _RESERVE > free:
            raise StorageError(
                f"Unpacking the bundle may take {needed:,} bytes, but the disk has {free:,} left; free some space."
            )

    def write_medium(self, hash: str, chunks: Iterable[bytes], *, keep: bool) -> bool:
        """Writes a medium to a file of its own where ``keep``; says whether the bytes have the hash."""
        hasher = new_hasher()
        if not keep:
            for chunk in chunks:
                hasher.update(chunk)
            return str(hasher.hexdigest()) == hash
        path = self._place / "hdstore" / "tmp" / hash
        with files.storage_errors(f"unpack the medium {hash}"):
            descriptor = files.open_new(path, mode=0o644)
            try:
                for chunk in chunks:
                    hasher.update(chunk)
                    files.write_all(descriptor, chunk)
            finally:
                os.close(descriptor)
        self.media[hash] = path
        return str(hasher.hexdigest()) == hash


@contextmanager
def new_quarantine(tmp: Path, behind: Objects | None) -> Iterator[Quarantine]:
    """Makes a quarantine in a folder, and removes it with all that is left in it."""
    folder = files.new_name(tmp, "bundle")
    with files.storage_errors(f"unpack a bundle in {tmp}"):
        try:
            for part in ("objects/pack", "hdstore/tmp", "hdstore/locks"):
                files.make_folders(folder / part, durable=False)
            yield Quarantine(folder, behind)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
