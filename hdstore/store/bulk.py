"""Reading many objects one after the other, as a walk over a history does: each pack is opened once."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Sequence

from hdstore.errors import DamagedError
from hdstore.store.packfile import Bases, PackReader
from hdstore.store.presence import PackIndex

__all__ = ["BulkReader"]

_WHOLE = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
_HEADS = {kind: kind.encode() + b" %d\0" for kind in _WHOLE}
_AT_ONCE = 1024
"""Bytes that are read of an entry at first: commits and trees are shorter as a rule."""

_SMALL = 4096
_KEPT_OPEN = 128


class BulkReader:
    """Reads objects for one thread until it is closed; each has its hash when it is returned.

    Packs that another process removes meanwhile stay readable here. What is not in a pack, or is damaged there, is left
    to ``otherwise``, which looks everywhere and says what is wrong.
    """

    def __init__(
        self, packs: Sequence[PackIndex], bases: Bases, otherwise: Callable[[str, str], bytes]
    ) -> None:
        self._packs = [*packs]
        self._bases = bases
        self._otherwise = otherwise
        self._open: dict[PackIndex, tuple[int, PackReader]] = {}

    def close(self) -> None:
        """Closes the packs."""
        for descriptor, _ in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def read(self, oid: bytes, kind: str) -> bytes:
        """Returns an object's bytes by its id of 20 bytes; raises DamagedError as ``Objects.read`` does."""
        try:
            packs = self._packs
            for index in packs:
                offset = index.offset(oid)
                if offset is not None:
                    if index is not packs[0]:
                        # The next object lies in the same pack as a rule.
                        packs.remove(index)
                        packs.insert(0, index)
                    descriptor, reader = self._open.get(index) or self._opened(index)
                    data = _whole(os.pread(descriptor, _AT_ONCE, offset), _WHOLE[kind])
                    if data is None:
                        data = reader.resolve(descriptor, offset)[1]
                    if hashlib.sha1(_HEADS[kind] % len(data) + data, usedforsecurity=False).digest() == oid:
                        return data
                    break
        except (DamagedError, OSError, IndexError, zlib.error):
            pass  # what is wrong is said by whoever looks everywhere
        return self._otherwise(oid.hex(), kind)

    def _opened(self, index: PackIndex) -> tuple[int, PackReader]:
        if len(self._open) >= _KEPT_OPEN:
            self.close()
        descriptor = os.open(index.pack, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        self._open[index] = descriptor, PackReader(index, self._bases)
        return self._open[index]


def _whole(raw: bytes, wanted: int) -> bytes | None:
    """Returns a small object that an entry of a pack holds whole, None where it is of another form or kind."""
    byte = raw[0]
    if byte >> 4 & 7 != wanted:
        return None
    size, shift, at = byte & 15, 4, 1
    while byte & 0x80 and at < 5:
        byte = raw[at]
        size |= (byte & 0x7F) << shift
        shift += 7
        at += 1
    if size > _SMALL:
        return None
    inflate = zlib.decompressobj()
    data = inflate.decompress(raw[at:], size + 1)
    return data if inflate.eof and len(data) == size else None
