"""Reading pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hdstore_gui.services import pictures
from hdstore_gui.services.pictures import read_mask, read_picture, read_thumbnail
from PIL import Image
from PySide6.QtGui import QColor, QImage

from hdstore.errors import MediaError

WIDTH, HEIGHT = 640, 480
CORNER = (250, 20, 20)


def turned(path: Path, orientation: int) -> Path:
    """Saves a picture that is upright, with a red upper left corner, once it is turned as its EXIF says."""
    image = Image.new("RGB", (WIDTH, HEIGHT), (30, 60, 200))
    image.paste(CORNER, (0, 0, 200, 150))
    back = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    if back is not None:
        image = image.transpose(back)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(path, exif=exif, quality=95)
    return path


def is_red(image: QImage, x: int, y: int) -> bool:
    color = QColor(image.pixel(x, y))
    return color.red() > 180 and color.blue() < 90


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright(tmp_path: Path, orientation: int) -> None:
    """Whole and as a thumbnail, for all eight orientations."""
    path = turned(tmp_path / "a.jpg", orientation)

    picture = read_picture(path)
    thumbnail = read_thumbnail(path, 160)

    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert (thumbnail.width(), thumbnail.height()) == (160, 120)
    for image in (picture.levels[0], thumbnail):
        assert is_red(image, image.width() // 8, image.height() // 8)
        assert not is_red(image, image.width() * 7 // 8, image.height() * 7 // 8)


def test_smaller_copies_halve(tmp_path: Path) -> None:
    """The level for a scale still has a pixel for each on the screen."""
    path = tmp_path / "a.png"
    Image.new("RGB", (2400, 1600)).save(path)

    picture = read_picture(path)

    assert [level.width() for level in picture.levels] == [2400, 1200, 600]
    assert picture.level_for(1.0).width() == 2400
    assert picture.level_for(0.5).width() == 1200
    assert picture.level_for(0.1).width() == 600


def test_sixteen_bit_pictures_are_seen(tmp_path: Path) -> None:
    """Dark scientific pictures are stretched to what an eye can tell apart."""
    path = tmp_path / "a.tif"
    values = np.linspace(100, 900, 64 * 48, dtype=np.uint16).reshape(48, 64)
    Image.fromarray(values).save(path)

    image = read_picture(path).levels[0]

    assert (image.width(), image.height()) == (64, 48)
    assert QColor(image.pixel(63, 47)).lightness() > QColor(image.pixel(0, 0)).lightness() + 100


def test_too_many_pixels_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason says how many and how many are allowed."""
    path = tmp_path / "a.png"
    Image.new("L", (2000, 1000)).save(path)
    monkeypatch.setattr(pictures, "MAX_PIXELS", 1_000_000)

    with pytest.raises(MediaError, match="2 megapixels"):
        read_thumbnail(path, 160)


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\xff\xd8\xff\xe0 broken"])
def test_what_is_no_picture_is_named(tmp_path: Path, data: bytes) -> None:
    """The file's name stands in the reason."""
    path = tmp_path / "odd.jpg"
    path.write_bytes(data)

    with pytest.raises(MediaError, match=r"odd\.jpg"):
        read_picture(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """It may have been moved since the list was made."""
    with pytest.raises(MediaError, match="gone"):
        read_picture(tmp_path / "gone.png")


def test_masks_keep_their_numbers(tmp_path: Path) -> None:
    """A palette's index, not its colour; colours as one number."""
    indexed = Image.new("P", (4, 2), 3)
    indexed.putpalette([0, 0, 0] * 3 + [255, 0, 0])
    indexed.save(tmp_path / "p.png")
    Image.new("RGB", (4, 2), (1, 2, 3)).save(tmp_path / "c.png")

    assert (read_mask(tmp_path / "p.png") == 3).all()
    assert (read_mask(tmp_path / "c.png") == 0x010203).all()
