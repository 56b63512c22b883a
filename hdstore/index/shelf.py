"""The segments of one index: the files in its folder, and which of them count."""

from __future__ import annotations

import gc
import logging
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hdstore.codec import decode_leaf
from hdstore.errors import DamagedError, HdstoreError
from hdstore.index.building import SegmentBuilder
from hdstore.index.leaves import LeafPlaces
from hdstore.index.manifest import MANIFEST, Manifest
from hdstore.index.segment import Segment
from hdstore.model import Progress
from hdstore.store import Objects, files

__all__ = ["Shelf"]

_log = logging.getLogger(__name__)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Puts off the search for cycles: frames have none, and each search goes through all that was gathered."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Shelf:
    """The segments in ``folder``; safe to share between threads.

    Whoever adds or removes some holds the lock of the index. Readers need none: a segment never changes, and one that
    was removed stays readable for those who have it open.
    """

    def __init__(self, folder: Path, objects: Objects, tmp: Path) -> None:
        self.folder = folder
        self._objects = objects
        self._tmp = tmp
        self._manifest = Manifest(folder, tmp)
        self._guard = threading.Lock()
        self._segments: dict[str, Segment] = {}
        self._places: dict[str, LeafPlaces] = {}

    # Reading

    def names(self) -> list[str] | None:
        """Returns the names of the segments that count, or None where there is no index that can be believed."""
        for folder in (self.folder, self.folder / "trees"):
            state = files.look(folder)
            if state is None or not stat.S_ISDIR(state.st_mode):
                return None
        return self._manifest.read()

    def open(self, name: str) -> Segment:
        """Returns a segment; raises FileNotFoundError when it is gone or damaged."""
        with self._guard:
            found = self._segments.get(name)
        if found is None:
            try:
                found = Segment(self.folder / name)
            except DamagedError as error:
                raise FileNotFoundError(name) from error
            with self._guard:
                found = self._segments.setdefault(name, found)
        return found

    def usable(self) -> list[str]:
        """Returns the names of the segments that count and can be opened."""
        found = []
        for name in self.names() or ():
            with suppress(FileNotFoundError):
                self.open(name)
                found.append(name)
        return found

    def damage(self) -> list[str]:
        """Returns a sentence for each segment that counts and whose bytes are not those that were written."""
        found = []
        for name in self.names() or ():
            path = self.folder / name
            try:
                arrays = Segment(path).damage()
            except FileNotFoundError:
                found.append(f"The index file {path} is missing.")
            except HdstoreError as error:
                found.append(str(error))
            else:
                found += [f"The index file {path} is damaged: its {array} has changed." for array in arrays]
        return found

    # Changing: the caller holds the lock

    def prepare(self) -> list[str]:
        """Makes the folder ready, without what killed processes left and without what is damaged.

        Returns the names of the segments that count.
        """
        names = self.names()
        if names is None:
            self.clear()
            files.make_folders(self.folder / "trees", durable=False)
            self._manifest.write([])
            return []
        usable = self.usable()
        if usable != names:
            for name in sorted({*names}.difference(usable)):
                _log.warning("%s is missing or damaged; what it held is built again.", self.folder / name)
            self._manifest.write(usable)
        self._sweep(usable)
        return usable

    def keep(self, names: list[str]) -> None:
        """Makes these the segments that count, and removes all others."""
        self._manifest.write(names)
        self._sweep(names)

    def add(self, names: list[str], others: list[str]) -> None:
        """Makes new segments count, beside ``others``."""
        self._manifest.write([*others, *names])

    def _sweep(self, names: list[str]) -> None:
        for stray in self._manifest.strays(names):
            files.remove(self.folder / stray)
        with self._guard:
            for gone in self._segments.keys() - set(names):
                del self._segments[gone]
            for gone in self._places.keys() - set(names):
                del self._places[gone]

    def clear(self) -> None:
        """Removes the folder with all that is in it, or what stands in its place."""
        with self._guard:
            self._segments.clear()
            self._places.clear()
        state = files.look(self.folder)
        if state is None:
            return
        if not stat.S_ISDIR(state.st_mode):
            files.remove(self.folder)
            return
        # Without it nothing in the folder counts any more, however far the rest gets.
        with suppress(IsADirectoryError):
            files.remove(self.folder / MANIFEST)
        files.step("rmtree", self.folder)
        shutil.rmtree(self.folder)

    def places(self, name: str) -> LeafPlaces:
        """Returns where the leaves of a segment stand in it."""
        found = self._places.get(name)
        if found is None:
            found = self._places[name] = LeafPlaces(self.open(name).leaf_ids)
        return found

    def build(
        self, leaves: list[str], progress: Progress | None, *, lost: list[str] | None = None
    ) -> list[str]:
        """Writes segments of these leaves and returns their names; they do not count yet.

        Leaves that can not be read are added to ``lost`` where it is given.

        Raises:
            DamagedError: a leaf can not be read.
        """
        with _no_collection():
            return self._build(leaves, progress, lost)

    def _build(self, leaves: list[str], progress: Progress | None, lost: list[str] | None) -> list[str]:
        names: list[str] = []
        builder = SegmentBuilder()
        try:
            for number, oid in enumerate(leaves):
                if progress is not None and number % 32 == 0:
                    progress("Indexing leaves", number, len(leaves))
                try:
                    data = self._objects.read(oid, "blob")
                    frames = decode_leaf(data)
                except DamagedError:
                    if lost is None:
                        raise
                    lost.append(oid)
                    continue
                builder.add(oid, frames, data)
                if builder.is_full:
                    names.append(self._finish(builder))
                    builder = SegmentBuilder()
            if builder.frames:
                names.append(self._finish(builder))
            if progress is not None:
                progress("Indexing leaves", len(leaves), len(leaves))
        except BaseException:
            for name in names:
                files.remove(self.folder / name)
            raise
        return names

    def _finish(self, builder: SegmentBuilder) -> str:
        path = files.new_name(self._tmp, "segment")
        target = self.folder / path.name
        try:
            builder.write(path)
            files.rename(path, target)
        except BaseException:
            for place in (path, target):
                with suppress(OSError):
                    place.unlink()
            raise
        return path.name
