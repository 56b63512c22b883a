"""What exactly differs between two values of one frame: annotation by annotation, key by key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from hdstore.codec import frame_to_builtins, same_value
from hdstore.diff.geometry import GeometryChange
from hdstore.diff.values import Path, ValueChange, value_changes
from hdstore.model import Annotation, Frame, Mask, Source, replace

__all__ = ["AnnotationChange", "FrameDetails", "compare_annotations", "detail"]

_T = TypeVar("_T")
_Named: TypeAlias = Annotation | Source | Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationChange:
    """One annotation that both sides hold with different values.

    A field is None where both sides agree in it, else what it was and what it became. ``metadata`` goes key by key,
    with paths from the annotation's metadata on.
    """

    before: Annotation
    after: Annotation
    confidence: tuple[float | None, float | None] | None = None
    geometry: GeometryChange | None = None
    labels: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    metadata: tuple[ValueChange, ...] = ()
    object_id: tuple[str | None, str | None] | None = None
    sources: tuple[tuple[str, ...], tuple[str, ...]] | None = None

    @property
    def id(self) -> str:
        """The annotation's id."""
        return self.after.id


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameDetails:
    """What differs between two values of one frame; annotations are in the order they have in the frame.

    ``values`` is everything else, by paths such as ``("metadata", "city")``, ``("context_id",)``, ``("timestamp",)``,
    ``("vectors", NAME)``, ``("sources", ID, "uri")``, ``("sources", ID, "masks", MASK_ID, "uri")``, as plain values.
    ``("kind",)`` is a single frame that became a group, and ``("annotation order",)`` (``("source order",)``,
    ``("sources", ID, "mask order")``) the ids of those that both sides hold in another order.
    """

    before: Frame | None
    after: Frame | None
    annotations_added: tuple[Annotation, ...] = ()
    annotations_removed: tuple[Annotation, ...] = ()
    annotations_changed: tuple[AnnotationChange, ...] = ()
    values: tuple[ValueChange, ...] = ()


def compare_annotations(before: Annotation, after: Annotation) -> AnnotationChange:
    """Returns what differs between two values of one annotation."""
    geometry = None
    if not same_value(before.geometry, after.geometry):
        geometry = GeometryChange(before=before.geometry, after=after.geometry)
    return AnnotationChange(
        before=before,
        after=after,
        confidence=_pair(before.confidence, after.confidence),
        geometry=geometry,
        labels=_pair(before.labels, after.labels),
        metadata=tuple(value_changes(before.metadata, after.metadata)),
        object_id=_pair(before.object_id, after.object_id),
        sources=_pair(before.sources, after.sources),
    )


def _pair(before: _T, after: _T) -> tuple[_T, _T] | None:
    return None if same_value(before, after) else (before, after)


def detail(before: Frame | None, after: Frame | None) -> FrameDetails:
    """Returns all that differs between two values of a frame; of one that came or went only its annotations."""
    old = {} if before is None else {annotation.id: annotation for annotation in before.annotations}
    new = {} if after is None else {annotation.id: annotation for annotation in after.annotations}
    values: list[ValueChange] = []
    if before is not None and after is not None:
        values += value_changes(*_plain_pair(before, after))
        values += _orders(before, after)
    return FrameDetails(
        before=before,
        after=after,
        annotations_added=tuple(annotation for i, annotation in new.items() if i not in old),
        annotations_removed=tuple(annotation for i, annotation in old.items() if i not in new),
        annotations_changed=tuple(
            compare_annotations(old[i], annotation)
            for i, annotation in new.items()
            if i in old and not same_value(old[i], annotation)
        ),
        values=tuple(sorted(values, key=lambda change: change.path)),
    )


def _plain_pair(before: Frame, after: Frame) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns plain values of both; what holds keys is there on both sides, so that it is compared key by key."""
    old, new = _plain(before), _plain(after)
    for plain in (old, new):
        for name in ("extra", "metadata", "sources", "vectors"):
            plain.setdefault(name, {})
    for source_id in old["sources"].keys() & new["sources"].keys():
        for source in (old["sources"][source_id], new["sources"][source_id]):
            for name in ("masks", "metadata"):
                source.setdefault(name, {})
    return old, new


def _plain(frame: Frame) -> dict[str, Any]:
    """Returns the plain values of a frame but for its annotations, sources and masks by their ids."""
    plain = frame_to_builtins(replace(frame, annotations=()))
    plain["kind"] = plain.pop("@")
    del plain["id"]
    if "sources" in plain:
        plain["sources"] = _by_id(plain["sources"])
        for source in plain["sources"].values():
            if "masks" in source:
                source["masks"] = _by_id(source["masks"])
    return plain


_FIRST_ID = "00"


def _by_id(values: Any) -> dict[str, dict[str, Any]]:
    return {
        value.get("id", _FIRST_ID): {key: held for key, held in value.items() if key != "id"}
        for value in values
    }


def _orders(before: Frame, after: Frame) -> Iterator[ValueChange]:
    """Yields the ids of annotations, sources and masks where those that both sides hold stand in another order."""
    yield from _order(("annotation order",), before.annotations, after.annotations)
    yield from _order(("source order",), before.sources, after.sources)
    for source in after.sources:
        old = before.source(source.id)
        if old is not None:
            yield from _order(("sources", source.id, "mask order"), old.masks, source.masks)


def _order(path: Path, before: Sequence[_Named], after: Sequence[_Named]) -> Iterator[ValueChange]:
    old, new = [value.id for value in before], [value.id for value in after]
    common = set(old) & set(new)
    if [i for i in old if i in common] != [i for i in new if i in common]:
        yield ValueChange(path, old, new)
