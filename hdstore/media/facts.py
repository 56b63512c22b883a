"""What is known about a file: its hash and what its header tells, for as long as it stays the same."""

from __future__ import annotations

import os
import stat
import time
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hdstore.errors import MediaError
from hdstore.ids import content_hash, hash_stream
from hdstore.media.files import media_errors, open_regular, unreadable
from hdstore.media.probe import MediaInfo, probe_stream

if TYPE_CHECKING:
    from hdstore.media.keeper import Keeper

__all__ = ["Facts", "Stamp", "check_unchanged", "examine", "stamp_of"]

_YOUNG = 2 * 10**9
"""Nanoseconds within which two writes may leave one time stamp on the coarsest file system in use (FAT)."""


_SMALL = 8 << 20
"""Files of up to so many bytes are read as a whole."""


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


def stamp_of(path: Path | str, status: os.stat_result | None = None) -> Stamp:
    """Returns the stamp of a regular file, whose ``status`` may be known already.

    Raises:
        MediaError: it is missing, or no regular file.
    """
    if status is None:
        with media_errors(path):
            status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(f"{path} is not a regular file; only files are media.")
    return _stamp(status)


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ino)


def examine(path: Path | str, *, keeper: Keeper | None = None) -> tuple[Stamp, Facts]:
    """Returns the stamp, hash and header of a file, reading it once, and keeps its bytes where a ``keeper`` is given.

    Raises:
        MediaError: it can not be read, has too many pixels, or was written to meanwhile; its bytes are then not kept.
    """
    found = _read_small(path)
    if found is None:
        return _examine_large(path, keeper)
    stamp, data = found
    # The header first: what is refused shall not be kept.
    info = probe_stream(BytesIO(data), name=os.path.basename(path))
    return stamp, Facts(content_hash(data) if keeper is None else keeper.keep_bytes(data), info)


def _read_small(path: Path | str) -> tuple[Stamp, bytes] | None:
    """Returns all bytes of a small file, or None for a large one or what is no file; the quick way for many."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            before = os.fstat(descriptor)
            most = before.st_size + 1
            if most > _SMALL or not stat.S_ISREG(before.st_mode):
                return None
            data = os.read(descriptor, most)
            while len(data) < before.st_size and (more := os.read(descriptor, most - len(data))):
                data += more
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    stamp = _stamp(before)
    check_unchanged(path, stamp, _stamp(after))
    if len(data) != stamp.size:
        check_unchanged(path, stamp._replace(size=len(data)), stamp)
    return stamp, data


def _examine_large(path: Path | str, keeper: Keeper | None) -> tuple[Stamp, Facts]:
    with open_regular(path) as stream:
        before = _stamp(os.fstat(stream.fileno()))
        info = probe_stream(stream, name=os.path.basename(path))
        if keeper is None:
            stream.seek(0)
            hash = hash_stream(stream)
        else:
            hash = keeper.keep(Path(path))
        check_unchanged(path, before, _stamp(os.fstat(stream.fileno())))
    return before, Facts(hash, info)


def check_unchanged(path: Path | str, before: Stamp, after: Stamp) -> None:
    """Checks that a file was not written to while it was read: its hash and header would be of two states."""
    if before != after:
        raise MediaError(f"{path} changed while it was read; take it again when its writer is done.")
