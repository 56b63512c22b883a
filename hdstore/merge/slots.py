"""The rule of a three-way merge for one thing, and the note of what it can not decide.

Whatever a frame or version is made of goes through ``Notes.choose``: what one side changed wins over what the other
left alone, equal changes are one, and what both changed differently becomes a conflict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, Final, NamedTuple

from hdstore.codec import conflict_id, plain_value, same_value, stored_values
from hdstore.model import Conflict, ConflictSide
from hdstore.model.rules import MAX_DEPTH

__all__ = ["ABSENT", "Absent", "Notes", "Path", "Three", "fields_of", "same", "sort_conflicts"]

Path = tuple[str, ...]


class Absent(Enum):
    """What a side holds that does not hold a thing."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent.ABSENT

_EXACT = (str, type(None), bool)
"""Types whose values are the same to the bit when they are equal and of one type."""


class Three(NamedTuple):
    """One thing as the common ancestor and the two sides have it, each a value or ABSENT."""

    base: Any
    first: Any
    second: Any


def fields_of(three: Three, name: str) -> Three:
    """Returns one field of a thing that both sides have; its base is ABSENT where the thing has none."""
    base, first, second = three
    return Three(
        ABSENT if base is ABSENT else getattr(base, name), getattr(first, name), getattr(second, name)
    )


def same(a: Any, b: Any) -> bool:
    """Says whether two values, or the lack of them, are the same to the bit, as they are stored."""
    if a is b:
        return True
    if a is ABSENT or b is ABSENT:
        return False
    # Equal is not enough (1 and 1.0), but what differs is soon told.
    return bool(a == b) and ((type(a) is type(b) and type(a) in _EXACT) or same_value(a, b))


def sort_conflicts(conflicts: Iterable[Conflict]) -> tuple[Conflict, ...]:
    """Returns conflicts of one frame in the order they are stored: by path, then by id."""
    return tuple(sorted(conflicts, key=lambda conflict: (conflict.path, conflict_id(conflict))))


class Notes:
    """Decides thing by thing for one frame (or the version, ``frame_id`` empty) and keeps the conflicts by path."""

    def __init__(self, commits: tuple[str, str], frame_id: str = "") -> None:
        self._commits = commits
        self._frame_id = frame_id
        self.conflicts: dict[Path, Conflict] = {}

    def add(self, path: Path, three: Three) -> None:
        """Notes that both sides changed what stands at ``path``."""
        first, second = self._commits
        self.conflicts[path] = Conflict(
            frame_id=self._frame_id,
            path=path,
            base=_side("", three.base),
            sides=(_side(first, three.first), _side(second, three.second)),
        )

    def add_whole(self, path: Path, three: Three) -> None:
        """Notes a conflict of something as a whole, in place of what was noted of its parts."""
        for known in [known for known in self.conflicts if known[: len(path)] == path]:
            del self.conflicts[known]
        self.add(path, three)

    def choose(self, path: Path, three: Three) -> Any:
        """Returns what a merge makes of one thing that has no parts, or ABSENT."""
        base, first, second = three
        if same(first, second) or same(base, first):
            return second
        if same(base, second):
            return first
        self.add(path, three)
        return first if second is ABSENT else second

    def choose_map(self, path: Path, three: Three) -> dict[str, Any]:
        """Returns what a merge makes of a map of metadata that both sides have, key by key and map by map.

        Lists and what is not a map on some side are taken as one. The base is a map or ABSENT.
        """
        base, first, second = three
        if same(first, second) or same(base, first):
            return dict(second)
        if same(base, second):
            return dict(first)
        known: Mapping[str, Any] = {} if base is ABSENT else base
        merged: dict[str, Any] = {}
        for key in (*second, *(key for key in first if key not in second)):
            values = Three(*(side.get(key, ABSENT) for side in (known, first, second)))
            maps = [value for value in values if isinstance(value, dict)]
            whole = len(maps) == 3 or (len(maps) == 2 and values.base is ABSENT)
            # Deeper than metadata may nest is nobody's but a stranger's value: it is taken as one.
            if whole and len(path) < MAX_DEPTH:
                merged[key] = self.choose_map((*path, key), values)
            elif (value := self.choose((*path, key), values)) is not ABSENT:
                merged[key] = value
        return merged

    def choose_members(
        self, path: Path, three: Three, combine: Callable[[Notes, Path, Three], Any]
    ) -> dict[str, Any]:
        """Returns what a merge makes of values by name; ``combine`` merges one that both sides have and changed.

        The base is a map by name, an empty one where there is no ancestor. Names stand in no order of meaning.
        """
        base, first, second = three
        if not first and not second:
            return {}
        one = dict(zip(first, stored_values(first.values()), strict=True))
        two = dict(zip(second, stored_values(second.values()), strict=True))
        differ = {name for name in one.keys() | two.keys() if one.get(name) != two.get(name)}
        known = [name for name in base if name in differ]
        old = dict(zip(known, stored_values(base[name] for name in known), strict=True))
        merged: dict[str, Any] = {}
        for name in (*second, *(name for name in first if name not in second)):
            if name not in differ or one.get(name) == old.get(name):
                if name in second:
                    merged[name] = second[name]
            elif two.get(name) == old.get(name):
                if name in first:
                    merged[name] = first[name]
            elif name in first and name in second:
                values = Three(base.get(name, ABSENT), first[name], second[name])
                merged[name] = combine(self, (*path, name), values)
            else:
                self.add((*path, name), Three(base[name], first.get(name, ABSENT), second.get(name, ABSENT)))
                merged[name] = second[name] if name in second else first[name]
        return merged

    def listed(self) -> tuple[Conflict, ...]:
        """Returns the conflicts in the order they are stored."""
        return tuple(self.conflicts[path] for path in sorted(self.conflicts))


def _side(commit: str, value: Any) -> ConflictSide:
    if value is ABSENT:
        return ConflictSide(commit=commit, present=False)
    return ConflictSide(commit=commit, value=plain_value(value))
