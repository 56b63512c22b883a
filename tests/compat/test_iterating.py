"""Iterators over views: reading ahead, sharing, beginning anew, and what is refused."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.compat.iterating import ReadAhead, ViewIterator
from hdstore.errors import InvalidInputError


def numbers(count: int) -> Callable[[int, int, int], Iterator[int]]:
    """Returns what opens the numbers below ``count``, for one worker or several."""
    return lambda start, worker, workers: iter(range(start * workers + worker, count, workers))


def over(count: int, **options: Any) -> ViewIterator[int]:
    return ViewIterator(numbers(count), lambda: count, **options)


@given(st.integers(0, 60), st.integers(1, 9), st.integers(1, 3), st.integers(1, 5), st.integers(0, 70))
def test_every_item_comes_once_to_one_worker(
    count: int, size: int, depth: int, workers: int, taken: int
) -> None:
    """In order, however they are read ahead; beginning anew gives the same."""
    options = {"query_cache_size": size, "query_queue_depth": depth, "num_workers": workers}
    shares = [over(count, worker_index=worker, **options) for worker in range(workers)]
    for worker, share in enumerate(shares):
        expected = list(range(worker, count, workers))
        assert len(share) == share.limit == len(expected)
        assert [item for item, _ in zip(share, range(taken), strict=False)] == expected[:taken]
        assert list(share) == expected


def test_a_thread_reads_ahead_no_further_than_it_may() -> None:
    """Two batches of three wait, and one is being given out."""
    read: list[int] = []

    def source() -> Iterator[int]:
        for number in range(100):
            read.append(number)
            yield number

    ahead = ReadAhead(source(), 3, 2)
    for index, number in enumerate(ahead):
        assert number == index
        assert len(read) <= 3 * (index // 3 + 1 + 2)
    assert len(read) == 100


def test_a_reader_that_is_closed_gives_nothing_more() -> None:
    """Although more was read."""
    ahead = ReadAhead(iter(range(100)), 3, 2)
    assert next(ahead) == 0
    ahead.close()
    assert list(ahead) == []


def test_what_nobody_holds_any_more_ends_its_thread() -> None:
    """Also when it was never read to its end."""
    before = set(threading.enumerate())
    iterator = over(10_000, query_cache_size=2)
    assert next(iterator) == 0
    [thread] = set(threading.enumerate()) - before
    del iterator
    gc.collect()
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_an_error_comes_where_its_item_is_asked_for() -> None:
    """What was read before comes first; afterwards it can begin anew."""

    def open(start: int, worker: int, workers: int) -> Iterator[int]:
        yield 1
        raise KeyError("broken")

    iterator = ViewIterator(open, lambda: 2, query_cache_size=1)
    for _ in range(2):
        found = iter(iterator)
        assert next(found) == 1
        with pytest.raises(KeyError, match="broken"):
            next(found)
        assert list(zip(found, range(0), strict=False)) == []


def test_what_is_kept_in_memory_comes_again_without_reading() -> None:
    """But only once all of it has come."""
    opened = []

    def open(start: int, worker: int, workers: int) -> Iterator[object]:
        opened.append(start)
        return (object() for _ in range(4))

    iterator = ViewIterator(open, lambda: 4, cache_in_memory=True)
    assert next(iterator) is not next(iterator)
    first = list(iterator)
    assert [list(iterator), list(iterator)] == [first, first]
    assert opened == [0, 0]
    with pytest.raises(InvalidInputError, match="no end"):
        ViewIterator(open, lambda: None, cache_in_memory=True)


def test_an_iterator_without_an_end_has_no_length() -> None:
    """limit is None, len is refused."""
    iterator = ViewIterator(numbers(9), lambda: None)
    assert iterator.limit is None
    with pytest.raises(InvalidInputError, match="no end"):
        len(iterator)


def test_workers_are_set_before_it_begins() -> None:
    """By index, or by the number of the machine."""
    iterator = over(10)
    iterator.set_node(5)
    iterator.set_concurrency(num_workers=3)
    assert (iterator.node_id, list(iterator)) == (5, [2, 5, 8])
    assert next(iter(iterator)) == 2
    with pytest.raises(InvalidInputError, match="before it begins"):
        iterator.set_concurrency(0, 2)
    with pytest.raises(InvalidInputError, match="before it begins"):
        iterator.set_node(1)
    iterator.close()
    iterator.set_concurrency()
    assert list(iterator) == list(range(10))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"worker_index": 0}, "how many there are"),
        ({"num_workers": 2}, "Which of 2"),
        ({"num_workers": 0}, "num_workers is 1 or more"),
        ({"num_workers": 2, "worker_index": -1}, "worker_index is 0 or more"),
        ({"num_workers": 2, "worker_index": "x"}, "whole number"),
        ({"node_id": -1}, "node_id is 0 or more"),
        ({"query_cache_size": 0}, "query_cache_size is 1 or more"),
        ({"query_queue_depth": 0}, "query_queue_depth is 1 or more"),
    ],
)
def test_what_means_nothing_is_refused(options: dict[str, Any], reason: str) -> None:
    """With the argument named."""
    with pytest.raises(InvalidInputError, match=reason):
        over(5, **options)


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_process_reads_on_by_itself() -> None:
    """Its parent's thread is not there; what has come before the fork does not come again."""
    iterator = over(9, query_cache_size=2)
    assert [next(iterator), next(iterator)] == [0, 1]
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # should it wait for a thread that it does not have
        try:
            os.write(
                writing, bytes(item for item, _ in zip(iter(iterator.__next__, None), range(7), strict=False))
            )
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        assert list(stream.read()) == [2, 3, 4, 5, 6, 7, 8]
    os.waitpid(child, 0)
    assert next(iterator) == 2
