"""Columns of a segment: what one field holds for every frame, annotation or source of it, as arrays.

Rows of a segment are numbered from 0: frames by leaf, the annotations and sources of a frame next to each other. An
owner is the row that a value belongs to. Columns are views of the segment's file and are never written to.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "EXACT_INTEGER",
    "NO_INSTANT",
    "TOLERANCE",
    "Bools",
    "Cells",
    "Floats",
    "Kind",
    "NumberColumn",
    "Rows",
    "TextColumn",
    "Texts",
    "TextsColumn",
    "Vectors",
]

Bools: TypeAlias = NDArray[np.bool_]
Floats: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.int32]
"""Row numbers, or codes."""

EXACT_INTEGER = 2.0**53
"""From here on a float64 may stand for several integers."""

TOLERANCE = 1e-9
"""How far, as a share of itself, a number of a column that is not exact may lie from the true one."""

NO_INSTANT = np.iinfo(np.int64).min
"""In place of a time: the string is no date."""


class Kind(IntEnum):
    """What a cell of metadata holds."""

    NOTHING = 0
    TEXT = 1
    NUMBER = 2
    TRUE = 3
    FALSE = 4
    NULL = 5


class Texts:
    """Distinct strings in the order of their code points; the code of a string is its position.

    ``instants`` holds for each string the first microsecond of the date or time it is, counted from the year 1 in
    UTC, or ``NO_INSTANT``; it is None where no string is a date.
    """

    def __init__(
        self, starts: NDArray[np.int64], data: NDArray[np.uint8], instants: NDArray[np.int64] | None
    ) -> None:
        self._starts = starts
        self._data = data.data
        self.instants = instants

    def __len__(self) -> int:
        return len(self._starts) - 1

    @property
    def layout(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Where each string begins (and the last one ends) in the bytes of all, and these: for work on many at once."""
        return self._starts, np.asarray(self._data)

    def raw(self, code: int) -> bytes:
        """Returns a string in UTF-8, whose byte order is that of code points."""
        return bytes(self._data[self._starts[code] : self._starts[code + 1]])

    def __getitem__(self, code: int) -> str:
        return str(self._data[self._starts[code] : self._starts[code + 1]], "utf-8")

    def __iter__(self) -> Iterator[str]:
        ends = self._starts.tolist()
        data = self._data
        for code in range(len(ends) - 1):
            yield str(data[ends[code] : ends[code + 1]], "utf-8")

    def take(self, codes: Rows) -> list[str]:
        """Returns the strings of many codes at once, in their order."""
        bounds = zip(self._starts[codes].tolist(), self._starts[codes + 1].tolist(), strict=True)
        if len(codes) * 16 < len(self):
            data = self._data
            return [str(data[begin:end], "utf-8") for begin, end in bounds]
        whole = bytes(self._data)  # what is cut from bytes comes sooner than from a view of the file
        return [whole[begin:end].decode() for begin, end in bounds]

    @cached_property
    def strings(self) -> list[str]:
        """All strings; kept once they were asked for."""
        return [*self]

    def code(self, text: str) -> int:
        """Returns the code of a string, or -1."""
        place = self.below(text)
        return place if place < len(self) and self[place] == text else -1

    def below(self, text: str, *, equal: bool = False) -> int:
        """Returns how many strings come before ``text``; with ``equal``, counting itself."""
        bisect = bisect_right if equal else bisect_left
        return bisect(_Bytes(self), _raw(text))

    def prefixed(self, prefix: str) -> range:
        """Returns the codes of the strings that begin with ``prefix``."""
        raw = _raw(prefix)
        stop = bisect_left(_Bytes(self), raw + b"\xff") if raw else len(self)
        return range(self.below(prefix), stop)

    def containing(self, piece: str) -> list[int]:
        """Returns the codes of the strings that hold ``piece``, in order; all where it is empty."""
        if not piece:
            return [*range(len(self))]
        raw = _raw(piece)
        # Overlapping finds do not matter: one is enough for each string. Those across two strings are dropped.
        begins = np.fromiter((m.start() for m in re.finditer(re.escape(raw), self._data)), np.int64)
        codes = np.searchsorted(self._starts, begins, side="right") - 1
        inside = begins + len(raw) <= self._starts[codes + 1]
        found = np.unique(codes[inside])
        # A find across borders hides one that begins in the last string it reaches; those few are looked at again.
        ends = begins[~inside] + len(raw) - 1
        reached = np.unique(np.searchsorted(self._starts, ends, side="right") - 1)
        hidden = [code for code in reached.tolist() if raw in self.raw(code)]
        found = np.append(found, np.array(hidden, found.dtype))
        codes_found: list[int] = np.unique(found).tolist()
        return codes_found


def _raw(text: str) -> bytes:
    """Returns UTF-8; halves of surrogate pairs, which no stored string has, keep their place in the order."""
    return text.encode("utf-8", "surrogatepass")


class _Bytes:
    """A sequence of the strings' bytes, for bisecting."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, code: int) -> bytes:
        return self._texts.raw(code)


@dataclass(frozen=True, slots=True, eq=False)
class TextColumn:
    """One string for each owner: its code in ``texts``, or -1 where none is given."""

    codes: Rows
    texts: Texts


@dataclass(frozen=True, slots=True, eq=False)
class TextsColumn:
    """Several strings for each owner.

    Those of owner ``i`` are ``codes[starts[i]:starts[i + 1]]``, in the frame's order. The owners that carry the string
    ``c`` are ``owners[posts[c]:posts[c + 1]]``, ascending, each once.
    """

    starts: Rows
    codes: Rows
    texts: Texts
    posts: Rows
    owners: Rows

    def carrying(self, code: int) -> Rows:
        """Returns the owners that carry a string, ascending; none for the code -1."""
        return self.owners[self.posts[code] : self.posts[code + 1]] if code >= 0 else self.owners[:0]


@dataclass(frozen=True, slots=True, eq=False)
class NumberColumn:
    """One number for each owner, NaN where none is given.

    A value of ``EXACT_INTEGER`` and more (either sign) stands for an integer near it. Where ``exact`` is False, every
    value may be off by ``TOLERANCE`` of itself, or by ``TOLERANCE`` where that is more.
    """

    values: Floats
    exact: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """What stands at one path of a metadata map: scalars, one or (in lists) several for an owner.

    ``owners`` names the owner of each cell, ascending; None means that cell ``i`` is owner ``i``'s, with the kind
    NOTHING where it has none. ``numbers`` and ``codes`` are None where no cell is a number or a string; numbers are as
    in ``NumberColumn``.
    """

    kinds: NDArray[np.uint8]
    owners: Rows | None
    numbers: Floats | None
    codes: Rows | None
    texts: Texts | None


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Vectors of one name and length: row ``i`` of ``matrix`` (float32) is frame ``owners[i]``'s."""

    owners: Rows
    matrix: NDArray[Any]
