"""Records one after the other in a stream: journals, exchanges of media, bundles. The only door to msgpack.

A record is the MessagePack array [CRC-32 of the body, body], its body the MessagePack of a plain value. The
checksum tells a record that was cut short or torn by a crash from one that was written whole.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import msgpack

from hdstore.errors import DamagedError, InvalidValueError

__all__ = ["RECORD_LIMIT", "RecordReader", "decode_record", "encode_record"]

RECORD_LIMIT = 16 << 20
"""The largest record that is read, in bytes, unless a reader is told otherwise."""


def encode_record(value: Any) -> bytes:
    """Returns one record: ``value`` may hold None, booleans, numbers, text, bytes, lists and dicts."""
    try:
        body = msgpack.packb(value, strict_types=True)
        return bytes(msgpack.packb([zlib.crc32(body), body]))
    except (TypeError, ValueError, OverflowError, UnicodeError) as error:
        raise InvalidValueError(f"A value can not be written as a record: {error}.") from error


def decode_record(data: bytes, *, limit: int = RECORD_LIMIT) -> Any:
    """Returns the value of the one record that ``data`` must be."""
    reader = RecordReader(limit=limit)
    reader.feed(data)
    values = list(reader)
    if len(values) != 1 or reader.unfinished:
        raise DamagedError("Stored bytes are not one whole record.")
    return values[0]


class RecordReader:
    """Takes bytes as they arrive and yields the values of the records that are complete."""

    def __init__(self, *, limit: int = RECORD_LIMIT) -> None:
        self._limit = limit
        # Room for the array's head and checksum beside the body.
        self._unpacker = msgpack.Unpacker(
            max_buffer_size=limit + 64,
            max_bin_len=limit,
            max_array_len=2,
            max_map_len=0,
            max_ext_len=0,
            max_str_len=0,
        )
        self._fed = 0

    @property
    def unfinished(self) -> bool:
        """Whether bytes are left over that are no whole record yet."""
        return bool(self._unpacker.tell() != self._fed)

    @property
    def taken(self) -> int:
        """How many of the bytes that were fed belong to the records that were yielded."""
        return int(self._unpacker.tell())

    def feed(self, data: bytes) -> None:
        """Adds bytes; take the records out before adding more than the limit."""
        try:
            self._unpacker.feed(data)
        except msgpack.BufferFull as error:
            raise DamagedError(f"A record is larger than the {self._limit} bytes it may have.") from error
        self._fed += len(data)

    def __iter__(self) -> Iterator[Any]:
        while True:
            try:
                record = self._unpacker.unpack()
            except msgpack.OutOfData:
                return
            except (ValueError, msgpack.UnpackException) as error:
                raise DamagedError(f"Stored bytes are not a record: {error}.") from error
            yield self._open(record)

    def _open(self, record: Any) -> Any:
        match record:
            case [int(checksum), bytes(body)] if zlib.crc32(body) == checksum:
                pass
            case _:
                raise DamagedError("A record does not have its checksum: it was cut short or changed.")
        try:
            return msgpack.unpackb(body, strict_map_key=False)
        except (ValueError, RecursionError, msgpack.UnpackException) as error:
            raise DamagedError(f"The body of a record is not MessagePack: {error}.") from error
