"""Looking for the media of frames before they are needed, by several threads (rows 119, 127)."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from hdstore.errors import HdstoreError, InvalidValueError
from hdstore.media import Media
from hdstore.model import Frame, Mask, Preview, Progress, Source

__all__ = ["PrefetchReport", "different_media", "prefetch"]

_AHEAD = 32
"""Media for each thread that wait for it."""

Medium = Source | Mask | Preview


@dataclass(frozen=True, slots=True)
class PrefetchReport:
    """What came of looking for media: how many lie on this machine, and why others do not, by URI."""

    found: int
    size: int
    """Bytes of those that were found."""
    missing: dict[str, str]


def prefetch(
    frames: Iterable[Frame],
    media: Media,
    *,
    workers: int = 8,
    masks: bool = True,
    previews: bool = False,
    progress: Progress | None = None,
) -> PrefetchReport:
    """Finds the media of frames on this machine, and has the system read them ahead where it can.

    Kept media that are not here are fetched, as by any first use. Each URI is looked for once. A medium that is not
    there, or not what its frame says, is reported and stops nothing.
    """
    if workers < 1:
        raise InvalidValueError(f"Media are looked for by at least one thread, not {workers}.")
    found = size = 0
    missing: dict[str, str] = {}
    waiting: deque[tuple[str, Future[int | str]]] = deque()

    def settle(limit: int) -> None:
        nonlocal found, size
        while len(waiting) > limit:
            uri, job = waiting.popleft()
            result = job.result()
            if isinstance(result, str):
                missing[uri] = result
            else:
                found, size = found + 1, size + result
            if progress is not None:
                progress("Looking for media", found + len(missing), None)

    with ThreadPoolExecutor(workers, "hdstore-prefetch") as pool:
        try:
            for medium in different_media(frames, masks=masks, previews=previews):
                waiting.append((medium.uri, pool.submit(_fetch, media, medium)))
                settle(_AHEAD * workers)
            settle(0)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return PrefetchReport(found, size, missing)


def different_media(frames: Iterable[Frame], *, masks: bool, previews: bool) -> Iterator[Medium]:
    """Yields the media of frames, each URI once."""
    seen: set[str] = set()
    for frame in frames:
        for source in frame.sources:
            several: list[Medium] = [source]
            if masks:
                several += source.masks
            if previews and source.preview is not None:
                several.append(source.preview)
            for medium in several:
                if medium.uri and medium.uri not in seen:
                    seen.add(medium.uri)
                    yield medium


def _fetch(media: Media, medium: Medium) -> int | str:
    """Returns the size of a medium on this machine, or why it is not there."""
    try:
        path = media.local_path(medium.uri, hash=medium.hash, size=medium.size)
        if path is None:
            return "It does not lie on this machine."
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(descriptor).st_size
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)
            return size
        finally:
            os.close(descriptor)
    except (HdstoreError, OSError) as error:
        return str(error)
