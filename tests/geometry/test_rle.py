"""Run-length masks, with COCO's own library as the oracle."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from hdstore.errors import InvalidValueError
from hdstore.geometry import (
    decode_counts,
    encode_counts,
    mask_counts,
    rle_area,
    rle_bounds,
    rle_mask,
    rle_runs,
)


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    """Draws masks of all sizes: noise, blocks, empty and full."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    mask = np.zeros((height, width), np.uint8)
    for _ in range(draw(st.integers(0, 4))):
        top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        mask[top : top + draw(st.integers(1, height)), left : left + draw(st.integers(1, width))] ^= 1
    if draw(st.booleans()):
        mask ^= np.random.default_rng(draw(st.integers(0, 999))).random((height, width)) < 0.1
    return mask


@given(masks())
def test_masks_are_read_as_coco_wrote_them(mask: np.ndarray) -> None:
    """String, runs, area, bounds and pixels agree with pycocotools on its own output."""
    height, width = mask.shape
    theirs = coco.encode(np.asfortranarray(mask))
    text = theirs["counts"].decode()

    counts = decode_counts(text, height=height, width=width)

    assert encode_counts(counts) == text
    assert mask_counts(mask.tobytes(), height=height, width=width) == counts
    assert bytes(rle_mask(counts, height=height, width=width)) == mask.tobytes()
    assert rle_area(counts) == coco.area(theirs)
    assert tuple(rle_bounds(counts, height=height) or (0, 0, 0, 0)) == tuple(coco.toBbox(theirs))


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=30))
def test_any_counts_survive_the_string(counts: list[int]) -> None:
    """Large and shrinking counts, also zero, come back from the compressed string."""
    text = encode_counts(counts)

    assert decode_counts(text, height=sum(counts), width=1) == tuple(counts)


def test_uncompressed_counts_are_checked_and_kept() -> None:
    """A list of runs needs no decoding, but must fill the picture."""
    assert decode_counts([2, 3, 1], height=3, width=2) == (2, 3, 1)
    for broken in ([2, 3], [2, 3, 2], [7, -1]):
        with pytest.raises(InvalidValueError, match="add up to"):
            decode_counts(broken, height=3, width=2)


@given(st.text(max_size=30))
def test_hostile_strings_are_refused(text: str) -> None:
    """Whatever the letters, the answer is runs that fill the picture or a clear error."""
    with contextlib.suppress(InvalidValueError):
        counts = decode_counts(text, height=4, width=4)

        assert sum(counts) == 16
        assert min(counts) >= 0


def test_a_string_can_not_make_endless_numbers() -> None:
    """A number of thousands of groups is refused at its twelfth."""
    with pytest.raises(InvalidValueError, match="position 11"):
        decode_counts("o" * 10_000 + "0", height=1, width=1)
    with pytest.raises(InvalidValueError, match="middle"):
        decode_counts("oo", height=1, width=1)


def test_huge_masks_are_not_unpacked() -> None:
    """A few letters that claim terabytes cost nothing, yet area and bounds are told."""
    side = 10**6
    counts = decode_counts([side * side - 1, 1], height=side, width=side)

    assert rle_bounds(counts, height=side) == (side - 1, side - 1, 1, 1)
    with pytest.raises(InvalidValueError, match="not unpacked"):
        rle_mask(counts, height=side, width=side)


def test_empty_masks_have_no_bounds() -> None:
    """No set pixel, or no pixel at all."""
    assert rle_bounds([6], height=3) is None
    assert rle_bounds([6, 0], height=3) is None
    assert rle_bounds([], height=0) is None
    assert rle_mask([], height=0, width=0) == b""
    assert mask_counts(b"", height=0, width=0) == ()


def test_a_zero_run_sets_nothing() -> None:
    """Runs of no length, which some tools write, do not stretch the bounds."""
    assert rle_bounds([3, 0, 1, 2], height=3) == (1, 1, 1, 2)
    assert list(rle_runs([3, 0, 1, 2])) == [(4, 2)]


def test_masks_of_a_wrong_size_are_refused() -> None:
    """Both directions name the size that was found."""
    with pytest.raises(InvalidValueError, match="not 5"):
        mask_counts(bytes(5), height=2, width=3)
    with pytest.raises(InvalidValueError, match="not 5"):
        rle_mask([5], height=2, width=3)


def test_real_crowd_regions_agree_with_coco(shared_data: Callable[[str], Path]) -> None:
    """Every run-length mask of the real data set has COCO's area and bounds."""
    seen = 0
    for path in shared_data("formats").rglob("*.json"):
        content = json.loads(path.read_text("utf-8"))
        for annotation in content.get("annotations", ()) if isinstance(content, dict) else ():
            region = annotation.get("segmentation")
            if not isinstance(region, dict) or "counts" not in region:
                continue
            height, width = region["size"]
            counts = decode_counts(region["counts"], height=height, width=width)
            theirs = region if isinstance(region["counts"], str) else coco.frPyObjects(region, height, width)
            assert rle_area(counts) == coco.area(theirs)
            assert tuple(rle_bounds(counts, height=height) or (0, 0, 0, 0)) == tuple(coco.toBbox(theirs))
            seen += 1
    assert seen
