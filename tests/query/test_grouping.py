"""Groups, samples of them and one frame for each value, against plain Python."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from segments import PROPERTIES, Shelf, frame_sets, owners

from hdstore.errors import InvalidInputError, QuerySyntaxError
from hdstore.model import Annotation, Frame, SingleFrame, Source
from hdstore.query.found import Found
from hdstore.query.grouping import Groups, group, one_each
from hdstore.query.properties import as_found

names = st.sampled_from([*PROPERTIES])


def rank(value: Any) -> tuple[int, Any]:
    if isinstance(value, bool):
        return 2, value
    return (1, value) if isinstance(value, str) else (0, value)


def expected(frames: list[Frame], name: str, cats: bool) -> list[tuple[Any, list[str]]]:
    """Returns values and the ids of who holds them, in order; None stands for the lack of one."""
    held: dict[Any, list[str]] = defaultdict(list)
    for frame in sorted(frames, key=lambda f: (f.context, f.time, f.id)):
        if cats and "cat" not in frame.labels:
            continue
        found = set()
        for owner in owners(frame, name):
            if cats and isinstance(owner, Annotation) and "cat" not in owner.labels:
                continue
            found |= {(type(v) is bool, v) for v in PROPERTIES[name][1](owner)} or {(False, None)}
        for value in found:
            held[value].append(frame.id)
    lacking = held.pop((False, None), None)
    ordered = [(value, held[kind, value]) for kind, value in sorted(held, key=lambda v: rank(v[1]))]
    return ordered + ([] if lacking is None else [(None, lacking)])


def listed(groups: Groups) -> list[tuple[Any, list[str]]]:
    return [(held.value, groups.frames(place).ids()) for place, held in enumerate(groups)]


@given(frame_sets(), names, st.booleans(), st.integers(1, 3))
def test_groups_are_those_of_python(frames: list[Frame], name: str, cats: bool, count: int) -> None:
    """Each frame stands under each of its values, in the order of views; who lacks one comes last."""
    shelf = Shelf(frames, count=count)
    wanted = expected(shelf.frames, name, cats)

    groups = group(shelf.rows, name, roi="label:cat" if cats else None, read=shelf.read)

    assert listed(groups) == wanted
    assert groups.counts.tolist() == [len(ids) for _, ids in wanted]
    assert groups.firsts().ids() == [ids[0] for _, ids in wanted]
    assert groups.firsts(1, 2).ids() == [ids[0] for _, ids in wanted[1:3]]
    each = one_each(shelf.rows, name, roi="label:cat" if cats else None, read=shelf.read)
    assert each.ids() == [ids[0] for value, ids in wanted if value is not None]
    if wanted:
        assert groups.frames(0, 1, 2).ids() == wanted[0][1][1:3]


@given(frame_sets(), names, st.integers(1, 3), st.integers(-1, 3))
def test_a_sample_is_a_part_of_each_group(frames: list[Frame], name: str, size: int, seed: int) -> None:
    """A sample holds as many frames as asked for, or all, in the order they had; the same for the same seed."""
    shelf = Shelf(frames)
    groups = group(shelf.rows, name, read=shelf.read)

    sample = groups.sample(size, seed=seed)

    assert [held.value for held in sample] == [held.value for held in groups]
    for place, held in enumerate(groups):
        ids = groups.frames(place).ids()
        drawn = sample.frames(place).ids()
        assert len(drawn) == min(size, held.count) == sample[place].count
        assert drawn == [frame_id for frame_id in ids if frame_id in set(drawn)]
    elsewhere = (
        group(Shelf(frames[::-1], count=3).rows, name, read=Shelf(frames).read) if name == "id" else groups
    )
    assert listed(elsewhere.sample(size, seed=seed)) == listed(sample)


def lot(frame_id: str, seed: int) -> int:
    """Returns the number by which a frame is drawn, as the page on statistics describes it."""

    def mixed(number: int) -> int:
        number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        number = (number ^ (number >> 27)) * 0x94D049BB133111EB % 2**64
        return number ^ (number >> 31)

    raw = frame_id.encode()
    number = mixed(seed % 2**64)
    for start in range(0, len(raw), 7):
        rest = raw[start:]
        number = mixed(number ^ (int.from_bytes(rest[:7].ljust(7, b"\0"), "big") << 8 | min(len(rest), 8)))
    return number


def test_draws_depend_on_id_and_seed_alone() -> None:
    """Wherever frames lie and whatever else there is: the same are drawn; another seed draws others."""
    frames = [SingleFrame(id=f"{'long ' * (n % 4)}{n}", context_id=f"{n % 2}") for n in range(60)]
    drawn = [listed(group(Shelf(frames, count=count).rows).sample(4, seed=7)) for count in (1, 3)]

    assert drawn[0] == drawn[1]
    assert drawn[0] != listed(group(Shelf(frames).rows).sample(4, seed=8))
    for number in (0, 1):
        ids = [frame.id for frame in frames if frame.context == f"{number}"]
        assert {*drawn[0][number][1]} == {*sorted(ids, key=lambda frame_id: lot(frame_id, 7))[:4]}


def test_one_frame_more_changes_a_sample_in_one_frame() -> None:
    """Each frame has its place in the draw for itself."""
    frames = [SingleFrame(id=f"{n}", context_id="c") for n in range(50)]
    before = {*group(Shelf(frames).rows).sample(10).frames(0).ids()}
    after = {*group(Shelf([*frames, SingleFrame(id="new", context_id="c")]).rows).sample(10).frames(0).ids()}

    assert len(before & after) >= 9
    assert after - before <= {"new"}


def test_samples_are_even() -> None:
    """Every frame is drawn about as often as any other over many seeds."""
    groups = group(Shelf([SingleFrame(id=f"{n}", context_id="c") for n in range(20)]).rows)
    times = dict.fromkeys(groups.frames(0).ids(), 0)
    for seed in range(400):
        for frame_id in groups.sample(5, seed=seed).frames(0).ids():
            times[frame_id] += 1

    assert all(65 <= count <= 140 for count in times.values())


def test_a_group_knows_its_frames() -> None:
    """Rows of a group lead to its frames; a group that is not there is an error."""
    shelf = Shelf(
        [
            SingleFrame(id="1", sources=(Source(uri="a"),)),
            SingleFrame(id="2", sources=(Source(uri="b"),)),
            SingleFrame(id="3", sources=(Source(uri="a"),)),
        ]
    )
    groups = group(shelf.rows, read=shelf.read)

    assert [(held.value, held.count) for held in groups] == [("a", 2), ("b", 1)]
    assert [frame.id for frame in groups.frames(0).frames()] == ["1", "3"]
    for place in (-1, 2):
        with pytest.raises(IndexError, match="2 groups"):
            groups[place]


def test_what_was_found_is_grouped_alone() -> None:
    """Groups over a search's result hold its frames only; nothing found makes no groups."""
    shelf = Shelf([SingleFrame(id=f"{n}", context_id=f"{n // 2}") for n in range(8)])
    found = Found(tuple((segment, rows[1::2]) for segment, rows in as_found(shelf.rows).parts))

    assert sum(group(found).counts) == 4
    assert [*group(Found(()))] == [*group(Shelf([]).rows)] == []


@pytest.mark.parametrize(("name", "error"), [("nothing", QuerySyntaxError), ("meta", InvalidInputError)])
def test_what_is_no_field_is_refused(name: str, error: type[Exception]) -> None:
    """Frames are grouped by fields that have values."""
    with pytest.raises(error):
        group(Shelf([SingleFrame(id="a")]).rows, name)


def test_a_sample_of_nothing_is_refused() -> None:
    """A sample has a frame."""
    with pytest.raises(InvalidInputError, match="one frame or more"):
        group(Shelf([SingleFrame(id="a")]).rows).sample(0)
