"""Pictures that are kept, and lie at a remote until they are looked at."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hdstore_gui.services.images import FETCHING, Images
from hdstore_gui.services.whereabouts import why_missing
from PIL import Image
from PySide6.QtGui import QPixmap
from pytestqt.qtbot import QtBot

import hdstore
from hdstore.errors import MediaError
from hdstore.model import Source


@pytest.fixture
def far(repository: hdstore.Repository, photos: Path, tmp_path: Path) -> Iterator[hdstore.Repository]:
    """Returns a clone whose three pictures lie at its remote."""
    linker = repository.media.linker(policy="store", base=photos)
    frames = [
        hdstore.SingleFrame(id=f"kept{number}", sources=(linker.source(photos / f"img{number}.png"),))
        for number in range(3)
    ]
    repository.create_dataset("Kept").current().add_frames(frames)
    repository.add_remote("origin", str(tmp_path / "central"))
    repository.push()
    made = hdstore.clone(tmp_path / "central", tmp_path / "far")
    yield made
    made.close()


def sources(repository: hdstore.Repository) -> list[Source]:
    return [frame.sources[0] for frame in repository.version("Kept/Current").frames()]


def test_pictures_come_when_they_are_looked_at(
    make_window: Callable[[], Any], far: hdstore.Repository
) -> None:
    """In the grid and in the frame; nothing was asked."""
    assert not any(far.media.has(source.hash) for source in sources(far))
    started = make_window()
    started.open(far.folder, "Kept/Current")
    started.qtbot.waitUntil(lambda: started.main.frames.rowCount() == 3, timeout=8000)
    started.qtbot.waitUntil(
        lambda: all(isinstance(started.app.images.thumbnail(one), QPixmap) for one in sources(far)),
        timeout=8000,
    )
    started.show(1)

    assert started.canvas._picture is not None
    assert all(far.media.has(source.hash) for source in sources(far))


def test_what_no_remote_has_is_said_in_a_few_words(
    make_window: Callable[[], Any], far: hdstore.Repository, tmp_path: Path
) -> None:
    """In place of the thumbnail, and of the picture."""
    shutil.rmtree(tmp_path / "central" / ".hds" / "hdstore" / "media")
    (tmp_path / "central" / ".hds" / "hdstore" / "media").mkdir()
    started = make_window()
    started.open(far.folder, "Kept/Current")
    started.qtbot.waitUntil(lambda: started.main.frames.rowCount() == 3, timeout=8000)
    source = sources(far)[0]
    started.qtbot.waitUntil(lambda: started.app.images.is_known(source), timeout=8000)
    started.show(0)

    assert started.app.images.thumbnail(source) == "Not here, and at no remote."
    assert started.canvas._message == "Not here, and at no remote."


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("root:photos/a/gone.png", "gone.png is not in the root photos any more."),
        ("root:attic/a.png", "The root attic is not set on this machine."),
        ("media:" + "ab" * 32, "Not here, and there is no remote to ask."),
        ("file:///tmp/gone.png", "gone.png is not there any more."),
        ("s3://bucket/a.png", "Pictures on servers (s3) are not shown."),
        ("", "This source names no file."),
    ],
)
def test_the_reason_is_short(repository: hdstore.Repository, uri: str, words: str) -> None:
    """A cell of the grid has room for one sentence."""
    assert why_missing(repository, Source(uri=uri)) == words


class Remote:
    """A place that answers when it is told to."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.go, self.asked = folder, threading.Event(), threading.Event()
        self.error: Exception | None = None

    def here(self, medium: Any) -> Path | None:
        path = self.folder / medium.uri.removeprefix("media:")
        return path if not medium.uri.startswith("media:") and path.exists() else None

    def fetch(self, medium: Any) -> Path | None:
        self.asked.set()
        assert self.go.wait(10)
        if self.error is not None:
            raise self.error
        return self.folder / medium.uri.removeprefix("media:")


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (64, 48), (90, 20, 20)).save(tmp_path / name)
    return Remote(tmp_path)


@pytest.fixture
def images(qtbot: QtBot, remote: Remote, tmp_path: Path) -> Iterator[Images]:
    made = Images()
    made.use(remote.here, tmp_path / "thumbs", fetch=remote.fetch)
    yield made
    remote.go.set()
    made.close()


def test_what_is_here_does_not_wait_for_what_comes(images: Images, remote: Remote, qtbot: QtBot) -> None:
    """Meanwhile the cell says that it is being fetched."""
    far, near = Source(uri="media:a.png"), Source(uri="b.png")
    images.want([far, near])
    qtbot.waitUntil(lambda: isinstance(images.thumbnail(near), QPixmap) and images.thumbnail(far) == FETCHING)
    assert remote.asked.wait(5)
    assert not images.is_known(far)

    remote.go.set()
    qtbot.waitUntil(lambda: isinstance(images.thumbnail(far), QPixmap))


def test_a_frame_says_that_its_picture_is_fetched(images: Images, remote: Remote, qtbot: QtBot) -> None:
    """Then it shows it."""
    told: list[object] = []
    images.load(Source(uri="media:a.png"), told.append, told.append, lambda: told.append("waiting"))
    qtbot.waitUntil(lambda: told == ["waiting"])

    remote.go.set()
    qtbot.waitUntil(lambda: len(told) == 2)
    assert told[1].picture.width == 64


def test_a_remote_that_can_not_be_asked_is_named_in_the_frame(
    images: Images, remote: Remote, qtbot: QtBot
) -> None:
    """The cell is short about it; it is asked again after an exchange."""
    source, told = Source(uri="media:a.png"), []
    remote.error = MediaError("origin: the line is dead.")
    remote.go.set()
    images.want([source])
    qtbot.waitUntil(lambda: images.is_known(source))
    images.load(source, told.append, told.append)
    qtbot.waitUntil(lambda: bool(told))
    assert images.thumbnail(source) == "Could not be fetched; open the frame to see why."
    assert str(told[0]) == "origin: the line is dead."

    remote.error = None
    images.try_again()
    images.want([source])
    qtbot.waitUntil(lambda: isinstance(images.thumbnail(source), QPixmap))


def test_what_scrolled_away_is_not_fetched(images: Images, remote: Remote, qtbot: QtBot) -> None:
    """Only what is on the screen."""
    first, second = Source(uri="media:a.png"), Source(uri="media:b.png")
    images.want([first])
    qtbot.waitUntil(remote.asked.is_set)
    images.want([second])
    qtbot.waitUntil(lambda: images.thumbnail(second) == FETCHING)
    images.want([])
    remote.go.set()
    qtbot.waitUntil(lambda: not images.is_busy)

    assert images.is_known(first)
    assert not images.is_known(second)
