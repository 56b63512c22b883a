"""Who descends from whom among commits."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

__all__ = ["Ancestry"]


class Ancestry:
    """Answers over the parents of commits, which are read once; safe to share between threads."""

    def __init__(self, read: Callable[[str], tuple[int, tuple[str, ...]]]) -> None:
        self._read = read
        self._known: dict[str, tuple[int, tuple[str, ...]]] = {}

    def _commit(self, oid: str) -> tuple[int, tuple[str, ...]]:
        found = self._known.get(oid)
        if found is None:
            found = self._known[oid] = self._read(oid)
        return found

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Says whether ``descendant`` is ``ancestor`` or was made from it."""
        self._commit(ancestor)
        waiting, seen = [(-self._commit(descendant)[0], descendant)], {descendant}
        # The latest first: what is asked for is near as a rule. The clocks are not trusted to end the search.
        while waiting:
            _, oid = heappop(waiting)
            if oid == ancestor:
                return True
            for parent in self._commit(oid)[1]:
                if parent not in seen:
                    seen.add(parent)
                    heappush(waiting, (-self._commit(parent)[0], parent))
        return False

    def merge_base(self, a: str, b: str) -> str | None:
        """Returns a best common ancestor of two commits, or None when they have none."""
        ours = self._with_ancestors(a)
        bases: list[str] = []
        waiting, seen = [b], {b}
        while waiting:
            oid = waiting.pop()
            if oid in ours:
                bases.append(oid)
                continue
            new = [parent for parent in self._commit(oid)[1] if parent not in seen]
            seen.update(new)
            waiting += new
        best = [base for base in bases if not any(base != o and self.is_ancestor(base, o) for o in bases)]
        return max(best, key=lambda oid: (self._commit(oid)[0], oid), default=None)

    def _with_ancestors(self, oid: str) -> set[str]:
        waiting, seen = [oid], {oid}
        while waiting:
            new = [parent for parent in self._commit(waiting.pop())[1] if parent not in seen]
            seen.update(new)
            waiting += new
        return seen
