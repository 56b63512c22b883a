"""The lists beside the picture: labels to give, annotations of the frame, and what else the frame holds."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QListView,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from hdstore.codec import frame_to_builtins
from hdstore.model import Frame, replace
from hdstore_gui.editing.selection import Selection
from hdstore_gui.models.annotations import AnnotationList
from hdstore_gui.models.labels import LabelList
from hdstore_gui.widgets.bits import label
from hdstore_gui.widgets.history_panel import HistoryPanel
from hdstore_gui.widgets.json_tree import JsonTree
from hdstore_gui.widgets.rows import AnnotationRows, LabelRows
from hdstore_gui.widgets.theme import Theme

__all__ = ["AnnotationPanel"]


class _List(QListView):
    """A list whose letters are shortcuts of the window, not a search in the list."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Passes letters and digits on."""
        plain = not event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier
        if plain and event.text().isalnum():
            event.ignore()
        else:
            super().keyPressEvent(event)


class AnnotationPanel(QTabWidget):
    """Annotations and labels on the first tab, metadata and sources on the second, history on the third."""

    selected = Signal(object)
    """The ``Selection`` made in the list."""

    label_chosen = Signal(str)
    """A label to give to what is selected and to what is drawn next."""

    def __init__(
        self, theme: Theme, annotations: AnnotationList, labels: LabelList, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setDocumentMode(True)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self.tabBar().setExpanding(False)
        self._annotations, self._labels = annotations, labels
        self._echo = False
        self._order: tuple[str, ...] = ()
        self.list = _list("Annotations")
        self.list.setModel(annotations)
        self.list.setItemDelegate(AnnotationRows(theme, labels, self.list))
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        self.list.selectionModel().selectionChanged.connect(self._list_changed)
        annotations.modelReset.connect(self._again)
        self.labels = _list("Labels")
        self.labels.setModel(labels)
        self.labels.setItemDelegate(LabelRows(theme, self.labels))
        self.labels.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.labels.clicked.connect(self._label_clicked)
        self.labels.activated.connect(self._label_clicked)
        self.new_label = QLineEdit()
        self.new_label.setPlaceholderText("New label…")
        self.new_label.setAccessibleName("New label")
        self.new_label.returnPressed.connect(self._new_label)
        self._head = label("ANNOTATIONS", "section")
        self._metadata = JsonTree("Metadata of the frame")
        self._sources = JsonTree("Sources of the frame")
        self.addTab(self._lists(), "Annotations")
        self.addTab(self._details(), "Details")
        self.history = HistoryPanel(theme)
        self.addTab(self.history, "History")

    def _lists(self) -> QWidget:
        self._splitter = splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setHandleWidth(1)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(_part(label("LABEL FOR NEW ANNOTATIONS", "section"), self.labels, self.new_label))
        splitter.addWidget(_part(self._head, self.list))
        splitter.setStretchFactor(1, 1)
        return splitter

    def fit_labels(self) -> None:
        """Gives the labels as much room as they need, up to two fifths of the panel."""
        self.labels.setMinimumHeight(30 * min(self._labels.rowCount(), 6))
        wanted = 104 + 30 * max(self._labels.rowCount(), 2)
        height = max(self._splitter.height(), 400)
        wanted = min(wanted, height * 2 // 5)
        self._splitter.setSizes([wanted, height - wanted])

    def _details(self) -> QWidget:
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setHandleWidth(1)
        splitter.addWidget(_part(label("METADATA", "section"), self._metadata))
        splitter.addWidget(_part(label("SOURCES", "section"), self._sources))
        return splitter

    def show_frame(self, frame: Frame | None) -> None:
        """Shows what a frame holds besides its picture."""
        count = len(frame.annotations) if frame is not None else 0
        self._head.setText(f"ANNOTATIONS  {count}")
        if frame is None:
            self._metadata.clear()
            self._sources.clear()
            return
        plain = frame_to_builtins(replace(frame, annotations=()))
        own: dict[str, Any] = {"id": frame.id}
        own.update({key: plain[key] for key in ("context_id", "timestamp") if key in plain})
        self._metadata.show_values(own | dict(frame.metadata))
        self._sources.show_values({one.get("id", "00"): one for one in plain.get("sources", ())})

    def select(self, selection: Selection) -> None:
        """Shows what is selected on the canvas."""
        self._order = selection.ids
        rows = [row for row in map(self._annotations.row_of, selection.ids) if row >= 0]
        chosen = QItemSelection()
        for row in rows:
            index = self._annotations.index(row)
            chosen.select(index, index)
        self._echo = True
        self.list.selectionModel().select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if rows:
            last = self._annotations.index(rows[-1])
            self.list.selectionModel().setCurrentIndex(last, QItemSelectionModel.SelectionFlag.NoUpdate)
            self.list.scrollTo(last)
        self._echo = False

    def choose_label(self, name: str) -> None:
        """Marks the label that new annotations get."""
        row = self._labels.row_of(name)
        if row >= 0:
            self.labels.setCurrentIndex(self._labels.index(row))
        else:
            self.labels.clearSelection()

    def edit(self, annotation_id: str) -> None:
        """Lets the user type the labels of an annotation."""
        row = self._annotations.row_of(annotation_id)
        if row >= 0:
            self.setCurrentIndex(0)
            self.list.setFocus()
            self.list.setCurrentIndex(self._annotations.index(row))
            self.list.edit(self._annotations.index(row))

    def _again(self) -> None:
        self.select(Selection(self._order))

    def _list_changed(self) -> None:
        if self._echo:
            return
        rows = sorted(index.row() for index in self.list.selectionModel().selectedRows())
        ids = [self._annotations.id_at(row) for row in rows]
        kept = [one for one in self._order if one in ids]
        self._order = (*kept, *(one for one in ids if one not in kept))
        self.selected.emit(Selection(self._order))

    def _label_clicked(self, index: QModelIndex) -> None:
        self.label_chosen.emit(self._labels.name_at(index.row()))

    def _new_label(self) -> None:
        name = self.new_label.text().strip()
        self.new_label.clear()
        if name:
            self._labels.add(name)
            self.label_chosen.emit(name)


def _list(name: str) -> _List:
    made = _List()
    made.setAccessibleName(name)
    made.setUniformItemSizes(True)
    made.setMouseTracking(True)
    made.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    return made


def _part(head: QWidget, body: QWidget, foot: QWidget | None = None) -> QWidget:
    part = QWidget()
    part.setProperty("area", "panel")
    part.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    column = QVBoxLayout(part)
    column.setContentsMargins(0, 14, 0, 12 if foot is not None else 0)
    column.setSpacing(8)
    head.setContentsMargins(16, 0, 16, 0)
    column.addWidget(head)
    column.addWidget(body, 1)
    if foot is not None:
        holder = QVBoxLayout()
        holder.setContentsMargins(14, 0, 14, 0)
        holder.addWidget(foot)
        column.addLayout(holder)
    return part
