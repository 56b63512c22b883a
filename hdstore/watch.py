"""Tells when refs of a repository move, whoever moves them; the only module that imports watchdog.

The operating system's events only say *when* to look. *What* moved comes from reading all refs again and
comparing, so there are no false alarms, and an event that gets lost (network drives lose them) is made good
by a slow poll.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from hdstore.errors import NotFoundError, StorageError

__all__ = ["Watcher", "watch_refs"]

_log = logging.getLogger(__name__)

DEBOUNCE = 0.05
"""Seconds from the first event to the look: a snapshot moves three refs, which shall be one call."""

POLL = 2.0
"""Seconds after which refs are read again without any event."""

# Opening and reading are events too: without this list each look would cause the next.
_EVENTS: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]
_MAX_REF = 1024
"""How many bytes of a loose ref are read: an id or the name of another ref fits."""


def watch_refs(
    hds: Path,
    on_change: Callable[[frozenset[str]], None],
    *,
    debounce: float = DEBOUNCE,
    poll: float = POLL,
) -> Watcher:
    """Calls ``on_change`` with the full names of refs that appeared, moved or vanished, until it is stopped.

    Every change made after this function returned is told, in one call for all that move within ``debounce``
    seconds. Calls come one at a time, from a thread of the watcher.

    Raises:
        NotFoundError: there is no repository in ``hds``.
        StorageError: its refs can not be read.
    """
    if not (hds / "refs").is_dir():
        raise NotFoundError(f"{hds} holds no refs that could be watched; it is no repository.")
    return Watcher(hds, on_change, debounce=debounce, poll=poll)


class Watcher:
    """A running watch; ``stop`` or leaving the context ends it."""

    def __init__(
        self,
        hds: Path,
        on_change: Callable[[frozenset[str]], None],
        *,
        debounce: float,
        poll: float,
    ) -> None:
        self._hds = hds
        self._on_change = on_change
        self._debounce = debounce
        self._poll = poll
        self._stopping = threading.Event()
        self._alarm = threading.Event()
        self._observer = Observer()
        self._observe()
        try:
            # After the observer has begun: what moves while this reads raises an alarm.
            self._refs = _read_refs(hds)
        except OSError as error:
            self._end_observer()
            raise StorageError(f"The refs in {hds} can not be read: {error.strerror}.") from error
        self._thread = threading.Thread(target=self._run, name="hdstore-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the watch and waits for its threads; calling it again does nothing.

        From within ``on_change`` it does not wait for the thread that it runs in.
        """
        self._stopping.set()
        self._alarm.set()
        self._end_observer()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self) -> Watcher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _observe(self) -> None:
        handler = _Handler(self._alarm)
        try:
            # Not all of refs: an exchange makes and removes folders under refs/hdstore faster than a recursive watch
            # can follow, and what moves there alone is of no haste.
            for name in ("heads", "tags"):
                place = self._hds / "refs" / name
                if place.is_dir():
                    self._observer.schedule(handler, str(place), recursive=True, event_filter=_EVENTS)
            self._observer.schedule(handler, str(self._hds / "refs"), recursive=False, event_filter=_EVENTS)
            self._observer.schedule(handler, str(self._hds), recursive=False, event_filter=_EVENTS)
            self._observer.start()
        except OSError as error:
            # The system's number of watches is used up, or this file system has none.
            self._observer.unschedule_all()
            _log.info("%s is watched by reading it every %s s: %s", self._hds, self._poll, error)

    def _end_observer(self) -> None:
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if self._alarm.wait(self._poll):
                self._stopping.wait(self._debounce)
            # Cleared before reading: what moves from here on raises the next alarm.
            self._alarm.clear()
            if not self._stopping.is_set():
                self._look()

    def _look(self) -> None:
        try:
            refs = _read_refs(self._hds)
        except OSError as error:
            _log.info("The refs in %s can not be read just now: %s", self._hds, error)
            return
        before, self._refs = self._refs, refs
        changed = frozenset(
            name for name in before.keys() | refs.keys() if before.get(name) != refs.get(name)
        )
        if changed:
            try:
                self._on_change(changed)
            except Exception:
                # One listener's fault must not end the watch for good.
                _log.exception("A listener to moved refs failed")


class _Handler(FileSystemEventHandler):
    """Raises the alarm for anything that may be a ref."""

    def __init__(self, alarm: threading.Event) -> None:
        self._alarm = alarm

    def on_any_event(self, event: FileSystemEvent) -> None:
        for path in (event.src_path, event.dest_path):
            name = os.fsdecode(path)
            if name and not name.endswith(".lock"):
                self._alarm.set()


def _read_refs(hds: Path) -> dict[str, bytes]:
    """Returns what every ref says, by its full name.

    Loose refs are read first: git writes packed-refs before it removes the loose files, so none is missed.
    """
    loose: dict[str, bytes] = {}
    _read_loose(str(hds / "refs"), "refs", loose)
    return _read_packed(hds / "packed-refs") | loose


def _read_loose(folder: str, prefix: str, refs: dict[str, bytes]) -> None:
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except (FileNotFoundError, NotADirectoryError):
        # git removes folders that became empty, and may give their name to a ref.
        return
    for entry in found:
        name = f"{prefix}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            _read_loose(entry.path, name, refs)
        elif entry.is_file(follow_symlinks=False) and not name.endswith(".lock"):
            try:
                with open(entry.path, "rb") as file:
                    refs[name] = file.read(_MAX_REF).strip()
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                # Deleted or packed since the folder was listed; packed-refs is read afterwards.
                continue


def _read_packed(path: Path) -> dict[str, bytes]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    refs = {}
    for line in lines:
        value, blank, name = line.partition(b" ")
        # Heading lines begin with "#"; lines with "^" tell what the tag above points to.
        if blank and not line.startswith((b"#", b"^")):
            refs[os.fsdecode(name)] = value
    return refs
