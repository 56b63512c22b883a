"""Keeping media in batches: the bytes of many files are flushed at once, and only then get their names.

The order is the same for each of them as if it were alone: bytes, flush, name, flush of the name. So a name in the
media folder never stands for bytes that a power cut could take away.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from hdstore.errors import MediaError
from hdstore.ids import content_hash, new_hasher, new_id
from hdstore.media.files import (
    media_errors,
    open_regular,
    share_blocks,
    storage_errors,
    sync_folder,
    sync_system,
    syncs_systems,
    write_all,
)
from hdstore.media.part import Part, is_part, open_part
from hdstore.model.progress import Progress

if TYPE_CHECKING:
    from hdstore.media.store import Media

__all__ = ["Keeper"]

_BATCH_FILES = 256
_BATCH_BYTES = 128 << 20
"""What is flushed at once, at most; each file of a batch is held open until then."""

_FEW = 16
"""Up to so many files are flushed one by one: a flush of the whole file system waits for the bytes of others too."""

_SMALL = 8 << 20
"""Files of up to so many bytes are read as a whole, so that what is kept already is not written again."""

_CHUNK = 1 << 20


class _Finished(NamedTuple):
    """A whole file that waits for its flush and its name."""

    descriptor: int
    path: str
    hash: str
    size: int


class Keeper:
    """Keeps media in batches; made by ``Media.keeping`` and used in a ``with`` block, by several threads if need be.

    What was kept is in place when its batch is full, after ``flush``, and when the block ends well. When an error ends
    the block, what is not in place yet is dropped, except for parts: they go on from where they are next time.
    """

    def __init__(self, media: Media, tmp: Path) -> None:
        self._media = media
        self._tmp = tmp
        self._lock = threading.Lock()
        self._settling = threading.RLock()
        self._finished: list[_Finished] = []
        self._bytes = 0
        self._folders: set[Path] = set()
        self._unnamed: set[Path] = set()
        self._new = f"{tmp}/media-{new_id(16)}"
        self._numbers = count()

    def __enter__(self) -> Keeper:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.flush()
        else:
            self._drop(self._take())

    def keep(
        self,
        path: Path,
        *,
        link: bool = False,
        expected: str | None = None,
        progress: Progress | None = None,
    ) -> str:
        """Keeps the bytes of a file and returns their hash; see ``Media.keep``."""
        with open_regular(path) as stream:
            source = stream.fileno()
            size = os.fstat(source).st_size
            report = _byte_progress(progress, f"Keeping {path.name}", size)
            if size <= _SMALL and not link:
                data = _read_small(path, source)
                if data is not None:
                    hash = content_hash(data)
                    report(len(data))
                    _check_expected(path, expected, hash)
                    self._keep_data(data, hash)
                    return hash
            return self._keep_large(path, source, link, expected, report)

    def keep_bytes(self, data: bytes) -> str:
        """Keeps bytes and returns their hash."""
        hash = content_hash(data)
        self._keep_data(data, hash)
        return hash

    def part(self, hash: str, size: int) -> Part:
        """Returns the file that a medium of this hash and size arrives in, which may hold its beginning already.

        Several threads or processes may receive the same medium: all but one of them begin anew.
        """
        self._media.path_of(hash)
        with self._storing():
            return open_part(self._tmp, hash, size, self._add)

    def flush(self) -> None:
        """Returns when all that was kept before this call is on the disk under its name."""
        with self._settling, self._storing():
            self._settle(self._take())
            folders, self._unnamed = self._unnamed, set()
            if len(folders) > _FEW and syncs_systems():
                sync_system(self._media.folder)
            else:
                for folder in sorted(folders):
                    sync_folder(folder)

    # Writing

    def _storing(self) -> contextlib.AbstractContextManager[None]:
        return storage_errors(f"Keeping media in {self._media.folder}")

    def _keep_data(self, data: bytes, hash: str) -> None:
        if self._media.renew(hash, size=len(data)):
            return
        with self._storing():
            target, temporary = self._create()
            try:
                write_all(target, data)
            except BaseException:
                _discard(target, temporary)
                raise
        self._add(target, temporary, hash, len(data))

    def _keep_large(
        self, path: Path, source: int, link: bool, expected: str | None, report: Callable[[int], None]
    ) -> str:
        with self._storing():
            target, temporary = self._create()
            try:
                hash = self._fill(path, source, target, temporary, link, report)
                _check_expected(path, expected, hash)
                size = os.stat(temporary).st_size
                is_kept = self._media.renew(hash, size=size)
            except BaseException:
                _discard(target, temporary)
                raise
        if is_kept:
            _discard(target, temporary)
        else:
            self._add(target, temporary, hash, size)
        return hash

    @staticmethod
    def _fill(
        path: Path, source: int, target: int, temporary: str, link: bool, report: Callable[[int], None]
    ) -> str:
        """Shares, links or copies the bytes of a file and returns their hash."""
        os.lseek(source, 0, os.SEEK_SET)
        if share_blocks(source, target):
            return _hash(path, target, report)
        if link and _hard_link(path, source, temporary):
            hash = _hash(path, source, report)
            # The new file has no name any more; what has its name is the source, which is flushed here.
            os.fsync(source)
            return hash
        return _hash(path, source, report, target)

    def _create(self) -> tuple[int, str]:
        path = f"{self._new}-{next(self._numbers)}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            return os.open(path, flags, 0o666), path
        except FileNotFoundError:
            self._tmp.mkdir(parents=True)
            return os.open(path, flags, 0o666), path

    def _add(self, descriptor: int, path: str, hash: str, size: int) -> None:
        """Takes over a finished file, and flushes the batch that it makes full."""
        with self._lock:
            self._finished.append(_Finished(descriptor, path, hash, size))
            self._bytes += size
            is_full = len(self._finished) >= _BATCH_FILES or self._bytes >= _BATCH_BYTES
        if is_full:
            with self._settling:
                self._settle(self._take())

    def _take(self) -> list[_Finished]:
        with self._lock:
            taken, self._finished, self._bytes = self._finished, [], 0
        return taken

    def _settle(self, batch: list[_Finished]) -> None:
        """Flushes the bytes of a batch and gives its files their names."""
        named = 0
        try:
            with self._storing():
                if len(batch) > _FEW and syncs_systems():
                    sync_system(self._media.folder)
                else:
                    for file in batch:
                        os.fsync(file.descriptor)
                # A shared repository's folder lets more people in than this process' umask might.
                mode = 0o444 & os.stat(self._media.folder).st_mode
                for file in batch:
                    self._name(file, mode)
                    named += 1
        finally:
            for file in batch[:named]:
                os.close(file.descriptor)
            self._drop(batch[named:])

    def _name(self, file: _Finished, mode: int) -> None:
        folder = self._media.folder / file.hash[:2]
        if folder not in self._folders:
            _make_folder(folder)
            self._folders.add(folder)
        os.replace(file.path, f"{folder}/{file.hash}")
        # Not before: a part that can not be written could not be gone on with.
        os.fchmod(file.descriptor, mode)
        self._unnamed.add(folder)

    @staticmethod
    def _drop(batch: list[_Finished]) -> None:
        for file in batch:
            if is_part(os.path.basename(file.path)):
                os.close(file.descriptor)
            else:
                _discard(file.descriptor, file.path)


def _make_folder(folder: Path) -> None:
    """Makes a folder in the media folder, with its permissions, if it is missing."""
    try:
        folder.mkdir()
    except FileExistsError:
        return
    folder.chmod(stat.S_IMODE(os.stat(folder.parent).st_mode))
    sync_folder(folder.parent)


def _discard(descriptor: int, path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    os.close(descriptor)


def _read_small(path: Path, source: int) -> bytes | None:
    """Returns all bytes of a file, or None where there are more than of a small one."""
    with media_errors(path):
        parts, rest = [], _SMALL + 1
        while rest and (data := os.read(source, min(rest, _CHUNK))):
            parts.append(data)
            rest -= len(data)
    return b"".join(parts) if rest else None


def _hash(path: Path, source: int, report: Callable[[int], None], target: int | None = None) -> str:
    """Returns the hash of a file, which is copied to ``target`` on the way."""
    hasher = new_hasher()
    while True:
        with media_errors(path):
            data = os.read(source, _CHUNK)
        if not data:
            return hasher.hexdigest()
        hasher.update(data)
        if target is not None:
            write_all(target, data)
        report(len(data))


def _check_expected(path: Path, expected: str | None, found: str) -> None:
    if expected not in (None, found):
        raise MediaError(f"{path} should have the hash {expected} but has {found}.")


def _hard_link(path: Path, source: int, temporary: str) -> bool:
    """Puts a hard link to the file that is open as ``source`` in the place of ``temporary``, if it can."""
    link = f"{temporary}-link"
    try:
        os.link(os.path.realpath(path), link)
    except OSError:
        # Another file system, or a file of somebody else.
        return False
    # Between opening and linking the name may have been given to another file.
    if not os.path.samestat(os.stat(link), os.fstat(source)):
        os.unlink(link)
        return False
    os.replace(link, temporary)
    return True


def _byte_progress(progress: Progress | None, what: str, total: int) -> Callable[[int], None]:
    done = 0

    def report(step: int) -> None:
        nonlocal done
        done += step
        if progress is not None:
            progress(what, done, total)

    return report
