"""The rules that types alone can not state; every value that enters a repository passes them.

Each ``check_...`` raises ``InvalidValueError`` with what was found and where, and returns nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from hdstore.errors import InvalidValueError
from hdstore.model.annotation import Annotation
from hdstore.model.frame import Frame, FrameGroup, SingleFrame, Source
from hdstore.model.schema import Label, Schema
from hdstore.model.shapes import Keypoints, Keypoints3D, MaskValue, Polygon, Polygon3D, Rle

__all__ = [
    "MAX_DEPTH",
    "MAX_ID_BYTES",
    "MAX_NAME",
    "check_frame",
    "check_frame_id",
    "check_given_frame",
    "check_metadata",
    "check_name",
    "check_schema",
]

MAX_DEPTH = 64
"""How deeply metadata may nest."""

MAX_ID_BYTES = 1024
"""How long a frame id may be in UTF-8: a path inside a root fits."""

MAX_NAME = 255
"""How long the name of a dataset or version may be, in characters."""

_INT64 = range(-(2**63), 2**64)
_SCALARS = frozenset({str, bool, type(None)})


def check_frame_id(frame_id: str) -> None:
    """Checks that a frame id is 1 to 1,024 bytes of UTF-8 without control characters."""
    _check_text(frame_id, "A frame id", MAX_ID_BYTES)


def check_name(name: str, what: str) -> None:
    """Checks the name of a ``what`` (dataset, version, label): 1 to 255 printable characters, no blank at an end."""
    _check_text(name, f"The name of a {what}", MAX_NAME * 4)
    if name != name.strip() or len(name) > MAX_NAME:
        raise InvalidValueError(
            f"The name of a {what} has 1 to {MAX_NAME} characters and no blank at either end, not {name!r}."
        )


def _check_text(text: str, what: str, limit: int) -> None:
    if not isinstance(text, str):
        raise InvalidValueError(f"{what} is a string, not {type(text).__name__}.")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidValueError(f"{what} is valid Unicode, which {text!r} is not.") from error
    if not 0 < size <= limit:
        raise InvalidValueError(f"{what} has 1 to {limit} bytes in UTF-8, not {size}.")
    if not text.isprintable() and any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise InvalidValueError(f"{what} holds no control characters, but {text!r} does.")


def check_metadata(metadata: Any, where: str) -> None:
    """Checks that a value is JSON-like, nests at most 64 deep and holds finite numbers of 64 bits."""
    if not isinstance(metadata, dict):
        raise InvalidValueError(f"The metadata of {where} is a map by name, not {type(metadata).__name__}.")
    _check_value(metadata, where, 0)


def _check_value(value: Any, where: str, depth: int) -> None:
    kind = type(value)
    if kind in _SCALARS:
        return
    if kind is int or isinstance(value, int):
        if value not in _INT64:
            raise InvalidValueError(
                f"An integer in {where} has {value.bit_length()} bits and does not fit in 64; store it as a string."
            )
        return
    if kind is float or isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidValueError(
                f"{where} holds {value}, which is not a finite number; leave it out or use null."
            )
        return
    if isinstance(value, str):
        return
    if depth >= MAX_DEPTH:
        raise InvalidValueError(f"Metadata of {where} nests more than {MAX_DEPTH} deep.")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise InvalidValueError(f"Keys of metadata are strings, but {where} holds the key {key!r}.")
            kind = type(item)
            if kind not in _SCALARS and not (kind is float and math.isfinite(item)):
                _check_value(item, where, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_value(item, where, depth + 1)
    else:
        raise InvalidValueError(
            f"{where} holds a {kind.__name__}, which metadata can not keep; use null, booleans, numbers,"
            " strings, lists and maps."
        )


def check_given_frame(frame: Frame) -> None:
    """Checks what encoding would silently turn into something else: values of other classes, and metadata.

    A date, a Decimal or a set among metadata would be read back as a string or a list.
    """
    if not isinstance(frame, SingleFrame | FrameGroup):
        raise InvalidValueError(f"A frame is a SingleFrame or a FrameGroup, not {type(frame).__name__}.")
    where = f"frame {frame.id!r}"
    _check_members(frame.sources, Source, where)
    _check_members(frame.annotations, Annotation, where)
    if frame.metadata:
        _check_value(frame.metadata, where, 0)
    if frame.extra:
        _check_value(frame.extra, where, 0)
    for source in frame.sources:
        if source.metadata:
            _check_value(source.metadata, where, 0)
    for annotation in frame.annotations:
        if annotation.metadata:
            _check_value(annotation.metadata, where, 0)


def _check_members(members: Any, kind: type, where: str) -> None:
    if not isinstance(members, list | tuple):
        raise InvalidValueError(
            f"The {kind.__name__.lower()}s of {where} are a tuple, not {type(members).__name__}."
        )
    for member in members:
        if type(member) is not kind:
            raise InvalidValueError(
                f"{where} holds {member!r} where it must hold a value of {kind.__name__}."
            )


def check_frame(frame: Frame) -> None:
    """Checks ids, sources, vectors, times and geometry of one frame whose field types are right."""
    check_frame_id(frame.id)
    where = f"frame {frame.id!r}"
    if frame.vectors:
        for name, vector in frame.vectors.items():
            if not vector or not all(map(math.isfinite, vector)):
                raise InvalidValueError(
                    f"The vector {name!r} of {where} is empty or holds a number that is not finite."
                )
    _check_time(frame.timestamp, where)
    source_ids = _check_sources(frame, where)
    seen = set()
    for annotation in frame.annotations:
        if not annotation.id or annotation.id in seen:
            raise InvalidValueError(
                f"Annotation ids are unique in their frame, but {where} holds {annotation.id!r} twice."
                if annotation.id
                else f"An annotation of {where} has no id."
            )
        seen.add(annotation.id)
        _check_annotation(annotation, source_ids, where)


def _check_sources(frame: Frame, where: str) -> frozenset[str]:
    if type(frame) is SingleFrame and len(frame.sources) > 1:
        raise InvalidValueError(
            f"A SingleFrame has one source, but {where} has {len(frame.sources)}; use a FrameGroup."
        )
    ids = frozenset(source.id for source in frame.sources)
    if len(ids) != len(frame.sources) or "" in ids:
        raise InvalidValueError(f"The sources of {where} have ids that are empty or not unique.")
    for source in frame.sources:
        _check_time(source.timestamp, where)
        if source.masks and len({mask.id for mask in source.masks}) != len(source.masks):
            raise InvalidValueError(f"Two masks of one source of {where} share an id.")
    return ids


def _check_time(timestamp: float | None, where: str) -> None:
    if timestamp is not None and not math.isfinite(timestamp):
        raise InvalidValueError(f"The timestamp of {where} is not a finite number.")


def _check_annotation(annotation: Annotation, source_ids: frozenset[str], where: str) -> None:
    if annotation.sources and not source_ids.issuperset(annotation.sources):
        raise InvalidValueError(
            f"Annotation {annotation.id!r} of {where} lies on sources {annotation.sources!r}, but the frame has"
            f" {sorted(source_ids)!r}."
        )
    look = _PROBLEMS.get(type(annotation.geometry))
    if look is not None and (problem := look(annotation.geometry)):
        raise InvalidValueError(f"Annotation {annotation.id!r} of {where} {problem}.")


# What can be wrong with a geometry whose field types are right, as the end of a sentence, or "". Degenerate shapes (a
# box of no width, a ring of two points) are kept: they are what the file said.


def _polygon_problem(shape: Polygon) -> str:
    for ring in shape.rings:
        if len(ring) % 2:
            return "has a polygon ring with an odd number of coordinates"
    return ""


def _keypoints_problem(shape: Keypoints) -> str:
    if len(shape.points) % 2:
        return "has an odd number of keypoint coordinates"
    if shape.visibility and len(shape.visibility) * 2 != len(shape.points):
        return f"has {len(shape.points) // 2} keypoints but {len(shape.visibility)} visibilities"
    return ""


def _polygon3d_problem(shape: Polygon3D) -> str:
    if any(len(ring) % 3 for ring in shape.rings):
        return "has a 3D ring whose coordinates are not triplets"
    return ""


def _keypoints3d_problem(shape: Keypoints3D) -> str:
    return "has 3D keypoints whose coordinates are not triplets" if len(shape.points) % 3 else ""


def _mask_problem(shape: MaskValue) -> str:
    if len(shape.value) in (1, 3, 4) and all(0 <= value < 2**32 for value in shape.value):
        return ""
    return f"has the mask value {shape.value!r}, which is not one number or red, green, blue[, alpha]"


def _rle_problem(shape: Rle) -> str:
    if shape.height < 0 or shape.width < 0:
        return "has a run-length mask of negative size"
    if not isinstance(shape.counts, str) and any(count < 0 for count in shape.counts):
        return "has a negative run length"
    return ""


_PROBLEMS: dict[type, Callable[[Any], str]] = {
    Polygon: _polygon_problem,
    Keypoints: _keypoints_problem,
    Polygon3D: _polygon3d_problem,
    Keypoints3D: _keypoints3d_problem,
    MaskValue: _mask_problem,
    Rle: _rle_problem,
}


def check_schema(schema: Schema) -> None:
    """Checks that label names are unique and that foreign records are JSON-like."""
    for label in schema.labels:
        if not isinstance(label, Label):
            raise InvalidValueError(f"A schema holds {label!r} where it must hold a value of Label.")
    names = [label.name for label in schema.labels]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InvalidValueError(f"A schema names each label once, but {twice!r} stand twice.")
    for label in schema.labels:
        _check_text(label.name, "The name of a label", MAX_NAME * 4)
        check_metadata(label.foreign, f"label {label.name!r}")
