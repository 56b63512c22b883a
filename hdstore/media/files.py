"""Files of other people read with care, and files of ours replaced as a whole."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import BinaryIO

from hdstore.errors import HdstoreError, MediaError, StorageError
from hdstore.ids import new_id

__all__ = [
    "exclusive",
    "media_errors",
    "open_regular",
    "read_small",
    "replace_file",
    "share_blocks",
    "storage_errors",
    "sync_folder",
    "sync_system",
    "syncs_systems",
    "temporary_file",
    "unreadable",
    "write_all",
]

_FICLONE = 0x40049409
"""Linux: lets a file share another one's blocks until either is written to (btrfs, XFS, bcachefs)."""

_TELLS_ERRORS = (5, 8)
"""Since this Linux ``syncfs`` says when bytes could not be written; before, it would claim that all went well."""


@contextlib.contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Turns an OSError of the block into a StorageError that says what was being done."""
    try:
        yield
    except HdstoreError:
        raise
    except OSError as error:
        raise StorageError(f"{what} failed: {error.strerror or error}.") from error


@contextlib.contextmanager
def media_errors(path: Path | str) -> Iterator[None]:
    """Turns an OSError of the block, which reads ``path``, into a MediaError."""
    try:
        yield
    except HdstoreError:
        raise
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path | str, error: OSError | ValueError) -> MediaError:
    """Returns the error for a file that can not be read; ValueError is for a NUL or a lone surrogate in its name."""
    return MediaError(f"{path} can not be read: {getattr(error, 'strerror', None) or error}.")


@contextlib.contextmanager
def open_regular(path: Path | str, *, follow: bool = True) -> Iterator[BinaryIO]:
    """Opens a regular file for reading; failures to open or read it are a MediaError.

    Anything but a regular file is refused: opening a pipe would wait for ever. So is a symbolic link, unless links are
    to be followed.
    """
    with media_errors(path):
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
        with os.fdopen(handle, "rb") as stream:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise MediaError(f"{path} is not a regular file; only files are media.")
            yield stream


def read_small(path: Path, *, limit: int) -> bytes:
    """Returns the bytes of a file of ours; follows no symbolic link and refuses more than ``limit`` bytes.

    Raises OSError, which the caller translates.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    with os.fdopen(handle, "rb") as stream:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
            raise OSError(errno.EFBIG, f"it is no file of at most {limit} bytes")
        return stream.read(limit)


@contextlib.contextmanager
def temporary_file(folder: Path, *, mode: int = 0o666) -> Iterator[tuple[BinaryIO, Path]]:
    """Makes a new file, open for writing and reading; what is not moved away by the end is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"media-{new_id(16)}"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "w+b") as stream:
            yield stream, path
    finally:
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@cache
def syncs_systems() -> bool:
    """Says whether ``sync_system`` works here: on Linux 5.8 or later."""
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return os.uname().sysname == "Linux" and release is not None and _version(release) >= _TELLS_ERRORS


def _version(release: re.Match[str]) -> tuple[int, int]:
    return int(release[1]), int(release[2])


def sync_system(folder: Path) -> None:
    """Makes durable all that was written to the file system that a folder lies on: bytes and names."""
    import ctypes  # loaded only where many files are kept at once

    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(handle):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(handle)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Writes all of ``data``; a system may take less than it was given in one call."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def share_blocks(source: int, target: int) -> bool:
    """Lets an empty file share all blocks of another one until either is written to; says whether it could."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        # Not every file system shares blocks, and none does with another one.
        return False
    return True


def replace_file(path: Path, data: bytes, *, tmp: Path) -> None:
    """Replaces a file as a whole: readers see the old bytes or the new ones, also after a crash."""
    with storage_errors(f"Writing {path}"), temporary_file(tmp) as (stream, temporary):
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
        temporary.replace(path)
        sync_folder(path.parent)


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Lets one process at a time into the block; the kernel frees the lock when its holder dies."""
    with storage_errors(f"Locking {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        with storage_errors(f"Locking {path}"):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
