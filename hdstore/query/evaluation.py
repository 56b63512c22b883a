"""Plans over the columns of a segment: operators, and the way from annotations and sources to their frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hdstore.index import Bools, Rows, Segment
from hdstore.query.answers import (
    Answer,
    Evaluator,
    all_rows,
    children,
    is_sparse,
    marked,
    ones,
    zeros,
)
from hdstore.query.celltests import MetadataTest
from hdstore.query.columntests import IdTest, MarkTest, NumberTest, SeveralTest, TextTest
from hdstore.query.conditions import GIVEN
from hdstore.query.fields import Kind, Scope
from hdstore.query.plan import Always, Among, Ask, Counted, Every, Inverse, Plan, Some

__all__ = ["evaluator"]


def evaluator(plan: Plan, scope: Scope) -> Evaluator:
    """Returns the evaluator of a plan for the rows of one table: those of frames, annotations or sources."""
    match plan:
        case Always():
            return _Always(scope.value)
        case Every(parts=parts):
            return _Every([evaluator(part, scope) for part in parts], scope.value)
        case Some(parts=parts):
            return _Some([evaluator(part, scope) for part in parts], scope.value)
        case Inverse(part=part):
            return _Inverse(evaluator(part, scope), scope.value)
        case Counted(part=part, low=low, high=high):
            return _Counted(_Parts("annotation"), evaluator(part, Scope.ANNOTATION), low, high)
        case Among():
            return _among(plan, scope)
        case Ask():
            return _ask(plan, scope)


def _ask(plan: Ask, scope: Scope) -> Evaluator:
    column, condition = plan.column, plan.condition
    if column.kind is Kind.METADATA:
        return MetadataTest(scope.value, column.path, condition)
    if (scope, column.name) == (Scope.ANNOTATION, "id"):
        return IdTest(condition)
    if (scope, column.name) == (Scope.FRAME, "blob"):
        return MarkTest(scope.value, "has_blob", settles=condition == GIVEN)
    if column.kind is Kind.NUMBER:
        return NumberTest(scope.value, column.name, condition)
    make = SeveralTest if column.kind is Kind.TEXTS else TextTest
    return make(scope.value, column.name, condition)


def _among(plan: Among, scope: Scope) -> Evaluator:
    hop = plan.hop
    if scope is Scope.SOURCE:
        # Of masks and previews the index knows only whether there are any.
        settles = isinstance(plan.part, Always) and hop.index in (None, 0)
        return MarkTest(scope.value, f"has_{hop.attribute}", settles=settles)
    inner = Scope.ANNOTATION if hop.attribute == "annotations" else Scope.SOURCE
    parts = _Parts(inner.value)
    part = evaluator(plan.part, inner)
    if hop.index is not None:
        return _At(parts, part, hop.index)
    return _Any(parts, part)


class _Parts:
    """The parts of frames that stand in one table."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    def starts(self, segment: Segment) -> Rows:
        return segment.annotation_starts if self.scope == "annotation" else segment.source_starts

    def frames(self, segment: Segment) -> Rows:
        return segment.annotation_frames if self.scope == "annotation" else segment.source_frames

    def answer(self, part: Evaluator, segment: Segment, frames: Rows | None) -> Answer:
        """Returns what is known of the parts; where few frames are asked for, of theirs alone if that is less work."""
        if frames is not None:
            total = segment.count(self.scope)
            share = len(frames) / max(segment.count("frame"), 1)
            if share * total < part.weight(segment):
                return part.answer(segment, children(self.starts(segment), frames))
        return part.answer(segment, None)

    def owners(self, segment: Segment, answer: Answer, marks: Bools) -> Rows:
        """Returns the frame of each part that is marked; ``marks`` speak of the rows of the answer."""
        # Taking listed rows is quicker than taking marked ones.
        places = np.flatnonzero(marks) if answer.rows is None else answer.rows[marks]
        return self.frames(segment)[places]


class _Any:
    """Any part of a frame holds."""

    def __init__(self, parts: _Parts, part: Evaluator) -> None:
        self._parts, self._part = parts, part

    def weight(self, segment: Segment) -> float:
        return self._part.weight(segment)

    def answer(self, segment: Segment, rows: Rows | None) -> Answer:
        parts = self._parts
        if isinstance(self._part, _Always):
            starts = parts.starts(segment)
            held = starts[1:] > starts[:-1] if rows is None else starts[rows + 1] > starts[rows]
            return Answer(rows, held, held)
        found = parts.answer(self._part, segment, rows)
        lower = self._lift(segment, found, found.lower, rows)
        upper = lower if found.is_exact else self._lift(segment, found, found.upper, rows)
        return Answer(rows, lower, upper)

    def _lift(self, segment: Segment, found: Answer, marks: Bools, rows: Rows | None) -> Bools:
        held = marked(self._parts.owners(segment, found, marks), segment.count("frame"))
        return held if rows is None else held[rows]


