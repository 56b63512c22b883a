"""Writes frames as COCO instances and keypoints; what came from COCO comes out as it went in.

Frames are gone through once: images and annotations are spooled to temporary files, and ids for those that
have none are given at the end, above all that are taken.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

from hdstore.errors import InvalidValueError
from hdstore.formats.base import (
    ExportReport,
    Warnings,
    counted,
    foreign_of,
    user_metadata,
)
from hdstore.formats.coco_categories import category_record, unknown_label
from hdstore.formats.coco_record import (
    CHECK,
    COCO,
    ForeignId,
    absent_keys,
    annotation_id,
    compose,
    fingerprint,
    plain_id,
)
from hdstore.formats.pictures import Picture, annotation_losses, pictures
from hdstore.geometry import ring_area, rings_area
from hdstore.model import (
    Annotation,
    Box,
    Ellipse,
    Frame,
    Keypoints,
    Label,
    Metadata,
    Polygon,
    Progress,
    Rle,
    Schema,
)
from hdstore.store.files import new_name, storage_errors

__all__ = ["write_coco"]

_OUTLINES = (Box, Ellipse, Polygon, Rle)


def write_coco(
    path: Path,
    frames: Iterable[Frame],
    *,
    schema: Schema,
    metadata: Metadata | None = None,
    progress: Progress | None = None,
) -> ExportReport:
    """Writes one COCO file, over what is at ``path``, and returns what it could not write.

    Args:
        path: the JSON file; its folder is made.
        frames: gone through once.
        schema: its labels become the categories, used or not.
        metadata: what the reader gave as ``Imported.metadata``: info, licenses and other keys of the file.
        progress: told of the frames as they are written.
    """
    with storage_errors(f"write {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            spools = [
                _Spool(stack.enter_context(TemporaryFile("w+", encoding="utf-8", dir=path.parent)))
                for _ in range(2)
            ]
            writer = _Writer(schema, (metadata or {}).get(COCO), images=spools[0], annotations=spools[1])
            for frame in counted(frames, progress, "Writing frames", None):
                writer.add(frame)
            aside = new_name(path.parent, f".{path.name}")
            try:
                with aside.open("x", encoding="utf-8") as stream:
                    writer.finish(stream)
                aside.replace(path)
            except BaseException:
                with suppress(OSError):
                    aside.unlink()
                raise
    return writer.report()


_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class _Ids:
    """Hands out ids: those that records bring while they are free, and fresh ones above all of them."""

    def __init__(self) -> None:
        self._taken: set[ForeignId] = set()
        self._top = 0

    def take(self, id: ForeignId) -> bool:
        """Notes an id and says whether it was free."""
        free = id not in self._taken
        self._taken.add(id)
        if isinstance(id, int):
            self._top = max(self._top, id)
        return free

    def fresh(self) -> int:
        """Returns a number that is not taken; no id that a record brings may follow."""
        self._top += 1
        return self._top


class _Spool:
    """Records without their ids, in a temporary file.

    ``ids`` holds the id of each, or None where it gets a fresh one.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self.ids: list[ForeignId | None] = []

    def add(self, id: ForeignId | None, record: Metadata) -> None:
        """Appends a record that has no key ``id``."""
        self.ids.append(id)
        self._stream.write(_json(record) + "\n")

    def lines(self) -> Iterator[str]:
        """Yields the records as they were written, one a line."""
        self._stream.seek(0)
        for line in self._stream:
            yield line.rstrip("\n")


class _Object(NamedTuple):
    """What becomes one COCO annotation: an outline, keypoints, or both."""

    outline: Annotation | None
    points: Annotation | None

    @property
    def main(self) -> Annotation:
        """The annotation that carries the record."""
        found = self.outline or self.points
        assert found is not None
        return found


