"""The common ancestor of two commits, from which a three-way merge starts; several are merged into one first."""

from __future__ import annotations

from collections.abc import Callable

from hdstore.store import Objects

__all__ = ["base_of"]

_DEEPEST = 24
"""How many times bases of bases are merged. Below that the latest base stands for all: a stranger's history must not
make us merge for ever, and everybody gives up at the same depth."""


def base_of(
    objects: Objects, bases: list[str], merge: Callable[[str, str, int], str], depth: int
) -> str | None:
    """Returns the commit that is the base of a merge: the one there is, None for none, several merged into one.

    ``bases`` are all best common ancestors in the order of time, then id; ``merge`` writes the merge of two commits at
    a depth and returns it. That commit may be one that nothing names: it is there for this merge alone.
    """
    if not bases:
        return None
    if depth >= _DEEPEST:
        return bases[-1]
    base = bases[0]
    for other in bases[1:]:
        base = merge(base, other, depth + 1)
    return base
