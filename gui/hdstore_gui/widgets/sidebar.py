"""The side bar: the repository that is open, its datasets and their versions."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QModelIndex, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QLabel, QTreeView, QVBoxLayout, QWidget

from hdstore_gui.catalog import DatasetEntry
from hdstore_gui.models.versions import VersionTree
from hdstore_gui.services.exchanging import Standing
from hdstore_gui.widgets.actions import ActionTable
from hdstore_gui.widgets.bits import label, line
from hdstore_gui.widgets.rows import VersionRows
from hdstore_gui.widgets.theme import Theme

__all__ = ["Sidebar"]


class Sidebar(QWidget):
    """Shows where one is, and leads to every version."""

    chosen = Signal(str)
    """The path of a version that was clicked, or reached with the keys."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumWidth(190)
        self._theme = theme
        self._logo = QLabel()
        self._name = label("hdstore", "heading")
        self._folder = label("", "small")
        self._remote = label("", "small")
        self.model = VersionTree(self)
        self.tree = QTreeView()
        self.tree.setModel(self.model)
        self.tree.setItemDelegate(VersionRows(theme, self.tree))
        self.tree.setHeaderHidden(True)
        self.tree.setRootIsDecorated(False)
        self.tree.setIndentation(0)
        self.tree.setMouseTracking(True)
        self.tree.setAccessibleName("Datasets and versions")
        self.tree.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.tree.setExpandsOnDoubleClick(False)
        self.tree.selectionModel().currentChanged.connect(self._current)
        self.tree.clicked.connect(self._clicked)
        theme.changed.connect(self._recolor)
        self._recolor()

    def furnish(self, actions: ActionTable) -> None:
        """Builds the bar with buttons of the action table."""
        names = QVBoxLayout()
        names.setSpacing(0)
        names.addWidget(self._name)
        names.addWidget(self._folder)
        head = QHBoxLayout()
        head.setContentsMargins(16, 12, 10, 12)
        head.setSpacing(11)
        head.addWidget(self._logo)
        head.addLayout(names, 1)
        head.addWidget(actions.button("file.open", self))
        title = QHBoxLayout()
        title.setContentsMargins(16, 12, 10, 2)
        title.addWidget(label("DATASETS", "section"), 1)
        title.addWidget(actions.button("file.dataset", self))
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 6, 12, 8)
        for action_id in ("sync.pull", "sync.push"):
            foot.addWidget(actions.button(action_id, self))
        foot.addWidget(self._remote)
        foot.addStretch(1)
        for action_id in ("view.toggle_theme", "help.keys"):
            foot.addWidget(actions.button(action_id, self))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(line())
        column.addLayout(title)
        column.addWidget(self.tree, 1)
        column.addWidget(line())
        column.addLayout(foot)

    def show_folder(self, folder: Path) -> None:
        """Shows which repository is open."""
        self._name.setText(folder.name or str(folder))
        shown = self._folder.fontMetrics().elidedText(str(folder.parent), Qt.TextElideMode.ElideLeft, 150)
        self._folder.setText(shown)
        self._folder.setToolTip(str(folder))

    def show_standing(self, standing: Standing) -> None:
        """Marks the versions that a remote has not got, or has got more of."""
        self.model.mark(standing.remote, standing.versions)
        self.tree.viewport().update()
        metrics = self._remote.fontMetrics()
        self._remote.setText(metrics.elidedText(standing.remote, Qt.TextElideMode.ElideRight, 90))
        where = standing.remotes[0][1] if standing.remotes else ""
        seen = "" if standing.seen or not where else "\nNothing was exchanged with it yet."
        self._remote.setToolTip(f"{where}{seen}")

    def show_datasets(self, datasets: tuple[DatasetEntry, ...], current: str) -> None:
        """Shows the datasets, with the version that is open selected."""
        with QSignalBlocker(self.tree.selectionModel()):
            self.model.show(datasets)
            self.tree.expandAll()
            self.tree.setCurrentIndex(self.model.find(current))
        self.tree.viewport().update()

    def mark(self, version_id: str) -> None:
        """Selects the version that is open."""
        with QSignalBlocker(self.tree.selectionModel()):
            self.tree.setCurrentIndex(self.model.find(version_id))
        self.tree.viewport().update()

    def _current(self, index: QModelIndex) -> None:
        version = self.model.version_at(index)
        if version is not None:
            self.chosen.emit(version.path)

    def _clicked(self, index: QModelIndex) -> None:
        if self.model.version_at(index) is None:
            self.tree.setExpanded(index, not self.tree.isExpanded(index))

    def _recolor(self) -> None:
        self._logo.setPixmap(self._theme.pixmap("app", "accent", size=26))
