"""Frames in groups: those that hold a value together, a sample of each, or one for each value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from hdstore.errors import InvalidInputError
from hdstore.index import VersionRows
from hdstore.model import DEFAULT_SEED, RoiRule
from hdstore.query.arranging import Pile, Positions
from hdstore.query.columnar import ReadFrames
from hdstore.query.counted import count_all, count_matching
from hdstore.query.distinct import Distinct, Value, chunks_of, gather, pairs
from hdstore.query.found import Found
from hdstore.query.ordering import Ordered, sequential
from hdstore.query.properties import as_found, property_of
from hdstore.query.runs import Run

__all__ = ["Group", "Groups", "group", "one_each"]

_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@dataclass(frozen=True, slots=True)
class Group:
    """Frames that hold a value; None stands for those that lack one."""

    value: Value | None
    count: int


class Groups:
    """Frames by the value of a property, in the order of values; those that lack one are the last group.

    A frame stands in the group of each value it holds. Within a group frames come by context, timestamp and id.
    """

    def __init__(
        self, name: str, values: Distinct, order: Ordered, positions: Positions, counts: NDArray[np.int64]
    ) -> None:
        self.name = name
        self.counts = counts
        """How many frames stand in each group."""
        self._values = values
        self._order = order
        self._positions = positions
        self._starts = np.concatenate(([0], np.cumsum(counts)))

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, place: int) -> Group:
        if not 0 <= place < len(self):
            raise IndexError(f"There are {len(self)} groups, and none of the number {place}.")
        value = self._values[place] if place < len(self._values) else None
        return Group(value, int(self.counts[place]))

    def __iter__(self) -> Iterator[Group]:
        return (self[place] for place in range(len(self)))

    def frames(self, place: int, start: int = 0, size: int | None = None) -> Run:
        """Returns the frames of a group, or ``size`` of them from ``start`` on.

        Raises:
            IndexError: there is no such group.
        """
        count = self[place].count
        begin = int(self._starts[place])
        start = min(max(start, 0), count)
        end = count if size is None else min(start + max(size, 0), count)
        return self._order.run(self._positions[begin + start : begin + end])

    def firsts(self, start: int = 0, size: int | None = None) -> Run:
        """Returns the first frame of each group, or of ``size`` groups from ``start`` on."""
        end = len(self) if size is None else start + size
        return self._order.run(self._positions[self._starts[:-1][start:end]])

    def sample(self, size: int, *, seed: int = DEFAULT_SEED) -> Groups:
        """Returns the same groups with up to ``size`` frames of each, drawn at random (row 138).

        Equal seeds draw equal frames on every machine. Each frame has its place in the draw for itself: a frame more or
        less changes the sample in that one frame.

        Raises:
            InvalidInputError: a sample of nothing.
        """
        if size < 1:
            raise InvalidInputError(f"A sample has one frame or more, not {size}.")
        places = np.repeat(np.arange(len(self)), self.counts)
        lots = _lots(self._order.found, seed)[self._positions]
        by = np.lexsort((lots, places))
        drawn = np.arange(len(by)) - np.repeat(self._starts[:-1], self.counts) < size
        positions = self._positions[np.sort(by[drawn])]
        return Groups(self.name, self._values, self._order, positions, np.minimum(self.counts, size))


def group(
    rows: VersionRows | Found,
    name: str = "context_id",
    *,
    roi: RoiRule | str | None = None,
    read: ReadFrames | None = None,
    now: datetime | None = None,
) -> Groups:
    """Returns frames by the value of a property, any field of the query language; by context unless it says other.

    ``roi`` says which annotations count, as in ``distribution``; frames where none does are in no group. A frame is in
    the group of those that lack a value when an annotation that counts lacks it (a source, for properties of sources);
    frames without annotations are in no group of a property of annotations.

    Raises:
        QuerySyntaxError: there is no such field, or ``roi`` is no query.
        InvalidInputError: the field has no value of its own, or frames would have to be read.
    """
    wanted = property_of(name)
    found = as_found(rows)
    counted = count_all(found) if roi is None else count_matching(found, roi, read, now=now)
    values, chunks = chunks_of(gather(counted, wanted, read), counted, wanted)
    order = sequential(counted.found, read=read)
    begins = np.cumsum([0, *(len(part) for _, part in counted.found.parts)])
    positions = [np.empty(0, np.int64)]
    places = [np.empty(0, np.int32)]
    for chunk in chunks:
        once = pairs(chunk.frames, chunk.places, len(values) + 1)
        segment, part = counted.found.parts[chunk.number]
        holding = chunk.frames[once]
        among = holding if len(part) == segment.count("frame") else np.searchsorted(part, holding)
        positions.append(among + begins[chunk.number])
        places.append(chunk.places[once])
    held, at = np.concatenate(positions), np.concatenate(places)
    turn = np.empty(len(order), np.int64)
    turn[order.positions] = np.arange(len(order))
    # Place and turn in one number: numbers alone are sorted much faster.
    keys = at * np.int64(len(order)) + turn[held]
    keys.sort()
    counts = np.bincount(at, minlength=len(values) + 1)
    return Groups(
        wanted.name,
        values,
        order,
        order.positions[keys % max(len(order), 1)],
        counts if counts[-1] else counts[:-1],
    )


def one_each(
    rows: VersionRows | Found, name: str, *, roi: RoiRule | str | None = None, read: ReadFrames | None = None
) -> Run:
    """Returns the first frame of each value of a property (rows 62 and 126); as ``group``."""
    groups = group(rows, name, roi=roi, read=read)
    return groups.firsts(0, len(groups._values))


def _lots(found: Found, seed: int) -> NDArray[np.uint64]:
    """Returns a number for each frame that looks random, and is a function of its id and the seed alone."""
    count = len(found)
    pile = Pile(count, whole=True)
    begin = 0
    for segment, rows in found.parts:
        column = segment.text("frame.id")
        pile.add(slice(begin, begin + len(rows)), column.codes[rows], column.texts)
        begin += len(rows)
    lots = _mixed(np.full(count, seed & 0xFFFFFFFFFFFFFFFF, np.uint64))
    positions = np.arange(count)
    step = 0
    while (chunk := pile.chunk(step, positions)) is not None:
        # Only what a string has counts, whatever longer ones there are.
        rest = (chunk & np.uint64(0xFF)) > 0
        positions = positions[rest]
        lots[positions] = _mixed(lots[positions] ^ chunk[rest])
        step += 1
    return lots


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    numbers = (numbers ^ (numbers >> np.uint64(30))) * _MIX[0]
    numbers = (numbers ^ (numbers >> np.uint64(27))) * _MIX[1]
    return numbers ^ (numbers >> np.uint64(31))
