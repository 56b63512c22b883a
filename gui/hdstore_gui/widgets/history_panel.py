"""The tab that tells who made a frame, or the selected annotation, what it is, and brings earlier states back."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyleOptionViewItem, QVBoxLayout, QWidget

from hdstore_gui.history import HistoryRow
from hdstore_gui.models.history import HistoryList
from hdstore_gui.widgets.bits import label, push
from hdstore_gui.widgets.rows import Rows
from hdstore_gui.widgets.theme import Theme

__all__ = ["HistoryPanel"]

_Index = QModelIndex | QPersistentModelIndex
_LEFT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)


class _Saves(Rows):
    """Rows of two lines: what a save did, and below who made it and when."""

    height = 50

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Paints one save."""
        painter.save()
        rect = self._ground(painter, option)
        half = rect.height() // 2 - 4
        upper = QRect(rect.left(), rect.top() + 5, rect.width(), half)
        lower = QRect(rect.left(), upper.bottom() + 1, rect.width(), half)
        small = self._theme.font(delta=-1)
        lines = (
            (upper, self._theme.font(), "text", index.data()),
            (lower, small, "faint", index.data(HistoryList.BYLINE)),
        )
        for place, font, color, text in lines:
            painter.setFont(font)
            painter.setPen(self._theme.colors[color])
            shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, place.width())
            painter.drawText(place, _LEFT, shown)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Returns the height of a row."""
        return QSize(80, self.height)


class HistoryPanel(QWidget):
    """The saves of a frame or an annotation; what they were read for is decided elsewhere."""

    restore = Signal(object)
    """The ``HistoryRow`` whose state shall come back."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._title = label("", "heading", wrap=True)
        self._summary = label("", "small", wrap=True)
        self.model = HistoryList(self)
        self.list = QListView()
        self.list.setModel(self.model)
        self.list.setItemDelegate(_Saves(theme, self.list))
        self.list.setAccessibleName("Saves")
        self.list.setMouseTracking(True)
        self.list.setUniformItemSizes(True)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.selectionModel().selectionChanged.connect(lambda _new, _old: self._allow())
        self.model.modelReset.connect(self._allow)
        self.button = push("Restore this state", self._restore)
        self._editable = False
        head, foot = QVBoxLayout(), QVBoxLayout()
        head.setContentsMargins(16, 14, 16, 0)
        head.setSpacing(4)
        head.addWidget(self._title)
        head.addWidget(self._summary)
        foot.setContentsMargins(14, 0, 14, 12)
        foot.addWidget(self.button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addLayout(head)
        column.addWidget(self.list, 1)
        column.addLayout(foot)

    def begin(self, title: str, *, editable: bool) -> None:
        """Says whose history is being read."""
        self._title.setText(title)
        self._summary.setText("Reading…")
        self._editable = editable
        self.model.show(())

    def show_rows(self, rows: tuple[HistoryRow, ...]) -> None:
        """Shows who began it, who changed it last, and all saves."""
        self.model.show(rows)
        if not rows:
            self._summary.setText("Not saved yet.")
            return
        first, last = rows[-1], rows[0]
        text = f"Added by {first.who}"
        if first is not last:
            text = f"Last changed by {last.who}\n{text}"
        self._summary.setText(text)

    @property
    def summary(self) -> str:
        """Who began it and who changed it last."""
        return self._summary.text()

    def _allow(self) -> None:
        row = self.model.row_at(self.list.currentIndex().row())
        chosen = bool(self.list.selectionModel().selectedIndexes())
        self.button.setEnabled(self._editable and chosen and row is not None)

    def _restore(self) -> None:
        row = self.model.row_at(self.list.currentIndex().row())
        if row is not None:
            self.restore.emit(row)
