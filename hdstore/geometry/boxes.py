"""Rectangles: (x, y, w, h) by the top left corner, and turned by an angle about their centre.

Angles are radians, clockwise on the screen (x to the right, y down).
"""

from __future__ import annotations

import math

from hdstore.geometry.rings import Bounds, Pair

__all__ = ["box_bounds", "box_corners", "box_iou"]


def box_corners(
    x: float, y: float, w: float, h: float, *, angle: float | None = None
) -> tuple[Pair, Pair, Pair, Pair]:
    """Returns the corners of a box as they lie, turned: top left, top right, bottom right, bottom left."""
    if not angle:
        return ((x, y), (x + w, y), (x + w, y + h), (x, y + h))
    cx, cy = x + w / 2, y + h / 2
    cos, sin = math.cos(angle), math.sin(angle)

    def turned(dx: float, dy: float) -> Pair:
        return (cx + dx * cos - dy * sin, cy + dx * sin + dy * cos)

    return (
        turned(-w / 2, -h / 2),
        turned(w / 2, -h / 2),
        turned(w / 2, h / 2),
        turned(-w / 2, h / 2),
    )


def box_bounds(x: float, y: float, w: float, h: float, *, angle: float | None = None) -> Bounds:
    """Returns the smallest upright rectangle around a box, also where its width or height is negative."""
    if not angle:
        return (min(x, x + w), min(y, y + h), abs(w), abs(h))
    cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    width, height = abs(w) * cos + abs(h) * sin, abs(w) * sin + abs(h) * cos
    return (x + w / 2 - width / 2, y + h / 2 - height / 2, width, height)


def box_iou(a: Bounds, b: Bounds) -> float:
    """Returns the intersection over union of two upright boxes: 0.0 apart or empty, 1.0 equal."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    # Rounding may make the shared part of equal boxes larger than either.
    return min(1.0, shared / (a[2] * a[3] + b[2] * b[3] - shared))
