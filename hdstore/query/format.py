"""Query tree to text: the shortest plain form that reads as the same tree."""

from __future__ import annotations

from collections.abc import Sequence

from hdstore.query.ast import (
    And,
    Boost,
    Bound,
    Clause,
    Exists,
    FieldGroup,
    Fuzzy,
    Match,
    MatchAll,
    Near,
    Node,
    Not,
    Or,
    Range,
    Regex,
    Term,
    Wildcard,
)
from hdstore.query.lexer import OPERATORS, PLAIN_BOUND, PLAIN_WORD, SPECIAL, escape

__all__ = ["format_path", "format_query"]


def format_query(node: Node) -> str:
    """Returns a text that ``parse`` reads as an equal tree."""
    match node:
        case MatchAll():
            return "*:*"
        case Clause(field=field, match=wanted):
            return _match(wanted) if field is None else f"{format_path(field.parts)}:{_match(wanted)}"
        case FieldGroup():
            return f"{format_path(node.field.parts)}:({format_query(node.body)})"
        case And(operands=operands):
            return " AND ".join(_inside(operand, And, Or) for operand in operands)
        case Or(operands=operands):
            return " OR ".join(_inside(operand, Or) for operand in operands)
        case Not(operand=operand):
            return f"NOT {_inside(operand, And, Or)}"
        case Boost(operand=operand, factor=factor):
            return f"{_inside(operand, And, Or, Not, Boost)}^{_plain(factor)}"


def _inside(node: Node, *looser: type) -> str:
    text = format_query(node)
    return f"({text})" if isinstance(node, looser) else text


def _plain(factor: float) -> str:
    return f"{factor:.0f}" if factor.is_integer() else format(factor, "f").rstrip("0")


def _match(wanted: Match) -> str:
    match wanted:
        case Term(text=text):
            return text if PLAIN_WORD.fullmatch(text) and text not in OPERATORS else _quoted(text)
        case Wildcard(pattern=pattern):
            return _pattern(pattern)
        case Regex(pattern=pattern):
            return f"/{pattern}/"
        case Fuzzy(text=text, distance=distance):
            return f"{_bare(text)}~{distance}"
        case Near(text=text, slop=slop):
            return f"{_quoted(text)}~{slop}"
        case Range():
            opening, closing = "[" if wanted.include_low else "{", "]" if wanted.include_high else "}"
            return f"{opening}{_bound(wanted.low)} TO {_bound(wanted.high)}{closing}"
        case Exists():
            return "*"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bare(text: str) -> str:
    return f"\\{text}" if text in OPERATORS else escape(text)


def _pattern(pattern: str) -> str:
    pieces = []
    chars = iter(pattern)
    for char in chars:
        if char == "\\":
            pieces.append(char + next(chars))
        elif char in "*?":
            pieces.append(char)
        else:
            pieces.append(escape(char))
    return "".join(pieces)


def _bound(bound: Bound | None) -> str:
    if bound is None:
        return "*"
    if bound.quoted:
        return _quoted(bound.text)
    return bound.text if PLAIN_BOUND.fullmatch(bound.text) else escape(bound.text)


def format_path(parts: Sequence[str]) -> str:
    """Returns the path of a field with what is needed before its special characters."""
    # A dot inside a part is escaped as well: outside it would begin the next part.
    return ".".join(
        "".join(f"\\{char}" if char == "." or char in SPECIAL or char.isspace() else char for char in part)
        for part in parts
    )
