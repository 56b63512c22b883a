"""The canvas: one picture with its annotations, and the hand on it.

Painting is raster only. Antialiasing and smooth scaling are left out while something moves, and one more
paint with them follows when the hand rests: filled shapes with antialiasing cost nine times as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QEnterEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from hdstore.model import Annotation, Frame, Schema, SingleFrame
from hdstore_gui.editing.hit import HitKind
from hdstore_gui.editing.labels import Colours
from hdstore_gui.editing.selection import Selection
from hdstore_gui.editing.tools import BoxTool, Cursor, Pointer, Scene, SelectTool, Step, Tool
from hdstore_gui.editing.viewport import Viewport
from hdstore_gui.services.images import Loaded
from hdstore_gui.services.pictures import Picture
from hdstore_gui.widgets.drawing import Drawing, Drawn, draw_one
from hdstore_gui.widgets.look import AROUND, Look, paint_look
from hdstore_gui.widgets.theme import Theme

__all__ = ["Canvas"]

REST_MS = 130
_CURSORS = {
    Cursor.ARROW: Qt.CursorShape.ArrowCursor,
    Cursor.CROSS: Qt.CursorShape.CrossCursor,
    Cursor.MOVE: Qt.CursorShape.SizeAllCursor,
    Cursor.POINT: Qt.CursorShape.PointingHandCursor,
    Cursor.SIZE_H: Qt.CursorShape.SizeHorCursor,
    Cursor.SIZE_V: Qt.CursorShape.SizeVerCursor,
    Cursor.SIZE_NWSE: Qt.CursorShape.SizeFDiagCursor,
    Cursor.SIZE_NESW: Qt.CursorShape.SizeBDiagCursor,
    Cursor.TURN: Qt.CursorShape.CrossCursor,
}

_NO_FRAME = SingleFrame(id="-")


class Canvas(QWidget):
    """Shows a picture and its annotations; answers the hand through a tool."""

    edited = Signal(object)
    """A ``Step`` whose edits are to be applied."""

    selected = Signal(object)
    """The ``Selection`` that the hand made."""

    refused = Signal()
    """The hand tried to change what can not be changed."""

    relabel = Signal(str)
    """The id of an annotation that was double clicked."""

    zoomed = Signal(float)
    """The scale at which the picture is shown."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._picture: Picture | None = None
        self._message = ""
        self._view = Viewport(picture=(1, 1), view=(1, 1))
        self._fits = True
        self._schema = Schema()
        self._colours = Colours()
        self._loaded: Loaded | None = None
        self._drawing = Drawing(_NO_FRAME, "", schema=self._schema, colours=self._colours, masks={})
        self._tool: Tool = SelectTool()
        self._selection = Selection()
        self._editable = False
        self._label: tuple[str, ...] = ()
        self._hidden: frozenset[str] = frozenset()
        self._show_all = True
        self._show_labels = True
        self._previews: tuple[Drawn, ...] = ()
        self._ghosts: tuple[Drawn, ...] = ()
        self._band: tuple[float, float, float, float] | None = None
        self._hovered = ""
        self._mouse: QPointF | None = None
        self._panning: QPointF | None = None
        self._space = False
        self._moving = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._come_to_rest)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("Picture")
        self.setAccessibleDescription("The picture of the frame; its annotations are listed beside it.")
        self.setMinimumSize(200, 150)
        theme.changed.connect(self.update)

    # What is shown

    @property
    def viewport(self) -> Viewport:
        """Where the picture lies in the widget."""
        return self._view

    @property
    def drawing(self) -> Drawing:
        """The annotations as they are shown."""
        return self._drawing

    @property
    def selection(self) -> Selection:
        """The annotations that are selected."""
        return self._selection

    def show_picture(self, loaded: Loaded, size: tuple[float, float] | None = None) -> None:
        """Shows a picture; another size than the one before is fitted into the view.

        ``size`` is what the annotations are measured in, where it differs from the picture's own.
        """
        before = self._loaded.masks if self._loaded is not None else {}
        self._loaded, self._picture, self._message = loaded, loaded.picture, ""
        width, height = size or (loaded.picture.width, loaded.picture.height)
        if (width, height) != self._view.picture:
            self._view = replace(self._view, picture=(width, height))
            self._fits = True
        if self._fits:
            self.fit()
        if loaded.masks or before:
            self._drawing = self._drawn(self._drawing.frame, self._drawing.source_id, None)
        self.update()

    def show_message(self, text: str, size: tuple[float, float] | None = None) -> None:
        """Shows why there is no picture; annotations are still shown where the size is known."""
        self._loaded, self._picture, self._message = None, None, text
        if size is not None and size != self._view.picture:
            self._view = replace(self._view, picture=size)
            self._fits = True
        if self._fits:
            self.fit()
        self.update()

    def show_frame(self, frame: Frame, source_id: str, *, schema: Schema, colours: Colours) -> None:
        """Shows the annotations of one source of a frame."""
        same = frame.id == self._drawing.frame.id and source_id == self._drawing.source_id
        same = same and schema is self._schema
        self._schema, self._colours = schema, colours
        self._drawing = self._drawn(frame, source_id, self._drawing if same else None)
        if not same:
            self._tool.cancel()
            self._previews, self._band, self._hovered = (), None, ""
        self.select(self._selection.kept(annotation.id for annotation in frame.annotations))
        self.update()

    def set_editable(self, editable: bool) -> None:
        """Says whether the hand may change annotations."""
        self._editable = editable

    def set_label(self, labels: tuple[str, ...]) -> None:
        """Sets the labels that new annotations get."""
        self._label = labels

    def use(self, tool: Tool) -> None:
        """Works with another tool from now on."""
        self._tool.cancel()
        self._tool, self._previews, self._band = tool, (), None
        self._hover()
        self.update()

    def select(self, selection: Selection) -> None:
        """Selects annotations; the hand's own selections are told through ``selected``."""
        if selection != self._selection:
            self._selection = selection
            self.update()

    def reveal(self, annotation_id: str) -> None:
        """Moves the view, if need be, so that an annotation is seen."""
        item = self._drawing.items.get(annotation_id)
        if item is not None and item.bounds is not None:
            self._set_view(self._view.showing(*item.bounds))

    def hide_annotations(self, hidden: frozenset[str]) -> None:
        """Hides some annotations; what is hidden can not be selected or changed either."""
        self._hidden = hidden
        self._drawing = self._drawn(self._drawing.frame, self._drawing.source_id, self._drawing)
        self.update()

    def show_ghosts(self, ghosts: Sequence[tuple[Annotation, str]]) -> None:
        """Shows shapes that the frame does not hold, dashed, each with what is written below it."""
        self._ghosts = tuple(
            Drawn(one.annotation, one.color, text, outline=one.outline, veil=one.veil, shadow=one.shadow)
            for one, text in ((self._draw_one(annotation), text) for annotation, text in ghosts)
        )
        self.update()

    @property
    def ghosts(self) -> tuple[Drawn, ...]:
        """The shapes that are shown dashed."""
        return self._ghosts

    def show_annotations(self, shown: bool) -> None:
        """Shows or hides all annotations."""
        self._show_all = shown
        self.update()

    def show_labels(self, shown: bool) -> None:
        """Shows or hides the labels at the annotations."""
        self._show_labels = shown
        self.update()

    # Zooming and moving

    def fit(self) -> None:
        """Shows the whole picture."""
        self._set_view(self._view.fitted())
        self._fits = True

    def actual(self) -> None:
        """Shows one picture pixel per screen pixel."""
        self._set_view(self._view.zoomed(1 / (self._view.scale * self.devicePixelRatioF()), *self._middle()))

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Zooms about a point, or about the middle."""
        self._set_view(self._view.zoomed(factor, *((at.x(), at.y()) if at is not None else self._middle())))

    def _middle(self) -> tuple[float, float]:
        return self.width() / 2, self.height() / 2

    def _set_view(self, view: Viewport) -> None:
        if view == self._view:
            return
        rescaled = view.scale != self._view.scale
        self._view, self._fits = view, False
        self._begin_moving()
        self.update()
        if rescaled:
            self.zoomed.emit(view.scale)

    def _begin_moving(self) -> None:
        self._moving = True
        self._rest.start()

    def _come_to_rest(self) -> None:
        self._moving = False
        self.update()

    def cancel(self) -> bool:
        """Drops the gesture under way; says whether there was one."""
        if not self._tool.active:
            return False
        self._take(self._tool.cancel())
        return True

    # The hand

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keeps the picture fitted, or what was in the middle in the middle."""
        fits = self._fits
        self._view = self._view.resized(self.width(), self.height())
        if fits:
            self.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zooms about the pointer; Shift or a sideways wheel moves the picture."""
        delta = event.angleDelta()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier or abs(delta.x()) > abs(delta.y()):
            self._set_view(self._view.panned(delta.x() or delta.y(), 0))
        else:
            self.zoom(1.0015 ** delta.y(), event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begins to move the picture, or a gesture of the tool."""
        middle = event.button() == Qt.MouseButton.MiddleButton
        if middle or (self._space and event.button() == Qt.MouseButton.LeftButton):
            self._panning = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif event.button() == Qt.MouseButton.LeftButton and self._show_all:
            self._take(self._tool.press(self._pointer(event), self._scene()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follows the hand."""
        self._update_guides()
        self._mouse = event.position()
        self._update_guides()
        if self._panning is not None:
            moved = event.position() - self._panning
            self._panning = event.position()
            self._set_view(self._view.panned(moved.x(), moved.y()))
            return
        if self._tool.active:
            self._begin_moving()
        if self._show_all:
            self._take(self._tool.move(self._pointer(event), self._scene()))
        self._hover()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Ends the gesture."""
        if self._panning is not None:
            self._panning = None
            self.setCursor(Qt.CursorShape.OpenHandCursor if self._space else Qt.CursorShape.ArrowCursor)
        elif event.button() == Qt.MouseButton.LeftButton:
            self._take(self._tool.release(self._pointer(event), self._scene()))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Asks for another label of what was clicked."""
        pointer = self._pointer(event)
        hit = self._drawing.hits.at(pointer.x, pointer.y, reach=6 * pointer.pixel)
        if event.button() == Qt.MouseButton.LeftButton and hit.kind is not HitKind.NOTHING:
            self._tool.cancel()
            self.relabel.emit(hit.annotation_id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Takes the picture in hand while Space is held; other keys are shortcuts of the window."""
        if event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._space = True
                self.setCursor(Qt.CursorShape.OpenHandCursor)
            return
        super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Lets go of the picture."""
        if event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._space = False
                self.setCursor(Qt.CursorShape.ArrowCursor)
            return
        super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Lets go of the picture: the release of Space will be told to somebody else."""
        self._space = False
        super().focusOutEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Begins to follow the pointer."""
        self._mouse = event.position()

    def leaveEvent(self, event: QEvent) -> None:
        """Forgets the pointer."""
        self._update_guides()
        self._mouse = None
        if self._hovered:
            self._hovered = ""
            self.update()

    def _pointer(self, event: QMouseEvent) -> Pointer:
        x, y = self._view.to_picture(event.position().x(), event.position().y())
        held = event.modifiers()
        return Pointer(
            x=x,
            y=y,
            pixel=self._view.pixel,
            shift=bool(held & Qt.KeyboardModifier.ShiftModifier),
            ctrl=bool(held & Qt.KeyboardModifier.ControlModifier),
        )

    def _scene(self) -> Scene:
        frame = self._drawing.frame
        first = frame.sources[0].id if frame.sources else ""
        source = self._drawing.source_id
        return Scene(
            frame=frame,
            hits=self._drawing.hits,
            picture=self._view.picture,
            editable=self._editable,
            labels=self._label,
            selection=self._selection,
            source_id="" if source == first else source,
        )

    def _take(self, step: Step) -> None:
        """Shows and passes on what a gesture led to."""
        self._update_previews()
        self._previews = tuple(self._draw_one(one) for one in step.previews)
        self._band = step.band
        self._update_previews()
        if not self._space and self._panning is None:
            self.setCursor(_CURSORS[step.cursor])
        if step.refused:
            self._tool.cancel()
            self.refused.emit()
        if step.edits:
            self.edited.emit(step)
        if step.selection is not None and step.selection != self._selection:
            self.select(step.selection)
            self.selected.emit(step.selection)

    def _hover(self) -> None:
        hovered = ""
        if self._mouse is not None and not self._tool.active and isinstance(self._tool, SelectTool):
            x, y = self._view.to_picture(self._mouse.x(), self._mouse.y())
            hovered = self._drawing.hits.at(x, y, reach=5 * self._view.pixel).annotation_id
        if hovered != self._hovered:
            for one in (hovered, self._hovered):
                item = self._drawing.items.get(one)
                if item is not None:
                    self._update_around(item)
            self._hovered = hovered

    def _drawn(self, frame: Frame, source_id: str, before: Drawing | None) -> Drawing:
        return Drawing(
            frame,
            source_id,
            schema=self._schema,
            colours=self._colours,
            masks=self._loaded.masks if self._loaded is not None else {},
            before=before,
            hidden=self._hidden,
        )

    def _draw_one(self, annotation: Annotation) -> Drawn:
        return draw_one(annotation, self._colours, self._schema, {})

    # Painting

    def _update_around(self, item: Drawn) -> None:
        if item.bounds is None:
            return
        left, top = self._view.to_view(item.bounds[0], item.bounds[1])
        right, bottom = self._view.to_view(item.bounds[2], item.bounds[3])
        rect = QRectF(left, top, right - left, bottom - top).adjusted(-AROUND, -AROUND, 260, AROUND)
        self.update(rect.toAlignedRect())

    def _update_previews(self) -> None:
        for item in self._previews:
            self._update_around(item)
            known = self._drawing.items.get(item.annotation.id)
            if known is not None:
                self._update_around(known)
        if self._band is not None:
            left, top = self._view.to_view(self._band[0], self._band[1])
            right, bottom = self._view.to_view(self._band[2], self._band[3])
            self.update(QRectF(left - 3, top - 3, right - left + 6, bottom - top + 6).toAlignedRect())

    def _update_guides(self) -> None:
        if self._mouse is not None and isinstance(self._tool, BoxTool):
            at = self._mouse.toPoint()
            self.update(QRect(at.x() - 2, 0, 5, self.height()))
            self.update(QRect(0, at.y() - 2, self.width(), 5))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints what has changed."""
        guides = isinstance(self._tool, BoxTool) and not self._tool.active
        look = Look(
            view=self._view,
            picture=self._picture,
            message=self._message,
            drawing=self._drawing,
            selection=self._selection,
            editable=self._editable,
            previews=self._previews,
            band=self._band,
            hovered=self._hovered,
            guides=self._mouse if guides else None,
            annotations=self._show_all,
            labels=self._show_labels,
            resting=not self._moving,
            ratio=self.devicePixelRatioF(),
            ghosts=self._ghosts,
        )
        painter = QPainter(self)
        painter.setClipRegion(event.region())
        paint_look(painter, look, event.rect(), self.rect(), self._theme)

    def sizeHint(self) -> QSize:
        """Returns a comfortable size."""
        return QSize(900, 650)
