"""Care of the index: compacting it, building it beforehand, telling of it, dropping it; in the library and commands."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

import hdstore
from hdstore import Repository, SetFrameMetadata
from hdstore.cli import main
from hdstore.errors import CancelledError, NotFoundError
from hdstore.index import Index, VersionRows, arrays
from hdstore.index import index as index_module
from hdstore.model import Frame, SingleFrame
from hdstore.store import Layout, files

ADA = hdstore.Author("Ada Lovelace", "ada@example.org")

Put = Callable[[Iterable[Frame]], str]
Held = Callable[[VersionRows], list[Frame]]


def numbered(first: int, last: int, **fields: object) -> list[Frame]:
    return [SingleFrame(id=f"f{n}", metadata={"n": n, **fields}) for n in range(first, last)]


def ids(frames: Iterable[Frame]) -> list[str]:
    return sorted(frame.id for frame in frames)


def segments(rows: VersionRows) -> set[str]:
    return {part.segment.path.name for part in rows.parts}


# Compacting


def test_segments_that_nobody_needs_are_removed(
    index: Index, make_index: Callable[[], Index], put: Put, held: Held
) -> None:
    """Their files are gone, rows of other trees are forgotten, and what is needed stays as it is."""
    needed, gone = put(numbered(0, 90)), put(numbered(500, 900))
    rows = index.rows(needed)
    lost = index.rows(gone)
    size = sum(part.segment.size for part in lost.parts)

    assert index.compact([needed], merge=False) == size
    assert not any(part.segment.path.exists() for part in lost.parts)
    assert not index.holds(gone)
    assert make_index().holds(needed)
    assert segments(make_index().rows(needed)) == segments(rows)
    assert make_index().compact([needed], merge=False) == 0
    assert ids(held(index.rows(gone))) == ids(numbered(500, 900))


def test_a_leaf_that_one_of_the_trees_has_is_kept(index: Index, put: Put, held: Held) -> None:
    """Rows are shared: a segment goes when no tree needs any of it, even where their rows are not known."""
    frames = numbered(0, 400)
    first = put(frames)
    second = put([*frames[1:], SingleFrame(id="new", metadata={"n": -1})])
    index.rows(first)
    index.rows(second)
    index._sets.forget([second])
    index._rows.clear()

    assert index.compact([second], merge=False) == 0
    before = index.status().frames
    assert ids(held(index.rows(second))) == ids([*frames[1:], SingleFrame(id="new")])
    assert index.status().frames == before


def test_small_segments_of_one_version_become_one(index: Index, put: Put, held: Held) -> None:
    """And those of other versions, which share none, stay apart: their searches read less."""
    own, other = numbered(0, 200), numbered(5000, 5100)
    trees = [put(own)]
    index.rows(trees[0])
    for number in range(5):
        own = [*own[1:], SingleFrame(id=f"new{number}", metadata={"n": number})]
        trees.append(put(own))
        index.rows(trees[-1], near=trees)
    apart = put(other)
    alone = segments(index.rows(apart))
    assert len(index.rows(trees[-1]).parts) > 2

    freed = index.compact([trees[-1], apart])

    assert freed > 0
    assert index.status().segments == 2
    assert index.status().frames == 300
    assert segments(index.rows(apart)) == alone
    rows = index.rows(trees[-1])
    assert [part.live for part in rows.parts] == [None]
    assert ids(held(rows)) == ids(own)
    assert index.compact([trees[-1], apart]) == 0
    assert index.damage() == []


def test_a_segment_that_is_mostly_dead_is_written_anew(
    index: Index, put: Put, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However large it is."""
    monkeypatch.setattr(index_module, "_SMALL", 0)
    frames = numbered(0, 900)
    index.rows(put(frames))
    few = put(frames[:100])
    some = put(frames)
    index.rows(few)

    assert index.compact([few, some]) == 0
    status = index.status()
    assert index.compact([few]) > 0
    assert index.status().segments == 1
    assert index.status().frames < status.frames / 2
    assert ids(held(index.rows(few))) == ids(frames[:100])


def test_no_index_is_compacted_to_none(index: Index, put: Put, layout: Layout) -> None:
    """Nothing is made where there was nothing."""
    assert index.compact([put(numbered(0, 40))]) == 0
    assert not (layout.index / "frames").exists()


