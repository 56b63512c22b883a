"""What a user does in the window, with hand and keys, and what the repository holds afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hdstore_gui.editing.selection import Ranges, Selection
from hdstore_gui.services.desk import Saving
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton

import hdstore
from hdstore.model import Annotation, Box

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def stored(
    repository: hdstore.Repository, frame_id: str, version: str = "Street/Current"
) -> dict[str, Annotation]:
    """Returns a frame's annotations as the repository holds them."""
    frame = repository.version(version).frame(frame_id)
    return {annotation.id: annotation for annotation in frame.annotations}


def commits(repository: hdstore.Repository) -> int:
    return sum(1 for _ in repository.version("Street/Current").log())


def test_a_drawn_box_is_saved_and_found_again(
    window: Any, repository: hdstore.Repository, make_window: Callable[[], Any]
) -> None:
    """Draw, save, open the repository in another window: there it is, as one commit."""
    before = commits(repository)
    window.show(5)
    window.key(Qt.Key.Key_3)
    window.key(Qt.Key.Key_R)
    window.drag((100, 60), (140, 100))
    window.key(Qt.Key.Key_S, CTRL)

    (new,) = [one for key, one in stored(repository, "img5").items() if key != "car"]
    assert new.labels == ("bus",)
    assert new.geometry.x == pytest.approx(100, abs=1)
    assert new.geometry.w == pytest.approx(40, abs=1)
    assert commits(repository) == before + 1
    again = make_window()
    again.open(repository.folder, "Street/Current")
    again.show(5)
    assert new.id in again.annotations()


def test_all_edits_of_a_frame_are_one_commit(window: Any, repository: hdstore.Repository) -> None:
    """Going to the next frame saves it."""
    before = commits(repository)
    window.show(0)
    window.click(120, 60)
    window.drag((120, 60), (125, 65))
    window.key(Qt.Key.Key_3)
    window.key(Qt.Key.Key_Delete)
    window.key(Qt.Key.Key_Tab)
    window.key(Qt.Key.Key_2)
    assert commits(repository) == before

    window.key(Qt.Key.Key_D)

    assert window.main.frame_view.frame.id == "img1"
    assert commits(repository) == before + 1
    assert {key: one.labels for key, one in stored(repository, "img0").items()} == {"car": ("person",)}


def test_a_box_is_moved_and_resized_by_hand(window: Any) -> None:
    """The body moves it, a corner resizes it."""
    window.show(0)
    window.click(50, 45)
    assert window.canvas.selection == Selection(("car",))

    window.drag((50, 45), (60, 50))
    moved = window.annotations()["car"].geometry
    window.drag((moved.x + moved.w, moved.y + moved.h), (moved.x + moved.w + 20, moved.y + moved.h + 10))
    resized = window.annotations()["car"].geometry

    assert (moved.x, moved.y) == (pytest.approx(30, abs=1), pytest.approx(25, abs=1))
    assert (moved.w, moved.h) == (60, 50)
    assert (resized.x, resized.y) == (moved.x, moved.y)
    assert resized.w == pytest.approx(80, abs=1)


def test_everything_is_undone_and_redone(window: Any) -> None:
    """Moving, relabelling, deleting and drawing, back to the beginning and forth again."""
    window.show(0)
    at_first = window.annotations()
    window.drag((50, 45), (60, 50))
    window.key(Qt.Key.Key_2)
    window.key(Qt.Key.Key_Delete)
    window.key(Qt.Key.Key_R)
    window.drag((10, 80), (60, 110))
    at_last = window.annotations()

    for _ in range(4):
        window.key(Qt.Key.Key_Z, CTRL)
    assert window.annotations() == at_first
    assert window.app.desk.state is Saving.CLEAN
    for _ in range(4):
        window.key(Qt.Key.Key_Z, CTRL | SHIFT)
    assert window.annotations() == at_last


def test_undo_stays_in_the_frame(window: Any) -> None:
    """What was done elsewhere is not touched; going back finds its own undo again."""
    window.show(0)
    window.drag((50, 45), (60, 50))
    window.key(Qt.Key.Key_D)
    window.key(Qt.Key.Key_Z, CTRL)
    assert window.main.frame_view.frame.id == "img1"
    window.key(Qt.Key.Key_A)
    assert window.annotations()["car"].geometry.x == pytest.approx(30, abs=1)

    window.key(Qt.Key.Key_Z, CTRL)

    assert window.annotations()["car"].geometry.x == 20


