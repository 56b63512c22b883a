"""Merging segments, so that many small ones, and rows that are dead, do not slow searches down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from hdstore.index.columns import Bools
from hdstore.index.leaves import LeafPlaces
from hdstore.index.marking import Marks, leaf_array, leaf_names, leaves_of
from hdstore.index.rows import VersionRows
from hdstore.index.rowsets import RowSets
from hdstore.index.shelf import Shelf
from hdstore.model import Progress

__all__ = ["Merger"]


class Merger:
    """Replaces segments by others; the caller holds the lock of the index.

    ``names`` are always the segments that count.
    """

    def __init__(self, shelf: Shelf, sets: RowSets) -> None:
        self._shelf = shelf
        self._sets = sets

    def in_use(self, names: list[str], crowd: list[str], trees: list[str]) -> list[str]:
        """Returns the leaves of the segments of ``crowd`` that one of these trees has, as far as its rows are known."""
        lives: dict[str, Bools] = {
            name: np.zeros(self._shelf.open(name).count("frame"), np.bool_) for name in crowd
        }
        counting = frozenset(names)
        for tree in trees:
            rows = self._sets.load(tree, counting, self._shelf.open)
            for part in rows.parts if rows is not None else ():
                live = lives.get(part.segment.path.name)
                if live is not None:
                    live |= True if part.live is None else part.live
        return [leaf for name, live in lives.items() for leaf in leaves_of(self._shelf.open(name), live)]

    def living(self, names: list[str], leaves: Sequence[str]) -> dict[str, list[str]]:
        """Returns which of these leaves each segment holds."""
        wanted = LeafPlaces(leaf_array(leaves))
        found = {}
        for name in names:
            segment = self._shelf.open(name)
            held = wanted.find(segment.leaf_ids) >= 0
            found[name] = leaf_names(segment.leaf_ids[held & (np.diff(segment.leaf_starts) > 0)])
        return found

    def groups(self, names: list[str], leaves: Mapping[str, list[str]], *, small: int) -> list[list[str]]:
        """Returns the groups of segments that are better one: those of fewer bytes than ``small`` that serve one tree.

        A segment of which most leaves are not among its ``leaves`` makes a group, too.
        """
        group_of = {name: [name] for name in names}
        counting = frozenset(names)
        for tree in self._sets.all():
            rows = self._sets.load(tree, counting, self._shelf.open)
            parts = [part.segment for part in rows.parts] if rows is not None else []
            found = [segment.path.name for segment in parts if segment.size < small]
            for one, other in pairwise(found):
                if group_of[one] is not group_of[other]:
                    group_of[one] += group_of[other]
                    for name in group_of[other]:
                        group_of[name] = group_of[one]
        groups = {id(group): group for group in group_of.values()}
        return [
            group
            for group in groups.values()
            if len(group) > 1 or 2 * len(leaves[group[0]]) < self._shelf.open(group[0]).count("leaf")
        ]

    def merge(
        self,
        names: list[str],
        crowd: list[str],
        leaves: list[str],
        trees: list[str],
        progress: Progress | None,
    ) -> list[str]:
        """Puts these leaves of the segments of ``crowd`` into new ones that replace those; returns what counts then.

        The rows of ``trees`` move along. The new segments count last of all: where it stops before, rows that moved to
        them are found again. Leaves that are gone from the repository, with a version that was deleted, are left out,
        and rows that had one are forgotten.
        """
        gone = frozenset(crowd)
        others = [name for name in names if name not in gone]
        missing = Marks(self._shelf).add([*dict.fromkeys(leaves)], others)
        built = self._shelf.build(missing, progress, lost=[])
        counting = frozenset(names)
        for tree in trees:
            rows = self._sets.load(tree, counting, self._shelf.open)
            if rows is None or gone.isdisjoint(part.segment.path.name for part in rows.parts):
                continue
            moved = self._moved(rows, gone, [*others, *built])
            if moved is None:
                self._sets.forget([tree])
            else:
                self._sets.save(moved)
        self._shelf.keep([*others, *built])
        return [*others, *built]

    def _moved(self, rows: VersionRows, gone: frozenset[str], names: list[str]) -> VersionRows | None:
        """Returns the same frames in other segments than those that are ``gone``; None where a leaf is in none."""
        kept = [part for part in rows.parts if part.segment.path.name not in gone]
        left = [part for part in rows.parts if part.segment.path.name in gone]
        marks = Marks(self._shelf, VersionRows(rows.tree, tuple(kept)))
        leaves = [leaf for part in left for leaf in leaves_of(part.segment, part.live)]
        return None if marks.add(leaves, names) else marks.rows(rows.tree)
