"""The frames of a version in the order of their names, and which of them match a query; made off the GUI thread."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from hdstore.model import Progress
from hdstore_gui.catalog import OpenVersion

__all__ = ["Listing", "natural"]

_NUMBER = re.compile(r"\d+")
_STEP = 65_536


def natural(text: str) -> str:
    """Returns a key that sorts img2 before img10: the text with its numbers padded."""
    return _NUMBER.sub(_padded, text)


def _padded(match: re.Match[str]) -> str:
    return match[0].zfill(20)


class Listing:
    """The names of a version's frames in order, kept so that every query on it only has to look its finds up."""

    def __init__(self, version: OpenVersion, job: Progress) -> None:
        self._version = version.version
        self._rows = version.version.rows(state=version.state, progress=job)
        self.tree = version.state.trie.tree
        names: list[str] = []
        begins = [0]
        for part in self._rows.parts:
            column = part.segment.text("frame.id")
            strings = column.texts.strings
            codes = column.codes if part.live is None else column.codes[part.live]
            for begin in range(0, len(codes), _STEP):
                job("Reading frames", len(names), len(self._rows))
                names += [strings[code] for code in codes[begin : begin + _STEP].tolist()]
            begins.append(len(names))
        order = sorted(range(len(names)), key=[natural(name) for name in names].__getitem__)
        self.names = [names[place] for place in order]
        ranks = np.empty(len(names), np.int64)
        ranks[order] = np.arange(len(names))
        self._ranks: dict[str, NDArray[np.int64]] = {}
        for part, begin, end in zip(self._rows.parts, begins[:-1], begins[1:], strict=True):
            spread = np.zeros(part.segment.count("frame"), np.int64)
            spread[slice(None) if part.live is None else part.live] = ranks[begin:end]
            self._ranks[part.segment.path.name] = spread

    def matching(self, text: str, job: Progress) -> list[str]:
        """Returns the names of the frames that meet a query, in order."""
        found = self._version.find(text, rows=self._rows, progress=job)
        if not found:
            return []
        ranks = np.concatenate([self._ranks[segment.path.name][rows] for segment, rows in found.parts])
        ranks.sort()
        return [self.names[rank] for rank in ranks.tolist()]
