"""Frames as rows of plain values, and the Arrow schema that such rows have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hdstore.codec.plain import encode_json
from hdstore.errors import InvalidValueError, MediaError
from hdstore.model import (
    Annotation,
    Box,
    Box3D,
    Ellipse,
    Frame,
    Geometry,
    Keypoints,
    Keypoints3D,
    MaskValue,
    Polygon,
    Polygon3D,
    Rle,
    Source,
)
from hdstore.model.measure import bounding_box
from hdstore.train.extras import need
from hdstore.train.inference import Columns, ColumnType, VectorType

if TYPE_CHECKING:
    from hdstore.media import Media
    from hdstore.view import ViewItem

__all__ = ["META", "VECTOR", "row_of", "schema_of"]

META = "meta_"
"""What stands before the name of a metadata key in the name of its column."""

VECTOR = "vector_"
"""What stands before the name of a vector in the name of its column."""

_MEDIUM = ("uri", "content_type", "hash", "size", "timestamp")
_PICTURE = ("id", *_MEDIUM, "width", "height")


def schema_of(columns: Columns, *, local_paths: bool) -> Any:
    """Returns the Arrow schema of a table with these columns beside the fixed ones."""
    pa = need("pyarrow", extra="arrow")
    text, number, real = pa.string(), pa.int64(), pa.float64()
    fields: dict[str, Any] = {
        "position": number,
        "id": text,
        "dataset": text,
        "version": text,
        "query": pa.int32(),
        "kind": text,
        "context": text,
        "context_id": text,
        "timestamp": real,
        "width": number,
        "height": number,
        "uri": text,
        "hash": text,
        "size": number,
        "content_type": text,
    }
    if local_paths:
        fields["local_path"] = text
    fields |= {"sources": pa.list_(_source_type(pa)), "rois": pa.list_(_roi_type(pa))}
    fields |= {"metadata": text, "extra": text, "blob": text}
    for key, column in columns.metadata.items():
        fields[META + key] = _metadata_type(pa, column)
    for name, vector in columns.vectors.items():
        fields[VECTOR + name] = _vector_type(pa, vector)
    return pa.schema(fields)


def _source_type(pa: Any) -> Any:
    text, number = pa.string(), pa.int64()
    medium = {
        "uri": text,
        "content_type": text,
        "hash": text,
        "size": number,
        "timestamp": pa.float64(),
    }
    picture = {"id": text, **medium, "width": number, "height": number}
    parts = {"preview": pa.struct(medium), "masks": pa.list_(pa.struct(picture)), "metadata": text}
    return pa.struct({**picture, **parts})


def _roi_type(pa: Any) -> Any:
    text, real = pa.string(), pa.float64()
    return pa.struct(
        {
            "id": text,
            "object_id": text,
            "labels": pa.list_(text),
            "number": pa.int64(),
            "confidence": real,
            "sources": pa.list_(text),
            "kind": text,
            "box": pa.struct(dict.fromkeys("xywh", real)),
            "numbers": pa.list_(pa.list_(real)),
            "geometry": text,
            "metadata": text,
        }
    )


def _metadata_type(pa: Any, column: ColumnType) -> Any:
    return {
        ColumnType.BOOL: pa.bool_(),
        ColumnType.INT64: pa.int64(),
        ColumnType.UINT64: pa.uint64(),
        ColumnType.FLOAT64: pa.float64(),
        ColumnType.STRING: pa.string(),
    }[column]


def _vector_type(pa: Any, vector: VectorType) -> Any:
    real = pa.float32() if vector.is_single else pa.float64()
    return pa.list_(real) if vector.length is None else pa.list_(real, vector.length)


def row_of(item: ViewItem, columns: Columns, media: Media | None) -> dict[str, Any]:
    """Returns one frame of a view as a row; with ``media``, where its first source lies on this machine.

    Raises:
        MediaError: the file of the first source was changed since it was linked; the message names the frame.
    """
    frame = item.frame
    first = frame.sources[0] if frame.sources else Source()
    row: dict[str, Any] = {
        "position": item.position,
        "id": frame.id,
        "dataset": item.dataset,
        "version": item.version,
        "query": item.query,
        "kind": _kind(frame),
        "context": frame.context,
        "context_id": frame.context_id or None,
        "timestamp": float(frame.time),
        "width": first.width,
        "height": first.height,
        "uri": first.uri,
        "hash": first.hash or None,
        "size": first.size,
        "content_type": first.content_type or None,
        "sources": [_source(source) for source in frame.sources],
        "rois": [
            _roi(annotation, number)
            for annotation, number in zip(frame.annotations, item.numbers, strict=True)
        ],
        "metadata": _json(frame.metadata),
        "extra": _json(frame.extra) if frame.extra else None,
        "blob": frame.blob or None,
    }
    if media is not None:
        row["local_path"] = _local_path(frame, first, media)
    for key in columns.metadata:
        row[META + key] = frame.metadata.get(key)
    for name, vector in frame.vectors.items():
        row[VECTOR + name] = vector
    return row


def _kind(value: Frame | Geometry) -> str:
    """Returns the name of a kind as the encoded form writes it."""
    return str(value.__struct_config__.tag)


def _json(value: Any) -> str:
    return encode_json(value).decode()


def _local_path(frame: Frame, source: Source, media: Media) -> str | None:
    try:
        path = media.local_path(source.uri, hash=source.hash, size=source.size, fetch=False)
    except MediaError as error:
        raise MediaError(f"Frame {frame.id!r}: {error}") from error
    return None if path is None else str(path)


def _source(source: Source) -> dict[str, Any]:
    row = _fields(source, _PICTURE)
    row["preview"] = None if source.preview is None else _fields(source.preview, _MEDIUM)
    row["masks"] = [_fields(mask, _PICTURE) for mask in source.masks]
    row["metadata"] = _json(source.metadata) if source.metadata else None
    return row


def _fields(medium: Any, names: Sequence[str]) -> dict[str, Any]:
    row = {name: getattr(medium, name) for name in names}
    row["timestamp"] = float(row["timestamp"])
    for name in ("content_type", "hash"):
        row[name] = row[name] or None
    return row


def _roi(annotation: Annotation, number: int) -> dict[str, Any]:
    geometry = annotation.geometry
    return {
        "id": annotation.id,
        "object_id": annotation.object_id,
        "labels": annotation.labels,
        "number": number,
        "confidence": annotation.confidence,
        "sources": annotation.sources,
        "kind": None if geometry is None else _kind(geometry),
        "box": None if geometry is None else _box(geometry),
        "numbers": None if geometry is None else _numbers(geometry),
        "geometry": None if geometry is None else _json(geometry),
        "metadata": _json(annotation.metadata) if annotation.metadata else None,
    }


def _box(geometry: Geometry) -> dict[str, float] | None:
    try:
        bounds = bounding_box(geometry)
    except InvalidValueError:
        # A mask whose runs can not be read has no box; that is a finding of fsck, not of every export.
        return None
    return None if bounds is None else dict(zip("xywh", bounds, strict=True))


def _numbers(geometry: Geometry) -> list[Sequence[float]] | None:
    """Returns the numbers of a geometry in runs: a ring, a face, or all of them."""
    match geometry:
        case Box(angle=angle):
            box = (geometry.x, geometry.y, geometry.w, geometry.h)
            return [box if angle is None else (*box, angle)]
        case Ellipse():
            return [(geometry.cx, geometry.cy, geometry.rx, geometry.ry, geometry.theta)]
        case Polygon() | Polygon3D():
            return list(geometry.rings)
        case Keypoints() | Keypoints3D():
            return [geometry.points]
        case Box3D():
            return [geometry.front, geometry.back]
        case MaskValue():
            return [geometry.value]
        case Rle(counts=tuple() as counts):
            return [counts]
        case _:
            return None
