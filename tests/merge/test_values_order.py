"""The order of a merge: whoever moved something wins, and what was added stands where it stood."""

from __future__ import annotations

from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.merge.ordering import merge_order

Names: TypeAlias = list[str]


def merge(base: str, first: str, second: str) -> str:
    """Returns the merged order of letters, without those that one side removed."""
    gone = {name for name in base if name not in first or name not in second}
    return "".join(merge_order([base, first, second], {*first, *second} - gone))


@pytest.mark.parametrize(
    ("base", "first", "second", "merged"),
    [
        ("abc", "abc", "abc", "abc"),
        ("abc", "abcx", "abc", "abcx"),
        ("abc", "abcx", "abcy", "abcxy"),
        ("abc", "axbc", "abcy", "axbcy"),
        ("abc", "axbc", "aybc", "axybc"),
        ("abc", "axybc", "azbc", "axyzbc"),
        ("abc", "xabc", "yabc", "xyabc"),
        ("abc", "cba", "abc", "cba"),
        ("abc", "abc", "cba", "cba"),
        ("abc", "cba", "bac", "bac"),
        ("abc", "cba", "abxc", "cbxa"),
        ("abc", "cbxa", "abyc", "cbxya"),
        ("abc", "acx", "abyc", "aycx"),
        ("abc", "", "xabc", "x"),
        ("", "xy", "yz", "xyz"),
        ("", "xy", "yx", "yx"),
        ("ab", "bx", "ba", "bx"),
    ],
)
def test_orders_merge(base: str, first: str, second: str, merged: str) -> None:
    """Examples: nothing moved, one side moved, both did, both added at one place, a neighbour is gone."""
    assert merge(base, first, second) == merged


orders = st.permutations("abcdef").flatmap(lambda names: st.integers(0, 6).map(lambda most: names[:most]))


@given(orders, orders, orders, st.sets(st.sampled_from("abcdef")))
def test_each_name_stands_once(base: Names, first: Names, second: Names, kept: set[str]) -> None:
    """What is kept of both sides is there, once, and what both sides have stands as on one of them."""
    merged = merge_order([base, first, second], kept)
    assert sorted(merged) == sorted(kept & {*first, *second})
    both = [
        [name for name in side if name in kept and name in first and name in second]
        for side in (first, second)
    ]
    assert [name for name in merged if name in both[0]] in both


@given(orders, orders)
def test_one_sided_orders_are_taken(base: Names, changed: Names) -> None:
    """Where one side left the order alone the other's is the result, as it is."""
    gone = set(base) - set(changed)
    kept = {*base, *changed} - gone
    assert merge_order([base, changed, base], kept) == changed
    assert merge_order([base, base, changed], kept) == changed
    assert merge_order([base, changed, changed], kept) == changed
