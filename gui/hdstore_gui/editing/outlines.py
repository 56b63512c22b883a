"""What a geometry looks like: rings, lines and points and what moving or reshaping makes of it."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hdstore.model import (
    Box,
    Box3D,
    Ellipse,
    Geometry,
    Keypoints,
    Keypoints3D,
    Polygon,
    Polygon3D,
    Skeleton,
    replace,
)

__all__ = ["Corner", "Outline", "Points", "handles_of", "moved", "outline_of", "reshaped"]

Points = NDArray[np.float64]
"""An array of shape (n, 2): x and y."""

_ELLIPSE = 72
"""Corners of the polygon that stands for an ellipse: at 2,000 px across it is off by less than 1 px."""

_EMPTY: Points = np.zeros((0, 2))

ROTATE_REACH = 26.0
"""How far above a box, in widget pixels, the handle lies that turns it."""


class Corner(enum.IntEnum):
    """The handles of a box or ellipse, by their number."""

    NW = 0
    N = 1
    NE = 2
    E = 3
    SE = 4
    S = 5
    SW = 6
    W = 7
    ROTATE = 8


_UNIT = np.array([(-1, -1), (0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0)], dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """Closed rings (even-odd), open lines and single points, with their bounds (left, top, right, bottom)."""

    rings: tuple[Points, ...]
    lines: tuple[Points, ...]
    points: Points
    bounds: tuple[float, float, float, float]


def _flat(values: tuple[float, ...], step: int) -> Points:
    array = np.array(values, dtype=np.float64).reshape(-1, step)
    return np.ascontiguousarray(array[:, :2])


def _oriented(cx: float, cy: float, half: tuple[float, float], angle: float, unit: Points) -> Points:
    cos, sin = math.cos(angle), math.sin(angle)
    local = unit * np.array(half)
    turned: Points = local @ np.array([[cos, sin], [-sin, cos]]) + np.array([cx, cy])
    return turned


def _frame_of(geometry: Box | Ellipse) -> tuple[float, float, tuple[float, float], float]:
    """Returns centre, half sizes and angle, which boxes and ellipses share."""
    if isinstance(geometry, Box):
        half = (geometry.w / 2, geometry.h / 2)
        return geometry.x + half[0], geometry.y + half[1], half, geometry.angle or 0.0
    return geometry.cx, geometry.cy, (geometry.rx, geometry.ry), geometry.theta


def _cuboid(geometry: Box3D) -> tuple[tuple[Points, ...], tuple[Points, ...]]:
    faces = []
    for x, y, _z, w, h in (geometry.back, geometry.front):
        faces.append(np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)]))
    back, front = faces
    return (back, front), tuple(np.array([back[i], front[i]]) for i in range(4))


def outline_of(geometry: Geometry | None, skeleton: Skeleton | None = None) -> Outline | None:
    """Returns how a geometry looks, or None for what has no outline: masks and labels of the whole frame.

    3D kinds are seen along their third axis.
    """
    rings: tuple[Points, ...] = ()
    lines: tuple[Points, ...] = ()
    points = _EMPTY
    if isinstance(geometry, Box):
        rings = (_oriented(*_frame_of(geometry), _UNIT[::2]),)
    elif isinstance(geometry, Polygon):
        rings = tuple(_flat(ring, 2) for ring in geometry.rings if ring)
    elif isinstance(geometry, Ellipse):
        turns = np.linspace(0, 2 * math.pi, _ELLIPSE, endpoint=False)
        rings = (_oriented(*_frame_of(geometry), np.stack([np.cos(turns), np.sin(turns)], axis=1)),)
    elif isinstance(geometry, Keypoints):
        points, lines = _keypoints(geometry, skeleton)
    elif isinstance(geometry, Keypoints3D):
        points = _flat(geometry.points, 3)
    elif isinstance(geometry, Polygon3D):
        rings = tuple(_flat(ring, 3) for ring in geometry.rings if ring)
    elif isinstance(geometry, Box3D):
        rings, lines = _cuboid(geometry)
    parts = [part for part in (*rings, *lines, points) if len(part)]
    if not parts:
        return None
    together = parts[0] if len(parts) == 1 else np.concatenate(parts)
    # For the few points of one outline, Python's own min and max are several times faster than numpy's.
    xs, ys = together[:, 0].tolist(), together[:, 1].tolist()
    return Outline(rings, lines, points, (min(xs), min(ys), max(xs), max(ys)))


def _keypoints(geometry: Keypoints, skeleton: Skeleton | None) -> tuple[Points, tuple[Points, ...]]:
    every = _flat(geometry.points, 2)
    # COCO writes points that nobody labelled as (0, 0) with visibility 0: they are kept, but not drawn.
    seen = np.array(geometry.visibility or (2,) * len(every), dtype=np.int64) > 0
    edges = skeleton.edges if skeleton is not None else ()
    lines = tuple(
        every[[a, b]] for a, b in edges if 0 <= a < len(every) and 0 <= b < len(every) and seen[a] and seen[b]
    )
    return every[seen], lines


def handles_of(geometry: Geometry | None, *, pixel: float) -> Points:
    """Returns the points by which a geometry is reshaped; ``pixel`` is a widget pixel in the picture.

    Boxes and ellipses have eight around them and one that turns them; polygons and keypoints have all their
    points.
    """
    if isinstance(geometry, Box | Ellipse):
        cx, cy, half, angle = _frame_of(geometry)
        around = _oriented(cx, cy, half, angle, _UNIT)
        reach = half[1] + ROTATE_REACH * pixel
        above = np.array([[cx + math.sin(angle) * reach, cy - math.cos(angle) * reach]])
        return np.concatenate([around, above])
    if isinstance(geometry, Polygon):
        return np.concatenate([_flat(ring, 2) for ring in geometry.rings]) if geometry.rings else _EMPTY
    if isinstance(geometry, Keypoints):
        return _flat(geometry.points, 2)
    return _EMPTY


def _shifted(values: tuple[float, ...], dx: float, dy: float) -> tuple[float, ...]:
    return tuple(_neat(v + (dy if i % 2 else dx)) for i, v in enumerate(values))


def _neat(value: float) -> float:
    # A hundredth of a pixel is finer than any hand, and keeps numbers readable in diffs. What numpy computed becomes
    # a plain number here: frames are encoded, and numpy's are not.
    return round(float(value), 2)


def moved(geometry: Geometry, dx: float, dy: float) -> Geometry | None:
    """Returns the geometry moved, or None for kinds that the app does not move (3D and masks)."""
    if isinstance(geometry, Box):
        return replace(geometry, x=_neat(geometry.x + dx), y=_neat(geometry.y + dy))
    if isinstance(geometry, Ellipse):
        return replace(geometry, cx=_neat(geometry.cx + dx), cy=_neat(geometry.cy + dy))
    if isinstance(geometry, Polygon):
        return replace(geometry, rings=tuple(_shifted(ring, dx, dy) for ring in geometry.rings))
    if isinstance(geometry, Keypoints):
        return replace(geometry, points=_shifted(geometry.points, dx, dy))
    return None


def reshaped(geometry: Geometry, handle: int, x: float, y: float, *, even: bool = False) -> Geometry | None:
    """Returns the geometry with one handle moved to (x, y), or None when it has no such handle.

    ``even`` keeps a box or ellipse square while a corner moves, and turns it in steps of 15 degrees.
    """
    if isinstance(geometry, Box | Ellipse):
        if handle == Corner.ROTATE:
            return _turned(geometry, x, y, even)
        return _resized(geometry, Corner(handle), x, y, even)
    if isinstance(geometry, Polygon):
        rings = list(geometry.rings)
        for index, ring in enumerate(rings):
            if handle < len(ring) // 2:
                rings[index] = _with_point(ring, handle, x, y)
                return replace(geometry, rings=tuple(rings))
            handle -= len(ring) // 2
        return None
    if isinstance(geometry, Keypoints) and handle < len(geometry.points) // 2:
        return replace(geometry, points=_with_point(geometry.points, handle, x, y))
    return None


def _with_point(values: tuple[float, ...], index: int, x: float, y: float) -> tuple[float, ...]:
    return (*values[: 2 * index], _neat(x), _neat(y), *values[2 * index + 2 :])


def _turned(geometry: Box | Ellipse, x: float, y: float, even: bool) -> Geometry:
    cx, cy, _half, _angle = _frame_of(geometry)
    angle = math.atan2(x - cx, cy - y)
    if even:
        step = math.pi / 12
        angle = round(angle / step) * step
    angle = round(angle, 4)
    if isinstance(geometry, Box):
        return replace(geometry, angle=angle if angle else None)
    return replace(geometry, theta=angle)


def _resized(geometry: Box | Ellipse, corner: Corner, x: float, y: float, even: bool) -> Geometry:
    """Moves one side or corner; what lies opposite stays, also in a turned box."""
    cx, cy, half, angle = _frame_of(geometry)
    cos, sin = math.cos(angle), math.sin(angle)
    local_x = (x - cx) * cos + (y - cy) * sin
    local_y = -(x - cx) * sin + (y - cy) * cos
    unit_x, unit_y = _UNIT[corner]
    fixed_x, fixed_y = -half[0] * unit_x, -half[1] * unit_y
    if even and unit_x and unit_y:
        reach = max(abs(local_x - fixed_x), abs(local_y - fixed_y))
        local_x = fixed_x + math.copysign(reach, local_x - fixed_x)
        local_y = fixed_y + math.copysign(reach, local_y - fixed_y)
    left, right = sorted((fixed_x, local_x)) if unit_x else (-half[0], half[0])
    top, bottom = sorted((fixed_y, local_y)) if unit_y else (-half[1], half[1])
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    new_cx = cx + middle_x * cos - middle_y * sin
    new_cy = cy + middle_x * sin + middle_y * cos
    width, height = right - left, bottom - top
    if isinstance(geometry, Box):
        return replace(
            geometry,
            x=_neat(new_cx - width / 2),
            y=_neat(new_cy - height / 2),
            w=_neat(width),
            h=_neat(height),
        )
    return replace(geometry, cx=_neat(new_cx), cy=_neat(new_cy), rx=_neat(width / 2), ry=_neat(height / 2))
