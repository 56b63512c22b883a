"""Small readers of picture headers that Pillow would only tell after reading or allocating more."""

from __future__ import annotations

import struct
from typing import BinaryIO

__all__ = ["TURNED", "exif_orientation", "webp_size"]

TURNED = frozenset({5, 6, 7, 8})
"""The EXIF orientations that swap width and height."""

_ORIENTATION = 0x0112
_MAX_EXIF = 1 << 20
_MAX_CHUNKS = 4096


def exif_orientation(exif: bytes) -> int:
    """Returns the orientation (1 to 8) that EXIF data tells; 1 where it tells none or is broken."""
    data = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return 1
    try:
        (offset,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, offset)
        for i in range(count):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", data, offset + 2 + 12 * i)
            if tag == _ORIENTATION and kind == 3 and 1 <= value <= 8:
                return int(value)
    except struct.error:
        return 1
    return 1


def webp_size(stream: BinaryIO) -> tuple[int, int] | None:
    """Returns width and height of a WebP picture, as displayed, or None.

    Pillow reads the whole file and allocates the canvas before it tells the size.
    """
    stream.seek(12)
    size: tuple[int, int] | None = None
    for _ in range(_MAX_CHUNKS):
        header = stream.read(8)
        if len(header) < 8:
            return size
        kind, length = struct.unpack("<4sI", header)
        begin = stream.tell()
        if size is None:
            extended = kind == b"VP8X"
            size = _canvas(kind, stream.read(10))
            # Only the extended form has further chunks, and says whether EXIF is among them.
            if size is None or not extended:
                return size
        elif kind == b"EXIF":
            turned = exif_orientation(stream.read(min(length, _MAX_EXIF))) in TURNED
            return (size[1], size[0]) if turned else size
        stream.seek(begin + length + length % 2)
    return size


def _canvas(kind: bytes, head: bytes) -> tuple[int, int] | None:
    if len(head) < 10:
        return None
    if kind == b"VP8X":
        return (1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little"))
    if kind == b"VP8L" and head[0] == 0x2F:
        bits = int.from_bytes(head[1:5], "little")
        return (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 " and head[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", head, 6)
        return (width & 0x3FFF, height & 0x3FFF)
    return None
