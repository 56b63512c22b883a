"""A frame's annotations made ready for painting and for asking what is under a point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QImage, QPainterPath, QPolygonF, qRgba

from hdstore.errors import InvalidValueError
from hdstore.geometry import decode_counts
from hdstore.model import ALL_MASKS, Annotation, Frame, Keypoints, MaskLabel, MaskValue, Rle, Schema
from hdstore_gui.editing.hit import HitMap, Shadow
from hdstore_gui.editing.labels import Colours
from hdstore_gui.editing.outlines import Outline, Points, outline_of

__all__ = ["Drawing", "Drawn", "Veil", "draw_one", "lies_on"]

VEIL = 105
"""How opaque the pixels of a mask are, of 255."""

MAX_RLE_PIXELS = 64_000_000

Masks = Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True, slots=True, eq=False)
class Veil:
    """Coloured pixels over the picture; the corner lies at (x, y)."""

    x: int
    y: int
    image: QImage


class Drawn:
    """One annotation, ready for painting; what only the painter needs is made when it is first in sight."""

    __slots__ = ("_shapes", "annotation", "bounds", "color", "outline", "shadow", "text", "veil")

    def __init__(
        self,
        annotation: Annotation,
        color: QColor,
        text: str,
        *,
        outline: Outline | None = None,
        veil: Veil | None = None,
        shadow: Shadow | None = None,
    ) -> None:
        self.annotation, self.color, self.text = annotation, color, text
        self.outline, self.veil, self.shadow = outline, veil, shadow
        self.bounds: tuple[float, float, float, float] | None = None
        """Left, top, right and bottom in picture pixels, or None for labels of the whole frame."""
        if outline is not None:
            self.bounds = outline.bounds
        elif shadow is not None:
            height, width = shadow.pixels.shape
            self.bounds = (shadow.x, shadow.y, shadow.x + width, shadow.y + height)
        self._shapes: tuple[tuple[QPolygonF, ...], QPainterPath | None, tuple[QPolygonF, ...]] | None = None

    @property
    def rings(self) -> tuple[QPolygonF, ...]:
        """Closed lines to fill each by itself."""
        return self._made()[0]

    @property
    def path(self) -> QPainterPath | None:
        """Closed lines to fill together, where some are holes in others."""
        return self._made()[1]

    @property
    def lines(self) -> tuple[QPolygonF, ...]:
        """Open lines: the bones of a skeleton."""
        return self._made()[2]

    def _made(self) -> tuple[tuple[QPolygonF, ...], QPainterPath | None, tuple[QPolygonF, ...]]:
        if self._shapes is None:
            outline = self.outline
            rings = tuple(_polygon(ring) for ring in outline.rings) if outline is not None else ()
            lines = tuple(_polygon(line) for line in outline.lines) if outline is not None else ()
            path = None
            if len(rings) > 1:
                path = QPainterPath()
                for ring in rings:
                    path.addPolygon(ring)
                    path.closeSubpath()
                rings = ()
            self._shapes = (rings, path, lines)
        return self._shapes


def lies_on(annotation: Annotation, frame: Frame, source_id: str) -> bool:
    """Says whether an annotation lies on a source; without sources of its own it lies on the first."""
    if annotation.sources:
        return source_id in annotation.sources
    return not frame.sources or frame.sources[0].id == source_id


def draw_one(annotation: Annotation, colours: Colours, schema: Schema, masks: Masks) -> Drawn:
    """Returns an annotation ready for painting."""
    color = QColor(*colours.of_labels(annotation.labels))
    text = ", ".join(annotation.labels)
    if annotation.confidence is not None:
        text = f"{text} {annotation.confidence:.2f}".strip()
    geometry = annotation.geometry
    if isinstance(geometry, Rle | MaskValue):
        shadow = _shadow_of(geometry, masks)
        veil = _veil(shadow, color) if shadow is not None else None
        return Drawn(annotation, color, text, veil=veil, shadow=shadow)
    skeleton = None
    if isinstance(geometry, Keypoints):
        for name in (geometry.skeleton, *annotation.labels):
            label = schema.label(name)
            if label is not None and label.skeleton is not None:
                skeleton = label.skeleton
                break
    outline = outline_of(geometry, skeleton)
    return Drawn(annotation, color, text, outline=outline)


def _polygon(points: Points) -> QPolygonF:
    return QPolygonF([QPointF(x, y) for x, y in points.tolist()])


def _shadow_of(geometry: Rle | MaskValue, masks: Masks) -> Shadow | None:
    """Returns the pixels a mask covers, cut to the part that is not empty; None where there are none."""
    if isinstance(geometry, MaskValue):
        values = masks.get(geometry.mask) if geometry.mask else next(iter(masks.values()), None)
        if values is None:
            return None
        pixels = values == _packed(geometry.value)
    else:
        if geometry.width * geometry.height > MAX_RLE_PIXELS:
            return None
        try:
            counts = decode_counts(geometry.counts, height=geometry.height, width=geometry.width)
        except InvalidValueError:
            return None
        runs = np.arange(len(counts)) % 2 == 1
        pixels = np.repeat(runs, counts).reshape(geometry.width, geometry.height).T
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    cut = pixels[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1]
    return Shadow(left, top, np.ascontiguousarray(cut))


def _packed(value: tuple[int, ...]) -> int:
    return value[0] if len(value) == 1 else value[0] << 16 | value[1] << 8 | value[2]


def _veil(shadow: Shadow, color: QColor) -> Veil:
    height, width = shadow.pixels.shape
    data = shadow.pixels.astype(np.uint8).tobytes()
    image = QImage(data, width, height, width, QImage.Format.Format_Indexed8)
    image.setColorTable([0, qRgba(color.red(), color.green(), color.blue(), VEIL)])
    # The copy owns its bytes; the image above only points into Python's.
    return Veil(shadow.x, shadow.y, image.copy())


class Drawing:
    """All annotations of one source, ready for painting; what is unchanged is not drawn anew."""

    def __init__(
        self,
        frame: Frame,
        source_id: str,
        *,
        schema: Schema,
        colours: Colours,
        masks: Masks,
        before: Drawing | None = None,
        hidden: frozenset[str] = frozenset(),
    ) -> None:
        self.frame = frame
        self.source_id = source_id
        self.items: dict[str, Drawn] = {}
        self.frame_labels: list[Drawn] = []
        kept = before.items if before is not None else {}
        for annotation in frame.annotations:
            if annotation.id in hidden or not lies_on(annotation, frame, source_id):
                continue
            known = kept.get(annotation.id)
            if known is None or (known.annotation is not annotation and known.annotation != annotation):
                known = draw_one(annotation, colours, schema, masks)
            if known.bounds is None and annotation.geometry is None:
                self.frame_labels.append(known)
            else:
                self.items[annotation.id] = known
        self.veils: list[Veil] = _labelled_masks(schema, masks, colours) if before is None else before.veils
        outlines = {one: item.outline for one, item in self.items.items() if item.outline is not None}
        shadows = {one: item.shadow for one, item in self.items.items() if item.shadow is not None}
        self.hits = HitMap(outlines, shadows)
        self._order = [item for item in self.items.values() if item.bounds is not None]
        self._bounds = np.array([item.bounds for item in self._order], dtype=np.float64).reshape(-1, 4)

    def in_sight(self, left: float, top: float, right: float, bottom: float) -> list[tuple[Drawn, float]]:
        """Returns the annotations that reach into a part of the picture, with their longer sides."""
        b = self._bounds
        seen = (b[:, 0] <= right) & (b[:, 2] >= left) & (b[:, 1] <= bottom) & (b[:, 3] >= top)
        spans = np.maximum(b[:, 2] - b[:, 0], b[:, 3] - b[:, 1])
        return [(self._order[index], float(spans[index])) for index in np.flatnonzero(seen)]


def _labelled_masks(schema: Schema, masks: Masks, colours: Colours) -> list[Veil]:
    """Returns the veils of mask pixels whose values the schema gives labels."""
    veils = []
    for mask_id, values in masks.items():
        meanings: tuple[MaskLabel, ...] = schema.mask_labels.get(mask_id) or schema.mask_labels.get(
            ALL_MASKS, ()
        )
        for meaning in meanings:
            pixels = values == _packed(meaning.value)
            if not pixels.any():
                continue
            color = QColor(meaning.color) if meaning.color else QColor(*colours.of_labels(meaning.labels))
            veils.append(_veil(Shadow(0, 0, pixels), color))
    return veils
