"""The line that filters frames: answers while one types, and points at the place where a query goes wrong."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QFocusEvent, QInputMethodEvent, QKeyEvent, QTextCharFormat
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from hdstore.errors import QuerySyntaxError
from hdstore_gui.widgets.bits import label, push, retone
from hdstore_gui.widgets.theme import Theme

__all__ = ["QueryBar", "quoted"]

PAUSE_MS = 180
"""How long the hand rests before what was typed is asked."""


def quoted(text: str) -> str:
    """Returns a text as a phrase of a query."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class _Line(QLineEdit):
    """A line that says when it gets and loses the focus."""

    focused = Signal(bool)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Tells that one may type."""
        super().focusInEvent(event)
        self.focused.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Tells that one no longer types."""
        super().focusOutEvent(event)
        self.focused.emit(False)


class QueryBar(QWidget):
    """A query, how many frames match it, and what is wrong with it."""

    asked = Signal(str)
    """The query to filter by, after the hand rested or on Enter."""

    left = Signal()
    """The user is done with the line: Enter, Down or Escape."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._examples: tuple[str, ...] = ()
        self.line = _Line()
        self.line.setPlaceholderText("Filter frames, for example  rois.label:person AND meta.city:bremen")
        self.line.setAccessibleName("Query")
        self.line.setClearButtonEnabled(True)
        self.line.setMinimumHeight(34)
        self._icon = QAction(self)
        self.line.addAction(self._icon, QLineEdit.ActionPosition.LeadingPosition)
        self.count = label("", "soft")
        self._problem = label("", "bad", wrap=True)
        self._problem.hide()
        self._hints = QWidget()
        self._hint_row = QHBoxLayout(self._hints)
        self._hint_row.setContentsMargins(0, 0, 0, 0)
        self._hint_row.setSpacing(2)
        self._hints.hide()
        row = QHBoxLayout()
        row.setSpacing(14)
        row.addWidget(self.line, 1)
        row.addWidget(self.count)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self._problem)
        column.addWidget(self._hints)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._ask)
        self.line.textEdited.connect(self._typed)
        self.line.textChanged.connect(self._changed)
        self.line.returnPressed.connect(self._entered)
        self.line.focused.connect(lambda _focused: self._show_hints())
        self.line.installEventFilter(self)
        theme.changed.connect(self._recolor)
        self._recolor()

    @property
    def text(self) -> str:
        """The query as it stands in the line."""
        return self.line.text()

    @property
    def problem(self) -> str:
        """What is wrong with the query, or nothing."""
        return self._problem.text()

    def set_text(self, text: str) -> None:
        """Asks another query at once."""
        self.line.setText(text)
        self._ask()

    def show_count(self, matching: int, total: int, *, counting: bool) -> None:
        """Shows how many frames match."""
        if counting and total:
            self.count.setText("Counting…")
        elif self.text.strip() and not self._problem.isVisibleTo(self):
            self.count.setText(f"{matching:,} of {total:,} frames")
        else:
            self.count.setText(f"{matching:,} frame{'' if matching == 1 else 's'}")

    def show_problem(self, error: QuerySyntaxError | None) -> None:
        """Underlines the place where the query goes wrong, and says why."""
        retone(self.line, "bad", "true" if error is not None else "false")
        self._problem.setVisible(error is not None)
        self._problem.setText(str(error) if error is not None else "")
        self._underline(error.position if error is not None else -1)

    def set_examples(self, labels: list[str]) -> None:
        """Makes the hints from labels that the version really has."""
        names = [quoted(name) if not name.isalnum() else name for name in labels[:2]]
        examples = [f"rois.label:{name}" for name in names]
        if names:
            examples += [f"NOT rois.label:{names[0]}", "NOT _exists_:rois", "rois.confidence:<0.5"]
        self._examples = tuple(examples)
        while (item := self._hint_row.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        self._hint_row.addWidget(label("Try", "faint"))
        for example in self._examples:
            button = push(example, self._setter(example), "link")
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self._hint_row.addWidget(button)
        self._hint_row.addStretch(1)
        self._show_hints()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Lets Down and Escape lead out of the line."""
        if watched is not self.line or not isinstance(event, QKeyEvent):
            return super().eventFilter(watched, event)
        if event.type() == QEvent.Type.ShortcutOverride and event.key() == Qt.Key.Key_Escape:
            # Escape is a shortcut of the grid too; while one types, it belongs to the line.
            event.accept()
            return True
        if event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Down:
                self.left.emit()
                return True
            if event.key() == Qt.Key.Key_Escape:
                if self.text:
                    self.set_text("")
                else:
                    self.left.emit()
                return True
        return super().eventFilter(watched, event)

    def _setter(self, text: str) -> Callable[[], None]:
        return lambda: self.set_text(text)

    def _typed(self) -> None:
        self._pause.start()

    def _changed(self, text: str) -> None:
        self._show_hints()
        # The clear button changes the text without typing.
        if not text:
            self._ask()

    def _entered(self) -> None:
        self._ask()
        if not self.problem:
            self.left.emit()

    def _ask(self) -> None:
        self._pause.stop()
        self.asked.emit(self.text)

    def _show_hints(self) -> None:
        self._hints.setVisible(bool(self._examples) and self.line.hasFocus() and not self.text)

    def _underline(self, position: int) -> None:
        attributes = []
        if position >= 0 and self.text:
            at = min(position, len(self.text) - 1)
            wave = QTextCharFormat()
            wave.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
            wave.setUnderlineColor(self._theme.colors["bad"])
            wave.setForeground(self._theme.colors["bad"])
            start = at - self.line.cursorPosition()
            attributes.append(
                QInputMethodEvent.Attribute(QInputMethodEvent.AttributeType.TextFormat, start, 1, wave)
            )
        # The way into a line's text formats leads through an input method's event; it leaves the text alone.
        with QSignalBlocker(self.line):
            QCoreApplication.sendEvent(self.line, QInputMethodEvent("", attributes))

    def _recolor(self) -> None:
        self._icon.setIcon(self._theme.icon("search", size=16))
