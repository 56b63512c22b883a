"""How large annotations are and where they lie, for many at once: the numbers of ``model.measure``, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter

import numpy as np

from hdstore.errors import InvalidValueError
from hdstore.index.columns import TOLERANCE, Bools, Floats
from hdstore.model import Box, Geometry, Polygon
from hdstore.model.measure import area, bounding_box

__all__ = ["Outlines", "outlines"]

_EPSILON = float(np.finfo(np.float64).eps)

_corner_and_size = attrgetter("x", "y", "w", "h")


class Outlines:
    """Bounds and areas of annotations, in order, gathered by many at a time."""

    def __init__(self) -> None:
        self._found: list[Floats] = []
        self._exact = True

    def extend(self, geometries: Sequence[Geometry | None]) -> None:
        """Adds the geometries of the next annotations."""
        found, exact = outlines(geometries)
        self._found.append(found)
        self._exact &= exact

    def finish(self) -> tuple[Floats, bool]:
        """Returns what ``outlines`` does of all of them."""
        return np.concatenate([np.empty((5, 0)), *self._found], axis=1), self._exact


def outlines(geometries: Sequence[Geometry | None]) -> tuple[Floats, bool]:
    """Returns x, y, w, h and area of each geometry (5 x n, NaN where there is none), and whether areas are exact.

    The area of a polygon of one ring may differ from what ``measure.area`` says, by ``TOLERANCE`` of itself, or by
    ``TOLERANCE`` where that is more; all other numbers are the same.
    """
    found = np.full((5, len(geometries)), np.nan)
    boxes: list[int] = []
    rings: list[int] = []
    for row, geometry in enumerate(geometries):
        if type(geometry) is Box and not geometry.angle:
            boxes.append(row)
        elif type(geometry) is Polygon and len(geometry.rings) == 1 and _is_ring(geometry.rings[0]):
            rings.append(row)
        elif geometry is not None:
            found[:, row] = _outline(geometry)
    if boxes:
        flat = chain.from_iterable(map(_corner_and_size, map(geometries.__getitem__, boxes)))
        x, y, w, h = np.fromiter(flat, np.float64, 4 * len(boxes)).reshape(-1, 4).T
        with np.errstate(over="ignore", invalid="ignore"):
            found[:, boxes] = (
                np.minimum(x, x + w),
                np.minimum(y, y + h),
                np.abs(w),
                np.abs(h),
                np.abs(w * h),
            )
    if rings:
        found[:, rings], sure = _ring_outlines([geometries[row].rings[0] for row in rings])  # type: ignore[union-attr]
        for place in np.flatnonzero(~sure).tolist():
            found[:, rings[place]] = _outline(geometries[rings[place]])
    return found, not rings


def _is_ring(ring: tuple[float, ...]) -> bool:
    return len(ring) >= 6 and len(ring) % 2 == 0


def _outline(geometry: Geometry | None) -> tuple[float, ...]:
    nan = float("nan")
    try:
        bounds, size = bounding_box(geometry), area(geometry)
    except (InvalidValueError, ArithmeticError, IndexError):
        # A mask whose runs can not be read has neither, nor what breaks the rules otherwise; that is for fsck to find.
        return (nan,) * 5
    return (*(bounds or (nan,) * 4), nan if size is None else size)


def _ring_outlines(rings: list[tuple[float, ...]]) -> tuple[Floats, Bools]:
    """Returns x, y, w, h and area of flat rings of three points and more (5 x n), and which areas are near enough."""
    counts = np.fromiter(map(len, rings), np.int64, len(rings)) >> 1
    ends = np.cumsum(counts)
    starts = ends - counts
    points = np.fromiter(chain.from_iterable(rings), np.float64, 2 * int(ends[-1])).reshape(-1, 2)
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
