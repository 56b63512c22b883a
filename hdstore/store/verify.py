"""Verifying stored bytes: every loose object, every pack and its index, against the hashes they carry.

What is found is named by file and, where bytes inside a pack are hurt, by the objects that lie there.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hdstore.errors import DamagedError, StorageError

__all__ = ["Damage", "verify_files"]

_CHUNK = 1 << 20
_MAX_HEADER = 64


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


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path} could not be read: {error.strerror or error}.") from error


def _verify_loose(hds: Path, path: Path) -> Damage | None:
    oid = path.parent.name + path.name
    inflate = zlib.decompressobj()
    hasher = hashlib.sha1(usedforsecurity=False)
    stored = _read(path)
    try:
        # Inflated piece by piece: what a hostile file claims to be never has to fit in memory.
        piece = inflate.decompress(stored, _CHUNK)
        head, separator, _ = piece[:_MAX_HEADER].partition(b"\0")
        size = -len(head) - 1
        while piece:
            hasher.update(piece)
            size += len(piece)
            piece = inflate.decompress(inflate.unconsumed_tail, _CHUNK)
    except zlib.error as error:
        return Damage(_name(hds, path), f"the object can not be inflated ({error})", (oid,))
    if not inflate.eof or inflate.unused_data:
        return Damage(_name(hds, path), "the object is cut short or followed by other bytes", (oid,))
    if hasher.hexdigest() != oid:
        return Damage(_name(hds, path), "the object is not what its name says", (oid,))
    if not separator or head.split(b" ")[-1] != b"%d" % size:
        return Damage(_name(hds, path), "the object's header is wrong", (oid,))
    return None


def _verify_pack(hds: Path, path: Path, progress: Callable[[int], None] | None) -> Iterator[Damage]:
    name = _name(hds, path)
    hasher = hashlib.sha1(usedforsecurity=False)
    size = path.stat().st_size
    try:
        with path.open("rb") as stream:
            left = size - 20
            while left > 0:
                chunk = stream.read(min(_CHUNK, left))
                if not chunk:
                    break
                hasher.update(chunk)
                left -= len(chunk)
                if progress is not None:
                    progress(len(chunk))
            trailer = stream.read(20)
    except OSError as error:
        yield Damage(name, f"the pack could not be read ({error.strerror or error})")
        return
    index = path.with_suffix(".idx")
    if not index.exists():
        yield Damage(name, "the pack has no index; git index-pack can make it again", unfinished=True)
        return
    data = _read(index)
    whole = hashlib.sha1(data[:-20], usedforsecurity=False).digest() == data[-20:]
    if not whole:
        yield Damage(_name(hds, index), "the index of a pack is not what its checksum says")
    if hasher.digest() != trailer:
        try:
            hurt = tuple(_hurt_objects(path, data)) if whole else ()
        except (DamagedError, struct.error):
            hurt = ()
        yield Damage(name, "the pack is not what its checksum says", hurt)
    elif whole and data[-40:-20] != trailer:
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
