"""Writing many objects into one pack and its index (version 2), as they come.

Objects are compressed lightly and, in bulk, not compared with each other: writing them is as fast as the
disk, and a later collection finds the differences. Compressing runs in a few threads; how much waits for them
is bounded.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from hdstore.model import Progress
from hdstore.store import files
from hdstore.store.delta import DeltaFinder
from hdstore.store.gitobjects import new_object_id
from hdstore.store.presence import Presence

__all__ = ["PackWriter", "encode_index"]

_KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
_DELTA = 7
"""The kind of an entry that names its base by id."""
_LEVEL = 1
_INLINE = 4096
"""Smaller objects are compressed at once: handing them to a thread costs more."""
_WAITING_BYTES = 16 << 20
_WAITING_OBJECTS = 1024
_THREADS = min(4, os.cpu_count() or 1)
_PROGRESS_EVERY = 256
_LARGE_OFFSET = 1 << 31


class _Packed(NamedTuple):
    data: bytes
    crc: int


def _compress(number: int, data: bytes, base: bytes = b"") -> _Packed:
    """Returns one entry of a pack: kind and size in git's variable-length form, a delta's base, deflated bytes."""
    size = len(data)
    byte = number << 4 | size & 0x0F
    size >>= 4
    header = bytearray()
    while size:
        header.append(byte | 0x80)
        byte = size & 0x7F
        size >>= 7
    header.append(byte)
    packed = b"".join((header, base, zlib.compress(data, _LEVEL)))
    return _Packed(packed, zlib.crc32(packed))


def encode_index(entries: list[tuple[bytes, int, int]], pack_hash: bytes) -> bytes:
    """Returns the ``.idx`` of a pack: ``entries`` are (object id, CRC-32, offset) in any order."""
    entries = sorted(entries)
    fanout = [0] * 256
    for oid, _, _ in entries:
        fanout[oid[0]] += 1
    for first in range(1, 256):
        fanout[first] += fanout[first - 1]
    small: list[int] = []
    large: list[int] = []
    for _, _, offset in entries:
        if offset < _LARGE_OFFSET:
            small.append(offset)
        else:
            small.append(_LARGE_OFFSET | len(large))
            large.append(offset)
    count = len(entries)
    body = b"".join(
        (
            b"\xfftOc\x00\x00\x00\x02",
            struct.pack(">256I", *fanout),
            b"".join([oid for oid, _, _ in entries]),
            struct.pack(f">{count}I", *[crc for _, crc, _ in entries]),
            struct.pack(f">{count}I", *small),
            struct.pack(f">{len(large)}Q", *large),
            pack_hash,
        )
    )
    return body + hashlib.sha1(body, usedforsecurity=False).digest()


class PackWriter:
    """Streams objects into a pack in ``tmp``; ``finish`` puts it into ``folder``, ``abort`` removes it.

    With a ``presence``, objects that the repository has are passed over; with ``deltas``, objects are stored
    by their difference from one that was written before. For one thread at a time.
    """

    def __init__(
        self,
        folder: Path,
        tmp: Path,
        *,
        presence: Presence | None = None,
        deltas: DeltaFinder | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._folder = folder
        self._aside = files.new_name(tmp, "pack")
        self._aside_index = self._aside.with_name(self._aside.name + "-idx")
        self._presence = presence
        self._deltas = deltas
        self._progress = progress
        self._entries: list[tuple[bytes, int, int]] = []
        self._written: set[bytes] = set()
        self._waiting: deque[tuple[bytes, int, Future[_Packed] | _Packed]] = deque()
        self._waiting_bytes = 0
        self._offset = 0
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._descriptor: int | None = None
        self._pool: ThreadPoolExecutor | None = None

    def write(self, kind: str, data: bytes) -> str:
        """Returns the id of the object, which is in the pack once ``finish`` has returned."""
        oid = new_object_id(kind, data)
        raw = bytes.fromhex(oid)
        if raw in self._written or (self._presence is not None and self._presence.renew(oid)):
            return oid
        if self._deltas is not None and (delta := self._deltas.find(oid, kind, data)):
            self._add(raw, _DELTA, delta.data, bytes.fromhex(delta.base))
        else:
            self._add(raw, _KINDS[kind], data)
        return oid

    def _add(self, raw: bytes, number: int, data: bytes, base: bytes = b"") -> None:
        self._written.add(raw)
        if self._descriptor is None:
            self._begin()
        entry: Future[_Packed] | _Packed
        if len(data) <= _INLINE:
            entry = _compress(number, data, base)
        else:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="hdstore-pack")
            entry = self._pool.submit(_compress, number, data, base)
        self._waiting.append((raw, len(data), entry))
        self._waiting_bytes += len(data)
        self._drain(_WAITING_BYTES, _WAITING_OBJECTS)

    def finish(self) -> Path | None:
        """Puts the pack in place and returns its path; None, and no file, when it would be empty."""
        if self._descriptor is None:
            return None
        with files.storage_errors(f"write a pack to {self._folder}"):
            self._drain(0, 0)
            self._flush_buffer()
            pack_hash = self._seal(self._descriptor)
            index = files.open_new(self._aside_index, mode=0o444)
            try:
                files.write_all(index, encode_index(self._entries, pack_hash))
                files.flush(index, self._aside_index)
            finally:
                os.close(index)
            files.make_folders(self._folder)
            target = self._folder / f"pack-{pack_hash.hex()}.pack"
            files.rename(self._aside, target)
            # Readers look for indexes: the pack must stand there when its index appears.
            files.rename(self._aside_index, target.with_suffix(".idx"))
            files.flush_folder(self._folder)
        self._close()
        return target

    def abort(self) -> None:
        """Removes what was written."""
        self._close()
        for path in (self._aside, self._aside_index):
            with suppress(OSError):
                path.unlink()

    def _begin(self) -> None:
        with files.storage_errors(f"write a pack to {self._folder}"):
            self._descriptor = files.open_new(self._aside, mode=0o444)
        self._append(struct.pack(">4sII", b"PACK", 2, 0))

    def _drain(self, most_bytes: int, most_objects: int) -> None:
        """Takes finished entries from the front until no more than this waits."""
        waiting = self._waiting
        while waiting:
            raw, size, entry = waiting[0]
            if isinstance(entry, Future):
                if len(waiting) <= most_objects and self._waiting_bytes <= most_bytes and not entry.done():
                    return
                entry = entry.result()
            waiting.popleft()
            self._waiting_bytes -= size
            self._entries.append((raw, entry.crc, self._offset))
            self._append(entry.data)
            if self._progress is not None and len(self._entries) % _PROGRESS_EVERY == 0:
                self._progress("Writing objects", len(self._entries), None)

    def _append(self, data: bytes) -> None:
        self._buffer.append(data)
        self._buffered += len(data)
        self._offset += len(data)
        if self._buffered >= 1 << 20:
            self._flush_buffer()

    def _flush_buffer(self) -> None:
        if self._descriptor is None or not self._buffer:
            return
        data = b"".join(self._buffer)
        self._buffer.clear()
        self._buffered = 0
        with files.storage_errors(f"write a pack to {self._folder}"):
            files.write_all(self._descriptor, data)

    def _seal(self, descriptor: int) -> bytes:
        """Writes the number of objects into the header and the hash at the end; returns the hash."""
        files.step("write", self._aside)
        os.pwrite(descriptor, struct.pack(">I", len(self._entries)), 8)
        os.lseek(descriptor, 0, os.SEEK_SET)
        # The header stands first and was not known until now, so the hash needs a second reading.
        hasher = hashlib.sha1(usedforsecurity=False)
        while chunk := os.read(descriptor, 1 << 20):
            hasher.update(chunk)
        files.write_all(descriptor, hasher.digest())
        files.flush(descriptor, self._aside)
        return hasher.digest()

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        self._waiting.clear()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
