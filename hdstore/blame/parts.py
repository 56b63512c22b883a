"""A frame in the parts that people change: its fields and keys, its annotations, and their fields and keys."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from hdstore.blame.values import Path
from hdstore.codec import annotations_of, canonical_bytes, decode_frame
from hdstore.diff import ABSENT
from hdstore.model import Annotation, Frame, FrameGroup

__all__ = ["Parts", "fields_of_annotation", "fields_of_frame"]

_OF_ANNOTATION = ("geometry", "labels", "confidence", "object_id", "sources")
_OF_FRAME = ("context_id", "timestamp", "blob")


def fields_of_annotation(annotation: Annotation) -> dict[Path, Any]:
    """Returns the fields of an annotation and the keys of its metadata, by paths."""
    fields: dict[Path, Any] = {(name,): getattr(annotation, name) for name in _OF_ANNOTATION}
    fields.update({("metadata", key): value for key, value in annotation.metadata.items()})
    return fields


def fields_of_frame(frame: Frame) -> dict[Path, Any]:
    """Returns the fields of a frame but for its annotations, by paths."""
    fields: dict[Path, Any] = {("kind",): "group" if isinstance(frame, FrameGroup) else "single"}
    fields.update({(name,): getattr(frame, name) for name in _OF_FRAME})
    fields.update({("sources", source.id): source for source in frame.sources})
    for name in ("vectors", "metadata", "extra"):
        fields.update({(name, key): value for key, value in getattr(frame, name).items()})
    return fields


class Parts:
    """One value of a frame, and the canonical bytes of its parts.

    An annotation is named by its id, the frame itself by None.
    """

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._bytes = annotations_of(raw)
        self._fields: dict[str | None, dict[Path, Any]] = {}
        self._encoded: dict[tuple[str | None, Path], bytes] = {}

    @cached_property
    def frame(self) -> Frame:
        """The frame."""
        return decode_frame(self.raw)

    @cached_property
    def annotations(self) -> dict[str, Annotation]:
        """The annotations by id."""
        return {annotation.id: annotation for annotation in self.frame.annotations}

    def names(self) -> set[str]:
        """Returns the ids of the annotations."""
        return set(self._bytes)

    def holds(self, name: str | None) -> bool:
        """Says whether there is such an annotation; the frame is there."""
        return name is None or name in self._bytes

    def whole(self, name: str | None) -> bytes | None:
        """Returns the bytes of an annotation or of the frame, None where there is none."""
        return self.raw if name is None else self._bytes.get(name)

    def fields(self, name: str | None) -> dict[Path, Any]:
        """Returns the fields by path; none of an annotation that is not there."""
        found = self._fields.get(name)
        if found is None:
            if name is None:
                found = fields_of_frame(self.frame)
            else:
                annotation = self.annotations.get(name)
                found = {} if annotation is None else fields_of_annotation(annotation)
            self._fields[name] = found
        return found

    def field(self, name: str | None, path: Path) -> bytes | None:
        """Returns the bytes of one field, None where there is none."""
        found = self._encoded.get((name, path))
        if found is None:
            value = self.fields(name).get(path, ABSENT)
            if value is ABSENT:
                return None
            found = self._encoded[name, path] = canonical_bytes(value)
        return found

    def scope(self, name: str | None) -> set[tuple[str | None, Path]]:
        """Returns all fields of an annotation; of the frame those of its annotations too."""
        names = [name] if name is not None else [None, *self._bytes]
        return {(one, path) for one in names for path in self.fields(one)}
