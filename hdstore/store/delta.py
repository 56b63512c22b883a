"""Storing an object as its difference from another one, where both begin and end alike.

Versions of a leaf or of a tree differ in one place as a rule: what stands before and after it is copied. That is found
without comparing everything with everything, as git does, so it is cheap enough for the background.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Delta", "DeltaFinder", "encode_delta"]

_KEY = 64
"""How many bytes two objects must share at their beginning or end to be compared."""

_SMALLEST = 3 * _KEY
_DEEPEST = 24
"""Reading the last of a chain means reading all before it."""

_COPY_LIMIT = 0xFFFFFF
_INSERT_LIMIT = 0x7F


class Delta(NamedTuple):
    """How to make an object from the one with the id ``base``."""

    base: str
    data: bytes


def _common_prefix(a: bytes, b: bytes) -> int:
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) >> 1
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_suffix(a: bytes, b: bytes, most: int) -> int:
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) >> 1
        if a[len(a) - middle : len(a) - low] == b[len(b) - middle : len(b) - low]:
            low = middle
        else:
            high = middle - 1
    return low


def _size(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _copy(offset: int, length: int) -> bytes:
    out = bytearray()
    while length:
        part = min(length, _COPY_LIMIT)
        code, fields = 0x80, bytearray()
        for bit, byte in enumerate((*offset.to_bytes(4, "little"), *part.to_bytes(3, "little"))):
            if byte:
                code |= 1 << bit
                fields.append(byte)
        out.append(code)
        out += fields
        offset += part
        length -= part
    return bytes(out)


def encode_delta(base: bytes, target: bytes) -> bytes:
    """Returns git's instructions that make ``target``: what both begin with, what is new, what both end with."""
    prefix = _common_prefix(base, target)
    suffix = _common_suffix(base, target, min(len(base), len(target)) - prefix)
    parts = [_size(len(base)), _size(len(target)), _copy(0, prefix)]
    for start in range(prefix, len(target) - suffix, _INSERT_LIMIT):
        insert = target[start : min(start + _INSERT_LIMIT, len(target) - suffix)]
        parts += [bytes((len(insert),)), insert]
    parts.append(_copy(len(base) - suffix, suffix))
    return b"".join(parts)


class DeltaFinder:
    """Remembers the objects of one pack by how they begin and end, and makes later ones from them."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read = read
        self._known: dict[tuple[str, bool, bytes], tuple[str, int]] = {}

    def find(self, oid: str, kind: str, data: bytes) -> Delta | None:
        """Returns the object as a difference where that takes less than half of it; remembers it in any case."""
        if len(data) < _SMALLEST:
            return None
        keys = ((kind, False, data[:_KEY]), (kind, True, data[-_KEY:]))
        delta, depth = self._best(keys, data)
        for key in keys:
            self._known[key] = (oid, depth)
        return delta

    def _best(self, keys: tuple[tuple[str, bool, bytes], ...], data: bytes) -> tuple[Delta | None, int]:
        for key in keys:
            base, depth = self._known.get(key, ("", _DEEPEST))
            if depth < _DEEPEST:
                found = Delta(base, encode_delta(self._read(base), data))
                if len(found.data) * 2 < len(data):
                    return found, depth + 1
        return None, 0
