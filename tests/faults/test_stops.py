"""A process that is stopped before any change of the disk leaves a whole repository and every save that returned."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import hdstore
from hdstore import Author, Dataset, DatasetVersion, Repository, SetFrameMetadata, SingleFrame, Source

ADA = Author("Ada Lovelace", "ada@example.org")
AT_ONCE = 5.0
"""Seconds within which a save must be through: less than anybody waits for a lock that is left."""

Say = Callable[[str], None]
Script = Callable[[Repository, Say], None]


def open_it(folder: Path) -> Repository:
    return hdstore.open(folder, author=ADA)


def tell(say: Say, version: DatasetVersion) -> None:
    say(f"tip {version.dataset.id}/{version.id} {version.commit}")


def plates(repository: Repository) -> Dataset:
    return repository.dataset("plates")


# What is done while the process is stopped. Every save that returned is told.


def add(repository: Repository, say: Say) -> None:
    draft = plates(repository).current()
    draft.add_frames(SingleFrame(id=f"new{n}") for n in range(80))
    tell(say, draft)


def edit(repository: Repository, say: Say) -> None:
    draft = plates(repository).current()
    for number in (1, 50):
        draft.apply(SetFrameMetadata(frame_id=f"f{number}", set={"k": 3}))
        tell(say, draft)


def snapshot(repository: Repository, say: Say) -> None:
    for version in plates(repository).current().snapshot(name="third"):
        tell(say, version)


def publish(repository: Repository, say: Say) -> None:
    draft = plates(repository).current()
    draft.publish(comment="Good")
    tell(say, draft)


def create_dataset(repository: Repository, say: Say) -> None:
    tell(say, repository.create_dataset("other").current())


def create_child(repository: Repository, say: Say) -> None:
    tell(say, plates(repository).create_version("child", parents=["first"]))


def merge_two(repository: Repository, say: Say) -> None:
    tell(say, plates(repository).create_version("child", parents=["first", "second"]))


def join(repository: Repository, say: Say) -> None:
    """Merges another draft, resolves a conflict, and takes the merge back."""
    draft, other = plates(repository).current(), plates(repository).version("side")
    for number, version in enumerate((draft, other)):
        version.add_frames([SingleFrame(id="clash", blob=str(number)), SingleFrame(id=f"only {number}")])
    tell(say, draft)
    assert draft.merge(other).conflicts == 1
    tell(say, draft)
    draft.resolve("clash", choice="theirs")
    tell(say, draft)
    draft.restore("before the merge")
    tell(say, draft)


def rename(repository: Repository, say: Say) -> None:
    plates(repository).rename("plaques")
    say("name plaques")
    repository.dataset("plaques").version("first").rename("premier")


def delete(repository: Repository, say: Say) -> None:
    version = plates(repository).version("second")
    version.delete(force=True)
    say(f"gone {version.dataset.id}/{version.id}")


def gc(repository: Repository, say: Say) -> None:
    plates(repository).version("side").delete()
    repository.gc(grace=0)
    tell(say, plates(repository).current())


def add_remote(repository: Repository, say: Say) -> None:
    repository.add_remote("usb", "/somewhere")
    say("remote usb")
    repository.remove_remote("usb")


def keep_medium(repository: Repository, say: Say) -> None:
    kept = repository.media.keep_bytes(b"other bytes")
    say(f"medium {kept}")
    draft = plates(repository).current()
    draft.apply(hdstore.PutFrame(frame=SingleFrame(id="new", sources=(Source(uri=f"media:{kept}"),))))
    tell(say, draft)


def store_views(repository: Repository, say: Say) -> None:
    view = hdstore.View(queries=(hdstore.ViewQuery(dataset="plates", version="side"),))
    stored = repository.create_view("train", view)
    stored.publish()
    (pinned,) = stored.value.pins.values()
    say(f"view train {pinned}")
    plates(repository).version("side").delete()
    repository.create_view("other", view_of_current()).publish()
    repository.view("other").delete(force=True)
    say(f"view train {pinned}")


def view_of_current() -> hdstore.View:
    return hdstore.View(queries=(hdstore.ViewQuery(dataset="plates", version="Current"),))


ALONE: tuple[Script, ...] = (
    add, edit, snapshot, publish, create_dataset, create_child, merge_two, join, rename, delete, gc, add_remote,
    store_views,
)  # fmt: skip


STRIDES = [pytest.param(6, id="some"), pytest.param(1, id="all", marks=pytest.mark.long)]


def has_kept(repository: Repository, said: list[str]) -> None:
    """Checks that nothing is missing of what a stopped process said that it had saved."""
    core: Any = repository._core
    for line in said:
        what, *words = line.split(" ")
        if what == "tip":
            dataset_id, version_id = words[0].split("/")
            tip = repository.dataset(dataset_id).version(version_id).commit
            assert core.objects.is_ancestor(words[1], tip), line
        elif what == "gone":
            dataset_id, version_id = words[0].split("/")
            assert version_id not in {v.id for v in repository.dataset(dataset_id).versions()}, line
        elif what == "name":
            assert repository.dataset(words[0]).name == words[0]
        elif what == "remote":
            pass  # it may have been removed again
        elif what == "view":
            assert set(repository.view(words[0]).value.pins.values()) == {words[1]}
            assert words[1] in core.refs.list("refs/tags/keep/").values()
        elif what == "medium":
            assert repository.media.verify(words[0])
        else:
            raise AssertionError(line)


def works_at_once(repository: Repository) -> None:
    """Checks that nothing of the stopped process is in the way of the next save and snapshot."""
    begun = time.monotonic()
    (dataset,) = (d for d in repository.datasets() if d.name in ("plates", "plaques"))
    drafts = dataset.versions(published=False) or [dataset.create_version("new", parents=["first"])]
    draft = next((version for version in drafts if version.name == "Current"), drafts[0])
    draft.apply(hdstore.PutFrame(frame=SingleFrame(id="after")))
    if draft.conflicts():
        draft.resolve(choice="keep")
    draft.snapshot(name="after")
    assert time.monotonic() - begun < AT_ONCE


def is_whole(folder: Path, said: list[str], where: str, git_fsck: Callable[[Path], str]) -> None:
    with open_it(folder) as repository:
        assert repository.fsck() == [], where
        assert git_fsck(folder) == "", where
        has_kept(repository, said)
        works_at_once(repository)
        assert not list((repository.hds / "refs").rglob("*.lock")), where


def add_lists(folder: Path) -> None:
    """Adds git's own lists over packs and commits, which name what a collection removes."""
    for command in (["multi-pack-index", "write"], ["commit-graph", "write", "--reachable"]):
        subprocess.run(["git", "-C", str(folder / ".hds"), *command], check=True, capture_output=True)


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("script", ALONE)
def test_a_stopped_change_leaves_the_state_before_or_after_it(
    script: Script,
    stride: int,
    prepared: Path,
    place: Path,
    stop_at: Any,
    git_fsck: Callable[[Path], str],
) -> None:
    """At each step: the repository opens, both checks pass, saves that returned are there, the next save works."""
    before = place / "before"
    shutil.copytree(prepared, before)
    if script is gc:
        add_lists(before)
    for step in count(1, stride):
        folder = place / f"{step}"
        shutil.copytree(before, folder)
        ended = stop_at(lambda say, folder=folder: script(open_it(folder), say), step)
        is_whole(folder, ended.said, f"{step}: {ended.place}", git_fsck)
        shutil.rmtree(folder)
        if ended.finished:
            assert step > 10
            return


