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
