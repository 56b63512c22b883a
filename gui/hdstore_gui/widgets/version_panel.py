"""What a version is and holds: numbers, label counts as bars, and its own metadata."""

from __future__ import annotations

import time

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from hdstore.model import LabelCount
from hdstore_gui.catalog import OpenVersion
from hdstore_gui.editing.labels import Colours
from hdstore_gui.widgets.bits import label, retone
from hdstore_gui.widgets.json_tree import JsonTree
from hdstore_gui.widgets.theme import Theme

__all__ = ["LabelBars", "VersionPanel"]

ROW = 40
MAX_BARS = 400


class LabelBars(QWidget):
    """One bar for each label, longest first; a click filters by it."""

    chosen = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._colours = Colours()
        self._rows: list[tuple[str, LabelCount]] = []
        self._hovered = -1
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Annotations per label")
        theme.changed.connect(self.update)

    def show_counts(self, counts: dict[str, LabelCount], colours: Colours) -> None:
        """Shows these counts."""
        self._colours = colours
        ranked = sorted(counts.items(), key=lambda one: (-one[1].annotations, one[0]))
        self._rows = ranked[:MAX_BARS]
        spoken = (f"{name} {count.annotations}" for name, count in self._rows[:20])
        self.setAccessibleDescription(", ".join(spoken))
        self.setFixedHeight(max(len(self._rows) * ROW, 1))
        self.update()

    def sizeHint(self) -> QSize:
        """Returns the size of all bars."""
        return QSize(220, len(self._rows) * ROW)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints the bars in sight."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        most = max((count.annotations for _, count in self._rows), default=1) or 1
        first, last = event.rect().top() // ROW, event.rect().bottom() // ROW + 1
        for number in range(max(first, 0), min(last, len(self._rows))):
            self._paint_row(painter, number, most)

    def _paint_row(self, painter: QPainter, number: int, most: int) -> None:
        name, count = self._rows[number]
        colors, top = self._theme.colors, number * ROW
        small, font = self._theme.font(delta=-1), self._theme.font()
        figure = f"{count.annotations:,}"
        frames = f"  in {count.frames:,} frame{'' if count.frames == 1 else 's'}"
        painter.setFont(small)
        metrics = QFontMetricsF(small)
        right = self.width() - 2.0
        painter.setPen(colors["faint"])
        painter.drawText(QPointF(right - metrics.horizontalAdvance(frames), top + 19), frames)
        painter.setPen(colors["soft"])
        start = right - metrics.horizontalAdvance(figure + frames)
        painter.drawText(QPointF(start, top + 19), figure)
        painter.setFont(font)
        painter.setPen(colors["accent" if number == self._hovered else "text"])
        shown = QFontMetricsF(font).elidedText(name, Qt.TextElideMode.ElideRight, start - 10)
        painter.drawText(QPointF(2, top + 19), shown)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors["hover"])
        painter.drawRoundedRect(QRectF(2, top + 27, self.width() - 4, 5), 2.5, 2.5)
        painter.setBrush(QColor(*self._colours.of(name)))
        width = max((self.width() - 4) * count.annotations / most, 5)
        painter.drawRoundedRect(QRectF(2, top + 27, width, 5), 2.5, 2.5)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Marks the row under the pointer."""
        row = int(event.position().y()) // ROW
        hovered = row if row < len(self._rows) else -1
        if hovered != self._hovered:
            self._hovered = hovered
            self.setCursor(Qt.CursorShape.PointingHandCursor if hovered >= 0 else Qt.CursorShape.ArrowCursor)
            self.setToolTip(f"Show frames with {self._rows[hovered][0]}" if hovered >= 0 else "")
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Chooses a label."""
        if 0 <= self._hovered < len(self._rows):
            self.chosen.emit(self._rows[self._hovered][0])

    def leaveEvent(self, event: QEvent) -> None:
        """Forgets the pointer."""
        self._hovered = -1
        self.update()


class VersionPanel(QTabWidget):
    """Statistics and information of the version that is shown."""

    label_chosen = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDocumentMode(True)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self.tabBar().setExpanding(False)
        self._numbers = {name: label("0", "number") for name in ("Frames", "Annotated", "Annotations")}
        self.bars = LabelBars(theme)
        self.bars.chosen.connect(self.label_chosen)
        self._nothing = label("No labels yet.", "faint")
        self._facts = {
            name: label("", "", wrap=True)
            for name in ("Dataset", "Description", "Tags", "Updated", "Commit", "Version id", "Parents")
        }
        for one in self._facts.values():
            one.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._name = label("", "title", wrap=True)
        self._state = label("", "chip")
        self._metadata = JsonTree("Metadata of the version")
        self.addTab(self._statistics(), "Statistics")
        self.addTab(self._information(), "Version")

    def _statistics(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(18, 18, 18, 18)
        column.setSpacing(4)
        numbers = QGridLayout()
        numbers.setHorizontalSpacing(12)
        numbers.setVerticalSpacing(0)
        for place, (name, number) in enumerate(self._numbers.items()):
            numbers.addWidget(number, 0, place)
            numbers.addWidget(label(name, "small"), 1, place)
            numbers.setColumnStretch(place, 1)
        column.addLayout(numbers)
        column.addSpacing(20)
        column.addWidget(label("LABELS", "section"))
        column.addWidget(self._nothing)
        column.addWidget(self.bars)
        column.addStretch(1)
        return _scrolled(page)

    def _information(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(18, 18, 18, 12)
        column.setSpacing(8)
        column.addWidget(self._name)
        chips = QHBoxLayout()
        chips.addWidget(self._state)
        chips.addStretch(1)
        column.addLayout(chips)
        column.addSpacing(6)
        for name, value in self._facts.items():
            column.addWidget(label(name, "small"))
            column.addWidget(value)
            column.addSpacing(4)
        column.addWidget(label("METADATA", "section"))
        self._metadata.setMinimumHeight(140)
        column.addWidget(self._metadata, 1)
        return _scrolled(page)

    def show_version(self, version: OpenVersion | None, colours: Colours) -> None:
        """Shows a version's numbers and facts."""
        self.setVisible(version is not None)
        if version is None:
            return
        stats = version.stats
        self._numbers["Frames"].setText(f"{stats.frames:,}")
        share = f"{stats.annotated / stats.frames:.0%}" if stats.frames else "0%"
        self._numbers["Annotated"].setText(share)
        self._numbers["Annotations"].setText(f"{stats.annotations:,}")
        self._nothing.setVisible(not stats.labels)
        self.bars.show_counts(stats.labels, colours)
        self._name.setText(version.name)
        self._state.setText("Draft" if version.is_draft else "Published")
        retone(self._state, "tone", "draft" if version.is_draft else "published")
        updated = time.strftime("%Y-%m-%d %H:%M", time.localtime(version.updated))
        facts = {
            "Dataset": version.dataset,
            "Description": version.description or "none",
            "Tags": ", ".join(version.tags) or "none",
            "Updated": updated,
            "Commit": version.commit[:12],
            "Version id": version.id,
            "Parents": ", ".join(version.parents) or "none",
        }
        for name, text in facts.items():
            self._facts[name].setText(text)
        self._metadata.show_values(version.metadata)


def _scrolled(page: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    page.setProperty("area", "panel")
    page.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    area.setWidget(page)
    return area
