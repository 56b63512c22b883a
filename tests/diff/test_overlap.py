"""How far shapes moved and how much of them stayed, against counting pixels and the other ways to compute it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import strategies
from hypothesis import assume, example, given
from hypothesis import strategies as st

from hdstore.diff import GeometryChange, iou
from hdstore.geometry import box_iou, encode_counts, mask_counts, rings_area, rings_overlap
from hdstore.model import (
    Box,
    Box3D,
    Ellipse,
    Geometry,
    Keypoints,
    Keypoints3D,
    MaskValue,
    Polygon,
    Rle,
)
from hdstore.train.raster import mask_of

SIDE = 60

places = st.floats(0, SIDE, width=32)
lengths = st.floats(4, 30, width=32)
angles = st.none() | st.floats(-4, 4, width=32)
boxes = st.builds(Box, x=places, y=places, w=lengths, h=lengths, angle=angles)
ellipses = st.builds(Ellipse, cx=places, cy=places, rx=lengths, ry=lengths, theta=st.floats(-4, 4, width=32))
rings = st.lists(places, min_size=6, max_size=16).map(lambda n: tuple(n[: len(n) & ~1]))
polygons = st.builds(Polygon, rings=st.lists(rings, min_size=1, max_size=3).map(tuple))
figures: st.SearchStrategy[Any] = boxes | ellipses | polygons


def pixels(geometry: Geometry, scale: int) -> Any:
    """Returns the pixels of a figure, each as wide as one ``scale``-th."""

    def times(numbers: tuple[float, ...]) -> tuple[float, ...]:
        return tuple((n + SIDE) * scale for n in numbers)

    match geometry:
        case Box(x=x, y=y, w=w, h=h):
            x, y = times((x, y))
            geometry = Box(x=x, y=y, w=w * scale, h=h * scale, angle=geometry.angle)
        case Ellipse():
            cx, cy = times((geometry.cx, geometry.cy))
            rx, ry = geometry.rx * scale, geometry.ry * scale
            geometry = Ellipse(cx=cx, cy=cy, rx=rx, ry=ry, theta=geometry.theta)
        case Polygon():
            geometry = Polygon(rings=tuple(map(times, geometry.rings)))
    return mask_of(geometry, height=3 * SIDE * scale, width=3 * SIDE * scale)


@given(figures, figures)
@example(
    Polygon(rings=((0.0, 0.0, 10.0, 10.0, 10.0, 0.0, 0.0, 10.0),)), Box(x=0.0, y=0.0, w=10.0, h=10.0)
).via("crosses itself")
def test_the_overlap_is_that_of_the_pixels(one: Any, two: Any) -> None:
    """Shared and joined areas are what counting small pixels gives, for figures with holes, turns and crossings."""
    scale = 4
    first, second = pixels(one, scale), pixels(two, scale)
    shared, joined = int((first & second).sum()), int((first | second).sum())
    assume(joined > 400)
    edges = sum(len(ring) * SIDE for shape in (one, two) for ring in getattr(shape, "rings", ((0,) * 8,)))

    found = iou(one, two)
    assert found is not None
    assert found == pytest.approx(shared / joined, abs=0.001 + 0.25 * edges * scale / joined)
    assert abs(found - shared / joined) < 0.1 or joined < 40 * scale * scale


@given(figures, figures)
def test_the_overlap_is_symmetric_and_one_for_equals(one: Any, two: Any) -> None:
    """Both orders agree; a figure covers itself wholly, if it covers anything; the share lies between 0 and 1."""
    there, back = iou(one, two), iou(two, one)
    assert there == pytest.approx(back, abs=1e-9) if there is not None else back is None
    assert there is None or 0 <= there <= 1
    assert iou(one, one) in (1.0, None)
    assert iou(one, one) == 1.0 or isinstance(one, Polygon)


@given(figures, figures)
def test_figures_apart_share_nothing(one: Any, two: Any) -> None:
    """Whatever lies apart has an overlap of 0."""
    far: Geometry
    match two:
        case Box():
            far = Box(x=two.x + 500, y=two.y, w=two.w, h=two.h, angle=two.angle)
        case Ellipse():
            far = Ellipse(cx=two.cx + 500, cy=two.cy, rx=two.rx, ry=two.ry, theta=two.theta)
        case _:
            far = Polygon(
                rings=tuple(tuple(n + 500 * (i % 2 == 0) for i, n in enumerate(ring)) for ring in two.rings)
            )
    assert iou(one, far) in (0.0, None)


@given(boxes, boxes)
def test_turned_by_nothing_is_upright(one: Box, two: Box) -> None:
    """The way for rings gives what the way for upright boxes gives."""
    upright = [Box(x=box.x, y=box.y, w=box.w, h=box.h) for box in (one, two)]
    turned = [Box(x=box.x, y=box.y, w=box.w, h=box.h, angle=2 * math.pi) for box in (one, two)]
    expected = box_iou(*((box.x, box.y, box.w, box.h) for box in upright))

    assert iou(*upright) == expected
    assert iou(*turned) == pytest.approx(expected, abs=1e-6)
    assert iou(upright[0], turned[1]) == pytest.approx(expected, abs=1e-6)


@given(polygons)
def test_the_area_of_simple_rings_is_the_one_known(polygon: Polygon) -> None:
    """Of rings that cross nothing, the overlap with itself is the area by the shoelace formula."""
    box = Polygon(rings=((-9.0, -9.0, 99.0, -9.0, 99.0, 99.0, -9.0, 99.0), (0.0, 0.0, 60.0, 0.0, 60.0, 60.0)))
    found = rings_overlap(box.rings, box.rings)
    assert found is not None
    assert found[0] == found[1] == pytest.approx(rings_area(box.rings))
    inside = rings_overlap(polygon.rings, ((-1.0, -1.0, 61.0, -1.0, 61.0, 61.0, -1.0, 61.0),))
    alone = rings_overlap(polygon.rings, polygon.rings)
    assert inside is not None
    assert alone is not None
    assert inside[0] == pytest.approx(alone[0], abs=1e-6)
    assert inside[1] == pytest.approx(62 * 62)


masks = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda size: st.tuples(
        st.just(size), *[st.binary(min_size=size[0] * size[1], max_size=size[0] * size[1])] * 2
    )
)


@given(masks)
def test_masks_overlap_pixel_by_pixel(drawn: tuple[tuple[int, int], bytes, bytes]) -> None:
    """Run lengths give what arrays of booleans give, in both forms; masks of other size are not compared."""
    (height, width), *given_bytes = drawn
    arrays = [np.frombuffer(data, np.uint8).reshape(height, width) > 127 for data in given_bytes]
    counts = [mask_counts(array.tobytes(), height=height, width=width) for array in arrays]
    one = Rle(counts=counts[0], height=height, width=width)
    two = Rle(counts=encode_counts(counts[1]), height=height, width=width)
    shared, joined = (arrays[0] & arrays[1]).sum(), (arrays[0] | arrays[1]).sum()

    assert iou(one, two) == (float(shared / joined) if joined else None)
    assert iou(one, Rle(counts=(height * (width + 1),), height=height, width=width + 1)) is None


@given(boxes | polygons)
def test_a_figure_beside_a_mask_counts_by_its_pixels(figure: Any) -> None:
    """A figure is its own mask's equal: the pixels are those that training gets (no edge goes through a middle)."""
    if isinstance(figure, Polygon):
        figure = Polygon(
            rings=tuple(tuple(n + math.pi / 100 * (1 + i % 2) for i, n in enumerate(r)) for r in figure.rings)
        )
    mask = mask_of(figure, height=SIDE, width=SIDE)
    assert mask is not None
    plain = mask_counts(np.ascontiguousarray(mask).tobytes(), height=SIDE, width=SIDE)
    rle = Rle(counts=plain, height=SIDE, width=SIDE)

    assert iou(figure, rle) == (1.0 if mask.any() else None)
    assert iou(rle, figure) == iou(figure, rle)


