"""Pictures as arrays of pixels, upright, as annotations mean them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from hdstore.errors import HdstoreError, MediaError
from hdstore.media import MAX_PIXELS, probe

__all__ = ["load_mask", "load_picture"]

_PLUGINS = (
    *("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "PSD", "QOI", "TGA", "TIFF", "WEBP"),
)
"""What may decode a stranger's file: some of Pillow's forty plugins start other programs."""

_DEEP = ("I;16", "I;16B", "I;16L")


def load_picture(path: Path, *, mode: str = "RGB", max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Returns a picture upright (as its EXIF orientation says) in one of Pillow's modes.

    Grey pictures of 16 bits are brought to 8 by dropping the lower half of each value.

    Raises:
        MediaError: the file can not be read as a picture, or has more than ``max_pixels`` pixels.
    """
    with _opened(path, max_pixels) as image:
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode == mode:
            return image
        if image.mode in _DEEP:
            return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert(mode)
        if image.mode in ("I", "F"):
            raise MediaError(
                f"{path.name} has 32 bits a pixel, which {mode} can not hold; load it by a function of your own."
            )
        return image.convert(mode)


def load_mask(path: Path, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.int64]:
    """Returns the values of a mask's pixels, shape (height, width) or (height, width, 3 or 4).

    Grey values and palette numbers come as they are, colours as red, green, blue and (where there is one) alpha.

    Raises:
        MediaError: the file can not be read as a picture, or has more than ``max_pixels`` pixels.
    """
    with _opened(path, max_pixels) as image:
        if image.mode not in ("1", "L", "P", "RGB", "RGBA", "I", *_DEEP):
            image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        return np.asarray(image).astype(np.int64)


@contextmanager
def _opened(path: Path, max_pixels: int) -> Iterator[Image.Image]:
    """Opens a picture; whatever its file makes Pillow raise until the block ends is a MediaError."""
    probe(path, max_pixels=max_pixels)
    try:
        with Image.open(path, formats=_plugins()) as image:
            yield image
    except HdstoreError:
        raise
    except Exception as error:
        # A hostile file makes Pillow raise a dozen kinds of error: the file is broken, not this call.
        raise MediaError(
            f"{path.name} can not be read as a picture: {str(error) or type(error).__name__}."
        ) from error


@cache
def _plugins() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in _PLUGINS if name in Image.OPEN)
