"""Who changed a frame or an annotation, when, in which version, and what it was before."""

from __future__ import annotations

from hdstore.blame.histories import Histories
from hdstore.blame.values import (
    AnnotationBlame,
    Credit,
    FieldBlame,
    FrameBlame,
    FrameEvent,
    RemovedAnnotation,
)
from hdstore.blame.words import (
    blame_to_builtins,
    event_lines,
    event_to_builtins,
    field_name,
    field_text,
    saves_of,
)

__all__ = [
    "AnnotationBlame",
    "Credit",
    "FieldBlame",
    "FrameBlame",
    "FrameEvent",
    "Histories",
    "RemovedAnnotation",
    "blame_to_builtins",
    "event_lines",
    "event_to_builtins",
    "field_name",
    "field_text",
    "saves_of",
]
