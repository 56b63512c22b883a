"""The dialog of remotes: what is known, one more, one less."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from hdstore_gui.services.exchanging import Exchanging, Standing
from hdstore_gui.widgets.bits import label, line, push

__all__ = ["RemotesDialog"]


class RemotesDialog(QDialog):
    """Lists, adds and removes remotes; what goes wrong is said below."""

    def __init__(self, exchanging: Exchanging, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Remotes")
        self.setMinimumWidth(560)
        self._exchanging = exchanging
        self.list = QListWidget()
        self.list.setAccessibleName("Remotes")
        self.list.setMinimumHeight(110)
        self.list.setProperty("kind", "framed")
        self.name, self.url = QLineEdit(), QLineEdit()
        self.name.setAccessibleName("Name")
        self.name.setMaximumWidth(130)
        self.url.setAccessibleName("Folder or URL")
        self.url.setPlaceholderText("A folder, or ssh://host/path, https://host/path")
        self.problem = label("", "bad", wrap=True)
        self._nothing = label(
            "No remote yet. A remote is another repository: a folder on the network or a stick, a server, a git host.",
            "faint",
            wrap=True,
        )
        self.remove_button = push("Remove", self._remove)
        self.add_button = push("Add", self._add, "primary")
        self._lay_out()
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)  # Return in a field adds, wherever the focus was before
        self.list.currentRowChanged.connect(lambda row: self.remove_button.setEnabled(row >= 0))
        for field in (self.name, self.url):
            field.textChanged.connect(lambda _text: self._allow())
            field.returnPressed.connect(self._add)
        exchanging.stands.connect(self._show)
        self._show(exchanging.standing)

    def _lay_out(self) -> None:
        under = QHBoxLayout()
        under.addWidget(self._nothing, 1)
        under.addWidget(self.remove_button, 0, Qt.AlignmentFlag.AlignRight)
        fields = QGridLayout()
        fields.setHorizontalSpacing(8)
        fields.addWidget(label("Name", "small"), 0, 0)
        fields.addWidget(label("Folder or URL", "small"), 0, 1)
        fields.addWidget(self.name, 1, 0)
        fields.addWidget(self.url, 1, 1)
        fields.addWidget(push("Folder…", self._browse), 1, 2)
        fields.addWidget(self.add_button, 1, 3)
        fields.setColumnStretch(1, 1)
        foot = QHBoxLayout()
        foot.addWidget(self.problem, 1)
        foot.addWidget(push("Close", self.close))
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(12)
        column.addWidget(self.list, 1)
        column.addLayout(under)
        column.addWidget(line())
        column.addLayout(fields)
        column.addLayout(foot)

    def _show(self, standing: Standing) -> None:
        self.list.clear()
        for name, url in standing.remotes:
            item = QListWidgetItem(f"{name}    {url}")
            item.setData(Qt.ItemDataRole.UserRole, name)
            item.setToolTip(url)
            self.list.addItem(item)
        self._nothing.setVisible(not standing.remotes)
        self.remove_button.setVisible(bool(standing.remotes))
        self.remove_button.setEnabled(self.list.currentRow() >= 0)
        if not standing.remotes and not self.name.text():
            self.name.setText("origin")
        self._allow()

    def _allow(self) -> None:
        self.add_button.setEnabled(bool(self.name.text().strip() and self.url.text().strip()))

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder of the remote")
        if chosen:
            self.url.setText(chosen)

    def _add(self) -> None:
        if not self.add_button.isEnabled():
            return

        def done() -> None:
            self.name.clear()
            self.url.clear()
            self.problem.setText("")

        self._exchanging.add(self.name.text().strip(), self.url.text().strip(), done, self._failed)

    def _remove(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            name = str(item.data(Qt.ItemDataRole.UserRole))
            self._exchanging.remove(name, lambda: self.problem.setText(""), self._failed)

    def _failed(self, error: Exception) -> None:
        self.problem.setText(str(error))
