"""Checking the versions that a bundle brings by what each changes, however large it is.

Each commit is compared with its first parent, which was checked before or is here already. What came is decoded and
must be in canonical form and in its place; what went is taken from the statistics. The rules are those of
``version.VersionVerifier``, which looks at whole versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from hdstore.codec import (
    decode_frame,
    decode_leaf,
    decode_stats,
    encode_stats,
    frame_id_of,
    is_canonical_frame,
    join_leaf,
    leaf_count,
    leaf_head,
    split_leaf,
)
from hdstore.errors import DamagedError, InvalidInputError
from hdstore.ids import frame_key
from hdstore.merge import read_conflicts
from hdstore.model import Progress
from hdstore.store import ROOT_LEAF, TREE_MODE, Entry, Objects, decode_commit, decode_tree, fits
from hdstore.version import Problem, Tally, VersionState, document_problems

__all__ = ["WRONG", "VersionChecker"]

WRONG = (DamagedError, InvalidInputError)
"""What reading a stranger's values raises; whatever else goes wrong is not the bundle's fault."""

_ENTRIES = {"version": False, "schema": False, "stats": False, "frames": True, "conflicts": True}
"""What a version's tree may hold, and whether that is a tree."""

_REQUIRED = ("version", "schema", "stats", "frames")


class _Extent(NamedTuple):
    """How many frames of how many bytes a group of keys holds."""

    frames: int
    size: int


_LARGE = _Extent(1 << 40, 1 << 40)
"""Stands for a tree that did not change: it is one because its frames do not fit a leaf."""


@dataclass(slots=True)
class _Changes:
    """What differs between the frames of two commits."""

    tally: Tally
    problems: list[Problem] = field(default_factory=list)


