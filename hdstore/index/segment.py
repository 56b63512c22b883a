"""Segments: files of columns over the frames of some leaves, mapped into memory, never changed once written.

A file begins with a line that names the format, then the length of a JSON header and the header, which says where each
array lies. Arrays are plain little-endian numbers, aligned, so that opening a segment reads its header alone.
``docs/format.md`` describes the names.
"""

from __future__ import annotations

import json
import mmap
import os
import zlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdstore.errors import DamagedError
from hdstore.index.columns import (
    Bools,
    Cells,
    NumberColumn,
    Rows,
    TextColumn,
    Texts,
    TextsColumn,
    Vectors,
)

__all__ = ["SCOPES", "Segment", "write_segment"]

_MAGIC = b"hdstore index 1\n"
_ALIGN = 64
_MAX_HEADER = 64 << 20
_TYPES = frozenset({"|b1", "|u1", "<u4", "<i4", "<i8", "<f4", "<f8"})

SCOPES = ("frame", "annotation", "source")
"""The tables of a segment."""


def write_segment(path: Path, arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> None:
    """Writes a segment's file; ``header`` is what stands beside the places of the arrays."""
    placed: dict[str, tuple[str, tuple[int, ...], int, int]] = {}
    offset = 0
    for name, array in arrays.items():
        raw = np.ascontiguousarray(array)
        placed[name] = (raw.dtype.str, raw.shape, offset, zlib.crc32(raw.data.cast("B") if raw.size else b""))
        offset += -(-raw.nbytes // _ALIGN) * _ALIGN
    text = json.dumps({**header, "arrays": placed, "size": offset}, separators=(",", ":")).encode()
    head = b"%s%d %d\n" % (_MAGIC, len(text), zlib.crc32(text))
    with open(path, "wb") as stream:
        stream.write(head)
        stream.write(text)
        stream.write(bytes(-(len(head) + len(text)) % _ALIGN))
        for array in arrays.values():
            raw = np.ascontiguousarray(array)
            if raw.size:
                stream.write(raw.data.cast("B"))
            stream.write(bytes(-raw.nbytes % _ALIGN))


class Segment:
    """The columns of one file; safe to share between threads.

    Columns are named ``frame.context_id``, ``annotation.label`` and so on: the scope and the name of the field.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._header, self._begin, self._map = _open(path)
        self._arrays: dict[str, NDArray[Any]] = {}
        self._texts: dict[str, Texts] = {}

    def __repr__(self) -> str:
        return f"<Segment {self.path.name}: {self.count('frame')} frames>"

    def count(self, scope: str) -> int:
        """Returns how many rows a table has: frame, annotation, source or leaf."""
        return int(self._header["counts"][scope])

    @property
    def size(self) -> int:
        """Bytes of its file."""
        return len(self._map)

    def array(self, name: str) -> NDArray[Any]:
        """Returns an array by its name in the file."""
        found = self._arrays.get(name)
        if found is None:
            found = self._arrays[name] = self._load(name)
        return found

    def has(self, name: str) -> bool:
        """Says whether there is an array of this name."""
        return name in self._header["arrays"]

    def _load(self, name: str) -> NDArray[Any]:
        try:
            kind, shape, offset, _ = self._header["arrays"][name]
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
        for name, (_, _, _, check) in self._header["arrays"].items():
            raw = np.ascontiguousarray(self._load(name))
            if zlib.crc32(raw.data.cast("B") if raw.size else b"") != check:
                found.append(name)
        return found

    # Columns

    def texts(self, name: str) -> Texts:
        """Returns the dictionary of a column of strings."""
        found = self._texts.get(name)
        if found is None:
            instants = f"{name}.instants"
            found = self._texts[name] = Texts(
                self.array(f"{name}.text_starts"),
                self.array(f"{name}.text_data"),
                self.array(instants) if self.has(instants) else None,
            )
        return found

    def text(self, name: str) -> TextColumn:
        """Returns a column of one string for each owner: ``frame.id``, ``source.uri``, ``annotation.type``, ..."""
        return TextColumn(self.array(f"{name}.codes"), self.texts(name))

    def several(self, name: str) -> TextsColumn:
        """Returns a column of several strings for each owner: ``annotation.label``, ``annotation.sources``."""
        return TextsColumn(
            starts=self.array(f"{name}.starts"),
            codes=self.array(f"{name}.codes"),
            texts=self.texts(name),
            posts=self.array(f"{name}.posts"),
            owners=self.array(f"{name}.owners"),
        )

    def number(self, name: str) -> NumberColumn:
        """Returns a column of numbers: ``annotation.confidence``, ``source.width``, ``frame.timestamp``, ..."""
        return NumberColumn(self.array(name), exact=name not in self._header["inexact"])

    # Metadata

    @cached_property
    def _paths(self) -> dict[str, dict[tuple[str, ...], str]]:
        return {
            scope: {tuple(path): f"{scope}.metadata/{number}" for number, path in enumerate(paths)}
            for scope, paths in self._header["paths"].items()
        }

    def paths(self, scope: str) -> tuple[tuple[str, ...], ...]:
        """Returns the paths of metadata that have cells; lists on the way are not named."""
        return tuple(self._paths[scope])

    def cells(self, scope: str, path: tuple[str, ...]) -> Cells | None:
        """Returns the cells at exactly this path, or None."""
        name = self._paths[scope].get(path)
        if name is None:
            return None
        owners, numbers, codes = f"{name}.owners", f"{name}.numbers", f"{name}.codes"
        return Cells(
            kinds=self.array(f"{name}.kinds"),
            owners=self.array(owners) if self.has(owners) else None,
            numbers=self.array(numbers) if self.has(numbers) else None,
            codes=self.array(codes) if self.has(codes) else None,
            texts=self.texts(name) if self.has(codes) else None,
        )

    def overflow(self, scope: str) -> Bools | None:
        """Returns which owners hold metadata at paths that have no cells because there are too many; None: no owner."""
        name = f"{scope}.overflow"
        return self.array(name) if self.has(name) else None

    # From part to whole

    @cached_property
    def annotation_starts(self) -> Rows:
        """The annotations of frame ``i`` are the rows ``annotation_starts[i]`` up to ``annotation_starts[i + 1]``."""
        return self.array("frame.annotations")

    @cached_property
    def source_starts(self) -> Rows:
        """The sources of frame ``i`` are the rows ``source_starts[i]`` up to ``source_starts[i + 1]``."""
        return self.array("frame.sources")

    @cached_property
    def annotation_frames(self) -> Rows:
        """The frame of each annotation."""
        return self.array("annotation.frame")

    @cached_property
    def source_frames(self) -> Rows:
        """The frame of each source."""
        return self.array("source.frame")

    # Where the frames themselves lie

    @cached_property
    def leaf_ids(self) -> NDArray[np.uint8]:
        """The object ids of the leaves, 20 bytes each."""
        return self.array("leaf.id")

    @cached_property
    def leaf_starts(self) -> Rows:
        """The frames of leaf ``i`` are the rows ``leaf_starts[i]`` up to ``leaf_starts[i + 1]``."""
        return self.array("leaf.frames")

    def leaf_of(self, rows: Rows) -> Rows:
        """Returns the leaf of each frame; its place in it is its row less the leaf's first."""
        return (np.searchsorted(self.leaf_starts, rows, side="right") - 1).astype(np.int32)

    @cached_property
    def vector_names(self) -> tuple[str, ...]:
        """The names of vectors that frames carry."""
        return tuple(self._header["vectors"])

    def vectors(self, name: str) -> list[Vectors]:
        """Returns the vectors of a name, one value for each length that occurs."""
        return [
            Vectors(self.array(f"frame.vectors/{key}.owners"), self.array(f"frame.vectors/{key}.matrix"))
            for key in self._header["vectors"].get(name, ())
        ]


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
