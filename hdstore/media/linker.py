"""Turns files into sources: where they lie, what they hold and how large they are."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from hdstore.errors import InvalidValueError, MediaError
from hdstore.media.facts import Facts, Stamp, check_unchanged, examine, stamp_of
from hdstore.media.probe import probe
from hdstore.model import Source

if TYPE_CHECKING:
    from hdstore.media.store import Media

__all__ = ["Linker", "Policy"]

Policy: TypeAlias = Literal["link", "file", "store"]

_THREADS = min(8, (os.cpu_count() or 1) + 2)
"""Hashing runs without Python's lock, and files on a network drive are mostly waited for."""

_AHEAD = 64
"""How many files may be read before they are asked for."""

_SMALL = 1 << 16
_SLOW = 0.001
"""Files of up to 64 KiB are read without threads, which would cost more than they gain (measured: a fifth or
more), unless they take longer than this many seconds each, as on a network drive."""


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
        self._base = base or Path()
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
        path = self._absolute(path)
        facts = self._known(path, stamp_of(path)) or self._learn(path)
        return self._source(path, facts, id, fields)

    def sources(self, paths: Iterable[Path | str]) -> Iterator[tuple[Path, Source]]:
        """Yields each path as given with the source of its file, in order; files are read ahead in threads.

        Errors are raised when the turn of their file comes; nothing is read after them.
        """
        waiting: deque[tuple[Path, Path, Facts | Future[Facts]]] = deque()
        with ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="hdstore-media") as pool:
            try:
                for given in paths:
                    path = self._absolute(given)
                    waiting.append((Path(given), path, self._begin(path, pool)))
                    if len(waiting) > _AHEAD:
                        yield self._finish(*waiting.popleft())
                while waiting:
                    yield self._finish(*waiting.popleft())
            finally:
                for _, _, job in waiting:
                    if isinstance(job, Future):
                        job.cancel()

    def uri(self, path: Path | str) -> str:
        """Returns the URI of a linked file, which need not exist.

        Raises:
            MediaError: it lies under no root (policy "link"), or its URI is its hash (policy "store").
        """
        if self._policy == "store":
            raise MediaError(f"{path} is kept by its hash, which only its bytes tell.")
        return self._linked(self._absolute(path))

    def _begin(self, path: Path, pool: ThreadPoolExecutor) -> Facts | Future[Facts]:
        try:
            stamp = stamp_of(path)
            facts = self._known(path, stamp)
            if facts is not None:
                return facts
            if stamp.size > _SMALL or self._pace > _SLOW or self._policy == "store":
                return pool.submit(self._learn, path)
            begin = time.perf_counter()
            facts = self._learn(path)
            self._pace += (time.perf_counter() - begin - self._pace) / 16
            return facts
        except MediaError as error:
            # Told when the turn of this file comes: those before it are good.
            failed: Future[Facts] = Future()
            failed.set_exception(error)
            return failed

    def _finish(self, given: Path, path: Path, job: Facts | Future[Facts]) -> tuple[Path, Source]:
        facts = job.result() if isinstance(job, Future) else job
        return given, self._source(path, facts, "00", {})

    def _known(self, path: Path, stamp: Stamp) -> Facts | None:
        """Returns the facts of a file that was seen before and needs no work."""
        facts = self._media.cache.find(path, stamp)
        if facts is None or (self._policy == "store" and not self._media.has(facts.hash)):
            return None
        return facts

    def _learn(self, path: Path) -> Facts:
        """Reads a file (and keeps it) and remembers what it is; runs in several threads."""
        if self._policy == "store":
            stamp = stamp_of(path)
            # The header first: what is refused shall not be kept.
            info = probe(path)
            facts = Facts(self._media.keep(path), info)
            check_unchanged(path, stamp, stamp_of(path))
        else:
            stamp, facts = examine(path)
        self._media.cache.remember(path, stamp, facts)
        return facts

    def _source(self, path: Path, facts: Facts, id: str, fields: dict[str, Any]) -> Source:
        info = facts.info
        if info.warning:
            self.warnings.append(info.warning)
        uri = f"media:{facts.hash}" if self._policy == "store" else self._linked(path)
        values: dict[str, Any] = {
            "content_type": info.content_type,
            "hash": facts.hash,
            "height": info.height,
            "id": id,
            "size": info.size,
            "uri": uri,
            "width": info.width,
        }
        return Source(**(values | fields))

    def _absolute(self, path: Path | str) -> Path:
        path = self._base / path
        # Only the file system knows what ".." means behind a symbolic link.
        return Path(os.path.realpath(path) if ".." in path.parts else os.path.abspath(path))

    def _linked(self, path: Path) -> str:
        given, actual = str(path), self._real(path)
        for name, place, real_place in self._places:
            if actual.startswith(real_place):
                # The name it was found by, not the one that a symbolic link within the root leads to.
                inner = (
                    given.removeprefix(place) if given.startswith(place) else actual.removeprefix(real_place)
                )
                return _utf8(f"root:{name}/{inner}")
        if self._policy == "file":
            _utf8(given)
            return path.as_uri()
        where = f"the root {self._root!r}" if self._root else "any root of this machine"
        raise MediaError(f"{path} does not lie under {where}; name its folder as a root, or store the file.")

    def _real(self, path: Path) -> str:
        """Returns a path without symbolic links; the folders, which repeat, are resolved once."""
        folder, name = os.path.split(path)
        known = self._real_folders.get(folder)
        if known is None:
            known = self._real_folders[folder] = os.path.realpath(folder)
        joined = os.path.join(known, name)
        return os.path.realpath(joined) if os.path.islink(joined) else joined


def _utf8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValueError(
            f"The file name {os.fsencode(text)!r} is not UTF-8, which other machines need; rename the file."
        ) from error
    return text
