"""Finding who gave each part of a frame its value: one walk back that asks for all parts at once.

A commit is credited with what none of its parents holds. Where one of them holds it, the search goes on there: at a
merge each part follows its own parent. So a merge is named only for what was combined or chosen in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from typing import TypeAlias

from hdstore.blame.line import Line
from hdstore.blame.parts import Parts
from hdstore.blame.values import Path

__all__ = ["ADDED", "LAST", "Credits", "Question", "is_own", "questions", "trace"]

ADDED: Path = ("?", "added")
LAST: Path = ("?", "last")

Question: TypeAlias = tuple[str | None, Path]
"""What is asked for: an annotation's id, or None for the frame itself; then ``ADDED``, ``LAST``, or a field's path.

No field's path begins with a question mark.
"""

Credits: TypeAlias = dict[Question, int]
"""The commit that is credited with each."""


Asked: TypeAlias = dict[str | None, set[Path]]
"""Questions by whom they are about."""


def questions(value: Parts) -> Asked:
    """Returns all that can be asked of a frame."""
    return {name: {ADDED, LAST, *value.fields(name)} for name in (None, *value.annotations)}


def trace(line: Line, known: Mapping[int, Credits]) -> tuple[Credits, int]:
    """Returns who is credited with each part of the frame at the line's tip, and how many values were looked at.

    ``known`` are credits that were found before, by mark; the search ends where it meets them.
    """
    value = line.value(line.tip)
    credits: Credits = {}
    if value is None:
        return credits, 0
    waiting = [-line.tip]
    asked: dict[int, Asked] = {line.tip: questions(value)}
    looked = 0

    def credit(question: Question, mark: int) -> None:
        # The last change may be looked for on several sides of a merge.
        before = credits.get(question)
        if before is None or line.order(mark) < line.order(before):
            credits[question] = mark

    while waiting:
        mark = -heappop(waiting)
        wanted = asked.pop(mark)
        if mark in known:
            wanted = _unknown(wanted, known[mark], credit)
            if not wanted:
                continue
        looked += 1
        for target, passed in _step(line, mark, wanted).items():
            if target == mark:
                for name, paths in passed.items():
                    for path in paths:
                        credit((name, path), mark)
            elif target in asked:
                for name, paths in passed.items():
                    asked[target][name] = paths | asked[target].get(name, set())
            else:
                asked[target] = passed
                heappush(waiting, -target)
    return credits, looked


def _unknown(wanted: Asked, known: Credits, credit: Callable[[Question, int], None]) -> Asked:
    """Credits what is known, and returns what is left to be asked."""
    left: Asked = {}
    for name, paths in wanted.items():
        for path in paths:
            found = known.get((name, path))
            if found is None:
                left.setdefault(name, set()).add(path)
            else:
                credit((name, path), found)
    return left


def _step(line: Line, mark: int, wanted: Asked) -> dict[int, Asked]:
    """Returns where to go on with each question; at ``mark`` itself ends what it is credited with."""
    parents = line.parents(mark)
    for parent in parents:
        if line.same(mark, parent):
            return {parent: wanted}
    value = line.value(mark)
    assert value is not None, "only what is there is asked for"
    held = [(parent, found) for parent in parents if (found := line.value(parent)) is not None]
    going: dict[int, Asked] = {}
    for name, paths in wanted.items():
        whole = value.whole(name)
        for parent, found in held:
            if found.whole(name) == whole:
                going.setdefault(parent, {})[name] = paths
                break
        else:
            for path in paths:
                for target in _holders(value, held, (name, path)) or [mark]:
                    going.setdefault(target, {}).setdefault(name, set()).add(path)
    return going


def _holders(value: Parts, held: list[tuple[int, Parts]], question: Question) -> list[int]:
    """Returns the parents to go on with, none where the value came with this commit."""
    name, path = question
    there = [(parent, found) for parent, found in held if found.holds(name)]
    if path == ADDED:
        return [parent for parent, _ in there[:1]]
    if path == LAST:
        return _combined(value, there, name) if len(held) > 1 else []
    encoded = value.field(name, path)
    return [parent for parent, found in there if found.field(name, path) == encoded][:1]


def _combined(value: Parts, there: list[tuple[int, Parts]], name: str | None) -> list[int]:
    """Returns the parents from which a merge took fields that not all of them agree in; none where it made its own."""
    fields = set().union(value.scope(name), *(found.scope(name) for _, found in there))
    needed: dict[int, None] = {}
    for one, path in fields:
        encoded = value.field(one, path)
        holders = [parent for parent, found in there if found.field(one, path) == encoded]
        if not holders:
            return []
        if len(holders) < len(there):
            needed[holders[0]] = None
    # What differs is then the order of the annotations, which is nobody's change.
    return [*needed] or [parent for parent, _ in there[:1]]


def is_own(value: Parts | None, parents: Sequence[Parts | None], name: str | None) -> bool:
    """Says whether a merge gave an annotation, or the frame, something that none of its parents has.

    That is a field of another value, an annotation that is new, or one that all of them had and that is gone. A merge
    that only took each part from one of its parents made nothing of its own; an order of annotations is nobody's
    change.
    """
    held = [parent for parent in parents if parent is not None]
    if value is None:
        return len(held) == len(parents)
    names = [name] if name is not None else [None, *value.names().union(*(one.names() for one in held))]
    return any(_is_own_part(value, held, one) for one in names)


def _is_own_part(value: Parts, held: Sequence[Parts], name: str | None) -> bool:
    there = [parent for parent in held if parent.holds(name)]
    if not value.holds(name):
        return len(there) == len(held)
    if any(parent.whole(name) == value.whole(name) for parent in there):
        return False
    paths = set(value.fields(name)).union(*(parent.fields(name) for parent in there))
    return any(all(parent.field(name, path) != value.field(name, path) for parent in there) for path in paths)
