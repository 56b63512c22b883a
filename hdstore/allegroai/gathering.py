"""The annotations of single frames brought together as those of one stored frame."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from hdstore.allegroai.annotation import Annotation, Binding
from hdstore.model import Annotation as NativeAnnotation
from hdstore.model import replace

__all__ = ["Lists", "bind", "gather"]


class _Entry:
    """One annotation to store, and the sources on which copies of it were found."""

    def __init__(self, value: NativeAnnotation, binding: Binding | None) -> None:
        self.value = value
        self.binding = binding
        self.keys: list[str] = []
        self.copies: list[Annotation] = []

    @property
    def place(self) -> float:
        """Where it stood when it was stored; what is new comes behind."""
        position = None if self.binding is None else self.binding.position
        return math.inf if position is None else position

    def sources(self, first: str, alone: bool) -> tuple[str, ...]:
        """Returns the sources to store: as they were stored where nothing moved, since none means the first."""
        if self.binding is not None and self.binding.position is not None:
            stored = self.binding.sources
            if set(stored or ([first] if first else [])) == set(self.keys):
                return stored
        return () if alone else tuple(self.keys)


class Lists(NamedTuple):
    """The annotations of a frame by the source they lie on, and those that lie on none.

    ``alone`` says that there is one list, whose own order counts and whose annotations need not name the
    source.
    """

    members: Mapping[str, Iterable[Annotation]]
    unplaced: Iterable[Annotation] = ()
    alone: bool = False


def _entries(lists: Lists) -> list[_Entry]:
    entries: list[_Entry] = []
    bound: dict[int, list[_Entry]] = {}
    for key, found in (("", lists.unplaced), *lists.members.items()):
        for annotation in list(found):
            value, binding = annotation.to_native(), annotation.binding
            twins = [] if binding is None or lists.alone else bound.setdefault(id(binding), [])
            entry = next((t for t in twins if t.value == value and key not in t.keys), None)
            if entry is None:
                entry = _Entry(value, binding)
                entries.append(entry)
                twins.append(entry)
            entry.copies.append(annotation)
            if key:
                entry.keys.append(key)
    if not lists.alone:
        entries.sort(key=lambda entry: entry.place)
    return entries


def gather(lists: Lists) -> tuple[NativeAnnotation, ...]:
    """Returns the annotations as stored values.

    Copies of one stored annotation that are still equal become one, on all their sources; where one was
    changed, it becomes an annotation of its own. Those of a group keep the order they were stored in.
    """
    taken: set[str] = set()
    done = []
    first = next(iter(lists.members), "")
    for entry in _entries(lists):
        # A second of the same id is another annotation by now; it gets an id of its own when it is saved.
        native_id = "" if entry.value.id in taken else entry.value.id
        taken.add(native_id)
        sources = entry.sources(first, lists.alone)
        done.append(replace(entry.value, id=native_id, sources=sources))
    return tuple(done)


def bind(lists: Lists, stored: Iterable[NativeAnnotation]) -> None:
    """Ties annotations to what ``gather`` made of them and a version has stored, so that they keep their ids."""
    for position, (entry, value) in enumerate(zip(_entries(lists), stored, strict=True)):
        binding = Binding(value.id, sources=value.sources, position=position)
        for annotation in entry.copies:
            annotation.binding = binding
