"""The classes of annotations by where they lie: polygons, boxes, ellipses, points, masks, the whole frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hdstore.allegroai.annotation import Annotation
from hdstore.compat.coordinates import Values, fixed, flat_points, points, rings
from hdstore.compat.values import label_list
from hdstore.errors import InvalidValueError
from hdstore.geometry import ellipse_ring
from hdstore.model import (
    Box,
    Box3D,
    Ellipse,
    Geometry,
    Keypoints,
    Keypoints3D,
    MaskValue,
    Polygon,
)
from hdstore.model import Polygon3D as NativePolygon3D
from hdstore.model import Rle as NativeRle
from hdstore.model.measure import bounding_box

__all__ = [
    "BoundingBox2D",
    "BoundingBox3D",
    "ComplexPolygon2D",
    "ComplexPolygon3D",
    "Ellipse2D",
    "ImageAnnotation",
    "KeyPoints2D",
    "KeyPoints3D",
    "Mask",
    "Polygon2D",
    "Polygon3D",
    "Rle",
]


class _Located(Annotation):
    """An annotation that lies somewhere: it has values by the time it is stored."""

    def _given(self) -> Any:
        if self.values is None:
            raise InvalidValueError(f"This {type(self).__name__} has no coordinates.")
        return self.values


class _Bounded(_Located):
    """An annotation on the plane that an upright rectangle can be put around."""

    def get_bounding_box(self) -> list[float]:
        """Returns the smallest upright rectangle around it as [left, top, width, height]."""
        bounds = bounding_box(self.geometry())
        if bounds is None:
            raise InvalidValueError(f"This {type(self).__name__} has no point to put a box around.")
        return list(bounds)


class Polygon2D(_Bounded):
    """A polygon of one ring; ``values`` is flat: x0, y0, x1, y1, ..."""

    _kind = "p2d"

    def __init__(
        self,
        polygon_xy: Values = None,
        id: str | None = None,
        labels: Iterable[str] | None = None,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(polygon_xy, id, labels, confidence, metadata)

    def _parse(self, values: Values) -> list[float]:
        found = rings(values, "A polygon", 2)
        if len(found) > 1:
            raise InvalidValueError("A Polygon2D has one ring; several make a ComplexPolygon2D.")
        return found[0] if found else []

    @property
    def polygon_xy(self) -> list[tuple[float, ...]]:
        """Its points as pairs (x, y)."""
        return points(self._given(), 2)

    def geometry(self) -> Geometry:
        """Returns it as the library's own value."""
        return Polygon(rings=(tuple(self._given()),))


