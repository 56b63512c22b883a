"""The seam for every question the app asks: whoever answers can be a person at a dialog, or a test."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from PySide6.QtWidgets import QApplication, QFileDialog, QInputDialog, QLineEdit, QMessageBox, QWidget

__all__ = ["Dialogs", "Prompts"]


class Prompts(Protocol):
    """Questions that are answered before the work goes on; None or False means: do nothing."""

    def folder(self, title: str) -> Path | None:
        """Asks for an existing folder."""

    def file(self, title: str, kinds: str) -> Path | None:
        """Asks for an existing file; ``kinds`` is a filter such as "COCO (*.json)"."""

    def text(self, title: str, label: str, value: str = "") -> str | None:
        """Asks for a line of text."""

    def confirm(self, title: str, text: str, *, action: str) -> bool:
        """Asks whether to do what can not be taken back; ``action`` is the verb on the button."""

    def show(self, title: str, text: str) -> None:
        """Shows a text that is read and closed."""


class Dialogs:
    """The person at the screen."""

    def _parent(self) -> QWidget | None:
        return QApplication.activeWindow()

    def folder(self, title: str) -> Path | None:
        """Asks with the system's folder dialog."""
        chosen = QFileDialog.getExistingDirectory(self._parent(), title)
        return Path(chosen) if chosen else None

    def file(self, title: str, kinds: str) -> Path | None:
        """Asks with the system's file dialog."""
        chosen, _kind = QFileDialog.getOpenFileName(self._parent(), title, "", kinds)
        return Path(chosen) if chosen else None

    def text(self, title: str, label: str, value: str = "") -> str | None:
        """Asks with a dialog of one line."""
        answer, accepted = QInputDialog.getText(
            self._parent(), title, label, QLineEdit.EchoMode.Normal, value
        )
        return answer.strip() if accepted and answer.strip() else None

    def confirm(self, title: str, text: str, *, action: str) -> bool:
        """Asks with a box whose safe button is the default."""
        box = QMessageBox(self._parent())
        box.setIcon(QMessageBox.Icon.NoIcon)
        box.setWindowTitle(title)
        box.setText(f"<b>{title}</b>")
        box.setInformativeText(text)
        yes = box.addButton(action, QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.exec()
        return box.clickedButton() is yes

    def show(self, title: str, text: str) -> None:
        """Shows a box with one button."""
        box = QMessageBox(self._parent())
        box.setIcon(QMessageBox.Icon.NoIcon)
        box.setWindowTitle(title)
        box.setText(text)
        box.exec()
