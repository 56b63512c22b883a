"""What lies under a point of the picture: a handle, an edge, a body, or nothing."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hdstore.model import Geometry
from hdstore_gui.editing.outlines import Outline, Points, handles_of

__all__ = ["Hit", "HitKind", "HitMap", "Shadow", "inside", "near_handle"]


class HitKind(enum.Enum):
    """The kinds of thing a pointer can be on."""

    NOTHING = enum.auto()
    BODY = enum.auto()
    EDGE = enum.auto()
    HANDLE = enum.auto()


@dataclass(frozen=True, slots=True)
class Hit:
    """What is under a point: the kind, the annotation, and the number of the handle."""

    kind: HitKind = HitKind.NOTHING
    annotation_id: str = ""
    handle: int = -1

    def __bool__(self) -> bool:
        return self.kind is not HitKind.NOTHING


@dataclass(frozen=True, slots=True, eq=False)
class Shadow:
    """The pixels that a mask annotation covers: a Boolean picture whose corner lies at (x, y)."""

    x: int
    y: int
    pixels: NDArray[np.bool_]

    def covers(self, x: float, y: float) -> bool:
        """Says whether the pixel under a picture point belongs to the mask."""
        column, row = int(x) - self.x, int(y) - self.y
        height, width = self.pixels.shape
        return 0 <= row < height and 0 <= column < width and bool(self.pixels[row, column])


def inside(rings: Iterable[Points], x: float, y: float) -> bool:
    """Says whether a point lies inside rings by the even-odd rule, so holes are outside."""
    odd = False
    for ring in rings:
        if len(ring) < 3:
            continue
        after = np.roll(ring, -1, axis=0)
        (x0, y0), (x1, y1) = ring.T, after.T
        spans = (y0 > y) != (y1 > y)
        if not spans.any():
            continue
        x0, y0, x1, y1 = x0[spans], y0[spans], x1[spans], y1[spans]
        crossings = int(np.count_nonzero(x0 + (y - y0) / (y1 - y0) * (x1 - x0) > x))
        odd ^= bool(crossings % 2)
    return odd


def _distance(line: Points, x: float, y: float, *, closed: bool) -> float:
    """Returns the distance from a point to a line of points."""
    if len(line) == 1:
        return float(np.hypot(*(line[0] - (x, y))))
    start = line if closed else line[:-1]
    end = np.roll(line, -1, axis=0) if closed else line[1:]
    along = end - start
    length = np.maximum((along**2).sum(axis=1), 1e-12)
    share = np.clip((((x, y) - start) * along).sum(axis=1) / length, 0.0, 1.0)
    nearest = start + along * share[:, None]
    return float(np.sqrt(((nearest - (x, y)) ** 2).sum(axis=1).min()))


def near_handle(geometry: Geometry | None, x: float, y: float, *, reach: float, pixel: float) -> int:
    """Returns the number of the handle within ``reach`` of a point, or -1; corners win over sides."""
    handles = handles_of(geometry, pixel=pixel)
    if not len(handles):
        return -1
    away = np.hypot(handles[:, 0] - x, handles[:, 1] - y)
    best = int(np.argmin(away))
    return best if away[best] <= reach else -1


class HitMap:
    """The outlines of a frame's annotations, laid out for asking what is under a point.

    Bounds stand in one array, so that of ten thousand annotations only the few around the point are looked
    at.
    """

    def __init__(self, outlines: Mapping[str, Outline], shadows: Mapping[str, Shadow]) -> None:
        self._outlines = outlines
        self._shadows = shadows
        self._ids = [*outlines, *(one for one in shadows if one not in outlines)]
        bounds = [
            outlines[one].bounds if one in outlines else _shadow_bounds(shadows[one]) for one in self._ids
        ]
        self._bounds: NDArray[np.float64] = np.array(bounds, dtype=np.float64).reshape(-1, 4)
        spans = self._bounds[:, 2:] - self._bounds[:, :2]
        self._areas: NDArray[np.float64] = spans[:, 0] * spans[:, 1]

    def at(self, x: float, y: float, *, reach: float) -> Hit:
        """Returns the smallest annotation whose edge is within ``reach``, else whose body it is in."""
        found = self.all_at(x, y, reach=reach)
        return found[0] if found else Hit()

    def all_at(self, x: float, y: float, *, reach: float) -> list[Hit]:
        """Returns every annotation under a point: edges before bodies, small before large."""
        left, top, right, bottom = self._bounds.T
        near = (left - reach <= x) & (x <= right + reach) & (top - reach <= y) & (y <= bottom + reach)
        candidates = np.flatnonzero(near)
        edges, bodies = [], []
        for index in candidates[np.argsort(self._areas[candidates], kind="stable")]:
            annotation_id = self._ids[index]
            outline = self._outlines.get(annotation_id)
            shadow = self._shadows.get(annotation_id)
            if outline is not None and _on_edge(outline, x, y, reach):
                edges.append(Hit(HitKind.EDGE, annotation_id))
            elif (outline is not None and inside(outline.rings, x, y)) or (
                shadow is not None and shadow.covers(x, y)
            ):
                bodies.append(Hit(HitKind.BODY, annotation_id))
        return edges + bodies

    def within(self, left: float, top: float, right: float, bottom: float) -> list[str]:
        """Returns the annotations whose bounds lie wholly in a rectangle."""
        b = self._bounds
        in_it = (b[:, 0] >= left) & (b[:, 1] >= top) & (b[:, 2] <= right) & (b[:, 3] <= bottom)
        return [self._ids[index] for index in np.flatnonzero(in_it)]


def _shadow_bounds(shadow: Shadow) -> tuple[float, float, float, float]:
    height, width = shadow.pixels.shape
    return shadow.x, shadow.y, shadow.x + width, shadow.y + height


def _on_edge(outline: Outline, x: float, y: float, reach: float) -> bool:
    if any(_distance(ring, x, y, closed=True) <= reach for ring in outline.rings):
        return True
    if any(_distance(line, x, y, closed=False) <= reach for line in outline.lines):
        return True
    if len(outline.points):
        away = np.hypot(outline.points[:, 0] - x, outline.points[:, 1] - y)
        return bool(away.min() <= reach * 1.5)
    return False
