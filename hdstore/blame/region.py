"""Which frames of one part of the trie changed in which commits: exact, for the neighbours of one frame at once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdstore.blame.graph import ABSENT, LEAF, TREE, Graph
from hdstore.blame.walking import Trees
from hdstore.codec import frame_id_of, split_leaf
from hdstore.errors import DamagedError
from hdstore.ids import frame_key
from hdstore.model import Progress
from hdstore.store import ROOT_LEAF

__all__ = ["REGION_COLUMNS", "Leaves", "Region", "RegionTooLargeError", "bits_of", "extend_region", "leaf_at"]

REGION_COLUMNS = {"commits": ("<i4", 0), "keys": ("|u1", 32), "leaves": ("|u1", 20)}
"""The kind of number of each column of a region, and how many stand in a row (0: one)."""

_KEPT_LEAVES = 32
_ROOM = 32 << 20
"""Bytes of values of one frame that are kept from looking for its changes until they are asked for."""

_MOST_ENTRIES = 128
"""Entries that one commit may have changed in a region; one that was larger once is not worth reading for neighbours.
"""

_MOST_LEVELS = 64
_STEP = 64
_ROOT = ROOT_LEAF.encode()
_NONE = bytes(20)


class RegionTooLargeError(Exception):
    """The region held many more frames once than it does now."""


def bits_of(key: bytes) -> str:
    """Returns the bits of a frame's key, first ones first."""
    return f"{int.from_bytes(key, 'big'):0{len(key) * 8}b}"


def leaf_at(trees: Trees, frames: bytes, bits: str) -> tuple[str, bytes]:
    """Returns where the leaf of a key begins (its bits) and its id in a tree of frames, the id empty where is none."""
    at = 0
    for _ in range(_MOST_LEVELS):
        entries = trees.entries(frames)
        if at == 0 and _ROOT in entries:
            return "", entries[_ROOT][1]
        for length in range(1, 5):
            found = entries.get(bits[at : at + length].encode())
            if found is not None:
                break
        else:
            return bits[: at + 4], b""
        kind, frames = found
        at += length
        if kind == LEAF:
            return bits[:at], frames
    raise DamagedError("A tree of frames is deeper than its keys are long.")


class Leaves:
    """Reads leaves as encoded frames, for questions about one of them; the last ones are kept."""

    def __init__(self, trees: Trees, frame_id: str) -> None:
        self.trees = trees
        self._frame_id = frame_id
        self._values: dict[bytes, bytes] = {}
        self._room = _ROOM
        self._kept: OrderedDict[bytes, list[bytes]] = OrderedDict()

    def frames(self, oid: bytes) -> list[bytes]:
        """Returns the encoded frames of a leaf, in the order of their keys."""
        found = self._kept.get(oid)
        if found is None:
            found = self._kept[oid] = split_leaf(self.trees.reader.read(oid, "blob"))
            if len(self._kept) > _KEPT_LEAVES:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(oid)
        return found

    def note(self, frame_id: str, raw: bytes, oid: bytes) -> None:
        """Keeps the value that a leaf gives to the frame in question, while there is room: it will be asked for."""
        if frame_id == self._frame_id and len(raw) <= self._room:
            self._room -= len(raw)
            self._values[oid] = raw

    def find(self, oid: bytes) -> bytes:
        """Returns the encoded frame in question from a leaf that holds it."""
        found = self._values.get(oid)
        if found is not None:
            return found
        needle = self._frame_id.encode()
        for raw in self.frames(oid):
            if needle in raw and frame_id_of(raw) == self._frame_id:
                return raw
        raise DamagedError(f"The leaf {oid.hex()} does not hold the frame {self._frame_id!r}.")


class Row(NamedTuple):
    """One frame that a commit changed: the frame's key, and the leaf that holds it since (zeros: none does)."""

    commit: int
    key: bytes
    leaf: bytes


@dataclass(frozen=True, eq=False, kw_only=True)
class Region:
    """The changes of all frames whose keys begin with ``bits``, in the first ``count`` commits of a graph."""

    bits: str
    count: int
    commits: NDArray[np.int32]
    keys: NDArray[np.uint8]
    leaves: NDArray[np.uint8]

    @classmethod
    def empty(cls, bits: str) -> Region:
        """Returns the region at the beginning of a history."""
        nothing = np.empty((0, 32), np.uint8)
        return cls(
            bits=bits, count=0, commits=np.empty(0, np.int32), keys=nothing, leaves=nothing[:, :20].copy()
        )

    def joined(self, rows: list[Row], count: int) -> Region:
        """Returns the region with the changes of further commits."""
        keys = np.frombuffer(b"".join(row.key for row in rows), np.uint8).reshape(-1, 32)
        leaves = np.frombuffer(b"".join(row.leaf for row in rows), np.uint8).reshape(-1, 20)
        return Region(
            bits=self.bits,
            count=count,
            commits=np.concatenate((self.commits, np.array([row.commit for row in rows], np.int32))),
            keys=np.concatenate((self.keys, keys)),
            leaves=np.concatenate((self.leaves, leaves)),
        )

    def columns(self) -> dict[str, NDArray[Any]]:
        """Returns the columns by name."""
        return {name: getattr(self, name) for name in REGION_COLUMNS}

    @cached_property
    def _words(self) -> NDArray[np.uint64]:
        return np.ascontiguousarray(self.keys).view(np.uint64)

    def changes(self, key: bytes) -> dict[int, bytes]:
        """Returns the commits that changed a frame against their first parent, with its leaf since, empty for none."""
        wanted = np.frombuffer(key, np.uint64)
        hits = np.flatnonzero(self._words[:, 0] == wanted[0])
        hits = hits[np.all(self._words[hits] == wanted, axis=1)]
        raw = self.leaves[hits].tobytes()
        leaves = [raw[at : at + 20] for at in range(0, len(raw), 20)]
        found = dict(zip(self.commits[hits].tolist(), leaves, strict=True))
        return found if _NONE not in leaves else {c: b"" if x == _NONE else x for c, x in found.items()}


