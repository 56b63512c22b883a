"""What differs as lines for people, the same on a terminal and in a report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from hdstore.codec.plain import encode_json
from hdstore.diff.details import AnnotationChange, FrameDetails
from hdstore.diff.geometry import GeometryChange, kind_of
from hdstore.diff.values import ABSENT, ValueChange
from hdstore.model import Annotation, MaskValue

__all__ = ["Line", "annotation_lines", "detail_lines", "title_of", "value_line"]

_LONGEST = 80
"""Characters of a value that are shown."""

_NEAR = 0.05
"""Distances below are shown as less than a tenth."""

_IN_SPACE = frozenset({"keypoints3d", "polygon3d", "box3d"})


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that came (+), went (-) or changed (~).

    ``subject`` is the annotation it happened to, such as ``box "cat"``, with its id; both "" for what is no
    annotation's.
    """

    sign: str
    subject: str
    text: str
    id: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.sign, self.subject, self.text) if part)


def detail_lines(details: FrameDetails) -> Iterator[Line]:
    """Yields what differs in a frame: its annotations in their order, then everything else."""
    for annotation in details.annotations_removed:
        yield Line("-", title_of(annotation), "", annotation.id)
    for change in details.annotations_changed:
        yield from annotation_lines(change)
    for annotation in details.annotations_added:
        yield Line("+", title_of(annotation), "", annotation.id)
    for value in details.values:
        yield value_line(value)


def title_of(annotation: Annotation) -> str:
    """Returns what kind of annotation this is and its labels: ``box "cat"``."""
    kind = kind_of(annotation.geometry) or "label"
    return f"{kind} {_labels(annotation.labels, quoted=True)}"


def annotation_lines(change: AnnotationChange) -> Iterator[Line]:
    """Yields one line for each thing that changed of an annotation, which is called as it was before."""
    subject = title_of(change.before)
    for text in _texts(change):
        yield Line("~", subject, text, change.id)
    for value in change.metadata:
        line = value_line(ValueChange(("metadata", *value.path), value.before, value.after))
        yield Line(line.sign, subject, line.text, change.id)


def _texts(change: AnnotationChange) -> Iterator[str]:
    if change.geometry is not None:
        yield _geometry(change.geometry)
    if change.labels is not None:
        old, new = change.labels
        yield f"label {_labels(old)} -> {_labels(new)}"
    if change.confidence is not None:
        yield "confidence {} -> {}".format(
            *("none" if held is None else shown(held) for held in change.confidence)
        )
    if change.object_id is not None:
        yield "object id {} -> {}".format(
            *("none" if held is None else shown(held) for held in change.object_id)
        )
    if change.sources is not None:
        old, new = change.sources
        yield f"sources {_labels(old, none='the first')} -> {_labels(new, none='the first')}"


def _labels(labels: Iterable[str], *, quoted: bool = False, none: str = "none") -> str:
    listed = [f'"{label}"' if quoted else label for label in labels]
    return _cut(", ".join(listed)) if listed else none


def _geometry(change: GeometryChange) -> str:
    before, after = change.kind_before, change.kind_after
    parts = [] if before == after else [f"geometry {before or 'none'} -> {after or 'none'}"]
    if isinstance(change.before, MaskValue) and isinstance(change.after, MaskValue):
        parts.append(f"mask value {_mask_value(change.before)} -> {_mask_value(change.after)}")
    far, share = change.distance, change.iou
    if far:
        unit = "" if before in _IN_SPACE else " px"
        parts.append(f"moved {_distance(far)}{unit}")
    elif before == after and not parts:
        parts.append("drawn anew" if share == 1 else "reshaped")
    if share is not None:
        parts.append(f"IoU {_share(share)}")
    return ", ".join(parts)


def _mask_value(geometry: MaskValue) -> str:
    value = " ".join(map(str, geometry.value))
    return f"{value} of {geometry.mask}" if geometry.mask else value


def _distance(far: float) -> str:
    if far < _NEAR:
        return "less than 0.1"
    return f"{far:,.1f}" if far < 1000 else f"{far:,.0f}"


def _share(share: float) -> str:
    """Returns a share with two digits; what is not whole is never shown as 1."""
    return f"{math.floor(share * 100) / 100:.2f}"


def value_line(change: ValueChange) -> Line:
    """Returns the line of one plain value that differs."""
    if change.before is ABSENT:
        return Line("+", "", f"{change.name}: {shown(change.after)}")
    if change.after is ABSENT:
        return Line("-", "", f"{change.name}: {shown(change.before)}")
    return Line("~", "", f"{change.name}: {shown(change.before)} -> {shown(change.after)}")


def shown(value: Any) -> str:
    """Returns a plain value as JSON, cut where it is long."""
    return _cut(encode_json(value).decode())


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
