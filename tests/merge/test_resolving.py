"""Resolving conflicts: to a side, to both, in any order, and long after the merge."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from merging import COMMITS, at, side_value, stored, three
from strategies import changed_frames

from hdstore.codec import encode_frame
from hdstore.errors import InvalidInputError
from hdstore.ids import derive_id
from hdstore.merge import (
    MergedFrame,
    kept_side,
    merge_frames,
    merge_maps,
    merge_schemas,
    resolve,
    resolve_both,
    resolve_map,
    resolve_schema,
    shown_in_frame,
    shown_in_map,
    shown_in_schema,
)
from hdstore.model import (
    Annotation,
    Box,
    Conflict,
    ConflictSide,
    Frame,
    FrameGroup,
    Label,
    Schema,
    SingleFrame,
    Source,
    replace,
)

Three = tuple[Frame, Frame, Frame]
BOX = Box(x=1.0, y=1.0, w=2.0, h=2.0)
CAT = Annotation(id="a", labels=("cat",), geometry=BOX)
FRAME = SingleFrame(id="x", annotations=(CAT, Annotation(id="z")), metadata={"k": 1, "m": {"k": 1}})


def merge(base: Frame | None, first: Frame | None, second: Frame | None) -> MergedFrame:
    return merge_frames(base, first, second, commits=COMMITS)


def with_cat(**fields: Any) -> SingleFrame:
    """Returns the frame with its first annotation changed."""
    return replace(FRAME, annotations=(replace(CAT, **fields), *FRAME.annotations[1:]))


@given(three(), st.sampled_from([0, 1]))
def test_resolving_all_gives_what_the_side_had(frames: Three, side: int) -> None:
    """Each thing that was a conflict is as the side had it, and the frame can be stored."""
    merged = merge(*frames)
    resolved = resolve(merged.frame, merged.conflicts, side)
    assert resolved is not None
    assert encode_frame(resolved) == encode_frame(stored(resolved))
    for conflict in merged.conflicts:
        assert at(resolved, conflict.path) == side_value(conflict, side)
        assert at(resolved, conflict.path) == at(frames[1 + side], conflict.path)
        assert shown_in_frame(resolved, conflict) == side
        second = 1 if all(held.present for held in conflict.sides) else kept_side(conflict)
        assert shown_in_frame(merged.frame, conflict) == second
    assert [shown_in_frame(None, conflict) for conflict in merged.conflicts if len(conflict.path) > 1] == [
        None for conflict in merged.conflicts if len(conflict.path) > 1
    ]


@given(three(), st.data())
def test_conflicts_can_be_resolved_in_any_order(frames: Three, data: st.DataObject) -> None:
    """One by one or together, and whichever comes first: the frame is the same."""
    merged = merge(*frames)
    sides = {conflict.path: data.draw(st.sampled_from([0, 1])) for conflict in merged.conflicts}
    tied = any(path[:1] == ("sources",) and len(path) == 2 for path in sides)
    results = []
    for _ in range(2):
        resolved = merged.frame
        try:
            for conflict in data.draw(st.permutations(merged.conflicts)):
                resolved = resolve(resolved, [conflict], sides[conflict.path])
        except InvalidInputError:
            # Only a source that an annotation still lies on can not go.
            assert tied
        else:
            results.append(resolved)
    for side in (0, 1):
        chosen = [conflict for conflict in merged.conflicts if sides[conflict.path] == side]
        shuffled = data.draw(st.permutations(chosen))
        if not tied:
            assert resolve(merged.frame, chosen, side) == resolve(merged.frame, shuffled, side)
    assert all(result == results[0] for result in results)


@given(three(), st.data())
def test_a_frame_may_have_moved_on(frames: Three, data: st.DataObject) -> None:
    """Whatever was made of the frame since, resolving gives a valid frame or says why it can not."""
    merged = merge(*frames)
    assert merged.frame is not None
    later = data.draw(st.none() | changed_frames(merged.frame, least=2))
    before = None if later is None else stored(later)
    for conflict in merged.conflicts:
        side = data.draw(st.sampled_from([0, 1]))
        try:
            resolved = resolve(before, [conflict], side)
        except InvalidInputError:
            continue
        found = at(resolved, conflict.path)
        inside = at(before, conflict.path[:-1])
        assert found == side_value(conflict, side) or not isinstance(inside, dict | list)
        if resolved is not None:
            assert stored(resolved) == resolved


def test_what_is_gone_is_left_alone() -> None:
    """A field of an annotation that was removed later, and anything of a frame that was, has nothing to decide."""
    labels, key = merge(
        FRAME,
        replace(with_cat(labels=("dog",)), metadata={"k": 1, "m": {"k": 2}}),
        replace(with_cat(labels=("cow",)), metadata={"k": 1, "m": {"k": 3}}),
    ).conflicts
    later = replace(FRAME, annotations=(), metadata={"m": 5})
    assert labels.path == ("annotations", "a", "labels")
    assert key.path == ("metadata", "m", "k")
    assert resolve(later, [labels, key], 0) == later
    assert resolve(None, [labels, key], 1) is None
    assert resolve_both(None, [labels]) is None
    assert resolve_both(later, [labels]) == later


def test_what_is_named_as_a_whole_comes_back() -> None:
    """An annotation or frame that one side deleted and the other changed comes and goes with the choice."""
    without = replace(FRAME, annotations=FRAME.annotations[1:])
    merged = merge(FRAME, without, with_cat(labels=("dog",)))
    assert merged.frame == with_cat(labels=("dog",))
    (conflict,) = merged.conflicts
    assert conflict.path == ("annotations", "a")
    assert resolve(merged.frame, [conflict], 0) == without
    assert resolve(merged.frame, [conflict], 1) == merged.frame
    back = resolve(without, [conflict], 1)
    assert back is not None
    assert [annotation.id for annotation in back.annotations] == ["z", "a"]

    merged = merge(FRAME, with_cat(labels=("dog",)), None)
    assert merged.frame == with_cat(labels=("dog",))
    assert [conflict.path for conflict in merged.conflicts] == [()]
    assert resolve(merged.frame, merged.conflicts, 1) is None
    assert resolve(None, merged.conflicts, 0) == merged.frame
    assert resolve_both(merged.frame, merged.conflicts) == merged.frame


def test_both_sides_of_an_annotation_become_two() -> None:
    """The first side's keeps the id, the second's stands behind it under an id that every machine derives."""
    first = with_cat(geometry=replace(BOX, x=5.0), confidence=0.5)
    second = with_cat(geometry=replace(BOX, x=7.0), labels=("dog",))
    merged = merge(FRAME, first, second)
    both = resolve_both(merged.frame, merged.conflicts)
    assert both is not None
    old, new, last = both.annotations
    # What was no conflict is in both.
    assert old == replace(CAT, geometry=replace(BOX, x=5.0), confidence=0.5, labels=("dog",))
    assert new == replace(old, geometry=replace(BOX, x=7.0), id=derive_id("both", "a", COMMITS[1], 0))
    assert last.id == "z"
    again = resolve_both(both, merged.conflicts)
    assert again is not None
    assert len({annotation.id for annotation in again.annotations}) == 4


def test_labels_alone_are_joined() -> None:
    """Where only the labels are a conflict, both is one annotation with the labels of both, the first side's first."""
    merged = merge(FRAME, with_cat(labels=("cat", "big")), with_cat(labels=("dog", "cat")))
    both = resolve_both(merged.frame, merged.conflicts)
    assert both == with_cat(labels=("cat", "big", "dog"))


