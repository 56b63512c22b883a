"""Orders and pages against Python's own sorting of the same frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from segments import PROPERTIES, Shelf, frame_sets, values

from hdstore.errors import InvalidInputError, QuerySyntaxError
from hdstore.index import Rows, Segment
from hdstore.model import Annotation, Frame, SingleFrame, Source
from hdstore.query.arranging import NumberKey, arrange, window
from hdstore.query.found import Found
from hdstore.query.ordering import OrderBy, order, sequential
from hdstore.query.properties import as_found

COUNTED = {
    "annotation_count": lambda f: [len(f.annotations)],
    "source_count": lambda f: [len(f.sources)],
    "label_count": lambda f: [len(f.labels)],
    "height": lambda f: [s.height for s in f.sources[:1] if s.height is not None],
    "width": lambda f: [s.width for s in f.sources[:1] if s.width is not None],
}


def ties(frame: Frame) -> tuple[str, float, str]:
    return frame.context, frame.time, frame.id


def rank(value: Any) -> tuple[int, Any]:
    """Returns where a value stands among all values."""
    if isinstance(value, bool):
        return 2, value
    return (1, value) if isinstance(value, str) else (0, value)


def expected(frames: list[Frame], keys: list[tuple[str, bool]]) -> list[str]:
    """Returns ids in order: by the last key first, for Python's sort keeps what is equal as it was."""
    ordered = sorted(frames, key=ties)
    for name, descending in reversed(keys):
        get = COUNTED.get(name) or (lambda frame, name=name: values(frame, name))
        best = {f.id: (max if descending else min)(map(rank, get(f)), default=None) for f in frames}
        with_value = [f for f in ordered if best[f.id] is not None]
        with_value.sort(key=lambda f: best[f.id], reverse=descending)
        ordered = with_value + [f for f in ordered if best[f.id] is None]
    return [f.id for f in ordered]


names = st.sampled_from([*PROPERTIES, *COUNTED])
orders = st.lists(st.tuples(names, st.booleans()), max_size=3)


@given(frame_sets(), orders, st.integers(1, 3))
def test_an_order_is_that_of_python(frames: list[Frame], keys: list[tuple[str, bool]], count: int) -> None:
    """Any keys, any mix of values: as sorting the frames themselves; values that are missing come last."""
    shelf = Shelf(frames, count=count)

    found = order(shelf.rows, [OrderBy(*key) for key in keys], read=shelf.read)

    assert found.page(0, 100).ids() == expected(shelf.frames, keys)
    whole = [shelf.at(found.segments[n], int(row)) for n, row in zip(found.numbers, found.rows, strict=True)]
    assert [frame.id for frame in whole] == expected(shelf.frames, keys)


@given(frame_sets(), orders, st.integers(0, 13), st.integers(0, 13))
def test_pages_follow_each_other(
    frames: list[Frame], keys: list[tuple[str, bool]], start: int, size: int
) -> None:
    """Page by page, by place and by cursor, is the order; the cursor ends with it."""
    shelf = Shelf(frames)
    found = order(shelf.rows, [OrderBy(*key) for key in keys], read=shelf.read)
    ids = expected(shelf.frames, keys)

    page = found.page(start, size)

    assert page.ids() == ids[start : start + size]
    assert (page.start, page.total, len(page)) == (start, len(ids), len(ids[start : start + size]))
    assert [frame.id for frame in page.frames()] == page.ids()
    assert [shelf.at(*row).id for row in page] == page.ids()
    assert (page.cursor is None) == (not page.ids() or start + size >= len(ids))
    if page.cursor is not None:
        following = order(shelf.rows, [OrderBy(*key) for key in keys], read=shelf.read)
        assert following.after(page.cursor, 100).ids() == ids[start + size :]


