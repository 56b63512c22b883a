"""Bulk changes on their way into the trie: kept in memory while they are few, else in 256 runs of one temporary file.

Frames arrive in any order. Runs are split by the first byte of the key, so that each is read back whole when its turn
in the trie comes; memory holds one run and the write buffers, whatever the number of frames.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeAlias

from hdstore.errors import StorageError
from hdstore.store import ChangeSource, MemoryChanges

__all__ = ["MEMORY_LIMIT", "Spill"]

MEMORY_LIMIT = 48 * 1024 * 1024
"""Bytes of encoded frames that are held before they are spilled."""

OnReplaced: TypeAlias = Callable[[bytes], None]

_BUCKETS = 256
_RECORD = struct.Struct(">32sI")
_REMOVED = 0xFFFFFFFF


class Spill:
    """Collects changes by key; the last change of a key wins.

    ``close`` it when done: the temporary file goes with it.
    """

    def __init__(self, folder: Path, *, memory_limit: int = MEMORY_LIMIT) -> None:
        self._folder = folder
        self._limit = memory_limit
        self._held: list[list[bytes]] = [[] for _ in range(_BUCKETS)]
        self._held_bytes = 0
        self._runs: list[list[tuple[int, int]]] = [[] for _ in range(_BUCKETS)]
        self._counts = [0] * _BUCKETS
        self._file: IO[bytes] | None = None

    def close(self) -> None:
        """Lets go of everything that was collected."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __len__(self) -> int:
        return sum(self._counts)

    def put(self, key: bytes, raw: bytes | None) -> None:
        """Adds a change: new bytes for a key, or None to remove its frame."""
        bucket = key[0]
        size = _REMOVED if raw is None else len(raw)
        held = self._held[bucket]
        held.append(_RECORD.pack(key, size))
        held.append(raw or b"")
        self._counts[bucket] += 1
        self._held_bytes += len(raw or b"") + _RECORD.size
        if self._held_bytes > self._limit:
            self._flush()

    def _flush(self) -> None:
        try:
            if self._file is None:
                # Nameless from the start where the system can: nothing is left when the process is killed.
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=1 << 20)  # noqa: SIM115 - lives as long as the spill
            offset = self._file.seek(0, 2)
            for bucket, held in enumerate(self._held):
                if held:
                    data = b"".join(held)
                    self._file.write(data)
                    self._runs[bucket].append((offset, len(data)))
                    offset += len(data)
                    held.clear()
        except OSError as error:
            raise StorageError(
                f"The frames to add could not be set aside in {self._folder}: {error.strerror or error}."
                " Make room there and try again."
            ) from error
        self._held_bytes = 0

    def changes(self, on_replaced: OnReplaced) -> ChangeSource:
        """Returns the changes for the trie.

        ``on_replaced`` is told, while they are read, the bytes of every change that a later one of its key put out of
        force.
        """
        if self._file is None:
            changes: dict[bytes, bytes | None] = {}
            for held in self._held:
                _collect(b"".join(held), changes, on_replaced)
            return MemoryChanges.of(changes)
        return _Buckets(self, 0, _BUCKETS, on_replaced)

    def count(self, lo: int, hi: int) -> int:
        """Returns the number of changes in a range of runs, repeated keys counted each time."""
        return sum(self._counts[lo:hi])

    def read(self, bucket: int, on_replaced: OnReplaced) -> MemoryChanges:
        """Returns the changes of one run."""
        changes: dict[bytes, bytes | None] = {}
        if self._file is not None:
            for offset, size in self._runs[bucket]:
                self._file.seek(offset)
                _collect(self._file.read(size), changes, on_replaced)
        _collect(b"".join(self._held[bucket]), changes, on_replaced)
        return MemoryChanges.of(changes)


def _collect(data: bytes, changes: dict[bytes, bytes | None], on_replaced: OnReplaced) -> None:
    position, end = 0, len(data)
    while position < end:
        key, size = _RECORD.unpack_from(data, position)
        position += _RECORD.size
        raw = None
        if size != _REMOVED:
            raw = data[position : position + size]
            position += size
        earlier = changes.get(key)
        if earlier is not None:
            on_replaced(earlier)
        changes[key] = raw


class _Buckets:
    """A range of runs as changes of the trie; one run is loaded when its turn comes."""

    def __init__(self, spill: Spill, lo: int, hi: int, on_replaced: OnReplaced) -> None:
        self._spill = spill
        self._lo = lo
        self._hi = hi
        self._on_replaced = on_replaced

    def __len__(self) -> int:
        return self._spill.count(self._lo, self._hi)

    def split(self, depth: int) -> tuple[ChangeSource, ChangeSource]:
        """Returns the two halves of the range; its bits are those of the first byte of the keys."""
        middle = (self._lo + self._hi) // 2
        return (
            _Buckets(self._spill, self._lo, middle, self._on_replaced),
            _Buckets(self._spill, middle, self._hi, self._on_replaced),
        )

    def load(self) -> MemoryChanges | None:
        """Returns the changes of the run, or None while the range holds several."""
        if self._hi - self._lo > 1:
            return None
        return self._spill.read(self._lo, self._on_replaced)
