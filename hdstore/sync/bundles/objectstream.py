"""Objects as one stream of bytes: each as it is, or as its difference from the one before it.

Versions of a leaf, of a tree or of a document stand one after the other, the newest first, so that one takes hardly
more than what differs. The stream is cut into pieces that are compressed one by one; an object may go over several.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from hdstore.codec.bundles import BUNDLE_BATCH, ObjectBatch
from hdstore.errors import DamagedError, InvalidValueError
from hdstore.store.delta import encode_delta
from hdstore.store.packfile import apply_delta

__all__ = ["KINDS", "ObjectPacker", "ObjectUnpacker"]

KINDS = ("", "commit", "tree", "blob", "tag")
"""The kinds of objects at the numbers that stand for them; git's packs use the same."""

_DIFFERENCE = 0x80
"""Added to the number of a kind: what follows is a difference in git's form from the object before."""

_HEAD = struct.Struct(">BI")
_LARGEST = 4 << 20
"""Objects of more bytes are no differences and have none: the one before is held in memory."""

_LIMIT = 64 << 20
"""The largest object in bytes. All but frames with much in them are smaller by far, and decoding takes a multiple."""

_LEVEL = 1
_THREADS = min(4, os.cpu_count() or 1)


class ObjectPacker:
    """Makes the stream; ``emit`` gets its pieces, the last ones when the ``with`` block ends.

    Pieces are compressed by a few threads. ``count`` and ``size`` are those of the objects so far.
    """

    def __init__(self, emit: Callable[[ObjectBatch], None]) -> None:
        self._emit = emit
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="hdstore-bundle")
        self._waiting: deque[Future[ObjectBatch]] = deque()
        self._buffer = bytearray()
        self._before: tuple[str, object, bytes] = ("", None, b"")
        self.count = 0
        self.size = 0

    def add(self, kind: str, data: bytes, place: object) -> None:
        """Adds an object; what stood in the same ``place`` before it, and of the same kind, is likely similar.

        Raises InvalidValueError for one that is too large for a bundle.
        """
        if len(data) > _LIMIT:
            raise InvalidValueError(
                f"A {kind} of {len(data):,} bytes does not go into a bundle, {_LIMIT:,} are the most; exchange it"
                " through a remote."
            )
        number, body = KINDS.index(kind), data
        before = self._before
        if before[0] == kind and before[1] == place and max(len(data), len(before[2])) <= _LARGEST:
            delta = encode_delta(before[2], data)
            if len(delta) * 2 < len(data):
                number, body = number | _DIFFERENCE, delta
        self._before = (kind, place, data)
        self.count += 1
        self.size += len(data)
        self._buffer += _HEAD.pack(number, len(body))
        self._buffer += body
        while len(self._buffer) >= BUNDLE_BATCH:
            self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                if self._buffer:
                    self._flush()
                self._drain(0)
        finally:
            self._pool.shutdown(cancel_futures=True)

    def _flush(self) -> None:
        piece = bytes(memoryview(self._buffer)[:BUNDLE_BATCH])
        del self._buffer[:BUNDLE_BATCH]
        self._waiting.append(self._pool.submit(_deflate, piece))
        self._drain(2 * _THREADS)

    def _drain(self, most: int) -> None:
        """Hands on pieces, in their order, until no more than so many wait to be compressed."""
        while len(self._waiting) > most:
            self._emit(self._waiting.popleft().result())


class ObjectUnpacker:
    """Takes the stream apart; what it says of its sizes is checked before memory is given to it.

    ``count`` objects of ``size`` bytes in all are expected; more are refused as they come, fewer by ``finish``.
    """

    def __init__(self, count: int, size: int) -> None:
        self._left = count
        self._left_bytes = size
        self._buffer = bytearray()
        self._before: tuple[str, bytes] = ("", b"")

    def feed(self, batch: ObjectBatch) -> Iterator[tuple[str, bytes]]:
        """Streams kind and bytes of the objects that are complete with this piece."""
        self._buffer += _inflate(batch)
        start = 0
        while len(self._buffer) - start >= _HEAD.size:
            number, length = _HEAD.unpack_from(self._buffer, start)
            self._check(number, length)
            end = start + _HEAD.size + length
            if len(self._buffer) < end:
                break
            body = bytes(memoryview(self._buffer)[start + _HEAD.size : end])
            yield self._object(number, body)
            start = end
        del self._buffer[:start]

    def finish(self) -> None:
        """Raises DamagedError unless all objects have come."""
        if self._buffer or self._left or self._left_bytes:
            raise DamagedError("A bundle holds fewer objects than it says, or one is cut short.")

    def _check(self, number: int, length: int) -> None:
        if not 1 <= number & ~_DIFFERENCE < len(KINDS):
            raise DamagedError(f"A bundle holds an object of the unknown kind {number}.")
        if length > (_LARGEST if number & _DIFFERENCE else min(_LIMIT, self._left_bytes)) or not self._left:
            raise DamagedError("A bundle holds more objects than it says, or larger ones than there may be.")

    def _object(self, number: int, body: bytes) -> tuple[str, bytes]:
        kind = KINDS[number & ~_DIFFERENCE]
        if number & _DIFFERENCE:
            if self._before[0] != kind or _result_size(body) > min(_LARGEST, self._left_bytes):
                raise DamagedError("A bundle holds a difference without its base, or one that is too large.")
            body = apply_delta(self._before[1], body)
        self._left -= 1
        self._left_bytes -= len(body)
        self._before = (kind, body) if len(body) <= _LARGEST else ("", b"")
        return kind, body


def _deflate(piece: bytes) -> ObjectBatch:
    return ObjectBatch(len(piece), zlib.compress(piece, _LEVEL))


def _inflate(batch: ObjectBatch) -> bytes:
    inflate = zlib.decompressobj()
    try:
        # One byte more than there may be: whoever says too small a size is found out.
        data = inflate.decompress(batch.deflated, batch.size + 1)
    except zlib.error as error:
        raise DamagedError(f"A piece of a bundle can not be inflated: {error}.") from error
    if len(data) != batch.size or not inflate.eof or inflate.unused_data:
        raise DamagedError("A piece of a bundle is not as long as it says.")
    return data


def _result_size(delta: bytes) -> int:
    """Returns how many bytes a difference says it makes: the second of the numbers it begins with."""
    size = shift = 0
    wanted = 2
    for byte in delta[:20]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            wanted -= 1
            if not wanted:
                return size
            size = shift = 0
    raise DamagedError(
        "A difference between two objects is damaged: it does not say how large its result is."
    )
