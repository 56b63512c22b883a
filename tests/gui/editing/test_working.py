"""Frames with unsaved edits."""

from __future__ import annotations

import pytest
from hdstore_gui.editing.working import WorkingFrame

from hdstore.errors import NotFoundError
from hdstore.model import AddAnnotation, Annotation, PutFrame, RemoveAnnotation, RemoveFrame, SingleFrame

FRAME = SingleFrame(id="f")
ADD_A = AddAnnotation(frame_id="f", annotation=Annotation(id="a"))
ADD_B = AddAnnotation(frame_id="f", annotation=Annotation(id="b"))
DROP_A = RemoveAnnotation(frame_id="f", annotation_id="a")


def ids(working: WorkingFrame) -> list[str]:
    return [annotation.id for annotation in working.frame.annotations]


def test_edits_are_collected() -> None:
    """They wait in order."""
    working = WorkingFrame.opened(FRAME, "c0").edited(ADD_A).edited(ADD_B)

    assert working.edits == (ADD_A, ADD_B)
    assert ids(working) == ["a", "b"]


def test_edits_that_lead_back_leave_nothing_to_save() -> None:
    """Undo to the beginning is clean."""
    working = WorkingFrame.opened(FRAME, "c0").edited(ADD_A).edited(DROP_A)

    assert not working.is_dirty


def test_edits_made_while_saving_are_kept() -> None:
    """They stand on what was saved."""
    sent = WorkingFrame.opened(FRAME, "c0").edited(ADD_A)
    now = sent.edited(ADD_B)

    after = now.saved(sent, sent.frame, "c1")

    assert after.base == sent.frame
    assert after.edits == (ADD_B,)
    assert ids(after) == ["a", "b"]


def test_undo_while_saving_is_kept() -> None:
    """The way back is saved next, though the frame looks as it did before the save."""
    sent = WorkingFrame.opened(FRAME, "c0").edited(ADD_A)
    now = sent.edited(DROP_A)

    after = now.saved(sent, sent.frame, "c1")

    assert after.frame == FRAME
    assert after.is_dirty


def test_keeping_mine_is_one_edit_on_top_of_theirs() -> None:
    """It replaces the frame whole."""
    mine = WorkingFrame.opened(FRAME, "c0").edited(ADD_A)
    theirs = SingleFrame(id="f", annotations=(Annotation(id="z"),))

    after = mine.onto(theirs, "c9")

    assert after.edits == (PutFrame(frame=mine.frame),)
    assert after.commit == "c9"


def test_the_frame_itself_is_not_removed_here() -> None:
    """That is an edit of the grid."""
    with pytest.raises(NotFoundError):
        WorkingFrame.opened(FRAME, "c0").edited(RemoveFrame(frame_id="f"))
