"""Thumbnails and pictures on request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hdstore_gui.services import images as module
from hdstore_gui.services.images import Images, Loaded
from PIL import Image
from PySide6.QtGui import QPixmap
from pytestqt.qtbot import QtBot

from hdstore.model import Preview, Source


@pytest.fixture
def images(qtbot: QtBot, tmp_path: Path) -> Iterator[Images]:
    made = Images()

    def resolve(medium: object) -> Path | None:
        path = tmp_path / medium.uri
        return path if path.exists() else None

    made.use(resolve, tmp_path / "thumbs")
    yield made
    made.close()


def picture(folder: Path, name: str, size: tuple[int, int] = (640, 480)) -> Source:
    Image.new("RGB", size, (90, 20, 20)).save(folder / name)
    return Source(uri=name, content_type="image/png")


def test_a_thumbnail_comes_and_stays(images: Images, qtbot: QtBot, tmp_path: Path) -> None:
    """It is kept in memory and on disk."""
    source = picture(tmp_path, "a.png")

    assert images.thumbnail(source) is None
    with qtbot.waitSignal(images.ready) as told:
        images.want([source])

    assert told.args == [frozenset({"a.png"})]
    found = images.thumbnail(source)
    assert isinstance(found, QPixmap)
    assert (found.width(), found.height()) == (320, 240)
    assert len(list((tmp_path / "thumbs").rglob("*.320"))) == 1


def test_a_thumbnail_on_disk_is_read_again(images: Images, qtbot: QtBot, tmp_path: Path) -> None:
    """The picture itself is not opened a second time: content is known by its hash."""
    source = Source(uri=picture(tmp_path, "a.png").uri, hash="ab" * 32)
    with qtbot.waitSignal(images.ready):
        images.want([source])
    (tmp_path / "a.png").write_bytes(b"something else")
    images.use(lambda medium: tmp_path / medium.uri, tmp_path / "thumbs")

    with qtbot.waitSignal(images.ready):
        images.want([source])

    assert isinstance(images.thumbnail(source), QPixmap)


def test_a_changed_file_gets_another_thumbnail(images: Images, qtbot: QtBot, tmp_path: Path) -> None:
    """Without a hash, size and time of the file stand for its content."""
    source = picture(tmp_path, "a.png")
    with qtbot.waitSignal(images.ready):
        images.want([source])
    picture(tmp_path, "a.png", (300, 600))
    images.use(lambda medium: tmp_path / medium.uri, tmp_path / "thumbs")

    with qtbot.waitSignal(images.ready):
        images.want([source])

    assert images.thumbnail(source).height() == 320


def test_a_missing_medium_says_so(images: Images, qtbot: QtBot) -> None:
    """The reason stands where the picture would."""
    source = Source(uri="gone.png")
    with qtbot.waitSignal(images.ready):
        images.want([source])

    assert "gone.png" in str(images.thumbnail(source))


def test_memory_is_bounded(
    images: Images, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ones looked at longest ago go first."""
    monkeypatch.setattr(module, "THUMBNAIL_BYTES", 3 * 320 * 240 * 4)
    sources = [picture(tmp_path, f"{number}.png") for number in range(5)]
    for source in sources:
        with qtbot.waitSignal(images.ready):
            images.want([source])

    assert images.thumbnail(sources[0]) is None
    assert images.thumbnail(sources[4]) is not None


def test_what_is_off_the_screen_is_not_decoded(images: Images, qtbot: QtBot, tmp_path: Path) -> None:
    """A new request replaces what was not begun."""
    first = [picture(tmp_path, f"{number}.png") for number in range(30)]
    last = picture(tmp_path, "last.png")
    images.want(first)
    images.want([last])

    qtbot.waitUntil(lambda: images.thumbnail(last) is not None)
    qtbot.waitUntil(lambda: not images.is_busy)

    assert sum(images.thumbnail(source) is not None for source in first) <= 6


def test_a_whole_picture_is_loaded_once(images: Images, qtbot: QtBot, tmp_path: Path) -> None:
    """The second time it is there at once."""
    source, seen = picture(tmp_path, "a.png"), []

    images.load(source, seen.append, pytest.fail)
    qtbot.waitUntil(lambda: len(seen) == 1)
    images.load(source, seen.append, pytest.fail)

    assert isinstance(seen[0], Loaded)
    assert seen[0] is seen[1]


def test_the_preview_stands_for_what_is_no_picture(images: Images, qtbot: QtBot, tmp_path: Path) -> None:
    """A video shows its preview."""
    preview = picture(tmp_path, "still.png")
    source = Source(uri="film.mp4", content_type="video/mp4", preview=Preview(uri=preview.uri))

    with qtbot.waitSignal(images.ready):
        images.want([source])

    assert isinstance(images.thumbnail(source), QPixmap)
