"""Leaves of the trie: one MessagePack array of frames, in the order of their keys.

Writing a leaf joins frames that are encoded already; splitting one gives their bytes back without decoding them.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hdstore.errors import DamagedError
from hdstore.model import Frame

__all__ = ["decode_leaf", "join_leaf", "leaf_count", "leaf_head", "split_leaf"]

_raw_decoder = msgspec.msgpack.Decoder(list[msgspec.Raw])
_frames_decoder = msgspec.msgpack.Decoder(list[Frame])


def _header(count: int) -> bytes:
    """Returns the shortest MessagePack header of an array of ``count`` items."""
    if count < 16:
        return bytes((0x90 | count,))
    if count < 1 << 16:
        return b"\xdc" + count.to_bytes(2, "big")
    return b"\xdd" + count.to_bytes(4, "big")


def leaf_head(count: int) -> int:
    """Returns how many bytes stand before the first frame of a leaf of ``count`` frames, as ``join_leaf`` writes it."""
    return len(_header(count))


def join_leaf(frames: Sequence[bytes]) -> bytes:
    """Returns the leaf that holds these encoded frames in this order."""
    return b"".join((_header(len(frames)), *frames))


def split_leaf(data: bytes) -> list[bytes]:
    """Returns the encoded frames of a leaf, in order; raises DamagedError when it is none."""
    try:
        return [bytes(raw) for raw in _raw_decoder.decode(data)]
    except (msgspec.DecodeError, RecursionError) as error:
        raise DamagedError(f"Stored bytes are not a leaf of frames: {error}.") from error


def decode_leaf(data: bytes) -> list[Frame]:
    """Returns the frames of a leaf, in order; raises DamagedError when it is none."""
    try:
        return _frames_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DamagedError(f"Stored bytes are not a leaf of frames: {error}.") from error


def leaf_count(data: bytes) -> int:
    """Returns how many frames a leaf says it holds, from its header alone."""
    first = data[0] if data else 0
    if 0x90 <= first <= 0x9F:
        return first & 0x0F
    if first == 0xDC and len(data) >= 3:
        return int.from_bytes(data[1:3], "big")
    if first == 0xDD and len(data) >= 5:
        return int.from_bytes(data[1:5], "big")
    raise DamagedError("Stored bytes are not a leaf of frames: no array header.")
