"""The generator of every random order: SplitMix64, written out here and in ``docs/iteration.md``, equal everywhere.

A *stream* is named by integers, the seed first. Numbers and orders of a stream depend on nothing but these: not on the
machine, the version of Python or numpy, nor on where frames are stored.
"""

from __future__ import annotations

from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Numbers", "permutation", "permutations", "stream"]

Numbers: TypeAlias = NDArray[np.int64]
"""Positions, places in an order, or how many."""

_Words: TypeAlias = NDArray[np.uint64]
_W = TypeVar("_W", np.uint64, NDArray[np.uint64])

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_SHIFTS = np.array([30, 27, 31], np.uint64)
_FACTORS = np.array([0xBF58476D1CE4E5B9, 0x94D049BB133111EB], np.uint64)


def stream(seed: int, *parts: int) -> int:
    """Returns the 64-bit state of the stream that these integers name; each counts modulo 2**64, in this order."""
    state = 0
    for part in (seed, *parts):
        state = _mix(((state ^ part) + _GOLDEN) & _MASK)
    return state


def _mix(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def _mixed(values: _Words) -> _Words:
    values = (values ^ (values >> _SHIFTS[0])) * _FACTORS[0]
    values = (values ^ (values >> _SHIFTS[1])) * _FACTORS[1]
    mixed: _Words = values ^ (values >> _SHIFTS[2])
    return mixed


def _steps(count: int) -> _Words:
    """Returns what SplitMix64 adds to its state for the first ``count`` numbers."""
    return np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN)


def permutation(state: int, count: int) -> Numbers:
    """Returns 0 up to ``count`` in the order of the stream's first numbers, which are all distinct."""
    return np.argsort(_mixed(_steps(count) + np.uint64(state)))


def permutations(prefix: int, first: int, last: int, count: int) -> Numbers:
    """Returns the permutations of the streams (``prefix``, first) up to (``prefix``, last), shape (streams, count).

    ``prefix`` is the state of a stream; what is returned in row ``i`` is ``permutation`` of the stream that has one
    integer more, ``first + i``.
    """
    parts = np.arange(first, last, dtype=np.uint64)
    states = _mixed((parts ^ np.uint64(prefix)) + np.uint64(_GOLDEN))
    return np.argsort(_mixed(states[:, None] + _steps(count)), axis=1)
