"""Picture sizes in files of the ISO media format (MP4, MOV, AVIF, HEIC), from their boxes alone.

Nothing is decoded: boxes are walked by their lengths, so a film of gigabytes costs a few reads.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["still_size", "video_size"]

_MAX_BOXES = 4096
"""How many boxes of one level are looked at; real files have a few dozen."""

_Box = tuple[bytes, int, int]
"""Kind, begin and end of the content."""


def video_size(stream: BinaryIO) -> tuple[int, int] | None:
    """Returns width and height of the first track that has a picture, as displayed, or None."""
    for kind, begin, end in _boxes(stream, 0, _length(stream)):
        if kind == b"moov":
            for track in _inside(stream, (kind, begin, end), b"trak"):
                for header in _inside(stream, track, b"tkhd"):
                    size = _track_size(_content(stream, header, 104))
                    if size is not None:
                        return size
    return None


def still_size(stream: BinaryIO) -> tuple[int, int] | None:
    """Returns width and height of a still picture, as displayed, or None."""
    sizes: list[tuple[int, int]] = []
    turned = False
    for kind, begin, end in _boxes(stream, 0, _length(stream)):
        if kind != b"meta":
            continue
        # A meta box has four bytes of version and flags before its boxes.
        for properties in _inside(stream, (kind, begin + 4, end), b"iprp"):
            for container in _inside(stream, properties, b"ipco"):
                for box in _boxes(stream, container[1], container[2]):
                    if box[0] == b"ispe":
                        sizes.append(struct.unpack_from(">II", _content(stream, box, 12), 4))
                    elif box[0] == b"irot":
                        turned = turned or bool(_content(stream, box, 1)[0] & 1)
    if not sizes:
        return None
    # Thumbnails and the tiles of a grid have sizes too; the whole picture is the largest.
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return (height, width) if turned else (width, height)


def _track_size(header: bytes) -> tuple[int, int] | None:
    # The times before the matrix are 32 bits wide in version 0 and 64 bits in version 1.
    offset = 52 if header[:1] == b"\x01" else 40
    a, b, _, c, d, *_ = struct.unpack_from(">9i", header, offset)
    width, height = (number >> 16 for number in struct.unpack_from(">II", header, offset + 36))
    if not width or not height:
        return None
    return (height, width) if a == d == 0 and b and c else (width, height)


def _length(stream: BinaryIO) -> int:
    return stream.seek(0, 2)


def _content(stream: BinaryIO, box: _Box, limit: int) -> bytes:
    stream.seek(box[1])
    return stream.read(min(limit, box[2] - box[1]))


def _inside(stream: BinaryIO, box: _Box, kind: bytes) -> Iterator[_Box]:
    return (inner for inner in _boxes(stream, box[1], box[2]) if inner[0] == kind)


def _boxes(stream: BinaryIO, begin: int, end: int) -> Iterator[_Box]:
    for _ in range(_MAX_BOXES):
        stream.seek(begin)
        header = stream.read(16)
        if begin + 8 > end or len(header) < 8:
            return
        length, kind = struct.unpack_from(">I4s", header)
        head = 8
        if length == 1 and len(header) == 16:
            (length,) = struct.unpack_from(">Q", header, 8)
            head = 16
        elif length == 0:
            length = end - begin
        if length < head or begin + length > end:
            return
        yield kind, begin + head, begin + length
        begin += length
