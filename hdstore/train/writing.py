"""A file that appears whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from hdstore.store.files import flush_folder, new_name, storage_errors

__all__ = ["new_file"]


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a file that takes the place of ``path`` when the block ends; after an exception nothing has changed.

    The folder is made. Raises StorageError when the file can not be written.
    """
    with storage_errors(f"write {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = new_name(path.parent, f".{path.name}")
        try:
            with aside.open("xb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            aside.replace(path)
            flush_folder(path.parent)
        except BaseException:
            with suppress(OSError):
                aside.unlink()
            raise
