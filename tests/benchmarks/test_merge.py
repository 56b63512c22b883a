"""How long a merge takes beside a save of what it joins; by hand: ``pytest -m benchmark tests/benchmarks -s``."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from frames import make_frame, make_frames
from limits import timed

import hdstore
from hdstore import DatasetVersion, Repository

pytestmark = pytest.mark.benchmark

COUNT = int(os.environ.get("HDSTORE_BENCH_FRAMES", "100000"))
EDITS = 500
AUTHOR = hdstore.Author("Ada", "ada@example.org")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    with hdstore.init(tmp_path_factory.mktemp("merge"), author=AUTHOR) as repository:
        yield repository


def numbers(turn: int, start: int) -> list[int]:
    """Returns which frames are edited, spread over the whole version."""
    return [(turn * 31 + (start + k) * 7919) % COUNT for k in range(EDITS)]


def test_merging_a_thousand_differences_takes_at_most_five_times_writing_them(repository: Repository) -> None:
    """Two drafts of COUNT frames with 500 changed frames each, 50 of them the same and 50 changed differently."""
    dataset = repository.create_dataset("speed")
    first = dataset.current()
    first.add_frames(make_frames(COUNT))
    first.publish()
    ratios = []
    for turn in range(5):
        ours, theirs, saved = (
            dataset.create_version(f"{name} {turn}", parents=first) for name in ("ours", "theirs", "saved")
        )
        mine, other = numbers(turn, 0), numbers(turn, EDITS - 100)
        ours.add_frames(make_frame(n, 1) for n in mine)
        same, own = other[:50], other[50:]
        theirs.add_frames([*(make_frame(n, 1) for n in same), *(make_frame(n, 2) for n in own)])
        edits = [make_frame(n, 3) for n in {*mine, *numbers(turn, EDITS)}]
        gc.collect()
        writing = timed(lambda: saved.add_frames(edits))  # noqa: B023 - runs at once
        merging = timed(lambda: merge(ours, theirs))  # noqa: B023 - runs at once
        ratios.append(merging / writing)
        print(f"\nsave of {len(edits)} edits {writing * 1e3:.0f} ms, merge {merging * 1e3:.0f} ms")
        assert {conflict.frame_id for conflict in ours.conflicts()} == {
            make_frame(n, 1).id for n in own if n in set(mine)
        }
    ratio = sorted(ratios)[2]
    print(f"merge / writing what it joins: {ratio:.2f} times, limit 5")
    assert ratio <= 5


def merge(ours: DatasetVersion, theirs: DatasetVersion) -> None:
    assert ours.merge(theirs)
