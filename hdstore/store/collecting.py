"""Collecting objects that nothing needs, and storing the others by their differences.

One pack is made of all that the refs need; only when it is on the disk are old files removed. What is younger
than the grace period stays, needed or not: its writer may be about to move a ref to it. A writer that relies
on an old object renews its time, so it counts as young from then on.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from hdstore.errors import DamagedError
from hdstore.model import Progress
from hdstore.store import files
from hdstore.store.delta import DeltaFinder
from hdstore.store.git import git_available, run_git
from hdstore.store.locks import Lock
from hdstore.store.objects import Objects
from hdstore.store.pack import PackWriter
from hdstore.store.packing import PACK_LOCK, is_held, loose_objects, remove_lists, remove_pack
from hdstore.store.presence import PackIndex, Presence, loose_path
from hdstore.store.reachability import walk
from hdstore.store.refs import Refs

__all__ = ["Collected", "gc_objects"]

_log = logging.getLogger(__name__)

_WINDOW = 5
"""With how many neighbours git compares an object; versions of one leaf are neighbours, more only takes time."""

_DEPTH = 50
_LITTER_AGE = 86400.0
_PART = ".part"
"""What the name of a file ends with that somebody may still go on with: a medium that arrived in part."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection did; sizes are bytes of objects on the disk."""

    removed: int
    before: int
    after: int


@dataclass(slots=True)
class _OldPack:
    index: PackIndex
    time: float
    unneeded: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)


def gc_objects(
    hds: Path, *, grace: float, progress: Progress | None = None, use_git: bool | None = None
) -> Collected:
    """Packs what the refs need and removes what they do not, but nothing younger than ``grace`` seconds.

    A grace of 0 is safe only while nobody writes. The differences are found by the ``git`` program where
    there is one, else by our own ``delta``, which finds fewer; ``use_git`` decides by hand.
    """
    if use_git is None:
        use_git = git_available()
    Refs(hds).recover()
    with Lock(hds / PACK_LOCK, what="the packs"):
        return _Collection(hds, grace=grace, progress=progress, use_git=use_git).run()


