"""Shares: how many of the first so many draws belong to each query, by the weights alone and without rounding.

Draws are given out one by one as seats in a parliament are (d'Hondt, Jefferson): the next one goes to the query with
the smallest (draws it has + 1) / weight, the first such query on a tie. So a query with a share ``s`` of the weights
has at least ``floor(s * n)`` of the first ``n`` draws, and no draw is ever taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from heapq import heapify, heappop, heapreplace

__all__ = ["Shares"]


class Shares:
    """The shares of queries with these weights, which are finite and above 0.

    ``most`` says how many draws each query can have; those with as many go out, and the others share what follows.
    """

    def __init__(self, weights: Sequence[float], most: Sequence[int] | None = None) -> None:
        exact = [Fraction(weight) for weight in weights]
        scale = max(weight.denominator for weight in exact)  # all are powers of two
        self._weights = [int(weight * scale) for weight in exact]
        self._most = most

    def of(self, draws: int) -> list[int]:
        """Returns how many of the first ``draws`` draws each query has; there are so many."""
        given = self._whole(draws)
        left = draws - sum(given)
        if left:
            waiting = [
                (Fraction(had + 1, weight), query)
                for query, (had, weight) in enumerate(zip(given, self._weights, strict=True))
                if not self._is_out(query, had)
            ]
            heapify(waiting)
            for _ in range(left):
                query = waiting[0][1]
                given[query] += 1
                if self._is_out(query, given[query]):
                    heappop(waiting)
                else:
                    heapreplace(waiting, (Fraction(given[query] + 1, self._weights[query]), query))
        return given

    def _is_out(self, query: int, had: int) -> bool:
        return self._most is not None and had >= self._most[query]

    def _whole(self, draws: int) -> list[int]:
        """Returns the shares rounded down; what a query can not have is shared by the others."""
        given = [0] * len(self._weights)
        sharing = [*range(len(given))]
        while sharing:
            total = sum(self._weights[query] for query in sharing)
            for query in sharing:
                given[query] = draws * self._weights[query] // total
            out = {query for query in sharing if self._is_out(query, given[query])}
            if self._most is None or not out:
                break
            for query in out:
                given[query] = self._most[query]
                draws -= given[query]
            sharing = [query for query in sharing if query not in out]
        return given

    def needed(self, counts: Sequence[int]) -> int:
        """Returns after how many draws each query had at least so many: max(count / share), rounded up."""
        total = sum(self._weights)
        return max(-(-count * total // weight) for count, weight in zip(counts, self._weights, strict=True))
