"""Counts over the index against counting the same frames in plain Python."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from segments import PROPERTIES, Shelf, frame_sets, owners, values
from strategies import frames as any_frames

from hdstore.errors import InvalidInputError, QuerySyntaxError
from hdstore.model import Annotation, Frame, RoiRule, SingleFrame, Source
from hdstore.query import compile_annotation
from hdstore.query.found import Found
from hdstore.query.properties import as_found
from hdstore.query.statistics import Tally as Held
from hdstore.query.statistics import distribution, statistics
from hdstore.repository import init
from hdstore.version.counting import Tally

LACKING = "nothing"

ROIS: dict[Any, Any] = {
    None: lambda a: True,
    "label:cat": lambda a: "cat" in a.labels,
    "confidence:>=0.25": lambda a: a.confidence is not None and a.confidence >= 0.25,
    "meta.deep.0:*": compile_annotation("meta.deep.0:*"),
    RoiRule(labels=("cat", "dog")): lambda a: {"cat", "dog"} <= {*a.labels},
    RoiRule(labels=("cat",), confidence=(0.1, 0.5)): lambda a: (
        "cat" in a.labels and a.confidence is not None and 0.1 <= a.confidence <= 0.5
    ),
}

names = st.sampled_from([*PROPERTIES])
rois = st.sampled_from([*ROIS])


def key(value: Any) -> Any:
    """Returns what tells values apart: true is not 1, but 7 is 7.0."""
    return type(value) is bool, value


def counted(frames: list[Frame], name: str, roi: Any) -> dict[Any, Held]:
    """Returns how many frames, annotations and sources hold each value, and how many hold none."""
    counts: tuple[Counter[Any], Counter[Any], Counter[Any]] = (Counter(), Counter(), Counter())
    for frame in frames:
        counting = [annotation for annotation in frame.annotations if ROIS[roi](annotation)]
        if roi is not None and not counting:
            continue
        in_frame = set()
        for owner in owners(frame, name):
            if isinstance(owner, Annotation) and not ROIS[roi](owner):
                continue
            found = [*map(key, PROPERTIES[name][1](owner))] or [LACKING]
            in_frame.update(found)
            if isinstance(owner, Annotation):
                counts[1].update(found if name.endswith("label") else {*found})
            if isinstance(owner, Source):
                counts[2].update({*found})
        counts[0].update(in_frame)
        if not isinstance(PROPERTIES[name][0], str | tuple) or "annotations" not in PROPERTIES[name][0]:
            counts[1].update(dict.fromkeys(in_frame, len(counting)))
    return {
        value: Held(frames=counts[0][value], annotations=counts[1][value], sources=counts[2][value])
        for value in counts[0]
    }


def tally(held: Held) -> Held:
    return Held(frames=held.frames, annotations=held.annotations, sources=held.sources)


def rank(value: Any) -> tuple[int, Any]:
    kind, bare = value
    return (2, bare) if kind else (1, bare) if isinstance(bare, str) else (0, bare)


@given(frame_sets(), names, rois, st.integers(1, 3))
def test_a_distribution_is_that_of_python(frames: list[Frame], name: str, roi: Any, count: int) -> None:
    """Each value of any property is held by as many frames, annotations and sources as counting them gives."""
    shelf = Shelf(frames, count=count)
    expected = counted(shelf.frames, name, roi)
    without = expected.pop(LACKING, Held(frames=0, annotations=0))

    found = distribution(shelf.rows, name, roi=roi, read=shelf.read)

    assert {key(value.value): tally(value) for value in found.values} == expected
    assert found.without == without
    assert found.different == len(expected)
    order = sorted(expected, key=lambda value: (-expected[value].frames, rank(value)))
    assert [key(value.value) for value in found.values] == order
    counting = [sum(map(ROIS[roi], frame.annotations)) for frame in shelf.frames]
    assert found.frames == len(shelf.frames)
    assert found.annotated == sum(map(bool, counting))
    assert found.annotations == sum(counting)


@given(frame_sets(), names, rois, st.integers(1, 4) | st.just([-1.0, 0.25, 3.0]))
def test_numbers_are_counted_by_bin(frames: list[Frame], name: str, roi: Any, bins: Any) -> None:
    """Bins hold the numbers that lie in them, as if each bin were a value; other values are listed as before."""
    shelf = Shelf(frames)
    plain = counted(shelf.frames, name, roi)
    numbers = [
        value
        for frame in shelf.frames
        if roi is None or any(map(ROIS[roi], frame.annotations))
        for owner in owners(frame, name)
        if not isinstance(owner, Annotation) or ROIS[roi](owner)
        for value in PROPERTIES[name][1](owner)
        if type(value) in (int, float)
    ]

    found = distribution(shelf.rows, name, roi=roi, bins=bins, read=shelf.read)

    others = {
        value: held for value, held in plain.items() if value == LACKING or isinstance(value[1], str | bool)
    }
    others.pop(LACKING, None)
    assert {key(value.value): tally(value) for value in found.values} == others
    assert found.without == plain.get(LACKING, Held(frames=0, annotations=0))
    if not numbers:
        assert found.numbers is None
        return
    assert found.numbers is not None
    assert (found.numbers.count, found.numbers.min, found.numbers.max) == (
        len(numbers),
        min(numbers),
        max(numbers),
    )
    assert found.numbers.mean == pytest.approx(math.fsum(number / len(numbers) for number in numbers))
    edges = [*(part.low for part in found.numbers.bins), found.numbers.bins[-1].high]
    if isinstance(bins, list):
        assert edges == bins
    else:
        assert (edges[0], edges[-1]) == (min(numbers), max(numbers))
        assert len(edges) <= bins + 1
    last = len(edges) - 2

    def bin_of(value: Any) -> Any:
        if type(value) not in (int, float) or not edges[0] <= value <= edges[-1]:
            return None
        return min(last, sum(edge <= value for edge in edges) - 1)

    whose, get = PROPERTIES[name]
    PROPERTIES["binned"] = whose, lambda owner: [b for v in get(owner) if (b := bin_of(v)) is not None]
    expected = counted(shelf.frames, "binned", roi)
    assert {(False, place): tally(part) for place, part in enumerate(found.numbers.bins) if part.frames} == {
        value: held for value, held in expected.items() if value != LACKING
    }


@settings(max_examples=10)
@given(st.lists(any_frames(named=True), max_size=5, unique_by=lambda frame: frame.id))
def test_statistics_of_all_are_those_a_version_keeps(frames: list[Frame]) -> None:
    """Labels, content types and totals are counted as each save counts them."""
    shelf = Shelf(frames, count=3)
    kept = Tally()
    for frame in shelf.frames:
        kept.add(frame)

    assert statistics(shelf.rows) == kept.stats()


@given(frame_sets(), rois)
def test_statistics_count_what_counts(frames: list[Frame], roi: Any) -> None:
    """Under a rule only annotations that meet it count; frames and sources are those that were asked."""
    shelf = Shelf(frames)
    found = Found(tuple((segment, rows[::2]) for segment, rows in as_found(shelf.rows).parts))
    kept = Tally()
    for segment, rows in found.parts:
        for row in rows.tolist():
            frame = shelf.at(segment, row)
            annotations = tuple(filter(ROIS[roi], frame.annotations))
            kept.add(SingleFrame(id=frame.id, sources=frame.sources, annotations=annotations))

    assert statistics(found, roi=roi, read=shelf.read) == kept.stats()


def test_statistics_of_a_version_are_its_own(tmp_path: Path) -> None:
    """After edits, the rows of the index give what the version itself keeps."""
    with init(tmp_path) as repository:
        draft = repository.create_dataset("street").current()
        draft.add_frames(
            SingleFrame(
                id=f"{number}",
                sources=(Source(content_type="image/png"),),
                annotations=tuple(
                    Annotation(id=f"{n}", labels=("cat", "cat", f"l{n}")) for n in range(number % 4)
                ),
            )
            for number in range(100)
        )
        draft.delete_frames(f"{number}" for number in range(0, 100, 7))
        draft.add_frames([SingleFrame(id="3", annotations=(Annotation(id="x", labels=("dog",)),))])

        found = statistics(draft.rows())

        assert found == draft.stats()
        by_label = distribution(draft.rows(), "label")
        assert {v.value: (v.annotations, v.frames) for v in by_label.values} == {
            name: (count.annotations, count.frames) for name, count in draft.stats().labels.items()
        }


def test_the_most_frequent_values_are_listed() -> None:
    """A limit keeps the values of most frames; how many others there are is said."""
    shelf = Shelf([SingleFrame(id=f"{n}", metadata={"n": n * n // 10}) for n in range(10)], count=3)

    found = distribution(shelf.rows, "meta.n", limit=2)

    assert [(value.value, value.frames) for value in found.values] == [(0, 4), (1, 1)]
    assert found.different == len({n * n // 10 for n in range(10)})


def test_whole_numbers_are_integers_and_booleans_are_not() -> None:
    """7.0 is the value 7; true is a value of its own."""
    shelf = Shelf([SingleFrame(id=f"{n}", metadata={"n": n}) for n in (7, 7.0, True, False, 1, -0.0, 0)][2:])
    held = [
        SingleFrame(id=f"{n}", metadata={"n": value}) for n, value in enumerate((7, 7.0, True, 1, -0.0, 0))
    ]
    shelf = Shelf(held)

    found = distribution(shelf.rows, "meta.n")

    assert [(repr(value.value), value.frames) for value in found.values] == [
        ("0", 2),
        ("7", 2),
        ("1", 1),
        ("True", 1),
    ]


def test_metadata_with_too_many_keys_is_read_from_the_frames() -> None:
    """Keys beyond those the index has columns for are counted all the same."""
    frames = [
        SingleFrame(id=f"{n}", metadata={f"k{n * 100 + i}": i for i in range(100)} | {"last": n % 2})
        for n in range(20)
    ]
    shelf = Shelf(frames, count=1)

    found = distribution(shelf.rows, "meta.k1999", read=shelf.read)

    assert [(value.value, value.frames) for value in found.values] == [(99, 1)]
    assert found.without.frames == 19
    assert 0 < shelf.read_rows < 20
    found = distribution(shelf.rows, "meta.last", read=shelf.read)
    assert {value.value: value.frames for value in found.values} == {0: 10, 1: 10}


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"name": "city"}, QuerySyntaxError, "meta.city"),
        ({"name": "sources"}, InvalidInputError, "name one of its fields"),
        ({"bins": 0}, InvalidInputError, "1 to"),
        ({"bins": 10**9}, InvalidInputError, "1 to"),
        ({"bins": [1]}, InvalidInputError, "ascend"),
        ({"bins": [2, 1]}, InvalidInputError, "ascend"),
        ({"bins": [1, math.nan]}, InvalidInputError, "ascend"),
        ({"limit": -1}, InvalidInputError, "listed"),
        ({"roi": "nothing:1"}, QuerySyntaxError, "nothing"),
        ({"roi": RoiRule(must_not=True)}, InvalidInputError, "labels, confidence and query"),
        ({"roi": RoiRule(count=(2, None))}, InvalidInputError, "labels, confidence and query"),
        ({"roi": "id:x"}, InvalidInputError, "have to be read"),
        ({"name": "rois.id"}, InvalidInputError, "have to be read"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: dict[str, Any], error: type[Exception], match: str
) -> None:
    """A wrong question is told what is wrong with it."""
    shelf = Shelf([SingleFrame(id="a", annotations=(Annotation(id="x"),))])

    with pytest.raises(error, match=match):
        distribution(shelf.rows, **{"name": "label", **arguments})


def test_nothing_has_a_distribution_too() -> None:
    """No frames hold no values."""
    for rows in (Found(()), Shelf([]).rows):
        found = distribution(rows, "label", bins=3)
        assert (found.frames, found.values, found.numbers) == (0, (), None)
        assert statistics(rows).frames == 0


def test_values_of_many_segments_are_merged() -> None:
    """Equal texts of different dictionaries are one value, however many values there are."""
    rng = np.random.default_rng(1)
    words = [f"{'shared ' * (n % 3)}{n % 500}" for n in rng.permutation(6000).tolist()]
    numbers = rng.integers(0, 300, 6000) / 7
    frames = [
        SingleFrame(id=f"{n}", metadata={"w": word, "n": number})
        for n, (word, number) in enumerate(zip(words, numbers.tolist(), strict=True))
    ]
    shelf = Shelf(frames, count=5)

    by_word = distribution(shelf.rows, "meta.w", limit=10**6)
    by_number = distribution(shelf.rows, "meta.n", limit=10**6)

    assert {value.value: value.frames for value in by_word.values} == Counter(words)
    assert {value.value: value.frames for value in by_number.values} == Counter(numbers.tolist())
    assert sum(len(values(frame, "id")) for frame in shelf.frames) == 6000
