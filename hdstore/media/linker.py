"""Turns files into sources: where they lie, what they hold and how large they are."""

from __future__ import annotations

import os
import stat
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from hdstore.errors import InvalidValueError, MediaError
from hdstore.media.facts import Facts, Stamp, examine, stamp_of
from hdstore.media.files import unreadable
from hdstore.model import Source, replace

if TYPE_CHECKING:
    from hdstore.media.keeper import Keeper
    from hdstore.media.store import Media

__all__ = ["Linker", "Policy"]

Policy: TypeAlias = Literal["link", "file", "store"]

_THREADS = min(8, (os.cpu_count() or 1) + 2)
"""Files on a network drive are mostly waited for, and large ones are hashed without Python's lock."""

_FIRST = 16
_AHEAD = 128
_AHEAD_BYTES = 32 << 20
"""How many files, and bytes, are read at once before they are asked for; the first time it is few."""

_SMALL = 256 << 10
_SLOW = 0.002
"""Files of up to 256 KiB are read without threads, which would cost more than they gain (measured: files of 100 kB
took twice as long), unless they take longer than this many seconds each, as on a network drive."""


class _Found(NamedTuple):
    """What a file is now."""

    stamp: Stamp
    is_link: bool


_Given: TypeAlias = tuple[Path, str, _Found | MediaError]
"""A path as it was given, where it is, and what it is or why it can not be read."""

_NOTHING: Mapping[str, Any] = {}


class _Chunk(NamedTuple):
    """Files that are being read; ``flush`` is the job that puts what is kept of them in place."""

    several: list[_Given]
    jobs: list[Facts | MediaError | Future[Facts]]
    flush: Future[None] | None


