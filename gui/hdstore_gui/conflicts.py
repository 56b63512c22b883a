"""The conflicts that wait in a version, in words: plain values for the list and the picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from hdstore.codec import typed_value
from hdstore.model import (
    Annotation,
    Box,
    Commit,
    Conflict,
    ConflictSide,
    Ellipse,
    Frame,
    FrameGroup,
    Geometry,
    Keypoints,
    Mask,
    Polygon,
    Progress,
    SingleFrame,
    Source,
    replace,
)
from hdstore.repository import DatasetVersion

__all__ = ["ConflictRow", "SideText", "clock", "described", "geometry_words", "read_conflicts", "value_words"]

_LONGEST = 90
"""Characters of a value that are shown."""

_STEP = 64

_FIELDS = {"object_id": "object id", "context_id": "context", "blob": "binary data"}


@dataclass(frozen=True, slots=True)
class SideText:
    """One side in words; ``geometry`` is its annotation's shape where the conflict is about that."""

    name: str
    commit: str
    who: str
    when: str
    value: str
    shape: Annotation | None = None


@dataclass(frozen=True, slots=True)
class ConflictRow:
    """One conflict in words: ours at the left where that is known, else the earlier save.

    ``shown`` is the side that the frame holds now, 0 or 1, or None where it holds neither. ``can_both`` says whether
    both sides can be kept.
    """

    frame_id: str
    path: tuple[str, ...]
    what: str
    sides: tuple[SideText, SideText]
    shown: int | None
    is_ours_known: bool
    can_both: bool
    annotation_id: str = ""


def read_conflicts(version: DatasetVersion, progress: Progress | None = None) -> tuple[ConflictRow, ...]:
    """Returns the conflicts of a version, sorted by frame and path."""
    found = list(version.waiting())
    commits = version.side_commits(one.conflict for one in found)
    state = version.state()
    rows: list[ConflictRow] = []
    for frame_id, group in groupby(found, lambda one: one.conflict.frame_id):
        frame = state.find(frame_id) if frame_id else None
        for one in group:
            if progress is not None and len(rows) % _STEP == 0:
                progress("Reading conflicts", len(rows), len(found))
            rows.append(described(one.conflict, one.ours, one.shown, frame=frame, commits=commits))
    return tuple(rows)


def described(
    conflict: Conflict,
    ours: int | None,
    shown: int | None,
    *,
    frame: Frame | None,
    commits: Mapping[str, Commit],
) -> ConflictRow:
    """Puts one conflict into words; ``frame`` is the frame as it is now, ``commits`` the saves by id."""
    order = (1, 0) if ours == 1 else (0, 1)
    names = ("Earlier", "Later") if ours is None else ("Ours", "Theirs")
    sides = [
        _side(name, conflict, conflict.sides[number], frame, commits)
        for name, number in zip(names, order, strict=True)
    ]
    return ConflictRow(
        frame_id=conflict.frame_id,
        path=conflict.path,
        what=_what(conflict, frame),
        sides=(sides[0], sides[1]),
        shown=None if shown is None else order.index(shown),
        is_ours_known=ours is not None,
        can_both=conflict.path[:1] == ("annotations",) or not all(side.present for side in conflict.sides),
        annotation_id=conflict.path[1] if conflict.path[:1] == ("annotations",) else "",
    )


def _side(
    name: str, conflict: Conflict, side: ConflictSide, frame: Frame | None, commits: Mapping[str, Commit]
) -> SideText:
    commit = commits.get(side.commit)
    value = typed_value(conflict.frame_id, conflict.path, side.value) if side.present else None
    text = value_words(conflict.path, value)
    if not side.present:
        text = "deleted" if conflict.base.present else "not there"
    return SideText(
        name=name,
        commit=side.commit,
        who=commit.author.name if commit is not None else side.commit[:10],
        when=clock(commit.time) if commit is not None else "",
        value=text,
        shape=_shape(conflict.path, value, frame),
    )


