"""kill -9 at any instant under load: the repository opens, and holds every save that had returned."""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hdstore
from hdstore import Author, Repository, SetFrameMetadata, SingleFrame, Source

ADA = Author("Ada Lovelace", "ada@example.org")
LONGEST = 0.12
"""Seconds after which the process is killed at the latest; it saves about every ten milliseconds."""


def load(folder: Path, words: int, seed: int) -> None:
    """Changes the repository for ever and tells the tip of each save that returned."""
    chance = random.Random(seed)
    with hdstore.open(folder, author=ADA) as repository:
        dataset = repository.dataset("plates")
        os.write(words, b"ready\n")
        while True:
            draft = dataset.current()
            what = chance.random()
            if what < 0.5:
                number = chance.randrange(90)
                draft.apply(SetFrameMetadata(frame_id=f"f{number}", set={"k": chance.random()}))
            elif what < 0.75:
                draft.add_frames(SingleFrame(id=f"new{chance.randrange(300)}") for _ in range(30))
            elif what < 0.85:
                kept = repository.media.keep_bytes(chance.randbytes(1000))
                draft.add_frames([SingleFrame(id="kept", sources=(Source(uri=f"media:{kept}"),))])
            elif what < 0.95:
                draft.snapshot()
            else:
                repository.gc(grace=3600)
            os.write(words, f"{dataset.id}/{draft.id} {draft.commit}\n".encode())


def kill_soon(folder: Path, seed: int) -> list[str]:
    """Runs the load in a process, kills it at a random instant, and returns what it said."""
    ears, words = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            load(folder, words, seed)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(words)
    with os.fdopen(ears, "rb") as stream:
        said = [stream.readline()]
        time.sleep(random.Random(seed).uniform(0, LONGEST))
        os.kill(child, signal.SIGKILL)
        said += stream.readlines()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, "the load failed; see the captured output"
    return b"".join(said[1:]).decode().splitlines()


def holds(repository: Repository, saves: list[str]) -> None:
    core: Any = repository._core
    for line in saves:
        path, commit = line.split(" ")
        dataset_id, version_id = path.split("/")
        tip = repository.dataset(dataset_id).version(version_id).commit
        assert core.objects.is_ancestor(commit, tip), line


@pytest.mark.parametrize(
    "kills", [pytest.param(20, id="some"), pytest.param(200, id="many", marks=pytest.mark.long)]
)
def test_killed_processes_leave_all_that_was_saved(
    kills: int, folder: Path, git_fsck: Callable[[Path], str]
) -> None:
    """Killed at random instants, again and again on what the last one left, it never loses or damages anything."""
    saves = 0
    for kill in range(1, kills + 1):
        said = kill_soon(folder, kill)
        saves += len(said)
        with hdstore.open(folder, author=ADA) as repository:
            holds(repository, said)
            if kill % 10 == 0:
                assert repository.fsck() == []
                assert git_fsck(folder) == ""
                repository.version("plates/Current").apply(hdstore.PutFrame(frame=SingleFrame(id="after")))
    assert saves > kills
