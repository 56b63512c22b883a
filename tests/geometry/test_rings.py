"""Rings: areas, bounds, insides and ClearML's flat form."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.errors import InvalidValueError
from hdstore.geometry import (
    SEPARATOR,
    flat,
    join_rings,
    pairs,
    points_bounds,
    ring_area,
    ring_centroid,
    rings_area,
    rings_contain,
    split_rings,
)

SQUARE = (0, 0, 10, 0, 10, 10, 0, 10)
HOLE = (2, 2, 2, 8, 8, 8, 8, 2)
ISLAND = (4, 4, 6, 4, 6, 6, 4, 6)

numbers = st.floats(-1e6, 1e6)
points = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=20)


def square(x: float, y: float, side: float) -> tuple[float, ...]:
    return (x, y, x + side, y, x + side, y + side, x, y + side)


def test_area_of_a_ring_ignores_its_direction() -> None:
    """Clockwise and counter-clockwise rings have the same area, and a line has none."""
    assert ring_area(SQUARE) == 100
    assert ring_area(flat(reversed(pairs(SQUARE)))) == 100
    assert ring_area((0, 0, 5, 5)) == 0
    assert ring_area(()) == 0


def test_area_far_from_the_origin_is_exact() -> None:
    """A small square at a huge offset keeps its area: no digits cancel."""
    assert ring_area(square(1e12, -1e12, 0.5)) == 0.25


def test_holes_are_taken_away_and_islands_added() -> None:
    """The even-odd rule decides the sign of each ring, in any order."""
    assert rings_area((SQUARE, HOLE)) == 64
    assert rings_area((ISLAND, HOLE, SQUARE)) == 68
    assert rings_area((SQUARE, square(20, 20, 5))) == 125
    assert rings_area(()) == 0


def test_a_hole_that_touches_its_outer_ring_is_still_a_hole() -> None:
    """A shared corner or edge says nothing; the first point that is not shared decides."""
    assert rings_area((SQUARE, square(0, 0, 5))) == 75
    assert rings_area((SQUARE, (0, 0, 10, 0, 5, 5))) == 75


def test_a_hole_that_begins_on_the_outermost_edge_is_still_a_hole() -> None:
    """Also where left + (right - left) is less than right, as it is for these."""
    outer, hole = (325.35, 0, 1785.01, 0, 1785.01, 8, 325.35, 8), (1785.01, 4, 785.01, 2, 785.01, 6)

    assert 325.35 + (1785.01 - 325.35) < 1785.01
    assert rings_area((outer, hole)) == ring_area(outer) - ring_area(hole) > 9000


def test_a_ring_without_points_surrounds_nothing() -> None:
    """Whatever point is asked of it."""
    assert rings_area(((), SQUARE, (0.0,), HOLE)) == 64


def test_rings_contain_by_the_even_odd_rule() -> None:
    """Inside the square and its island, not inside its hole nor outside."""
    figure = (SQUARE, HOLE, ISLAND)

    assert rings_contain(figure, 1, 1)
    assert not rings_contain(figure, 3, 3)
    assert rings_contain(figure, 5, 5)
    assert not rings_contain(figure, 11, 5)
    assert not rings_contain((), 0, 0)


@given(st.floats(0, 20), st.floats(0, 10))
def test_squares_that_share_an_edge_share_no_point(x: float, y: float) -> None:
    """Each point of a tiled plane belongs to one tile at most."""
    assert rings_contain((square(0, 0, 10),), x, y) + rings_contain((square(10, 0, 10),), x, y) <= 1


@given(points)
def test_flat_and_pairs_are_inverse(given_points: list[tuple[float, float]]) -> None:
    """Points survive the way to a flat run and back."""
    assert pairs(flat(given_points)) == tuple(given_points)


@given(points)
def test_centroid_lies_within_the_bounds(given_points: list[tuple[float, float]]) -> None:
    """Whatever the ring, also crossed or flat, its centre is not outside its bounds."""
    ring = flat(given_points)
    centre, bounds = ring_centroid(ring), points_bounds(ring)

    assert centre is not None
    assert bounds is not None
    left, top, width, height = bounds
    slack = 1e-6 * (1 + abs(left) + abs(top) + width + height)
    assert left - slack <= centre[0] <= left + width + slack
    assert top - slack <= centre[1] <= top + height + slack


def test_centroid_of_known_figures() -> None:
    """An L-shape by hand, a line by its points, nothing for no points."""
    assert ring_centroid(SQUARE) == (5, 5)
    assert ring_centroid((0, 0, 2, 0, 2, 1, 1, 1, 1, 2, 0, 2)) == pytest.approx((5 / 6, 5 / 6))
    assert ring_centroid((0, 0, 4, 0)) == (2, 0)
    assert ring_centroid(()) is None


def test_bounds_of_points() -> None:
    """The smallest rectangle, and None where there is no point."""
    assert points_bounds((3, 4, 1, 9, 2, -1)) == (1, -1, 2, 10)
    assert points_bounds(()) is None


def test_odd_runs_are_refused() -> None:
    """A ring with half a point is named as such."""
    with pytest.raises(InvalidValueError, match="even number"):
        pairs((1, 2, 3))
    with pytest.raises(InvalidValueError, match="multiple of 3"):
        split_rings((1, 2, 3, 4), dimensions=3)


def test_clearml_form_is_split_at_the_separator() -> None:
    """The second number of the separator pair may be anything; empty parts vanish."""
    assert split_rings((0, 0, 1, 0, 1, 1, SEPARATOR, 0, 5, 5, 6, 6, 7, 5)) == (
        (0, 0, 1, 0, 1, 1),
        (5, 5, 6, 6, 7, 5),
    )
    assert split_rings((SEPARATOR, SEPARATOR, 1, 2)) == ((1, 2),)
    assert split_rings(()) == ()
    assert split_rings((1, 2, 3, SEPARATOR, 0, 0, 4, 5, 6), dimensions=3) == ((1, 2, 3), (4, 5, 6))


@given(st.lists(points, max_size=5), st.sampled_from([2, 3]))
def test_clearml_form_is_read_back(parts: list[list[tuple[float, float]]], dimensions: int) -> None:
    """What is joined splits into the same rings, in the plane and in space."""
    rings = tuple(flat((*point, 7.0)[:dimensions] for point in part) for part in parts)

    assert split_rings(join_rings(rings, dimensions=dimensions), dimensions=dimensions) == rings


def test_a_point_that_looks_like_the_separator_is_refused() -> None:
    """Writing it would tear the ring in two."""
    with pytest.raises(InvalidValueError, match="ClearML"):
        join_rings(((SEPARATOR, 1, 2, 3),))


@given(st.floats(0.1, 1e3), st.integers(3, 60))
def test_regular_polygons_have_their_known_area(radius: float, corners: int) -> None:
    """Shoelace agrees with the formula of regular polygons."""
    ring = flat(
        (radius * math.cos(2 * math.pi * i / corners), radius * math.sin(2 * math.pi * i / corners))
        for i in range(corners)
    )

    assert ring_area(ring) == pytest.approx(corners / 2 * radius**2 * math.sin(2 * math.pi / corners))
