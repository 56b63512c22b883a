"""A view at work: what its queries found, put into the order it asks for, read and shaped into items."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice, repeat
from pathlib import Path

import numpy as np

from hdstore.errors import InvalidValueError, NotFoundError
from hdstore.index.fetching import read_frames
from hdstore.model import Frame, Progress, Timestamp, View, ViewQuery
from hdstore.query.columnar import compile_filter
from hdstore.query.found import Found
from hdstore.store import Objects
from hdstore.view.course import Course
from hdstore.view.generator import Numbers
from hdstore.view.pool import Asked, find_pool
from hdstore.view.reading import MEMORY, FrameReader
from hdstore.view.shaping import Shaper, ViewItem
from hdstore.view.units import make_units

__all__ = ["Count", "QueryCount", "ViewCounts", "ViewRun"]

_WINDOW = 1 << 16
"""Positions that are planned together at the least; else it is as many as there are units."""

_FEW = 4096
"""Units whose ids are looked up together."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many; ``exact`` says whether it is that number and no estimate."""

    number: int
    exact: bool = True


@dataclass(frozen=True, slots=True)
class QueryCount:
    """How many frames one query of the resolved view finds."""

    dataset: str
    version: str
    found: Count
    """Frames that meet it."""
    own: Count
    """Those of them that no query before it found: these it has where each frame comes once."""
    rules: tuple[Count, ...]
    """For each of its annotation rules, the frames of the version that meet this rule, whatever else is asked."""


@dataclass(frozen=True, slots=True)
class ViewCounts:
    """How many frames a view has, in all and by its queries and their rules (row 122)."""

    frames: Count
    """Different frames."""
    epoch: Count
    """Items of one epoch."""
    queries: tuple[QueryCount, ...]