def extend_region(
    leaves: Leaves, graph: Graph, region: Region, *, neighbours: bool, progress: Progress | None = None
) -> Region:
    """Returns the region with the changes of all commits of the graph; reads the leaves that differ.

    Raises:
        RegionTooLargeError: with ``neighbours``, the region was so much larger once that it is not worth reading.
    """
    rows: list[Row] = []
    spans, kinds, entries = graph.spans, graph.kinds, graph.entries
    low, high = int(region.bits[:4].ljust(4, "0"), 2), int(region.bits[:4].ljust(4, "1"), 2)
    begin = int(np.searchsorted(graph.places, region.count))
    hits = begin + np.flatnonzero((spans[begin:, 0] <= high) & (spans[begin:, 1] >= low))
    commits = graph.places[hits].tolist()
    done = 0
    for commit, places in groupby(zip(commits, hits.tolist(), strict=True), key=lambda pair: pair[0]):
        if progress is not None and not done % _STEP:
            progress("Looking for changes of the frame", done, len(commits))
        differing = _Differing(leaves, region.bits, _MOST_ENTRIES if neighbours else 1 << 30)
        for _, at in places:
            done += 1
            raw = bytes(entries[at])
            was, now = ((int(kind), oid) for kind, oid in zip(kinds[at], (raw[:20], raw[20:]), strict=True))
            bits = _place_bits(*spans[at].tolist())
            differing.add(bits, None if was[0] == ABSENT else was, None if now[0] == ABSENT else now)
        rows += (Row(commit, key, leaf) for key, leaf in differing.frames())
    return region.joined(rows, len(graph))


def _place_bits(low: int, high: int) -> str:
    """Returns the bits that all beginnings of a span share."""
    return f"{low:04b}"[: 4 - (high - low).bit_length()]


_Entry = tuple[int, bytes]


class _Differing:
    """Gathers what differs in a region between a commit and its first parent."""

    def __init__(self, leaves: Leaves, bits: str, most: int) -> None:
        self._leaves = leaves
        self._bits = bits
        self._most = most
        self._looked = 0
        self._before: list[bytes] = []
        self._after: list[bytes] = []

    def _meets(self, bits: str) -> bool:
        return bits.startswith(self._bits) or self._bits.startswith(bits)

    def add(self, bits: str, was: _Entry | None, now: _Entry | None) -> None:
        """Adds an entry whose keys begin with ``bits``, as it was and as it is; None where there is none."""
        waiting = [(bits, was, now)]
        while waiting:
            bits, was, now = waiting.pop()
            if was == now or not self._meets(bits):
                continue
            if len(bits) > 4 * _MOST_LEVELS:
                raise DamagedError("A tree of frames is deeper than its keys are long.")
            self._looked += 1
            for entry, held in ((was, self._before), (now, self._after)):
                if entry is not None and entry[0] == LEAF:
                    held.append(entry[1])
            if self._looked > self._most:
                raise RegionTooLargeError
            if was is not None and now is not None and was[0] == now[0] == TREE:
                old, new = self._leaves.trees.differing(was[1], now[1])
            else:
                old, new = self._entries(was), self._entries(now)
            waiting += [
                (bits + name.decode("latin-1"), old.get(name), new.get(name))
                for name in old.keys() | new.keys()
            ]

    def _entries(self, entry: _Entry | None) -> dict[bytes, _Entry]:
        return self._leaves.trees.entries(entry[1]) if entry is not None and entry[0] == TREE else {}

    def frames(self) -> Iterator[tuple[bytes, bytes]]:
        """Yields the keys of the frames that differ, with the leaf that holds each now, zeros where none does."""
        if len(self._before) == len(self._after) == 1:
            old, new = (self._leaves.frames(leaf) for leaf in (self._before[0], self._after[0]))
            if len(old) == len(new):
                # Mostly one frame is another than it was, and stands where it stood.
                pairs = [(one, two) for one, two in zip(old, new, strict=True) if one != two]
                ids = [(frame_id_of(one), frame_id_of(two)) for one, two in pairs]
                if all(one == two for one, two in ids):
                    for (frame_id, _), (_, raw) in zip(ids, pairs, strict=True):
                        self._leaves.note(frame_id, raw, self._after[0])
                        yield from self._inside(frame_key(frame_id), self._after[0])
                    return
        yield from self._moved()

    def _moved(self) -> Iterator[tuple[bytes, bytes]]:
        """Yields the same where frames came, went, or stand in other leaves."""
        before = {raw for leaf in self._before for raw in self._leaves.frames(leaf)}
        now: set[bytes] = set()
        held: set[bytes] = set()
        for leaf in self._after:
            frames = self._leaves.frames(leaf)
            now.update(frames)
            for raw in frames:
                if raw not in before:
                    key = frame_key(frame_id_of(raw))
                    held.add(key)
                    yield from self._inside(key, leaf)
        for raw in before - now:
            key = frame_key(frame_id_of(raw))
            if key not in held:
                yield from self._inside(key, _NONE)

    def _inside(self, key: bytes, leaf: bytes) -> Iterator[tuple[bytes, bytes]]:
        if bits_of(key).startswith(self._bits):
            yield key, leaf
