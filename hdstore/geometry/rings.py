"""Polygon rings: flat runs of coordinates x0, y0, x1, y1, ... that close by themselves.

Several rings form one figure by the even-odd rule: a point lies inside when an odd number of rings surround
it, so a ring inside a ring is a hole and a ring inside a hole is an island.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from hdstore.errors import InvalidValueError

__all__ = [
    "SEPARATOR",
    "Bounds",
    "Pair",
    "Ring",
    "flat",
    "join_rings",
    "pairs",
    "points_bounds",
    "ring_area",
    "ring_centroid",
    "rings_area",
    "rings_contain",
    "split_rings",
]

Ring: TypeAlias = Sequence[float]
"""A flat run x0, y0, x1, y1, ..."""

Pair: TypeAlias = tuple[float, float]
"""One point (x, y)."""

Bounds: TypeAlias = tuple[float, float, float, float]
"""An upright rectangle (x, y, w, h) by its top left corner; w and h are not negative."""

SEPARATOR = -999999999
"""The x of the pair (or triplet, in space) that stands between two rings in ClearML's flat form."""


def pairs(ring: Ring) -> tuple[Pair, ...]:
    """Returns the points (x, y) of a flat ring."""
    if len(ring) % 2:
        raise InvalidValueError(f"A ring has an even number of coordinates, not {len(ring)}.")
    return tuple(zip(ring[::2], ring[1::2], strict=True))


def flat(points: Iterable[Iterable[float]]) -> tuple[float, ...]:
    """Returns points as one flat run of their coordinates."""
    return tuple(number for point in points for number in point)


def points_bounds(points: Ring) -> Bounds | None:
    """Returns the smallest upright rectangle around a flat run of points, or None where there is no point."""
    if not points:
        return None
    xs, ys = points[::2], points[1::2]
    left, top = min(xs), min(ys)
    return (left, top, max(xs) - left, max(ys) - top)


def _signed_area(ring: Ring) -> float:
    """Returns the area of a ring, positive when it runs clockwise on the screen (y down)."""
    if len(ring) < 6:
        return 0.0
    # Measured from the first point: far from the origin the products of whole coordinates would cancel.
    x0, y0 = ring[0], ring[1]
    twice = 0.0
    for i in range(2, len(ring) - 2, 2):
        twice += (ring[i] - x0) * (ring[i + 3] - y0) - (ring[i + 2] - x0) * (ring[i + 1] - y0)
    return twice / 2


def ring_area(ring: Ring) -> float:
    """Returns the area inside one ring (shoelace formula; lobes of a ring that crosses itself cancel)."""
    return abs(_signed_area(ring))


def rings_area(rings: Sequence[Ring]) -> float:
    """Returns the area of several rings by the even-odd rule: holes are taken away, islands added.

    Exact for rings that lie beside or inside each other, which is what annotation tools write. Of rings that
    cross, each counts as a whole, by where its first point lies.
    """
    if len(rings) == 1:
        return ring_area(rings[0])
    total = 0.0
    corners = [_corners(ring) for ring in rings]
    for index, ring in enumerate(rings):
        depth = sum(
            _surrounds(other, corners[place], ring) for place, other in enumerate(rings) if place != index
        )
        total += (-1 if depth % 2 else 1) * ring_area(ring)
    return max(total, 0.0)


def _corners(ring: Ring) -> tuple[float, float, float, float]:
    """Returns the least and the greatest x and y of a ring; no point lies between those of a ring without points."""
    xs, ys = ring[::2], ring[1::2]
    return (min(xs), min(ys), max(xs), max(ys)) if ys else (0.0, 0.0, -1.0, -1.0)


def _surrounds(other: Ring, corners: tuple[float, float, float, float], ring: Ring) -> bool:
    """Says whether the ring ``other``, whose corners are given, lies around a ring."""
    left, top, right, bottom = corners
    for i in range(0, len(ring) - 1, 2):
        x, y = ring[i], ring[i + 1]
        if not (left <= x <= right and top <= y <= bottom):
            return False
        # A point that both share says nothing; the first that they do not share decides.
        if not _on_edge(other, x, y):
            return rings_contain((other,), x, y)
    return False


def _on_edge(ring: Ring, x: float, y: float) -> bool:
    """Says whether a point lies exactly on an edge of the ring."""
    for i in range(0, len(ring) - 1, 2):
        x0, y0, x1, y1 = ring[i - 2], ring[i - 1], ring[i], ring[i + 1]
        if (
            min(x0, x1) <= x <= max(x0, x1)
            and min(y0, y1) <= y <= max(y0, y1)
            and (x1 - x0) * (y - y0) == (y1 - y0) * (x - x0)
        ):
            return True
    return False


def rings_contain(rings: Iterable[Ring], x: float, y: float) -> bool:
    """Says whether a point lies inside several rings by the even-odd rule.

    A point on an edge belongs to one of its two sides, so that figures which share an edge share no point.
    """
    inside = False
    for ring in rings:
        for i in range(0, len(ring) - 1, 2):
            x0, y0, x1, y1 = ring[i - 2], ring[i - 1], ring[i], ring[i + 1]
            if (y0 > y) != (y1 > y) and x < (x1 - x0) * ((y - y0) / (y1 - y0)) + x0:
                inside = not inside
    return inside


def ring_centroid(ring: Ring) -> Pair | None:
    """Returns the centre of mass of a ring: of its area, else of its points; None where it has no point."""
    points = pairs(ring)
    if not points:
        return None
    x0, y0 = points[0]
    twice = sum_x = sum_y = 0.0
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True):
        cross = (ax - x0) * (by - y0) - (bx - x0) * (ay - y0)
        twice += cross
        sum_x += (ax + bx - 2 * x0) * cross
        sum_y += (ay + by - 2 * y0) * cross
    left, top, width, height = points_bounds(ring) or (x0, y0, 0.0, 0.0)
    if twice:
        x, y = x0 + sum_x / (3 * twice), y0 + sum_y / (3 * twice)
        # The lobes of a ring that crosses itself pull against each other: the formula may leave the figure.
        if left <= x <= left + width and top <= y <= top + height:
            return (x, y)
    return (sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points))


def split_rings(run: Ring, *, dimensions: int = 2) -> tuple[tuple[float, ...], ...]:
    """Returns the rings of ClearML's flat form, where a point at x = -999999999 parts two rings."""
    if len(run) % dimensions:
        raise InvalidValueError(
            f"A polygon in {dimensions} dimensions has a multiple of {dimensions} numbers, not {len(run)}."
        )
    rings: list[tuple[float, ...]] = []
    ring: list[float] = []
    for i in range(0, len(run), dimensions):
        if run[i] == SEPARATOR:
            rings.append(tuple(ring))
            ring = []
        else:
            ring.extend(run[i : i + dimensions])
    rings.append(tuple(ring))
    return tuple(ring for ring in rings if ring)


def join_rings(rings: Iterable[Ring], *, dimensions: int = 2) -> tuple[float, ...]:
    """Returns rings as ClearML's one flat run, a separator point between each two, empty ones left out."""
    run: list[float] = []
    for ring in rings:
        if not ring:
            continue
        if SEPARATOR in ring[::dimensions]:
            raise InvalidValueError(
                f"A ring with a point at x = {SEPARATOR} can not be written in ClearML's flat form."
            )
        if run:
            run.extend([SEPARATOR] * dimensions)
        run.extend(ring)
    return tuple(run)
