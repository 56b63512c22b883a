"""The columns of a segment say what plain Python says of its frames."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import any_geometry, frames, json_values, sizes, texts

from hdstore.codec import decode_frame, encode_frame
from hdstore.errors import DamagedError, InvalidValueError
from hdstore.index import (
    EXACT_INTEGER,
    NO_INSTANT,
    TOLERANCE,
    Kind,
    NumberColumn,
    Segment,
    TextColumn,
)
from hdstore.index import cells as metadata_cells
from hdstore.index.building import TYPE_NAMES, build_segment
from hdstore.model import Annotation, Box, Frame, FrameGroup, Polygon, SingleFrame, Source
from hdstore.model.measure import area, bounding_box
from hdstore.model.moments import instant


def segment_of(found: Sequence[Frame], *, leaf: int = 3) -> Segment:
    """Returns a segment of frames, so many to a leaf."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "segment"
        build_segment(path, [(f"{n:040x}", found[n : n + leaf]) for n in range(0, len(found), leaf)])
        segment = Segment(path)
    assert segment.damage() == []
    return segment


stored = st.lists(frames().map(lambda frame: decode_frame(encode_frame(frame))), max_size=7)
"""Frames as they are read back from a leaf."""


fewer = settings(max_examples=settings().max_examples // 3)
"""Whole frames take long to draw."""


def in_text(column: TextColumn) -> list[str | None]:
    assert list(column.texts) == sorted(set(column.texts))
    return [None if code < 0 else column.texts[code] for code in column.codes.tolist()]


def in_numbers(column: NumberColumn) -> list[float | None]:
    return [None if math.isnan(value) else value for value in column.values.tolist()]


def as_floats(values: Iterable[float | None]) -> list[float | None]:
    return [None if value is None else float(value) for value in values]


def some(values: Iterable[str | None]) -> list[str | None]:
    return [value or None for value in values]


def parts(found: Sequence[Frame], name: str) -> list[Any]:
    return [part for frame in found for part in getattr(frame, name)]


@fewer
@given(st.deferred(lambda: stored | with_metadata()))
def test_fields_of_frames_and_sources_are_what_the_frames_say(found: list[Frame]) -> None:
    """Strings, numbers, and the way between frames and sources."""
    segment = segment_of(found)
    sources = parts(found, "sources")

    assert segment.count("frame") == len(found)
    assert in_text(segment.text("frame.id")) == [frame.id for frame in found]
    assert in_text(segment.text("frame.context_id")) == some(frame.context for frame in found)
    assert in_numbers(segment.number("frame.timestamp")) == as_floats(frame.time for frame in found)
    for name in ("id", "uri", "content_type", "hash"):
        assert in_text(segment.text(f"source.{name}")) == some(getattr(source, name) for source in sources)
    for name in ("width", "height", "size", "timestamp"):
        held = in_numbers(segment.number(f"source.{name}"))
        assert held == as_floats(getattr(source, name) for source in sources)
    marks = {
        "frame.has_blob": [bool(frame.blob) for frame in found],
        "source.has_masks": [bool(source.masks) for source in sources],
        "source.has_preview": [source.preview is not None for source in sources],
    }
    for name, expected in marks.items():
        assert segment.has(name) == any(expected)
        assert not segment.has(name) or segment.array(name).tolist() == expected
    for scope, starts, owners in (
        ("annotations", segment.annotation_starts, segment.annotation_frames),
        ("sources", segment.source_starts, segment.source_frames),
    ):
        counts = [len(getattr(frame, scope)) for frame in found]
        assert np.diff(starts).tolist() == counts
        assert owners.tolist() == [row for row, count in enumerate(counts) for _ in range(count)]


@fewer
@given(stored)
def test_fields_of_annotations_are_what_the_frames_say(found: list[Frame]) -> None:
    """Confidence, object id, type, checksum of the id."""
    segment = segment_of(found)
    annotations: list[Annotation] = parts(found, "annotations")

    assert in_numbers(segment.number("annotation.confidence")) == as_floats(a.confidence for a in annotations)
    assert in_text(segment.text("annotation.object_id")) == some(a.object_id for a in annotations)
    types = [None if a.geometry is None else TYPE_NAMES[type(a.geometry)] for a in annotations]
    assert in_text(segment.text("annotation.type")) == types
    checks = [crc32(a.id.encode()) for a in annotations]
    assert segment.array("annotation.id_crc").tolist() == checks


@fewer
@given(stored)
def test_several_strings_are_found_from_both_sides(found: list[Frame]) -> None:
    """Labels and sources of each annotation in their order, and who carries each, ascending and once."""
    segment = segment_of(found)
    annotations: list[Annotation] = parts(found, "annotations")

    for name, several in (
        ("annotation.label", [a.labels for a in annotations]),
        ("annotation.sources", [a.sources for a in annotations]),
    ):
        column = segment.several(name)
        held = [
            tuple(column.texts[code] for code in column.codes[column.starts[row] : column.starts[row + 1]])
            for row in range(len(several))
        ]
        assert held == several
        assert list(column.texts) == sorted({text for texts in several for text in texts})
        for code, text in enumerate(column.texts):
            carriers = [row for row, texts in enumerate(several) if text in texts]
            assert column.carrying(code).tolist() == carriers
        assert column.carrying(-1).tolist() == []


def outline(annotation: Annotation) -> list[float | None]:
    try:
        bounds, size = bounding_box(annotation.geometry), area(annotation.geometry)
    except InvalidValueError:
        return [None] * 5
    return [*(bounds or [None] * 4), size]


def near(one: float | None, other: float | None, *, exact: bool) -> bool:
    if one is None or other is None or exact:
        return one == other
    return abs(one - other) <= TOLERANCE * max(1.0, abs(other))


far = st.floats(-1e15, 1e15) | st.integers(-50, 50).map(lambda n: 1e9 + n / 7)
rings = st.lists(st.tuples(far, far), min_size=3, max_size=6).map(
    lambda points: Polygon(rings=(tuple(number for point in points for number in point),))
)


there = [(1e15 / n, 1e15 / (n * n % 17 + 1)) for n in range(1, 20)]
there_and_back = Polygon(rings=(tuple(number for point in (*there, *there[::-1]) for number in point),))


@example([there_and_back])
@example([Polygon(rings=((0.0, 0.0, 1e15, 1e15, 1e15, 0.0, 0.0, 1e15 / 3),)), Box(x=1, y=2, w=-3, h=-4)])
@given(st.lists(any_geometry | rings, max_size=12))
def test_outlines_are_those_that_are_measured(geometries: list[Any]) -> None:
    """Bounds are the very numbers; areas too, or within the tolerance where the column says so."""
    frame = SingleFrame(
        id="a", annotations=tuple(Annotation(id=str(n), geometry=g) for n, g in enumerate(geometries))
    )
    frame = decode_frame(encode_frame(frame))
    segment = segment_of([frame])
    columns = [segment.number(f"annotation.{name}") for name in ("x", "y", "w", "h", "area")]

    assert [column.exact for column in columns[:4]] == [True] * 4
    held = [list(row) for row in zip(*map(in_numbers, columns), strict=True)]
    for found, annotation in zip(held, frame.annotations, strict=True):
        expected = outline(annotation)
        assert found[:4] == expected[:4]
        assert near(found[4], expected[4], exact=columns[4].exact), annotation


def test_an_area_is_exact_where_no_ring_was_measured_at_once() -> None:
    """Only polygons of one ring make the column of areas inexact."""
    assert segment_of([single(Box(x=0, y=0, w=2, h=2))]).number("annotation.area").exact
    assert not segment_of([single(Polygon(rings=((0, 0, 2, 0, 2, 2),)))]).number("annotation.area").exact


def single(geometry: Any) -> SingleFrame:
    return SingleFrame(id="a", annotations=(Annotation(id="1", geometry=geometry),))


# Metadata

Cell = tuple[int, Kind, Any]


def walk(owner: int, value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Cell]]:
    """Streams the scalars of an owner's metadata with their paths; lists do not lengthen these."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(owner, inner, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            yield from walk(owner, inner, path)
    else:
        yield path, (owner, kind_of(value), value if type(value) in (int, float, str) else None)


def kind_of(value: Any) -> Kind:
    if isinstance(value, bool):
        return Kind.TRUE if value else Kind.FALSE
    return Kind.NULL if value is None else Kind.TEXT if isinstance(value, str) else Kind.NUMBER


def cells_of(segment: Segment, scope: str, path: tuple[str, ...]) -> list[Cell]:
    """Returns what a column of metadata holds."""
    cells = segment.cells(scope, path)
    assert cells is not None
    found = []
    for row, kind in enumerate(cells.kinds.tolist()):
        value: Any = None
        if kind == Kind.NUMBER:
            assert cells.numbers is not None
            value = float(cells.numbers[row])
        elif kind == Kind.TEXT:
            assert cells.codes is not None
            assert cells.texts is not None
            value = cells.texts[cells.codes[row]]
        if kind != Kind.NOTHING:
            found.append((row if cells.owners is None else int(cells.owners[row]), Kind(kind), value))
    if cells.owners is None:
        assert len(cells.kinds) == segment.count(scope)
    assert [owner for owner, _, _ in found] == sorted(owner for owner, _, _ in found)
    return in_order(found)


def in_order(cells: list[Cell]) -> list[Cell]:
    """Returns cells in an order of our own: those of one owner come in any."""
    return sorted(cells, key=lambda cell: (cell[0], cell[1], repr(cell[2])))


def expected_cells(owners: Sequence[Any]) -> dict[tuple[str, ...], list[Cell]]:
    found: dict[tuple[str, ...], list[Cell]] = {}
    for owner, part in enumerate(owners):
        for path, (_, kind, value) in walk(owner, part.metadata, ()):
            number = float(value) if kind is Kind.NUMBER else value
            found.setdefault(path, []).append((owner, kind, number))
    return {path: in_order(cells) for path, cells in found.items()}


def has_metadata(found: list[Frame]) -> list[tuple[str, list[Any]]]:
    return [
        ("frame", [*found]),
        ("annotation", parts(found, "annotations")),
        ("source", parts(found, "sources")),
    ]


often = st.dictionaries(
    st.sampled_from(["a", "b.c", "", "a b"]), json_values | st.dictionaries(texts, json_values), max_size=4
)


hashes = st.sampled_from(["", "ab" * 32, "cd" * 32])


@st.composite
def with_metadata(draw: st.DrawFn) -> list[Frame]:
    """Returns frames that share keys of metadata, so that columns are wide."""
    found: list[Frame] = []
    for number in range(draw(st.integers(0, 6))):
        annotations = [Annotation(id=str(n), metadata=draw(often)) for n in range(draw(st.integers(0, 3)))]
        sources = [
            Source(id=str(n), metadata=draw(often), hash=draw(hashes), height=draw(sizes))
            for n in range(draw(st.integers(0, 2)))
        ]
        kind = FrameGroup(
            id=str(number), metadata=draw(often), annotations=tuple(annotations), sources=tuple(sources)
        )
        found.append(decode_frame(encode_frame(kind)))
    return found


@example(
    [SingleFrame(id="a", metadata={"n": 2**64 - 1, "m": -(2**63), "e": "", "l": [1, "1", True, None, [2]]})]
)
@example([SingleFrame(id="a", metadata={"x": [{"y": 1}, {"y": 2, "z": 0}, {"y": 3}]})])
@example([SingleFrame(id="a", metadata={"x": {"y": 1}}), SingleFrame(id="b", metadata={"x": [{"y": 2}, 3]})])
@fewer
@given(stored | with_metadata())
def test_metadata_cells_are_the_scalars_of_the_frames(found: list[Frame]) -> None:
    """At each path, with lists looked through: every value, its kind, whose it is; and no path without values."""
    segment = segment_of(found)

    for scope, owners in has_metadata(found):
        expected = expected_cells(owners)
        assert set(segment.paths(scope)) == set(expected)
        assert {path: cells_of(segment, scope, path) for path in segment.paths(scope)} == expected
        assert segment.overflow(scope) is None
        assert segment.cells(scope, ("no", "such", "path")) is None


@fewer
@given(with_metadata(), st.sampled_from([(1, 1 << 20), (3, 1 << 20), (1024, 2), (1024, 5)]))
def test_what_has_no_column_because_there_are_too_many_is_marked(
    found: list[Frame], limits: tuple[int, int]
) -> None:
    """A path has all of its cells or none; whoever holds something at a path without a column is marked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metadata_cells, "_MAX_PATHS", limits[0])
        patch.setattr(metadata_cells, "_MAX_PATH_TEXT", limits[1])
        segment = segment_of(found)

    for scope, owners in has_metadata(found):
        expected = expected_cells(owners)
        marked = segment.overflow(scope)
        left = {path: cells for path, cells in expected.items() if path not in segment.paths(scope)}
        for path in segment.paths(scope):
            assert cells_of(segment, scope, path) == expected[path]
        without = {owner for cells in left.values() for owner, _, _ in cells}
        assert without <= set(np.flatnonzero(marked).tolist() if marked is not None else ())
        assert len(segment.paths(scope)) <= limits[0]
        assert sum(len(key) for path in segment.paths(scope) for key in path) <= limits[1]


