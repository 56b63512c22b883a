"""Frames in a row, by the rows of the index they stand in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from hdstore.errors import InvalidInputError
from hdstore.index import Rows, Segment
from hdstore.model import Frame
from hdstore.query.columnar import ReadFrames

__all__ = ["Row", "Run"]

Row: TypeAlias = tuple[Segment, int]
"""A frame by its segment and row."""


@dataclass(frozen=True, eq=False)
class Run:
    """Frames in an order that means something: frame ``i`` is row ``rows[i]`` of segment ``segments[numbers[i]]``.

    ``read`` decodes them when they are asked for.
    """

    segments: tuple[Segment, ...]
    numbers: Rows
    rows: Rows
    read: ReadFrames | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        for number, row in zip(self.numbers.tolist(), self.rows.tolist(), strict=True):
            yield self.segments[number], row

    def ids(self) -> list[str]:
        """Returns the ids of the frames."""
        columns = [segment.text("frame.id") for segment in self.segments]
        return [
            columns[number].texts[int(columns[number].codes[row])]
            for number, row in zip(self.numbers.tolist(), self.rows.tolist(), strict=True)
        ]

    def frames(self) -> list[Frame]:
        """Returns the frames themselves; each leaf they lie in is read once.

        Raises:
            InvalidInputError: nobody said how to read them.
        """
        if self.read is None:
            raise InvalidInputError(
                "These frames can not be read: no function that reads was given for them."
            )
        found: dict[tuple[int, int], Frame] = {}
        for number in np.unique(self.numbers).tolist():
            rows = np.unique(self.rows[self.numbers == number])
            frames = self.read(self.segments[number], rows)
            found.update(((number, row), frame) for row, frame in zip(rows.tolist(), frames, strict=True))
        return [found[place] for place in zip(self.numbers.tolist(), self.rows.tolist(), strict=True)]
