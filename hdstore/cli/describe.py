"""Datasets, versions, frames and commits as rows for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hdstore.cli.output import count, iso_time, json_text, print_facts, print_table, say, wall_time
from hdstore.errors import RemoteError
from hdstore.model import (
    Annotation,
    Box,
    Commit,
    Ellipse,
    Frame,
    Geometry,
    Keypoints,
    MaskValue,
    Polygon,
    Rle,
)

if TYPE_CHECKING:
    from hdstore.repository import Dataset, DatasetVersion

__all__ = [
    "commit_json",
    "commit_row",
    "dataset_json",
    "frame_row",
    "geometry_text",
    "print_frame",
    "url_text",
    "version_json",
]


def dataset_json(dataset: Dataset) -> dict[str, Any]:
    """Returns a dataset as a JSON object."""
    return {
        "name": dataset.name,
        "id": dataset.id,
        "project": dataset.project,
        "description": dataset.description,
        "tags": list(dataset.tags),
        "metadata": dataset.metadata,
        "archived": dataset.archived,
        "versions": len(dataset.versions()),
        "created": iso_time(dataset.created),
        "updated": iso_time(dataset.updated),
    }


def version_json(version: DatasetVersion) -> dict[str, Any]:
    """Returns a version as a JSON object."""
    return {
        "name": version.name,
        "id": version.id,
        "status": str(version.status),
        "parents": list(version.parents),
        "frames": len(version),
        "commit": version.commit,
        "updated": iso_time(version.updated),
    }


def commit_json(commit: Commit) -> dict[str, Any]:
    """Returns a commit as a JSON object."""
    return {
        "id": commit.id,
        "time": iso_time(commit.time),
        "author": {"name": commit.author.name, "email": commit.author.email},
        "message": commit.message,
        "parents": list(commit.parents),
        "version": commit.version_id,
    }


def frame_row(frame: Frame) -> tuple[str, str, str]:
    """Returns id, number of annotations and labels of a frame, for a table."""
    return frame.id, str(len(frame.annotations)), ", ".join(sorted(frame.labels))


def print_frame(frame: Frame) -> None:
    """Prints a frame for people: its facts, sources and annotations."""
    print_facts(
        (
            ("Frame", frame.id),
            ("Context", frame.context_id),
            ("Timestamp", frame.timestamp),
            *(("Metadata", f"{key}: {_value(value)}") for key, value in frame.metadata.items()),
        )
    )
    for source in frame.sources:
        extent = f" {source.width} x {source.height}" if source.width and source.height else ""
        say(f"Source {source.id}: {source.uri or 'nowhere'} {source.content_type}{extent}")
        for mask in source.masks:
            say(f"  mask {mask.id}: {mask.uri}")
    if frame.annotations:
        print_table(
            ("annotation", "labels", "geometry", "confidence"), map(_annotation_row, frame.annotations)
        )
    else:
        say("No annotations.")


def _value(value: Any) -> str:
    """Returns a value of metadata: a text as it is, all else as JSON."""
    return value if isinstance(value, str) else json_text(value, indent=None)


def _annotation_row(annotation: Annotation) -> Sequence[str]:
    confidence = "" if annotation.confidence is None else f"{annotation.confidence:g}"
    return annotation.id, ", ".join(annotation.labels), geometry_text(annotation.geometry), confidence


def geometry_text(shape: Geometry | None) -> str:
    """Returns a geometry in a few words, nothing where there is none."""
    match shape:
        case None:
            return ""
        case Box():
            angle = f" turned {shape.angle:g}" if shape.angle else ""
            return f"box {shape.x:g}, {shape.y:g}, {shape.w:g} x {shape.h:g}{angle}"
        case Polygon():
            return f"polygon of {count(sum(map(len, shape.rings)) // 2, 'point')}"
        case Ellipse():
            return f"ellipse at {shape.cx:g}, {shape.cy:g}"
        case Keypoints():
            return count(len(shape.points) // 2, "keypoint")
        case MaskValue():
            return f"mask value {', '.join(map(str, shape.value))}"
        case Rle():
            return f"mask of {shape.width} x {shape.height}"
        case _:
            return type(shape).__name__


def url_text(url: str) -> str:
    """Returns the URL of a remote as it is shown: without the password that may stand in it."""
    from hdstore.sync import parse_place

    try:
        return str(parse_place(url))
    except RemoteError:
        return "not a URL that can be reached"


def commit_row(commit: Commit) -> tuple[str, str, str, str]:
    """Returns short id, time, author and first line of a commit, for a table."""
    first, _, _ = commit.message.partition("\n")
    return commit.id[:10], wall_time(commit.time), commit.author.name, first
