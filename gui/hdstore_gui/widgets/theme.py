"""Colours, palette and style sheet of the app, light and dark."""

from __future__ import annotations

from dataclasses import dataclass, fields

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QGuiApplication, QIcon, QPalette, QPixmap
from PySide6.QtWidgets import QApplication

from hdstore_gui import resources

__all__ = ["DARK", "LIGHT", "Colors", "Theme"]


@dataclass(frozen=True, slots=True)
class Colors:
    """The colours of one look, by what they are for."""

    window: str
    panel: str
    raised: str
    canvas: str
    line: str
    strong_line: str
    text: str
    soft: str
    faint: str
    accent: str
    on_accent: str
    accent_soft: str
    hover: str
    pressed: str
    good: str
    warn: str
    warn_soft: str
    bad: str
    good_soft: str

    def __getitem__(self, name: str) -> QColor:
        return QColor(getattr(self, name))


LIGHT = Colors(
    window="#f5f6f8",
    panel="#ffffff",
    raised="#ffffff",
    canvas="#e9ebef",
    line="#e4e7ec",
    strong_line="#cfd4dc",
    text="#1b2230",
    soft="#5b6575",
    faint="#8d96a5",
    accent="#3d63dd",
    on_accent="#ffffff",
    accent_soft="#e6ecfd",
    hover="#eef0f4",
    pressed="#e2e6ec",
    good="#1f8a5b",
    warn="#a15c07",
    warn_soft="#fdf3e1",
    bad="#c6303e",
    good_soft="#e8f5ee",
)

DARK = Colors(
    window="#14161a",
    panel="#1a1d22",
    raised="#22262d",
    canvas="#0f1114",
    line="#292e36",
    strong_line="#3c434e",
    text="#e7eaf0",
    soft="#a3acba",
    faint="#737d8c",
    accent="#7c9bff",
    on_accent="#0f1524",
    accent_soft="#26304d",
    hover="#242931",
    pressed="#2d333d",
    good="#56c596",
    warn="#eab464",
    warn_soft="#33291a",
    bad="#f2767f",
    good_soft="#182a23",
)

