"""The generator: SplitMix64 as published, the same on every machine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from view.reference import GOLDEN, WORD, mix, shuffled
from view.reference import stream as plain_stream

from hdstore.view.generator import permutation, permutations, stream

words = st.integers(0, 2**64 - 1)


def test_numbers_are_those_of_splitmix64() -> None:
    """The published first five numbers of the seed 1234567 stand in this order, from the smallest to the largest."""
    numbers = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]

    assert permutation(1234567, 5).tolist() == sorted(range(5), key=numbers.__getitem__)


@given(st.integers(0, 2**63 - 1), st.lists(st.integers(0, 2**63), max_size=3), st.integers(0, 200))
def test_streams_and_permutations_are_those_of_the_page(seed: int, parts: list[int], count: int) -> None:
    """As plain Python works them out; each number comes once."""
    state = stream(seed, *parts)

    assert state == plain_stream(seed, *parts)
    assert permutation(state, count).tolist() == shuffled(state, count)


@given(words, st.integers(0, 2**62), st.integers(0, 5), st.integers(0, 20))
def test_many_permutations_are_those_of_their_streams(
    prefix: int, first: int, several: int, count: int
) -> None:
    """Made together they are what each is alone."""
    found = permutations(prefix, first, first + several, count)

    assert found.shape == (several, count)
    for row, shuffle in enumerate(found.tolist()):
        assert shuffle == shuffled(_next(prefix, first + row), count)


def _next(state: int, part: int) -> int:
    """Returns the state of the stream that has one integer more."""
    return mix(((state ^ part) + GOLDEN) % WORD)


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_a_permutation_never_repeats(count: int) -> None:
    """Whatever the stream."""
    for seed in range(20):
        assert np.array_equal(np.sort(permutation(stream(seed), count)), np.arange(count))


def test_first_places_are_spread_evenly() -> None:
    """Over 5,000 seeds each of ten frames comes first about as often as any other (chi-square, 9 degrees, 0.1 %)."""
    firsts = np.bincount([int(permutation(stream(seed), 10)[0]) for seed in range(5000)], minlength=10)

    assert ((firsts - 500) ** 2 / 500).sum() < 27.9
