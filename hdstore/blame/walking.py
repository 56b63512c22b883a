"""Reading the commits that a graph does not know yet: each once, with its tree and its tree of frames."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

from hdstore.blame.graph import ABSENT, COLUMNS, LEAF, TREE, Graph
from hdstore.errors import DamagedError
from hdstore.model import Progress
from hdstore.store import ROOT_LEAF, BulkReader, decode_commit, decode_tree

__all__ = ["Trees", "extend"]

_STEP = 256
_COMMIT = re.compile(
    rb"tree ([0-9a-f]{40})\n((?:parent [0-9a-f]{40}\n)*)author [^<>\n]*<[^<>\n]*> (\d{1,18}) [+-]\d{4}\n"
)
_ENTRY = re.compile(rb"(40000|100644) ([^\0/]+)\0(.{20})", re.DOTALL)
_TREE = re.compile(rb"(?:(?:40000|100644) [^\0/]+\0.{20})*", re.DOTALL)
_FULL = re.compile(rb"(?:40000 [01]{4}\0.{20})*", re.DOTALL)
_FULL_ROW = 31
_FRAMES = re.compile(rb"(?:(?:40000|100644) [^\0/]+\0.{20})*?40000 frames\0(.{20})", re.DOTALL)
_KINDS = {b"40000": TREE, b"100644": LEAF}
_NO_ENTRY = (ABSENT, bytes(20))
_KEPT_TREES = 1024

Entries: TypeAlias = dict[bytes, tuple[int, bytes]]
"""The entries of a tree by name: what stands there, and its id."""


def _span(bits: str) -> tuple[int, int]:
    return int(bits.ljust(4, "0"), 2), int(bits.ljust(4, "1"), 2)


_SPANS = {
    format(number, f"0{length}b").encode(): _span(format(number, f"0{length}b"))
    for length in range(1, 5)
    for number in range(1 << length)
} | {ROOT_LEAF.encode(): (0, 15)}
"""The names that entries of a tree of frames can have, with the beginnings of keys they stand for."""


class Trees:
    """Reads trees; the last ones are kept."""

    def __init__(self, reader: BulkReader) -> None:
        self.reader = reader
        self._kept: dict[bytes, tuple[bytes, bool]] = {}

    def _data(self, oid: bytes) -> tuple[bytes, bool]:
        """Returns the bytes of a tree, and whether all of its entries are trees that are named by four bits."""
        found = self._kept.get(oid)
        if found is None:
            if len(self._kept) >= _KEPT_TREES:
                self._kept.clear()
            data = self.reader.read(oid, "tree")
            found = self._kept[oid] = data, _FULL.fullmatch(data) is not None
        return found

    def entries(self, oid: bytes) -> Entries:
        """Returns the entries of a tree by name; raises DamagedError where it is none."""
        return _entries(self._data(oid)[0])

    def differing(self, one: bytes | None, two: bytes) -> tuple[Entries, Entries]:
        """Returns the entries that only one tree has, and those that only the other has; None stands for no entry."""
        (before, full), (after, also) = (b"", True) if one is None else self._data(one), self._data(two)
        if full and also and len(before) == len(after):
            # Most trees of frames are of this form, and one entry differs.
            before, after = _between(before, after)
        old, new = _entries(before), _entries(after)
        for name in [name for name, entry in old.items() if new.get(name) == entry]:
            del old[name], new[name]
        return old, new

    def frames_of(self, tree: bytes) -> bytes:
        """Returns the tree of frames of a version's tree."""
        match = _FRAMES.match(self.reader.read(tree, "tree"))
        if match is None:
            raise DamagedError(f"The tree {tree.hex()} is not that of a version: it holds no frames.")
        return match[1]

    def frames_of_commit(self, oid: bytes) -> bytes:
        """Returns the tree of frames of a commit."""
        return self.frames_of(_read(self.reader, oid).tree)


