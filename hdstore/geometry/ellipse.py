"""Ellipses: centre, two radii and a turn in radians, clockwise on the screen."""

from __future__ import annotations

import math

from hdstore.errors import InvalidValueError
from hdstore.geometry.rings import Bounds

__all__ = ["ellipse_bounds", "ellipse_ring"]


def ellipse_ring(
    cx: float, cy: float, rx: float, ry: float, *, theta: float = 0.0, points: int = 64
) -> tuple[float, ...]:
    """Returns a flat ring of ``points`` points on the ellipse, beginning at the end of its first radius."""
    if points < 3:
        raise InvalidValueError(f"An ellipse is drawn with at least 3 points, not {points}.")
    cos, sin = math.cos(theta), math.sin(theta)
    ring: list[float] = []
    for i in range(points):
        turn = 2 * math.pi * i / points
        dx, dy = rx * math.cos(turn), ry * math.sin(turn)
        ring += (cx + dx * cos - dy * sin, cy + dx * sin + dy * cos)
    return tuple(ring)


def ellipse_bounds(cx: float, cy: float, rx: float, ry: float, *, theta: float = 0.0) -> Bounds:
    """Returns the smallest upright rectangle around an ellipse."""
    cos, sin = math.cos(theta), math.sin(theta)
    dx, dy = math.hypot(rx * cos, ry * sin), math.hypot(rx * sin, ry * cos)
    return (cx - dx, cy - dy, 2 * dx, 2 * dy)
