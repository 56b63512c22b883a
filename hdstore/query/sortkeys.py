"""What frames are ordered by: the values of one key for all of them, to be compared, shown and found again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hdstore.index import Bools, Floats, Kind, Rows, Segment, Texts
from hdstore.query.arranging import Key, NumberKey, Pile, Positions, TextKey, Values, arrange
from hdstore.query.columnar import ReadFrames
from hdstore.query.found import Found
from hdstore.query.properties import Held, Property, values_in

__all__ = [
    "CLASSES",
    "COUNTS",
    "Class",
    "Numbers",
    "SortKey",
    "Span",
    "column_key",
    "field_key",
    "number_key",
    "places",
]

Class: TypeAlias = int
"""The place of a kind of values among the others."""

NUMBER, TEXT, FALSE, TRUE, MISSING = range(5)
CLASSES = np.full(256, MISSING, np.uint8)
"""The class of each kind of cell."""
CLASSES[[Kind.NUMBER, Kind.TEXT, Kind.FALSE, Kind.TRUE]] = NUMBER, TEXT, FALSE, TRUE

_ASCENDING = np.array([0, 1, 2, 3, 4], np.uint8)
_DESCENDING = np.array([3, 2, 1, 0, 4], np.uint8)

Numbers: TypeAlias = Callable[[Segment, Rows], Floats]
"""Gives a number for each of some frames of a segment; NaN where there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """Positions whose strings come from one dictionary; the code -1 is the empty string, or none."""

    places: slice | Positions
    codes: Rows
    texts: Texts


class SortKey:
    """The values of one key by position: each has a class, and where it is a number or text, that.

    ``classes`` is one number where all positions have the same.
    """

    def __init__(
        self,
        count: int,
        classes: NDArray[np.uint8] | Class,
        *,
        numbers: Floats | None = None,
        spans: Sequence[Span] = (),
        descending: bool = False,
    ) -> None:
        self._count = count
        self._classes = classes
        self._numbers = numbers
        self._spans = spans
        self._descending = descending
        self._rank = _DESCENDING if descending else _ASCENDING

    # Comparing positions

    def values(self, step: int, positions: Positions) -> Values | None:
        """Returns the numbers to compare at a step: classes, numbers, then strings; each only where there are some."""
        for plain in self._plain:
            if step == 0:
                return plain[positions]
            step -= 1
        return self._text_key.values(step, positions) if self._spans else None

    @cached_property
    def _plain(self) -> list[Values]:
        found: list[Values] = []
        if not isinstance(self._classes, int):
            found.append(self._rank[self._classes])
        if self._numbers is not None:
            found.append(-self._numbers if self._descending else self._numbers)
        return found

    @cached_property
    def _text_key(self) -> Key:
        if sum(len(span.texts) for span in self._spans) * 4 <= self._count:
            return NumberKey(self._ranks())
        pile = Pile(self._count)
        for span in self._spans:
            pile.add(span.places, span.codes, span.texts)
        return TextKey(pile, descending=self._descending)

    def _ranks(self) -> NDArray[np.int64]:
        """Returns the rank of each position's string: few strings are ordered sooner than all that have them."""
        begins = np.cumsum([0, *(len(span.texts) for span in self._spans)]).tolist()
        pile = Pile(begins[-1])
        for begin, span in zip(begins, self._spans, strict=False):
            pile.add(
                slice(begin, begin + len(span.texts)), np.arange(len(span.texts), dtype=np.int32), span.texts
            )
        by, groups = arrange(np.arange(begins[-1]), [TextKey(pile, descending=self._descending)])
        # The last one is that of no string, the empty one.
        rank = np.full(len(by) + 1, len(by) if self._descending else -1, np.int64)
        rank[by] = groups
        found = np.full(self._count, rank[-1])
        for begin, span in zip(begins, self._spans, strict=False):
            found[span.places] = rank[np.where(span.codes < 0, -1, begin + span.codes)]
        return found

    # Single values, as JSON holds them

    def at(self, position: int) -> Any:
        """Returns the value at a position; None where there is none."""
        kind = self._classes if isinstance(self._classes, int) else int(self._classes[position])
        if kind == NUMBER and self._numbers is not None:
            return float(self._numbers[position])
        if kind == TEXT:
            return self._text_at(position)
        return None if kind == MISSING else kind == TRUE

    def _text_at(self, position: int) -> str:
        for span in self._spans:
            if isinstance(span.places, slice):
                place = position - int(span.places.start)
                inside = 0 <= place < len(span.codes)
            else:
                place = int(np.searchsorted(span.places, position))
                inside = place < len(span.places) and int(span.places[place]) == position
            if inside and span.codes[place] >= 0:
                return span.texts[int(span.codes[place])]
        return ""

    def compare(self, value: Any) -> tuple[Bools, Bools]:
        """Returns which positions come before a value by this key, and which are equal to it."""
        kind = class_of(value)
        if isinstance(self._classes, int):
            less = np.full(self._count, self._rank[self._classes] < self._rank[kind])
            equal = np.full(self._count, self._classes == kind)
        else:
            less = self._rank[self._classes] < self._rank[kind]
            equal = self._classes == kind
        if kind == NUMBER and self._numbers is not None:
            less |= equal & (self._numbers > value if self._descending else self._numbers < value)
            equal &= self._numbers == value
        elif kind == TEXT:
            below, same = self._compare_text(value)
            less |= equal & (~(below | same) if self._descending else below)
            equal &= same
        return less, equal

    def _compare_text(self, text: str) -> tuple[Bools, Bools]:
        below = np.zeros(self._count, np.bool_)
        same = np.zeros(self._count, np.bool_)
        for span in self._spans:
            code = span.texts.code(text)
            if text:
                below[span.places] = span.codes < span.texts.below(text)
                same[span.places] = span.codes == code if code >= 0 else False
            else:
                same[span.places] = span.codes == code
        return below, same


