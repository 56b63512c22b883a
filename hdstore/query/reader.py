"""Reads the single values of a query text: terms, phrases, patterns, ranges, each from where it begins."""

from __future__ import annotations

from typing import NoReturn

from hdstore.errors import QuerySyntaxError
from hdstore.query.ast import Bound, Exists, Fuzzy, Match, Near, Range, Regex, Term, Wildcard
from hdstore.query.lexer import (
    BOUND,
    COMPARISON,
    LONG_VALUE,
    OPERATORS,
    PHRASES,
    REGEX,
    SPACE,
    TILDE,
    WORD,
    has_wildcard,
    unescape,
    wildcard_pattern,
)
from hdstore.query.regex import parse_regex
from hdstore.query.values import MAX_FUZZY_LENGTH, words

__all__ = ["Reader"]

_MAX_SLIPS = 2
_MAX_SLOP = 100


class Reader:
    """A place in a query text: ``pos`` is how far it has been read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0

    def fail(self, message: str, position: int | None = None) -> NoReturn:
        """Raises a QuerySyntaxError at ``position``, or where reading stands."""
        where = self.pos if position is None else position
        raise QuerySyntaxError(message, text=self.text, position=where)

    def skip(self) -> str:
        """Moves over blanks; returns the next character, or "" at the end."""
        text, pos = self.text, self.pos
        char = text[pos : pos + 1]
        if char.isspace():
            self.pos = pos = SPACE.match(text, pos).end()  # type: ignore[union-attr]
            char = text[pos : pos + 1]
        return char

    def match(self, expected: str, *, comparisons: bool) -> Match:
        """Reads what a clause asks; ``expected`` says in an error what should stand here."""
        char = self.skip()
        if char in PHRASES:
            return self._phrase()
        if char == "/":
            return self._regex()
        if char and char in "[{":
            return self._range()
        if comparisons and char and char in "<>":
            return self._comparison()
        return self._word(expected)

    def _word(self, expected: str) -> Match:
        start = self.pos
        raw = self._run(expected)
        end = self.pos
        if not raw.strip("*"):
            self.ends_here()
            return Exists(start, end)
        if self.text.startswith("~", end):
            if has_wildcard(raw):
                self.fail("A value takes either wildcards or ~, not both.")
            distance = self._tilde(_MAX_SLIPS, default=_MAX_SLIPS)
            if len(raw) > MAX_FUZZY_LENGTH:
                self.fail(f"A value before ~ has at most {MAX_FUZZY_LENGTH} characters.", start)
            return Fuzzy(start, self.pos, unescape(raw), distance)
        self.ends_here()
        if has_wildcard(raw):
            return Wildcard(start, end, wildcard_pattern(raw))
        return Term(start, end, unescape(raw))

    def _run(self, expected: str) -> str:
        """Reads the characters of one bare value, escapes and all."""
        text, start = self.text, self.pos
        char = text[start : start + 1]
        found = WORD.match(text, start)
        if found is not None and text.startswith(":", found.end()):
            found = LONG_VALUE.match(text, start) or found
        if found is None or found[0] in OPERATORS:
            self._fail_expected(expected, "" if found is None else found[0])
        following = text[start + 1 : start + 2]
        if char == "!" or (char in "+-" and not (following.isdigit() or following == ".")):
            self.fail(
                f"An operator stands before the field, not before its value; write \\{char} for the sign."
            )
        self.pos = found.end()
        if text.startswith(":", self.pos):
            self.fail('A value holds no : unless it is quoted, as in meta.key:"a:b".')
        return found[0]

    def _fail_expected(self, expected: str, operator: str) -> NoReturn:
        char = self.text[self.pos : self.pos + 1]
        if not char:
            self.fail(f"Expected {expected}, but the query ends here.")
        if operator:
            self.fail(
                f'Expected {expected}, but found the operator {operator}; write "{operator}" for the word.'
            )
        if char == ":":
            self.fail("Expected a field name directly before the colon.")
        if char == "\\":
            self.fail("A backslash stands before the character that it protects, but the query ends here.")
        found = self.text[self.pos : self.pos + 2] if char in "&|" else char
        self.fail(f"Expected {expected}, but found {found}; write \\{char} for the character itself.")

    def ends_here(self) -> None:
        """Checks that a value is not run into by something else."""
        char = self.text[self.pos : self.pos + 1]
        if char and char not in ")^&|" and not char.isspace():
            if char == "\\" and self.pos == len(self.text) - 1:
                self._fail_expected("", "")
            if char == "~":
                self.fail("Only a bare value or a phrase takes ~; write \\~ for the character itself.")
            self.fail(f"Expected a blank before {char}; put the whole value in quotes if it belongs to it.")

    def _tilde(self, most: int, *, default: int) -> int:
        start = self.pos
        found = TILDE.match(self.text, start)
        written = "" if found is None else found[1]
        value = default if not written else int(written) if written.isdigit() and len(written) < 10 else -1
        if not 0 <= value <= most:
            self.fail(f"Expected a whole number from 0 to {most} after ~.", start)
        self.pos = start + 1 + len(written)
        self.ends_here()
        return value

    def _phrase(self) -> Term | Near:
        start = self.pos
        text = self._quoted()
        if not self.text.startswith("~", self.pos):
            self.ends_here()
            return Term(start, self.pos, text)
        if not words(text):
            self.fail("Expected a word between the quotes before ~.", start)
        slop = self._tilde(_MAX_SLOP, default=0)
        return Near(start, self.pos, text, slop)

    def _quoted(self) -> str:
        quote = self.text[self.pos]
        found = PHRASES[quote].match(self.text, self.pos)
        if found is None:
            self.fail(f"This {quote} is never closed; write \\{quote} for the character itself.")
        self.pos = found.end()
        return unescape(found[1])

    def _regex(self) -> Regex:
        start = self.pos
        found = REGEX.match(self.text, start)
        after = "" if found is None else self.text[found.end() : found.end() + 1]
        if found is None or not (not after or after in ")^&|" or after.isspace()):
            self.fail(
                "A value that begins with / is a regular expression up to the next /; put a path in quotes."
            )
        parse_regex(self.text, start + 1, found.end() - 1)
        self.pos = found.end()
        return Regex(start, self.pos, found[1])

    def _comparison(self) -> Range:
        start = self.pos
        found = COMPARISON.match(self.text, start)
        sign = "" if found is None else found[1]
        self.pos = start + len(sign)
        self.skip()
        begin = self.pos
        if self.text[begin : begin + 1] in PHRASES:
            bound = self._quoted_bound()
        else:
            bound = self._bare_bound(self._run(f"a value after {sign}"), begin)
        self.ends_here()
        included = sign.endswith("=")
        if sign[0] == ">":
            return Range(start, self.pos, bound, None, included, True)
        return Range(start, self.pos, None, bound, True, included)

    def _range(self) -> Range | Exists:
        start = self.pos
        opening = self.text[start]
        self.pos += 1
        low = self._bound()
        self.skip()
        found = WORD.match(self.text, self.pos)
        if found is None or found[0] != "TO":
            self.fail("Expected TO between the two ends of a range, as in [1 TO 5].")
        self.pos = found.end()
        high = self._bound()
        closing = self.skip()
        if not closing:
            self.fail(f"This {opening} is never closed.", start)
        if closing not in "]}":
            self.fail("Expected ] (the end counts) or } (it does not) after the second end of a range.")
        self.pos += 1
        self.ends_here()
        if low is None and high is None:
            return Exists(start, self.pos)
        return Range(
            start, self.pos, low, high, low is None or opening == "[", high is None or closing == "]"
        )

    def _bound(self) -> Bound | None:
        """Reads one end of a range; None is an open one."""
        char = self.skip()
        start = self.pos
        if char in PHRASES:
            return self._quoted_bound()
        found = BOUND.match(self.text, start)
        if found is None:
            self.fail("Expected an end of the range: a value, or * for an open end.")
        self.pos = found.end()
        return None if found[0] == "*" else self._bare_bound(found[0], start)

    def _quoted_bound(self) -> Bound:
        start = self.pos
        text = self._quoted()
        return Bound(start, self.pos, text, quoted=True)

    def _bare_bound(self, raw: str, start: int) -> Bound:
        if has_wildcard(raw):
            self.fail("The end of a range takes no wildcards; * alone is an open end.", start)
        if raw.startswith("now") and raw[3:4] and raw[3] in "+-/|":
            self.fail("Arithmetic on now is not known; write the date itself.", start)
        return Bound(start, self.pos, unescape(raw), quoted=False)
