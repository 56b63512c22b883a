"""Git's own lock of a file: ``<file>.lock`` holds the new content and is renamed over the file.

Taking it keeps other programs (a ``git push`` into this repository) from replacing the file at the same time.
Unlike git's, ours does not survive its holder: it is a hard link to a file in our ``tmp``, so who finds a
link to one of those files, while holding our own lock that every hdstore process takes first, knows that its
maker is dead.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from hdstore.errors import LockTimeoutError
from hdstore.store import files
from hdstore.store.locks import backoff

__all__ = ["GitLock", "left_files"]

_KIND = "gitlock"
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK)


def left_files(tmp: Path) -> dict[int, Path]:
    """Returns by inode the files in ``tmp`` that are, or have become, a file elsewhere: one for each lock that is held.

    Where the holder was killed it stays.
    """
    found: dict[int, Path] = {}
    with files.storage_errors(f"list {tmp}"), suppress(FileNotFoundError), os.scandir(tmp) as entries:
        for entry in entries:
            if entry.name.startswith(_KIND):
                with suppress(FileNotFoundError):
                    if entry.stat(follow_symlinks=False).st_nlink > 1:
                        found[entry.inode()] = Path(entry.path)
    return found


class GitLock:
    """Holds git's lock of ``target``; ``write`` prepares the new content, ``commit`` replaces the file.

    The caller holds the hdstore lock that belongs to ``target``.
    """

    def __init__(self, target: Path, tmp: Path, *, timeout: float = 10.0) -> None:
        self._target = target
        self._path = target.with_name(target.name + ".lock")
        self._tmp = tmp
        self._timeout = timeout
        self._aside: Path | None = None
        self._descriptor: int | None = None
        self._committed = False

    def __enter__(self) -> Self:
        with files.storage_errors(f"lock {self._target}"):
            for _ in backoff(self._timeout):
                if self._take():
                    return self
        raise LockTimeoutError(
            f"Waited {self._timeout:g} seconds to change {self._target}, but another program holds "
            f"{self._path}; wait for it to finish, or remove that file if no program is using the repository."
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def write(self, data: bytes) -> None:
        """Prepares the new content; it is on the disk when this returns."""
        assert self._descriptor is not None
        files.write_all(self._descriptor, data)
        files.flush(self._descriptor, self._path)

    def commit(self) -> None:
        """Replaces the file by what was written; this is on the disk when it returns."""
        files.rename(self._path, self._target)
        # From here on, a lock of this name is somebody else's.
        self._committed = True
        files.flush_folder(self._target.parent)
        self._release()

    def _take(self) -> bool:
        """Makes the lock file and returns True; False while another holds it."""
        files.make_folders(self._target.parent)
        aside = files.new_name(self._tmp, _KIND)
        descriptor = files.open_new(aside)
        try:
            self._link(aside)
        except OSError as error:
            os.close(descriptor)
            aside.unlink()
            if isinstance(error, FileExistsError):
                return self.remove_stale() and self._take()
            if error.errno not in _NO_LINKS:
                raise
            return self._take_without_link()
        self._aside, self._descriptor = aside, descriptor
        return True

    def _link(self, aside: Path) -> None:
        files.step("link", self._path)
        try:
            os.link(aside, self._path)
        except FileNotFoundError:
            # Another process has just removed the empty folder.
            files.make_folders(self._target.parent)
            os.link(aside, self._path)

    def _take_without_link(self) -> bool:
        try:
            self._descriptor = files.open_new(self._path)
        except FileExistsError:
            return False
        return True

    def remove_stale(self) -> bool:
        """Removes the lock if its maker is dead and says whether none is left."""
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            return True
        aside = left_files(self._tmp).get(found.st_ino)
        if aside is None:
            return False
        files.remove(self._path)
        files.remove(aside)
        return True

    def _release(self) -> None:
        if self._descriptor is None:
            return
        os.close(self._descriptor)
        self._descriptor = None
        # The lock goes first: a link in tmp without it is litter, the other way round it would block for ever. What
        # can not be removed is found to be ours by the next taker.
        with suppress(OSError):
            if not self._committed:
                files.remove(self._path)
            if self._aside is not None:
                files.remove(self._aside)
        self._aside = None