class ViewRun:
    """A resolved view over the rows of its versions; safe to share between threads.

    ``asked`` are its queries. All queries are answered when it is made; frames are read when they are asked for, and
    set aside in ``folder`` when they are many.
    """

    def __init__(
        self,
        view: View,
        asked: Sequence[Asked],
        objects: Objects,
        *,
        folder: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._view = view
        self._asked = tuple(asked)
        self._objects = objects
        # Where frames come again, a query draws from all that it finds; where each comes once, the first has it.
        again = view.iteration.epoch or view.iteration.infinite
        self._pool, self._found, self._first = find_pool(asked, objects, shared=again, progress=progress)
        self._units = make_units(view, self._pool, asked, objects, progress=progress)
        self._course = Course(view.iteration, self._units.queries, [one.query.weight for one in asked])
        self._shaper = Shaper(view, asked)
        self._reader = FrameReader(self._pool, objects, folder=folder)

    @property
    def length(self) -> int | None:
        """How many items there are; None where they have no end."""
        return self._course.length

    @property
    def epoch(self) -> int:
        """How many items make one epoch: in so many each frame comes at least once."""
        return self._course.epoch

    # Items

    def items(
        self, start: int = 0, worker: int = 0, workers: int = 1, *, memory: int = MEMORY
    ) -> Iterator[ViewItem]:
        """Yields the items at positions from ``start`` on, of these every ``workers``-th beginning with ``worker``.

        Position ``p`` belongs to worker ``p % workers``: together the workers have each item once. ``memory`` limits
        the bytes of encoded frames that are held.
        """
        for first, units in self._windows(start, worker, workers):
            yield from self._window(first, workers, units, memory)

    def _windows(self, start: int, worker: int, workers: int) -> Iterator[tuple[int, Numbers]]:
        """Yields runs of a worker's positions: the first one, and the units at it and those that follow."""
        if start < 0 or workers < 1 or not 0 <= worker < workers:
            raise InvalidValueError(
                f"Items come from a position of 0 or later, to a worker from 0 up to the number of workers; start"
                f" {start}, worker {worker} of {workers} can not be."
            )
        epoch, size = max(1, self.epoch), max(_WINDOW, len(self._units.queries))
        if epoch < size:
            size -= size % epoch
        first = start + (worker - start) % workers
        while True:
            # Windows end where epochs do: what is held of one is not held on for the next.
            end = first - first % size + size
            units = self._course.units(first, -(-(end - first) // workers), workers)
            if not len(units):
                return
            yield first, units
            first += len(units) * workers

    def _window(self, first: int, step: int, units: Numbers, memory: int) -> Iterator[ViewItem]:
        entries = self._units.entries(units)
        queries: list[int] = self._pool.queries[entries].tolist()
        frames = self._reader.frames([entries], memory=memory)
        shape = self._shaper.item
        positions = range(first, first + len(units) * step, step)
        if self._view.iteration.clip is None:
            chosen = self._units.chosen(units)
            yield from map(
                shape, positions, frames, queries, repeat(None) if chosen is None else chosen.tolist()
            )
            return
        # One iterator over the queries: each clip goes on behind the one before it.
        query = iter(queries)
        for position in positions:
            clip = islice(zip(frames, query, strict=False), self._units.width)
            yield self._shaper.clip([shape(position, frame, number, None) for frame, number in clip])

    def item(self, position: int) -> ViewItem:
        """Returns the item at a position.

        Raises:
            NotFoundError: there are not so many.
        """
        if position < 0:
            raise InvalidValueError(f"A position is 0 or more, not {position}.")
        units = self._course.units(position, 1)
        if not len(units):
            raise NotFoundError(f"The view has {self.length} items, and none at position {position}.")
        chosen = self._units.chosen(units)
        items = [
            self._shaper.item(
                position,
                self._reader.frame(entry),
                int(self._pool.queries[entry]),
                None if chosen is None else int(chosen[0]),
            )
            for entry in self._units.entries(units).tolist()
        ]
        return items[0] if self._view.iteration.clip is None else self._shaper.clip(items)

    def ids(self, start: int = 0, worker: int = 0, workers: int = 1) -> Iterator[str]:
        """Yields the ids of the frames of the items, without reading frames."""
        for _, units in self._windows(start, worker, workers):
            for at in range(0, len(units), _FEW):
                yield from self._pool.ids(self._units.entries(units[at : at + _FEW]))

    def place(self, context: str, time: Timestamp) -> int | None:
        """Returns the position of the first frame of a context at or after a time; None where there is none (row 124).

        Raises:
            InvalidValueError: the items do not come in sequential order, or are clips.
        """
        if not self._course.is_sequential or self._view.iteration.clip is not None:
            raise InvalidValueError(
                "Only a view of single frames in sequential order can be entered at a time."
            )
        total = len(self._units.queries)
        if self.length is not None:
            total = min(total, self.length)
        position = bisect_left(range(total), (context, float(time)), key=self._key)
        return position if position < total and self._key(position)[0] == context else None

    def _key(self, unit: int) -> tuple[str, float]:
        entry = int(self._units.entries(np.array([unit]))[0])
        return self._pool.text("frame.context_id", entry), self._pool.number("frame.timestamp", entry)

    def stored(self) -> Iterator[Frame]:
        """Yields each frame that comes, once and as it is stored, in the order in which frames are read fastest."""
        wanted = np.zeros(len(self._pool), np.bool_)
        if self.length is None or self.length >= self.epoch:
            wanted[self._units.entries(np.arange(len(self._units.queries)))] = True
        else:
            for _, units in self._windows(0, 0, 1):
                wanted[self._units.entries(units)] = True
        for segment, inside in self._pool.by_segment():
            yield from read_frames(self._objects, segment, np.unique(self._pool.rows[inside][wanted[inside]]))

    # What was found

    def found(self) -> Found:
        """Returns the frames of all queries without repeats: for statistics, pages, groups."""
        return Found(
            tuple(
                (segment, np.unique(self._pool.rows[inside]))
                for segment, inside in self._pool.by_segment()
                if inside.stop > inside.start
            )
        )

    def counts(self, *, progress: Progress | None = None) -> ViewCounts:
        """Returns how many frames there are in all, and by queries and rules; asks each rule by itself."""
        queries = [
            QueryCount(
                one.dataset, one.version, Count(found), Count(first), tuple(self._rules(one, progress))
            )
            for one, found, first in zip(self._asked, self._found, self._first, strict=True)
        ]
        return ViewCounts(Count(sum(self._first)), Count(self.epoch), tuple(queries))

    def _rules(self, asked: Asked, progress: Progress | None) -> Iterator[Count]:
        read = partial(read_frames, self._objects)
        for rule in asked.query.rois:
            alone = ViewQuery(dataset=asked.query.dataset, version=asked.query.version, rois=(rule,))
            yield Count(len(compile_filter(alone, now=asked.now).search(asked.rows, read, progress=progress)))
