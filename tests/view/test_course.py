"""Courses: what comes at which position, for every way to iterate, in parts and in full."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from view import reference

from hdstore.model import Iteration, Order
from hdstore.view.course import BLOCK, Course

iterations = st.builds(
    Iteration,
    epoch=st.booleans(),
    infinite=st.booleans(),
    limit=st.none() | st.integers(0, 300),
    order=st.sampled_from(Order),
    seed=st.none() | st.integers(0, 2**63 - 1),
)
queries = st.lists(st.integers(0, 3), max_size=40)
weights = st.lists(st.sampled_from([1.0, 1.0, 0.5, 3.0, 1 / 3, 40.0]), min_size=4, max_size=4)


def course_of(iteration: Iteration, asked: list[int], given_weights: list[float]) -> Course:
    return Course(iteration, np.array(asked, np.int64), given_weights)


@given(iterations, queries, weights)
def test_a_course_is_what_the_page_says(
    iteration: Iteration, asked: list[int], given_weights: list[float]
) -> None:
    """The same units in the same order as plain Python draws them; a course without units has none, endless or not."""
    course = course_of(iteration, asked, given_weights)
    expected = list(islice(reference.course(iteration, asked, given_weights), 1000))

    assert course.units(0, 1000).tolist() == expected
    if course.length is None:
        assert iteration.infinite
        assert len(expected) == 1000
    elif course.length < 1000:
        assert len(expected) == course.length


@given(iterations, queries, weights, st.data())
def test_any_part_of_a_course_can_be_had_alone(
    iteration: Iteration, asked: list[int], given_weights: list[float], data: st.DataObject
) -> None:
    """From any position on, and every n-th of them: the parts of several workers are the whole, without overlap."""
    course = course_of(iteration, asked, given_weights)
    whole = course.units(0, 700).tolist()
    begin = data.draw(st.integers(0, 700))
    workers = data.draw(st.integers(1, 9))
    parts = [course.units(worker, 700, workers).tolist() for worker in range(workers)]

    assert course.units(begin, 700 - begin).tolist() == whole[begin:]
    for worker, part in enumerate(parts):
        assert part[: len(whole[worker::workers])] == whole[worker::workers]
        if course.length is not None and course.length <= 700:
            assert len(part) == len(whole[worker::workers])


@pytest.mark.parametrize("order", Order)
def test_once_gives_each_unit_once(order: Order) -> None:
    """Whatever the weights, and also where a limit is not reached."""
    asked = [0, 1] * 500
    whole = course_of(Iteration(order=order), asked, [1.0, 9.0]).units(0, 2000)

    assert sorted(whole.tolist()) == list(range(1000))
    assert (
        course_of(Iteration(order=order, limit=1000), asked, [1.0, 9.0]).units(0, 2000).tolist()
        == whole.tolist()
    )


def test_a_limit_ends_the_sequential_order() -> None:
    """Weights do not change what is sorted."""
    course = course_of(Iteration(limit=10), [0, 1] * 500, [1.0, 9.0])

    assert course.units(0, 2000).tolist() == list(range(10))


def test_a_limit_draws_by_weights_without_repeats() -> None:
    """In random order; a query that has given all it has leaves the rest to the others (row 116)."""
    asked = [0] * 500 + [1] * 60
    course = course_of(Iteration(order=Order.RANDOM, limit=100), asked, [1.0, 1.0])
    drawn = course.units(0, 200).tolist()
    longer = course_of(Iteration(order=Order.RANDOM, limit=550), asked, [1.0, 1.0]).units(0, 1000).tolist()

    assert len(set(drawn)) == 100
    assert sum(unit >= 500 for unit in drawn) == 50
    assert len(set(longer)) == len(longer) == 550
    assert sum(unit >= 500 for unit in longer) == 60


def test_each_pass_has_an_order_of_its_own() -> None:
    """A random infinite course never repeats a unit within a pass, and no pass is like another."""
    course = course_of(Iteration(order=Order.RANDOM, infinite=True), [0] * 100, [1.0])
    passes = [course.units(number * 100, 100).tolist() for number in range(50)]

    assert all(sorted(units) == list(range(100)) for units in passes)
    assert len({tuple(units) for units in passes}) == 50


@pytest.mark.parametrize("order", Order)
def test_an_epoch_gives_each_unit_at_least_once(order: Order) -> None:
    """Each query's own in cycles without a repeat within, also from one epoch to the next (rows 101, 120)."""
    asked = [0] * 700 + [1] * 90 + [3] * 5
    given_weights = [1.0, 2.0, 50.0, 0.7]
    course = course_of(Iteration(order=order, epoch=True, infinite=True), asked, given_weights)
    assert course.epoch == 2590  # 700 units at a share of 1 / 3.7: the query without units counts for nothing

    drawn = course.units(0, 3 * course.epoch).tolist()
    for number in range(3):
        epoch = drawn[number * course.epoch : (number + 1) * course.epoch]
        assert set(epoch) == set(range(795))
    for query, size in ((0, 700), (1, 90), (3, 5)):
        own = [unit for unit in drawn if asked[unit] == query]
        for begin in range(0, len(own) - size, size):
            assert len(set(own[begin : begin + size])) == size


