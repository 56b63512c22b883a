"""Frames: what a version holds. A SingleFrame has one source, a FrameGroup has several, by name."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from hdstore.model.annotation import Annotation, Metadata

__all__ = ["Frame", "FrameGroup", "Mask", "Preview", "SingleFrame", "Source", "Timestamp"]

Size: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""A number of pixels or bytes that JSON readers hold exactly."""

Timestamp: TypeAlias = int | float
"""Milliseconds from the beginning of a medium; 0 for stills."""


class _Medium(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    gc=False,
):
    """Base of what points to bytes that lie elsewhere."""


class Preview(_Medium, frozen=True, kw_only=True):
    """What is shown instead of a source that a viewer can not draw or should not load (rows 40, 43)."""

    content_type: str = ""
    hash: str = ""
    size: Size | None = None
    timestamp: Timestamp = 0
    uri: str


class Mask(_Medium, frozen=True, kw_only=True):
    """A picture whose pixel values carry labels, by the version's mask labels (rows 83-86)."""

    content_type: str = ""
    hash: str = ""
    height: Size | None = None
    id: str = "00"
    size: Size | None = None
    timestamp: Timestamp = 0
    uri: str
    width: Size | None = None


class Source(_Medium, frozen=True, kw_only=True):
    """One raw medium of a frame (row 40).

    ``uri`` is ``media:<blake3>`` when hdstore keeps the bytes, ``root:<name>/<path>`` under a named root, or a full
    URI. ``hash`` is BLAKE3 in hexadecimal, ``size`` in bytes, ``width`` and ``height`` in pixels as displayed.
    """

    content_type: str = ""
    hash: str = ""
    height: Size | None = None
    id: str = "00"
    masks: tuple[Mask, ...] = ()
    metadata: Metadata = msgspec.field(default_factory=dict)
    preview: Preview | None = None
    size: Size | None = None
    timestamp: Timestamp = 0
    uri: str = ""
    width: Size | None = None


class _FrameFields(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    gc=False,
    tag_field="@",
):
    """The fields that both kinds of frame share (row 39).

    ``context_id`` groups frames (a video, a scene); empty means the first source's URI. ``timestamp`` None means the
    first source's. ``extra`` and ``blob`` are carried but never indexed (ClearML's ``meta_blob`` and ``blob``).
    ``vectors`` are embeddings by name.
    """

    annotations: tuple[Annotation, ...] = ()
    blob: str = ""
    context_id: str = ""
    extra: Metadata = msgspec.field(default_factory=dict)
    id: str
    metadata: Metadata = msgspec.field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    timestamp: Timestamp | None = None
    vectors: dict[str, tuple[float, ...]] = msgspec.field(default_factory=dict)

    def annotation(self, annotation_id: str) -> Annotation | None:
        """Returns the annotation with this id, or None."""
        for annotation in self.annotations:
            if annotation.id == annotation_id:
                return annotation
        return None

    def source(self, source_id: str) -> Source | None:
        """Returns the source with this id, or None."""
        for source in self.sources:
            if source.id == source_id:
                return source
        return None

    @property
    def labels(self) -> frozenset[str]:
        """All labels of all annotations."""
        return frozenset(label for annotation in self.annotations for label in annotation.labels)

    @property
    def context(self) -> str:
        """The context id, or the first source's URI where none was given (row 42)."""
        return self.context_id or (self.sources[0].uri if self.sources else "")

    @property
    def time(self) -> Timestamp:
        """The timestamp in milliseconds, or the first source's where none was given (row 41)."""
        if self.timestamp is not None:
            return self.timestamp
        return self.sources[0].timestamp if self.sources else 0


class SingleFrame(_FrameFields, frozen=True, kw_only=True, tag="single"):
    """A frame with at most one source (row 34)."""


class FrameGroup(_FrameFields, frozen=True, kw_only=True, tag="group"):
    """A frame with several named sources, for example the cameras of one moment (row 35)."""


Frame: TypeAlias = SingleFrame | FrameGroup
