"""The sheet of all shortcuts, built from the table of actions."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from hdstore_gui.widgets.actions import Scope, Spec
from hdstore_gui.widgets.bits import label

__all__ = ["ShortcutSheet"]

_HAND = {
    Scope.BROWSE: (
        ("Move", ("Arrows", "Page", "Home")),
        ("Extend the selection", ("Shift+Arrows", "Shift+Click")),
        ("Open the frame", ("Return", "Double click")),
        ("Add or take away one", ("Space", "Ctrl+Click")),
        ("Select several", ("Drag",)),
        ("Size of thumbnails", ("Ctrl+Wheel",)),
    ),
    Scope.CANVAS: (
        ("Zoom at the pointer", ("Wheel",)),
        ("Move the picture", ("Space+Drag", "Middle button")),
        ("Add or take away one", ("Ctrl+Click",)),
        ("Select several", ("Drag",)),
        ("Keep a box square", ("Shift+Drag",)),
        ("Give a label, or draw with it", ("1", "…", "9")),
    ),
}


class ShortcutSheet(QDialog):
    """Lists what keys and hand can do."""

    def __init__(self, specs: Iterable[Spec], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard and mouse")
        specs = tuple(specs)
        columns = QHBoxLayout()
        columns.setContentsMargins(30, 24, 30, 24)
        columns.setSpacing(44)
        for scopes in ((Scope.FRAME, Scope.CANVAS), (Scope.BROWSE, Scope.CONFLICTS), (Scope.WINDOW,)):
            column = QVBoxLayout()
            column.setSpacing(10)
            for scope in scopes:
                column.addWidget(label(scope.value, "heading"))
                column.addLayout(_rows(scope, specs))
                column.addSpacing(14)
            column.addStretch(1)
            columns.addLayout(column, 1)
        page = QWidget()
        page.setProperty("area", "panel")
        page.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        page.setLayout(columns)
        area = QScrollArea()
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(page)
        self.resize(page.sizeHint().width() + 16, min(page.sizeHint().height() + 4, 760))
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area)


def _rows(scope: Scope, specs: tuple[Spec, ...]) -> QGridLayout:
    listed = [
        spec for spec in specs if spec.scope is scope and spec.keys and not spec.id.startswith("label.")
    ]
    rows = [(spec.text.replace("…", ""), spec.keys) for spec in listed]
    rows += _HAND.get(scope, ())
    grid = QGridLayout()
    grid.setVerticalSpacing(7)
    grid.setHorizontalSpacing(14)
    for number, (text, keys) in enumerate(rows):
        grid.addWidget(label(text, "soft"), number, 0)
        holder = QHBoxLayout()
        holder.setSpacing(4)
        holder.addStretch(1)
        for key in keys[:3]:
            shown = label(_shown(key), "key")
            shown.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
            holder.addWidget(shown)
        grid.addLayout(holder, number, 1)
    grid.setColumnStretch(0, 1)
    return grid


def _shown(key: str) -> str:
    native = QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
    # What is not a key (a click, the wheel) is shown as it is written.
    return native if native and "�" not in native and " " not in key else key
