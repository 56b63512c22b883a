"""Fetching, pulling and pushing from the window, with a second person's clone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from draft_saves import move, relabel
from hdstore_gui.models.versions import VersionTree
from hdstore_gui.services.tasks import Tasks
from hdstore_gui.widgets.remotes_dialog import RemotesDialog
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu

import hdstore

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
DRAFT = "Street/Current"


@pytest.fixture
def shared(make_window: Any, repository: hdstore.Repository, bob: hdstore.Repository) -> Any:
    """Returns the app over a repository that Bob has a clone of."""
    started = make_window()
    started.open(repository.folder, DRAFT)
    return started


def labels(repository: hdstore.Repository, frame_id: str) -> tuple[str, ...]:
    return repository.version(DRAFT).frame(frame_id).annotations[0].labels


def exchanged(window: Any) -> str:
    """Waits until the window says what came of an exchange."""
    window.qtbot.waitUntil(lambda: window.main.notice.topic in ("exchange", "problem"), timeout=20_000)
    window.settle()
    return window.main.notice.text


def mark(window: Any) -> str:
    """Returns what the tree says of the draft beside its name."""
    model = window.main.sidebar.model
    return model.find(window.app.session.current.id).data(VersionTree.STANDING)


def test_a_pull_shows_what_came(shared: Any, bob: hdstore.Repository) -> None:
    """The grid and the frame follow; the summary is the command line's."""
    relabel(bob, "img5", "tram")
    bob.push()
    shared.show(5)
    shared.key(Qt.Key.Key_D, CTRL | SHIFT)

    assert exchanged(shared).startswith("Pulled from origin: ")
    assert shared.annotations()["car"].labels == ("tram",)


def test_what_is_unsaved_is_pushed_too(shared: Any, bob: hdstore.Repository) -> None:
    """The frame that is open is saved first."""
    shared.show(5)
    shared.click(50, 45)
    shared.key(Qt.Key.Key_3)
    shared.key(Qt.Key.Key_U, CTRL | SHIFT)
    assert exchanged(shared).startswith("Pushed to origin: ")

    bob.pull()
    assert labels(bob, "img5") == ("bus",)


def test_a_push_that_comes_too_late_offers_to_pull(
    shared: Any, repository: hdstore.Repository, bob: hdstore.Repository
) -> None:
    """Pull, then push again: with two clicks."""
    relabel(bob, "img5", "tram")
    bob.push()
    relabel(repository, "img6", "bus")
    shared.settle()
    shared.main.table["sync.push"].trigger()
    assert "Pull, then push again" in exchanged(shared)

    (button,) = shared.main.notice.choices()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert exchanged(shared).startswith("Pulled from origin")
    shared.main.table["sync.push"].trigger()
    assert exchanged(shared).startswith("Pushed to origin")

    bob.pull()
    assert (labels(bob, "img5"), labels(bob, "img6")) == (("tram",), ("bus",))


def test_conflicts_of_a_pull_are_a_click_away(
    shared: Any, repository: hdstore.Repository, bob: hdstore.Repository
) -> None:
    """The summary counts them."""
    move(repository, "img1", 30)
    move(bob, "img1", 60)
    bob.push()
    shared.settle()
    shared.main.table["sync.pull"].trigger()
    assert "Merged Street/Current, with 1 conflict." in exchanged(shared)
    shared.qtbot.waitUntil(shared.main.resolving.bar.isVisible, timeout=8000)

    QTest.mouseClick(shared.main.resolving.bar.button, Qt.MouseButton.LeftButton)
    shared.settle()

    assert shared.main.resolving.panel.isVisible()
    assert shared.main.frame_view.frame.id == "img1"


def test_conflicts_in_another_draft_are_led_to(
    shared: Any, repository: hdstore.Repository, bob: hdstore.Repository
) -> None:
    """The notice has a button that goes there and opens the list."""
    move(repository, "img1", 30)
    move(bob, "img1", 60)
    bob.push()
    shared.app.session.select("Street/v1")
    shared.settle()
    shared.main.table["sync.pull"].trigger()
    exchanged(shared)

    (button,) = shared.main.notice.choices()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    shared.settle()
    shared.qtbot.waitUntil(shared.main.resolving.panel.isVisible, timeout=8000)

    assert shared.app.session.current.path == DRAFT


