"""What headers tell, without decoding."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps, features

from hdstore.errors import MediaError
from hdstore.media import MAX_PIXELS, MediaInfo, probe
from hdstore.media.contenttype import UNKNOWN, content_type_of
from hdstore.media.headers import exif_orientation
from hdstore.media.probe import probe_stream

SIZE = (31, 17)
FORMATS = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "tiff": "image/tiff",
    "webp": "image/webp",
    "jp2": "image/jp2",
    "pgm": "image/x-portable-graymap",
    "tga": "image/x-tga",
    "qoi": "image/qoi",
    "avif": "image/avif",
}
CODECS = {"webp": "webp", "jp2": "jpg_2000", "avif": "avif"}


def picture(ending: str, size: tuple[int, int] = SIZE, **options: Any) -> bytes:
    """Returns a picture as Pillow writes it."""
    codec = CODECS.get(ending)
    if codec and not features.check(codec):
        pytest.skip(f"this Pillow has no {codec}")
    stream = io.BytesIO()
    mode = "RGB" if ending == "qoi" else "L"
    Image.new(mode, size).save(
        stream, {"jpg": "jpeg", "jp2": "jpeg2000", "pgm": "ppm"}.get(ending, ending), **options
    )
    return stream.getvalue()


def probed(data: bytes, name: str = "a") -> MediaInfo:
    return probe_stream(io.BytesIO(data), name=name)


def rotated(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("ending", FORMATS)
def test_pictures_tell_their_type_and_size(ending: str, tmp_path: Path) -> None:
    """Whatever the name says, the first bytes decide (where a format has any)."""
    data = picture(ending)
    (tmp_path / f"a.{ending}").write_bytes(data)

    expected = MediaInfo(content_type=FORMATS[ending], size=len(data), width=31, height=17)
    assert probe(tmp_path / f"a.{ending}") == expected
    if ending != "tga":
        assert probed(data, "a.txt") == expected


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "tiff", "webp"])
def test_turned_pictures_have_the_size_they_are_shown_with(ending: str, orientation: int) -> None:
    """Width and height are those after EXIF's orientation is applied, as Pillow shows it."""
    data = picture(ending, exif=rotated(orientation))

    info = probed(data)

    with Image.open(io.BytesIO(data)) as image:
        assert (info.width, info.height) == ImageOps.exif_transpose(image).size


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lossless": True},
        {"exif": rotated(1)},
        {"save_all": True, "append_images": [Image.new("L", SIZE, 9)]},
    ],
)
def test_all_forms_of_webp_tell_their_size(options: dict[str, Any]) -> None:
    """Lossy, lossless, extended and animated."""
    info = probed(picture("webp", **options))

    assert (info.content_type, info.width, info.height) == ("image/webp", *SIZE)


def test_a_phone_picture_with_rotation_in_its_boxes() -> None:
    """HEIC and AVIF turn by a property of their own; the largest picture counts, not its tiles."""

    def box(kind: bytes, *content: bytes) -> bytes:
        body = b"".join(content)
        return struct.pack(">I4s", 8 + len(body), kind) + body

    def extents(width: int, height: int) -> bytes:
        return box(b"ispe", struct.pack(">III", 0, width, height))

    def heic(*properties: bytes) -> bytes:
        return box(b"ftyp", b"heic\0\0\0\0mif1") + box(
            b"meta", bytes(4), box(b"iprp", box(b"ipco", *properties))
        )

    upright = probed(heic(extents(512, 512), extents(4032, 3024)))
    turned = probed(heic(extents(512, 512), extents(4032, 3024), box(b"irot", b"\x01")))
    upside_down = probed(heic(extents(4032, 3024), box(b"irot", b"\x02")))

    assert (upright.content_type, upright.width, upright.height) == ("image/heic", 4032, 3024)
    assert (turned.width, turned.height) == (3024, 4032)
    assert (upside_down.width, upside_down.height) == (4032, 3024)
    assert "no size" in probed(heic()).warning


def film(matrix: tuple[int, ...], *, version: int = 0, audio_first: bool = True) -> bytes:
    """Returns the boxes of an MP4 film of 640 x 360 whose headers come after its data."""

    def box(kind: bytes, *content: bytes) -> bytes:
        body = b"".join(content)
        return struct.pack(">I4s", 8 + len(body), kind) + body

    def track(width: int, height: int) -> bytes:
        times = 36 if version else 24
        head = bytes([version, 0, 0, 0]) + bytes(times - 4) + bytes(8) + bytes(8)
        size = struct.pack(">II", width << 16, height << 16)
        return box(b"trak", box(b"tkhd", head + struct.pack(">9i", *matrix) + size))

    # Data with a length of 64 bits, as large films have.
    data = struct.pack(">I4sQ", 1, b"mdat", 16 + 1000) + bytes(1000)
    tracks = [track(0, 0), track(640, 360)] if audio_first else [track(640, 360)]
    return box(b"ftyp", b"isom\0\0\0\0") + data + box(b"moov", box(b"mvhd", bytes(100)), *tracks)


ONE = 0x10000
UPRIGHT = (ONE, 0, 0, 0, ONE, 0, 0, 0, 0x40000000)
QUARTER = (0, ONE, 0, -ONE, 0, 0, 0, 0, 0x40000000)


@pytest.mark.parametrize("version", [0, 1])
def test_films_tell_the_size_they_are_shown_with(version: int) -> None:
    """The first track with a picture counts, turned as its matrix says."""
    upright, turned = probed(film(UPRIGHT, version=version)), probed(film(QUARTER, version=version))

    assert (upright.content_type, upright.width, upright.height) == ("video/mp4", 640, 360)
    assert (turned.width, turned.height) == (360, 640)


