"""JSON-like values as a tree that is read and copied from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

__all__ = ["JsonTree"]

MAX_CHILDREN = 500
"""A list of more values than this is cut: it is data, not something to read."""


class JsonTree(QTreeWidget):
    """Shows names and values in two columns; Ctrl+C copies a value."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setColumnCount(2)
        self.setHeaderHidden(True)
        self.setAccessibleName(name)
        self.setIndentation(14)
        self.setUniformRowHeights(True)
        header = self.header()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.resizeSection(0, 130)

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Shows these values instead of the ones before."""
        self.clear()
        for name, value in values.items():
            self._add(None, name, value)

    def _add(self, parent: QTreeWidgetItem | None, name: str, value: Any) -> None:
        item = QTreeWidgetItem([name, _shown(value)])
        item.setToolTip(1, item.text(1))
        item.setForeground(0, self.palette().placeholderText())
        if parent is None:
            self.addTopLevelItem(item)
        else:
            parent.addChild(item)
        if isinstance(value, Mapping):
            for inner, one in value.items():
                self._add(item, str(inner), one)
        elif isinstance(value, list | tuple):
            for number, one in enumerate(value[:MAX_CHILDREN]):
                self._add(item, str(number), one)
        item.setExpanded(parent is None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copies the value of the current row."""
        item = self.currentItem()
        if item is not None and event.matches(QKeySequence.StandardKey.Copy):
            QApplication.clipboard().setText(item.text(1) or item.text(0))
        elif event.key() in (Qt.Key.Key_A, Qt.Key.Key_D):
            # These turn frames; the tree would search for a row that begins with the letter.
            event.ignore()
        else:
            super().keyPressEvent(event)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "" if value else "{}"
    if isinstance(value, list | tuple):
        return f"{len(value)} values" if value else "[]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
