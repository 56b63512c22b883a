"""What is selected: annotations of one frame, and rows among a million frames."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["Ranges", "Selection"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Selected annotations by id, in the order they were chosen; the last one is the current."""

    ids: tuple[str, ...] = ()

    def __contains__(self, annotation_id: str) -> bool:
        return annotation_id in self.ids

    def __bool__(self) -> bool:
        return bool(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def current(self) -> str | None:
        """The annotation chosen last."""
        return self.ids[-1] if self.ids else None

    def toggled(self, annotation_id: str) -> Selection:
        """Returns the selection with one more annotation, or without it when it was in."""
        if annotation_id in self.ids:
            return Selection(tuple(one for one in self.ids if one != annotation_id))
        return Selection((*self.ids, annotation_id))

    def added(self, ids: Iterable[str]) -> Selection:
        """Returns the selection with these annotations too."""
        return Selection((*self.ids, *(one for one in ids if one not in self.ids)))

    def kept(self, present: Iterable[str]) -> Selection:
        """Returns what is left of the selection when only these annotations are there."""
        there = set(present)
        return Selection(tuple(one for one in self.ids if one in there))


@dataclass(frozen=True, slots=True)
class Ranges:
    """A set of rows as sorted, disjoint, half-open ranges: all of a million rows is one pair."""

    pairs: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, rows: Iterable[int]) -> Ranges:
        """Returns the set of these rows."""
        pairs: list[tuple[int, int]] = []
        for row in sorted(set(rows)):
            if pairs and pairs[-1][1] == row:
                pairs[-1] = (pairs[-1][0], row + 1)
            else:
                pairs.append((row, row + 1))
        return cls(tuple(pairs))

    @classmethod
    def span(cls, start: int, stop: int) -> Ranges:
        """Returns the rows from ``start`` up to, without, ``stop``."""
        return cls(((start, stop),)) if stop > start else cls()

    def __contains__(self, row: int) -> bool:
        at = bisect_right(self.pairs, row, key=lambda pair: pair[0]) - 1
        return at >= 0 and row < self.pairs[at][1]

    def __bool__(self) -> bool:
        return bool(self.pairs)

    def __len__(self) -> int:
        return sum(stop - start for start, stop in self.pairs)

    def __iter__(self) -> Iterator[int]:
        for start, stop in self.pairs:
            yield from range(start, stop)

    def union(self, other: Ranges) -> Ranges:
        """Returns the rows that are in one or the other."""
        merged: list[tuple[int, int]] = []
        for start, stop in sorted((*self.pairs, *other.pairs)):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
            else:
                merged.append((start, stop))
        return Ranges(tuple(merged))

    def minus(self, other: Ranges) -> Ranges:
        """Returns the rows that are here and not in ``other``."""
        left: list[tuple[int, int]] = []
        for start, stop in self.pairs:
            for cut_start, cut_stop in other.pairs:
                if cut_stop <= start or cut_start >= stop:
                    continue
                if cut_start > start:
                    left.append((start, cut_start))
                start = max(start, cut_stop)
                if start >= stop:
                    break
            if start < stop:
                left.append((start, stop))
        return Ranges(tuple(left))

    def toggled(self, row: int) -> Ranges:
        """Returns the set with one more row, or without it when it was in."""
        one = Ranges.span(row, row + 1)
        return self.minus(one) if row in self else self.union(one)
