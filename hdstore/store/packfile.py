"""Reading packs: entries, and objects that are stored by their difference from others.

What lies in a pack may come from a stranger or from a failing disk. Nothing it says is believed: sizes and chains are
bounded, offsets and differences are checked against what is there. (libgit2 ends the process on some damaged packs, and
never returns from objects that were cut short; so reading is our own.)
"""

from __future__ import annotations

import os
import threading
import zlib
from collections import OrderedDict

from hdstore.errors import DamagedError
from hdstore.store.gitobjects import OBJECT_LIMIT
from hdstore.store.presence import PackIndex

__all__ = ["Bases", "PackReader", "apply_delta"]

_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_OFFSET_DELTA = 6
_NAMED_DELTA = 7
_AT_ONCE = 4096
"""How many bytes are read of an entry whose length in the pack is not known; most are shorter."""

_TRAILER = 20
_LONGEST_CHAIN = 4096
"""git makes chains of at most 50 unless told otherwise, and can not be told more than 4095."""


class Bases:
    """Objects from which others are made, kept while there is room; safe to share between threads."""

    def __init__(self, room: int = 32 << 20) -> None:
        self._room = room
        self._used = 0
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, int], tuple[str, bytes]] = OrderedDict()

    def get(self, pack: str, offset: int) -> tuple[str, bytes] | None:
        """Returns the object at this place of a pack, if it is kept."""
        with self._lock:
            found = self._held.get((pack, offset))
            if found is not None:
                self._held.move_to_end((pack, offset))
            return found

    def put(self, pack: str, offset: int, kind: str, data: bytes) -> None:
        """Keeps an object, in the place of those that were not asked for longest."""
        if len(data) * 8 > self._room:
            return
        with self._lock:
            if (pack, offset) in self._held:
                return
            self._held[pack, offset] = (kind, data)
            self._used += len(data)
            while self._used > self._room:
                _, (_, dropped) = self._held.popitem(last=False)
                self._used -= len(dropped)


