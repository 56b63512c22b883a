"""The grid of frames: paints the cells in sight only, so a million frames scroll like a hundred."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QWidget

from hdstore.model import Frame, Schema
from hdstore_gui.editing.labels import Colours
from hdstore_gui.editing.selection import Ranges
from hdstore_gui.models.frames import FrameList
from hdstore_gui.services.images import Images, picture_key
from hdstore_gui.widgets.cells import CAPTION, CellPainter
from hdstore_gui.widgets.painting import with_alpha
from hdstore_gui.widgets.theme import Theme

__all__ = ["FrameGrid", "Layout"]

GAP = 14
MARGIN = 18
NARROWEST, WIDEST = 96, 420
KEPT = 600
"""How many finished cells are kept as pictures."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where cells lie: pure numbers, so that it can be tested without a screen."""

    count: int
    wanted: int
    width: int

    @property
    def columns(self) -> int:
        """How many cells stand side by side."""
        return max(1, (self.width - 2 * MARGIN + GAP) // (self.wanted + GAP))

    @property
    def cell(self) -> QSize:
        """The size of a cell: as wide as wanted, and some more to fill the row."""
        free = max(self.width - 2 * MARGIN - (self.columns - 1) * GAP, 40)
        width = min(free // self.columns, self.wanted + self.wanted // 2)
        return QSize(width, width * 3 // 4 + CAPTION)

    @property
    def pitch(self) -> int:
        """The height from one row of cells to the next."""
        return self.cell.height() + GAP

    @property
    def height(self) -> int:
        """The height of all rows."""
        rows = -(-self.count // self.columns)
        return rows * self.pitch - GAP + 2 * MARGIN if rows else 0

    def rect(self, row: int) -> QRect:
        """Returns where a frame's cell lies, from the top of all."""
        line, column = divmod(row, self.columns)
        cell = self.cell
        return QRect(
            MARGIN + column * (cell.width() + GAP), MARGIN + line * self.pitch, cell.width(), cell.height()
        )

    def row_at(self, point: QPoint) -> int:
        """Returns the frame at a point, or -1 between cells and beyond the last."""
        line, column = (point.y() - MARGIN) // self.pitch, (point.x() - MARGIN) // (self.cell.width() + GAP)
        if line < 0 or not 0 <= column < self.columns:
            return -1
        row = line * self.columns + column
        return row if row < self.count and self.rect(row).contains(point) else -1

    def rows_in(self, top: int, bottom: int) -> range:
        """Returns the frames whose cells lie, wholly or not, between two heights."""
        first = max((top - MARGIN) // self.pitch, 0) * self.columns
        last = (max(bottom - MARGIN, 0) // self.pitch + 1) * self.columns
        return range(min(first, self.count), min(last, self.count))

    def rows_under(self, rect: QRect) -> list[int]:
        """Returns the frames whose cells a rectangle touches."""
        return [row for row in self.rows_in(rect.top(), rect.bottom()) if self.rect(row).intersects(rect)]


class FrameGrid(QAbstractScrollArea):
    """Shows a ``FrameList``; selection is a set of row ranges, whatever its size."""

    opened = Signal(int)
    """The row of a frame that was double clicked, or on which Enter was pressed."""

    chosen = Signal(object)
    """The ``Ranges`` of selected rows."""

    resized = Signal(int)
    """The width of cells, after the user changed it with the wheel."""

    def __init__(
        self, frames: FrameList, images: Images, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._frames = frames
        self._images = images
        self._theme = theme
        self._wanted = 184
        self._selection = Ranges()
        self._current = -1
        self._anchor = -1
        self._hovered = -1
        self._band: tuple[QPoint, QPoint] | None = None
        self._before_band = Ranges()
        self._remembered: tuple[list[str], str, bool] | None = None
        self._cells: OrderedDict[str, tuple[Frame, int, QSize, QPixmap]] = OrderedDict()
        self._painter = CellPainter(theme)
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Frames")
        self.viewport().setMouseTracking(True)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        frames.modelAboutToBeReset.connect(self._remember)
        frames.modelReset.connect(self._recall)
        frames.arrived.connect(self._arrived)
        images.ready.connect(self._thumbnails_came)
        theme.changed.connect(self.repaint_all)

    # What is shown

    @property
    def layout_now(self) -> Layout:
        """Where the cells lie at present."""
        return Layout(self._frames.rowCount(), self._wanted, self.viewport().width())

    @property
    def cell_width(self) -> int:
        """The width that cells should have."""
        return self._wanted

    @property
    def selection(self) -> Ranges:
        """The selected rows."""
        return self._selection

    @property
    def current(self) -> int:
        """The row that the keyboard is on, or -1."""
        return self._current

    def set_cell_width(self, width: int) -> None:
        """Makes cells about this wide; what is at the top stays there."""
        width = min(max(width, NARROWEST), WIDEST)
        if width == self._wanted:
            return
        kept = self._current if self._current in self._in_sight() else self._in_sight().start
        self._wanted = width
        self._cells.clear()
        self._lay_out()
        if 0 <= kept < self._frames.rowCount():
            self._reveal(kept)
        self.viewport().update()
        self.resized.emit(width)

    def dress(self, schema: Schema, colours: Colours) -> None:
        """Paints annotations with these colours from now on."""
        self._painter.dress(schema, colours)
        self.repaint_all()

    def show_annotations(self, shown: bool) -> None:
        """Shows or hides annotations on the thumbnails."""
        self._painter.annotations = shown
        self.repaint_all()

    def select(self, selection: Ranges, *, current: int | None = None) -> None:
        """Selects rows; ``current`` moves the keyboard there and into sight."""
        if current is not None:
            self._current = current
            if current >= 0:
                self._reveal(current)
                self.setAccessibleDescription(self._frames.id_at(current))
        if selection != self._selection:
            self._selection = selection
            self.chosen.emit(selection)
        self.viewport().update()

    def select_all(self) -> None:
        """Selects every frame that is shown."""
        self.select(Ranges.span(0, self._frames.rowCount()))

    def repaint_all(self) -> None:
        """Paints every cell anew."""
        self._cells.clear()
        self.viewport().update()

    # Following the list

    def _remember(self) -> None:
        if self._frames.rowCount():
            every = len(self._selection) == self._frames.rowCount()
            ids = [] if every else self._frames.ids_at(self._selection)
            current = self._frames.id_at(self._current) if self._current >= 0 else ""
            self._remembered = (ids, current, every)

    def _recall(self) -> None:
        """Selects the frames that were selected before, wherever they stand now."""
        self._hovered, self._anchor = -1, -1
        count = self._frames.rowCount()
        selection, current = Ranges(), -1
        if count and self._remembered is not None:
            ids, current_id, every = self._remembered
            self._remembered = None
            rows = (self._frames.row_of(one) for one in ids)
            selection = Ranges.span(0, count) if every else Ranges.of(row for row in rows if row >= 0)
            current = self._frames.row_of(current_id) if current_id else -1
        self._lay_out()
        self._current = current
        if current >= 0:
            self._reveal(current)
        if selection != self._selection:
            self._selection = selection
            self.chosen.emit(selection)
        self.viewport().update()

    def _arrived(self, rows: Ranges) -> None:
        sight = self._in_sight()
        if any(start < sight.stop and stop > sight.start for start, stop in rows.pairs):
            self.viewport().update()

    def _thumbnails_came(self, keys: frozenset[str]) -> None:
        for row in self._in_sight():
            frame = self._frames.frame_at(row)
            if frame is not None and frame.sources and picture_key(frame.sources[0]) in keys:
                self._cells.pop(frame.id, None)
                self.viewport().update(self._placed(row))

    def _lay_out(self) -> None:
        layout = self.layout_now
        bar = self.verticalScrollBar()
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(max(layout.pitch // 3, 20))
        bar.setRange(0, max(layout.height - self.viewport().height(), 0))

    def _in_sight(self) -> range:
        top = self.verticalScrollBar().value()
        return self.layout_now.rows_in(top, top + self.viewport().height())

    def _placed(self, row: int) -> QRect:
        return self.layout_now.rect(row).translated(0, -self.verticalScrollBar().value())

    def _reveal(self, row: int) -> None:
        rect, bar = self.layout_now.rect(row), self.verticalScrollBar()
        if rect.top() - GAP < bar.value():
            bar.setValue(rect.top() - GAP)
        elif rect.bottom() + GAP > bar.value() + self.viewport().height():
            bar.setValue(rect.bottom() + GAP - self.viewport().height())

    # Painting

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lays the cells out anew, keeping what is at the top."""
        first = self._in_sight().start
        self._lay_out()
        if first and first < self._frames.rowCount():
            self.verticalScrollBar().setValue(self.layout_now.rect(first).top() - GAP)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Paints everything in sight: cells are kept as pictures, so this is cheap."""
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints the cells in sight, and asks for the frames and thumbnails they lack."""
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(event.rect(), self._theme.colors["window"])
        sight = self._in_sight()
        self._frames.want(sight)
        wanted = []
        for row in sight:
            rect = self._placed(row)
            frame = self._frames.frame_at(row)
            if frame is not None and frame.sources and not self._images.is_known(frame.sources[0]):
                wanted.append(frame.sources[0])
            if rect.intersects(event.rect()):
                self._paint_cell(painter, row, rect, frame)
        if wanted:
            self._images.want(wanted)
        if self._band is not None:
            accent = self._theme.colors["accent"]
            painter.setPen(QPen(accent, 1))
            painter.setBrush(with_alpha(accent, 36))
            painter.drawRect(self._band_rect().translated(0, -self.verticalScrollBar().value()))

    def _paint_cell(self, painter: QPainter, row: int, rect: QRect, frame: Frame | None) -> None:
        chosen = row in self._selection
        if frame is None:
            self._painter.paint_waiting(painter, rect, self._frames.id_at(row))
        else:
            painter.drawPixmap(rect.topLeft(), self._cell(frame, rect.size()))
        picture = QRectF(rect).adjusted(0, 0, 0, -CAPTION)
        colors = self._theme.colors
        if chosen:
            painter.setBrush(with_alpha(colors["accent"], 34))
            painter.setPen(QPen(colors["accent"], 2.4))
            painter.drawRoundedRect(picture.adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        elif row == self._hovered:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colors["faint"], 1.4))
            painter.drawRoundedRect(picture.adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        if row == self._current and self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colors["text"] if chosen else colors["accent"], 1.2, Qt.PenStyle.DotLine))
            painter.drawRoundedRect(picture.adjusted(-3, -3, 3, 3), 10, 10)

    def _cell(self, frame: Frame, size: QSize) -> QPixmap:
        """Returns a finished cell, painted once and kept until the frame or its thumbnail changes."""
        thumbnail = self._images.thumbnail(frame.sources[0]) if frame.sources else "This frame has no source."
        mark = id(thumbnail)
        kept = self._cells.get(frame.id)
        if kept is not None and kept[0] is frame and kept[1] == mark and kept[2] == size:
            self._cells.move_to_end(frame.id)
            return kept[3]
        cell = self._painter.cell(frame, thumbnail, size, self.devicePixelRatioF())
        self._cells[frame.id] = (frame, mark, size, cell)
        while len(self._cells) > KEPT:
            self._cells.popitem(last=False)
        return cell

    # The hand

    def _at(self, event: QMouseEvent) -> QPoint:
        return event.position().toPoint() + QPoint(0, self.verticalScrollBar().value())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Selects a frame, or begins a band on empty ground."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        point = self._at(event)
        row = self.layout_now.row_at(point)
        held = event.modifiers()
        if row >= 0:
            self._go(row, extend=bool(held & Qt.KeyboardModifier.ShiftModifier), toggle=_ctrl(held))
        else:
            self._before_band = self._selection if _ctrl(held) else Ranges()
            self._band = (point, point)
            self.select(self._before_band)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follows the pointer, with a band or without."""
        point = self._at(event)
        if self._band is not None:
            self._band = (self._band[0], point)
            under = self.layout_now.rows_under(self._band_rect())
            self.select(self._before_band.union(Ranges.of(under)))
            return
        hovered = self.layout_now.row_at(point)
        if hovered != self._hovered:
            for row in (hovered, self._hovered):
                if row >= 0:
                    self.viewport().update(self._placed(row).adjusted(-4, -4, 4, 4))
            self._hovered = hovered

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Ends the band."""
        self._band = None
        self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Opens a frame."""
        row = self.layout_now.row_at(self._at(event))
        if row >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit(row)

    def leaveEvent(self, event: QEvent) -> None:
        """Forgets the pointer."""
        self._hovered = -1
        self.viewport().update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scrolls; with Ctrl it makes the thumbnails larger or smaller."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.set_cell_width(round(self._wanted * 1.0012 ** event.angleDelta().y()))
            event.accept()
        else:
            super().wheelEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Moves through the grid; Shift extends the selection, Space changes it, Enter opens."""
        layout, count = self.layout_now, self._frames.rowCount()
        page = max(self.viewport().height() // layout.pitch, 1) * layout.columns
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -layout.columns,
            Qt.Key.Key_Down: layout.columns,
            Qt.Key.Key_PageUp: -page,
            Qt.Key.Key_PageDown: page,
            Qt.Key.Key_Home: -count,
            Qt.Key.Key_End: count,
        }
        step = steps.get(Qt.Key(event.key()))
        if step is not None and count:
            target = 0 if self._current < 0 else min(max(self._current + step, 0), count - 1)
            self._go(target, extend=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        elif event.key() == Qt.Key.Key_Space and self._current >= 0:
            self._go(self._current, toggle=True)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._current >= 0:
            self.opened.emit(self._current)
        else:
            super().keyPressEvent(event)

    def _go(self, row: int, *, extend: bool = False, toggle: bool = False) -> None:
        if extend and self._anchor >= 0:
            low, high = sorted((self._anchor, row))
            self.select(Ranges.span(low, high + 1), current=row)
            return
        self._anchor = row
        self.select(self._selection.toggled(row) if toggle else Ranges.span(row, row + 1), current=row)

    def _band_rect(self) -> QRect:
        start, end = self._band or (QPoint(), QPoint())
        return QRect(start, end).normalized()


def _ctrl(held: Qt.KeyboardModifier) -> bool:
    return bool(held & Qt.KeyboardModifier.ControlModifier)
