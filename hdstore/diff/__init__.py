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
from hdstore.diff.lines import Line, detail_lines, value_line
from hdstore.diff.plain import change_to_builtins, summary_to_builtins, value_to_builtins
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
    "Line",
    "Tally",
    "ValueChange",
    "change_to_builtins",
    "compare_annotations",
    "compare_frames",
    "compare_schemas",
    "compare_versions",
    "detail",
    "detail_lines",
    "diff",
    "distance",
    "dotted",
    "frame_change",
    "iou",
    "iter_changes",
    "iter_differing",
    "summary",
    "summary_to_builtins",
    "value_changes",
    "value_line",
    "value_to_builtins",
]
