"""What a clause asks, as a function of the owner of a column: the rules of ``docs/query.md`` in code."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from hdstore.errors import QuerySyntaxError
from hdstore.model.moments import LOOKS_LIKE_DATE, Interval, instant, interval
from hdstore.query.ast import Bound, Exists, Fuzzy, Near, Range, Regex, Term, Wildcard
from hdstore.query.fields import Column, Kind
from hdstore.query.regex import regex_matcher
from hdstore.query.values import fuzzy_matcher, near_matcher, number, wildcard_matcher

__all__ = ["Asked", "Test", "Wanted"]

Test: TypeAlias = Callable[[Any], bool]

Pattern: TypeAlias = Wildcard | Regex | Fuzzy | Near | Range
"""What is asked of strings other than to be exactly this one."""

Wanted: TypeAlias = Exists | Pattern | Sequence[Term]
"""What a column is asked: to have a value, to fit a pattern, or to have one of several exact values."""

_MISSING = object()


@dataclass(frozen=True, slots=True)
class Asked:
    """One column and what it is asked.

    ``text`` is the whole query, for errors; ``now`` is what the word now means in it.
    """

    column: Column
    wanted: Wanted
    text: str
    now: Interval

    def test(self) -> Test:
        """Returns the test on an owner of the column.

        Raises:
            QuerySyntaxError: the column holds no values of the kind that is asked for.
        """
        kind = self.column.kind
        if kind is Kind.PART:
            return self._part()
        if kind is Kind.METADATA:
            return self._metadata()
        get = self.column.get
        if isinstance(self.wanted, Exists):
            return _is_given(get) if kind is Kind.NUMBER else _is_not_empty(get)
        if kind is Kind.NUMBER:
            return self._number(get)
        if isinstance(self.wanted, Sequence):
            wanted = frozenset(term.text for term in self.wanted)
            return _any_text_in(get, wanted) if kind is Kind.TEXTS else _text_in(get, wanted)
        test = self._string_test(self.wanted)
        return _any_text(get, test) if kind is Kind.TEXTS else _text(get, test)

    def _fail(self, message: str, position: int) -> NoReturn:
        raise QuerySyntaxError(message, text=self.text, position=position)

    @property
    def _start(self) -> int:
        return self.wanted[0].start if isinstance(self.wanted, Sequence) else self.wanted.start

    def _part(self) -> Test:
        if not isinstance(self.wanted, Exists):
            self._fail(
                "A source or annotation has no value of its own; name one of its fields, or group clauses in"
                " parentheses.",
                self._start,
            )
        return lambda _: True

    # Strings

    def _string_test(self, wanted: Pattern) -> Callable[[str], bool]:
        if isinstance(wanted, Range):
            low, high = (None if end is None else end.text for end in (wanted.low, wanted.high))
            return _between(low, high, wanted.include_low, wanted.include_high)
        if isinstance(wanted, Wildcard):
            return wildcard_matcher(wanted.pattern)
        if isinstance(wanted, Regex):
            return regex_matcher(wanted.pattern)
        if isinstance(wanted, Fuzzy):
            return fuzzy_matcher(wanted.text, wanted.distance)
        return near_matcher(wanted.text, wanted.slop)

    # Numbers

    def _number(self, get: Callable[[Any], Any]) -> Test:
        wanted = self.wanted
        if isinstance(wanted, Range):
            inside = _between(
                self._number_bound(wanted.low),
                self._number_bound(wanted.high),
                wanted.include_low,
                wanted.include_high,
            )
            return lambda owner: (value := get(owner)) is not None and inside(value)
        if not isinstance(wanted, Sequence):
            self._fail(
                f"{self.column.name} holds numbers; ask for a number or a range of numbers.", self._start
            )
        numbers = frozenset(self._number_of(term.text, term.start) for term in wanted)
        return lambda owner: get(owner) in numbers

    def _number_bound(self, bound: Bound | None) -> float | None:
        return None if bound is None else self._number_of(bound.text, bound.start)

    def _number_of(self, text: str, position: int) -> float:
        value = number(text)
        if value is None:
            self._fail(f"{self.column.name} holds numbers, which {text!r} is not.", position)
        return value

    # Metadata

    def _metadata(self) -> Test:
        if isinstance(self.wanted, Exists):
            test: Test = _has_leaf
        elif not self.column.path:
            self._fail(
                "Metadata has no value of its own; name a key, such as meta.city.",
                self._start,
            )
        else:
            test = _any_item(self._metadata_leaf(self.wanted))
        for key in reversed(self.column.path):
            test = _step(key, test)
        get = self.column.get
        return lambda owner: test(get(owner))

    def _metadata_leaf(self, wanted: Pattern | Sequence[Term]) -> Test:
        if isinstance(wanted, Sequence):
            return _metadata_terms([term.text for term in wanted])
        if isinstance(wanted, Range):
            return self._metadata_range(wanted)
        test = self._string_test(wanted)
        return lambda value: isinstance(value, str) and test(value)

    def _metadata_range(self, wanted: Range) -> Test:
        """Returns the test of a range whose ends say what it ranges over: numbers, times or text."""
        ends = [end for end in (wanted.low, wanted.high) if end is not None]
        numbers = [number(end.text) for end in ends]
        times = [self._time(end) for end in ends]
        if None not in numbers:
            low, high = (None if end is None else number(end.text) for end in (wanted.low, wanted.high))
            inside = _between(low, high, wanted.include_low, wanted.include_high)
            return lambda value: type(value) in (int, float) and inside(value)
        if None not in times:
            return self._time_range(wanted)
        for end, as_number, as_time in zip(ends, numbers, times, strict=True):
            if as_number is not None or as_time is not None:
                self._fail("Both ends of a range are of one kind: numbers, dates or text.", end.start)
        test = self._string_test(wanted)
        return lambda value: isinstance(value, str) and test(value)

    def _time(self, bound: Bound) -> Interval | None:
        if bound.text == "now" and not bound.quoted:
            return self.now
        covered = interval(bound.text)
        if covered is None and LOOKS_LIKE_DATE.fullmatch(bound.text):
            self._fail(f"{bound.text} is not in the calendar or not on the clock.", bound.start)
        return covered

    def _time_range(self, wanted: Range) -> Test:
        low, high = (None if end is None else self._time(end) for end in (wanted.low, wanted.high))
        begin = None if low is None else low[0] if wanted.include_low else low[1]
        end = None if high is None else high[1] if wanted.include_high else high[0]

        def test(value: Any) -> bool:
            if not isinstance(value, str) or (when := instant(value)) is None:
                return False
            return (begin is None or begin <= when) and (end is None or when < end)

        return test


def _between(low: Any, high: Any, include_low: bool, include_high: bool) -> Callable[[Any], bool]:
    above = operator.ge if include_low else operator.gt
    below = operator.le if include_high else operator.lt
    if low is None:
        return lambda value: bool(below(value, high))
    if high is None:
        return lambda value: bool(above(value, low))
    return lambda value: bool(above(value, low) and below(value, high))


def _is_given(get: Callable[[Any], Any]) -> Test:
    return lambda owner: get(owner) is not None


def _is_not_empty(get: Callable[[Any], Any]) -> Test:
    return lambda owner: bool(get(owner))


def _text_in(get: Callable[[Any], Any], wanted: frozenset[str]) -> Test:
    # The empty string is how the model writes "not given", which nothing matches.
    given = wanted - {""}
    return lambda owner: get(owner) in given


def _text(get: Callable[[Any], Any], test: Callable[[str], bool]) -> Test:
    return lambda owner: bool(value := get(owner)) and test(value)


def _any_text_in(get: Callable[[Any], Any], wanted: frozenset[str]) -> Test:
    disjoint = wanted.isdisjoint
    return lambda owner: not disjoint(get(owner))


def _any_text(get: Callable[[Any], Any], test: Callable[[str], bool]) -> Test:
    def any_text(owner: Any) -> bool:
        for value in get(owner):  # noqa: SIM110 - a generator costs more than the loop
            if test(value):
                return True
        return False

    return any_text


def _metadata_terms(wanted: Sequence[str]) -> Test:
    texts = frozenset(wanted)
    numbers = frozenset(value for text in wanted if (value := number(text)) is not None)
    times = [covered for text in wanted if (covered := interval(text)) is not None]

    def test(value: Any) -> bool:
        if isinstance(value, str):
            if value in texts:
                return True
            if times and (when := instant(value)) is not None:
                return any(begin <= when < end for begin, end in times)
            return False
        if isinstance(value, bool):
            return ("true" if value else "false") in texts
        if value is None:
            return "null" in texts
        return isinstance(value, int | float) and value in numbers

    return test


def _any_item(test: Test) -> Test:
    """Returns a test that a list passes by any item, however deep, and another value by itself."""

    def any_item(value: Any) -> bool:
        if isinstance(value, list | tuple):
            return any(map(any_item, value))
        return test(value)

    return any_item


def _has_leaf(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_leaf, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_leaf, value))
    return value is not None


def _step(key: str, rest: Test) -> Test:
    """Returns a test of what is under ``key`` in a map, at that place of a list, or in any map of a list."""
    index = int(key) if key.isascii() and key.isdigit() and len(key) < 10 else None

    def step(value: Any) -> bool:
        if isinstance(value, dict):
            found = value.get(key, _MISSING)
            return found is not _MISSING and rest(found)
        if isinstance(value, list | tuple):
            if index is not None:
                return index < len(value) and rest(value[index])
            return any(map(step, value))
        return False

    return step
