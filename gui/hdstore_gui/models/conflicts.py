"""The conflicts of a version as a table model."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from hdstore_gui.conflicts import ConflictRow

__all__ = ["ConflictTable"]

_Index = QModelIndex | QPersistentModelIndex


class ConflictTable(QAbstractTableModel):
    """One row for each conflict: the frame, what it is about, and what either side holds."""

    ROW = Qt.ItemDataRole.UserRole + 1
    SIDE = Qt.ItemDataRole.UserRole + 2
    """The ``SideText`` of a cell, None in the first two columns."""
    IS_SHOWN = Qt.ItemDataRole.UserRole + 3
    """Whether the frame holds what this cell says."""

    FRAME, WHAT, LEFT, RIGHT = range(4)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[ConflictRow, ...] = ()

    @property
    def rows(self) -> tuple[ConflictRow, ...]:
        """All conflicts."""
        return self._rows

    def show(self, rows: tuple[ConflictRow, ...]) -> None:
        """Shows these conflicts; where the same ones wait, only what is said of them changes."""
        same = [(one.frame_id, one.path) for one in rows] == [(one.frame_id, one.path) for one in self._rows]
        if not same:
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()
        elif rows != self._rows:
            self._rows = rows
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, self.RIGHT))

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        """Returns the number of conflicts."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        """Returns four: frame, what, and the two sides."""
        return 0 if parent.isValid() else 4

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Returns what a column is called; the sides are ours and theirs only where all of them are known."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        sides = ("Ours", "Theirs")
        if any(not row.is_ours_known for row in self._rows):
            known = any(row.is_ours_known for row in self._rows)
            sides = ("Ours or earlier", "Theirs or later") if known else ("Earlier", "Later")
        return ("Frame", "What", *sides)[section]

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Returns one aspect of a conflict."""
        if not index.isValid():
            return None
        row, column = self._rows[index.row()], index.column()
        side = row.sides[column - self.LEFT] if column >= self.LEFT else None
        is_shown = side is not None and row.shown == column - self.LEFT
        if role == self.ROW:
            return row
        if role == self.SIDE:
            return side
        if role == self.IS_SHOWN:
            return is_shown
        if role == Qt.ItemDataRole.DisplayRole:
            if side is not None:
                return side.value
            return (row.frame_id or "the version itself") if column == self.FRAME else row.what
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            if side is None:
                return f"{row.frame_id or 'the version itself'}, {row.what}"
            now = ", shown now" if is_shown else ""
            return f"{side.name}: {side.value}{now}\n{side.who} {side.when} ({side.commit[:10]})"
        return None
