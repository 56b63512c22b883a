"""Locks between processes and threads; the kernel frees them when their holder dies."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from hdstore.errors import LockTimeoutError
from hdstore.store import files

__all__ = ["Lock", "backoff"]

_FIRST_WAIT = 0.001
_LONGEST_WAIT = 0.1


def backoff(timeout: float) -> Iterator[None]:
    """Yields at once, then again after growing pauses, until ``timeout`` seconds have gone by."""
    end = time.monotonic() + timeout
    wait = _FIRST_WAIT
    while True:
        yield
        left = end - time.monotonic()
        if left <= 0:
            return
        # Without the random part, processes that collided once collide again and again.
        time.sleep(min(left, wait * random.uniform(0.5, 1.0)))
        wait = min(wait * 2, _LONGEST_WAIT)


class Lock:
    """A lock file, held while inside ``with``; another holder is waited for up to ``timeout`` seconds.

    ``what`` names the locked thing in the error. Holders of a ``shared`` lock exclude only those who want it
    alone. The file stays: removing a lock file lets two processes hold "the" lock through two files.
    """

    def __init__(self, path: Path, *, timeout: float = 60.0, what: str = "", shared: bool = False) -> None:
        self._path = path
        self._timeout = timeout
        self._what = what or path.stem
        self._kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self._descriptor: int | None = None

    def try_acquire(self) -> bool:
        """Takes the lock if it is free now and returns whether it did."""
        with files.storage_errors(f"lock {self._path}"):
            descriptor = self._open()
            try:
                fcntl.flock(descriptor, self._kind | fcntl.LOCK_NB)
            except OSError as error:
                os.close(descriptor)
                if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
                    return False
                raise
        self._descriptor = descriptor
        return True

    def acquire(self) -> None:
        """Takes the lock, waiting for its holder; raises LockTimeoutError when that takes too long."""
        for _ in backoff(self._timeout):
            if self.try_acquire():
                return
        raise LockTimeoutError(
            f"Waited {self._timeout:g} seconds to change {self._what}, but another process or thread still "
            f"holds {self._path}; wait for it to finish, or end it, and try again."
        )

    def release(self) -> None:
        """Gives the lock back."""
        if self._descriptor is None:
            return
        # Unlocking first frees it even while a forked child still has the descriptor open.
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)
        self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        while True:
            try:
                return os.open(self._path, flags)
            except FileNotFoundError:
                pass
            try:
                files.make_folders(self._path.parent, durable=False)
                return files.open_new(self._path)
            except FileExistsError:
                continue
