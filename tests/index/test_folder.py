"""The folder of the index: a stranger's, a copy, read-only, on a full disk."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

import hdstore
from hdstore.errors import HdstoreError, StorageError
from hdstore.index import Index, Segment, VersionRows, arrays, building
from hdstore.index import index as index_module
from hdstore.index.arrays import write_arrays
from hdstore.index.building import build_segment
from hdstore.model import Frame, SingleFrame
from hdstore.store import Layout, files

Put = Callable[[Iterable[Frame]], str]
Held = Callable[[VersionRows], list[Frame]]
Make = Callable[[], Index]


def numbered(first: int, last: int) -> list[Frame]:
    return [SingleFrame(id=f"f{n}", metadata={"n": n}) for n in range(first, last)]


def ids(frames: Iterable[Frame]) -> list[str]:
    return sorted(frame.id for frame in frames)


def folder_of(layout: Layout) -> Path:
    return layout.index / "frames"


# Copies and strangers


def test_an_index_of_another_place_is_not_believed(
    index: Index, make_index: Make, put: Put, held: Held, layout: Layout, tmp_path: Path
) -> None:
    """A folder that was copied is cleared and built anew, whatever it says."""
    frames = numbered(0, 90)
    tree = put(frames)
    index.rows(tree)
    folder = folder_of(layout)
    shutil.copytree(folder, tmp_path / "copy")
    shutil.rmtree(folder)
    (tmp_path / "copy").rename(folder)
    before = {path.name for path in folder.glob("segment-*")}
    again = make_index()

    assert again.status() == index_module.IndexStatus(segments=0, frames=0, size=0, trees=0)
    assert again.damage() == []
    assert not again.holds(tree)
    assert again.compact([tree]) == 0
    assert ids(held(again.rows(tree))) == ids(frames)
    assert before.isdisjoint(path.name for path in folder.iterdir())


def manifest(layout: Layout, **values: object) -> None:
    """Writes a manifest that names this very folder."""
    state = folder_of(layout).stat()
    said = {"format": 1, "place": [state.st_dev, state.st_ino], "segments": [], **values}
    (folder_of(layout) / "manifest.json").write_text(json.dumps(said))


MANIFESTS: list[dict[str, object]] = [
    {"segments": ["../../../outside/segment-1-0123456789abcdef"]},
    {"segments": ["/etc/passwd"]},
    {"segments": ["manifest.json"]},
    {"segments": ["trees"]},
    {"segments": ["segment-1-0123456789abcdef/../../x"]},
    {"segments": ["segment-1-0123456789abcdef\n"]},
    {"segments": [1]},
    {"segments": [["segment-1-0123456789abcdef"]]},
    {"segments": "segment-1-0123456789abcdef"},
    {"segments": None},
    {"segments": {"segment-1-0123456789abcdef": 1}},
    {"format": 2},
    {"place": None},
    {"place": [1, 1]},
    {"place": "here"},
]


@pytest.mark.parametrize("said", MANIFESTS, ids=lambda said: json.dumps(said))
def test_a_hostile_manifest_leads_nowhere(
    said: dict[str, object], make_index: Make, put: Put, held: Held, layout: Layout, tmp_path: Path
) -> None:
    """Names are those of segments, and nothing outside is read, changed or removed."""
    outside = tmp_path / "outside"
    outside.mkdir()
    frames, strangers = numbered(0, 40), numbered(900, 940)
    tree = put(frames)
    build_segment(outside / "segment-1-0123456789abcdef", [(tree, strangers)])
    before = (outside / "segment-1-0123456789abcdef").read_bytes()
    folder = folder_of(layout)
    (folder / "trees").mkdir(parents=True)
    manifest(layout, **said)

    assert ids(held(make_index().rows(tree))) == ids(frames)
    assert make_index().status().frames == 40
    assert (outside / "segment-1-0123456789abcdef").read_bytes() == before
    assert [path.name for path in outside.iterdir()] == ["segment-1-0123456789abcdef"]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"7", b"[" * 100_000, b"\xff", b'{"format": 1}'])
def test_a_manifest_that_is_none_is_replaced(text: bytes, make_index: Make, put: Put, layout: Layout) -> None:
    """Whatever stands there: an index that can not be believed is as good as none."""
    (folder_of(layout) / "trees").mkdir(parents=True)
    (folder_of(layout) / "manifest.json").write_bytes(text)

    assert make_index().status().segments == 0
    assert len(make_index().rows(put(numbered(0, 40)))) == 40
    assert make_index().status().frames == 40


def test_a_manifest_of_absurd_size_is_not_read(make_index: Make, put: Put, layout: Layout) -> None:
    """A sparse file costs a stranger nothing, and us a disk."""
    (folder_of(layout) / "trees").mkdir(parents=True)
    with (folder_of(layout) / "manifest.json").open("wb") as file:
        file.truncate(1 << 40)

    assert len(make_index().rows(put(numbered(0, 40)))) == 40


@pytest.mark.parametrize(
    "rows", ["other segment", "outside", "wrong length", "other tree", "no list", "numbers"]
)
def test_hostile_row_sets_are_not_believed(
    rows: str, index: Index, make_index: Make, put: Put, held: Held, layout: Layout, tmp_path: Path
) -> None:
    """They name segments that count and mark the frames of these, or they are found again."""
    frames = numbered(0, 90)
    tree = put(frames)
    name = index.rows(tree).parts[0].segment.path.name
    path = folder_of(layout) / "trees" / tree
    path.unlink()
    build_segment(tmp_path / "stranger", [(tree, numbered(900, 990))])
    build_segment(folder_of(layout) / "segment-1-0123456789abcdef", [(tree, numbered(900, 990))])
    header: dict[str, object] = {"tree": tree, "segments": [name]}
    live = np.zeros(12, np.uint8)
    if rows == "other segment":
        header["segments"] = ["segment-1-0123456789abcdef"]
    elif rows == "outside":
        header["segments"] = [str(tmp_path / "stranger")]
    elif rows == "wrong length":
        live = np.zeros(11, np.uint8)
    elif rows == "other tree":
        header["tree"] = "0" * 40
    elif rows == "no list":
        header["segments"] = name
    else:
        header["segments"] = [1]
    write_arrays(path, {"live/0": live}, header)

    assert ids(held(make_index().rows(tree))) == ids(frames)
    assert make_index().damage() == []


@pytest.mark.parametrize("name", ["frames", "frames/trees", "frames/manifest.json", "segment", "rows"])
@pytest.mark.parametrize("kind", ["moved", "dangling", "loop", "file"])
def test_nothing_behind_a_link_is_read_or_changed(
    name: str, kind: str, index: Index, make_index: Make, put: Put, held: Held, layout: Layout, tmp_path: Path
) -> None:
    """A link, or something else, in the place of any part: what it names stays as it is, and the index is made anew."""
    frames = numbered(0, 90)
    tree = put(frames)
    made = index.rows(tree).parts[0].segment.path
    path = {"segment": made, "rows": folder_of(layout) / "trees" / tree}.get(name, layout.index / name)
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.move(path, outside / "target")
    if kind == "file":
        path.write_bytes(b"something")
    else:
        names = {"moved": outside / "target", "dangling": outside / "nothing", "loop": path}
        path.symlink_to(names[kind])
    before = contents(outside)

    for _ in range(2):
        assert ids(held(make_index().rows(tree))) == ids(frames)
        assert len(make_index().rows(put(frames[1:]), near=[tree])) == 89
    make_index().damage()
    make_index().compact([tree])
    make_index().drop()
    assert contents(outside) == before
    assert not folder_of(layout).exists()


def contents(folder: Path) -> dict[str, tuple[bytes | None, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes() if path.is_file() else None, path.stat().st_ino)
        for path in sorted(folder.rglob("*"))
    }


# Disks


STEPS = [
    ("write", "segment"),
    ("fsync", "segment"),
    ("rename", "segment"),
    ("write", "manifest"),
    ("fsync", "manifest"),
    ("rename", "manifest.json"),
    ("write", "rows"),
    ("rename", "tree"),
]


def step_of(what: str, path: Path) -> tuple[str, str]:
    return what, "tree" if path.parent.name == "trees" else path.name.partition("-")[0]


@pytest.mark.parametrize("step", STEPS, ids=" ".join)
@pytest.mark.parametrize("before", [0, 90])
def test_a_full_disk_fails_cleanly_at_every_step(
    step: tuple[str, str],
    before: int,
    index: Index,
    make_index: Make,
    put: Put,
    held: Held,
    layout: Layout,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error says so, nothing is left over, what was indexed stays, and with room again all is as it should be."""
    monkeypatch.setattr(arrays, "_LARGE", 1000)
    monkeypatch.setattr(building, "MAX_FRAMES", 60)
    first, second = put(numbered(0, before)), put(numbered(0, 200))
    index.rows(first)

    def full(what: str, path: Path) -> None:
        if step_of(what, path) == step:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(files, "on_step", full)
        with pytest.raises(StorageError, match="the disk is full"):
            index.rows(second, near=[first])
    assert list(layout.tmp.iterdir()) == []
    assert make_index().damage() == []
    assert len(make_index().rows(first)) == before
    assert ids(held(make_index().rows(second, near=[first]))) == ids(numbered(0, 200))
    shelf = make_index()._shelf
    assert shelf._manifest.strays(shelf.usable()) == []


