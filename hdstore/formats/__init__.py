"""Readers turn the files of a format into values, writers turn values into files; they know no repository.

Each reader gives ``Imported``: frames to go through once, the schema, metadata that its writer wants back,
and warnings. Each writer gives ``ExportReport``. What a format can not hold is counted in the warnings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from hdstore.errors import InvalidValueError
from hdstore.formats.base import (
    FOREIGN,
    ExportReport,
    Imported,
    Locate,
    Notice,
    SourceMaker,
    Warnings,
)
from hdstore.formats.coco import read_coco
from hdstore.formats.coco_write import write_coco
from hdstore.formats.folder import read_folder
from hdstore.formats.joining import join_metadata
from hdstore.formats.voc import read_voc
from hdstore.formats.yolo import read_yolo
from hdstore.formats.yolo_write import MediaMode, Task, write_yolo
from hdstore.model import Frame, Metadata, Progress, Schema

__all__ = [
    "FOREIGN",
    "READERS",
    "WRITERS",
    "ExportReport",
    "Imported",
    "Locate",
    "MediaMode",
    "Notice",
    "Reader",
    "SourceMaker",
    "Task",
    "Warnings",
    "Writer",
    "join_metadata",
    "read_coco",
    "read_folder",
    "read_voc",
    "read_yolo",
    "write_coco",
    "write_yolo",
]


class Reader(Protocol):
    """What every reader can be called with; ``images`` is the folder of images where they lie apart."""

    def __call__(
        self,
        path: Path,
        *,
        linker: SourceMaker,
        images: Path | None = None,
        progress: Progress | None = None,
    ) -> Imported:
        """Returns what the files at ``path`` hold."""
        ...


class Writer(Protocol):
    """What every writer can be called with; ``write_yolo`` takes more."""

    def __call__(
        self,
        path: Path,
        frames: Iterable[Frame],
        /,
        *,
        schema: Schema,
        metadata: Metadata | None = None,
        progress: Progress | None = None,
    ) -> ExportReport:
        """Writes the frames and returns what could not be written."""
        ...


def _read_folder(
    path: Path,
    *,
    linker: SourceMaker,
    images: Path | None = None,
    progress: Progress | None = None,
) -> Imported:
    if images is not None:
        raise InvalidValueError(
            f"A folder of files has no images elsewhere, but {images} was given; name only the folder."
        )
    return read_folder(path, linker=linker, progress=progress)


READERS: Mapping[str, Reader] = MappingProxyType(
    {"coco": read_coco, "folder": _read_folder, "voc": read_voc, "yolo": read_yolo}
)
"""The readers by the name of their format."""

WRITERS: Mapping[str, Writer] = MappingProxyType({"coco": write_coco, "yolo": write_yolo})
"""The writers by the name of their format."""
