"""Where conflicts are kept: the tree ``conflicts`` of a version, one blob for each frame that has some.

The blob of a frame is the entry ``ab/<64 hexadecimal digits>``: the key of the frame, below its first two digits. That
of the version itself (its schema and metadata) is ``version``. A tree is there only while there are conflicts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from hdstore.codec import conflict_id, decode_conflicts, encode_conflicts
from hdstore.errors import DamagedError, InvalidValueError
from hdstore.ids import frame_key
from hdstore.model import Conflict
from hdstore.store import BLOB_MODE, TREE_MODE, Entry, Objects, Writer, decode_tree, encode_tree
from hdstore.version import VersionState

__all__ = ["conflicts_of", "merge_conflict_trees", "read_conflicts", "update_conflicts"]

_VERSION = "version"
"""The entry of the version's own conflicts, whose frame id is empty."""

_FOLDER = re.compile(r"[0-9a-f]{2}")
_KEY = re.compile(r"[0-9a-f]{64}")

_MAX_TREE_BYTES = 32 << 20
"""How long a tree of conflicts may be: 90 million frames have some before one of its folders is as long."""

_Entries: TypeAlias = dict[str, str]
"""The entries of one tree by their names: object ids."""

_Sides: TypeAlias = tuple[str | None, ...]
"""One entry, or the whole tree, of the first side, the second, and then all merge bases: ids, None where absent."""


def read_conflicts(objects: Objects, state: VersionState) -> Iterator[Conflict]:
    """Streams the conflicts of a version: its own first, then those of its frames in the order of their keys."""
    tree = state.oid("conflicts")
    if tree is None:
        return
    top = _read_top(objects, tree)
    if _VERSION in top:
        yield from _read_blob(objects, _VERSION, top[_VERSION])
    for folder in sorted(top.keys() - {_VERSION}):
        for name, oid in _read_folder(objects, folder, top[folder]).items():
            yield from _read_blob(objects, name, oid)


def conflicts_of(objects: Objects, state: VersionState, frame_id: str) -> tuple[Conflict, ...]:
    """Returns the conflicts of one frame (``frame_id`` empty: of the version itself), in the order of their paths."""
    tree = state.oid("conflicts")
    if tree is None:
        return ()
    folder, name = _place(frame_id)
    oid = _read_top(objects, tree).get(folder)
    if oid is not None and folder != _VERSION:
        oid = _read_folder(objects, folder, oid).get(name)
    return () if oid is None else _read_blob(objects, name, oid)


def update_conflicts(
    objects: Objects, writer: Writer, tree: str | None, changes: Mapping[str, Iterable[Conflict]]
) -> str | None:
    """Returns the tree ``tree`` (None: no conflicts) with those of some frames replaced, or None if none are left.

    ``changes`` maps frame ids ("": the version itself) to all conflicts they have from now on.
    """
    top = {} if tree is None else _read_top(objects, tree)
    for folder, blobs in _by_place(changes).items():
        if folder == _VERSION:
            _set(top, _VERSION, _write_blob(writer, blobs[_VERSION]))
            continue
        entries = _read_folder(objects, folder, top[folder]) if folder in top else {}
        for name, conflicts in blobs.items():
            _set(entries, name, _write_blob(writer, conflicts))
        _set(top, folder, _write_tree(writer, BLOB_MODE, entries))
    return _write_tree(writer, TREE_MODE, top)


def merge_conflict_trees(
    objects: Objects,
    writer: Writer,
    base_trees: Sequence[str | None],
    first: str | None,
    second: str | None,
    new: Mapping[str, Iterable[Conflict]],
) -> str | None:
    """Returns the tree of the conflicts that a merge of two versions has, or None if it has none.

    What a merge base had and one side has no more was resolved there and stays so; what a side has that no base had
    stays. ``new`` holds what this merge could not decide, by frame id: it supersedes older conflicts on the same frame
    and path. The result depends on these trees and values alone, not on which side is the first, and only what differs
    is read.
    """
    return _Merge(objects, writer).top((first, second, *base_trees), _by_place(new))