def test_a_compaction_that_is_cancelled_loses_nothing(
    index: Index, make_index: Callable[[], Index], put: Put, held: Held, layout: Layout
) -> None:
    """Rows are right afterwards, and it can be done again."""
    own = numbered(0, 200)
    trees = [put(own), put([*own, SingleFrame(id="new", metadata={"n": 1})])]
    for tree in trees:
        index.rows(tree, near=trees)

    def cancel(what: str, done: int, total: int | None) -> None:
        raise CancelledError(what)

    with pytest.raises(CancelledError):
        index.compact([trees[1]], progress=cancel)
    assert list(layout.tmp.iterdir()) == []
    assert make_index().damage() == []
    assert len(held(make_index().rows(trees[1]))) == 201
    index.compact([trees[1]])
    assert index.status().segments == 1


# Repositories


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """Yields a repository with three versions, two of them published."""
    with hdstore.init(tmp_path, author=ADA) as made:
        dataset = made.create_dataset("plates")
        draft = dataset.current()
        draft.add_frames(numbered(0, 90))
        _, draft = draft.snapshot(name="first")
        draft.apply(SetFrameMetadata(frame_id="f1", set={"n": -1}))
        _, draft = draft.snapshot(name="second")
        draft.add_frames(numbered(100, 101))
        yield made


def indexed(repository: Repository) -> dict[str, bool]:
    return {version.path: version.indexed for version in repository.index_status().versions}


def test_an_index_is_built_told_of_and_dropped(repository: Repository) -> None:
    """Of all versions or of those that are named; a new one is built by the next search."""
    all_of_them = ["plates/Current", "plates/first", "plates/second"]
    assert indexed(repository) == dict.fromkeys(all_of_them, False)
    assert repository.index_status().segments == 0

    report = repository.build_index(["plates/first"])
    assert report == repository.index_status()
    assert [version.path for version in report.versions if version.indexed] == ["plates/first"]
    assert report.frames == 90
    said: list[tuple[str, int, int | None]] = []
    report = repository.build_index(progress=lambda *call: said.append(call))
    assert all(version.indexed for version in report.versions)
    assert {version.version_id for version in report.versions} == {
        version.id for version in repository.dataset("plates").versions()
    }
    assert report.segments == 1
    assert report.size > 0
    assert ("Indexing versions", 3, 3) in said
    assert "Indexing leaves" in {what for what, _, _ in said}
    draft = repository.version("plates/Current")
    assert repository.build_index([draft]) == report
    repository.drop_index()
    assert indexed(repository) == dict.fromkeys(all_of_them, False)
    assert [frame.id for frame in draft.query("meta.n:100")] == ["f100"]
    assert indexed(repository)["plates/Current"]


def test_a_version_that_is_not_there_is_not_built(repository: Repository) -> None:
    """Nothing is, then."""
    with pytest.raises(NotFoundError):
        repository.build_index(["plates/first", "plates/third"])
    assert repository.index_status().segments == 0


def test_what_was_built_stays_when_the_rest_is_cancelled(repository: Repository) -> None:
    """Each version is whole or absent."""

    def progress(what: str, done: int, total: int | None) -> None:
        if (what, done) == ("Indexing versions", 1):
            raise CancelledError(what)

    with pytest.raises(CancelledError):
        repository.build_index(["plates/second", "plates/Current"], progress=progress)
    assert indexed(repository) == {"plates/Current": False, "plates/first": False, "plates/second": True}
    assert repository.fsck() == []


def test_collecting_garbage_removes_what_is_dead_in_the_index(repository: Repository) -> None:
    """Rows that versions and views need as they stand now are kept; nothing is built, not even where none is."""
    assert repository.gc(grace=0).index_bytes == 0
    assert not repository._core.index_folder.exists()
    dataset = repository.dataset("plates")
    repository.build_index()
    other = dataset.create_version("other", parents=["second"])
    other.add_frames(numbered(1000, 1200))
    other.rows()
    assert repository.gc(grace=0).index_bytes == 0
    before = repository.index_status()
    other.delete()

    freed = repository.gc(grace=0).index_bytes

    after = repository.index_status()
    assert freed == before.size - after.size > 0
    assert after.segments < before.segments
    assert all(version.indexed for version in after.versions)
    assert repository.fsck() == []


