"""The pool of a view: the frames its queries find, without repeats, where they are stored and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hdstore.index import Bools, Rows, Segment, VersionRows
from hdstore.index.fetching import read_frames
from hdstore.model import Progress, ViewQuery
from hdstore.query.arranging import NumberKey, Pile, TextKey, arrange
from hdstore.query.columnar import FrameFilter
from hdstore.store import Objects
from hdstore.view.generator import Numbers

__all__ = ["Asked", "Pool", "find_pool"]


@dataclass(frozen=True, eq=False)
class Asked:
    """A query of a resolved view (its dataset and version are ids) with what it is asked of."""

    query: ViewQuery
    filter: FrameFilter
    rows: VersionRows
    dataset: str
    """What people call the dataset."""
    version: str
    """What people call the version."""
    now: datetime
    """What the word now means in it."""


class Pool:
    """Frames by where they are stored; entry ``i`` is row ``rows[i]`` of segment number ``places[i]``.

    Entries come by segment, then row: frames of one leaf stand next to each other. ``queries`` holds for each entry the
    number of the query that has it. In a ``shared`` pool a frame has an entry for each query that finds it, else one,
    of the first of these.
    """

    def __init__(
        self, segments: Sequence[Segment], places: Rows, rows: Rows, queries: Rows, *, shared: bool = False
    ) -> None:
        self.segments = tuple(segments)
        self.shared = shared
        self.places = places
        self.rows = rows
        self.queries = queries
        self._bounds = np.searchsorted(places, np.arange(len(segments) + 1)).tolist()

    def __len__(self) -> int:
        return len(self.rows)

    def by_segment(self) -> Iterator[tuple[Segment, slice]]:
        """Yields each segment and the entries that lie in it."""
        for segment, (begin, end) in zip(self.segments, pairwise(self._bounds), strict=True):
            yield segment, slice(begin, end)

    def texts(self, name: str) -> Pile:
        """Returns the strings of a text column for all entries."""
        pile = Pile(len(self))
        for segment, inside in self.by_segment():
            column = segment.text(name)
            pile.add(inside, column.codes[self.rows[inside]], column.texts)
        return pile

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Returns a column of numbers for all entries."""
        found = np.empty(len(self), np.float64)
        for segment, inside in self.by_segment():
            found[inside] = segment.number(name).values[self.rows[inside]]
        return found

    def ids(self, entries: Numbers) -> list[str]:
        """Returns the ids of the frames of these entries, without reading frames."""
        found = np.empty(len(entries), np.object_)
        places = self.places[entries]
        for place, segment in enumerate(self.segments):
            inside = np.flatnonzero(places == place)
            column = segment.text("frame.id")
            found[inside] = [column.texts[code] for code in column.codes[self.rows[entries[inside]]].tolist()]
        return found.tolist()

    def text(self, name: str, entry: int) -> str:
        """Returns the string of a text column for one entry; the empty one where there is none."""
        column = self.segments[self.places[entry]].text(name)
        code = int(column.codes[self.rows[entry]])
        return column.texts[code] if code >= 0 else ""

    def number(self, name: str, entry: int) -> float:
        """Returns the number of a column for one entry."""
        return float(self.segments[self.places[entry]].number(name).values[self.rows[entry]])

    @cached_property
    def leaves(self) -> tuple[Rows, list[tuple[int, int, int, int]]]:
        """For each entry the number of its leaf; for each leaf its segment, its number there, and its entries."""
        numbers = np.empty(len(self), np.int32)
        listed: list[tuple[int, int, int, int]] = []
        for place, (segment, inside) in enumerate(self.by_segment()):
            local = segment.leaf_of(self.rows[inside])
            first = np.ones(len(local), np.bool_)
            first[1:] = local[1:] != local[:-1]
            begins = np.flatnonzero(first)
            numbers[inside] = np.cumsum(first) - 1 + len(listed)
            bounds = (np.append(begins, len(local)) + inside.start).tolist()
            listed += [
                (place, leaf, begin, end)
                for leaf, (begin, end) in zip(local[begins].tolist(), pairwise(bounds), strict=True)
            ]
        return numbers, listed

    def sequential(self, datasets: Sequence[str]) -> Numbers:
        """Returns the entries by context id, timestamp, frame id, dataset id (``datasets``: of each query) and query.

        Texts compare by code points, timestamps as float64.
        """
        ranks = {dataset: rank for rank, dataset in enumerate(sorted(set(datasets)))}
        own = np.array([ranks[dataset] for dataset in datasets], np.int32)[self.queries]
        keys = (
            TextKey(self.texts("frame.context_id")),
            NumberKey(self.numbers("frame.timestamp")),
            TextKey(self.texts("frame.id")),
            NumberKey(own),
            NumberKey(self.queries),
        )
        return arrange(np.arange(len(self)), keys)[0]


