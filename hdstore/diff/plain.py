"""What differs as plain values, for JSON; absent values are left out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hdstore.codec import frame_to_builtins
from hdstore.codec.conflictpaths import plain_value
from hdstore.diff.details import AnnotationChange
from hdstore.diff.frames import FrameChange
from hdstore.diff.geometry import GeometryChange
from hdstore.diff.summary import DiffSummary
from hdstore.diff.values import ABSENT, ValueChange

__all__ = ["change_to_builtins", "summary_to_builtins", "value_to_builtins"]


def change_to_builtins(change: FrameChange) -> dict[str, Any]:
    """Returns what became of a frame: its id, its status, and either the whole frame or all that differs in it."""
    before, after = change.read()
    plain: dict[str, Any] = {"id": change.id, "status": change.status}
    one = before if after is None else after if before is None else None
    if one is not None:
        return {**plain, "frame": frame_to_builtins(one)}
    details = change.details()
    return {
        **plain,
        "annotations": {
            "added": [plain_value(annotation) for annotation in details.annotations_added],
            "removed": [plain_value(annotation) for annotation in details.annotations_removed],
            "changed": [_annotation(changed) for changed in details.annotations_changed],
        },
        "fields": list(change.fields),
        "values": [value_to_builtins(value) for value in details.values],
    }


def value_to_builtins(change: ValueChange) -> dict[str, Any]:
    """Returns a path, and the values before and after where there are any."""
    pair = {"before": change.before, "after": change.after}
    return {"path": list(change.path), **{name: held for name, held in pair.items() if held is not ABSENT}}


def _annotation(change: AnnotationChange) -> dict[str, Any]:
    plain: dict[str, Any] = {"id": change.id}
    if change.geometry is not None:
        plain["geometry"] = _geometry(change.geometry)
    for name in ("labels", "confidence", "object_id", "sources"):
        pair = getattr(change, name)
        if pair is not None:
            plain[name] = {"before": pair[0], "after": pair[1]}
    if change.metadata:
        plain["metadata"] = [value_to_builtins(value) for value in change.metadata]
    return plain


def _geometry(change: GeometryChange) -> dict[str, Any]:
    return {
        "kind_before": change.kind_before or None,
        "kind_after": change.kind_after or None,
        "distance": change.distance,
        "iou": change.iou,
        "before": plain_value(change.before),
        "after": plain_value(change.after),
    }


def summary_to_builtins(summary: DiffSummary) -> dict[str, Any]:
    """Returns all counts by their names."""
    return asdict(summary)
