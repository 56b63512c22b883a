"""Tools as state machines: what the hand does goes in, what to show or to change comes out.

A tool keeps only the gesture that is under way. It never paints and never changes a frame: each event answers
with a ``Step``, whose ``edits`` are applied by whoever owns the frame.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Protocol

from hdstore.ids import new_id
from hdstore.model import AddAnnotation, Annotation, Box, Frame, FrameEdit, ReplaceAnnotation, replace
from hdstore_gui.editing.hit import Hit, HitKind, HitMap, near_handle
from hdstore_gui.editing.outlines import Corner, moved, outline_of, reshaped
from hdstore_gui.editing.selection import Selection

__all__ = ["BoxTool", "Cursor", "Pointer", "Scene", "SelectTool", "Step", "Tool"]

REACH = 7.0
"""How near the pointer must be to an edge or a handle, in widget pixels."""

DEAD_ZONE = 3.0
"""How far, in widget pixels, the hand may tremble before a click becomes a drag."""

SMALLEST = 3.0
"""A drawn box smaller than this, in widget pixels, was a click."""


class Cursor(enum.Enum):
    """What the pointer should look like."""

    ARROW = enum.auto()
    CROSS = enum.auto()
    MOVE = enum.auto()
    POINT = enum.auto()
    SIZE_H = enum.auto()
    SIZE_V = enum.auto()
    SIZE_NWSE = enum.auto()
    SIZE_NESW = enum.auto()
    TURN = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Where the hand is, in picture pixels; ``pixel`` is the size of a widget pixel in the picture."""

    x: float
    y: float
    pixel: float = 1.0
    shift: bool = False
    ctrl: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a tool works on."""

    frame: Frame
    hits: HitMap
    picture: tuple[float, float]
    editable: bool = True
    labels: tuple[str, ...] = ()
    selection: Selection = field(default_factory=Selection)
    source_id: str = ""
    """The source that is shown; empty for the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What an event led to.

    ``previews`` stand for the annotations of their ids while the hand moves, or are new. ``refused`` says
    that the gesture would have changed something that can not be changed.
    """

    band: tuple[float, float, float, float] | None = None
    cursor: Cursor = Cursor.ARROW
    drawn: bool = False
    edits: tuple[FrameEdit, ...] = ()
    previews: tuple[Annotation, ...] = ()
    refused: bool = False
    selection: Selection | None = None
    text: str = ""


class Tool(Protocol):
    """A way to work with the pointer."""

    @property
    def active(self) -> bool:
        """Whether a gesture is under way."""

    def press(self, pointer: Pointer, scene: Scene) -> Step:
        """Begins a gesture."""

    def move(self, pointer: Pointer, scene: Scene) -> Step:
        """Follows the hand, with or without a gesture under way."""

    def release(self, pointer: Pointer, scene: Scene) -> Step:
        """Ends the gesture."""

    def cancel(self) -> Step:
        """Drops the gesture; nothing is changed."""


_CORNER_CURSORS = {
    Corner.NW: Cursor.SIZE_NWSE,
    Corner.SE: Cursor.SIZE_NWSE,
    Corner.NE: Cursor.SIZE_NESW,
    Corner.SW: Cursor.SIZE_NESW,
    Corner.N: Cursor.SIZE_V,
    Corner.S: Cursor.SIZE_V,
    Corner.E: Cursor.SIZE_H,
    Corner.W: Cursor.SIZE_H,
    Corner.ROTATE: Cursor.TURN,
}


def _handle_hit(pointer: Pointer, scene: Scene) -> Hit:
    """Returns the handle of the one selected annotation under the pointer."""
    if len(scene.selection) != 1 or not scene.editable:
        return Hit()
    annotation = scene.frame.annotation(scene.selection.ids[0])
    if annotation is None:
        return Hit()
    handle = near_handle(
        annotation.geometry, pointer.x, pointer.y, reach=REACH * pointer.pixel, pixel=pointer.pixel
    )
    return Hit(HitKind.HANDLE, annotation.id, handle) if handle >= 0 else Hit()


def _handle_cursor(scene: Scene, hit: Hit) -> Cursor:
    annotation = scene.frame.annotation(hit.annotation_id)
    geometry = annotation.geometry if annotation is not None else None
    if isinstance(geometry, Box) and not geometry.angle:
        return _CORNER_CURSORS[Corner(hit.handle)]
    return Cursor.POINT


class SelectTool:
    """Clicks select, drags move or reshape what is selected, a drag on empty ground selects by a band."""

    def __init__(self) -> None:
        self._start: Pointer | None = None
        self._hit = Hit()
        self._dragging = False
        self._collapse = False

    @property
    def active(self) -> bool:
        """Whether a gesture is under way."""
        return self._start is not None

    def press(self, pointer: Pointer, scene: Scene) -> Step:
        """Takes a handle, selects what is under the pointer, or begins a band."""
        self._start, self._dragging, self._collapse = pointer, False, False
        self._hit = _handle_hit(pointer, scene)
        if self._hit:
            return Step(cursor=_handle_cursor(scene, self._hit))
        self._hit = self._body_hit(pointer, scene)
        selection = self._pressed_selection(pointer, scene)
        return Step(selection=selection, cursor=Cursor.MOVE if self._hit else Cursor.ARROW)

    def _body_hit(self, pointer: Pointer, scene: Scene) -> Hit:
        found = scene.hits.all_at(pointer.x, pointer.y, reach=REACH * pointer.pixel * 0.6)
        for hit in found:
            # What is selected stays under the hand even where something smaller lies on it.
            if hit.annotation_id in scene.selection:
                return hit
        return found[0] if found else Hit()

    def _pressed_selection(self, pointer: Pointer, scene: Scene) -> Selection | None:
        if not self._hit:
            return None if pointer.ctrl or pointer.shift else Selection()
        if pointer.ctrl or pointer.shift:
            return scene.selection.toggled(self._hit.annotation_id)
        if self._hit.annotation_id in scene.selection:
            self._collapse = True
            return None
        return Selection((self._hit.annotation_id,))

    def move(self, pointer: Pointer, scene: Scene) -> Step:
        """Shows what a release would do, or which cursor fits what is under the pointer."""
        start = self._start
        if start is None:
            return Step(cursor=self._hover(pointer, scene))
        reach = DEAD_ZONE * pointer.pixel
        if not self._dragging and max(abs(pointer.x - start.x), abs(pointer.y - start.y)) < reach:
            return Step(cursor=Cursor.ARROW)
        self._dragging = True
        if not self._hit:
            return Step(band=_band(start, pointer))
        if not scene.editable:
            return Step(refused=True)
        return Step(previews=self._changed(pointer, scene), cursor=self._drag_cursor(scene))

    def release(self, pointer: Pointer, scene: Scene) -> Step:
        """Ends the gesture with an edit, a selection or nothing."""
        start, hit, dragging = self._start, self._hit, self._dragging
        if start is None:
            return Step()
        changed = self._changed(pointer, scene) if dragging and hit and scene.editable else ()
        self.cancel()
        if not dragging:
            alone = Selection((hit.annotation_id,)) if self._collapse and hit else None
            return Step(selection=alone, cursor=self._hover(pointer, scene))
        if not hit:
            inside = scene.hits.within(*_band(start, pointer))
            keep = scene.selection if pointer.ctrl or pointer.shift else Selection()
            return Step(selection=keep.added(inside))
        edits = tuple(
            ReplaceAnnotation(frame_id=scene.frame.id, annotation=annotation)
            for annotation in changed
            if annotation != scene.frame.annotation(annotation.id)
        )
        text = "Reshape annotation" if hit.kind is HitKind.HANDLE else "Move annotation"
        return Step(edits=edits, text=text, cursor=self._hover(pointer, scene))

    def cancel(self) -> Step:
        """Drops the gesture; nothing is changed."""
        self._start, self._dragging = None, False
        return Step()

    def _hover(self, pointer: Pointer, scene: Scene) -> Cursor:
        handle = _handle_hit(pointer, scene)
        if handle:
            return _handle_cursor(scene, handle)
        hit = self._body_hit(pointer, scene)
        if hit and hit.annotation_id in scene.selection and scene.editable:
            return Cursor.MOVE
        return Cursor.POINT if hit else Cursor.ARROW

    def _drag_cursor(self, scene: Scene) -> Cursor:
        return _handle_cursor(scene, self._hit) if self._hit.kind is HitKind.HANDLE else Cursor.MOVE

    def _changed(self, pointer: Pointer, scene: Scene) -> tuple[Annotation, ...]:
        """Returns the dragged annotations as they would be."""
        start = self._start
        if start is None:
            return ()
        if self._hit.kind is HitKind.HANDLE:
            return _reshaped(scene, self._hit, pointer)
        chosen = [a for a in scene.frame.annotations if a.id in scene.selection]
        dx, dy = _kept_inside(chosen, scene.picture, pointer.x - start.x, pointer.y - start.y)
        result = []
        for annotation in chosen:
            geometry = moved(annotation.geometry, dx, dy) if annotation.geometry is not None else None
            if geometry is not None:
                result.append(replace(annotation, geometry=geometry))
        return tuple(result)


def _reshaped(scene: Scene, hit: Hit, pointer: Pointer) -> tuple[Annotation, ...]:
    annotation = scene.frame.annotation(hit.annotation_id)
    if annotation is None or annotation.geometry is None:
        return ()
    turning = hit.handle == Corner.ROTATE
    x, y = (pointer.x, pointer.y) if turning else _clamped(pointer, scene.picture)
    geometry = reshaped(annotation.geometry, hit.handle, x, y, even=pointer.shift)
    return (replace(annotation, geometry=geometry),) if geometry is not None else ()


def _kept_inside(
    annotations: list[Annotation], picture: tuple[float, float], dx: float, dy: float
) -> tuple[float, float]:
    """Returns the movement shortened so that what lies in the picture does not leave it."""
    for annotation in annotations:
        outline = outline_of(annotation.geometry)
        if outline is None:
            continue
        left, top, right, bottom = outline.bounds
        dx = max(min(dx, max(picture[0] - right, 0.0)), min(-left, 0.0))
        dy = max(min(dy, max(picture[1] - bottom, 0.0)), min(-top, 0.0))
    return dx, dy


def _clamped(pointer: Pointer, picture: tuple[float, float]) -> tuple[float, float]:
    return min(max(pointer.x, 0.0), picture[0]), min(max(pointer.y, 0.0), picture[1])


def _band(start: Pointer, end: Pointer) -> tuple[float, float, float, float]:
    (left, right), (top, bottom) = sorted((start.x, end.x)), sorted((start.y, end.y))
    return left, top, right, bottom


class BoxTool:
    """A drag draws a box; a press on a handle of what is selected reshapes it instead."""

    def __init__(self) -> None:
        self._start: tuple[float, float] | None = None
        self._reshape = SelectTool()

    @property
    def active(self) -> bool:
        """Whether a gesture is under way."""
        return self._start is not None or self._reshape.active

    def press(self, pointer: Pointer, scene: Scene) -> Step:
        """Begins a box, or takes a handle."""
        if _handle_hit(pointer, scene):
            return self._reshape.press(pointer, scene)
        if not scene.editable:
            return Step(refused=True, cursor=Cursor.CROSS)
        self._start = _clamped(pointer, scene.picture)
        return Step(cursor=Cursor.CROSS, selection=Selection())

    def move(self, pointer: Pointer, scene: Scene) -> Step:
        """Shows the box so far."""
        if self._reshape.active:
            return self._reshape.move(pointer, scene)
        handle = _handle_hit(pointer, scene)
        if self._start is None:
            return Step(cursor=_handle_cursor(scene, handle) if handle else Cursor.CROSS)
        preview = Annotation(id="", labels=scene.labels, geometry=self._box(pointer, scene))
        return Step(previews=(preview,), cursor=Cursor.CROSS)

    def release(self, pointer: Pointer, scene: Scene) -> Step:
        """Adds the box and selects it; a box too small to be meant is dropped."""
        if self._reshape.active:
            return self._reshape.release(pointer, scene)
        if self._start is None:
            return Step(cursor=Cursor.CROSS)
        box = self._box(pointer, scene)
        self._start = None
        smallest = SMALLEST * pointer.pixel
        if box.w < smallest or box.h < smallest:
            return Step(cursor=Cursor.CROSS)
        annotation = Annotation(
            id=new_id(),
            labels=scene.labels,
            geometry=box,
            sources=(scene.source_id,) if scene.source_id else (),
        )
        edit = AddAnnotation(frame_id=scene.frame.id, annotation=annotation)
        return Step(
            edits=(edit,),
            text="Draw box",
            selection=Selection((annotation.id,)),
            cursor=Cursor.CROSS,
            drawn=True,
        )

    def cancel(self) -> Step:
        """Drops the box that is being drawn."""
        self._start = None
        return self._reshape.cancel()

    def _box(self, pointer: Pointer, scene: Scene) -> Box:
        start_x, start_y = self._start or (pointer.x, pointer.y)
        x, y = _clamped(pointer, scene.picture)
        if pointer.shift:
            # The square stays in the picture: its side is the shorter of what the hand shows and what there
            # is room for.
            room_x = scene.picture[0] - start_x if x >= start_x else start_x
            room_y = scene.picture[1] - start_y if y >= start_y else start_y
            side = min(max(abs(x - start_x), abs(y - start_y)), room_x, room_y)
            x = start_x + (side if x >= start_x else -side)
            y = start_y + (side if y >= start_y else -side)
        (left, right), (top, bottom) = sorted((start_x, x)), sorted((start_y, y))
        left, top = round(left, 2), round(top, 2)
        return Box(x=left, y=top, w=round(right - left, 2), h=round(bottom - top, 2))
