"""Who descends from whom among commits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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

    def merge_bases(self, a: str, *others: str) -> list[str]:
        """Returns all best common ancestors of two commits, in the order of time, then of id; none: an empty list.

        Several ``others`` stand for a commit that merges them. Best are those that no other common ancestor was made
        from. The clocks are not trusted to end the search.
        """
        ours = self._with_ancestors((a,))
        common: list[str] = []
        waiting, seen = [*others], {*others}
        while waiting:
            oid = waiting.pop()
            if oid in ours:
                common.append(oid)
                continue
            new = [parent for parent in self._commit(oid)[1] if parent not in seen]
            seen.update(new)
            waiting += new
        if len(common) > 1:
            before = self._with_ancestors(parent for oid in common for parent in self._commit(oid)[1])
            common = [oid for oid in common if oid not in before]
        return sorted(common, key=lambda oid: (self._commit(oid)[0], oid))

    def exclusive(self, tip: str, *others: str) -> Iterator[str]:
        """Streams the commits that led to ``tip`` and to none of the others."""
        theirs = self._with_ancestors(others)
        waiting, seen = [tip], {tip}
        while waiting:
            oid = waiting.pop()
            if oid in theirs:
                continue
            yield oid
            new = [parent for parent in self._commit(oid)[1] if parent not in seen]
            seen.update(new)
            waiting += new

    def _with_ancestors(self, oids: Iterable[str]) -> set[str]:
        seen = set(oids)
        waiting = [*seen]
        while waiting:
            new = [parent for parent in self._commit(waiting.pop())[1] if parent not in seen]
            seen.update(new)
            waiting += new
        return seen
