"""Reads any folder: each file is a frame without annotations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hdstore.formats.base import Imported, SourceMaker, Warnings, checked, counted, require_folder
from hdstore.formats.walk import walk
from hdstore.model import Frame, Progress, SingleFrame

__all__ = ["read_folder"]


def read_folder(path: Path, *, linker: SourceMaker, progress: Progress | None = None) -> Imported:
    """Returns a frame for each file below a folder: images, video, audio, text, whatever it is.

    A frame's id is the file's path inside the folder. Hidden files, ``.hds`` and symbolic links are left out.

    Args:
        path: the folder.
        linker: makes the sources.
        progress: told of the files as their frames are made.
    """
    require_folder(path)
    warnings = Warnings()
    names = list(walk(path, warnings))

    def frames() -> Iterator[Frame]:
        for name, (_, source) in zip(names, linker.sources(path / name for name in names), strict=True):
            yield SingleFrame(id=name, sources=(source,))

    return Imported(
        frames=counted(checked(path, frames()), progress, "Reading files", len(names)), warnings=warnings
    )
