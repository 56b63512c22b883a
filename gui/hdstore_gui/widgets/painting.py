"""How annotations look: outlines, veils, handles and label chips, in the canvas and on thumbnails."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QTransform

from hdstore_gui.editing.outlines import Points
from hdstore_gui.editing.viewport import Viewport
from hdstore_gui.widgets.drawing import Drawn, Veil

__all__ = ["ink_on", "paint_chip", "paint_drawn", "paint_handles", "paint_veil"]

TINY = 3.0
"""Annotations whose longer side is shorter than this on the screen are painted as dots."""


def ink_on(color: QColor) -> QColor:
    """Returns black or white, whichever reads better on a colour."""
    light = 0.299 * color.red() + 0.587 * color.green() + 0.114 * color.blue()
    return QColor("#10131a") if light > 140 else QColor("#ffffff")


def with_alpha(color: QColor, alpha: int) -> QColor:
    """Returns a colour that lets the ground shine through."""
    return QColor(color.red(), color.green(), color.blue(), alpha)


def transform_of(viewport: Viewport) -> QTransform:
    """Returns the transform from picture pixels to widget pixels."""
    return QTransform(viewport.scale, 0, 0, viewport.scale, viewport.x, viewport.y)


def paint_veil(painter: QPainter, veil: Veil, viewport: Viewport) -> None:
    """Paints the pixels of a mask."""
    x, y = viewport.to_view(veil.x, veil.y)
    size = veil.image.width() * viewport.scale, veil.image.height() * viewport.scale
    painter.drawImage(QRectF(x, y, *size), veil.image)


def paint_drawn(
    painter: QPainter,
    items: Iterable[tuple[Drawn, float]],
    viewport: Viewport,
    *,
    selected: Iterable[str] = (),
    hovered: str = "",
    width: float = 1.8,
    fill: bool = True,
) -> None:
    """Paints annotations, the selected ones last and stronger."""
    chosen = set(selected)
    last: list[Drawn] = []
    for item, extent in items:
        if item.annotation.id in chosen:
            last.append(item)
        elif extent * viewport.scale < TINY and item.veil is None:
            _paint_dot(painter, item, viewport)
        else:
            strong = item.annotation.id == hovered
            _paint_one(
                painter, item, viewport, width=width + strong * 0.7, alpha=(34 if strong else 20) * fill
            )
    for item in last:
        _paint_one(painter, item, viewport, width=width + 2.2, alpha=0, color=QColor(255, 255, 255, 200))
        _paint_one(painter, item, viewport, width=width + 0.4, alpha=52 * fill)


def _paint_dot(painter: QPainter, item: Drawn, viewport: Viewport) -> None:
    if item.bounds is not None:
        x, y = viewport.to_view(item.bounds[0], item.bounds[1])
        painter.fillRect(QRectF(x - 1, y - 1, TINY, TINY), item.color)


def _paint_one(
    painter: QPainter,
    item: Drawn,
    viewport: Viewport,
    *,
    width: float,
    alpha: int,
    color: QColor | None = None,
) -> None:
    if item.veil is not None:
        paint_veil(painter, item.veil, viewport)
    if item.path is None or item.outline is None:
        return
    pen = QPen(color or item.color, width)
    pen.setCosmetic(True)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    # Lines of a skeleton are open: filling them would paint triangles between the bones.
    painter.setBrush(with_alpha(item.color, alpha) if alpha and item.outline.rings else Qt.BrushStyle.NoBrush)
    painter.save()
    painter.setTransform(transform_of(viewport), True)
    painter.drawPath(item.path)
    painter.restore()
    if len(item.outline.points):
        _paint_points(painter, item.outline.points, viewport, color or item.color, radius=width + 1.8)


def _paint_points(
    painter: QPainter, points: Points, viewport: Viewport, color: QColor, *, radius: float
) -> None:
    painter.setPen(QPen(QColor(255, 255, 255, 220), 1.0))
    painter.setBrush(color)
    for x, y in points.tolist():
        painter.drawEllipse(QPointF(*viewport.to_view(x, y)), radius, radius)


def paint_handles(
    painter: QPainter, handles: Points, viewport: Viewport, color: QColor, *, turns: bool
) -> None:
    """Paints the handles of what is selected; ``turns`` says that the last one turns it."""
    placed = [QPointF(*viewport.to_view(x, y)) for x, y in handles.tolist()]
    if turns:
        painter.setPen(QPen(color, 1.4))
        painter.drawLine(placed[1], placed[-1])
    painter.setPen(QPen(color, 1.6))
    painter.setBrush(QColor("#ffffff"))
    for number, point in enumerate(placed):
        if turns and number == len(placed) - 1:
            painter.drawEllipse(point, 5.0, 5.0)
        else:
            painter.drawRoundedRect(QRectF(point.x() - 4, point.y() - 4, 8, 8), 2, 2)


def paint_chip(
    painter: QPainter, text: str, color: QColor, x: float, y: float, font: QFont, *, room: float = 0.0
) -> QRectF:
    """Paints a label in its colour with its lower left corner at (x, y), and returns where it lies.

    The text keeps its size however far the picture is zoomed; ``room`` cuts it to that width.
    """
    metrics = QFontMetricsF(font)
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room) if room else text
    height = metrics.height() + 3
    rect = QRectF(x, y - height, metrics.horizontalAdvance(shown) + 11, height)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawRoundedRect(rect, 3.5, 3.5)
    painter.setFont(font)
    painter.setPen(ink_on(color))
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, shown)
    return rect
