"""Leaves: frames joined without decoding them, and given back byte for byte."""

from __future__ import annotations

from contextlib import suppress

import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

from hdstore.codec import decode_frame, decode_leaf, encode_frame, join_leaf, leaf_count, split_leaf
from hdstore.errors import DamagedError
from hdstore.model import Frame, SingleFrame


@given(st.lists(strategies.frames(), max_size=4))
def test_a_leaf_gives_back_the_frames_that_were_joined(frames: list[Frame]) -> None:
    """Splitting returns the bytes, decoding the frames, and the header their number."""
    raws = [encode_frame(frame) for frame in frames]
    leaf = join_leaf(raws)

    assert split_leaf(leaf) == raws
    assert decode_leaf(leaf) == [decode_frame(raw) for raw in raws]
    assert leaf_count(leaf) == len(frames)


@pytest.mark.parametrize("count", [0, 1, 15, 16, 33, 65_535, 65_536])
def test_the_header_of_a_leaf_is_the_shortest(count: int) -> None:
    """Up to 15 frames one byte, up to 65,535 three, else five."""
    raw = encode_frame(SingleFrame(id="f"))
    leaf = join_leaf([raw] * count)

    assert len(leaf) - count * len(raw) == (1 if count < 16 else 3 if count < 65_536 else 5)
    assert leaf_count(leaf) == count
    assert len(split_leaf(leaf)) == count


@given(st.data())
def test_a_damaged_leaf_is_named_so(data: st.DataObject) -> None:
    """Cut or changed bytes are a leaf or DamagedError, never another error."""
    raw = bytearray(join_leaf([encode_frame(SingleFrame(id=name)) for name in "abc"]))
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(raw[: data.draw(st.integers(0, len(raw)))]) + data.draw(st.binary(max_size=3))
    for read in (split_leaf, decode_leaf, leaf_count):
        with suppress(DamagedError):
            read(damaged)


@pytest.mark.parametrize(
    "data", [b"", b"\xdc", b"\xdc\x00", b"\xdd\x00\x00\x00", b"\x81", b"\xdd\xff\xff\xff\xff"]
)
def test_what_is_no_array_is_no_leaf(data: bytes) -> None:
    """No header, half a header, another type, or more frames than there are bytes."""
    with pytest.raises(DamagedError):
        split_leaf(data)
    with pytest.raises(DamagedError):
        decode_leaf(data)
