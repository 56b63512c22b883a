"""Who made a frame and its annotations what they are, and earlier states brought back."""

from __future__ import annotations

from typing import Any

from draft_saves import move, relabel
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

import hdstore
from hdstore.model import RemoveAnnotation

CTRL = Qt.KeyboardModifier.ControlModifier


def follow(window: Any, repository: hdstore.Repository) -> None:
    """Waits until the window shows what was saved beside it."""
    commit = repository.version("Street/Current").commit
    window.qtbot.waitUntil(lambda: window.app.session.current.commit == commit, timeout=8000)
    window.settle()


def told(window: Any) -> list[str]:
    """Opens the tab, and returns what the saves did."""
    window.key(Qt.Key.Key_H, CTRL)
    window.settle()
    model = window.main.frame_view.panel.history.model
    return [model.index(row).data() for row in range(model.rowCount())]


def restore(window: Any, row: int) -> None:
    """Selects a save and clicks the button."""
    panel = window.main.frame_view.panel.history
    panel.list.setCurrentIndex(panel.model.index(row))
    assert panel.button.isEnabled()
    QTest.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    window.settle()


def test_the_history_of_an_annotation(
    window: Any, bob: hdstore.Repository, repository: hdstore.Repository
) -> None:
    """Who added it, who changed it last, and what every save did."""
    relabel(bob, "img5", "lorry")
    bob.push()
    repository.pull()
    follow(window, repository)
    window.show(5)
    window.click(50, 45)

    assert told(window) == ['box "car" label car -> lorry', 'added box "car"']
    summary = window.main.frame_view.panel.history.summary
    assert summary == "Last changed by Bob\nAdded by Ada Lovelace"


def test_the_history_follows_the_selection(window: Any, repository: hdstore.Repository) -> None:
    """With nothing selected it is the frame's."""
    repository.version("Street/Current").apply(RemoveAnnotation(frame_id="img1", annotation_id="person"))
    follow(window, repository)
    window.show(1)
    assert told(window)[0] == 'removed box "person"'

    window.click(50, 45)
    window.settle()
    assert told(window) == ['added box "car"']


def test_an_earlier_state_of_an_annotation_comes_back(window: Any, repository: hdstore.Repository) -> None:
    """As an edit that can be undone."""
    move(repository, "img5", 40)
    follow(window, repository)
    window.show(5)
    window.click(70, 45)
    assert len(told(window)) == 2

    restore(window, 1)
    assert window.annotations()["car"].geometry.x == 20
    window.main.table["edit.undo"].trigger()
    window.settle()
    assert window.annotations()["car"].geometry.x == 40


def test_an_earlier_state_of_a_frame_comes_back(window: Any, repository: hdstore.Repository) -> None:
    """What was deleted since is there again; saved, it is one more save."""
    repository.version("Street/Current").apply(RemoveAnnotation(frame_id="img1", annotation_id="person"))
    follow(window, repository)
    window.show(1)
    assert len(told(window)) == 2

    restore(window, 1)
    assert set(window.annotations()) == {"car", "person"}
    window.key(Qt.Key.Key_S, CTRL)
    window.settle()

    frame = repository.version("Street/Current").frame("img1")
    assert [one.id for one in frame.annotations] == ["car", "person"]


def test_a_published_version_only_tells(window: Any) -> None:
    """Nothing can come back there."""
    window.app.session.select("Street/v1")
    window.settle()
    window.show(5)
    assert len(told(window)) == 1
    panel = window.main.frame_view.panel.history
    panel.list.setCurrentIndex(panel.model.index(0))

    assert not panel.button.isEnabled()
