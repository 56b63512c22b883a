"""Damage of the index's files is noticed when they are opened or verified, and they are built again."""

from __future__ import annotations

import json
import math
import os
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from hdstore.errors import DamagedError
from hdstore.index import Index, Segment, VersionRows, arrays
from hdstore.index.arrays import ArrayFile
from hdstore.index.building import build_segment
from hdstore.model import Annotation, Box, Frame, SingleFrame, Source

Put = Callable[[Iterable[Frame]], str]
Held = Callable[[VersionRows], list[Frame]]


def numbered(count: int) -> list[Frame]:
    return [
        SingleFrame(
            id=f"f{n}",
            metadata={"n": n, "t": f"2026-01-{n % 28 + 1:02}"},
            sources=(Source(uri=f"root:a/{n}.jpg", width=n),),
            annotations=(Annotation(id="1", labels=("cat", "dog"), geometry=Box(x=n, y=0, w=1, h=1)),),
            vectors={"v": (1.0, n)},
        )
        for n in range(count)
    ]


def ids(frames: Iterable[Frame]) -> list[str]:
    return sorted(frame.id for frame in frames)


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    """Returns the path of a segment of a few frames."""
    path = tmp_path / "segment"
    build_segment(path, [("ab" * 20, numbered(4)), ("cd" * 20, numbered(2))])
    return path


