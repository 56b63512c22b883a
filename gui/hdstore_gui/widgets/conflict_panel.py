"""The conflicts of a version as a list below the page, and the bar that says that there are some."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from hdstore_gui.conflicts import ConflictRow, SideText
from hdstore_gui.models.conflicts import ConflictTable
from hdstore_gui.widgets.actions import ActionTable
from hdstore_gui.widgets.bits import bar, label, push, vertical_line
from hdstore_gui.widgets.theme import Theme

__all__ = ["ConflictBar", "ConflictPanel", "waiting_text"]

_Index = QModelIndex | QPersistentModelIndex
_LEFT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
_HEIGHT = 50


def waiting_text(count: int) -> str:
    """Returns the sentence that says how many conflicts wait."""
    return (
        f"{count:,} conflict from a merge waits." if count == 1 else f"{count:,} conflicts from a merge wait."
    )


class ConflictBar(QWidget):
    """One line above the page while conflicts wait and their list is not open."""

    asked = Signal()
    """The list is asked for."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "notice")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self._icon = QLabel()
        self._text = label("")
        self.button = push("Show conflicts", self.asked.emit)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 7, 14, 7)
        row.setSpacing(10)
        row.addWidget(self._icon)
        row.addWidget(self._text, 1)
        row.addWidget(self.button)
        theme.changed.connect(self._recolor)
        self._recolor()
        self.hide()

    @property
    def text(self) -> str:
        """What the bar says."""
        return self._text.text()

    def show_count(self, count: int) -> None:
        """Says how many conflicts wait."""
        self._text.setText(waiting_text(count))

    def _recolor(self) -> None:
        self._icon.setPixmap(self._theme.pixmap("merge", "warn", size=18))


class _Cells(QStyledItemDelegate):
    """Cells of two lines: a value, and below it who saved it and when."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Returns the height of a row."""
        return QSize(80, _HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Paints one cell."""
        colors = self._theme.colors
        painter.save()
        state = option.state
        rect: QRect = option.rect
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, colors["accent_soft"])
        painter.fillRect(rect.left(), rect.bottom(), rect.width(), 1, colors["line"])
        room = rect.adjusted(8, 0, -10, -1)
        side: SideText | None = index.data(ConflictTable.SIDE)
        if side is None:
            bold = index.column() == ConflictTable.FRAME
            font = self._theme.font(bold=bold)
            painter.setFont(font)
            painter.setPen(colors["text"])
            mode = Qt.TextElideMode.ElideMiddle if bold else Qt.TextElideMode.ElideRight
            painter.drawText(room, _LEFT, QFontMetrics(font).elidedText(index.data(), mode, room.width()))
        else:
            self._paint_side(painter, room, side, is_shown=index.data(ConflictTable.IS_SHOWN))
        painter.restore()

    def _paint_side(self, painter: QPainter, room: QRect, side: SideText, *, is_shown: bool) -> None:
        colors = self._theme.colors
        upper = QRect(room.left(), room.top() + 6, room.width(), room.height() // 2 - 4)
        lower = QRect(room.left(), upper.bottom() + 1, room.width(), room.height() // 2 - 4)
        font = self._theme.font()
        painter.setFont(font)
        painter.setPen(colors["text"])
        text = QFontMetrics(font).elidedText(side.value, Qt.TextElideMode.ElideRight, upper.width())
        painter.drawText(upper, _LEFT, text)
        small = self._theme.font(delta=-1)
        metrics = QFontMetrics(small)
        painter.setFont(small)
        left = lower.left()
        if is_shown:
            painter.setPen(colors["accent"])
            painter.drawText(lower, _LEFT, "shown now")
            left += metrics.horizontalAdvance("shown now") + 10
        painter.setPen(colors["faint"])
        who = QRect(left, lower.top(), max(lower.right() - left, 0), lower.height())
        text = "  ".join(part for part in (side.who, side.when) if part)
        painter.drawText(who, _LEFT, metrics.elidedText(text, Qt.TextElideMode.ElideRight, who.width()))


class _Table(QTableView):
    """A table whose letters are shortcuts, not a search in it."""

    focused = Signal(bool)
    """Whether the keyboard came or went."""

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Tells that the keyboard is here."""
        super().focusInEvent(event)
        self.focused.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Tells that the keyboard went."""
        super().focusOutEvent(event)
        self.focused.emit(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Passes letters on."""
        plain = not event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier
        if (plain and event.text().isalnum()) or event.key() == Qt.Key.Key_Escape:
            event.ignore()
        else:
            super().keyPressEvent(event)


class ConflictPanel(QWidget):
    """Lists the conflicts; what is done about them is decided elsewhere."""

    chosen = Signal()
    """Other rows are selected."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumHeight(150)
        self._title = label("CONFLICTS", "section")
        self._about = label("", "faint")
        self.model = ConflictTable(self)
        self.table = _Table()
        self.table.setModel(self.model)
        self.table.setItemDelegate(_Cells(theme, self.table))
        self.table.setAccessibleName("Conflicts")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.setFrameShape(QTableView.Shape.NoFrame)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.table.verticalHeader().setDefaultSectionSize(_HEIGHT)
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        for column, width in ((ConflictTable.FRAME, 170), (ConflictTable.WHAT, 210)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
            header.resizeSection(column, width)
        self.table.selectionModel().selectionChanged.connect(lambda _new, _old: self._told())
        self.model.modelReset.connect(self._told)

    def furnish(self, actions: ActionTable) -> None:
        """Builds the panel with buttons of the action table."""
        head, row = bar(height=44)
        row.addWidget(self._title)
        row.addSpacing(8)
        row.addWidget(self._about)
        row.addStretch(1)
        for name in ("ours", "theirs", "both", "keep"):
            button = actions.button(f"conflict.{name}", head)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
            button.setProperty("kind", "push")
            row.addWidget(button)
        row.addSpacing(4)
        row.addWidget(vertical_line())
        row.addWidget(actions.button("conflict.close", head))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(head)
        column.addWidget(self.table, 1)

    @property
    def selected(self) -> tuple[ConflictRow, ...]:
        """The selected conflicts, in their order."""
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        return tuple(self.model.rows[row] for row in rows)

    @property
    def current(self) -> int:
        """The row that the keyboard is on, or -1."""
        return self.table.currentIndex().row()

    def show_rows(self, rows: Sequence[ConflictRow]) -> None:
        """Shows these conflicts; where some are gone, the next one that is left is selected."""
        before, place = bool(self.selected), self.current
        self.model.show(tuple(rows))
        if before and rows and not self.selected:
            self.select(min(max(place, 0), len(rows) - 1))

    def select(self, row: int) -> None:
        """Selects one conflict."""
        index = self.model.index(row, 0)
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.table.selectionModel().setCurrentIndex(index, flags)

    def _told(self) -> None:
        count, all_of_them = len(self.selected), len(self.model.rows)
        self._title.setText(f"CONFLICTS  {all_of_them:,}")
        if not count:
            self._about.setText("none selected: the buttons act on all" if all_of_them > 1 else "")
        else:
            self._about.setText(f"{count:,} of {all_of_them:,} selected")
        self.chosen.emit()
