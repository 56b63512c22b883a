"""Reads a Pascal VOC folder: ``Annotations/*.xml``, ``JPEGImages`` and the lists of ``ImageSets``.

Boxes keep VOC's numbers: x = xmin, y = ymin, w = xmax - xmin, h = ymax - ymin, nothing is shifted. VOC counts
pixels from 1 and includes the last one, so its boxes lie one pixel to the right and are one pixel smaller
than they would be in COCO's terms.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

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
    read_text,
    require_folder,
    with_sources,
)
from hdstore.formats.voc_xml import VOC, VocFile, read_voc_file
from hdstore.formats.walk import is_image, walk
from hdstore.model import Annotation, Frame, Label, Metadata, Progress, Schema, SingleFrame, Source, replace

__all__ = ["read_voc"]

_LIST_BYTES = 256 << 20


def read_voc(
    path: Path,
    *,
    linker: SourceMaker,
    images: Path | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Returns the frames and labels of a Pascal VOC folder.

    A frame's id is the image's path inside the folder of images. Images without an XML file become frames
    without annotations.

    Args:
        path: the folder that holds ``Annotations``, or the XML files themselves.
        linker: makes the sources.
        images: the folder of images, where it is not ``JPEGImages``.
        progress: told of the XML files as they are read, and of the images as their frames are made.

    Raises:
        InvalidFileError: an XML file can not be read; the message names the file and the object.
    """
    require_folder(path)
    return _Reader(path, linker=linker, images=images).read(progress)


class _Entry(NamedTuple):
    """One frame to make: its id, its image, and the path of its XML file without suffix, if it has one."""

    id: str
    image: str
    stem: str


