"""Reads COCO instances and keypoints so that writing them again gives the same document.

One frame an image, its id the ``file_name``; the rules for annotations are in ``coco_record``. The file is
parsed whole; frames are made one at a time.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hdstore.errors import InvalidValueError
from hdstore.formats.base import (
    FOREIGN,
    Imported,
    SourceMaker,
    Warnings,
    absent_source,
    checked,
    clean_name,
    counted,
    fail,
    file_inside,
    is_url,
    read_text,
    with_sources,
)
from hdstore.formats.coco_categories import Categories
from hdstore.formats.coco_record import CHECK, COCO, ForeignId, plain_id
from hdstore.formats.coco_shape import AnnotationReader
from hdstore.model import (
    Annotation,
    Frame,
    Metadata,
    Progress,
    SingleFrame,
    Source,
    check_metadata,
    check_schema,
    replace,
)

__all__ = ["MAX_ORPHANS", "read_coco"]

MAX_ORPHANS = 10_000
"""How many annotations of images that the file does not list are kept in the version's metadata."""

_LISTS = ("images", "annotations", "categories")


def read_coco(
    path: Path,
    *,
    linker: SourceMaker,
    images: Path | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Returns the frames, labels and metadata of a COCO file.

    Args:
        path: the JSON file.
        linker: makes the sources.
        images: the folder that file names are relative to, if it is not the one of ``path``; what is not in
            it becomes a source without a hash.
        progress: told of the images as their frames are made.

    Raises:
        InvalidFileError: the file is not COCO; the message names the image or annotation.
    """
    document = _load(path)
    return _Reader(path, document, linker=linker, images=images).read(progress)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number that JSON has")


def _load(path: Path) -> dict[str, Any]:
    text = read_text(path)
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        fail(path, f"this is not JSON that can be read: {error}.", cause=error)
    if re.search(r"\\u[dD][89a-fA-F]", text):
        _check_surrogates(path, document)
    if isinstance(document, list):
        fail(
            path,
            "this is a bare list, as COCO results are: it names no images; name the annotation file instead.",
        )
    if not isinstance(document, dict):
        fail(path, "a COCO file is a JSON object with a list 'images'.")
    for key in _LISTS:
        if key in document and not isinstance(document[key], list):
            fail(path, f"'{key}' is a list in COCO, not {_kind(document[key])}.")
        for index, record in enumerate(document.get(key, ())):
            if not isinstance(record, dict):
                fail(path, f"item {index} of '{key}' is an object in COCO, not {_kind(record)}.")
    if "images" not in document:
        fail(path, "this JSON has no list 'images', so it is not a COCO file.")
    return document


def _check_surrogates(path: Path, document: Any) -> None:
    """Raises when a string holds half of a character, which no other program could store."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError) as error:
        fail(path, f"a \\u escape gives half of a character: {error}.", cause=error)


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__


class _Reader:
    """Turns one parsed COCO document into frames."""

    def __init__(
        self, path: Path, document: dict[str, Any], *, linker: SourceMaker, images: Path | None
    ) -> None:
        self._path = path
        self._linker = linker
        self._folder = path.parent if images is None else images
        self._document = document
        self._warnings = Warnings()
        self._categories = Categories(path, document.get("categories", []), self._warnings)
        self._images = [
            (self.foreign_id(record, f"image {index} of the list"), record)
            for index, record in enumerate(document["images"])
        ]
        self._by_image: dict[ForeignId, list[dict[str, Any]]] = {id: [] for id, _ in self._images}
        self._orphans: list[dict[str, Any]] = []
        repeated = self._group(document.get("annotations", []))
        self._annotations = AnnotationReader(
            path, self._categories, repeated=repeated, warnings=self._warnings
        )
        self._taken: set[str] = set()

    def read(self, progress: Progress | None) -> Imported:
        """Returns what the document holds; the frames are made while they are gone through."""
        schema, metadata = self._categories.schema(), self._metadata()
        try:
            check_schema(schema)
            check_metadata(metadata, "what the file says of itself")
        except (InvalidValueError, RecursionError) as error:
            fail(self._path, str(error), cause=error)
        total = len(self._images)
        return Imported(
            frames=counted(checked(self._path, self._frames()), progress, "Reading images", total),
            schema=schema,
            metadata={COCO: metadata},
            warnings=self._warnings,
        )

    def foreign_id(self, record: dict[str, Any], what: str, key: str = "id") -> ForeignId:
        """Returns the id that ``record`` has at ``key``; raises when it has none that can name anything."""
        value = record.get(key)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            fail(self._path, f"the '{key}' of {what} is {value!r}; it must be a number or a string.")
        return plain_id(value)

    def _group(self, annotations: list[dict[str, Any]]) -> frozenset[str]:
        """Sorts the annotations by image and returns the ids that several of them carry."""
        ids: Counter[str] = Counter()
        for index, record in enumerate(annotations):
            image = self.foreign_id(record, f"annotation {record.get('id', index)!r}", "image_id")
            of_image = self._by_image.get(image)
            if of_image is not None:
                of_image.append(record)
            else:
                self._orphans.append(record)
            if "id" in record:
                id = self.foreign_id(record, f"annotation {index} of the list")
                ids[f"#{id}"] += 1
        if self._orphans:
            self._warn_of_orphans()
        repeated = [id for id, count in ids.items() if count > 1]
        if repeated:
            self._warnings.add(
                "annotation ids that several annotations share", repeated[0][1:], count=len(repeated)
            )
        return frozenset(repeated)

    def _warn_of_orphans(self) -> None:
        first, count = self._orphans[0], len(self._orphans)
        if count > MAX_ORPHANS:
            fail(
                self._path,
                f"{count} annotations point at images that are not listed (the first is annotation"
                f" {first.get('id')!r} of image {first['image_id']!r}); list these images or remove their"
                " annotations.",
            )
        self._warnings.add(
            "annotations of images that the file does not list, kept for export only",
            f"annotation {first.get('id')!r}",
            count=count,
        )

    def _metadata(self) -> Metadata:
        """Returns what the file says beside frames and labels."""
        metadata: Metadata = {
            "absent": [key for key in ("annotations", "categories") if key not in self._document],
            "categories": self._categories.repeated,
            "file": {key: value for key, value in self._document.items() if key not in _LISTS},
            "orphans": self._orphans,
        }
        return {key: value for key, value in metadata.items() if value or key == "file"}

    def _frames(self) -> Iterator[Frame]:
        done: Counter[ForeignId] = Counter()
        found = with_sources(self._linker, self._images, self._file)
        for (id, record), source in found:
            check: Metadata = {}
            if done[id]:
                check["repeat"] = done[id]
                self._warnings.add("images whose id another image has", f"image {id!r}")
            done[id] += 1
            # What was turned into a frame need not stay in memory.
            yield self._frame(id, record, check, source, self._by_image.pop(id, []))

    def _frame(
        self,
        id: ForeignId,
        record: dict[str, Any],
        check: Metadata,
        source: Source | None,
        annotations: list[dict[str, Any]],
    ) -> Frame:
        name: str = record["file_name"]
        frame_id = self._frame_id(name, id)
        kept = dict(record)
        if frame_id == name:
            del kept["file_name"]
        width, height = (self._size(record, id, key) for key in ("width", "height"))
        if source is None:
            source = self._absent(name, width, height)
        elif source.width is None or source.height is None:
            # Not a picture that can be measured: the file's word is all there is.
            source = replace(source, width=width, height=height)
        absent = [key for key in ("height", "width") if key not in record]
        for key, value in (("width", source.width), ("height", source.height)):
            if key in kept and kept[key] == value and value is not None:
                del kept[key]
            elif isinstance(kept.get(key), int | float):
                self._warnings.add("images of another size than the file says", name)
        if absent:
            check["absent"] = absent
        metadata: Metadata = {}
        if isinstance(kept.get("attributes"), dict) and FOREIGN not in kept["attributes"]:
            metadata = kept["attributes"]
            if metadata:
                del kept["attributes"]
        foreign = {COCO: kept} | ({CHECK: check} if check else {})
        done: list[Annotation] = []
        seen: Counter[str] = Counter()
        for annotation in annotations:
            done += self._annotations.read(annotation, seen)
        return SingleFrame(
            id=frame_id,
            annotations=tuple(done),
            metadata={**metadata, FOREIGN: foreign},
            sources=(source,),
        )

    def _frame_id(self, name: str, id: ForeignId) -> str:
        frame_id = name if is_url(name) else clean_name(name)
        if not frame_id:
            fail(self._path, f"image {id!r} has the file_name {name!r}, which names no file.")
        if frame_id in self._taken:
            self._warnings.add(
                "images whose file_name another image has, told apart by '#' and their id", name
            )
            frame_id = f"{frame_id}#{id}"
            while frame_id in self._taken:
                frame_id += "#"
        self._taken.add(frame_id)
        return frame_id

    def _size(self, record: dict[str, Any], id: ForeignId, key: str) -> int | None:
        value = record.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1 or value < 0:
            fail(self._path, f"the {key} of image {id!r} is {value!r}; it must be a whole number of pixels.")
        return int(value)

    def _file(self, item: tuple[ForeignId, dict[str, Any]]) -> Path | None:
        """Returns the file of an image, or None where it is not there."""
        id, record = item
        name = record.get("file_name")
        if not isinstance(name, str) or not name:
            fail(self._path, f"image {id!r} has the file_name {name!r}; it must be a path.")
        return None if is_url(name) else file_inside(self._folder, clean_name(name))

    def _absent(self, name: str, width: int | None, height: int | None) -> Source:
        if is_url(name):
            return Source(uri=name, width=width, height=height)
        self._warnings.add(f"images that are not in {self._folder}", name)
        return absent_source(self._linker, self._folder / clean_name(name), width=width, height=height)
