"""From the library's annotations to the classes of this API."""

from __future__ import annotations

from typing import Any

from hdstore.allegroai.annotation import Annotation, Binding, registered
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
    Rle,
)
from hdstore.compat.values import deep
from hdstore.compat.wire import CUSTOM_VALUES, TYPE
from hdstore.model import Annotation as NativeAnnotation
from hdstore.model import Box, Box3D, Ellipse, Geometry, Keypoints, Keypoints3D, MaskValue, Polygon
from hdstore.model import Polygon3D as NativePolygon3D
from hdstore.model import Rle as NativeRle

__all__ = ["annotation_from_native"]


def annotation_from_native(native: NativeAnnotation, binding: Binding | None = None) -> Annotation:
    """Returns a stored annotation as one of this API's classes, or as the registered one it names."""
    kind, details = _read(native.geometry)
    metadata: dict[str, Any] = deep(native.metadata)
    type_name = metadata.get(TYPE)
    custom = registered(type_name)
    values = None
    if custom is not None and native.geometry is not None and issubclass(custom, kind):
        kind, values = custom, details["_values"]
        del metadata[TYPE]
    elif custom is not None and native.geometry is None and not issubclass(custom, ImageAnnotation):
        kind, values = custom, metadata.pop(CUSTOM_VALUES, None)
        del metadata[TYPE]
    else:
        type_name = ""
    found = kind(values, id=native.object_id, confidence=native.confidence, metadata=metadata)
    # What is stored is taken as it is: a constructor would read rings of one point as the points of one
    # ring, and that of a registered class knows no details.
    vars(found).update(details, labels=list(native.labels), type_name=type_name)
    found.binding = binding
    return found


def _read(geometry: Geometry | None) -> tuple[type[Annotation], dict[str, Any]]:
    """Returns the class for a geometry, and the attributes that hold it."""
    match geometry:
        case Box(x=x, y=y, w=w, h=h, angle=angle):
            return BoundingBox2D, {"_values": [x, y, w, h] if angle is None else [x, y, w, h, angle]}
        case Polygon(rings=(ring,)):
            return Polygon2D, {"_values": list(ring)}
        case Polygon():
            return ComplexPolygon2D, {"_values": [list(ring) for ring in geometry.rings]}
        case NativePolygon3D(rings=(ring,)):
            return Polygon3D, {"_values": list(ring)}
        case NativePolygon3D():
            return ComplexPolygon3D, {"_values": [list(ring) for ring in geometry.rings]}
        case Ellipse():
            values = [geometry.cx, geometry.cy, geometry.rx, geometry.ry, geometry.theta]
            return Ellipse2D, {"_values": values}
        case Keypoints():
            return KeyPoints2D, {
                "_values": list(geometry.points),
                "visibility": list(geometry.visibility),
                "skeleton": geometry.skeleton,
            }
        case Keypoints3D():
            return KeyPoints3D, {"_values": list(geometry.points)}
        case Box3D():
            return BoundingBox3D, {"_values": [*geometry.front, *geometry.back]}
        case MaskValue():
            return Mask, {"_values": list(geometry.value), "mask_id": geometry.mask}
        case NativeRle(counts=counts, height=height, width=width):
            runs = counts if isinstance(counts, str) else list(counts)
            return Rle, {"_values": runs, "size": (height, width)}
        case None:
            return ImageAnnotation, {}