def test_more_paths_than_columns_are_allowed_leave_the_first_with_columns() -> None:
    """Keys that are data (here ids) fill the table once; then owners are marked, and the file stays small."""
    found = [SingleFrame(id=f"{n}", metadata={"same": n, f"key {n}": n}) for n in range(1100)]
    segment = segment_of(found, leaf=32)
    marked = segment.overflow("frame")

    assert len(segment.paths("frame")) == 1024
    assert cells_of(segment, "frame", ("same",)) == [(n, Kind.NUMBER, float(n)) for n in range(1100)]
    assert marked is not None
    assert np.flatnonzero(marked).tolist() == list(range(1023, 1100))


def test_integers_beyond_what_floats_hold_are_near_and_say_so() -> None:
    """Such a number is at least as large as the limit from which on one may stand for several."""
    values = [2**53 - 1, 2**53, 2**53 + 1, 2**64 - 1, -(2**63)]
    segment = segment_of([SingleFrame(id=str(value), metadata={"n": value}) for value in values])

    for (_, _, number), value in zip(cells_of(segment, "frame", ("n",)), values, strict=True):
        assert number == float(value)
        assert (abs(number) < EXACT_INTEGER) == (int(number) == value and abs(value) < 2**53)


@pytest.mark.parametrize("metadata", [{"a": b"bytes"}, {"a": {1: 2}}, {b"key": 1}, {"a": [float]}])
def test_metadata_that_no_repository_may_hold_are_damage(metadata: Any) -> None:
    """What a stranger's bytes decode to, and the rules of the model do not allow, is named and not stored."""
    with pytest.raises(DamagedError, match="metadata"):
        segment_of([SingleFrame(id="a", metadata=metadata)])