class _Merge:
    """One three-way merge of trees of conflicts; each method returns the id of what its sides become."""

    def __init__(self, objects: Objects, writer: Writer) -> None:
        self._objects = objects
        self._writer = writer

    def top(self, sides: _Sides, new: Mapping[str, Mapping[str, tuple[Conflict, ...]]]) -> str | None:
        if not new and _is_decided(sides):
            return _decided(sides)
        trees = [{} if oid is None else _read_top(self._objects, oid) for oid in sides]
        merged: _Entries = {}
        for folder in sorted({*new}.union(*trees)):
            at, below = tuple(tree.get(folder) for tree in trees), new.get(folder, {})
            if folder == _VERSION:
                _set(merged, folder, self._blob(_VERSION, at, below.get(_VERSION, ())))
            else:
                _set(merged, folder, self._folder(folder, at, below))
        return _write_tree(self._writer, TREE_MODE, merged)

    def _folder(self, folder: str, sides: _Sides, new: Mapping[str, tuple[Conflict, ...]]) -> str | None:
        if not new and _is_decided(sides):
            return _decided(sides)
        trees = [{} if oid is None else _read_folder(self._objects, folder, oid) for oid in sides]
        merged: _Entries = {}
        for name in sorted({*new}.union(*trees)):
            at = tuple(tree.get(name) for tree in trees)
            _set(merged, name, self._blob(name, at, new.get(name, ())))
        return _write_tree(self._writer, BLOB_MODE, merged)

    def _blob(self, name: str, sides: _Sides, new: tuple[Conflict, ...]) -> str | None:
        if not new and _is_decided(sides):
            return _decided(sides)
        first, second, *bases = (
            {} if oid is None else {conflict_id(one): one for one in _read_blob(self._objects, name, oid)}
            for oid in sides
        )
        resolved = set[str]().union(*bases) - (first.keys() & second.keys())
        paths = {conflict.path for conflict in new}
        older = [
            conflict
            for key, conflict in (first | second).items()
            if key not in resolved and conflict.path not in paths
        ]
        return _write_blob(self._writer, (*older, *new))


def _is_decided(sides: _Sides) -> bool:
    """Says whether ids alone say what the merge is: both sides are equal, or one is as all merge bases are."""
    first, second, *bases = sides
    return first == second or (len(set(bases)) == 1 and bases[0] in (first, second))


def _decided(sides: _Sides) -> str | None:
    first, second, *bases = sides
    return second if first == second or bases[0] == first else first


def _place(frame_id: str) -> tuple[str, str]:
    """Returns the folder of a frame's conflicts, and their name in it."""
    if not frame_id:
        return _VERSION, _VERSION
    key = frame_key(frame_id).hex()
    return key[:2], key


def _by_place(changes: Mapping[str, Iterable[Conflict]]) -> dict[str, dict[str, tuple[Conflict, ...]]]:
    """Returns conflicts by folder and name; raises InvalidValueError where they are of another frame."""
    placed: defaultdict[str, dict[str, tuple[Conflict, ...]]] = defaultdict(dict)
    for frame_id, conflicts in changes.items():
        listed = tuple(conflicts)
        if any(conflict.frame_id != frame_id for conflict in listed):
            raise InvalidValueError(f"Conflicts of other frames are given for frame {frame_id!r}.")
        folder, name = _place(frame_id)
        placed[folder][name] = listed
    return placed


def _set(entries: _Entries, name: str, oid: str | None) -> None:
    if oid is None:
        entries.pop(name, None)
    else:
        entries[name] = oid


def _write_blob(writer: Writer, conflicts: tuple[Conflict, ...]) -> str | None:
    return writer.write("blob", encode_conflicts(conflicts)) if conflicts else None


def _write_tree(writer: Writer, mode: int, entries: _Entries) -> str | None:
    """Returns the id of a tree of these folders or blobs, or None for none."""
    if not entries:
        return None
    listed = [Entry(BLOB_MODE if name == _VERSION else mode, name, oid) for name, oid in entries.items()]
    return writer.write("tree", encode_tree(listed))


def _read_blob(objects: Objects, name: str, oid: str) -> tuple[Conflict, ...]:
    conflicts = decode_conflicts(objects.read(oid, "blob"))
    if not conflicts or _place(conflicts[0].frame_id)[1] != name:
        raise DamagedError(
            f"The conflicts in {oid} are of another frame than their name {name} says, or none."
        )
    return conflicts


def _read_top(objects: Objects, oid: str) -> _Entries:
    entries: _Entries = {}
    for mode, name, child in _read_entries(objects, oid):
        wanted = BLOB_MODE if name == _VERSION else TREE_MODE
        if mode != wanted or (name != _VERSION and not _FOLDER.fullmatch(name)):
            raise DamagedError(f"The tree of conflicts {oid} holds {name!r}, which does not belong there.")
        entries[name] = child
    return entries


def _read_folder(objects: Objects, folder: str, oid: str) -> _Entries:
    entries: _Entries = {}
    for mode, name, child in _read_entries(objects, oid):
        # With its folder's digits in each name no tree can stand at two places.
        if mode != BLOB_MODE or not _KEY.fullmatch(name) or not name.startswith(folder):
            raise DamagedError(f"The tree of conflicts {oid} holds {name!r}, which does not belong there.")
        entries[name] = child
    return entries


def _read_entries(objects: Objects, oid: str) -> list[Entry]:
    data = objects.read(oid, "tree")
    if not 0 < len(data) <= _MAX_TREE_BYTES:
        raise DamagedError(
            f"The tree of conflicts {oid} has {len(data)} bytes; it has some, and not more than {_MAX_TREE_BYTES}."
        )
    return decode_tree(data)
