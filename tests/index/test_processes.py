"""Several processes and threads use one index; whoever dies, the others find right rows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from threading import Barrier, Event

import pytest

import hdstore
from hdstore import Author, Repository, SingleFrame
from hdstore.index import Index, VersionRows
from hdstore.index import index as index_module

ADA = Author("Ada Lovelace", "ada@example.org")
WORKER = Path(__file__).with_name("worker.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Returns a folder with a repository of one published version of 2,000 frames."""
    with hdstore.init(tmp_path, author=ADA) as repository:
        draft = repository.create_dataset("plates").current()
        draft.add_frames(SingleFrame(id=f"f{n}", metadata={"n": n}) for n in range(2000))
        draft.snapshot(name="first")
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Returns a function that starts a process that uses the repository."""
    begun: list[subprocess.Popen[str]] = []

    def run(what: str, seed: int = 0) -> subprocess.Popen[str]:
        command = [sys.executable, str(WORKER), what, str(folder), str(seed)]
        begun.append(
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return begun[-1]

    yield run
    for process in begun:
        process.kill()
        process.communicate()


def numbers(rows: VersionRows) -> list[float]:
    found: list[float] = []
    for part in rows.parts:
        cells = part.segment.cells("frame", ("n",))
        assert cells is not None
        assert cells.numbers is not None
        found += cells.numbers[slice(None) if part.live is None else part.live].tolist()
    return sorted(found)


@pytest.mark.parametrize(
    "processes", [pytest.param(2, id="two"), pytest.param(6, id="six", marks=pytest.mark.slow)]
)
def test_many_processes_edit_and_search_at_once(
    folder: Path, start: Callable[..., subprocess.Popen[str]], processes: int
) -> None:
    """Each checks after each edit that the columns say what the frames say, while others merge and drop the index."""
    begun = [start("work", seed) for seed in range(processes)]
    for process in begun:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in begun:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in begun:
        out, err = process.communicate(timeout=300)
        assert (out, process.returncode) == ("done\n", 0), err
    with hdstore.open(folder, author=ADA) as repository:
        for version in repository.dataset("plates").versions():
            assert numbers(version.rows()) == sorted(frame.metadata["n"] for frame in version.frames())
        repository.build_index()
        assert repository.fsck() == []
        assert list((repository.hds / "hdstore" / "tmp").iterdir()) == []


def test_a_builder_that_is_killed_is_nobodys_problem(
    folder: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    """Its lock is free at once, what it left is removed, and the index is built."""
    process = start("build")
    assert process.stdout is not None
    assert process.stdout.readline() == "building\n"
    with hdstore.open(folder, author=ADA) as repository:
        waiting: list[str] = []
        shelf = repository._core.kept_index._shelf
        strays = shelf._manifest.strays(shelf.usable())

        def progress(what: str, done: int, total: int | None) -> None:
            waiting.append(what)
            if "Waiting" in what:
                process.kill()
                process.wait()

        rows = repository.version("plates/first").rows(progress=progress)
        assert "Waiting for another process to build the index" in waiting
        assert process.returncode == -9
        assert numbers(rows) == list(range(2000))
        assert strays
        assert shelf._manifest.strays(shelf.usable()) == []
        assert repository.fsck() == []


def test_who_waits_for_another_builder_can_be_cancelled(
    folder: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    """Waiting is reported again and again, and ends when the caller says so."""
    process = start("build")
    assert process.stdout is not None
    assert process.stdout.readline() == "building\n"
    with hdstore.open(folder, author=ADA) as repository:

        def cancel(what: str, done: int, total: int | None) -> None:
            raise hdstore.CancelledError(what)

        with pytest.raises(hdstore.CancelledError, match="Waiting"):
            repository.version("plates/first").rows(progress=cancel)
        assert process.poll() is None


def test_who_waits_too_long_is_told(
    folder: Path, start: Callable[..., subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says who is in the way and what to do."""
    monkeypatch.setattr(index_module, "_PATIENCE", 0.0)
    process = start("build")
    assert process.stdout is not None
    assert process.stdout.readline() == "building\n"
    with (
        hdstore.open(folder, author=ADA) as repository,
        pytest.raises(hdstore.LockTimeoutError, match="Another process has been building the index"),
    ):
        repository.version("plates/first").rows()


# Threads


def trees_of(repository: Repository, number: int) -> list[tuple[str, list[float]]]:
    dataset = repository.create_dataset("other")
    draft = dataset.current()
    found = []
    for step in range(number):
        draft.add_frames(SingleFrame(id=f"f{n}", metadata={"n": n + step}) for n in range(step, step + 70))
        held = sorted(float(frame.metadata["n"]) for frame in draft.frames())
        found.append((draft.state().trie.tree, held))
    return found


def test_threads_share_one_index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All ask for known and unknown trees at the same time: each is built once, and all get the right rows."""
    monkeypatch.setattr(index_module, "_MANY", 3)
    monkeypatch.setattr(index_module, "_REMEMBERED", 2)
    with hdstore.open(folder, author=ADA) as repository, ThreadPoolExecutor(6) as pool:
        trees = trees_of(repository, 6)
        index = repository._core.index
        index.rows(trees[0][0])
        together = Barrier(6)

        def look(begin: int) -> None:
            together.wait()
            for number in range(begin, begin + 18):
                tree, held = trees[number % 6]
                assert numbers(index.rows(tree, near=[trees[number % 5][0]])) == held
                assert index.holds(tree)

        for _ in pool.map(look, range(6)):
            pass
        assert index.damage() == []


def test_who_reads_while_others_merge_and_drop_gets_right_rows(folder: Path) -> None:
    """A reader with a handle of its own never sees half of a change."""
    with hdstore.open(folder, author=ADA) as repository, ThreadPoolExecutor(4) as pool:
        trees = trees_of(repository, 4)
        core = repository._core
        done = Event()

        def make() -> Index:
            lock = core.layout.locks / "index.lock"
            return Index(core.index_folder, core.objects, tmp=core.layout.tmp, lock=lock)

        def disturb() -> None:
            try:
                for number in range(30):
                    index = make()
                    for tree, _ in trees:
                        index.rows(tree)
                    index.compact([tree for tree, _ in trees[number % 4 :]], merge=number % 2 == 0)
                    if number % 5 == 0:
                        index.drop()
            finally:
                done.set()

        def read(_: None) -> int:
            looked = 0
            while not done.is_set():
                index = make()
                for tree, held in trees:
                    assert numbers(index.rows(tree)) == held
                    looked += 1
                index.status()
            return looked

        disturbing = pool.submit(disturb)
        for looked in pool.map(read, repeat(None, 3)):
            assert looked
        disturbing.result()
