"""Files of arrays: a header in JSON that says where each array lies, then the arrays, mapped into memory when read.

A file begins with a line that names the format, then the length and checksum of the header. Arrays are plain
little-endian numbers, aligned, so that opening a file reads its header alone. ``docs/format.md`` describes it.
"""

from __future__ import annotations

import json
import mmap
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdstore.errors import DamagedError
from hdstore.store import files

__all__ = ["ArrayFile", "write_arrays"]

_MAGIC = b"hdstore index 1\n"
_ALIGN = 64
_MAX_HEADER = 64 << 20
_TYPES = frozenset({"|b1", "|u1", "<u4", "<i4", "<i8", "<f4", "<f8"})


def write_arrays(
    path: Path, arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any], *, durable: bool = True
) -> None:
    """Writes a file of arrays; ``header`` is what stands beside their places. A ``durable`` one is on the disk then."""
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
            files.write_all(descriptor, head + text + bytes(-(len(head) + len(text)) % _ALIGN))
            for array in arrays.values():
                files.write_all(descriptor, _bytes(array))
                files.write_all(descriptor, bytes(-array.nbytes % _ALIGN))
            if durable:
                files.flush(descriptor, path)
        finally:
            os.close(descriptor)


def _bytes(array: NDArray[Any]) -> Any:
    return np.ascontiguousarray(array).data.cast("B") if array.size else b""


class ArrayFile:
    """The arrays of one file by name; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header, self._begin, self._map = _open(path)
        self._arrays: dict[str, NDArray[Any]] = {}

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self._map)

    def has(self, name: str) -> bool:
        """Says whether there is an array of this name."""
        return name in self.header["arrays"]

    def array(self, name: str) -> NDArray[Any]:
        """Returns an array by its name."""
        found = self._arrays.get(name)
        if found is None:
            found = self._arrays[name] = self._load(name)
        return found

    def _load(self, name: str) -> NDArray[Any]:
        try:
            kind, shape, offset, _ = self.header["arrays"][name]
            if kind not in _TYPES or not all(isinstance(part, int) and part >= 0 for part in shape):
                raise DamagedError(f"The index file {self.path} is damaged: {name} is of an unknown kind.")
            count = int(np.prod(shape, dtype=np.int64))
            return np.frombuffer(self._map, kind, count, self._begin + offset).reshape(shape)
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedError(
                f"The index file {self.path} is damaged: it holds no {name} ({error})."
            ) from error

    def damage(self) -> list[str]:
        """Returns the names of the arrays whose bytes are not those that were written."""
        found = []
        for name, (_, _, _, check) in self.header["arrays"].items():
            if zlib.crc32(_bytes(self._load(name))) != check:
                found.append(name)
        return found


def _open(path: Path) -> tuple[dict[str, Any], int, mmap.mmap]:
    """Returns a file's header, where its arrays begin, and the file mapped into memory."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        mapped = mmap.mmap(descriptor, 0, prot=mmap.PROT_READ)
    except ValueError as error:
        raise DamagedError(f"The index file {path} is empty.") from error
    finally:
        os.close(descriptor)
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
        if len(mapped) < begin + header["size"]:
            raise ValueError("it is cut short")
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"The index file {path} is damaged: {error}.") from error
    return header, begin, mapped
