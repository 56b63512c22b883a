"""Frames to canonical MessagePack and back, and to the JSON that people read."""

from __future__ import annotations

from typing import Any

import msgspec

from hdstore.errors import DamagedError, InvalidValueError
from hdstore.ids import derive_id
from hdstore.model import Annotation, Frame, check_frame

__all__ = [
    "complete_ids",
    "decode_frame",
    "encode_frame",
    "frame_from_builtins",
    "frame_from_json",
    "frame_id_of",
    "frame_to_builtins",
    "frame_to_json",
    "is_canonical_frame",
]

_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)
_json_decoder: msgspec.json.Decoder[Frame] = msgspec.json.Decoder(Frame)


class _IdOnly(msgspec.Struct, gc=False):
    id: str


_id_decoder = msgspec.msgpack.Decoder(_IdOnly)


def encode_frame(frame: Frame) -> bytes:
    """Returns the canonical bytes of a frame; raises InvalidValueError when it breaks a rule.

    The frame is decoded again before it is trusted: constructors do not check types, and an integer given as a
    coordinate has to become the float that it will be when read.
    """
    try:
        checked = _decoder.decode(_encoder.encode(frame))
    except (msgspec.ValidationError, TypeError, OverflowError, UnicodeError, RecursionError) as error:
        name = getattr(frame, "id", None)
        raise InvalidValueError(f"Frame {name!r} can not be stored: {error}.") from error
    if any(not annotation.id for annotation in checked.annotations):
        checked = complete_ids(checked)
    check_frame(checked)
    return _encoder.encode(checked)


def complete_ids(frame: Frame) -> Frame:
    """Returns the frame with an id for each annotation that had none, derived from its content and position.

    The same annotations in the same order get the same ids on every machine; equal ones are told apart by how many
    of them stand before.
    """
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


def is_canonical_frame(data: bytes) -> bool:
    """Says whether bytes are exactly what ``encode_frame`` gives for the frame they hold."""
    try:
        return encode_frame(decode_frame(data)) == data
    except (DamagedError, InvalidValueError):
        return False


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
    return msgspec.json.format(msgspec.json.encode(frame), indent=indent).decode()


def frame_from_json(text: str | bytes) -> Frame:
    """Returns the frame that JSON describes; raises InvalidValueError naming the field that is wrong."""
    try:
        return _json_decoder.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidValueError(f"This JSON is not a frame: {error}.") from error
