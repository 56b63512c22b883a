"""What a clause asks of single values, with all that its text says worked out: the same for every back end.

A condition knows nothing of where values lie. ``docs/query.md`` says which values meet which condition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NoReturn, TypeAlias

from hdstore.errors import QuerySyntaxError
from hdstore.model.moments import LOOKS_LIKE_DATE, Interval, interval
from hdstore.query.ast import Bound, Exists, Fuzzy, Near, Range, Regex, Term, Wildcard
from hdstore.query.fields import Column, Kind
from hdstore.query.regex import regex_matcher
from hdstore.query.values import fuzzy_matcher, near_matcher, number, wildcard_matcher

__all__ = ["GIVEN", "Between", "Condition", "Ends", "Fits", "Given", "OneOf", "Reading", "Wanted"]

Pattern: TypeAlias = Wildcard | Regex | Fuzzy | Near
"""What is asked of strings other than to be one of some, or to lie between two."""

Wanted: TypeAlias = Exists | Range | Pattern | Sequence[Term]
"""What a column is asked: to have a value, to fit a pattern, or to have one of several exact values."""


class Ends(Enum):
    """What the ends of a range are, and so which values can lie between them."""

    TEXT = "text"
    NUMBER = "number"
    TIME = "time"
    """Microseconds, as in ``hdstore.model.moments``; asked of strings that are dates."""


@dataclass(frozen=True, slots=True)
class Given:
    """Any value at all."""


GIVEN = Given()


@dataclass(frozen=True, slots=True)
class OneOf:
    """An exact value: any of ``texts``; a number among ``numbers``; a date within one of ``times``.

    Of a fixed field of numbers only ``numbers`` are asked, of one of text only ``texts``. In metadata, ``texts`` also
    hold the words true, false and null.
    """

    texts: frozenset[str] = frozenset()
    numbers: frozenset[float] = frozenset()
    times: tuple[Interval, ...] = ()


@dataclass(frozen=True, slots=True)
class Between:
    """A value between two ends of one kind; None is an open end."""

    ends: Ends
    low: Any = None
    high: Any = None
    include_low: bool = True
    include_high: bool = True


@dataclass(frozen=True, slots=True)
class Fits:
    """A string that ``test`` accepts; ``pattern`` is where the test comes from."""

    pattern: Pattern
    test: Callable[[str], bool]


Condition: TypeAlias = Given | OneOf | Between | Fits


@dataclass(frozen=True, slots=True)
class Reading:
    """A query's text (for errors) and what the word now means in it."""

    text: str
    now: Interval

    def condition(self, column: Column, wanted: Wanted) -> Condition:
        """Returns what ``wanted`` asks of the values of ``column``.

        Raises:
            QuerySyntaxError: the column holds no values of the kind that is asked for.
        """
        if isinstance(wanted, Exists):
            return GIVEN
        if column.kind is Kind.PART:
            self._fail(
                "A source or annotation has no value of its own; name one of its fields, or group clauses in"
                " parentheses.",
                wanted,
            )
        if column.kind is Kind.NUMBER:
            return self._of_number(column, wanted)
        if column.kind is Kind.METADATA:
            if not column.path:
                self._fail("Metadata has no value of its own; name a key, such as meta.city.", wanted)
            if isinstance(wanted, Range):
                return self._metadata_range(wanted)
        if isinstance(wanted, Range):
            return _text_range(wanted)
        if isinstance(wanted, Sequence):
            texts = [term.text for term in wanted]
            return _any_scalar(texts) if column.kind is Kind.METADATA else OneOf(frozenset(texts))
        return Fits(wanted, _matcher(wanted))

    def _fail(self, message: str, what: Wanted | Bound | Term) -> NoReturn:
        first = what[0] if isinstance(what, Sequence) else what
        raise QuerySyntaxError(message, text=self.text, position=first.start)

    # Numbers

    def _of_number(self, column: Column, wanted: Range | Pattern | Sequence[Term]) -> Condition:
        if isinstance(wanted, Range):
            low, high = (
                None if end is None else self._number(column, end) for end in (wanted.low, wanted.high)
            )
            return Between(Ends.NUMBER, low, high, wanted.include_low, wanted.include_high)
        if not isinstance(wanted, Sequence):
            self._fail(f"{column.name} holds numbers; ask for a number or a range of numbers.", wanted)
        return OneOf(numbers=frozenset(self._number(column, term) for term in wanted))

    def _number(self, column: Column, given: Bound | Term) -> float:
        value = number(given.text)
        if value is None:
            self._fail(f"{column.name} holds numbers, which {given.text!r} is not.", given)
        return value

    # Metadata

    def _metadata_range(self, wanted: Range) -> Between:
        """Returns a range whose ends say what it ranges over: numbers, times or text."""
        ends = [end for end in (wanted.low, wanted.high) if end is not None]
        numbers = [number(end.text) for end in ends]
        times = [self._time(end) for end in ends]
        if None not in numbers:
            low, high = (None if end is None else number(end.text) for end in (wanted.low, wanted.high))
            return Between(Ends.NUMBER, low, high, wanted.include_low, wanted.include_high)
        if None not in times:
            return self._time_range(wanted)
        for end, as_number, as_time in zip(ends, numbers, times, strict=True):
            if as_number is not None or as_time is not None:
                self._fail("Both ends of a range are of one kind: numbers, dates or text.", end)
        return _text_range(wanted)

    def _time(self, bound: Bound) -> Interval | None:
        if bound.text == "now" and not bound.quoted:
            return self.now
        covered = interval(bound.text)
        if covered is None and LOOKS_LIKE_DATE.fullmatch(bound.text):
            self._fail(f"{bound.text} is not in the calendar or not on the clock.", bound)
        return covered

    def _time_range(self, wanted: Range) -> Between:
        low, high = (None if end is None else self._time(end) for end in (wanted.low, wanted.high))
        begin = None if low is None else low[0] if wanted.include_low else low[1]
        end = None if high is None else high[1] if wanted.include_high else high[0]
        return Between(Ends.TIME, begin, end, include_low=True, include_high=False)


def _text_range(wanted: Range) -> Between:
    low, high = (None if end is None else end.text for end in (wanted.low, wanted.high))
    return Between(Ends.TEXT, low, high, wanted.include_low, wanted.include_high)


def _any_scalar(texts: list[str]) -> OneOf:
    return OneOf(
        texts=frozenset(texts),
        numbers=frozenset(value for text in texts if (value := number(text)) is not None),
        times=tuple(covered for text in texts if (covered := interval(text)) is not None),
    )


def _matcher(pattern: Pattern) -> Callable[[str], bool]:
    if isinstance(pattern, Wildcard):
        return wildcard_matcher(pattern.pattern)
    if isinstance(pattern, Regex):
        return regex_matcher(pattern.pattern)
    if isinstance(pattern, Fuzzy):
        return fuzzy_matcher(pattern.text, pattern.distance)
    return near_matcher(pattern.text, pattern.slop)
