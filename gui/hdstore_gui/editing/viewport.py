"""Where a picture lies on the screen: the maths between picture pixels and widget pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["MAX_SCALE", "MIN_SCALE", "Viewport"]

MIN_SCALE = 0.01
MAX_SCALE = 64.0
MARGIN = 24.0
"""Widget pixels left free around a picture that is fitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewport:
    """A picture shown in a view, sizes in their own pixels; ``x`` and ``y`` is where its corner lies."""

    picture: tuple[float, float]
    view: tuple[float, float]
    scale: float = 1.0
    x: float = 0.0
    y: float = 0.0

    def to_view(self, x: float, y: float) -> tuple[float, float]:
        """Returns the widget point of a picture point."""
        return self.x + x * self.scale, self.y + y * self.scale

    def to_picture(self, x: float, y: float) -> tuple[float, float]:
        """Returns the picture point under a widget point."""
        return (x - self.x) / self.scale, (y - self.y) / self.scale

    @property
    def pixel(self) -> float:
        """How many picture pixels one widget pixel covers."""
        return 1.0 / self.scale

    @property
    def fit_scale(self) -> float:
        """The scale at which the whole picture is seen; small pictures grow at most eightfold."""
        width = max(self.view[0] - 2 * MARGIN, 1.0) / max(self.picture[0], 1.0)
        height = max(self.view[1] - 2 * MARGIN, 1.0) / max(self.picture[1], 1.0)
        return min(max(min(width, height), MIN_SCALE), 8.0)

    def fitted(self) -> Viewport:
        """Returns the view in which the whole picture is seen, in the middle."""
        return self._centred(self.fit_scale)

    def actual(self) -> Viewport:
        """Returns the view at one widget pixel to a picture pixel, about the middle of what is seen."""
        return self.zoomed(1.0 / self.scale, self.view[0] / 2, self.view[1] / 2)

    def zoomed(self, factor: float, x: float, y: float) -> Viewport:
        """Returns the view zoomed by ``factor`` while what is under widget point (x, y) stays there."""
        scale = min(max(self.scale * factor, MIN_SCALE), MAX_SCALE)
        picture_x, picture_y = self.to_picture(x, y)
        moved = replace(self, scale=scale, x=x - picture_x * scale, y=y - picture_y * scale)
        return moved.clamped()

    def panned(self, dx: float, dy: float) -> Viewport:
        """Returns the view moved by widget pixels."""
        return replace(self, x=self.x + dx, y=self.y + dy).clamped()

    def resized(self, width: float, height: float) -> Viewport:
        """Returns the view in a widget of another size, with what was in the middle still there."""
        dx, dy = (width - self.view[0]) / 2, (height - self.view[1]) / 2
        return replace(self, view=(width, height), x=self.x + dx, y=self.y + dy).clamped()

    def showing(self, left: float, top: float, right: float, bottom: float) -> Viewport:
        """Returns a view in which this part of the picture is seen, moved no more than it takes."""
        (a, b), (c, d) = self.to_view(left, top), self.to_view(right, bottom)
        dx = _shift(a, c, self.view[0])
        dy = _shift(b, d, self.view[1])
        return self.panned(dx, dy) if dx or dy else self

    def clamped(self) -> Viewport:
        """Returns the view moved so that the picture can not get lost: some of it always stays in sight."""
        return replace(
            self,
            x=_clamp(self.x, self.picture[0] * self.scale, self.view[0]),
            y=_clamp(self.y, self.picture[1] * self.scale, self.view[1]),
        )

    def _centred(self, scale: float) -> Viewport:
        x = (self.view[0] - self.picture[0] * scale) / 2
        y = (self.view[1] - self.picture[1] * scale) / 2
        return replace(self, scale=scale, x=x, y=y)


def _clamp(start: float, extent: float, room: float) -> float:
    # At least a quarter of the view, or half of a smaller picture, stays visible.
    keep = min(room * 0.25, extent * 0.5)
    return min(max(start, keep - extent), room - keep)


def _shift(start: float, end: float, room: float) -> float:
    if start >= 0 and end <= room:
        return 0.0
    if end - start > room or start < 0:
        return MARGIN - start
    return room - MARGIN - end
