"""How large a geometry is and where it lies, in pixels of its source."""

from __future__ import annotations

import math

from hdstore.geometry import (
    Bounds,
    box_bounds,
    decode_counts,
    ellipse_bounds,
    points_bounds,
    rings_area,
    rle_area,
    rle_bounds,
)
from hdstore.model.shapes import (
    Box,
    Box3D,
    Ellipse,
    Geometry,
    Keypoints,
    Keypoints3D,
    Polygon,
    Polygon3D,
    Rle,
)

__all__ = ["area", "bounding_box"]


def bounding_box(geometry: Geometry | None) -> Bounds | None:
    """Returns the smallest upright rectangle (x, y, w, h) around a geometry, or None where there is none.

    Kinds in space are seen along z. Keypoints that were not labelled (visibility 0) do not count. Where the
    pixels of a mask value lie only its picture can tell: None.

    Raises:
        InvalidValueError: a run-length mask whose runs can not be read.
    """
    match geometry:
        case Box():
            return box_bounds(geometry.x, geometry.y, geometry.w, geometry.h, angle=geometry.angle)
        case Polygon():
            return points_bounds([number for ring in geometry.rings for number in ring])
        case Ellipse():
            return ellipse_bounds(geometry.cx, geometry.cy, geometry.rx, geometry.ry, theta=geometry.theta)
        case Keypoints():
            return points_bounds(_labelled(geometry))
        case Keypoints3D():
            return _seen_along_z(geometry.points)
        case Polygon3D():
            return _seen_along_z([number for ring in geometry.rings for number in ring])
        case Box3D():
            corners: list[float] = []
            for x, y, _, w, h in (geometry.front, geometry.back):
                corners += (x, y, x + w, y + h)
            return points_bounds(corners)
        case Rle(height=height, width=width):
            return rle_bounds(decode_counts(geometry.counts, height=height, width=width), height=height)
        case _:
            return None


def area(geometry: Geometry | None) -> float | None:
    """Returns the area of a geometry in square pixels, or None for points, mask values and kinds in space.

    Raises:
        InvalidValueError: a run-length mask whose runs can not be read.
    """
    match geometry:
        case Box():
            return abs(geometry.w * geometry.h)
        case Polygon():
            return rings_area(geometry.rings)
        case Ellipse():
            return math.pi * abs(geometry.rx * geometry.ry)
        case Rle(height=height, width=width):
            return float(rle_area(decode_counts(geometry.counts, height=height, width=width)))
        case _:
            return None


def _labelled(keypoints: Keypoints) -> list[float]:
    # COCO writes (0, 0) for a point that was not labelled: it would pull every box to the corner.
    points, seen = keypoints.points, keypoints.visibility
    return [number for i, number in enumerate(points) if not seen or seen[i // 2]]


def _seen_along_z(points: tuple[float, ...] | list[float]) -> Bounds | None:
    return points_bounds([number for i, number in enumerate(points) if i % 3 != 2])