def _shape(path: tuple[str, ...], value: Any, frame: Frame | None) -> Annotation | None:
    """Returns the annotation as a side has it, where the conflict is about where it lies."""
    if isinstance(value, Annotation):
        return value if value.geometry is not None else None
    if path[:1] == ("annotations",) and path[2:] == ("geometry",) and value is not None:
        held = frame.annotation(path[1]) if frame is not None else None
        return replace(held or Annotation(id=path[1]), geometry=value)
    return None


def clock(seconds: int) -> str:
    """Returns a moment as this machine's clock shows it."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")


def _what(conflict: Conflict, frame: Frame | None) -> str:
    match conflict.path:
        case ():
            return "the whole frame"
        case ("annotations", annotation_id, *rest):
            return f"{_title(annotation_id, conflict, frame)}: {_field(rest) or 'the whole annotation'}"
        case ("sources", source_id, *rest):
            return f"source {source_id}: {_field(rest) or 'the whole source'}"
        case ("schema", "labels", name, *rest):
            return f"label {name}: {_field(rest) or 'the whole label'}"
        case ("schema", "mask_labels", *rest):
            return f"mask labels: {' '.join(rest)}"
        case ("version", *rest):
            return _field(rest)
        case path:
            return _field(path)


def _title(annotation_id: str, conflict: Conflict, frame: Frame | None) -> str:
    if conflict.path[2:] == ("labels",) and conflict.base.present and conflict.base.value:
        return ", ".join(conflict.base.value)  # what it was called before either side renamed it
    held = frame.annotation(annotation_id) if frame is not None else None
    if held is None and len(conflict.path) == 2:
        values = (
            typed_value(conflict.frame_id, conflict.path, side.value)
            for side in conflict.sides
            if side.present
        )
        held = next((value for value in values if isinstance(value, Annotation)), None)
    return ", ".join(held.labels) if held is not None and held.labels else annotation_id


def _field(path: list[str] | tuple[str, ...]) -> str:
    if not path:
        return ""
    return ".".join((_FIELDS.get(path[0], path[0].replace("_", " ")), *path[1:])).replace(".", " ", 1)


def value_words(path: tuple[str, ...], value: Any) -> str:
    """Returns what a side holds, in a few words."""
    match value:
        case None:
            return "none"
        case SingleFrame() | FrameGroup():
            count = len(value.annotations)
            return f"{count:,} annotation{'' if count == 1 else 's'}"
        case Annotation():
            labels = ", ".join(value.labels) or "no label"
            return f"{labels}, {geometry_words(value.geometry)}" if value.geometry is not None else labels
        case Source() | Mask():
            return value.uri or "nowhere"
    match path:
        case ("annotations", _, "geometry"):
            return geometry_words(value)
        case ("annotations", _, "labels" | "sources"):
            return ", ".join(value) or "none"
        case ("sources", _, "medium"):
            return value.uri or "nowhere"
    if isinstance(value, str):
        return _cut(value)
    try:
        return _cut(json.dumps(value, ensure_ascii=False, sort_keys=True))
    except TypeError:
        return _cut(str(value))


def geometry_words(geometry: Geometry | None) -> str:
    """Returns a geometry in a few words."""
    match geometry:
        case None:
            return "no geometry"
        case Box():
            turned = f", turned {geometry.angle:.2f}" if geometry.angle else ""
            return f"box {geometry.w:g} × {geometry.h:g} at {geometry.x:g}, {geometry.y:g}{turned}"
        case Ellipse():
            return f"ellipse {2 * geometry.rx:g} × {2 * geometry.ry:g} at {geometry.cx:g}, {geometry.cy:g}"
        case Polygon():
            return f"polygon of {sum(len(ring) // 2 for ring in geometry.rings)} points"
        case Keypoints():
            return f"{len(geometry.points) // 2} keypoints"
    return type(geometry).__name__.lower()


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
