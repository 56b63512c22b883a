"""The sheet of all shortcuts, built from the table of actions."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from hdstore_gui.widgets.actions import Scope, Spec
from hdstore_gui.widgets.bits import label

__all__ = ["ShortcutSheet"]

_HAND = {
    Scope.BROWSE: (
        ("Move, with Shift to extend the selection", ("Arrows", "Page", "Home", "End")),
        ("Open the frame", ("Return", "Double click")),
        ("Add to or remove from the selection", ("Space", "Ctrl+Click")),
        ("Select several", ("Shift+Click", "Drag on empty ground")),
        ("Larger or smaller thumbnails", ("Ctrl+Wheel",)),
    ),
    Scope.FRAME: (
        ("Zoom at the pointer", ("Wheel",)),
        ("Move the picture", ("Space+Drag", "Middle button")),
        ("Add to or remove from the selection", ("Ctrl+Click",)),
        ("Select several", ("Drag on empty ground",)),
        ("Keep a box square while drawing or resizing", ("Shift",)),
    ),
}


class ShortcutSheet(QDialog):
    """Lists what keys and hand can do."""

    def __init__(self, specs: Iterable[Spec], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard and mouse")
        self.resize(980, 640)
        specs = tuple(specs)
        columns = QHBoxLayout()
        columns.setSpacing(36)
        for scope in Scope:
            columns.addWidget(self._column(scope, specs), 1)
        page = QWidget()
        page.setProperty("area", "panel")
        page.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        page.setLayout(columns)
        columns.setContentsMargins(28, 24, 28, 24)
        area = QScrollArea()
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setWidget(page)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area)

    def _column(self, scope: Scope, specs: tuple[Spec, ...]) -> QWidget:
        rows = [
            (spec.text.replace("…", ""), spec.keys) for spec in specs if spec.scope is scope and spec.keys
        ]
        rows += _HAND.get(scope, ())
        part = QWidget()
        grid = QGridLayout(part)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(9)
        grid.setHorizontalSpacing(14)
        grid.addWidget(label(scope.value, "heading"), 0, 0, 1, 2)
        for number, (text, keys) in enumerate(rows, start=1):
            grid.addWidget(label(text, "soft", wrap=True), number, 0)
            holder = QHBoxLayout()
            holder.setSpacing(4)
            holder.addStretch(1)
            for key in keys[:3]:
                holder.addWidget(label(_shown(key), "key"))
            grid.addLayout(holder, number, 1)
        grid.setColumnStretch(0, 1)
        grid.setRowStretch(len(rows) + 1, 1)
        return part


def _shown(key: str) -> str:
    native = QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
    # What is not a key (a click, the wheel) is shown as it is written.
    return native if native and "�" not in native and " " not in key else key
