"""Edits of one frame: pure functions that can be taken back."""

from __future__ import annotations

import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

from hdstore.codec import encode_frame
from hdstore.errors import InvalidValueError, NotFoundError
from hdstore.model import (
    AddAnnotation,
    Annotation,
    Changes,
    Frame,
    FrameEdit,
    PutFrame,
    RemoveAnnotation,
    RemoveFrame,
    ReplaceAnnotation,
    SetFrameMetadata,
    SingleFrame,
    replace,
)

FRAME = SingleFrame(
    id="f",
    metadata={"kept": 1, "gone": 2},
    annotations=(Annotation(id="a", labels=("cat",)), Annotation(id="b"), Annotation(id="c")),
)
some_frames = st.none() | strategies.frames(ids=st.just("f"), named=True)


def same(a: Frame | None, b: Frame | None) -> bool:
    """Says whether two frames are equal to the last byte."""
    return (a is None) == (b is None) and (a is None or b is None or encode_frame(a) == encode_frame(b))


@given(some_frames, st.data())
def test_the_inverse_takes_an_edit_back(before: Frame | None, data: st.DataObject) -> None:
    """Whatever the edit and the frame, applying the inverse gives the frame that was."""
    edit = data.draw(strategies.frame_edits(before, "f"))
    after = edit.apply(before)

    assert same(edit.inverse(before).apply(after), before)
    assert edit.frame_id == edit.inverse(before).frame_id == "f"


@given(some_frames, st.data())
def test_several_edits_are_undone_in_reverse_and_done_again(
    before: Frame | None, data: st.DataObject
) -> None:
    """A run of edits is taken back by the inverses in reverse; the inverses of those do it again."""
    frame, undo = before, list[FrameEdit]()
    for _ in range(data.draw(st.integers(1, 5))):
        edit = data.draw(strategies.frame_edits(frame, "f"))
        undo.append(edit.inverse(frame))
        frame = edit.apply(frame)
    after, redo = frame, list[FrameEdit]()
    for edit in reversed(undo):
        redo.append(edit.inverse(frame))
        frame = edit.apply(frame)

    assert same(frame, before)
    for edit in reversed(redo):
        frame = edit.apply(frame)
    assert same(frame, after)


def test_an_annotation_is_added_where_it_is_said() -> None:
    """At an index, or at the end."""
    new = Annotation(id="new")

    at = AddAnnotation(frame_id="f", annotation=new, index=1).apply(FRAME)
    end = AddAnnotation(frame_id="f", annotation=new).apply(FRAME)

    assert at is not None
    assert end is not None
    assert [a.id for a in at.annotations] == ["a", "new", "b", "c"]
    assert [a.id for a in end.annotations] == ["a", "b", "c", "new"]


def test_a_removed_annotation_comes_back_where_it_stood() -> None:
    """Undo restores the order too, which is the order of drawing."""
    edit = RemoveAnnotation(frame_id="f", annotation_id="b")

    assert edit.inverse(FRAME).apply(edit.apply(FRAME)) == FRAME


def test_metadata_keys_that_are_not_named_stay() -> None:
    """Keys are set and removed one by one; a key in both is set."""
    edit = SetFrameMetadata(frame_id="f", set={"new": 3, "both": 4}, remove=("gone", "absent", "both"))
    after = edit.apply(FRAME)

    assert after is not None
    assert after.metadata == {"kept": 1, "new": 3, "both": 4}
    undone = edit.inverse(FRAME).apply(after)
    assert undone is not None
    assert undone.metadata == FRAME.metadata


@pytest.mark.parametrize("index", [-1, -99, 99])
def test_an_index_beyond_the_ends_is_taken_to_the_end_it_is_beyond(index: int) -> None:
    """As with a list's insert; undo works all the same."""
    edit = AddAnnotation(frame_id="f", annotation=Annotation(id="new"), index=index)
    after = edit.apply(FRAME)

    assert after is not None
    assert len(after.annotations) == 4
    assert edit.inverse(FRAME).apply(after) == FRAME


@pytest.mark.parametrize(
    "edit",
    [
        AddAnnotation(frame_id="f", annotation=Annotation(id="new")),
        ReplaceAnnotation(frame_id="f", annotation=Annotation(id="a")),
        RemoveAnnotation(frame_id="f", annotation_id="a"),
        SetFrameMetadata(frame_id="f", set={"a": 1}),
    ],
    ids=lambda edit: type(edit).__name__,
)
def test_an_absent_frame_can_not_be_edited(edit: FrameEdit) -> None:
    """The error names the frame and says why it may be gone."""
    with pytest.raises(NotFoundError, match=r"^There is no frame 'f' to edit; it may have been deleted\.$"):
        edit.apply(None)


@pytest.mark.parametrize(
    "edit",
    [
        ReplaceAnnotation(frame_id="f", annotation=Annotation(id="x")),
        RemoveAnnotation(frame_id="f", annotation_id="x"),
    ],
    ids=lambda edit: type(edit).__name__,
)
def test_an_absent_annotation_can_not_be_edited(edit: FrameEdit) -> None:
    """The error names frame and annotation."""
    with pytest.raises(NotFoundError, match=r"^Frame 'f' has no annotation 'x'; it may have been deleted\.$"):
        edit.apply(FRAME)
    with pytest.raises(NotFoundError):
        edit.inverse(FRAME)


@pytest.mark.parametrize("name", ["", "a"])
def test_an_added_annotation_needs_a_free_id(name: str) -> None:
    """An empty or taken id is refused."""
    with pytest.raises(InvalidValueError, match="needs an id that is not taken"):
        AddAnnotation(frame_id="f", annotation=Annotation(id=name)).apply(FRAME)


def test_removing_what_is_absent_changes_nothing() -> None:
    """An absent frame stays absent, and so does its inverse."""
    edit = RemoveFrame(frame_id="f")

    assert edit.apply(None) is None
    assert edit.inverse(None).apply(None) is None


def test_putting_replaces_the_frame_whole() -> None:
    """Nothing of the old frame is left; the inverse of a new one removes it."""
    new = SingleFrame(id="f", blob="x")

    assert PutFrame(frame=new).apply(FRAME) == new
    assert PutFrame(frame=new).inverse(FRAME) == PutFrame(frame=FRAME)
    assert PutFrame(frame=new).inverse(None) == RemoveFrame(frame_id="f")


def test_changes_are_false_when_nothing_moved() -> None:
    """So that ``if changes:`` reads as it is meant."""
    assert not Changes(version_id="v", before="1", after="1", unchanged=3)
    assert Changes(version_id="v", before="1", after="2")


def test_values_are_copied_with_some_fields_changed() -> None:
    """``replace`` leaves the original as it was."""
    assert replace(FRAME, id="g").id == "g"
    assert FRAME.id == "f"
    with pytest.raises(AttributeError):
        FRAME.id = "h"  # type: ignore[misc]
