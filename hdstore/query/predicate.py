"""Query tree to a function over the model's values: the reference that every other back end agrees with.

All work that does not depend on the frame is done once; what remains are small closures that may be used by
many threads at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from hdstore.errors import QuerySyntaxError
from hdstore.model import Annotation, Frame, Source
from hdstore.model.moments import Interval, moment
from hdstore.query.ast import (
    And,
    Boost,
    Clause,
    Field,
    FieldGroup,
    MatchAll,
    Node,
    Not,
    Or,
    Term,
)
from hdstore.query.fields import Column, Hop, Kind, Scope, resolve
from hdstore.query.matching import Asked, Test, Wanted
from hdstore.query.parser import parse

__all__ = ["compile", "compile_annotation", "compile_source"]


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
    tree = parse(text)
    return _Compiler(text, moment(now or datetime.now(UTC))).node(tree, scope, None)


class _Compiler:
    """Turns the nodes of one query into closures."""

    def __init__(self, text: str, now: Interval) -> None:
        self.text = text
        self.now = now
        self.columns: dict[tuple[tuple[str, ...], Scope], Column] = {}

    def fail(self, message: str, position: int) -> QuerySyntaxError:
        return QuerySyntaxError(message, text=self.text, position=position)

    def node(self, node: Node, scope: Scope, group: Field | None) -> Test:
        """Returns the test of ``node`` on a value of ``scope``; ``group`` is the field before the group."""
        match node:
            case Clause():
                column = self.column(node, scope, group)
                wanted = node.match
                return self.lifted(column, (wanted,) if isinstance(wanted, Term) else wanted)
            case And():
                return _every([self.node(operand, scope, group) for operand in node.operands])
            case Or():
                return self.either(node, scope, group)
            case Not():
                return _negated(self.node(node.operand, scope, group))
            case Boost():
                return self.node(node.operand, scope, group)
            case FieldGroup():
                return self.field_group(node, scope, group)
            case MatchAll():
                return lambda _: True

    def either(self, node: Or, scope: Scope, group: Field | None) -> Test:
        """Returns the test of an Or; exact values of one field become one set, however many they are."""
        sets: dict[Column, list[Term]] = {}
        tests = []
        for operand in node.operands:
            if isinstance(operand, Clause) and isinstance(operand.match, Term):
                sets.setdefault(self.column(operand, scope, group), []).append(operand.match)
            else:
                tests.append(self.node(operand, scope, group))
        return _some([self.lifted(column, terms) for column, terms in sets.items()] + tests)

    def field_group(self, node: FieldGroup, scope: Scope, group: Field | None) -> Test:
        self.check_no_group(node.field, group)
        column = resolve(node.field, scope, self.text)
        if column.kind is not Kind.PART:
            return self.node(node.body, scope, node.field)
        if column.scope not in (Scope.ANNOTATION, Scope.SOURCE):
            raise self.fail(
                f"Only rois and sources group clauses; write {node.field.name}.uri: and the like one by one.",
                node.field.start,
            )
        return _through(column.hops, self.node(node.body, column.scope, None))

    def check_no_group(self, field: Field, group: Field | None) -> None:
        # The parser knows the usual groups of values; sources:( ) is one only for an annotation.
        if group is not None:
            raise self.fail(
                f"In {group.name}:( ) stand values only, but {field.name}: begins another field.", field.start
            )

    def column(self, clause: Clause, scope: Scope, group: Field | None) -> Column:
        if clause.field is not None:
            self.check_no_group(clause.field, group)
        field = clause.field or group
        if field is None:
            if scope is Scope.SOURCE:
                raise self.fail(
                    "A value needs a field here, such as id: or uri:, because a source has no label.",
                    clause.start,
                )
            field = Field(clause.start, clause.start, ("label",))
        key = (field.parts, scope)
        column = self.columns.get(key)
        if column is None:
            column = self.columns[key] = resolve(field, scope, self.text)
        return column

    def lifted(self, column: Column, wanted: Wanted) -> Test:
        """Returns the test of a column on the value that its path starts from."""
        return _through(column.hops, Asked(column, wanted, self.text, self.now).test())


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
    if len(tests) == 1:
        return tests[0]
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


def _through(hops: Sequence[Hop], test: Test) -> Test:
    """Returns the test that any part at the end of ``hops`` passes ``test``."""
    for hop in reversed(hops):
        test = _hop(hop, test)
    return test


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
