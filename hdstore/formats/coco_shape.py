"""Reads one COCO annotation: its shapes into geometry, and what they do not say into metadata."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

from hdstore.errors import InvalidValueError
from hdstore.formats.base import FOREIGN, Warnings, fail
from hdstore.formats.coco_categories import Categories, unknown_label
from hdstore.formats.coco_record import (
    POINT_KEYS,
    SHAPE_KEYS,
    ForeignId,
    annotation_id,
    fingerprint,
    foreign_metadata,
    plain_id,
    ring_bounds,
)
from hdstore.geometry import decode_counts
from hdstore.model import Annotation, Box, Geometry, Keypoints, Label, Metadata, Polygon, Rle

__all__ = ["AnnotationReader"]

_FAR = 1e15
"""Coordinates beyond this are refused by the model."""

_MAX_SIDE = 1 << 31
"""No mask has more rows or columns."""

_NUMBERS = frozenset((int, float))


class AnnotationReader:
    """Turns COCO annotations of one file into annotations."""

    def __init__(
        self, path: Path, categories: Categories, *, repeated: frozenset[str], warnings: Warnings
    ) -> None:
        self._path = path
        self._categories = categories
        self._repeated = repeated
        self._warnings = warnings

    def read(self, record: dict[str, Any], seen: Counter[str]) -> list[Annotation]:
        """Returns the one or two annotations of a COCO record; ``seen`` counts the ids of its image."""
        foreign: ForeignId | None = plain_id(record["id"]) if "id" in record else None
        key = "" if foreign is None else f"#{foreign}"
        repeat = seen[key]
        seen[key] += 1
        where = "an annotation without id" if foreign is None else f"annotation {foreign!r}"

        kept = {k: v for k, v in record.items() if k != "image_id"}
        absent: list[str] = [] if "iscrowd" in record else ["iscrowd"]
        check: Metadata = {}
        if key in self._repeated:
            check["repeat"] = repeat
        if foreign is None:
            absent.append("id")
        labels, label = self._labels(record, kept, absent, where)
        confidence = self._confidence(kept)
        attributes = self._attributes(kept)
        outline = self._outline(record, kept, absent, where)
        points = self._points(record, label, where)
        if "segments_info" in record:
            self._warnings.add("annotations with panoptic segments, kept but not drawn", where)
        if points is None or outline is None:
            geometry = outline if points is None else points
            if points is not None:
                absent += [key for key in SHAPE_KEYS if key not in record]
                _keep_points(points, kept, absent)
            id = annotation_id(foreign, repeat)
            return [
                Annotation(
                    id=id,
                    labels=labels,
                    geometry=geometry,
                    confidence=confidence,
                    metadata={**attributes, **_foreign(kept, check, absent, geometry)},
                )
            ]
        of_points: Metadata = {} if foreign is None else {"id": foreign}
        of_points |= {k: kept.pop(k) for k in POINT_KEYS if k in kept}
        absent_points: list[str] = []
        _keep_points(points, of_points, absent_points)
        id = annotation_id(foreign, repeat)
        return [
            Annotation(
                id=id,
                object_id=id,
                labels=labels,
                geometry=outline,
                confidence=confidence,
                metadata={**attributes, **_foreign(kept, check, absent, outline)},
            ),
            Annotation(
                id=annotation_id(foreign, repeat, points=True),
                object_id=id,
                labels=labels,
                geometry=points,
                confidence=confidence,
                metadata=_foreign(of_points, check, absent_points, points),
            ),
        ]

    def _fail(self, where: str, what: str, cause: BaseException | None = None) -> NoReturn:
        fail(self._path, f"{what} of {where}; mend it or remove the annotation.", cause=cause)

    def _labels(
        self, record: dict[str, Any], kept: Metadata, absent: list[str], where: str
    ) -> tuple[tuple[str, ...], Label | None]:
        """Returns the labels of an annotation and its category."""
        category = record.get("category_id")
        if category is None:
            if "category_id" not in record:
                absent.append("category_id")
            return (), None
        if isinstance(category, bool) or not isinstance(category, int | float | str):
            self._fail(where, f"{category!r} can not be the category_id")
        label = self._categories.label(category)
        if label is None:
            self._warnings.add("annotations of categories that the file does not list", where)
            return (unknown_label(category),), None
        del kept["category_id"]
        return (label.name,), label

    @staticmethod
    def _confidence(kept: Metadata) -> float | None:
        """Takes the score out of ``kept`` where it is a number."""
        score: Any = kept.get("score")
        if type(score) in _NUMBERS and -_FAR <= score <= _FAR:
            del kept["score"]
            return float(score)
        return None

    @staticmethod
    def _attributes(kept: Metadata) -> Metadata:
        """Takes the attributes out of ``kept`` where they are a map: they are metadata for people."""
        attributes = kept.get("attributes")
        if isinstance(attributes, dict) and attributes and FOREIGN not in attributes:
            del kept["attributes"]
            return attributes
        return {}

    def _numbers(self, values: Any, what: str, where: str) -> tuple[float, ...]:
        """Returns a list of numbers as coordinates."""
        if not isinstance(values, list) or not _NUMBERS.issuperset(map(type, values)):
            self._fail(where, f"a list of numbers is wanted, not {_short(values)}, as the {what}")
        if values and (min(values) < -_FAR or max(values) > _FAR):
            self._fail(where, f"a number is too large in the {what}")
        return tuple(map(float, values))

    def _outline(
        self, record: dict[str, Any], kept: Metadata, absent: list[str], where: str
    ) -> Geometry | None:
        """Returns the polygon, mask or box and takes out of ``kept`` what follows from it."""
        bbox = self._numbers(record.get("bbox") or [], "bbox", where)
        if len(bbox) not in (0, 4):
            self._fail(where, f"four numbers (x, y, width, height) are wanted, not {len(bbox)}, as the bbox")
        segmentation = record.get("segmentation")
        geometry: Geometry | None
        if isinstance(segmentation, dict):
            geometry, exact = self._rle(segmentation, where)
        elif segmentation:
            geometry, exact = self._polygon(segmentation, where)
        elif bbox:
            geometry = Box(x=bbox[0], y=bbox[1], w=bbox[2], h=bbox[3])
            exact = segmentation == []
        else:
            return None
        absent += [key for key in ("segmentation", "bbox", "area") if key not in record]
        if exact:
            del kept["segmentation"]
        if bbox and (
            isinstance(geometry, Box)
            or (isinstance(geometry, Polygon) and kept["bbox"] == ring_bounds(geometry.rings))
        ):
            del kept["bbox"]
        return geometry

    def _polygon(self, segmentation: Any, where: str) -> tuple[Polygon, bool]:
        """Returns the polygon and whether it says all of ``segmentation``; one bare ring is taken too."""
        nested = isinstance(segmentation, list) and isinstance(segmentation[0], list)
        rings = tuple(
            self._numbers(ring, "segmentation", where)
            for ring in (segmentation if nested else [segmentation])
        )
        for ring in rings:
            if len(ring) % 2:
                self._fail(where, f"points are pairs, but a ring has {len(ring)} numbers in the segmentation")
        return Polygon(rings=rings), nested

    def _rle(self, segmentation: dict[str, Any], where: str) -> tuple[Rle, bool]:
        size, counts = segmentation.get("size"), segmentation.get("counts")
        if (
            not isinstance(size, list)
            or len(size) != 2
            or any(type(side) is not int or not 0 <= side < _MAX_SIDE for side in size)
        ):
            self._fail(where, f"[height, width] is wanted, not {_short(size)}, as the size of the mask")
        if isinstance(counts, list):
            if any(type(count) is not int for count in counts):
                self._fail(where, "run lengths are whole numbers, which some are not in the mask")
            counts = tuple(counts)
        elif not isinstance(counts, str):
            self._fail(where, f"run lengths or a string are wanted, not {_short(counts)}, as the counts")
        try:
            decode_counts(counts, height=size[0], width=size[1])
        except InvalidValueError as error:
            fail(self._path, f"the mask of {where} can not be read: {error}", cause=error)
        return Rle(counts=counts, height=size[0], width=size[1]), len(segmentation) == 2

    def _points(self, record: dict[str, Any], label: Label | None, where: str) -> Keypoints | None:
        """Returns the keypoints of an annotation, or None where there are none or none was labelled."""
        if not record.get("keypoints"):
            return None
        numbers = self._numbers(record["keypoints"], "keypoints", where)
        if len(numbers) % 3:
            self._fail(
                where, f"keypoints are triplets, but there are {len(numbers)} numbers in the keypoints"
            )
        if not any(numbers):
            return None
        seen = numbers[2::3]
        whole = all(value.is_integer() and 0 <= value < 256 for value in seen)
        if not whole:
            self._warnings.add("keypoints whose visibility is not 0, 1 or 2; kept for export only", where)
        return Keypoints(
            points=tuple(number for index, number in enumerate(numbers) if index % 3 != 2),
            skeleton=label.name if label is not None and label.skeleton is not None else "",
            visibility=tuple(map(int, seen)) if whole else (),
        )


def _keep_points(points: Keypoints, kept: Metadata, absent: list[str]) -> None:
    """Takes out of ``kept`` what follows from the keypoints."""
    if points.visibility:
        del kept["keypoints"]
    labelled = sum(1 for value in points.visibility or (2,) * (len(points.points) // 2) if value > 0)
    if kept.get("num_keypoints") == labelled and kept["num_keypoints"] is not True:
        del kept["num_keypoints"]
    elif "num_keypoints" not in kept:
        absent.append("num_keypoints")


def _foreign(kept: Metadata, check: Metadata, absent: list[str], geometry: Geometry | None) -> Metadata:
    """Returns the metadata that keep a record; the fingerprint is left out where nothing hangs on it."""
    check = dict(check)
    if absent:
        check["absent"] = sorted(absent)
    if geometry is not None and any(key in kept or key in absent for key in (*SHAPE_KEYS, *POINT_KEYS)):
        check["of"] = fingerprint(geometry)
    return foreign_metadata(kept, check)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
