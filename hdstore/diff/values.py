"""What differs between two plain values, by paths."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from hdstore.codec import same_value
from hdstore.model.rules import MAX_DEPTH

__all__ = ["ABSENT", "Path", "ValueChange", "dotted", "value_changes"]


class _Absent(enum.Enum):
    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = _Absent.ABSENT
"""Stands for a value that is not there, which is not the same as null."""

Path: TypeAlias = tuple[str, ...]
"""Where a value stands: names and keys from the outside in, such as ``("metadata", "city")``."""


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A plain value before and after; ``ABSENT`` on the side that has none."""

    path: Path
    before: Any
    after: Any

    @property
    def name(self) -> str:
        """The path as queries write it: ``meta.city``."""
        return dotted(self.path)


def dotted(path: Path) -> str:
    """Returns a path with dots, as queries write it: metadata is ``meta``, a dot or blank in a key is escaped."""
    place = {"version": 1, "sources": 2}.get(path[0], 0) if path else 0
    parts = [_escaped(part) for part in path]
    if path[place : place + 1] == ("metadata",):
        parts[place] = "meta"
    return ".".join(parts)


def _escaped(key: str) -> str:
    return "".join("\\" + letter if letter in ". \\" else letter for letter in key)


def value_changes(before: Any, after: Any, path: Path = ()) -> Iterator[ValueChange]:
    """Yields what differs, key by key where both are maps, else as a whole; to the bit, so 1 is not 1.0.

    What nests deeper than metadata may is compared as a whole too.
    """
    if isinstance(before, dict) and isinstance(after, dict) and len(path) < MAX_DEPTH:
        for key in sorted(before.keys() | after.keys()):
            yield from value_changes(before.get(key, ABSENT), after.get(key, ABSENT), (*path, key))
    elif before is ABSENT or after is ABSENT:
        if before is not after:
            yield ValueChange(path, before, after)
    elif not same_value(before, after):
        yield ValueChange(path, before, after)
