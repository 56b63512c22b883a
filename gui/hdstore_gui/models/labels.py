"""The labels that can be given: those of the schema and those that are in use, as a list model."""

from __future__ import annotations

from collections import Counter
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor

from hdstore.model import Frame, Schema, Stats
from hdstore_gui.editing.labels import Colours
from hdstore_gui.editing.shortcuts import label_keys

__all__ = ["LabelList"]

_Index = QModelIndex | QPersistentModelIndex


class LabelList(QAbstractListModel):
    """One row for each label: the schema's in its order, then others by how often they are used."""

    KEY = Qt.ItemDataRole.UserRole + 1
    COUNT = Qt.ItemDataRole.UserRole + 2

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._names: list[str] = []
        self._keys: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._colours = Colours()

    def show(self, schema: Schema, stats: Stats, colours: Colours) -> None:
        """Shows the labels of a version."""
        known = [label.name for label in schema.labels]
        used = sorted(stats.labels, key=lambda name: (-stats.labels[name].annotations, name))
        names = [*known, *(name for name in used if name not in known)]
        self._colours = colours
        if names == self._names:
            return
        self.beginResetModel()
        self._names = names
        keys = label_keys(schema.labels)
        free = iter(digit for digit in "123456789" if digit not in keys)
        for name in names[len(known) :]:
            digit = next(free, "")
            if digit:
                keys[digit] = name
        self._keys = keys
        self.endResetModel()

    def count_in(self, frame: Frame | None) -> None:
        """Counts the labels of the frame that is shown."""
        counts = Counter(label for one in frame.annotations for label in one.labels) if frame else Counter()
        if counts != self._counts:
            self._counts = counts
            if self._names:
                self.dataChanged.emit(self.index(0), self.index(len(self._names) - 1), [self.COUNT])

    def add(self, name: str) -> None:
        """Shows a label that is new to the version."""
        if name and name not in self._names:
            self.beginInsertRows(QModelIndex(), len(self._names), len(self._names))
            self._names.append(name)
            self.endInsertRows()

    def row_of(self, name: str) -> int:
        """Returns the row of a label, or -1."""
        return self._names.index(name) if name in self._names else -1

    def name_at(self, row: int) -> str:
        """Returns the label in a row."""
        return self._names[row]

    def for_key(self, key: str) -> str | None:
        """Returns the label that a digit stands for."""
        return self._keys.get(key)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        """Returns the number of labels."""
        return 0 if parent.isValid() else len(self._names)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Returns one aspect of a label."""
        if not index.isValid():
            return None
        name = self._names[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return name
        if role == Qt.ItemDataRole.DecorationRole:
            return QColor(*self._colours.of(name))
        if role == self.KEY:
            return next((key for key, label in self._keys.items() if label == name), "")
        return self._counts[name] if role == self.COUNT else None
