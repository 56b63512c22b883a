"""Frames as formats of pictures see them: one picture a source, each with its annotations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hdstore.formats.base import Warnings, clean_name, user_metadata
from hdstore.model import Annotation, Frame, Source

__all__ = ["Picture", "annotation_losses", "pictures"]


@dataclass(frozen=True, slots=True)
class Picture:
    """One source of a frame: the name of its file, and the annotations that lie on it."""

    frame: Frame
    name: str
    source: Source | None
    annotations: tuple[Annotation, ...]


def pictures(frame: Frame, warnings: Warnings) -> Iterator[Picture]:
    """Yields the pictures of a frame, and counts what no format of pictures holds."""
    for field, there in (
        ("vectors", frame.vectors),
        ("extra fields", frame.extra or frame.blob),
        ("masks in pictures of their own", any(source.masks for source in frame.sources)),
        ("previews", any(source.preview is not None for source in frame.sources)),
        ("source metadata", any(source.metadata for source in frame.sources)),
        ("a time or context", frame.timestamp is not None or frame.context_id),
    ):
        if there:
            warnings.add(f"frames with {field}, which were left out", frame.id)
    if len(frame.sources) < 2:
        source = frame.sources[0] if frame.sources else None
        yield Picture(frame, frame.id, source, frame.annotations)
        return
    warnings.add("frames of several sources, written as a picture each", frame.id)
    first = frame.sources[0].id
    for source in frame.sources:
        on_it = tuple(
            annotation
            for annotation in frame.annotations
            if (annotation.sources[0] if annotation.sources else first) == source.id
        )
        yield Picture(frame, _name(frame, source), source, on_it)


def _name(frame: Frame, source: Source) -> str:
    """Returns the file name of one of several sources."""
    scheme, _, path = source.uri.partition(":")
    inside = clean_name(path.partition("/")[2]) if scheme == "root" else ""
    return inside or f"{frame.id}/{source.id}"


def annotation_losses(annotation: Annotation, warnings: Warnings, where: str) -> None:
    """Counts what an annotation holds that formats with one label an object do not."""
    if len(annotation.labels) > 1:
        warnings.add("annotations of several labels, of which the first was written", where)
    if len(annotation.sources) > 1:
        warnings.add("annotations on several sources, written on the first", where)


def metadata_losses(annotation: Annotation, warnings: Warnings, where: str) -> None:
    """Counts what an annotation holds that formats of bare geometry do not."""
    if annotation.confidence is not None:
        warnings.add("annotations with a confidence, which was left out", where)
    if user_metadata(annotation.metadata):
        warnings.add("annotations with metadata, which were left out", where)
