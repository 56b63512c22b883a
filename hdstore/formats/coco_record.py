"""What one COCO annotation says and what hdstore's annotations of it say: rules of reader and writer.

A COCO annotation becomes one annotation with its outline (polygon, run-length mask or box), and a second one,
of the same ``object_id``, with its keypoints. What has no field of its own stays in the metadata, in two maps
below ``_src``:

``coco``
    keys of the COCO record, with the values they had.
``coco_check``
    ``absent``: keys the writer would add that were not there. ``of``: the fingerprint of the geometry that
    the kept shape keys (``bbox``, ``area``, ...) belong to. ``repeat``: which of several annotations of one
    id this was.

A kept shape key counts only while the geometry still has that fingerprint. Once it was edited, the writer
derives the key from the geometry anew.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, TypeAlias

from hdstore.formats.base import FOREIGN, foreign_of, user_metadata
from hdstore.geometry import box_corners, ellipse_ring, flat, ring_area
from hdstore.ids import derive_id
from hdstore.model import (
    Annotation,
    Box,
    Ellipse,
    Geometry,
    Keypoints,
    Metadata,
    Polygon,
    Rle,
)
from hdstore.model.measure import area, bounding_box

__all__ = [
    "CHECK",
    "COCO",
    "POINT_KEYS",
    "SHAPE_KEYS",
    "ForeignId",
    "absent_keys",
    "annotation_id",
    "compose",
    "derived",
    "fingerprint",
    "foreign_metadata",
    "plain_id",
    "ring_bounds",
]

COCO = "coco"
CHECK = "coco_check"

SHAPE_KEYS = ("segmentation", "bbox", "area")
POINT_KEYS = ("keypoints", "num_keypoints")

ForeignId: TypeAlias = int | float | str


def plain_id(value: ForeignId) -> ForeignId:
    """Returns an id as JSON tells ids apart: 5.0 is 5."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def annotation_id(foreign: ForeignId | None, repeat: int, *, points: bool = False) -> str:
    """Returns the id of what is made from the COCO annotation ``foreign``, the ``repeat``-th of this id."""
    parts: tuple[str | int, ...] = ("coco", "" if foreign is None else f"#{foreign}", repeat)
    return derive_id(*parts, "keypoints") if points else derive_id(*parts)


def _packed(numbers: Iterable[float]) -> bytes:
    values = tuple(numbers)
    return struct.pack(f"<{len(values)}d", *values)


def fingerprint(geometry: Geometry | None) -> str:
    """Returns an id that changes with the numbers of a geometry ("" without one).

    It is stored beside every imported bbox and area: changing what it is made of would make them all count as
    stale.
    """
    match geometry:
        case None:
            return ""
        case Polygon():
            return derive_id("polygon", *map(_packed, geometry.rings))
        case Box():
            turn = () if geometry.angle is None else (geometry.angle,)
            return derive_id("box", _packed((geometry.x, geometry.y, geometry.w, geometry.h, *turn)))
        case Keypoints():
            return derive_id("keypoints", _packed(geometry.points), _packed(geometry.visibility))
        case Rle():
            counts = geometry.counts
            runs = counts if isinstance(counts, str) else _packed(counts)
            return derive_id("rle", geometry.height, geometry.width, runs)
        case _:
            return derive_id("other", repr(geometry))


def ring_bounds(rings: Iterable[tuple[float, ...]]) -> list[float] | None:
    """Returns the bbox [x, y, w, h] of polygon rings, or None where they have no point.

    An imported bbox that equals it is not stored: this must give the same digits in every version of hdstore.
    """
    xs: list[float] = []
    ys: list[float] = []
    for ring in rings:
        xs.extend(ring[::2])
        ys.extend(ring[1::2])
    if not xs:
        return None
    left, top = min(xs), min(ys)
    return [left, top, max(xs) - left, max(ys) - top]


