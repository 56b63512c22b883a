"""Bundles beside those of git, as ratios in one run; by hand: ``pytest -m benchmark tests/benchmarks -s``.

HDSTORE_BENCH_FRAMES sets the number of frames (100,000).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from frames import make_frame, make_frames
from limits import timed

import hdstore
from hdstore import PutFrame, Repository

pytestmark = pytest.mark.benchmark

COUNT = int(os.environ.get("HDSTORE_BENCH_FRAMES", "100000"))
SAVES = 100
AUTHOR = hdstore.Author("Ada", "ada@example.org")


def report(what: str, value: float, unit: str, limit: str) -> None:
    print(f"{what:<56}{value:10.3f} {unit:<6} limit {limit}")


def git(*arguments: str | Path) -> None:
    subprocess.run(["git", *map(str, arguments)], check=True, capture_output=True)


@dataclass
class Work:
    """A repository of COUNT frames, and where bundles of it are."""

    repository: Repository
    ours: Path
    gits: Path


@pytest.fixture(scope="module", params=["as imported", "after saves"])
def work(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    place = tmp_path_factory.mktemp("bundles")
    (place / "a").mkdir()
    with hdstore.init(place / "a", author=AUTHOR) as repository:
        draft = repository.create_dataset("bundles").current()
        draft.add_frames(make_frames(COUNT))
        for turn in range(SAVES if request.param == "after saves" else 0):
            frames = [make_frame((turn * 7919 + k * 104_729) % COUNT, turn + 3) for k in range(10)]
            draft.apply(*(PutFrame(frame=frame) for frame in frames))
        print(f"\n{COUNT} frames, {request.param}")
        yield Work(repository, place / "ours.hdsb", place / "git.bundle")


def test_bundles_beside_those_of_git(work: Work, tmp_path: Path) -> None:
    """Size at most 1.5 times that of git's; seconds are told, git's fetch with its checks on."""
    repository, ours, gits = work.repository, work.ours, work.gits
    create = timed(lambda: repository.create_bundle(ours))
    git_create = timed(lambda: git("-C", repository.hds, "bundle", "create", "-q", gits, "--all"))
    verify = timed(lambda: repository.verify_bundle(ours))
    (tmp_path / "b").mkdir()
    with hdstore.init(tmp_path / "b", author=AUTHOR) as other:
        apply = timed(lambda: other.apply_bundle(ours))
        assert other._core.refs.list("refs/tags/") == repository._core.refs.list("refs/tags/")
    git("init", "-q", "--bare", tmp_path / "c")
    fetch = ("-c", "fetch.fsckObjects=true", "fetch", "-q", gits, "+refs/*:refs/*")
    git_fetch = timed(lambda: git("-C", tmp_path / "c", *fetch))
    fsck = timed(lambda: git("-C", tmp_path / "c", "fsck", "--strict"))
    size, git_size = ours.stat().st_size, gits.stat().st_size
    report("size of a bundle", size / 1e6, "MB", "-")
    report("size / that of git's bundle", size / git_size, "times", "1.5")
    report("create", create, "s", "-")
    report("create / git bundle create", create / git_create, "times", "-")
    report("verify: every frame is decoded", verify, "s", "-")
    report("apply", apply, "s", "-")
    report("apply / git fetch of its bundle, and fsck --strict", apply / (git_fetch + fsck), "times", "-")
    assert size <= 1.5 * git_size


def test_a_bundle_of_ten_frames_costs_what_changed(work: Work, tmp_path: Path) -> None:
    """Made since another one, it takes a fraction of a second at every step."""
    repository = work.repository
    if not work.ours.exists():
        repository.create_bundle(work.ours)
    (tmp_path / "b").mkdir()
    with hdstore.init(tmp_path / "b", author=AUTHOR) as other:
        other.apply_bundle(work.ours)
        draft = repository.version("bundles/Current")
        draft.apply(*(PutFrame(frame=make_frame(number * (COUNT // 11), 2)) for number in range(10)))
        file = tmp_path / "next.hdsb"
        report("create since", timed(lambda: repository.create_bundle(file, since=[work.ours])), "s", "-")
        report("size", file.stat().st_size / 1e3, "kB", "300")
        report("verify", timed(lambda: other.verify_bundle(file)), "s", "-")
        report("apply", timed(lambda: other.apply_bundle(file)), "s", "-")
        assert other.version("bundles/Current").commit == draft.commit
        assert file.stat().st_size < 300_000
