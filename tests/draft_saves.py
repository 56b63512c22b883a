"""Saves that somebody beside the app makes."""

from __future__ import annotations

import hdstore
from hdstore.model import ReplaceAnnotation, replace

__all__ = ["move", "relabel"]

DRAFT = "Street/Current"


def relabel(repository: hdstore.Repository, frame_id: str, label: str) -> None:
    """Gives the first annotation of a frame another label."""
    draft = repository.version(DRAFT)
    car = replace(draft.frame(frame_id).annotations[0], labels=(label,))
    draft.apply(ReplaceAnnotation(frame_id=frame_id, annotation=car))


def move(repository: hdstore.Repository, frame_id: str, x: float) -> None:
    """Moves the first annotation of a frame."""
    draft = repository.version(DRAFT)
    held = draft.frame(frame_id).annotations[0]
    car = replace(held, geometry=replace(held.geometry, x=x))
    draft.apply(ReplaceAnnotation(frame_id=frame_id, annotation=car))