@given(frame_sets(), frame_sets(), st.lists(st.tuples(names, st.booleans()), max_size=2))
def test_a_cursor_goes_on_in_other_frames(
    frames: list[Frame], others: list[Frame], keys: list[tuple[str, bool]]
) -> None:
    """What was added or removed meanwhile neither repeats nor hides a frame behind the cursor."""
    shelf = Shelf(frames)
    by = [OrderBy(*key) for key in keys]
    page = order(shelf.rows, by, read=shelf.read).page(0, max(1, len(shelf.frames) // 2))
    if page.cursor is None:
        return
    held = {frame.id for frame in frames}
    later = [*frames[::2], *(frame for frame in others if frame.id not in held)]
    last = next(frame for frame in frames if frame.id == page.ids()[-1])
    with_last = expected(
        [frame for frame in {frame.id: frame for frame in [*later, last]}.values() if frame.id[0] != "-"],
        keys,
    )

    shelf = Shelf(later)
    found = order(shelf.rows, by, read=shelf.read).after(page.cursor, 100)

    assert found.ids() == with_last[with_last.index(last.id) + 1 :]


def test_sequential_is_by_context_then_time_then_id() -> None:
    """Contexts and ids compare by code points, times by number."""
    frames = [
        SingleFrame(id="2", context_id="b", timestamp=10),
        SingleFrame(id="1", context_id="b", timestamp=9.5),
        SingleFrame(id="b", context_id="a", timestamp=1),
        SingleFrame(id="a", context_id="a", timestamp=1),
        SingleFrame(id="B", context_id="a", timestamp=1),
        SingleFrame(id="0", sources=(Source(uri="aa", timestamp=3),)),
        SingleFrame(id="x"),
    ]
    shelf = Shelf(frames)

    found = sequential(shelf.rows)

    ids = [shelf.at(found.segments[n], int(row)).id for n, row in zip(found.numbers, found.rows, strict=True)]
    assert ids == ["x", "B", "a", "b", "0", "1", "2"]
    assert found.numbers.dtype == found.rows.dtype == np.int32


def test_large_orders_are_selected_as_they_are_sorted() -> None:
    """Windows of many positions, with few and many equal values, are cut out of the whole order."""
    rng = np.random.default_rng(3)
    count = 20_000
    keys = [
        NumberKey(rng.integers(0, 3, count)),
        NumberKey(rng.integers(0, 50, count).astype(np.float64)),
        NumberKey(rng.permutation(count)),
    ]
    positions = np.arange(count)
    whole = arrange(positions, keys)[0]

    for begin, end in [(0, 10), (6_600, 6_700), (13_000, 13_500), (19_990, 20_000), (5_000, 9_000), (7, 7)]:
        assert window(positions, keys, begin, end).tolist() == whole[begin:end].tolist()


@pytest.mark.parametrize("descending", [False, True])
def test_pages_of_many_frames_are_selected(descending: bool) -> None:
    """A page in the middle of many frames is that of all in order, whether strings are ranked or cut in pieces."""
    frames = [
        SingleFrame(
            id=f"{number * 7919 % 9000:04}",
            context_id=f"long shared beginning {number % 3}",
            metadata={"s": f"{number * 31 % 9000:08}", "few": ["b", "a", 1, None][number % 4]},
        )
        for number in range(9000)
    ]
    shelf = Shelf(frames, count=3)
    for name in ("metadata.s", "meta.few", "id", "context_id", "timestamp"):
        ids = expected(shelf.frames, [(name, descending)])
        found = order(shelf.rows, name, descending=descending)

        assert found.page(4400, 50).ids() == ids[4400:4450]
        assert found.page(0, 3).ids() == ids[:3]
        for start in range(0, 9000, 1000):  # from some page on all is in order
            assert found.page(start, 2).ids() == ids[start : start + 2]
        cursor = found.page(4400, 50).cursor
        assert cursor is not None
        assert found.after(cursor, 5).ids() == ids[4450:4455]


def test_numbers_from_elsewhere_order_frames() -> None:
    """A key may be what a function says of frames; those it knows nothing of come last."""
    shelf = Shelf([SingleFrame(id=name) for name in "abcd"])

    def numbers(segment: Segment, rows: Rows) -> np.ndarray:
        known = {"a": 3.0, "b": np.nan, "c": 1.0, "d": 2.0}
        return np.array([known[shelf.at(segment, row).id] for row in rows.tolist()])

    for descending, ids in ((False, "cdab"), (True, "adcb")):
        found = order(shelf.rows, OrderBy("updated", descending, numbers))
        assert "".join(found.page(0, 9).ids()) == ids


def test_what_was_found_is_ordered_alone() -> None:
    """An order over a search's result holds its frames only."""
    shelf = Shelf([SingleFrame(id=name, timestamp=-number) for number, name in enumerate("abcdef")])
    found = Found(tuple((segment, rows[1:]) for segment, rows in as_found(shelf.rows).parts))

    assert order(found, "timestamp").page(0, 9).ids() == ["f", "e", "d", "c"]
    assert order(Found(()), "timestamp").page(0, 9).ids() == []
    assert len(sequential(Found(())).positions) == 0


def test_labels_are_counted_once_each() -> None:
    """The number of labels is that of different ones."""
    annotations = tuple(Annotation(id=f"{n}", labels=("cat", "cat")) for n in range(3))
    shelf = Shelf(
        [
            SingleFrame(id="a", annotations=annotations),
            SingleFrame(id="b", annotations=(Annotation(id="0", labels=("dog", "cat")),)),
            SingleFrame(id="c"),
        ]
    )

    assert order(shelf.rows, "label_count", descending=True).page(0, 9).ids() == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("nothing", QuerySyntaxError),
        ("meta", InvalidInputError),
        ("rois", InvalidInputError),
        ("a b", QuerySyntaxError),
        ("id:x OR id", QuerySyntaxError),
        ("", QuerySyntaxError),
    ],
)
def test_what_is_no_field_is_refused(name: str, error: type[Exception]) -> None:
    """A key names a field that has values."""
    with pytest.raises(error):
        order(Shelf([SingleFrame(id="a")]).rows, name)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "7",
        "[]",
        '[["timestamp"],[1]]',
        '[["-timestamp"],[1,"a",0,"b"]]',
        '[["timestamp"],[1,"a",0,[]]]',
        '[["timestamp"],[NaN,"a",0,"b"]]',
        '[["timestamp"],[1,"\\ud800",0,"b"]]',
        '[["timestamp"],[1' + "0" * 400 + ',"a",0,"b"]]',
        "[" * 100_000,
    ],
)
def test_a_cursor_of_something_else_is_refused(cursor: str) -> None:
    """A cursor is read with care: it may come from anywhere."""
    with pytest.raises(InvalidInputError, match="cursor"):
        order(Shelf([SingleFrame(id="a")]).rows, "timestamp").after(cursor, 1)


def test_frames_need_somebody_who_reads_them() -> None:
    """A page of rows alone knows ids; for frames it needs a function."""
    page = order(Shelf([SingleFrame(id="a")]).rows).page(0, 1)
    assert page.ids() == ["a"]
    with pytest.raises(InvalidInputError, match="no function that reads"):
        page.frames()


def test_a_page_begins_somewhere() -> None:
    """There are no places before the first."""
    with pytest.raises(InvalidInputError, match="begins at 0"):
        order(Shelf([SingleFrame(id="a")]).rows).page(-1, 5)


def test_frames_are_read_only_where_the_index_can_not_tell() -> None:
    """Fields with columns cost no frame; others say what they need."""
    source = Source(preview=None)
    shelf = Shelf([SingleFrame(id="a", blob="b", sources=(source,)), SingleFrame(id="c", sources=(source,))])

    order(shelf.rows, "sources.preview.uri").page(0, 2)
    with pytest.raises(InvalidInputError, match="frames have to be read"):
        order(shelf.rows, "blob")
    order(shelf.rows, "blob", read=shelf.read)

    assert shelf.read_rows == 1
