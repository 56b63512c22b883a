"""How rows of lists and trees look: a mark, a name, and a quiet detail at the right."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractItemModel,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import (
    QCompleter,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from hdstore_gui.models.annotations import AnnotationList
from hdstore_gui.models.labels import LabelList
from hdstore_gui.models.versions import VersionTree
from hdstore_gui.widgets.theme import Theme

__all__ = ["AnnotationRows", "LabelRows", "Rows", "VersionRows"]

_Index = QModelIndex | QPersistentModelIndex
_LEFT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
_RIGHT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)


class Rows(QStyledItemDelegate):
    """What all rows share."""

    height = 32

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Returns the height of a row."""
        return QSize(80, self.height)

    def _ground(self, painter: QPainter, option: QStyleOptionViewItem) -> QRect:
        """Paints the ground of a row and returns where its content goes."""
        rect: QRect = option.rect.adjusted(6, 1, -6, -1)
        state = option.state
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if state & QStyle.StateFlag.State_Selected:
            painter.setBrush(self._theme.colors["accent_soft"])
            painter.drawRoundedRect(rect, 6, 6)
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(self._theme.colors["hover"])
            painter.drawRoundedRect(rect, 6, 6)
        return rect.adjusted(8, 0, -8, 0)

    def _texts(self, painter: QPainter, rect: QRect, name: str, detail: str, *, quiet: bool = False) -> None:
        small = self._theme.font(delta=-1)
        room = QFontMetrics(small).horizontalAdvance(detail) + (10 if detail else 0)
        font = self._theme.font()
        painter.setFont(font)
        painter.setPen(self._theme.colors["faint" if quiet else "text"])
        shown = QFontMetrics(font).elidedText(name, Qt.TextElideMode.ElideRight, rect.width() - room)
        painter.drawText(rect, _LEFT, shown)
        if detail:
            painter.setFont(small)
            painter.setPen(self._theme.colors["faint"])
            painter.drawText(rect, _RIGHT, detail)

    def _swatch(self, painter: QPainter, rect: QRect, color: QColor) -> QRect:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawRoundedRect(QRectF(rect.left(), rect.center().y() - 4.5, 10, 10), 3, 3)
        return rect.adjusted(20, 0, 0, 0)


class AnnotationRows(Rows):
    """Rows of the annotation list; their editor completes labels."""

    def __init__(self, theme: Theme, labels: QAbstractItemModel, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._labels = labels

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Paints one annotation."""
        painter.save()
        rect = self._swatch(
            painter, self._ground(painter, option), index.data(Qt.ItemDataRole.DecorationRole)
        )
        confidence = index.data(AnnotationList.CONFIDENCE)
        detail = index.data(AnnotationList.KIND)
        if confidence is not None:
            detail = f"{confidence:.2f}  {detail}"
        hidden = index.data(AnnotationList.IS_HIDDEN)
        if hidden:
            icon = self._theme.pixmap("eye-off", "faint", size=15)
            painter.drawPixmap(QPointF(rect.right() - 14, rect.center().y() - 7), icon)
            rect = rect.adjusted(0, 0, -22, 0)
        quiet = hidden or not index.data(AnnotationList.LABELS)
        self._texts(painter, rect, index.data(), detail, quiet=quiet)
        painter.restore()

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: _Index) -> QWidget:
        """Returns a line that completes the labels of the version."""
        editor = QLineEdit(parent)
        completer = QCompleter(self._labels, editor)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        editor.setCompleter(completer)
        editor.setPlaceholderText("Label, or several with commas")
        return editor

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: _Index) -> None:
        """Lets the editor fill the row."""
        editor.setGeometry(option.rect.adjusted(4, 0, -4, 0))


class LabelRows(Rows):
    """Rows of the label list: colour, name, how often here, and the key."""

    height = 30

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Paints one label."""
        painter.save()
        rect = self._swatch(
            painter, self._ground(painter, option), index.data(Qt.ItemDataRole.DecorationRole)
        )
        key = index.data(LabelList.KEY)
        if key:
            place = QRectF(rect.right() - 17, rect.center().y() - 8.5, 18, 18)
            painter.setPen(QPen(self._theme.colors["strong_line"], 1))
            painter.setBrush(self._theme.colors["panel"])
            painter.drawRoundedRect(place, 4, 4)
            painter.setFont(self._theme.font(delta=-1.5))
            painter.setPen(self._theme.colors["soft"])
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, key)
        count = index.data(LabelList.COUNT)
        self._texts(painter, rect.adjusted(0, 0, -28, 0), index.data(), str(count) if count else "")
        painter.restore()


class VersionRows(Rows):
    """Rows of the tree: datasets in bold, versions with their state and number of frames."""

    height = 32

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Paints one dataset or version."""
        painter.save()
        rect = self._ground(painter, option)
        is_draft = index.data(VersionTree.IS_DRAFT)
        if is_draft is None:
            self._paint_dataset(painter, rect, index)
        else:
            name, color = ("draft", "accent") if is_draft else ("published", "faint")
            icon = self._theme.pixmap(name, color, size=15)
            painter.drawPixmap(QPointF(rect.left() + 12, rect.center().y() - 7), icon)
            room = rect.adjusted(36, 0, 0, 0)
            detail, mark = index.data(VersionTree.DETAIL), index.data(VersionTree.STANDING)
            if mark:
                small = self._theme.font(delta=-1)
                painter.setFont(small)
                painter.setPen(self._theme.colors["accent"])
                metrics = QFontMetrics(small)
                before = room.adjusted(0, 0, -metrics.horizontalAdvance(detail) - 10, 0)
                painter.drawText(before, _RIGHT, mark)
                # The name ends where the mark begins.
                left_of_it = room.adjusted(0, 0, -metrics.horizontalAdvance(f"{mark}{detail}") - 20, 0)
                self._texts(painter, left_of_it, index.data(), "")
                painter.setFont(small)
                painter.setPen(self._theme.colors["faint"])
                painter.drawText(room, _RIGHT, detail)
            else:
                self._texts(painter, room, index.data(), detail)
        painter.restore()

    def _paint_dataset(self, painter: QPainter, rect: QRect, index: _Index) -> None:
        icon = self._theme.pixmap("dataset", "soft", size=16)
        painter.drawPixmap(QPointF(rect.left(), rect.center().y() - 8), icon)
        painter.setFont(self._theme.font(bold=True))
        painter.setPen(self._theme.colors["text"])
        room = rect.adjusted(25, 0, 0, 0)
        shown = painter.fontMetrics().elidedText(index.data(), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, _LEFT, shown)
