"""Answers of one segment: which of its rows surely meet what was asked, and which may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hdstore.index import Bools, Rows, Segment

__all__ = [
    "Answer",
    "Evaluator",
    "all_rows",
    "children",
    "is_sparse",
    "marked",
    "ones",
    "per_owner",
    "spans",
    "zeros",
]

_FEW = 16
"""Rows are listed rather than marked where at most one in so many is meant."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What is known of ``rows`` (None: all rows of the table); rows that are not among them do not hold.

    ``lower`` marks those that surely hold, ``upper`` those that may; they are one array where the columns decide.
    """

    rows: Rows | None
    lower: Bools
    upper: Bools

    @property
    def is_exact(self) -> bool:
        """Whether nothing is left to be asked of the frames themselves."""
        return self.lower is self.upper


class Evaluator(Protocol):
    """A plan over the columns of segments; may be shared by threads."""

    def weight(self, segment: Segment) -> float:
        """Returns about how many rows have to be looked at; operands of an And are asked in this order."""

    def answer(self, segment: Segment, rows: Rows | None) -> Answer:
        """Returns which of ``rows`` (ascending; None: all of the table) hold.

        The answer speaks of ``rows`` as they are, or of an ascending part of them: then all others do not hold.
        """


def zeros(count: int) -> Bools:
    """Returns an array that marks nothing."""
    return np.zeros(count, np.bool_)


def ones(count: int) -> Bools:
    """Returns an array that marks everything."""
    return np.ones(count, np.bool_)


def is_sparse(count: int, among: int) -> bool:
    """Says whether so few rows are better listed than marked."""
    return count * _FEW < among


def marked(rows: Rows, count: int) -> Bools:
    """Returns an array of ``count`` that marks these rows."""
    marks = np.zeros(count, np.bool_)
    marks[rows] = True
    return marks


def all_rows(answer: Answer, rows: Rows | None, count: int) -> Answer:
    """Returns an answer that speaks of all of ``rows`` (None: of all ``count`` rows of the table)."""
    held = answer.rows
    if held is rows or held is None:
        return answer
    places = held if rows is None else np.searchsorted(rows, held)
    size = count if rows is None else len(rows)
    lower = zeros(size)
    lower[places] = answer.lower
    if answer.is_exact:
        return Answer(rows, lower, lower)
    upper = zeros(size)
    upper[places] = answer.upper
    return Answer(rows, lower, upper)


def children(starts: Rows, owners: Rows) -> Rows:
    """Returns the parts of some owners, ascending; those of owner ``i`` begin at ``starts[i]``."""
    begins = starts[owners]
    return spans(begins, starts[owners + 1] - begins)


def spans(begins: NDArray[np.integer[Any]], counts: NDArray[np.integer[Any]]) -> Rows:
    """Returns the numbers of several runs, each by its first and how many there are."""
    ends = np.cumsum(counts, dtype=np.int32)
    total = ends[-1] if len(ends) else 0
    places = np.repeat(begins - ends + counts, counts) + np.arange(total, dtype=np.int32)
    return places.astype(np.int32, copy=False)


def per_owner(rows: Rows | None, marks: Bools, starts: Rows, owners: Rows) -> NDArray[np.intp]:
    """Returns how many parts of each owner are marked; ``marks`` speak of ``rows`` as in an answer."""
    count = len(starts) - 1
    if rows is not None:
        return np.bincount(owners[rows[marks]], minlength=count)
    if np.count_nonzero(marks) * 8 < len(marks):
        return np.bincount(owners[np.flatnonzero(marks)], minlength=count)
    running = np.zeros(len(marks) + 1, np.int32)
    np.cumsum(marks, out=running[1:])
    return np.diff(running[starts]).astype(np.intp, copy=False)
