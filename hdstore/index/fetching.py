"""Frames themselves, by the rows of the index they stand in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import numpy as np

from hdstore.codec import decode_frame, decode_leaf, leaf_head, split_leaf
from hdstore.errors import DamagedError
from hdstore.index.columns import Rows
from hdstore.index.segment import Segment
from hdstore.model import Frame

if TYPE_CHECKING:
    from hdstore.store import Objects

__all__ = ["leaf_id", "read_frames", "read_leaf"]


def leaf_id(segment: Segment, leaf: int) -> str:
    """Returns the object id of a leaf of a segment."""
    return bytes(segment.leaf_ids[leaf]).hex()


def read_leaf(objects: Objects, segment: Segment, leaf: int) -> bytes:
    """Returns the bytes of a leaf of a segment."""
    return objects.read(leaf_id(segment, leaf), "blob")


def read_frames(objects: Objects, segment: Segment, rows: Rows) -> Iterator[Frame]:
    """Yields the frames at ``rows`` of a segment, in that order; each run of rows of one leaf reads it once.

    Rows ascend where what a search found is read: then each leaf is read once.

    Raises:
        DamagedError: a leaf is missing, damaged, or holds other frames than the index says.
    """
    for run in _runs(segment, rows):
        yield from _read(objects, run)


class _Run(NamedTuple):
    """Frames that are wanted of one leaf, by their places in it."""

    segment: Segment
    leaf: int
    places: list[int]


def _runs(segment: Segment, rows: Rows) -> Iterator[_Run]:
    if not len(rows):
        return
    leaves = segment.leaf_of(rows)
    places = (rows - segment.leaf_starts[leaves]).tolist()
    borders = [0, *(np.flatnonzero(np.diff(leaves)) + 1).tolist(), len(places)]
    for begin, end in pairwise(borders):
        yield _Run(segment, int(leaves[begin]), places[begin:end])


def _read(objects: Objects, run: _Run) -> list[Frame]:
    """Returns the frames of a run; decodes those alone where they are few."""
    segment, leaf, places = run
    count = int(segment.leaf_starts[leaf + 1] - segment.leaf_starts[leaf])
    few = 2 * len(places) <= count
    if few and (found := _read_few(objects, run, count)) is not None:
        return found
    data = read_leaf(objects, segment, leaf)
    if few:
        raws = split_leaf(data)
        _check(len(raws), count, segment)
        return [decode_frame(raws[place]) for place in places]
    frames = decode_leaf(data)
    _check(len(frames), count, segment)
    return [frames[place] for place in places]


def _read_few(objects: Objects, run: _Run, count: int) -> list[Frame] | None:
    """Returns the frames of a run from the beginning of the leaf; None where it has to be read whole.

    Bytes that have the checksum which they had when the leaf was indexed, and verified, need not be verified again.
    """
    segment, leaf, places = run
    if not segment.has("frame.end"):
        return None
    first = int(segment.leaf_starts[leaf])
    ends = segment.array("frame.end")[first : first + count].tolist()
    checks = segment.array("frame.crc")[first : first + count].tolist()
    if len(ends) != count:
        return None
    data = objects.read_beginning(leaf_id(segment, leaf), ends[max(places)])
    if data is None:
        return None
    found = []
    for place in places:
        raw = data[ends[place - 1] if place else leaf_head(count) : ends[place]]
        if crc32(raw) != checks[place]:
            return None
        found.append(decode_frame(raw))
    return found


def _check(held: int, count: int, segment: Segment) -> None:
    if held != count:
        raise DamagedError(
            f"A leaf holds {held} frames, but {segment.path} says {count}; delete the index, and it is made anew."
        )
