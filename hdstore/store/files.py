"""Writing to the disk so that a crash leaves the old state or the new one.

Every change of the disk goes through here. New bytes are written under a name of their own, flushed, and
renamed into place; the folder is flushed last. In a folder that its group may write and that hands its group
on (a shared repository), what is made gets the group's rights too.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hdstore.errors import DamagedError, HdstoreError, StorageError

__all__ = [
    "flush",
    "flush_folder",
    "look",
    "make_folders",
    "new_name",
    "on_step",
    "open_new",
    "read_file",
    "remove",
    "rename",
    "step",
    "storage_error",
    "storage_errors",
    "write_all",
    "write_file",
]

on_step: Callable[[str, Path], None] | None = None
"""Called before each change of the disk with its kind and path, so that a test can end the process there."""

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space and try again",
    errno.EDQUOT: "your disk quota is used up; free some space and try again",
    errno.EFBIG: "the file would grow beyond what this system allows",
    errno.EACCES: "permission was denied; check who owns the folder and who may write there",
    errno.EPERM: "the system does not permit it; check who owns the folder and who may write there",
    errno.EROFS: "the disk is mounted read-only",
    errno.EMFILE: "this program has too many files open",
    errno.ENFILE: "the system has too many files open",
    errno.EIO: "the disk reported an error; check the disk and restore from a copy if it is failing",
    errno.ENOENT: "a file or folder is missing",
    errno.ENOTDIR: "something that is not a folder stands in its path",
    errno.EISDIR: "a folder stands where a file must be",
    errno.EEXIST: "something stands there already",
    errno.ELOOP: "a symbolic link stands where a real file must be",
}


def step(what: str, path: Path) -> None:
    """Tells the test hook what is about to be done."""
    if on_step is not None:
        on_step(what, path)


def storage_error(what: str, error: OSError) -> StorageError:
    """Returns the error that says in a sentence why ``what`` (a verb and its object) failed."""
    reason = _REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()
    result = StorageError(f"Could not {what}: {reason}.")
    result.errno = error.errno
    return result


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Turns what the operating system raises inside into StorageError."""
    try:
        yield
    except HdstoreError:
        # Some of ours are OSErrors too and say more already.
        raise
    except OSError as error:
        raise storage_error(what, error) from error


def new_name(folder: Path, kind: str) -> Path:
    """Returns an unused path in ``folder`` for a file that will be renamed or removed soon."""
    return folder / f"{kind}-{os.getpid()}-{secrets.token_hex(8)}"


def _hands_on_group(folder: Path) -> bool:
    mode = folder.stat().st_mode
    return bool(mode & stat.S_ISGID and mode & stat.S_IWGRP)


def open_new(path: Path, *, mode: int = 0o666) -> int:
    """Returns a descriptor of a new file that must not exist yet, open for reading and writing."""
    step("write", path)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, mode)
    if mode & 0o200 and _hands_on_group(path.parent):
        os.fchmod(descriptor, stat.S_IMODE(os.fstat(descriptor).st_mode) | 0o060)
    return descriptor


def write_all(descriptor: int, data: bytes) -> None:
    """Writes all of ``data``; a system may take less than it was given in one call."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def flush(descriptor: int, path: Path) -> None:
    """Returns when the file's bytes are on the disk."""
    step("fsync", path)
    os.fsync(descriptor)


def flush_folder(folder: Path) -> None:
    """Returns when the names in ``folder`` are on the disk."""
    step("fsync", folder)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename(source: Path, target: Path) -> None:
    """Moves a file in one step, over what is there."""
    step("rename", target)
    source.replace(target)


def remove(path: Path) -> bool:
    """Removes a file and returns whether it was there."""
    step("unlink", path)
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def look(path: str | Path) -> os.stat_result | None:
    """Returns size, times and links of what lies at a path, following no link; None when it is gone, or was never."""
    try:
        return os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return None


def make_folders(folder: Path, *, durable: bool = True) -> None:
    """Makes a folder and the missing ones above it."""
    if folder.is_dir():
        return
    make_folders(folder.parent, durable=durable)
    step("mkdir", folder)
    try:
        folder.mkdir()
    except FileExistsError:
        if not folder.is_dir():
            raise
        return
    if _hands_on_group(folder.parent):
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | 0o070 | stat.S_ISGID)
    if durable:
        flush_folder(folder.parent)


def write_file(path: Path, data: bytes, *, durable: bool = True, tmp: Path | None = None) -> None:
    """Puts ``data`` at ``path`` in one step, over what is there; the folder must exist.

    The new file is prepared in ``tmp`` (on the same disk), else beside ``path``. When ``durable`` it is on
    the disk before this returns.
    """
    with storage_errors(f"write {path}"):
        aside = new_name(tmp, "file") if tmp is not None else new_name(path.parent, f".{path.name}")
        try:
            descriptor = open_new(aside)
            try:
                write_all(descriptor, data)
                if durable:
                    flush(descriptor, aside)
            finally:
                os.close(descriptor)
            rename(aside, path)
        except BaseException:
            with suppress(OSError):
                aside.unlink()
            raise
        if durable:
            flush_folder(path.parent)


def _read_up_to(descriptor: int, most: int) -> bytes:
    parts: list[bytes] = []
    while most > 0 and (part := os.read(descriptor, min(most, 1 << 20))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def read_file(path: Path, *, limit: int) -> bytes | None:
    """Returns a file's bytes, None where there is no file or a folder.

    Follows no symbolic link and refuses more than ``limit`` bytes.
    """
    with storage_errors(f"read {path}"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISDIR(mode):
                return None
            if not stat.S_ISREG(mode):
                raise DamagedError(f"{path} must be a file, but something else stands there.")
            data = _read_up_to(descriptor, limit + 1)
        finally:
            os.close(descriptor)
    if len(data) > limit:
        raise DamagedError(f"{path} is larger than the {limit} bytes that such a file may have.")
    return data
