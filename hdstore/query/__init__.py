"""The query language: Lucene strings as in ClearML Hyper-Datasets, parsed and compiled to predicates.

``docs/query.md`` says what people may write and what it means.
"""

from __future__ import annotations

from hdstore.query.ast import (
    And,
    Boost,
    Bound,
    Clause,
    Exists,
    Field,
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
    Span,
    Term,
    Wildcard,
)
from hdstore.query.format import format_query
from hdstore.query.parser import parse
from hdstore.query.predicate import compile, compile_annotation, compile_source

__all__ = [
    "And",
    "Boost",
    "Bound",
    "Clause",
    "Exists",
    "Field",
    "FieldGroup",
    "Fuzzy",
    "Match",
    "MatchAll",
    "Near",
    "Node",
    "Not",
    "Or",
    "Range",
    "Regex",
    "Span",
    "Term",
    "Wildcard",
    "compile",
    "compile_annotation",
    "compile_source",
    "format_query",
    "parse",
]