class _Writer:
    """One export: spools the records and knows which ids are taken."""

    def __init__(self, schema: Schema, file: Any, *, images: _Spool, annotations: _Spool) -> None:
        self._file: Metadata = file if isinstance(file, dict) else {}
        self._images = images
        self._annotations = annotations
        self._image_ids = _Ids()
        self._annotation_ids = _Ids()
        self._slots: list[int] = []
        self._without_id: set[int] = set()
        self._warnings = Warnings()
        self._frames = 0
        self._categories: dict[str, Metadata] = {}
        self._category_ids = _Ids()
        self._add_categories(schema)
        for orphan in self._list("orphans"):
            if isinstance(orphan.get("id"), int | str):
                self._annotation_ids.take(orphan["id"])

    def _list(self, key: str) -> list[Metadata]:
        """Returns a list of records that the reader kept in the version's metadata."""
        value = self._file.get(key)
        return [record for record in value if isinstance(record, dict)] if isinstance(value, list) else []

    def _add_categories(self, schema: Schema) -> None:
        fresh: list[Label] = []
        for label in schema.labels:
            record = category_record(label, 0)
            known = isinstance(label.foreign.get(COCO), dict) and isinstance(record["id"], int | float | str)
            if known and self._category_ids.take(record["id"]):
                self._categories[label.name] = record
            else:
                # Its place among the categories; its id comes when all ids that are taken are known.
                self._categories[label.name] = {}
                fresh.append(label)
                if known:
                    what = "categories whose id another one has taken, written under a new one"
                    self._warnings.add(what, label.name)
            if label.attributes or label.key or label.description:
                self._warnings.add(
                    "labels whose hot key, attributes or description were left out", label.name
                )
        for label in fresh:
            id = self._category_ids.fresh()
            self._categories[label.name] = category_record(label, id) | {"id": id}

    def add(self, frame: Frame) -> None:
        """Spools a frame."""
        self._frames += 1
        for picture in pictures(frame, self._warnings):
            slot = self._add_image(picture)
            for found in _objects(picture.annotations):
                self._add_annotation(found, slot, picture)

    def _add_image(self, picture: Picture) -> int:
        """Spools an image and returns its place among the images."""
        metadata = picture.frame.metadata
        kept, check = foreign_of(metadata, COCO), foreign_of(metadata, CHECK)
        absent = absent_keys(check)
        source = picture.source
        record: Metadata = {"file_name": picture.name}
        for key, value in (
            ("width", source.width if source is not None else None),
            ("height", source.height if source is not None else None),
        ):
            if value is not None:
                record[key] = value
        attributes = user_metadata(metadata)
        if attributes:
            record["attributes"] = attributes
        single = len(picture.frame.sources) < 2
        if single:
            record = {key: value for key, value in record.items() if key not in absent} | kept
        else:
            record |= {key: value for key, value in kept.items() if key not in ("id", "file_name")}
        if "width" not in record and "width" not in absent:
            self._warnings.add("images of unknown size, written without width and height", picture.name)
        id = record.pop("id", None)
        if not isinstance(id, int | float | str):
            id = None
        elif not self._image_ids.take(id) and "repeat" not in check:
            self._warnings.add(
                "images whose id another image has taken, written under a new one", picture.name
            )
            id = None
        self._images.add(id, record)
        return len(self._images.ids) - 1

    def _add_annotation(self, found: _Object, slot: int, picture: Picture) -> None:
        main = found.main
        where = f"annotation {main.id} of {picture.name}"
        if main.geometry is not None and not isinstance(main.geometry, (*_OUTLINES, Keypoints)):
            self._warnings.add("annotations of kinds that COCO has no form for, left out", where)
            return
        kept, check = foreign_of(main.metadata, COCO), foreign_of(main.metadata, CHECK)
        absent = absent_keys(check)
        category, given = self._category(main, kept)
        if not given and "category_id" not in absent:
            self._warnings.add("annotations without a label, left out", where)
            return
        try:
            record = compose(found.outline, found.points)
        except InvalidValueError:
            self._warnings.add("annotations whose mask can not be read, left out", where)
            return
        if given:
            record["category_id"] = category
        self._note_losses(found, where)
        self._spool(main, kept, check, record, slot, where)

    def _spool(
        self, main: Annotation, kept: Metadata, check: Metadata, record: Metadata, slot: int, where: str
    ) -> None:
        """Spools an annotation under the id it was imported with, if that is still its own."""
        id = _own_id(main, kept.get("id"), check.get("repeat", 0))
        if id is not None and not self._annotation_ids.take(id) and "repeat" not in check:
            self._warnings.add("annotations whose id another one has taken, written under a new one", where)
            id = None
        if "id" in absent_keys(check):
            self._without_id.add(len(self._slots))
        self._slots.append(slot)
        self._annotations.add(id, record)

    def _category(self, annotation: Annotation, kept: Metadata) -> tuple[Any, bool]:
        """Returns the category id of an annotation, and whether it has one."""
        if not annotation.labels:
            # An id that is null; anything else would have become a label.
            return None, "category_id" in kept and kept["category_id"] is None
        label = annotation.labels[0]
        record = self._categories.get(label)
        if record is None:
            raw = kept.get("category_id")
            if isinstance(raw, int | float | str) and label == unknown_label(raw):
                return raw, True
            id = self._category_ids.fresh()
            record = self._categories[label] = category_record(Label(name=label), id)
        return record["id"], True

    def _note_losses(self, found: _Object, where: str) -> None:
        main, shape = found.main, found.main.geometry
        annotation_losses(main, self._warnings, where)
        if found.points is not None and found.points.labels != main.labels:
            self._warnings.add("keypoints of another label than their object, which was left out", where)
        if main.object_id and main.object_id != main.id:
            self._warnings.add("annotations with an object id, which was left out", where)
        match shape:
            case None:
                self._warnings.add("annotations without a geometry, written without a bbox", where)
            case Box(angle=angle) if angle:
                self._warnings.add("turned boxes, written as polygons of four points", where)
            case Ellipse():
                self._warnings.add("ellipses, written as polygons of 64 points", where)
            case Polygon(rings=rings) if len(rings) > 1 and _has_hole(rings):
                if foreign_of(main.metadata, CHECK).get("of") != fingerprint(shape):
                    self._warnings.add("polygons with holes, which COCO takes for further parts", where)
            case _:
                pass

    def finish(self, stream: IO[str]) -> None:
        """Writes the whole file."""
        image_ids = [self._image_ids.fresh() if id is None else id for id in self._images.ids]
        keys = self._file.get("file")
        head = keys if isinstance(keys, dict) else {"info": {}, "licenses": []}
        stream.write("{")
        for key, value in head.items():
            if key not in ("images", "annotations", "categories"):
                stream.write(f"{_json(key)}:{_json(value)},\n")
        images = (_with({"id": id}, line) for id, line in zip(image_ids, self._images.lines(), strict=True))
        _write_list(stream, "images", images)
        absent = absent_keys(self._file)
        orphans = self._list("orphans")
        if self._slots or orphans or "annotations" not in absent:
            stream.write(",\n")
            _write_list(stream, "annotations", self._annotation_lines(image_ids, orphans))
        categories = [*self._categories.values(), *self._list("categories")]
        if categories or "categories" not in absent:
            stream.write(",\n")
            _write_list(stream, "categories", map(_json, categories))
        stream.write("}\n")

    def _annotation_lines(self, image_ids: list[ForeignId], orphans: list[Metadata]) -> Iterator[str]:
        for index, line in enumerate(self._annotations.lines()):
            head: Metadata = {}
            if index not in self._without_id:
                id = self._annotations.ids[index]
                head["id"] = self._annotation_ids.fresh() if id is None else id
            head["image_id"] = image_ids[self._slots[index]]
            yield _with(head, line)
        yield from map(_json, orphans)

    def report(self) -> ExportReport:
        """Returns what was written."""
        return ExportReport(
            frames=self._frames,
            annotations=len(self._slots) + len(self._list("orphans")),
            files=1,
            warnings=tuple(self._warnings),
        )


