"""Which objects a repository has, answered without reading them.

A writer must keep what it relies on from being collected: an object that is there already is not written
again, so its file's time is renewed instead, as git does.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from hdstore.errors import DamagedError, StorageError
from hdstore.store import files

__all__ = ["PackIndex", "Presence", "loose_path"]

_YOUNG = 60.0
"""Seconds during which the time of a pack need not be renewed; a collection's grace is longer by far."""

_MAGIC = b"\xfftOc\x00\x00\x00\x02"
_FANOUT_END = 8 + 1024
_FANOUT = struct.Struct(">256I")
_SMALL = 4 << 20
_NEAR = 256
"""So many ids are searched by their bytes at once: that takes less than halving them further."""

_LARGE = 1 << 31
"""Set in an offset that stands for a place in the table of those beyond 2 GiB."""


def loose_path(objects: Path, oid: str) -> Path:
    """Returns where a loose object lies."""
    return objects / oid[:2] / oid[2:]


class PackIndex:
    """The sorted object ids of one pack, looked up in its ``.idx`` (version 2) without loading it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pack = path.with_suffix(".pack")
        with files.storage_errors(f"read {path}"):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                size = os.fstat(descriptor).st_size
                if size < _FANOUT_END + 40:
                    raise DamagedError(f"The pack index {path} is too short; run a check of the repository.")
                self._map: bytes | mmap.mmap
                if size <= _SMALL:
                    # A map keeps a descriptor open, and each thread has an index for each of many small packs.
                    self._map = os.read(descriptor, size)
                else:
                    self._map = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
            finally:
                os.close(descriptor)
        if self._map[:8] != _MAGIC:
            raise DamagedError(
                f"The pack index {path} is not of version 2; run git's repack on the repository."
            )
        self._fanout = _FANOUT.unpack_from(self._map, 8)
        self.count = self._fanout[255]
        in_order = all(a <= b for a, b in zip(self._fanout, self._fanout[1:], strict=False))
        if not in_order or size < _FANOUT_END + self.count * 28 + 40:
            raise DamagedError(f"The pack index {path} contradicts itself; run a check of the repository.")

    def __contains__(self, oid: bytes) -> bool:
        """Says whether the pack holds the object."""
        return self._position(oid) is not None

    def offset(self, oid: bytes) -> int | None:
        """Returns where in the pack an object begins, None when it is not there."""
        position = self._position(oid)
        if position is None:
            return None
        table = _FANOUT_END + self.count * 24
        offset = int.from_bytes(self._map[table + position * 4 : table + position * 4 + 4], "big")
        if offset & _LARGE:
            start = table + self.count * 4 + (offset ^ _LARGE) * 8
            offset = int.from_bytes(self._map[start : start + 8], "big")
        return offset

    def _position(self, oid: bytes) -> int | None:
        if not oid:
            return None
        first = oid[0]
        low: int = self._fanout[first - 1] if first else 0
        high: int = self._fanout[first]
        data = self._map
        while high - low > _NEAR:
            middle = (low + high) >> 1
            start = _FANOUT_END + middle * 20
            if data[start : start + 20] < oid:
                low = middle + 1
            else:
                high = middle + 1
        end = _FANOUT_END + high * 20
        at = data.find(oid, _FANOUT_END + low * 20, end)
        while at >= 0:
            position, rest = divmod(at - _FANOUT_END, 20)
            if not rest:
                return position
            at = data.find(oid, at + 1, end)
        return None

    def __iter__(self) -> Iterator[bytes]:
        for start in range(_FANOUT_END, _FANOUT_END + self.count * 20, 20):
            yield self._map[start : start + 20]

    def in_order(self) -> Iterator[str]:
        """Returns the ids of the objects in the order in which they lie in the pack."""
        count = self.count
        ids = [raw.hex() for raw in self]
        table = _FANOUT_END + count * 24
        offsets = struct.unpack_from(f">{count}I", self._map, table)
        # Offsets beyond 2 GiB lie in a table of their own, which is in order too.
        return iter([ids[at] for at in sorted(range(count), key=lambda at: offsets[at])])


class Presence:
    """The objects of one ``objects`` folder; for use by one thread at a time."""

    def __init__(self, objects: Path) -> None:
        self._objects = objects
        self._folder = objects / "pack"
        self._packs: dict[str, PackIndex] = {}
        self._seen: int | None = None
        self._fresh: set[str] = set()

    def refresh(self) -> None:
        """Looks at the folder of packs again, and forgets what has been renewed."""
        self._fresh.clear()
        self._scan()

    def packs(self) -> list[PackIndex]:
        """Returns the indexes of all packs that are there now."""
        self._scan()
        return list(self._packs.values())

    def find(self, oid: str) -> PackIndex | None:
        """Returns the index of a pack that has the object; None when none has it."""
        self._scan_if_moved()
        return self._pack_of(oid)

    def has(self, oid: str) -> bool:
        """Says whether the object is there, loose or in a pack."""
        if os.path.exists(f"{self._objects}/{oid[:2]}/{oid[2:]}"):
            return True
        self._scan_if_moved()
        if self._pack_of(oid) is not None:
            return True
        self._scan()
        return self._pack_of(oid) is not None

    def packed(self, oid: str) -> bool:
        """Says whether one of the packs last looked at has the object."""
        return self._pack_of(oid) is not None

    def renew(self, oid: str) -> bool:
        """Says whether the object is there and may be relied on: the time of its file has been renewed.

        The caller has called ``refresh`` under a lock that keeps packs from being removed.
        """
        try:
            os.utime(f"{self._objects}/{oid[:2]}/{oid[2:]}")
        except OSError:
            pass  # absent, or another member's in a shared repository: then it is simply written again
        else:
            return True
        index = self._pack_of(oid)
        if index is None:
            return False
        if index.path.name not in self._fresh:
            try:
                # A time that is young enough is left alone: setting it waits for the disk.
                if index.pack.stat().st_mtime < time.time() - _YOUNG:
                    os.utime(index.pack)
            except OSError:
                return False
            self._fresh.add(index.path.name)
        return True

    def _pack_of(self, oid: str) -> PackIndex | None:
        raw = bytes.fromhex(oid)
        for index in self._packs.values():
            if raw in index:
                return index
        return None

    def _scan_if_moved(self) -> None:
        with suppress(FileNotFoundError):
            if self._folder.stat().st_mtime_ns != self._seen:
                self._scan()

    def _scan(self) -> None:
        with files.storage_errors(f"list {self._folder}"):
            try:
                self._seen = self._folder.stat().st_mtime_ns
                names = set(os.listdir(self._folder))
            except FileNotFoundError:
                names = set()
        wanted = {name for name in names if name.endswith(".idx") and name[:-4] + ".pack" in names}
        kept = {name: index for name, index in self._packs.items() if name in wanted}
        for name in wanted - kept.keys():
            try:
                kept[name] = PackIndex(self._folder / name)
            except StorageError as error:
                # Another process may have packed anew since the folder was listed.
                if error.errno != errno.ENOENT:
                    raise
        self._packs = kept
