"""What comes of a frame: the annotations that are asked for, their labels mapped and numbered, and no other fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hdstore.model import ANY, Annotation, Augmentation, Frame, MappingRule, Output, View, ViewQuery, replace
from hdstore.view.pool import Asked
from hdstore.view.projection import Projection

__all__ = ["Shaper", "ViewItem"]

_KNOWN = 4096
"""Combinations of labels whose mapping is remembered."""

Labels = tuple[str, ...]


class ViewItem(NamedTuple):
    """What a view gives at one position: a frame, or with ``clip`` several of them in their order.

    ``numbers`` holds the number of each annotation of the frame, -1 where its labels have none. ``query`` is the place
    among the queries of the resolved view of the one that drew the frame, ``dataset`` and ``version`` what people call
    what it was asked of. Of a clip, ``frame`` and ``numbers`` are those of its first frame.
    """

    position: int
    frame: Frame
    numbers: tuple[int, ...]
    query: int
    dataset: str
    version: str
    augmentation: Augmentation | None = None
    clip: tuple[ViewItem, ...] = ()


class Shaper:
    """Makes items of frames, as a resolved view says; ``asked`` are its queries."""

    def __init__(self, view: View, asked: Sequence[Asked]) -> None:
        self._output = view.output
        self._augmentation = view.augmentation
        self._asked = asked
        self._mappers = [_mapper(view.mapping, one.query) for one in asked]
        self._numbers = view.enumeration
        self._projection = Projection(view.projection) if view.projection else None
        self._plain = view.output is Output.ALL and not (view.mapping or view.enumeration or view.projection)

    def item(self, position: int, frame: Frame, query: int, chosen: int | None) -> ViewItem:
        """Returns the item of a frame that ``query`` drew; ``chosen`` is the one annotation that it has, or None."""
        asked = self._asked[query]
        if self._plain:
            numbers: tuple[int, ...] = (-1,) * len(frame.annotations)
        else:
            frame, numbers = self._shaped(frame, asked, self._mappers[query], chosen)
        return ViewItem(position, frame, numbers, query, asked.dataset, asked.version, self._augmentation)

    def clip(self, items: Sequence[ViewItem]) -> ViewItem:
        """Returns the item of a clip of these frames."""
        return items[0]._replace(clip=tuple(items))

    def _shaped(
        self, frame: Frame, asked: Asked, mapper: _Mapper | None, chosen: int | None
    ) -> tuple[Frame, tuple[int, ...]]:
        annotations = given = frame.annotations
        if self._output is not Output.ALL:
            places = asked.filter.annotations(frame)
            if chosen is not None:
                places = (places[chosen],)
            annotations = tuple(given[place] for place in places)
        if mapper is not None:
            annotations = tuple(mapper.map(annotation) for annotation in annotations)
        if annotations is not given:
            frame = replace(frame, annotations=annotations)
        numbers = tuple(self._number(annotation.labels) for annotation in annotations)
        if self._projection is not None:
            numbers = tuple(numbers[place] for place in self._projection.annotations(len(numbers)))
            frame = self._projection.apply(frame)
        return frame, numbers

    def _number(self, labels: Labels) -> int:
        for label in labels:
            if label in self._numbers:
                return self._numbers[label]
        return -1


def _mapper(rules: Sequence[MappingRule], query: ViewQuery) -> _Mapper | None:
    """Returns what maps the labels of frames that a query finds; None where no rule holds for its version."""
    held = [
        rule
        for rule in rules
        if rule.dataset in (ANY, query.dataset) and rule.version in (ANY, query.version)
    ]
    return _Mapper(held) if held else None


class _Mapper:
    """Some rules in their order."""

    def __init__(self, rules: Sequence[MappingRule]) -> None:
        self._rules = [(None if ANY in rule.labels else frozenset(rule.labels), rule.to) for rule in rules]
        self._known: dict[Labels, Labels] = {}

    def map(self, annotation: Annotation) -> Annotation:
        """Returns the annotation with its labels mapped."""
        labels = annotation.labels
        mapped = self._known.get(labels)
        if mapped is None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            mapped = self._known[labels] = self._mapped(labels)
        return annotation if mapped == labels else replace(annotation, labels=mapped)

    def _mapped(self, labels: Labels) -> Labels:
        """Returns what these labels become: each rule's new label stands where the first that it took stood."""
        now: list[str | None] = [*labels]
        left = dict(enumerate(labels))
        for wanted, to in self._rules:
            if wanted is None:
                taken = [*left]
            else:
                taken = [place for place, label in left.items() if label in wanted]
                if not wanted.issubset(left.values()):
                    continue
            for place in taken:
                del left[place]
                now[place] = None
            if taken:
                now[taken[0]] = to
        if len(left) == len(labels):
            return labels
        return tuple(dict.fromkeys(label for label in now if label is not None))
