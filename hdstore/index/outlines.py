"""How large annotations are and where they lie, for many at once: the numbers of ``model.measure``, as arrays."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from hdstore.errors import InvalidValueError
from hdstore.index.columns import TOLERANCE, Bools, Floats
from hdstore.model import Box, Geometry, Polygon
from hdstore.model.measure import area, bounding_box

__all__ = ["Outlines"]

_EPSILON = float(np.finfo(np.float64).eps)

_AT_ONCE = 1 << 16
"""Coordinates that are measured at once: enough that starting on them is worth it, few enough to hold aside."""

_corner_and_size = attrgetter("x", "y", "w", "h")


class Outlines:
    """Bounds and areas of annotations in order: x, y, w, h and area of each geometry, NaN where there is none.

    The area of a polygon of one ring may differ from what ``measure.area`` says, by ``TOLERANCE`` of itself, or by
    ``TOLERANCE`` where that is more; all other numbers are the same.
    """

    def __init__(self) -> None:
        self._done: list[Floats] = []
        self._exact = True
        self._begin()

    def _begin(self) -> None:
        self._count = 0
        self._boxes: list[int] = []
        self._box_numbers = bytearray()
        self._rings: list[int] = []
        self._ring_counts: list[int] = []
        self._ring_numbers = bytearray()
        self._others: dict[int, tuple[float, ...]] = {}

    def extend(self, geometries: Sequence[Geometry | None]) -> None:
        """Adds the geometries of the next annotations; the numbers of most are set aside, to be measured together."""
        boxes: list[Geometry] = []
        rings: list[tuple[float, ...]] = []
        for row, geometry in enumerate(geometries, self._count):
            kind = type(geometry)
            if kind is Box and not geometry.angle:  # type: ignore[union-attr]
                self._boxes.append(row)
                boxes.append(geometry)  # type: ignore[arg-type]
            elif kind is Polygon and len(geometry.rings) == 1 and _is_ring(geometry.rings[0]):  # type: ignore[union-attr]
                self._rings.append(row)
                rings.append(geometry.rings[0])  # type: ignore[union-attr]
            elif geometry is not None:
                self._others[row] = _outline(geometry)
        self._count += len(geometries)
        self._box_numbers += _packed(chain.from_iterable(map(_corner_and_size, boxes)), 4 * len(boxes))
        counts = [len(ring) for ring in rings]
        self._ring_counts += counts
        self._ring_numbers += _packed(chain.from_iterable(rings), sum(counts))
        if len(self._ring_numbers) + len(self._box_numbers) > 8 * _AT_ONCE:
            self._measure()

    def _measure(self) -> None:
        """Measures what was set aside."""
        found = np.full((5, self._count), np.nan)
        for row, numbers in self._others.items():
            found[:, row] = numbers
        if self._boxes:
            found[:, self._boxes] = _box_outlines(np.frombuffer(self._box_numbers).reshape(-1, 4))
        if self._rings:
            points = np.frombuffer(self._ring_numbers).reshape(-1, 2)
            counts = np.array(self._ring_counts) >> 1
            found[:, self._rings], sure = _ring_outlines(points, counts)
            ends = np.cumsum(counts)
            for place in np.flatnonzero(~sure).tolist():
                ring = points[ends[place] - counts[place] : ends[place]].ravel().tolist()
                found[:, self._rings[place]] = _outline(Polygon(rings=(tuple(ring),)))
            self._exact = False
        self._done.append(found)
        self._begin()

    def finish(self) -> tuple[Floats, bool]:
        """Returns the numbers (5 x n), and whether areas are exact."""
        self._measure()
        return np.concatenate(self._done, axis=1), self._exact


def _packed(numbers: Iterable[float], count: int) -> bytes:
    return struct.pack(f"={count}d", *numbers)


def _is_ring(ring: tuple[float, ...]) -> bool:
    return len(ring) >= 6 and len(ring) % 2 == 0


def _box_outlines(boxes: Floats) -> tuple[Floats, ...]:
    """Returns x, y, w, h and area of upright boxes (n x 4)."""
    x, y, w, h = boxes.T
    with np.errstate(over="ignore", invalid="ignore"):
        return np.minimum(x, x + w), np.minimum(y, y + h), np.abs(w), np.abs(h), np.abs(w * h)


def _outline(geometry: Geometry | None) -> tuple[float, ...]:
    nan = float("nan")
    try:
        bounds, size = bounding_box(geometry), area(geometry)
    except (InvalidValueError, ArithmeticError, IndexError):
        # A mask whose runs can not be read has neither, nor what breaks the rules otherwise; that is for fsck to find.
        return (nan,) * 5
    return (*(bounds or (nan,) * 4), nan if size is None else size)


def _ring_outlines(points: Floats, counts: NDArray[np.int64]) -> tuple[Floats, Bools]:
    """Returns x, y, w, h and area of rings of three points and more (5 x n), and which areas are near enough.

    ``points`` (n x 2) are those of all rings, ``counts`` says how many each has.
    """
    ends = np.cumsum(counts)
    starts = ends - counts
    low = np.minimum.reduceat(points, starts, axis=0)
    high = np.maximum.reduceat(points, starts, axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        # Measured from each ring's first point: far from the origin the products of whole coordinates would cancel.
        local = points - np.repeat(points[starts], counts, axis=0)
        following = np.roll(local, -1, axis=0)
        following[ends - 1] = 0.0
        left, right = local[:, 0] * following[:, 1], following[:, 0] * local[:, 1]
        area = np.abs(np.add.reduceat(left - right, starts) / 2)
        # Each of the sums, ours and that of ``measure.area``, is off by no more than this.
        error = np.add.reduceat(np.abs(left) + np.abs(right), starts) * (counts + 2) * _EPSILON
        sure = 2 * error <= TOLERANCE * np.maximum(area, 1.0) / 2
        return np.column_stack((low, high - low, area)).T, sure