def test_undo_after_a_save_is_saved_too(window: Any, repository: hdstore.Repository) -> None:
    """It is an edit like any other."""
    window.show(0)
    window.drag((50, 45), (60, 50))
    window.key(Qt.Key.Key_S, CTRL)
    assert stored(repository, "img0")["car"].geometry.x != 20

    window.key(Qt.Key.Key_Z, CTRL)
    window.key(Qt.Key.Key_S, CTRL)

    assert stored(repository, "img0")["car"].geometry.x == 20


def test_a_label_is_typed_in_the_list(window: Any, repository: hdstore.Repository) -> None:
    """F2, a name, Enter; a new name joins the labels."""
    window.show(0)
    window.click(50, 45)
    window.key(Qt.Key.Key_F2)
    editor = window.main.frame_view.panel.list.findChild(QLineEdit)
    assert editor is not None
    editor.selectAll()
    QTest.keyClicks(editor, "lorry")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    window.qtbot.waitUntil(lambda: window.annotations()["car"].labels == ("lorry",))
    window.key(Qt.Key.Key_S, CTRL)

    assert stored(repository, "img0")["car"].labels == ("lorry",)
    assert window.main.frame_view.labels.row_of("lorry") >= 0


def test_list_and_picture_select_each_other(window: Any) -> None:
    """Both ways."""
    window.show(0)
    panel = window.main.frame_view.panel
    window.click(120, 60)
    assert [index.row() for index in panel.list.selectionModel().selectedRows()] == [1]

    panel.list.setCurrentIndex(window.main.frame_view.annotations.index(0))

    assert window.canvas.selection == Selection(("car",))


def test_closing_saves(window: Any, repository: hdstore.Repository) -> None:
    """Nothing is asked and nothing lost."""
    window.show(2)
    window.click(120, 60)
    window.key(Qt.Key.Key_Delete)

    window.close()

    assert set(stored(repository, "img2")) == {"car"}


def test_opening_another_repository_saves_first(
    window: Any, repository: hdstore.Repository, tmp_path: Path
) -> None:
    """And nothing of the one before is left on the screen."""
    (tmp_path / "other").mkdir()
    hdstore.init(tmp_path / "other").close()
    window.show(2)
    window.click(120, 60)
    window.key(Qt.Key.Key_Delete)

    window.app.session.open(tmp_path / "other")
    window.qtbot.waitUntil(lambda: window.main.page is window.main.nothing, timeout=8000)

    assert set(stored(repository, "img2")) == {"car"}
    assert window.main.frame_view.frame is None
    assert window.main.frames.rowCount() == 0


def test_a_frame_at_rest_is_saved(window: Any, repository: hdstore.Repository) -> None:
    """Without a key."""
    window.app.desk._rest.setInterval(30)
    window.show(2)
    window.click(120, 60)
    window.key(Qt.Key.Key_Delete)

    window.qtbot.waitUntil(lambda: set(stored(repository, "img2")) == {"car"}, timeout=5000)
    window.settle()


def test_a_published_version_offers_a_draft(
    window: Any, answers: Any, repository: hdstore.Repository
) -> None:
    """Drawing is refused; the draft that is offered is opened at the same frame."""
    window.app.session.select("Street/v1")
    window.settle()
    window.show(4)
    window.key(Qt.Key.Key_R)
    window.drag((100, 60), (140, 100))
    notice = window.main.notice
    assert notice.isVisible()
    assert "published" in notice.text
    assert set(window.annotations()) == {"car"}

    answers.queued = ["Corrections"]
    notice.choices()[0].click()
    window.settle()

    assert window.app.session.current.name == "Corrections"
    assert window.app.session.current.is_draft
    assert window.main.frame_view.frame.id == "img4"
    window.drag((100, 60), (140, 100))
    window.key(Qt.Key.Key_S, CTRL)
    assert len(stored(repository, "img4", "Street/Corrections")) == 2