def test_a_folder_that_can_not_be_removed_is_a_storage_error(
    index: Index, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As every refusal of the system is."""
    index.rows(put(numbered(0, 40)))

    def refuse(what: str, path: Path) -> None:
        if what == "rmtree":
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(files, "on_step", refuse)
        with pytest.raises(StorageError, match="permission was denied"):
            index.drop()
    assert index.status().segments == 0
    assert len(index.rows(put(numbered(0, 41)))) == 41


@pytest.fixture
def open_place() -> Iterator[Path]:
    """Yields a folder that every user may reach."""
    with tempfile.TemporaryDirectory(prefix="hdstore-index-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_read_only_repository_has_an_index_of_its_own(open_place: Path) -> None:
    """What is indexed is read; the rest goes to a temporary folder, and that with the handle. Nothing is touched."""
    folder = open_place / "repository"
    folder.mkdir()
    scratch = open_place / "scratch"
    scratch.mkdir()
    scratch.chmod(0o777)
    with hdstore.init(folder, author=hdstore.Author("Ada", "ada@example.org")) as repository:
        draft = repository.create_dataset("plates").current()
        draft.add_frames(numbered(0, 90))
        _, draft = draft.snapshot(name="first")
        repository.build_index()
        draft.add_frames(numbered(90, 100))
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = contents(folder)

    def read() -> None:
        tempfile.tempdir = str(scratch)
        with hdstore.open(folder, author=hdstore.Author("B", "b@example.org"), trusted=True) as opened:
            first = opened.version("plates/first").rows()
            assert len(first) == 90
            assert first.parts[0].segment.path.is_relative_to(folder)
            assert list(scratch.rglob("segment-*")) == []
            version = opened.version("plates/Current")
            rows = version.rows()
            assert len(rows) == 100
            assert rows.parts[0].segment.path.is_relative_to(scratch)
            assert [frame.id for frame in version.query("meta.n:7")] == ["f7"]
            assert opened.index_status().segments == 1
            assert opened.fsck() == []
            told = []
            for refused in (opened.build_index, opened.drop_index):
                try:
                    refused()
                except HdstoreError as error:
                    told.append(str(error))
            assert len(told) == 2
            assert all("permission was denied" in text for text in told)
        del opened, version, rows, first

    try:
        run_as_nobody(read)
        assert contents(folder) == before
        assert list(scratch.iterdir()) == []
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755)


def run_as_nobody(function: Callable[[], None]) -> None:
    """Runs a function in a process of its own, which is not root there."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            function()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "see the captured output"


# Order


def test_segments_are_flushed_before_they_count(
    index: Index, put: Put, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large one before it is renamed, and the manifest before it takes the place of the one before."""
    monkeypatch.setattr(arrays, "_LARGE", 1000)
    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(files, "on_step", lambda what, path: seen.append((what, path.name.split("-")[0])))
    index.rows(put(numbered(0, 90)))

    order = [
        step for step in seen if step[1] in ("segment", "manifest", "manifest.json") and step[0] != "write"
    ]
    assert order == [
        ("fsync", "manifest"),
        ("rename", "manifest.json"),
        ("fsync", "segment"),
        ("rename", "segment"),
        ("fsync", "manifest"),
        ("rename", "manifest.json"),
    ]


def test_an_index_needs_no_permission_to_be_read(
    index: Index, make_index: Make, put: Put, layout: Layout
) -> None:
    """Rows that are known are read without a lock, and without changing anything but the time they were asked for."""
    tree = put(numbered(0, 90))
    index.rows(tree)
    seen: list[str] = []
    files.on_step = lambda what, path: seen.append(f"{what} {path}")
    try:
        assert len(make_index().rows(tree)) == 90
        make_index().status()
        make_index().damage()
        assert make_index().holds(tree)
    finally:
        files.on_step = None
    assert seen == []


def test_a_segment_says_what_it_is(index: Index, put: Put) -> None:
    """In a debugger, and in messages."""
    (part,) = index.rows(put(numbered(0, 33))).parts
    assert isinstance(part.segment, Segment)
    assert repr(part.segment) == f"<Segment {part.segment.path.name}: 33 frames>"
    assert part.count == 33
