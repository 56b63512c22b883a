"""The worked example of docs/iteration.md is what the code does."""

from __future__ import annotations

from pathlib import Path

from hdstore.view.course import BLOCK
from hdstore.view.generator import permutation, stream

PAGE = Path(__file__).resolve().parents[2] / "docs" / "iteration.md"


def test_the_page_shows_what_the_generator_gives() -> None:
    """States and a permutation of the default seed."""
    page = PAGE.read_text(encoding="utf-8")

    assert f"state(1337) = 0x{stream(1337):016X}\n" in page
    assert f"state(1337, 0, 0) = 0x{stream(1337, 0, 0):016X}\n" in page
    order = ", ".join(map(str, permutation(stream(1337, 0, 0), 10)))
    assert f"the permutation of 10 by the stream (1337, 0, 0): {order}\n" in page


def test_the_page_says_how_long_a_block_is() -> None:
    """Other programs count in the same blocks."""
    assert f"blocks of {BLOCK:,} places" in PAGE.read_text(encoding="utf-8")