@pytest.mark.parametrize("stride", STRIDES)
def test_an_init_that_was_stopped_can_be_repeated(stride: int, place: Path, stop_at: Any) -> None:
    """Wherever it stopped, there is either no repository yet or a whole one, and init completes the former."""
    for step in count(1, stride):
        folder = place / f"{step}"
        folder.mkdir()
        ended = stop_at(lambda say, folder=folder: hdstore.init(folder, author=ADA), step)
        try:
            repository = hdstore.init(folder, author=ADA)
        except hdstore.AlreadyExistsError:
            repository = open_it(folder)
        repository.create_dataset("plates").current().add_frames([SingleFrame(id="one")])
        assert repository.fsck() == [], ended.place
        if ended.finished:
            return


def test_a_medium_whose_keeping_was_stopped_is_whole_or_absent(
    prepared: Path, place: Path, stop_at: Any, git_fsck: Callable[[Path], str]
) -> None:
    """Whatever change of the disk it stopped at, by whomever: bytes under their hash, and nothing lost of a save."""
    for step in count(1):
        folder = place / f"{step}"
        shutil.copytree(prepared, folder)
        ended = stop_at(lambda say, folder=folder: keep_medium(open_it(folder), say), step, audit=True)
        is_whole(folder, ended.said, f"{step}: {ended.place}", git_fsck)
        shutil.rmtree(folder)
        if ended.finished:
            assert step > 10
            return
