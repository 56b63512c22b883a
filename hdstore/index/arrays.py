"""Files of arrays: a header in JSON that says where each array lies, then the arrays, mapped into memory when read.

A file begins with a line that names the format, then the length and checksum of the header. Arrays are plain
little-endian numbers, aligned, so that opening a file reads its header alone. ``docs/format.md`` describes it.
"""

from __future__ import annotations

import errno
import json
import math
import mmap
import os
import stat
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdstore.errors import DamagedError
from hdstore.store import files

__all__ = ["ArrayFile", "write_arrays"]

_MAGIC = b"hdstore index 1\n"
_ALIGN = 64
_MAX_HEADER = 64 << 20
_LARGE = 1 << 20
"""Bytes of arrays from which on a file is flushed when it is written, and not verified when it is opened."""

_SIZES = {"|b1": 1, "|u1": 1, "<u4": 4, "<i4": 4, "<i8": 8, "<f4": 4, "<f8": 8}
"""The kinds of numbers, as numpy names them, and their bytes."""


class _Place(NamedTuple):
    """Where an array lies: its kind and shape, its first byte counted from that of the first array, its checksum."""

    kind: str
    shape: list[int]
    offset: int
    check: int


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> None:
    """Writes a file of arrays; ``header`` is what stands beside their places.

    A large one is on the disk then. A small one is verified whenever it is opened instead: each edit writes some, and
    need not wait for the disk.
    """
    placed: dict[str, tuple[str, tuple[int, ...], int, int]] = {}
    offset = 0
    for name, array in arrays.items():
        placed[name] = (array.dtype.str, array.shape, offset, zlib.crc32(_bytes(array)))
        offset += -(-array.nbytes // _ALIGN) * _ALIGN
    text = json.dumps({**header, "arrays": placed, "size": offset}, separators=(",", ":")).encode()
    head = b"%s%d %d\n" % (_MAGIC, len(text), zlib.crc32(text))
    with files.storage_errors(f"write the index file {path}"):
        descriptor = files.open_new(path)
        try:
            parts = [head, text, bytes(-(len(head) + len(text)) % _ALIGN)]
            for array in arrays.values():
                parts += (_bytes(array), bytes(-array.nbytes % _ALIGN))
            for part in parts if offset >= _LARGE else (b"".join(parts),):
                files.write_all(descriptor, part)
            if offset >= _LARGE:
                files.flush(descriptor, path)
        finally:
            os.close(descriptor)


def _bytes(array: NDArray[Any]) -> Any:
    return np.ascontiguousarray(array).data.cast("B") if array.size else b""


class ArrayFile:
    """The arrays of one file by name; safe to share between threads.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedError: it is no file of arrays, or not the one that was written. Of a large one only the header is
            verified; ``damage`` tells of its arrays.
        StorageError: the system refused to read it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header, self._places, self._begin, self._map = _open(path)
        self._arrays: dict[str, NDArray[Any]] = {}
        if self.header["size"] < _LARGE and (hurt := self.damage()):
            raise DamagedError(f"The index file {path} is damaged: {hurt[0]} is not what was written.")

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self._map)

    def has(self, name: str) -> bool:
        """Says whether there is an array of this name."""
        return name in self._places

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Returns how large an array is in each direction, None where there is none; its bytes are not looked at."""
        place = self._places.get(name)
        return None if place is None else (*place.shape,)

    def array(self, name: str) -> NDArray[Any]:
        """Returns an array by its name; raises DamagedError where there is none."""
        found = self._arrays.get(name)
        if found is None:
            found = self._arrays[name] = self._load(name)
        return found

    def _load(self, name: str) -> NDArray[Any]:
        place = self._places.get(name)
        if place is None:
            raise DamagedError(f"The index file {self.path} is damaged: it holds no {name}.")
        count = math.prod(place.shape)
        return np.frombuffer(self._map, place.kind, count, self._begin + place.offset).reshape(place.shape)

    def damage(self) -> list[str]:
        """Returns the names of the arrays whose bytes are not those that were written."""
        return [
            name
            for name, place in self._places.items()
            if zlib.crc32(_bytes(self._load(name))) != place.check
        ]


def _open(path: Path) -> tuple[dict[str, Any], dict[str, _Place], int, mmap.mmap]:
    """Returns a file's header, where its arrays lie, where the first begins, and the file mapped into memory."""
    mapped = _mapped(path)
    try:
        if mapped[: len(_MAGIC)] != _MAGIC:
            raise ValueError("it is of another format")
        end = mapped.find(b"\n", len(_MAGIC), len(_MAGIC) + 32)
        length, check = map(int, mapped[len(_MAGIC) : end].split())
        if not 0 < length <= _MAX_HEADER:
            raise ValueError("its header has an absurd length")
        text = mapped[end + 1 : end + 1 + length]
        if zlib.crc32(text) != check:
            raise ValueError("its header is not what was written")
        header = json.loads(text)
        begin = -(-(end + 1 + length) // _ALIGN) * _ALIGN
        if len(mapped) != begin + header["size"]:
            raise ValueError("it is not as long as it was written")
        places = {name: _Place(*place) for name, place in header["arrays"].items()}
        for name, place in places.items():
            if not _fits(place, header["size"]):
                raise ValueError(f"its array {name} lies nowhere")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedError(f"The index file {path} is damaged: {error}.") from error
    return header, places, begin, mapped


def _mapped(path: Path) -> mmap.mmap:
    try:
        # Opening a pipe would wait for its other end.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise DamagedError(f"The index file {path} is damaged: something else stands there.")
            return mmap.mmap(descriptor, 0, prot=mmap.PROT_READ)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise
    except ValueError as error:
        raise DamagedError(f"The index file {path} is damaged: it is empty.") from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise DamagedError(f"The index file {path} is damaged: something else stands there.") from error
        raise files.storage_error(f"read the index file {path}", error) from error


def _fits(place: Sequence[Any], size: int) -> bool:
    """Says whether an array is of a known kind and lies inside of the ``size`` bytes of all."""
    kind, shape, offset, check = place
    if not isinstance(shape, list) or not all(type(number) is int for number in (*shape, offset, check)):
        return False
    if kind not in _SIZES or len(shape) > 2 or offset < 0 or offset % _ALIGN or min(shape, default=0) < 0:
        return False
    return bool(offset + math.prod(shape) * _SIZES[kind] <= size)
