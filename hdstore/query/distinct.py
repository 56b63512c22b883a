"""Which different values a property has in some frames, across segments, and which owner holds which.

Values stand in one order: numbers, texts by code points, false, true; behind them the lack of a value. Each segment has
dictionaries of its own, so texts are told apart by their bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hdstore.index import Bools, Floats, Kind, Rows
from hdstore.query.arranging import Pile, TextKey, arrange
from hdstore.query.columnar import ReadFrames
from hdstore.query.counted import Counted
from hdstore.query.properties import Held, Property, frames_of, owners_in, values_in

__all__ = ["Chunk", "Distinct", "Gathered", "Value", "chunks_of", "gather", "pairs"]

Value: TypeAlias = str | int | float | bool
"""A value of a property; a number that is whole is an int."""

_FEW = 1 << 16
"""Up to so many numbers, looking for each is faster than sorting what is looked for."""


class Distinct:
    """The different values of some ``Held``, by their places in the order of values."""

    def __init__(self, helds: Sequence[Held]) -> None:
        self._helds = helds
        parts = [_numbers(held) for held in helds]
        # Adding 0 makes one zero of both. Sorted values alone are found much faster than with where each came from.
        self._numbers = np.unique(np.concatenate([np.empty(0), *map(np.unique, parts)]) + 0.0)
        self._used = [_codes_used(held) for held in helds]
        self._text_places, self._firsts = self._merge()
        self._booleans = [
            kind
            for kind in (Kind.FALSE, Kind.TRUE)
            if any(bool((held.kinds == kind).any()) for held in helds)
        ]

    def _merge(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Puts all strings that occur in order; returns the place of each, and one that stands at each place."""
        count = sum(map(len, self._used))
        pile = Pile(count)
        begin = 0
        for held, codes in zip(self._helds, self._used, strict=True):
            if held.texts is not None:
                pile.add(slice(begin, begin + len(codes)), codes, held.texts)
            begin += len(codes)
        by, groups = arrange(np.arange(count), [TextKey(pile)])
        first = np.ones(count, np.bool_)
        first[1:] = groups[1:] != groups[:-1]
        places = np.empty(count, np.int32)
        places[by] = np.cumsum(first, dtype=np.int32) - 1
        return places, by[first]

    def __len__(self) -> int:
        return len(self._numbers) + len(self._firsts) + len(self._booleans)

    def __getitem__(self, place: int) -> Value:
        if place < len(self._numbers):
            number = float(self._numbers[place])
            return int(number) if number.is_integer() and abs(number) < 2**53 else number
        place -= len(self._numbers)
        if place >= len(self._firsts):
            return self._booleans[place - len(self._firsts)] is Kind.TRUE
        at = int(self._firsts[place])
        number = int(np.searchsorted(self._ends, at, side="right"))
        texts = self._helds[number].texts
        assert texts is not None, "only those with a dictionary have strings"
        return texts[int(self._used[number][at - (self._ends[number] - len(self._used[number]))])]

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        return np.cumsum([len(codes) for codes in self._used], dtype=np.int64)

    def places(self, number: int) -> Rows:
        """Returns the place of each value of the ``Held`` of this number."""
        held, used = self._helds[number], self._used[number]
        found = np.empty(len(held), np.int32)
        numbers = _numbers(held)
        if len(numbers):
            found[held.kinds == Kind.NUMBER] = _find(self._numbers, numbers)
        if len(used) and held.codes is not None and held.texts is not None:
            end = int(self._ends[number])
            table = np.zeros(len(held.texts), np.int32)
            table[used] = self._text_places[end - len(used) : end] + np.int32(len(self._numbers))
            if held.only is Kind.TEXT:
                return table[held.codes]
            texts = held.kinds == Kind.TEXT
            found[texts] = table[held.codes[texts]]
        for place, kind in enumerate(self._booleans, len(self._numbers) + len(self._firsts)):
            found[held.kinds == kind] = place
        return found


def _numbers(held: Held) -> Floats:
    if held.numbers is None:
        return np.empty(0)
    return held.numbers if held.only is Kind.NUMBER else held.numbers[held.kinds == Kind.NUMBER]


def _find(values: Floats, wanted: Floats) -> NDArray[np.intp]:
    """Returns the places of numbers among the ascending ``values``, all of which are there."""
    if len(values) < _FEW:
        return np.searchsorted(values, wanted)
    own, places = np.unique(wanted, return_inverse=True)
    return np.searchsorted(values, own)[places]


def _codes_used(held: Held) -> Rows:
    if held.codes is None:
        return np.empty(0, np.int32)
    codes = held.codes if held.only is Kind.TEXT else held.codes[held.kinds == Kind.TEXT]
    return np.flatnonzero(np.bincount(codes)).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Gathered:
    """The values of a property in some frames, as they stand in the index, and the owners that have none.

    Each with the number of the part of what was found that they belong to.
    """

    held: list[tuple[int, Held]]
    lacking: list[tuple[int, Rows]]

    def select(self, numbers: bool) -> Gathered:
        """Returns only the numbers, or only the other values; who lacks a value stays the same."""
        kept = []
        for number, held in self.held:
            mask = (held.kinds == Kind.NUMBER) == numbers
            if mask.any():
                kept.append((number, held if mask.all() else held.take(mask)))
        return Gathered(kept, self.lacking)


def gather(counted: Counted, wanted: Property, read: ReadFrames | None) -> Gathered:
    """Returns the values of a property; annotations that do not count neither hold nor lack one."""
    gathered = Gathered([], [])
    for number, ((segment, rows), marks) in enumerate(zip(counted.found.parts, counted.marks, strict=True)):
        found = values_in(segment, rows, wanted, read, marks)
        gathered.held.extend((number, held) for held in found)
        owners = owners_in(segment, rows, wanted, marks)
        if found:
            without = np.zeros(segment.count(wanted.scope), np.bool_)
            without[owners] = True
            for held in found:
                without[held.owners] = False
            owners = np.flatnonzero(without).astype(np.int32)
        if len(owners):
            gathered.lacking.append((number, owners))
    return gathered


@dataclass(frozen=True, eq=False)
class Chunk:
    """Owners in the part ``number`` of what was found, their frames (both ascend), and the place of each one's value.

    A pair of frame and place stands in one chunk only.
    """

    number: int
    frames: Rows
    owners: Rows
    places: Rows


def chunks_of(gathered: Gathered, counted: Counted, wanted: Property) -> tuple[Distinct, list[Chunk]]:
    """Returns the different values, and who holds which; who lacks one holds the place behind all of them."""
    values = Distinct([held for _, held in gathered.held])
    chunks = [
        Chunk(number, held.frames, held.owners, values.places(place))
        for place, (number, held) in enumerate(gathered.held)
    ]
    for number, owners in gathered.lacking:
        frames = frames_of(counted.found.parts[number][0], wanted.scope, owners)
        chunks.append(Chunk(number, frames, owners, np.full(len(owners), len(values), np.int32)))
    return values, chunks


def pairs(holders: Rows, places: Rows, count: int) -> Bools | NDArray[np.intp] | slice:
    """Returns which entries to take so that each pair of holder and place is there once; there are ``count`` places.

    Holders ascend.
    """
    follows = holders[1:] == holders[:-1]
    if not follows.any():
        return slice(None)
    narrow = places.astype(np.uint16) if count <= 1 << 16 else places  # sorted by radix, which is faster
    by = np.argsort(narrow, kind="stable")
    holders, places = holders[by], places[by]
    first = np.ones(len(by), np.bool_)
    first[1:] = (holders[1:] != holders[:-1]) | (places[1:] != places[:-1])
    return by[first]
