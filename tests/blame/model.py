"""Blame as its page defines it, by reading every commit: slow and plain, the measure for the fast one."""

from __future__ import annotations

from functools import cache
from typing import Any

from hdstore.codec import encode_frame, same_value
from hdstore.model import Annotation, Frame, FrameGroup
from hdstore.store import Objects, decode_commit
from hdstore.version import VersionState

Name = str | None
Path = tuple[str, ...]


class Model:
    """All values of one frame in the commits that led to ``tip``."""

    def __init__(self, objects: Objects, tip: str, frame_id: str) -> None:
        self.tip = tip
        self.parents: dict[str, tuple[str, ...]] = {}
        self.values: dict[str, Frame | None] = {}
        self.times: dict[str, int] = {}
        waiting = [tip]
        while waiting:
            oid = waiting.pop()
            if oid not in self.parents:
                data = decode_commit(objects.read(oid, "commit"))
                self.parents[oid] = tuple(dict.fromkeys(data.parents))
                self.times[oid] = data.time
                self.values[oid] = VersionState(objects, oid).find(frame_id)
                waiting += data.parents
        self.level = cache(self._level)
        self.time = cache(self._time)

    def _level(self, oid: str) -> int:
        return 1 + max(map(self.level, self.parents[oid]), default=-1)

    def _time(self, oid: str) -> int:
        children = [child for child, parents in self.parents.items() if oid in parents]
        return min([self.times[oid], *map(self.time, children)])

    def order(self, oid: str) -> tuple[int, int, str]:
        return -self.time(oid), -self.level(oid), oid

    def events(self, annotation_id: Name = None) -> list[str]:
        """Returns the commits whose value no parent has, merges only with something no parent has; the latest first."""
        found = []
        for oid, parents in self.parents.items():
            mine = held(self.values[oid], annotation_id)
            befores = [held(self.values[parent], annotation_id) for parent in parents] or [None]
            if not any(same(mine, before) for before in befores) and (
                len(parents) < 2 or self.is_own(oid, annotation_id)
            ):
                found.append(oid)
        return sorted(found, key=self.order)

    def is_own(self, oid: str, annotation_id: Name) -> bool:
        """Says whether a merge holds a field, or the presence or absence of a thing, as no parent does."""
        mine, sides = self.values[oid], [self.values[parent] for parent in self.parents[oid]]
        if mine is None:
            return all(side is not None for side in sides)
        sides = [side for side in sides if side is not None]
        ids = {one.id for frame in (mine, *sides) for one in frame.annotations}
        for name in [annotation_id] if annotation_id is not None else [None, *ids]:
            now, there = held(mine, name), [one for side in sides if (one := held(side, name)) is not None]
            if now is None or not there:
                if now is not None or len(there) == len(sides):
                    return True
                continue
            for path in fields(now).keys() | {path for one in there for path in fields(one)}:
                value = fields(now).get(path, "none")
                if not any(same_value(fields(one).get(path, "none"), value) for one in there):
                    return True
        return False

    def added(self, oid: str, name: Name) -> str:
        """Returns who added an annotation or the frame."""
        return self.follow(oid, name, lambda value: held(value, name) is not None, self.added)

    def field(self, oid: str, name: Name, path: Path) -> str:
        """Returns who gave a field its value."""
        mine = fields(held(self.values[oid], name))[path]

        def equal(value: Frame | None) -> bool:
            found = fields(held(value, name))
            return path in found and same_value(found[path], mine)

        return self.follow(oid, name, equal, lambda parent, name: self.field(parent, name, path))

    def follow(self, oid: str, name: Name, equal: Any, again: Any) -> str:
        """Goes on with the parent that has the same frame, else the same annotation, else what is asked for."""
        mine = self.values[oid]
        for alike in (
            lambda value: same(value, mine),
            lambda value: same(held(value, name), held(mine, name)),
            equal,
        ):
            for parent in self.parents[oid]:
                if self.values[parent] is not None and alike(self.values[parent]):
                    return str(again(parent, name))
        return oid

    def last(self, oid: str, name: Name) -> str:
        """Returns who changed an annotation or the frame last."""
        mine = self.values[oid]
        whole = held(mine, name)
        parents = [parent for parent in self.parents[oid] if self.values[parent] is not None]
        for alike in (lambda value: same(value, mine), lambda value: same(held(value, name), whole)):
            for parent in parents:
                if alike(self.values[parent]):
                    return self.last(parent, name)
        if len(parents) < 2:
            return oid
        sides = [(p, flat(self.values[p], name)) for p in parents if held(self.values[p], name) is not None]
        needed = set()
        for path in set(flat(mine, name)).union(*(side for _, side in sides)):
            value = flat(mine, name).get(path, "none")
            holders = [p for p, side in sides if same_value(side.get(path, "none"), value)]
            if not holders:
                return oid
            if len(holders) < len(sides):
                needed.add(holders[0])
        return min((self.last(p, name) for p in needed or {sides[0][0]}), key=self.order)


def held(frame: Frame | None, name: Name) -> Any:
    return frame if name is None or frame is None else frame.annotation(name)


def same(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    if isinstance(a, Annotation):
        return same_value(a, b)
    return encode_frame(a) == encode_frame(b)


def fields(value: Any) -> dict[Path, Any]:
    """Returns the fields of a frame or an annotation by path."""
    if value is None:
        return {}
    if isinstance(value, Annotation):
        found = {
            (n,): getattr(value, n) for n in ("geometry", "labels", "confidence", "object_id", "sources")
        }
        return found | {("metadata", key): held for key, held in value.metadata.items()}
    found = {("kind",): "group" if isinstance(value, FrameGroup) else "single"}
    found |= {(n,): getattr(value, n) for n in ("context_id", "timestamp", "blob")}
    found |= {("sources", source.id): source for source in value.sources}
    for name in ("vectors", "metadata", "extra"):
        found |= {(name, key): held for key, held in getattr(value, name).items()}
    return found


def flat(frame: Any, name: Name) -> dict[Any, Any]:
    """Returns the fields of an annotation; of a frame those of its annotations too."""
    names = [name] if name is not None else [None, *(a.id for a in frame.annotations)]
    return {(one, path): value for one in names for path, value in fields(held(frame, one)).items()}
