"""Goes through folders in the same order on every machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from hdstore.formats.base import IMAGE_SUFFIXES, Warnings, fail
from hdstore.store.files import storage_errors

__all__ = ["is_image", "walk"]


def is_image(name: str) -> bool:
    """Says whether a file name ends as those of images do."""
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def walk(folder: Path, warnings: Warnings, *, below: str = "") -> Iterator[str]:
    """Yields the POSIX paths of the regular files below ``folder``, part by part in the order of their names.

    What is hidden (its name begins with a dot, as ``.hds`` does), symbolic links and devices are left out and
    counted.
    """
    with storage_errors(f"list {folder / below}"):
        entries = sorted(os.scandir(folder / below), key=lambda entry: entry.name)
    for entry in entries:
        path = f"{below}/{entry.name}" if below else entry.name
        try:
            path.encode()
        except UnicodeEncodeError as error:
            fail(folder, f"the name {path!r} is not UTF-8; rename this file.", cause=error)
        if entry.name.startswith("."):
            warnings.add("hidden files and folders, left out", path)
        elif entry.is_symlink():
            warnings.add("symbolic links, left out", path)
        elif entry.is_dir(follow_symlinks=False):
            yield from walk(folder, warnings, below=path)
        elif entry.is_file(follow_symlinks=False):
            yield path
        else:
            warnings.add("pipes, sockets and devices, left out", path)
