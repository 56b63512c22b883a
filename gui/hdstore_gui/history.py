"""The saves that made a frame, or one annotation of it, what it is, in words and as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from hdstore.blame import FrameEvent, event_lines
from hdstore.model import (
    AddAnnotation,
    Annotation,
    Frame,
    FrameEdit,
    Progress,
    PutFrame,
    RemoveAnnotation,
    ReplaceAnnotation,
)
from hdstore.repository import DatasetVersion
from hdstore_gui.conflicts import clock

__all__ = ["HistoryRow", "read_history", "restoring"]

LONGEST = 200
"""Saves that are shown; older ones are listed by ``hdstore log``."""

_LINES = 3


@dataclass(frozen=True, slots=True, eq=False)
class HistoryRow:
    """One save: what it did, who made it, when and in which version; ``after`` is the value since, None once gone."""

    what: str
    details: str
    who: str
    when: str
    version: str
    commit: str
    after: Frame | Annotation | None


def read_history(
    version: DatasetVersion, frame_id: str, annotation_id: str, progress: Progress | None = None
) -> tuple[HistoryRow, ...]:
    """Returns the saves that changed a frame, or one of its annotations (unless ""), the latest first."""
    events = version.history(frame_id, annotation_id or None, progress=progress)
    return tuple(_row(event) for event in islice(events, LONGEST))


def _row(event: FrameEvent) -> HistoryRow:
    lines = [_words(str(line)) for line in event_lines(event)]
    shown = "; ".join(lines[:_LINES])
    if len(lines) > _LINES:
        shown += f"; and {len(lines) - _LINES} more"
    return HistoryRow(
        what=shown or event.kind,
        details="\n".join(lines),
        who=event.commit.author.name,
        when=clock(event.commit.time),
        version=event.version,
        commit=event.commit.id,
        after=event.after,
    )


def _words(line: str) -> str:
    sign, _, text = line.partition(" ")
    verb = {"+": "added ", "-": "removed ", "~": ""}.get(sign)
    return line if verb is None else f"{verb}{text}"


def restoring(row: HistoryRow, frame: Frame, annotation_id: str) -> tuple[FrameEdit, ...]:
    """Returns the edits of a frame that bring back what it, or one of its annotations, was after a save.

    None of them where it is that already, and where the frame itself was gone.
    """
    after = row.after
    if isinstance(after, Annotation):
        held = frame.annotation(after.id)
        if held == after:
            return ()
        if held is None:
            return (AddAnnotation(frame_id=frame.id, annotation=after),)
        return (ReplaceAnnotation(frame_id=frame.id, annotation=after),)
    if after is None:
        if annotation_id and frame.annotation(annotation_id) is not None:
            return (RemoveAnnotation(frame_id=frame.id, annotation_id=annotation_id),)
        return ()
    return () if after == frame else (PutFrame(frame=after),)
