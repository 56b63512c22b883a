"""Datasets and their versions as a tree model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from hdstore_gui.catalog import DatasetEntry, VersionEntry

__all__ = ["VersionTree"]

_Index = QModelIndex | QPersistentModelIndex
_TOP = 0
"""The internal id of datasets; a version carries its dataset's row plus one."""


class VersionTree(QAbstractItemModel):
    """Datasets, and under each its versions, latest first."""

    PATH = Qt.ItemDataRole.UserRole + 1
    DETAIL = Qt.ItemDataRole.UserRole + 2
    IS_DRAFT = Qt.ItemDataRole.UserRole + 3
    STANDING = Qt.ItemDataRole.UserRole + 4
    """How many saves a version is ahead of and behind the remote: "↑2 ↓1"."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._datasets: tuple[DatasetEntry, ...] = ()
        self._remote = ""
        self._standing: Mapping[str, tuple[int, int]] = {}

    def mark(self, remote: str, standing: Mapping[str, tuple[int, int]]) -> None:
        """Marks versions by id with the saves that a remote lacks, and with those that are lacking here."""
        self._remote, self._standing = remote, standing
        for row, dataset in enumerate(self._datasets):
            if dataset.versions:
                parent = self.index(row, 0)
                last = self.index(len(dataset.versions) - 1, 0, parent)
                self.dataChanged.emit(self.index(0, 0, parent), last)

    def show(self, datasets: tuple[DatasetEntry, ...]) -> None:
        """Shows these datasets; where the same versions stand, the tree keeps its shape."""
        same = _shape(datasets) == _shape(self._datasets)
        if same:
            self._datasets = datasets
            for row, dataset in enumerate(datasets):
                parent = self.index(row, 0)
                self.dataChanged.emit(parent, parent)
                if dataset.versions:
                    last = self.index(len(dataset.versions) - 1, 0, parent)
                    self.dataChanged.emit(self.index(0, 0, parent), last)
            return
        self.beginResetModel()
        self._datasets = datasets
        self.endResetModel()

    def find(self, version_id: str) -> QModelIndex:
        """Returns the place of a version, or an invalid index."""
        for row, dataset in enumerate(self._datasets):
            for inner, version in enumerate(dataset.versions):
                if version.id == version_id:
                    return self.index(inner, 0, self.index(row, 0))
        return QModelIndex()

    def version_at(self, index: _Index) -> VersionEntry | None:
        """Returns the version at a place, or None for a dataset."""
        if not index.isValid() or index.internalId() == _TOP:
            return None
        return self._datasets[index.internalId() - 1].versions[index.row()]

    def dataset_at(self, index: _Index) -> DatasetEntry | None:
        """Returns the dataset at a place, or the one that a version belongs to."""
        if not index.isValid():
            return None
        inner = index.internalId()
        return self._datasets[index.row() if inner == _TOP else inner - 1]

    def index(self, row: int, column: int, parent: _Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        """Returns the index of a row under a parent."""
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, parent.row() + 1 if parent.isValid() else _TOP)

    def parent(self, index: _Index) -> QModelIndex:  # type: ignore[override]
        """Returns the dataset of a version."""
        if not index.isValid() or index.internalId() == _TOP:
            return QModelIndex()
        return self.createIndex(index.internalId() - 1, 0, _TOP)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Returns the number of datasets, or of versions of one."""
        if not parent.isValid():
            return len(self._datasets)
        if parent.internalId() == _TOP and parent.column() == 0:
            return len(self._datasets[parent.row()].versions)
        return 0

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Returns one: the rest is painted beside the name."""
        return 1

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Returns one aspect of a dataset or version."""
        dataset, version = self.dataset_at(index), self.version_at(index)
        if dataset is None:
            return None
        if version is None:
            return _dataset_data(dataset, role)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return version.name
        if role == self.PATH:
            return version.path
        if role == self.IS_DRAFT:
            return version.is_draft
        if role == self.DETAIL:
            return f"{version.frames:,}"
        ahead, behind = self._standing.get(version.id, (0, 0))
        if role == self.STANDING:
            return " ".join(f"{arrow}{saves:,}" for arrow, saves in (("↑", ahead), ("↓", behind)) if saves)
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            kind = "draft" if version.is_draft else "published"
            about = f"{version.name}, {kind}, {version.frames:,} frames, {version.annotated:,} annotated"
            parts = (about, version.description, _standing_words(self._remote, ahead, behind))
            return "\n".join(part for part in parts if part)
        return None


def _standing_words(remote: str, ahead: int, behind: int) -> str:
    parts = []
    if ahead:
        parts.append(f"{ahead:,} save{'' if ahead == 1 else 's'} ahead of {remote}")
    if behind:
        parts.append(f"{behind:,} save{'' if behind == 1 else 's'} behind {remote}")
    return f"{', '.join(parts)}, as last seen" if parts else ""


def _dataset_data(dataset: DatasetEntry, role: int) -> Any:
    if role == Qt.ItemDataRole.DisplayRole:
        return dataset.name
    if role == VersionTree.DETAIL:
        return dataset.project
    if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
        return f"{dataset.name}\n{dataset.description}".strip()
    return None


def _shape(datasets: tuple[DatasetEntry, ...]) -> list[tuple[str, list[tuple[str, bool]]]]:
    return [(one.id, [(v.id, v.is_draft) for v in one.versions]) for one in datasets]
