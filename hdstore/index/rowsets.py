"""Row sets on the disk: which rows of which segments a tree of frames holds, so that no trie is walked twice."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hdstore.errors import DamagedError
from hdstore.index.arrays import ArrayFile, write_arrays
from hdstore.index.rows import Part, VersionRows
from hdstore.index.segment import Segment
from hdstore.store import files

__all__ = ["RowSets"]

_log = logging.getLogger(__name__)

_KEPT = 256
"""Row sets that are kept; each edit makes one, and those not asked for any more go first."""

_NAME = re.compile(r"[0-9a-f]{40}")


class RowSets:
    """The row sets of one index, a small file each, in ``folder``."""

    def __init__(self, folder: Path, tmp: Path) -> None:
        self._folder = folder
        self._tmp = tmp

    def has(self, tree: str) -> bool:
        """Says whether there is one for a tree."""
        return (self._folder / tree).exists()

    def load(self, tree: str, segment: Callable[[str], Segment]) -> VersionRows | None:
        """Returns the rows of a tree, or None where they are not known; ``segment`` opens a segment by its name.

        Raises:
            FileNotFoundError: a segment it names is gone.
        """
        path = self._folder / tree
        try:
            found = ArrayFile(path)
        except FileNotFoundError:
            return None
        except DamagedError as error:
            _log.warning("%s", error)
            files.remove(path)
            return None
        parts = []
        for number, name in enumerate(found.header["segments"]):
            opened = segment(name)
            live = None
            if found.has(key := f"live/{number}"):
                live = np.unpackbits(found.array(key), count=opened.count("frame")).view(np.bool_)
            parts.append(Part(opened, live))
        return VersionRows(tree, tuple(parts))

    def save(self, rows: VersionRows) -> None:
        """Keeps the rows of a tree."""
        path = files.new_name(self._tmp, "rows")
        arrays = {
            f"live/{number}": np.packbits(part.live)
            for number, part in enumerate(rows.parts)
            if part.live is not None
        }
        names = [part.segment.path.name for part in rows.parts]
        write_arrays(path, arrays, {"segments": names}, durable=False)
        files.rename(path, self._folder / rows.tree)

    def all(self) -> list[str]:
        """Returns the trees whose rows are known, those asked for last first."""
        with os.scandir(self._folder) as entries:
            found = [(entry.stat().st_mtime, entry.name) for entry in entries if _NAME.fullmatch(entry.name)]
        return [name for _, name in sorted(found, reverse=True)]

    def touch(self, tree: str) -> None:
        """Notes that a tree was asked for."""
        try:
            os.utime(self._folder / tree)
        except OSError:  # somebody else's, or gone: then it is not kept for our sake
            return

    def forget(self, trees: list[str]) -> None:
        """Removes the row sets of these trees."""
        for tree in trees:
            files.remove(self._folder / tree)

    def trim(self) -> None:
        """Removes the row sets that were asked for longest ago, beyond a number."""
        self.forget(self.all()[_KEPT:])
