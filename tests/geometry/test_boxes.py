"""Boxes and ellipses, upright and turned."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.errors import InvalidValueError
from hdstore.geometry import (
    box_bounds,
    box_corners,
    box_iou,
    ellipse_bounds,
    ellipse_ring,
    flat,
    points_bounds,
    ring_area,
)

numbers = st.floats(-1e4, 1e4)
lengths = st.floats(0.01, 1e4)
angles = st.floats(-10, 10)
boxes = st.tuples(numbers, numbers, lengths, lengths)


def test_corners_of_an_upright_box_are_exact() -> None:
    """Without an angle no number is touched by trigonometry."""
    assert box_corners(1, 2, 3, 4) == ((1, 2), (4, 2), (4, 6), (1, 6))
    assert box_corners(1, 2, 3, 4, angle=0.0) == box_corners(1, 2, 3, 4)


def test_a_quarter_turn_is_clockwise_on_the_screen() -> None:
    """The top left corner goes to the top right."""
    corners = box_corners(0, 0, 4, 2, angle=math.pi / 2)

    assert flat(corners) == pytest.approx((3, -1, 3, 3, 1, 3, 1, -1))


@given(boxes, angles)
def test_bounds_of_a_turned_box_fit_its_corners(box: tuple[float, float, float, float], angle: float) -> None:
    """The formula and the corners agree, and turning keeps the area."""
    ring = flat(box_corners(*box, angle=angle))

    assert box_bounds(*box, angle=angle) == pytest.approx(points_bounds(ring), rel=1e-6, abs=1e-6)
    assert ring_area(ring) == pytest.approx(box[2] * box[3], rel=1e-6)


def test_bounds_of_a_box_dragged_backwards_are_upright() -> None:
    """A negative width or height is a rectangle all the same."""
    assert box_bounds(10, 10, -4, 2) == (6, 10, 4, 2)
    assert box_bounds(10, 10, -4, -2, angle=math.pi) == pytest.approx((6, 8, 4, 2))


@given(boxes, boxes)
def test_iou_is_symmetric_and_bounded(
    a: tuple[float, float, float, float], b: tuple[float, float, float, float]
) -> None:
    """Order does not matter, and the ratio stays between 0 and 1."""
    assert box_iou(a, b) == box_iou(b, a)
    assert 0 <= box_iou(a, b) <= 1
    # Far from the origin x + w - x is not w: an error of the sum, not of the ratio.
    assert box_iou(a, a) == pytest.approx(1, abs=1e-6)


def test_iou_of_known_boxes() -> None:
    """Half over half, apart, touching, empty."""
    assert box_iou((0, 0, 2, 2), (1, 0, 2, 2)) == pytest.approx(1 / 3)
    assert box_iou((0, 0, 2, 2), (5, 5, 1, 1)) == 0
    assert box_iou((0, 0, 2, 2), (2, 0, 2, 2)) == 0
    assert box_iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0


@given(numbers, numbers, lengths, lengths, angles)
def test_bounds_of_an_ellipse_fit_its_polygon(
    cx: float, cy: float, rx: float, ry: float, theta: float
) -> None:
    """A polygon of many points fills the exact bounds and nearly the exact area."""
    ring = ellipse_ring(cx, cy, rx, ry, theta=theta, points=720)
    exact, drawn = ellipse_bounds(cx, cy, rx, ry, theta=theta), points_bounds(ring)

    assert drawn == pytest.approx(exact, abs=1e-4 * (rx + ry))
    assert ring_area(ring) == pytest.approx(math.pi * rx * ry, rel=1e-3)


def test_an_ellipse_begins_at_its_first_radius() -> None:
    """The first point lies at rx, turned by theta."""
    assert ellipse_ring(0, 0, 2, 1, theta=math.pi / 2, points=4) == pytest.approx((0, 2, -1, 0, 0, -2, 1, 0))
    with pytest.raises(InvalidValueError, match="at least 3"):
        ellipse_ring(0, 0, 1, 1, points=2)
