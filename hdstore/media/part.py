"""Media that arrive piece by piece: each lies in the tmp folder under its hash until it is whole and verified."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType

from hdstore.errors import MediaError, StorageError
from hdstore.ids import new_hasher, new_id
from hdstore.media.files import share_blocks, storage_errors, write_all

__all__ = ["Part", "is_part", "open_part", "part_path", "remove_parts"]

_PREFIX = "media-"
_SUFFIX = ".part"

Finish = Callable[[int, str, str, int], None]
"""Takes over a finished file: descriptor, path, hash, size."""

Report = Callable[[int], None]

_CHUNK = 1 << 20
_RESERVE = 64 << 20
"""Bytes of the disk that media leave free."""
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_REFUSED = (errno.EACCES, errno.EPERM)


def is_part(name: str) -> bool:
    """Says whether a file of the tmp folder is called as the parts of media are."""
    return name.startswith(_PREFIX) and name.endswith(_SUFFIX)


def part_path(tmp: Path, hash: str) -> Path:
    """Returns where the part of a medium lies."""
    return tmp / f"{_PREFIX}{hash}{_SUFFIX}"


class Part:
    """A medium that is arriving; made by ``Keeper.part``. One thread uses it at a time.

    ``offset`` says how many of its bytes are here: what comes next begins there. A part that is closed before it is
    finished stays for the next time.
    """

    def __init__(self, descriptor: int, path: Path, hash: str, size: int, finish: Finish) -> None:
        self.hash = hash
        self.size = size
        self.offset = 0
        self._descriptor: int | None = descriptor
        self._path = path
        self._finish = finish
        self._hasher = new_hasher()
        self._has_room = False

    def __enter__(self) -> Part:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def resume(self, report: Report | None = None) -> None:
        """Reads what is here already; more than the medium has is cut away with all of it."""
        descriptor = self._open()
        with self._storing():
            if os.fstat(descriptor).st_size > self.size:
                self.restart()
                return
            while chunk := os.read(descriptor, _CHUNK):
                self._hasher.update(chunk)
                self.offset += len(chunk)
                if report is not None:
                    report(len(chunk))

    def take(self, source: int, report: Report | None = None) -> None:
        """Adds the bytes of an open file from ``offset`` on, sharing its blocks where the file system can.

        ``report`` gets the bytes of each step, and what it raises ends the copying.
        """
        with self._storing():
            if not self.offset and share_blocks(source, self._open()):
                self.resume(report)
                return
            os.lseek(source, self.offset, os.SEEK_SET)
            while chunk := self._read(source):
                self.write(chunk)
                if report is not None:
                    report(len(chunk))

    def _read(self, source: int) -> bytes:
        try:
            return os.read(source, _CHUNK)
        except OSError as error:
            raise MediaError(f"The medium {self.hash} can not be read: {error.strerror}.") from error

    def restart(self) -> None:
        """Forgets what is here."""
        descriptor = self._open()
        with self._storing():
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
        self._hasher, self.offset = new_hasher(), 0

    def write(self, data: bytes) -> None:
        """Adds bytes; raises MediaError, and drops the part, when they are more than the medium has.

        Raises StorageError at the first of them when the disk has no room for all: sizes are what a stranger says.
        """
        descriptor = self._open()
        if self.offset + len(data) > self.size:
            self.drop()
            raise MediaError(f"More than the {self.size} bytes of the medium {self.hash} were sent.")
        with self._storing():
            self._check_room(descriptor)
            write_all(descriptor, data)
        self._hasher.update(data)
        self.offset += len(data)

    def _check_room(self, descriptor: int) -> None:
        if self._has_room:
            return
        disk = os.fstatvfs(descriptor)
        free, needed = disk.f_bavail * disk.f_frsize, self.size - self.offset
        # Small ones are written until the disk says that it is full.
        if needed > _RESERVE and needed + _RESERVE > free:
            raise StorageError(
                f"The medium {self.hash} has {needed:,} bytes to come, but the disk has {free:,} left; free some space."
            )
        self._has_room = True

    def finish(self) -> None:
        """Hands the whole medium over to be kept; raises MediaError, and drops it, when it is another one."""
        descriptor = self._open()
        found = self._hasher.hexdigest()
        if self.offset != self.size or found != self.hash:
            self.drop()
            raise MediaError(
                f"What arrived as the medium {self.hash} has {self.offset} of {self.size} bytes and the hash {found}."
            )
        self._descriptor = None
        self._finish(descriptor, str(self._path), self.hash, self.size)

    def drop(self) -> None:
        """Closes the part and removes what is here of it."""
        if self._descriptor is not None:
            # Before it is closed: whoever gets the lock next begins with a file of its own.
            self._path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Lets go of the part; what is here of it stays."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)
            if not is_part(self._path.name):
                self._path.unlink(missing_ok=True)

    def _open(self) -> int:
        if self._descriptor is None:
            raise MediaError(f"The part of the medium {self.hash} is closed.")
        return self._descriptor

    def _storing(self) -> AbstractContextManager[None]:
        return storage_errors(f"Receiving the medium {self.hash}")


def remove_parts(tmp: Path, *, before: float) -> int:
    """Removes parts that nobody has added to since a time and nobody is adding to; returns their bytes."""
    removed = 0
    with storage_errors(f"Removing parts of media in {tmp}"):
        with os.scandir(tmp) as entries:
            names = [entry.name for entry in entries if is_part(entry.name)]
        for name in names:
            path = tmp / name
            with suppress(FileNotFoundError):  # just finished
                if os.lstat(path).st_mtime >= before:
                    continue
            if (descriptor := _claim(path)) is None:
                continue
            try:
                removed += os.fstat(descriptor).st_size
                path.unlink()
            finally:
                os.close(descriptor)
    return removed


def open_part(tmp: Path, hash: str, size: int, finish: Finish) -> Part:
    """Returns the part of a medium, and reads what is here of it.

    While another thread or process receives the same medium, or the part is another user's, it is a new file, which
    nobody goes on with. Raises OSError, which the caller translates.
    """
    tmp.mkdir(parents=True, exist_ok=True)
    path = part_path(tmp, hash)
    descriptor = _claim(path)
    if descriptor is None:
        path = tmp / f"{_PREFIX}{new_id(16)}"
        descriptor = os.open(path, _FLAGS | os.O_EXCL, 0o666)
    part = Part(descriptor, path, hash, size, finish)
    try:
        part.resume()
    except BaseException:
        part.close()
        raise
    return part


def _claim(path: Path) -> int | None:
    """Returns a descriptor of the part at ``path`` that nobody else writes to, or None where somebody does."""
    for _ in range(8):
        try:
            descriptor = os.open(path, _FLAGS, 0o666)
        except OSError as error:
            if error.errno in _REFUSED:
                return None
            raise
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, f"{path} is not a regular file")
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it may have finished and named it meanwhile; a second name would be written to as well.
            found = os.fstat(descriptor)
            with suppress(FileNotFoundError):
                if os.path.samestat(found, os.stat(path, follow_symlinks=False)):
                    if found.st_nlink == 1:
                        return descriptor
                    path.unlink()
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    return None