def test_what_can_be_there_only_once_can_not_be_both() -> None:
    """Keys and fields of a frame have one value: the refusal names the thing and the other choices."""
    merged = merge(FRAME, replace(FRAME, metadata={"k": 2}), replace(FRAME, metadata={"k": 3}))
    with pytest.raises(
        InvalidInputError, match=r"metadata/k of frame 'x' can be there only once.*choose one side"
    ):
        resolve_both(merged.frame, merged.conflicts)
    deleted = merge(FRAME, replace(FRAME, metadata={}), replace(FRAME, metadata={"k": 3, "m": {"k": 1}}))
    assert deleted.frame is not None
    assert deleted.frame.metadata == {"k": 3}
    assert resolve_both(deleted.frame, deleted.conflicts) == deleted.frame
    assert [kept_side(conflict) for conflict in deleted.conflicts] == [1]


def test_a_source_goes_with_the_annotations_on_it() -> None:
    """One side deleted a camera, the other drew on it: both are a conflict, and a choice of all fits together."""
    left, right = Source(id="left", uri="l"), Source(id="right", uri="r")
    base = FrameGroup(id="x", sources=(left, right), annotations=(replace(CAT, sources=("left",)),))
    drawn = Annotation(id="new", sources=("right",))
    first = replace(base, sources=(left,), context_id="night")
    second = replace(base, annotations=(*base.annotations, drawn))
    merged = merge(base, first, second)
    assert merged.frame == replace(second, context_id="night")
    assert [conflict.path for conflict in merged.conflicts] == [("annotations", "new"), ("sources", "right")]
    assert resolve(merged.frame, merged.conflicts, 0) == first
    assert resolve(merged.frame, merged.conflicts, 1) == merged.frame
    with pytest.raises(InvalidInputError, match=r"'new' of frame 'x' lies on sources.*choose the other side"):
        resolve(merged.frame, merged.conflicts[1:], 0)


