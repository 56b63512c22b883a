"""Area and bounds of every kind of geometry of the model."""

from __future__ import annotations

import math
from typing import get_args

import pytest

from hdstore.errors import InvalidValueError
from hdstore.model import (
    Box,
    Box3D,
    Ellipse,
    Geometry,
    Keypoints,
    Keypoints3D,
    MaskValue,
    Polygon,
    Polygon3D,
    Rle,
)
from hdstore.model.measure import area, bounding_box

CASES = [
    (Box(x=1, y=2, w=3, h=4), (1, 2, 3, 4), 12),
    (Box(x=0, y=0, w=4, h=2, angle=math.pi / 2), (1, -1, 2, 4), 8),
    (Polygon(rings=((0, 0, 10, 0, 10, 10, 0, 10), (2, 2, 4, 2, 4, 4, 2, 4))), (0, 0, 10, 10), 96),
    (Polygon(rings=()), None, 0),
    (Ellipse(cx=5, cy=5, rx=2, ry=1), (3, 4, 4, 2), 2 * math.pi),
    (Keypoints(points=(1, 1, 0, 0, 4, 3), visibility=(2, 0, 1)), (1, 1, 3, 2), None),
    (Keypoints(points=(1, 1, 0, 0)), (0, 0, 1, 1), None),
    (Keypoints(points=(0, 0), visibility=(0,)), None, None),
    (Keypoints3D(points=(1, 2, 9, 3, 5, -9)), (1, 2, 2, 3), None),
    (Polygon3D(rings=((0, 0, 1, 2, 2, 1), (9, 9, 9))), (0, 0, 9, 9), None),
    (Box3D(front=(0, 0, 5, 2, 2), back=(1, 1, 9, 2, 2)), (0, 0, 3, 3), None),
    (MaskValue(value=(1,)), None, None),
    (Rle(counts=(1, 2, 1), height=2, width=2), (0, 0, 2, 2), 2),
    (Rle(counts="121", height=2, width=2), (0, 0, 2, 2), 2),
    (None, None, None),
]


@pytest.mark.parametrize(("geometry", "bounds", "size"), CASES)
def test_every_geometry_is_measured(
    geometry: Geometry | None, bounds: tuple[float, ...] | None, size: float | None
) -> None:
    """Bounds and area are what one would measure by hand."""
    assert bounding_box(geometry) == (None if bounds is None else pytest.approx(bounds))
    assert area(geometry) == (None if size is None else pytest.approx(size))


def test_no_kind_of_geometry_is_forgotten() -> None:
    """Each kind of the model stands in the table above."""
    assert set(get_args(Geometry)) == {type(geometry) for geometry, _, _ in CASES if geometry}


def test_a_broken_mask_is_named() -> None:
    """Runs that do not fill the picture are an error, not a wrong number."""
    with pytest.raises(InvalidValueError, match="add up to 4"):
        area(Rle(counts=(1, 1), height=2, width=2))
