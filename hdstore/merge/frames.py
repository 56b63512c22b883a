"""Three-way merge of one frame: field by field, annotation by annotation, key by key.

The result is a valid frame whenever the three values are. Where parts of two sides fit together only by accident (an
annotation on a source that the other side deleted, two sources in a single frame), a larger part is decided as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from hdstore.merge.members import merge_annotation, merge_source
from hdstore.merge.ordering import merge_order
from hdstore.merge.slots import ABSENT, Notes, Three, same
from hdstore.model import Annotation, Conflict, Frame, FrameGroup, SingleFrame, Source, replace

__all__ = ["MergedFrame", "merge_frames"]

_FIELDS = ("blob", "context_id", "timestamp")
_KINDS: dict[type, type[SingleFrame] | type[FrameGroup]] = {SingleFrame: SingleFrame, FrameGroup: FrameGroup}


class MergedFrame(NamedTuple):
    """A frame after a merge (None: there is none), and what it could not decide, in the order it is stored."""

    frame: Frame | None
    conflicts: tuple[Conflict, ...] = ()


def merge_frames(
    base: Frame | None, first: Frame | None, second: Frame | None, *, commits: tuple[str, str]
) -> MergedFrame:
    """Returns the frame that two sides made of ``base``, each of the three None where there is no such frame.

    ``commits`` name the sides, which the caller puts in order (by time, then id): what both changed differently is
    as the second side has it, and what one deleted and the other changed stays; either is noted as a conflict. The
    frames are as they are read, with ids for all annotations.
    """
    present = second if second is not None else first
    if present is None:
        return MergedFrame(None)
    three = Three(*(ABSENT if frame is None else frame for frame in (base, first, second)))
    notes = Notes(commits, present.id)
    if first is not None and second is not None:
        merged = _Merge(notes, base, first, second).run()
        if merged is not None:
            return MergedFrame(merged, notes.listed())
    notes.conflicts.clear()
    chosen = notes.choose((), three)
    return MergedFrame(None if chosen is ABSENT else chosen, notes.listed())


class _Merge:
    """One merge of a frame that both sides have."""

    def __init__(self, notes: Notes, base: Frame | None, first: Frame, second: Frame) -> None:
        self._notes = notes
        self._base = base
        self._first = first
        self._second = second
        self._held = Three(*map(_annotations, (base, first, second)))

    def run(self) -> Frame | None:
        """Returns the merged frame; None where its parts do not fit and it has to be decided as a whole."""
        notes = self._notes
        kind = self._kind()
        if kind is None:
            return None
        fields: dict[str, Any] = {
            name: notes.choose((name,), self._of(name, absent=ABSENT)) for name in _FIELDS
        }
        for name in ("extra", "metadata"):
            fields[name] = notes.choose_map((name,), self._of(name, absent=ABSENT))
        fields["vectors"] = notes.choose_members(("vectors",), self._of("vectors", absent={}), Notes.choose)
        sources = self._sources()
        annotations: dict[str, Annotation] = notes.choose_members(
            ("annotations",), self._held, merge_annotation
        )
        if not self._same_first():
            return None
        self._tie(annotations, sources)
        if kind is SingleFrame and len(sources) > 1:
            return None
        fields["sources"] = _in_order(self._of("sources", absent=()), sources)
        fields["annotations"] = _in_order(self._of("annotations", absent=()), annotations)
        if kind is type(self._second):
            return replace(self._second, **fields)
        return kind(id=self._second.id, **fields)

    def _of(self, name: str, *, absent: Any) -> Three:
        base = absent if self._base is None else getattr(self._base, name)
        return Three(base, getattr(self._first, name), getattr(self._second, name))

    def _kind(self) -> type[SingleFrame] | type[FrameGroup] | None:
        """Returns the kind of the merged frame; None where both sides added frames of different kinds."""
        first, second = type(self._first), type(self._second)
        if first is second or self._base is None:
            return _KINDS[second] if first is second else None
        return _KINDS[first if type(self._base) is second else second]

    def _sources(self) -> dict[str, Source]:
        maps = Three(*map(_sources, (self._base, self._first, self._second)))
        return self._notes.choose_members(("sources",), maps, merge_source)

    def _same_first(self) -> bool:
        """Says whether both sides mean the same source by none: an annotation that names none lies on the first."""
        if type(self._first) is type(self._second) is SingleFrame:
            return True
        firsts = {frame.sources[0].id if frame.sources else "" for frame in (self._first, self._second)}
        if len(firsts) < 2:
            return True
        return all(a.sources for a in (*self._first.annotations, *self._second.annotations))

    def _tie(self, annotations: dict[str, Annotation], sources: dict[str, Source]) -> None:
        """Makes annotations, and sources that one side deleted below them, conflicts as wholes.

        A source stays where an annotation lies on it, or may come to lie on it when a conflict is resolved. So all
        conflicts resolved to one side give what that side had.
        """
        held = Three(*map(_sources, (self._base, self._first, self._second)))
        doubtful = {
            name
            for name in held.first.keys() ^ held.second.keys()
            if name in held.base or name not in sources
        }
        if not doubtful:
            return
        noted = {path[1] for path in self._notes.conflicts if path[:1] == ("annotations",)}
        for name, merged in annotations.items():
            one = _at(self._held, name)
            values = [merged, *(one[1:] if name in noted else ())]
            if all(value is ABSENT or doubtful.isdisjoint(value.sources) for value in values):
                continue
            self._notes.add_whole(("annotations", name), one)
            annotations[name] = _shown(one)
            for at in {at for value in one[1:] if value is not ABSENT for at in value.sources}:
                if at not in sources:
                    source = _at(held, at)
                    self._notes.add_whole(("sources", at), source)
                    sources[at] = _shown(source)


def _annotations(frame: Frame | None) -> dict[str, Annotation]:
    return {} if frame is None else {annotation.id: annotation for annotation in frame.annotations}


def _sources(frame: Frame | None) -> dict[str, Source]:
    return {} if frame is None else {source.id: source for source in frame.sources}


def _at(maps: Three, name: str) -> Three:
    return Three(*(side.get(name, ABSENT) for side in maps))


def _shown(three: Three) -> Any:
    """Returns what stands for a conflict of something as a whole: what was changed, the second side's if both did."""
    base, first, second = three
    return first if second is ABSENT or (first is not ABSENT and same(base, second)) else second


def _in_order(three: Three, merged: Mapping[str, Any]) -> tuple[Any, ...]:
    names = merge_order(([member.id for member in side] for side in three), merged)
    return tuple(merged[name] for name in names)
