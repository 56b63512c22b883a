"""Queries over the index: which frames of a version are meant, without reading the frames.

Columns decide nearly everything. What they leave open (a list item by its number, the fields of masks, integers from
2**53 on) is asked of the frames themselves, of those alone: an answer is always exact.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TypeAlias

import numpy as np

from hdstore.errors import QuerySyntaxError
from hdstore.index import Part, Rows, Segment, VersionRows
from hdstore.model import FilterBy, Frame, Progress, RoiRule, ViewQuery
from hdstore.model.moments import Interval, moment
from hdstore.query.celltests import paths_of
from hdstore.query.conditions import Between, Ends, OneOf
from hdstore.query.evaluation import evaluator
from hdstore.query.fields import Column, Hop, Kind, Scope
from hdstore.query.format import format_path
from hdstore.query.found import Found
from hdstore.query.plan import ALWAYS, Among, Ask, Counted, Inverse, Plan, asks, every, plan_of
from hdstore.query.predicate import test_of

__all__ = ["FrameFilter", "ReadFrames", "annotation_plan", "compile_filter", "compile_text", "search_text"]

ReadFrames: TypeAlias = Callable[[Segment, Rows], Iterator[Frame]]
"""Yields the frames at some rows of a segment, in the order of the rows."""

_MUCH = 500_000
"""Rows that have to be looked at from which on it is worth to start threads, which costs a millisecond."""

_AT_ONCE = 256
"""Frames that are read from one call of progress to the next."""

_WHAT = "Searching frames"

_METADATA_OF = {Scope.FRAME: "meta", Scope.ANNOTATION: "rois.meta", Scope.SOURCE: "sources.meta"}


class FrameFilter:
    """What frames must meet, for one frame in Python and for whole versions over the index; safe to share by threads.

    ``compile_filter`` and ``compile_text`` make these.
    """

    def __init__(self, plan: Plan, rules: Sequence[Plan] = ()) -> None:
        self._plan = plan
        self._matches = test_of(plan)
        self._rules = [test_of(rule) for rule in rules]
        self._evaluator = evaluator(plan, Scope.FRAME)

    def matches(self, frame: Frame) -> bool:
        """Says whether a frame meets everything; the reference that ``search`` agrees with."""
        return self._matches(frame)

    def annotations(self, frame: Frame) -> tuple[int, ...]:
        """Returns the places of the annotations that met any rule; of all where no rule asks for annotations."""
        if not self._rules:
            return tuple(range(len(frame.annotations)))
        return tuple(
            place
            for place, annotation in enumerate(frame.annotations)
            if any(rule(annotation) for rule in self._rules)
        )

    def search(self, rows: VersionRows, read: ReadFrames, *, progress: Progress | None = None) -> Found:
        """Returns the frames of a version that meet everything.

        ``read`` gives the few frames that columns can not decide. ``progress`` counts frames; what it raises ends the
        search.
        """
        total = len(rows)
        done = 0
        found = []
        for part, (sure, unsure) in zip(rows.parts, self._bounds(rows.parts), strict=True):
            if progress is not None:
                progress(_WHAT, done, total)
            held = self._read(part.segment, unsure, read, progress, done, total)
            kept = sure if not len(held) else np.union1d(sure, held)
            if len(kept):
                found.append((part.segment, kept))
            done += part.count
        if progress is not None:
            progress(_WHAT, done, total)
        return Found(tuple(found))

    def _bounds(self, parts: Sequence[Part]) -> Iterator[tuple[Rows, Rows]]:
        """Yields for each part the rows that surely hold, and those that may."""
        if len(parts) < 2 or sum(self._evaluator.weight(part.segment) for part in parts) < _MUCH:
            yield from map(self._bounds_of, parts)
            return
        with ThreadPoolExecutor(min(len(parts), os.cpu_count() or 1), "hdstore-search") as pool:
            yield from pool.map(self._bounds_of, parts)

    def _bounds_of(self, part: Part) -> tuple[Rows, Rows]:
        live = part.live
        few = None
        if live is not None and part.count * 16 < len(live):
            few = np.flatnonzero(live).astype(np.int32)
        answer = self._evaluator.answer(part.segment, few)
        rows, lower, upper = answer.rows, answer.lower, answer.upper
        if few is None and live is not None:
            alive = live if rows is None else live[rows]
            lower = lower & alive
            upper = lower if answer.is_exact else upper & alive
        unsure = _rows(rows, upper & ~lower) if upper is not lower else np.empty(0, np.int32)
        return _rows(rows, lower), unsure

    def _read(
        self,
        segment: Segment,
        rows: Rows,
        read: ReadFrames,
        progress: Progress | None,
        done: int,
        total: int,
    ) -> Rows:
        """Returns those of ``rows`` whose frames meet everything."""
        if not len(rows):
            return rows
        held = []
        for place, (row, frame) in enumerate(zip(rows.tolist(), read(segment, rows), strict=True)):
            if progress is not None and place % _AT_ONCE == 0:
                progress(_WHAT, done + place, total)
            if self._matches(frame):
                held.append(row)
        return np.array(held, np.int32)

    def unknown(self, rows: VersionRows) -> list[str]:
        """Returns a sentence for each metadata field that is asked about and that no frame of a version has.

        Nothing is wrong with such a query, but a slip of the pen in a name looks like this.
        """
        segments = [part.segment for part in rows.parts if part.count]
        if not segments:
            return []
        columns = {ask.column: None for ask in asks(self._plan) if ask.column.path}
        return [_not_there(column, segments) for column in columns if _is_unknown(column, segments)]


def _rows(rows: Rows | None, marks: np.ndarray) -> Rows:
    return np.flatnonzero(marks).astype(np.int32) if rows is None else rows[marks]


def _is_unknown(column: Column, segments: Sequence[Segment]) -> bool:
    scope = column.scope.value
    return not any(
        segment.overflow(scope) is not None or paths_of(segment, scope, column.path, beneath=True)
        for segment in segments
    )


def _not_there(column: Column, segments: Sequence[Segment]) -> str:
    scope = column.scope
    names = {format_path(path) for segment in segments for path in segment.paths(scope.value)}
    asked = format_path(column.path)
    near = get_close_matches(asked, sorted(names), n=1)
    before = _METADATA_OF[scope]
    return f"No frame has {before}.{asked}" + (f"; perhaps {before}.{near[0]} is meant." if near else ".")


# From texts and rules to filters


def compile_text(text: str, *, now: datetime | None = None) -> FrameFilter:
    """Returns the filter of one line in the query language.

    ``now`` is what the word now means in it (without a time zone: UTC); by default the moment of this call.

    Raises:
        QuerySyntaxError: the text is no query, or names a field or asks a value that there can not be.
    """
    return FrameFilter(plan_of(text, Scope.FRAME, moment(now or datetime.now(UTC))))


def search_text(
    text: str,
    rows: VersionRows,
    read: ReadFrames,
    *,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> Found:
    """Returns the frames of a version that meet one line in the query language; as ``FrameFilter.search``.

    Raises:
        QuerySyntaxError: as for ``compile_text``.
    """
    return compile_text(text, now=now).search(rows, read, progress=progress)


def compile_filter(query: ViewQuery, *, now: datetime | None = None) -> FrameFilter:
    """Returns the filter of one query of a view: its frame query, its source query and its annotation rules, all of it.

    A source query is met by any source. Several rules may be met by different annotations.

    Raises:
        QuerySyntaxError: one of its lines is no query; a note says in which field it stands, such as ``rois[0].query``.
    """
    when = moment(now or datetime.now(UTC))
    parts = [_plan_in("frame", query.frame, Scope.FRAME, when)]
    if query.source.strip():
        parts.append(Among(Hop("sources"), _plan_in("source", query.source, Scope.SOURCE, when)))
    rules = [annotation_plan(rule, f"rois[{number}].query", when) for number, rule in enumerate(query.rois)]
    if query.filter is FilterBy.NO_ROIS:
        parts.append(Inverse(Among(Hop("annotations"), ALWAYS)))
    if query.filter is not FilterBy.RULES:
        return FrameFilter(every(parts))
    parts += [_rule_plan(rule, plan) for rule, plan in zip(query.rois, rules, strict=True)]
    wanted = [plan for rule, plan in zip(query.rois, rules, strict=True) if not rule.must_not]
    return FrameFilter(every(parts), wanted)


def _plan_in(field: str, text: str, scope: Scope, now: Interval) -> Plan:
    try:
        return plan_of(text, scope, now)
    except QuerySyntaxError as error:
        error.add_note(f"It stands in {field}.")
        raise


def annotation_plan(rule: RoiRule, field: str, now: Interval) -> Plan:
    """Returns what a rule asks of one annotation."""
    labels = Column((), Scope.ANNOTATION, "label", Kind.TEXTS)
    parts: list[Plan] = [Ask(labels, OneOf(frozenset((label,)))) for label in rule.labels]
    parts.append(_plan_in(field, rule.query, Scope.ANNOTATION, now))
    low, high = rule.confidence
    if low is not None or high is not None:
        confidence = Column((), Scope.ANNOTATION, "confidence", Kind.NUMBER)
        parts.append(Ask(confidence, Between(Ends.NUMBER, low, high)))
    return every(parts)


def _rule_plan(rule: RoiRule, annotation: Plan) -> Plan:
    """Returns what a rule asks of a frame."""
    if rule.must_not:
        return Inverse(Among(Hop("annotations"), annotation))
    if rule.count == (1, None):
        return Among(Hop("annotations"), annotation)
    return Counted(annotation, *rule.count)
