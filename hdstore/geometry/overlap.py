"""How much two figures overlap: rings exactly, run-length masks pixel by pixel.

Figures of rings are cut at the heights of all corners and crossings. Between two such heights no edges cross, so what
both share is a row of trapezoids, whose area is its height times its width in the middle. This holds for any rings by
the even-odd rule: with holes, in several parts, crossing themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

from hdstore.geometry.rings import Ring

__all__ = ["MAX_STEPS", "Overlap", "Run", "rings_overlap", "rings_runs", "runs_overlap"]

MAX_STEPS = 300_000
"""After so many steps a figure is not measured: a stranger's polygon may cross itself a billion times."""

Overlap: TypeAlias = tuple[float, float]
"""The area that two figures share, and the area that either covers."""

Run: TypeAlias = tuple[int, int]
"""Start and length of a run of pixels, counted down the columns."""

_Edge: TypeAlias = tuple[float, float, float, float, int]
"""An edge from (x0, y0) down to (x1, y1), y0 < y1, and whose it is (0 or 1)."""

_Line: TypeAlias = tuple[float, float, int]
"""Where an edge enters a band at its top and leaves it at its bottom, and whose it is."""


def rings_overlap(first: Sequence[Ring], second: Sequence[Ring]) -> Overlap | None:
    """Returns shared and joined area of two figures of rings by the even-odd rule; exact but for rounding.

    None when they have too many corners or crossings to be measured in ``MAX_STEPS`` steps.
    """
    edges = [*_edges(first, 0), *_edges(second, 1)]
    if len(edges) > MAX_STEPS:
        return None
    edges.sort(key=lambda edge: edge[1])
    waiting, active, steps = 0, list[_Edge](), len(edges)
    shared, joined = 0.0, 0.0
    levels = sorted({edge[1] for edge in edges} | {edge[3] for edge in edges})
    for top, bottom in pairwise(levels):
        active = [edge for edge in active if edge[3] > top]
        while waiting < len(edges) and edges[waiting][1] <= top:
            active.append(edges[waiting])
            waiting += 1
        steps += len(active)
        if steps > MAX_STEPS:
            return None
        # Between these heights every edge is a line from one side of the band to the other.
        band = sorted([(_x_at(edge, top), _x_at(edge, bottom), edge[4]) for edge in active])
        crossings = _crossings(band, MAX_STEPS - steps)
        if crossings is None:
            return None
        steps += len(crossings) * len(active)
        for upper, lower in pairwise([0.0, *crossings, 1.0]):
            both, either = _widths(band, (upper + lower) / 2, in_order=not crossings)
            shared += both * (lower - upper) * (bottom - top)
            joined += either * (lower - upper) * (bottom - top)
    return shared, joined


def _edges(rings: Sequence[Ring], owner: int) -> Iterator[_Edge]:
    for ring in rings:
        for i in range(0, len(ring) - 1, 2):
            x0, y0, x1, y1 = ring[i - 2], ring[i - 1], ring[i], ring[i + 1]
            if y0 < y1:
                yield (x0, y0, x1, y1, owner)
            elif y1 < y0:
                yield (x1, y1, x0, y0, owner)


def _x_at(edge: _Edge, y: float) -> float:
    x0, y0, x1, y1, _ = edge
    return x0 + (x1 - x0) * ((y - y0) / (y1 - y0))


def _crossings(band: Sequence[_Line], most: int) -> list[float] | None:
    """Returns where lines cross strictly inside a band, 0 at its top and 1 at its bottom; None for too many pairs."""
    if all(one[1] <= two[1] for one, two in pairwise(band)):
        return []
    if len(band) * len(band) > most:
        return None
    found = set()
    for i, (x_top, x_bottom, _) in enumerate(band):
        for other_top, other_bottom, _ in band[i + 1 :]:
            if other_bottom < x_bottom and other_top > x_top:
                apart = other_top - x_top
                found.add(apart / (apart + (x_bottom - other_bottom)))
    return sorted(found - {0.0, 1.0})


def _widths(band: Sequence[_Line], part: float, *, in_order: bool) -> tuple[float, float]:
    """Returns how wide both figures are together, and either, at a part of a band's height."""
    places = [(top + (bottom - top) * part, owner) for top, bottom, owner in band]
    if not in_order:
        places.sort()
    inside = [False, False]
    shared = joined = before = 0.0
    for x, owner in places:
        if inside[0] or inside[1]:
            joined += x - before
            if inside[0] and inside[1]:
                shared += x - before
        inside[owner] = not inside[owner]
        before = x
    return shared, joined


def rings_runs(rings: Sequence[Ring], *, height: int, width: int) -> list[Run] | None:
    """Returns the pixels of a picture whose centres lie in a figure of rings, as runs down the columns.

    None when that takes more than ``MAX_STEPS`` steps.
    """
    # With x and y changed for each other, the columns of the picture are lines of constant height.
    edges = sorted(_edges([_turned(ring) for ring in rings], 0), key=lambda edge: edge[1])
    if not edges:
        return []
    first = _first_centre(edges[0][1], width)
    last = _first_centre(max(edge[3] for edge in edges), width)
    runs: list[Run] = []
    waiting, active, steps = 0, list[_Edge](), len(edges)
    for column in range(first, last):
        centre = column + 0.5
        while waiting < len(edges) and edges[waiting][1] <= centre:
            active.append(edges[waiting])
            waiting += 1
        active = [edge for edge in active if edge[3] > centre]
        steps += len(active) + 1
        if steps > MAX_STEPS:
            return None
        rows = [_first_centre(y, height) for y in sorted(_x_at(edge, centre) for edge in active)]
        runs += [
            (column * height + begin, end - begin)
            for begin, end in zip(rows[::2], rows[1::2], strict=True)
            if end > begin
        ]
    return runs


def _turned(ring: Ring) -> list[float]:
    """Returns a ring with x and y changed for each other."""
    return [ring[i ^ 1] for i in range(len(ring) & ~1)]


def _first_centre(place: float, most: int) -> int:
    """Returns the first pixel whose middle does not lie before ``place``, from 0 to ``most``."""
    return int(min(max(math.ceil(place - 0.5), 0), most))


def runs_overlap(first: Iterable[Run], second: Iterable[Run]) -> Overlap:
    """Returns how many pixels two masks share and how many either has; runs come in ascending order."""
    one, two = iter(first), iter(second)
    a, b = next(one, None), next(two, None)
    shared = total = 0
    if a:
        total += a[1]
    if b:
        total += b[1]
    while a and b:
        a_end, b_end = a[0] + a[1], b[0] + b[1]
        shared += max(0, min(a_end, b_end) - max(a[0], b[0]))
        if a_end <= b_end:
            a = next(one, None)
            total += a[1] if a else 0
        else:
            b = next(two, None)
            total += b[1] if b else 0
    total += sum(run[1] for run in one) + sum(run[1] for run in two)
    return float(shared), float(total - shared)