class VersionChecker:
    """Checks the commits of versions; parents before those that were made from them."""

    def __init__(self, objects: Objects, progress: Progress | None = None) -> None:
        self._objects = objects
        self._progress = progress
        self._places: dict[bytes, str] = {}
        self._documents: set[str] = set()
        self._extents: dict[str, _Extent] = {}
        self._frames = 0

    def _count(self, frames: int) -> None:
        self._frames += frames
        if self._progress is not None:
            self._progress("Verifying frames", self._frames, None)

    def commit(self, oid: str) -> Iterator[Problem]:
        """Yields what is wrong in the version that a commit holds."""
        where = f"commit {oid}"
        try:
            commit = decode_commit(self._objects.read(oid, "commit"))
            entries = self._entries(commit.tree)
            base = self._base(commit.parents)
        except WRONG as error:
            yield Problem(where, str(error))
            return
        for name, entry in entries.items():
            if _ENTRIES.get(name) is not (entry.mode == TREE_MODE):
                yield Problem(where, f"a version does not hold the entry {name!r}, or not of this kind")
        missing = [name for name in _REQUIRED if name not in entries]
        if missing:
            yield Problem(where, f"the version holds no {missing[0]}")
            return
        yield from document_problems(
            self._objects,
            oid,
            {name: entry.oid for name, entry in entries.items()},
            self._documents,
            WRONG,
        )
        yield from self._check_frames(oid, entries, base)
        if "conflicts" in entries:
            yield from self._check_conflicts(oid, entries["conflicts"].oid)

    def _check_conflicts(self, commit: str, tree: str) -> Iterator[Problem]:
        if tree in self._documents:
            return
        self._documents.add(tree)
        try:
            for _ in read_conflicts(self._objects, VersionState(self._objects, commit)):
                pass
        except WRONG as error:
            yield Problem(f"conflicts of commit {commit}", str(error))

    def _entries(self, tree: str) -> dict[str, Entry]:
        return {entry.name: entry for entry in decode_tree(self._objects.read(tree, "tree"))}

    def _base(self, parents: tuple[str, ...]) -> dict[str, Entry]:
        """Returns the entries of the version that this one is compared with; none for one that begins."""
        if not parents:
            return {}
        entries = self._entries(decode_commit(self._objects.read(parents[0], "commit")).tree)
        if "frames" not in entries or "stats" not in entries:
            raise DamagedError(f"Its parent {parents[0]} is not a version.")
        return entries

    def _check_frames(
        self, commit: str, entries: dict[str, Entry], base: dict[str, Entry]
    ) -> Iterator[Problem]:
        old, new = base["frames"].oid if base else None, entries["frames"].oid
        try:
            before = decode_stats(self._objects.read(base["stats"].oid, "blob")) if base else None
            changes = _Changes(Tally(before))
            if old != new:
                self._tree(old, new, "", changes)
            yield from changes.problems
            stated = self._objects.read(entries["stats"].oid, "blob")
            if not changes.problems and stated != encode_stats(changes.tally.stats()):
                yield Problem(f"stats of commit {commit}", "the statistics are not those of the frames")
        except WRONG as error:
            yield Problem(f"frames of commit {commit}", str(error))

    def _tree(self, old: str | None, new: str, prefix: str, changes: _Changes) -> _Extent:
        """Compares two trees of the trie at one place, checks what the new one changes, and returns its extent."""
        where = f"frames {prefix or 'root'}"
        # No set of frames has a tree twice, and trees that name each other so would never be walked to an end.
        raw = bytes.fromhex(new)
        if self._places.setdefault(raw, prefix) != prefix:
            changes.problems.append(
                Problem(where, f"the tree {new} stands at {self._places[raw] or 'root'} too")
            )
            return _LARGE
        before = self._entries(old) if old else {}
        entries = self._entries(new)
        for name, entry in before.items():
            found = entries.get(name)
            if found is None or found.mode != entry.mode:
                self._gone(entry, changes)
        if not prefix and [*entries] == [ROOT_LEAF]:
            return self._child(before.get(ROOT_LEAF), entries[ROOT_LEAF], "", changes)
        groups: dict[str, _Extent] = {}
        for name, entry in entries.items():
            is_tree = entry.mode == TREE_MODE
            right = 1 <= len(name) <= 4 and not name.strip("01") and (len(name) == 4 or not is_tree)
            if not right or len(prefix) + len(name) > 256:
                changes.problems.append(Problem(where, f"the entry {name!r} does not belong in the trie"))
                return _LARGE
            groups[name] = self._child(before.get(name), entry, prefix + name, changes)
        if prefix and not groups:
            changes.problems.append(Problem(where, "a tree of the trie is empty"))
        return self._shape(groups, prefix, changes)

    def _child(self, old: Entry | None, new: Entry, prefix: str, changes: _Changes) -> _Extent:
        if old is not None and old.mode != new.mode:
            old = None
        is_tree = new.mode == TREE_MODE
        if is_tree:
            if old is not None and old.oid == new.oid:
                return _LARGE
            return self._tree(old.oid if old else None, new.oid, prefix, changes)
        if old is None or old.oid != new.oid:
            extent = self._leaf(old.oid if old else None, new.oid, prefix, changes)
        else:
            extent = self._extents.get(new.oid) or self._extent(new.oid)
        self._extents[new.oid] = extent
        return extent

    def _extent(self, oid: str) -> _Extent:
        data = self._objects.read(oid, "blob")
        count = leaf_count(data)
        return _Extent(count, len(data) - leaf_head(count))

    def _gone(self, entry: Entry, changes: _Changes) -> None:
        """Takes the frames of a leaf, or of all below a tree, from the statistics."""
        waiting = [entry]
        while waiting:
            entry = waiting.pop()
            if entry.mode == TREE_MODE:
                waiting += decode_tree(self._objects.read(entry.oid, "tree"))
            else:
                for frame in decode_leaf(self._objects.read(entry.oid, "blob")):
                    changes.tally.add(frame, -1)

    def _shape(self, groups: dict[str, _Extent], prefix: str, changes: _Changes) -> _Extent:
        """Checks that every group inside one git tree is split exactly where it does not fit a leaf."""
        where = f"frames {prefix or 'root'}"

        def total(bits: str) -> _Extent:
            if bits in groups:
                return groups[bits]
            if len(bits) >= 4:
                return _Extent(0, 0)
            left, right = total(bits + "0"), total(bits + "1")
            whole = _Extent(left.frames + right.frames, left.size + right.size)
            if fits(*whole) and any(name.startswith(bits) for name in groups):
                changes.problems.append(Problem(where, "frames that fit one leaf are split"))
            return whole

        if any(name != other and other.startswith(name) for name in groups for other in groups):
            changes.problems.append(Problem(where, "two groups of frames overlap"))
        return total("")

    def _leaf(self, old: str | None, new: str, prefix: str, changes: _Changes) -> _Extent:
        """Checks a leaf that came in the place of another; frames that both have were checked with that one."""
        where = f"frames {prefix or 'root'}"
        data = self._objects.read(new, "blob")
        count = leaf_count(data)
        if not count or not fits(count, len(data) - leaf_head(count)):
            changes.problems.append(Problem(where, f"a leaf holds {count} frames of {len(data)} bytes"))
            return _LARGE
        raws = split_leaf(data)
        before = set(split_leaf(self._objects.read(old, "blob"))) if old else set[bytes]()
        keys = []
        for raw in raws:
            if raw in before:
                keys.append(frame_key(frame_id_of(raw)))
                continue
            frame = decode_frame(raw)
            keys.append(frame_key(frame.id))
            if not is_canonical_frame(raw, frame):
                changes.problems.append(Problem(f"frame {frame.id!r}", "the frame is not in canonical form"))
            changes.tally.add(frame)
        for raw in before.difference(raws):
            changes.tally.add(decode_frame(raw), -1)
        self._count(len(raws))
        if keys != sorted(set(keys)):
            changes.problems.append(Problem(where, "the frames of a leaf are not in the order of their keys"))
        if any(not f"{int.from_bytes(key, 'big'):0256b}".startswith(prefix) for key in keys):
            changes.problems.append(Problem(where, "a leaf holds frames of another place"))
        if data != join_leaf(raws):
            changes.problems.append(Problem(where, "a leaf is not in canonical form"))
        return _Extent(len(raws), sum(map(len, raws)))