_SHEET = """
* { outline: 0; }
QMainWindow, QDialog, QMessageBox, QInputDialog { background: @window; }
QToolTip { background: @raised; color: @text; border: 1px solid @strong_line; padding: 4px 7px; }
QMenuBar { background: @panel; border-bottom: 1px solid @line; padding: 2px 6px; }
QMenuBar::item { padding: 5px 10px; border-radius: 5px; background: transparent; color: @soft; }
QMenuBar::item:selected { background: @hover; color: @text; }
QMenu { background: @raised; border: 1px solid @strong_line; padding: 5px; }
QMenu::item { padding: 6px 28px 6px 10px; border-radius: 5px; }
QMenu::item:selected { background: @accent_soft; color: @text; }
QMenu::item:disabled { color: @faint; }
QMenu::separator { height: 1px; background: @line; margin: 5px 8px; }
QMenu::icon { padding-left: 8px; }
QStatusBar { background: @panel; border-top: 1px solid @line; color: @soft; }
QStatusBar::item { border: 0; }
QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
QInputDialog QLineEdit { min-width: 320px; }
QSplitter::handle { background: @line; }
QSplitter::handle:hover { background: @accent; }
QPushButton { background: @raised; border: 1px solid @strong_line; border-radius: 6px; padding: 6px 14px;
    color: @text; font-weight: 500; }
QPushButton:hover { background: @hover; }
QPushButton:pressed { background: @pressed; }
QPushButton:disabled { color: @faint; border-color: @line; }
QPushButton:focus { border-color: @accent; }
QPushButton:default, QPushButton[kind="primary"] { background: @accent; border-color: @accent; color:
@on_accent; } QPushButton[kind="primary"]:hover { border-color: @text; } QPushButton[kind="link"] {
background: transparent; border: 0; color: @accent; padding: 5px 8px; } QPushButton[kind="link"]:hover {
background: @hover; } QPushButton[kind="row"] { background: transparent; border: 0; border-radius: 6px;
text-align: left;
    padding: 7px 10px; font-weight: 400; color: @soft; }
QPushButton[kind="row"]:hover { background: @hover; color: @text; }
QPushButton[kind="primary"]:disabled { background: @hover; border-color: @line; color: @faint; }
QListWidget[kind="framed"] { border: 1px solid @line; border-radius: 6px; padding: 4px; }
QListWidget[kind="framed"]::item { padding: 7px 9px; border-radius: 5px; }
QListWidget[kind="framed"]::item:selected { background: @accent_soft; color: @text; }
QToolButton { border: 0; border-radius: 6px; padding: 5px; background: transparent; color: @soft; }
QToolButton:hover { background: @hover; color: @text; }
QToolButton:pressed { background: @pressed; }
QToolButton:checked { background: @accent_soft; color: @accent; }
QToolButton:focus { background: @hover; }
QToolButton[kind="chooser"] { border: 1px solid @strong_line; padding: 4px 8px; color: @text; }
QToolButton[kind="push"] { background: @raised; border: 1px solid @strong_line; padding: 4px 12px; color: @text;
    font-weight: 500; }
QToolButton[kind="push"]:hover { background: @hover; }
QToolButton[kind="push"]:pressed { background: @pressed; }
QToolButton[kind="push"]:disabled { color: @faint; border-color: @line; }
QToolButton[kind="push"]:focus { border-color: @accent; }
QToolButton::menu-indicator { image: none; }
QLineEdit { background: @raised; border: 1px solid @strong_line; border-radius: 6px; padding: 5px 9px;
    selection-background-color: @accent; selection-color: @on_accent; }
QLineEdit:focus { border-color: @accent; }
QLineEdit:disabled, QLineEdit:read-only { color: @faint; background: @window; }
QLineEdit[bad="true"], QLineEdit[bad="true"]:focus { border-color: @bad; }
QAbstractItemView { background: @panel; border: 0; selection-background-color: @accent_soft;
    selection-color: @text; alternate-background-color: @panel; }
QTreeView::item { padding: 3px 2px; border: 0; }
QTreeView::item:hover { background: @hover; }
QTreeView::item:selected { background: @accent_soft; color: @text; }
QTreeView::branch { background: transparent; }
QHeaderView::section { background: @panel; color: @faint; border: 0; border-bottom: 1px solid @line;
    padding: 5px 8px; font-weight: 500; }
QTabWidget::pane { border: 0; }
QTabBar { qproperty-drawBase: 0; background: transparent; }
QTabBar::tab { background: transparent; color: @soft; padding: 9px 4px 8px 4px; margin: 0 9px;
    border-bottom: 2px solid transparent; font-weight: 500; }
QTabBar::tab:hover { color: @text; }
QTabBar::tab:selected { color: @text; border-bottom-color: @accent; }
QScrollBar:vertical { background: transparent; width: 12px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 0; }
QScrollBar::handle { background: @strong_line; border-radius: 4px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 34px; }
QScrollBar::handle:horizontal { min-width: 34px; }
QScrollBar::handle:hover { background: @faint; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QSlider::groove:horizontal { height: 3px; background: @strong_line; border-radius: 1px; }
QSlider::sub-page:horizontal { background: @accent; border-radius: 1px; }
QSlider::handle:horizontal { background: @raised; border: 1px solid @faint; width: 12px; height: 12px;
    margin: -6px 0; border-radius: 7px; }
QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus { border-color: @accent; }
QProgressBar { background: @line; border: 0; border-radius: 2px; max-height: 4px; }
QProgressBar::chunk { background: @accent; border-radius: 2px; }
QWidget[area="panel"] { background: @panel; }
QWidget[area="bar"] { background: @panel; border-bottom: 1px solid @line; }
QWidget[area="notice"] { background: @warn_soft; border-bottom: 1px solid @line; }
QWidget[area="notice"][tone="good"] { background: @good_soft; }
QWidget[area="canvas"] { background: @canvas; }
QFrame[role="line"] { background: @line; border: 0; }
QLabel { background: transparent; }
QLabel[role="title"] { font-size: @title; font-weight: 600; color: @text; }
QLabel[role="heading"] { font-weight: 600; color: @text; }
QLabel[role="section"] { color: @faint; font-size: @small; font-weight: 600; }
QLabel[role="soft"] { color: @soft; }
QLabel[role="faint"] { color: @faint; }
QLabel[role="small"] { color: @soft; font-size: @small; }
QLabel[role="bad"] { color: @bad; font-size: @small; }
QLabel[role="number"] { font-size: @number; font-weight: 600; color: @text; }
QLabel[role="chip"] { background: @hover; color: @soft; border-radius: 4px; padding: 2px 7px; font-size:
@small; } QLabel[role="chip"][tone="draft"] { background: @accent_soft; color: @accent; } QLabel[role="key"] {
background: @hover; border: 1px solid @strong_line; border-radius: 4px; padding: 1px 6px;
    font-size: @small; color: @text; }
"""


