"""Brings the news that refs moved from the watcher's thread to the GUI thread."""

from __future__ import annotations

import threading
from typing import Protocol

from PySide6.QtCore import QObject, Qt, Signal

from hdstore.repository import Repository

__all__ = ["Watching"]


class _Watcher(Protocol):
    def stop(self) -> None:
        """Ends the watching."""


class Watching(QObject):
    """Watches one repository at a time; several moves in a row are told as one."""

    moved = Signal(object)
    """A frozenset of the names of refs that moved, by this process or another."""

    _arrived = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._watcher: _Watcher | None = None
        self._lock = threading.Lock()
        self._names: set[str] = set()
        self._arrived.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    def start(self, repository: Repository) -> None:
        """Watches this repository instead of the one before."""
        self.stop()
        self._watcher = repository.watch(self._noticed)

    def stop(self) -> None:
        """Ends the watching."""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher = None
        with self._lock:
            self._names.clear()

    def _noticed(self, names: frozenset[str]) -> None:
        with self._lock:
            first = not self._names
            self._names |= names
        if first:
            self._arrived.emit()

    def _tell(self) -> None:
        with self._lock:
            names = frozenset(self._names)
            self._names.clear()
        if names:
            self.moved.emit(names)
