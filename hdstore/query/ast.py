"""The tree of a parsed query: frozen values with the place in the text they came from.

Two trees are equal when they read the same: ``start`` and ``end`` (offsets into the text, the end exclusive)
are not compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

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
]


@dataclass(frozen=True, slots=True)
class Span:
    """Base of all parts of a query: where it stands in the text."""

    start: int = field(compare=False)
    end: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Field(Span):
    """A field path, such as ``sources.0.uri``, as its parts without escapes."""

    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        """The path as people write it in messages."""
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Term(Span):
    """One exact value, bare or in quotes: ``cat``, ``"Bus Stop"``, ``-5``, ``true``, ``2024-10-20``."""

    text: str


@dataclass(frozen=True, slots=True)
class Wildcard(Span):
    r"""A pattern of ``*`` (any characters) and ``?`` (one); ``\*``, ``\?`` and ``\\`` are the characters."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Regex(Span):
    """A regular expression between slashes, as written there."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Fuzzy(Span):
    """A term with at most ``distance`` typing slips: ``colour~1``."""

    text: str
    distance: int


@dataclass(frozen=True, slots=True)
class Near(Span):
    """Words that stand in this order with at most ``slop`` others between them: ``"red car"~2``."""

    text: str
    slop: int


@dataclass(frozen=True, slots=True)
class Bound(Span):
    """One end of a range; ``quoted`` tells the word now from the text "now"."""

    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Range(Span):
    """Values between two ends, or on one side of one; an open end is None and counts as included."""

    low: Bound | None
    high: Bound | None
    include_low: bool
    include_high: bool


@dataclass(frozen=True, slots=True)
class Exists(Span):
    """Any value at all: ``f:*``, ``_exists_:f``, ``f:[* TO *]``."""


Match: TypeAlias = Term | Wildcard | Regex | Fuzzy | Near | Range | Exists
"""What a clause asks of a value."""


@dataclass(frozen=True, slots=True)
class MatchAll(Span):
    """Every frame: the empty query, or ``*:*``."""


@dataclass(frozen=True, slots=True)
class Clause(Span):
    """One field asked one thing; without a field, that of the group around it or the default one."""

    field: Field | None
    match: Match


@dataclass(frozen=True, slots=True)
class FieldGroup(Span):
    """A field before parentheses: ``label:(cat OR dog)``, or ``rois:(...)`` for one annotation."""

    field: Field
    body: Node


@dataclass(frozen=True, slots=True)
class And(Span):
    """All operands hold; there are two or more."""

    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or(Span):
    """At least one operand holds; there are two or more."""

    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not(Span):
    """The operand does not hold."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Boost(Span):
    """A weight for ranking, ``cat^2``; kept as written, without effect on what matches."""

    operand: Node
    factor: float


Node: TypeAlias = MatchAll | Clause | FieldGroup | And | Or | Not | Boost
"""Any query."""
