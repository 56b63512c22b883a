"""The line at the bottom: what runs in the background, and where one is."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QProgressBar, QStatusBar, QWidget

from hdstore_gui.services.tasks import Activity
from hdstore_gui.widgets.bits import label, push

__all__ = ["StatusLine"]


class StatusLine(QStatusBar):
    """Shows background work with its progress and a way to stop it."""

    def __init__(self, stop: Callable[[], object], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self._what = label("", "small")
        self._what.setContentsMargins(12, 0, 4, 0)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(160)
        self._stop = push("Stop", stop, "link")
        self._stop.setAccessibleName("Stop background work")
        self._where = label("", "small")
        self._where.setContentsMargins(4, 0, 14, 0)
        for widget in (self._what, self._bar, self._stop):
            self.addWidget(widget)
        self.addPermanentWidget(self._where)
        self.setFixedHeight(30)
        self.show_activity(None)

    @property
    def text(self) -> str:
        """What is said to run."""
        return self._what.text()

    def show_activity(self, activity: Activity | None) -> None:
        """Shows what runs, or nothing."""
        for widget in (self._bar, self._stop):
            widget.setVisible(activity is not None)
        if activity is None:
            self._what.setText("")
            return
        counted = f"  {activity.done:,}" if activity.done else ""
        if activity.total and activity.done:
            counted += f" of {activity.total:,}"
        others = f"  and {activity.others} more" if activity.others else ""
        self._what.setText(f"{activity.what}{counted}{others}")
        self._bar.setRange(0, activity.total or 0)
        self._bar.setValue(min(activity.done, activity.total or 0))

    def show_place(self, text: str) -> None:
        """Shows where one is."""
        self._where.setText(text)
