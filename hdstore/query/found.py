"""What a search found: frames of a version, by the rows of the index they stand in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hdstore.index import Rows, Segment

__all__ = ["Found"]


@dataclass(frozen=True, eq=False)
class Found:
    """Frames by segment, as ascending row numbers; a frame stands in it once."""

    parts: tuple[tuple[Segment, Rows], ...]

    def __len__(self) -> int:
        return sum(len(rows) for _, rows in self.parts)

    def ids(self) -> Iterator[str]:
        """Returns the ids of the frames, in no order that means something to people."""
        for segment, rows in self.parts:
            column = segment.text("frame.id")
            yield from column.texts.take(column.codes[rows])
