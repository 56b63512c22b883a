"""Which save gave each frame of a version the value it has: history told frame by frame, to sort by.

Provenance is not a field: it is worked out from the commits, as blame is. The cost is that of what all saves changed,
the last ones first, until every frame is accounted for; a save into an empty version costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hdstore.codec import frame_id_of
from hdstore.index import Bools, Floats, Rows, Segment, VersionRows
from hdstore.model import Commit, Progress
from hdstore.query.found import Found
from hdstore.query.properties import as_found
from hdstore.store import Objects
from hdstore.version import VersionState, history

__all__ = ["Updates", "last_updates"]

_FEW = 1000
"""Up to so many ids are looked for one by one."""

_WHAT = "Reading history"


class Updates:
    """The last save of each frame of a version; called, it gives the times of saves, for an order by them."""

    def __init__(self, found: Found, commits: Sequence[Commit], saves: NDArray[np.int32]) -> None:
        self.commits = tuple(commits)
        """The saves that some frame has its value from, latest first."""
        ends = np.cumsum([0, *(len(rows) for _, rows in found.parts)]).tolist()
        self._saves: dict[Segment, Rows] = {}
        for (segment, rows), begin, end in zip(found.parts, ends, ends[1:], strict=False):
            held = self._saves[segment] = np.full(segment.count("frame"), -1, np.int32)
            held[rows] = saves[begin:end]

    def __call__(self, segment: Segment, rows: Rows) -> Floats:
        """Returns when frames were saved last, in seconds since 1970; NaN for those of other versions."""
        times = np.array([*(float(commit.time) for commit in self.commits), np.nan])
        held = self._saves.get(segment)
        return np.full(len(rows), np.nan) if held is None else times[held[rows]]

    def commit(self, segment: Segment, row: int) -> Commit:
        """Returns the save that gave a frame its value.

        Raises:
            KeyError: the frame is not one of this version.
        """
        save = int(self._saves[segment][row])
        if save < 0:
            raise KeyError(f"Row {row} of {segment} is no frame of this version.")
        return self.commits[save]


def last_updates(
    objects: Objects, commit: str, rows: VersionRows, *, progress: Progress | None = None
) -> Updates:
    """Returns the last save of each frame of the version at ``commit``, whose rows are ``rows``.

    A merge has saved a frame only where it differs from all that was merged.

    Raises:
        DamagedError: a commit or a tree of frames is damaged.
    """
    found = as_found(rows)
    places = _Places(found)
    saves = np.full(len(found), -1, np.int32)
    commits: list[Commit] = []
    waiting: dict[str, Bools] = {commit: np.ones(len(found), np.bool_)} if len(found) else {}
    for done, save in enumerate(history(objects, commit) if waiting else ()):
        if progress is not None:
            progress(_WHAT, done, None)
        mine = waiting.pop(save.id, None)
        if mine is not None and mine.any():
            state = VersionState(objects, save.id)
            for parent in save.parents:
                # What a parent holds with the same value is of that parent or earlier.
                same = mine & ~_changed(VersionState(objects, parent), state, places)
                mine &= ~same
                if parent in waiting:
                    same |= waiting[parent]
                waiting[parent] = same
            if mine.any():
                saves[mine] = len(commits)
                commits.append(save)
        if not any(map(np.any, waiting.values())):
            break
    return Updates(found, commits, saves)


def _changed(before: VersionState, after: VersionState, places: _Places) -> Bools:
    """Returns which frames differ between two commits, or are only in the second."""
    marks = np.zeros(places.count, np.bool_)
    if before.oid("frames") == after.oid("frames"):
        return marks
    if not before.stats.frames:
        return ~marks
    ids = (frame_id_of(new) for _, _, new in before.trie.diff(after.trie) if new is not None)
    found = places.find([*ids])
    marks[found[found >= 0]] = True
    return marks


class _Places:
    """Where each frame of a version stands among all of them."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self.count = len(found)

    def find(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Returns the places of frames by their ids; -1 for those that are not there."""
        look: Callable[[str], int] = self._look if len(ids) <= _FEW else lambda name: self._all.get(name, -1)
        return np.fromiter(map(look, ids), np.int64, len(ids))

    @cached_property
    def _all(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self._found.ids())}

    def _look(self, name: str) -> int:
        begin = 0
        for (segment, rows), table in zip(self._found.parts, self._tables, strict=True):
            code = segment.text("frame.id").texts.code(name)
            if code >= 0 and table[code] >= 0:
                return begin + int(table[code])
            begin += len(rows)
        return -1

    @cached_property
    def _tables(self) -> list[Rows]:
        """The place in its part of each code of an id; -1 for ids of other versions."""
        tables = []
        for segment, rows in self._found.parts:
            column = segment.text("frame.id")
            table = np.full(len(column.texts), -1, np.int32)
            table[column.codes[rows]] = np.arange(len(rows), dtype=np.int32)
            tables.append(table)
        return tables
