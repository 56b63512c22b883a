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

__all__ = ["EDGE", "Images", "Loaded", "picture_key"]

EDGE = 320
"""The longer side of a thumbnail on disk, in pixels."""

THREADS = 2
THUMBNAIL_BYTES = 128 << 20
PICTURE_BYTES = 384 << 20

Medium: TypeAlias = Source | Mask | Preview

Resolve: TypeAlias = Callable[[Medium], Path | None]
"""Returns where a medium lies on this machine, or None when it is not here."""


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
        self._folder: Path | None = None
        self._ready: OrderedDict[str, QPixmap | str] = OrderedDict()
        self._bytes = 0
        self._pictures: OrderedDict[str, Loaded] = OrderedDict()
        self._wanted: list[Source] = []
        self._urgent: list[tuple[Source, Callable[[Loaded], None], Callable[[Exception], None]]] = []
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
        for thread in self._threads:
            thread.start()

    def use(self, resolve: Resolve, folder: Path | None) -> None:
        """Finds media with ``resolve`` from now on, and keeps thumbnails under ``folder``."""
        with self._condition:
            self._generation += 1
            self._wanted.clear()
            self._urgent.clear()
            self._busy.clear()
        self._resolve, self._folder = resolve, folder
        self._ready.clear()
        self._pictures.clear()
        self._bytes = 0

    def thumbnail(self, source: Source) -> QPixmap | str | None:
        """Returns a thumbnail, or why there can be none, or None before it was read (see ``want``)."""
        found = self._ready.get(picture_key(source))
        if found is not None:
            self._ready.move_to_end(picture_key(source))
        return found

    def want(self, sources: list[Source]) -> None:
        """Asks for the thumbnails of what is on the screen; older requests not begun are dropped."""
        with self._condition:
            self._wanted = [
                source
                for source in reversed(sources)
                if picture_key(source) not in self._ready and picture_key(source) not in self._busy
            ]
            self._condition.notify_all()

    def load(
        self, source: Source, done: Callable[[Loaded], None], failed: Callable[[Exception], None]
    ) -> None:
        """Reads a picture and its masks before any thumbnail; an older request not begun is dropped."""
        key = picture_key(source)
        if key in self._pictures:
            self._pictures.move_to_end(key)
            done(self._pictures[key])
            return
        with self._condition:
            self._urgent = [(source, done, failed)]
            self._condition.notify()

    def prefetch(self, source: Source) -> None:
        """Reads a picture that is likely to be asked for next, unless something else is waiting."""
        if picture_key(source) in self._pictures:
            return
        with self._condition:
            if not self._urgent:
                self._urgent = [(source, lambda loaded: None, lambda error: None)]
                self._condition.notify()

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
            return bool(self._wanted or self._urgent or self._busy or self._results)

    def close(self) -> None:
        """Ends the threads."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
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
                urgent = self._urgent.pop() if self._urgent else None
                source = urgent[0] if urgent is not None else self._wanted.pop()
                key = picture_key(source)
                if urgent is None:
                    self._busy.add(key)
            if urgent is not None:
                result = self._read_whole(*urgent)
            else:
                result = self._read_small(source)
            with self._condition:
                if generation != self._generation:
                    continue
                self._results.append(result)
            self._arrived.emit()

    def _read_whole(
        self, source: Source, done: Callable[[Loaded], None], failed: Callable[[Exception], None]
    ) -> Callable[[], str]:
        try:
            picture = read_picture(self._place(_shown(source)))
            masks = {mask.id: read_mask(self._place(mask)) for mask in source.masks}
            loaded = Loaded(picture, masks)
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

    def _read_small(self, source: Source) -> Callable[[], str]:
        key = picture_key(source)
        result: QImage | str
        try:
            result = self._small(source)
        except HdstoreError as error:
            result = str(error)
        except OSError as error:
            result = f"The thumbnail can not be kept: {error.strerror}."

        def deliver() -> str:
            with self._condition:
                self._busy.discard(key)
            self._keep(key, QPixmap.fromImage(result) if isinstance(result, QImage) else result)
            return key

        return deliver

    def _small(self, source: Source) -> QImage:
        """Reads a thumbnail from disk, or makes it and puts it there."""
        path = None if source.hash else self._place(_shown(source))
        name = source.hash if path is None else _place_key(source.uri, path)
        kept = self._folder / name[:2] / f"{name}.{EDGE}" if self._folder is not None else None
        if kept is not None and kept.exists():
            # Known by its content: the picture itself may be at a remote, and need not come.
            image = QImage(str(kept))
            if not image.isNull():
                return image
        image = read_thumbnail(path or self._place(_shown(source)), EDGE)
        if kept is not None:
            _store(image, kept)
        return image

    def _place(self, medium: Medium) -> Path:
        path = self._resolve(medium)
        if path is None:
            raise MediaError(f"The medium {medium.uri!r} is not on this machine.")
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
