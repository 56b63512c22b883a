"""The saves of a frame or an annotation as a list model."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from hdstore_gui.history import HistoryRow

__all__ = ["HistoryList"]

_Index = QModelIndex | QPersistentModelIndex


class HistoryList(QAbstractListModel):
    """One row for each save, the latest first."""

    BYLINE = Qt.ItemDataRole.UserRole + 1
    """Who made it, when, and in which version."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[HistoryRow, ...] = ()

    def show(self, rows: tuple[HistoryRow, ...]) -> None:
        """Shows these saves."""
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def row_at(self, row: int) -> HistoryRow | None:
        """Returns a save, or None where there is no such row."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        """Returns the number of saves."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Returns one aspect of a save."""
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.what
        if role == self.BYLINE:
            return f"{row.who}  {row.when}"
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{row.details or row.what}\n{row.who}, {row.when}, {row.version} ({row.commit[:10]})"
        return None