class ComplexPolygon2D(_Bounded):
    """A polygon of several rings, parts or holes; ``values`` holds one flat list for each."""

    _kind = "p2d"

    def __init__(
        self,
        polygons_xy: Values = None,
        id: str | None = None,
        labels: Iterable[str] | None = None,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(polygons_xy, id, labels, confidence, metadata)

    def _parse(self, values: Values) -> list[list[float]]:
        return rings(values, "A polygon", 2)

    @property
    def polygons_xy(self) -> list[list[tuple[float, ...]]]:
        """The points of each ring as pairs (x, y)."""
        return [points(ring, 2) for ring in self._given()]

    def geometry(self) -> Geometry:
        """Returns it as the library's own value."""
        return Polygon(rings=tuple(tuple(ring) for ring in self._given()))


class Polygon3D(_Located):
    """A polygon of one ring in space; ``values`` is flat: x0, y0, z0, x1, ..."""

    _kind = "p3d"

    def __init__(
        self,
        polygon_xyz: Values = None,
        id: str | None = None,
        labels: Iterable[str] | None = None,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(polygon_xyz, id, labels, confidence, metadata)

    def _parse(self, values: Values) -> list[float]:
        found = rings(values, "A polygon", 3)
        if len(found) > 1:
            raise InvalidValueError("A Polygon3D has one ring; several make a ComplexPolygon3D.")
        return found[0] if found else []

    @property
    def polygon_xyz(self) -> list[tuple[float, ...]]:
        """Its points as triplets (x, y, z)."""
        return points(self._given(), 3)

    def geometry(self) -> Geometry:
        """Returns it as the library's own value."""
        return NativePolygon3D(rings=(tuple(self._given()),))


class ComplexPolygon3D(_Located):
    """A polygon of several rings in space; ``values`` holds one flat list for each."""

    _kind = "p3d"

    def __init__(
        self,
        polygons_xyz: Values = None,
        id: str | None = None,
        labels: Iterable[str] | None = None,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(polygons_xyz, id, labels, confidence, metadata)

    def _parse(self, values: Values) -> list[list[float]]:
        return rings(values, "A polygon", 3)

    @property
    def polygons_xyz(self) -> list[list[tuple[float, ...]]]:
        """The points of each ring as triplets (x, y, z)."""
        return [points(ring, 3) for ring in self._given()]

    def geometry(self) -> Geometry:
        """Returns it as the library's own value."""
        return NativePolygon3D(rings=tuple(tuple(ring) for ring in self._given()))


class KeyPoints2D(_Bounded):
    """Points; ``visibility`` (a number for each, as in COCO) and ``skeleton`` (its name) are additions."""

    _kind = "k2d"

    def __init__(
        self,
        keypoints_xy: Values = None,
        id: str | None = None,
        labels: Iterable[str] | None = None,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        visibility: Sequence[int] = (),
        skeleton: str = "",
    ) -> None:
        super().__init__(keypoints_xy, id, labels, confidence, metadata)
        self.visibility = list(visibility)
        self.skeleton = skeleton

    def _parse(self, values: Values) -> list[float]:
        return flat_points(values, "A set of keypoints", 2)

    @property
    def keypoints_xy(self) -> list[tuple[float, ...]]:
        """The points as pairs (x, y)."""
        return points(self._given(), 2)

    def geometry(self) -> Geometry:
        """Returns it as the library's own value."""
        return Keypoints(
            points=tuple(self._given()), visibility=tuple(self.visibility), skeleton=self.skeleton
        )


class KeyPoints3D(_Located):
    """Points in space; ``values`` is flat: x0, y0, z0, x1, ..."""

    _kind = "k3d"

    def __init__(
        self,
        keypoints_xyz: Values = None,
        id: str | None = None,
        labels: Iterable[str] | None = None,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(keypoints_xyz, id, labels, confidence, metadata)

    def _parse(self, values: Values) -> list[float]:
        return flat_points(values, "A set of keypoints", 3)

    @property
    def keypoints_xyz(self) -> list[tuple[float, ...]]:
        """The points as triplets (x, y, z)."""
        return points(self._given(), 3)

    def geometry(self) -> Geometry:
        """Returns it as the library's own value."""
        return Keypoints3D(points=tuple(self._given()))


class Ellipse2D(_Located):
    """An ellipse; ``values`` is cx, cy, rx, ry and the angle in radians."""

    _kind = "elp"

    def __init__(
        self,
        ellipse2d_xyrrt: Values = None,
        id: str | None = None,
        labels: Iterable[str] | None = None,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(ellipse2d_xyrrt, id, labels, confidence, metadata)

    def _parse(self, values: Values) -> list[float]:
        return fixed(values, "An ellipse", 5)

    @property
    def ellipse2d_xyrrt(self) -> list[float]:
        """The five numbers: centre, radii and angle."""
        return list(self._given())

    @property
    def center(self) -> tuple[float, float]:
        """The centre (x, y)."""
        return (self._given()[0], self._given()[1])

    @property
    def radii(self) -> tuple[float, float]:
        """The radii (rx, ry)."""
        return (self._given()[2], self._given()[3])

    @property
    def angle(self) -> float:
        """The angle in radians."""
        return float(self._given()[4])

    def get_bounding_box(self) -> list[float]:
        """Returns the rectangle around it that turns with it, as [left, top, width, height, angle]."""
        cx, cy, rx, ry, theta = self._given()
        return [cx - rx, cy - ry, 2 * rx, 2 * ry, theta]

    def get_polygon(self, num_point: int = 4) -> list[tuple[float, ...]]:
        """Returns so many points on the ellipse, in order."""
        cx, cy, rx, ry, theta = self._given()
        return points(ellipse_ring(cx, cy, rx, ry, theta=theta, points=num_point), 2)

    def geometry(self) -> Geometry:
        """Returns it as the library's own value."""
        cx, cy, rx, ry, theta = self._given()
        return Ellipse(cx=cx, cy=cy, rx=rx, ry=ry, theta=theta)


class BoundingBox2D(_Bounded):
    """A rectangle by its top left corner; a fifth number turns it by that many radians about its centre."""

    _kind = "b2d"

    def __init__(
        self,
        bounding_box_xywh: Values = None,
        id: str | None = None,
        labels: Iterable[str] | None = None,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(bounding_box_xywh, id, labels, confidence, metadata)

    def _parse(self, values: Values) -> list[float]:
        return fixed(values, "A box", 4, 5)

    @property
    def bounding_box_xywh(self) -> list[float]:
        """Left, top, width and height, before it is turned."""
        return list(self._given()[:4])

    @property
    def bounding_box_xywha(self) -> list[float]:
        """Left, top, width, height and angle."""
        return [*self.bounding_box_xywh, self.angle]

    @property
    def angle(self) -> float:
        """The angle in radians; 0 where none was given."""
        return float(self._given()[4]) if len(self._given()) == 5 else 0.0

    def geometry(self) -> Geometry:
        """Returns it as the library's own value."""
        x, y, w, h, *angle = self._given()
        return Box(x=x, y=y, w=w, h=h, angle=angle[0] if angle else None)


class BoundingBox3D(_Located):
    """A cuboid by its front and back faces: x, y, z of the top left corner, width and height of each."""

    _kind = "b3d"

    def __init__(
        self,
        bounding_box_3d_xyzwhxyzwh: Values = None,
        id: str | None = None,
        labels: Iterable[str] | None = None,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(bounding_box_3d_xyzwhxyzwh, id, labels, confidence, metadata)

    def _parse(self, values: Values) -> list[float]:
        return fixed(values, "A box in space", 10)

    @property
    def bounding_box_3d_xyzwhxyzwh(self) -> list[float]:
        """The ten numbers: front face, back face."""
        return list(self._given())

    def geometry(self) -> Geometry:
        """Returns it as the library's own value."""
        x, y, z, w, h, x2, y2, z2, w2, h2 = self._given()
        return Box3D(front=(x, y, z, w, h), back=(x2, y2, z2, w2, h2))


class Mask(_Located):
    """The pixels of a mask source that carry one value; ``mask_id`` says of which mask of several."""

    _kind = "mask"

    def __init__(
        self,
        mask_rgb: Values = None,
        id: str | None = None,
        labels: Iterable[str] | None = None,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
        mask_id: str | None = None,
    ) -> None:
        super().__init__(mask_rgb, id, labels, confidence, metadata)
        self.mask_id = "" if mask_id is None else str(mask_id)

    def _parse(self, values: Values) -> list[int]:
        numbers = fixed(values, "A mask value", 1, 3, 4)
        if any(number != int(number) for number in numbers):
            raise InvalidValueError(f"A mask value is made of whole numbers, not {numbers}.")
        return [int(number) for number in numbers]

    @property
    def mask_rgb(self) -> list[int]:
        """Red, green and blue (or the one number of a mask without colours)."""
        return list(self._given())

    def geometry(self) -> Geometry:
        """Returns it as the library's own value."""
        return MaskValue(mask=self.mask_id, value=tuple(self._given()))


class Rle(_Bounded):
    """A run-length encoded mask as COCO writes it; an addition of hdstore.

    ``counts`` is a list of run lengths or COCO's compressed string, ``size`` the picture's (height, width).
    """

    _kind = "rle"

    def __init__(
        self,
        counts: str | Sequence[int] | None = None,
        id: str | None = None,
        labels: Iterable[str] | None = None,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        size: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__(counts, id, labels, confidence, metadata)
        self.size = size

    def _parse(self, values: Values) -> str | list[int]:
        return values if isinstance(values, str) else [int(count) for count in values]

    def geometry(self) -> Geometry:
        """Returns it as the library's own value."""
        counts = self._given()
        height, width = self.size
        return NativeRle(
            counts=counts if isinstance(counts, str) else tuple(counts), height=height, width=width
        )


class ImageAnnotation(Annotation):
    """Labels of the whole frame, without a place on it."""

    _kind = "im"

    def __init__(
        self,
        image_classes: Iterable[str] | None = None,
        id: str | None = None,
        labels: Iterable[str] | None = None,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        classes = label_list(image_classes)
        super().__init__(None, id, list(dict.fromkeys([*label_list(labels), *classes])), confidence, metadata)

    @property
    def image_classes(self) -> list[str]:
        """Its labels."""
        return self.labels


Annotation.reserve(kind.get_type() for kind in (BoundingBox2D, BoundingBox3D, Ellipse2D, ImageAnnotation))
Annotation.reserve(kind.get_type() for kind in (KeyPoints2D, KeyPoints3D, Mask, Polygon2D, Polygon3D, Rle))
