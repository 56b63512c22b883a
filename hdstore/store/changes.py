"""Changes that are to be made to a trie: for each key new bytes, or none, split bit by bit as the trie is."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Protocol

__all__ = ["ChangeSource", "MemoryChanges"]


class ChangeSource(Protocol):
    """What is to change in one group of keys: for each key new bytes, or None to remove the frame."""

    def __len__(self) -> int:
        """Returns the number of changes."""

    def split(self, depth: int) -> tuple[ChangeSource, ChangeSource]:
        """Returns the changes whose key has 0, and those whose key has 1, at bit ``depth``."""

    def load(self) -> MemoryChanges | None:
        """Returns the changes in memory, sorted by key, or None while the group is too large to hold."""


class MemoryChanges:
    """Changes held in memory: keys in ascending order, each with new bytes or None."""

    __slots__ = ("_hi", "_keys", "_lo", "_values")

    def __init__(
        self, keys: list[bytes], values: list[bytes | None], lo: int = 0, hi: int | None = None
    ) -> None:
        self._keys = keys
        self._values = values
        self._lo = lo
        self._hi = len(keys) if hi is None else hi

    @classmethod
    def of(cls, changes: dict[bytes, bytes | None]) -> MemoryChanges:
        """Returns the changes of a map from key to bytes or None."""
        keys = sorted(changes)
        return cls(keys, [changes[key] for key in keys])

    def __len__(self) -> int:
        return self._hi - self._lo

    def split(self, depth: int) -> tuple[MemoryChanges, MemoryChanges]:
        """Returns the two halves at bit ``depth``; all keys share the bits before it."""
        middle = _middle(self._keys, self._lo, self._hi, depth)
        return (
            MemoryChanges(self._keys, self._values, self._lo, middle),
            MemoryChanges(self._keys, self._values, middle, self._hi),
        )

    def load(self) -> MemoryChanges:
        """Returns these changes: they are in memory."""
        return self

    def items(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Returns the changes in the order of their keys."""
        for index in range(self._lo, self._hi):
            yield self._keys[index], self._values[index]


def _middle(keys: list[bytes], lo: int, hi: int, depth: int) -> int:
    """Returns where the keys with a 1 at bit ``depth`` begin."""
    if lo >= hi:
        return lo
    byte, bit = divmod(depth, 8)
    first = keys[lo]
    boundary = first[:byte] + bytes(((first[byte] >> (8 - bit) << (8 - bit)) | (0x80 >> bit),))
    return bisect_left(keys, boundary, lo, hi)
