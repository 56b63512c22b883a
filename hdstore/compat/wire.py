"""Frames as ClearML's REST interface writes them: one dict with ``sources`` and ``rois``.

What that form has no field for goes under keys that begin with an underscore in an ROI's metadata, so that
``frame_from_dict(frame_to_dict(frame))`` is the frame again.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from hdstore.compat.coordinates import fixed, flat_points, rings
from hdstore.errors import InvalidValueError
from hdstore.geometry import SEPARATOR, box_corners, join_rings
from hdstore.model import (
    Annotation,
    Box,
    Box3D,
    Ellipse,
    Frame,
    FrameGroup,
    Geometry,
    Keypoints,
    Keypoints3D,
    Mask,
    MaskValue,
    Polygon,
    Polygon3D,
    Preview,
    Rle,
    SingleFrame,
    Source,
)

__all__ = [
    "CUSTOM_VALUES",
    "TYPE",
    "frame_from_dict",
    "frame_to_dict",
    "roi_from_dict",
    "roi_to_dict",
    "tag_of",
]

TYPE = "_type"
CUSTOM_VALUES = "_values"
"""Keys of an annotation's metadata: its type, and the values of a type that a script has added."""

_TAGS: dict[type[Any], str] = {
    Polygon: "p2d",
    Box: "b2d",
    Ellipse: "elp",
    Keypoints: "k2d",
    Polygon3D: "p3d",
    Box3D: "b3d",
    Keypoints3D: "k3d",
    MaskValue: "mask",
    Rle: "rle",
    type(None): "im",
}
_OWN_KEYS = frozenset({TYPE, "_box", "_id", "_visibility", "_skeleton", "_rle", "_rings", "_metadata"})


def tag_of(geometry: Geometry | None) -> str:
    """Returns ClearML's short name of a kind of annotation; "rle" is ours."""
    return _TAGS[type(geometry)]


def roi_to_dict(annotation: Annotation, *, corners: bool = False) -> dict[str, Any]:
    """Returns an annotation as an ROI.

    With ``corners`` a box is written as its four corners, as the newer SDK does; its own numbers lie beside them.
    """
    roi: dict[str, Any] = {"id": annotation.id, "label": list(annotation.labels)}
    if annotation.confidence is not None:
        roi["confidence"] = annotation.confidence
    if annotation.sources:
        roi["sources"] = list(annotation.sources)
    own: dict[str, Any] = {TYPE: tag_of(annotation.geometry)}
    _write_geometry(annotation.geometry, roi, own)
    if corners and isinstance(annotation.geometry, Box):
        own["_box"], roi["poly"] = roi["poly"], _corners(roi["poly"])
    if annotation.object_id is not None:
        own["_id"] = annotation.object_id
    metadata = copy.deepcopy(annotation.metadata)
    custom = metadata.get(TYPE)
    if annotation.geometry is None and isinstance(custom, str) and custom not in _TAGS.values():
        del own[TYPE]
    clash = _OWN_KEYS & metadata.keys() - ({TYPE} if TYPE not in own else set())
    roi["meta"] = {**own, "_metadata": metadata} if clash else {**metadata, **own}
    return roi


def _write_geometry(geometry: Geometry | None, roi: dict[str, Any], own: dict[str, Any]) -> None:
    match geometry:
        case Box(x=x, y=y, w=w, h=h, angle=angle):
            roi["poly"] = [x, y, w, h] if angle is None else [x, y, w, h, angle]
        case Polygon():
            _write_rings(geometry.rings, 2, roi, own)
        case Polygon3D():
            _write_rings(geometry.rings, 3, roi, own)
        case Ellipse():
            roi["poly"] = [geometry.cx, geometry.cy, geometry.rx, geometry.ry, geometry.theta]
        case Keypoints():
            roi["poly"] = list(geometry.points)
            if geometry.visibility:
                own["_visibility"] = list(geometry.visibility)
            if geometry.skeleton:
                own["_skeleton"] = geometry.skeleton
        case Keypoints3D():
            roi["poly"] = list(geometry.points)
        case Box3D():
            roi["poly"] = [*geometry.front, *geometry.back]
        case MaskValue():
            roi["mask"] = {"id": geometry.mask, "value": list(geometry.value)}
        case Rle(counts=counts):
            runs = counts if isinstance(counts, str) else list(counts)
            own["_rle"] = {"counts": runs, "size": [geometry.height, geometry.width]}


