"""Reading the frames of a pool in any order, each leaf once, with bounded memory.

The order of a view has nothing to do with where frames are stored: the frames of one leaf are wanted far apart. So each
leaf is inflated when the first of its frames is wanted, and the others that will be wanted are held encoded: in memory
up to a budget, beyond it in one nameless temporary file.
"""

from __future__ import annotations

import os
import tempfile
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from hdstore.codec import decode_frame, split_leaf
from hdstore.errors import DamagedError, StorageError
from hdstore.index.fetching import read_leaf
from hdstore.model import Frame
from hdstore.store import Objects
from hdstore.view.generator import Numbers
from hdstore.view.pool import Pool

__all__ = ["MEMORY", "FrameReader"]

MEMORY = 256 * 1024 * 1024
"""Bytes of encoded frames that are held in memory."""

_TOGETHER = 1024
"""Frames that are made ready together, unless they lie in too many leaves."""

_FIRST, _MOST = 4, 128
"""Leaves that are read together: few at first, so that the first frame comes soon."""

_KEPT = 256
"""Leaves that are kept for frames that are asked for one by one."""

_WRITTEN = 1 << 20
"""Bytes that are written to the temporary file at once."""

_OVERHEAD = 120
"""Bytes that holding a frame costs beside its own."""


class FrameReader:
    """Reads frames of a pool; safe to share between threads, each of which iterates on its own.

    ``folder`` is where frames are set aside when they are more than ``memory`` bytes; None: where the system keeps
    temporary files.
    """

    def __init__(self, pool: Pool, objects: Objects, *, folder: Path | None = None) -> None:
        self._pool = pool
        self._objects = objects
        self._folder = folder
        self._recent: OrderedDict[int, list[bytes]] = OrderedDict()

    def frame(self, entry: int) -> Frame:
        """Returns the frame of one entry; the leaves that were read last are kept."""
        numbers, leaves = self._pool.leaves
        leaf = int(numbers[entry])
        place, local, _, _ = leaves[leaf]
        raws = self._recent.pop(leaf, None)
        if raws is None:
            raws = self.leaf(leaf)
        self._recent[leaf] = raws
        while len(self._recent) > _KEPT:
            self._recent.popitem(last=False)
        first = int(self._pool.segments[place].leaf_starts[local])
        return decode_frame(raws[int(self._pool.rows[entry]) - first])

    def frames(self, windows: Iterable[Numbers], *, memory: int = MEMORY) -> Iterator[Frame]:
        """Yields the frames of the entries of each window, in order; a leaf is read once in each window.

        What is held between two frames is at most ``memory`` bytes, and what a hundred leaves hold.
        """
        for entries in windows:
            with _Window(self, self._pool, entries, memory, self._folder) as window:
                yield from window.frames()

    def leaf(self, leaf: int) -> list[bytes]:
        """Returns the encoded frames of a leaf of the pool."""
        place, local, _, _ = self._pool.leaves[1][leaf]
        segment = self._pool.segments[place]
        raws = split_leaf(read_leaf(self._objects, segment, local))
        count = int(segment.leaf_starts[local + 1] - segment.leaf_starts[local])
        if len(raws) != count:
            raise DamagedError(
                f"A leaf holds {len(raws)} frames, but {segment.path} says {count}; delete the index, and it is made"
                " anew."
            )
        return raws