def class_of(value: object) -> Class:
    """Returns the class of a value as JSON holds it."""
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if value is None:
        return MISSING
    return TEXT if isinstance(value, str) else NUMBER


def is_value(value: object) -> bool:
    """Says whether this, which came from elsewhere, can be compared with values."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return False
        return True
    if isinstance(value, int | float):
        try:
            return math.isfinite(value)
        except OverflowError:
            return False
    return value is None


# Making keys


def column_key(found: Found, name: str) -> SortKey:
    """Returns the key of a column that each frame has: of numbers, or of texts where none is the empty one."""
    count = len(found)
    if name == "frame.timestamp":
        numbers = [segment.number(name).values[rows] for segment, rows in found.parts]
        return SortKey(count, NUMBER, numbers=np.concatenate([np.empty(0), *numbers]))
    spans = []
    begin = 0
    for segment, rows in found.parts:
        column = segment.text(name)
        codes = column.codes if len(rows) == segment.count("frame") else column.codes[rows]
        spans.append(Span(slice(begin, begin + len(rows)), codes, column.texts))
        begin += len(rows)
    return SortKey(count, TEXT, spans=spans)


def number_key(found: Found, numbers: Numbers, *, descending: bool) -> SortKey:
    """Returns the key of numbers that a function gives for frames."""
    given = np.concatenate([np.empty(0), *(numbers(segment, rows) for segment, rows in found.parts)])
    missing = np.isnan(given)
    given[missing] = 0.0
    classes = np.where(missing, np.uint8(MISSING), np.uint8(NUMBER)) if missing.any() else NUMBER
    return SortKey(len(found), classes, numbers=given, descending=descending)


def _annotations(segment: Segment, rows: Rows) -> Floats:
    return np.diff(segment.annotation_starts)[rows].astype(np.float64)


def _sources(segment: Segment, rows: Rows) -> Floats:
    return np.diff(segment.source_starts)[rows].astype(np.float64)


def _labels(segment: Segment, rows: Rows) -> Floats:
    column = segment.several("annotation.label")
    frames = segment.annotation_frames[column.owners]
    first = np.ones(len(frames), np.bool_)
    first[1:] = frames[1:] != frames[:-1]
    begins = column.posts[:-1]
    first[begins[begins < len(first)]] = True
    return np.bincount(frames[first], minlength=segment.count("frame"))[rows].astype(np.float64)


COUNTS: dict[str, Numbers] = {
    "annotation_count": _annotations,
    "label_count": _labels,
    "source_count": _sources,
}
"""What can be counted in a frame; labels count once each."""


def field_key(found: Found, wanted: Property, read: ReadFrames | None, *, descending: bool) -> SortKey:
    """Returns the key of a property: of each frame its smallest value, or the greatest where the order descends."""
    count = len(found)
    classes = np.full(count, MISSING, np.uint8)
    numbers = np.zeros(count)
    spans = []
    begin = 0
    for segment, rows in found.parts:
        for held in values_in(segment, rows, wanted, read):
            one = _one_each(held, greatest=descending)
            place = places(segment, rows, one.frames, begin)
            kinds = CLASSES[one.kinds]
            classes[place] = kinds
            if one.numbers is not None:
                numbers[place] = np.where(kinds == NUMBER, one.numbers, 0.0)
            if one.codes is not None and one.texts is not None:
                spans.append(Span(place, one.codes, one.texts))
        begin += len(rows)
    first = int(classes[0]) if count else MISSING
    return SortKey(
        count,
        first if (classes == first).all() else classes,
        numbers=numbers if (classes == NUMBER).any() else None,
        spans=spans,
        descending=descending,
    )


def places(segment: Segment, rows: Rows, frames: Rows, begin: int) -> slice | Positions:
    """Returns the positions of frames among ``rows`` of a segment, which begin at ``begin``; frames ascend."""
    if len(frames) == len(rows):
        return slice(begin, begin + len(rows))
    if len(rows) == segment.count("frame"):
        return frames + np.int64(begin)
    return np.searchsorted(rows, frames) + begin


def _one_each(held: Held, *, greatest: bool) -> Held:
    """Returns one value of each frame: the smallest, or the greatest."""
    first = np.ones(len(held), np.bool_)
    first[1:] = held.frames[1:] != held.frames[:-1]
    if first.all():
        return held
    begins = np.flatnonzero(first)
    extreme = np.maximum if greatest else np.minimum
    kinds, numbers, codes = held.kinds[begins], held.numbers, held.codes
    if held.only is Kind.NUMBER and numbers is not None:
        numbers, codes = extreme.reduceat(numbers, begins), None
    elif held.only is Kind.TEXT and codes is not None:
        numbers, codes = None, extreme.reduceat(codes, begins)
    else:
        by = np.lexsort(
            (
                np.zeros(len(held)) if codes is None else codes,
                np.zeros(len(held)) if numbers is None else numbers,
                CLASSES[held.kinds],
                held.frames,
            )
        )
        picked = by[np.append(begins[1:], len(held)) - 1 if greatest else begins]
        kinds = held.kinds[picked]
        numbers = None if numbers is None else numbers[picked]
        codes = None if codes is None else codes[picked]
    return Held(held.frames[begins], held.owners[begins], kinds, numbers, codes, held.texts)
