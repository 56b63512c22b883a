"""Garbage collection on the GUI thread only.

Python collects cycles on whichever thread happens to allocate. A cycle may hold a Qt object, and taking that apart on
a reader's thread, while the GUI thread uses it, ends the process.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

__all__ = ["Collector"]

INTERVAL_MS = 500


class Collector(QObject):
    """Collects in place of Python's own collector, by the same thresholds, until it is stopped."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    def collect(self) -> None:
        """Collects the oldest generation that is due, and with it the younger ones."""
        counts, limits = gc.get_count(), gc.get_threshold()
        for generation in (2, 1, 0):
            if counts[generation] > limits[generation] > 0:
                gc.collect(generation)
                return

    def stop(self) -> None:
        """Gives collecting back to Python."""
        self._timer.stop()
        gc.enable()
