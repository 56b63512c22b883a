"""What differs between two versions: frames, their fields and annotations; equal subtrees are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hdstore.codec import decode_frame, same_value
from hdstore.model import Frame
from hdstore.version import VersionState

__all__ = ["Diff", "FrameChange", "compare_frames", "diff", "iter_differing"]

_FIELDS = ("blob", "context_id", "extra", "metadata", "sources", "timestamp", "vectors")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameChange:
    """One frame that both versions hold with different values.

    Annotations are named by their ids; ``fields`` names what else differs, with ``kind`` for a single frame that became
    a group and ``annotation order`` where the same annotations stand in another order.
    """

    id: str
    annotations_added: tuple[str, ...] = ()
    annotations_removed: tuple[str, ...] = ()
    annotations_changed: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """What has to be done to the first version to get the second; frame ids in order, ``changed`` by id."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[FrameChange, ...] = ()
    schema: bool = False
    metadata: bool = False

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.schema or self.metadata)


def iter_differing(before: VersionState, after: VersionState) -> Iterator[tuple[Frame | None, Frame | None]]:
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
    )


def diff(before: VersionState, after: VersionState) -> Diff:
    """Returns what differs between two versions."""
    added: list[str] = []
    removed: list[str] = []
    changed: list[FrameChange] = []
    for old, new in iter_differing(before, after):
        if old is None and new is not None:
            added.append(new.id)
        elif new is None and old is not None:
            removed.append(old.id)
        elif old is not None and new is not None:
            changed.append(compare_frames(old, new))
    return Diff(
        added=tuple(sorted(added)),
        removed=tuple(sorted(removed)),
        changed=tuple(sorted(changed, key=lambda change: change.id)),
        schema=before.schema != after.schema,
        metadata=before.document.metadata != after.document.metadata,
    )
