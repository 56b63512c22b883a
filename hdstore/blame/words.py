"""Histories as lines for people and as plain values for JSON, in the words of a difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from hdstore.blame.values import AnnotationBlame, Credit, FieldBlame, FrameBlame, FrameEvent, Path
from hdstore.codec import plain_value
from hdstore.diff import (
    ABSENT,
    Line,
    change_to_builtins,
    compare_annotations,
    detail,
    detail_lines,
    dotted,
    frame_change,
)
from hdstore.diff.lines import annotation_lines, shown, title_of
from hdstore.model import Annotation, Frame

__all__ = [
    "blame_to_builtins",
    "event_lines",
    "event_to_builtins",
    "field_name",
    "field_text",
    "saves_of",
]


def event_lines(event: FrameEvent) -> Iterator[Line]:
    """Yields what a save did to a frame or an annotation: against the first parent that has it, at a merge."""
    before, after = event.before, event.after
    if isinstance(before, Annotation) and isinstance(after, Annotation):
        yield from annotation_lines(compare_annotations(before, after))
    elif isinstance(before, Annotation):
        yield Line("-", title_of(before), "", before.id)
    elif isinstance(after, Annotation):
        yield Line("+", title_of(after), "", after.id)
    else:
        if event.kind != "changed":
            yield Line("+" if event.kind == "added" else "-", "", f"frame {event.frame_id}")
        yield from detail_lines(detail(before, after))


def event_to_builtins(event: FrameEvent) -> dict[str, Any]:
    """Returns what happened: the kind, and what differs of a frame, or both values of an annotation."""
    before, after = event.before, event.after
    plain: dict[str, Any] = {"frame": event.frame_id, "kind": event.kind}
    if event.annotation_id is not None:
        pair = {"before": before, "after": after}
        held = {name: plain_value(value) for name, value in pair.items() if value is not None}
        return {**plain, "annotation": event.annotation_id, **held}
    change = frame_change(_frame(before), _frame(after))
    return plain if change is None else {**plain, "change": change_to_builtins(change)}


def _frame(value: Frame | Annotation | None) -> Frame | None:
    return None if isinstance(value, Annotation) else value


def field_name(path: Path) -> str:
    """Returns what a field is called: ``labels``, ``meta.city``, ``sources.00``."""
    return dotted(path)


def field_text(path: Path, value: Any) -> str:
    """Returns the value of a field in short; nothing where there is none."""
    if value is ABSENT or value is None:
        return ""
    if path == ("labels",):
        return ", ".join(value)
    return shown(plain_value(value))


def blame_to_builtins(blame: FrameBlame) -> dict[str, Any]:
    """Returns who did what: saves are named by their commits' ids."""
    return {
        "frame": blame.frame.id,
        **_whole(blame),
        "annotations": [
            {"id": one.annotation.id, "title": title_of(one.annotation), **_whole(one)}
            for one in blame.annotations
        ],
        "removed": [
            {
                "id": one.annotation.id,
                "title": title_of(one.annotation),
                "commit": one.by.commit.id,
                "annotation": plain_value(one.annotation),
            }
            for one in blame.removed
        ],
    }


def _whole(blame: FrameBlame | AnnotationBlame) -> dict[str, Any]:
    return {
        "added": blame.added.commit.id,
        "last": blame.last.commit.id,
        "fields": [_field(one) for one in blame.fields],
    }


def _field(field: FieldBlame) -> dict[str, Any]:
    plain = {"path": list(field.path), "value": plain_value(field.value), "commit": field.by.commit.id}
    return plain if field.before is ABSENT else {**plain, "before": plain_value(field.before)}


def saves_of(blame: FrameBlame) -> dict[str, Credit]:
    """Returns all saves that a blame names, by the ids of their commits."""

    def named() -> Iterator[Credit]:
        wholes: Iterable[FrameBlame | AnnotationBlame] = (blame, *blame.annotations)
        for one in wholes:
            yield from (one.added, one.last, *(field.by for field in one.fields))
        yield from (one.by for one in blame.removed)

    return {credit.commit.id: credit for credit in named()}
