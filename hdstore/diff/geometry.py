"""How far a geometry moved and how much of it stayed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from hdstore.errors import InvalidValueError
from hdstore.geometry import (
    Overlap,
    box_bounds,
    box_corners,
    box_iou,
    decode_counts,
    ellipse_ring,
    flat,
    rings_overlap,
    rings_runs,
    rle_runs,
    runs_overlap,
)
from hdstore.model import Box, Box3D, Ellipse, Geometry, Keypoints, Keypoints3D, Polygon, Polygon3D, Rle
from hdstore.model.measure import bounding_box

__all__ = ["GeometryChange", "distance", "iou", "kind_of"]

_POINTS = 128
_STRETCH = math.sqrt(2 * math.pi / _POINTS / math.sin(2 * math.pi / _POINTS))
"""An ellipse is measured as a polygon of so many corners, stretched so that it has the ellipse's area."""


@dataclass(frozen=True, kw_only=True)
class GeometryChange:
    """A geometry before and after; None where there was none.

    What takes time is computed when it is asked for, once.
    """

    before: Geometry | None
    after: Geometry | None

    @property
    def kind_before(self) -> str:
        """The kind before, as it is stored: ``box``, ``polygon``, ...; "" where there was none."""
        return kind_of(self.before)

    @property
    def kind_after(self) -> str:
        """The kind after."""
        return kind_of(self.after)

    @cached_property
    def distance(self) -> float | None:
        """How far it moved; as the function ``distance`` of this module."""
        return distance(self.before, self.after)

    @cached_property
    def iou(self) -> float | None:
        """Intersection over union of both; as the function ``iou`` of this module."""
        return iou(self.before, self.after)


def kind_of(geometry: Geometry | None) -> str:
    """Returns the kind of a geometry as it is stored, "" for none."""
    return "" if geometry is None else str(geometry.__struct_config__.tag)


def distance(before: Geometry | None, after: Geometry | None) -> float | None:
    """Returns how far a geometry moved, in pixels (kinds in space: in their unit).

    That is how far the middle of its bounding box moved. Of keypoints (in the plane or in space, the same number before
    and after) it is how far that point moved which moved most. None where one of both has no place.
    """
    if before is None or after is None:
        return None
    points = _common_points(before, after)
    if points is not None:
        return max((math.dist(one, two) for one, two in points), default=None)
    try:
        one, two = _middle(before), _middle(after)
    except InvalidValueError:
        return None  # run lengths that can not be read have no place
    if one is None or two is None or len(one) != len(two):
        return None
    return math.dist(one, two)


def _common_points(
    before: Geometry, after: Geometry
) -> list[tuple[tuple[float, ...], tuple[float, ...]]] | None:
    """Returns the points that keypoints have on both sides, or None for what are no keypoints of equal number."""
    if isinstance(before, Keypoints) and isinstance(after, Keypoints):
        size = 2
    elif isinstance(before, Keypoints3D) and isinstance(after, Keypoints3D):
        size = 3
    else:
        return None
    if len(before.points) != len(after.points):
        return None
    seen = [shape.visibility if isinstance(shape, Keypoints) else () for shape in (before, after)]
    return [
        (tuple(before.points[i * size : i * size + size]), tuple(after.points[i * size : i * size + size]))
        for i in range(len(before.points) // size)
        # COCO writes (0, 0) for a point that was not labelled.
        if all(not shown or shown[i] for shown in seen)
    ]


def _middle(geometry: Geometry) -> tuple[float, ...] | None:
    match geometry:
        case Keypoints3D():
            return _middle_in_space(geometry.points)
        case Polygon3D():
            return _middle_in_space([number for ring in geometry.rings for number in ring])
        case Box3D():
            corners: list[float] = []
            for x, y, z, w, h in (geometry.front, geometry.back):
                corners += (x, y, z, x + w, y + h, z)
            return _middle_in_space(corners)
    bounds = bounding_box(geometry)
    return None if bounds is None else (bounds[0] + bounds[2] / 2, bounds[1] + bounds[3] / 2)


def _middle_in_space(points: Sequence[float]) -> tuple[float, ...] | None:
    axes = [points[axis::3] for axis in range(3)]
    return tuple((min(axis) + max(axis)) / 2 for axis in axes) if all(axes) else None


def iou(before: Geometry | None, after: Geometry | None) -> float | None:
    """Returns intersection over union: 0.0 apart, 1.0 where both cover the same.

    Boxes, turned ones too, and polygons are exact but for rounding. An ellipse counts as a polygon of 128 corners of
    its area: the error is below 0.001. Two run-length masks are compared pixel by pixel; another figure beside one
    counts by the pixels of that mask's picture whose centres it covers, so each pixel on its outline may be miscounted.

    None where neither covers anything or one can not tell what it covers (points, mask values, kinds in space), for
    masks of different size, and for what is too large or crosses itself too often to be measured.
    """
    if isinstance(before, Rle) or isinstance(after, Rle):
        try:
            found = _pixel_overlap(before, after)
        except InvalidValueError:
            return None
    elif isinstance(before, Box) and isinstance(after, Box) and not before.angle and not after.angle:
        one, two = (box_bounds(box.x, box.y, box.w, box.h) for box in (before, after))
        return box_iou(one, two) if one[2] * one[3] or two[2] * two[3] else None
    else:
        rings = _rings(before), _rings(after)
        found = None if rings[0] is None or rings[1] is None else rings_overlap(rings[0], rings[1])
    if found is None or not found[1]:
        return None
    return min(1.0, found[0] / found[1])


def _rings(geometry: Geometry | None) -> Sequence[Sequence[float]] | None:
    match geometry:
        case Box():
            return (flat(box_corners(geometry.x, geometry.y, geometry.w, geometry.h, angle=geometry.angle)),)
        case Polygon():
            return geometry.rings
        case Ellipse(rx=rx, ry=ry):
            rx, ry = rx * _STRETCH, ry * _STRETCH
            return (ellipse_ring(geometry.cx, geometry.cy, rx, ry, theta=geometry.theta, points=_POINTS),)
        case _:
            return None


def _pixel_overlap(before: Geometry | None, after: Geometry | None) -> Overlap | None:
    sizes = {(shape.height, shape.width) for shape in (before, after) if isinstance(shape, Rle)}
    if len(sizes) != 1:
        return None
    ((height, width),) = sizes
    runs = []
    for shape in (before, after):
        if isinstance(shape, Rle):
            runs.append(rle_runs(decode_counts(shape.counts, height=height, width=width)))
            continue
        rings = _rings(shape)
        covered = None if rings is None else rings_runs(rings, height=height, width=width)
        if covered is None:
            return None
        runs.append(iter(covered))
    return runs_overlap(runs[0], runs[1])
