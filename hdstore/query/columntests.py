"""What is asked of the fixed fields of a segment's tables."""

from __future__ import annotations

from zlib import crc32

import numpy as np

from hdstore.index import Rows, Segment
from hdstore.query.answers import Answer, is_sparse, marked, ones, zeros
from hdstore.query.conditions import Between, Condition, Given, OneOf
from hdstore.query.numbers import Numbers
from hdstore.query.strings import Strings

__all__ = ["IdTest", "MarkTest", "NumberTest", "SeveralTest", "TextTest"]

SCAN = 16
"""Comparing a whole column costs as much as looking at one in so many of its rows on their own."""


class TextTest:
    """A field of one string."""

    def __init__(self, scope: str, name: str, condition: Condition) -> None:
        self._scope, self._name = scope, f"{scope}.{name}"
        self._strings = None if isinstance(condition, Given) else Strings(condition)

    def weight(self, segment: Segment) -> float:
        """Returns about how many rows have to be looked at."""
        count = segment.count(self._scope)
        if self._strings is None:
            return count
        return count / SCAN + count * self._strings.share(segment.texts(self._name))

    def answer(self, segment: Segment, rows: Rows | None) -> Answer:
        """Returns which rows hold."""
        column = segment.text(self._name)
        codes = column.codes if rows is None else column.codes[rows]
        held = codes >= 0 if self._strings is None else self._strings.test(column.texts, codes)
        return Answer(rows, held, held)


class SeveralTest:
    """A field of several strings, any of which may meet the condition."""

    def __init__(self, scope: str, name: str, condition: Condition) -> None:
        self._scope, self._name = scope, f"{scope}.{name}"
        self._strings = None if isinstance(condition, Given) else Strings(condition)

    def weight(self, segment: Segment) -> float:
        """Returns about how many rows have to be looked at."""
        if self._strings is None:
            return segment.count(self._scope)
        column = segment.several(self._name)
        codes = self._strings.codes(column.texts)
        if isinstance(codes, range):
            return float(column.posts[codes.stop] - column.posts[codes.start])
        return float((column.posts[codes + 1] - column.posts[codes]).sum())

    def answer(self, segment: Segment, rows: Rows | None) -> Answer:
        """Returns which rows hold."""
        column = segment.several(self._name)
        if self._strings is None:
            if rows is None:
                held = column.starts[1:] > column.starts[:-1]
            else:
                held = column.starts[rows + 1] > column.starts[rows]
            return Answer(rows, held, held)
        codes = self._strings.codes(column.texts)
        if isinstance(codes, range):
            owners = column.owners[column.posts[codes.start] : column.posts[codes.stop]]
        else:
            posts = [column.carrying(code) for code in codes.tolist()]
            owners = posts[0] if len(posts) == 1 else np.concatenate(posts) if posts else column.owners[:0]
        single = len(codes) <= 1
        count = segment.count(self._scope)
        if rows is None and (single or is_sparse(len(owners), count)):
            owners = owners if single else _distinct(owners)
            held = ones(len(owners))
            return Answer(owners, held, held)
        if single and rows is not None and is_sparse(len(rows), count):
            places = np.minimum(np.searchsorted(owners, rows), max(len(owners) - 1, 0))
            held = owners[places] == rows if len(owners) else zeros(len(rows))
            return Answer(rows, held, held)
        marks = marked(owners, count)
        held = marks if rows is None else marks[rows]
        return Answer(rows, held, held)


def _distinct(owners: Rows) -> Rows:
    """Returns row numbers in ascending order, each once; numpy's own ``unique`` takes ten times as long."""
    found = np.sort(owners)
    kept = ones(len(found))
    np.not_equal(found[1:], found[:-1], out=kept[1:])
    return found[kept]


class NumberTest:
    """A field of one number."""

    def __init__(self, scope: str, name: str, condition: Condition) -> None:
        self._scope, self._name = scope, f"{scope}.{name}"
        self._numbers = Numbers(condition) if isinstance(condition, OneOf | Between) else None

    def weight(self, segment: Segment) -> float:
        """Returns about how many rows have to be looked at."""
        count = segment.count(self._scope)
        return count / SCAN + count / 2

    def answer(self, segment: Segment, rows: Rows | None) -> Answer:
        """Returns which rows hold."""
        column = segment.number(self._name)
        values = column.values if rows is None else column.values[rows]
        if self._numbers is None:
            held = ~np.isnan(values)
            return Answer(rows, held, held)
        return Answer(rows, *self._numbers.test(values, exact=column.exact))


class IdTest:
    """The id of an annotation, of which the index keeps a checksum."""

    _NAME = "annotation.id_crc"

    def __init__(self, condition: Condition) -> None:
        self._given = isinstance(condition, Given)
        self._crcs = None
        if isinstance(condition, OneOf):
            # Ids of annotations are valid Unicode: a lone surrogate gets a checksum, and is none of theirs.
            raw = [text.encode("utf-8", "surrogatepass") for text in condition.texts]
            self._crcs = np.unique(np.array([crc32(one) for one in raw], np.uint32))

    def weight(self, segment: Segment) -> float:
        """Returns about how many rows have to be looked at."""
        count = segment.count("annotation")
        return count / SCAN if self._crcs is not None else count * 64

    def answer(self, segment: Segment, rows: Rows | None) -> Answer:
        """Returns which rows may hold, or, for any id at all, do."""
        crcs = segment.array(self._NAME)
        if rows is not None:
            crcs = crcs[rows]
        if self._given:
            # The checksum of the empty string is 0, and that of few others.
            return Answer(rows, crcs != 0, ones(len(crcs)))
        if self._crcs is None:
            return Answer(rows, zeros(len(crcs)), ones(len(crcs)))
        upper = crcs == self._crcs[0] if len(self._crcs) == 1 else np.isin(crcs, self._crcs)
        return Answer(rows, zeros(len(crcs)), upper)


class MarkTest:
    """What only the frame itself tells, where the index marks the rows that have it at all: blobs, masks, previews."""

    def __init__(self, scope: str, mark: str, *, settles: bool) -> None:
        self._scope, self._name = scope, f"{scope}.{mark}"
        self._settles = settles

    def weight(self, segment: Segment) -> float:
        """Returns about how many rows have to be looked at."""
        return segment.count(self._scope) * (1 if self._settles else 64)

    def answer(self, segment: Segment, rows: Rows | None) -> Answer:
        """Returns which rows may hold; those that do, where to have it is all that is asked."""
        size = segment.count(self._scope) if rows is None else len(rows)
        if not segment.has(self._name):
            none = zeros(size)
            return Answer(rows, none, none)
        marks = segment.array(self._name)
        upper = marks if rows is None else marks[rows]
        return Answer(rows, upper if self._settles else zeros(size), upper)
