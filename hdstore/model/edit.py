"""Edits: values that change a draft, and Changes: the value that says what changed.

A frame edit is a pure function of one frame: ``apply`` gives the frame after it (None: removed), ``inverse`` the edit
that takes it back. Undo is the inverse and nothing else.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from hdstore.errors import InvalidValueError, NotFoundError
from hdstore.model.annotation import Annotation, Metadata
from hdstore.model.frame import Frame
from hdstore.model.schema import Schema

__all__ = [
    "AddAnnotation",
    "Changes",
    "Edit",
    "FrameEdit",
    "PutFrame",
    "RemoveAnnotation",
    "RemoveFrame",
    "ReplaceAnnotation",
    "SetFrameMetadata",
    "SetSchema",
    "SetVersionMetadata",
    "VersionEdit",
]


class _EditValue(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="@",
):
    """Base of all edits; encoded with the tag "@" so that a journal can keep them."""


def _present(frame: Frame | None, frame_id: str) -> Frame:
    if frame is None:
        raise NotFoundError(f"There is no frame {frame_id!r} to edit; it may have been deleted.")
    return frame


def _index_of(frame: Frame, annotation_id: str) -> int:
    for index, annotation in enumerate(frame.annotations):
        if annotation.id == annotation_id:
            return index
    raise NotFoundError(f"Frame {frame.id!r} has no annotation {annotation_id!r}; it may have been deleted.")


def _with_annotations(frame: Frame, annotations: tuple[Annotation, ...]) -> Frame:
    return msgspec.structs.replace(frame, annotations=annotations)


class PutFrame(_EditValue, frozen=True, kw_only=True, tag="put_frame"):
    """Adds a frame, or replaces the one of its id whole."""

    frame: Frame

    @property
    def frame_id(self) -> str:
        """The id of the frame this edit touches."""
        return self.frame.id

    def apply(self, frame: Frame | None) -> Frame | None:
        """Returns the new frame, whatever stood there."""
        return self.frame

    def inverse(self, before: Frame | None) -> FrameEdit:
        """Returns the edit that brings back ``before``."""
        return RemoveFrame(frame_id=self.frame.id) if before is None else PutFrame(frame=before)


class RemoveFrame(_EditValue, frozen=True, kw_only=True, tag="remove_frame"):
    """Removes a frame; an absent one is left absent."""

    frame_id: str

    def apply(self, frame: Frame | None) -> Frame | None:
        """Returns None."""
        return None

    def inverse(self, before: Frame | None) -> FrameEdit:
        """Returns the edit that brings back ``before``."""
        return self if before is None else PutFrame(frame=before)


class AddAnnotation(_EditValue, frozen=True, kw_only=True, tag="add_annotation"):
    """Adds an annotation with an id, at ``index`` (None: at the end)."""

    annotation: Annotation
    frame_id: str
    index: int | None = None

    def apply(self, frame: Frame | None) -> Frame | None:
        """Returns the frame with the annotation; raises when its id is missing or taken."""
        frame = _present(frame, self.frame_id)
        if not self.annotation.id or frame.annotation(self.annotation.id) is not None:
            raise InvalidValueError(
                f"An annotation to add to frame {frame.id!r} needs an id that is not taken, not"
                f" {self.annotation.id!r}."
            )
        at = len(frame.annotations) if self.index is None else self.index
        return _with_annotations(frame, (*frame.annotations[:at], self.annotation, *frame.annotations[at:]))

    def inverse(self, before: Frame | None) -> FrameEdit:
        """Returns the edit that removes the annotation."""
        return RemoveAnnotation(frame_id=self.frame_id, annotation_id=self.annotation.id)


class ReplaceAnnotation(_EditValue, frozen=True, kw_only=True, tag="replace_annotation"):
    """Replaces the annotation of the same id, where it stands."""

    annotation: Annotation
    frame_id: str

    def apply(self, frame: Frame | None) -> Frame | None:
        """Returns the frame with the new value; raises when there is no such annotation."""
        frame = _present(frame, self.frame_id)
        at = _index_of(frame, self.annotation.id)
        return _with_annotations(
            frame, (*frame.annotations[:at], self.annotation, *frame.annotations[at + 1 :])
        )

    def inverse(self, before: Frame | None) -> FrameEdit:
        """Returns the edit that brings back the annotation as it was."""
        before = _present(before, self.frame_id)
        at = _index_of(before, self.annotation.id)
        return ReplaceAnnotation(frame_id=self.frame_id, annotation=before.annotations[at])


class RemoveAnnotation(_EditValue, frozen=True, kw_only=True, tag="remove_annotation"):
    """Removes one annotation."""

    annotation_id: str
    frame_id: str

    def apply(self, frame: Frame | None) -> Frame | None:
        """Returns the frame without it; raises when there is no such annotation."""
        frame = _present(frame, self.frame_id)
        at = _index_of(frame, self.annotation_id)
        return _with_annotations(frame, frame.annotations[:at] + frame.annotations[at + 1 :])

    def inverse(self, before: Frame | None) -> FrameEdit:
        """Returns the edit that puts the annotation back where it stood."""
        before = _present(before, self.frame_id)
        at = _index_of(before, self.annotation_id)
        return AddAnnotation(frame_id=self.frame_id, annotation=before.annotations[at], index=at)


class SetFrameMetadata(_EditValue, frozen=True, kw_only=True, tag="set_frame_metadata"):
    """Sets some metadata keys of a frame and removes others; keys not named stay as they are."""

    frame_id: str
    remove: tuple[str, ...] = ()
    set: Metadata = msgspec.field(default_factory=dict)

    def apply(self, frame: Frame | None) -> Frame | None:
        """Returns the frame with the keys changed."""
        frame = _present(frame, self.frame_id)
        metadata = {k: v for k, v in frame.metadata.items() if k not in self.remove} | self.set
        return msgspec.structs.replace(frame, metadata=metadata)

    def inverse(self, before: Frame | None) -> FrameEdit:
        """Returns the edit that gives the touched keys their old values."""
        before = _present(before, self.frame_id)
        touched = {*self.set, *self.remove}
        return SetFrameMetadata(
            frame_id=self.frame_id,
            set={k: v for k, v in before.metadata.items() if k in touched},
            remove=tuple(sorted(k for k in self.set if k not in before.metadata)),
        )


FrameEdit: TypeAlias = (
    PutFrame | RemoveFrame | AddAnnotation | ReplaceAnnotation | RemoveAnnotation | SetFrameMetadata
)


class SetSchema(_EditValue, frozen=True, kw_only=True, tag="set_schema"):
    """Replaces the label schema of a draft."""

    schema: Schema


class SetVersionMetadata(_EditValue, frozen=True, kw_only=True, tag="set_version_metadata"):
    """Replaces the metadata of a draft; it never merges (row 28)."""

    metadata: Metadata


VersionEdit: TypeAlias = SetSchema | SetVersionMetadata

Edit: TypeAlias = FrameEdit | VersionEdit


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What a save changed in one draft.

    ``before`` and ``after`` are commit ids (equal when nothing changed). ``added``, ``updated`` and ``removed`` count
    frames; ``frame_ids`` names them, or is None when there were too many to name. ``inverse`` takes the save back; it
    is None for bulk saves, whose inverse is the commit ``before``. ``schema``, ``metadata`` and ``conflicts`` say
    whether those changed.
    """

    added: int = 0
    after: str
    before: str
    conflicts: bool = False
    frame_ids: tuple[str, ...] | None = ()
    inverse: tuple[Edit, ...] | None = ()
    metadata: bool = False
    removed: int = 0
    schema: bool = False
    unchanged: int = 0
    updated: int = 0
    version_id: str

    def __bool__(self) -> bool:
        return self.before != self.after