# Vectors and dates


@fewer
@given(stored)
def test_vectors_are_those_of_the_frames(found: list[Frame]) -> None:
    """By name and length: whose, and the numbers as float32."""
    segment = segment_of(found)

    assert segment.vector_names == tuple(sorted({name for frame in found for name in frame.vectors}))
    assert segment.vectors("no such name") == []
    for name in segment.vector_names:
        groups = segment.vectors(name)
        lengths = [vectors.matrix.shape[1] for vectors in groups]
        assert lengths == sorted({len(frame.vectors[name]) for frame in found if name in frame.vectors})
        for vectors in groups:
            assert vectors.matrix.dtype == np.float32
            expected = [
                (row, frame.vectors[name])
                for row, frame in enumerate(found)
                if len(frame.vectors.get(name, ())) == vectors.matrix.shape[1] and name in frame.vectors
            ]
            assert vectors.owners.tolist() == [row for row, _ in expected]
            numbers = np.array([vector for _, vector in expected], np.float64)
            assert np.array_equal(vectors.matrix, numbers.astype(np.float32).reshape(vectors.matrix.shape))


def test_many_names_and_lengths_of_vectors_are_kept_apart() -> None:
    """Names that are data make no long header; a number too large for float32 becomes infinite."""
    found = [
        SingleFrame(id=f"{n}", vectors={f"v{n}": (float(n),) * (n % 3 + 1), "v": (1e300, -1e300), "": ()})
        for n in range(300)
    ]
    segment = segment_of(found, leaf=32)

    assert len(segment.vector_names) == 302
    assert segment.vectors("v")[0].matrix.tolist() == [[math.inf, -math.inf]] * 300
    assert segment.vectors("")[0].matrix.shape == (300, 0)
    for n in (0, 1, 299):
        (vectors,) = segment.vectors(f"v{n}")
        assert (vectors.owners.tolist(), vectors.matrix.tolist()) == ([n], [[float(n)] * (n % 3 + 1)])
    assert "v299" not in str(segment.header)


