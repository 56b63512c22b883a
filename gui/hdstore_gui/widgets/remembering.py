"""Between the tab of histories, the frame and the session: what is read, and what comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from hdstore_gui.history import HistoryRow, read_history, restoring

if TYPE_CHECKING:
    from hdstore_gui.widgets.main_window import MainWindow

__all__ = ["Remembering"]


class Remembering(QObject):
    """Reads the history of what is selected while its tab is open."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._panel = window.frame_view.panel.history
        self._shown: tuple[str, str, str] | None = None
        """Commit, frame and annotation whose history is shown."""
        window.frame_view.panel.currentChanged.connect(lambda _tab: self._look())
        window.frame_view.altered.connect(self._look)
        window.session.changed.connect(lambda _changes: self._look())
        self._panel.restore.connect(self._restore)

    def open(self) -> None:
        """Shows the tab."""
        self._window.frame_view.panel.setCurrentWidget(self._panel)
        self._panel.list.setFocus()

    def _look(self) -> None:
        view, version = self._window.frame_view, self._window.session.current
        frame = view.frame
        if view.panel.currentWidget() is not self._panel or frame is None or version is None:
            return
        annotation_id = view.selection.current or ""
        wanted = (version.commit, frame.id, annotation_id)
        if wanted == self._shown:
            return
        self._shown = wanted
        held = frame.annotation(annotation_id) if annotation_id else None
        title = (", ".join(held.labels) or annotation_id) if held is not None else frame.id
        self._panel.begin(title, editable=view.can_edit)
        source = version.version

        def show(rows: tuple[HistoryRow, ...]) -> None:
            if self._shown == wanted:
                self._panel.show_rows(rows)

        self._window.tasks.read(
            lambda job: read_history(source, frame.id, annotation_id, job),
            show,
            what="Reading the history",
            lane="history",
        )

    def _restore(self, row: HistoryRow) -> None:
        view, shown = self._window.frame_view, self._shown
        if view.frame is None or shown is None or shown[1] != view.frame.id:
            return
        edits = restoring(row, view.frame, shown[2])
        if edits:
            view.push(edits, "Restore annotation" if shown[2] else "Restore frame")
        else:
            self._window.notice.say("That is what it is already.", topic="restored", good=True)
