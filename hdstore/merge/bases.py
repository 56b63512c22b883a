"""The common ancestor from which a three-way merge starts; several are merged into one first.

That commit is written like any merge, and nothing names it. A stranger's history must not make us merge for ever, so
both how deep and how often this goes is bounded; everybody gives up at the same point, and takes the latest base.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hdstore.store import Objects

__all__ = ["Bases"]

_DEEPEST = 24
"""How many times bases of bases are merged."""

_MOST = 500
"""How many merges of bases one merge may need."""


class Bases:
    """Finds the base for one merge; ``merge`` writes the merge of two commits with these bases, at a depth."""

    def __init__(self, objects: Objects, merge: Callable[[str, str, Sequence[str], int], str]) -> None:
        self._objects = objects
        self._merge = merge
        self._made: dict[tuple[str, str], str] = {}

    def of(self, bases: Sequence[str], depth: int) -> str | None:
        """Returns the one commit that stands for all best common ancestors, or None where there is none.

        ``bases`` are in the order of their times, then ids.
        """
        if not bases:
            return None
        found = bases[0]
        for other in bases[1:]:
            pair = (found, other) if found < other else (other, found)
            if pair not in self._made:
                if depth >= _DEEPEST or len(self._made) >= _MOST:
                    return bases[-1]
                below = self._objects.merge_bases(*pair)
                self._made[pair] = self._merge(*pair, below, depth + 1)
            found = self._made[pair]
        return found
