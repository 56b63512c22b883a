"""The facts of files seen before, so that importing an unchanged folder again reads no file.

A SQLite file under ``hdstore/index``: derived, shared between processes, made anew when it is damaged. It is
not synced to the disk, so each row carries a seal: after a power cut a torn row is a miss, not a wrong hash.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar
from zlib import crc32

from hdstore.media.facts import Facts, Stamp
from hdstore.media.probe import MediaInfo

__all__ = ["FileCache"]

_log = logging.getLogger(__name__)

_TABLE = "files_2"
"""The number goes up when the columns change or a probe tells more; older tables are then not read."""

_BATCH = 256
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_REFUSED = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)

_Row = tuple[bytes, str, str, str]
_T = TypeVar("_T")


class FileCache:
    """Facts by path and stamp; safe to share between threads and processes.

    It never fails: where its file can not be used, nothing is remembered and files are read again.
    """

    def __init__(self, path: Path) -> None:
        self._rows = _Rows(path)
        self._lock = threading.Lock()
        self._pending: dict[str, tuple[Stamp, Facts]] = {}

    def find(self, path: Path | str, stamp: Stamp) -> Facts | None:
        """Returns what was remembered of a file if its stamp is still the same."""
        return self.find_all([(os.fspath(path), stamp)]).get(os.fspath(path))

    def find_all(self, files: Sequence[tuple[str, Stamp]]) -> dict[str, Facts]:
        """Returns what was remembered of those files whose stamps are still the same; far quicker than one by one."""
        found: dict[str, Facts] = {}
        asked: dict[bytes, tuple[str, Stamp]] = {}
        with self._lock:
            for path, stamp in files:
                pending = self._pending.get(path)
                if pending is None:
                    asked[os.fsencode(path)] = path, stamp
                elif pending[0] == stamp:
                    found[path] = pending[1]
            rows = self._rows.find(list(asked)) if asked else ()
        for row in rows:
            path, stamp = asked[row[0]]
            if row[1] == _text(stamp) and row[3] == _seal(*row[:3]):
                hash, content_type, width, height, warning = row[2].split("\n", 4)
                info = MediaInfo(
                    content_type=content_type,
                    size=stamp.size,
                    width=int(width) if width else None,
                    height=int(height) if height else None,
                    warning=warning,
                )
                found[path] = Facts(hash, info)
        return found

    def remember(self, path: Path | str, stamp: Stamp, facts: Facts) -> None:
        """Remembers what was found in a file, unless it was written so lately that changes might not show."""
        if not stamp.is_settled:
            return
        with self._lock:
            self._pending[os.fspath(path)] = stamp, facts
            if len(self._pending) >= _BATCH:
                self._flush()

    def close(self) -> None:
        """Writes what was gathered and closes the file; the next use opens it again."""
        with self._lock:
            self._flush()
            self._rows.close()

    def _flush(self) -> None:
        if self._pending:
            self._rows.write([_row(path, *known) for path, known in self._pending.items()])
            self._pending.clear()


def _text(stamp: Stamp) -> str:
    # As text: an inode of a network drive may not fit SQLite's signed 64 bits.
    return f"{stamp.size} {stamp.mtime_ns} {stamp.inode}"


def _row(path: str, stamp: Stamp, facts: Facts) -> _Row:
    info = facts.info
    key, text = os.fsencode(path), _text(stamp)
    size = f"{'' if info.width is None else info.width}\n{'' if info.height is None else info.height}"
    found = f"{facts.hash}\n{info.content_type}\n{size}\n{info.warning}"
    return key, text, found, _seal(key, text, found)


def _seal(key: bytes, stamp: str, facts: str) -> str:
    # No path holds a NUL, and no stamp: the parts can not run into one another.
    text = f"\0{stamp}\0{facts}"
    return f"{crc32(key + text.encode()):08x}"


class _Rows:
    """The table on the disk; not safe to share between threads by itself."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        self._inherited: list[sqlite3.Connection] = []
        self._is_refused = False
        self._is_empty = False

    def find(self, keys: Sequence[bytes]) -> list[_Row]:
        def select(connection: sqlite3.Connection) -> list[_Row]:
            rows: list[_Row] = []
            if self._is_empty:
                return rows
            for begin in range(0, len(keys), _BATCH):
                some = keys[begin : begin + _BATCH]
                marks = ",".join("?" * len(some))
                text = f"select path, stamp, facts, seal from {_TABLE} where path in ({marks})"
                rows += connection.execute(text, some).fetchall()
            return rows

        return self._attempt(select) or []

    def write(self, rows: Collection[_Row]) -> None:
        def insert(connection: sqlite3.Connection) -> None:
            self._is_empty = False
            with connection:
                connection.execute("begin immediate")
                connection.executemany(f"insert or replace into {_TABLE} values (?, ?, ?, ?)", rows)

        self._attempt(insert)

    def close(self) -> None:
        if self._connection is not None and self._process == os.getpid():
            self._connection.close()
            self._connection = None

    def _connect(self) -> sqlite3.Connection:
        if self._connection is not None and self._process != os.getpid():
            # A forked child must not use its parent's connection, nor close it: it is kept aside.
            self._inherited.append(self._connection)
            self._connection = None
        if self._connection is None:
            # Without its parent the repository is gone, and is not made again by a cache.
            self._path.parent.mkdir(exist_ok=True)
            self._connection = sqlite3.connect(
                self._path, timeout=5.0, isolation_level=None, check_same_thread=False
            )
            self._process = os.getpid()
            self._connection.execute("pragma synchronous = off")
            self._connection.execute(
                f"create table if not exists {_TABLE}"
                " (path blob primary key, stamp text, facts text, seal text) without rowid"
            )
            # A first import asks for each of a million files.
            self._is_empty = self._connection.execute(f"select 1 from {_TABLE} limit 1").fetchone() is None
        return self._connection

    def _attempt(self, work: Callable[[sqlite3.Connection], _T]) -> _T | None:
        """Returns what ``work`` does, once more on a new file if this one is damaged; None if it can not."""
        while not self._is_refused:
            try:
                return work(self._connect())
            except (sqlite3.Error, OSError) as error:
                # The low byte is the kind, the others its details.
                code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR) & 0xFF
                if code in _BUSY:
                    _log.info("%s is busy; unchanged files may be read again", self._path)
                    return None
                self.close()
                self._is_refused = code in _REFUSED or not self._remove()
                _log.info("%s can not be used: %s", self._path, error)
        return None

    def _remove(self) -> bool:
        """Removes a damaged file, its journal first: SQLite would apply that to the next file of the name."""
        try:
            self._path.with_name(f"{self._path.name}-journal").unlink(missing_ok=True)
            self._path.unlink(missing_ok=True)
        except OSError:
            return False
        return True
