"""What single values are: numbers, wildcards, slips of the pen and nearness, each as a plain function.

The rules that join them stand in ``docs/query.md``; every back end follows that table.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

__all__ = [
    "MAX_FUZZY_LENGTH",
    "fuzzy_matcher",
    "near_matcher",
    "number",
    "wildcard_matcher",
    "words",
]

MAX_FUZZY_LENGTH = 256
"""How long a term with a tilde may be."""

_NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_MAX_NUMBER = 400
_INTEGER = re.compile(r"-?[0-9]{1,40}")
_WORDS = re.compile(r"\w+")
_MEMORY = 1024


def number(text: str) -> int | float | None:
    """Returns the finite number that ``text`` is the decimal form of, or None; integers stay exact."""
    if len(text) > _MAX_NUMBER or _NUMBER.fullmatch(text) is None:
        return None
    if _INTEGER.fullmatch(text):
        return int(text)
    value = float(text)
    return value if abs(value) != float("inf") else None


def wildcard_matcher(pattern: str) -> Callable[[str], bool]:
    """Returns a function that says whether a pattern of ``*`` and ``?`` covers a whole text.

    Each run of text between two stars is looked for once, from the left, and never again, so no pattern can
    make it slow.
    """
    runs: list[list[str | None]] = [[]]
    for piece in re.findall(r"\\.|.", pattern, re.DOTALL):
        if piece == "*":
            runs.append([])
        else:
            runs[-1].append(None if piece == "?" else piece[-1])
    plain = ["".join(char for char in run if char is not None) for run in runs]
    if all(None not in run for run in runs) and len(runs) <= 3:
        first, last = plain[0], plain[-1]
        if len(runs) == 2:
            least = len(first) + len(last)
            return lambda text: text.startswith(first) and text.endswith(last) and len(text) >= least
        if len(runs) == 3 and not first and not last:
            middle = plain[1]
            return lambda text: middle in text
    sources = ["".join("." if char is None else re.escape(char) for char in run) for run in runs]
    if len(sources) == 1:
        source = sources[0]
    else:
        between = "".join(f"(?>.*?{run})" for run in sources[1:-1])
        source = f"{sources[0]}{between}.*{sources[-1]}"
    compiled = re.compile(source, re.DOTALL).fullmatch
    return lambda text: compiled(text) is not None


def fuzzy_matcher(wanted: str, distance: int) -> Callable[[str], bool]:
    """Returns a function that says whether a text is at most ``distance`` slips away from ``wanted``.

    A slip is a character added, left out or replaced, or two neighbours swapped (Damerau-Levenshtein).
    """

    @lru_cache(maxsize=_MEMORY)
    def matches(text: str) -> bool:
        return abs(len(text) - len(wanted)) <= distance and _slips(wanted, text) <= distance

    return matches


def _slips(left: str, right: str) -> int:
    far = len(left) + len(right)
    # Row and column 0 stand for "before the text": a swap looks one further back than the other slips.
    table = [[far] * (len(right) + 2) for _ in range(len(left) + 2)]
    for i in range(len(left) + 1):
        table[i + 1][1] = i
    for j in range(len(right) + 1):
        table[1][j + 1] = j
    last_row: dict[str, int] = {}
    for i, a in enumerate(left, 1):
        last_column = 0
        for j, b in enumerate(right, 1):
            row = last_row.get(b, 0)
            column = last_column
            if a == b:
                last_column = j
            table[i + 1][j + 1] = min(
                table[i][j] + (a != b),
                table[i + 1][j] + 1,
                table[i][j + 1] + 1,
                table[row][column] + (i - row - 1) + 1 + (j - column - 1),
            )
        last_row[a] = i
    return table[-1][-1]


def words(text: str) -> list[str]:
    """Returns the runs of letters, digits and underscores in ``text``."""
    return _WORDS.findall(text)


def near_matcher(phrase: str, slop: int) -> Callable[[str], bool]:
    """Returns a function that says whether the words of ``phrase`` stand in a text, in order, close together.

    At most ``slop`` other words may stand between the first and the last of them.
    """
    wanted = words(phrase)
    span = len(wanted) + slop

    @lru_cache(maxsize=_MEMORY)
    def matches(text: str) -> bool:
        found = words(text)
        for begin, word in enumerate(found):
            if word == wanted[0] and _in_order(wanted, found[begin : begin + span]):
                return True
        return False

    return matches


def _in_order(wanted: list[str], found: list[str]) -> bool:
    rest = iter(found)
    return all(word in rest for word in wanted)
