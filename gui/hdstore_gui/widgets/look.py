"""How the canvas looks at one moment, as a value, and the painting of it."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from hdstore.model import Box, Ellipse
from hdstore_gui.editing.outlines import handles_of
from hdstore_gui.editing.selection import Selection
from hdstore_gui.editing.viewport import Viewport
from hdstore_gui.services.pictures import Picture
from hdstore_gui.widgets.drawing import Drawing, Drawn
from hdstore_gui.widgets.painting import (
    paint_chip,
    paint_dashed,
    paint_drawn,
    paint_handles,
    paint_veil,
    transform_of,
    with_alpha,
)
from hdstore_gui.widgets.theme import Theme

__all__ = ["AROUND", "Look", "paint_look"]

AROUND = 48
"""Widget pixels around a shape that its handles and its label may cover."""

MANY = 70
"""With more annotations in sight than this, only the hovered and selected ones show their labels."""

LEGION = 5_000
"""With more annotations than this, lines are not smoothed even at rest."""

WIDE_ENOUGH = 26
"""Widget pixels below which an annotation is too small to carry a label."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """Everything that the painting of a canvas depends on."""

    view: Viewport
    picture: Picture | None
    message: str
    drawing: Drawing
    selection: Selection
    editable: bool
    previews: tuple[Drawn, ...]
    band: tuple[float, float, float, float] | None
    hovered: str
    guides: QPointF | None
    annotations: bool
    labels: bool
    resting: bool
    ratio: float
    ghosts: tuple[Drawn, ...] = ()
    """Shapes that are not in the frame: what the other side of a conflict holds."""


def paint_look(painter: QPainter, look: Look, dirty: QRect, whole: QRect, theme: Theme) -> None:
    """Paints the part of a canvas that has changed."""
    painter.fillRect(dirty, theme.colors["canvas"])
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, look.resting)
    if look.picture is None:
        _paint_message(painter, look, whole, theme)
    else:
        _paint_picture(painter, look, look.picture, whole)
    if look.annotations:
        _paint_annotations(painter, look, dirty, theme)
    if look.guides is not None:
        _paint_guides(painter, look.guides.toPoint(), whole)


def _paint_message(painter: QPainter, look: Look, whole: QRect, theme: Theme) -> None:
    view = look.view
    place = QRectF(view.x, view.y, view.picture[0] * view.scale, view.picture[1] * view.scale)
    painter.fillRect(place, theme.colors["panel"])
    painter.setPen(theme.colors["soft"])
    painter.setFont(theme.font(delta=1))
    flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
    painter.drawText(whole.adjusted(40, 40, -40, -40), flags, look.message)


def _paint_picture(painter: QPainter, look: Look, picture: Picture, whole: QRect) -> None:
    view = look.view
    level = picture.level_for(view.scale * look.ratio)
    # A picture stored smaller than the frame says is stretched, so that annotations lie right.
    per_x, per_y = level.width() / view.picture[0], level.height() / view.picture[1]
    left, top = view.to_picture(0, 0)
    right, bottom = view.to_picture(whole.width(), whole.height())
    # Only whole pixels that are seen: the raster engine has no more than 32,767 of its own to each side.
    x0, y0 = max(int(left * per_x) - 1, 0), max(int(top * per_y) - 1, 0)
    x1 = min(int(right * per_x) + 2, level.width())
    y1 = min(int(bottom * per_y) + 2, level.height())
    if x1 <= x0 or y1 <= y0:
        return
    a, b = view.to_view(x0 / per_x, y0 / per_y)
    c, d = view.to_view(x1 / per_x, y1 / per_y)
    pixelated = view.scale >= 2 or not look.resting
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not pixelated)
    painter.drawImage(QRectF(a, b, c - a, d - b), level, QRectF(x0, y0, x1 - x0, y1 - y0))


def _paint_annotations(painter: QPainter, look: Look, dirty: QRect, theme: Theme) -> None:
    view = look.view
    left, top = view.to_picture(dirty.left() - AROUND, dirty.top() - AROUND)
    right, bottom = view.to_picture(dirty.right() + AROUND, dirty.bottom() + AROUND)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, look.resting and len(look.drawing.items) < LEGION)
    for veil in look.drawing.veils:
        paint_veil(painter, veil, view)
    changing = {item.annotation.id for item in look.previews}
    seen = [
        (item, extent)
        for item, extent in look.drawing.in_sight(left, top, right, bottom)
        if item.annotation.id not in changing
    ]
    paint_drawn(painter, seen, view, selected=look.selection.ids, hovered=look.hovered)
    shown = [(item, 1e9) for item in look.previews]
    paint_drawn(painter, shown, view, selected=changing)
    if look.ghosts:
        _paint_ghosts(painter, look, theme)
    _paint_handles(painter, look)
    if look.labels:
        _paint_labels(painter, look, seen, theme)
    if look.band is not None:
        _paint_band(painter, look.band, view, theme.colors["accent"])


def _paint_ghosts(painter: QPainter, look: Look, theme: Theme) -> None:
    """Paints shapes dashed, each with a chip below that says whose it is."""
    view, font = look.view, theme.font(delta=-1.5, bold=True)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, look.resting)
    for item in look.ghosts:
        paint_dashed(painter, item, view, look.ratio)
        if item.bounds is not None and look.labels:
            x, y = view.to_view(item.bounds[0], item.bounds[3])
            paint_chip(painter, item.text, QColor("#10131a"), x - 1, y + 22, font)


def _paint_handles(painter: QPainter, look: Look) -> None:
    if len(look.selection) != 1 or not look.editable:
        return
    chosen = look.selection.ids[0]
    item: Drawn | None = look.drawing.items.get(chosen)
    for preview in look.previews:
        if preview.annotation.id == chosen:
            item = preview
    if item is None:
        return
    handles = handles_of(item.annotation.geometry, pixel=look.view.pixel)
    if len(handles):
        turns = isinstance(item.annotation.geometry, Box | Ellipse)
        paint_handles(painter, handles, look.view, item.color.darker(115), turns=turns)


def _paint_labels(painter: QPainter, look: Look, seen: list[tuple[Drawn, float]], theme: Theme) -> None:
    font = theme.font(delta=-1.5, bold=True)
    view, few = look.view, len(seen) <= MANY
    for item, extent in seen:
        strong = item.annotation.id == look.hovered or item.annotation.id in look.selection
        wide = few and extent * view.scale >= WIDE_ENOUGH
        if not item.text or item.bounds is None or not (strong or wide):
            continue
        x, y = view.to_view(item.bounds[0], item.bounds[1])
        right = view.to_view(item.bounds[2], item.bounds[3])[0]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, look.resting or strong)
        room = 0.0 if strong else max(right - x - 10, 24.0)
        color = item.color if strong else with_alpha(item.color, 225)
        paint_chip(painter, item.text, color, x - 1, max(y - 2, 18.0), font, room=room)
    x, y = max(view.x, 0.0) + 10, max(view.y, 0.0) + 30
    for item in look.drawing.frame_labels:
        x = paint_chip(painter, item.text or "no label", item.color, x, y, font).right() + 6


def _paint_band(
    painter: QPainter, band: tuple[float, float, float, float], view: Viewport, accent: QColor
) -> None:
    painter.setTransform(transform_of(view))
    pen = QPen(accent, 1.2)
    pen.setCosmetic(True)
    painter.setPen(pen)
    painter.setBrush(with_alpha(accent, 40))
    left, top, right, bottom = band
    painter.drawRect(QRectF(left, top, right - left, bottom - top))
    painter.resetTransform()


def _paint_guides(painter: QPainter, at: QPoint, whole: QRect) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    dark = QPen(QColor(0, 0, 0, 90), 1, Qt.PenStyle.SolidLine)
    light = QPen(QColor(255, 255, 255, 190), 1, Qt.PenStyle.DashLine)
    for pen in (dark, light):
        painter.setPen(pen)
        painter.drawLine(QPoint(at.x(), 0), QPoint(at.x(), whole.height()))
        painter.drawLine(QPoint(0, at.y()), QPoint(whole.width(), at.y()))
