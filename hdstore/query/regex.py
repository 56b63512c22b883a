"""Regular expressions of a query: they cover the whole value, in time proportional to its length.

A saved query may come from a stranger, and Python's ``re`` needs exponential time for some patterns. So the
language here is truly regular, is parsed by hand, and only patterns that ``re`` can not be trapped with are
given to it; all others run on an automaton whose states are made as they are met.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn, TypeAlias

from hdstore.errors import QuerySyntaxError

__all__ = ["MAX_LENGTH", "MAX_REPEAT", "MAX_SIZE", "literals", "parse_regex", "regex_matcher"]

MAX_LENGTH = 1000
"""How long a regular expression may be."""

MAX_REPEAT = 1000
"""The largest number in braces."""

MAX_SIZE = 1000
"""How many characters a regular expression may stand for when its counted repeats are written out."""

_MAX_DEPTH = 32
_MAX_CODE = 0x10FFFF
_MEMORY = 1024

_Ranges: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of these ranges of code points, which are sorted and apart."""

    ranges: _Ranges


@dataclass(frozen=True, slots=True)
class Seq:
    """One part after the other."""

    items: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Alt:
    """Any one of the parts."""

    items: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part from ``low`` to ``high`` times; None is without end."""

    item: Tree
    low: int
    high: int | None


Tree: TypeAlias = Chars | Seq | Alt | Repeat


def _union(ranges: list[tuple[int, int]]) -> _Ranges:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def _complement(ranges: _Ranges) -> _Ranges:
    gaps = []
    begin = 0
    for low, high in ranges:
        if low > begin:
            gaps.append((begin, low - 1))
        begin = high + 1
    if begin <= _MAX_CODE:
        gaps.append((begin, _MAX_CODE))
    return tuple(gaps)


_DIGITS = _union([(48, 57)])
_WORD = _union([(48, 57), (65, 90), (95, 95), (97, 122)])
_SPACES = _union([(9, 10), (12, 13), (32, 32)])
_ANY = ((0, _MAX_CODE),)
_CLASSES = {
    "d": _DIGITS,
    "D": _complement(_DIGITS),
    "w": _WORD,
    "W": _complement(_WORD),
    "s": _SPACES,
    "S": _complement(_SPACES),
}
_COUNTED = re.compile(r"\{([0-9]{1,6})(,([0-9]{1,6})?)?\}")


class _Parser:
    """Reads one regular expression that stands in a query text from ``pos`` to ``end``."""

    def __init__(self, text: str, pos: int, end: int) -> None:
        self.text = text
        self.pos = pos
        self.end = end
        self.depth = 0

    def fail(self, message: str, position: int | None = None) -> NoReturn:
        where = self.pos if position is None else position
        raise QuerySyntaxError(message, text=self.text, position=where)

    def peek(self) -> str:
        return self.text[self.pos] if self.pos < self.end else ""

    def alternatives(self) -> Tree:
        items = [self.sequence()]
        while self.peek() == "|":
            self.pos += 1
            items.append(self.sequence())
        return items[0] if len(items) == 1 else Alt(tuple(items))

    def sequence(self) -> Tree:
        items: list[Tree] = []
        while (char := self.peek()) and char not in "|)":
            items.append(self.repeated())
        return items[0] if len(items) == 1 else Seq(tuple(items))

    def repeated(self) -> Tree:
        item = self.atom()
        char = self.peek()
        if not char or char not in "*+?{":
            return item
        if char == "{":
            low, high = self.counts()
        else:
            self.pos += 1
            low, high = {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        if self.peek() and self.peek() in "*+?{":
            self.fail("One repeat can not follow another directly; put the inner one in parentheses.")
        return Repeat(item, low, high)

    def counts(self) -> tuple[int, int | None]:
        found = _COUNTED.match(self.text, self.pos, self.end)
        if found is None:
            self.fail(r"Expected a count such as {2}, {2,} or {2,5}; write \{ for a brace itself.")
        low = int(found[1])
        high = low if found[2] is None else None if found[3] is None else int(found[3])
        if max(low, high or 0) > MAX_REPEAT:
            self.fail(f"A part can be repeated at most {MAX_REPEAT} times.")
        if high is not None and high < low:
            self.fail("The counts stand in the wrong order: the smaller comes first.")
        self.pos = found.end()
        return low, high

    def atom(self) -> Tree:
        char = self.peek()
        if char == "(":
            return self.group()
        if char == "[":
            return self.bracket()
        if char == "\\":
            return Chars(self.escaped())
        if char == ".":
            self.pos += 1
            return Chars(_ANY)
        if char in "^$":
            self.fail(
                rf"A regular expression covers the whole value anyway: leave out {char} or write \{char}."
            )
        if char in "*+?{":
            self.fail(rf"There is nothing before {char} to repeat; write \{char} for the character itself.")
        if char in "]}":
            self.fail(rf"This {char} closes nothing; write \{char} for the character itself.")
        self.pos += 1
        return Chars(((ord(char), ord(char)),))

    def group(self) -> Tree:
        opened = self.pos
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            self.fail(f"A regular expression nests at most {_MAX_DEPTH} deep.")
        self.pos += 1
        if self.peek() == "?":
            self.fail(r"Groups have no options such as (?:...) or (?=...); plain parentheses group.")
        tree = self.alternatives()
        if self.peek() != ")":
            self.fail("This ( is never closed.", opened)
        self.pos += 1
        self.depth -= 1
        return tree

    def escaped(self) -> _Ranges:
        char = self.text[self.pos + 1]
        if char in _CLASSES:
            ranges = _CLASSES[char]
        elif char.isalnum():
            self.fail(
                rf"\{char} has no meaning here; \d \w \s \D \W \S are known, other letters need no backslash."
            )
        else:
            ranges = ((ord(char), ord(char)),)
        self.pos += 2
        return ranges

    def bracket(self) -> Tree:
        opened = self.pos
        self.pos += 1
        negated = self.peek() == "^"
        self.pos += negated
        ranges: list[tuple[int, int]] = []
        while (char := self.peek()) != "]":
            if not char:
                self.fail("This [ is never closed.", opened)
            begin = self.pos
            item = self.bracket_item()
            if self.peek() == "-" and self.text[self.pos + 1 : self.pos + 2] != "]":
                self.pos += 1
                last = self.bracket_item() if self.pos < self.end else ()
                if len(item) != 1 or len(last) != 1 or item[0][0] != item[0][1] or last[0][0] != last[0][1]:
                    self.fail("A range of characters stands between two single characters.", begin)
                if last[0][0] < item[0][0]:
                    self.fail("This range of characters runs backwards.", begin)
                item = ((item[0][0], last[0][0]),)
            ranges += item
        self.pos += 1
        if not ranges:
            self.fail(r"Expected characters between [ and ]; write \] for the bracket itself.", opened)
        united = _union(ranges)
        return Chars(_complement(united) if negated else united)

    def bracket_item(self) -> _Ranges:
        char = self.peek()
        if char == "\\":
            return self.escaped()
        if char == "[":
            self.fail(r"Write \[ for the bracket itself.")
        self.pos += 1
        return ((ord(char), ord(char)),)


def _size(tree: Tree) -> int:
    """Returns how many states an automaton for ``tree`` needs at most, cut off above the limit."""
    if isinstance(tree, Chars):
        return 1
    if isinstance(tree, Repeat):
        times = tree.low + 1 if tree.high is None else max(tree.high, 1)
        return min(_size(tree.item) * times, MAX_SIZE + 1)
    return min(sum(map(_size, tree.items)) + 1, MAX_SIZE + 1)


def parse_regex(text: str, start: int, end: int) -> Tree:
    """Returns the tree of the regular expression ``text[start:end]``; errors give their place in ``text``."""
    if end - start > MAX_LENGTH:
        raise QuerySyntaxError(
            f"A regular expression has at most {MAX_LENGTH} characters, this one has {end - start}.",
            text=text,
            position=start,
        )
    parser = _Parser(text, start, end)
    tree = parser.alternatives()
    if parser.pos < end:
        parser.fail(r"This ) closes nothing; write \) for the character itself.")
    if _size(tree) > MAX_SIZE:
        parser.fail(f"The repeats of this regular expression make more than {MAX_SIZE} characters.", start)
    return tree


def literals(pattern: str) -> list[str]:
    """Returns what each text that a regular expression covers holds, in this order: first what it begins with."""
    runs = [""]
    open_items = [parse_regex(pattern, 0, len(pattern))]
    while open_items:
        item = open_items.pop()
        if isinstance(item, Seq):
            open_items += reversed(item.items)
        elif isinstance(item, Chars) and len(item.ranges) == 1 and item.ranges[0][0] == item.ranges[0][1]:
            runs[-1] += chr(item.ranges[0][0])
        else:
            runs.append("")
    return runs


_SAFE_CHOICES = 64


def _choices(tree: Tree) -> tuple[int, int]:
    """Returns how often ``re`` may start over: unbounded repeats that multiply, and other choices that do."""
    if isinstance(tree, Chars):
        return 0, 1
    if isinstance(tree, Repeat):
        loops, ways = _choices(tree.item)
        if tree.high is None:
            return (1, 1) if isinstance(tree.item, Chars) else (2, 1)
        return loops * tree.high, _capped(min(ways, 65) ** min(tree.high, 7) * (tree.high - tree.low + 1))
    parts = [_choices(item) for item in tree.items]
    if isinstance(tree, Alt):
        return max(loops for loops, _ in parts), _capped(sum(ways for _, ways in parts))
    total = 1
    for _, ways in parts:
        total = _capped(total * ways)
    return sum(loops for loops, _ in parts), total


def _capped(ways: int) -> int:
    return min(ways, _SAFE_CHOICES + 1)


def _source(tree: Tree) -> str:
    """Returns the tree as a pattern for ``re`` with DOTALL."""
    if isinstance(tree, Chars):
        if tree.ranges == _ANY:
            return "."
        if len(tree.ranges) == 1 and tree.ranges[0][0] == tree.ranges[0][1]:
            return re.escape(chr(tree.ranges[0][0]))
        if not tree.ranges:
            return "(?!)"
        return "[" + "".join(rf"\U{low:08x}-\U{high:08x}" for low, high in tree.ranges) + "]"
    if isinstance(tree, Repeat):
        item = _source(tree.item) if isinstance(tree.item, Chars) else f"(?:{_source(tree.item)})"
        return f"{item}{{{tree.low},{'' if tree.high is None else tree.high}}}"
    if isinstance(tree, Alt):
        return "(?:" + "|".join(map(_source, tree.items)) + ")"
    return "".join(map(_source, tree.items))


class _State:
    """A set of places in the pattern that the text read so far may have led to."""

    __slots__ = ("accepts", "next", "places")

    def __init__(self, places: frozenset[int], accepts: bool) -> None:
        self.places = places
        self.accepts = accepts
        self.next: dict[str, _State] = {}


class Automaton:
    """Matches a whole text in time proportional to its length; may be shared by threads."""

    def __init__(self, tree: Tree) -> None:
        self._edges: list[tuple[_Ranges, int] | None] = [None]
        self._jumps: list[list[int]] = [[]]
        self._begin = self._build(tree, 0)
        self._states: dict[frozenset[int], _State] = {}
        self._first = self._state([self._begin])

    def matches(self, text: str) -> bool:
        """Says whether the pattern covers ``text`` from its first to its last character."""
        state = self._first
        for char in text:
            following = state.next.get(char)
            if following is None:
                following = self._step(state, char)
            if not following.places:
                return False
            state = following
        return state.accepts

    def _new(self, edge: tuple[_Ranges, int] | None, jumps: list[int]) -> int:
        self._edges.append(edge)
        self._jumps.append(jumps)
        return len(self._edges) - 1

    def _build(self, tree: Tree, after: int) -> int:
        """Adds the places of ``tree`` so that it leads on to ``after``; returns where it begins."""
        if isinstance(tree, Chars):
            return self._new((tree.ranges, after), [])
        if isinstance(tree, Seq):
            for item in reversed(tree.items):
                after = self._build(item, after)
            return after
        if isinstance(tree, Alt):
            return self._new(None, [self._build(item, after) for item in tree.items])
        if tree.high is None:
            begin = self._new(None, [after])
            self._jumps[begin].append(self._build(tree.item, begin))
        else:
            begin = after
            for _ in range(tree.high - tree.low):
                begin = self._new(None, [self._build(tree.item, begin), after])
        for _ in range(tree.low):
            begin = self._build(tree.item, begin)
        return begin

    def _state(self, places: list[int]) -> _State:
        """Returns the state for these places and all that are reached from them without reading."""
        seen: set[int] = set()
        open_places = list(places)
        while open_places:
            place = open_places.pop()
            if place not in seen:
                seen.add(place)
                open_places += self._jumps[place]
        key = frozenset(place for place in seen if place == 0 or self._edges[place] is not None)
        state = self._states.get(key)
        if state is None:
            if len(self._states) >= _MEMORY:
                # A fresh first state too: through the old one all forgotten states would stay alive.
                self._states = {}
                self._first = self._state([self._begin])
            state = self._states.setdefault(key, _State(key, 0 in key))
        return state

    def _step(self, state: _State, char: str) -> _State:
        code = ord(char)
        places = []
        for place in state.places:
            edge = self._edges[place]
            if edge is not None and any(low <= code <= high for low, high in edge[0]):
                places.append(edge[1])
        following = self._state(places)
        if len(state.next) < _MEMORY:
            state.next[char] = following
        return following


def regex_matcher(pattern: str) -> Callable[[str], bool]:
    """Returns a function that says whether the regular expression covers a whole text."""
    tree = parse_regex(pattern, 0, len(pattern))
    loops, ways = _choices(tree)
    if loops <= 1 and ways <= _SAFE_CHOICES:
        compiled = re.compile(_source(tree), re.DOTALL).fullmatch
        return lambda text: compiled(text) is not None
    return lru_cache(maxsize=_MEMORY)(Automaton(tree).matches)
