"""What stands at each path of a conflict: the type of its values, and whether a side may lack it.

A path leads from a frame, or from the version, to what both sides changed; values there are plain, as MessagePack has
them. ``docs/format.md`` lists the paths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from hdstore.errors import InvalidValueError
from hdstore.model import Annotation, Frame, Label, Mask, MaskLabel, Source, check_metadata

__all__ = ["SourceMedium", "mask_value_name", "may_lack", "plain_value", "typed_value"]

_encoder = msgspec.msgpack.Encoder(order="deterministic")
_plain_decoder = msgspec.msgpack.Decoder()

_MAX_STEPS = 72
"""How long a path may be: metadata nests 64 deep, and not more than four steps lead to it."""


class SourceMedium(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The fields of a source that say which bytes it is; they merge as one."""

    content_type: str = ""
    hash: str = ""
    height: int | None = None
    size: int | None = None
    uri: str = ""
    width: int | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """The type of what stands at a path, and for what is named by the path how its value names itself."""

    kind: Any
    named: bool = True
    name: Callable[[Any], str] | None = None


def mask_value_name(value: tuple[int, ...]) -> str:
    """Returns how a path names a pixel value of a mask: its numbers with commas between them."""
    return ",".join(map(str, value))


def _fields(kind: type[msgspec.Struct], *names: str) -> dict[str, _Place]:
    types = {field.name: field.type for field in msgspec.structs.fields(kind)}
    return {name: _Place(types[name], named=False) for name in names}


_KEY = _Place(Any)
_FRAME = _Place(Frame, name=lambda frame: str(frame.id))
_MEMBER = {
    "annotations": _Place(Annotation, name=lambda annotation: str(annotation.id)),
    "sources": _Place(Source, name=lambda source: str(source.id)),
    "vectors": _Place(tuple[float, ...]),
}
_MASK = _Place(Mask, name=lambda mask: str(mask.id))
_LABEL = _Place(Label, name=lambda label: str(label.name))
_ATTRIBUTE = _Place(tuple[str, ...])
_MASK_LABELS = _Place(tuple[MaskLabel, ...])
_MASK_LABEL = _Place(MaskLabel, name=lambda label: mask_value_name(label.value))

_OF_FRAME = {
    "blob": _Place(str, named=False),
    "context_id": _Place(str, named=False),
    "timestamp": _Place(int | float | None, named=False),
}
_OF_MEMBER = {
    "annotations": _fields(Annotation, "confidence", "geometry", "labels", "object_id", "sources"),
    "sources": _fields(Source, "preview", "timestamp") | {"medium": _Place(SourceMedium, named=False)},
    "vectors": {},
}
_OF_LABEL = _fields(Label, "color", "description", "key", "skeleton")


def _place(path: tuple[str, ...]) -> _Place | None:
    """Returns what stands at a path of a frame; None when no path of a frame looks so."""
    match path:
        case ():
            return _FRAME
        case [("metadata" | "extra"), _, *_]:
            return _KEY
        case [("annotations" | "sources"), _, "metadata", _, *_]:
            return _KEY
        case ["sources", _, "masks", _]:
            return _MASK
        case [field]:
            return _OF_FRAME.get(field)
        case [group, _]:
            return _MEMBER.get(group)
        case [group, _, field]:
            return _OF_MEMBER.get(group, {}).get(field)
    return None


def _place_of_version(path: tuple[str, ...]) -> _Place | None:
    """Returns what stands at a path of the version itself; None when none of its paths looks so."""
    match path:
        case ["version", "metadata", _, *_]:
            return _KEY
        case ["schema", "labels", _]:
            return _LABEL
        case ["schema", "labels", _, "foreign", _, *_]:
            return _KEY
        case ["schema", "labels", _, "attributes", _]:
            return _ATTRIBUTE
        case ["schema", "labels", _, field]:
            return _OF_LABEL.get(field)
        case ["schema", "mask_labels", _]:
            return _MASK_LABELS
        case ["schema", "mask_labels", _, _]:
            return _MASK_LABEL
    return None


def _known(frame_id: str, path: tuple[str, ...]) -> _Place:
    place = _place(path) if frame_id else _place_of_version(path)
    if place is None or len(path) > _MAX_STEPS:
        what = f"frame {frame_id!r}" if frame_id else "the version"
        raise InvalidValueError(f"No conflict of {what} can stand at {'/'.join(path[:_MAX_STEPS])!r}.")
    return place


def may_lack(frame_id: str, path: tuple[str, ...]) -> bool:
    """Says whether one side may lack what a path names (an annotation, a key), or always has it (a field)."""
    return _known(frame_id, path).named


def plain_value(value: Any) -> Any:
    """Returns a value, or a part of one, as MessagePack has it: maps, lists, strings, numbers and null."""
    try:
        return _plain_decoder.decode(_encoder.encode(value))
    except (msgspec.MsgspecError, TypeError, OverflowError, UnicodeError, RecursionError) as error:
        raise InvalidValueError(f"A value of a conflict can not be stored: {error}.") from error


def typed_value(frame_id: str, path: tuple[str, ...], plain: Any) -> Any:
    """Returns the value of the model that a conflict at this path holds as ``plain``.

    Raises InvalidValueError where it is not of the path's type, or names itself otherwise than the path does.
    """
    place = _known(frame_id, path)
    where = "/".join(path) or f"frame {frame_id!r}"
    if place.kind is Any:
        check_metadata({"": plain}, f"the conflict at {where}")
        return plain
    try:
        typed = msgspec.convert(plain, place.kind)
    except (msgspec.ValidationError, UnicodeError, RecursionError) as error:
        raise InvalidValueError(f"A value of the conflict at {where} is of another kind: {error}.") from error
    if place.name is not None and place.name(typed) != (path[-1] if path else frame_id):
        raise InvalidValueError(f"A value of the conflict at {where} names itself {place.name(typed)!r}.")
    return typed
