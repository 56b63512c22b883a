"""Query tree to plan: fields found, values worked out, mistakes reported. Every back end starts from a plan.

What a plan asks is asked of one owner: a frame, an annotation or a source.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hdstore.errors import QuerySyntaxError
from hdstore.model.moments import Interval
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
from hdstore.query.conditions import Condition, Reading, Wanted
from hdstore.query.fields import Column, Hop, Kind, Scope, resolve
from hdstore.query.parser import parse

__all__ = [
    "ALWAYS",
    "Always",
    "Among",
    "Ask",
    "Counted",
    "Every",
    "Inverse",
    "Plan",
    "Some",
    "asks",
    "every",
    "plan_of",
]


@dataclass(frozen=True, slots=True)
class Always:
    """Holds for every owner."""


ALWAYS = Always()


@dataclass(frozen=True, slots=True)
class Ask:
    """The value of ``column`` (or any of its values) meets the condition; its hops have been taken already."""

    column: Column
    condition: Condition


@dataclass(frozen=True, slots=True)
class Every:
    """All parts hold."""

    parts: tuple[Plan, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part holds."""

    parts: tuple[Plan, ...]


@dataclass(frozen=True, slots=True)
class Inverse:
    """The part does not hold."""

    part: Plan


@dataclass(frozen=True, slots=True)
class Among:
    """Any of the parts that a hop leads to meets the plan."""

    hop: Hop
    part: Plan


@dataclass(frozen=True, slots=True)
class Counted:
    """So many annotations of a frame meet the plan; both ends count, None is an open one."""

    part: Plan
    low: int | None
    high: int | None


Plan: TypeAlias = Always | Ask | Every | Some | Inverse | Among | Counted


def plan_of(text: str, scope: Scope, now: Interval) -> Plan:
    """Returns the plan of a query that is asked of owners of ``scope``; ``now`` is what the word now means in it.

    Raises:
        QuerySyntaxError: the text is no query, or names a field or asks a value that there can not be.
    """
    return _Planner(Reading(text, now)).node(parse(text), scope, None)


def every(parts: Sequence[Plan]) -> Plan:
    """Returns the plan that all of some plans hold."""
    needed = tuple(part for part in parts if not isinstance(part, Always))
    return needed[0] if len(needed) == 1 else Every(needed) if needed else ALWAYS


def asks(plan: Plan) -> Iterator[Ask]:
    """Yields all that a plan asks of columns, from left to right."""
    match plan:
        case Ask():
            yield plan
        case Every(parts=parts) | Some(parts=parts):
            for part in parts:
                yield from asks(part)
        case Inverse(part=part) | Among(part=part) | Counted(part=part):
            yield from asks(part)


class _Planner:
    """Turns the nodes of one query into plans."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.columns: dict[tuple[tuple[str, ...], Scope], Column] = {}

    def fail(self, message: str, position: int) -> QuerySyntaxError:
        return QuerySyntaxError(message, text=self.reading.text, position=position)

    def node(self, node: Node, scope: Scope, group: Field | None) -> Plan:
        """Returns the plan of ``node`` for a value of ``scope``; ``group`` is the field before the group."""
        match node:
            case Clause():
                column = self.column(node, scope, group)
                wanted = node.match
                return self.lifted(column, (wanted,) if isinstance(wanted, Term) else wanted)
            case And():
                return Every(tuple(self.node(operand, scope, group) for operand in node.operands))
            case Or():
                return self.either(node, scope, group)
            case Not():
                return Inverse(self.node(node.operand, scope, group))
            case Boost():
                return self.node(node.operand, scope, group)
            case FieldGroup():
                return self.field_group(node, scope, group)
            case MatchAll():
                return ALWAYS

    def either(self, node: Or, scope: Scope, group: Field | None) -> Plan:
        """Returns the plan of an Or; exact values of one field become one set, however many they are."""
        sets: dict[Column, list[Term]] = {}
        others = []
        for operand in node.operands:
            if isinstance(operand, Clause) and isinstance(operand.match, Term):
                sets.setdefault(self.column(operand, scope, group), []).append(operand.match)
            else:
                others.append(self.node(operand, scope, group))
        parts = [self.lifted(column, terms) for column, terms in sets.items()] + others
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def field_group(self, node: FieldGroup, scope: Scope, group: Field | None) -> Plan:
        self.check_no_group(node.field, group)
        column = resolve(node.field, scope, self.reading.text)
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
            column = self.columns[key] = resolve(field, scope, self.reading.text)
        return column

    def lifted(self, column: Column, wanted: Wanted) -> Plan:
        """Returns the plan of a column for the value that its path starts from."""
        condition = self.reading.condition(column, wanted)
        leaf = ALWAYS if column.kind is Kind.PART else Ask(column, condition)
        return _through(column.hops, leaf)


def _through(hops: Sequence[Hop], plan: Plan) -> Plan:
    for hop in reversed(hops):
        plan = Among(hop, plan)
    return plan
