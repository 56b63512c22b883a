"""Several apps and people on one repository, and one of them dying."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hdstore_gui.editing.selection import Ranges
from hdstore_gui.services.desk import Saving
from PySide6.QtCore import Qt

import hdstore
from hdstore.model import AddAnnotation, Annotation, ReplaceAnnotation, replace

CTRL = Qt.KeyboardModifier.ControlModifier


def stored(
    repository: hdstore.Repository, frame_id: str, version: str = "Street/Current"
) -> dict[str, Annotation]:
    """Returns a frame's annotations as the repository holds them."""
    frame = repository.version(version).frame(frame_id)
    return {annotation.id: annotation for annotation in frame.annotations}


def test_another_process_s_commit_appears(window: Any, repository: hdstore.Repository) -> None:
    """Selection and frame stay; the annotation is there."""
    window.main.browse.grid.select(Ranges.of([2, 5]), current=5)
    window.show(1)
    program = (
        "import sys, hdstore\n"
        "from hdstore.model import AddAnnotation, Annotation, Box, RemoveFrame\n"
        "with hdstore.open(sys.argv[1]) as repository:\n"
        "    box = Annotation(id='theirs', labels=('bus',), geometry=Box(x=1, y=2, w=30, h=40))\n"
        "    repository.version('Street/Current').apply(\n"
        "        AddAnnotation(frame_id='img1', annotation=box), RemoveFrame(frame_id='img0'))\n"
    )
    subprocess.run([sys.executable, "-c", program, str(repository.folder)], check=True, timeout=60)

    window.qtbot.waitUntil(lambda: "theirs" in window.annotations(), timeout=8000)
    window.qtbot.waitUntil(lambda: window.main.frames.rowCount() == 11, timeout=8000)
    window.settle()

    ids = window.main.frames.ids_at(window.main.browse.grid.selection)
    assert ids == ["img2", "img5"]


def test_their_commit_leaves_my_unsaved_edits_alone(window: Any, repository: hdstore.Repository) -> None:
    """Where the same frame was not touched, both end up in the draft."""
    window.show(1)
    window.click(120, 60)
    window.key(Qt.Key.Key_Delete)
    theirs = AddAnnotation(frame_id="img7", annotation=Annotation(id="theirs", labels=("bus",)))
    repository.version("Street/Current").apply(theirs)

    window.key(Qt.Key.Key_S, CTRL)

    assert set(stored(repository, "img1")) == {"car"}
    assert set(stored(repository, "img7")) == {"car", "theirs"}


@pytest.mark.parametrize(("choice", "label"), [("Keep mine", ("bus",)), ("Keep theirs", ("person",))])
def test_a_conflict_asks_whose_edit_to_keep(
    window: Any, repository: hdstore.Repository, choice: str, label: tuple[str, ...]
) -> None:
    """Both sides changed one frame: nothing is lost before the answer."""
    window.show(5)
    window.click(50, 45)
    window.key(Qt.Key.Key_3)
    draft = repository.version("Street/Current")
    mine_too = replace(draft.frame("img5").annotations[0], labels=("person",))
    draft.apply(ReplaceAnnotation(frame_id="img5", annotation=mine_too))
    window.settle()

    window.key(Qt.Key.Key_S, CTRL)
    window.qtbot.waitUntil(lambda: "somebody else" in window.main.notice.text, timeout=8000)
    assert window.app.desk.state is Saving.REFUSED
    button = next(one for one in window.main.notice.choices() if one.text() == choice)
    button.click()
    window.settle()

    window.qtbot.waitUntil(lambda: stored(repository, "img5")["car"].labels == label, timeout=8000)
    assert window.annotations()["car"].labels == label
    assert window.app.desk.state is Saving.CLEAN


def test_work_of_an_app_that_died_is_saved_at_the_next_start(
    window: Any, repository: hdstore.Repository, make_window: Callable[[], Any]
) -> None:
    """The journal holds every edit from the moment it is made."""
    window.show(5)
    window.click(50, 45)
    window.key(Qt.Key.Key_3)
    (journal,) = (repository.hds / "hdstore" / "unsaved").glob("*.jsonl")
    left = journal.read_text()
    window.key(Qt.Key.Key_Z, CTRL)
    window.close()
    (journal.parent / "dead.jsonl").write_text(left)

    again = make_window()
    again.open(repository.folder, "Street/Current")

    again.qtbot.waitUntil(lambda: stored(repository, "img5")["car"].labels == ("bus",), timeout=8000)
    assert "Unsaved work" in again.main.notice.text
    again.close()
    assert list(journal.parent.glob("*.jsonl")) == []
