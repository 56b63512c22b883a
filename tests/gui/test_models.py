"""Item models over hdstore's values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hdstore_gui.catalog import DatasetEntry, VersionEntry, open_version
from hdstore_gui.editing.labels import Colours
from hdstore_gui.models.annotations import AnnotationList
from hdstore_gui.models.frames import FrameList
from hdstore_gui.models.labels import LabelList
from hdstore_gui.models.listing import natural
from hdstore_gui.models.versions import VersionTree
from hdstore_gui.services.tasks import Tasks
from PySide6.QtCore import QModelIndex, Qt
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

import hdstore
from hdstore.model import AddAnnotation, Annotation, Box, LabelCount, RemoveFrame, Schema, SingleFrame, Stats

FRAME = SingleFrame(
    id="f",
    annotations=(
        Annotation(id="a", labels=("car",), confidence=0.5, geometry=Box(x=0, y=0, w=1, h=1)),
        Annotation(id="b", geometry=Box(x=0, y=0, w=1, h=1, angle=0.3)),
        Annotation(id="c", labels=("day", "sunny")),
    ),
)


@pytest.fixture
def frames(qtbot: QtBot, repository: hdstore.Repository) -> Iterator[FrameList]:
    tasks = Tasks()
    made = FrameList(tasks)
    made.show(open_version(repository.version("Street/Current")))
    qtbot.waitUntil(lambda: made.rowCount() == 12)
    yield made
    tasks.close()


def read_all(frames: FrameList, qtbot: QtBot) -> None:
    frames.want(range(frames.rowCount()))
    qtbot.waitUntil(lambda: all(frames.frame_at(row) is not None for row in range(frames.rowCount())))


def test_annotations_say_what_they_are(qtmodeltester: ModelTester) -> None:
    """Kind, label and confidence, for eyes and for screen readers."""
    model = AnnotationList()
    model.show(FRAME, Colours(), editable=True)
    qtmodeltester.check(model)

    kinds = [model.index(row).data(AnnotationList.KIND) for row in range(3)]
    spoken = model.index(0).data(Qt.ItemDataRole.AccessibleTextRole)

    assert kinds == ["box", "turned box", "frame label"]
    assert spoken == "car, box, confidence 0.5"
    assert model.index(1).data() == "no label"


def test_a_typed_label_is_passed_on(qtbot: QtBot) -> None:
    """Commas part several; blanks and repeats are dropped."""
    model = AnnotationList()
    model.show(FRAME, Colours(), editable=True)

    with qtbot.waitSignal(model.relabelled) as told:
        assert model.setData(model.index(0), " bus , van, bus,")

    assert told.args == ["a", ("bus", "van")]
    assert not model.setData(model.index(0), "car")


def test_only_a_draft_s_labels_can_be_typed() -> None:
    """The flag is missing on a published version."""
    model = AnnotationList()
    model.show(FRAME, Colours(), editable=False)

    assert not model.flags(model.index(0)) & Qt.ItemFlag.ItemIsEditable


def test_the_tree_holds_datasets_and_versions(qtmodeltester: ModelTester) -> None:
    """Versions are found by id, and datasets are not mistaken for them."""
    current = VersionEntry("current.1", "Current", "A/Current", True, 0, 12, 3)
    first = VersionEntry("v1.1", "v1", "A/v1", False, 0, 1200, 0)
    tree = VersionTree()
    tree.show((DatasetEntry("a", "A", versions=(current, first)), DatasetEntry("b", "B")))
    qtmodeltester.check(tree)

    found = tree.find("v1.1")

    assert found.data() == "v1"
    assert found.data(VersionTree.DETAIL) == "1,200"
    assert found.parent().data() == "A"
    assert tree.version_at(found.parent()) is None
    assert not tree.find("other").isValid()
    assert tree.rowCount(QModelIndex()) == 2


def test_labels_follow_the_schema_then_use() -> None:
    """Keys are digits; a label without a key has none."""
    labels = LabelList()
    schema = Schema(labels=tuple(hdstore.Label(name=name) for name in ("car", "bus")))
    stats = Stats(labels={"dog": LabelCount(annotations=1), "cat": LabelCount(annotations=5)})
    labels.show(schema, stats, Colours())

    names = [labels.name_at(row) for row in range(labels.rowCount())]

    assert names == ["car", "bus", "cat", "dog"]
    assert labels.for_key("3") == "cat"
    assert labels.for_key("9") is None


def test_names_sort_as_people_count() -> None:
    """img2 comes before img10."""
    assert sorted(["img10", "img2", "img1b", "img1"], key=natural) == ["img1", "img1b", "img2", "img10"]


def test_frames_come_in_order_and_when_asked(
    frames: FrameList, qtbot: QtBot, qtmodeltester: ModelTester
) -> None:
    """Nothing is read before somebody looks."""
    assert [frames.id_at(row) for row in (0, 1, 2, 10)] == ["img0", "img1", "img2", "img10"]
    assert frames.frame_at(3) is None

    with qtbot.waitSignal(frames.arrived):
        frames.want(range(2, 5))

    assert frames.frame_at(3).id == "img3"
    assert frames.frame_at(8) is None
    qtmodeltester.check(frames)


def test_a_query_filters_and_an_unsound_one_changes_nothing(frames: FrameList, qtbot: QtBot) -> None:
    """The error says where; the frames that are shown stay."""
    frames.filter("rois.label:person")
    qtbot.waitUntil(lambda: frames.rowCount() == 3)

    with qtbot.waitSignal(frames.refused) as told:
        frames.filter("rois.label:person AND (")

    assert told.args[0].position >= 20
    assert frames.rowCount() == 3
    frames.filter("")
    qtbot.waitUntil(lambda: frames.rowCount() == 12)


def test_a_save_makes_only_its_frames_be_read_anew(
    frames: FrameList, qtbot: QtBot, repository: hdstore.Repository
) -> None:
    """The others stay as they are."""
    read_all(frames, qtbot)
    kept = frames.frame_at(5)
    version = repository.version("Street/Current")
    changes = version.apply(AddAnnotation(frame_id="img4", annotation=Annotation(id="new", labels=("bus",))))

    frames.follow(open_version(version), changes)

    frames.want(range(12))
    qtbot.waitUntil(lambda: frames.frame_at(4).annotation("new") is not None)
    assert frames.frame_at(5) is kept


def test_frames_that_go_leave_the_list(
    frames: FrameList, qtbot: QtBot, repository: hdstore.Repository
) -> None:
    """Rows close up."""
    version = repository.version("Street/Current")
    changes = version.apply(RemoveFrame(frame_id="img0"), RemoveFrame(frame_id="img5"))

    frames.follow(open_version(version), changes)

    qtbot.waitUntil(lambda: frames.rowCount() == 10)
    assert frames.row_of("img0") == -1
    assert frames.row_of("img1") == 0


def test_unsaved_edits_are_shown(frames: FrameList, qtbot: QtBot) -> None:
    """What lies on the desk goes before what is stored."""
    read_all(frames, qtbot)
    edited = SingleFrame(id="img3")
    frames.overlay(lambda version_id, frame_id: edited if frame_id == "img3" else None)

    assert frames.frame_at(3) is edited


def test_the_frame_cache_is_bounded(
    frames: FrameList, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The frames looked at longest ago go first."""
    monkeypatch.setattr("hdstore_gui.models.frames.CACHE", 4)
    for row in range(8):
        with qtbot.waitSignal(frames.arrived):
            frames.want(range(row, row + 1))

    assert frames.frame_at(0) is None
    assert frames.frame_at(7) is not None


def test_stopping_leaves_what_is_shown(frames: FrameList, qtbot: QtBot) -> None:
    """A filter that takes too long can be given up."""
    frames.filter("rois.label:person")
    frames.stop()

    assert not frames.is_counting
    assert frames.rowCount() == 12
