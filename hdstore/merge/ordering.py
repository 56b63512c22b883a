"""A three-way merge of orders: of annotations, sources, masks and labels, by their names."""

from __future__ import annotations

from collections.abc import Container, Iterable

__all__ = ["merge_order"]


def merge_order(sides: Iterable[Iterable[str]], kept: Container[str]) -> list[str]:
    """Returns the names that are ``kept``, each once, in merged order; ``sides`` are the base, the first, the second.

    The order of the side that moved names wins; where both moved some, that of the second. A name that only the other
    side has stands behind the neighbour it stood behind there, and where both added names at one place those of the
    first side come first.
    """
    base, first, second = sides
    ours = [name for name in first if name in kept]
    theirs = [name for name in second if name in kept]
    if ours == theirs:
        return theirs
    in_first, in_second = set(ours), set(theirs)
    before = [name for name in base if name in in_first and name in in_second]
    old = set(before)
    if before == [name for name in theirs if name in old] != [name for name in ours if name in old]:
        return _weave(ours, theirs, after=True)
    return _weave(theirs, ours, after=False)


def _weave(frame: list[str], other: list[str], *, after: bool) -> list[str]:
    """Returns ``frame`` with the names only ``other`` has put in, each run of them behind its neighbour there.

    With ``after`` they stand behind names that only ``frame`` has at the same place, else before them.
    """
    known, shared = set(frame), set(other)
    runs: dict[str | None, list[str]] = {}
    neighbour: str | None = None
    for name in other:
        if name in known:
            neighbour = name
        else:
            runs.setdefault(neighbour, []).append(name)
    woven: list[str] = []
    waiting = runs.get(None, [])
    if not after:
        woven += waiting
        waiting = []
    for name in frame:
        if name in shared:
            woven += waiting
            waiting = []
        woven.append(name)
        if name in shared:
            waiting = runs.get(name, [])
            if not after:
                woven += waiting
                waiting = []
    return woven + waiting
