"""Selections as values."""

from __future__ import annotations

from hdstore_gui.editing.selection import Ranges, Selection
from hypothesis import given
from hypothesis import strategies as st

rows = st.sets(st.integers(0, 60))


@given(rows, rows)
def test_ranges_behave_as_sets(first: set[int], second: set[int]) -> None:
    """Union and difference agree with Python's sets, and pairs stay sorted and apart."""
    a, b = Ranges.of(first), Ranges.of(second)

    assert list(a.union(b)) == sorted(first | second)
    assert list(a.minus(b)) == sorted(first - second)
    assert len(a) == len(first)
    for (_, stop), (start, _) in zip(a.union(b).pairs, a.union(b).pairs[1:], strict=False):
        assert stop < start


@given(rows, st.integers(0, 60))
def test_toggling_twice_changes_nothing(chosen: set[int], row: int) -> None:
    """A row goes in and out."""
    ranges = Ranges.of(chosen)

    assert (row in ranges.toggled(row)) is (row not in ranges)
    assert list(ranges.toggled(row).toggled(row)) == sorted(chosen)


def test_a_million_rows_are_one_pair() -> None:
    """Selecting all costs nothing."""
    everything = Ranges.span(0, 1_000_000)

    assert everything.pairs == ((0, 1_000_000),)
    assert len(everything) == 1_000_000
    assert 999_999 in everything
    assert 1_000_000 not in everything


def test_a_selection_keeps_the_order_of_choice() -> None:
    """The last one chosen is the current."""
    selection = Selection(("a",)).toggled("b").toggled("c").toggled("b")

    assert selection.ids == ("a", "c")
    assert selection.current == "c"
    assert selection.kept(["c"]).ids == ("c",)
    assert Selection().current is None