def everything(file: ArrayFile) -> object:
    names = file.header["arrays"]
    return (file.header, [(name, file.array(name).tobytes()) for name in names])


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(
    "stride", [pytest.param(31, id="some"), pytest.param(1, id="all", marks=pytest.mark.long)]
)
def test_every_changed_byte_is_found(
    segment: Path, large: bool, stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file is not opened any more; of a large one the header is refused, and arrays are named when asked."""
    if large:
        monkeypatch.setattr(arrays, "_LARGE", 0)
    whole = segment.read_bytes()
    before = everything(Segment(segment))
    opened = found = same = 0
    for place in range(0, len(whole), stride):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        segment.write_bytes(changed)
        try:
            file = Segment(segment)
        except DamagedError:
            found += 1
            continue
        opened += 1
        if not file.damage():
            # What lies between arrays, so that they are aligned, is nobody's.
            assert everything(file) == before
            same += 1
    assert found > 20
    assert same < len(whole) / stride / 2
    assert (opened > same) == large


def test_a_file_that_was_cut_short_or_goes_on_is_not_opened(segment: Path) -> None:
    """Wherever it ends, and whatever is behind its end."""
    whole = segment.read_bytes()
    for length in [*range(120), *range(120, len(whole), 97), len(whole) - 1]:
        segment.write_bytes(whole[:length])
        with pytest.raises(DamagedError):
            Segment(segment)
    for more in (b"\0", bytes(64)):
        segment.write_bytes(whole + more)
        with pytest.raises(DamagedError):
            Segment(segment)
    for garbage in (b"", b"\0" * 4096, os.urandom(4096), b"hdstore index 1\n", b"hdstore index 1\n9 9\n{}"):
        segment.write_bytes(garbage)
        with pytest.raises(DamagedError):
            Segment(segment)


# Headers whose checksum is right: somebody wrote them on purpose


def forge(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Writes the file anew with another header, and a checksum that is right."""
    data = path.read_bytes()
    end = data.index(b"\n", 16)
    length = int(data[16:end].split()[0])
    header = json.loads(data[end + 1 : end + 1 + length])
    begin = math.ceil((end + 1 + length) / 64) * 64
    text = change(header)
    text = text if isinstance(text, bytes) else json.dumps(header).encode()
    head = b"hdstore index 1\n%d %d\n" % (len(text), zlib.crc32(text)) + text
    path.write_bytes(head + bytes(-len(head) % 64) + data[begin:])


def places(header: dict[str, Any], *place: object) -> None:
    header["arrays"]["frame.id.codes"] = [*place]


FORGERIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a list": lambda h: b"[]",
    "a number": lambda h: b"7",
    "no JSON": lambda h: b"{",
    "deep JSON": lambda h: b"[" * 100_000,
    "a huge number": lambda h: b'{"size": ' + b"9" * 5000 + b"}",
    "no arrays": lambda h: h.pop("arrays"),
    "arrays as a list": lambda h: h.update(arrays=[]),
    "a size too large": lambda h: h.update(size=h["size"] + 64),
    "a size below nothing": lambda h: h.update(size=-64),
    "a size as a string": lambda h: h.update(size="64"),
    "an unknown kind": lambda h: places(h, "|O8", [1], 0, 0),
    "a kind that is no string": lambda h: places(h, ["<i4"], [1], 0, 0),
    "an offset below nothing": lambda h: places(h, "<i4", [1], -64, 0),
    "an offset behind the end": lambda h: places(h, "<i4", [1], 1 << 40, 0),
    "an offset that is not aligned": lambda h: places(h, "<i4", [1], 3, 0),
    "an offset that is no number": lambda h: places(h, "<i4", [1], "0", 0),
    "an offset that is a fraction": lambda h: places(h, "<i4", [1], 0.5, 0),
    "a shape too large": lambda h: places(h, "<i4", [1 << 30], 0, 0),
    "a shape that overflows": lambda h: places(h, "<i4", [1 << 40, 1 << 40], 0, 0),
    "a shape of huge numbers": lambda h: places(h, "<i4", [1 << 200, 1 << 200], 0, 0),
    "a shape below nothing": lambda h: places(h, "<i4", [-1], 0, 0),
    "a shape below nothing twice": lambda h: places(h, "<i4", [-4, -4], 0, 0),
    "a shape of three": lambda h: places(h, "<i4", [1, 1, 1], 0, 0),
    "a shape that is no list": lambda h: places(h, "<i4", 4, 0, 0),
    "a shape of a string": lambda h: places(h, "<i4", ["4"], 0, 0),
    "a shape of true": lambda h: places(h, "<i4", [True], 0, 0),
    "too little about an array": lambda h: places(h, "<i4", [1]),
    "another checksum": lambda h: h["arrays"]["frame.id.codes"].__setitem__(3, 1),
    "no counts": lambda h: h.pop("counts"),
    "counts below nothing": lambda h: h["counts"].update(frame=-1),
    "counts that are none": lambda h: h["counts"].update(frame=None),
    "another count of frames": lambda h: h["counts"].update(frame=7),
    "another count of leaves": lambda h: h["counts"].update(leaf=1),
    "another count of annotations": lambda h: h["counts"].update(annotation=1 << 60),
    "no leaves": lambda h: h["arrays"].pop("leaf.id"),
    "leaves of another length": lambda h: h["arrays"]["leaf.id"].__setitem__(1, [4, 10]),
    "no paths": lambda h: h.pop("paths"),
    "paths of one table": lambda h: h["paths"].pop("frame"),
    "paths of numbers": lambda h: h["paths"].update(frame=[[1]]),
    "paths that are strings": lambda h: h["paths"].update(frame=["n"]),
    "inexact columns that are none": lambda h: h.update(inexact=None),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_header_that_was_forged_is_refused(name: str, segment: Path) -> None:
    """Types, sizes and places of arrays are checked before anything is read; nothing is allocated for them."""
    forge(segment, FORGERIES[name])

    with pytest.raises(DamagedError, match="damaged"):
        Segment(segment)


def test_a_forgery_that_changes_nothing_is_opened(segment: Path) -> None:
    """The test's own forging is sound."""
    forge(segment, lambda header: None)

    assert Segment(segment).damage() == []


def test_a_header_of_absurd_length_is_not_read(segment: Path) -> None:
    """Its length is checked first."""
    segment.write_bytes(b"hdstore index 1\n99999999999 1\n{}")
    with pytest.raises(DamagedError, match="absurd length"):
        Segment(segment)


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_what_is_no_file_is_not_opened(kind: str, segment: Path, tmp_path: Path) -> None:
    """A link is not followed, and a pipe not waited for."""
    other = tmp_path / "other"
    segment.rename(other)
    if kind == "folder":
        segment.mkdir()
    elif kind == "link":
        segment.symlink_to(other)
    else:
        os.mkfifo(segment)

    with pytest.raises(DamagedError, match="something else stands there"):
        Segment(segment)


# The index mends itself


def files_of(index: Index, kind: str) -> list[Path]:
    folder = index._shelf.folder
    found = {
        "segment": sorted(folder.glob("segment-*")),
        "rows": sorted((folder / "trees").iterdir()),
        "manifest": [folder / "manifest.json"],
    }
    return found[kind]


def break_file(path: Path, how: str) -> None:
    data = path.read_bytes()
    if how == "flipped":
        path.write_bytes(
            data[:200] + bytes([data[200] ^ 1]) + data[201:] if len(data) > 200 else b"x" + data[1:]
        )
    elif how == "short":
        path.write_bytes(data[: len(data) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "garbage":
        path.write_bytes(os.urandom(len(data)))
    elif how == "pipe":
        path.unlink()
        os.mkfifo(path)
    else:
        path.unlink()


@pytest.mark.parametrize("how", ["flipped", "short", "empty", "garbage", "gone", "pipe"])
@pytest.mark.parametrize("kind", ["segment", "rows", "manifest"])
def test_a_damaged_file_is_built_again(
    kind: str, how: str, index: Index, make_index: Callable[[], Index], put: Put, held: Held
) -> None:
    """Verifying names it, searching does without; afterwards all is well and nothing is left over."""
    frames = numbered(90)
    first = put(frames)
    second = put(frames[:-1])
    for tree in (first, second):
        index.rows(tree)
    for path in files_of(index, kind):
        break_file(path, how)
    again = make_index()
    named = again.damage()
    quiet = kind == "manifest" or (kind == "rows" and how == "gone")
    assert bool(named) == (not quiet)

    assert ids(held(again.rows(first))) == ids(frames)
    assert ids(held(make_index().rows(second, near=[first]))) == ids(frames[:-1])
    assert make_index().damage() == []
    status = make_index().status()
    assert status.segments == len(files_of(index, "segment"))
    assert status.frames < 130


def test_a_damaged_array_of_a_large_segment_is_named(
    index: Index, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not looked at when it is opened, which would read all of it; verifying reads it."""
    monkeypatch.setattr(arrays, "_LARGE", 1000)
    index.rows(put(numbered(90)))
    (path,) = files_of(index, "segment")
    where = path.read_bytes().index(b"root:a/17.jpg")
    data = bytearray(path.read_bytes())
    data[where] ^= 1
    path.write_bytes(data)

    assert index.damage() == [
        f"The index file {path} is damaged: its frame.context_id.text_data has changed."
    ]