@pytest.mark.parametrize(
    ("before", "after", "far", "share"),
    [
        (Box(x=0, y=0, w=10, h=10), Box(x=3, y=4, w=10, h=10), 5.0, 42 / 158),
        (Box(x=0, y=0, w=10, h=10), Box(x=2, y=2, w=6, h=6), 0.0, 0.36),
        (Box(x=0, y=0, w=10, h=10), Box(x=10, y=10, w=-10, h=-10), 0.0, 1.0),
        (Box(x=0, y=0, w=4, h=4), Polygon(rings=((0, 0, 4, 0, 4, 4),)), 0.0, 0.5),
        (Box(x=0, y=0, w=0, h=4), Box(x=1, y=0, w=0, h=4), 1.0, None),
        (Box(x=0, y=0, w=0, h=4), Box(x=0, y=0, w=2, h=4), 1.0, 0.0),
        (Polygon(rings=()), Polygon(rings=((0, 0, 4, 0, 4, 4),)), None, 0.0),
        (None, Box(x=0, y=0, w=1, h=1), None, None),
        (Keypoints(points=(0, 0, 5, 5)), Keypoints(points=(0, 0, 8, 9)), 5.0, None),
        (
            Keypoints(points=(1, 1, 0, 0), visibility=(2, 0)),
            Keypoints(points=(1, 2, 8, 9), visibility=(2, 2)),
            1.0,
            None,
        ),
        (Keypoints(points=(0, 0)), Keypoints(points=(3, 4, 3, 4)), 5.0, None),
        (Keypoints3D(points=(0, 0, 0)), Keypoints3D(points=(2, 3, 6)), 7.0, None),
        (
            Box3D(front=(0, 0, 0, 2, 2), back=(0, 0, 4, 2, 2)),
            Box3D(front=(0, 0, 3, 2, 2), back=(0, 0, 7, 2, 2)),
            3.0,
            None,
        ),
        (Keypoints3D(points=(0, 0, 0)), Box(x=0, y=0, w=1, h=1), None, None),
        (MaskValue(value=(1,)), MaskValue(value=(2,)), None, None),
        (Rle(counts="o", height=2, width=2), Rle(counts=(4,), height=2, width=2), None, None),
        (
            Rle(counts=(0, 10**15), height=1, width=10**15),
            Rle(counts=(0, 10**15), height=1, width=10**15),
            0,
            1,
        ),
        (Rle(counts=(0, 10**15), height=1, width=10**15), Box(x=0, y=0, w=1e15, h=1), 0, None),
    ],
)
def test_a_change_says_how_far_and_how_much(
    before: Geometry | None, after: Geometry | None, far: float | None, share: float | None
) -> None:
    """Distances are of middles, of keypoints the farthest; what can not be measured is None."""
    change = GeometryChange(before=before, after=after)

    assert change.distance == (None if far is None else pytest.approx(far))
    assert change.iou == (None if share is None else pytest.approx(share))