dates = st.sampled_from(
    [
        "2026-03-01",
        "2026-03-01T10:00:00Z",
        "2026-03-01 10:00:00.5+02:00",
        "0001-01-01",
        "2026-13-01",
        "26-1-1",
        "x-y",
    ]
)


@given(st.lists(dates | texts, max_size=8))
def test_strings_that_are_dates_know_their_instant(values: list[str]) -> None:
    """Dates keep their first microsecond, other strings none; a dictionary without dates has no such array."""
    segment = segment_of([SingleFrame(id=str(n), metadata={"d": value}) for n, value in enumerate(values)])
    if not values:
        return
    cells = segment.cells("frame", ("d",))
    assert cells is not None
    assert cells.texts is not None
    expected = [instant(text) for text in cells.texts]

    if all(when is None for when in expected):
        assert cells.texts.instants is None
    else:
        assert cells.texts.instants is not None
        assert cells.texts.instants.tolist() == [NO_INSTANT if when is None else when for when in expected]


def test_a_segment_of_nothing_has_all_columns() -> None:
    """No frames, or frames without anything: every column is there, and empty."""
    for found in ([], [SingleFrame(id="a"), FrameGroup(id="b")]):
        segment = segment_of(found)
        assert segment.count("annotation") == segment.count("source") == 0
        assert segment.several("annotation.label").codes.tolist() == []
        assert list(segment.several("annotation.label").texts) == []
        assert segment.number("annotation.area").values.tolist() == []
        assert segment.text("source.uri").codes.tolist() == []
        assert segment.paths("frame") == ()
        assert segment.vector_names == ()
        assert in_text(segment.text("frame.context_id")) == [None] * len(found)
