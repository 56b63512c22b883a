"""Queries that mean the same at any time: the word now in them becomes the moment it stands for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from hdstore.query.ast import And, Boost, Bound, Clause, Field, FieldGroup, MatchAll, Node, Not, Or, Range
from hdstore.query.fields import Kind, Scope, resolve
from hdstore.query.parser import parse

__all__ = ["fix_now"]

_NO_FIELD = Field(0, 0, ("label",))


def fix_now(text: str, when: datetime, scope: Scope = Scope.FRAME) -> str:
    """Returns a query in which ``now`` is written as the time it means; all else stays as it is written.

    ``scope`` says what the query is asked of.

    Raises:
        QuerySyntaxError: the text is no query.
    """
    if "now" not in text:
        return text
    # Without a zone a time is UTC; to the microsecond, as the word itself is understood.
    moment = when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    for bound in sorted(_bounds(parse(text), scope, None, text), key=lambda bound: -bound.start):
        text = text[: bound.start] + moment + text[bound.end :]
    return text


def _bounds(node: Node, scope: Scope, group: Field | None, text: str) -> Iterator[Bound]:
    """Yields the ends of ranges of metadata that are the word now; of fixed fields it is a text like any other."""
    match node:
        case Clause(field=field, match=Range() as wanted):
            if resolve(field or group or _NO_FIELD, scope, text).kind is Kind.METADATA:
                ends = (wanted.low, wanted.high)
                yield from (end for end in ends if end is not None and end.text == "now" and not end.quoted)
        case And(operands=operands) | Or(operands=operands):
            for operand in operands:
                yield from _bounds(operand, scope, group, text)
        case Not(operand=operand) | Boost(operand=operand):
            yield from _bounds(operand, scope, group, text)
        case FieldGroup(field=field, body=body):
            column = resolve(field, scope, text)
            if column.kind is Kind.PART:
                yield from _bounds(body, column.scope, None, text)
            else:
                yield from _bounds(body, scope, field, text)
        case Clause() | MatchAll():
            return
