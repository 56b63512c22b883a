"""Which strings of a dictionary meet a condition: each distinct string is looked at once, or not at all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from hdstore.index import NO_INSTANT, Bools, Rows, Texts
from hdstore.query.ast import Fuzzy, Near, Regex, Wildcard
from hdstore.query.conditions import Between, Ends, Fits, OneOf, Pattern
from hdstore.query.regex import literals
from hdstore.query.values import words

__all__ = ["Strings"]

Codes: TypeAlias = range | NDArray[np.intp]
"""Codes of a dictionary, ascending."""

_UNKNOWN, _NO, _YES = 0, 1, 2

_FEW = 64
"""So many strings are rather looked at than searched for a piece of text."""

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """All strings of a dictionary that meet the condition; ``table`` marks them, and its last element is code -1's."""

    codes: Codes
    table: Bools | None


class Strings:
    """The strings that meet a condition, in any dictionary; remembers them as long as the dictionary lives."""

    def __init__(self, condition: OneOf | Between | Fits) -> None:
        self._condition = condition
        self._known: WeakKeyDictionary[Texts, _Known] = WeakKeyDictionary()
        self._verdicts: WeakKeyDictionary[Texts, NDArray[np.uint8]] = WeakKeyDictionary()

    def codes(self, texts: Texts) -> Codes:
        """Returns the codes of all strings of a dictionary that meet the condition."""
        return self._all(texts).codes

    def share(self, texts: Texts) -> float:
        """Returns about which share of a dictionary's strings meet the condition, without looking at them."""
        known = self._known.get(texts)
        if known is not None:
            return len(known.codes) / max(len(texts), 1)
        if isinstance(self._condition, OneOf) and not self._condition.times:
            return min(len(self._condition.texts) / max(len(texts), 1), 1.0)
        return 0.5

    def test(self, texts: Texts, codes: Rows) -> Bools:
        """Returns which of some codes stand for such a string; -1 does not."""
        if isinstance(self._condition, Fits) and len(codes) * 2 < len(texts) and texts not in self._known:
            return self._test_few(self._condition, texts, codes)
        known = self._all(texts)
        held: Bools
        if known.table is not None:
            held = known.table[codes]
        elif not len(known.codes):
            held = np.zeros(len(codes), np.bool_)
        else:
            # Python's numbers leave the codes int32 for the comparison.
            first, last = int(known.codes[0]), int(known.codes[-1])
            held = codes == first if first == last else (codes >= first) & (codes <= last)
        return held

    def _test_few(self, wanted: Fits, texts: Texts, codes: Rows) -> Bools:
        verdicts = self._verdicts.get(texts)
        if verdicts is None:
            verdicts = np.zeros(len(texts) + 1, np.uint8)
            verdicts[-1] = _NO
            self._verdicts[texts] = verdicts
        test = wanted.test
        for code in np.unique(codes[verdicts[codes] == _UNKNOWN]).tolist():
            verdicts[code] = _YES if test(texts[code]) else _NO
        held: Bools = verdicts[codes] == _YES
        return held

    def _all(self, texts: Texts) -> _Known:
        known = self._known.get(texts)
        if known is None:
            codes = self._find(texts)
            table = None
            if len(codes) > 1 and not isinstance(codes, range):
                table = np.zeros(len(texts) + 1, np.bool_)
                table[codes] = True
            known = self._known[texts] = _Known(codes, table)
        return known

    def _find(self, texts: Texts) -> Codes:
        condition = self._condition
        if isinstance(condition, OneOf):
            return _exact(texts, condition)
        if isinstance(condition, Fits):
            return _fitting(texts, condition)
        if condition.ends is Ends.TEXT:
            return _between(texts, condition)
        if condition.ends is Ends.TIME:
            return _within(texts, [(condition.low, condition.high)])
        return range(0)


def _storable(text: str) -> str:
    """Returns a text that lies between the same strings as ``text``: those of an index hold no lone surrogates."""
    found = _SURROGATE.search(text)
    return text if found is None else text[: found.start()] + "\ue000"


def _exact(texts: Texts, wanted: OneOf) -> Codes:
    asked = [text for text in wanted.texts if _SURROGATE.search(text) is None]
    if len(asked) * 16 > len(texts):
        # Going through all is cheaper than looking for each.
        codes = [code for code, text in enumerate(texts) if text in wanted.texts]
    else:
        codes = sorted(code for text in asked if (code := texts.code(text)) >= 0)
    found = np.array(codes, np.intp)
    return np.union1d(found, _within(texts, wanted.times)) if wanted.times else found


def _between(texts: Texts, wanted: Between) -> range:
    low, high = wanted.low, wanted.high
    start = 0 if low is None else texts.below(_storable(low), equal=not wanted.include_low)
    stop = len(texts) if high is None else texts.below(_storable(high), equal=wanted.include_high)
    return range(start, max(start, stop))


def _within(texts: Texts, times: Sequence[tuple[int | None, int | None]]) -> NDArray[np.intp]:
    """Returns the codes of dates that lie inside one of these stretches of time, the second end exclusive."""
    instants = texts.instants
    if instants is None:
        return np.empty(0, np.intp)
    found = np.zeros(len(instants), np.bool_)
    for begin, end in times:
        inside = instants != NO_INSTANT
        if begin is not None:
            inside &= instants >= begin
        if end is not None:
            inside &= instants < end
        found |= inside
    return np.flatnonzero(found)


def _fitting(texts: Texts, wanted: Fits) -> Codes:
    test = wanted.test
    prefix, *pieces = _literals(wanted.pattern)
    if _SURROGATE.search("".join((prefix, *pieces))):
        return range(0)
    codes: Codes = texts.prefixed(prefix)
    piece = max(pieces, key=len, default="")
    narrowed = bool(piece) and len(codes) > _FEW
    if narrowed:
        held = np.array(texts.containing(piece), np.intp)
        codes = held[(held >= codes[0]) & (held <= codes[-1])]
    if (prefix or narrowed) and _is_one_literal(wanted.pattern, prefix, pieces):
        return codes
    if len(codes) == len(texts):
        return np.array([code for code, text in enumerate(texts) if test(text)], np.intp)
    return np.array([code for code in codes if test(texts[code])], np.intp)


def _is_one_literal(pattern: Pattern, prefix: str, pieces: Sequence[str]) -> bool:
    """Says whether a pattern asks for one literal at the beginning or anywhere: ``car*``, ``*car*``."""
    if not isinstance(pattern, Wildcard) or "?" in re.sub(r"\\.", "", pattern.pattern, flags=re.DOTALL):
        return False
    return not pieces[-1] and sum(map(bool, (prefix, *pieces))) == 1


def _literals(pattern: Pattern) -> list[str]:
    """Returns what each fitting string begins with, and what else it holds."""
    if isinstance(pattern, Fuzzy):
        return [""]
    if isinstance(pattern, Near):
        return ["", *words(pattern.text)]
    if isinstance(pattern, Regex):
        return literals(pattern.pattern)
    runs: list[list[str]] = [[]]
    for token in re.findall(r"\\.|.", pattern.pattern, re.DOTALL):
        if token in "*?":
            runs.append([])
        else:
            runs[-1].append(token[-1])
    return ["".join(run) for run in runs]
