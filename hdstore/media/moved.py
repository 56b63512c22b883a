"""Files that were moved or renamed under a root, found again by their size and then their hash."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

from hdstore.errors import MediaError
from hdstore.media.facts import Facts, examine, stamp_of
from hdstore.media.filecache import FileCache
from hdstore.media.paths import is_inside, real

__all__ = ["MovedFiles"]

_SKIPPED = frozenset({".git", ".hds"})
"""Folders that hold a repository's own files."""


class MovedFiles:
    """Looks for content under a place, which is listed once, on the first miss; no link is followed.

    Safe to share between threads. What is moved after the listing is found by the next process.
    """

    def __init__(self, cache: FileCache) -> None:
        self._cache = cache
        self._lock = threading.Lock()
        self._listings: dict[Path, dict[int, list[str]]] = {}
        self._found: dict[tuple[Path, str], Path] = {}

    def find(self, place: Path, *, hash: str, size: int) -> Path | None:
        """Returns a file of this content under ``place``, or None."""
        place = real(place)
        known = self._found.get((place, hash))
        if known is not None and self._is_content(known, place, hash, size):
            return known
        for name in self._listing(place).get(size, ()):
            path = Path(name)
            if self._is_content(path, place, hash, size):
                self._found[place, hash] = path
                return path
        return None

    def _is_content(self, path: Path, place: Path, hash: str, size: int) -> bool:
        try:
            if stamp_of(path).size != size or not is_inside(real(path), place):
                return False
            return self._facts(path).hash == hash
        except MediaError:
            # Gone or not readable: then it is not the file that is looked for.
            return False

    def _facts(self, path: Path) -> Facts:
        known = self._cache.find(path, stamp_of(path))
        if known is not None:
            return known
        stamp, facts = examine(path)
        self._cache.remember(path, stamp, facts)
        return facts

    def _listing(self, place: Path) -> dict[int, list[str]]:
        with self._lock:
            if place not in self._listings:
                self._listings[place] = _list_by_size(place)
            return self._listings[place]


def _list_by_size(place: Path) -> dict[int, list[str]]:
    by_size: dict[int, list[str]] = {}
    for folder, folders, names in os.walk(place):
        folders[:] = sorted(set(folders) - _SKIPPED)
        for name in sorted(names):
            path = os.path.join(folder, name)
            try:
                status = os.lstat(path)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                by_size.setdefault(status.st_size, []).append(path)
    return by_size
