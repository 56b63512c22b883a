"""Graphs of near vectors (HNSW): a search that looks at few of them, and may miss some that are near.

One graph serves all vectors of one name and length in one segment. It is built when it is first asked for, kept beside
the segments, and derived like them: what is lost or damaged is built again.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from hdstore.errors import DamagedError, HdstoreError, MissingPackageError
from hdstore.ids import content_hash
from hdstore.index import Segment, Vectors
from hdstore.index.arrays import ArrayFile, write_arrays
from hdstore.model import Progress
from hdstore.store import files

__all__ = ["FOLDER", "Graph", "graph_of"]

FOLDER = "graphs"
"""Where graphs lie, beside the segments."""

_log = logging.getLogger(__name__)

_LINKS = 16
"""Neighbours of each vector; more find more and take more room."""

_BUILT_WITH = 128
_SEARCHED_WITH = 512
"""Candidates that are kept while a vector is added, and while one is looked for."""

_TOGETHER = 4096
"""Vectors that are added from one call of progress to the next."""

_UNFINISHED = 86_400.0
"""Seconds after which nobody is writing a file any more."""

_known: WeakKeyDictionary[Segment, dict[str, Graph]] = WeakKeyDictionary()
"""Graphs that are open, by segment and name."""


class Graph:
    """The graph of the vectors of one name and length of a segment; safe to share between threads."""

    def __init__(self, index: Any, held: object) -> None:
        self._index = index
        self._held = held  # the bytes that the index reads from

    def nearest(self, vector: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """Returns up to ``count`` rows of the matrix that are near by cosine, in no order."""
        found = self._index.search(vector, min(count, len(self._index)))
        return np.asarray(found.keys).astype(np.int64)


def graph_of(segment: Segment, name: str, vectors: Vectors, progress: Progress | None) -> Graph:
    """Returns the graph of the vectors of a name in a segment; builds it where there is none yet.

    Raises:
        MissingPackageError: usearch is not installed.
    """
    module = _usearch()
    key = content_hash(f"{vectors.matrix.shape[1]} {name}".encode())[:16]
    held = _known.setdefault(segment, {})
    found = held.get(key)
    if found is None:
        path = segment.path.parent / FOLDER / f"{segment.path.name}.{key}"
        found = _load(module, path, vectors)
        if found is None:
            found = _build(module, path, vectors, progress)
        held[key] = found
    return found


def _usearch() -> Any:
    try:
        return import_module("usearch.index")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "usearch":
            raise
        raise MissingPackageError(
            "The fast search for near vectors needs the package usearch, which is not installed;"
            " pip install 'hdstore[vector]' brings it."
        ) from error


def _made_by() -> str:
    """Returns which program's bytes a graph is; another one, or another version of it, need not understand them."""
    return f"usearch {version('usearch')}"


def _new(module: Any, length: int) -> Any:
    return module.Index(
        ndim=length,
        metric="cos",
        dtype="bf16",
        connectivity=_LINKS,
        expansion_add=_BUILT_WITH,
        expansion_search=_SEARCHED_WITH,
        enable_key_lookups=False,
    )


def _load(module: Any, path: Path, vectors: Vectors) -> Graph | None:
    """Returns the graph in a file, or None where there is none that is whole."""
    try:
        held = ArrayFile(path)
        if held.damage() or held.header.get("count") != len(vectors.owners):
            raise DamagedError(f"The index file {path} is damaged.")
        if held.header.get("made_by") != _made_by():
            return None
    except FileNotFoundError:
        return None
    except DamagedError as error:
        _log.warning("%s It is built again.", error)
        return None
    index = _new(module, vectors.matrix.shape[1])
    index.view(held.array("graph").data)
    return Graph(index, held)


def _build(module: Any, path: Path, vectors: Vectors, progress: Progress | None) -> Graph:
    index = _new(module, vectors.matrix.shape[1])
    total = len(vectors.matrix)
    for begin, end in pairwise([*range(0, total, _TOGETHER), total]):
        if progress is not None:
            progress("Linking near vectors", begin, total)
        rows, directions = _directions(vectors.matrix[begin:end])
        index.add(rows + np.uint64(begin), directions)
    if progress is not None:
        progress("Linking near vectors", total, total)
    _save(index, path, total)
    return Graph(index, None)


def _directions(matrix: NDArray[Any]) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
    """Returns the rows of a matrix that have a direction, and their vectors, each as long as 1."""
    wide = matrix.astype(np.float64)
    largest = np.abs(wide).max(axis=1)
    rows = np.flatnonzero((largest > 0) & np.isfinite(largest))
    wide = wide[rows] / largest[rows, None]
    wide /= np.sqrt(np.einsum("ij,ij->i", wide, wide))[:, None]
    return rows.astype(np.uint64), wide.astype(np.float32)


def _save(index: Any, path: Path, count: int) -> None:
    """Keeps a graph for the next process; where that can not be, it is built again there."""
    aside = files.new_name(path.parent, "new")
    try:
        path.parent.mkdir(exist_ok=True)  # not those above it: an index that was dropped meanwhile stays so
        for stray in _strays(path.parent):
            files.remove(stray)
        graph = np.frombuffer(index.save(), np.uint8)
        write_arrays(aside, {"graph": graph}, {"count": count, "made_by": _made_by()})
        files.rename(aside, path)
    except (OSError, HdstoreError) as error:
        _log.warning("The graph %s is not kept: %s", path, error)
        with suppress(OSError):
            aside.unlink()


def _strays(folder: Path) -> Iterator[Path]:
    """Yields graphs whose segments are gone, and what processes left that were killed."""
    long_ago = time.time() - _UNFINISHED
    with os.scandir(folder) as entries:
        for entry in entries:
            segment, _, _ = entry.name.rpartition(".")
            if not (folder.parent / segment).exists() if segment else entry.stat().st_mtime < long_ago:
                yield folder / entry.name