def test_queries_are_drawn_by_their_weights() -> None:
    """Over 100,000 draws shares are exact; within a stretch they are spread as chance would (chi-square, 0.1 %)."""
    given_weights = [5.0, 1.0, 2.0]
    asked = [0] * 10 + [1] * 1000 + [2] * 100
    course = course_of(Iteration(order=Order.RANDOM, infinite=True, seed=7), asked, given_weights)
    drawn = np.array(asked)[course.units(0, 100_000)]

    counts = np.bincount(drawn)
    # The last block is begun only, so its shares are those of chance.
    assert np.abs(counts - 100_000 * np.array(given_weights) / 8).max() <= BLOCK / 50
    pairs = Counter(zip(drawn[:-1:2].tolist(), drawn[1::2].tolist(), strict=True))
    chance = {(a, b): 50_000 * given_weights[a] * given_weights[b] / 64 for a in range(3) for b in range(3)}
    assert sum((pairs[pair] - many) ** 2 / many for pair, many in chance.items()) < 26.1


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_get_the_same_shares(workers: int) -> None:
    """Which worker gets a frame does not depend on its query."""
    given_weights = [1.0, 1.0]
    course = course_of(Iteration(order=Order.RANDOM, infinite=True), [0] * 50 + [1] * 50, given_weights)
    for worker in range(workers):
        drawn = course.units(worker, 30_000, workers)
        assert abs(np.count_nonzero(drawn < 50) - 15_000) < 400


def test_a_course_of_astronomical_length_can_be_entered_anywhere() -> None:
    """A weight of one in a billion makes an epoch of 10**15 draws; any of them is found at once."""
    course = course_of(Iteration(epoch=True), [0] * 1_000_000 + [1], [1e-9, 1.0])
    assert course.length == 10**15 + 10**6

    begin = 7 * 10**14
    units = course.units(begin, 10)
    assert units.tolist() == course.units(begin - 5, 15)[5:].tolist()
    assert set(units.tolist()) <= {*range(1_000_000), 1_000_000}
    assert len(course.units(course.length - 3, 100)) == 3


@pytest.mark.parametrize(
    ("iteration", "expected"),
    [
        (Iteration(order=Order.RANDOM), [9, 1, 8, 0, 2, 6, 4, 5, 7, 3]),
        (Iteration(order=Order.RANDOM, seed=0, limit=5), [2, 6, 0, 3, 8]),
        (
            Iteration(order=Order.RANDOM, infinite=True, limit=16),
            [2, 0, 7, 8, 5, 9, 4, 6, 3, 5, 1, 7, 0, 3, 2, 8],
        ),
        (Iteration(epoch=True, limit=16), [0, 2, 3, 5, 7, 1, 4, 6, 8, 0, 9, 2, 3, 5, 7, 8]),
    ],
)
def test_the_generator_never_changes(iteration: Iteration, expected: list[int]) -> None:
    """These orders were written down once: stored views and runs in the field have them."""
    assert course_of(iteration, [0, 1, 0, 0, 1, 0, 1, 0, 0, 1], [3.0, 1.0]).units(0, 16).tolist() == expected