def test_the_tree_says_who_is_ahead(
    shared: Any, repository: hdstore.Repository, bob: hdstore.Repository
) -> None:
    """As the remote was last seen: a fetch looks again, and changes nothing here."""
    assert mark(shared) == ""
    relabel(repository, "img6", "bus")
    shared.qtbot.waitUntil(lambda: mark(shared) == "↑1", timeout=8000)
    relabel(bob, "img5", "tram")
    relabel(bob, "img7", "tram")
    bob.push()

    shared.main.table["sync.fetch"].trigger()
    assert exchanged(shared).startswith("Fetched from origin: ")
    shared.qtbot.waitUntil(lambda: mark(shared) == "↑1 ↓2", timeout=8000)

    assert labels(repository, "img5") == ("car",)


def test_without_a_remote_one_is_asked_for(
    window: Any, tmp_path: Path, repository: hdstore.Repository
) -> None:
    """The first pull or push leads to the dialog; what was added is pushed to."""
    window.main.table["sync.push"].trigger()
    window.settle()
    dialog = window.main.findChild(RemotesDialog)
    assert dialog.isVisible()
    assert dialog.name.text() == "origin"
    dialog.url.setFocus()
    QTest.keyClicks(dialog.url, str(tmp_path / "stick"))
    QTest.mouseClick(dialog.add_button, Qt.MouseButton.LeftButton)
    window.settle()
    assert repository.remotes() == {"origin": str(tmp_path / "stick")}
    dialog.close()

    assert window.main.table["sync.push"].text() == "Push to origin"
    window.main.table["sync.push"].trigger()
    assert exchanged(window).startswith("Pushed to origin")
    assert (tmp_path / "stick").is_dir()


def test_a_wrong_remote_is_said_in_the_dialog(window: Any, repository: hdstore.Repository) -> None:
    """Nothing is added."""
    window.main.table["sync.remotes"].trigger()
    dialog = window.main.findChild(RemotesDialog)
    dialog.url.setText("ext::sh -c evil")
    QTest.keyClick(dialog.url, Qt.Key.Key_Return)
    window.settle()

    assert dialog.problem.text()
    assert repository.remotes() == {}
    dialog.close()


def test_a_remote_is_removed(shared: Any, repository: hdstore.Repository) -> None:
    """Select it, Remove."""
    shared.main.table["sync.remotes"].trigger()
    shared.settle()
    dialog = shared.main.findChild(RemotesDialog)
    dialog.list.setCurrentRow(0)
    QTest.mouseClick(dialog.remove_button, Qt.MouseButton.LeftButton)
    shared.settle()

    assert repository.remotes() == {}
    assert dialog.list.count() == 0
    dialog.close()


def test_other_remotes_have_menus_of_their_own(
    shared: Any, repository: hdstore.Repository, tmp_path: Path
) -> None:
    """The first one, origin, needs none."""
    repository.add_remote("stick", str(tmp_path / "stick"))
    shared.app.exchanging.look()
    shared.settle()
    inner = [
        one for one in shared.main.table.menus["Re&pository"].findChildren(QMenu) if one.title() == "stick"
    ]
    push = next(action for action in inner[0].actions() if action.text() == "Push")

    push.trigger()

    assert exchanged(shared).startswith("Pushed to stick")
    assert (tmp_path / "stick").is_dir()


def test_a_remote_that_is_not_there_is_a_sentence(
    window: Any, repository: hdstore.Repository, tmp_path: Path
) -> None:
    """As every other problem."""
    repository.add_remote("origin", str(tmp_path / "nowhere"))
    window.app.exchanging.look()
    window.settle()
    window.main.table["sync.pull"].trigger()

    assert "nowhere" in exchanged(window)
    assert window.main.table["sync.pull"].isEnabled()


def test_work_apart_can_be_stopped(qtbot: Any) -> None:
    """Saves do not wait for it, and Stop ends it."""
    import threading

    tasks, began, ended = Tasks(), threading.Event(), threading.Event()

    def work(job: Any) -> None:
        began.set()
        try:
            while True:
                job("sending", 1, None)
        finally:
            ended.set()

    job = tasks.apart(work, lambda _: pytest.fail("it was stopped"), what="Sending")
    assert began.wait(5)
    saved: list[int] = []
    tasks.write(lambda _: 1, saved.append)
    qtbot.waitUntil(lambda: saved == [1])
    tasks.cancel_all()

    qtbot.waitUntil(lambda: job.is_over)
    assert ended.is_set()
    tasks.close()