class PackReader:
    """Reads the objects of one pack; holds no file open between calls."""

    def __init__(self, index: PackIndex, bases: Bases) -> None:
        self.index = index
        self._name = index.pack.name
        self._bases = bases

    def read(self, oid: bytes) -> tuple[str, bytes] | None:
        """Returns kind and bytes of an object, None when it is not in this pack; its hash is not verified."""
        offset = self.index.offset(oid)
        if offset is None:
            return None
        descriptor = os.open(self.index.pack, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return self.resolve(descriptor, offset)
        finally:
            os.close(descriptor)

    def read_beginning(self, oid: bytes, length: int) -> bytes | None:
        """Returns the first bytes of a blob; None when it is not in this pack, or not whole, or shorter.

        It is neither inflated to its end nor verified.
        """
        offset = self.index.offset(oid)
        if offset is None:
            return None
        descriptor = os.open(self.index.pack, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            end = os.fstat(descriptor).st_size - _TRAILER
            if not 12 <= offset < end:
                raise self._damaged("its index points outside of it")
            raw = os.pread(descriptor, min(_AT_ONCE, end - offset), offset)
            number, size, at = _head(raw)
            if _KINDS.get(number) != "blob" or not 0 < length <= size <= OBJECT_LIMIT:
                return None
            return self._inflate_beginning(descriptor, raw[at:], offset + len(raw), end, length)
        except IndexError:
            raise self._damaged("an entry is cut short") from None
        finally:
            os.close(descriptor)

    def _inflate_beginning(self, descriptor: int, raw: bytes, at: int, end: int, length: int) -> bytes | None:
        inflate = zlib.decompressobj()
        parts: list[bytes] = []
        left = length
        try:
            while left:
                part = inflate.decompress(raw, left)
                parts.append(part)
                left -= len(part)
                raw = inflate.unconsumed_tail
                if left and not raw:
                    # What is left has hardly more bytes than it will be inflated to.
                    raw = os.pread(descriptor, min(max(left, _AT_ONCE), 1 << 16, end - at), at)
                    at += len(raw)
                    if not raw or inflate.eof:
                        return None
        except zlib.error as error:
            raise self._damaged(f"an entry can not be inflated ({error})") from error
        return b"".join(parts)

    def resolve(self, descriptor: int, offset: int) -> tuple[str, bytes]:
        """Returns the object at ``offset``: follows the chain to an object that is stored whole, and goes back.

        ``descriptor`` is the pack, open; the hash is not verified.
        """
        end = os.fstat(descriptor).st_size - _TRAILER
        chain: list[tuple[int, bytes]] = []
        weight = 0
        while (found := self._bases.get(self._name, offset)) is None:
            kind, base, data = self._entry(descriptor, offset, end)
            if kind:
                found = kind, data
                if chain:
                    self._bases.put(self._name, offset, kind, data)
                break
            chain.append((offset, data))
            weight += len(data)
            if len(chain) > _LONGEST_CHAIN or weight > OBJECT_LIMIT:
                raise self._damaged("a chain of differences has no end")
            offset = base
        kind, data = found
        while chain:
            offset, delta = chain.pop()
            data = apply_delta(data, delta)
            if chain:
                self._bases.put(self._name, offset, kind, data)
        return kind, data

    def _entry(self, descriptor: int, offset: int, end: int) -> tuple[str, int, bytes]:
        """Returns kind ("" for a difference), the offset of the base and the inflated bytes of one entry."""
        if not 12 <= offset < end:
            raise self._damaged("its index points outside of it")
        raw = os.pread(descriptor, min(_AT_ONCE, end - offset), offset)
        try:
            number, size, at = _head(raw)
            base = 0
            if number == _OFFSET_DELTA:
                distance, at = _distance(raw, at)
                base = offset - distance
            elif number == _NAMED_DELTA:
                found = self.index.offset(raw[at : at + 20])
                if found is None:
                    raise self._damaged("a difference is from an object that is elsewhere")
                base, at = found, at + 20
            elif number not in _KINDS:
                raise self._damaged(f"an entry is of the unknown kind {number}")
        except IndexError:
            raise self._damaged("an entry is cut short") from None
        if size > OBJECT_LIMIT:
            raise self._damaged(f"an entry says it has {size} bytes; more than {OBJECT_LIMIT} are not read")
        data = self._inflate(descriptor, raw[at:], offset + len(raw), end, size)
        return _KINDS.get(number, ""), base, data

    def _inflate(self, descriptor: int, raw: bytes, at: int, end: int, size: int) -> bytes:
        inflate = zlib.decompressobj()
        parts: list[bytes] = []
        left = size
        try:
            while True:
                # One byte more than there may be: whoever says too small a size is found out.
                part = inflate.decompress(raw, left + 1)
                parts.append(part)
                left -= len(part)
                if inflate.eof or left < 0:
                    break
                raw = inflate.unconsumed_tail
                if not raw:
                    raw = os.pread(descriptor, min(1 << 16, end - at), at)
                    at += len(raw)
                    if not raw:
                        break
        except zlib.error as error:
            raise self._damaged(f"an entry can not be inflated ({error})") from error
        if left or not inflate.eof:
            raise self._damaged("an entry is not as long as it says")
        return b"".join(parts) if len(parts) > 1 else parts[0]

    def _damaged(self, why: str) -> DamagedError:
        return DamagedError(f"The pack {self._name} is damaged: {why}.")


def _head(raw: bytes) -> tuple[int, int, int]:
    """Returns the number of the kind, the size and where what follows begins."""
    byte = raw[0]
    number, size, shift, at = byte >> 4 & 7, byte & 15, 4, 1
    while byte & 0x80:
        byte = raw[at]
        size |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if shift > 64:
            raise IndexError
    return number, size, at


def _distance(raw: bytes, at: int) -> tuple[int, int]:
    """Returns how far before an entry its base begins, and where what follows begins."""
    byte = raw[at]
    at += 1
    distance = byte & 0x7F
    while byte & 0x80:
        byte = raw[at]
        at += 1
        distance = (distance + 1) << 7 | byte & 0x7F
        if distance >> 64:
            raise IndexError
    if not distance:
        raise IndexError
    return distance, at


def _size(delta: bytes, at: int) -> tuple[int, int]:
    size = shift = 0
    while True:
        byte = delta[at]
        at += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return size, at
        if shift > 64:
            raise IndexError


def apply_delta(base: bytes, delta: bytes) -> bytes:
    """Returns what git's instructions make of ``base``; raises DamagedError when they are none for it."""
    try:
        base_size, at = _size(delta, 0)
        size, at = _size(delta, at)
        if base_size != len(base) or size > OBJECT_LIMIT:
            raise IndexError
        made = b"".join(_parts(base, delta, at, size))
    except IndexError:
        made, size = b"", -1
    # A copy from beyond the end of the base, or text beyond that of the delta, was too short.
    if len(made) != size:
        raise DamagedError("A difference between two objects is damaged: it does not fit its base.")
    return made


def _parts(base: bytes, delta: bytes, at: int, size: int) -> list[bytes]:
    """Returns what the instructions from ``at`` on copy and bring, of no more than ``size`` bytes in all.

    Written out, for it runs hundreds of times for an object.
    """
    parts: list[bytes] = []
    end = len(delta)
    while at < end:
        code = delta[at]
        at += 1
        if code == 0x93:  # most are: an offset of two bytes, a length of one
            start = delta[at] | delta[at + 1] << 8
            length = delta[at + 2] or 0x10000
            at += 3
            parts.append(base[start : start + length])
        elif code & 0x80:
            start = length = 0
            for bit in range(4):
                if code & 1 << bit:
                    start |= delta[at] << 8 * bit
                    at += 1
            for bit in range(3):
                if code & 16 << bit:
                    length |= delta[at] << 8 * bit
                    at += 1
            length = length or 0x10000
            parts.append(base[start : start + length])
        elif code:
            length = code
            parts.append(delta[at : at + length])
            at += length
        else:
            raise IndexError
        size -= length
        if size < 0:
            raise IndexError
    return parts