def test_the_query_bar_filters_while_typing(window: Any) -> None:
    """The count says how many; a mistake is underlined and explained, and the frames stay."""
    bar = window.main.browse.query
    bar.line.setFocus()
    QTest.keyClicks(bar.line, "rois.label:person")
    window.qtbot.waitUntil(lambda: window.main.frames.rowCount() == 3)
    window.settle()
    assert bar.count.text() == "3 of 12 frames"

    QTest.keyClicks(bar.line, " AND (")
    window.qtbot.waitUntil(lambda: bool(bar.problem))

    assert window.main.frames.rowCount() == 3
    assert bar.line.text() == "rois.label:person AND ("
    window.key(Qt.Key.Key_Escape)
    window.qtbot.waitUntil(lambda: window.main.frames.rowCount() == 12)
    assert not bar.problem


def test_a_query_without_matches_says_so(window: Any) -> None:
    """And offers the way back."""
    window.main.browse.query.set_text("rois.label:unicorn")
    window.settle()
    page = window.main.browse.no_match
    assert page.isVisible()

    next(one for one in page.findChildren(QPushButton) if one.text() == "Clear the filter").click()
    window.settle()
    assert window.main.browse.grid.isVisible()


def test_a_click_on_a_label_filters_by_it(window: Any) -> None:
    """The statistics lead to the frames."""
    window.main.browse.panel.bars.chosen.emit("person")
    window.settle()

    assert window.main.frames.rowCount() == 3
    assert window.main.browse.query.text == 'rois.label:"person"'


def test_deleted_frames_come_back_with_undo(window: Any, repository: hdstore.Repository) -> None:
    """One commit away, one commit back."""
    window.main.browse.grid.setFocus()
    window.main.browse.grid.select(Ranges.of([1, 3]), current=3)
    window.key(Qt.Key.Key_Delete)
    window.qtbot.waitUntil(lambda: window.main.frames.rowCount() == 10)
    assert "img3" not in repository.version("Street/Current")

    window.key(Qt.Key.Key_Z, CTRL)

    window.qtbot.waitUntil(lambda: window.main.frames.rowCount() == 12)
    assert set(stored(repository, "img1")) == {"car", "person"}


def test_a_first_repository_is_made_from_nothing(
    make_window: Callable[[], Any], answers: Any, tmp_path: Path, photos: Path
) -> None:
    """Create, new dataset, import a folder: each empty page leads to the next."""
    started = make_window()
    assert started.main.page is started.main.welcome
    (tmp_path / "fresh").mkdir()
    answers.queued = [tmp_path / "fresh"]
    started.main.table["file.create"].trigger()
    started.settle()
    started.qtbot.waitUntil(lambda: started.main.page is started.main.nothing)

    answers.queued = ["Holiday"]
    started.main.table["file.dataset"].trigger()
    started.settle()
    started.qtbot.waitUntil(lambda: started.main.browse.empty.isVisible())

    answers.queued = [photos]
    started.main.table["file.import_folder"].trigger()
    started.settle()
    started.qtbot.waitUntil(lambda: started.main.frames.rowCount() == 12)
    assert started.main.browse.grid.isVisible()


def test_a_snapshot_publishes_and_goes_on_in_a_draft(
    window: Any, answers: Any, repository: hdstore.Repository
) -> None:
    """Unsaved edits are part of what is published."""
    window.show(5)
    window.click(50, 45)
    window.key(Qt.Key.Key_3)
    answers.queued = ["v2"]
    window.main.table["file.snapshot"].trigger()
    window.settle()

    assert stored(repository, "img5", "Street/v2")["car"].labels == ("bus",)
    assert not repository.version("Street/v2").is_draft
    assert window.app.session.current.is_draft


def test_problems_are_shown_and_nothing_breaks(
    make_window: Callable[[], Any], tmp_path: Path, caplog: Any
) -> None:
    """A folder without a repository is said to be none."""
    started = make_window()
    started.app.session.open(tmp_path / "nowhere")
    started.settle()

    assert started.main.notice.isVisible()
    assert "nowhere" in started.main.notice.text
    assert started.main.page is started.main.welcome


def test_light_and_dark_change_at_once(window: Any, qapp: QApplication) -> None:
    """Every page is repainted in the other colours."""
    light = window.main.grab().toImage().pixelColor(600, 400)
    window.main.table["view.toggle_theme"].trigger()
    window.settle()

    assert window.app.theme.is_dark
    assert window.main.grab().toImage().pixelColor(5, 300).lightness() < 60 < light.lightness() + 60
    window.main.table["view.toggle_theme"].trigger()
    assert not window.app.theme.is_dark


