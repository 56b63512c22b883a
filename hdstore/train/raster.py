"""Geometry as pixels: masks of booleans, by the centres of the pixels that lie inside.

A pixel belongs to a figure when its centre does. Rings follow the even-odd rule, as everywhere in hdstore. Figures that
share an edge share no pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hdstore.errors import InvalidValueError
from hdstore.geometry import MAX_MASK_PIXELS, box_corners, decode_counts, flat, rle_runs
from hdstore.model import Box, Ellipse, Geometry, Polygon, Rle

__all__ = ["Pixels", "equal_pixels", "mask_bounds", "mask_of"]

Pixels: TypeAlias = NDArray[np.bool_]
"""A mask of shape (height, width)."""


def mask_of(geometry: Geometry | None, *, height: int, width: int) -> Pixels | None:
    """Returns the pixels of a geometry in a picture of this size, or None for kinds that cover none.

    Points, kinds in space and labels without geometry cover none; a mask value lies in a picture of its own.

    Raises:
        InvalidValueError: a run-length mask of another size than the picture, or whose runs can not be read; or a
            picture of too many pixels.
    """
    if height * width > MAX_MASK_PIXELS:
        raise InvalidValueError(
            f"A mask of {width} x {height} pixels is not made; at most {MAX_MASK_PIXELS} pixels are."
        )
    match geometry:
        case Box():
            corners = box_corners(geometry.x, geometry.y, geometry.w, geometry.h, angle=geometry.angle)
            return _rings_mask((flat(corners),), height, width)
        case Polygon():
            return _rings_mask(geometry.rings, height, width)
        case Ellipse():
            return _ellipse_mask(geometry, height, width)
        case Rle():
            return _rle_mask(geometry, height, width)
        case _:
            return None


def mask_bounds(mask: Pixels) -> tuple[int, int, int, int] | None:
    """Returns the smallest rectangle (x, y, w, h) around the set pixels, or None where none is set."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return None
    columns = np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    return left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1


def equal_pixels(values: NDArray[np.int64], wanted: tuple[int, ...]) -> Pixels:
    """Returns where the picture of a mask has a value; one number and a colour of three equal parts are the same."""
    if values.ndim == 2:
        grey: Pixels = values == (wanted[0] if len(set(wanted[:3])) == 1 else -1)
        return grey
    colour = wanted * 3 if len(wanted) == 1 else wanted
    parts = min(len(colour), values.shape[2])
    same: Pixels = (values[..., :parts] == np.array(colour[:parts])).all(axis=2)
    return same


def _rings_mask(rings: Sequence[Sequence[float]], height: int, width: int) -> Pixels:
    # Along each row, an edge flips all pixels to the left of where it crosses the row's middle.
    flips = np.zeros((height, width + 1), dtype=np.uint8)
    centres = np.arange(width) + 0.5
    for ring in rings:
        points = np.array(ring, dtype=np.float64).reshape(-1, 2)
        for (x0, y0), (x1, y1) in zip(np.roll(points, 1, axis=0).tolist(), points.tolist(), strict=True):
            first = _first_centre(min(y0, y1), height)
            last = _first_centre(max(y0, y1), height)
            if first == last:
                continue
            rows = np.arange(first, last)
            crossings = (x1 - x0) * ((rows + 0.5 - y0) / (y1 - y0)) + x0
            flips[rows, np.searchsorted(centres, crossings)] ^= 1
    parity = np.bitwise_xor.accumulate(flips[:, :0:-1], axis=1)[:, ::-1]
    inside: Pixels = parity.astype(np.bool_)
    return inside


def _first_centre(y: float, height: int) -> int:
    """Returns the first row whose middle does not lie above ``y``, at most ``height``."""
    return min(max(math.ceil(y - 0.5), 0), height)


def _ellipse_mask(ellipse: Ellipse, height: int, width: int) -> Pixels:
    mask = np.zeros((height, width), dtype=np.bool_)
    rx, ry = abs(ellipse.rx), abs(ellipse.ry)
    if not rx or not ry:
        return mask
    reach = math.hypot(rx, ry)
    left, right = (min(max(int(x), 0), width) for x in (ellipse.cx - reach, ellipse.cx + reach + 1))
    top, bottom = (min(max(int(y), 0), height) for y in (ellipse.cy - reach, ellipse.cy + reach + 1))
    dx = np.arange(left, right)[None, :] + 0.5 - ellipse.cx
    dy = np.arange(top, bottom)[:, None] + 0.5 - ellipse.cy
    cos, sin = math.cos(ellipse.theta), math.sin(ellipse.theta)
    with np.errstate(over="ignore"):
        along, across = (dx * cos + dy * sin) / rx, (dy * cos - dx * sin) / ry
        mask[top:bottom, left:right] = along * along + across * across < 1
    return mask


def _rle_mask(rle: Rle, height: int, width: int) -> Pixels:
    if (rle.height, rle.width) != (height, width):
        raise InvalidValueError(
            f"A run-length mask of {rle.width} x {rle.height} pixels does not fit a picture of {width} x {height}."
        )
    columns = np.zeros(height * width, dtype=np.bool_)
    for start, length in rle_runs(decode_counts(rle.counts, height=height, width=width)):
        columns[start : start + length] = True
    return np.ascontiguousarray(columns.reshape(width, height).T)
