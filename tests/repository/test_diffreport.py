"""The report as a file: pictures in it, reasons where there are none, whole or not at all."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from hdstore import (
    Annotation,
    Box,
    CancelledError,
    DatasetVersion,
    InvalidInputError,
    ReplaceAnnotation,
    Repository,
    SingleFrame,
    Source,
    replace,
)
from hdstore.diff import compare_versions
from hdstore.diff.html import Report
from hdstore.model import Preview, Progress
from hdstore.repository.diffing import Counted, changes_of
from hdstore.repository.diffreport import write_report


def report(
    repository: Repository,
    before: DatasetVersion,
    after: DatasetVersion,
    path: Path,
    *,
    limit: int | None = 200,
    progress: Progress | None = None,
) -> Report:
    states = before.state(), after.state()
    return write_report(
        path,
        repository.media,
        ("before", states[0]),
        ("after", states[1]),
        Counted(changes_of(*states), limit=limit),
        compare_versions(*states),
        progress=progress,
    )


def pictures(page: str) -> list[Image.Image]:
    found = re.findall(r'<image href="data:image/jpeg;base64,([^"]+)"', page)
    return [Image.open(BytesIO(base64.b64decode(data))) for data in found]


def frame(name: str, source: Source) -> SingleFrame:
    return SingleFrame(
        id=name,
        sources=(source,),
        annotations=(Annotation(id="a", labels=("cat",), geometry=Box(x=5, y=5, w=20, h=10)),),
    )


@pytest.fixture
def sources(repository: Repository, tmp_path: Path) -> dict[str, Source]:
    """Returns a source of each sort: kept, with a preview, and others that can not be shown."""
    places = {}
    for name, size in (("large.png", (1600, 900)), ("small.png", (64, 48))):
        places[name] = tmp_path / name
        Image.new("RGB", size, "red").save(places[name])
    turned = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (64, 48), "blue").save(turned, exif=exif)
    broken = tmp_path / "broken.png"
    broken.write_bytes(places["small.png"].read_bytes()[:60])
    # A header of few bytes that claims ten thousand million pixels.
    claim = struct.pack(">4sIIBBBBB", b"IHDR", 100_000, 100_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + claim + struct.pack(">I", zlib.crc32(claim))
    bomb += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    linker = repository.media.linker(policy="store")
    small = linker.source(places["small.png"])
    return {
        "broken": linker.source(broken),
        "far": Source(uri="https://example.org/a.jpg", width=640, height=480),
        "bomb": Source(uri=f"media:{repository.media.keep_bytes(bomb)}"),
        "gone": Source(uri=f"media:{'0' * 64}", width=32, height=16),
        "large": linker.source(places["large.png"]),
        "nowhere": Source(),
        "outside": Source(uri="file:///etc/passwd"),
        "previewed": Source(uri="s3://b/video.mp4", preview=Preview(uri=small.uri), width=128, height=96),
        "rooted": Source(uri="root:photos/a.jpg"),
        "script": Source(uri="javascript:alert(1)"),
        "small": small,
        "turned": linker.source(turned),
    }


def test_each_frame_has_its_picture_or_a_reason(
    repository: Repository, draft: DatasetVersion, sources: dict[str, Source], tmp_path: Path
) -> None:
    """Pictures are upright and made smaller, the preview stands for what is none, nothing else is opened."""
    draft.delete_frames(["a", "b", "c"])
    draft.add_frames([frame(name, source) for name, source in sources.items()])
    before, after = draft.snapshot(name="v1")
    moved = Annotation(id="a", labels=("cat",), geometry=Box(x=8, y=9, w=20, h=10))
    after.apply(*(ReplaceAnnotation(frame_id=name, annotation=moved) for name in sources))
    path = tmp_path / "deep" / "report.html"
    made = report(repository, before, after, path)
    page = path.read_text(encoding="utf-8")
    sections = dict(re.findall(r"<article.*?</span> (\w+)</h2>(.*?)</article>", page, re.DOTALL))

    assert (made.shown, made.more, made.summary.moved) == (12, 0, 12)
    assert {name for name, text in sections.items() if "<image" in text} == {
        "large",
        "previewed",
        "small",
        "turned",
    }
    assert [image.size for image in pictures(page)] == [(800, 450), (64, 48), (64, 48), (48, 64)]
    assert 'viewBox="0 0 128 96"' in sections["previewed"]
    assert 'viewBox="0 0 48 64"' in sections["turned"]
    assert 'viewBox="0 0 32 16"' in sections["gone"]
    for name, reason in {
        "bomb": "has 100000 x 100000 pixels",
        "broken": "can not be read as a picture",
        "far": "it lies on a server, which a report does not ask",
        "gone": "it is kept elsewhere, and not here yet",
        "nowhere": "nothing says where it lies",
        "outside": "this machine does not allow its place",
        "rooted": "its root is not mapped on this machine",
        "script": "it lies on a server",
    }.items():
        assert "No picture: " in sections[name], name
        assert reason in sections[name], re.findall("No picture[^<]*", sections[name])
    assert str(tmp_path) not in page
    assert all("moved 5.0 px" in text for text in sections.values())


def test_a_report_that_fails_leaves_what_was_there(
    repository: Repository, draft: DatasetVersion, tmp_path: Path
) -> None:
    """Cancelled, or asked for too much, nothing is written, and no other file is left."""
    before, after = draft.snapshot(name="v1")
    after.add_frames([SingleFrame(id=str(n)) for n in range(5)])
    folder = tmp_path / "reports"
    folder.mkdir()
    path = folder / "report.html"
    path.write_text("old")

    def cancel(what: str, done: int, total: int | None) -> None:
        if (what, done) == ("Drawing frames", 3):
            raise CancelledError("Cancelled; nothing was changed.")

    with pytest.raises(CancelledError):
        report(repository, before, after, path, progress=cancel)
    for limit in (None, 2001):
        with pytest.raises(InvalidInputError):
            report(repository, before, after, path, limit=limit)
    assert path.read_text() == "old"
    assert [one.name for one in folder.iterdir()] == ["report.html"]
    assert report(repository, before, after, path, limit=2).more == 3
    assert path.read_text(encoding="utf-8").count("<article") == 2


def test_real_boxes_are_drawn_over_real_pictures(
    repository: Repository, shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    """Some blood cells of BCCD move; the report has their pictures and both boxes, in few bytes."""
    folder = shared_data("bccd")
    repository.roots.add("bccd", folder)
    made = repository.import_files("voc", folder, to="bccd", media="link", root="bccd")
    before, after = made.version.snapshot(name="v1")
    edits = []
    for number, held in enumerate(after.frames()):
        if number == 5:
            break
        first = held.annotations[0]
        assert isinstance(first.geometry, Box)
        geometry = replace(first.geometry, x=first.geometry.x + 3, y=first.geometry.y + 4)
        edits.append(ReplaceAnnotation(frame_id=held.id, annotation=replace(first, geometry=geometry)))
    after.apply(*edits)
    path = tmp_path / "bccd.html"
    report(repository, before, after, path)
    page = path.read_text(encoding="utf-8")

    assert [image.size for image in pictures(page)] == [(640, 480)] * 5
    assert page.count("moved 5.0 px") == page.count('<g class="before') == page.count('<g class="after') == 5
    assert len(page) < 500_000
