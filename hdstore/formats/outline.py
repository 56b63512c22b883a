"""Outlines as formats with one ring an object need them: the border of a mask, and several rings as one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from hdstore.geometry import decode_counts, rings_contain, rle_runs
from hdstore.model import Rle

__all__ = ["mask_rings", "stitched", "turned"]

_Point = tuple[int, int]
_Ring = tuple[float, ...]

_LOOKS = 64
"""How many points of each ring are tried for the shortest way to another ring."""


def mask_rings(mask: Rle) -> tuple[_Ring, ...]:
    """Returns the borders of a mask along the edges of its pixels; by the even-odd rule they enclose just it.

    Raises:
        InvalidValueError: its runs can not be read.
    """
    counts = decode_counts(mask.counts, height=mask.height, width=mask.width)
    ends: defaultdict[_Point, list[_Point]] = defaultdict(list)
    before: list[_Point] = []
    last = -1
    for column, spans in _columns(counts, mask.height):
        if column != last + 1:
            _add_sides(ends, last + 1, before, [])
            before = []
        _add_sides(ends, column, before, spans)
        for top, bottom in spans:
            ends[column, top].append((column + 1, top))
            ends[column + 1, bottom].append((column, bottom))
        before, last = spans, column
    _add_sides(ends, last + 1, before, [])
    return tuple(_loops(ends))


def _columns(counts: Sequence[int], height: int) -> Iterator[tuple[int, list[_Point]]]:
    """Yields each column that has set pixels with its spans (first row, row after the last)."""
    column, spans = -1, list[_Point]()
    for start, length in rle_runs(counts):
        while length:
            at, top = divmod(start, height)
            bottom = min(height, top + length)
            done = bottom - top
            if at != column:
                if spans:
                    yield column, spans
                column, spans = at, []
            if spans and spans[-1][1] == top:
                # Runs with nothing between them are one.
                top = spans.pop()[0]
            spans.append((top, bottom))
            length -= done
            start += done
    if spans:
        yield column, spans


def _add_sides(
    ends: defaultdict[_Point, list[_Point]], x: int, left: Sequence[_Point], right: Sequence[_Point]
) -> None:
    """Adds the upright edges between two columns, so that the mask lies to the right of each edge."""
    flips_left, flips_right = ({row for span in spans for row in span} for spans in (left, right))
    in_left = in_right = False
    for top, bottom in pairwise(sorted(flips_left | flips_right)):
        in_left ^= top in flips_left
        in_right ^= top in flips_right
        if in_right and not in_left:
            ends[x, bottom].append((x, top))
        elif in_left and not in_right:
            ends[x, top].append((x, bottom))


def _loops(ends: dict[_Point, list[_Point]]) -> Iterator[_Ring]:
    """Yields closed rings of the edges, without the points that lie on a straight line."""
    for begin in sorted(ends):
        while ends[begin]:
            loop = [begin]
            point = ends[begin].pop()
            while point != begin:
                loop.append(point)
                point = ends[point].pop()
            corners = [
                here
                for was, here, comes in zip([loop[-1], *loop], loop, [*loop[1:], loop[0]], strict=False)
                if (was[0] == here[0]) != (here[0] == comes[0])
            ]
            yield tuple(float(number) for point in corners for number in point)


def turned(rings: Sequence[_Ring]) -> tuple[_Ring, ...]:
    """Returns rings of which the outer ones run one way round and the holes the other.

    Joined, they then enclose the same by every rule of filling.
    """
    return tuple(
        ring if (_runs_clockwise(ring) != _is_hole(ring, rings)) else _backwards(ring) for ring in rings
    )


def _runs_clockwise(ring: _Ring) -> bool:
    twice = 0.0
    for i in range(0, len(ring) - 1, 2):
        twice += ring[i - 2] * ring[i + 1] - ring[i] * ring[i - 1]
    return twice > 0


def _is_hole(ring: _Ring, rings: Sequence[_Ring]) -> bool:
    around = [other for other in rings if other is not ring]
    return bool(ring) and rings_contain(around, ring[0], ring[1])


def _backwards(ring: _Ring) -> _Ring:
    return tuple(number for i in range(len(ring) - 2, -1, -2) for number in ring[i : i + 2])


def stitched(rings: Sequence[_Ring]) -> _Ring:
    """Returns several rings as one that goes to each further ring and back on the same way.

    Such ways enclose nothing: parts stay parts and holes stay holes.
    """
    whole: list[float] = []
    for ring in rings:
        if not whole:
            whole = list(ring)
            continue
        if not ring:
            continue
        at, to = _nearest(whole, ring)
        detour = [*ring[2 * to :], *ring[: 2 * to + 2]]
        whole = [*whole[: 2 * at + 2], *detour, *whole[2 * at :]]
    return tuple(whole)


def _nearest(a: Sequence[float], b: Sequence[float]) -> tuple[int, int]:
    """Returns the places of two points, one of each ring, that lie close together."""
    firsts = range(0, len(a) // 2, max(1, len(a) // 2 // _LOOKS))
    seconds = range(0, len(b) // 2, max(1, len(b) // 2 // _LOOKS))
    return min(
        ((i, j) for i in firsts for j in seconds),
        key=lambda pair: (
            (a[2 * pair[0]] - b[2 * pair[1]]) ** 2 + (a[2 * pair[0] + 1] - b[2 * pair[1] + 1]) ** 2
        ),
    )
