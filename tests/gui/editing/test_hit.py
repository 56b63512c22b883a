"""What is under a point."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hdstore_gui.editing.hit import HitKind, HitMap, Shadow, near_handle
from hdstore_gui.editing.outlines import Corner, outline_of

from hdstore.model import Annotation, Box, Ellipse, Geometry, Keypoints, Polygon


def hits(*geometries: Geometry, shadows: dict[str, Shadow] | None = None) -> HitMap:
    annotations = [Annotation(id=str(number), geometry=one) for number, one in enumerate(geometries)]
    outlines = {one.id: outline_of(one.geometry) for one in annotations}
    return HitMap({key: one for key, one in outlines.items() if one is not None}, shadows or {})


def test_a_body_is_hit_inside_and_not_outside() -> None:
    """Inside a box is its body; far outside is nothing."""
    found = hits(Box(x=10, y=10, w=30, h=20))

    assert found.at(25, 20, reach=2).kind is HitKind.BODY
    assert found.at(80, 20, reach=2).kind is HitKind.NOTHING


def test_an_edge_is_hit_from_both_sides() -> None:
    """Within reach of the line counts as the edge."""
    found = hits(Box(x=10, y=10, w=30, h=20))

    assert found.at(9, 20, reach=2).kind is HitKind.EDGE
    assert found.at(11, 20, reach=2).kind is HitKind.EDGE


def test_the_smallest_body_wins() -> None:
    """A small annotation on a large one can be reached."""
    found = hits(Box(x=0, y=0, w=100, h=100), Box(x=40, y=40, w=20, h=20))

    assert found.at(50, 50, reach=1).annotation_id == "1"


def test_a_turned_box_is_hit_where_it_lies() -> None:
    """The angle moves the corners, and the hit with them."""
    found = hits(Box(x=0, y=40, w=100, h=10, angle=math.pi / 2))

    assert found.at(50, 10, reach=1).annotation_id == "0"
    assert not found.at(5, 45, reach=1)


def test_a_hole_is_not_hit() -> None:
    """Rings are even-odd: the inner one cuts out."""
    outer, inner = (0.0, 0, 100, 0, 100, 100, 0, 100), (30.0, 30, 70, 30, 70, 70, 30, 70)
    found = hits(Polygon(rings=(outer, inner)))

    assert found.at(15, 50, reach=1).kind is HitKind.BODY
    assert not found.at(50, 50, reach=1)


def test_an_ellipse_is_hit_by_its_curve() -> None:
    """The corner of its bounds is not inside an ellipse."""
    found = hits(Ellipse(cx=50, cy=50, rx=40, ry=20))

    assert found.at(50, 50, reach=1).kind is HitKind.BODY
    assert not found.at(14, 33, reach=1)


def test_keypoints_are_hit_near_their_points() -> None:
    """A point that nobody labelled is not there to be hit."""
    found = hits(Keypoints(points=(10, 10, 50, 50, 0, 0), visibility=(2, 2, 0)))

    assert found.at(11, 10, reach=3).annotation_id == "0"
    assert not found.at(0, 0, reach=3)


def test_a_mask_is_hit_by_its_pixels() -> None:
    """Only covered pixels count."""
    pixels = np.zeros((4, 4), dtype=bool)
    pixels[1, 2] = True
    found = hits(shadows={"m": Shadow(10, 20, pixels)})

    assert found.at(12.5, 21.5, reach=0).annotation_id == "m"
    assert not found.at(10.5, 20.5, reach=0)


def test_a_band_takes_what_lies_wholly_in_it() -> None:
    """Half covered is not selected."""
    found = hits(Box(x=10, y=10, w=10, h=10), Box(x=50, y=10, w=100, h=10))

    assert found.within(0, 0, 80, 80) == ["0"]


@pytest.mark.parametrize(
    ("at", "corner"), [((10, 10), Corner.NW), ((40, 30), Corner.SE), ((25, 10), Corner.N)]
)
def test_handles_are_found_by_their_number(at: tuple[float, float], corner: Corner) -> None:
    """Each handle is where its corner is."""
    assert near_handle(Box(x=10, y=10, w=30, h=20), *at, reach=3, pixel=1) == corner


def test_ten_thousand_annotations_are_asked_quickly() -> None:
    """Bounds in one array leave only the near ones to look at."""
    boxes = [Box(x=x * 10.0, y=y * 10.0, w=8, h=8) for x in range(100) for y in range(100)]
    found = hits(*boxes)

    assert found.at(504, 504, reach=1).annotation_id == "5050"
    assert len(found.all_at(504, 504, reach=1)) == 1
