"""Conflicts of a merge: found, looked at, resolved with hand and keys, and taken back."""

from __future__ import annotations

from typing import Any

import pytest
from draft_saves import move, relabel
from hdstore_gui.editing.selection import Selection
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolButton

import hdstore
from hdstore.model import RemoveAnnotation, SetFrameMetadata

CTRL = Qt.KeyboardModifier.ControlModifier
LEFT = Qt.MouseButton.LeftButton
DRAFT = "Street/Current"


def waiting(repository: hdstore.Repository) -> list[str]:
    """Returns the frames in which conflicts wait."""
    return [conflict.frame_id for conflict in repository.version(DRAFT).conflicts()]


def car(repository: hdstore.Repository, frame_id: str) -> Any:
    return repository.version(DRAFT).frame(frame_id).annotation("car")


@pytest.fixture
def torn(make_window: Any, conflicted: hdstore.Repository) -> Any:
    """Returns the app with a draft open in which three conflicts wait."""
    started = make_window()
    started.open(conflicted.folder, DRAFT)
    return started


def opened(window: Any) -> Any:
    """Clicks the button of the bar, and returns the list."""
    QTest.mouseClick(window.main.resolving.bar.button, LEFT)
    window.settle()
    return window.main.resolving.panel


def press(window: Any, text: str) -> None:
    """Clicks a button of the list."""
    panel = window.main.resolving.panel
    (button,) = [one for one in panel.findChildren(QToolButton) if one.text() == text]
    assert button.isEnabled()
    QTest.mouseClick(button, LEFT)
    window.settle()


def test_a_bar_says_that_conflicts_wait(torn: Any) -> None:
    """Its button opens the list, and takes its place."""
    bar = torn.main.resolving.bar
    assert bar.isVisible()
    assert bar.text == "3 conflicts from a merge wait."

    panel = opened(torn)

    assert panel.isVisible()
    assert not bar.isVisible()
    assert [row.frame_id for row in panel.model.rows] == ["img1", "img2", "img4"]


def test_without_conflicts_nothing_is_said(window: Any) -> None:
    """Neither bar nor list, and no action for them."""
    assert not window.main.resolving.bar.isVisible()
    assert not window.main.table["view.conflicts"].isEnabled()


def test_a_conflict_is_told_in_words(torn: Any) -> None:
    """What it is about, what both sides hold, who saved it, and what is shown now."""
    first, second, _ = opened(torn).model.rows

    assert (first.what, second.what) == ("car: geometry", "car: labels")
    assert [side.value for side in first.sides] == ["box 60 × 50 at 30, 20", "box 60 × 50 at 60, 20"]
    assert [side.value for side in second.sides] == ["bus", "lorry"]
    assert [(side.name, side.who) for side in first.sides] == [("Ours", "Ada Lovelace"), ("Theirs", "Bob")]
    assert first.shown in (0, 1)


def test_selecting_a_conflict_shows_both_sides(torn: Any) -> None:
    """The frame opens with the annotation selected, and the shape that is not shown is drawn dashed."""
    panel = opened(torn)
    row = panel.model.rows[0]

    assert torn.main.frame_view.frame.id == "img1"
    assert torn.canvas.selection == Selection(("car",))
    (ghost,) = torn.canvas.ghosts
    assert ghost.annotation.geometry.x == (60 if row.shown == 0 else 30)
    assert ghost.text == ("theirs · Bob" if row.shown == 0 else "ours · Ada Lovelace")

    torn.key(Qt.Key.Key_Down)

    assert torn.main.frame_view.frame.id == "img2"
    assert torn.canvas.ghosts == ()
    assert panel.table.hasFocus()


@pytest.mark.parametrize(("key", "x"), [(Qt.Key.Key_O, 30), (Qt.Key.Key_T, 60)])
def test_a_key_resolves_the_selected_conflict(
    torn: Any, conflicted: hdstore.Repository, key: Qt.Key, x: float
) -> None:
    """It is a save of its own, and the next conflict is selected."""
    opened(torn)
    torn.key(key)
    torn.settle()

    assert waiting(conflicted) == ["img2", "img4"]
    assert car(conflicted, "img1").geometry.x == x
    assert torn.main.frame_view.frame.id == "img2"
    assert "Resolve" in next(conflicted.version(DRAFT).log()).message


def test_both_boxes_are_kept(torn: Any, conflicted: hdstore.Repository) -> None:
    """The second one under an id of its own."""
    opened(torn)
    press(torn, "Both")

    boxes = conflicted.version(DRAFT).frame("img1").annotations
    assert sorted(one.geometry.x for one in boxes if one.labels == ("car",)) == [30, 60]


def test_nothing_selected_resolves_everything(torn: Any, conflicted: hdstore.Repository) -> None:
    """As one save; the list goes when nothing is left."""
    panel = opened(torn)
    panel.table.clearSelection()
    before = len(list(conflicted.version(DRAFT).log()))
    press(torn, "Theirs")

    assert waiting(conflicted) == []
    assert [car(conflicted, one).geometry.x for one in ("img1", "img4")] == [60, 70]
    assert car(conflicted, "img2").labels == ("lorry",)
    assert len(list(conflicted.version(DRAFT).log())) == before + 1
    assert not panel.isVisible()
    assert not torn.main.resolving.bar.isVisible()


