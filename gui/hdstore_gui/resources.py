"""Icons by name: from the installed package, else from the checkout this file lies in."""

from __future__ import annotations

import importlib.resources
from functools import lru_cache
from importlib.resources.abc import Traversable
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from hdstore.errors import NotFoundError

__all__ = ["asset", "icon", "pixmap"]

_RATIOS = (1.0, 2.0)


def asset(name: str) -> Traversable:
    """Returns a file of assets: in a wheel they lie in the package, in a checkout beside it."""
    places: tuple[Traversable, ...] = (
        importlib.resources.files("hdstore") / "_assets",
        Path(__file__).resolve().parents[2] / "assets",
    )
    for place in places:
        found = place.joinpath(name)
        if found.is_file():
            return found
    raise NotFoundError(f"The app's file {name!r} is missing; install hdstore again.")


@lru_cache(maxsize=256)
def _drawing(name: str, color: str) -> QSvgRenderer:
    text = asset(f"icons/{name}.svg").read_text(encoding="utf-8").replace("currentColor", color)
    return QSvgRenderer(QByteArray(text.encode()))


def pixmap(name: str, color: QColor, *, size: int = 18, ratio: float = 1.0) -> QPixmap:
    """Returns an icon drawn in one colour, ``size`` logical pixels wide."""
    image = QPixmap(round(size * ratio), round(size * ratio))
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    _drawing(name, color.name()).render(painter, QRectF(0, 0, size, size))
    painter.end()
    return image


def icon(
    name: str, normal: QColor, disabled: QColor, active: QColor | None = None, *, size: int = 18
) -> QIcon:
    """Returns an icon that follows the theme; ``active`` is its colour while it is checked."""
    result = QIcon()
    for ratio in _RATIOS:
        result.addPixmap(pixmap(name, normal, size=size, ratio=ratio), QIcon.Mode.Normal, QIcon.State.Off)
        result.addPixmap(pixmap(name, disabled, size=size, ratio=ratio), QIcon.Mode.Disabled, QIcon.State.Off)
        checked = active or normal
        result.addPixmap(pixmap(name, checked, size=size, ratio=ratio), QIcon.Mode.Normal, QIcon.State.On)
    return result
