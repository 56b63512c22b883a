"""How much differs between two versions, counted in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from hdstore.diff.details import AnnotationChange, compare_annotations
from hdstore.diff.frames import FrameChange, iter_changes
from hdstore.model import Annotation, Progress
from hdstore.version import VersionState

__all__ = ["DiffSummary", "LabelDelta", "Tally", "summary"]

_STEP = 1000
"""Frames between two calls of a progress function."""


@dataclass(frozen=True, slots=True)
class LabelDelta:
    """How often a label came to an annotation and how often it went; with it, or by relabelling."""

    added: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffSummary:
    """Counts of what differs between two versions.

    Annotations of frames that came or went count as added or removed. An annotation that changed in several ways is
    counted for each of ``moved`` (its geometry), ``relabelled``, ``confidence``, ``metadata`` and ``other`` (its object
    id and sources). ``fields`` counts frames by the fields in which they changed. ``labels`` is sorted by name; what a
    label gained less what it lost is the difference of the versions' own counts of annotations.
    """

    frames_added: int = 0
    frames_removed: int = 0
    frames_changed: int = 0
    annotations_added: int = 0
    annotations_removed: int = 0
    annotations_changed: int = 0
    moved: int = 0
    relabelled: int = 0
    confidence: int = 0
    metadata: int = 0
    other: int = 0
    fields: dict[str, int] = field(default_factory=dict)
    labels: dict[str, LabelDelta] = field(default_factory=dict)


class Tally:
    """Counts changes as they stream by."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._fields: Counter[str] = Counter()
        self._gained: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()

    def add(self, change: FrameChange) -> None:
        """Counts one change."""
        before, after = change.read()
        self._counts[f"frames_{change.status}"] += 1
        self._fields.update(change.fields)
        old = {} if before is None else {annotation.id: annotation for annotation in before.annotations}
        new = {} if after is None else {annotation.id: annotation for annotation in after.annotations}
        for name, ids, held, labels in (
            ("annotations_added", change.annotations_added, new, self._gained),
            ("annotations_removed", change.annotations_removed, old, self._lost),
        ):
            self._counts[name] += len(ids)
            _count_labels((held[i] for i in ids), labels)
        for i in change.annotations_changed:
            self._add_changed(compare_annotations(old[i], new[i]))

    def _add_changed(self, change: AnnotationChange) -> None:
        counts = self._counts
        counts["annotations_changed"] += 1
        counts["moved"] += change.geometry is not None
        counts["confidence"] += change.confidence is not None
        counts["metadata"] += bool(change.metadata)
        counts["other"] += change.object_id is not None or change.sources is not None
        if change.labels is not None:
            counts["relabelled"] += 1
            old, new = map(Counter, change.labels)
            self._gained.update(new - old)
            self._lost.update(old - new)

    def summary(self) -> DiffSummary:
        """Returns what was counted up to now."""
        names = sorted(self._gained.keys() | self._lost.keys())
        return DiffSummary(
            **self._counts,
            fields=dict(sorted(self._fields.items())),
            labels={name: LabelDelta(self._gained[name], self._lost[name]) for name in names},
        )


def _count_labels(annotations: Iterable[Annotation], labels: Counter[str]) -> None:
    for annotation in annotations:
        labels.update(annotation.labels)


def summary(before: VersionState, after: VersionState, *, progress: Progress | None = None) -> DiffSummary:
    """Returns the counts of what differs between two versions, in one pass and bounded memory."""
    tally = Tally()
    for done, change in enumerate(iter_changes(before, after)):
        if progress is not None and not done % _STEP:
            progress("Comparing frames", done, None)
        tally.add(change)
    return tally.summary()
