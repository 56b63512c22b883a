"""Conflicts of a merge, printed: what each side holds in the words of a difference, and what would resolve them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from hdstore.cli.describe import geometry_text
from hdstore.cli.output import count, iso_time, wall_time
from hdstore.codec import typed_value
from hdstore.diff.lines import shown
from hdstore.model import Annotation, ConflictSide, FrameGroup, Mask, SingleFrame, Source

if TYPE_CHECKING:
    from hdstore.model import Commit, Conflict
    from hdstore.repository.resolving import WaitingConflict

__all__ = ["closing_lines", "conflict_json", "conflict_lines"]

_WIDEST = 60
"""Characters up to which the values of a conflict are padded, so that who saved them stands in one column."""


def conflict_lines(found: Sequence[WaitingConflict], commits: Mapping[str, Commit]) -> Iterator[str]:
    """Yields lines for each frame with its conflicts; a star marks what the draft shows now."""
    for frame_id, listed in groupby(found, lambda waiting: waiting.conflict.frame_id):
        yield frame_id or "the version itself"
        for waiting in listed:
            yield from _lines(waiting, commits)


def _lines(waiting: WaitingConflict, commits: Mapping[str, Commit]) -> Iterator[str]:
    conflict, names = waiting.conflict, _names(waiting)
    held = [_text(conflict, side) for side in conflict.sides]
    wide = min(max(map(len, held)), _WIDEST)
    long = max(map(len, names))
    yield f"  {'/'.join(conflict.path) or 'the whole frame'}"
    yield f"      {'was'.ljust(long)}  {_text(conflict, conflict.base)}"
    for number, (name, text, side) in enumerate(zip(names, held, conflict.sides, strict=True)):
        mark = "*" if waiting.shown == number else " "
        yield f"    {mark} {name.ljust(long)}  {text.ljust(wide)}  {_who(side, commits)}"


def _names(waiting: WaitingConflict) -> tuple[str, str]:
    """Returns what the two sides are called."""
    if waiting.ours is None:
        return "one side", "the other"
    return ("ours", "theirs") if waiting.ours == 0 else ("theirs", "ours")


def _who(side: ConflictSide, commits: Mapping[str, Commit]) -> str:
    commit = commits.get(side.commit)
    if commit is None:
        return f"({side.commit[:10]})"
    return f"{commit.author.name} {wall_time(commit.time)} ({side.commit[:10]})"


def _text(conflict: Conflict, side: ConflictSide) -> str:
    """Returns what a side holds, in a few words."""
    if not side.present:
        return "deleted" if side.commit and conflict.base.present else "not there"
    value = typed_value(conflict.frame_id, conflict.path, side.value)
    match value:
        case SingleFrame() | FrameGroup():
            return f"frame with {count(len(value.annotations), 'annotation')}"
        case Annotation():
            return _annotation(value)
        case Source() | Mask():
            return value.uri or "nowhere"
    match conflict.path:
        case ["annotations", _, "geometry"]:
            return geometry_text(value) or "none"
        case ["annotations", _, "labels" | "sources"]:
            return ", ".join(value) or "none"
        case ["sources", _, "medium"]:
            return value.uri or "nowhere"
        case ["annotations", _, _] | ["sources", _, "timestamp" | "preview"] | ["timestamp"] if value is None:
            return "none"
    return shown(side.value)


def _annotation(value: Annotation) -> str:
    labels = ", ".join(f'"{label}"' for label in value.labels)
    return f"{geometry_text(value.geometry) or 'label'} {labels}".rstrip()


def closing_lines(found: Sequence[WaitingConflict], path: str, frame_id: str | None) -> Iterator[str]:
    """Yields how many conflicts there are, the choices, and a command that resolves them as it stands."""
    frames = {waiting.conflict.frame_id for waiting in found} - {""}
    where = count(len(frames), "frame") if frames else "the version itself"
    yield f"{count(len(found), 'conflict')} in {where}; * is what the draft shows meanwhile."
    what = "for a FRAME or --all" if frame_id is None else "for this frame"
    if all(waiting.ours is not None for waiting in found):
        how = "--ours"
        yield f"Choose --ours, --theirs, --both, --keep or --side COMMIT, {what}:"
    else:
        how = "--keep"
        yield f"Whose side is yours is not known here; choose --side COMMIT, --both or --keep, {what}:"
    which = "--all" if frame_id is None else frame_id
    yield f"    {shlex.join(('hdstore', 'resolve', path, which, how))}"


def conflict_json(waiting: WaitingConflict, commits: Mapping[str, Commit]) -> dict[str, Any]:
    """Returns a conflict as a JSON object; ``ours`` and ``shown`` are 0, 1 or null."""
    conflict = waiting.conflict

    def side(held: ConflictSide) -> dict[str, Any]:
        commit = commits.get(held.commit)
        known = {"author": commit.author.name, "time": iso_time(commit.time)} if commit else {}
        return {"commit": held.commit, **known, "present": held.present, "value": held.value}

    return {
        "frame": conflict.frame_id,
        "path": list(conflict.path),
        "base": {"present": conflict.base.present, "value": conflict.base.value},
        "sides": [side(held) for held in conflict.sides],
        "ours": waiting.ours,
        "shown": waiting.shown,
    }