class _Reader:
    """Turns one folder into frames."""

    def __init__(self, path: Path, *, linker: SourceMaker, images: Path | None) -> None:
        self._path = path
        self._linker = linker
        self._warnings = Warnings()
        flat = not (path / "Annotations").is_dir()
        self._annotations = path if flat else path / "Annotations"
        folder = path if flat else path / "JPEGImages"
        self._images = folder if images is None else images
        if images is not None:
            require_folder(images)
        if (path / "SegmentationClass").is_dir():
            self._warnings.add("folders of segmentation masks, which were not read", "SegmentationClass")

    def read(self, progress: Progress | None) -> Imported:
        """Returns what the folder holds; XML files are read now, images while the frames are gone through."""
        found = [name for name in walk(self._annotations, self._warnings) if name.lower().endswith(".xml")]
        if not found:
            fail(self._path, "there is no XML file here or in its folder Annotations; name a VOC folder.")
        files = {
            name[:-4]: read_voc_file(self._annotations / name, self._warnings)
            for name in counted(found, progress, "Reading annotations", len(found))
        }
        if len(files) < len(found):
            fail(self._path, "two XML files differ only in how their suffix is written; rename one.")
        images: list[str] = []
        if self._images.is_dir():
            # The flat layout was gone through for its XML files: what was left out is counted already.
            notes = Warnings() if self._images == self._annotations else self._warnings
            images = [name for name in walk(self._images, notes) if is_image(name)]
        plan = _match(files, images, self._warnings)
        sets = self._sets(plan)
        present = frozenset(images)

        def frames() -> Iterator[Frame]:
            def file_of(entry: _Entry) -> Path | None:
                return self._images / entry.image if entry.image in present else None

            for entry, source in with_sources(self._linker, plan, file_of):
                yield self._frame(entry, files.get(entry.stem), sets.get(entry.id, {}), source)

        return Imported(
            frames=counted(checked(self._path, frames()), progress, "Reading images", len(plan)),
            schema=self._schema(files),
            warnings=self._warnings,
        )

    def _frame(
        self, entry: _Entry, file: VocFile | None, sets: dict[str, list[str]], source: Source | None
    ) -> Frame:
        annotations: tuple[Annotation, ...] = ()
        kept: Metadata = {}
        width = height = None
        if file is not None:
            annotations, kept = file.annotations, dict(file.rest)
            width, height = file.width, file.height
            if file.filename and file.filename != entry.id:
                kept["filename"] = file.filename
        if source is None:
            self._warnings.add(f"images that are not in {self._images}", entry.image)
            place = self._images / entry.image
            source = absent_source(self._linker, place, width=width, height=height)
        elif source.width is None or source.height is None:
            source = replace(source, width=width, height=height)
        if None not in (width, height) and (source.width, source.height) != (width, height):
            self._warnings.add("images of another size than their XML file says", entry.image)
            size = kept.get("size")
            kept["size"] = {**(size if isinstance(size, dict) else {}), "width": width, "height": height}
        metadata: Metadata = {}
        if sets.get("Main"):
            metadata["split"] = sets["Main"]
        others = {name: lists for name, lists in sets.items() if name != "Main"}
        if others:
            kept["sets"] = others
        if kept:
            metadata[FOREIGN] = {VOC: kept}
        return SingleFrame(id=entry.id, annotations=annotations, metadata=metadata, sources=(source,))

    def _sets(self, plan: list[_Entry]) -> dict[str, dict[str, list[str]]]:
        """Returns the lists of ``ImageSets`` that each frame stands in, by the folder of the list."""
        folder = self._path / "ImageSets"
        if not folder.is_dir():
            return {}
        by_name = {entry.stem or _stem(entry.image): entry.id for entry in plan}
        sets: defaultdict[str, dict[str, list[str]]] = defaultdict(dict)
        for name in walk(folder, self._warnings):
            listed = PurePosixPath(name)
            if listed.suffix != ".txt":
                continue
            place = listed.parent.as_posix() if len(listed.parts) > 1 else "Main"
            for id in self._listed(folder / name, by_name):
                lists = sets[id].setdefault(place, [])
                if listed.stem not in lists:
                    lists.append(listed.stem)
        return sets

    def _listed(self, path: Path, by_name: dict[str, str]) -> list[str]:
        """Returns the frames of a list; [] for the list of one class, which repeats what the objects say."""
        ids = []
        for line in read_text(path, limit=_LIST_BYTES).splitlines():
            name = line.strip()
            id = by_name.get(clean_name(name))
            if id is not None:
                ids.append(id)
            elif re.search(r"\s-?[01]$", name):
                return []
            elif name and not name.startswith("#"):
                where = f"{name} in {path.name}"
                self._warnings.add("names in ImageSets that no image or XML file has", where)
        return ids

    def _schema(self, files: dict[str, VocFile]) -> Schema:
        """Returns the labels: those of ``labelmap.txt`` if there is one, then the others as they were met."""
        labels = {label.name: label for label in self._labelmap()}
        for file in files.values():
            for annotation in file.annotations:
                for name in annotation.labels:
                    labels.setdefault(name, Label(name=name))
        return Schema(labels=tuple(labels.values()))

    def _labelmap(self) -> Iterator[Label]:
        """Yields the labels of the ``labelmap.txt`` of CVAT and Datumaro: ``name:r,g,b:parts:actions``."""
        path = self._path / "labelmap.txt"
        if not path.is_file():
            return
        for line in read_text(path, limit=_LIST_BYTES).splitlines():
            name, _, rest = line.partition(":")
            if not name.strip() or name.startswith("#"):
                continue
            numbers = re.match(r"\s*(\d{1,3}),\s*(\d{1,3}),\s*(\d{1,3})\s*(:|$)", rest)
            color = ""
            if numbers is not None:
                color = "#" + "".join(f"{min(int(part), 255):02x}" for part in numbers.groups()[:3])
            yield Label(name=name.strip(), color=color)


def _stem(name: str) -> str:
    return name.removesuffix(PurePosixPath(name).suffix)


def _match(files: dict[str, VocFile], images: list[str], warnings: Warnings) -> list[_Entry]:
    """Returns a frame for each XML file and each image without one, in the order of their ids.

    The name of the XML file decides, as in VOC's own lists; its <filename> only where no image has that name.
    """
    by_stem: defaultdict[str, list[str]] = defaultdict(list)
    for image in images:
        by_stem[_stem(image)].append(image)
    there = set(images)
    plan: dict[str, _Entry] = {}
    for stem, file in files.items():
        said = clean_name(file.filename)
        beside = str(PurePosixPath(stem).with_name(said)) if said and "/" not in said else said
        candidates = by_stem.get(stem, [])
        if beside in candidates:
            image = beside
        elif candidates:
            image = candidates[0]
            if said:
                warnings.add("XML files whose own name was trusted, not their <filename>", f"{stem}.xml")
        elif beside in there or said in there:
            image = beside if beside in there else said
        else:
            image = stem + (PurePosixPath(said).suffix or ".jpg")
        id = image
        if id in plan:
            warnings.add("XML files of an image that another XML file describes too", f"{stem}.xml")
            id = f"{image}#{stem}"
        plan[id] = _Entry(id, image, stem)
    for image in images:
        if image not in plan:
            warnings.add("images without an XML file, kept without annotations", image)
            plan[image] = _Entry(image, image, "")
    return sorted(plan.values(), key=lambda entry: PurePosixPath(entry.id).parts)
