"""Reading pictures from files: pure functions that any thread may call."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QImageReader

from hdstore.errors import MediaError

__all__ = ["MAX_PIXELS", "Picture", "read_mask", "read_picture", "read_thumbnail"]

MAX_PIXELS = 200_000_000
"""Pictures with more pixels are not opened: decoded, they would take more than 800 MB."""

_LIMIT_MB = 1024
_MIN_LEVEL = 256


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture as displayed, and smaller copies of it, each half as wide as the one before."""

    levels: tuple[QImage, ...]

    @property
    def width(self) -> int:
        """The width in pixels."""
        return self.levels[0].width()

    @property
    def height(self) -> int:
        """The height in pixels."""
        return self.levels[0].height()

    @property
    def bytes(self) -> int:
        """How much memory it takes."""
        return sum(level.sizeInBytes() for level in self.levels)

    def level_for(self, scale: float) -> QImage:
        """Returns the smallest copy that still has a pixel for each one on the screen."""
        index = 0
        while index + 1 < len(self.levels) and scale <= 0.5 ** (index + 1):
            index += 1
        return self.levels[index]


def read_picture(path: Path) -> Picture:
    """Returns a picture upright, with its smaller copies; raises MediaError saying why there is none."""
    image = _decode(path, None)
    fitting = (
        QImage.Format.Format_ARGB32_Premultiplied if image.hasAlphaChannel() else QImage.Format.Format_RGB32
    )
    levels = [image.convertToFormat(fitting)]
    while min(levels[-1].width(), levels[-1].height()) > 2 * _MIN_LEVEL:
        last = levels[-1]
        levels.append(
            last.scaled(
                (last.width() + 1) // 2,
                (last.height() + 1) // 2,
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        )
    return Picture(tuple(levels))


def read_thumbnail(path: Path, edge: int) -> QImage:
    """Returns a picture upright and scaled so that its longer side is at most ``edge``."""
    # Twice the size first, then smooth: a JPEG's own scaling alone looks rough.
    image = _decode(path, 2 * edge)
    if max(image.width(), image.height()) <= edge:
        return image
    return image.scaled(
        edge, edge, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    )


def read_mask(path: Path) -> NDArray[np.int64]:
    """Returns a mask's values as numbers: grey or palette index as it is, colours as 0xRRGGBB."""
    try:
        with Image.open(path) as image:
            _check_pixels(path, image.width, image.height)
            if image.mode in ("P", "L", "1", "I", "I;16"):
                return np.asarray(image).astype(np.int64)
            colours = np.asarray(image.convert("RGB")).astype(np.int64)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise MediaError(f"The mask {path.name!r} can not be read: {error}.") from error
    packed: NDArray[np.int64] = colours[..., 0] << 16 | colours[..., 1] << 8 | colours[..., 2]
    return packed


def _decode(path: Path, edge: int | None) -> QImage:
    """Decodes with Qt, or with Pillow what Qt can not read; ``edge`` asks for about that size."""
    QImageReader.setAllocationLimit(_LIMIT_MB)
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    reader.setDecideFormatFromContent(True)
    size = reader.size()
    if size.isValid():
        _check_pixels(path, size.width(), size.height())
        if edge is not None and max(size.width(), size.height()) > edge:
            # Scaling comes before turning, and asks for the sizes as they are in the file.
            reader.setScaledSize(size.scaled(QSize(edge, edge), Qt.AspectRatioMode.KeepAspectRatio))
    image = reader.read()
    if image.isNull():
        return _decode_with_pillow(path, edge, reader.errorString())
    if image.format() == QImage.Format.Format_Grayscale16:
        # Cut to 8 bits, a microscope's 12 of 16 bits would be all but black.
        rows = np.frombuffer(image.constBits(), dtype=np.uint16).reshape(image.height(), -1)
        return _grey(_stretched(rows[:, : image.width()]))
    return image


def _decode_with_pillow(path: Path, edge: int | None, reason: str) -> QImage:
    try:
        with Image.open(path) as source:
            _check_pixels(path, source.width, source.height)
            if source.mode in ("I;16", "I;16B", "I", "F"):
                opened = Image.fromarray(_stretched(np.asarray(source)))
            else:
                opened = ImageOps.exif_transpose(source)
            if edge is not None:
                opened.thumbnail((edge, edge))
            image = opened.convert("RGBA")
    except FileNotFoundError as error:
        raise MediaError(f"The file {path.name!r} is not there any more.") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MediaError(f"{path.name!r} can not be shown: {reason or error}.") from error
    data = image.tobytes()
    view = QImage(data, image.width, image.height, image.width * 4, QImage.Format.Format_RGBA8888)
    # The copy owns its bytes; the view would point into Python's.
    return view.copy()


def _stretched(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Returns grey values of any range as 8 bits, with the darkest black and the brightest white."""
    low, high = np.percentile(values, (0.5, 99.5))
    scaled = (values.astype(np.float64) - low) / max(high - low, 1e-9) * 255
    stretched: NDArray[np.uint8] = np.clip(scaled, 0, 255).astype(np.uint8)
    return stretched


def _grey(values: NDArray[np.uint8]) -> QImage:
    height, width = values.shape
    view = QImage(values.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
    return view.copy()


def _check_pixels(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise MediaError(
            f"{path.name!r} has {width * height / 1e6:.0f} megapixels; pictures over {MAX_PIXELS / 1e6:.0f}"
            " are not opened."
        )