def _between(before: bytes, after: bytes) -> tuple[bytes, bytes]:
    """Returns of two trees of full rows those from the first to the last that differ."""
    other = int.from_bytes(before, "big") ^ int.from_bytes(after, "big")
    size = len(after)
    first = (size - (other.bit_length() + 7) // 8) // _FULL_ROW * _FULL_ROW
    last = (size - 1 - ((other & -other).bit_length() - 1) // 8) // _FULL_ROW * _FULL_ROW
    return before[first : last + _FULL_ROW], after[first : last + _FULL_ROW]


def _entries(data: bytes) -> Entries:
    if _TREE.fullmatch(data) is None:
        decode_tree(data)
        raise DamagedError("A tree of a version holds something else than files and folders.")
    return {name: (_KINDS[mode], oid) for mode, name, oid in _ENTRY.findall(data)}


class _Read(NamedTuple):
    """What is needed of a commit."""

    parents: tuple[bytes, ...]
    time: int
    tree: bytes


def _read(reader: BulkReader, oid: bytes) -> _Read:
    data = reader.read(oid, "commit")
    match = _COMMIT.match(data)
    if match is None:
        found = decode_commit(data)
        return _Read(
            tuple(bytes.fromhex(parent) for parent in found.parents), found.time, bytes.fromhex(found.tree)
        )
    tree, parents, time = match.groups()
    named = tuple(bytes.fromhex(line[7:47].decode()) for line in parents.split(b"\n")[:-1])
    return _Read(named, int(time), bytes.fromhex(tree.decode()))


def extend(reader: BulkReader, graph: Graph, tip: bytes, progress: Progress | None = None) -> Graph:
    """Returns the graph with ``tip`` and all commits that led to it; reads those it lacks, and no leaf."""
    with _no_collection():
        return _extend(reader, graph, tip, progress)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Puts off the search for cycles: what is gathered has none, and each search goes through all of it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _extend(reader: BulkReader, graph: Graph, tip: bytes, progress: Progress | None) -> Graph:
    found = _discover(reader, graph.positions, tip, progress)
    walk = _Walk(Trees(reader), graph)
    for done, (oid, commit) in enumerate(found.items()):
        if progress is not None and not done % _STEP:
            progress("Reading the history", done, len(found))
        walk.add(oid, commit)
    if progress is not None:
        progress("Reading the history", len(found), len(found))
    return graph.joined(Graph.of(walk.columns))


def _discover(
    reader: BulkReader, known: dict[bytes, int], tip: bytes, progress: Progress | None
) -> dict[bytes, _Read]:
    """Returns the commits that led to ``tip`` and are not known, each after its parents, the first one last."""
    read: dict[bytes, _Read] = {}
    done: dict[bytes, _Read] = {}
    waiting = [tip]
    while waiting:
        oid = waiting[-1]
        if oid in done or oid in known:
            waiting.pop()
        elif oid in read:
            waiting.pop()
            done[oid] = read.pop(oid)
        else:
            commit = read[oid] = _read(reader, oid)
            waiting += [parent for parent in commit.parents if parent not in done and parent not in known]
            if progress is not None and not len(read) % _STEP:
                progress("Looking for saves", len(read) + len(done), None)
    return done


class _Walk:
    """Makes rows of commits that come after their parents."""

    def __init__(self, trees: Trees, graph: Graph) -> None:
        self._trees = trees
        self._graph = graph
        self._count = len(graph)
        self._new: dict[bytes, tuple[int, int, bytes]] = {}
        self.columns: dict[str, Any] = {name: [] for name in COLUMNS}
        self.columns |= {"ids": bytearray(), "entries": bytearray()}

    def add(self, oid: bytes, commit: _Read) -> None:
        """Adds a commit."""
        columns, position = self.columns, self._count
        frames = self._trees.frames_of(commit.tree)
        before: bytes | None = None
        level = first = -1
        for number, parent in enumerate(dict.fromkeys(commit.parents)):
            at, height, held = self._new.get(parent) or self._known(parent)
            level = max(level, height)
            if number:
                columns["others"].append((position, at))
            else:
                first, before = at, held
        self._new[oid] = position, level + 1, frames
        columns["ids"] += oid
        columns["first"].append(first)
        columns["times"].append(commit.time)
        columns["levels"].append(level + 1)
        if frames != before:
            self._add_places(position, before, frames)
        self._count += 1

    def _known(self, oid: bytes) -> tuple[int, int, bytes]:
        """Returns position, level and tree of frames of a commit that the graph has."""
        at = self._graph.positions[oid]
        return at, int(self._graph.levels[at]), self._trees.frames_of_commit(oid)

    def _add_places(self, position: int, before: bytes | None, after: bytes) -> None:
        columns = self.columns
        gone, come = self._trees.differing(before, after)
        for name in come.keys() | gone.keys():
            span = _SPANS.get(name)
            if span is None:
                raise DamagedError(f"The tree {after.hex()} is no tree of frames: it names {name!r}.")
            was, now = gone.get(name, _NO_ENTRY), come.get(name, _NO_ENTRY)
            columns["places"].append(position)
            columns["spans"].append(span)
            columns["kinds"].append((was[0], now[0]))
            columns["entries"] += was[1] + now[1]