def _write_rings(
    all_rings: Sequence[Sequence[float]], dimensions: int, roi: dict[str, Any], own: dict[str, Any]
) -> None:
    if all_rings and all(ring and SEPARATOR not in ring for ring in all_rings):
        roi["poly"] = list(join_rings(all_rings, dimensions=dimensions))
    else:
        # One flat run can not hold an empty ring, nor a coordinate that is the separator.
        roi["poly"] = []
        own["_rings"] = [list(ring) for ring in all_rings]


def roi_from_dict(roi: Mapping[str, Any]) -> Annotation:
    """Returns the annotation that an ROI describes."""
    own = copy.deepcopy(dict(roi.get("meta") or {}))
    metadata = own.pop("_metadata", None)
    own_keys = _OWN_KEYS - ({TYPE} if own.get(TYPE) not in _TAGS.values() else set())
    if metadata is None:
        metadata = {key: value for key, value in own.items() if key not in own_keys}
    confidence = roi.get("confidence")
    return Annotation(
        id=str(roi.get("id") or ""),
        object_id=own.get("_id"),
        labels=tuple(roi.get("label") or roi.get("labels") or ()),
        confidence=None if confidence is None else float(confidence),
        geometry=_read_geometry(roi, own),
        metadata=metadata,
        sources=tuple(roi.get("sources") or ()),
    )


def _read_geometry(roi: Mapping[str, Any], own: Mapping[str, Any]) -> Geometry | None:
    poly, mask = roi.get("poly"), roi.get("mask")
    tag = own.get(TYPE)
    if tag not in _TAGS.values():
        tag = "p2d" if poly else "mask" if mask else "im"
    what = "The poly of an ROI"
    match tag:
        case "p2d" | "p3d":
            dimensions = 2 if tag == "p2d" else 3
            found = own["_rings"] if "_rings" in own else rings(poly, what, dimensions)
            frozen = tuple(tuple(ring) for ring in found)
            return Polygon(rings=frozen) if tag == "p2d" else Polygon3D(rings=frozen)
        case "b2d":
            own_box = fixed(own["_box"], what, 4, 5) if "_box" in own else []
            # Corners that were changed since say where the box lies now.
            return _read_box(own_box if own_box and _corners(own_box) == list(poly or ()) else poly, what)
        case "elp":
            cx, cy, rx, ry, theta = fixed(poly, what, 5)
            return Ellipse(cx=cx, cy=cy, rx=rx, ry=ry, theta=theta)
        case "k2d":
            return Keypoints(
                points=tuple(flat_points(poly, what, 2)),
                visibility=tuple(own.get("_visibility", ())),
                skeleton=own.get("_skeleton", ""),
            )
        case "k3d":
            return Keypoints3D(points=tuple(flat_points(poly, what, 3)))
        case "b3d":
            x, y, z, w, h, *back = fixed(poly, what, 10)
            x2, y2, z2, w2, h2 = back
            return Box3D(front=(x, y, z, w, h), back=(x2, y2, z2, w2, h2))
        case "mask":
            if not isinstance(mask, Mapping):
                raise InvalidValueError("An ROI of type 'mask' has a dict 'mask' with 'id' and 'value'.")
            return MaskValue(mask=str(mask.get("id") or ""), value=tuple(mask["value"]))
        case "rle":
            return _read_rle(own.get("_rle"))
        case _:
            return None


def _corners(numbers: Sequence[float]) -> list[float]:
    x, y, w, h, *angle = numbers
    corners = box_corners(x, y, w, h, angle=angle[0] if angle else None)
    return [number for corner in corners for number in corner]


def _read_box(poly: Any, what: str) -> Geometry:
    numbers = fixed(poly, what, 4, 5, 8)
    if len(numbers) == 8:
        # The newer SDK writes the four corners of a box.
        xs, ys = numbers[::2], numbers[1::2]
        if len(set(xs)) > 2 or len(set(ys)) > 2:
            return Polygon(rings=(tuple(numbers),))
        return Box(x=min(xs), y=min(ys), w=max(xs) - min(xs), h=max(ys) - min(ys))
    x, y, w, h, *angle = numbers
    return Box(x=x, y=y, w=w, h=h, angle=angle[0] if angle else None)


