"""The index of a repository: finds the rows of a version, and builds what is missing first.

Segments are immutable files; a manifest names those that count and is replaced whole. Whoever adds to it holds a lock,
so work is done once; whoever only reads needs none. All of it is derived: what is damaged or lost is built anew.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hdstore.codec import decode_leaf
from hdstore.errors import DamagedError, LockTimeoutError
from hdstore.index.building import MAX_FRAMES, SegmentBuilder
from hdstore.index.columns import Bools
from hdstore.index.leaves import LeafPlaces
from hdstore.index.manifest import Manifest
from hdstore.index.rows import Part, VersionRows
from hdstore.index.rowsets import RowSets
from hdstore.index.segment import Segment
from hdstore.model import Progress
from hdstore.store import Objects, Trie, files
from hdstore.store.locks import Lock, backoff

__all__ = ["Index", "IndexStatus"]

_log = logging.getLogger(__name__)

_SMALL = MAX_FRAMES // 8
"""Segments of fewer frames are merged once there are ``_MANY`` of them: each edit makes one."""

_MANY = 48
_NEAR = 200
"""Earlier trees that are looked for before a trie is walked whole."""

_REMEMBERED = 16

_PATIENCE = 3600.0
"""Seconds to wait for another process that builds."""


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """What an index holds: segments, frames in them (also of leaves no version has any more), bytes on the disk."""

    segments: int
    frames: int
    size: int
    trees: int
    """Versions whose rows are known."""


class Index:
    """The index in ``folder``; safe to share between threads, and used by several processes at once."""

    def __init__(self, folder: Path, objects: Objects, *, tmp: Path, lock: Path) -> None:
        self._folder = folder
        self._objects = objects
        self._tmp = tmp
        self._lock_path = lock
        self._sets = RowSets(folder / "trees", tmp)
        self._manifest = Manifest(folder, tmp)
        self._guard = threading.Lock()
        self._segments: dict[str, Segment] = {}
        self._places: dict[str, LeafPlaces] = {}
        self._rows: OrderedDict[str, VersionRows] = OrderedDict()

    # Reading

    def rows(self, tree: str, *, near: Iterable[str] = (), progress: Progress | None = None) -> VersionRows:
        """Returns the rows of a tree of frames; builds first what no segment holds yet.

        ``near`` names trees that this one may have been made from, the closest first: from the rows of one of them
        these are found by what changed.

        Raises:
            StorageError: the index can not be written.
            DamagedError: the tree or a leaf of it is damaged.
        """
        with self._guard:
            found = self._rows.get(tree)
            if found is not None:
                self._rows.move_to_end(tree)
                return found
        return self._known(tree) or self._found(tree, near, progress)

    def _known(self, tree: str) -> VersionRows | None:
        """Returns the rows of a tree if they are on the disk."""
        found = self._loaded(tree) if self._is_ours() else None
        if found is not None:
            self._sets.touch(tree)
            self._remember(found)
        return found

    def _loaded(self, tree: str) -> VersionRows | None:
        try:
            return self._sets.load(tree, self._open)
        except FileNotFoundError:
            # Another process replaced a segment meanwhile, or it was damaged: the rows are found again.
            return None

    def _remember(self, rows: VersionRows) -> None:
        with self._guard:
            self._rows[rows.tree] = rows
            while len(self._rows) > _REMEMBERED:
                self._rows.popitem(last=False)

    def _open(self, name: str) -> Segment:
        """Returns a segment; raises FileNotFoundError when it is gone, also when it was damaged and removed."""
        with self._guard:
            found = self._segments.get(name)
        if found is None:
            try:
                found = Segment(self._folder / name)
            except DamagedError as error:
                _log.warning("%s It is built again.", error)
                files.remove(self._folder / name)
                raise FileNotFoundError(name) from error
            with self._guard:
                self._segments[name] = found
        return found

    def _usable(self) -> list[str]:
        """Returns the names of the segments that are there."""
        names = []
        for name in self._manifest.read() or ():
            with suppress(FileNotFoundError):
                self._open(name)
                names.append(name)
        return names

    # Finding the rows of a tree

    def _found(self, tree: str, near: Iterable[str], progress: Progress | None) -> VersionRows:
        with self._changing(progress):
            known = self._known(tree)  # somebody else may have found them while this one waited
            if known is not None:
                return known
            names = self._usable()
            base = self._nearest(tree, near, set(names))
            trie = Trie(self._objects, tree)
            if base is None:
                lives: dict[str, Bools] = {}
                added = [*trie.leaves()]
            else:
                removed, added = Trie(self._objects, base.tree).leaf_changes(trie)
                lives = {
                    part.segment.path.name: np.ones(part.segment.count("frame"), np.bool_)
                    if part.live is None
                    else part.live.copy()
                    for part in base.parts
                }
                self._mark(lives, [*lives], removed, alive=False)
            missing = self._mark(lives, names, added, alive=True)
            if missing:
                built = self._build(missing, progress)
                self._mark(lives, built, missing, alive=True)
                names += built
                self._manifest.write(names)
            rows = self._rows_of(tree, lives)
            self._sets.save(rows)
            self._sets.trim()
            if sum(self._open(name).count("frame") < _SMALL for name in names) > _MANY:
                self._merge(names, progress)
                rows = self._known(tree) or rows
            self._remember(rows)
            return rows

    def _nearest(self, tree: str, near: Iterable[str], names: set[str]) -> VersionRows | None:
        for number, other in enumerate(near):
            if number >= _NEAR:
                return None
            with self._guard:
                found = self._rows.get(other)
            if found is None and self._sets.has(other):
                found = self._loaded(other)
            if found is not None and all(part.segment.path.name in names for part in found.parts):
                return found
        return None

    def _mark(
        self, lives: dict[str, Bools], names: list[str], leaves: list[str], *, alive: bool
    ) -> list[str]:
        """Marks the frames of leaves in the first segment that holds each; returns the leaves that none holds."""
        wanted = np.frombuffer(bytes.fromhex("".join(leaves)), np.uint8).reshape(-1, 20)
        for name in names:
            if not len(wanted):
                break
            segment = self._open(name)
            places = self._places.get(name)
            if places is None:
                places = self._places[name] = LeafPlaces(segment.leaf_ids)
            found = places.find(wanted)
            held = found[found >= 0]
            if len(held):
                live = lives.get(name)
                if live is None:
                    live = lives[name] = np.zeros(segment.count("frame"), np.bool_)
                _fill(live, segment.leaf_starts[held], segment.leaf_starts[held + 1], alive)
                wanted = wanted[found < 0]
        return [raw.tobytes().hex() for raw in wanted]

    def _rows_of(self, tree: str, lives: dict[str, Bools]) -> VersionRows:
        parts = []
        for name, live in lives.items():
            if live.any():
                parts.append(Part(self._open(name), None if live.all() else live))
        return VersionRows(tree, tuple(parts))

    # Building

    def _build(self, leaves: list[str], progress: Progress | None) -> list[str]:
        """Writes segments of these leaves and returns their names."""
        names: list[str] = []
        builder = SegmentBuilder()
        done = 0
        try:
            for number, oid in enumerate(leaves):
                builder.add(oid, decode_leaf(self._objects.read(oid, "blob")))
                if builder.is_full:
                    names.append(self._finish(builder))
                    done += builder.frames
                    builder = SegmentBuilder()
                if progress is not None and number % 32 == 0:
                    progress("Indexing leaves", number, len(leaves))
            if builder.frames:
                names.append(self._finish(builder))
        except BaseException:
            for name in names:
                files.remove(self._folder / name)
            raise
        if progress is not None:
            progress("Indexing leaves", len(leaves), len(leaves))
        return names

    def _finish(self, builder: SegmentBuilder) -> str:
        path = files.new_name(self._tmp, "segment")
        try:
            builder.write(path)
            files.rename(path, self._folder / path.name)
        except BaseException:
            files.remove(path)
            raise
        files.flush_folder(self._folder)
        return path.name

    def _merge(self, names: list[str], progress: Progress | None) -> None:
        """Makes one segment of the small ones, of those leaves that some version whose rows are known still has."""
        small = [name for name in names if self._open(name).count("frame") < _SMALL]
        lives = {name: np.zeros(self._open(name).count("frame"), np.bool_) for name in small}
        trees = self._sets.all()
        for tree in trees:
            rows = self._loaded(tree)
            for part in rows.parts if rows else ():
                live = lives.get(part.segment.path.name)
                if live is not None:
                    live |= True if part.live is None else part.live
        leaves = []
        for name, live in lives.items():
            segment = self._open(name)
            kept = live[segment.leaf_starts[:-1]]
            leaves += [raw.tobytes().hex() for raw in segment.leaf_ids[kept]]
        built = self._build(leaves, progress)
        merged = [name for name in names if name not in lives] + built
        moved: list[VersionRows] = []
        for tree in trees:
            rows = self._loaded(tree)
            if rows is not None and any(part.segment.path.name in lives for part in rows.parts):
                moved.append(self._moved(rows, lives, built))
        self._manifest.write(merged)
        for rows in moved:
            self._sets.save(rows)
            with self._guard:
                self._rows.pop(rows.tree, None)
        for name in small:
            files.remove(self._folder / name)
            with self._guard:
                self._segments.pop(name, None)
                self._places.pop(name, None)

    def _moved(self, rows: VersionRows, gone: dict[str, Bools], built: list[str]) -> VersionRows:
        """Returns the same frames in the segments that replace those that are ``gone``."""
        lives: dict[str, Bools] = {}
        leaves: list[str] = []
        for part in rows.parts:
            segment = part.segment
            live = np.ones(segment.count("frame"), np.bool_) if part.live is None else part.live
            if segment.path.name in gone:
                leaves += [raw.tobytes().hex() for raw in segment.leaf_ids[live[segment.leaf_starts[:-1]]]]
            else:
                lives[segment.path.name] = live
        self._mark(lives, built, leaves, alive=True)
        return self._rows_of(rows.tree, lives)

    # The folder

    def _is_ours(self) -> bool:
        return self._manifest.read() is not None

    @contextmanager
    def _changing(self, progress: Progress | None = None) -> Iterator[None]:
        """Holds the lock of the index, and makes its folder ready; waits for whoever builds at this moment."""
        lock = Lock(self._lock_path, what="the index")
        for _ in backoff(_PATIENCE):
            if lock.try_acquire():
                break
            if progress is not None:
                progress("Waiting for another process to build the index", 0, None)
        else:
            raise LockTimeoutError(
                f"Another process has been building the index in {self._folder} for too long."
            )
        try:
            self._prepare()
            yield
        finally:
            lock.release()

    def _prepare(self) -> None:
        with files.storage_errors(f"make the index in {self._folder}"):
            if self._is_ours():
                return
            if self._folder.exists():
                self._clear()
            files.make_folders(self._folder / "trees", durable=False)
            self._manifest.write([])

    def _clear(self) -> None:
        """Removes all that is in the folder."""
        self._forget()
        shutil.rmtree(self._folder)

    def _forget(self) -> None:
        with self._guard:
            self._segments.clear()
            self._places.clear()
            self._rows.clear()

    def drop(self) -> None:
        """Removes the index; the next search builds it anew."""
        with self._changing():
            self._clear()

    def status(self) -> IndexStatus:
        """Returns what the index holds."""
        if not self._is_ours():
            return IndexStatus(segments=0, frames=0, size=0, trees=0)
        segments = [self._open(name) for name in self._usable()]
        return IndexStatus(
            segments=len(segments),
            frames=sum(segment.count("frame") for segment in segments),
            size=sum(segment.size for segment in segments),
            trees=len(self._sets.all()),
        )

    def holds(self, tree: str) -> bool:
        """Says whether the rows of a tree are known, so that a search in it builds nothing."""
        return tree in self._rows or (self._is_ours() and self._sets.has(tree))

    def damage(self) -> list[str]:
        """Returns a sentence for each file of the index whose bytes are not those that were written."""
        found = []
        for name in self._manifest.read() or ():
            try:
                arrays = Segment(self._folder / name).damage()
            except (DamagedError, OSError) as error:
                found.append(str(error))
                continue
            found += [
                f"The index file {self._folder / name} is damaged: {array} has changed." for array in arrays
            ]
        return found


def _fill(live: Bools, starts: NDArray[np.int32], ends: NDArray[np.int32], alive: bool) -> None:
    """Marks the rows of runs that do not overlap."""
    steps = np.zeros(len(live) + 1, np.int8)
    # A run may begin where another ends.
    np.add.at(steps, starts, 1)
    np.subtract.at(steps, ends, 1)
    live[np.cumsum(steps[:-1], dtype=np.int8).view(np.bool_)] = alive
