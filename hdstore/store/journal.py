"""The journal of changes to several refs: what is to be done is written down before the first ref moves.

A journal is one file, locked by its writer for as long as that lives. Found unlocked, its writer died, and
whoever finds it finishes the work. A file that is not whole was never begun and is dropped.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hdstore.codec.streams import decode_record, encode_record
from hdstore.errors import DamagedError, InvalidValueError
from hdstore.store import files
from hdstore.store.gitobjects import check_oid
from hdstore.store.refnames import check_ref_name

__all__ = ["Intent", "Journal", "RefUpdate"]

_log = logging.getLogger(__name__)

_FORMAT = 1
_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """A ref that is to move from ``old`` to ``new``; None means that it is absent."""

    name: str
    old: str | None
    new: str | None


@dataclass(slots=True)
class Intent:
    """A journal whose writer or finisher is this process; it is removed when ``done``."""

    name: str
    updates: tuple[RefUpdate, ...]
    done: bool = False


class Journal:
    """The journals of one repository."""

    def __init__(self, folder: Path, tmp: Path) -> None:
        self._folder = folder
        self._tmp = tmp

    @property
    def writable(self) -> bool:
        """Whether this process may finish what it finds here."""
        return os.access(self._folder, os.W_OK)

    def names(self) -> list[str]:
        """Returns the names of the journals that lie here, the oldest first."""
        try:
            with os.scandir(self._folder) as entries:
                found = [(entry.stat(follow_symlinks=False).st_mtime_ns, entry.name) for entry in entries]
        except FileNotFoundError:
            return []
        return [name for _, name in sorted(found)]

    def mentions(self, refs: Sequence[str]) -> bool:
        """Says whether a journal that lies here moves one of these refs."""
        for name in self.names():
            with suppress(DamagedError):
                if any(update.name in refs for update in self._read(name) or ()):
                    return True
        return False

    @contextmanager
    def write(self, updates: Sequence[RefUpdate]) -> Iterator[Intent]:
        """Yields once the intent is on the disk; keeps the journal unless it is ``done`` at the end."""
        record = encode_record([_FORMAT, [[update.name, update.old, update.new] for update in updates]])
        aside = files.new_name(self._tmp, "journal")
        path = self._folder / aside.name
        with files.storage_errors(f"write the journal {path}"):
            files.make_folders(self._folder)
            descriptor = files.open_new(aside)
        try:
            try:
                with files.storage_errors(f"write the journal {path}"):
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                    files.write_all(descriptor, record)
                    files.flush(descriptor, aside)
                    files.rename(aside, path)
                    files.flush_folder(self._folder)
            except BaseException:
                for place in (aside, path):
                    with suppress(OSError):
                        place.unlink()
                raise
            intent = Intent(path.name, tuple(updates))
            try:
                yield intent
            finally:
                if intent.done:
                    self._remove(path)
        finally:
            os.close(descriptor)

    @contextmanager
    def claim(self, name: str) -> Iterator[Intent | None]:
        """Yields a dead writer's intent, or None when it lives, is being finished elsewhere or is gone."""
        path = self._folder / name
        with files.storage_errors(f"read the journal {path}"):
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                yield None
                return
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
                return
            try:
                updates = self._read(name)
            except DamagedError as error:
                _log.warning("Dropped the journal %s, which was never begun: %s", path, error)
                self._remove(path)
                updates = None
            if updates is None:
                yield None
                return
            intent = Intent(name, updates)
            yield intent
            if intent.done:
                self._remove(path)
        finally:
            os.close(descriptor)

    def _remove(self, path: Path) -> None:
        with files.storage_errors(f"remove the journal {path}"):
            files.remove(path)
            # Were it to come back after a power cut, it would undo what was done to its refs since.
            files.flush_folder(self._folder)

    def _read(self, name: str) -> tuple[RefUpdate, ...] | None:
        data = files.read_file(self._folder / name, limit=_LIMIT)
        if data is None:
            return None
        match decode_record(data, limit=_LIMIT):
            case [int(number), list(rows)] if number == _FORMAT:
                return tuple(self._update(row) for row in rows)
            case _:
                raise DamagedError(f"The journal {name} is not of a format that this program knows.")

    @staticmethod
    def _update(row: object) -> RefUpdate:
        match row:
            case [str(name), str() | None as old, str() | None as new]:
                pass
            case _:
                raise DamagedError("A journal holds something else than a change of a ref.")
        try:
            check_ref_name(name)
            for oid in (old, new):
                if oid is not None:
                    check_oid(oid)
        except InvalidValueError as error:
            raise DamagedError(str(error)) from error
        return RefUpdate(name, old, new)
