"""A process stopped while it exchanges versions leaves both repositories whole, and the exchange can be done again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import hdstore
from hdstore import Author, Repository, SetFrameMetadata, SingleFrame, Source

ADA = Author("Ada Lovelace", "ada@example.org")
AT_ONCE = 5.0

Say = Callable[[str], None]
Exchange = Callable[[Path, Path], None]


def open_it(folder: Path) -> Repository:
    return hdstore.open(folder, author=ADA)


def set_remote(folder: Path, remote: Path) -> None:
    """Makes a repository that was copied look at another place, without a step of its own."""
    config = folder / ".hds" / "config"
    config.write_text(config.read_text().split("[remote")[0] + f'[remote "origin"]\n\turl = {remote}\n')


def push(here: Path, there: Path) -> None:
    with open_it(here) as repository:
        repository.push()


def pull(here: Path, there: Path) -> None:
    with open_it(here) as repository:
        repository.pull()


def clone(here: Path, there: Path) -> None:
    hdstore.clone(there, here, author=ADA).close()


@pytest.fixture(scope="module")
def ages(prepared: Path) -> dict[str, Path]:
    """Returns a repository and what has become of a clone of it."""
    folder = prepared.parent
    old, new = folder / "old", folder / "new"
    shutil.copytree(prepared, old)
    hdstore.clone(old, new, author=ADA).close()
    set_remote(old, new)
    pull(old, new)  # so that both know what the other had
    with open_it(new) as repository:
        dataset = repository.dataset("plates")
        draft = dataset.current()
        kept = repository.media.keep_bytes(b"a new medium")
        draft.add_frames([SingleFrame(id="newer", sources=(Source(uri=f"media:{kept}"),))])
        draft.snapshot(name="third")
        dataset.current().apply(SetFrameMetadata(frame_id="f2", set={"k": 4}))
        dataset.version("side").delete()
        dataset.version("first").rename("premier")
        repository.create_dataset("other")
    return {"old": old, "new": new}


def refs(folder: Path) -> dict[str, str]:
    with open_it(folder) as repository:
        core: Any = repository._core
        return {**core.refs.list("refs/heads/"), **core.refs.list("refs/tags/")}


def is_whole(folder: Path, where: str, git_fsck: Callable[[Path], str]) -> None:
    with open_it(folder) as repository:
        assert repository.fsck() == [], f"{where}: {folder.name}"
        assert git_fsck(folder) == "", f"{where}: {folder.name}"


STRIDES = [pytest.param(17, id="some"), pytest.param(1, id="all", marks=pytest.mark.long)]


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize(
    ("exchange", "here", "there"),
    [(push, "old", ""), (push, "new", "old"), (pull, "old", "new"), (clone, "", "new")],
    ids=["first push", "push", "pull", "clone"],
)
def test_a_stopped_exchange_leaves_both_sides_whole_and_can_be_repeated(
    exchange: Exchange,
    here: str,
    there: str,
    stride: int,
    ages: dict[str, Path],
    place: Path,
    stop_at: Any,
    git_fsck: Callable[[Path], str],
) -> None:
    """Both sides pass both checks wherever it stopped; doing it again brings them to the same versions, at once."""
    for step in count(1, stride):
        ours, theirs = place / f"ours{step}", place / f"theirs{step}"
        if here:
            shutil.copytree(ages[here], ours)
            set_remote(ours, theirs)
        if there:
            shutil.copytree(ages[there], theirs)
        changing = [side for side in (ours, theirs) if side.exists() and (side == ours or exchange is push)]
        ended = stop_at(lambda say, ours=ours, theirs=theirs: exchange(ours, theirs), step)
        where = f"{step}: {ended.place}"
        for side in changing:
            is_whole(side, where, git_fsck)
        cloned = exchange is clone and (ours / ".hds").exists()
        if not ended.finished and not cloned:
            begun = time.monotonic()
            exchange(ours, theirs)
            assert time.monotonic() - begun < AT_ONCE, where
        with open_it(theirs if exchange is push else ours) as repository:
            assert repository.fsck() == [], where
        assert refs(ours) == refs(theirs) == refs(ages["new" if "new" in (here, there) else "old"]), where
        with open_it(ours) as repository:
            draft = repository.dataset("plates").current()
            draft.apply(hdstore.PutFrame(frame=SingleFrame(id="after")))
            draft.snapshot()
        shutil.rmtree(ours)
        shutil.rmtree(theirs)
        if ended.finished:
            assert step > 5
            return