def test_a_figure_that_crosses_itself_too_often_is_not_measured() -> None:
    """A stranger's polygon costs little time, whatever it is."""
    zigzag = tuple(n for i in range(3000) for n in (i % 7 * 1000.0 + i, (i * 7919 % 3001) * 1.0))

    assert iou(Polygon(rings=(zigzag,)), Polygon(rings=(zigzag[2:],))) is None


@given(st.none() | strategies.any_geometry, st.none() | strategies.any_geometry)
def test_nothing_that_can_be_stored_breaks_it(before: Geometry | None, after: Geometry | None) -> None:
    """Any two geometries have a distance that is no number below 0, and a share from 0 to 1, or none."""
    change = GeometryChange(before=before, after=after)

    assert change.distance is None or change.distance >= 0
    assert change.iou is None or 0 <= change.iou <= 1
    assert (change.kind_before == "") == (before is None)


@given(lengths, lengths, st.floats(0, 70), angles)
def test_circles_overlap_as_the_formula_says(r: float, s: float, apart: float, turn: float | None) -> None:
    """The error of an ellipse is below 0.001: measured against the lens of two circles."""
    if apart >= r + s:
        lens = 0.0
    elif apart <= abs(r - s):
        lens = math.pi * min(r, s) ** 2
    else:
        a = (apart * apart + r * r - s * s) / (2 * apart)
        b = apart - a
        lens = r * r * math.acos(a / r) - a * math.sqrt(max(0.0, r * r - a * a))
        lens += s * s * math.acos(max(-1.0, min(1.0, b / s))) - b * math.sqrt(max(0.0, s * s - b * b))
    one = Ellipse(cx=0.0, cy=0.0, rx=r, ry=r, theta=turn or 0.0)

    found = iou(one, Ellipse(cx=apart, cy=0.0, rx=s, ry=s))
    assert found == pytest.approx(lens / (math.pi * (r * r + s * s) - lens), abs=0.001)