class Linker:
    """Makes sources by one policy; made by ``Media.linker``. One thread uses it at a time.

    ``warnings`` gathers what is wrong with files that became sources all the same, such as a picture whose
    header is broken.
    """

    def __init__(self, media: Media, *, policy: Policy, root: str | None, base: Path | None) -> None:
        if policy not in ("link", "file", "store"):
            raise InvalidValueError(f"Media are linked by 'link', 'file' or 'store', not by {policy!r}.")
        self.warnings: list[str] = []
        self._media = media
        self._policy = policy
        self._base = str(base or "")
        self._root = root
        roots = media.roots.list()
        if root is not None:
            roots = {root: media.roots.place(root)}
        # With a slash at the end; the deepest place first: it gives the shortest path.
        self._places = sorted(
            (
                (name, os.path.join(place, ""), os.path.join(os.path.realpath(place), ""))
                for name, place in roots.items()
            ),
            key=lambda item: (-len(item[2]), item[0]),
        )
        self._real_folders: dict[str, str] = {}
        self._pace = 0.0

    def source(self, path: Path | str, id: str = "00", **fields: Any) -> Source:
        """Returns the source of one file; ``fields`` are further fields and win over what the file says.

        Raises:
            MediaError: the file can not be read, or lies under no root.
            InvalidValueError: its name is not UTF-8.
        """
        place = self._absolute(path)
        found = _look(place)
        facts = self._media.cache.find(place, found.stamp)
        if facts is None or not self._is_done(facts):
            with self._media.keeping() as keeper:
                facts = self._learn(place, keeper if self._policy == "store" else None)
        return self._source(place, found.is_link, facts, id, fields)

    def sources(self, paths: Iterable[Path | str]) -> Iterator[tuple[Path, Source]]:
        """Yields each path as given with the source of its file, in order; files are read ahead in threads.

        Errors are raised when the turn of their file comes; nothing is read after them.
        """
        with ExitStack() as stack:
            keeper = stack.enter_context(self._media.keeping()) if self._policy == "store" else None
            pool = stack.enter_context(ThreadPoolExecutor(_THREADS, "hdstore-media"))
            begun: deque[_Chunk] = deque()
            try:
                for several in self._chunks(paths):
                    begun.append(self._begin(several, pool, keeper))
                    if len(begun) > 1:
                        yield from self._finish(begun.popleft(), keeper)
                while begun:
                    yield from self._finish(begun.popleft(), keeper)
            finally:
                for chunk in begun:
                    for job in chunk.jobs:
                        if isinstance(job, Future):
                            job.cancel()

    def uri(self, path: Path | str) -> str:
        """Returns the URI of a linked file, which need not exist.

        Raises:
            MediaError: it lies under no root (policy "link"), or its URI is its hash (policy "store").
        """
        if self._policy == "store":
            raise MediaError(f"{path} is kept by its hash, which only its bytes tell.")
        place = self._absolute(path)
        return self._linked(place, os.path.islink(place))

    def _chunks(self, paths: Iterable[Path | str]) -> Iterator[list[_Given]]:
        """Yields files with what they are now, not too many at once."""
        chunk: list[_Given] = []
        size, most = 0, _FIRST
        for given in paths:
            place = self._absolute(given)
            try:
                found: _Found | MediaError = _look(place)
                size += found.stamp.size if isinstance(found, _Found) else 0
            except MediaError as error:
                # Told when the turn of this file comes: those before it are good.
                found = error
            chunk.append((given if isinstance(given, Path) else Path(given), place, found))
            if len(chunk) >= most or size >= _AHEAD_BYTES:
                yield chunk
                chunk, size, most = [], 0, min(2 * most, _AHEAD)
        if chunk:
            yield chunk

    def _begin(self, several: list[_Given], pool: ThreadPoolExecutor, keeper: Keeper | None) -> _Chunk:
        """Reads small files, and gives others to threads."""
        jobs: list[Facts | MediaError | Future[Facts]] = []
        known = self._media.cache.find_all(
            [(place, found.stamp) for _, place, found in several if isinstance(found, _Found)]
        )
        for _, place, found in several:
            facts = known.get(place)
            if isinstance(found, MediaError):
                jobs.append(found)
            elif facts is not None and self._is_done(facts):
                jobs.append(facts)
            elif found.stamp.size > _SMALL or self._pace > _SLOW:
                jobs.append(pool.submit(self._learn, place, keeper))
            else:
                jobs.append(self._learn_here(place, keeper))
        is_waiting = any(isinstance(job, Future) for job in jobs)
        # What is all read is flushed while the next files are read.
        flush = pool.submit(keeper.flush) if keeper is not None and not is_waiting else None
        return _Chunk(several, jobs, flush)

    def _finish(self, chunk: _Chunk, keeper: Keeper | None) -> Iterator[tuple[Path, Source]]:
        """Yields the sources of a chunk once its media are in place; raises the first error at its turn."""
        if chunk.flush is not None:
            chunk.flush.result()
        elif keeper is not None:
            wait([job for job in chunk.jobs if isinstance(job, Future)])
            keeper.flush()
        for (given, place, found), job in zip(chunk.several, chunk.jobs, strict=True):
            facts = job.result() if isinstance(job, Future) else job
            if isinstance(found, MediaError):
                raise found
            if isinstance(facts, MediaError):
                raise facts
            yield given, self._source(place, found.is_link, facts, "00", _NOTHING)

    def _is_done(self, facts: Facts) -> bool:
        """Says whether a file that was seen before needs no work."""
        return self._policy != "store" or self._media.renew(facts.hash, size=facts.info.size)

    def _learn_here(self, place: str, keeper: Keeper | None) -> Facts | MediaError:
        """Reads a file in this thread, and notes how long that takes."""
        begin = time.perf_counter()
        try:
            return self._learn(place, keeper)
        except MediaError as error:
            return error
        finally:
            self._pace += (time.perf_counter() - begin - self._pace) / 16

    def _learn(self, place: str, keeper: Keeper | None) -> Facts:
        """Reads a file (and keeps it) and remembers what it is; runs in several threads."""
        stamp, facts = examine(place, keeper=keeper)
        self._media.cache.remember(place, stamp, facts)
        return facts

    def _source(self, place: str, is_link: bool, facts: Facts, id: str, fields: Mapping[str, Any]) -> Source:
        info = facts.info
        if info.warning:
            self.warnings.append(info.warning)
        uri = f"media:{facts.hash}" if self._policy == "store" else self._linked(place, is_link)
        source = Source(
            content_type=info.content_type,
            hash=facts.hash,
            height=info.height,
            id=id,
            size=info.size,
            uri=uri,
            width=info.width,
        )
        return replace(source, **fields) if fields else source

    def _absolute(self, path: Path | str) -> str:
        place = os.path.join(self._base, path)
        if place[:1] == "/" and "/." not in place and "//" not in place and place[-1] != "/":
            return place
        # Only the file system knows what ".." means behind a symbolic link.
        return os.path.realpath(place) if ".." in place.split("/") else os.path.abspath(place)

    def _linked(self, given: str, is_link: bool) -> str:
        actual = self._real(given, is_link)
        for name, place, real_place in self._places:
            if actual.startswith(real_place):
                # The name it was found by, not the one that a symbolic link within the root leads to.
                inner = (
                    given.removeprefix(place) if given.startswith(place) else actual.removeprefix(real_place)
                )
                return _utf8(f"root:{name}/{inner}")
        if self._policy == "file":
            return Path(_utf8(given)).as_uri()
        where = f"the root {self._root!r}" if self._root else "any root of this machine"
        raise MediaError(f"{given} does not lie under {where}; name its folder as a root, or store the file.")

    def _real(self, place: str, is_link: bool) -> str:
        """Returns a path without symbolic links; the folders, which repeat, are resolved once."""
        folder, _, name = place.rpartition("/")
        known = self._real_folders.get(folder)
        if known is None:
            known = self._real_folders[folder] = os.path.realpath(folder or "/")
        joined = f"{known.rstrip('/')}/{name}"
        return os.path.realpath(joined) if is_link else joined


def _look(place: str) -> _Found:
    """Returns what a file is now, or raises MediaError."""
    try:
        status = os.lstat(place)
    except (OSError, ValueError) as error:
        raise unreadable(place, error) from error
    if not stat.S_ISLNK(status.st_mode):
        return _Found(stamp_of(place, status), False)
    return _Found(stamp_of(place), True)


def _utf8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValueError(
            f"The file name {os.fsencode(text)!r} is not UTF-8, which other machines need; rename the file."
        ) from error
    return text
