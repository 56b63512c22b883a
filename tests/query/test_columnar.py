"""Searching the index: what the columns decide, what frames are read for, and how a search goes on and ends."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdstore.errors import CancelledError, QuerySyntaxError
from hdstore.index import Rows, Segment, Texts
from hdstore.model import Annotation, Frame, FrameGroup, Mask, Polygon, SingleFrame, Source
from hdstore.query.ast import Wildcard
from hdstore.query.columnar import compile_text, search_text
from hdstore.query.conditions import Fits
from hdstore.query.strings import Strings
from hdstore.query.values import wildcard_matcher

MakeIndex = Callable[..., Any]


def numbered(count: int, **fields: Any) -> list[Frame]:
    return [SingleFrame(id=f"f{number}", **fields) for number in range(count)]


def ids(indexed: Any, line: str) -> list[str]:
    indexed.read_rows.clear()
    return [*search_text(line, indexed.rows, indexed.read).ids()]


@pytest.fixture
def streets(index: MakeIndex, street: Frame, bare: Frame) -> Any:
    """The frame of all constructs, among others that have none of it."""
    return index([*numbered(20), street, bare])


DECIDED = [
    "Car",
    "rois:(label:Car AND confidence:>=0.9)",
    "rois.1.label:donut",
    "rois.0:(Car occluded)",
    "rois.sources:front",
    "rois.type:ellipse",
    "rois.x:10 AND rois.h:40",
    "rois.meta.color:red",
    "sources.uri:*photos*",
    "sources.0.width:640",
    "sources:(width:1280 AND NOT preview:*)",
    "sources.masks:*",
    "sources.preview:*",
    "sources.meta.lens:35",
    "blob:*",
    "context_id:root\\:photos*",
    "timestamp:1500",
    "meta.city:bremen",
    "meta.crew.name:Ann",
    "meta.nested:*",
    "meta.taken:[2024-10-20 TO now]",
    "meta.grid:4",
    "meta.huge:>1e18",
    "meta.wet:true AND meta.dry:false AND meta.nothing:null",
    "NOT rois:* OR id:drive*",
]


@pytest.mark.parametrize("line", DECIDED)
def test_columns_decide_what_is_usual(streets: Any, line: str) -> None:
    """No frame is read for it."""
    assert "drive/0001" in ids(streets, line)
    assert streets.read_rows == []


LEFT_OPEN = [
    "sources.masks.uri:*1.png",
    "sources.masks.1.id:ins",
    "sources.preview.uri:https*",
    "blob:raw",
    "rois.id:a1",
    "meta.tags.1:rain",
    "meta.crew.1.name:Bob",
    f"meta.huge:{2**63}",
]


@pytest.mark.parametrize("line", LEFT_OPEN)
def test_a_frame_is_read_where_columns_leave_it_open(streets: Any, line: str) -> None:
    """That frame alone, and the answer is exact."""
    assert ids(streets, line) == ["drive/0001"]
    assert streets.read_rows == [20]


@pytest.mark.parametrize(
    "line", ["meta.crew.2.name:Bob", "rois.id:a9", "sources.masks.uri:x", f"meta.huge:{2**63 - 1}"]
)
def test_what_is_read_may_not_hold(streets: Any, line: str) -> None:
    """Upper bounds are no answers."""
    assert ids(streets, line) == []


def test_what_the_rest_rules_out_is_not_read(index: MakeIndex) -> None:
    """A clause that only frames can answer is asked of those that the other clauses leave."""
    frames = numbered(200, sources=(Source(masks=(Mask(uri="m"),)),))
    indexed = index(frames)

    assert ids(indexed, "sources.masks.uri:m AND id:f7") == ["f7"]
    assert indexed.read_rows == [7]
    assert len(ids(indexed, "sources.masks.uri:m OR NOT id:f7")) == 200
    assert indexed.read_rows == [7]
    assert ids(indexed, "id:f7 AND NOT sources.masks.uri:m") == []


def test_what_is_open_stays_open_while_other_clauses_leave_few(index: MakeIndex) -> None:
    """Bounds follow their rows: what may hold is not taken for sure, and what is sure not asked again."""
    tags = [["x", "y"], ["y", "x"]]
    frames = [
        SingleFrame(
            id=f"f{n}", timestamp=7 if n % 96 < 2 else 5, metadata={"t": tags[n % 2]} if n < 100 else {}
        )
        for n in range(2000)
    ]
    indexed = index(frames)

    assert ids(indexed, "(meta.t.0:x OR id:f1920) AND NOT timestamp:5") == ["f0", "f96", "f1920"]
    assert indexed.read_rows == [0, 1, 96, 97]
    # The second pair of parentheses is asked about few rows and answers for fewer.
    expected = ["f0", "f96", "f1920"]
    assert ids(indexed, "(meta.t.0:x OR id:f1920) AND (NOT timestamp:5 AND NOT timestamp:6)") == expected
    assert indexed.read_rows == [0, 1, 96, 97]


def test_an_annotation_without_id_has_none(index: MakeIndex) -> None:
    """Its checksum is that of nothing."""
    indexed = index(numbered(3, annotations=(Annotation(labels=("a",)),)), stored=False)

    assert ids(indexed, "rois.id:*") == []
    assert ids(indexed, "rois:(NOT id:*)") == ["f0", "f1", "f2"]


def test_keys_without_number_are_asked_of_frames(index: MakeIndex) -> None:
    """More paths than there are columns for: what has none is read, what has one is not."""
    frames = [SingleFrame(id=f"f{n}", metadata={"size": n, f"key{n}": {"x": n}}) for n in range(1500)]
    indexed = index(frames)

    assert ids(indexed, "meta.size:7") == ["f7"]
    assert indexed.read_rows == []
    assert ids(indexed, "meta.key1490.x:1490") == ["f1490"]
    assert 0 < len(indexed.read_rows) < 1500
    assert ids(indexed, "meta.key1490:* AND NOT meta.key3.x:3") == ["f1490"]
    assert len(ids(indexed, "meta:*")) == 1500
    assert compile_text("meta.nowhere:1").unknown(indexed.rows) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"meta.n:{2**53}", ["f0"]),
        (f"meta.n:{2**53 + 1}", ["f1"]),
        (f"meta.n:>{2**53}", ["f1", "f2"]),
        (f"meta.n:>={2**53 + 1}", ["f1", "f2"]),
        (f"meta.n:<{2**53 + 1}", ["f0", "f3"]),
        (f"meta.n:[{2**53 + 1} TO {2**53 + 1}]", ["f1"]),
        (f"meta.n:-1 OR meta.n:{2**53 + 2}", ["f2", "f3"]),
        ("meta.n:9007199254740993.0", ["f0"]),
        ("meta.n:<1e40", ["f0", "f1", "f2", "f3"]),
    ],
)
def test_large_integers_compare_exactly(index: MakeIndex, line: str, expected: list[str]) -> None:
    """Neighbours that one float64 stands for are told apart."""
    numbers = [2**53, 2**53 + 1, 2**53 + 2, -1]
    indexed = index([SingleFrame(id=f"f{i}", metadata={"n": n}) for i, n in enumerate(numbers)])

    assert ids(indexed, line) == expected


def test_areas_near_the_end_of_a_range_are_computed(index: MakeIndex) -> None:
    """Areas of polygons in the index may differ in their last digits; those close to an end are looked at."""
    sizes = [10, 10 + 2e-9, 10 - 2e-9, 20, 5]
    frames = [
        SingleFrame(
            id=f"f{i}", annotations=(Annotation(geometry=Polygon(rings=((0, 0, 1, 0, 1, h, 0, h),))),)
        )
        for i, h in enumerate(sizes)
    ]
    indexed = index(frames)

    assert ids(indexed, "rois.area:>10") == ["f1", "f3"]
    assert sorted(indexed.read_rows) == [0, 1, 2]
    assert ids(indexed, "rois.area:10") == ["f0"]
    assert ids(indexed, "rois.area:{5 TO 10]") == ["f0", "f2"]


@pytest.mark.parametrize(
    "line",
    [
        'label:"\ud800"',
        'meta.x:["a\ud800" TO *]',
        "meta.x:*\ud800*",
        "meta.x:\ud800*",
        "rois.id:\ud800",
        r"/.\ud800*/",
    ],
)
def test_text_that_no_frame_can_hold_is_found_nowhere_and_breaks_nothing(index: MakeIndex, line: str) -> None:
    """Lone surrogates can be typed into a query and not be stored."""
    line = line.encode().decode("unicode_escape") if line.startswith("/") else line
    indexed = index(
        [SingleFrame(id=x, metadata={"x": x}, annotations=(Annotation(labels=(x,)),)) for x in "ab\ue000"]
    )
    wanted = compile_text(line)

    assert ids(indexed, line) == [frame.id for frame in indexed.alive if wanted.matches(frame)]


def texts_of(strings: list[str]) -> Texts:
    raw = [text.encode() for text in sorted(set(strings))]
    starts = np.cumsum([0, *map(len, raw)], dtype=np.int64)
    return Texts(starts, np.frombuffer(b"".join(raw), np.uint8), None)


SHORT = ["".join(letters) for length in range(7) for letters in itertools.product("ab", repeat=length)]
patterns = st.lists(st.sampled_from(["*", "?", "a", "b"]), min_size=1, max_size=7).map("".join)


@settings(max_examples=150)
@given(
    st.sets(st.sampled_from(SHORT), max_size=100),
    patterns.filter(lambda pattern: set(pattern) & {"*", "?"}),
)
def test_patterns_find_the_strings_they_cover(missing: set[str], pattern: str) -> None:
    """Literal pieces only narrow the search, also where they stand across the borders of strings."""
    texts = texts_of([text for text in SHORT if text not in missing])
    test = wildcard_matcher(pattern)
    wanted = Strings(Fits(Wildcard(0, 0, pattern), test))

    few = np.array([-1, 0, len(texts) - 1, 0], np.int32)
    assert wanted.test(texts, few).tolist() == [code >= 0 and test(texts[code]) for code in few.tolist()]
    assert list(wanted.codes(texts)) == [code for code, text in enumerate(texts) if test(text)]
    assert wanted.test(texts, few).tolist() == [code >= 0 and test(texts[code]) for code in few.tolist()]


# The search itself


def test_frames_come_by_segment_and_row(index: MakeIndex) -> None:
    """Segments without a frame are left out; those that are out of the version do not come."""
    indexed = index(
        numbered(5), numbered(3), numbered(40), live=[None, [False] * 3, [n == 17 for n in range(40)]]
    )
    found = compile_text("id:f*").search(indexed.rows, indexed.read)

    assert [segment for segment, _ in found.parts] == [indexed.rows.parts[i].segment for i in (0, 2)]
    assert [rows.tolist() for _, rows in found.parts] == [[0, 1, 2, 3, 4], [17]]
    assert all(rows.dtype == np.int32 for _, rows in found.parts)
    assert len(found) == 6


def test_many_segments_are_looked_at_together(index: MakeIndex) -> None:
    """Several threads find the same frames in the same order."""
    segments = [
        [SingleFrame(id=f"s{s}f{n}", blob="x7" if n % 3 == s % 3 else "") for n in range(60)]
        for s in range(6)
    ]
    indexed = index(*segments)
    expected = [frame.id for frame in indexed.alive if frame.blob]

    assert ids(indexed, "blob:x7*") == expected
    # What only frames tell weighs the most: so many clauses are worth threads.
    assert ids(indexed, " OR ".join(f"blob:x{n}*" for n in range(90))) == expected


def test_progress_counts_frames_and_may_end_the_search(index: MakeIndex) -> None:
    """What it raises comes out, and no further frame is read."""
    indexed = index(*[numbered(300, blob="x") for _ in range(3)])
    seen: list[tuple[int, int | None]] = []

    def count(_: str, done: int, total: int | None) -> None:
        seen.append((done, total))

    def stop(_: str, done: int, total: int | None) -> None:
        if done:
            raise CancelledError("Stopped.")

    assert len(search_text("blob:x", indexed.rows, indexed.read, progress=count)) == 900
    assert seen[0] == (0, 900)
    assert seen[-1] == (900, 900)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    indexed.read_rows.clear()
    with pytest.raises(CancelledError):
        search_text("blob:x", indexed.rows, indexed.read, progress=stop)
    assert len(indexed.read_rows) == 300


def test_a_reader_that_loses_frames_is_found_out(index: MakeIndex) -> None:
    """A frame that should be asked and does not come is an error, not a frame that does not match."""
    indexed = index(numbered(3, blob="x"))

    def read(segment: Segment, rows: Rows) -> Iterator[Frame]:
        return indexed.read(segment, rows[1:])

    with pytest.raises(ValueError, match="shorter"):
        search_text("blob:x", indexed.rows, read)


def test_an_empty_version_has_nothing(index: MakeIndex) -> None:
    """No segments, or none of their frames."""
    none = index()
    gone = index(numbered(2), live=[[False, False]])

    for indexed in (none, gone):
        assert ids(indexed, "*:*") == []
        assert compile_text("meta.x:1").unknown(indexed.rows) == []


def test_a_wrong_line_is_an_error_before_anything_is_read(streets: Any) -> None:
    """With the place, as for one frame."""
    with pytest.raises(QuerySyntaxError) as caught:
        search_text("label:(cat", streets.rows, streets.read)

    assert caught.value.position == 6


# Fields that nothing has


def test_metadata_that_no_frame_has_is_named(index: MakeIndex, street: Frame) -> None:
    """With the name that is probably meant, also for annotations and sources."""
    indexed = index([street])
    line = "meta.ctiy:bremen rois.meta.colour:red sources:(meta.lense:35) NOT meta.qqq:* meta.my\\ kez:x"

    assert compile_text(line).unknown(indexed.rows) == [
        "No frame has meta.ctiy; perhaps meta.city is meant.",
        "No frame has rois.meta.colour; perhaps rois.meta.color is meant.",
        "No frame has sources.meta.lense; perhaps sources.meta.lens is meant.",
        "No frame has meta.qqq.",
        r"No frame has meta.my\ kez; perhaps meta.my\ key is meant.",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "meta.city:ulm",
        "meta.nested:x",
        "meta.nested.deep:*",
        "meta.crew.0.name:x",
        "meta.tags.5:x",
        "label:x",
        "meta:*",
    ],
)
def test_metadata_that_some_frame_has_is_not_named(index: MakeIndex, street: Frame, line: str) -> None:
    """A path that leads to a map or into a list is there, whatever it is asked."""
    indexed = index([FrameGroup(id="other")], [street])

    assert compile_text(line).unknown(indexed.rows) == []
