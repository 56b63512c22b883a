"""One frame along a history: the commits where it may have become another, and its value at each."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from functools import cached_property
from heapq import heappop, heappush

import numpy as np

from hdstore.blame.graph import Graph, Order
from hdstore.blame.parts import Parts
from hdstore.blame.region import Leaves

__all__ = ["Line"]

_KEPT = 64
"""Values of the frame that are kept; a walk asks for each again soon, or not at all."""


class Line:
    """A frame's history up to ``tip``, in marks: the commits that changed the frame, and those that begin a run.

    Between two marks nothing happens to the frame, so every commit has the value of the mark at or before it.
    """

    def __init__(self, graph: Graph, tip: int, changes: dict[int, bytes], leaves: Leaves) -> None:
        self.graph = graph
        self._changes = changes
        self._leaves = leaves
        # numpy's own union loads a third of numpy. A mark may stand in it twice.
        marks = np.concatenate((graph.starts, np.fromiter(changes, np.int64, len(changes))))
        self._marks: list[int] = np.sort(marks).tolist()
        self._found: dict[int, bytes] = {}
        self._values: OrderedDict[bytes, Parts] = OrderedDict()
        self._tip = tip
        self.tip = self.mark(tip)

    def mark(self, position: int) -> int:
        """Returns the mark whose value a commit has."""
        return self._marks[bisect_right(self._marks, position) - 1]

    def parents(self, mark: int) -> list[int]:
        """Returns the marks of a commit's parents, in its order."""
        return [self.mark(parent) for parent in self.graph.parents(mark)]

    def leaf(self, mark: int) -> bytes:
        """Returns a leaf that holds the frame with its value at a mark, empty where there is no such frame then."""
        passed: list[int] = []
        found: bytes | None = None
        while found is None:
            found = self._found.get(mark)
            if found is None and (found := self._changes.get(mark)) is None:
                passed.append(mark)
                first = int(self.graph.first[mark])
                if first < 0:
                    found = b""
                else:
                    mark = self.mark(first)
        self._found.update(dict.fromkeys(passed, found))
        return found

    def value(self, mark: int) -> Parts | None:
        """Returns the frame at a mark, None where there is none."""
        leaf = self.leaf(mark)
        if not leaf:
            return None
        found = self._values.get(leaf)
        if found is None:
            found = self._values[leaf] = Parts(self._leaves.find(leaf))
            if len(self._values) > _KEPT:
                self._values.popitem(last=False)
        else:
            self._values.move_to_end(leaf)
        return found

    def same(self, a: int, b: int) -> bool:
        """Says whether the frame has the same value, or is absent, at two marks."""
        one, two = self.leaf(a), self.leaf(b)
        if one == two or not (one and two):
            return one == two
        first, second = self.value(a), self.value(b)
        return first is not None and second is not None and first.raw == second.raw

    @cached_property
    def _times(self) -> list[int]:
        marks = np.array(self._marks)
        times: list[int] = self.graph.orders(self._tip)[marks[marks <= self._tip]].tolist()
        return times

    def order(self, mark: int) -> Order:
        """Returns what sorts marks: the latest first, and none before what was made from it."""
        time = self._times[bisect_right(self._marks, mark) - 1]
        return -time, -int(self.graph.levels[mark]), self.graph.id_of(mark)

    def events(self) -> Iterator[int]:
        """Yields the commits that gave the frame a value which none of their parents has, the latest first."""
        waiting = [(self.order(self.tip), self.tip)]
        seen = {self.tip}
        while waiting:
            _, mark = heappop(waiting)
            parents = self.parents(mark)
            if mark in self._changes and not any(self.same(mark, parent) for parent in parents[1:]):
                yield mark
            for parent in parents:
                if parent not in seen:
                    seen.add(parent)
                    heappush(waiting, (self.order(parent), parent))
