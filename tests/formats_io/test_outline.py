"""Borders of masks and rings joined into one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hdstore.formats.outline import mask_rings, stitched, turned
from hdstore.geometry import encode_counts, mask_counts, rings_area, rings_contain
from hdstore.model import Rle


@st.composite
def masks(draw: st.DrawFn) -> tuple[int, int, bytes]:
    """Draws a mask of one byte a pixel, row by row."""
    height, width = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    pixels = draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    return height, width, bytes(pixels)


@given(masks(), st.booleans())
def test_the_border_of_a_mask_encloses_just_it(mask: tuple[int, int, bytes], compressed: bool) -> None:
    """By the even-odd rule every pixel's middle is inside exactly when it is set, joined into one ring or not."""
    height, width, pixels = mask
    counts = mask_counts(pixels, height=height, width=width)
    rle = Rle(counts=encode_counts(counts) if compressed else counts, height=height, width=width)

    rings = mask_rings(rle)

    for whole in (rings, (stitched(rings),)):
        inside = bytes(
            rings_contain(whole, column + 0.5, row + 0.5) for row in range(height) for column in range(width)
        )
        assert inside == pixels


def test_a_mask_with_empty_runs_has_one_border() -> None:
    """Runs with nothing between them are one; a full column and a run over several columns too."""
    rle = Rle(counts=(0, 2, 0, 1, 0, 3, 3), height=3, width=3)

    assert mask_rings(rle) == ((0.0, 0.0, 2.0, 0.0, 2.0, 3.0, 0.0, 3.0),)


def test_no_rings_are_no_ring() -> None:
    """A mask without a set pixel, and rings without points."""
    assert mask_rings(Rle(counts=(9,), height=3, width=3)) == ()
    assert stitched(()) == ()
    assert stitched(((), (1.0, 2.0), ())) == (1.0, 2.0)


def test_holes_run_the_other_way() -> None:
    """Joined rings have the area of the figure by the shoelace formula too."""
    outer = (0.0, 0.0, 10.0, 0.0, 10.0, 10.0, 0.0, 10.0)
    hole = (2.0, 2.0, 4.0, 2.0, 4.0, 4.0, 2.0, 4.0)
    part = (20.0, 0.0, 20.0, 5.0, 25.0, 5.0, 25.0, 0.0)

    assert rings_area((stitched(turned((outer, hole, part))),)) == 100 - 4 + 25
    assert turned((outer,)) == (outer,)