def find_pool(
    asked: Sequence[Asked], objects: Objects, *, shared: bool = False, progress: Progress | None = None
) -> tuple[Pool, list[int], list[int]]:
    """Asks all queries; returns the frames they find, how many each finds, and how many no query before it found.

    Frames are told apart by the ids of their dataset and their own. Unless the pool is ``shared``, the first query that
    finds one has it, with the value it has in the version of that query.
    """
    read = partial(read_frames, objects)
    segments: dict[str, Segment] = {}
    taken: dict[tuple[str, str], Bools] = {}
    pieces: list[tuple[int, int, Rows]] = []
    all_pieces: list[tuple[int, int, Rows]] = []
    counts: list[int] = []
    for number, one in enumerate(asked):
        if progress is not None:
            progress("Asking queries", number, len(asked))
        found = one.filter.search(one.rows, read, progress=progress)
        counts.append(len(found))
        for segment, rows in found.parts:
            name = str(segment.path)
            segments.setdefault(name, segment)
            held = taken.setdefault(
                (one.query.dataset, name), np.zeros(segments[name].count("frame"), np.bool_)
            )
            fresh = rows[~held[rows]]
            held[fresh] = True
            place = list(segments).index(name)
            all_pieces.append((place, number, rows))
            if len(fresh):
                pieces.append((place, number, fresh))
    pool = _joined(list(segments.values()), pieces)
    repeats = _repeats(pool, asked)
    if repeats is not None:
        kept = ~repeats
        pool = Pool(pool.segments, pool.places[kept], pool.rows[kept], pool.queries[kept])
    first = np.bincount(pool.queries, minlength=len(asked)).tolist()
    return _joined(list(segments.values()), all_pieces, shared=True) if shared else pool, counts, first


def _joined(
    segments: Sequence[Segment], pieces: Sequence[tuple[int, int, Rows]], *, shared: bool = False
) -> Pool:
    """Returns the pool of pieces: the number of a segment, the number of a query, rows."""
    sizes = [len(rows) for _, _, rows in pieces]
    places = np.repeat(np.array([place for place, _, _ in pieces], np.int32), sizes)
    queries = np.repeat(np.array([query for _, query, _ in pieces], np.int32), sizes)
    rows = np.concatenate([np.zeros(0, np.int32), *(rows for _, _, rows in pieces)])
    order = np.lexsort((queries, rows, places))
    return Pool(segments, places[order], rows[order], queries[order], shared=shared)


def _repeats(pool: Pool, asked: Sequence[Asked]) -> Bools | None:
    """Returns which entries are frames that an earlier query found with another value, in another version; None: none.

    Within one tree no frame is stored twice, so only datasets with several trees are looked at.
    """
    trees: dict[str, set[str]] = {}
    for one in asked:
        trees.setdefault(one.query.dataset, set()).add(one.rows.tree)
    repeats: Bools | None = None
    for dataset, several in trees.items():
        if len(several) == 1:
            continue
        own = [number for number, one in enumerate(asked) if one.query.dataset == dataset]
        entries = np.flatnonzero(np.isin(pool.queries, own))
        order, groups = arrange(entries, [TextKey(pool.texts("frame.id"))])
        by = np.lexsort((pool.queries[order], groups))
        later = groups[by][1:] == groups[by][:-1]
        if later.any():
            if repeats is None:
                repeats = np.zeros(len(pool), np.bool_)
            repeats[order[by][1:][later]] = True
    return repeats
