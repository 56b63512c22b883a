"""Segments: files of columns over the frames of some leaves, never changed once written.

``docs/format.md`` describes the names of the arrays.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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

    @cached_property
    def vector_names(self) -> tuple[str, ...]:
        """The names of vectors that frames carry."""
        return tuple(self.header["vectors"])

    def vectors(self, name: str) -> list[Vectors]:
        """Returns the vectors of a name, one value for each length that occurs."""
        return [
            Vectors(self.array(f"frame.vectors/{key}.owners"), self.array(f"frame.vectors/{key}.matrix"))
            for key in self.header["vectors"].get(name, ())
        ]
