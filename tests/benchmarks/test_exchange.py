"""Exchange beside what git alone does, in one run: ``pytest -m benchmark tests/benchmarks/test_exchange.py -s``.

HDSTORE_BENCH_FRAMES sets the number of frames (100,000).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from frames import make_frame, make_frames
from limits import timed

import hdstore
from hdstore import PutFrame, Repository
from hdstore.codec import encode_frame

pytestmark = pytest.mark.benchmark

COUNT = int(os.environ.get("HDSTORE_BENCH_FRAMES", "100000"))
AUTHOR = hdstore.Author("Ada", "ada@example.org")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """A repository with a draft of COUNT frames that were added in bulk."""
    with hdstore.init(tmp_path_factory.mktemp("here"), author=AUTHOR) as made:
        made.create_dataset("speed").current().add_frames(make_frames(COUNT))
        yield made


def test_a_first_push_takes_at_most_twice_what_git_takes(repository: Repository, tmp_path: Path) -> None:
    """The same objects, to a fresh folder on the same disk, by ``git push`` with its pack reused."""
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    command = ["git", "-c", "core.fsync=all", "-C", str(repository.hds), "push", "-q", str(bare)]
    by_git = timed(lambda: subprocess.run([*command, "refs/heads/*:refs/heads/*"], check=True))
    repository.add_remote("fresh", str(tmp_path / "fresh"))
    ours = timed(lambda: repository.push("fresh"))
    print(
        f"push of {COUNT} frames: {ours:.2f} s, git push {by_git:.2f} s, {ours / by_git:.2f} times (limit 2)"
    )
    assert ours <= 2 * by_git


def test_a_pull_of_ten_edited_frames_moves_little(repository: Repository, tmp_path: Path) -> None:
    """What git's pack for the puller weighs, to the bytes of the ten frames; tests/sync counts it on a real wire."""
    repository.add_remote("hub", str(tmp_path / "hub"))
    repository.push("hub")
    other = hdstore.clone(tmp_path / "hub", tmp_path / "other", author=AUTHOR)
    draft = repository.dataset("speed").current()
    before = draft.commit
    frames = [make_frame(number, 1) for number in range(0, COUNT, COUNT // 10)][:10]
    draft.apply(*(PutFrame(frame=frame) for frame in frames))
    repository.push("hub")
    packed = subprocess.run(
        ["git", "-C", str(repository.hds), "pack-objects", "--stdout", "--revs", "--thin", "-q"],
        input=f"{draft.commit}\n^{before}\n".encode(),
        capture_output=True,
        check=True,
    ).stdout
    frame_bytes = sum(len(encode_frame(frame)) for frame in frames)
    seconds = timed(lambda: other.pull())
    print(f"ten frames of {frame_bytes} B: {len(packed)} B, {len(packed) / frame_bytes:.1f} times (limit 20)")
    print(f"the pull took {seconds:.2f} s")
    assert other.dataset("speed").current().commit == draft.commit
    assert len(packed) <= 20 * frame_bytes
    other.close()
