"""Writes frames as a YOLO dataset: ``data.yaml``, ``images/<split>`` and ``labels/<split>``.

The dataset is made aside and put in place when it is whole. One dataset holds either boxes or segments: the
tools that read YOLO take a line of four numbers among segments for two points.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import IO, Any, Literal, TypeAlias

import yaml

from hdstore.codec import decode_frame, encode_frame
from hdstore.errors import AlreadyExistsError, InvalidValueError
from hdstore.formats.base import (
    ExportReport,
    Locate,
    Warnings,
    clean_name,
    counted,
    is_url,
)
from hdstore.formats.pictures import Picture, annotation_losses, metadata_losses, pictures
from hdstore.formats.walk import is_image
from hdstore.formats.yolo import YOLO
from hdstore.formats.yolo_lines import label_line
from hdstore.model import Annotation, Ellipse, Frame, Metadata, Polygon, Progress, Rle, Schema
from hdstore.store.files import new_name, storage_errors

__all__ = ["MediaMode", "Task", "write_yolo"]

Task: TypeAlias = Literal["auto", "detect", "segment"]
"""What lines say: boxes, segments, or (auto) segments as soon as one annotation has an outline."""

MediaMode: TypeAlias = Literal["copy", "link", "none"]
"""What becomes of images that are found: copies, hard links (copies where the disk has none), or nothing."""

_SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


def write_yolo(
    folder: Path,
    frames: Iterable[Frame],
    *,
    schema: Schema,
    metadata: Metadata | None = None,
    task: Task = "auto",
    locate: Locate | None = None,
    media: MediaMode = "copy",
    progress: Progress | None = None,
) -> ExportReport:
    """Writes a YOLO dataset into a new or empty folder, and returns what it could not write.

    Args:
        folder: the dataset's folder.
        frames: gone through once.
        schema: its labels become the classes; those that came from YOLO keep their numbers if none is
        missing.
        metadata: what the reader gave as ``Imported.metadata``: further keys of the description.
        task: whether lines are boxes or segments.
        locate: finds the images; without it labels are written alone.
        media: whether images are copied or linked.
        progress: told of the frames as they are written.

    Raises:
        AlreadyExistsError: there is something in the folder.
    """
    with storage_errors(f"write {folder}"), ExitStack() as stack:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise AlreadyExistsError(
                f"There is something at {folder} already; name a new or an empty folder."
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = new_name(folder.parent, f".{folder.name}")
        try:
            aside.mkdir()
            if task == "auto":
                spool = stack.enter_context(TemporaryFile(dir=folder.parent))
                frames, task = _spooled(frames, spool)
            writer = _Writer(aside, schema, task=task, locate=locate, media=media)
            for frame in counted(frames, progress, "Writing frames", None):
                writer.add(frame)
            writer.finish((metadata or {}).get(YOLO))
            if folder.exists():
                # It may be the folder someone works in, which a rename would pull away.
                for made in sorted(aside.iterdir(), reverse=True):
                    made.rename(folder / made.name)
                aside.rmdir()
            else:
                aside.rename(folder)
        except BaseException:
            with suppress(OSError):
                shutil.rmtree(aside)
            raise
    return writer.report()


def _spooled(
    frames: Iterable[Frame], spool: IO[bytes]
) -> tuple[Iterator[Frame], Literal["detect", "segment"]]:
    """Returns the frames, kept in a temporary file meanwhile, and whether one of them has an outline."""
    outlines = False
    for frame in frames:
        data = encode_frame(frame)
        spool.write(len(data).to_bytes(8, "big"))
        spool.write(data)
        outlines = outlines or any(
            isinstance(annotation.geometry, Polygon | Rle | Ellipse) for annotation in frame.annotations
        )
    spool.seek(0)

    def again() -> Iterator[Frame]:
        while head := spool.read(8):
            yield decode_frame(spool.read(int.from_bytes(head, "big")))

    return again(), "segment" if outlines else "detect"


class _Writer:
    """One export into a folder of its own."""

    def __init__(
        self, folder: Path, schema: Schema, *, task: str, locate: Locate | None, media: MediaMode
    ) -> None:
        self._folder = folder
        self._segment = task == "segment"
        self._locate = locate
        self._media = media
        self._warnings = Warnings()
        self._classes = self._numbered(schema)
        self._taken: set[str] = set()
        self._splits: set[str] = set()
        self._frames = self._annotations = self._files = 0

    def _numbered(self, schema: Schema) -> dict[str, int]:
        """Returns the class number of each label."""
        given: dict[str, int] = {}
        for label in schema.labels:
            record = label.foreign.get(YOLO)
            index = record.get("index") if isinstance(record, dict) else None
            if isinstance(index, int):
                given[label.name] = index
        if sorted(given.values()) != list(range(len(given))):
            self._warnings.add("classes that got new numbers, as YOLO's have no gaps", count=len(given))
            given = {}
        for label in schema.labels:
            given.setdefault(label.name, len(given))
        return given

    def add(self, frame: Frame) -> None:
        """Writes the label files and images of a frame."""
        self._frames += 1
        split = self._split(frame)
        if frame.metadata.keys() - {"split"}:
            self._warnings.add("frames with metadata beside their split, left out", frame.id)
        for picture in pictures(frame, self._warnings):
            source = picture.source
            if source is None or not source.width or not source.height:
                self._warnings.add("images of unknown size, left out with their annotations", picture.name)
                continue
            found = self._locate(source) if self._locate is not None else None
            name = self._name(picture, split, found)
            size = (source.width, source.height)
            lines = [
                line for annotation in picture.annotations if (line := self._line(annotation, picture, size))
            ]
            label = self._folder / "labels" / split / PurePosixPath(name).with_suffix(".txt")
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            self._splits.add(split)
            self._annotations += len(lines)
            self._files += 1
            self._put_image(found, self._folder / "images" / split / name, picture.name)

    def _split(self, frame: Frame) -> str:
        value = frame.metadata.get("split")
        given = value if isinstance(value, list) else [value]
        known = [_SPLITS[name] for name in given if isinstance(name, str) and name in _SPLITS]
        if not known:
            self._warnings.add("frames of no split that YOLO knows, written to train", frame.id)
        elif len(set(known)) > 1:
            self._warnings.add("frames of several splits, written to the first", frame.id)
        return known[0] if known else "train"

    def _name(self, picture: Picture, split: str, found: Path | None) -> str:
        """Returns a free path below ``images/<split>`` for a picture."""
        name = picture.name.partition("://")[2] if is_url(picture.name) else picture.name
        *folders, last = clean_name(name).split("/")
        # Readers find labels by the last folder called "images": there may be no other.
        folders = [part for part in folders if part not in ("images", "labels")]
        if folders[:1] == [split]:
            del folders[0]
        last = last or "image"
        if not is_image(last):
            uri = picture.source.uri if picture.source is not None else ""
            suffix = (found.suffix if found is not None else "") or PurePosixPath(uri).suffix
            last += suffix if is_image(f"x{suffix}") else ""
        path = PurePosixPath(*folders, last)
        stem, repeat = path.with_suffix("").name if is_image(last) else last, 1
        while f"{split}/{path.with_suffix('.txt')}" in self._taken:
            repeat += 1
            path = path.with_name(f"{stem}-{repeat}{path.suffix}")
        if repeat > 1:
            self._warnings.add("images whose name another one has taken, renamed", picture.name)
        self._taken.add(f"{split}/{path.with_suffix('.txt')}")
        return str(path)

    def _line(self, annotation: Annotation, picture: Picture, size: tuple[int, int]) -> str | None:
        """Returns the line of an annotation, or None (and counts it) where it has none."""
        where = f"annotation {annotation.id} of {picture.name}"
        if not annotation.labels:
            self._warnings.add("annotations without a label, left out", where)
            return None
        try:
            line = label_line(
                annotation.geometry, size, segment=self._segment, warnings=self._warnings, where=where
            )
        except InvalidValueError:
            self._warnings.add("annotations whose mask can not be read, left out", where)
            return None
        if line is None:
            return None
        self._warnings.add("annotations whose id was left out", where)
        if annotation.object_id:
            self._warnings.add("annotations whose object id was left out", where)
        annotation_losses(annotation, self._warnings, where)
        metadata_losses(annotation, self._warnings, where)
        label = annotation.labels[0]
        return f"{self._classes.setdefault(label, len(self._classes))} {line}"

    def _put_image(self, found: Path | None, target: Path, name: str) -> None:
        if self._media == "none":
            return
        if found is None:
            self._warnings.add("images that were not found, of which only the labels were written", name)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if self._media == "link":
            # Another disk, or one without hard links: a copy serves as well.
            with suppress(OSError):
                os.link(found, target)
        if not target.exists():
            shutil.copyfile(found, target)
        self._files += 1

    def finish(self, extra: Any) -> None:
        """Writes the description."""
        for kind in ("images", "labels"):
            (self._folder / kind / "train").mkdir(parents=True, exist_ok=True)
        document: dict[str, Any] = {"train": "images/train", "val": "images/val"}
        if "val" not in self._splits:
            self._warnings.add(
                "descriptions without a split for validation: 'val' names the one for training"
            )
            document["val"] = document["train"]
        if "test" in self._splits:
            document["test"] = "images/test"
        document["nc"] = len(self._classes)
        document["names"] = {
            number: name for name, number in sorted(self._classes.items(), key=lambda i: i[1])
        }
        if isinstance(extra, dict):
            document |= {key: value for key, value in extra.items() if key not in document}
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
        (self._folder / "data.yaml").write_text(text, encoding="utf-8")
        self._files += 1

    def report(self) -> ExportReport:
        """Returns what was written."""
        return ExportReport(
            frames=self._frames,
            annotations=self._annotations,
            files=self._files,
            warnings=tuple(self._warnings),
        )
