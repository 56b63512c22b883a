"""Small widgets that several panels use."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hdstore_gui.widgets.theme import Theme

__all__ = ["Chooser", "EmptyState", "NoticeBar", "bar", "label", "line", "push", "retone", "vertical_line"]

Choice = tuple[str, Callable[[], object]]


def label(text: str = "", role: str = "", *, wrap: bool = False) -> QLabel:
    """Returns a label in one of the theme's roles; its text is never taken for markup."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    if role:
        made.setProperty("role", role)
    return made


def retone(widget: QWidget, name: str, value: str) -> None:
    """Sets a property that the style sheet looks at, and restyles the widget."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def push(text: str, handler: Callable[[], object], kind: str = "") -> QPushButton:
    """Returns a push button."""
    made = QPushButton(text)
    made.clicked.connect(lambda _checked=False: handler())
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    if kind:
        made.setProperty("kind", kind)
    return made


def line() -> QFrame:
    """Returns a thin horizontal line."""
    made = QFrame()
    made.setProperty("role", "line")
    made.setFixedHeight(1)
    return made


def vertical_line() -> QFrame:
    """Returns a thin vertical line for a bar."""
    made = QFrame()
    made.setProperty("role", "line")
    made.setFixedSize(1, 20)
    return made


def bar(*, height: int = 48) -> tuple[QWidget, QHBoxLayout]:
    """Returns a bar at the top of a page, and its layout."""
    made = QWidget()
    made.setProperty("area", "bar")
    made.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    made.setFixedHeight(height)
    row = QHBoxLayout(made)
    row.setContentsMargins(14, 0, 14, 0)
    row.setSpacing(6)
    return made, row


class Chooser(QToolButton):
    """A button with a menu of texts, one of which is chosen."""

    chosen = Signal(str)
    """The text that the user chose."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setProperty("kind", "chooser")
        self.setMenu(QMenu(self))
        theme.changed.connect(self._recolor)
        self._recolor()

    def offer(self, texts: Sequence[str], current: str) -> None:
        """Offers these texts; ``current`` is the one that holds."""
        self.menu().clear()
        for text in texts:
            action = self.menu().addAction(text)
            action.setCheckable(True)
            action.setChecked(text == current)
            action.triggered.connect(self._picker(text))
        self.setText(current)

    def _picker(self, text: str) -> Callable[[], None]:
        def pick() -> None:
            for action in self.menu().actions():
                action.setChecked(action.text() == text)
            self.setText(text)
            self.chosen.emit(text)

        return pick

    def _recolor(self) -> None:
        self.setIcon(self._theme.icon("chevron-down", size=14))


class EmptyState(QWidget):
    """Says why there is nothing here and what to do next."""

    def __init__(self, theme: Theme, icon: str, title: str, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icon_name = icon
        self._icon = QLabel()
        self._icon.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title = label(title, "title")
        self._title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text = label(text, "soft", wrap=True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text.setFixedWidth(480)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(10)
        column = QVBoxLayout(self)
        column.setSpacing(10)
        column.addStretch(2)
        column.addWidget(self._icon)
        column.addSpacing(4)
        column.addWidget(self._title)
        # Centred by springs, not by an alignment: an aligned item is not asked for its height at its width.
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(self._text)
        middle.addStretch(1)
        column.addLayout(middle)
        column.addSpacing(10)
        column.addLayout(self._buttons)
        column.addStretch(3)
        theme.changed.connect(self._recolor)
        self._recolor()

    def offer(self, *choices: Choice) -> None:
        """Offers ways on as buttons; the first one stands out."""
        while (item := self._buttons.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        self._buttons.addStretch(1)
        for number, (text, handler) in enumerate(choices):
            self._buttons.addWidget(push(text, handler, "" if number else "primary"))
        self._buttons.addStretch(1)

    def say(self, title: str, text: str) -> None:
        """Changes the words."""
        self._title.setText(title)
        self._text.setText(text)

    def _recolor(self) -> None:
        self._icon.setPixmap(self._theme.pixmap(self._icon_name, "faint", size=44))


class NoticeBar(QWidget):
    """A line above the page: something to know, with what can be done about it."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "notice")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self.topic = ""
        self._good = False
        self._icon = QLabel()
        self._text = label("", wrap=True)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(6)
        self._close = QToolButton()
        self._close.setAccessibleName("Dismiss")
        self._close.setToolTip("Dismiss")
        self._close.clicked.connect(lambda _checked=False: self.dismiss())
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 10, 8)
        row.setSpacing(10)
        row.addWidget(self._icon)
        row.addWidget(self._text, 1)
        row.addLayout(self._buttons)
        row.addWidget(self._close)
        theme.changed.connect(self._recolor)
        self._recolor()
        self.hide()

    @property
    def text(self) -> str:
        """What the bar says."""
        return self._text.text()

    def say(self, text: str, choices: Sequence[Choice] = (), *, topic: str = "", good: bool = False) -> None:
        """Shows a notice in place of the one before; ``good`` news look so."""
        self.topic = topic
        self._good = good
        retone(self, "tone", "good" if good else "")
        self._recolor()
        self._text.setText(text)
        while (item := self._buttons.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for caption, handler in choices:
            self._buttons.addWidget(push(caption, self._answered(handler)))
        self.show()

    def dismiss(self, topic: str | None = None) -> None:
        """Hides the notice, or only one on a certain topic."""
        if topic is None or topic == self.topic:
            self.topic = ""
            self.hide()

    def choices(self) -> list[QPushButton]:
        """Returns the buttons that are offered."""
        widgets = (self._buttons.itemAt(place) for place in range(self._buttons.count()))
        found = (item.widget() for item in widgets if item is not None)
        return [widget for widget in found if isinstance(widget, QPushButton)]

    def _answered(self, handler: Callable[[], object]) -> Callable[[], None]:
        def answer() -> None:
            self.dismiss()
            handler()

        return answer

    def _recolor(self) -> None:
        name, color = ("check", "good") if self._good else ("warning", "warn")
        self._icon.setPixmap(self._theme.pixmap(name, color, size=18))
        self._close.setIcon(self._theme.icon("close", size=16))