def _read_rle(value: Any) -> Rle:
    if not isinstance(value, Mapping) or "counts" not in value or len(value.get("size", ())) != 2:
        raise InvalidValueError("An ROI of type 'rle' has '_rle' with 'counts' and 'size' in its meta.")
    counts = value["counts"]
    height, width = value["size"]
    return Rle(counts=counts if isinstance(counts, str) else tuple(counts), height=height, width=width)


def frame_to_dict(frame: Frame, *, corners: bool = False) -> dict[str, Any]:
    """Returns a frame as a dict; ``context_id`` and ``timestamp`` are its first source's if none was given."""
    plain: dict[str, Any] = {
        "id": frame.id,
        "frame_type": "group" if isinstance(frame, FrameGroup) else "single",
        "context_id": frame.context,
        "timestamp": frame.time,
        "meta": copy.deepcopy(frame.metadata),
        "sources": [_source_to_dict(source) for source in frame.sources],
        "rois": [roi_to_dict(annotation, corners=corners) for annotation in frame.annotations],
    }
    if frame.blob:
        plain["blob"] = frame.blob
    if frame.extra:
        plain["meta_blob"] = copy.deepcopy(frame.extra)
    if frame.vectors:
        plain["vectors"] = {name: list(vector) for name, vector in frame.vectors.items()}
    return plain


def _medium(medium: Source | Mask | Preview, *names: str) -> dict[str, Any]:
    """Returns the fields of a medium that say something, under the names they have."""
    found = {name: getattr(medium, name) for name in names}
    return {name: value for name, value in found.items() if value is not None and value != ""}


def _source_to_dict(source: Source) -> dict[str, Any]:
    names = ("content_type", "width", "height", "size", "hash")
    plain = {"id": source.id, "uri": source.uri, "timestamp": source.timestamp, **_medium(source, *names)}
    if source.metadata:
        plain["meta"] = copy.deepcopy(source.metadata)
    if source.preview is not None:
        preview = source.preview
        plain["preview"] = {
            "uri": preview.uri,
            "timestamp": preview.timestamp,
            **_medium(preview, "content_type", "size", "hash"),
        }
    if source.masks:
        plain["masks"] = [
            {"id": mask.id, "uri": mask.uri, "timestamp": mask.timestamp, **_medium(mask, *names)}
            for mask in source.masks
        ]
    return plain


def frame_from_dict(plain: Mapping[str, Any]) -> Frame:
    """Returns the frame that a dict describes; several sources, or "frame_type", make it a group.

    Raises:
        InvalidValueError: a field is missing or of another type.
    """
    try:
        sources = tuple(_source_from_dict(source) for source in plain.get("sources") or ())
        group = plain.get("frame_type", "group" if len(sources) > 1 else "single") == "group"
        context = str(plain.get("context_id") or "")
        timestamp = plain.get("timestamp")
        first = sources[0] if sources else Source()
        return (FrameGroup if group else SingleFrame)(
            id=str(plain["id"]),
            context_id="" if context == first.uri else context,
            timestamp=None if timestamp == first.timestamp else timestamp,
            metadata=copy.deepcopy(dict(plain.get("meta") or {})),
            extra=copy.deepcopy(dict(plain.get("meta_blob") or {})),
            blob=plain.get("blob") or "",
            vectors={name: tuple(vector) for name, vector in (plain.get("vectors") or {}).items()},
            sources=sources,
            annotations=tuple(roi_from_dict(roi) for roi in plain.get("rois") or ()),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidValueError(f"This dict is not a frame: {type(error).__name__} {error}.") from error


def _source_from_dict(plain: Mapping[str, Any]) -> Source:
    preview = plain.get("preview")
    fields = {key: value for key, value in plain.items() if key not in ("meta", "preview", "masks")}
    return Source(
        **fields,
        metadata=copy.deepcopy(dict(plain.get("meta") or {})),
        preview=Preview(**preview) if preview else None,
        masks=tuple(Mask(**mask) for mask in plain.get("masks") or ()),
    )
