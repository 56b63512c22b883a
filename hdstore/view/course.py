"""Courses: which unit of a view comes at which position.

A *unit* is what one position gives: a frame, a frame with one of its annotations, or a clip. Units are numbered from 0
in sequential order. What stands at a position is worked out from the position alone, so that any part of a course can
be had without what comes before it. ``docs/iteration.md`` is the specification.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from hdstore.model import DEFAULT_SEED, Iteration, Order
from hdstore.view.generator import Numbers, permutation, permutations, stream
from hdstore.view.shares import Shares

__all__ = ["BLOCK", "Course"]

BLOCK = 4096
"""Draws by weights are given out block by block; at the end of each, every query has exactly its share."""

_PASSES, _DRAWS, _CYCLES = 0, 1, 2
"""What a stream is for: the second of the integers that name it."""

_AT_ONCE = 1 << 16
"""Units of short cycles that are put into order together."""


class _Plan(Protocol):
    """An endless course."""

    epoch: int
    """After how many positions it begins anew."""

    def units(self, begin: int, end: int) -> Numbers:
        """Returns the units at positions ``begin`` up to ``end``."""


class Course:
    """The course of an iteration over units whose queries are ``queries`` (shape (units,)), with these weights."""

    def __init__(self, iteration: Iteration, queries: Numbers, weights: Sequence[float]) -> None:
        counts = np.bincount(queries, minlength=len(weights))
        drawn = np.flatnonzero(counts).tolist()
        seed = DEFAULT_SEED if iteration.seed is None else iteration.seed
        shuffled = seed if iteration.order is Order.RANDOM else None
        again = iteration.epoch or iteration.infinite
        once = iteration.limit if shuffled is not None and not again else None
        chosen = once is not None and once < len(queries)
        self._plan: _Plan
        if len(drawn) > 1 and (again or chosen):
            by_query = np.argsort(queries, kind="stable")
            self._plan = _Weighted(
                [_Cycles(shuffled, int(counts[query]), _CYCLES, query) for query in drawn],
                np.split(by_query, np.cumsum(counts[drawn])[:-1]),
                [weights[query] for query in drawn],
                seed,
                once=once,
            )
        else:
            self._plan = _Cycles(shuffled, len(queries), _PASSES)
        self.epoch = self._plan.epoch
        """How many positions make one epoch: in so many each unit would come at least once."""
        self.is_sequential = shuffled is None and isinstance(self._plan, _Cycles)
        """Whether position ``p`` is unit ``p``, but for epochs that follow each other."""
        length = None if iteration.infinite and self.epoch else self.epoch
        if iteration.limit is not None:
            length = iteration.limit if length is None else min(length, iteration.limit)
        self.length = length
        """How many positions there are; None for a course without an end."""

    def units(self, begin: int, count: int, step: int = 1) -> Numbers:
        """Returns the units at positions ``begin``, ``begin + step`` and so on, ``count`` of them at the most."""
        end = begin + count * step
        if self.length is not None:
            end = min(end, self.length)
        if end <= begin:
            return np.zeros(0, np.int64)
        if step == 1:
            return self._plan.units(begin, end)
        stride = step * max(1, _AT_ONCE // step)
        return np.concatenate(
            [self._plan.units(at, min(at + stride, end))[::step] for at in range(begin, end, stride)]
        )


class _Cycles:
    """All units of one kind again and again, each cycle in the order of its own stream, or in sequential order."""

    def __init__(self, seed: int | None, count: int, *parts: int) -> None:
        self.epoch = count
        self._prefix = None if seed is None else stream(seed, *parts)
        self._last: tuple[int, Numbers] | None = None

    def units(self, begin: int, end: int) -> Numbers:
        """Returns what comes at places ``begin`` up to ``end``, all cycles counted through."""
        count = self.epoch
        if self._prefix is None:
            return np.arange(begin, end, dtype=np.int64) % count
        parts = [np.zeros(0, np.int64)]
        while begin < end:
            cycle, place = divmod(begin, count)
            if 2 * count > _AT_ONCE:
                stop = min(end, begin - place + count)
                parts.append(self._cycle(cycle)[place : place + stop - begin])
            else:
                several = _AT_ONCE // count
                stop = min(end, begin - place + several * count)
                last = -(-stop // count)
                shuffled = permutations(self._prefix, cycle, last, count).reshape(-1)
                parts.append(shuffled[place : place + stop - begin])
            begin = stop
        return np.concatenate(parts)

    def _cycle(self, cycle: int) -> Numbers:
        last = self._last  # another thread may put its own there
        if last is None or last[0] != cycle:
            assert self._prefix is not None
            last = self._last = cycle, permutations(self._prefix, cycle, cycle + 1, self.epoch)[0]
        return last[1]


class _Weighted:
    """Units of several queries, drawn by their weights: again and again, or ``once`` so many of them."""

    def __init__(
        self,
        cycles: list[_Cycles],
        members: list[Numbers],
        weights: Sequence[float],
        seed: int,
        *,
        once: int | None,
    ) -> None:
        self._cycles = cycles
        self._members = members
        self._seed = seed
        counts = [cycle.epoch for cycle in cycles]
        self._shares = Shares(weights, None if once is None else counts)
        self.epoch = self._shares.needed(counts) if once is None else sum(counts)
        self._whole = self._shares.of(self.epoch)
        self._end = self.epoch if once is None else once

    def units(self, begin: int, end: int) -> Numbers:
        """Returns the units at positions ``begin`` up to ``end``."""
        parts = []
        while begin < end:
            epoch, place = divmod(begin, self.epoch)
            block = place // BLOCK
            first = epoch * self.epoch + block * BLOCK
            found = self._block(epoch, block)
            stop = min(end, first + len(found))
            parts.append(found[begin - first : stop - first])
            begin = stop
        return np.concatenate(parts)

    def _block(self, epoch: int, block: int) -> Numbers:
        """Returns the units of one block: those of each query in its own order, mixed by the block's stream."""
        begin, end = block * BLOCK, min((block + 1) * BLOCK, self._end)
        before, after = self._shares.of(begin), self._shares.of(end)
        given = np.subtract(after, before)
        drawn = np.repeat(np.arange(len(given)), given)
        drawn = drawn[permutation(stream(self._seed, _DRAWS, epoch, block), end - begin)]
        chosen = [
            members[cycles.units(epoch * whole + first, epoch * whole + last)]
            for cycles, members, whole, first, last in zip(
                self._cycles, self._members, self._whole, before, after, strict=True
            )
        ]
        units = np.empty(end - begin, np.int64)
        units[np.argsort(drawn, kind="stable")] = np.concatenate(chosen)
        return units
