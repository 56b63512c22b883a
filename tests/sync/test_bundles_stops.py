"""A process that is killed while it makes or applies a bundle: nothing is lost or half there, and a rerun completes."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path

import pytest
from faults import conftest as faults

import hdstore
from hdstore import Author, SetFrameMetadata, SingleFrame, Source

ADA, EVE = Author("Ada", "ada@example.org"), Author("Eve", "eve@example.org")

stop_at = faults.stop_at
place = faults.place
StopAt = faults.StopAt

STRIDE = pytest.mark.parametrize(
    "stride", [pytest.param(5, id="some"), pytest.param(1, id="all", marks=pytest.mark.long)]
)


@pytest.fixture
def pair(place: Path) -> tuple[Path, Path]:
    """Returns the folders of two repositories that went on from the same versions; the first has two media more."""
    first, second, file = place / "first", place / "second", place / "file"
    first.mkdir()
    with hdstore.init(first, author=ADA) as made:
        draft = made.create_dataset("plates").current()
        draft.add_frames(SingleFrame(id=f"f{number}") for number in range(70))
        draft.snapshot(name="v1")
        made.create_bundle(file)
        hdstore.clone(file, second, author=EVE).close()
        hashes = [made.media.keep_bytes(data) for data in (b"a medium", b"x" * 100_000)]
        made.version("plates/Current").add_frames(
            SingleFrame(id=hash, sources=(Source(uri=f"media:{hash}"),)) for hash in hashes
        )
        made.create_dataset("other").current().snapshot(name="v2")
    with hdstore.open(second, author=EVE) as made:
        made.version("plates/Current").apply(SetFrameMetadata(frame_id="f1", set={"k": 1}))
    return first, second


def refs_of(folder: Path) -> dict[str, str]:
    with hdstore.open(folder, author=EVE) as opened:
        found = opened._core.refs.list("refs/")
    return {name: oid for name, oid in found.items() if not name.startswith("refs/hdstore/")}


@STRIDE
def test_an_apply_that_was_killed_is_completed(
    pair: tuple[Path, Path], place: Path, stop_at: StopAt, stride: int
) -> None:
    """Before any change of the disk: refs are all old or all new, fsck finds nothing, a rerun brings the rest."""
    first, second = pair
    file = place / "bundle"
    with hdstore.open(first, author=ADA) as opened:
        opened.create_bundle(file, media="all")
    wanted = place / "wanted"
    shutil.copytree(second, wanted)
    before = refs_of(second)
    with hdstore.open(wanted, author=EVE) as opened:
        report = opened.apply_bundle(file)
        assert (len(report.merged), report.media) == (1, 2)
    after = refs_of(wanted)
    for step in count(1, stride):
        folder = place / f"step{step}"
        shutil.copytree(second, folder)

        def script(_say: object, folder: Path = folder) -> None:
            with hdstore.open(folder, author=EVE) as opened:
                opened.apply_bundle(file)

        stopped = stop_at(script, step, audit=True)
        found = refs_of(folder)
        assert found in (before, after), stopped.place
        with hdstore.open(folder, author=EVE) as opened:
            assert [f for f in opened.fsck() if "it is not kept here" not in f.message] == [], stopped.place
            opened.apply_bundle(file)
            assert opened.fsck() == []
            assert opened._core.refs.list("refs/hdstore/incoming/") == {}
        assert refs_of(folder) == after
        shutil.rmtree(folder)
        if stopped.finished:
            assert step > 20
            return


@STRIDE
def test_a_bundle_whose_making_was_killed_is_there_or_not(
    pair: tuple[Path, Path], place: Path, stop_at: StopAt, stride: int
) -> None:
    """The file is the old one or the new one, whole; what is left beside it has another name."""
    first, _ = pair
    folder = place / "usb"
    folder.mkdir()
    file = folder / "bundle"
    shutil.copyfile(place / "file", file)
    old = file.read_bytes()
    with hdstore.open(first, author=ADA) as opened:
        commit = opened.version("plates/Current").commit

    def script(_say: object) -> None:
        with hdstore.open(first, author=ADA) as opened:
            opened.create_bundle(file, media="all")

    for step in count(1, stride):
        stopped = stop_at(script, step, audit=True)
        if file.read_bytes() != old:
            report = hdstore.verify_bundle(file)
            assert (report.problems, report.media) == ((), 2)
            assert commit in report.refs.values()
        assert all(path == file or path.name.startswith(".bundle-") for path in folder.iterdir())
        if stopped.finished:
            assert file.read_bytes() != old
            return
