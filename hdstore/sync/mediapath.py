"""The media of a remote that is a folder of this machine: a USB stick, a drive that others mount too."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from hdstore.errors import CancelledError, MediaError
from hdstore.media import Keeper, Media, Roots, open_regular
from hdstore.model import Progress
from hdstore.store import Layout, check_layout
from hdstore.sync.mediaplace import Transferred
from hdstore.sync.urls import Place

__all__ = ["PathPlace", "path_place"]

_THREADS = 3
"""Sticks and network drives are mostly waited for, and large files are hashed without Python's lock."""

_AHEAD = 2 * _THREADS
_GROUP_FILES = 64
_GROUP_BYTES = 4 << 20
"""What a thread copies before it takes the next."""
_TICK = 0.1
"""Seconds between two looks at whether the caller wants to stop."""


def path_place(place: Place) -> PathPlace | None:
    """Returns the media of the repository in a folder; None where there is none, or one of git alone.

    Raises UntrustedError when the repository may not be opened.
    """
    assert place.folder is not None
    layout = Layout(place.folder)
    if not layout.exists:
        return None
    check_layout(layout)
    layout.restore_folders()
    return PathPlace(Media(layout.media, Roots(layout.local), layout.tmp))


class PathPlace:
    """The kept media of a repository in a folder; see ``MediaPlace``."""

    def __init__(self, media: Media) -> None:
        self._media = media

    def hashes(self) -> Iterator[str]:
        """Yields the hashes of all media that are kept there, in order."""
        return self._media.hashes()

    def missing(self, hashes: Iterable[str]) -> list[str]:
        """Returns those of the hashes that are not kept there."""
        return [hash for hash in hashes if not self._media.has(hash)]

    def send(self, media: Media, hashes: Iterable[str], *, progress: Progress | None = None) -> Transferred:
        """Brings kept media there."""
        return _Copying(media, self._media, progress, "Sending media").run(hashes)

    def fetch(self, media: Media, hashes: Iterable[str], *, progress: Progress | None = None) -> Transferred:
        """Brings media from there."""
        return _Copying(self._media, media, progress, "Fetching media").run(hashes)

    def close(self) -> None:
        """Writes what was learnt about files."""
        self._media.close()


class _Copying:
    """Copies media by several threads; the caller's thread tells the progress and is the one that can stop it."""

    def __init__(self, source: Media, target: Media, progress: Progress | None, what: str) -> None:
        self._source = source
        self._target = target
        self._progress = progress
        self._what = what
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._total: int | None = None
        self._done = 0
        self._files = 0
        self._bytes = 0
        self._missing: list[str] = []

    def run(self, hashes: Iterable[str]) -> Transferred:
        if self._progress is not None and isinstance(hashes, Sequence):
            self._total = sum(self._source.size_of(hash) or 0 for hash in hashes)
        with self._target.keeping() as keeper, ThreadPoolExecutor(_THREADS, "hdstore-media") as pool:
            try:
                self._copy_all(keeper, pool, hashes)
            except BaseException:
                self._stopped.set()
                raise
        self._tell()
        return Transferred(self._files, self._bytes, tuple(self._missing))

    def _copy_all(self, keeper: Keeper, pool: ThreadPoolExecutor, hashes: Iterable[str]) -> None:
        waiting: set[Future[None]] = set()
        try:
            for several in self._groups(dict.fromkeys(hashes) if isinstance(hashes, Sequence) else hashes):
                waiting.add(pool.submit(self._copy_some, keeper, several))
                self._settle(waiting, _AHEAD)
            self._settle(waiting, 0)
        finally:
            for job in waiting:
                job.cancel()

    def _groups(self, hashes: Iterable[str]) -> Iterator[list[tuple[str, int]]]:
        """Yields media with their sizes, as many as are worth a thread's while."""
        group: list[tuple[str, int]] = []
        total = 0
        for hash in hashes:
            size = self._source.size_of(hash)
            if size is None:
                self._missing.append(hash)
                continue
            group.append((hash, size))
            total += size
            if len(group) >= _GROUP_FILES or total >= _GROUP_BYTES:
                yield group
                group, total = [], 0
        if group:
            yield group

    def _settle(self, waiting: set[Future[None]], most: int) -> None:
        """Waits until at most so many files are on their way; what went wrong with one is raised."""
        while len(waiting) > most:
            done, _ = wait(waiting, timeout=_TICK, return_when=FIRST_COMPLETED)
            waiting -= done
            for job in done:
                job.result()
            self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self._what, self._done, self._total)

    def _copy_some(self, keeper: Keeper, several: list[tuple[str, int]]) -> None:
        """Copies some media; runs in several threads."""
        for hash, size in several:
            self._copy(keeper, hash, size)

    def _copy(self, keeper: Keeper, hash: str, size: int) -> None:
        path = self._source.path_of(hash)
        if self._target.renew(hash, size=size):
            self._count(size)
            return
        for is_again in (False, True):
            with keeper.part(hash, size) as part:
                begun = part.offset
                self._count(begun)
                try:
                    with open_regular(path, follow=False) as stream:
                        part.take(stream.fileno(), self._count)
                    part.finish()
                    break
                except MediaError as error:
                    # What was here from an earlier time may be what is wrong.
                    if not begun or is_again:
                        raise MediaError(
                            f"The medium {hash} is damaged in {self._source.folder}; check that repository."
                        ) from error
        with self._lock:
            self._files += 1
            self._bytes += size - begun

    def _count(self, step: int) -> None:
        if self._stopped.is_set():
            raise CancelledError("The copying of media was stopped.")
        with self._lock:
            self._done += step
