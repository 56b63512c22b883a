"""Which frames differ between two versions, and in which fields; equal subtrees are skipped."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, TypeAlias

from hdstore.codec import decode_frame, same_value
from hdstore.diff.details import FrameDetails, detail
from hdstore.diff.values import ValueChange
from hdstore.diff.versions import compare_versions
from hdstore.model import Frame
from hdstore.version import VersionState

__all__ = [
    "Diff",
    "FrameChange",
    "FramePair",
    "compare_frames",
    "diff",
    "frame_change",
    "iter_changes",
    "iter_differing",
]

FramePair: TypeAlias = tuple[Frame | None, Frame | None]
"""A frame before and after; None where a version does not hold it."""

_FIELDS = ("blob", "context_id", "extra", "metadata", "sources", "timestamp", "vectors")


def _unread() -> FramePair:
    return None, None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameChange:
    """One frame that two versions hold with different values, or only one of them holds.

    Annotations are named by their ids; ``fields`` names what else differs, with ``kind`` for a single frame that became
    a group and ``annotation order`` where the same annotations stand in another order. ``details`` says what exactly.
    """

    id: str
    status: Literal["added", "removed", "changed"] = "changed"
    annotations_added: tuple[str, ...] = ()
    annotations_removed: tuple[str, ...] = ()
    annotations_changed: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    read: Callable[[], FramePair] = field(default=_unread, repr=False, compare=False)
    """Returns both values of the frame; in a ``Diff`` they are read anew each time."""

    def __bool__(self) -> bool:
        return self.status != "changed" or bool(
            self.annotations_added or self.annotations_removed or self.annotations_changed or self.fields
        )

    def details(self) -> FrameDetails:
        """Returns what exactly differs, with both values of the frame."""
        return detail(*self.read())


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """What has to be done to the first version to get the second; frame ids in order, ``changed`` by id.

    ``schema`` and ``metadata`` say whether those of the versions differ, and ``version`` what exactly, by paths.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[FrameChange, ...] = ()
    schema: bool = False
    metadata: bool = False
    version: tuple[ValueChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.schema or self.metadata)


def iter_differing(before: VersionState, after: VersionState) -> Iterator[FramePair]:
    """Streams the pairs of frames that differ; None where a version does not hold the frame."""
    for _, old, new in before.trie.diff(after.trie):
        yield (
            None if old is None else decode_frame(old),
            None if new is None else decode_frame(new),
        )


def compare_frames(before: Frame, after: Frame) -> FrameChange:
    """Returns what differs between two values of one frame."""
    old = {annotation.id: annotation for annotation in before.annotations}
    new = {annotation.id: annotation for annotation in after.annotations}
    fields = [name for name in _FIELDS if not same_value(getattr(before, name), getattr(after, name))]
    if type(before) is not type(after):
        fields.append("kind")
    if [i for i in old if i in new] != [i for i in new if i in old]:
        fields.append("annotation order")
    return FrameChange(
        id=after.id,
        annotations_added=tuple(i for i in new if i not in old),
        annotations_removed=tuple(i for i in old if i not in new),
        annotations_changed=tuple(i for i in new if i in old and not same_value(old[i], new[i])),
        fields=tuple(sorted(fields)),
        read=partial(_pair, before, after),
    )


def _pair(before: Frame | None, after: Frame | None) -> FramePair:
    return before, after


def frame_change(before: Frame | None, after: Frame | None) -> FrameChange | None:
    """Returns what became of a frame; None where neither side has one."""
    if before is not None and after is not None:
        return compare_frames(before, after)
    if after is not None:
        ids = tuple(annotation.id for annotation in after.annotations)
        return FrameChange(
            id=after.id, status="added", annotations_added=ids, read=partial(_pair, None, after)
        )
    if before is not None:
        ids = tuple(annotation.id for annotation in before.annotations)
        return FrameChange(
            id=before.id, status="removed", annotations_removed=ids, read=partial(_pair, before, None)
        )
    return None


def iter_changes(before: VersionState, after: VersionState) -> Iterator[FrameChange]:
    """Streams what became of each frame that differs, added and removed ones too, in the order of the trie.

    That order is the same for the same two versions, and means nothing to people. Memory stays bounded, whatever
    the number of frames: a change holds its two frames, and nothing holds the changes.
    """
    for old, new in iter_differing(before, after):
        change = frame_change(old, new)
        if change is not None:
            yield change


def diff(before: VersionState, after: VersionState) -> Diff:
    """Returns what differs between two versions; its memory grows with the number of frames that differ.

    The frames themselves are not held: ``details`` of a change reads them.
    """
    added: list[str] = []
    removed: list[str] = []
    changed: list[FrameChange] = []
    for old, new in iter_differing(before, after):
        if old is None and new is not None:
            added.append(new.id)
        elif new is None and old is not None:
            removed.append(old.id)
        elif old is not None and new is not None:
            read = partial(_read, before, after, new.id)
            changed.append(dataclasses.replace(compare_frames(old, new), read=read))
    version = tuple(compare_versions(before, after))
    return Diff(
        added=tuple(sorted(added)),
        removed=tuple(sorted(removed)),
        changed=tuple(sorted(changed, key=lambda change: change.id)),
        schema=any(change.path[0] == "schema" for change in version),
        metadata=any(change.path[0] == "version" for change in version),
        version=version,
    )


def _read(before: VersionState, after: VersionState, frame_id: str) -> FramePair:
    return before.find(frame_id), after.find(frame_id)
