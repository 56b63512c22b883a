"""Streams of records: what goes in comes out, in whatever pieces it arrives; what is torn is noticed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.codec.streams import RecordReader, decode_record, encode_record
from hdstore.errors import DamagedError, InvalidValueError

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.lists(values, max_size=5), st.integers(1, 50))
def test_records_survive_any_cutting(records: list[Any], step: int) -> None:
    """A stream cut into pieces of any size gives the same values, and says when it stops inside a record."""
    data = b"".join(encode_record(record) for record in records)
    reader = RecordReader()
    found = []
    for start in range(0, len(data), step):
        reader.feed(data[start : start + step])
        found += list(reader)
    assert found == records
    assert not reader.unfinished


@given(values, st.data())
def test_a_torn_record_is_damaged(value: Any, data: st.DataObject) -> None:
    """A record that lost its end, or has one byte changed, is never read as something else."""
    raw = encode_record(value)
    with pytest.raises(DamagedError):
        decode_record(raw[: data.draw(st.integers(0, len(raw) - 1))])
    with pytest.raises(DamagedError):
        decode_record(raw + raw)
    at = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:at] + bytes((raw[at] ^ data.draw(st.integers(1, 255)),)) + raw[at + 1 :]
    with suppress(DamagedError):
        assert decode_record(changed) == value


@given(st.binary(max_size=100))
def test_any_bytes_are_records_or_damaged(data: bytes) -> None:
    """Bytes from a stranger never raise anything but DamagedError."""
    reader = RecordReader(limit=1000)
    reader.feed(data)
    with suppress(DamagedError):
        list(reader)


def test_a_record_has_a_largest_size() -> None:
    """What says it is larger than the limit is refused, before it is held in memory."""
    raw = encode_record(b"x" * 2000)
    assert decode_record(raw) == b"x" * 2000
    with pytest.raises(DamagedError):
        decode_record(raw, limit=1000)

    def feed() -> None:
        reader = RecordReader(limit=1000)
        reader.feed(b"\x92\x00\xc6\x7f\xff\xff\xff")
        for _ in range(20):
            reader.feed(b"x" * 100)
            assert list(reader) == []

    with pytest.raises(DamagedError, match="larger than the 1000 bytes"):
        feed()


@pytest.mark.parametrize("value", [2**64, {1, 2}, object(), "\ud800"])
def test_what_is_no_plain_value_is_refused(value: object) -> None:
    """Numbers beyond 64 bits, foreign types and broken text can not be written."""
    with pytest.raises(InvalidValueError, match="can not be written as a record"):
        encode_record(value)
