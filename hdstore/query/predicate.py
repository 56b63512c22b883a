"""Plans to functions over the model's values: the reference that every other back end agrees with.

All work that does not depend on the frame is done once; what remains are small closures that may be used by
many threads at once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from hdstore.model import Annotation, Frame, Source
from hdstore.model.moments import moment
from hdstore.query.fields import Hop, Scope
from hdstore.query.matching import Test, owner_test
from hdstore.query.plan import Always, Among, Ask, Counted, Every, Inverse, Plan, Some, plan_of

__all__ = ["compile", "compile_annotation", "compile_source", "test_of"]


def compile(text: str, *, now: datetime | None = None) -> Callable[[Frame], bool]:
    """Returns a function that says whether a frame meets the query.

    ``now`` is what the word now means in it (without a time zone: UTC); by default the moment of this call.

    Raises:
        QuerySyntaxError: the text is no query, or names a field or asks a value that there can not be.
    """
    return _compile(text, Scope.FRAME, now)


def compile_annotation(text: str, *, now: datetime | None = None) -> Callable[[Annotation], bool]:
    """Returns a function that says whether one annotation meets the query; paths start from the annotation.

    Raises:
        QuerySyntaxError: as for ``compile``.
    """
    return _compile(text, Scope.ANNOTATION, now)


def compile_source(text: str, *, now: datetime | None = None) -> Callable[[Source], bool]:
    """Returns a function that says whether one source meets the query; paths start from the source.

    Raises:
        QuerySyntaxError: as for ``compile``.
    """
    return _compile(text, Scope.SOURCE, now)


def _compile(text: str, scope: Scope, now: datetime | None) -> Test:
    return test_of(plan_of(text, scope, moment(now or datetime.now(UTC))))


def test_of(plan: Plan) -> Test:
    """Returns the plan as a function of its owner."""
    match plan:
        case Ask(column=column, condition=condition):
            return owner_test(column, condition)
        case Every(parts=parts):
            return _every([test_of(part) for part in parts])
        case Some(parts=parts):
            return _some([test_of(part) for part in parts])
        case Inverse(part=part):
            return _negated(test_of(part))
        case Among(hop=hop, part=part):
            return _hop(hop, test_of(part))
        case Counted():
            return _counted(plan)
        case Always():
            return lambda _: True


def _every(tests: list[Test]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda value: first(value) and second(value)

    def every(value: Any) -> bool:
        for test in tests:  # noqa: SIM110 - a generator costs more than the loop
            if not test(value):
                return False
        return True

    return every


def _some(tests: list[Test]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda value: first(value) or second(value)

    def some(value: Any) -> bool:
        for test in tests:  # noqa: SIM110 - a generator costs more than the loop
            if test(value):
                return True
        return False

    return some


def _negated(test: Test) -> Test:
    return lambda value: not test(value)


def _hop(hop: Hop, test: Test) -> Test:
    get = attrgetter(hop.attribute)
    index = hop.index
    if hop.single:
        return lambda owner: (part := get(owner)) is not None and test(part)
    if index is not None:
        return lambda owner: index < len(parts := get(owner)) and test(parts[index])

    def any_part(owner: Any) -> bool:
        for part in get(owner):  # noqa: SIM110 - a generator costs more than the loop
            if test(part):
                return True
        return False

    return any_part


def _counted(plan: Counted) -> Test:
    test = test_of(plan.part)
    low = 0 if plan.low is None else plan.low
    high = plan.high

    def counted(frame: Frame) -> bool:
        count = sum(map(test, frame.annotations))
        return low <= count and (high is None or count <= high)

    return counted
