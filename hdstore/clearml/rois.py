"""Annotations as ClearML's newer SDK hands them out: dicts in the form of its REST interface."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hdstore.compat.coordinates import Values
from hdstore.compat.geometries import geometries
from hdstore.compat.values import label_list, plain_dict
from hdstore.compat.wire import roi_from_dict, roi_to_dict
from hdstore.errors import InvalidInputError
from hdstore.ids import derive_id
from hdstore.model import Annotation, MaskValue, replace

__all__ = ["Roi", "RoiList", "gather", "make_rois", "rois_of"]


class Token:
    """What the copies of one annotation on several sub-entries share; compared by identity."""


class Roi(dict[str, Any]):
    """One annotation: ``label``, ``poly`` or ``mask``, ``confidence``, ``sources`` and ``meta``.

    ``meta`` holds the metadata, the kind (``_type``) and the id that ``add_annotation`` was given (``_id``).
    """

    def __init__(self, plain: Mapping[str, Any], token: Token, position: float = math.inf) -> None:
        super().__init__(plain)
        self.token = token
        self.position = position

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (dict(self), self.token, self.position))

    def __deepcopy__(self, memo: dict[int, Any]) -> Roi:
        return Roi(copy.deepcopy(dict(self), memo), copy.deepcopy(self.token, memo), self.position)

    @property
    def object_id(self) -> Any:
        """The id that ``add_annotation`` was given."""
        return (self.get("meta") or {}).get("_id")

    @property
    def labels(self) -> list[str]:
        """Its labels."""
        return list(self.get("label") or ())

    def twin(self) -> Roi:
        """Returns a copy that is the same annotation."""
        return Roi(copy.deepcopy(dict(self)), self.token, self.position)

    def copy_for(self, name: str) -> Roi:
        """Returns a copy that is the same annotation on another sub-entry."""
        twin = self.twin()
        twin["sources"] = [name]
        return twin


def make_rois(
    given: Mapping[str, Values],
    *,
    frame_class: Iterable[str] | None,
    id: str | None,
    labels: Iterable[str] | None,
    confidence: float | None,
    metadata: Mapping[str, Any] | None,
    mask_id: str | None,
    seed: Sequence[str | int],
) -> list[Roi]:
    """Returns one annotation for each geometry given, and one without for ``frame_class`` or labels alone.

    Those of one call share an id; where several are made and none is given, it follows from ``seed`` (row 65).

    Raises:
        InvalidInputError: there is neither a geometry nor a label, or ``mask_id`` without ``mask_rgb``.
    """
    shapes = geometries(given)
    if mask_id is not None:
        if not any(isinstance(shape, MaskValue) for shape in shapes):
            raise InvalidInputError("mask_id names the mask of a mask_rgb, and none is given.")
        shapes = [replace(s, mask=str(mask_id)) if isinstance(s, MaskValue) else s for s in shapes]
    own, classes = label_list(labels), label_list(frame_class)
    found = [Annotation(geometry=shape, labels=tuple(own)) for shape in shapes]
    if classes or not found:
        whole = list(dict.fromkeys([*classes, *([] if found else own)]))
        if not whole:
            raise InvalidInputError("An annotation needs a geometry or labels, and this one has neither.")
        found.append(Annotation(labels=tuple(whole)))
    shared = derive_id("object", *seed) if id is None and len(found) > 1 else id
    extra = plain_dict(metadata, "The metadata of an annotation")
    return [
        _roi(
            replace(
                annotation,
                object_id=None if shared is None else str(shared),
                confidence=None if confidence is None else float(confidence),
                metadata=extra,
            )
        )
        for annotation in found
    ]


def _roi(annotation: Annotation, position: float = math.inf) -> Roi:
    plain = roi_to_dict(annotation, corners=True)
    if not annotation.id:
        del plain["id"]
    return Roi(plain, Token(), position)


def rois_of(annotations: Iterable[Annotation], numbers: Sequence[int] = ()) -> list[Roi]:
    """Returns stored annotations as dicts; ``numbers`` are those that a view gives to their labels."""
    found = [_roi(annotation, position) for position, annotation in enumerate(annotations)]
    for roi, number in zip(found, numbers, strict=False):
        roi["label_num"] = number
    return found


class RoiList:
    """A list of annotations that can be asked and changed by index, id and label."""

    def __init__(self) -> None:
        self.items: list[Roi] = []

    def __iter__(self) -> Iterator[Roi]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def append(self, rois: Iterable[Roi]) -> list[int]:
        """Adds annotations at the end and returns their indices."""
        start = len(self.items)
        self.items += rois
        return list(range(start, len(self.items)))

    def select(self, id: str | None, index: int | None) -> list[Roi]:
        """Returns the one at ``index``, those of an ``id``, or all; an empty list where nothing matches."""
        if index is not None:
            return [self.items[index]] if -len(self.items) <= index < len(self.items) else []
        return [roi for roi in self.items if id is None or roi.object_id == str(id)]

    def remove_one(self, index: int | None, id: str | None) -> Roi | None:
        """Removes and returns the one at ``index``, or the first of those of an ``id``, all of which go."""
        if (index is None) == (id is None):
            raise InvalidInputError("Say which annotation to remove: its index, or the id.")
        if index is None:
            removed = self.remove(id, None, None)
            return removed[0] if removed else None
        return self.items.pop(index) if -len(self.items) <= index < len(self.items) else None

    def remove(self, id: str | None, label: str | None, labels: Iterable[str] | None) -> list[Roi]:
        """Removes and returns those that have the ``id`` and any of the labels; without arguments, all."""
        wanted = {*label_list(labels), *label_list(label)}
        removed = [
            roi
            for roi in self.items
            if (id is None or roi.object_id == str(id)) and (not wanted or wanted & set(roi.labels))
        ]
        # By identity: equal annotations that were not asked for stay.
        gone = set(map(_identity, removed))
        self.items = [roi for roi in self.items if _identity(roi) not in gone]
        return removed


def _identity(value: object) -> int:
    return id(value)


class Gathered(NamedTuple):
    """One annotation to store, and the dicts it was read from."""

    value: Annotation
    copies: list[Roi]
    names: list[str]


def gather(whole: Iterable[Roi], members: Mapping[str, Iterable[Roi]]) -> list[Gathered]:
    """Returns the annotations of an entry as they are to be stored, in the order they were stored in.

    ``whole`` are those of the entry, ``members`` those of its sub-entries by name. Copies of one annotation that are
    still equal become one, on all their sub-entries; where one was changed, it becomes an annotation of its own.
    """
    found: list[Gathered] = []
    by_token: dict[Token, list[Gathered]] = {}
    first = next(iter(members), "")
    for name, rois in ((None, whole), *members.items()):
        for roi in rois:
            value = roi_from_dict(roi)
            if name is None:
                found.append(Gathered(value, [roi], []))
                continue
            bare = replace(value, sources=())
            twins = by_token.setdefault(roi.token, [])
            entry = next((t for t in twins if t.value == bare and name not in t.names), None)
            if entry is None:
                entry = Gathered(bare, [], [])
                found.append(entry)
                twins.append(entry)
            entry.copies.append(roi)
            # One that named no source lay on the first, and goes on doing so.
            if name != first or "sources" in roi or entry.names:
                entry.names.append(name)
    found.sort(key=lambda entry: entry.copies[0].position)
    taken: set[str] = set()
    done = []
    for entry in found:
        # A second of the same id is another annotation by now; it gets an id of its own when it is saved.
        own = "" if entry.value.id in taken else entry.value.id
        taken.add(own)
        sources = tuple(entry.names) or entry.value.sources
        stored = tuple(entry.copies[0].get("sources") or ())
        if set(stored) == set(sources):
            sources = stored
        done.append(entry._replace(value=replace(entry.value, id=own, sources=sources)))
    return done