def _outline(geometry: Geometry) -> dict[str, Any]:
    """Returns the shape keys of a geometry; {} for kinds that COCO has no form for."""
    match geometry:
        case Box(angle=angle) if not angle:
            bbox = [geometry.x, geometry.y, geometry.w, geometry.h]
            return {"segmentation": [], "bbox": bbox, "area": abs(geometry.w * geometry.h)}
        case Box():
            corners = box_corners(geometry.x, geometry.y, geometry.w, geometry.h, angle=geometry.angle)
            return _outline(Polygon(rings=(flat(corners),)))
        case Ellipse():
            ring = ellipse_ring(geometry.cx, geometry.cy, geometry.rx, geometry.ry, theta=geometry.theta)
            return _outline(Polygon(rings=(ring,)))
        case Polygon():
            # COCO adds its rings up: it has parts, and no holes.
            total = 0.0
            for ring in geometry.rings:
                total += ring_area(ring)
            rings = [list(ring) for ring in geometry.rings]
            return {"segmentation": rings, "bbox": ring_bounds(geometry.rings) or [], "area": total}
        case Rle():
            counts = geometry.counts if isinstance(geometry.counts, str) else list(geometry.counts)
            bounds = bounding_box(geometry) or (0.0, 0.0, 0.0, 0.0)
            return {
                "segmentation": {"counts": counts, "size": [geometry.height, geometry.width]},
                "bbox": list(bounds),
                "area": area(geometry),
            }
        case _:
            return {}


def derived(outline: Geometry | None, points: Keypoints | None) -> dict[str, Any]:
    """Returns the COCO keys that follow from the geometry of one object."""
    record: dict[str, Any] = {} if outline is None else _outline(outline)
    if points is None:
        return record
    xs, ys = points.points[::2], points.points[1::2]
    seen = points.visibility or (2,) * len(xs)
    if outline is None:
        bounds = bounding_box(points) or (0.0, 0.0, 0.0, 0.0)
        record |= {"segmentation": [], "bbox": list(bounds), "area": bounds[2] * bounds[3]}
    record["keypoints"] = [number for point in zip(xs, ys, seen, strict=True) for number in point]
    record["num_keypoints"] = sum(1 for value in seen if value > 0)
    return record


def absent_keys(check: Metadata) -> list[str]:
    """Returns the keys that the imported record did not have; people may have edited the metadata."""
    absent = check.get("absent")
    return [key for key in absent if isinstance(key, str)] if isinstance(absent, list) else []


def foreign_metadata(record: Metadata, check: Metadata) -> Metadata:
    """Returns annotation metadata that keep ``record`` and ``check``."""
    foreign: Metadata = {}
    if record:
        foreign[COCO] = record
    if check:
        foreign[CHECK] = check
    return {FOREIGN: foreign} if foreign else {}


def compose(outline: Annotation | None, points: Annotation | None) -> dict[str, Any]:
    """Returns the COCO record of one object, without ``id``, ``image_id`` and ``category_id``.

    ``outline`` and ``points`` are the annotations that carry its outline and its keypoints; one may be
    missing.
    """
    geometry = points.geometry if points is not None else None
    record = derived(
        outline.geometry if outline is not None else None,
        geometry if isinstance(geometry, Keypoints) else None,
    )
    record["iscrowd"] = 0
    for part in (points, outline):
        if part is not None:
            _overlay(record, part)
    main = outline or points
    if main is not None:
        if main.confidence is not None:
            record["score"] = main.confidence
        attributes = user_metadata(main.metadata)
        if attributes:
            record["attributes"] = attributes
    for key in ("id", "image_id", "category_id"):
        record.pop(key, None)
    return record


def _overlay(record: dict[str, Any], part: Annotation) -> None:
    """Lays the kept keys of an annotation over a derived record, as far as they still hold."""
    kept, check = foreign_of(part.metadata, COCO), foreign_of(part.metadata, CHECK)
    guarded: tuple[str, ...] = SHAPE_KEYS
    if isinstance(part.geometry, Keypoints):
        guarded += POINT_KEYS
    holds = check.get("of", "") == fingerprint(part.geometry)
    for key, value in kept.items():
        # Keypoints that were kept because none was labelled give way to real ones.
        if (holds or key not in guarded) and not (key in POINT_KEYS and key in record and key not in guarded):
            record[key] = value
    for key in absent_keys(check):
        if holds or key not in guarded:
            record.pop(key, None)