class _Collection:
    def __init__(self, hds: Path, *, grace: float, progress: Progress | None, use_git: bool) -> None:
        self._hds = hds
        self._folder = hds / "objects"
        self._packs = self._folder / "pack"
        self._tmp = hds / "hdstore" / "tmp"
        self._progress = progress
        self._use_git = use_git
        self._oldest = time.time() - grace
        self._objects = Objects(hds)
        self._refs = Refs(hds)
        self._current: set[str] = set()
        self._kept: set[str] = set()

    def run(self) -> Collected:
        before = self._size()
        self._remove_litter()
        old_packs, old_loose = self._snapshot()
        roots = self._roots()
        new = self._pack_needed(roots)
        if new is not None:
            self._current.add(new.pack.name)
        self._keep_young(old_packs, old_loose, new)
        removed = self._remove_old(old_packs, old_loose, roots, new)
        # All that is needed has been read by now: a pack whose index was lost is not the last place of anything.
        self._remove_unfinished()
        return Collected(removed=removed, before=before, after=self._size())

    def _size(self) -> int:
        with files.storage_errors(f"list the objects of {self._hds}"):
            places = [loose_path(self._folder, oid) for oid in loose_objects(self._hds)]
            found = [files.look(path) for path in (*places, *self._packs.iterdir())]
        return sum(state.st_size for state in found if state is not None)

    def _snapshot(self) -> tuple[list[_OldPack], dict[str, float]]:
        """Returns what is there before the new pack is made: only that may be removed later."""
        presence = Presence(self._folder)
        with files.storage_errors(f"list the objects of {self._hds}"):
            packs = [
                _OldPack(index, state.st_mtime)
                for index in presence.packs()
                if not is_held(index.pack) and (state := files.look(index.pack)) is not None
            ]
            loose = {
                oid: state.st_mtime
                for oid in loose_objects(self._hds)
                if (state := files.look(loose_path(self._folder, oid))) is not None
            }
        return packs, loose

    def _roots(self) -> set[str]:
        roots = set(self._refs.list("refs/").values())
        head = self._refs.get("HEAD")
        return roots | {head} if head else roots

    # The new pack

    def _pack_needed(self, roots: set[str]) -> PackIndex | None:
        """Puts all that the roots need into one pack and returns its index; None when they need nothing."""
        if not roots:
            return None
        if not self._use_git:
            return self._pack_alone(roots)
        aside = files.new_name(self._tmp, "gc")
        try:
            with files.storage_errors(f"make a pack in {self._tmp}"):
                files.make_folders(aside, durable=False)
            self._pack_with_git(roots, aside)
            return self._put_in_place(aside)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _pack_with_git(self, roots: set[str], aside: Path) -> None:
        run_git(
            self._hds,
            "-c",
            "pack.packSizeLimit=0",
            "-c",
            "pack.writeBitmaps=false",
            "pack-objects",
            "--revs",
            "--delta-base-offset",
            f"--window={_WINDOW}",
            f"--depth={_DEPTH}",
            "--progress" if self._progress else "--quiet",
            str(aside / "pack"),
            input="".join(f"{oid}\n" for oid in sorted(roots)).encode(),
            progress=self._progress,
        )

    def _pack_alone(self, roots: set[str]) -> PackIndex:
        """Does without the git program; versions of a leaf or tree are still stored as differences."""
        writer = PackWriter(self._packs, self._tmp, deltas=DeltaFinder(self._objects.read))
        try:
            for number, oid in enumerate(walk(self._objects, roots, skip=lambda _: False)):
                writer.write(*self._objects.read_any(oid))
                if self._progress is not None and number % 256 == 0:
                    self._progress("Packing objects", number, None)
            path = writer.finish()
        except BaseException:
            writer.abort()
            raise
        assert path is not None
        return PackIndex(path.with_suffix(".idx"))

    def _put_in_place(self, aside: Path) -> PackIndex:
        with files.storage_errors(f"write a pack to {self._packs}"):
            (pack,) = aside.glob("pack-*.pack")
            index = pack.with_suffix(".idx")
            for path in (pack, index):
                self._flush(path)
            for path in (pack, index):
                files.rename(path, self._packs / path.name)
            files.flush_folder(self._packs)
        return PackIndex(self._packs / index.name)

    @staticmethod
    def _flush(path: Path) -> None:
        path.chmod(0o444)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            files.flush(descriptor, path)
        finally:
            os.close(descriptor)

    # What nothing needs

    def _keep_young(self, packs: list[_OldPack], loose: dict[str, float], new: PackIndex | None) -> None:
        """Writes packs of what is young though nothing needs it, and notes in each old pack what is not kept.

        Each old pack gets one of its own, of the old one's age, so that waiting goes on where it was.
        """
        young = {oid for oid, age in loose.items() if age >= self._oldest and not _has(new, oid)}
        for pack in packs:
            pack.unneeded = {raw.hex() for raw in pack.index if new is None or raw not in new}
            if pack.time >= self._oldest:
                young |= pack.unneeded
        kept = self._kept = young.union(
            walk(self._objects, young, skip=lambda oid: _has(new, oid), incomplete=True)
        )
        written: set[str] = set()
        for pack in sorted(packs, key=lambda pack: -pack.time):
            mine = (pack.unneeded & kept) - written
            written |= mine
            pack.dropped = pack.unneeded - kept
            if len(mine) == pack.index.count:
                self._current.add(pack.index.pack.name)
            elif mine:
                self._rewrite(pack, mine)

    def _rewrite(self, pack: _OldPack, oids: set[str]) -> None:
        writer = PackWriter(
            self._packs, self._tmp, deltas=DeltaFinder(self._objects.read), progress=self._progress
        )
        try:
            for oid in sorted(oids):
                try:
                    writer.write(*self._objects.read_any(oid))
                except DamagedError as error:
                    _log.warning("Nothing needs it, and it can not be kept: %s", error)
            path = writer.finish()
        except BaseException:
            writer.abort()
            raise
        if path is not None:
            with files.storage_errors(f"write a pack to {self._packs}"):
                os.utime(path, (pack.time, pack.time))
            self._current.add(path.name)

    # Removing

    def _remove_old(
        self, packs: list[_OldPack], loose: dict[str, float], roots: set[str], new: PackIndex | None
    ) -> int:
        """Removes old files whose objects are packed anew or not kept; returns how many objects are gone."""
        removed: set[str] = set()
        with (
            Lock(self._hds / "hdstore" / "locks" / "objects.lock", what="the objects"),
            files.storage_errors(f"remove packs from {self._packs}"),
        ):
            # No writer is at work now. What one did since the snapshot is seen here: a ref moved, or a time
            # renewed.
            moved = self._roots() - roots
            needed = set(walk(self._objects, moved, skip=lambda oid: _has(new, oid), incomplete=True))
            remove_lists(self._folder)
            for pack in packs:
                if pack.index.pack.name in self._current or pack.dropped & needed:
                    continue
                state = files.look(pack.index.pack)
                if pack.unneeded and state is not None and state.st_mtime != pack.time:
                    continue
                remove_pack(pack.index.pack)
                removed |= pack.dropped
            for oid in loose:
                path = loose_path(self._folder, oid)
                if not _has(new, oid):
                    state = files.look(path)
                    renewed = state is not None and state.st_mtime >= self._oldest
                    if renewed or oid in needed or oid in self._kept:
                        continue
                    removed.add(oid)
                files.remove(path)
            files.flush_folder(self._packs)
        self._objects.refresh()
        return len(removed)

    def _remove_litter(self) -> None:
        """Removes what killed processes left in tmp a day ago or earlier."""
        oldest = time.time() - _LITTER_AGE
        with files.storage_errors(f"clean {self._tmp}"):
            for entry in os.scandir(self._tmp):
                found = files.look(entry.path)
                if found is None or found.st_mtime >= oldest or entry.name.endswith(_PART):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                elif found.st_nlink == 1:
                    # A second link is a lock that its next taker must be able to recognise.
                    files.remove(Path(entry.path))

    def _remove_unfinished(self) -> None:
        """Removes packs that never got their index, and what killed exchanges left beside them, after a day."""
        oldest = time.time() - _LITTER_AGE
        with files.storage_errors(f"remove packs from {self._packs}"):
            for pack in self._packs.glob("*.pack"):
                state = files.look(pack)
                if not pack.with_suffix(".idx").exists() and state is not None and state.st_mtime < oldest:
                    files.remove(pack)
            # Git and libgit2 call so what they have not received to its end.
            for left in (*self._packs.glob("tmp_*"), *self._packs.glob("pack_git2_*")):
                if (state := files.look(left)) is not None and state.st_mtime < oldest:
                    files.remove(left)
            for folder in self._folder.glob("tmp_objdir-*"):
                if (state := files.look(folder)) is not None and state.st_mtime < oldest:
                    shutil.rmtree(folder, ignore_errors=True)


def _has(index: PackIndex | None, oid: str) -> bool:
    return index is not None and bytes.fromhex(oid) in index
