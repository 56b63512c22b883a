"""Three-way merge of versions: what differs is walked, the rest is shared.

A merge commit is a function of its two parents: they stand in the order of their ids, its time is the later of theirs,
nobody in person made it. So all who merge the same two commits write the same one, and peers that exchange their work
end at one commit. It always completes: what both sides changed differently becomes a conflict, a value among the
others in the tree ``conflicts``.

Where both sides hold the same people's work, merged in another order, the tree of one of them is taken: three-way rules
alone would let peers who pull in a ring hand two values round for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hdstore.codec import decode_frame
from hdstore.merge.author import AUTHOR
from hdstore.merge.bases import Bases, is_same_work
from hdstore.merge.conflicts import merge_conflict_trees
from hdstore.merge.frames import merge_frames
from hdstore.merge.schemas import merge_maps, merge_schemas
from hdstore.model import Conflict, Progress, Schema, VersionDocument, replace
from hdstore.store import Objects, ThreeWay, Writer, changed_by_second, decode_commit
from hdstore.version import Batch, Built, VersionState, write_commit

__all__ = ["MESSAGE", "Merged", "merge_commits", "merge_versions"]

MESSAGE = "Merge"

_STEP = 1000
"""Frames between two calls of a progress callback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A merge commit and what it did to the first side; counts are 0 where no commit had to be written.

    ``joined`` counts frames that both sides had changed and that fit together, ``conflicts`` what did not.
    """

    commit: str
    added: int = 0
    updated: int = 0
    removed: int = 0
    joined: int = 0
    conflicts: int = 0


def merge_commits(
    objects: Objects,
    tmp: Path,
    first: str,
    second: str,
    *,
    into: VersionDocument | None = None,
    progress: Progress | None = None,
) -> str:
    """Returns the commit that merges two, written durably; the later one where one was made from the other.

    ``into`` None means that both are tips of one draft: the order of the two then makes no difference. Else it is the
    document of the version that ``second`` is merged into, whose tip is ``first``: the commit holds this document, with
    the metadata of both. ``tmp`` is a folder for temporary files.
    """
    return merge_versions(objects, tmp, first, second, into=into, progress=progress).commit


def merge_versions(
    objects: Objects,
    tmp: Path,
    first: str,
    second: str,
    *,
    into: VersionDocument | None = None,
    message: str = MESSAGE,
    progress: Progress | None = None,
) -> Merged:
    """Merges as ``merge_commits`` does, and says what became of ``first``.

    Another ``message`` makes another commit: it is for merges that are nobody else's.
    """
    return _Merging(objects, tmp, progress).run(first, second, into, message)


class _Merging:
    """One merge, with those of its bases."""

    def __init__(self, objects: Objects, tmp: Path, progress: Progress | None) -> None:
        self._objects = objects
        self._tmp = tmp
        self._progress = progress
        self._bases = Bases(objects, self._virtual)

    def run(self, first: str, second: str, into: VersionDocument | None, message: str) -> Merged:
        bases = self._objects.merge_bases(first, second)
        if bases == [second]:
            return Merged(commit=first)
        if bases == [first] and into is None:
            return Merged(commit=second)
        if into is None and is_same_work(self._objects, first, second):
            return self._write_one_of(first, second, message)
        return self._write(first, second, bases, into, message, 0)

    def _write_one_of(self, first: str, second: str, message: str) -> Merged:
        """Merges two commits of the same work: the tree of one of them is that of both."""
        trees = {oid: decode_commit(self._objects.read(oid, "commit")).tree for oid in (first, second)}
        sides = _Sides(self._objects, None, first, second)
        counts = Built(tree=max(trees.values()))
        taken = sides.first if trees[first] == counts.tree else sides.second
        for _, old, new in sides.first.trie.diff(taken.trie):
            counts.note(old, new)
        with self._objects.pack() as writer:
            commit = _write_merge(writer, counts.tree, sides, message)
        return Merged(commit=commit, added=counts.added, updated=counts.updated, removed=counts.removed)

    def _virtual(self, first: str, second: str, bases: Sequence[str], depth: int) -> str:
        """Returns the merge of two bases."""
        return self._write(first, second, bases, None, MESSAGE, depth).commit

    def _write(
        self,
        first: str,
        second: str,
        bases: Sequence[str],
        into: VersionDocument | None,
        message: str,
        depth: int,
    ) -> Merged:
        objects = self._objects
        sides = _Sides(objects, self._bases.of(bases, depth), first, second)
        with Batch(self._tmp) as batch, objects.pack() as writer:
            work = _Tree(objects, writer, sides, bases, self._progress)
            built = work.build(batch, into)
            commit = _write_merge(writer, built.tree, sides, message)
        return Merged(
            commit=commit,
            added=built.added,
            updated=built.updated,
            removed=built.removed,
            joined=work.joined,
            conflicts=sum(map(len, work.conflicts.values())),
        )


class _Sides:
    """The versions that are merged: ``first`` and ``second`` as given, ``earlier`` and ``later`` by time, then id."""

    def __init__(self, objects: Objects, base: str | None, first: str, second: str) -> None:
        self.base = None if base is None else VersionState(objects, base)
        self.first, self.second = VersionState(objects, first), VersionState(objects, second)
        times = {commit: decode_commit(objects.read(commit, "commit")).time for commit in (first, second)}
        self.time = max(times.values())
        ordered = sorted((self.first, self.second), key=lambda state: (times[state.commit], state.commit))
        self.earlier, self.later = ordered
        self.commits = (self.earlier.commit, self.later.commit)

    def frames(self) -> tuple[str | None, str, str]:
        """Returns the trees of frames of the base, the first and the second side."""
        base = None if self.base is None else self.base.trie.tree
        return base, self.first.trie.tree, self.second.trie.tree


def _write_merge(writer: Writer, tree: str, sides: _Sides, message: str) -> str:
    return write_commit(
        writer, tree=tree, parents=sorted(sides.commits), author=AUTHOR, time=sides.time, message=message
    )


class _Tree:
    """The tree of a merge, made from the first side's by what the second changed."""

    def __init__(
        self,
        objects: Objects,
        writer: Writer,
        sides: _Sides,
        bases: Iterable[str],
        progress: Progress | None,
    ) -> None:
        self._objects = objects
        self._writer = writer
        self._sides = sides
        self._bases = [VersionState(objects, base) for base in bases]
        self._progress = progress
        self.joined = 0
        self.conflicts: dict[str, list[Conflict]] = {}

    def build(self, batch: Batch, into: VersionDocument | None) -> Built:
        """Returns the tree, written."""
        self._frames(batch)
        document, schema = self._document(into), self._schema()
        return batch.build(
            self._objects,
            self._writer,
            self._sides.first,
            document=document,
            schema=schema,
            conflicts=merge_conflict_trees(
                self._objects,
                self._writer,
                [base.oid("conflicts") for base in self._bases],
                self._sides.first.oid("conflicts"),
                self._sides.second.oid("conflicts"),
                self.conflicts,
            ),
            progress=self._progress,
        )

    def _frames(self, batch: Batch) -> None:
        for done, row in enumerate(changed_by_second(self._objects, *self._sides.frames()), 1):
            if row.first != row.base:
                self._join(batch, row)
            elif row.second is None:
                batch.remove_key(row.key)
            else:
                batch.put_raw(row.key, row.second)
            if self._progress is not None and done % _STEP == 0:
                self._progress("Merging frames", done, None)

    def _join(self, batch: Batch, row: ThreeWay) -> None:
        """Merges a frame that both sides changed."""
        base, first, second = (None if raw is None else decode_frame(raw) for raw in row[1:])
        sides = (first, second) if self._sides.earlier is self._sides.first else (second, first)
        merged = merge_frames(base, *sides, commits=self._sides.commits)
        if merged.conflicts:
            self._add(merged.conflicts)
        else:
            self.joined += 1
        if merged.frame is not None:
            batch.put(merged.frame)
        elif row.first is not None:
            batch.remove_key(row.key)

    def _add(self, conflicts: Iterable[Conflict]) -> None:
        for conflict in conflicts:
            self.conflicts.setdefault(conflict.frame_id, []).append(conflict)

    def _document(self, into: VersionDocument | None) -> VersionDocument:
        sides = self._sides
        base = None if sides.base is None else sides.base.document.metadata
        earlier, later = sides.earlier.document, sides.later.document
        metadata, conflicts = merge_maps(
            base,
            earlier.metadata,
            later.metadata,
            commits=sides.commits,
            path=("version", "metadata"),
        )
        self._add(conflicts)
        if into is not None:
            return replace(into, metadata=metadata)
        return replace(
            later,
            metadata=metadata,
            created=min(earlier.created, later.created),
            parents=tuple(dict.fromkeys((*earlier.parents, *later.parents))),
        )

    def _schema(self) -> Schema:
        sides = self._sides
        schema, conflicts = merge_schemas(
            None if sides.base is None else sides.base.schema,
            sides.earlier.schema,
            sides.later.schema,
            commits=sides.commits,
        )
        self._add(conflicts)
        return schema
