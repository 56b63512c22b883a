"""Reading a version: an immutable view of one commit, and the commits before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from heapq import heappop, heappush

from hdstore.codec import (
    decode_frame,
    decode_leaf,
    decode_schema,
    decode_stats,
    decode_version,
    frame_id_of,
    split_leaf,
)
from hdstore.errors import DamagedError, InvalidValueError, NotFoundError
from hdstore.ids import frame_key, sibling_id
from hdstore.model import Commit, Frame, Schema, Stats, VersionDocument
from hdstore.store import CommitObject, Objects, Trie, decode_commit, decode_tag, decode_tree

__all__ = ["VersionState", "commit_of", "earlier_trees", "history", "stands_for"]


def commit_of(objects: Objects, oid: str) -> str:
    """Returns the commit an object id names, through annotated tags."""
    for _ in range(8):
        kind, data = objects.read_any(oid)
        if kind == "commit":
            return oid
        if kind != "tag":
            break
        oid = decode_tag(data).target
    raise DamagedError(f"The object {oid} is not a version: no commit and no tag of one.")


class VersionState:
    """What a version holds at one commit; nothing that happens later changes it."""

    def __init__(self, objects: Objects, commit: str) -> None:
        self._objects = objects
        self.commit = commit

    @cached_property
    def _entries(self) -> dict[str, str]:
        tree = decode_commit(self._objects.read(self.commit, "commit")).tree
        return {entry.name: entry.oid for entry in decode_tree(self._objects.read(tree, "tree"))}

    def _blob(self, name: str) -> bytes:
        oid = self._entries.get(name)
        if oid is None:
            raise DamagedError(f"Commit {self.commit} is not a version: it holds no {name}.")
        return self._objects.read(oid, "blob")

    @cached_property
    def document(self) -> VersionDocument:
        """The version's own document."""
        return decode_version(self._blob("version"))

    @cached_property
    def schema(self) -> Schema:
        """The labels and mask labels."""
        return decode_schema(self._blob("schema"))

    @cached_property
    def stats(self) -> Stats:
        """The counts over all frames."""
        return decode_stats(self._blob("stats"))

    @cached_property
    def trie(self) -> Trie:
        """The trie of frames."""
        tree = self._entries.get("frames")
        if tree is None:
            raise DamagedError(f"Commit {self.commit} is not a version: it holds no frames.")
        return Trie(self._objects, tree)

    def has_conflicts(self) -> bool:
        """Says whether merge conflicts wait to be resolved."""
        return "conflicts" in self._entries

    def oid(self, name: str) -> str | None:
        """Returns the id of one part of the version's tree (version, schema, stats, frames, conflicts), or None."""
        return self._entries.get(name)

    def __len__(self) -> int:
        return self.stats.frames

    def __contains__(self, frame_id: object) -> bool:
        if not isinstance(frame_id, str):
            return False
        try:
            return self.trie.find(frame_key(frame_id)) is not None
        except InvalidValueError:
            return False

    def find(self, frame_id: str) -> Frame | None:
        """Returns the frame of this id, or None."""
        raw = self.trie.find(frame_key(frame_id))
        return None if raw is None else decode_frame(raw)

    def frame(self, frame_id: str) -> Frame:
        """Returns the frame of this id; raises NotFoundError when there is none."""
        frame = self.find(frame_id)
        if frame is None:
            raise NotFoundError(f"There is no frame {frame_id!r} in this version.")
        return frame

    def frames(self) -> Iterator[Frame]:
        """Streams all frames in the order of their keys: stable, but without a meaning for people."""
        for blob in self.trie.leaf_blobs():
            yield from decode_leaf(blob)

    def frame_ids(self) -> Iterator[str]:
        """Streams the ids of all frames in the order of their keys, without decoding the rest."""
        for blob in self.trie.leaf_blobs():
            for raw in split_leaf(blob):
                yield frame_id_of(raw)


def stands_for(document: VersionDocument, version: str, oid: str) -> bool:
    """Says whether a version of this document may stand at ``<dataset id>/<version id>``, whose ref points to ``oid``.

    It does at its own id, and as one of two publications of a draft at an id derived from its tag.
    """
    return version in (
        f"{document.dataset_id}/{document.id}",
        f"{document.dataset_id}/{sibling_id(document.id, oid)}",
    )


def history(objects: Objects, commit: str) -> Iterator[Commit]:
    """Streams the commits that led to ``commit``: later ones first, and never one before all that were made from it.

    Only where versions were merged do the histories have to be read whole before they can be put in order.
    """
    data = decode_commit(objects.read(commit, "commit"))
    while len(data.parents) == 1:
        yield _commit(objects, commit, data)
        commit = data.parents[0]
        data = decode_commit(objects.read(commit, "commit"))
    yield from _ordered(objects, commit)


def earlier_trees(objects: Objects, commit: str) -> Iterator[str]:
    """Streams the trees of frames of the commits before ``commit``, each once, the latest first."""
    seen = set()
    for earlier in history(objects, commit):
        tree = VersionState(objects, earlier.id).oid("frames")
        if tree is not None and tree not in seen:
            seen.add(tree)
            yield tree


def _ordered(objects: Objects, commit: str) -> Iterator[Commit]:
    found: dict[str, CommitObject] = {}
    children: Counter[str] = Counter()
    waiting = [commit]
    while waiting:
        oid = waiting.pop()
        if oid not in found:
            data = found[oid] = decode_commit(objects.read(oid, "commit"))
            children.update(data.parents)
            waiting += data.parents
    ready = [(-found[commit].time, 0, commit)]
    order = 0
    while ready:
        _, _, oid = heappop(ready)
        data = found[oid]
        yield _commit(objects, oid, data)
        for parent in data.parents:
            children[parent] -= 1
            if not children[parent]:
                order += 1
                heappush(ready, (-found[parent].time, order, parent))


def commit_info(objects: Objects, commit: str) -> Commit:
    """Returns what is said of one save: who made it, when, and why."""
    return _commit(objects, commit, decode_commit(objects.read(commit, "commit")))


def _commit(objects: Objects, oid: str, data: CommitObject) -> Commit:
    return Commit(
        id=oid,
        parents=tuple(data.parents),
        author=data.author,
        time=data.time,
        message=data.message.rstrip("\n"),
        version_id=VersionState(objects, oid).document.id,
    )
