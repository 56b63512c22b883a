"""What differs between two versions: frames, annotations, metadata, schemas, down to a pixel and a key."""

from __future__ import annotations

from hdstore.diff.details import AnnotationChange, FrameDetails, compare_annotations, detail
from hdstore.diff.frames import (
    Diff,
    FrameChange,
    FramePair,
    compare_frames,
    diff,
    frame_change,
    iter_changes,
    iter_differing,
)
from hdstore.diff.geometry import GeometryChange, distance, iou
from hdstore.diff.summary import DiffSummary, LabelDelta, Tally, summary
from hdstore.diff.values import ABSENT, ValueChange, dotted, value_changes
from hdstore.diff.versions import compare_schemas, compare_versions

__all__ = [
    "ABSENT",
    "AnnotationChange",
    "Diff",
    "DiffSummary",
    "FrameChange",
    "FrameDetails",
    "FramePair",
    "GeometryChange",
    "LabelDelta",
    "Tally",
    "ValueChange",
    "compare_annotations",
    "compare_frames",
    "compare_schemas",
    "compare_versions",
    "detail",
    "diff",
    "distance",
    "dotted",
    "frame_change",
    "iou",
    "iter_changes",
    "iter_differing",
    "summary",
    "value_changes",
]
