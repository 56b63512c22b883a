"""One cell of the grid: thumbnail, outlines of the annotations, name, and the labels with their counts."""

from __future__ import annotations

from collections import Counter

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPen, QPixmap

from hdstore.model import Frame, Schema
from hdstore_gui.editing.labels import Colours
from hdstore_gui.editing.viewport import Viewport
from hdstore_gui.widgets.drawing import Drawn, draw_one, lies_on
from hdstore_gui.widgets.painting import paint_drawn
from hdstore_gui.widgets.theme import Theme

__all__ = ["CAPTION", "CellPainter"]

CAPTION = 44
"""The height of the two lines below a thumbnail."""

MAX_DRAWN = 400
"""More annotations than this can not be told apart on a thumbnail."""


class CellPainter:
    """Paints cells into pictures, in the colours of one version."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self._schema = Schema()
        self._colours = Colours()
        self.annotations = True

    def dress(self, schema: Schema, colours: Colours) -> None:
        """Takes another version's colours."""
        self._schema, self._colours = schema, colours

    def cell(self, frame: Frame, thumbnail: QPixmap | str | None, size: QSize, ratio: float) -> QPixmap:
        """Returns a finished cell."""
        result = QPixmap(round(size.width() * ratio), round(size.height() * ratio))
        result.setDevicePixelRatio(ratio)
        result.fill(self._theme.colors["window"])
        painter = QPainter(result)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        place = QRectF(0, 0, size.width(), size.height() - CAPTION)
        self._paint_ground(painter, place)
        if isinstance(thumbnail, QPixmap):
            self._paint_picture(painter, place, thumbnail, frame)
        elif thumbnail is not None:
            self._paint_refusal(painter, place, thumbnail)
        self._paint_caption(painter, size, frame)
        painter.end()
        return result

    def paint_waiting(self, painter: QPainter, rect: QRect, name: str) -> None:
        """Paints the cell of a frame that is not read yet."""
        self._paint_ground(painter, QRectF(rect).adjusted(0, 0, 0, -CAPTION))
        painter.save()
        painter.translate(rect.topLeft())
        self._paint_name(painter, rect.size(), name)
        painter.restore()

    def _paint_ground(self, painter: QPainter, place: QRectF) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colors["canvas"])
        painter.drawRoundedRect(place, 8, 8)

    def _paint_picture(self, painter: QPainter, place: QRectF, thumbnail: QPixmap, frame: Frame) -> None:
        scale = min(place.width() / thumbnail.width(), place.height() / thumbnail.height())
        width, height = thumbnail.width() * scale, thumbnail.height() * scale
        x, y = place.x() + (place.width() - width) / 2, place.y() + (place.height() - height) / 2
        clip = QPainterPath()
        clip.addRoundedRect(place, 8, 8)
        painter.save()
        painter.setClipPath(clip)
        painter.drawPixmap(QRectF(x, y, width, height), thumbnail, QRectF(thumbnail.rect()))
        source = frame.sources[0]
        if self.annotations and source.width and source.height:
            view = Viewport(
                picture=(source.width, source.height),
                view=(place.width(), place.height()),
                scale=width / source.width,
                x=x,
                y=y,
            )
            items = [(item, 1e9) for item in self._drawn(frame)]
            paint_drawn(painter, items, view, width=1.0, fill=False)
        painter.restore()

    def _drawn(self, frame: Frame) -> list[Drawn]:
        source_id = frame.sources[0].id
        shown = [one for one in frame.annotations if lies_on(one, frame, source_id)]
        return [draw_one(one, self._colours, self._schema, {}) for one in shown[:MAX_DRAWN]]

    def _paint_refusal(self, painter: QPainter, place: QRectF, reason: str) -> None:
        icon = self._theme.pixmap("picture", "faint", size=22)
        painter.drawPixmap(QPointF(place.center().x() - 11, place.center().y() - 30), icon)
        painter.setPen(self._theme.colors["soft"])
        painter.setFont(self._theme.font(delta=-1.5))
        text = place.adjusted(10, place.height() / 2 - 2, -10, -6)
        flags = (
            int(Qt.AlignmentFlag.AlignHCenter)
            | int(Qt.AlignmentFlag.AlignTop)
            | int(Qt.TextFlag.TextWordWrap)
        )
        painter.drawText(text, flags, reason)

    def _paint_caption(self, painter: QPainter, size: QSize, frame: Frame) -> None:
        self._paint_name(painter, size, frame.id)
        counts = Counter(label for annotation in frame.annotations for label in annotation.labels)
        font = self._theme.font(delta=-1.5)
        metrics = QFontMetricsF(font)
        painter.setFont(font)
        x, y = 3.0, size.height() - 10.0
        if not counts:
            painter.setPen(self._theme.colors["faint"])
            painter.drawText(QPointF(x, y), "not annotated")
            return
        ranked = counts.most_common()
        for place, (label, count) in enumerate(ranked):
            text = f"{label} {count}" if count > 1 else label
            width = 12 + metrics.horizontalAdvance(text)
            last = place == len(ranked) - 1
            if x + width > size.width() - (4 if last else 26):
                if place == 0:
                    text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, size.width() - 44.0)
                    self._paint_label(painter, QPointF(x, y), text, label)
                    x += 20 + metrics.horizontalAdvance(text)
                    place = 1
                if place < len(ranked):
                    painter.setPen(self._theme.colors["faint"])
                    painter.drawText(QPointF(x, y), f"+{len(ranked) - place}")
                return
            self._paint_label(painter, QPointF(x, y), text, label)
            x += width + 8

    def _paint_label(self, painter: QPainter, at: QPointF, text: str, label: str) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(*self._colours.of(label)))
        painter.drawEllipse(QPointF(at.x() + 3.5, at.y() - 4), 3.5, 3.5)
        painter.setPen(QPen(self._theme.colors["soft"]))
        painter.drawText(at + QPointF(11, 0), text)

    def _paint_name(self, painter: QPainter, size: QSize, name: str) -> None:
        font = self._theme.font(delta=-0.5)
        painter.setFont(font)
        painter.setPen(self._theme.colors["text"])
        shown = QFontMetricsF(font).elidedText(name, Qt.TextElideMode.ElideMiddle, size.width() - 6.0)
        painter.drawText(QPointF(3, size.height() - CAPTION + 18), shown)
