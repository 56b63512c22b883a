"""What is asked of metadata, over the cells of a segment."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from hdstore.index import Bools, Cells, Kind, Rows, Segment
from hdstore.query.answers import Answer, spans, zeros
from hdstore.query.columntests import SCAN
from hdstore.query.conditions import Between, Condition, Ends, Fits, Given, OneOf
from hdstore.query.matching import index_of
from hdstore.query.numbers import Numbers
from hdstore.query.strings import Strings

__all__ = ["MetadataTest", "paths_of"]

_WORDS = {"true": Kind.TRUE, "false": Kind.FALSE, "null": Kind.NULL}


def paths_of(segment: Segment, scope: str, path: tuple[str, ...], *, beneath: bool) -> list[tuple[str, ...]]:
    """Returns the paths with cells that a query's path may lead to; with ``beneath``, also those that go on.

    A part that is a number leads to a key or, since the index looks through lists, nowhere further.
    """
    if not any(index_of(part) is not None for part in path):
        if not beneath:
            return [path] if segment.cells(scope, path) is not None else []
        return [held for held in segment.paths(scope) if held[: len(path)] == path]
    return [held for held in segment.paths(scope) if _leads_to(path, held, beneath)]


def _leads_to(path: tuple[str, ...], held: tuple[str, ...], beneath: bool) -> bool:
    places = {0}
    for part in path:
        following = {place + 1 for place in places if place < len(held) and held[place] == part}
        places = following | places if index_of(part) is not None else following
    return bool(places) if beneath else len(held) in places


class MetadataTest:
    """A path of metadata."""

    def __init__(self, scope: str, path: tuple[str, ...], condition: Condition) -> None:
        self._scope, self._path = scope, path
        self._given = isinstance(condition, Given)
        self._by_place = any(index_of(part) is not None for part in path)
        self._strings = self._numbers = None
        self._kinds: list[Kind] = []
        if isinstance(condition, OneOf):
            self._kinds = [kind for word, kind in _WORDS.items() if word in condition.texts]
        if isinstance(condition, OneOf | Fits) or (
            isinstance(condition, Between) and condition.ends is not Ends.NUMBER
        ):
            self._strings = Strings(condition)
        if isinstance(condition, OneOf | Between):
            numbers = Numbers(condition)
            self._numbers = None if numbers.is_empty else numbers

    def weight(self, segment: Segment) -> float:
        """Returns about how many rows have to be looked at."""
        count = segment.count(self._scope)
        if self._given:
            return count
        total = 0.0
        for path in paths_of(segment, self._scope, self._path, beneath=False):
            cells = segment.cells(self._scope, path)
            if cells is not None:
                total += self._cells_weight(cells)
        if self._by_place or segment.overflow(self._scope) is not None:
            total += count
        return total

    def _cells_weight(self, cells: Cells) -> float:
        size = len(cells.kinds)
        share = 0.5 if self._kinds or (self._numbers is not None and cells.numbers is not None) else 0.0
        if self._strings is not None and cells.texts is not None:
            share = max(share, self._strings.share(cells.texts))
        return size / SCAN + size * share

    def answer(self, segment: Segment, rows: Rows | None) -> Answer:
        """Returns which rows hold, and where a path by number or too many paths leave it open, which may."""
        count = segment.count(self._scope)
        size = count if rows is None else len(rows)
        paths = paths_of(segment, self._scope, self._path, beneath=self._given)
        lower: Bools | None = None
        upper: Bools | None = None
        for path in paths:
            cells = segment.cells(self._scope, path)
            if cells is None:
                continue
            sure, maybe = self._in_cells(cells, rows, count)
            decided = sure is maybe and lower is upper
            upper = maybe if upper is None else upper | maybe
            lower = upper if decided else sure if lower is None else lower | sure
        if upper is None or lower is None:
            lower = upper = zeros(size)
        if self._by_place:
            lower = zeros(size)
        overflow = segment.overflow(self._scope)
        if overflow is not None and (self._given or self._by_place or not paths):
            upper = upper | (overflow if rows is None else overflow[rows])
        return Answer(rows, lower, upper)

    def _in_cells(self, cells: Cells, rows: Rows | None, count: int) -> tuple[Bools, Bools]:
        """Returns which of ``rows`` surely and which may have a cell that is asked for."""
        size = count if rows is None else len(rows)
        if cells.owners is None:
            return self._test(cells, rows)
        if rows is None or len(rows) * 4 > len(cells.owners):
            sure, maybe = self._test(cells, None)
            lifted = (_marked(cells.owners, marks, count) for marks in _distinct(sure, maybe))
            held = [marks if rows is None else marks[rows] for marks in lifted]
        else:
            begins = np.searchsorted(cells.owners, rows, side="left")
            ends = np.searchsorted(cells.owners, rows, side="right")
            places = spans(begins, ends - begins)
            owners = np.repeat(np.arange(size, dtype=np.int32), ends - begins)
            sure, maybe = self._test(cells, places)
            held = [_marked(owners, marks, size) for marks in _distinct(sure, maybe)]
        return held[0], held[-1]

    def _test(self, cells: Cells, places: Rows | None) -> tuple[Bools, Bools]:
        """Returns which of the cells at ``places`` (None: all) surely are and which may be what is asked for."""
        kinds = cells.kinds if places is None else cells.kinds[places]
        if self._given:
            held = (kinds != Kind.NOTHING) & (kinds != Kind.NULL)
            return held, held
        lower: Bools | None = None
        if self._strings is not None and cells.codes is not None and cells.texts is not None:
            codes = cells.codes if places is None else cells.codes[places]
            lower = self._strings.test(cells.texts, codes)
        for kind in self._kinds:
            found = kinds == kind
            lower = found if lower is None else lower | found
        if self._numbers is None or cells.numbers is None:
            lower = zeros(len(kinds)) if lower is None else lower
            return lower, lower
        numbers = cells.numbers if places is None else cells.numbers[places]
        sure, maybe = self._numbers.test(numbers, exact=True)
        if lower is None:
            return sure, maybe
        upper = lower | maybe
        return (upper if sure is maybe else lower | sure), upper


def _distinct(lower: Bools, upper: Bools) -> Iterable[Bools]:
    return (lower,) if lower is upper else (lower, upper)


def _marked(owners: Rows, marks: Bools, count: int) -> Bools:
    held = zeros(count)
    held[owners[marks]] = True
    return held
