"""The numbers of one YOLO line, from a geometry in pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hdstore.formats.base import Warnings
from hdstore.formats.outline import mask_rings, stitched, turned
from hdstore.geometry import box_corners, ellipse_ring, flat
from hdstore.model import Box, Ellipse, Geometry, Polygon, Rle
from hdstore.model.measure import bounding_box

__all__ = ["label_line"]

_SLACK = 1e-9
"""How far over the edge a number may be by rounding alone."""


def label_line(
    geometry: Geometry | None, size: tuple[int, int], *, segment: bool, warnings: Warnings, where: str
) -> str | None:
    """Returns the numbers of a line, or None for what has no line; what is lost is counted.

    Raises:
        InvalidValueError: a run-length mask whose runs can not be read.
    """
    if not isinstance(geometry, Box | Ellipse | Polygon | Rle):
        warnings.add("annotations without a box or outline, left out", where)
        return None
    return _segment(geometry, size, warnings, where) if segment else _box(geometry, size, warnings, where)


def _box(
    geometry: Box | Ellipse | Polygon | Rle, size: tuple[int, int], warnings: Warnings, where: str
) -> str | None:
    bounds = bounding_box(geometry)
    if bounds is None:
        warnings.add("annotations that enclose nothing, left out", where)
        return None
    if not isinstance(geometry, Box) or geometry.angle:
        kind = {Box: "turned boxes", Ellipse: "ellipses", Polygon: "polygons", Rle: "masks"}[type(geometry)]
        warnings.add(f"{kind}, of which the bounding boxes were written", where)
    x, y, w, h = bounds
    numbers = ((x + w / 2) / size[0], (y + h / 2) / size[1], w / size[0], h / size[1])
    if not _fits(numbers):
        right, bottom = min(x + w, size[0]), min(y + h, size[1])
        x, y = max(x, 0.0), max(y, 0.0)
        w, h = right - x, bottom - y
        if w < 0 or h < 0:
            warnings.add("annotations outside of their image, left out", where)
            return None
        warnings.add("annotations that reach over the edge of their image, cut", where)
        numbers = ((x + w / 2) / size[0], (y + h / 2) / size[1], w / size[0], h / size[1])
    return _text(numbers)


def _segment(
    geometry: Box | Ellipse | Polygon | Rle, size: tuple[int, int], warnings: Warnings, where: str
) -> str | None:
    rings: Sequence[tuple[float, ...]]
    match geometry:
        case Box():
            warnings.add("boxes, written as polygons of four points", where)
            rings = (flat(box_corners(geometry.x, geometry.y, geometry.w, geometry.h, angle=geometry.angle)),)
        case Ellipse():
            warnings.add("ellipses, written as polygons of 64 points", where)
            turn = geometry.theta
            rings = (ellipse_ring(geometry.cx, geometry.cy, geometry.rx, geometry.ry, theta=turn),)
        case Rle():
            warnings.add("masks, of which the borders were written", where)
            rings = mask_rings(geometry)
        case Polygon():
            rings = geometry.rings if len(geometry.rings) == 1 else turned(geometry.rings)
    if len(rings) > 1:
        warnings.add("outlines of several rings, joined into one", where)
    ring = stitched(rings)
    if len(ring) < 6:
        warnings.add("annotations that enclose nothing, left out", where)
        return None
    numbers = [value / size[index % 2] for index, value in enumerate(ring)]
    if not _fits(numbers):
        warnings.add("annotations that reach over the edge of their image, cut", where)
        numbers = [min(max(value, 0.0), 1.0) for value in numbers]
    return _text(numbers)


def _fits(numbers: Iterable[float]) -> bool:
    return all(-_SLACK <= value <= 1 + _SLACK for value in numbers)


def _text(numbers: Iterable[float]) -> str:
    # Twelve digits are exact to a millionth of a pixel, and give short numbers back as they came.
    return " ".join(f"{min(max(value, 0.0), 1.0):.12g}" for value in numbers)
