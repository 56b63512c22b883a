"""The list of annotations of a single frame: adding, finding and removing them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from hdstore.allegroai.annotation import Annotation, registered
from hdstore.allegroai.kinds import (
    BoundingBox2D,
    BoundingBox3D,
    ComplexPolygon2D,
    ComplexPolygon3D,
    Ellipse2D,
    ImageAnnotation,
    KeyPoints2D,
    KeyPoints3D,
    Mask,
    Polygon2D,
    Polygon3D,
)
from hdstore.compat.coordinates import Values, rings
from hdstore.compat.values import label_list
from hdstore.errors import InvalidInputError, InvalidValueError
from hdstore.ids import derive_id

__all__ = ["Annotated"]

_Make: TypeAlias = Callable[[Values], Annotation]


def _polygon_2d(values: Values) -> Annotation:
    found = rings(values, "poly2d_xy", 2)
    return Polygon2D(found[0]) if len(found) == 1 else ComplexPolygon2D(found)


def _polygon_3d(values: Values) -> Annotation:
    found = rings(values, "poly3d_xyz", 3)
    return Polygon3D(found[0]) if len(found) == 1 else ComplexPolygon3D(found)


_MAKERS: dict[str, _Make] = {
    "poly2d_xy": _polygon_2d,
    "poly3d_xyz": _polygon_3d,
    "points2d_xy": KeyPoints2D,
    "points3d_xyz": KeyPoints3D,
    "box2d_xywh": BoundingBox2D,
    "box3d_xyzwhxyzwh": BoundingBox3D,
    "ellipse2d_xyrrt": Ellipse2D,
    "mask_rgb": Mask,
}

Annotation.reserve(_MAKERS)
Annotation.reserve(("frame_class", "id", "labels", "confidence", "metadata", "mask_id"))


class Annotated:
    """Something that annotations lie on."""

    def __init__(self, annotations: Iterable[Annotation] | None) -> None:
        self.annotations = annotations

    @property
    def annotations(self) -> list[Annotation]:
        """The annotations, to be read and changed."""
        return self._annotations

    @annotations.setter
    def annotations(self, annotations: Iterable[Annotation] | None) -> None:
        self._annotations = _checked(annotations or ())

    def _object_id_seed(self) -> str:
        """Returns what tells this frame from others, for the ids of its objects."""
        raise NotImplementedError

    def add_annotation(
        self,
        poly2d_xy: Values = None,
        poly3d_xyz: Values = None,
        points2d_xy: Values = None,
        points3d_xyz: Values = None,
        box2d_xywh: Values = None,
        box3d_xyzwhxyzwh: Values = None,
        ellipse2d_xyrrt: Values = None,
        mask_rgb: Values = None,
        frame_class: Iterable[str] | None = None,
        id: str | None = None,
        labels: Iterable[str] | None = None,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        mask_id: str | None = None,
        **custom: Values,
    ) -> list[int]:
        """Adds one annotation for each geometry given and returns their indices.

        Those of one call share ``id``; where several are made and none is given, it is made up. ``labels``
        without a geometry, or ``frame_class``, label the frame as a whole. ``mask_id`` names the mask that
        ``mask_rgb`` is a value of. ``custom`` are values under the names of types added with
        ``Annotation.register``.
        """
        given = {
            "poly2d_xy": poly2d_xy,
            "poly3d_xyz": poly3d_xyz,
            "points2d_xy": points2d_xy,
            "points3d_xyz": points3d_xyz,
            "box2d_xywh": box2d_xywh,
            "box3d_xyzwhxyzwh": box3d_xyzwhxyzwh,
            "ellipse2d_xyrrt": ellipse2d_xyrrt,
            "mask_rgb": mask_rgb,
        }
        made = [_MAKERS[name](values) for name, values in given.items() if values is not None]
        made += [_custom(name, values) for name, values in custom.items() if values is not None]
        for annotation in made:
            annotation.labels = label_list(labels)
        classes = label_list(frame_class)
        if classes or not made:
            whole = ImageAnnotation(classes, labels=() if made else labels)
            if not whole.labels:
                raise InvalidInputError("An annotation needs a geometry or labels, and this one has neither.")
            made.append(whole)
        _give_mask_id(made, mask_id)
        shared = id
        if shared is None and len(made) > 1:
            shared = derive_id("object", self._object_id_seed(), len(self._annotations))
        for annotation in made:
            annotation.id = None if shared is None else str(shared)
            annotation.confidence = confidence
            annotation.metadata = dict(metadata or {})
        start = len(self._annotations)
        self._annotations += made
        return list(range(start, len(self._annotations)))

    def get_all_annotations(self) -> list[Annotation]:
        """Returns all annotations."""
        return list(self._annotations)

    def get_annotations(self, id: str | None = None, index: int | None = None) -> list[Annotation]:
        """Returns the annotation at ``index``, those of an ``id``, or all; an empty list where nothing matches."""
        if index is not None:
            found = self._annotations[index : index + 1] if index >= 0 else []
            return [annotation for annotation in found if id is None or annotation.id == str(id)]
        return [annotation for annotation in self._annotations if id is None or annotation.id == str(id)]

    def remove_annotation(
        self, index: int | None = None, *, id: str | None = None
    ) -> Annotation | list[Annotation] | None:
        """Removes and returns the annotation at ``index`` (None where there is none), or all those of an ``id``."""
        if (index is None) == (id is None):
            raise InvalidInputError("Say which annotation to remove: its index, or the id.")
        if index is None:
            return self.remove_annotations(id=id)
        return self._annotations.pop(index) if 0 <= index < len(self._annotations) else None

    def remove_annotations(
        self, id: str | None = None, label: str | None = None, labels: Sequence[str] | None = None
    ) -> list[Annotation]:
        """Removes and returns the annotations that meet all that is given; without an argument, all of them.

        ``label`` is one of the labels, ``labels`` are exactly the labels.
        """
        removed = [
            annotation
            for annotation in self._annotations
            if (id is None or annotation.id == str(id))
            and (label is None or label in annotation.labels)
            and (labels is None or annotation.labels == label_list(labels))
        ]
        # By identity: equal annotations that were not asked for stay.
        gone = {_identity(annotation) for annotation in removed}
        self._annotations[:] = [a for a in self._annotations if _identity(a) not in gone]
        return removed


def _identity(value: object) -> int:
    return id(value)


def _checked(annotations: Iterable[Annotation]) -> list[Annotation]:
    found = list(annotations)
    for annotation in found:
        if not isinstance(annotation, Annotation):
            raise InvalidValueError(
                f"Annotations of a frame are Annotation objects, not {type(annotation).__name__}."
            )
    return found


def _custom(name: str, values: Values) -> Annotation:
    kind = registered(name)
    if kind is None:
        raise InvalidInputError(
            f"There is no annotation type {name!r}; Annotation.register adds a class for it."
        )
    annotation = kind(values)
    annotation.type_name = name
    return annotation


def _give_mask_id(made: Iterable[Annotation], mask_id: str | None) -> None:
    if mask_id is None:
        return
    masks = [annotation for annotation in made if isinstance(annotation, Mask)]
    if not masks:
        raise InvalidInputError("mask_id names the mask of a mask_rgb, and none is given.")
    for mask in masks:
        mask.mask_id = str(mask_id)
