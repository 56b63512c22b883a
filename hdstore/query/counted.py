"""Which annotations count: those that meet a rule, in frames that were found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hdstore.errors import InvalidInputError
from hdstore.index import Bools, Rows, Segment
from hdstore.model import Annotation, RoiRule
from hdstore.model.moments import moment
from hdstore.query.answers import all_rows, children
from hdstore.query.columnar import ReadFrames, annotation_plan
from hdstore.query.evaluation import evaluator
from hdstore.query.fields import Scope
from hdstore.query.found import Found
from hdstore.query.plan import Plan
from hdstore.query.predicate import test_of

__all__ = ["Counted", "count_all", "count_matching", "plan_of_roi"]


@dataclass(frozen=True, eq=False)
class Counted:
    """Frames, and for each of their segments which annotations count; None: all."""

    found: Found
    marks: tuple[Bools | None, ...]

    @cached_property
    def per_frame(self) -> list[Rows]:
        """How many annotations of each frame of a segment count."""
        found = []
        for (segment, _), marks in zip(self.found.parts, self.marks, strict=True):
            starts = segment.annotation_starts
            found.append(np.diff(starts if marks is None else _running(marks)[starts]))
        return found

    @cached_property
    def totals(self) -> tuple[int, int]:
        """How many frames hold an annotation that counts, and how many of these there are."""
        held = [counts[rows] for counts, (_, rows) in zip(self.per_frame, self.found.parts, strict=True)]
        return sum(int(np.count_nonzero(part)) for part in held), sum(int(part.sum()) for part in held)


def _running(marks: Bools) -> Rows:
    """Returns how many are marked before each, and behind the last one how many in all."""
    return np.concatenate((np.zeros(1, np.int32), np.cumsum(marks, dtype=np.int32)))


def count_all(found: Found) -> Counted:
    """Returns these frames with all of their annotations."""
    return Counted(found, (None,) * len(found.parts))


def plan_of_roi(roi: RoiRule | str, *, now: datetime | None = None) -> Plan:
    """Returns what a rule, or a query on annotations, asks of one annotation; raises as ``count_matching``."""
    rule = RoiRule(query=roi) if isinstance(roi, str) else roi
    if rule.must_not or rule.count != (1, None):
        raise InvalidInputError("Which annotations count is said by labels, confidence and query alone.")
    return annotation_plan(rule, "roi", moment(now or datetime.now(UTC)))


def count_matching(
    found: Found, roi: RoiRule | str, read: ReadFrames | None, *, now: datetime | None = None
) -> Counted:
    """Returns the annotations that meet a rule (or a query on annotations), and the frames that hold one.

    Raises:
        QuerySyntaxError: the query is none.
        InvalidInputError: the rule asks for more than one annotation can tell, or frames would have to be read and
            ``read`` is None.
    """
    plan = plan_of_roi(roi, now=now)
    asked, test = evaluator(plan, Scope.ANNOTATION), test_of(plan)
    parts = []
    marks: list[Bools | None] = []
    for segment, rows in found.parts:
        total = segment.count("annotation")
        inside = None if len(rows) == segment.count("frame") else children(segment.annotation_starts, rows)
        answer = all_rows(asked.answer(segment, inside), inside, total)
        mark = _whole(answer.lower, inside, total)
        if not answer.is_exact:
            unsure = np.flatnonzero(_whole(answer.upper, inside, total) & ~mark)
            mark[_ask(segment, unsure, test, read)] = True
        starts = segment.annotation_starts
        before = _running(mark)
        kept = rows[before[starts[rows + 1]] > before[starts[rows]]]
        if len(kept):
            parts.append((segment, kept))
            marks.append(mark)
    return Counted(Found(tuple(parts)), tuple(marks))


def _whole(marks: Bools, inside: Rows | None, total: int) -> Bools:
    """Returns marks of all annotations from those of some."""
    if inside is None:
        return marks.copy()
    whole = np.zeros(total, np.bool_)
    whole[inside[marks]] = True
    return whole


def _ask(
    segment: Segment, unsure: NDArray[np.intp], test: Callable[[Annotation], bool], read: ReadFrames | None
) -> list[int]:
    """Returns those of some annotations that pass a test in the frames themselves."""
    if not len(unsure):
        return []
    if read is None:
        raise InvalidInputError("Frames have to be read to tell which annotations count.")
    owners = segment.annotation_frames[unsure]
    frames = np.unique(owners)
    begins = np.searchsorted(owners, frames, side="left").tolist()
    ends = np.searchsorted(owners, frames, side="right").tolist()
    found = []
    for row, frame, begin, end in zip(frames.tolist(), read(segment, frames), begins, ends, strict=True):
        first = int(segment.annotation_starts[row])
        found += [place for place in unsure[begin:end].tolist() if test(frame.annotations[place - first])]
    return found
