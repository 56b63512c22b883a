"""A condition on a column, as a function of the column's owner: the rules of ``docs/query.md`` in code."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, TypeAlias

from hdstore.model.moments import instant
from hdstore.query.conditions import Between, Condition, Ends, Fits, Given, OneOf
from hdstore.query.fields import Column, Kind

__all__ = ["Test", "index_of", "owner_test"]

Test: TypeAlias = Callable[[Any], bool]

_MISSING = object()

_INDEX_DIGITS = 10


def owner_test(column: Column, condition: Condition) -> Test:
    """Returns the test on an owner of the column."""
    get = column.get
    if column.kind is Kind.METADATA:
        return _metadata(get, column.path, condition)
    if isinstance(condition, Given):
        return _is_given(get) if column.kind is Kind.NUMBER else _is_not_empty(get)
    if column.kind is Kind.NUMBER:
        return _number(get, condition)
    if isinstance(condition, OneOf):
        texts = condition.texts
        return _any_text_in(get, texts) if column.kind is Kind.TEXTS else _text_in(get, texts)
    test = _string_test(condition)
    return _any_text(get, test) if column.kind is Kind.TEXTS else _text(get, test)


def index_of(key: str) -> int | None:
    """Returns the place in a list that a part of a path may mean, or None."""
    return int(key) if key.isascii() and key.isdigit() and len(key) < _INDEX_DIGITS else None


# Fixed fields


def _string_test(condition: Between | Fits) -> Callable[[str], bool]:
    return condition.test if isinstance(condition, Fits) else _between(condition)


def _between(wanted: Between) -> Callable[[Any], bool]:
    low, high = wanted.low, wanted.high
    above = operator.ge if wanted.include_low else operator.gt
    below = operator.le if wanted.include_high else operator.lt
    if low is None:
        return lambda value: bool(below(value, high))
    if high is None:
        return lambda value: bool(above(value, low))
    return lambda value: bool(above(value, low) and below(value, high))


def _number(get: Callable[[Any], Any], condition: Condition) -> Test:
    if isinstance(condition, OneOf):
        numbers = condition.numbers
        return lambda owner: get(owner) in numbers
    assert isinstance(condition, Between), "numbers fit no patterns"
    inside = _between(condition)
    return lambda owner: (value := get(owner)) is not None and inside(value)


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


# Metadata


def _metadata(get: Callable[[Any], Any], path: tuple[str, ...], condition: Condition) -> Test:
    test: Test = _has_leaf if isinstance(condition, Given) else _any_item(_scalar(condition))
    for key in reversed(path):
        test = _step(key, test)
    return lambda owner: test(get(owner))


def _scalar(condition: OneOf | Between | Fits) -> Test:
    if isinstance(condition, OneOf):
        return _exact(condition)
    if isinstance(condition, Between):
        inside = _between(condition)
        if condition.ends is Ends.NUMBER:
            return lambda value: type(value) in (int, float) and inside(value)
        if condition.ends is Ends.TIME:
            return lambda value: (
                isinstance(value, str) and (when := instant(value)) is not None and inside(when)
            )
        return lambda value: isinstance(value, str) and inside(value)
    test = condition.test
    return lambda value: isinstance(value, str) and test(value)


def _exact(wanted: OneOf) -> Test:
    texts, numbers, times = wanted.texts, wanted.numbers, wanted.times

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
    index = index_of(key)

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
