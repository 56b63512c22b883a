"""Frames to canonical MessagePack and back, and to the JSON that people read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from hdstore.errors import DamagedError, InvalidValueError
from hdstore.ids import derive_id
from hdstore.model import Annotation, Ellipse, Frame, Mask, Source, check_frame, check_given_frame

__all__ = [
    "annotations_of",
    "canonical_bytes",
    "complete_ids",
    "decode_frame",
    "encode_frame",
    "frame_from_builtins",
    "frame_from_json",
    "frame_id_of",
    "frame_to_builtins",
    "frame_to_json",
    "is_canonical_frame",
    "same_value",
    "stored_values",
]

_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)
_json_decoder: msgspec.json.Decoder[Frame] = msgspec.json.Decoder(Frame)

_FIRST_ID = Source().id
_S = TypeVar("_S", Source, Mask)


class _IdOnly(msgspec.Struct, gc=False):
    id: str


_id_decoder = msgspec.msgpack.Decoder(_IdOnly)


class _AnnotationsOnly(msgspec.Struct, gc=False):
    annotations: list[msgspec.Raw] = []


_annotations_decoder = msgspec.msgpack.Decoder(_AnnotationsOnly)


def encode_frame(frame: Frame) -> bytes:
    """Returns the canonical bytes of a frame; raises InvalidValueError when it breaks a rule.

    The frame is decoded again before it is trusted: constructors do not check types, and an integer given as a
    coordinate has to become the float that it will be when read.
    """
    check_given_frame(frame)
    try:
        checked = _decoder.decode(_encoder.encode(frame))
    except (msgspec.ValidationError, TypeError, OverflowError, UnicodeError, RecursionError) as error:
        raise InvalidValueError(f"Frame {frame.id!r} can not be stored: {error}.") from error
    checked = complete_ids(_without_defaults(checked))
    check_frame(checked)
    return _encoder.encode(checked)


def complete_ids(frame: Frame) -> Frame:
    """Returns the frame with an id for each annotation that had none, derived from its content and position.

    The same annotations in the same order get the same ids on every machine; equal ones are told apart by how many
    of them stand before.
    """
    if all(annotation.id for annotation in frame.annotations):
        return frame
    taken = {annotation.id for annotation in frame.annotations if annotation.id}
    done: list[Annotation] = []
    for annotation in frame.annotations:
        if not annotation.id:
            content = _encoder.encode(annotation)
            repeat = 0
            while (new := derive_id("annotation", content, repeat)) in taken:
                repeat += 1
            taken.add(new)
            annotation = msgspec.structs.replace(annotation, id=new)
        done.append(annotation)
    return msgspec.structs.replace(frame, annotations=tuple(done))


# The encoder leaves out a field that *is* its default, not one that equals it. The two differ where a default is no
# singleton of the interpreter: the ids of sources and masks, and the angle of an ellipse.


def _without_defaults(frame: Frame) -> Frame:
    """Returns the frame so that every field that equals its default is left out when it is encoded."""
    fields: dict[str, Any] = {}
    if any(source.id is not _FIRST_ID or source.masks for source in frame.sources):
        sources = tuple(_plain_source(source) for source in frame.sources)
        if any(new is not old for new, old in zip(sources, frame.sources, strict=True)):
            fields["sources"] = sources
    if any(type(annotation.geometry) is Ellipse for annotation in frame.annotations):
        fields["annotations"] = tuple(_plain_annotation(annotation) for annotation in frame.annotations)
    return msgspec.structs.replace(frame, **fields) if fields else frame


def _plain_source(source: Source) -> Source:
    masks = tuple(_plain_id(mask) for mask in source.masks)
    if any(new is not old for new, old in zip(masks, source.masks, strict=True)):
        source = msgspec.structs.replace(source, masks=masks)
    return _plain_id(source)


def _plain_id(value: _S) -> _S:
    same = value.id == _FIRST_ID and value.id is not _FIRST_ID
    return msgspec.structs.replace(value, id=_FIRST_ID) if same else value


def _plain_annotation(annotation: Annotation) -> Annotation:
    shape = annotation.geometry
    # -0.0 equals the default and is not it.
    if type(shape) is not Ellipse or shape.theta != 0 or math.copysign(1, shape.theta) < 0:
        return annotation
    upright = Ellipse(cx=shape.cx, cy=shape.cy, rx=shape.rx, ry=shape.ry)
    return msgspec.structs.replace(annotation, geometry=upright)


def decode_frame(data: bytes | memoryview) -> Frame:
    """Returns the frame these bytes hold; raises DamagedError when they hold none."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DamagedError(f"Stored bytes are not a frame: {error}.") from error


def frame_id_of(data: bytes | memoryview) -> str:
    """Returns the id of an encoded frame without decoding the rest."""
    try:
        return _id_decoder.decode(data).id
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DamagedError(f"Stored bytes are not a frame: {error}.") from error


def annotations_of(data: bytes) -> dict[str, bytes]:
    """Returns the encoded annotations of an encoded frame by their ids, without decoding the rest."""
    try:
        held = _annotations_decoder.decode(data).annotations
        return {_id_decoder.decode(raw).id: bytes(raw) for raw in held}
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DamagedError(f"Stored bytes are not a frame: {error}.") from error


def is_canonical_frame(data: bytes, frame: Frame) -> bool:
    """Says whether bytes are exactly what ``encode_frame`` gives for the frame that was decoded from them."""
    try:
        check_given_frame(frame)
        plain = _without_defaults(frame)
        check_frame(plain)
    except InvalidValueError:
        return False
    return _encoder.encode(plain) == data


def canonical_bytes(value: Any) -> bytes:
    """Returns the bytes of a part of a stored frame; the same to the bit give the same: 1 is not 1.0, 0.0 not -0.0."""
    return _encoder.encode(value)


def same_value(a: Any, b: Any) -> bool:
    """Says whether two parts of stored frames are the same to the bit: 1 is not 1.0, and 0.0 not -0.0."""
    return bool(_encoder.encode(a) == _encoder.encode(b))


def stored_values(values: Iterable[Any]) -> list[bytes]:
    """Returns parts of stored frames as canonical bytes, which are equal where ``same_value`` says the parts are."""
    encode = _encoder.encode
    return [encode(value) for value in values]


def frame_to_builtins(frame: Frame) -> dict[str, Any]:
    """Returns a frame as plain dicts, lists, strings and numbers; defaults are left out, as in the stored form."""
    plain: dict[str, Any] = msgspec.to_builtins(frame)
    return plain


def frame_from_builtins(plain: Any) -> Frame:
    """Returns the frame that a plain dict describes; raises InvalidValueError naming the field that is wrong."""
    try:
        frame: Frame = msgspec.convert(plain, Frame)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidValueError(f"This is not a frame: {error}.") from error
    return frame


def frame_to_json(frame: Frame, *, indent: int = 2) -> str:
    """Returns a frame as JSON for people and scripts."""
    try:
        return msgspec.json.format(msgspec.json.encode(frame), indent=indent).decode()
    except (TypeError, UnicodeError, RecursionError) as error:
        raise InvalidValueError(f"Frame {frame.id!r} can not be written as JSON: {error}.") from error


def frame_from_json(text: str | bytes) -> Frame:
    """Returns the frame that JSON describes; raises InvalidValueError naming the field that is wrong."""
    try:
        return _json_decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidValueError(f"This JSON is not a frame: {error}.") from error
