"""Making the next commit of a draft: from edits, from frames in bulk, from other versions.

Everything here writes objects and returns their ids; no ref is touched.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from hdstore.codec import (
    decode_frame,
    encode_frame,
    encode_schema,
    encode_stats,
    encode_version,
    frame_id_of,
)
from hdstore.errors import InvalidValueError
from hdstore.ids import frame_key
from hdstore.model import (
    Author,
    Edit,
    Frame,
    FrameEdit,
    Progress,
    PutFrame,
    Schema,
    SetSchema,
    SetVersionMetadata,
    Stats,
    VersionDocument,
    check_frame_id,
    replace,
)
from hdstore.store import (
    BLOB_MODE,
    TREE_MODE,
    Entry,
    MemoryChanges,
    Objects,
    Writer,
    encode_commit,
    encode_tree,
    update_trie,
)
from hdstore.version.counting import Tally, merge_counts
from hdstore.version.spill import Spill
from hdstore.version.state import VersionState

__all__ = [
    "NAMED_FRAMES",
    "Batch",
    "Built",
    "ConflictsTree",
    "Keep",
    "build_edits",
    "overlay",
    "write_commit",
    "write_tree",
]

NAMED_FRAMES = 1000
"""Up to how many changed frames a save names; more are only counted."""


class Keep(enum.Enum):
    """Stands for what the version holds already."""

    AS_IT_IS = enum.auto()


ConflictsTree: TypeAlias = str | Keep | None
"""The tree of conflicts a version is to have: its id, None for none, or the one it has."""

_STEP = 1000
"""Frames between two calls of a progress callback."""


@dataclass
class Built:
    """A tree of a version that has been written, and what changed on the way to it.

    ``schema``, ``metadata`` and ``conflicts`` say whether those differ from before.
    """

    tree: str
    added: int = 0
    updated: int = 0
    removed: int = 0
    unchanged: int = 0
    frame_ids: list[str] | None = field(default_factory=list)
    inverse: tuple[Edit, ...] | None = None
    schema: bool = False
    metadata: bool = False
    conflicts: bool = False

    def note(self, old: bytes | None, new: bytes | None) -> None:
        """Counts what became of one frame, and names it while there are few."""
        if old == new:
            self.unchanged += 1
            return
        if old is None:
            self.added += 1
        elif new is None:
            self.removed += 1
        else:
            self.updated += 1
        if self.frame_ids is not None:
            if len(self.frame_ids) >= NAMED_FRAMES:
                self.frame_ids = None
            else:
                self.frame_ids.append(frame_id_of(new if new is not None else old or b""))

    def is_change(self) -> bool:
        """Says whether anything differs from before."""
        frames = self.added or self.updated or self.removed
        return bool(frames or self.schema or self.metadata or self.conflicts)


class _Watch:
    """Counts what an update of the trie changes, and keeps the statistics."""

    def __init__(self, tally: Tally, progress: Progress | None = None, total: int = 0) -> None:
        self.tally = tally
        self.built = Built(tree="")
        self._progress = progress
        self._total = total
        self._done = 0

    def replaced(self, raw: bytes) -> None:
        """Takes back the count of a frame that a later one of the same batch replaced."""
        self.tally.add(decode_frame(raw), -1)

    def changed(self, key: bytes, old: bytes | None, new: bytes | None) -> None:
        """Notes one change; the counts of new frames were added when they were encoded."""
        self._done += 1
        if self._progress is not None and self._done % _STEP == 0:
            self._progress("Writing frames", self._done, self._total)
        if old is not None:
            self.tally.add(decode_frame(old), -1)
        self.built.note(old, new)


def write_commit(
    writer: Writer, *, tree: str, parents: Iterable[str], author: Author, time: int, message: str
) -> str:
    """Returns the id of a commit of this tree; ``time`` is seconds since 1970 in UTC."""
    data = encode_commit(
        tree=tree, parents=tuple(parents), author=author, time=time, message=message.rstrip("\n") + "\n"
    )
    return writer.write("commit", data)


def write_tree(
    writer: Writer,
    *,
    document: VersionDocument,
    schema: Schema,
    stats: Stats,
    frames: str | None,
    conflicts: str | None = None,
) -> str:
    """Returns the id of a version's tree; ``frames`` None means no frame yet."""
    if frames is None:
        frames = writer.write("tree", encode_tree([]))
    entries = [
        Entry(TREE_MODE, "frames", frames),
        Entry(BLOB_MODE, "schema", writer.write("blob", encode_schema(schema))),
        Entry(BLOB_MODE, "stats", writer.write("blob", encode_stats(stats))),
        Entry(BLOB_MODE, "version", writer.write("blob", encode_version(document))),
    ]
    if conflicts is not None:
        entries.append(Entry(TREE_MODE, "conflicts", conflicts))
    return writer.write("tree", encode_tree(entries))


