"""The page of a version: query, grid, and what to do where there is nothing to show."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSlider, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from hdstore_gui.catalog import OpenVersion
from hdstore_gui.editing.labels import Colours
from hdstore_gui.models.frames import FrameList
from hdstore_gui.services.images import Images
from hdstore_gui.widgets.actions import ActionTable
from hdstore_gui.widgets.bits import EmptyState
from hdstore_gui.widgets.frame_grid import NARROWEST, WIDEST, FrameGrid
from hdstore_gui.widgets.query_bar import QueryBar, quoted
from hdstore_gui.widgets.theme import Theme
from hdstore_gui.widgets.version_panel import VersionPanel

__all__ = ["BrowsePage"]


class BrowsePage(QWidget):
    """Query bar above, grid below, the version's panel at the right."""

    altered = Signal()

    def __init__(
        self, frames: FrameList, images: Images, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._frames = frames
        self._version: OpenVersion | None = None
        self.query = QueryBar(theme)
        self.grid = FrameGrid(frames, images, theme)
        self.panel = VersionPanel(theme)
        self.panel.setMinimumWidth(250)
        self.empty = EmptyState(theme, "picture", "No frames yet", "")
        self.no_match = EmptyState(theme, "search", "No frame matches", "")
        self.no_match.offer(("Clear the filter", lambda: self.query.set_text("")))
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(NARROWEST, WIDEST)
        self.slider.setFixedWidth(110)
        self.slider.setAccessibleName("Size of thumbnails")
        self.slider.setToolTip("Size of thumbnails (Ctrl+wheel)")
        self.slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._stack = QStackedWidget()
        for page in (self.grid, self.empty, self.no_match):
            self._stack.addWidget(page)
        self._connect()

    def _connect(self) -> None:
        self.query.asked.connect(self._frames.filter)
        self.query.left.connect(self.grid.setFocus)
        self.panel.label_chosen.connect(lambda name: self.query.set_text(f"rois.label:{quoted(name)}"))
        self.slider.valueChanged.connect(self.grid.set_cell_width)
        self.grid.resized.connect(self.slider.setValue)
        self.grid.chosen.connect(lambda _rows: self._counted())
        self._frames.refused.connect(self.query.show_problem)
        self._frames.counted.connect(self._counted)
        self._frames.modelReset.connect(self._counted)

    def furnish(self, actions: ActionTable) -> None:
        """Builds the page with buttons of the action table."""
        head = QWidget()
        head.setProperty("area", "bar")
        head.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = QHBoxLayout(head)
        row.setContentsMargins(16, 9, 16, 9)
        row.setSpacing(10)
        row.addWidget(self.query, 1)
        side = QHBoxLayout()
        side.setSpacing(8)
        side.addWidget(actions.button("view.thumbnail_annotations", head))
        side.addWidget(self.slider)
        # As high as the query line, so that all stay in line when hints or an error appear below it.
        holder = QWidget()
        holder.setFixedHeight(34)
        holder.setLayout(side)
        side.setContentsMargins(0, 0, 0, 0)
        row.addWidget(holder, 0, Qt.AlignmentFlag.AlignTop)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(head)
        column.addWidget(self._stack, 1)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setHandleWidth(1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(left)
        self.splitter.addWidget(self.panel)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setSizes([900, 290])
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.splitter)

    def show_version(self, version: OpenVersion | None, colours: Colours) -> None:
        """Shows a version's numbers, colours and hints."""
        self._version = version
        self.panel.show_version(version, colours)
        if version is not None:
            self.grid.dress(version.schema, colours)
            used = sorted(version.stats.labels.items(), key=lambda one: -one[1].annotations)
            self.query.set_examples([name for name, _ in used])
        self._counted()

    def _counted(self) -> None:
        version, shown, total = self._version, self._frames.rowCount(), self._frames.total
        counting = self._frames.is_counting
        self.query.show_count(shown, total, counting=counting)
        chosen = len(self.grid.selection)
        if chosen > 1:
            self.query.count.setText(f"{chosen:,} selected of {shown:,}")
        page: QWidget = self.grid
        if version is not None and not shown and not counting:
            page = self.no_match if total else self.empty
            if total:
                self.no_match.say("No frame matches", f"None of the {total:,} frames matches this query.")
        if self._stack.currentWidget() is not page:
            self._stack.setCurrentWidget(page)
        self.altered.emit()
