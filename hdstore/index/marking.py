"""Working out which frames of which segments live, leaf by leaf."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from hdstore.index.columns import Bools
from hdstore.index.rows import Part, VersionRows
from hdstore.index.segment import Segment
from hdstore.index.shelf import Shelf

__all__ = ["Marks", "leaf_array", "leaf_names", "leaves_of"]


def leaf_array(leaves: Sequence[str]) -> NDArray[np.uint8]:
    """Returns object ids as rows of 20 bytes."""
    return np.frombuffer(bytes.fromhex("".join(leaves)), np.uint8).reshape(-1, 20)


def leaf_names(leaves: NDArray[np.uint8]) -> list[str]:
    """Returns rows of 20 bytes as object ids."""
    return [raw.tobytes().hex() for raw in leaves]


def leaves_of(segment: Segment, live: Bools | None) -> list[str]:
    """Returns the leaves of a segment whose frames are marked in ``live``; None means all."""
    begins = segment.leaf_starts[:-1]
    filled = begins < segment.leaf_starts[1:]
    if live is not None:
        filled[filled] = live[begins[filled]]
    return leaf_names(segment.leaf_ids[filled])


class Marks:
    """The living frames of each segment, beginning with those of ``rows``."""

    def __init__(self, shelf: Shelf, rows: VersionRows | None = None) -> None:
        self._shelf = shelf
        self._lives: dict[str, Bools] = {}
        for part in rows.parts if rows is not None else ():
            count = part.segment.count("frame")
            live = np.ones(count, np.bool_) if part.live is None else part.live.copy()
            self._lives[part.segment.path.name] = live

    def remove(self, leaves: Sequence[str]) -> None:
        """Marks the frames of leaves as dead, in whichever segments hold them."""
        wanted = leaf_array(leaves)
        for name in self._lives:
            self._set(name, self._shelf.places(name).find(wanted), alive=False)

    def add(self, leaves: Sequence[str], names: Iterable[str]) -> list[str]:
        """Marks the frames of leaves as living, in the first of these segments that holds each.

        Returns the leaves that none of them holds.
        """
        wanted = leaf_array(leaves)
        for name in names:
            if not len(wanted):
                break
            found = self._shelf.places(name).find(wanted)
            self._set(name, found, alive=True)
            wanted = wanted[found < 0]
        return leaf_names(wanted)

    def _set(self, name: str, found: NDArray[np.int64], *, alive: bool) -> None:
        places = found[found >= 0]
        if not len(places):
            return
        places = np.unique(places)
        segment = self._shelf.open(name)
        live = self._lives.get(name)
        if live is None:
            live = self._lives[name] = np.zeros(segment.count("frame"), np.bool_)
        begins, ends = segment.leaf_starts[places], segment.leaf_starts[places + 1]
        steps = np.zeros(len(live) + 1, np.int8)
        # A run may begin where another ends.
        np.add.at(steps, begins, 1)
        np.subtract.at(steps, ends, 1)
        live[np.cumsum(steps[:-1], dtype=np.int8).view(np.bool_)] = alive

    def rows(self, tree: str) -> VersionRows:
        """Returns the frames that live as the rows of a tree."""
        parts = [
            Part(self._shelf.open(name), None if live.all() else live)
            for name, live in self._lives.items()
            if live.any()
        ]
        return VersionRows(tree, tuple(parts))
