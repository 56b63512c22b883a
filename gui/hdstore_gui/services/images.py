"""Pictures and thumbnails, decoded on two threads, newest request first; memory is bounded."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QImage, QPixmap

from hdstore.errors import HdstoreError, MediaError
from hdstore.ids import derive_id, new_id
from hdstore.model import Mask, Preview, Source
from hdstore_gui.services.pictures import Picture, read_mask, read_picture, read_thumbnail

__all__ = ["EDGE", "FETCHING", "Images", "Loaded", "picture_key"]

EDGE = 320
"""The longer side of a thumbnail on disk, in pixels."""

FETCHING = "Fetching…"
"""What stands in place of a thumbnail while its picture comes from a remote."""

THREADS = 2
THUMBNAIL_BYTES = 128 << 20
PICTURE_BYTES = 384 << 20

Medium: TypeAlias = Source | Mask | Preview

Explain: TypeAlias = Callable[[Medium], str]
"""Says why a medium is not here."""

Resolve: TypeAlias = Callable[[Medium], Path | None]
"""Returns where a medium lies on this machine, or None when it is not here."""


class _Elsewhere(MediaError):
    """A kept medium that is not here, but may be at a remote."""


class _Unfetched(MediaError):
    """A kept medium whose remote could not be asked, or sent what is damaged."""


Place: TypeAlias = Callable[[Medium], Path]
"""Returns where a medium lies, or raises MediaError saying why it is nowhere."""


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """A picture that is asked for; without a receiver it is a thumbnail."""

    source: Source
    done: Callable[[Loaded], None] | None = None
    failed: Callable[[Exception], None] = lambda error: None
    waiting: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A source ready to be shown: its picture and the values of its masks, by mask id."""

    picture: Picture
    masks: Mapping[str, NDArray[np.int64]]


def picture_key(source: Source) -> str:
    """Returns what a source's picture is kept under: its content, else its place."""
    return source.hash or source.uri


