"""What is known of histories, on the disk: derived, checked when it is read, and found again where it is gone.

One folder for each dataset, below ``.hds/hdstore/index/history``: ``graph`` has the columns of the commits,
``region-BITS`` and ``frame-KEY`` the changes of neighbouring frames or of one frame, ``credits-KEY`` who was credited
with what when somebody last asked. All are files of arrays (``hdstore/index/arrays.py``), replaced whole.
"""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdstore.blame.graph import COLUMNS, Graph
from hdstore.blame.region import REGION_COLUMNS, Region
from hdstore.errors import DamagedError, StorageError
from hdstore.index.arrays import ArrayFile, write_arrays
from hdstore.store import Lock, files

__all__ = ["KeptHistory"]

_log = logging.getLogger(__name__)

_FORMAT = 1
_COMMIT = re.compile(r"[0-9a-f]{40}")
_KEPT = 1024
_SPARED = _KEPT // 8
"""Files that go at once when there are too many, those asked for longest ago."""

_LONGEST = 64
"""The most bits that a region's name spells out."""


class KeptHistory:
    """The files of one dataset in ``folder``; whatever can not be believed is as if it were not there.

    They are believed only in the very folder in which they were written: a folder that came with a repository from
    elsewhere may say anything.
    """

    def __init__(self, folder: Path, tmp: Path, lock: Path) -> None:
        self._folder = folder
        self._tmp = tmp
        self._lock = lock

    # The graph

    def load_graph(self) -> Graph | None:
        """Returns the commits that are known, None where none are."""
        file = self._open("graph")
        found = None if file is None else _columns(file, COLUMNS)
        if found is None:
            return None
        graph = Graph(**found)
        commits = {len(graph.first), len(graph.times), len(graph.levels)}
        places = {len(graph.spans), len(graph.kinds), len(graph.entries)}
        return graph if commits == {len(graph)} and places == {len(graph.places)} else None

    def save_graph(self, graph: Graph) -> bool:
        """Keeps the commits; returns whether it could."""
        return self._save("graph", graph.columns(), {})

    # Regions

    def load_region(self, bits: str, graph: Graph) -> Region | None:
        """Returns the changes of the frames whose keys begin with ``bits``, None where they are not known."""
        file = self._open(_region_name(bits))
        if file is None:
            return None
        count = file.header.get("count")
        if not isinstance(count, int) or count > len(graph) or file.header.get("bits") != bits:
            return None
        if file.header.get("digest") != graph.digest(count):
            return None
        found = _columns(file, REGION_COLUMNS)
        if found is None or len({*map(len, found.values())}) != 1:
            return None
        return Region(bits=bits, count=count, **found)

    def save_region(self, region: Region, graph: Graph) -> None:
        """Keeps the changes of a region; ``graph`` holds its commits."""
        header = {"bits": region.bits, "count": region.count, "digest": graph.digest(region.count)}
        self._save(_region_name(region.bits), region.columns(), header)

    # Credits

    def load_credits(self, key: bytes) -> tuple[str, list[Any]] | None:
        """Returns a commit and what was found there for the frame of this key, None where nothing was."""
        file = self._open(f"credits-{key.hex()}")
        if file is None:
            return None
        commit, found = file.header.get("commit"), file.header.get("credits")
        if not isinstance(commit, str) or not _COMMIT.fullmatch(commit) or not isinstance(found, list):
            return None
        return commit, found

    def save_credits(self, key: bytes, commit: str, found: list[Any]) -> None:
        """Keeps what was found at a commit for the frame of this key."""
        self._save(f"credits-{key.hex()}", {}, {"commit": commit, "credits": found})

    # Files

    def _open(self, name: str) -> ArrayFile | None:
        path = self._folder / name
        try:
            file = ArrayFile(path)
            if file.header.get("format") != _FORMAT or file.header.get("place") != self._place():
                return None
            # A small file was verified when it was opened.
            if hurt := file.damage():
                raise DamagedError(f"The index file {path} is damaged: {hurt[0]} is not what was written.")
        except FileNotFoundError:
            return None
        except (DamagedError, StorageError) as error:
            _log.warning("%s It is found again.", error)
            return None
        with suppress(OSError):
            os.utime(path)
        return file

    def _save(self, name: str, columns: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> bool:
        aside = files.new_name(self._tmp, "history")
        try:
            with self._writing() as may:
                if not may:
                    return False
                try:
                    state = {"format": _FORMAT, "place": self._place(), **header}
                    write_arrays(aside, columns, state)
                    files.rename(aside, self._folder / name)
                finally:
                    with suppress(OSError):
                        aside.unlink()
                self._trim()
        except (StorageError, OSError) as error:
            _log.warning("What is known of the history can not be kept: %s", error)
            return False
        return True

    @contextmanager
    def _writing(self) -> Iterator[bool]:
        """Yields whether this process may write now; whoever else does writes much the same."""
        if not os.access(self._tmp, os.W_OK):
            yield False
            return
        lock = Lock(self._lock, what="the history")
        if not lock.try_acquire():
            yield False
            return
        try:
            files.make_folders(self._folder, durable=False)
            yield True
        finally:
            lock.release()

    def _trim(self) -> None:
        with os.scandir(self._folder) as entries:
            names = [entry.name for entry in entries if entry.name != "graph"]
        if len(names) <= _KEPT:
            return
        states = [(files.look(self._folder / name), name) for name in names]
        ages = sorted((state.st_mtime_ns, name) for state, name in states if state is not None)
        for _, name in ages[: len(names) - _KEPT + _SPARED]:
            files.remove(self._folder / name)

    def _place(self) -> list[int] | None:
        """Returns the number of the folder's disk and its own there."""
        state = files.look(self._folder)
        return [state.st_dev, state.st_ino] if state is not None and stat.S_ISDIR(state.st_mode) else None


def _region_name(bits: str) -> str:
    if len(bits) <= _LONGEST:
        return f"region-{bits}"
    return f"frame-{int(bits, 2):0{len(bits) // 4}x}"


def _columns(file: ArrayFile, wanted: Mapping[str, tuple[str, int]]) -> dict[str, NDArray[Any]] | None:
    """Returns columns by name, None where one is missing or of another shape."""
    found = {}
    for name, (kind, width) in wanted.items():
        if not file.has(name):
            return None
        array = found[name] = file.array(name)
        if array.dtype != np.dtype(kind) or array.shape[1:] != ((width,) if width else ()):
            return None
    return found
