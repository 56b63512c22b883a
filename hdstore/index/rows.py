"""The rows of one version: which frames of which segments it holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hdstore.index.columns import Bools
from hdstore.index.segment import Segment

__all__ = ["Part", "VersionRows"]


@dataclass(frozen=True, eq=False)
class Part:
    """The frames of one segment that a version holds: all of them where ``live`` is None, else those marked in it."""

    segment: Segment
    live: Bools | None

    @cached_property
    def count(self) -> int:
        """How many frames these are."""
        return self.segment.count("frame") if self.live is None else int(np.count_nonzero(self.live))


@dataclass(frozen=True, eq=False)
class VersionRows:
    """The frames of one version by segment; each frame of it stands in exactly one part.

    ``tree`` is the id of the tree of frames. A value like this stays good for as long as it is held, whatever happens
    to the index.
    """

    tree: str
    parts: tuple[Part, ...]

    def __len__(self) -> int:
        return sum(part.count for part in self.parts)