def _own_id(annotation: Annotation, id: Any, repeat: Any) -> ForeignId | None:
    """Returns the COCO id in an annotation's metadata, if the annotation is the one it was imported for.

    A copy that someone made of an annotation has its metadata, but an id of its own.
    """
    if not isinstance(id, int | float | str) or not isinstance(repeat, int):
        return None
    plain = plain_id(id)
    own = annotation.id == annotation_id(plain, repeat)
    return id if own or annotation.id == annotation_id(plain, repeat, points=True) else None


def _has_hole(rings: tuple[tuple[float, ...], ...]) -> bool:
    """Says whether a ring lies inside another: by the even-odd rule it then takes away."""
    return rings_area(rings) < sum(map(ring_area, rings)) * (1 - 1e-9)


def _objects(annotations: Iterable[Annotation]) -> Iterator[_Object]:
    """Yields the objects of a picture: one outline and one set of keypoints of the same object id are one."""
    outlines: defaultdict[str, list[Annotation]] = defaultdict(list)
    points: defaultdict[str, list[Annotation]] = defaultdict(list)
    annotations = tuple(annotations)
    for annotation in annotations:
        if annotation.object_id and isinstance(annotation.geometry, Keypoints):
            points[annotation.object_id].append(annotation)
        elif annotation.object_id and isinstance(annotation.geometry, _OUTLINES):
            outlines[annotation.object_id].append(annotation)
    joined = {
        object_id: _Object(outlines[object_id][0], found[0])
        for object_id, found in points.items()
        if len(found) == 1 and len(outlines[object_id]) == 1
    }
    for annotation in annotations:
        pair = joined.get(annotation.object_id or "")
        if pair is not None and annotation is pair.outline:
            yield pair
        elif pair is not None and annotation is pair.points:
            continue
        elif isinstance(annotation.geometry, Keypoints):
            yield _Object(None, annotation)
        else:
            yield _Object(annotation, None)


def _with(head: Metadata, line: str) -> str:
    """Returns a JSON object that begins with the keys of ``head`` and goes on with those of ``line``."""
    start = _json(head)[:-1]
    return f"{start}}}" if line == "{}" else f"{start},{line[1:]}"


def _write_list(stream: IO[str], key: str, lines: Iterable[str]) -> None:
    stream.write(f'"{key}":[')
    for index, line in enumerate(lines):
        stream.write(",\n" if index else "\n")
        stream.write(line)
    stream.write("\n]")