class _Window:
    """Entries that are wanted one after the other, and what is held of them meanwhile."""

    def __init__(
        self, reader: FrameReader, pool: Pool, entries: Numbers, memory: int, folder: Path | None
    ) -> None:
        self._reader = reader
        self._entries = entries
        self._leaf_of, self._leaves = pool.leaves
        self._pool = pool
        self._memory = memory
        # When each entry is wanted first and last; -1: never. Of equal indices the last one counts.
        when = np.arange(len(entries), dtype=np.int32)
        self._first = np.full(len(pool), -1, np.int32)
        self._first[entries[::-1]] = when[::-1]
        self._last = np.full(len(pool), -1, np.int32)
        self._last[entries] = when
        begins = [begin for _, _, begin, _ in self._leaves]
        self._wanted = np.add.reduceat(self._first >= 0, begins, dtype=np.int32) if begins else self._first
        self._asked = np.zeros(len(self._leaves), np.bool_)
        self._held: dict[int, bytes] = {}
        self._size = 0
        self._aside = _Aside(folder, len(pool))

    def __enter__(self) -> _Window:
        return self

    def __exit__(self, *_: object) -> None:
        self._aside.close()

    def frames(self) -> Iterator[Frame]:
        """Yields the frames."""
        begin, most = 0, _FIRST
        while begin < len(self._entries):
            end, leaves = self._plan(begin, most)
            for leaf in leaves:
                self._hold(leaf, self._reader.leaf(leaf), end)
            wanted = self._entries[begin:end]
            lasts = self._last[wanted] == np.arange(begin, end)
            yield from map(decode_frame, self._taken(wanted.tolist(), lasts.tolist()))
            begin, most = end, min(2 * most, _MOST)

    def _plan(self, begin: int, most: int) -> tuple[int, list[int]]:
        """Returns up to where entries are made ready next, and the leaves that have to be read for them."""
        leaves = self._leaf_of[self._entries[begin : begin + _TOGETHER]]
        fresh = np.flatnonzero(~self._asked[leaves])
        needed, places = np.unique(leaves[fresh], return_index=True)
        end = begin + len(leaves)
        if len(needed) > most:
            by = np.argsort(places)
            end = begin + int(fresh[places[by[most]]])
            needed = needed[by[:most]]
        self._asked[needed] = True
        return end, needed.tolist()

    def _hold(self, leaf: int, raws: list[bytes], end: int) -> None:
        """Keeps those frames of a leaf that are wanted; those wanted before ``end`` in any case in memory."""
        place, local, begin, stop = self._leaves[leaf]
        if not self._pool.shared and self._wanted[leaf] == len(raws) and self._size <= self._memory:
            self._held.update(zip(range(begin, stop), raws, strict=True))
            self._size += sum(map(len, raws)) + len(raws) * _OVERHEAD
            return
        base = int(self._pool.segments[place].leaf_starts[local])
        rows, firsts = self._pool.rows[begin:stop].tolist(), self._first[begin:stop].tolist()
        aside: list[tuple[int, bytes]] = []
        for entry, row, first in zip(range(begin, stop), rows, firsts, strict=True):
            if first < 0:
                continue
            raw = raws[row - base]
            if self._size > self._memory and first >= end:
                aside.append((entry, raw))
            else:
                self._held[entry] = raw
                self._size += len(raw) + _OVERHEAD
        if aside:
            self._aside.put(aside)

    def _taken(self, entries: list[int], lasts: list[bool]) -> Iterator[bytes]:
        """Yields what is held of these entries, and lets go of those that are not wanted again."""
        held = self._held
        for entry, is_last in zip(entries, lasts, strict=True):
            raw = held.pop(entry, None) if is_last else held.get(entry)
            if raw is None:
                raw = self._aside.get(entry)
            elif is_last:
                self._size -= len(raw) + _OVERHEAD
            yield raw


class _Aside:
    """Encoded frames by entry in a temporary file, which is there once the first one comes."""

    def __init__(self, folder: Path | None, count: int) -> None:
        self._folder = folder
        self._count = count
        self._file: IO[bytes] | None = None
        self._written = 0
        self._waiting = bytearray()

    def close(self) -> None:
        """Lets go of everything."""
        if self._file is not None:
            self._file.close()

    def put(self, frames: list[tuple[int, bytes]]) -> None:
        """Adds frames; each entry is added once."""
        if self._file is None:
            self._offsets = np.zeros(self._count, np.int64)
            self._sizes = np.zeros(self._count, np.int32)
            with self._errors():
                # Nameless from the start where the system can: nothing is left when the process is killed.
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - closed by close
        for entry, raw in frames:
            self._offsets[entry] = self._written + len(self._waiting)
            self._sizes[entry] = len(raw)
            self._waiting += raw
        if len(self._waiting) >= _WRITTEN:
            self._write()

    def _write(self) -> None:
        assert self._file is not None
        rest = memoryview(bytes(self._waiting))
        self._written += len(rest)
        self._waiting.clear()
        with self._errors():
            while rest:
                rest = rest[self._file.write(rest) :]

    def get(self, entry: int) -> bytes:
        """Returns a frame that was added."""
        assert self._file is not None
        offset, size = int(self._offsets[entry]), int(self._sizes[entry])
        if offset >= self._written:
            offset -= self._written
            return bytes(self._waiting[offset : offset + size])
        with self._errors():
            return os.pread(self._file.fileno(), size, offset)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"Frames could not be set aside in {self._folder or tempfile.gettempdir()}: {error.strerror or error}."
                " Make room there, or allow more memory."
            ) from error
