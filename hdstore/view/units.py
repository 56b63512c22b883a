"""Units of a view: frames, frames with one annotation each, or clips, numbered in sequential order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol

import numpy as np

from hdstore.index.fetching import read_frames
from hdstore.model import Clip, FilterBy, Output, Progress, RoiRule, View
from hdstore.query.arranging import TextKey, arrange
from hdstore.query.counted import count_matching
from hdstore.query.found import Found
from hdstore.store import Objects
from hdstore.view.generator import Numbers
from hdstore.view.pool import Asked, Pool

__all__ = ["Units", "make_units"]


class Units(Protocol):
    """What positions give, by numbers."""

    queries: Numbers
    """The query of each unit."""
    width: int
    """Frames of one unit."""

    def entries(self, units: Numbers) -> Numbers:
        """Returns the pool's entries of these units, ``width`` for each, one unit after the other."""

    def chosen(self, units: Numbers) -> Numbers | None:
        """Returns for each unit which of the annotations that come out it has; None: all of them."""


def make_units(
    view: View, pool: Pool, asked: Sequence[Asked], objects: Objects, *, progress: Progress | None = None
) -> Units:
    """Returns the units of a view; ``asked`` are its queries."""
    datasets = [one.query.dataset for one in asked]
    order = pool.sequential(datasets)
    if view.iteration.clip is not None:
        return _Clips(view.iteration.clip, pool, order, datasets)
    if view.output is Output.EACH:
        return _Annotations(pool, order, _count(pool, asked, objects, progress))
    return _Frames(pool, order)


class _Frames:
    """A frame each."""

    width = 1

    def __init__(self, pool: Pool, order: Numbers) -> None:
        self._order = order
        self.queries = pool.queries[order].astype(np.int64)

    def entries(self, units: Numbers) -> Numbers:
        return self._order[units]

    def chosen(self, units: Numbers) -> Numbers | None:
        return None


class _Annotations:
    """One annotation of a frame each; ``counts`` says how many come out of each entry."""

    width = 1

    def __init__(self, pool: Pool, order: Numbers, counts: Numbers) -> None:
        self._order = order
        self._ends = np.cumsum(counts[order])
        self._counts = counts
        self.queries = np.repeat(pool.queries[order], counts[order]).astype(np.int64)

    def entries(self, units: Numbers) -> Numbers:
        return self._order[np.searchsorted(self._ends, units, side="right")]

    def chosen(self, units: Numbers) -> Numbers | None:
        ranks = np.searchsorted(self._ends, units, side="right")
        chosen: Numbers = units - self._ends[ranks] + self._counts[self._order[ranks]]
        return chosen


class _Clips:
    """Runs of frames of one context of one dataset each; the query of a clip is that of its first frame.

    In a shared pool all frames of a clip are of one query.
    """

    def __init__(self, clip: Clip, pool: Pool, order: Numbers, datasets: Sequence[str]) -> None:
        self.width = clip.length
        ranks = {dataset: rank for rank, dataset in enumerate(sorted(set(datasets)))}
        own = np.array([ranks[dataset] for dataset in datasets], np.int32)[pool.queries]
        if pool.shared:
            own = pool.queries
        contexts = _contexts(pool)
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        # By context and dataset; within both, as in the order of all.
        together = order[np.lexsort((own[order], contexts[order]))]
        times = pool.numbers("frame.timestamp")[together]
        first = np.ones(len(together), np.bool_)
        first[1:] = (contexts[together][1:] != contexts[together][:-1]) | (
            own[together][1:] != own[together][:-1]
        )
        if clip.gap is not None:
            first[1:] |= np.diff(times) > clip.gap
        begins = np.flatnonzero(first)
        clips = np.diff(begins, append=len(together)) // clip.length
        nth = np.arange(clips.sum()) - np.repeat(np.cumsum(clips) - clips, clips)
        starts = np.repeat(begins, clips) + nth * clip.length
        self._together = together
        self._starts = starts[np.argsort(place[together[starts]], kind="stable")]
        self.queries = pool.queries[together[self._starts]].astype(np.int64)

    def entries(self, units: Numbers) -> Numbers:
        places = self._starts[units][:, None] + np.arange(self.width)
        entries: Numbers = self._together[places].reshape(-1)
        return entries

    def chosen(self, units: Numbers) -> Numbers | None:
        return None


def _contexts(pool: Pool) -> Numbers:
    """Returns a number for each entry; those of one context have the same."""
    order, groups = arrange(np.arange(len(pool)), [TextKey(pool.texts("frame.context_id"))])
    contexts = np.empty(len(pool), np.int64)
    contexts[order] = groups
    return contexts


def _count(pool: Pool, asked: Sequence[Asked], objects: Objects, progress: Progress | None) -> Numbers:
    """Returns how many annotations come out of each entry."""
    counts = np.empty(len(pool), np.int64)
    for segment, inside in pool.by_segment():
        counts[inside] = np.diff(segment.annotation_starts)[pool.rows[inside]]
    for number, one in enumerate(asked):
        if progress is not None:
            progress("Counting annotations", number, len(asked))
        rules = [rule for rule in one.query.rois if not rule.must_not]
        if one.query.filter is FilterBy.RULES and rules:
            own = [
                inside.start + np.flatnonzero(pool.queries[inside] == number)
                for _, inside in pool.by_segment()
            ]
            for entries, matching in zip(own, _matching(pool, own, rules, one.now, objects), strict=True):
                counts[entries] = matching
    return counts


def _matching(
    pool: Pool, own: Sequence[Numbers], rules: Sequence[RoiRule], now: datetime, objects: Objects
) -> Iterator[Numbers]:
    """Yields for the entries of each segment how many annotations meet any of the rules."""
    found = Found(
        tuple((segment, pool.rows[entries]) for segment, entries in zip(pool.segments, own, strict=True))
    )
    marks = [np.zeros(segment.count("annotation"), np.bool_) for segment in pool.segments]
    places = {segment.path: place for place, segment in enumerate(pool.segments)}
    for rule in rules:
        alone = RoiRule(confidence=rule.confidence, labels=rule.labels, query=rule.query)
        counted = count_matching(found, alone, partial(read_frames, objects), now=now)
        for (segment, _), some in zip(counted.found.parts, counted.marks, strict=True):
            marks[places[segment.path]] |= True if some is None else some
    for segment, entries, mark in zip(pool.segments, own, marks, strict=True):
        running = np.concatenate(([0], np.cumsum(mark)))
        begins = segment.annotation_starts[pool.rows[entries]]
        ends = segment.annotation_starts[pool.rows[entries] + 1]
        yield running[ends] - running[begins]