def build_edits(
    objects: Objects,
    writer: Writer,
    state: VersionState,
    edits: Iterable[Edit],
    *,
    conflicts: ConflictsTree = Keep.AS_IT_IS,
) -> Built:
    """Returns the tree that ``state`` becomes by a few edits, in their order, with the edits that take them back.

    Where ``conflicts`` replaces the tree of conflicts no edit takes the save back, and ``inverse`` is None.
    """
    frames: dict[str, Frame | None] = {}
    before: dict[str, Frame | None] = {}
    inverse: list[Edit] = []
    schema, document = state.schema, state.document
    for edit in edits:
        if isinstance(edit, SetSchema):
            inverse.append(SetSchema(schema=schema))
            schema = edit.schema
        elif isinstance(edit, SetVersionMetadata):
            inverse.append(SetVersionMetadata(metadata=document.metadata))
            document = replace(document, metadata=edit.metadata)
        elif isinstance(edit, FrameEdit):
            frame_id = edit.frame_id
            if frame_id not in frames:
                check_frame_id(frame_id)
                frames[frame_id] = before[frame_id] = state.find(frame_id)
            inverse.append(edit.inverse(frames[frame_id]))
            after = edit.apply(frames[frame_id])
            # An edit that follows may name an annotation by the id that is filled in here.
            frames[frame_id] = (
                decode_frame(encode_frame(after)) if isinstance(edit, PutFrame) and after else after
            )
        else:
            raise InvalidValueError(f"A draft is changed by edits, and {edit!r} is none.")
    watch = _Watch(Tally(state.stats))
    changes: dict[bytes, bytes | None] = {}
    for frame_id, frame in frames.items():
        if frame is None and before[frame_id] is None:
            continue
        raw = None if frame is None else encode_frame(frame)
        changes[frame_key(frame_id)] = raw
        if raw is not None:
            watch.tally.add(decode_frame(raw))
    tree = update_trie(objects, writer, state.trie.tree, MemoryChanges.of(changes), watch.changed)
    built = _finish(writer, state, watch, document=document, schema=schema, frames=tree, conflicts=conflicts)
    built.inverse = None if built.conflicts else tuple(reversed(inverse))
    return built


def _finish(
    writer: Writer,
    state: VersionState,
    watch: _Watch,
    *,
    document: VersionDocument,
    schema: Schema,
    frames: str,
    conflicts: ConflictsTree,
) -> Built:
    """Writes the tree of a version whose frames are written, and notes what differs from ``state``."""
    built = watch.built
    before = state.oid("conflicts")
    after = before if isinstance(conflicts, Keep) else conflicts
    built.conflicts = after != before
    # By their bytes: a tuple where a list was read is no change, and 1 where True was read is one.
    built.schema = encode_schema(schema) != encode_schema(state.schema)
    built.metadata = encode_version(document) != encode_version(state.document)
    built.tree = write_tree(
        writer,
        document=document,
        schema=schema,
        stats=watch.tally.stats(),
        frames=frames,
        conflicts=after,
    )
    return built


class Batch:
    """Frames to put and to remove, set aside outside the heap until they are built into a version.

    A context manager; ``build`` may be called again when the draft moved meanwhile. The last change of an id wins.
    """

    def __init__(self, folder: Path) -> None:
        self._new = Tally()
        self._spill = Spill(folder)

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of everything that was set aside."""
        self._spill.close()

    def __len__(self) -> int:
        return len(self._spill)

    def put(self, frame: Frame) -> None:
        """Sets a frame aside; raises InvalidValueError when it breaks a rule."""
        raw = encode_frame(frame)
        self._new.add(frame)
        self._spill.put(frame_key(frame.id), raw)

    def put_all(self, frames: Iterable[Frame], progress: Progress | None, what: str) -> None:
        """Sets frames aside one after another."""
        done = 0
        for frame in frames:
            self.put(frame)
            done += 1
            if progress is not None and done % _STEP == 0:
                progress(what, done, None)
        if progress is not None:
            progress(what, done, done)

    def put_raw(self, key: bytes, raw: bytes) -> None:
        """Sets aside a frame that is stored already and so has passed the rules."""
        self._new.add(decode_frame(raw))
        self._spill.put(key, raw)

    def remove(self, frame_id: str) -> None:
        """Sets the removal of a frame aside; one that is absent is left so."""
        check_frame_id(frame_id)
        self.remove_key(frame_key(frame_id))

    def remove_key(self, key: bytes) -> None:
        """Sets the removal of the frame of this key aside."""
        self._spill.put(key, None)

    def build(
        self,
        objects: Objects,
        writer: Writer,
        state: VersionState,
        *,
        document: VersionDocument | None = None,
        schema: Schema | None = None,
        conflicts: ConflictsTree = Keep.AS_IT_IS,
        progress: Progress | None = None,
    ) -> Built:
        """Returns the tree that ``state`` becomes by these changes, with what else is given."""
        document = document or state.document
        schema = schema or state.schema
        tally = Tally(merge_counts(state.stats, self._new.stats()))
        watch = _Watch(tally, progress, len(self))
        frames = update_trie(
            objects, writer, state.trie.tree, self._spill.changes(watch.replaced), watch.changed
        )
        return _finish(
            writer, state, watch, document=document, schema=schema, frames=frames, conflicts=conflicts
        )


def overlay(batch: Batch, base: VersionState, others: Iterable[VersionState]) -> None:
    """Sets aside what makes ``base`` the union of all these versions; the frames of later ones win (row 152)."""
    before = [base]
    for other in others:
        # Against each of those before: a frame that equals the base may still have to win over one between them.
        for earlier in before:
            for key, _, raw in earlier.trie.diff(other.trie):
                if raw is not None:
                    batch.put_raw(key, raw)
        before.append(other)
