"""The commits of a history as columns: who follows whom, when, and below which parts of the trie each changed frames.

A commit stands after its parents. Most follow their first parent at once, so a long history is a few runs of commits
one after another, and a question looks at the commits that may have changed its frame, at merges, and at no others.
It is what git's commit-graph with changed-path filters is to ``git log -- PATH``; instead of a Bloom filter each commit
has the entries of the tree of frames that it changed against its first parent, which are exact to four bits of a key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["ABSENT", "COLUMNS", "LEAF", "TREE", "Graph", "Order"]

ABSENT, LEAF, TREE = range(3)
"""What stands at an entry of the tree of frames."""

Order: TypeAlias = tuple[int, int, bytes]
"""Later commits have the smaller one; see ``Graph.orders``."""

COLUMNS: dict[str, tuple[str, int]] = {
    "ids": ("|u1", 20),
    "first": ("<i4", 0),
    "others": ("<i4", 2),
    "times": ("<i8", 0),
    "levels": ("<i4", 0),
    "places": ("<i4", 0),
    "spans": ("|u1", 2),
    "kinds": ("|u1", 2),
    "entries": ("|u1", 40),
}
"""The kind of number of each column, and how many stand in a row (0: one)."""


@dataclass(frozen=True, slots=False, eq=False, kw_only=True)
class Graph:
    """Columns over commits, and over the places they changed; never changed itself.

    ``first`` is the position of a commit's first parent (-1: it has none), ``others`` are pairs of a commit and a
    further parent of it. ``levels`` count from the first commits: one more than the highest of a commit's parents.
    ``places`` are the commits of places, in order; ``spans`` the first and last of the 16 beginnings of a key that a
    place covers, ``kinds`` and ``entries`` what stood there at the first parent and what stands there now.
    """

    ids: NDArray[np.uint8]
    first: NDArray[np.int32]
    others: NDArray[np.int32]
    times: NDArray[np.int64]
    levels: NDArray[np.int32]
    places: NDArray[np.int32]
    spans: NDArray[np.uint8]
    kinds: NDArray[np.uint8]
    entries: NDArray[np.uint8]

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> Graph:
        """Returns the graph of these columns, each a sequence of rows, or their bytes."""
        return cls(**{name: _array(columns[name], *shape) for name, shape in COLUMNS.items()})

    @classmethod
    def empty(cls) -> Graph:
        """Returns the graph of no commit."""
        return cls.of(dict.fromkeys(COLUMNS, ()))

    def columns(self) -> dict[str, NDArray[Any]]:
        """Returns the columns by name."""
        return {name: getattr(self, name) for name in COLUMNS}

    def joined(self, later: Graph) -> Graph:
        """Returns the graph with further commits, whose positions go on from this one's."""
        mine, new = self.columns(), later.columns()
        return Graph(**{name: np.concatenate((mine[name], new[name])) for name in COLUMNS})

    def __len__(self) -> int:
        return len(self.ids)

    def digest(self, count: int) -> str:
        """Returns what tells the first ``count`` commits, in their order, from others."""
        return hashlib.sha1(self._raw[: count * 20], usedforsecurity=False).hexdigest()

    @cached_property
    def _raw(self) -> bytes:
        return self.ids.tobytes()

    @cached_property
    def positions(self) -> dict[bytes, int]:
        """Where each commit stands, by id; for those who look for many."""
        raw = self._raw
        return {raw[at * 20 : at * 20 + 20]: at for at in range(len(self))}

    def position(self, oid: bytes) -> int | None:
        """Returns where a commit stands, None where it is not known."""
        at = self._raw.find(oid)
        while at >= 0 and at % 20:
            at = self._raw.find(oid, at + 1)
        return at // 20 if at >= 0 else None

    def id_of(self, position: int) -> bytes:
        """Returns the id of a commit, 20 bytes."""
        return self._raw[position * 20 : position * 20 + 20]

    @cached_property
    def _others(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for commit, parent in self.others.tolist():
            found.setdefault(commit, []).append(parent)
        return found

    def parents(self, position: int) -> list[int]:
        """Returns the positions of a commit's parents, in its order."""
        first = int(self.first[position])
        return [first, *self._others.get(position, ())] if first >= 0 else []

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """The commits that begin a run: all but those whose only parent stands directly before them."""
        begins = self.first != np.arange(-1, len(self) - 1)
        begins[self.others[:, 0]] = True
        begins[:1] = True
        return np.flatnonzero(begins)

    @cached_property
    def is_regular(self) -> bool:
        """Whether no commit is older than one it was made from."""
        times, has = self.times, self.first >= 0
        commits, parents = self.others[:, 0], self.others[:, 1]
        return bool(np.all(times[self.first[has]] <= times[has]) and np.all(times[parents] <= times[commits]))

    def orders(self, tip: int) -> NDArray[np.int64]:
        """Returns the times by which the commits that led to ``tip`` are sorted: no commit's is before a parent's.

        Where clocks went wrong the parent's is taken back to that of what was made from it.
        """
        times = self.times
        if self.is_regular:
            return times
        taken = times.copy()
        reached = np.zeros(len(self), np.bool_)
        reached[tip] = True
        for position in range(tip, -1, -1):
            if reached[position]:
                for parent in self.parents(position):
                    reached[parent] = True
                    taken[parent] = min(taken[parent], taken[position])
        return taken


def _array(values: Any, kind: str, width: int) -> NDArray[Any]:
    array = np.frombuffer(values, kind) if isinstance(values, bytearray) else np.asarray(values, kind)
    return array.reshape(-1, width) if width else array