def test_schemas_and_metadata_of_versions_resolve_too() -> None:
    """A field of a label, a label, a mask's value, and a key of the version's metadata become a side's."""
    base = Schema(labels=(Label(name="cat", color="#ff0000", foreign={"coco": {"id": 1}}), Label(name="dog")))
    first = Schema(labels=(replace(base.labels[0], color="#00ff00", foreign={"coco": {"id": 2}}),))
    second = Schema(
        labels=(
            replace(base.labels[0], color="#0000ff", foreign={"coco": {"id": 3}}),
            replace(base.labels[1], key="d"),
        )
    )
    schema, conflicts = merge_schemas(base, first, second, commits=COMMITS)
    assert schema == second
    assert [conflict.path for conflict in conflicts] == [
        ("schema", "labels", "cat", "color"),
        ("schema", "labels", "cat", "foreign", "coco", "id"),
        ("schema", "labels", "dog"),
    ]
    assert [shown_in_schema(schema, conflict) for conflict in conflicts] == [1, 1, 1]
    assert [shown_in_schema(first, conflict) for conflict in conflicts] == [0, 0, 0]
    assert [shown_in_schema(base, conflict) for conflict in conflicts] == [None, None, None]
    assert resolve_schema(schema, conflicts, 0) == first
    assert resolve_schema(schema, conflicts, 1) == second

    path = ("version", "metadata")
    merged, found = merge_maps({"k": 1}, {"k": 2, "m": 1}, {"k": 3}, commits=COMMITS, path=path)
    assert merged == {"k": 3, "m": 1}
    assert [conflict.path for conflict in found] == [("version", "metadata", "k")]
    held: list[dict[str, Any]] = [merged, {"k": 2}, {}, {"k": 3.0}]
    assert [shown_in_map(one, found[0]) for one in held] == [1, 0, None, None]
    assert resolve_map(merged, found, 0) == {"k": 2, "m": 1}


def test_only_two_sides_and_values_that_fit_are_taken() -> None:
    """A third side, a value of another kind, and a lack of what is always there are refused."""
    sides = (ConflictSide(commit=COMMITS[0], value=["cat"]), ConflictSide(commit=COMMITS[1], present=False))
    conflict = Conflict(frame_id="x", path=("annotations", "a", "labels"), sides=sides)
    with pytest.raises(InvalidInputError, match="lacks what can not be absent"):
        resolve(FRAME, [conflict], 0)
    with pytest.raises(InvalidInputError, match="of another kind"):
        resolve(FRAME, [replace(conflict, path=("annotations", "a", "geometry"))], 0)
    for side in (2, -1):
        with pytest.raises(InvalidInputError, match="sides 0 and 1"):
            resolve(FRAME, [replace(conflict, path=("metadata", "k"))], side)
