"""What a medium is and how large its picture is, by its header; pixels are decoded elsewhere."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hdstore.errors import HdstoreError, MediaError
from hdstore.media.contenttype import HEAD, content_type_of
from hdstore.media.files import open_regular
from hdstore.media.headers import TURNED, exif_orientation, webp_size
from hdstore.media.isobmff import still_size, video_size

__all__ = ["MAX_PIXELS", "MediaInfo", "probe", "probe_stream"]

MAX_PIXELS = 178_956_970
"""How many pixels a picture may have: Pillow decodes no more, as a small file can unpack to gigabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaInfo:
    """What the header of a medium tells.

    ``width`` and ``height`` are pixels as displayed, None where the format has none or they could not be
    read. ``warning`` says why a picture that should have a size has none.
    """

    content_type: str
    size: int
    width: int | None = None
    height: int | None = None
    warning: str = ""


def probe(path: Path, *, max_pixels: int = MAX_PIXELS) -> MediaInfo:
    """Returns content type, size in bytes and picture size of a file, reading its header only.

    Raises:
        MediaError: the file can not be read, or its picture has more than ``max_pixels`` pixels.
    """
    with open_regular(path) as stream:
        return probe_stream(stream, name=path.name, max_pixels=max_pixels)


def probe_stream(stream: BinaryIO, *, name: str, max_pixels: int = MAX_PIXELS) -> MediaInfo:
    """Returns what ``probe`` does for an open file called ``name``."""
    size = stream.seek(0, 2)
    stream.seek(0)
    content_type = content_type_of(stream.read(HEAD), name)
    read = _SIZES.get(content_type)
    if read is None:
        return MediaInfo(content_type=content_type, size=size)
    try:
        stream.seek(0)
        picture, reason = read(stream), "its header tells no size"
    except HdstoreError:
        raise
    except Exception as error:
        # A hostile header makes Pillow raise a dozen kinds of error: the file is broken, not this call.
        picture, reason = None, str(error) or type(error).__name__
    if picture is None or min(picture) <= 0:
        return MediaInfo(
            content_type=content_type,
            size=size,
            warning=f"{name} is {'empty' if not size else f'no readable {content_type}: {reason}'}",
        )
    width, height = picture
    if width * height > max_pixels:
        raise MediaError(
            f"{name} has {width} x {height} pixels, but at most {max_pixels} are read; split it into tiles."
        )
    return MediaInfo(content_type=content_type, size=size, width=width, height=height)


def _pillow(module: str) -> Callable[[BinaryIO], tuple[int, int]]:
    """Returns a reader that has Pillow's plugin of this name read a header.

    ``Image.open`` would warn about sizes, and let a stranger's file choose among some forty plugins.
    """

    def read(stream: BinaryIO) -> tuple[int, int]:
        plugin = importlib.import_module(f"PIL.{module}ImagePlugin")
        image = getattr(plugin, f"{module}ImageFile")(stream)
        if module == "Tiff":
            # Pillow's own size of a TIFF is turned or not, depending on Pillow's version; the tags are not.
            width, height = image.tag_v2[256], image.tag_v2[257]
            orientation = image.tag_v2.get(274, 1)
        else:
            width, height = image.size
            orientation = exif_orientation(image.info.get("exif", b""))
        return (height, width) if orientation in TURNED else (width, height)

    return read


_SIZES: dict[str, Callable[[BinaryIO], tuple[int, int] | None]] = {
    "image/avif": still_size,
    "image/bmp": _pillow("Bmp"),
    "image/gif": _pillow("Gif"),
    "image/heic": still_size,
    "image/heif": still_size,
    "image/jp2": _pillow("Jpeg2K"),
    "image/jpeg": _pillow("Jpeg"),
    "image/png": _pillow("Png"),
    "image/qoi": _pillow("Qoi"),
    "image/tiff": _pillow("Tiff"),
    "image/vnd.adobe.photoshop": _pillow("Psd"),
    "image/webp": webp_size,
    "image/x-portable-bitmap": _pillow("Ppm"),
    "image/x-portable-graymap": _pillow("Ppm"),
    "image/x-portable-pixmap": _pillow("Ppm"),
    "image/x-tga": _pillow("Tga"),
    "video/3gpp": video_size,
    "video/mp4": video_size,
    "video/quicktime": video_size,
}
