"""The index of a repository: finds the rows of a version, and builds what is missing first.

Segments are immutable files; a manifest names those that count and is replaced whole. Whoever adds to it holds a lock,
so work is done once; whoever only reads needs none. All of it is derived: what is damaged or lost is built anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hdstore.errors import LockTimeoutError
from hdstore.index.marking import Marks
from hdstore.index.merging import Merger
from hdstore.index.rows import VersionRows
from hdstore.index.rowsets import RowSets
from hdstore.index.shelf import Shelf
from hdstore.model import Progress
from hdstore.store import Objects, Trie, files
from hdstore.store.locks import Lock, backoff

__all__ = ["Index", "IndexStatus"]

_MANY = 48
"""More small segments than this are merged: each edit makes one."""

_TINY = 2 << 20
"""Segments of fewer bytes are small, whichever versions they serve."""

_SMALL = 16 << 20
"""Segments of fewer bytes are small where one version has too many of them."""

_MOVED = 32
"""Trees whose rows survive a merge: those asked for last. Others are found again when somebody asks."""

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
    """Trees of frames whose rows are known."""


class Index:
    """The index in ``folder``; safe to share between threads, and used by several processes at once.

    ``beside`` is another one over the same objects that is only read: what it knows is not built again.
    """

    def __init__(
        self, folder: Path, objects: Objects, *, tmp: Path, lock: Path, beside: Index | None = None
    ) -> None:
        self._objects = objects
        self._beside = beside
        self._lock_path = lock
        self._shelf = Shelf(folder, objects, tmp)
        self._sets = RowSets(folder / "trees", tmp)
        self._merger = Merger(self._shelf, self._sets)
        self._guard = threading.Lock()
        self._rows: OrderedDict[str, VersionRows] = OrderedDict()

    # Reading

    def rows(self, tree: str, *, near: Iterable[str] = (), progress: Progress | None = None) -> VersionRows:
        """Returns the rows of a tree of frames; builds first what no segment holds yet.

        ``near`` names trees that this one may have been made from, the closest first: from the rows of one of them
        these are found by what changed.

        Raises:
            StorageError: the index can not be written.
            DamagedError: the tree or a leaf of it is damaged.
            LockTimeoutError: another process has been building for an hour.
        """
        with self._guard:
            found = self._rows.get(tree)
            if found is not None:
                self._rows.move_to_end(tree)
                return found
        found = self._known(tree, self._shelf.names())
        if found is None and self._beside is not None:
            found = self._beside.known(tree)
        return found if found is not None else self._found(tree, near, progress)

    def known(self, tree: str) -> VersionRows | None:
        """Returns the rows of a tree of frames if that needs no building."""
        with self._guard:
            found = self._rows.get(tree)
        return found if found is not None else self._known(tree, self._shelf.names())

    def _known(self, tree: str, names: list[str] | None) -> VersionRows | None:
        """Returns the rows of a tree if they are on the disk, in segments that count."""
        found = self._sets.load(tree, frozenset(names), self._shelf.open) if names is not None else None
        if found is not None:
            self._sets.touch(tree)
            self._remember(found)
        return found

    def _remember(self, rows: VersionRows) -> None:
        with self._guard:
            self._rows[rows.tree] = rows
            self._rows.move_to_end(rows.tree)
            while len(self._rows) > _REMEMBERED:
                self._rows.popitem(last=False)

    def holds(self, tree: str) -> bool:
        """Says whether the rows of a tree are known, so that a search in it builds nothing."""
        with self._guard:
            if tree in self._rows:
                return True
        names = self._shelf.names()
        return names is not None and self._sets.holds(tree, frozenset(names))

    def status(self) -> IndexStatus:
        """Returns what the index holds."""
        segments = [self._shelf.open(name) for name in self._shelf.usable()]
        return IndexStatus(
            segments=len(segments),
            frames=sum(segment.count("frame") for segment in segments),
            size=sum(segment.size for segment in segments),
            trees=len(self._sets.all()) if self._shelf.names() is not None else 0,
        )

    def damage(self) -> list[str]:
        """Returns a sentence for each file of the index whose bytes are not those that were written."""
        return self._shelf.damage() + self._sets.damage() if self._shelf.names() is not None else []

    # Finding the rows of a tree

    def _found(self, tree: str, near: Iterable[str], progress: Progress | None) -> VersionRows:
        with self._changing(progress):
            names = self._shelf.prepare()
            known = self._known(tree, names)  # somebody else may have found them while this one waited
            if known is not None:
                return known
            base = self._nearest(near, names)
            marks, trie = Marks(self._shelf, base), Trie(self._objects, tree)
            if base is None:
                added = [*trie.leaves()]
            else:
                removed, added = Trie(self._objects, base.tree).leaf_changes(trie)
                marks.remove(removed)
            missing = marks.add(added, names)
            if missing:
                built = self._shelf.build(missing, progress)
                self._shelf.add(built, names)
                marks.add(missing, built)
                names = names + built
            rows = marks.rows(tree)
            self._sets.save(rows)
            self._sets.trim()
            self._remember(rows)
            crowd = self._crowd(rows, names)
            if crowd:
                recent = self._sets.all()[:_MOVED]
                leaves = self._merger.in_use(names, crowd, recent)
                names = self._merger.merge(names, crowd, leaves, recent, progress)
                self._forget()
                moved = self._known(tree, names)
                rows = rows if moved is None else moved
            return rows

    def _nearest(self, near: Iterable[str], names: list[str]) -> VersionRows | None:
        """Returns the rows of the first tree whose rows are known in the segments that count."""
        counting = frozenset(names)
        for number, tree in enumerate(near):
            if number >= _NEAR:
                return None
            with self._guard:
                found = self._rows.get(tree)
            # What was remembered may stand in segments that somebody has merged since.
            if found is None or not counting.issuperset(part.segment.path.name for part in found.parts):
                found = self._sets.load(tree, counting, self._shelf.open)
            if found is not None:
                return found
        return None

    def _crowd(self, rows: VersionRows, names: list[str]) -> list[str]:
        """Returns the small segments if there are too many, of all or of those that these rows stand in."""
        tiny = [segment for name in names if (segment := self._shelf.open(name)).size < _TINY]
        small = [part.segment for part in rows.parts if part.segment.size < _SMALL]
        for found in (tiny, small):
            found.sort(key=lambda segment: segment.size)
            # One that is larger than all others together would be written again and again for their sake.
            while found and 2 * found[-1].size > sum(segment.size for segment in found):
                found.pop()
            if len(found) > _MANY:
                return [segment.path.name for segment in found]
        return []

    # Cleaning

    def compact(self, trees: Iterable[str], *, merge: bool = True, progress: Progress | None = None) -> int:
        """Removes what none of these trees of frames needs, and returns how many bytes that freed.

        Segments without a living frame go, and the rows of other trees. With ``merge`` the small segments of a version
        become one, and those of which most frames are dead are written anew. Nothing is indexed that was not before.

        Raises:
            StorageError: the index can not be written.
            DamagedError: a tree is damaged.
            LockTimeoutError: another process has been building for an hour.
        """
        if self._shelf.names() is None:
            return 0
        with self._changing(progress):
            names = self._shelf.prepare()
            before = self._size(names)
            wanted = [*dict.fromkeys(trees)]
            self._sets.forget(set(self._sets.all()).difference(wanted))
            leaves = self._merger.living(names, self._leaves(wanted))
            names = [name for name in names if leaves[name]]
            self._shelf.keep(names)
            self._forget()
            for crowd in self._merger.groups(names, leaves, small=_SMALL) if merge else ():
                found = [leaf for name in crowd for leaf in leaves[name]]
                names = self._merger.merge(names, crowd, found, wanted, progress)
            return before - self._size(names)

    def _leaves(self, trees: list[str]) -> list[str]:
        """Returns the leaves of all of these trees, each once."""
        found: dict[str, None] = {}
        last: Trie | None = None
        for tree in trees:
            trie = Trie(self._objects, tree)
            found.update(dict.fromkeys(trie.leaves() if last is None else last.leaf_changes(trie)[1]))
            last = trie
        return [*found]

    def _size(self, names: list[str]) -> int:
        return sum(self._shelf.open(name).size for name in names)

    def drop(self) -> None:
        """Removes the index; the next search builds it anew."""
        with self._changing():
            self._forget()
            self._shelf.clear()

    def _forget(self) -> None:
        with self._guard:
            self._rows.clear()

    # The lock

    @contextmanager
    def _changing(self, progress: Progress | None = None) -> Iterator[None]:
        """Holds the lock of the index; waits for whoever builds at this moment."""
        lock = Lock(self._lock_path, what="the index")
        for _ in backoff(_PATIENCE):
            if lock.try_acquire():
                break
            if progress is not None:
                progress("Waiting for another process to build the index", 0, None)
        else:
            raise LockTimeoutError(
                f"Another process has been building the index in {self._shelf.folder} for an hour; wait for it to"
                " finish, or end it, and try again."
            )
        try:
            with files.storage_errors(f"write the index in {self._shelf.folder}"):
                yield
        finally:
            lock.release()