class Theme(QObject):
    """The look that is on; asks the system where the user chose to follow it."""

    changed = Signal()

    def __init__(self, app: QApplication, name: str = "system", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._app = app
        self._name = name
        app.setStyle("Fusion")
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._system_changed)
        self.colors = LIGHT
        self._put_on()

    @property
    def name(self) -> str:
        """Either light, dark or system."""
        return self._name

    @property
    def is_dark(self) -> bool:
        """Whether the dark look is on."""
        return self.colors is DARK

    def choose(self, name: str) -> None:
        """Puts on the light or the dark look, or follows the system."""
        self._name = name
        self._put_on()
        self.changed.emit()

    def icon(self, name: str, *, size: int = 18) -> QIcon:
        """Returns an icon in this look's colours."""
        return resources.icon(
            name, self.colors["soft"], self.colors["strong_line"], self.colors["accent"], size=size
        )

    def pixmap(self, name: str, color: str = "soft", *, size: int = 18) -> QPixmap:
        """Returns an icon as a picture in one of this look's colours."""
        return resources.pixmap(name, self.colors[color], size=size, ratio=self._app.devicePixelRatio())

    def font(self, *, delta: float = 0.0, bold: bool = False) -> QFont:
        """Returns the app's font, some points larger or smaller."""
        font = QFont(self._app.font())
        font.setPointSizeF(max(font.pointSizeF() + delta, 6.0))
        if bold:
            font.setWeight(QFont.Weight.DemiBold)
        return font

    def _system_changed(self) -> None:
        if self._name == "system":
            self._put_on()
            self.changed.emit()

    def _put_on(self) -> None:
        system_dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        dark = self._name == "dark" or (self._name == "system" and system_dark)
        self.colors = DARK if dark else LIGHT
        self._app.setPalette(_palette(self.colors))
        self._app.setStyleSheet(_sheet(self.colors, self._app.font().pointSizeF()))


def _palette(colors: Colors) -> QPalette:
    palette = QPalette()
    roles = {
        QPalette.ColorRole.Window: "window",
        QPalette.ColorRole.Base: "panel",
        QPalette.ColorRole.AlternateBase: "window",
        QPalette.ColorRole.Button: "raised",
        QPalette.ColorRole.ToolTipBase: "raised",
        QPalette.ColorRole.Text: "text",
        QPalette.ColorRole.WindowText: "text",
        QPalette.ColorRole.ButtonText: "text",
        QPalette.ColorRole.ToolTipText: "text",
        QPalette.ColorRole.BrightText: "bad",
        QPalette.ColorRole.PlaceholderText: "faint",
        QPalette.ColorRole.Highlight: "accent",
        QPalette.ColorRole.HighlightedText: "on_accent",
        QPalette.ColorRole.Accent: "accent",
        QPalette.ColorRole.Link: "accent",
        QPalette.ColorRole.Light: "raised",
        QPalette.ColorRole.Midlight: "hover",
        QPalette.ColorRole.Mid: "strong_line",
        QPalette.ColorRole.Dark: "faint",
        QPalette.ColorRole.Shadow: "canvas",
    }
    for role, name in roles.items():
        palette.setColor(role, colors[name])
    for role in (
        QPalette.ColorRole.Text,
        QPalette.ColorRole.WindowText,
        QPalette.ColorRole.ButtonText,
    ):
        palette.setColor(QPalette.ColorGroup.Disabled, role, colors["faint"])
    return palette


def _sheet(colors: Colors, points: float) -> str:
    sheet = _SHEET
    sizes = {"title": points + 4.5, "number": points + 4.5, "small": points - 1.0}
    for name, size in sizes.items():
        sheet = sheet.replace(f"@{name}", f"{size:.1f}pt")
    # Longest names first: @accent is the beginning of @accent_soft.
    for name in sorted((field.name for field in fields(colors)), key=len, reverse=True):
        sheet = sheet.replace(f"@{name}", getattr(colors, name))
    return sheet
