"""The order of frames: by fields, by what is counted in them, by what is known of them from elsewhere; page by page.

Values come in one order, whatever they are: numbers, then texts by code points, then false, then true. Frames without
a value come last, ascending or descending. Where a frame has several values, the smallest counts, or the greatest when
the order descends. What is equal by all keys comes by context, timestamp and id. Numbers compare as float64.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdstore.errors import InvalidInputError
from hdstore.index import Rows, VersionRows
from hdstore.query.arranging import Positions, arrange, window
from hdstore.query.columnar import ReadFrames
from hdstore.query.found import Found
from hdstore.query.properties import Property, as_found, property_of
from hdstore.query.runs import Run
from hdstore.query.sortkeys import (
    COUNTS,
    Numbers,
    SortKey,
    column_key,
    field_key,
    is_value,
    number_key,
)

__all__ = ["OrderBy", "Ordered", "Page", "order", "order_keys", "sequential"]

_SHORT = {"height": "sources.0.height", "width": "sources.0.width"}

_TIES = ("frame.context_id", "frame.timestamp", "frame.id")

_SELECTED = 8
"""So many pages are selected one by one; then all is put in order, and further pages cost nothing."""


@dataclass(frozen=True, slots=True)
class OrderBy:
    """One key of an order: a field of the query language, ``height`` or ``width`` of the first source, or a count.

    Counts are ``annotation_count``, ``source_count`` and ``label_count`` (different labels). With ``numbers`` the name
    only says what these mean, such as the time of the last update.
    """

    name: str
    descending: bool = False
    numbers: Numbers | None = None


def order(
    rows: VersionRows | Found,
    by: str | OrderBy | Sequence[str | OrderBy] = (),
    *,
    descending: bool = False,
    read: ReadFrames | None = None,
) -> Ordered:
    """Returns frames in the order of some keys; ``descending`` is for those given as text (row 137).

    ``read`` decodes frames: those that pages are asked for, and those whose values the index does not hold.

    Raises:
        QuerySyntaxError: a key names no field.
        InvalidInputError: a key has no value of its own, or frames would have to be read.
    """
    keys = order_keys(by, descending=descending)
    found = as_found(rows)
    return Ordered(found, keys, [_key(found, key, read) for key in keys], read)


def order_keys(
    by: str | OrderBy | Sequence[str | OrderBy], *, descending: bool = False
) -> tuple[OrderBy, ...]:
    """Returns the keys of an order, each of a name that can be ordered by; raises as ``order``."""
    given = [by] if isinstance(by, str | OrderBy) else by
    keys = tuple(key if isinstance(key, OrderBy) else OrderBy(key, descending) for key in given)
    for key in keys:
        _source_of(key)
    return keys


def _source_of(by: OrderBy) -> Numbers | Property:
    """Returns where the values of a key come from."""
    return by.numbers or COUNTS.get(by.name) or property_of(_SHORT.get(by.name, by.name))


def _key(found: Found, by: OrderBy, read: ReadFrames | None) -> SortKey:
    source = _source_of(by)
    if isinstance(source, Property):
        return field_key(found, source, read, descending=by.descending)
    return number_key(found, source, descending=by.descending)


def sequential(rows: VersionRows | Found, *, read: ReadFrames | None = None) -> Ordered:
    """Returns frames by context, timestamp and id: the order in which views give them (row 114)."""
    return order(rows, read=read)


@dataclass(frozen=True, eq=False, kw_only=True)
class Page(Run):
    """A run of frames of an order; ``start`` is the place of its first one among ``total``.

    ``cursor`` goes on behind its last one; None: there are no more.
    """

    start: int
    total: int
    cursor: str | None


class Ordered:
    """Frames in an order that is worked out as far as it is asked for; safe to share between threads."""

    def __init__(
        self, found: Found, by: Sequence[OrderBy], keys: Sequence[SortKey], read: ReadFrames | None
    ) -> None:
        self.found = found
        self.by = tuple(by)
        self.segments = tuple(segment for segment, _ in found.parts)
        self._own_keys = tuple(keys)
        self._read = read
        self._selected = 0

    def __len__(self) -> int:
        return len(self.found)

    @cached_property
    def _keys(self) -> tuple[SortKey, ...]:
        return (*self._own_keys, *(column_key(self.found, name) for name in _TIES))

    # All of it

    @cached_property
    def positions(self) -> Positions:
        """All frames in order, by their positions among those that were found, segment after segment."""
        return arrange(np.arange(len(self)), self._keys)[0]

    @cached_property
    def numbers(self) -> Rows:
        """The place of each frame's segment in ``segments``, in order."""
        return self._numbers_of(self.positions)

    @cached_property
    def rows(self) -> Rows:
        """The row of each frame in its segment, in order."""
        return self._rows_of(self.positions)

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        return np.cumsum([len(rows) for _, rows in self.found.parts], dtype=np.int64)

    @cached_property
    def _found_rows(self) -> Rows:
        return np.concatenate([np.empty(0, np.int32), *(rows for _, rows in self.found.parts)])

    def run(self, positions: Positions) -> Run:
        """Returns the frames at some positions, in the order of these."""
        return Run(self.segments, self._numbers_of(positions), self._rows_of(positions), self._read)

    def _numbers_of(self, positions: Positions) -> Rows:
        return np.searchsorted(self._ends, positions, side="right").astype(np.int32)

    def _rows_of(self, positions: Positions) -> Rows:
        return self._found_rows[positions]

    # Pages

    def page(self, start: int, size: int) -> Page:
        """Returns up to ``size`` frames from the place ``start`` on, without ordering all of them for it.

        Raises:
            InvalidInputError: a place or size below 0.
        """
        if start < 0 or size < 0:
            raise InvalidInputError(
                f"A page begins at 0 or later and holds 0 or more, not {start} and {size}."
            )
        end = min(start + size, len(self))
        if "positions" in self.__dict__ or self._selected >= _SELECTED:
            positions = self.positions[start:end]
        else:
            self._selected += 1
            positions = window(np.arange(len(self)), self._keys, start, end)
        more = len(positions) > 0 and end < len(self)
        return Page(
            segments=self.segments,
            numbers=self._numbers_of(positions),
            rows=self._rows_of(positions),
            read=self._read,
            start=start,
            total=len(self),
            cursor=self._cursor(int(positions[-1])) if more else None,
        )

    def after(self, cursor: str, size: int) -> Page:
        """Returns up to ``size`` frames behind the place that a cursor marks (row 132).

        The cursor may come from the same order over other frames: this goes on behind the frame shown last, whatever
        was added or removed meanwhile.

        Raises:
            InvalidInputError: the cursor is none, or one of another order.
        """
        return self.page(self._place_behind(self._read_cursor(cursor)), size)

    def _name(self) -> list[str]:
        return [f"{'-' if key.descending else ''}{key.name}" for key in self.by]

    def _cursor(self, position: int) -> str:
        at = [key.at(position) for key in self._keys]
        return json.dumps([self._name(), at], ensure_ascii=False, separators=(",", ":"))

    def _read_cursor(self, cursor: str) -> list[Any]:
        try:
            name, at = json.loads(cursor)
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidInputError(f"{cursor!r} is not the cursor of a page.") from error
        if name != self._name():
            raise InvalidInputError(f"{cursor!r} is a cursor of another order than {self._name()}.")
        if not isinstance(at, list) or len(at) != len(self._keys) or not all(map(is_value, at)):
            raise InvalidInputError(f"{cursor!r} is not the cursor of a page.")
        return at

    def _place_behind(self, values: Sequence[Any]) -> int:
        """Returns how many frames come before one with these values, itself included."""
        equal = np.ones(len(self), np.bool_)
        before = 0
        for key, value in zip(self._keys, values, strict=True):
            less, same = key.compare(value)
            before += int(np.count_nonzero(equal & less))
            equal &= same
        return before + int(np.count_nonzero(equal))
