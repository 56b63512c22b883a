"""The records of a bundle, as values that were checked: one file that carries versions and media to another place.

A bundle is a line that says what it is, then records (``streams``). A record is a list: its kind, then its fields.
``docs/format.md`` describes them; which may follow which is known to who reads the file.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import msgspec

from hdstore.codec.streams import encode_record
from hdstore.errors import DamagedError

__all__ = [
    "BUNDLE_BATCH",
    "BUNDLE_LINE",
    "BUNDLE_RECORD_LIMIT",
    "BundleRecord",
    "Chunk",
    "End",
    "Header",
    "Lacking",
    "Medium",
    "Needs",
    "ObjectBatch",
    "RefRows",
    "decode_bundle_record",
    "encode_bundle_record",
]

BUNDLE_LINE = b"hdstore bundle 1\n"
"""How a bundle begins; the number is that of the container."""

BUNDLE_BATCH = 1 << 20
"""The most bytes of a medium, or of objects before they are compressed, that one record carries."""

BUNDLE_RECORD_LIMIT = 2 << 20
"""The largest record that is read, in bytes."""

_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
_Oid: TypeAlias = Annotated[bytes, msgspec.Meta(min_length=20, max_length=20)]
_Hash: TypeAlias = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
_Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]


class _Record(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Base of the records; one has exactly its fields, in their order."""


class Header(_Record, frozen=True, tag="bundle"):
    """What is in the bundle; ``created`` is seconds since 1970 in UTC, ``format`` that of the repository it is from.

    ``object_bytes`` and ``media_bytes`` are what the objects and media come to when they are unpacked. The other
    numbers say how many there are: refs, prerequisites, media that were wanted but not kept where it was made.
    """

    created: _Count
    format: _Count
    refs: _Count
    needs: _Count
    objects: _Count
    object_bytes: _Count
    media: _Count
    media_bytes: _Count
    lacking: _Count


class RefRows(_Record, frozen=True, tag="refs"):
    """Names of refs and what they point to, in the order of the names."""

    rows: list[tuple[_Name, _Oid]]


class Needs(_Record, frozen=True, tag="needs"):
    """Commits that the receiver must have, in their order, and the version each is of, for people."""

    rows: list[tuple[_Oid, str]]


class Lacking(_Record, frozen=True, tag="lacking"):
    """Media that were wanted and are not in the bundle, in their order."""

    rows: list[_Hash]


class ObjectBatch(_Record, frozen=True, tag="objects"):
    """A piece of the stream of objects: how many bytes it has, and they as one zlib stream."""

    size: Annotated[int, msgspec.Meta(ge=1, le=BUNDLE_BATCH)]
    deflated: bytes


class Medium(_Record, frozen=True, tag="medium"):
    """A kept medium begins: its BLAKE3 hash and how many bytes it has."""

    hash: _Hash
    size: _Count


class Chunk(_Record, frozen=True, tag="bytes"):
    """The next bytes of a medium."""

    data: Annotated[bytes, msgspec.Meta(min_length=1, max_length=BUNDLE_BATCH)]


class End(_Record, frozen=True, tag="end"):
    """The last record: how many records stand before it, and the BLAKE3 hash of all bytes before it."""

    records: _Count
    hash: _Hash


BundleRecord: TypeAlias = Header | RefRows | Needs | Lacking | ObjectBatch | Medium | Chunk | End


def encode_bundle_record(record: BundleRecord) -> bytes:
    """Returns the bytes of one record."""
    fields = [getattr(record, name) for name in record.__struct_fields__]
    if isinstance(record, RefRows | Needs):
        fields = [[list(row) for row in record.rows]]
    return encode_record([record.__struct_config__.tag, *fields])


def decode_bundle_record(value: Any) -> BundleRecord:
    """Returns the record that a plain value is; raises DamagedError when it is none."""
    try:
        record: BundleRecord = msgspec.convert(value, BundleRecord, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise DamagedError(f"A record of a bundle is not as it must be: {error}.") from error
    return record