def test_rows_that_a_view_pins_are_kept(repository: Repository) -> None:
    """Although no version stands at that commit any more."""
    draft = repository.version("plates/Current")
    draft.rows()
    tree = draft.state().trie.tree
    view = hdstore.View(queries=(hdstore.ViewQuery(dataset="plates", version="Current"),))
    stored = repository.create_view("training", view)
    stored.publish()
    assert draft.commit in stored.value.pins.values()
    draft.apply(SetFrameMetadata(frame_id="f2", set={"n": -2}))
    repository.gc(grace=0)

    assert repository._core.index.holds(tree)
    assert hdstore.open(repository.folder)._core.index.holds(tree)


def test_verifying_finds_damage_of_the_index_and_says_what_to_do(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is derived, so the way out is to drop it."""
    monkeypatch.setattr(arrays, "_LARGE", 1000)
    assert repository.fsck() == []
    repository.build_index()
    assert repository.fsck() == []
    (path,) = repository._core.index_folder.glob("segment-*")
    data = bytearray(path.read_bytes())
    data[data.index(b"f17")] ^= 1
    path.write_bytes(data)

    (finding,) = repository.fsck()
    assert finding.kind == "index"
    assert finding.where == str(repository._core.index_folder)
    assert str(path) in finding.message
    assert "hdstore index drop" in finding.message
    repository.drop_index()
    assert repository.fsck() == []


# Commands


@pytest.fixture
def run(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Returns a function that runs a command line in the repository's folder and returns what it printed."""
    monkeypatch.chdir(repository.folder)

    def run(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        status = main([*arguments])
        printed = capsys.readouterr()
        assert status == code, printed.err
        return printed.out

    return run


def test_the_commands_build_show_and_drop_the_index(run: Callable[..., str]) -> None:
    """With sentences for people, and JSON for programs."""
    assert json.loads(run("index", "status", "--json"))["segments"] == 0
    assert "The index holds 1 version with 90 frames in 1 segment" in run("index", "build", "plates/first")
    assert "The index holds 3 versions" in run("index", "build")
    said = json.loads(run("index", "status", "--json"))
    assert said["segments"] == 1
    assert 90 < said["frames"] < 180
    assert said["bytes"] > 0
    assert [(version["version"], version["indexed"]) for version in said["versions"]] == [
        ("plates/Current", True),
        ("plates/first", True),
        ("plates/second", True),
    ]
    assert {*said["versions"][0]} == {"version", "dataset_id", "version_id", "indexed"}
    shown = run("index", "status").split()
    assert shown[:2] == ["segments", "1"]
    assert shown.count("yes") == 3
    assert run("index", "drop") == "Removed the index\n"
    assert run("index", "status").split().count("no") == 3
    run("index", "build", "plates/third", code=3)


def test_a_build_that_is_interrupted_leaves_nothing_half_done(
    run: Callable[..., str], repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C, at its first change of the disk."""
    monkeypatch.setattr(files, "on_step", once(lambda: signal.raise_signal(signal.SIGINT)))
    run("index", "build", code=130)
    monkeypatch.setattr(files, "on_step", None)

    assert list((repository.hds / "hdstore" / "tmp").iterdir()) == []
    assert repository.index_status().segments == 0
    assert repository.fsck() == []


def once(act: Callable[[], object]) -> Callable[[str, Path], None]:
    left = [act]

    def step(what: str, path: Path) -> None:
        if left:
            left.pop()()

    return step


def test_damage_of_the_index_is_a_finding(run: Callable[..., str], repository: Repository) -> None:
    """The exit code is that of all findings; collecting garbage says what it removed."""
    run("index", "build")
    (path,) = repository._core.index_folder.glob("segment-*")
    path.write_bytes(b"")
    assert "index " in run("fsck", code=1)
    run("index", "drop")
    run("fsck")


def test_collecting_garbage_says_what_it_removed_of_the_index(
    run: Callable[..., str], repository: Repository
) -> None:
    """Where it removed something."""
    repository.build_index()
    assert "of the index" not in run("gc")
    other = repository.create_dataset("other")
    other.current().add_frames(numbered(1000, 1090))
    repository.build_index()
    other.delete(all_versions=True)
    assert "of the index.\n" in run("gc")
