"""Verifying stored bytes: every loose object, every pack and its index, against the hashes they carry.

What is found is named by file and, where bytes inside a pack are hurt, by the objects that lie there.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hdstore.errors import DamagedError

__all__ = ["Damage", "verify_files"]

_CHUNK = 1 << 20
_MAX_HEADER = 64
_LISTS = 8 + 1024
"""Where the lists of an index begin: behind its mark and 256 counts."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One hurt file: its path inside .hds, what is wrong, and the ids of the objects that are lost with it.

    ``unfinished`` marks what a process may leave that is killed while it writes: it hurts only if objects are missing.
    """

    path: str
    message: str
    objects: tuple[str, ...] = ()
    unfinished: bool = False


def verify_files(hds: Path, progress: Callable[[int], None] | None = None) -> Iterator[Damage]:
    """Streams what is damaged among the object files; ``progress`` gets the bytes read by each step."""
    objects = hds / "objects"
    for folder in sorted(objects.glob("[0-9a-f][0-9a-f]")):
        for path in sorted(folder.iterdir()):
            if len(path.name) == 38:
                damage = _verify_loose(hds, path)
                if damage is not None:
                    yield damage
                if progress is not None:
                    progress(1)
    for path in sorted((objects / "pack").glob("*.pack")):
        yield from _verify_pack(hds, path, progress)
    for path in sorted((objects / "pack").glob("*.idx")):
        if not path.with_suffix(".pack").exists():
            yield Damage(_name(hds, path), "its pack is missing")


def _name(hds: Path, path: Path) -> str:
    return path.relative_to(hds).as_posix()


def _open(path: Path) -> BinaryIO:
    """Opens a file for reading; raises OSError for what is none, or a symbolic link."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("it is no file")
    return os.fdopen(descriptor, "rb")


def _verify_loose(hds: Path, path: Path) -> Damage | None:
    oid = path.parent.name + path.name

    def damage(what: str) -> Damage:
        return Damage(_name(hds, path), what, (oid,))

    try:
        with _open(path) as stream:
            return _loose_problem(stream, oid, damage)
    except FileNotFoundError:
        return None  # packed meanwhile
    except OSError as error:
        return damage(f"the object can not be read ({error.strerror or error})")


def _loose_problem(stream: BinaryIO, oid: str, damage: Callable[[str], Damage]) -> Damage | None:
    inflate = zlib.decompressobj()
    hasher = hashlib.sha1(usedforsecurity=False)
    head, size = b"", 0
    try:
        # Read and inflated piece by piece: what a hostile file claims to be never has to fit in memory.
        while not inflate.eof and (stored := inflate.unconsumed_tail or stream.read(_CHUNK)):
            piece = inflate.decompress(stored, _CHUNK)
            if len(head) < _MAX_HEADER:
                head += piece[: _MAX_HEADER - len(head)]
            size += len(piece)
            hasher.update(piece)
    except zlib.error as error:
        return damage(f"the object can not be inflated ({error})")
    if not inflate.eof or inflate.unused_data or stream.read(1):
        return damage("the object is cut short or followed by other bytes")
    if hasher.hexdigest() != oid:
        return damage("the object is not what its name says")
    kind, separator, _ = head.partition(b"\0")
    if not separator or kind.split(b" ")[-1] != b"%d" % (size - len(kind) - 1):
        return damage("the object's header is wrong")
    return None


def _digest(path: Path, progress: Callable[[int], None] | None = None) -> tuple[bytes, bytes, bytes]:
    """Returns the hash of all but the last 20 bytes of a file, those bytes, and the 20 before them."""
    hasher = hashlib.sha1(usedforsecurity=False)
    with _open(path) as stream:
        left = os.fstat(stream.fileno()).st_size - 20
        before = b""
        while left > 0 and (chunk := stream.read(min(_CHUNK, left))):
            hasher.update(chunk)
            before = (before + chunk)[-20:]
            left -= len(chunk)
            if progress is not None:
                progress(len(chunk))
        return hasher.digest(), stream.read(20), before


def _has_its_size(index: Path) -> bool:
    """Says whether an index has a size that goes with how many objects it says it has."""
    with _open(index) as stream:
        count = int.from_bytes(stream.read(_LISTS)[-4:], "big")
        # Objects beyond 2 GiB have a second, longer offset.
        return 0 <= os.fstat(stream.fileno()).st_size - _LISTS - 40 - 28 * count <= 8 * count


def _verify_pack(hds: Path, path: Path, progress: Callable[[int], None] | None) -> Iterator[Damage]:
    name = _name(hds, path)
    try:
        found, stated, _ = _digest(path, progress)
    except FileNotFoundError:
        return  # merged into another meanwhile
    except OSError as error:
        yield Damage(name, f"the pack can not be read ({error.strerror or error})")
        return
    index = path.with_suffix(".idx")
    try:
        if not _has_its_size(index):
            yield Damage(_name(hds, index), "the index of a pack is longer or shorter than what it lists")
            return
        index_found, index_stated, pack_named = _digest(index)
    except FileNotFoundError:
        yield Damage(name, "the pack has no index; git index-pack can make it again", unfinished=True)
        return
    except OSError as error:
        yield Damage(_name(hds, index), f"the index of a pack can not be read ({error.strerror or error})")
        return
    whole = index_found == index_stated
    if not whole:
        yield Damage(_name(hds, index), "the index of a pack is not what its checksum says")
    if found != stated:
        try:
            hurt = tuple(_hurt_objects(path, index.read_bytes())) if whole else ()
        except (DamagedError, struct.error, OSError):
            hurt = ()
        yield Damage(name, "the pack is not what its checksum says", hurt)
    elif whole and pack_named != stated:
        yield Damage(_name(hds, index), "the index belongs to another pack")


def _hurt_objects(pack: Path, index: bytes) -> Iterator[str]:
    """Returns the ids of the objects whose bytes in the pack do not have the checksum that the index keeps."""
    if index[:8] != b"\xfftOc\x00\x00\x00\x02":
        raise DamagedError(f"The index of {pack.name} is not of version 2.")
    (count,) = struct.unpack_from(">I", index, 8 + 255 * 4)
    at = 8 + 1024
    oids = [index[at + 20 * i : at + 20 * (i + 1)] for i in range(count)]
    at += 20 * count
    checksums = struct.unpack_from(f">{count}I", index, at)
    at += 4 * count
    offsets = list(struct.unpack_from(f">{count}I", index, at))
    at += 4 * count
    for i, offset in enumerate(offsets):
        if offset & 0x80000000:
            (offsets[i],) = struct.unpack_from(">Q", index, at + 8 * (offset & 0x7FFFFFFF))
    order = sorted(range(count), key=offsets.__getitem__)
    end = pack.stat().st_size - 20
    with pack.open("rb") as stream:
        for rank, i in enumerate(order):
            stop = offsets[order[rank + 1]] if rank + 1 < count else end
            stream.seek(offsets[i])
            if zlib.crc32(stream.read(max(0, stop - offsets[i]))) != checksums[i]:
                yield oids[i].hex()
