"""Shares: how many of the first so many draws belong to each query, by the weights alone and without rounding.

Draws are given out one by one as seats in a parliament are (d'Hondt, Jefferson): the next one goes to the query with
the smallest (draws it has + 1) / weight, the first such query on a tie. So a query with a share ``s`` of the weights
has at least ``floor(s * n)`` of the first ``n`` draws, and no draw is ever taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from heapq import heapify, heapreplace

__all__ = ["Shares"]


class Shares:
    """The shares of queries with these weights, which are finite and above 0."""

    def __init__(self, weights: Sequence[float]) -> None:
        exact = [Fraction(weight) for weight in weights]
        scale = max(weight.denominator for weight in exact)  # all are powers of two
        self._weights = [int(weight * scale) for weight in exact]
        self._total = sum(self._weights)

    def of(self, draws: int) -> list[int]:
        """Returns how many of the first ``draws`` draws each query has."""
        given = [draws * weight // self._total for weight in self._weights]
        left = draws - sum(given)
        if left:
            waiting = [
                (Fraction(had + 1, weight), query)
                for query, (had, weight) in enumerate(zip(given, self._weights, strict=True))
            ]
            heapify(waiting)
            for _ in range(left):
                query = waiting[0][1]
                given[query] += 1
                heapreplace(waiting, (Fraction(given[query] + 1, self._weights[query]), query))
        return given

    def needed(self, counts: Sequence[int]) -> int:
        """Returns after how many draws each query had at least so many: max(count / share), rounded up."""
        return max(
            -(-count * self._total // weight) for count, weight in zip(counts, self._weights, strict=True)
        )
