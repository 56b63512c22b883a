"""How annotations look: outlines, veils, handles and label chips, in the canvas and on thumbnails."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QTransform

from hdstore_gui.editing.outlines import Points
from hdstore_gui.editing.viewport import Viewport
from hdstore_gui.widgets.drawing import Drawn, Veil

__all__ = ["ink_on", "paint_chip", "paint_dashed", "paint_drawn", "paint_handles", "paint_veil"]

TINY = 3.0
"""Annotations whose longer side is shorter than this on the screen are painted as dots."""


CROWD = 150
"""With more annotations in sight than this, they are painted plainly."""


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
    items: Sequence[tuple[Drawn, float]],
    viewport: Viewport,
    *,
    selected: Iterable[str] = (),
    hovered: str = "",
    width: float = 1.8,
    fill: bool = True,
) -> None:
    """Paints annotations, the selected ones last and stronger.

    Lines one pixel wide and without a filling cost a tenth of wider, filled ones, so that is how many are painted.
    """
    chosen = set(selected)
    if len(items) > CROWD:
        width, fill = 1.0, False
    painter.save()
    ratio = painter.deviceTransform().m11()
    painter.setTransform(transform_of(viewport), True)
    brush = _Brush(painter, ratio)
    last: list[Drawn] = []
    for item, extent in items:
        if item.annotation.id in chosen:
            last.append(item)
        elif item.annotation.id == hovered:
            _paint_one(painter, brush, item, width + 0.7, 34)
        elif extent * viewport.scale >= TINY or item.veil is not None:
            _paint_one(painter, brush, item, width, 20 if fill else 0)
        elif item.bounds is not None:
            reach = TINY / viewport.scale
            painter.fillRect(QRectF(item.bounds[0], item.bounds[1], reach, reach), item.color)
    for item in last:
        _paint_one(painter, brush, item, width + 2.2, 0, QColor(255, 255, 255, 200))
        _paint_one(painter, brush, item, width + 0.4, 52)
    painter.restore()
    for item, _ in items:
        if item.outline is not None and len(item.outline.points):
            _paint_points(painter, item.outline.points, viewport, item.color, radius=width + 1.8)


def paint_dashed(painter: QPainter, item: Drawn, viewport: Viewport, ratio: float) -> None:
    """Paints a shape that is not there, but could be: dashed over a dark line, so that it is seen on any ground."""
    painter.save()
    painter.setTransform(transform_of(viewport), True)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if item.veil is not None:
        painter.setOpacity(0.5)
        painter.drawImage(QPointF(item.veil.x, item.veil.y), item.veil.image)
        painter.setOpacity(1.0)
    for color, width, style in (
        (QColor(16, 19, 26, 130), 3.2, Qt.PenStyle.SolidLine),
        (item.color.lighter(160), 2.2, Qt.PenStyle.DashLine),
    ):
        pen = QPen(color, width * ratio, style)
        pen.setCosmetic(True)
        painter.setPen(pen)
        for ring in item.rings:
            painter.drawPolygon(ring)
        if item.path is not None:
            painter.drawPath(item.path)
        for line in item.lines:
            painter.drawPolyline(line)
    painter.restore()
    if item.outline is not None and len(item.outline.points):
        _paint_points(painter, item.outline.points, viewport, item.color, radius=3.0)


class _Brush:
    """Sets pen and brush of a painter only where they change."""

    def __init__(self, painter: QPainter, ratio: float) -> None:
        self._painter = painter
        self._ratio = ratio
        self._now: tuple[int, float, int] | None = None

    def dip(self, color: QColor, width: float, alpha: int) -> None:
        """Paints with this colour, line width and opacity of the filling from now on."""
        wanted = (color.rgba(), width, alpha)
        if wanted == self._now:
            return
        self._now = wanted
        # Cosmetic pens count device pixels. Lines of one pixel stay so: only they are painted the fast way.
        pen = QPen(color, width * self._ratio if width > 1 else 1.0)
        pen.setCosmetic(True)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        self._painter.setPen(pen)
        self._painter.setBrush(with_alpha(color, alpha) if alpha else Qt.BrushStyle.NoBrush)


def _paint_one(
    painter: QPainter, brush: _Brush, item: Drawn, width: float, alpha: int, color: QColor | None = None
) -> None:
    if item.veil is not None:
        painter.drawImage(QPointF(item.veil.x, item.veil.y), item.veil.image)
    for ring in item.rings:
        brush.dip(color or item.color, width, alpha)
        painter.drawPolygon(ring)
    if item.path is not None:
        brush.dip(color or item.color, width, alpha)
        painter.drawPath(item.path)
    for line in item.lines:
        brush.dip(color or item.color, width, 0)
        painter.drawPolyline(line)


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
