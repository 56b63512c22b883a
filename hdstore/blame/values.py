"""What is told of histories: events of a frame or an annotation, and who gave each field its value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from hdstore.diff import ABSENT
from hdstore.model import Annotation, Commit, Frame

__all__ = [
    "AnnotationBlame",
    "Credit",
    "FieldBlame",
    "FrameBlame",
    "FrameEvent",
    "Path",
    "RemovedAnnotation",
]

Path: TypeAlias = tuple[str, ...]
"""Where a value stands in a frame or an annotation: ``("geometry",)``, ``("metadata", KEY)``, ``("sources", ID)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """A save that is named for something; ``version`` is the path of the version it was made in."""

    commit: Commit
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameEvent(Credit):
    """A save in which a frame, or one annotation of it, got something that none of the save's parents has.

    ``after`` is the value since, None once it is gone; ``befores`` are the values in the parents, one each: two where
    versions were merged, none in the first save of all. They are annotations where ``annotation_id`` is given.
    """

    frame_id: str
    annotation_id: str | None
    after: Frame | Annotation | None
    befores: tuple[Frame | Annotation | None, ...]

    @property
    def before(self) -> Frame | Annotation | None:
        """The value before: that of the first parent that has one."""
        return next((value for value in self.befores if value is not None), None)

    @property
    def kind(self) -> Literal["added", "changed", "removed"]:
        """What happened."""
        if self.after is None:
            return "removed"
        return "added" if self.before is None else "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldBlame:
    """Who gave a field its value.

    ``value`` is as the frame or annotation holds it. ``befores`` are the field's values in the parents of the save,
    ``ABSENT`` where a parent has no such field, or no such annotation.
    """

    path: Path
    value: Any
    by: Credit
    befores: tuple[Any, ...]

    @property
    def before(self) -> Any:
        """The value before: that of the first parent that has one, else ``ABSENT``."""
        return next((value for value in self.befores if value is not ABSENT), ABSENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationBlame:
    """Who added an annotation, who changed it last (who added it, if nobody), and who gave each field its value.

    ``fields`` are geometry, labels, confidence, object_id and sources, then the keys of the metadata.
    """

    annotation: Annotation
    added: Credit
    last: Credit
    fields: tuple[FieldBlame, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedAnnotation:
    """An annotation that is not there any more: what it was, and the last save that removed it."""

    annotation: Annotation
    by: Credit


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameBlame:
    """Who made a frame what it is: the frame itself, its own fields, and its annotations in their order.

    ``fields`` are kind, context_id, timestamp and blob, then sources and vectors by name, and the keys of metadata and
    extra. ``removed`` is empty unless it was asked for.
    """

    frame: Frame
    added: Credit
    last: Credit
    fields: tuple[FieldBlame, ...]
    annotations: tuple[AnnotationBlame, ...]
    removed: tuple[RemovedAnnotation, ...] = ()

    def annotation(self, annotation_id: str) -> AnnotationBlame | None:
        """Returns what is known of one annotation, None where the frame has none of this id."""
        for blame in self.annotations:
            if blame.annotation.id == annotation_id:
                return blame
        return None
