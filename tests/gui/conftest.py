"""Fixtures of the app's tests: a small repository, a window over it, answers to its questions, and leak guards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from draft_saves import move, relabel
from hdstore_gui.app import App
from hdstore_gui.services.settings import Settings
from hdstore_gui.widgets.canvas import Canvas
from PIL import Image, ImageDraw
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, QSettings, Qt
from PySide6.QtGui import QFont
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

import hdstore
from hdstore.model import Annotation, Author, Box, Label, Schema, SingleFrame

PICTURE = (160, 120)
FRAMES = 12


@pytest.fixture(autouse=True)
def _fixed_font(qapp: QApplication) -> None:
    font = QFont("DejaVu Sans")
    font.setPointSizeF(10)
    qapp.setFont(font)


@pytest.fixture(autouse=True)
def _nothing_leaks(qapp: QApplication) -> Iterator[None]:
    """Fails a test that leaves threads or windows behind."""
    before = set(QApplication.topLevelWidgets())
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qapp.processEvents()
    threads = [one.name for one in threading.enumerate() if one.name.startswith("hdstore-")]
    windows = [one for one in QApplication.topLevelWidgets() if one not in before and one.isVisible()]
    assert threads == []
    assert windows == []


class Answers:
    """Answers the app's questions in the order they were queued, and fails on one that was not foreseen."""

    def __init__(self) -> None:
        self.queued: list[Any] = []
        self.asked: list[str] = []

    def _next(self, title: str) -> Any:
        self.asked.append(title)
        assert self.queued, f"nobody foresaw the question {title!r}"
        return self.queued.pop(0)

    def folder(self, title: str) -> Path | None:
        return self._next(title)

    def file(self, title: str, kinds: str) -> Path | None:
        return self._next(title)

    def text(self, title: str, label: str, value: str = "") -> str | None:
        return self._next(title)

    def confirm(self, title: str, text: str, *, action: str) -> bool:
        return self._next(title)

    def show(self, title: str, text: str) -> None:
        self.asked.append(title)


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder of small pictures."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(FRAMES):
        image = Image.new("RGB", PICTURE, (40 + number * 12, 90, 160))
        ImageDraw.Draw(image).rectangle((20, 20, 80, 70), fill=(220, 60, 40))
        image.save(folder / f"img{number}.png")
    return folder


@pytest.fixture
def repository(tmp_path: Path, photos: Path) -> Iterator[hdstore.Repository]:
    """Makes a repository with one dataset: a published version, and a draft that continues it.

    Each of its twelve frames holds a car at (20, 20) of 60 x 50; the first three hold a person too.
    """
    (tmp_path / "work").mkdir()
    made = hdstore.init(tmp_path / "work")
    made.roots.add("photos", photos)
    draft = made.create_dataset("Street").current()
    linker = made.media.linker(policy="link", root="photos", base=photos)
    frames = []
    for number in range(FRAMES):
        car = Annotation(id="car", labels=("car",), geometry=Box(x=20, y=20, w=60, h=50))
        person = Annotation(id="person", labels=("person",), geometry=Box(x=100, y=30, w=40, h=60))
        annotations = (car, person) if number < 3 else (car,)
        source = linker.source(photos / f"img{number}.png")
        frames.append(SingleFrame(id=f"img{number}", sources=(source,), annotations=annotations))
    draft.add_frames(frames)
    draft.set_schema(Schema(labels=(Label(name="car"), Label(name="person"), Label(name="bus"))))
    draft.snapshot(name="v1")
    yield made
    made.close()


@pytest.fixture
def bob(repository: hdstore.Repository, tmp_path: Path) -> Iterator[hdstore.Repository]:
    """Returns a second person's clone; both have one folder as their remote "origin"."""
    repository.add_remote("origin", str(tmp_path / "central"))
    repository.push()
    made = hdstore.clone(
        tmp_path / "central", tmp_path / "bob", author=Author(name="Bob", email="bob@example.org")
    )
    yield made
    made.close()