class Images(QObject):
    """Answers at once with what is there; what is not is decoded and announced."""

    ready = Signal(object)
    """A frozenset of the keys whose thumbnails came, or turned out to be impossible."""

    _arrived = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._resolve: Resolve = lambda medium: None
        self._fetch: Resolve | None = None
        self._explain: Explain = _not_here
        self._folder: Path | None = None
        self._ready: OrderedDict[str, QPixmap | str] = OrderedDict()
        self._bytes = 0
        self._pictures: OrderedDict[str, Loaded] = OrderedDict()
        self._wanted: list[Source] = []
        self._urgent: list[_Request] = []
        self._absent: list[_Request] = []
        """What is fetched one after another, the last first; fetching must not hold up what is here."""
        self._coming: set[str] = set()
        self._fetching = 0
        self._busy: set[str] = set()
        self._results: deque[Callable[[], str]] = deque()
        self._condition = threading.Condition()
        self._generation = 0
        self._closed = False
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._threads = [
            threading.Thread(target=self._serve, name=f"hdstore-image-{number}", daemon=True)
            for number in range(THREADS)
        ]
        self._threads.append(threading.Thread(target=self._serve_absent, name="hdstore-fetch", daemon=True))
        for thread in self._threads:
            thread.start()

    def use(
        self,
        resolve: Resolve,
        folder: Path | None,
        *,
        fetch: Resolve | None = None,
        explain: Explain | None = None,
    ) -> None:
        """Finds media with ``resolve`` from now on, and keeps thumbnails under ``folder``.

        ``fetch`` finds kept media that are not here, and may take long; ``explain`` says why one is not.
        """
        with self._condition:
            self._generation += 1
            for waiting in (self._wanted, self._urgent, self._absent, self._busy, self._coming):
                waiting.clear()
        self._resolve, self._folder = resolve, folder
        self._fetch, self._explain = fetch, explain or _not_here
        self._ready.clear()
        self._pictures.clear()
        self._bytes = 0

    def thumbnail(self, source: Source) -> QPixmap | str | None:
        """Returns a thumbnail, or words in its place, or None before it was read (see ``want``)."""
        key = picture_key(source)
        found = self._ready.get(key)
        if found is not None:
            self._ready.move_to_end(key)
        elif key in self._coming:
            return FETCHING
        return found

    def is_known(self, source: Source) -> bool:
        """Whether there is a thumbnail, or it is known that there can be none."""
        return picture_key(source) in self._ready

    def want(self, sources: list[Source]) -> None:
        """Asks for the thumbnails of what is on the screen; older requests not begun are dropped."""
        keys = {picture_key(source) for source in sources}
        with self._condition:
            for request in [one for one in self._absent if one.done is None]:
                key = picture_key(request.source)
                if key not in keys:
                    self._absent.remove(request)
                    self._busy.discard(key)
                    self._coming.discard(key)
            self._wanted = [
                source
                for source in reversed(sources)
                if picture_key(source) not in self._ready and picture_key(source) not in self._busy
            ]
            self._condition.notify_all()

    def load(
        self,
        source: Source,
        done: Callable[[Loaded], None],
        failed: Callable[[Exception], None],
        waiting: Callable[[], None] = lambda: None,
    ) -> None:
        """Reads a picture and its masks before any thumbnail; an older request not begun is dropped.

        ``waiting`` is called when it is not here and comes from a remote.
        """
        key = picture_key(source)
        if key in self._pictures:
            self._pictures.move_to_end(key)
            done(self._pictures[key])
            return
        with self._condition:
            self._urgent = [_Request(source, done, failed, waiting)]
            self._absent = [request for request in self._absent if request.done is None]
            self._condition.notify_all()

    def prefetch(self, source: Source) -> None:
        """Reads a picture that is likely to be asked for next, unless something else is waiting."""
        if picture_key(source) in self._pictures:
            return
        with self._condition:
            if not self._urgent:
                self._urgent = [_Request(source, lambda loaded: None)]
                self._condition.notify_all()

    def try_again(self) -> None:
        """Forgets what could not be read: a remote may have it now."""
        refused = frozenset(key for key, found in self._ready.items() if isinstance(found, str))
        for key in refused:
            self._bytes -= _weight(self._ready.pop(key))
        if refused:
            self.ready.emit(refused)

    @property
    def is_busy(self) -> bool:
        """Whether something is being decoded or waits for it."""
        with self._condition:
            return bool(
                self._wanted or self._urgent or self._absent or self._fetching or self._busy or self._results
            )

    def stop(self) -> None:
        """Begins nothing more; what is being fetched ends when its repository is closed."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def close(self) -> None:
        """Ends the threads."""
        self.stop()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        while True:
            with self._condition:
                while not (self._closed or self._urgent or self._wanted):
                    self._condition.wait()
                if self._closed:
                    return
                generation = self._generation
                request = self._urgent.pop() if self._urgent else _Request(self._wanted.pop())
                if request.done is None:
                    self._busy.add(picture_key(request.source))
            try:
                result = self._read(request, self._here)
            except _Elsewhere:
                result = self._put_off(request, generation)
            self._hand_over(result, generation)

    def _serve_absent(self) -> None:
        while True:
            with self._condition:
                while not (self._closed or self._absent):
                    self._condition.wait()
                if self._closed:
                    return
                generation = self._generation
                # Whoever looks at one picture waits for it; thumbnails come in between.
                urgent = next((one for one in self._absent if one.done is not None), None)
                request = urgent or self._absent[-1]
                self._absent.remove(request)
                self._fetching += 1
            result = self._read(request, self._fetched)
            with self._condition:
                self._fetching -= 1
            self._hand_over(result, generation)

    def _hand_over(self, result: Callable[[], str], generation: int) -> None:
        with self._condition:
            if generation != self._generation:
                return
            self._results.append(result)
        self._arrived.emit()

    def _put_off(self, request: _Request, generation: int) -> Callable[[], str]:
        """Lets a request wait for its picture to be fetched, and returns what tells so."""
        key = picture_key(request.source)
        with self._condition:
            if generation == self._generation:
                self._absent.append(request)
                if request.done is None:
                    self._coming.add(key)
                self._condition.notify_all()

        def tell() -> str:
            request.waiting()
            return key if request.done is None else ""

        return tell

    def _read(self, request: _Request, place: Place) -> Callable[[], str]:
        if request.done is None:
            return self._read_small(request.source, place)
        return self._read_whole(request.source, request.done, request.failed, place)

    def _read_whole(
        self,
        source: Source,
        done: Callable[[Loaded], None],
        failed: Callable[[Exception], None],
        place: Place,
    ) -> Callable[[], str]:
        try:
            picture = read_picture(place(_shown(source)))
            masks = {mask.id: read_mask(place(mask)) for mask in source.masks}
            loaded = Loaded(picture, masks)
        except _Elsewhere:
            raise
        except HdstoreError as problem:
            error = problem

            def refuse() -> str:
                failed(error)
                return ""

            return refuse

        def deliver() -> str:
            self._pictures[picture_key(source)] = loaded
            self._trim()
            done(loaded)
            return ""

        return deliver

    def _trim(self) -> None:
        size = sum(loaded.picture.bytes for loaded in self._pictures.values())
        while len(self._pictures) > 1 and size > PICTURE_BYTES:
            size -= self._pictures.popitem(last=False)[1].picture.bytes

    def _read_small(self, source: Source, place: Place) -> Callable[[], str]:
        key = picture_key(source)
        result: QImage | str
        try:
            result = self._small(source, place)
        except _Elsewhere:
            raise
        except _Unfetched:
            result = "Could not be fetched; open the frame to see why."
        except HdstoreError as error:
            result = str(error)
        except OSError as error:
            result = f"The thumbnail can not be kept: {error.strerror}."

        def deliver() -> str:
            with self._condition:
                self._busy.discard(key)
                self._coming.discard(key)
            self._keep(key, QPixmap.fromImage(result) if isinstance(result, QImage) else result)
            return key

        return deliver

    def _small(self, source: Source, place: Place) -> QImage:
        """Reads a thumbnail from disk, or makes it and puts it there."""
        path = None if source.hash else place(_shown(source))
        name = source.hash if path is None else _place_key(source.uri, path)
        kept = self._folder / name[:2] / f"{name}.{EDGE}" if self._folder is not None else None
        if kept is not None and kept.exists():
            # Known by its content: the picture itself may be at a remote, and need not come.
            image = QImage(str(kept))
            if not image.isNull():
                return image
        image = read_thumbnail(path or place(_shown(source)), EDGE)
        if kept is not None:
            _store(image, kept)
        return image

    def _here(self, medium: Medium) -> Path:
        """Returns where a medium lies; raises _Elsewhere for one that is to be fetched."""
        path = self._resolve(medium)
        if path is not None:
            return path
        if self._fetch is not None and medium.uri.startswith("media:"):
            raise _Elsewhere(f"The medium {medium.uri!r} is not here yet.")
        raise MediaError(self._explain(medium))

    def _fetched(self, medium: Medium) -> Path:
        """Returns where a medium lies after it was fetched, if need be."""
        fetch = self._fetch or self._resolve
        try:
            path = fetch(medium)
        except MediaError as error:
            raise _Unfetched(str(error)) from error
        if path is None:
            raise MediaError(self._explain(medium))
        return path

    def _keep(self, key: str, value: QPixmap | str) -> None:
        self._ready[key] = value
        self._bytes += _weight(value)
        while self._bytes > THUMBNAIL_BYTES and len(self._ready) > 1:
            _, dropped = self._ready.popitem(last=False)
            self._bytes -= _weight(dropped)

    def _deliver(self) -> None:
        keys = set()
        while self._results:
            keys.add(self._results.popleft()())
        keys.discard("")
        if keys:
            self.ready.emit(frozenset(keys))


def _not_here(medium: Medium) -> str:
    return f"The medium {medium.uri!r} is not on this machine."


def _shown(source: Source) -> Source | Preview:
    """Returns the preview of what is not a picture itself, else the source."""
    is_picture = not source.content_type or source.content_type.startswith("image/")
    return source if is_picture or source.preview is None else source.preview


def _weight(value: QPixmap | str) -> int:
    return len(value) if isinstance(value, str) else value.width() * value.height() * 4


def _place_key(uri: str, path: Path) -> str:
    """Returns a key for a file whose content is not known: another one as soon as the file changes."""
    try:
        status = path.stat()
    except OSError as error:
        raise MediaError(f"The file {path.name!r} is not there any more.") from error
    return derive_id(uri, status.st_size, status.st_mtime_ns)


def _store(image: QImage, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{new_id()}")
    kind = "PNG" if image.hasAlphaChannel() else "JPG"
    if image.save(str(aside), kind, 88):  # type: ignore[call-overload]
        os.replace(aside, path)
