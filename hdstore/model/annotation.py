"""One annotation (ROI): labels, an optional geometry, confidence and metadata on one or more sources."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from hdstore.model.shapes import Geometry

__all__ = ["Annotation", "Metadata"]

Metadata = dict[str, Any]
"""JSON-like values by name: null, booleans, 64-bit integers, finite floats, strings, lists and maps of these."""


class Annotation(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    gc=False,
):
    """Labels on a frame, with a geometry or (without one) on the frame as a whole.

    ``id`` is unique in its frame and stable: merge, diff and blame stand on it. Left empty, it is filled in from
    content and position when the frame is put into a draft. ``object_id`` may be shared by several annotations of one
    object or track (what ClearML calls id). ``sources`` names the sources it lies on; empty means the first.
    """

    confidence: Annotated[float, msgspec.Meta(ge=-1e300, le=1e300)] | None = None
    geometry: Geometry | None = None
    id: str = ""
    labels: tuple[Annotated[str, msgspec.Meta(min_length=1)], ...] = ()
    metadata: Metadata = msgspec.field(default_factory=dict)
    object_id: str | None = None
    sources: tuple[str, ...] = ()
