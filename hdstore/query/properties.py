"""Properties: what a field holds for each frame, annotation or source, whoever asks for order, groups or counts.

A property is a field of the query language. It has the values that a query on it could meet: what is not given (an
empty text, a number that is missing, null) is no value. Where columns can not tell, the frames themselves are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdstore.errors import InvalidInputError, QuerySyntaxError
from hdstore.index import Bools, Floats, Kind, Rows, Segment, Texts, VersionRows
from hdstore.model import Frame
from hdstore.query import fields
from hdstore.query.answers import children
from hdstore.query.ast import Clause, Exists
from hdstore.query.celltests import paths_of
from hdstore.query.columnar import ReadFrames
from hdstore.query.fields import Column, Hop, Scope, resolve
from hdstore.query.found import Found
from hdstore.query.matching import index_of
from hdstore.query.parser import parse

__all__ = [
    "Held",
    "Property",
    "as_found",
    "frames_of",
    "owners_in",
    "part_starts",
    "property_of",
    "values_in",
]

_OWNERS = {Scope.FRAME: "frame", Scope.ANNOTATION: "annotation", Scope.SOURCE: "source"}
_MISSING = object()
_PLAIN = {str: Kind.TEXT, int: Kind.NUMBER, float: Kind.NUMBER}


@dataclass(frozen=True, slots=True)
class Property:
    """A field of the query language by its name, as it starts from a frame."""

    name: str
    column: Column

    @property
    def scope(self) -> str:
        """Whose property it is: that of a frame, an annotation or a source; masks and previews count to theirs."""
        return _OWNERS.get(self.column.scope, "source")

    @property
    def hop(self) -> Hop | None:
        """The step from the frame to its owner."""
        return self.column.hops[0] if self.column.hops else None


def property_of(name: str) -> Property:
    """Returns the property that a field of the query language names, such as ``meta.city`` or ``rois.label``.

    Raises:
        QuerySyntaxError: it is no field, or there is no such field.
        InvalidInputError: the field has no value of its own.
    """
    clause = parse(f"{name}:*")
    if not isinstance(clause, Clause) or clause.field is None or not isinstance(clause.match, Exists):
        raise QuerySyntaxError(f"{name!r} is not the name of a field.", text=name, position=0)
    column = resolve(clause.field, Scope.FRAME, name)
    if column.kind is fields.Kind.PART:
        raise InvalidInputError(f"{name} has no value of its own; name one of its fields.")
    if column.kind is fields.Kind.METADATA and not column.path:
        raise InvalidInputError(f"{name} has no value of its own; name a key of it, such as {name}.city.")
    return Property(name, column)


def as_found(rows: VersionRows | Found) -> Found:
    """Returns the frames of a version, or what was found, as the latter."""
    if isinstance(rows, Found):
        return rows
    return Found(
        tuple(
            (
                part.segment,
                np.arange(part.count, dtype=np.int32)
                if part.live is None
                else np.flatnonzero(part.live).astype(np.int32),
            )
            for part in rows.parts
        )
    )


@dataclass(frozen=True, eq=False)
class Held:
    """Values that owners in one segment hold, one entry for each: which owner, its frame, and the value.

    ``frames`` and ``owners`` are rows of the segment and ascend; an owner may hold several. ``kinds`` say which of the
    others holds the value: ``numbers`` (else NaN), or ``texts`` by ``codes`` (else -1). ``values_of`` frames that had
    to be read stand in a ``Held`` of their own, so the frames of two of them are never the same.
    """

    frames: Rows
    owners: Rows
    kinds: NDArray[np.uint8]
    numbers: Floats | None
    codes: Rows | None
    texts: Texts | None

    def __len__(self) -> int:
        return len(self.frames)

    def take(self, mask: Bools) -> Held:
        """Returns the entries that are marked."""
        return Held(
            self.frames[mask],
            self.owners[mask],
            self.kinds[mask],
            None if self.numbers is None else self.numbers[mask],
            None if self.codes is None else self.codes[mask],
            self.texts,
        )

    @cached_property
    def only(self) -> Kind | None:
        """The one kind of all values, or None."""
        first = int(self.kinds[0]) if len(self) else int(Kind.NUMBER)
        return Kind(first) if (self.kinds == first).all() else None


def part_starts(segment: Segment, scope: str) -> Rows:
    """Returns where the annotations or sources of each frame begin."""
    return segment.annotation_starts if scope == "annotation" else segment.source_starts


def values_in(
    segment: Segment, rows: Rows, wanted: Property, read: ReadFrames | None, counting: Bools | None = None
) -> list[Held]:
    """Returns the values of a property in the frames at ``rows`` of a segment.

    ``counting`` marks the annotations that count; the others have no values. ``read`` is asked for frames whose
    values the columns do not hold.

    Raises:
        InvalidInputError: frames have to be read, and ``read`` is None.
    """
    found = []
    unsure = _undecided(segment, wanted)
    if unsure is not None and unsure[rows].any():
        if read is None:
            raise InvalidInputError(f"{wanted.name} is not in the index; frames have to be read to tell it.")
        found.append(_from_frames(segment, rows[unsure[rows]], wanted, read, counting))
        rows = rows[~unsure[rows]]
    found.append(_from_columns(segment, rows, wanted, counting))
    return [held for held in found if len(held)]


# What columns tell


def _undecided(segment: Segment, wanted: Property) -> Bools | None:
    """Returns which frames have to be read; None: none of them."""
    column, scope = wanted.column, wanted.scope
    if column.scope in (Scope.MASK, Scope.PREVIEW):
        name = "source.has_masks" if column.scope is Scope.MASK else "source.has_preview"
        return _with_marked(segment, scope, segment.array(name)) if segment.has(name) else None
    if column.scope is Scope.FRAME and column.name == "blob":
        return segment.array("frame.has_blob") if segment.has("frame.has_blob") else None
    if column.scope is Scope.ANNOTATION and column.name == "id":
        return np.diff(segment.annotation_starts) > 0
    if column.kind is not fields.Kind.METADATA:
        return None
    marks = segment.overflow(scope)
    # A number in a path is a place in a list or a key, and the index looks through lists.
    numbered = any(index_of(part) is not None for part in column.path)
    for path in paths_of(segment, scope, column.path, beneath=False) if numbered else ():
        cells = segment.cells(scope, path)
        if cells is not None:
            marks = np.zeros(segment.count(scope), np.bool_) if marks is None else marks.copy()
            marks[slice(None) if cells.owners is None else cells.owners] = True
    return None if marks is None else _with_marked(segment, scope, marks)


def _with_marked(segment: Segment, scope: str, marks: Bools) -> Bools:
    """Returns which frames have an owner that is marked."""
    if scope == "frame":
        return marks
    found = np.zeros(segment.count("frame"), np.bool_)
    found[(segment.annotation_frames if scope == "annotation" else segment.source_frames)[marks]] = True
    return found


def owners_in(segment: Segment, rows: Rows, wanted: Property, counting: Bools | None = None) -> Rows:
    """Returns the rows of the owners that the frames at ``rows`` have; of annotations, those that count."""
    hop = wanted.hop
    if hop is None:
        return rows
    starts = part_starts(segment, wanted.scope)
    if hop.index is not None:
        owners = starts[rows] + np.int32(hop.index)
        owners = owners[owners < starts[rows + 1]]
    elif len(rows) == segment.count("frame"):
        owners = np.arange(starts[-1], dtype=np.int32)
    else:
        owners = children(starts, rows)
    return owners if counting is None or wanted.scope != "annotation" else owners[counting[owners]]


def _from_columns(segment: Segment, rows: Rows, wanted: Property, counting: Bools | None) -> Held:
    column = wanted.column
    if column.scope in (Scope.MASK, Scope.PREVIEW) or column.name == "blob":
        return _nothing()
    owners = owners_in(segment, rows, wanted, counting)
    name = f"{wanted.scope}.{column.name}"
    kinds: NDArray[np.uint8] | None = None
    numbers = codes = texts = None
    match column.kind:
        case fields.Kind.TEXT:
            if not segment.has(f"{name}.codes"):
                return _nothing()
            one = segment.text(name)
            codes, texts = one.codes[owners], one.texts
            given = codes >= 0
        case fields.Kind.NUMBER:
            numbers = segment.number(name).values[owners]
            given = ~np.isnan(numbers)
        case fields.Kind.TEXTS:
            several = segment.several(name)
            entries = _entries(several.starts, owners)
            owners = np.repeat(owners, several.starts[owners + 1] - several.starts[owners])
            codes, texts = several.codes[entries], several.texts
            given = codes >= 0
        case _:
            cells = segment.cells(wanted.scope, column.path)
            if cells is None:
                return _nothing()
            picked: slice | Rows | Bools = owners
            if cells.owners is not None:
                picked = slice(None)
                if len(owners) < segment.count(wanted.scope):
                    marks = np.zeros(segment.count(wanted.scope), np.bool_)
                    marks[owners] = True
                    picked = marks[cells.owners]
                owners = cells.owners[picked]
            kinds = cells.kinds[picked]
            numbers = None if cells.numbers is None else cells.numbers[picked]
            codes, texts = None if cells.codes is None else cells.codes[picked], cells.texts
            given = (kinds != Kind.NOTHING) & (kinds != Kind.NULL)
    if kinds is None:
        kinds = np.full(len(owners), Kind.TEXT if numbers is None else Kind.NUMBER, np.uint8)
    held = Held(frames_of(segment, wanted.scope, owners), owners, kinds, numbers, codes, texts)
    return held if given.all() else held.take(given)


def _entries(starts: Rows, owners: Rows) -> Rows | slice:
    return slice(None) if len(owners) == len(starts) - 1 else children(starts, owners)


def frames_of(segment: Segment, scope: str, owners: Rows) -> Rows:
    """Returns the frame of each of some owners."""
    if scope == "frame":
        return owners
    return (segment.annotation_frames if scope == "annotation" else segment.source_frames)[owners]


def _nothing() -> Held:
    empty = np.empty(0, np.int32)
    return Held(empty, empty, np.empty(0, np.uint8), None, None, None)


# What frames tell


def _from_frames(
    segment: Segment, rows: Rows, wanted: Property, read: ReadFrames, counting: Bools | None
) -> Held:
    begins = None if wanted.hop is None else part_starts(segment, wanted.scope)
    frames: list[int] = []
    owners: list[int] = []
    values: list[Any] = []
    for row, frame in zip(rows.tolist(), read(segment, rows), strict=True):
        begin = row if begins is None else int(begins[row])
        for place, owner in _owners(frame, wanted.hop):
            if counting is not None and wanted.scope == "annotation" and not counting[begin + place]:
                continue
            for value in _values(owner, wanted.column):
                frames.append(row)
                owners.append(begin + place)
                values.append(value)
    return _held(frames, owners, values)


def _owners(frame: Frame, hop: Hop | None) -> Iterable[tuple[int, Any]]:
    if hop is None:
        return ((0, frame),)
    parts: Sequence[Any] = getattr(frame, hop.attribute)
    if hop.index is None:
        return enumerate(parts)
    return ((hop.index, parts[hop.index]),) if hop.index < len(parts) else ()


def _values(owner: Any, column: Column) -> Iterator[Any]:
    """Yields what a column holds for an owner in the frame, its own parts (masks, preview) included."""
    parts = [owner]
    for hop in column.hops[1:]:
        inner: list[Any] = []
        for part in parts:
            value = getattr(part, hop.attribute)
            if hop.single:
                inner += () if value is None else (value,)
            else:
                inner += value if hop.index is None else value[hop.index : hop.index + 1]
        parts = inner
    for part in parts:
        value = column.get(part)
        if column.kind is fields.Kind.METADATA:
            yield from _leaves(value, column.path)
        elif column.kind is fields.Kind.TEXTS:
            yield from filter(None, value)
        elif value is not None and value != "":
            yield value


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """Yields the scalars at a path of metadata; lists are looked through as queries do."""
    if isinstance(value, list | tuple):
        index = index_of(path[0]) if path else None
        if index is None:
            for item in value:
                yield from _leaves(item, path)
        elif index < len(value):
            yield from _leaves(value[index], path[1:])
    elif isinstance(value, dict):
        if path and (inner := value.get(path[0], _MISSING)) is not _MISSING:
            yield from _leaves(inner, path[1:])
    elif not path and value is not None:
        yield value


def _held(frames: list[int], owners: list[int], values: list[Any]) -> Held:
    """Returns values that were read as a ``Held`` with a dictionary of its own."""
    kinds = np.fromiter(
        (_PLAIN.get(type(value)) or (Kind.TRUE if value else Kind.FALSE) for value in values),
        np.uint8,
        len(values),
    )
    texts = sorted({value for value in values if type(value) is str})
    places = {text: code for code, text in enumerate(texts)}
    return Held(
        np.array(frames, np.int32),
        np.array(owners, np.int32),
        kinds,
        np.fromiter(
            (float(value) if type(value) in (int, float) else np.nan for value in values),
            np.float64,
            len(values),
        ),
        np.fromiter((places[value] if type(value) is str else -1 for value in values), np.int32, len(values)),
        _texts_of(texts),
    )


def _texts_of(texts: Sequence[str]) -> Texts:
    raw = [text.encode() for text in texts]
    starts = np.zeros(len(raw) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, raw), np.int64, len(raw)), out=starts[1:])
    return Texts(starts, np.frombuffer(b"".join(raw), np.uint8), None)
