"""The annotations of one frame as a list model."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor

from hdstore.model import (
    Annotation,
    Box,
    Box3D,
    Ellipse,
    Frame,
    Keypoints,
    Keypoints3D,
    MaskValue,
    Polygon,
    Polygon3D,
    Rle,
)
from hdstore_gui.editing.labels import Colours

__all__ = ["AnnotationList", "kind_of"]

_KINDS: dict[type, str] = {
    Box: "box",
    Box3D: "3D box",
    Ellipse: "ellipse",
    Keypoints: "keypoints",
    Keypoints3D: "3D keypoints",
    MaskValue: "mask",
    Polygon: "polygon",
    Polygon3D: "3D polygon",
    Rle: "mask",
}

_Index = QModelIndex | QPersistentModelIndex


def kind_of(annotation: Annotation) -> str:
    """Returns what kind of annotation this is, in a word or two."""
    geometry = annotation.geometry
    if geometry is None:
        return "frame label"
    if isinstance(geometry, Box) and geometry.angle:
        return "turned box"
    return _KINDS[type(geometry)]


class AnnotationList(QAbstractListModel):
    """One row for each annotation, in the frame's order."""

    ID = Qt.ItemDataRole.UserRole + 1
    LABELS = Qt.ItemDataRole.UserRole + 2
    KIND = Qt.ItemDataRole.UserRole + 3
    CONFIDENCE = Qt.ItemDataRole.UserRole + 4
    IS_HIDDEN = Qt.ItemDataRole.UserRole + 5

    relabelled = Signal(str, object)
    """An annotation id and the tuple of labels that the user typed for it."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._annotations: tuple[Annotation, ...] = ()
        self._colours = Colours()
        self._editable = False
        self._hidden: frozenset[str] = frozenset()

    def hide(self, hidden: frozenset[str]) -> None:
        """Marks the annotations that are hidden on the picture."""
        self._hidden = hidden
        if self._annotations:
            self.dataChanged.emit(self.index(0), self.index(len(self._annotations) - 1), [self.IS_HIDDEN])

    def show(self, frame: Frame | None, colours: Colours, *, editable: bool) -> None:
        """Shows a frame's annotations; where the same ones stand as before, only what changed is told."""
        new = frame.annotations if frame is not None else ()
        same = [one.id for one in new] == [one.id for one in self._annotations]
        self._colours, self._editable = colours, editable
        if same:
            self._annotations = new
            if new:
                self.dataChanged.emit(self.index(0), self.index(len(new) - 1))
            return
        self.beginResetModel()
        self._annotations = new
        self.endResetModel()

    def row_of(self, annotation_id: str) -> int:
        """Returns the row of an annotation, or -1."""
        for row, annotation in enumerate(self._annotations):
            if annotation.id == annotation_id:
                return row
        return -1

    def id_at(self, row: int) -> str:
        """Returns the id of the annotation in a row."""
        return self._annotations[row].id

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        """Returns the number of annotations."""
        return 0 if parent.isValid() else len(self._annotations)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Returns one aspect of an annotation."""
        if not index.isValid():
            return None
        annotation = self._annotations[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return ", ".join(annotation.labels) or "no label"
        if role == Qt.ItemDataRole.EditRole:
            return ", ".join(annotation.labels)
        if role == Qt.ItemDataRole.DecorationRole:
            return QColor(*self._colours.of_labels(annotation.labels))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._spoken(annotation)
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{self._spoken(annotation)}\nid {annotation.id}"
        own = {
            self.ID: annotation.id,
            self.LABELS: annotation.labels,
            self.KIND: kind_of(annotation),
            self.CONFIDENCE: annotation.confidence,
            self.IS_HIDDEN: annotation.id in self._hidden,
        }
        return own.get(role)

    def setData(self, index: _Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Passes on what the user typed; the row changes when the frame does."""
        if not index.isValid() or role != Qt.ItemDataRole.EditRole:
            return False
        labels = tuple(dict.fromkeys(part.strip() for part in str(value).split(",") if part.strip()))
        annotation = self._annotations[index.row()]
        if labels == annotation.labels:
            return False
        self.relabelled.emit(annotation.id, labels)
        return True

    def flags(self, index: _Index) -> Qt.ItemFlag:
        """Returns what can be done with a row."""
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsEditable if self._editable and index.isValid() else flags

    def _spoken(self, annotation: Annotation) -> str:
        parts = [", ".join(annotation.labels) or "no label", kind_of(annotation)]
        if annotation.confidence is not None:
            parts.append(f"confidence {annotation.confidence:g}")
        if annotation.id in self._hidden:
            parts.append("hidden")
        return ", ".join(parts)
