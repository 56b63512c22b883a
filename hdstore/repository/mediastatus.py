"""Which media of versions are on this machine, which at a remote, which nowhere; and whether kept ones are whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

from hdstore.codec import decode_leaf
from hdstore.errors import HdstoreError
from hdstore.ids import frame_key
from hdstore.media import is_hash
from hdstore.model import Frame, Mask, Preview, Progress, Source
from hdstore.repository.core import Core
from hdstore.repository.mediating import open_place, state_of, tips
from hdstore.sync import Remotes
from hdstore.version import KEPT, VersionState

__all__ = ["LinkedStatus", "MediaStatus", "media_status", "verify_media"]

_EXAMPLES = 10
_THREADS = 4
_AHEAD = 16

Medium = Source | Mask | Preview


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedStatus:
    """Linked media of one kind: of a root (``root:NAME``), or of a scheme (``file:``, ``https:``, ...).

    ``missing`` gives some of the URIs that were not found, with why. Media of servers and buckets are not looked for:
    they are neither present nor absent.
    """

    place: str
    present: int = 0
    absent: int = 0
    elsewhere: int = 0
    missing: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaStatus:
    """Where the media of versions are; each medium is counted once.

    ``kept`` are in this repository. ``fetchable`` are not, but at a remote; ``remotes`` says how many of them each one
    has. ``nowhere`` are neither here nor at any remote that could be asked: ``examples`` names some, each with a frame
    that has it. ``unreachable`` says why a remote could not be asked.
    """

    kept: int = 0
    kept_bytes: int = 0
    fetchable: int = 0
    remotes: dict[str, int] = field(default_factory=dict)
    nowhere: int = 0
    examples: dict[str, str] = field(default_factory=dict)
    unreachable: dict[str, str] = field(default_factory=dict)
    linked: tuple[LinkedStatus, ...] = ()


def media_status(core: Core, version: str | None = None, *, progress: Progress | None = None) -> MediaStatus:
    """Returns where the media of a version (``DATASET/VERSION``) are, or of all versions as they stand now.

    All remotes are asked, those that can not be reached are told.
    """
    states = [state_of(core, version)] if version else [VersionState(core.objects, tip) for tip in tips(core)]
    survey = _Survey(core, progress)
    for frame in _frames(core, states):
        survey.add(frame)
    return survey.finish()


def _frames(core: Core, states: list[VersionState]) -> Iterator[Frame]:
    seen: set[str] = set()
    for state in states:
        for oid in state.trie.new_leaves(seen):
            yield from decode_leaf(core.objects.read(oid, "blob"))


class _Survey:
    """Gathers the answer frame by frame."""

    def __init__(self, core: Core, progress: Progress | None) -> None:
        self._core = core
        self._progress = progress
        self._seen: set[bytes] = set()
        self._kept = 0
        self._bytes = 0
        self._lacking: dict[str, str] = {}
        self._linked: dict[str, _Linked] = {}

    def add(self, frame: Frame) -> None:
        for source in frame.sources:
            previews = () if source.preview is None else (source.preview,)
            for medium in (source, *source.masks, *previews):
                # Half a digest tells URIs apart well enough, and a million of whole URIs would be large.
                key = frame_key(medium.uri)[:16]
                if medium.uri and key not in self._seen:
                    self._seen.add(key)
                    self._look(frame, medium)
                    if self._progress is not None and len(self._seen) % 1000 == 0:
                        self._progress("Looking for media", len(self._seen), None)

    def _look(self, frame: Frame, medium: Medium) -> None:
        if not medium.uri.startswith(KEPT):
            place = _place_of(medium.uri)
            self._linked.setdefault(place, _Linked()).add(self._core, medium)
            return
        hash = medium.uri.removeprefix(KEPT)
        try:
            size = self._core.media.size_of(hash)
        except HdstoreError:
            size = None
        if size is None:
            self._lacking[hash] = frame.id
        else:
            self._kept += 1
            self._bytes += size

    def finish(self) -> MediaStatus:
        remotes: dict[str, int] = {}
        unreachable: dict[str, str] = {}
        lost = {hash for hash in self._lacking if is_hash(hash)}
        odd = len(self._lacking) - len(lost)
        asked = sorted(lost)
        for name in Remotes(self._core.layout, self._core.refs).list() if asked else ():
            try:
                place = open_place(self._core, name)
                if place is not None:
                    with closing(place):
                        missing = place.missing(asked)
                    remotes[name] = len(asked) - len(missing)
                    lost.intersection_update(missing)
            except HdstoreError as error:
                unreachable[name] = str(error)
        return MediaStatus(
            kept=self._kept,
            kept_bytes=self._bytes,
            fetchable=len(asked) - len(lost),
            remotes=remotes,
            nowhere=len(lost) + odd,
            examples={hash: self._lacking[hash] for hash in sorted(lost)[:_EXAMPLES]},
            unreachable=unreachable,
            linked=tuple(linked.status(place) for place, linked in sorted(self._linked.items())),
        )


class _Linked:
    def __init__(self) -> None:
        self._present = self._absent = self._elsewhere = 0
        self._missing: dict[str, str] = {}

    def add(self, core: Core, medium: Medium) -> None:
        scheme = medium.uri.partition(":")[0]
        if scheme not in ("root", "file"):
            self._elsewhere += 1
            return
        reason = _why_missing(core, medium)
        if reason is None:
            self._present += 1
            return
        self._absent += 1
        if len(self._missing) < _EXAMPLES:
            self._missing[medium.uri] = reason

    def status(self, place: str) -> LinkedStatus:
        return LinkedStatus(
            place=place,
            present=self._present,
            absent=self._absent,
            elsewhere=self._elsewhere,
            missing=self._missing,
        )


def _why_missing(core: Core, medium: Medium) -> str | None:
    """Returns why a linked file is not there; None where it is."""
    try:
        path = core.media.local_path(medium.uri, hash=medium.hash, size=medium.size, fetch=False)
    except HdstoreError as error:
        return str(error)
    if path is not None:
        return None
    scheme, _, rest = medium.uri.partition(":")
    root = rest.partition("/")[0]
    if scheme == "root" and root not in core.roots.list():
        return f"This machine has no root {root!r}; add it with 'hdstore root add {root} FOLDER'."
    return "There is no such file."


def _place_of(uri: str) -> str:
    scheme, colon, rest = uri.partition(":")
    return f"root:{rest.partition('/')[0]}" if scheme == "root" else f"{scheme}{colon}"


def verify_media(core: Core, *, progress: Progress | None = None) -> list[str]:
    """Returns the hashes of kept media whose bytes are not what their hash says, in order; reads all of them."""
    damaged = []
    waiting: deque[tuple[str, Future[bool]]] = deque()
    done = 0
    with ThreadPoolExecutor(_THREADS, "hdstore-verify") as pool:
        try:
            for hash in core.media.hashes():
                waiting.append((hash, pool.submit(core.media.verify, hash)))
                if len(waiting) > _AHEAD:
                    damaged += _settled(waiting)
                    done += 1
                    if progress is not None:
                        progress("Verifying media", done, None)
            while waiting:
                damaged += _settled(waiting)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return damaged


def _settled(waiting: deque[tuple[str, Future[bool]]]) -> list[str]:
    hash, job = waiting.popleft()
    return [] if job.result() or not hash else [hash]
