"""Segments: files of columns over the frames of some leaves, never changed once written.

``docs/format.md`` describes the names of the arrays.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdstore.errors import DamagedError
from hdstore.index.arrays import ArrayFile
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

__all__ = ["SCOPES", "Segment"]

SCOPES = ("frame", "annotation", "source")
"""The tables of a segment."""


class Segment(ArrayFile):
    """The columns of one file; safe to share between threads.

    Columns are named ``frame.context_id``, ``annotation.label`` and so on: the scope and the name of the field.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._texts: dict[str, Texts] = {}
        if not (_is_header(self.header) and self._is_whole()):
            raise DamagedError(f"The index file {path} is damaged: it is no segment.")

    def _is_whole(self) -> bool:
        frames, leaves = self.count("frame"), self.count("leaf")
        return (
            self.shape("leaf.id") == (leaves, 20)
            and self.shape("leaf.frames") == (leaves + 1,)
            and self.shape("frame.end") == self.shape("frame.crc")
            and self.shape("frame.end") in (None, (frames,))
            and all(self.shape(f"frame.{scope}s") == (frames + 1,) for scope in SCOPES[1:])
            and all(self.shape(f"{scope}.frame") == (self.count(scope),) for scope in SCOPES[1:])
        )

    def __repr__(self) -> str:
        return f"<Segment {self.path.name}: {self.count('frame')} frames>"

    def count(self, scope: str) -> int:
        """Returns how many rows a table has: frame, annotation, source or leaf."""
        return int(self.header["counts"][scope])

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
        return NumberColumn(self.array(name), exact=name not in self.header["inexact"])

    # Metadata

    @cached_property
    def _paths(self) -> dict[str, dict[tuple[str, ...], str]]:
        return {
            scope: {tuple(path): f"{scope}.metadata/{number}" for number, path in enumerate(paths)}
            for scope, paths in self.header["paths"].items()
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

    # Vectors

    @cached_property
    def vector_names(self) -> tuple[str, ...]:
        """The names of vectors that frames carry, sorted."""
        return tuple(self.texts("frame.vectors")) if self.has("frame.vectors.codes") else ()

    def vectors(self, name: str) -> list[Vectors]:
        """Returns the vectors of a name, one value for each length that occurs, the shortest first."""
        if name not in self.vector_names:
            return []
        codes, lengths = self.array("frame.vectors.codes"), self.array("frame.vectors.lengths")
        starts, owners = self.array("frame.vectors.starts"), self.array("frame.vectors.owners")
        ends = np.cumsum(np.diff(starts) * lengths.astype(np.int64))
        found = []
        for group in np.flatnonzero(codes == self.vector_names.index(name)).tolist():
            rows, length = owners[starts[group] : starts[group + 1]], int(lengths[group])
            end = int(ends[group])
            numbers = self.array("frame.vectors.numbers")[end - len(rows) * length : end]
            found.append(Vectors(rows, numbers.reshape(len(rows), length)))
        return found


def _is_header(header: dict[str, Any]) -> bool:
    """Says whether this is the header of a segment: its values are of the right types."""
    counts, paths, inexact = header.get("counts"), header.get("paths"), header.get("inexact")
    return (
        isinstance(counts, dict)
        and all(type(counts.get(name)) is int and counts[name] >= 0 for name in (*SCOPES, "leaf"))
        and isinstance(paths, dict)
        and all(_are_paths(paths.get(scope)) for scope in SCOPES)
        and isinstance(inexact, list)
    )


def _are_paths(paths: Any) -> bool:
    return isinstance(paths, list) and all(
        isinstance(path, list) and all(isinstance(key, str) for key in path) for path in paths
    )
