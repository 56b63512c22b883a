"""What is known about a file: its hash and what its header tells, for as long as it stays the same."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import NamedTuple

from hdstore.errors import MediaError
from hdstore.ids import hash_stream
from hdstore.media.files import media_errors, open_regular
from hdstore.media.probe import MediaInfo, probe_stream

__all__ = ["Facts", "Stamp", "check_unchanged", "examine", "stamp_of"]

_YOUNG = 2 * 10**9
"""Nanoseconds within which two writes may leave one time stamp on the coarsest file system in use (FAT)."""


class Stamp(NamedTuple):
    """What changes when a file is written: size, time of the last write, inode."""

    size: int
    mtime_ns: int
    inode: int

    @property
    def is_settled(self) -> bool:
        """Whether the last write is so long ago that another one would show."""
        return abs(time.time_ns() - self.mtime_ns) > _YOUNG


class Facts(NamedTuple):
    """The BLAKE3 hash of a file and what its header tells."""

    hash: str
    info: MediaInfo


def stamp_of(path: Path) -> Stamp:
    """Returns the stamp of a regular file.

    Raises:
        MediaError: it is missing, or no regular file.
    """
    with media_errors(path):
        status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(f"{path} is not a regular file; only files are media.")
    return _stamp(status)


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ino)


def examine(path: Path) -> tuple[Stamp, Facts]:
    """Returns the stamp, hash and header of a file, reading it once.

    Raises:
        MediaError: it can not be read, has too many pixels, or was written to meanwhile.
    """
    with open_regular(path) as stream:
        before = _stamp(os.fstat(stream.fileno()))
        facts = Facts(hash_stream(stream), probe_stream(stream, name=path.name))
        check_unchanged(path, before, _stamp(os.fstat(stream.fileno())))
    return before, facts


def check_unchanged(path: Path, before: Stamp, after: Stamp) -> None:
    """Checks that a file was not written to while it was read: its hash and header would be of two states."""
    if before != after:
        raise MediaError(f"{path} changed while it was read; take it again when its writer is done.")
