"""The small documents of a version (MessagePack) and of the catalog (canonical JSON)."""

from __future__ import annotations

import json
from typing import TypeVar

import msgspec

from hdstore.errors import DamagedError, InvalidValueError
from hdstore.model import DatasetDocument, Schema, Stats, VersionDocument, check_metadata, check_schema

__all__ = [
    "decode_dataset",
    "decode_schema",
    "decode_stats",
    "decode_version",
    "encode_dataset",
    "encode_schema",
    "encode_stats",
    "encode_version",
]

_T = TypeVar("_T", Schema, Stats, VersionDocument)

_encoder = msgspec.msgpack.Encoder(order="deterministic")
_schema_decoder = msgspec.msgpack.Decoder(Schema)
_stats_decoder = msgspec.msgpack.Decoder(Stats)
_version_decoder = msgspec.msgpack.Decoder(VersionDocument)


def _encode(value: _T, decoder: msgspec.msgpack.Decoder[_T], what: str) -> bytes:
    try:
        checked = decoder.decode(_encoder.encode(value))
        return _encoder.encode(checked)
    except (msgspec.ValidationError, TypeError, OverflowError, UnicodeError, RecursionError) as error:
        raise InvalidValueError(f"The {what} of a version can not be stored: {error}.") from error


def _decode(data: bytes, decoder: msgspec.msgpack.Decoder[_T], what: str) -> _T:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DamagedError(f"Stored bytes are not the {what} of a version: {error}.") from error


def encode_version(document: VersionDocument) -> bytes:
    """Returns the canonical bytes of a version document."""
    check_metadata(document.metadata, "the version")
    return _encode(document, _version_decoder, "document")


def decode_version(data: bytes) -> VersionDocument:
    """Returns the version document these bytes hold."""
    return _decode(data, _version_decoder, "document")


def encode_schema(schema: Schema) -> bytes:
    """Returns the canonical bytes of a schema."""
    raw = _encode(schema, _schema_decoder, "schema")
    check_schema(schema)
    return raw


def decode_schema(data: bytes) -> Schema:
    """Returns the schema these bytes hold."""
    return _decode(data, _schema_decoder, "schema")


def encode_stats(stats: Stats) -> bytes:
    """Returns the canonical bytes of statistics."""
    return _encode(stats, _stats_decoder, "statistics")


def decode_stats(data: bytes) -> Stats:
    """Returns the statistics these bytes hold."""
    return _decode(data, _stats_decoder, "statistics")


def encode_dataset(document: DatasetDocument) -> bytes:
    """Returns canonical JSON: sorted keys, two blanks of indent, UTF-8, a newline at the end."""
    check_metadata(document.metadata, f"dataset {document.name!r}")
    try:
        plain = msgspec.to_builtins(msgspec.convert(msgspec.to_builtins(document), DatasetDocument))
        text = json.dumps(plain, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False)
        return text.encode() + b"\n"
    except (msgspec.ValidationError, TypeError, ValueError, RecursionError) as error:
        raise InvalidValueError(f"The dataset can not be stored: {error}.") from error


def decode_dataset(data: bytes, what: str) -> DatasetDocument:
    """Returns the dataset's document in ``data``; raises DamagedError naming ``what`` when it holds none."""
    try:
        return msgspec.json.decode(data, type=DatasetDocument)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DamagedError(f"The document {what} is not a dataset's: {error}.") from error