def test_only_what_is_selected_is_resolved(torn: Any, conflicted: hdstore.Repository) -> None:
    """Also where another frame has a conflict about the same thing."""
    panel = opened(torn)
    QTest.keyClick(panel.table, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    torn.settle()
    assert len(panel.selected) == 2
    press(torn, "Ours")

    assert waiting(conflicted) == ["img4"]
    assert car(conflicted, "img1").geometry.x == 30
    assert car(conflicted, "img2").labels == ("bus",)


def test_undo_brings_the_conflict_back(torn: Any, conflicted: hdstore.Repository) -> None:
    """And redo resolves it again; both are saves."""
    shown = car(conflicted, "img1").geometry.x
    opened(torn)
    torn.key(Qt.Key.Key_O)
    torn.settle()
    torn.key(Qt.Key.Key_T)
    torn.settle()
    assert waiting(conflicted) == ["img4"]

    QTest.mouseClick(torn.main.notice.choices()[0], LEFT)
    torn.settle()
    assert waiting(conflicted) == ["img2", "img4"]
    torn.key(Qt.Key.Key_Z, CTRL)
    torn.settle()

    assert waiting(conflicted) == ["img1", "img2", "img4"]
    assert car(conflicted, "img1").geometry.x == shown


def test_undo_and_redo_of_one_resolution(torn: Any, conflicted: hdstore.Repository) -> None:
    """The frame is as it was, the conflict is back, and the list shows it."""
    shown = car(conflicted, "img1").geometry.x
    panel = opened(torn)
    panel.table.clearSelection()
    press(torn, "Ours")
    assert waiting(conflicted) == []

    torn.key(Qt.Key.Key_Z, CTRL)
    torn.settle()
    assert waiting(conflicted) == ["img1", "img2", "img4"]
    assert car(conflicted, "img1").geometry.x == shown
    assert torn.main.resolving.bar.isVisible()

    torn.key(Qt.Key.Key_Z, CTRL | Qt.KeyboardModifier.ShiftModifier)
    torn.settle()
    assert waiting(conflicted) == []
    assert car(conflicted, "img1").geometry.x == 30


def test_undo_leaves_what_others_saved_since(torn: Any, conflicted: hdstore.Repository) -> None:
    """Other frames keep it; the same frame is not overwritten, and the reason is told."""
    opened(torn)
    torn.key(Qt.Key.Key_O)
    torn.settle()
    relabel(conflicted, "img7", "tram")
    torn.key(Qt.Key.Key_Z, CTRL)
    torn.settle()
    assert "img1" in waiting(conflicted)
    assert car(conflicted, "img7").labels == ("tram",)

    torn.main.resolving.panel.select(0)
    torn.settle()
    torn.key(Qt.Key.Key_O)
    torn.settle()
    move(conflicted, "img1", 99)
    torn.key(Qt.Key.Key_Z, CTRL)
    torn.settle()

    assert car(conflicted, "img1").geometry.x == 99
    assert "img1" not in waiting(conflicted)
    assert "hdstore restore" in torn.main.notice.text


def test_edits_of_the_frame_are_saved_before_a_resolution(torn: Any, conflicted: hdstore.Repository) -> None:
    """The hand may go back and forth between picture and list."""
    opened(torn)
    torn.click(132, 85)
    torn.key(Qt.Key.Key_Delete)
    torn.main.resolving.panel.table.setFocus()
    torn.key(Qt.Key.Key_O)
    torn.settle()

    frame = conflicted.version(DRAFT).frame("img1")
    assert [one.id for one in frame.annotations] == ["car"]
    assert frame.annotations[0].geometry.x == 30


def test_what_can_be_there_only_once_offers_no_both(
    make_window: Any, repository: hdstore.Repository, bob: hdstore.Repository
) -> None:
    """A key of metadata has one value; a deleted thing that was changed can be kept."""
    for one, city in ((repository, "Oslo"), (bob, "Rome")):
        one.version(DRAFT).apply(SetFrameMetadata(frame_id="img3", set={"city": city}))
    repository.version(DRAFT).apply(RemoveAnnotation(frame_id="img1", annotation_id="person"))
    draft = bob.version(DRAFT)
    person = hdstore.model.replace(draft.frame("img1").annotation("person"), confidence=0.5)
    draft.apply(hdstore.model.ReplaceAnnotation(frame_id="img1", annotation=person))
    bob.push()
    repository.pull()
    started = make_window()
    started.open(repository.folder, DRAFT)
    panel = opened(started)

    deleted, city = panel.model.rows
    assert [side.value for side in city.sides] == ["Oslo", "Rome"]
    assert city.what == "metadata city"
    assert deleted.sides[0].value == "deleted"
    assert started.main.table["conflict.both"].isEnabled()
    panel.select(1)
    started.settle()
    assert not started.main.table["conflict.both"].isEnabled()


def test_escape_closes_the_list(torn: Any) -> None:
    """The bar comes back, and F7 opens it again."""
    panel = opened(torn)
    torn.key(Qt.Key.Key_Escape)
    assert not panel.isVisible()
    assert torn.main.resolving.bar.isVisible()
    assert torn.canvas.ghosts == ()

    torn.key(Qt.Key.Key_F7)
    assert panel.isVisible()
