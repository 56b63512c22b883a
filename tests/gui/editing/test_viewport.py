"""The maths between picture and widget."""

from __future__ import annotations

import pytest
from hdstore_gui.editing.viewport import MAX_SCALE, MIN_SCALE, Viewport
from hypothesis import given
from hypothesis import strategies as st

sizes = st.floats(8, 20_000)
points = st.floats(-500, 5_000)
views = st.builds(
    Viewport,
    picture=st.tuples(sizes, sizes),
    view=st.tuples(st.floats(50, 4_000), st.floats(50, 4_000)),
    scale=st.floats(MIN_SCALE, MAX_SCALE),
    x=points,
    y=points,
)


@given(views, points, points)
def test_there_and_back_is_the_same_point(view: Viewport, x: float, y: float) -> None:
    """A picture point keeps its place through the widget and back."""
    there = view.to_view(x, y)

    assert view.to_picture(*there) == pytest.approx((x, y), abs=1e-3)


@given(views)
def test_a_fitted_picture_lies_inside(view: Viewport) -> None:
    """All corners of a fitted picture are seen, whenever the smallest scale allows it."""
    fitted = view.fitted()
    right, bottom = fitted.to_view(*view.picture)

    if fitted.scale > MIN_SCALE:
        assert fitted.x >= -1e-6
        assert fitted.y >= -1e-6
        assert right <= view.view[0] + 1e-6
        assert bottom <= view.view[1] + 1e-6


def test_zooming_keeps_what_is_under_the_pointer() -> None:
    """The picture point under the pointer does not move."""
    view = Viewport(picture=(1000, 800), view=(500, 400)).fitted()
    before = view.to_picture(200, 150)

    zoomed = view.zoomed(3.0, 200, 150)

    assert zoomed.to_picture(200, 150) == pytest.approx(before)
    assert zoomed.scale == pytest.approx(view.scale * 3)


@given(views, st.floats(-1e5, 1e5), st.floats(-1e5, 1e5))
def test_the_picture_can_not_get_lost(view: Viewport, dx: float, dy: float) -> None:
    """However far it is thrown, some of the picture stays in the view."""
    moved = view.panned(dx, dy)
    right, bottom = moved.to_view(*view.picture)

    assert moved.x < view.view[0]
    assert moved.y < view.view[1]
    assert right > 0
    assert bottom > 0


def test_scales_stay_within_limits() -> None:
    """Neither a thousand steps in nor out leave the limits."""
    view = Viewport(picture=(100, 100), view=(100, 100))

    assert view.zoomed(1e9, 0, 0).scale == MAX_SCALE
    assert view.zoomed(1e-9, 0, 0).scale == MIN_SCALE


def test_showing_moves_no_more_than_it_takes() -> None:
    """What is in sight already stays where it is."""
    view = Viewport(picture=(1000, 1000), view=(400, 400), scale=1.0)

    assert view.showing(100, 100, 200, 200) is view
    assert view.showing(600, 100, 700, 200).to_view(700, 200)[0] <= 400
