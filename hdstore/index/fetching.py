"""Frames themselves, by the rows of the index they stand in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from hdstore.codec import decode_frame, decode_leaf, split_leaf
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
    if not len(rows):
        return
    leaves = segment.leaf_of(rows)
    places = (rows - segment.leaf_starts[leaves]).tolist()
    borders = [0, *(np.flatnonzero(np.diff(leaves)) + 1).tolist(), len(places)]
    for begin, end in pairwise(borders):
        leaf = int(leaves[begin])
        count = int(segment.leaf_starts[leaf + 1] - segment.leaf_starts[leaf])
        yield from _frames(read_leaf(objects, segment, leaf), count, places[begin:end], segment)


def _frames(data: bytes, count: int, places: list[int], segment: Segment) -> list[Frame]:
    """Returns the frames at these places of a leaf of ``count`` frames; decodes those alone where they are few."""
    if 2 * len(places) > count:
        frames = decode_leaf(data)
        _check(len(frames), count, segment)
        return [frames[place] for place in places]
    raws = split_leaf(data)
    _check(len(raws), count, segment)
    return [decode_frame(raws[place]) for place in places]


def _check(held: int, count: int, segment: Segment) -> None:
    if held != count:
        raise DamagedError(
            f"A leaf holds {held} frames, but {segment.path} says {count}; delete the index, and it is made anew."
        )
