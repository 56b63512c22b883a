"""Putting positions in order by several keys: all of them, or only those of one window of the order.

Positions are numbers from 0 that stand for frames (or strings). A key gives their values step by step, as arrays of
numbers: strings by a few bytes at a time, so that a million of them are sorted without making one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hdstore.index import Rows, Texts

__all__ = ["Key", "NumberKey", "Pile", "Positions", "TextKey", "Values", "arrange", "window"]

Positions: TypeAlias = NDArray[np.int64]
Values: TypeAlias = NDArray[Any]
"""Numbers of any kind that compare as what they stand for."""

_FEW = 4096
"""So many positions are put in order at once, whatever part of them is asked for."""

_BYTES = 7
"""Bytes of a string that one number holds; its lowest byte says how many of them the string has."""


class Key(Protocol):
    """What positions are compared by."""

    def values(self, step: int, positions: Positions) -> Values | None:
        """Returns the numbers to compare at a step, or None where positions equal so far are equal in the end."""


class NumberKey:
    """A number for each position."""

    def __init__(self, numbers: Values) -> None:
        self._numbers = numbers

    def values(self, step: int, positions: Positions) -> Values | None:
        """Returns the numbers at step 0."""
        return self._numbers[positions] if step == 0 else None


class Pile:
    """Strings of several dictionaries by position; a position without one has the empty string.

    ``whole`` says that chunks are to hold also what all strings begin with.
    """

    def __init__(self, count: int, *, whole: bool = False) -> None:
        self._begins = np.zeros(count, np.int64)
        self._lengths = np.zeros(count, np.int64)
        self._blocks: list[NDArray[np.uint8]] = []
        self._size = 0
        self._shared = b"" if whole else None
        self._windows: NDArray[np.uint8] | None = None

    def add(self, places: slice | Positions, codes: Rows, texts: Texts) -> None:
        """Adds the strings of one dictionary for ``places``; the code -1 adds none."""
        starts, data = texts.layout
        if not len(data) or (codes < 0).any():
            self._shared = b""
        if not len(data):
            return
        given = np.maximum(codes, 0)
        begins = starts[given]
        lengths = starts[given + 1] - begins
        lengths[codes < 0] = 0
        self._begins[places] = begins + self._size
        self._lengths[places] = lengths
        self._blocks.append(data)
        self._size += len(data)
        self._share(texts)

    def _share(self, texts: Texts) -> None:
        """Keeps the bytes with which all strings begin; those of a dictionary lie between its first and last."""
        first, last = texts.raw(0), texts.raw(len(texts) - 1)
        for other in (last,) if self._shared is None else (last, self._shared):
            size = min(len(first), len(other))
            same = next((n for n in range(size) if first[n] != other[n]), size)
            first = first[:same]
        self._shared = first

    def chunk(self, step: int, positions: Positions) -> NDArray[np.uint64] | None:
        """Returns the next bytes of the strings as numbers, or None where no string has more."""
        offset = len(self._shared or b"") + step * _BYTES
        rest = self._lengths[positions] - offset
        if not len(rest) or rest.max() <= 0:
            return None
        if self._windows is None:
            data = np.concatenate([*self._blocks, np.zeros(8, np.uint8)])
            self._windows = np.lib.stride_tricks.sliding_window_view(data, 8)
        np.clip(rest, 0, _BYTES + 1, out=rest)
        places = np.minimum(self._begins[positions] + offset, len(self._windows) - 1)
        found = self._windows[places].view(">u8")[:, 0].astype(np.uint64) >> np.uint64(8)
        spare = (np.maximum(_BYTES - rest, 0) * 8).astype(np.uint64)
        return (found >> spare << spare << np.uint64(8)) | rest.astype(np.uint64)


class TextKey:
    """A string for each position, by code points; with ``descending``, the other way round."""

    def __init__(self, pile: Pile, *, descending: bool = False) -> None:
        self._pile = pile
        self._descending = descending

    def values(self, step: int, positions: Positions) -> Values | None:
        """Returns a few bytes of the strings."""
        found = self._pile.chunk(step, positions)
        return ~found if found is not None and self._descending else found


def arrange(positions: Positions, keys: Sequence[Key], *, step: int = 0) -> tuple[Positions, Positions]:
    """Returns positions in the order of the keys, and for each the place in it where those equal to it begin.

    ``step`` is where the first key goes on. What is equal by all keys comes in any order.
    """
    order = positions.copy()
    groups = np.zeros(len(order), np.int64)
    active = np.arange(len(order))
    for key in keys:
        while len(active) > 1:
            values = key.values(step, order[active])
            if values is None:
                break
            step += 1
            active = _refine(order, groups, active, values)
        step = 0
    return order, groups


def _refine(order: Positions, groups: Positions, active: Positions, values: Values) -> Positions:
    """Orders the places ``active`` by their groups and values, in place; returns those that are still equal to others.

    The places of a group stand next to each other.
    """
    own = groups[active]
    by = np.argsort(values, kind="stable") if own[0] == own[-1] else np.lexsort((values, own))
    order[active] = order[active][by]
    values = values[by]
    first = np.ones(len(active), np.bool_)
    first[1:] = (values[1:] != values[:-1]) | (own[1:] != own[:-1])
    begins = np.flatnonzero(first)
    sizes = np.diff(begins, append=len(active))
    groups[active] = np.repeat(active[begins], sizes)
    return active[np.repeat(sizes > 1, sizes)]


def window(positions: Positions, keys: Sequence[Key], begin: int, end: int) -> Positions:
    """Returns the positions at ``begin`` up to ``end`` of their order, without ordering all where few are asked for.

    The last key has to tell all positions apart.
    """
    return np.concatenate([np.empty(0, np.int64), *_pieces(positions, keys, 0, begin, end)])


def _pieces(
    positions: Positions, keys: Sequence[Key], step: int, begin: int, end: int
) -> Iterator[Positions]:
    """Yields the positions of a window in order, in pieces; the first key goes on at ``step``."""
    end = min(end, len(positions))
    while begin < end:
        if len(positions) <= _FEW or (end - begin) * 4 > len(positions):
            yield arrange(positions, keys, step=step)[0][begin:end]
            return
        values = keys[0].values(step, positions) if keys else None
        if values is None:
            if not keys:
                yield positions[begin:end]
                return
            keys, step = keys[1:], 0
            continue
        parted = np.partition(values, (begin, end - 1))
        low, high = parted[begin], parted[end - 1]
        before = int(np.count_nonzero(values < low))
        positions_low = positions[values == low]
        if low == high:
            positions, begin, end, step = positions_low, begin - before, end - before, step + 1
            continue
        yield from _pieces(positions_low, keys, step + 1, begin - before, len(positions_low))
        between = positions[(values > low) & (values < high)]
        yield arrange(between, keys, step=step)[0]
        positions_high = positions[values == high]
        before = len(positions) - len(positions_high) - int(np.count_nonzero(values > high))
        positions, begin, end, step = positions_high, 0, end - before, step + 1
