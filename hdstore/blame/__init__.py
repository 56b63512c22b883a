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

__all__ = [
    "AnnotationBlame",
    "Credit",
    "FieldBlame",
    "FrameBlame",
    "FrameEvent",
    "Histories",
    "RemovedAnnotation",
]
