"""Projections: dotted paths that limit what a frame carries (``sources.*.uri``, ``metadata.city``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hdstore.errors import InvalidValueError
from hdstore.model import Annotation, Frame, FrameGroup, Mask, Preview, SingleFrame, Source

__all__ = ["Projection"]

_EMPTY: dict[type, Any] = {
    SingleFrame: SingleFrame(id=""),
    FrameGroup: FrameGroup(id=""),
    Annotation: Annotation(),
    Source: Source(),
    Mask: Mask(uri=""),
    Preview: Preview(uri=""),
}
"""Values of which parts are taken, with nothing in them; all others (geometries) come whole or not at all."""

_NEEDED: dict[type, tuple[str, ...]] = {
    Mask: ("uri",),
    Preview: ("uri",),
    SingleFrame: ("id",),
    FrameGroup: ("id",),
}
"""Fields a value can not be without; they always stay."""

_ABSENT = object()


class _Node:
    """What is wanted of one value: the parts that ``paths`` lead to; all of it where one of them ends here."""

    def __init__(self, paths: list[tuple[str, ...]]) -> None:
        self.whole = any(not path for path in paths)
        self._paths = paths
        self._parts: dict[str, _Node | None] = {}

    def part(self, key: str, *, element: bool = False) -> _Node | None:
        """Returns what is wanted of the part ``key``; in an ``element`` of a list, names are looked up as well."""
        if key not in self._parts:
            below = [path[1:] for path in self._paths if path[0] in (key, "*")]
            if element:
                below += [path for path in self._paths if path[0] != "*" and not path[0].isdecimal()]
            self._parts[key] = _Node(below) if below else None
        return self._parts[key]


class Projection:
    """Takes the parts of frames that ``paths`` name; the frame's id always stays.

    A part of a path is the name of a field, ``*`` for all fields or elements, or the index of an element from 0. A name
    applied to a list is looked up in all of its elements.

    Raises:
        InvalidValueError: a path begins with something that is no field of a frame.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        taken = [tuple(path.split(".")) for path in paths]
        known = ("*", *_fields(SingleFrame))
        for path in taken:
            if path[0] not in known or not all(path):
                raise InvalidValueError(
                    f"The projection names {'.'.join(path)!r}; a path is names with dots between and begins with one of"
                    f" {', '.join(known)}."
                )
        self._root = _Node(taken)

    def annotations(self, count: int) -> list[int]:
        """Returns which of so many annotations stay."""
        node = self._root.part("annotations")
        if node is None:
            return []
        return [
            place for place in range(count) if node.whole or node.part(str(place), element=True) is not None
        ]

    def apply(self, frame: Frame) -> Frame:
        """Returns the frame with what is named alone."""
        found: Frame = _pick(frame, self._root)
        return found


def _fields(kind: type) -> tuple[str, ...]:
    return kind.__struct_fields__  # type: ignore[attr-defined, no-any-return]


def _pick(value: Any, node: _Node) -> Any:
    if node.whole:
        return value
    kind = type(value)
    if kind in _EMPTY:
        fields = {name: getattr(value, name) for name in _NEEDED.get(kind, ())}
        for name in _fields(kind):
            inner = node.part(name)
            if inner is not None:
                picked = _pick(getattr(value, name), inner)
                if picked is not _ABSENT:
                    fields[name] = picked
        return kind(**fields)
    if kind is dict:
        parts = {key: _below(item, node.part(key)) for key, item in value.items()}
        return {key: part for key, part in parts.items() if part is not _ABSENT}
    if kind in (list, tuple):
        listed = (_below(item, node.part(str(place), element=True)) for place, item in enumerate(value))
        return kind(part for part in listed if part is not _ABSENT)
    # Nothing lies below a string or a number; a geometry comes whole.
    return value if hasattr(value, "__struct_fields__") else _ABSENT


def _below(value: Any, node: _Node | None) -> Any:
    return _ABSENT if node is None else _pick(value, node)
