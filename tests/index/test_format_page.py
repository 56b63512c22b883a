"""The page on the format names every array that a segment may have, and how a file of arrays begins."""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path

import pytest

from hdstore.codec import encode_frame, join_leaf
from hdstore.index import Index, Segment, cells
from hdstore.index.arrays import _SIZES
from hdstore.index.building import SegmentBuilder, build_segment
from hdstore.model import Annotation, Box, Mask, Preview, SingleFrame, Source

PAGE = Path(__file__).resolve().parents[2] / "docs" / "format.md"
TEXT = PAGE.read_text(encoding="utf-8").partition("## The index")[2]

FULL = [
    SingleFrame(
        id=f"{n}",
        blob="b",
        metadata={"a": n, "b": "2026-01-01", "c": [1, "x"]},
        sources=(
            Source(uri="u", masks=(Mask(uri="m"),), preview=Preview(uri="p"), metadata={"a": 1, "z": 2}),
        ),
        annotations=(
            Annotation(id="1", labels=("cat",), geometry=Box(x=1, y=2, w=3, h=4), metadata={"a": 1, "z": 2}),
        ),
        vectors={"v": (1.0, 2.0)},
    )
    for n in range(3)
]


def test_every_array_of_a_segment_is_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, or by its column's name and what stands behind it."""
    monkeypatch.setattr(cells, "_MAX_PATHS", 1)
    build_segment(tmp_path / "small", [("ab" * 20, FULL)])
    monkeypatch.setattr(cells, "_MAX_PATHS", 10)
    builder = SegmentBuilder()
    builder.add("ab" * 20, FULL, join_leaf([encode_frame(frame) for frame in FULL]))
    builder.write(tmp_path / "full")
    names = {name for path in ("small", "full") for name in Segment(tmp_path / path).header["arrays"]}

    kinds = TEXT.partition("| Kind of column")[2]
    for name in names:
        name = re.sub(r"^(frame|annotation|source)\.(overflow|metadata)", r"<table>.\2", name)
        name = re.sub(r"metadata/[0-9]+", "metadata/<number>", name)
        scope, _, field = name.partition(".")
        field, dot, suffix = field.partition(".")
        assert f"`{scope}.{field}`" in TEXT or f"`.{field}`" in TEXT, name
        assert not dot or f"`.{suffix}`" in kinds, name
    for suffix in set(re.findall(r"`\.([a-z_]+)`", kinds)):
        assert any(name.endswith(f".{suffix}") for name in names), suffix
    assert {kind for kind in _SIZES if f"`{kind}`" in TEXT} == set(_SIZES)


def test_a_file_of_arrays_can_be_read_by_the_page_alone(tmp_path: Path) -> None:
    """Line, length and checksum, header, arrays at multiples of 64 bytes."""
    path = tmp_path / "segment"
    build_segment(path, [("ab" * 20, FULL)])
    data = path.read_bytes()

    first, second, _ = data.split(b"\n", 2)
    assert f"{first.decode()}\\n" in TEXT
    length, check = map(int, second.split())
    begin = len(first) + len(second) + 2
    text = data[begin : begin + length]
    assert zlib.crc32(text) == check
    header = json.loads(text)
    assert set(header) == {"arrays", "size", "counts", "paths", "inexact"}
    assert all(f"`{field}`" in TEXT for field in header)
    start = -(-(begin + length) // 64) * 64
    assert len(data) == start + header["size"]
    end = 0
    for kind, shape, offset, crc in header["arrays"].values():
        size = int(kind[2:])
        for number in shape:
            size *= number
        assert offset == end
        assert offset % 64 == 0
        assert zlib.crc32(data[start + offset : start + offset + size]) == crc
        end = -(-(offset + size) // 64) * 64
    assert end == header["size"]


def test_the_files_of_the_folder_are_those_of_the_page(index: Index, put: object) -> None:
    """The manifest, segments, and a file for each tree."""
    tree = put(FULL)  # type: ignore[operator]
    index.rows(tree)
    folder = index._shelf.folder
    found = {
        re.sub(r"-[0-9]+-[0-9a-f]{16}", "-<process>-<16 hexadecimal digits>", path.name)
        for path in folder.iterdir()
    }

    assert found == {"manifest.json", "segment-<process>-<16 hexadecimal digits>", "trees"}
    assert all(name in TEXT for name in found)
    assert [path.name for path in (folder / "trees").iterdir()] == [tree]
    state = folder.stat()
    said = json.loads((folder / "manifest.json").read_text())
    assert said["format"] == 1
    assert said["place"] == [state.st_dev, state.st_ino]
    assert len(said["segments"]) == 1
