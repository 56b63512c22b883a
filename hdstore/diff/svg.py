"""Geometry as SVG: plain elements with classes, whose looks a style sheet decides."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Iterator, Sequence

from hdstore.errors import InvalidValueError
from hdstore.geometry import box_corners, decode_counts, flat, rle_runs
from hdstore.model import (
    Annotation,
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
from hdstore.model.measure import bounding_box

__all__ = ["Ink", "draw", "escaped", "number"]

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]")


def escaped(text: str) -> str:
    """Returns text for HTML: no markup, and control and direction characters spelt out."""
    plain = _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
    return html.escape(plain, quote=True)


def number(value: float) -> str:
    """Returns a coordinate with at most two decimals."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


class Ink:
    """How many points may still be drawn; a stranger's frame may have millions."""

    def __init__(self, points: int) -> None:
        self.left = points
        self.undrawn = 0

    def take(self, points: int) -> bool:
        """Says whether so many points may be drawn, and notes what may not."""
        if points > self.left:
            self.undrawn += 1
            return False
        self.left -= points
        return True


def draw(
    annotation: Annotation,
    ink: Ink,
    *,
    classes: str,
    size: float,
    below: bool,
    named: bool = True,
    edges: Sequence[tuple[int, int]] = (),
) -> str:
    """Returns an annotation as one SVG group, ``named`` with its labels above it, or below; "" for what has no place.

    ``size`` is the height of letters in pixels of the source, ``edges`` joins keypoints by their numbers.
    """
    geometry = annotation.geometry
    if geometry is None:
        return ""
    try:
        parts = list(_parts(geometry, size, ink, edges))
        bounds = bounding_box(geometry)
    except InvalidValueError:
        ink.undrawn += 1  # run lengths that can not be read
        return ""
    if not parts or bounds is None:
        return ""
    x, y, _, h = bounds
    place = y + h + size if below else y - size / 4
    text = escaped(_cut(", ".join(annotation.labels))) if named else ""
    if text:
        at = f'x="{number(max(x, 0))}" y="{number(max(place, size))}"'
        parts.append(f'<text {at} font-size="{number(size)}">{text}</text>')
    return f'<g class="{classes}">{"".join(parts)}</g>'


def _cut(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def _parts(geometry: Geometry, size: float, ink: Ink, edges: Sequence[tuple[int, int]]) -> Iterator[str]:
    match geometry:
        case Box():
            corners = box_corners(geometry.x, geometry.y, geometry.w, geometry.h, angle=geometry.angle)
            yield from _path([flat(corners)], ink)
        case Polygon(rings=rings):
            yield from _path(rings, ink)
        case Ellipse() if ink.take(4):
            degrees = number(math.degrees(geometry.theta))
            cx, cy, rx, ry = map(number, (geometry.cx, geometry.cy, abs(geometry.rx), abs(geometry.ry)))
            yield (
                f'<ellipse cx="{cx}" cy="{cy}" rx="{rx}" ry="{ry}" transform="rotate({degrees} {cx} {cy})"/>'
            )
        case Keypoints(points=points, visibility=seen):
            shown = [i for i in range(len(points) // 2) if not seen or seen[i]]
            yield from _points([(points[2 * i], points[2 * i + 1]) for i in shown], size, ink)
            yield from _edges({i: (points[2 * i], points[2 * i + 1]) for i in shown}, edges, ink)
        case Keypoints3D(points=points):
            yield from _points(list(zip(points[::3], points[1::3], strict=True)), size, ink)
        case Polygon3D(rings=rings):
            yield from _path([flat(zip(ring[::3], ring[1::3], strict=True)) for ring in rings], ink)
        case Box3D(front=front, back=back):
            faces = [flat(box_corners(x, y, w, h)) for x, y, _, w, h in (front, back)]
            sides = [(*faces[0][i : i + 2], *faces[1][i : i + 2]) for i in range(0, 8, 2)]
            yield from _path([*faces, *sides], ink)
        case Rle():
            yield from _mask(geometry, ink)


def _path(rings: Sequence[Sequence[float]], ink: Ink) -> Iterator[str]:
    if ink.take(sum(map(len, rings)) // 2):
        drawn = [
            "M"
            + "L".join(f"{number(x)} {number(y)}" for x, y in zip(ring[::2], ring[1::2], strict=True))
            + "Z"
            for ring in rings
            if ring
        ]
        if drawn:
            yield f'<path d="{"".join(drawn)}"/>'


def _points(points: Sequence[tuple[float, float]], size: float, ink: Ink) -> Iterator[str]:
    if ink.take(len(points)):
        for x, y in points:
            yield f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(size / 5)}"/>'


def _edges(
    points: dict[int, tuple[float, float]], edges: Iterable[tuple[int, int]], ink: Ink
) -> Iterator[str]:
    for one, two in edges:
        if one in points and two in points and ink.take(2):
            (x1, y1), (x2, y2) = points[one], points[two]
            yield f'<path d="M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}"/>'


def _mask(mask: Rle, ink: Ink) -> Iterator[str]:
    """Yields a run-length mask as upright bars, one for each run in each column."""
    counts = decode_counts(mask.counts, height=mask.height, width=mask.width)
    height = mask.height
    runs = [
        (start // height, (start + length - 1) // height, start, length) for start, length in rle_runs(counts)
    ]
    if not ink.take(sum(last - first + 1 for first, last, _, _ in runs)):
        return
    bars = []
    for first, last, start, length in runs:
        end = start + length
        for column in range(first, last + 1):
            top = max(start - column * height, 0)
            bars.append(f"M{column} {top}h1v{min(end - column * height, height) - top}h-1z")
    if bars:
        yield f'<path class="mask" d="{"".join(bars)}"/>'
