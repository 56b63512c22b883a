"""Masks of geometry: every pixel against a slow oracle, and real outlines against COCO's own tools."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from hdstore.errors import InvalidValueError
from hdstore.geometry import decode_counts, encode_counts, mask_counts, rings_contain, rle_mask
from hdstore.model import (
    Box,
    Ellipse,
    Geometry,
    Keypoints,
    MaskValue,
    Polygon,
    Rle,
)
from hdstore.train.raster import equal_pixels, mask_bounds, mask_of

numbers = st.floats(-6, 16) | st.integers(-12, 32).map(lambda n: n / 2)
rings = st.lists(st.tuples(numbers, numbers), max_size=6).map(lambda ps: tuple(n for p in ps for n in p))


def pixels(geometry: Geometry | None, *, height: int = 9, width: int = 11) -> np.ndarray:
    mask = mask_of(geometry, height=height, width=width)
    assert mask is not None
    assert mask.shape == (height, width)
    assert mask.dtype == np.bool_
    return mask


@given(st.lists(rings, max_size=3).map(tuple))
def test_a_pixel_belongs_to_a_polygon_when_its_centre_does(rings: tuple[tuple[float, ...], ...]) -> None:
    """Every pixel agrees with the even-odd rule asked of its centre, also for rings that cross or leave the picture."""
    mask = pixels(Polygon(rings=rings))

    for y in range(9):
        for x in range(11):
            assert mask[y, x] == rings_contain(rings, x + 0.5, y + 0.5)


@given(numbers, numbers, st.floats(0, 12), st.floats(0, 12), st.floats(-4, 4))
def test_a_pixel_belongs_to_an_ellipse_when_its_centre_does(
    cx: float, cy: float, rx: float, ry: float, theta: float
) -> None:
    """Every pixel agrees with the equation of the ellipse; one without width has none."""
    mask = pixels(Ellipse(cx=cx, cy=cy, rx=rx, ry=ry, theta=theta))

    for y in range(9):
        for x in range(11):
            dx, dy = x + 0.5 - cx, y + 0.5 - cy
            along = dx * math.cos(theta) + dy * math.sin(theta)
            across = dy * math.cos(theta) - dx * math.sin(theta)
            value = math.hypot(along / rx, across / ry) if rx and ry else math.inf
            assert mask[y, x] == (value < 1) or value == pytest.approx(1, abs=1e-9)


@given(st.integers(0, 2**99 - 1))
def test_run_lengths_become_what_they_say(bits: int) -> None:
    """A mask of runs, in either form, is the one that the plain decoder gives."""
    data = bytearray(bits >> i & 1 for i in range(99))
    counts = mask_counts(data, height=9, width=11)

    for form in (counts, encode_counts(counts)):
        mask = pixels(Rle(counts=form, height=9, width=11))
        assert mask.tobytes() == bytes(rle_mask(decode_counts(form, height=9, width=11), height=9, width=11))


def test_boxes_that_share_an_edge_share_no_pixel() -> None:
    """Four boxes that meet in a point cover each pixel once, turned ones what their corners enclose."""
    parts = [Box(x=x, y=y, w=5.5, h=4.5) for x in (0, 5.5) for y in (0, 4.5)]

    assert (sum(pixels(part).astype(int) for part in parts) == 1).all()
    turned = pixels(Box(x=2, y=3, w=6, h=2, angle=math.pi / 2))
    assert mask_bounds(turned) == (4, 1, 2, 6)
    assert mask_bounds(np.zeros((3, 3), dtype=bool)) is None


def test_other_kinds_cover_no_pixel() -> None:
    """Points, labels alone and mask values, which lie in a picture of their own."""
    for geometry in (None, Keypoints(points=(1, 1)), MaskValue(value=(1,))):
        assert mask_of(geometry, height=4, width=4) is None


def test_what_does_not_fit_is_refused() -> None:
    """Runs for another size, broken runs, and more pixels than memory should hold."""
    with pytest.raises(InvalidValueError, match="4 x 3 pixels does not fit a picture of 5 x 3"):
        mask_of(Rle(counts=(12,), height=3, width=4), height=3, width=5)
    with pytest.raises(InvalidValueError, match="add up"):
        mask_of(Rle(counts=(11,), height=3, width=4), height=3, width=4)
    with pytest.raises(InvalidValueError, match="pixels is not made"):
        mask_of(Box(x=0, y=0, w=1, h=1), height=1 << 20, width=1 << 20)


def test_values_of_masks_are_found_in_grey_and_in_colour() -> None:
    """One number and a colour of three equal parts are the same; alpha counts where it is asked for."""
    grey = np.array([[0, 7], [7, 9]])
    colour = np.stack([grey, grey, grey, np.array([[255, 255], [0, 255]])], axis=2)

    assert equal_pixels(grey, (7,)).tolist() == [[False, True], [True, False]]
    assert equal_pixels(grey, (7, 7, 7)).tolist() == equal_pixels(colour, (7,)).tolist()
    assert not equal_pixels(grey, (7, 0, 0)).any()
    assert equal_pixels(colour, (7, 7, 7, 255)).tolist() == [[False, True], [False, False]]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_real_outlines_have_the_pixels_of_cocos_own_tools(shared_data: Callable[[str], Path]) -> None:
    """Litter of TACO: large polygons agree with pycocotools but for the pixels at their edge."""
    found = next(shared_data("taco").rglob("annotations.json"))
    document = json.loads(found.read_text(encoding="utf-8"))
    sizes = {image["id"]: (image["height"], image["width"]) for image in document["images"]}
    seen = 0
    for record in document["annotations"]:
        polygons = record["segmentation"]
        height, width = sizes[record["image_id"]]
        if len(polygons) != 1 or record["area"] < 40_000 or height * width > 3_000_000:
            continue
        ours = pixels(Polygon(rings=(tuple(polygons[0]),)), height=height, width=width)
        theirs = coco_mask.decode(coco_mask.frPyObjects(polygons, height, width))[..., 0].astype(bool)
        assert (ours & theirs).sum() / (ours | theirs).sum() > 0.97, record["id"]
        seen += 1
        if seen == 20:
            break
    assert seen
