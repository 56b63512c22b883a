"""The words of the query language: patterns that read one piece of text, escapes and wildcards."""

from __future__ import annotations

import re

__all__ = [
    "BOUND",
    "COMPARISON",
    "FACTOR",
    "LONG_VALUE",
    "OPERATORS",
    "PHRASES",
    "PLAIN_BOUND",
    "PLAIN_WORD",
    "REGEX",
    "SPACE",
    "SPECIAL",
    "TILDE",
    "WORD",
    "escape",
    "has_wildcard",
    "split_path",
    "unescape",
    "wildcard_pattern",
]

# Possessive quantifiers throughout: nothing here can backtrack, whatever the text.

SPACE = re.compile(r"\s*+")

WORD = re.compile(r"""(?:[^\s()\[\]{}"^~:\\&|]++|\\.|&(?!&)|\|(?!\|))++""", re.DOTALL)
"""A run without blanks, quotes, brackets, colons and operators."""

LONG_VALUE = re.compile(
    r"""
    [0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]++)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?
        (?=[\s)^&|]|\Z)
    | [A-Za-z][A-Za-z0-9+.\-]*+://(?:[^\s()\[\]{}"^\\]++|\\.)*+
    """,
    re.DOTALL | re.VERBOSE,
)
"""The two values that hold colons without quotes: an ISO time and a URL."""

BOUND = re.compile(r"""(?:[^\s\[\]{}"\\]++|\\.)++""", re.DOTALL)
"""One end of a range; unlike a word it may hold colons."""

PHRASES = {
    '"': re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL),
    "'": re.compile(r"'((?:[^'\\]++|\\.)*+)'", re.DOTALL),
}

REGEX = re.compile(r"/((?:[^/\\]++|\\.)++)/", re.DOTALL)

COMPARISON = re.compile(r"(>=|<=|>|<)\s*+")

TILDE = re.compile(r"~([0-9.]*+)")

FACTOR = re.compile(r"\^([0-9]++(?:\.[0-9]++)?)")

OPERATORS = frozenset({"AND", "OR", "NOT"})

PLAIN_WORD = re.compile(r"\w[\w.,;@#%$/\-]*+")
"""What needs no quotes wherever it stands, unless it is an operator."""

PLAIN_BOUND = re.compile(r"now|(?!now)[\w.,:;@#%$/+\-]++")
"""What needs no escapes as the end of a range."""

SPECIAL = frozenset("()[]{}\"'^~:\\&|<>=+-!/*?")

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PIECE = re.compile(r"\\.|[^.\\]++|\.", re.DOTALL)


def unescape(raw: str) -> str:
    """Returns the text that ``raw`` stands for: a backslash makes the next character mean itself."""
    return _ESCAPED.sub(r"\1", raw) if "\\" in raw else raw


def escape(text: str) -> str:
    """Returns ``text`` with a backslash before each character that would mean something."""
    return "".join("\\" + c if c in SPECIAL or c.isspace() else c for c in text)


def has_wildcard(raw: str) -> bool:
    """Says whether ``raw`` holds a ``*`` or ``?`` that is not escaped."""
    if "*" not in raw and "?" not in raw:
        return False
    bare = _ESCAPED.sub("", raw)
    return "*" in bare or "?" in bare


def wildcard_pattern(raw: str) -> str:
    """Returns ``raw`` with only those escapes kept that a wildcard pattern needs."""
    return _ESCAPED.sub(lambda found: found[0] if found[1] in "*?\\" else found[1], raw)


def split_path(raw: str) -> tuple[str, ...]:
    """Returns the parts of a field path without escapes; an escaped dot belongs to its part."""
    if "\\" not in raw:
        return tuple(raw.split("."))
    parts = [""]
    for piece in _PIECE.findall(raw):
        if piece == ".":
            parts.append("")
        else:
            parts[-1] += unescape(piece)
    return tuple(parts)
