"""Geometries from the arguments that ``add_annotation`` takes in both of ClearML's packages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from hdstore.compat.coordinates import Values, fixed, flat_points, rings
from hdstore.errors import InvalidValueError
from hdstore.model import (
    Box,
    Box3D,
    Ellipse,
    Geometry,
    Keypoints,
    Keypoints3D,
    MaskValue,
    Polygon,
    Polygon3D,
)

__all__ = ["geometries"]

_Make: TypeAlias = Callable[[Values], Geometry]


def _polygon(values: Values) -> Geometry:
    return Polygon(rings=tuple(tuple(ring) for ring in rings(values, "poly2d_xy", 2)))


def _polygon_3d(values: Values) -> Geometry:
    return Polygon3D(rings=tuple(tuple(ring) for ring in rings(values, "poly3d_xyz", 3)))


def _box(values: Values) -> Geometry:
    x, y, w, h, *angle = fixed(values, "box2d_xywh", 4, 5)
    return Box(x=x, y=y, w=w, h=h, angle=angle[0] if angle else None)


def _box_3d(values: Values) -> Geometry:
    x, y, z, w, h, x2, y2, z2, w2, h2 = fixed(values, "box3d_xyzwhxyzwh", 10)
    return Box3D(front=(x, y, z, w, h), back=(x2, y2, z2, w2, h2))


def _ellipse(values: Values) -> Geometry:
    cx, cy, rx, ry, theta = fixed(values, "ellipse2d_xyrrt", 5)
    return Ellipse(cx=cx, cy=cy, rx=rx, ry=ry, theta=theta)


def _mask(values: Values) -> Geometry:
    numbers = fixed(values, "mask_rgb", 1, 3, 4)
    if any(number != int(number) for number in numbers):
        raise InvalidValueError(f"A mask value is made of whole numbers, not {numbers}.")
    return MaskValue(value=tuple(map(int, numbers)))


_MAKERS: dict[str, _Make] = {
    "poly2d_xy": _polygon,
    "poly3d_xyz": _polygon_3d,
    "points2d_xy": lambda values: Keypoints(points=tuple(flat_points(values, "points2d_xy", 2))),
    "points3d_xyz": lambda values: Keypoints3D(points=tuple(flat_points(values, "points3d_xyz", 3))),
    "box2d_xywh": _box,
    "box3d_xyzwhxyzwh": _box_3d,
    "ellipse2d_xyrrt": _ellipse,
    "mask_rgb": _mask,
}


def geometries(given: Mapping[str, Values]) -> list[Geometry]:
    """Returns the geometries of those arguments that were given, by their names; None stands for one that was not.

    Raises:
        InvalidValueError: an argument has another number of coordinates than its name says.
    """
    return [_MAKERS[name](values) for name, values in given.items() if values is not None]
