"""Processes that end at any step, and disks that lose what was not flushed: rows are right ever after."""

from __future__ import annotations

import json
import os
import shutil
import traceback
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path

import pytest

from hdstore.index import Index, VersionRows, arrays, building
from hdstore.index import index as index_module
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


def steps(script: Callable[[], object], at: int) -> bool:
    """Runs a script in a process that ends before its nth change of the disk; returns whether it was through before."""
    child = os.fork()
    if child == 0:
        calls = count(1)
        try:
            files.on_step = lambda what, path: os._exit(9) if next(calls) == at else None
            script()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9), "the script failed by itself; its traceback is in the captured output"
    return code == 0


def build(index: Index, trees: list[str]) -> None:
    index.rows(trees[-1])


def edit(index: Index, trees: list[str]) -> None:
    index.rows(trees[-1], near=trees[-2::-1])


def compact(index: Index, trees: list[str]) -> None:
    index.compact(trees[2:])


def drop(index: Index, trees: list[str]) -> None:
    index.drop()


@pytest.mark.parametrize("script", [build, edit, compact, drop])
@pytest.mark.parametrize(
    "stride", [pytest.param(5, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)]
)
def test_a_process_that_ends_anywhere_leaves_an_index_that_is_right(
    script: Callable[[Index, list[str]], None],
    stride: int,
    make_index: Make,
    put: Put,
    held: Held,
    layout: Layout,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed before any change of the disk, while it builds, merges, compacts or drops: rows are right ever after."""
    monkeypatch.setattr(arrays, "_LARGE", 1000)
    monkeypatch.setattr(building, "MAX_FRAMES", 60)
    versions = [[*numbered(n, 90 + n), *numbered(500 + n, 500 + 2 * n)] for n in range(6)]
    trees = [put(frames) for frames in versions]
    for tree in trees[:-1]:
        make_index().rows(tree)
    monkeypatch.setattr(index_module, "_MANY", 3)
    folder, kept = folder_of(layout), tmp_path / "kept"
    shutil.copytree(folder, kept)
    for at in count(1, stride):
        # The manifest knows the folder itself: only what is in it is put back.
        restore(kept, folder)
        finished = steps(lambda: script(make_index(), trees), at)
        for _ in range(2):
            for tree, frames in zip(trees, versions, strict=True):
                assert ids(held(make_index().rows(tree))) == ids(frames), at
        last = make_index()
        last.compact(trees, merge=False)
        assert last.damage() == []
        assert last._shelf._manifest.strays(last._shelf.usable()) == []
        for path in layout.tmp.iterdir():
            path.unlink()
        if finished:
            assert at > 2
            return


def restore(kept: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for path in [*folder.iterdir()]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    said = json.loads((folder / "manifest.json").read_text())
    said["place"] = [folder.stat().st_dev, folder.stat().st_ino]
    (folder / "manifest.json").write_text(json.dumps(said))


class PowerCut:
    """Forgets what was not flushed: knows what each file held when it was last on the disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.flushed: set[bytes] = set()
        self.known = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def __call__(self, what: str, path: Path) -> None:
        if what == "fsync":
            self.flushed.add(path.read_bytes())

    def strike(self, how: str) -> int:
        """Does to each file that was never flushed what a power cut may do; returns how many these were."""
        hurt = 0
        for path in [path for path in self.folder.rglob("*") if path.is_file()]:
            data = path.read_bytes()
            if data in self.flushed or self.known.get(path) == data:
                continue
            hurt += 1
            if how == "empty":
                path.write_bytes(b"")
            elif how == "zeros":
                path.write_bytes(bytes(len(data)))
            elif how == "half":
                path.write_bytes(data[: len(data) // 2].ljust(len(data), b"\0"))
            elif how == "before" and path in self.known:
                path.write_bytes(self.known[path])
            else:
                path.unlink()
        return hurt


@pytest.mark.parametrize("how", ["gone", "empty", "zeros", "half", "before"])
@pytest.mark.parametrize("many", [2, 48])
def test_a_power_cut_gives_no_wrong_rows(
    how: str,
    many: int,
    make_index: Make,
    put: Put,
    held: Held,
    layout: Layout,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever becomes of files that were not flushed: rows are right, and large segments are not built again."""
    monkeypatch.setattr(index_module, "_MANY", many)
    monkeypatch.setattr(arrays, "_LARGE", 20_000)
    versions = [numbered(0, 900), *(numbered(n, 900 + n) for n in range(1, 6))]
    trees = [put(frames) for frames in versions]
    make_index().rows(trees[0])
    cut = PowerCut(folder_of(layout))
    monkeypatch.setattr(files, "on_step", cut)
    writer = make_index()
    for tree in trees:
        writer.rows(tree, near=trees)
    assert cut.strike(how) >= 5
    monkeypatch.setattr(files, "on_step", None)

    assert make_index().status().frames >= 900
    for tree, frames in zip(trees, versions, strict=True):
        assert ids(held(make_index().rows(tree))) == ids(frames)
    assert make_index().damage() == []
