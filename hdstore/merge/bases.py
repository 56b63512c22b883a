"""The common ancestor from which a three-way merge starts; several are merged into one first.

That commit is written like any merge, and nothing names it. A stranger's history must not make us merge for ever, so
both how deep and how often this goes is bounded; everybody gives up at the same point, and takes the latest base.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hdstore.merge.author import AUTHOR
from hdstore.store import Objects, decode_commit

__all__ = ["Bases", "is_same_work"]

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


def is_same_work(objects: Objects, first: str, second: str) -> bool:
    """Says whether two commits differ in merges alone, so that each holds all that people saved."""
    for tip, other in ((first, second), (second, first)):
        for oid in objects.exclusive(tip, other):
            commit = decode_commit(objects.read(oid, "commit"))
            if len(commit.parents) < 2 or commit.author != AUTHOR:
                return False
    return True
