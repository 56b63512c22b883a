"""Shares of draws: exact, fair to one draw, and never taken back."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from view.reference import divided

from hdstore.view.shares import Shares

weights = st.lists(
    st.sampled_from([1.0, 5.0, 0.1, 1 / 3, 2.5, 1e-6]) | st.floats(1e-9, 1e9), min_size=1, max_size=6
)


@given(weights, st.integers(0, 300))
def test_shares_are_those_of_giving_out_one_by_one(given_weights: list[float], draws: int) -> None:
    """By exact fractions, ties to the first query."""
    assert Shares(given_weights).of(draws) == divided(given_weights, draws)


@given(weights, st.integers(0, 10**15), st.integers(0, 10**6))
def test_shares_are_fair_and_grow(given_weights: list[float], draws: int, more: int) -> None:
    """Nobody has less than its share rounded down, all have as many as there are, and no draw is taken back."""
    shares = Shares(given_weights)
    had, then = shares.of(draws), shares.of(draws + more)
    total = sum(map(Fraction, given_weights))

    assert sum(had) == draws
    for weight, few, many in zip(given_weights, had, then, strict=True):
        assert few >= math.floor(draws * Fraction(weight) / total)
        assert many >= few


@given(weights, st.data())
def test_an_epoch_is_long_enough_for_every_frame(given_weights: list[float], data: st.DataObject) -> None:
    """After ceil(max(count / share)) draws each query had as many as it has frames (row 120)."""
    counts = data.draw(
        st.lists(st.integers(1, 10**6), min_size=len(given_weights), max_size=len(given_weights))
    )
    shares = Shares(given_weights)
    total = sum(map(Fraction, given_weights))
    needed = shares.needed(counts)

    assert needed == max(
        math.ceil(count * total / Fraction(weight))
        for count, weight in zip(counts, given_weights, strict=True)
    )
    assert all(had >= count for had, count in zip(shares.of(needed), counts, strict=True))


@given(weights, st.data())
def test_who_has_all_it_can_have_goes_out(given_weights: list[float], data: st.DataObject) -> None:
    """The others share what follows, still one by one."""
    size = len(given_weights)
    most = data.draw(st.lists(st.integers(1, 40), min_size=size, max_size=size))
    draws = data.draw(st.integers(0, sum(most)))

    assert Shares(given_weights, most).of(draws) == divided(given_weights, draws, most)
