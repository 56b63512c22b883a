"""Geometry of annotations, exactly as it was given.

Coordinates are pixels of the source, x to the right and y down, as float64. Angles are radians, clockwise on the
screen. Values are frozen and know nothing of pictures or stores. Kinds and their tags follow rows 64-75 of the
checklist in ``docs/parity.md``.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

__all__ = [
    "Box",
    "Box3D",
    "Coordinate",
    "Ellipse",
    "Geometry",
    "Keypoints",
    "Keypoints3D",
    "MaskValue",
    "Polygon",
    "Polygon3D",
    "Rle",
    "Shape",
]

Coordinate: TypeAlias = Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)]
"""A finite number of pixels or metres; NaN and infinity are refused when a frame is encoded."""


class Shape(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    gc=False,
    tag_field="@",
):
    """Base of all geometry; the tag "@" names the kind in the encoded form and sorts first."""


class Box(Shape, frozen=True, kw_only=True, tag="box"):
    """A rectangle with its top left corner at (x, y) before it is turned by ``angle`` about its centre."""

    angle: Coordinate | None = None
    h: Coordinate
    w: Coordinate
    x: Coordinate
    y: Coordinate


class Polygon(Shape, frozen=True, kw_only=True, tag="polygon"):
    """One or more rings, each a flat run x0, y0, x1, y1, ...; several rings are parts or holes (even-odd rule)."""

    rings: tuple[tuple[Coordinate, ...], ...]


class Ellipse(Shape, frozen=True, kw_only=True, tag="ellipse"):
    """An ellipse about (cx, cy) with radii rx and ry, turned by ``theta`` radians."""

    cx: Coordinate
    cy: Coordinate
    rx: Coordinate
    ry: Coordinate
    theta: Coordinate = 0.0


class Keypoints(Shape, frozen=True, kw_only=True, tag="keypoints"):
    """Points x0, y0, x1, y1, ... with, if known, a visibility each (COCO: 0 not labelled, 1 hidden, 2 visible)."""

    points: tuple[Coordinate, ...]
    skeleton: str = ""
    visibility: tuple[int, ...] = ()


class Keypoints3D(Shape, frozen=True, kw_only=True, tag="keypoints3d"):
    """Points x0, y0, z0, x1, y1, z1, ... in space."""

    points: tuple[Coordinate, ...]


class Polygon3D(Shape, frozen=True, kw_only=True, tag="polygon3d"):
    """Rings of points in space, each a flat run x0, y0, z0, x1, ..."""

    rings: tuple[tuple[Coordinate, ...], ...]


class Box3D(Shape, frozen=True, kw_only=True, tag="box3d"):
    """Two faces of a cuboid, each (x, y, z, w, h): the front and the back, by their top left corners."""

    back: tuple[Coordinate, Coordinate, Coordinate, Coordinate, Coordinate]
    front: tuple[Coordinate, Coordinate, Coordinate, Coordinate, Coordinate]


class MaskValue(Shape, frozen=True, kw_only=True, tag="mask"):
    """The pixels of a mask source that carry ``value`` (one number, or red, green, blue[, alpha])."""

    mask: str = ""
    value: tuple[int, ...]


class Rle(Shape, frozen=True, kw_only=True, tag="rle"):
    """A run-length encoded mask as COCO writes it, column by column.

    ``counts`` keeps the form it came in: a tuple of run lengths, or COCO's compressed string.
    """

    counts: str | tuple[int, ...]
    height: int
    width: int


Geometry: TypeAlias = Box | Polygon | Ellipse | Keypoints | Keypoints3D | Polygon3D | Box3D | MaskValue | Rle