def test_a_real_film_tells_its_size(shared_data: Callable[[str], Path]) -> None:
    """A clip from a camera."""
    info = probe(shared_data("video") / "bottle-detection.mp4")

    assert info == MediaInfo(content_type="video/mp4", size=504961, width=640, height=360)


def test_real_photographs_agree_with_pillow(shared_data: Callable[[str], Path]) -> None:
    """Every picture of the real data has the size that Pillow shows it with, and no warning."""
    seen = 0
    for path in sorted(shared_data("formats").rglob("*")):
        if path.suffix.lower() not in (".jpg", ".jpeg", ".png", ".bmp"):
            continue
        info = probe(path)
        with Image.open(path) as image:
            assert (info.width, info.height) == ImageOps.exif_transpose(image).size
        assert not info.warning
        seen += 1
    assert seen > 50


def test_too_many_pixels_are_refused(tmp_path: Path) -> None:
    """A small file that claims a huge picture is an error that says what to do, and no warning of Pillow's."""
    bomb = bytearray(picture("bmp"))
    struct.pack_into("<ii", bomb, 18, 20_000, 20_000)
    (tmp_path / "bomb.bmp").write_bytes(bomb)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(MediaError, match="20000 x 20000 pixels"):
            probe(tmp_path / "bomb.bmp")
        struct.pack_into("<ii", bomb, 18, 13_000, 13_000)
        assert MAX_PIXELS > 13_000**2
        assert probed(bytes(bomb)).width == 13_000
    with pytest.raises(MediaError, match="at most 100"):
        probe_stream(io.BytesIO(picture("png")), name="a.png", max_pixels=100)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_torn_picture_is_told_and_does_not_stop(ending: str) -> None:
    """A file that ends in its header has the type of its name, no size, and a warning."""
    for length in (0, 3, 7):
        info = probed(picture(ending)[:length], f"a.{ending}")

        assert info.content_type == FORMATS[ending]
        assert (info.width, info.height) == (None, None)
        assert info.warning.startswith(f"a.{ending} is ")


def test_empty_and_unknown_files_have_a_type() -> None:
    """What has no picture has no size and no warning; an empty picture has one."""
    assert probed(b"", "a.txt") == MediaInfo(content_type="text/plain", size=0)
    assert probed(b"abc", "a") == MediaInfo(content_type=UNKNOWN, size=3)
    assert probed(b"", "a.JPG").warning == "a.JPG is empty"


@given(st.sampled_from(sorted(FORMATS)), st.data())
def test_hostile_headers_never_crash(ending: str, data: st.DataObject) -> None:
    """Any bytes changed or cut off: sizes, a warning or a MediaError come out, nothing else."""
    if CODECS.get(ending) and not features.check(CODECS[ending]):
        return
    content = bytearray(picture(ending, exif=rotated(6)) if ending in ("jpg", "webp") else picture(ending))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, min(len(content), 120) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))

    try:
        info = probed(bytes(content[:cut]), f"a.{ending}")
    except MediaError as error:
        assert "pixels" in str(error)  # noqa: PT017
        return

    assert info.size == cut
    assert (info.width is None) == (info.height is None)
    assert info.width is None or info.width > 0


@given(st.binary(max_size=200), st.sampled_from([b"", b"Exif\0\0", b"II*\0", b"MM\0*", b"Exif\0\0MM\0*"]))
def test_hostile_exif_is_upright(data: bytes, start: bytes) -> None:
    """Broken orientation data turns nothing and crashes nothing."""
    assert exif_orientation(start + data) in range(1, 9)


@given(st.binary(max_size=600), st.sampled_from([b"isom", b"heic", b"avif", b"qt  "]))
def test_hostile_boxes_end(data: bytes, brand: bytes) -> None:
    """Boxes of impossible lengths end the walk."""
    info = probed(b"\0\0\0\x0cftyp" + brand + data)

    assert info.content_type.split("/")[0] in ("image", "video")


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        (b"RIFF\0\0\0\0WAVE", "a", "audio/wav"),
        (b"RIFF\0\0\0\0AVI ", "a", "video/x-msvideo"),
        (b"ID3\x04", "a", "audio/mpeg"),
        (b"fLaC", "a", "audio/flac"),
        (b"OggS" + bytes(24) + b"\x80theora", "a", "video/ogg"),
        (b"OggS" + bytes(24) + b"OpusHead", "a", "audio/ogg"),
        (b"\x1aE\xdf\xa3", "a.mkv", "video/x-matroska"),
        (b"\x1aE\xdf\xa3", "a.webm", "video/webm"),
        (b"\0\0\0\x18ftypM4A ", "a.mp4", "audio/mp4"),
        (b"\0\0\0\x18ftypisom", "a.mov", "video/quicktime"),
        (b"\0\0\0\x08wide", "a", "video/quicktime"),
        (b"G" + bytes(187) + b"G" + bytes(187) + b"G", "a", "video/mp2t"),
        (b"FORM\0\0\0\0AIFF", "a", "audio/aiff"),
        (b"FORM\0\0\0\0XXXX", "a.mp3", "audio/mpeg"),
        (b"BM are two letters", "a.txt", "text/plain"),
        (b"P5 is a paper size", "a.txt", "text/plain"),
        (b"", "A.JSON", "application/json"),
        (b"", "archive.tar.gz", "application/gzip"),
        (b"", ".jpg", UNKNOWN),
        (b"", "no ending", UNKNOWN),
    ],
)
def test_content_types(head: bytes, name: str, expected: str) -> None:
    """By the first bytes, else by the name, equal on every machine."""
    assert content_type_of(head, name) == expected
