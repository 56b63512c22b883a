"""Fetching a kept medium from a remote when it is first used."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from hdstore.errors import CancelledError, HdstoreError, MediaError, StorageError
from hdstore.media import is_hash
from hdstore.model import Progress
from hdstore.repository.mediating import open_place
from hdstore.sync import Remotes
from hdstore.version import KEPT

if TYPE_CHECKING:
    from hdstore.repository.core import Core
    from hdstore.sync.mediaplace import MediaPlace

__all__ = ["FirstUse"]

_log = logging.getLogger(__name__)

_REFUSED = 300.0
"""Seconds for which a remote that could not be reached, or has not got a medium, is not asked again."""

_IDLE = 60.0
"""Seconds after which a connection that nobody used is ended."""

_REMEMBERED = 100_000


class FirstUse:
    """Fetches single media from the remotes of a repository, "origin" first; safe to share between threads.

    Only remotes that somebody at this machine has pushed to or pulled from are asked. One connection to each stays open
    for a minute.
    """

    def __init__(self, core: Core, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._core = core
        self._clock = clock
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._remotes: dict[str, _Remote] | None = None

    def __call__(self, hash: str) -> bool:
        """Says whether the medium is here now; raises MediaError when a remote that may have it can not be asked."""
        if self._process != os.getpid():
            # A forked child must not talk on its parent's connections, nor wait for its threads.
            self._begin()
        failures = []
        for remote in self._known():
            try:
                if remote.fetch(hash):
                    return True
            except HdstoreError as error:
                failures.append(f"{remote.name}: {error}")
        if failures:
            raise MediaError(f"The medium {hash} is not here and could not be fetched. {' '.join(failures)}")
        return False

    def fetch_all(self, uris: Iterable[str], *, progress: Progress | None = None) -> None:
        """Fetches the kept media among URIs that are not here, many at once, from whichever remote has them.

        What can not be fetched is told when it is used.
        """
        if self._process != os.getpid():
            self._begin()
        kept = (uri.removeprefix(KEPT) for uri in uris if uri.startswith(KEPT))
        wanted = [hash for hash in kept if is_hash(hash) and not self._core.media.has(hash)]
        for remote in self._known():
            if wanted:
                wanted = remote.fetch_all(wanted, progress)

    def close(self) -> None:
        """Ends the connections, also of what is just being fetched; the next medium opens them again."""
        if self._process == os.getpid():
            with self._lock:
                remotes, self._remotes = self._remotes or {}, None
            for remote in remotes.values():
                remote.stop()
            for remote in remotes.values():
                remote.close()

    def _known(self) -> list[_Remote]:
        """Returns the remotes that may be asked, as they are configured now."""
        noted = self._core.roots.noted_remotes()
        with self._lock:
            if not noted and not self._remotes:
                return []
            urls = Remotes(self._core.layout, self._core.refs).list()
            held = self._remotes or {}
            self._remotes = {
                name: held.get(name) or _Remote(self._core, name, self._clock)
                for name in sorted(urls, key=lambda name: (name != "origin", name))
                if urls[name] in noted
            }
            return list(self._remotes.values())


class _Remote:
    """One remote, asked for one medium at a time."""

    def __init__(self, core: Core, name: str, clock: Callable[[], float]) -> None:
        self.name = name
        self._core = core
        self._clock = clock
        self._lock = threading.Lock()
        self._place: MediaPlace | None = None
        self._timer: threading.Timer | None = None
        self._failed: tuple[float, HdstoreError] | None = None
        self._absent: dict[str, float] = {}
        self._stopped = False

    def fetch(self, hash: str) -> bool:
        """Says whether the medium is here now; what failed a short while ago fails again at once."""
        with self._lock:
            if self._core.media.has(hash):
                return True
            now = self._clock()
            if self._failed is not None and now - self._failed[0] < _REFUSED:
                raise self._failed[1]
            if now - self._absent.get(hash, -_REFUSED) < _REFUSED:
                return False
            try:
                return self._ask(hash, now)
            except MediaError:
                raise  # this one is damaged there; others may be well
            except HdstoreError as error:
                _log.warning("The remote %s could not be asked for a medium: %s", self.name, error)
                self._failed = now, error
                self._end()
                raise

    def fetch_all(self, hashes: list[str], progress: Progress | None) -> list[str]:
        """Fetches media, and returns those that are still not here."""
        with self._lock:
            now = self._clock()
            if self._failed is None or now - self._failed[0] >= _REFUSED:
                try:
                    place = self._connected()
                    if place is not None:
                        place.fetch(self._core.media, hashes, progress=progress)
                        self._wait_idle()
                except MediaError as error:
                    _log.warning("Of the media of remote %s not all could be fetched: %s", self.name, error)
                    self._end()
                except (CancelledError, StorageError):
                    self._end()
                    raise
                except HdstoreError as error:
                    self._failed = now, error
                    self._end()
        return [hash for hash in hashes if not self._core.media.has(hash)]

    def _connected(self) -> MediaPlace | None:
        if self._place is None:
            self._place = open_place(self._core, self.name)
        return self._place

    def stop(self) -> None:
        """Ends what is being fetched at its next step."""
        self._stopped = True

    def _go_on(self, what: str, done: int, total: int | None) -> None:
        if self._stopped:
            raise CancelledError("The repository was closed while a medium was fetched.")

    def _ask(self, hash: str, now: float) -> bool:
        place = self._connected()
        if place is None:
            return False
        fetched = place.fetch(self._core.media, [hash], progress=self._go_on)
        self._wait_idle()
        if fetched.missing:
            if len(self._absent) >= _REMEMBERED:
                self._absent.clear()
            self._absent[hash] = now
        return self._core.media.has(hash)

    def _wait_idle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(_IDLE, self.close)
        self._timer.daemon = True
        self._timer.start()

    def close(self) -> None:
        """Ends the connection."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        place, self._place = self._place, None
        if place is not None:
            with suppress(HdstoreError):
                place.close()