def test_a_missing_picture_still_shows_its_annotations(window: Any, repository: hdstore.Repository) -> None:
    """The reason stands where the picture would."""
    source = hdstore.Source(uri="root:photos/gone.png", width=160, height=120)
    box = Annotation(id="a", labels=("car",), geometry=Box(x=10, y=10, w=50, h=50))
    frame = hdstore.SingleFrame(id="zzz", sources=(source,), annotations=(box,))
    repository.version("Street/Current").add_frames([frame])
    window.qtbot.waitUntil(lambda: window.main.frames.rowCount() == 13, timeout=8000)
    window.show(12)

    assert window.canvas._message
    assert set(window.canvas.drawing.items) == {"a"}
    window.click(30, 30)
    assert window.canvas.selection == Selection(("a",))


def test_tab_walks_through_annotations_on_the_picture_only(window: Any) -> None:
    """In the lists it moves the focus, as everywhere; F6 leads from the one to the other."""
    window.show(0)
    window.key(Qt.Key.Key_Tab)
    assert window.canvas.selection == Selection(("car",))
    window.key(Qt.Key.Key_Tab)
    assert window.canvas.selection == Selection(("person",))

    window.key(Qt.Key.Key_F6)
    assert window.main.frame_view.panel.list.hasFocus()
    window.key(Qt.Key.Key_Tab)

    assert not window.main.frame_view.panel.list.hasFocus()
    assert window.canvas.selection == Selection(("person",))


def test_the_shortcut_sheet_is_built_from_the_table(window: Any) -> None:
    """F1 lists what there is."""
    window.key(Qt.Key.Key_F1)
    sheet = QApplication.activeModalWidget() or window.main._commands._sheet
    assert sheet.isVisible()
    texts = [one.text() for one in sheet.findChildren(type(window.main.browse.query.count))]
    assert "Draw box" in texts
    assert "Next frame" in texts
    sheet.close()


def test_a_group_is_seen_through_one_of_its_sources(
    window: Any, repository: hdstore.Repository, photos: Path
) -> None:
    """What is drawn lies on the source that is shown, and the next group is seen through the same."""
    linker = repository.media.linker(policy="link", root="photos", base=photos)
    groups = []
    for number in (0, 1):
        sources = [
            linker.source(photos / f"img{n + number}.png", id=name) for n, name in ((0, "left"), (4, "right"))
        ]
        groups.append(hdstore.FrameGroup(id=f"z{number}", sources=tuple(sources)))
    repository.version("Street/Current").add_frames(groups)
    window.qtbot.waitUntil(lambda: window.main.frames.rowCount() == 14, timeout=8000)
    window.show(12)
    chooser = window.main.frame_view._source
    assert chooser.isVisible()
    assert chooser.text() == "left"

    chooser.menu().actions()[1].trigger()
    window.settle()
    window.key(Qt.Key.Key_1)
    window.key(Qt.Key.Key_R)
    window.drag((100, 60), (140, 100))
    (drawn,) = window.annotations().values()
    window.key(Qt.Key.Key_D)

    assert drawn.sources == ("right",)
    assert chooser.text() == "right"


def test_hidden_annotations_can_be_shown_again(window: Any) -> None:
    """The list remembers them; they are neither seen nor hit meanwhile."""
    window.show(0)
    window.click(120, 60)
    window.key(Qt.Key.Key_H, SHIFT)
    assert set(window.canvas.drawing.items) == {"car"}
    row = window.main.frame_view.annotations.index(1)
    assert "hidden" in row.data(Qt.ItemDataRole.AccessibleTextRole)

    window.key(Qt.Key.Key_H, SHIFT)

    assert set(window.canvas.drawing.items) == {"car", "person"}


def test_a_query_is_left_behind_with_its_dataset(window: Any, repository: hdstore.Repository) -> None:
    """It stays for another version of the same one."""
    frame = hdstore.SingleFrame(id="tree")
    repository.create_dataset("Forest").current().add_frames([frame])
    window.main.browse.query.set_text("rois.label:person")
    window.app.session.select("Street/v1")
    window.settle()
    assert window.main.frames.rowCount() == 3

    window.app.session.select("Forest/Current")
    window.settle()

    assert window.main.browse.query.text == ""
    assert window.main.frames.rowCount() == 1