class _At:
    """The part at one place of a frame holds."""

    def __init__(self, parts: _Parts, part: Evaluator, index: int) -> None:
        self._parts, self._part, self._index = parts, part, index

    def weight(self, segment: Segment) -> float:
        return min(segment.count("frame"), self._part.weight(segment))

    def answer(self, segment: Segment, rows: Rows | None) -> Answer:
        starts = self._parts.starts(segment)
        begins, ends = (starts[:-1], starts[1:]) if rows is None else (starts[rows], starts[rows + 1])
        places = np.flatnonzero(ends - begins > self._index)
        wanted = begins[places] + np.int32(self._index)
        found = all_rows(self._part.answer(segment, wanted), wanted, 0)
        lower = zeros(len(begins))
        lower[places] = found.lower
        if found.is_exact:
            return Answer(rows, lower, lower)
        upper = zeros(len(begins))
        upper[places] = found.upper
        return Answer(rows, lower, upper)


class _Counted:
    """So many parts of a frame hold."""

    def __init__(self, parts: _Parts, part: Evaluator, low: int | None, high: int | None) -> None:
        self._parts, self._part = parts, part
        self._low, self._high = low, high

    def weight(self, segment: Segment) -> float:
        return segment.count("frame") if not self._low else self._part.weight(segment)

    def answer(self, segment: Segment, rows: Rows | None) -> Answer:
        found = self._parts.answer(self._part, segment, rows)
        least = self._count(segment, found, found.lower)
        most = least if found.is_exact else self._count(segment, found, found.upper)
        if rows is not None:
            least, most = least[rows], most[rows]
        lower, upper = ones(len(least)), ones(len(least))
        if self._low is not None:
            lower &= least >= self._low
            upper &= most >= self._low
        if self._high is not None:
            lower &= most <= self._high
            upper &= least <= self._high
        return Answer(rows, upper if found.is_exact else lower, upper)

    def _count(self, segment: Segment, found: Answer, marks: Bools) -> NDArray[np.intp]:
        return np.bincount(self._parts.owners(segment, found, marks), minlength=segment.count("frame"))


class _Always:
    """Every row holds."""

    def __init__(self, scope: str) -> None:
        self._scope = scope

    def weight(self, segment: Segment) -> float:
        return segment.count(self._scope)

    def answer(self, segment: Segment, rows: Rows | None) -> Answer:
        held = ones(segment.count(self._scope) if rows is None else len(rows))
        return Answer(rows, held, held)


class _Inverse:
    """The part does not hold."""

    def __init__(self, part: Evaluator, scope: str) -> None:
        self._part, self._scope = part, scope

    def weight(self, segment: Segment) -> float:
        return segment.count(self._scope) + self._part.weight(segment)

    def answer(self, segment: Segment, rows: Rows | None) -> Answer:
        found = all_rows(self._part.answer(segment, rows), rows, segment.count(self._scope))
        lower = ~found.upper
        return Answer(rows, lower, lower if found.is_exact else ~found.lower)


class _Some:
    """Any operand holds."""

    def __init__(self, parts: Sequence[Evaluator], scope: str) -> None:
        self._parts, self._scope = parts, scope

    def weight(self, segment: Segment) -> float:
        return sum(part.weight(segment) for part in self._parts)

    def answer(self, segment: Segment, rows: Rows | None) -> Answer:
        count = segment.count(self._scope)
        lower = upper = zeros(count if rows is None else len(rows))
        for part in self._parts:
            found = all_rows(part.answer(segment, rows), rows, count)
            decided = lower is upper and found.is_exact
            upper = upper | found.upper
            lower = upper if decided else lower | found.lower
        return Answer(rows, lower, upper)


class _Every:
    """All operands hold: the one with the fewest rows is asked first, the others of what it left."""

    def __init__(self, parts: Sequence[Evaluator], scope: str) -> None:
        self._parts, self._scope = parts, scope

    def weight(self, segment: Segment) -> float:
        return min(part.weight(segment) for part in self._parts)

    def answer(self, segment: Segment, rows: Rows | None) -> Answer:
        first, *others = sorted(self._parts, key=lambda part: part.weight(segment))
        held = first.answer(segment, rows)
        for part in others:
            held = _narrowed(held)
            if held.rows is not None and not len(held.rows):
                break
            held = _both(held, part.answer(segment, held.rows))
        return held


def _narrowed(answer: Answer) -> Answer:
    """Returns the same answer about fewer rows where most of them are out already."""
    left = int(np.count_nonzero(answer.upper))
    if left == len(answer.upper) or not is_sparse(left, len(answer.upper)):
        return answer
    places = np.flatnonzero(answer.upper)
    rows = places.astype(np.int32) if answer.rows is None else answer.rows[places]
    upper = ones(left)
    return Answer(rows, upper if answer.is_exact else answer.lower[places], upper)


def _both(held: Answer, found: Answer) -> Answer:
    """Returns what holds by both answers; ``found`` was asked about the rows of ``held``."""
    lower, upper = held.lower, held.upper
    if found.rows is not held.rows:
        assert found.rows is not None, "an answer speaks of the rows it was asked about, or of a part of them"
        places = found.rows if held.rows is None else np.searchsorted(held.rows, found.rows)
        lower = upper[places] if held.is_exact else lower[places]
        upper = upper[places]
    both = upper & found.upper
    decided = held.is_exact and found.is_exact
    return Answer(found.rows, both if decided else lower & found.lower, both)
