"""Iterators over views as ClearML's packages give them: read ahead by a thread, shared between workers, begun anew."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from itertools import islice
from queue import SimpleQueue
from typing import Any, Generic, TypeAlias, TypeVar

from hdstore.errors import InvalidInputError

__all__ = ["ReadAhead", "ViewIterator"]

Item = TypeVar("Item")

Open: TypeAlias = Callable[[int, int, int], Iterator[Item]]
"""Begins to read: after so many items of its own, as which worker, of how many."""

_FIRST = 8
"""Items of the first batch."""


class ReadAhead(Generic[Item]):
    """Yields what an iterator does, read by a thread that is up to ``depth`` batches of ``size`` items ahead."""

    def __init__(self, items: Iterator[Item], size: int, depth: int) -> None:
        self._queue: SimpleQueue[list[Item] | BaseException] = SimpleQueue()
        self._slots = threading.Semaphore(depth)
        self._stop = threading.Event()
        self._batch: Iterator[Item] = iter(())
        self._ended = False
        # The thread knows nothing of this object, so that one that nobody holds any more ends it.
        arguments = (items, size, self._queue, self._slots, self._stop)
        self._close = weakref.finalize(self, _end, self._slots, self._stop)
        threading.Thread(target=_read, args=arguments, name="hdstore-ahead", daemon=True).start()

    def __iter__(self) -> ReadAhead[Item]:
        return self

    def __next__(self) -> Item:
        while not self._ended:
            for item in self._batch:
                return item
            got = self._queue.get()
            self._slots.release()
            if isinstance(got, BaseException):
                self.close()
                raise got
            self._batch = iter(got)
            self._ended = not got
        raise StopIteration

    def close(self) -> None:
        """Lets the thread end; what it has read is forgotten."""
        self._ended = True
        self._batch = iter(())
        self._close()


def _end(slots: threading.Semaphore, stop: threading.Event) -> None:
    stop.set()
    slots.release()


def _read(
    items: Iterator[Any],
    size: int,
    queue: SimpleQueue[Any],
    slots: threading.Semaphore,
    stop: threading.Event,
) -> None:
    # Few at first, so that the first one comes soon.
    count = min(size, _FIRST)
    try:
        while True:
            slots.acquire()
            if stop.is_set():
                return
            batch = list(islice(items, count))
            queue.put(batch)
            if not batch:
                return
            count = min(size, 2 * count)
    except BaseException as error:
        queue.put(error)


class ViewIterator(Generic[Item]):
    """What a view gives, once, or its worker's share of it; ``iter()`` begins anew.

    ``length`` says how many items the view gives to all workers together, None without an end. A process that was
    forked meanwhile reads on by itself.
    """

    def __init__(
        self,
        open: Open[Item],
        length: Callable[[], int | None],
        *,
        query_cache_size: int | None = None,
        query_queue_depth: int | None = None,
        node_id: int | None = None,
        worker_index: int | None = None,
        num_workers: int | None = None,
        cache_in_memory: bool = False,
    ) -> None:
        self._open = open
        self._length = length
        self._size = _from_one("query_cache_size", 500 if query_cache_size is None else query_cache_size)
        self._depth = _from_one("query_queue_depth", 5 if query_queue_depth is None else query_queue_depth)
        self._node: int | None = None
        self._worker, self._workers = 0, 1
        self._reader: ReadAhead[Item] | None = None
        self._process = os.getpid()
        self._given = 0
        self._cache: list[Item] | None = [] if cache_in_memory else None
        self._is_cached = False
        self._replay: Iterator[Item] | None = None
        self.set_node(node_id)
        self.set_concurrency(worker_index, num_workers)
        if cache_in_memory and length() is None:
            raise InvalidInputError(
                "cache_in_memory keeps all that a view gives, and this one has no end; set a limit."
            )

    # Sharing

    @property
    def node_id(self) -> int | None:
        """The number of this machine, where one was given."""
        return self._node

    def set_node(self, node_id: int | None = None) -> None:
        """Gives this machine a number: the worker it is where ``worker_index`` is not given."""
        self._check_not_begun()
        self._node = None if node_id is None else _number("node_id", node_id)

    def set_concurrency(self, worker_index: int | None = None, num_workers: int | None = None) -> None:
        """Lets this be the worker ``worker_index``, from 0, of ``num_workers``: it gives each so-many-th item."""
        self._check_not_begun()
        if num_workers is None:
            if worker_index is not None:
                raise InvalidInputError("worker_index is one of num_workers; say how many there are.")
            self._worker, self._workers = 0, 1
            return
        workers = _from_one("num_workers", num_workers)
        index = self._node if worker_index is None else _number("worker_index", worker_index)
        if index is None and workers > 1:
            raise InvalidInputError(f"Which of {workers} workers is this? Say worker_index, from 0.")
        self._worker, self._workers = (index or 0) % workers, workers

    def _check_not_begun(self) -> None:
        if self._reader is not None or self._replay is not None:
            raise InvalidInputError("Workers share an iterator before it begins, not while it runs.")

    # How many

    @property
    def limit(self) -> int | None:
        """How many items it gives; None without an end."""
        length = self._length()
        return None if length is None else max(0, -(-(length - self._worker) // self._workers))

    def __len__(self) -> int:
        limit = self.limit
        if limit is None:
            raise InvalidInputError("This iterator has no end and so no length; set a limit.")
        return limit

    # Going through

    def __iter__(self) -> ViewIterator[Item]:
        self.close()
        if self._cache is not None and self._is_cached:
            self._replay = iter(self._cache)
        elif self._cache is not None:
            self._cache.clear()
        return self

    def __next__(self) -> Item:
        if self._replay is not None:
            return next(self._replay)
        if self._reader is None or self._process != os.getpid():
            self._process = os.getpid()
            items = self._open(self._given, self._worker, self._workers)
            self._reader = ReadAhead(items, self._size, self._depth)
        try:
            item = next(self._reader)
        except StopIteration:
            self._is_cached = True
            raise
        self._given += 1
        if self._cache is not None:
            self._cache.append(item)
        return item

    def close(self) -> None:
        """Ends reading; the next item is the first again."""
        if self._reader is not None and self._process == os.getpid():
            self._reader.close()
        self._reader = None
        self._replay = None
        self._given = 0


def _number(what: str, value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{what} is a whole number, not {value!r}.") from error
    if number < 0:
        raise InvalidInputError(f"{what} is 0 or more, not {number}.")
    return number


def _from_one(what: str, value: Any) -> int:
    number = _number(what, value)
    if number < 1:
        raise InvalidInputError(f"{what} is 1 or more, not {number}.")
    return number