@pytest.fixture
def conflicted(repository: hdstore.Repository, bob: hdstore.Repository) -> hdstore.Repository:
    """Returns the repository with three conflicts: two cars were moved by both, one was given two labels."""
    for frame_id, ours, theirs in (("img1", 30, 60), ("img4", 10, 70)):
        move(repository, frame_id, ours)
        move(bob, frame_id, theirs)
    relabel(repository, "img2", "bus")
    relabel(bob, "img2", "lorry")
    bob.push()
    repository.pull()
    return repository


class Window:
    """The app under test, with verbs of a user."""

    def __init__(self, app: App, qtbot: QtBot) -> None:
        self.app, self.qtbot, self.main = app, qtbot, app.window

    def settle(self) -> None:
        """Waits until nothing runs in the background."""

        def quiet() -> bool:
            return not self.app.tasks.is_busy and not self.app.images.is_busy

        self.qtbot.waitUntil(quiet, timeout=8000)
        QCoreApplication.processEvents()
        self.qtbot.waitUntil(quiet, timeout=8000)

    def open(self, folder: Path, version: str = "") -> None:
        """Opens a repository, and a version of it."""
        with self.qtbot.waitSignal(self.app.session.catalogue, timeout=8000):
            self.app.session.open(folder)
        self.settle()
        if version:
            self.app.session.select(version)
        self.settle()
        self.qtbot.waitUntil(lambda: self.main.frames.rowCount() > 0, timeout=8000)
        self.settle()

    def show(self, row: int) -> None:
        """Opens a frame from the grid."""
        self.main.show_frame(row)
        self.settle()

    def key(self, key: Qt.Key, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Presses a key where the focus is."""
        target = QApplication.focusWidget() or self.main
        QTest.keyClick(target, key, held)
        self.settle()

    def at(self, x: float, y: float) -> QPoint:
        """Returns the canvas point of a picture point."""
        return QPointF(*self.canvas.viewport.to_view(x, y)).toPoint()

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drags on the canvas, in picture pixels."""
        drag(self.canvas, self.at(*start), self.at(*end))
        QCoreApplication.processEvents()

    def click(self, x: float, y: float, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Clicks on the canvas, in picture pixels."""
        QTest.mouseClick(self.canvas, Qt.MouseButton.LeftButton, held, self.at(x, y))

    @property
    def canvas(self) -> Canvas:
        return self.main.frame_view.canvas

    def annotations(self) -> dict[str, Annotation]:
        """Returns the annotations as they are on the screen, by id."""
        frame = self.main.frame_view.frame
        assert frame is not None
        return {annotation.id: annotation for annotation in frame.annotations}

    def close(self) -> None:
        """Closes the window."""
        self.main.close()


def drag(widget: QWidget, start: QPoint, end: QPoint) -> None:
    """Drags with the left button over a few steps."""
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QTest.mouseMove(widget, start)
    QTest.mousePress(widget, left, none, start)
    for step in (1, 2, 3, 4):
        point = start + (end - start) * step / 4
        QTest.mouseMove(widget, point)
    QTest.mouseRelease(widget, left, none, end)


@pytest.fixture
def make_window(
    qapp: QApplication, qtbot: QtBot, answers: Answers, tmp_path: Path
) -> Iterator[Callable[[], Window]]:
    """Returns a function that starts the app; every app it started is closed at the end."""
    made: list[Window] = []

    def make() -> Window:
        store = QSettings(str(tmp_path / f"settings{len(made)}.ini"), QSettings.Format.IniFormat)
        settings = Settings(store)
        settings.theme = "light"
        app = App(qapp, settings=settings, prompts=answers)
        app.window.resize(1100, 720)
        app.window.show()
        app.window.activateWindow()
        qtbot.waitExposed(app.window)
        made.append(Window(app, qtbot))
        return made[-1]

    yield make
    for window in made:
        window.close()
        window.main.deleteLater()
        window.app.deleteLater()


@pytest.fixture
def window(make_window: Callable[[], Window], repository: hdstore.Repository) -> Window:
    """Returns the app with the draft open."""
    started = make_window()
    started.open(repository.folder, "Street/Current")
    return started
