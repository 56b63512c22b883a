"""Row sets on the disk: which rows of which segments a tree of frames holds, so that no trie is walked twice."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from hdstore.errors import DamagedError
from hdstore.index.arrays import ArrayFile, write_arrays
from hdstore.index.rows import Part, VersionRows
from hdstore.index.segment import Segment
from hdstore.store import files

__all__ = ["RowSets"]

_log = logging.getLogger(__name__)

_KEPT = 1024
"""Row sets that are kept; each edit makes one, and those not asked for any more go first."""

_SPARED = _KEPT // 8
"""Row sets that go at once when there are too many, so that their times are not looked up after each edit."""

_NAME = re.compile(r"[0-9a-f]{40}")


class RowSets:
    """The row sets of one index, a small file each, in ``folder``.

    After a power cut one may be anything, like all small files of arrays; then it is not believed.
    """

    def __init__(self, folder: Path, tmp: Path) -> None:
        self._folder = folder
        self._tmp = tmp

    def holds(self, tree: str, names: Collection[str]) -> bool:
        """Says whether there is one for a tree, in the segments ``names``, which are those that count."""
        with suppress(FileNotFoundError, DamagedError):
            return _counts(ArrayFile(self._folder / tree), tree, names)
        return False

    def load(
        self, tree: str, names: Collection[str], segment: Callable[[str], Segment]
    ) -> VersionRows | None:
        """Returns the rows of a tree, or None where they are not known, or not in the segments that count.

        ``names`` are the segments that count; ``segment`` opens one, and raises FileNotFoundError when it is gone.
        """
        try:
            found = ArrayFile(self._folder / tree)
            return self._rows(tree, found, names, segment)
        except FileNotFoundError:
            return None
        except DamagedError as error:
            _log.warning("%s The rows are found again.", error)
            return None

    def _rows(
        self, tree: str, found: ArrayFile, names: Collection[str], segment: Callable[[str], Segment]
    ) -> VersionRows | None:
        if not _counts(found, tree, names):
            return None
        parts = []
        for number, name in enumerate(found.header["segments"]):
            opened = segment(name)
            live = None
            if found.has(key := f"live/{number}"):
                count = opened.count("frame")
                if found.shape(key) != (-(-count // 8),):
                    raise DamagedError(
                        f"The index file {found.path} is damaged: it marks too many frames or too few."
                    )
                live = np.unpackbits(found.array(key), count=count).view(np.bool_)
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
        try:
            write_arrays(path, arrays, {"tree": rows.tree, "segments": names})
            files.rename(path, self._folder / rows.tree)
        except BaseException:
            with suppress(OSError):
                path.unlink()
            raise

    def all(self) -> list[str]:
        """Returns the trees whose rows are known, those asked for last first."""
        states = [(files.look(self._folder / name), name) for name in self._names()]
        found = [(state.st_mtime_ns, name) for state, name in states if state is not None]
        return [name for _, name in sorted(found, reverse=True)]

    def _names(self) -> list[str]:
        try:
            with os.scandir(self._folder) as entries:
                return [entry.name for entry in entries if _NAME.fullmatch(entry.name)]
        except FileNotFoundError:
            return []

    def touch(self, tree: str) -> None:
        """Notes that a tree was asked for."""
        # One that is somebody else's, or gone, is not kept for our sake.
        with suppress(OSError):
            os.utime(self._folder / tree)

    def forget(self, trees: Iterable[str]) -> None:
        """Removes the row sets of these trees."""
        for tree in trees:
            files.remove(self._folder / tree)

    def trim(self) -> None:
        """Removes the row sets that were asked for longest ago, beyond a number."""
        if len(self._names()) > _KEPT:
            self.forget(self.all()[_KEPT - _SPARED :])

    def damage(self) -> list[str]:
        """Returns a sentence for each row set whose bytes are not those that were written."""
        found = []
        for tree in self.all():
            try:
                file = ArrayFile(self._folder / tree)
                _counts(file, tree, ())
                found += [
                    f"The index file {file.path} is damaged: its {name} has changed."
                    for name in file.damage()
                ]
            except FileNotFoundError:
                continue
            except DamagedError as error:
                found.append(str(error))
        return found


def _counts(found: ArrayFile, tree: str, names: Collection[str]) -> bool:
    """Says whether these are rows of a tree in segments that count; raises DamagedError where they are none of it."""
    held = found.header.get("segments")
    if found.header.get("tree") != tree or not isinstance(held, list):
        raise DamagedError(f"The index file {found.path} is damaged: it does not hold what was written.")
    return all(isinstance(name, str) and name in names for name in held)
