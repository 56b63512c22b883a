"""Speeds as ratios to what the machine can do, in one run; by hand: ``pytest -m benchmark tests/benchmarks -s``.

HDSTORE_BENCH_FRAMES sets the number of frames (100,000).
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from frames import frame_id, make_frame, make_frames
from limits import floor_of_adding, floor_of_reading, median, timed

import hdstore
from hdstore import DatasetVersion, PutFrame, Repository

pytestmark = pytest.mark.benchmark

T = TypeVar("T")

COUNT = int(os.environ.get("HDSTORE_BENCH_FRAMES", "100000"))
AUTHOR = hdstore.Author("Ada", "ada@example.org")


def report(what: str, value: float, unit: str, limit: str) -> None:
    print(f"{what:<46}{value:10.3f} {unit:<6} limit {limit}")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    with hdstore.init(tmp_path_factory.mktemp("speed"), author=AUTHOR) as repository:
        yield repository


@pytest.fixture(scope="module")
def draft(repository: Repository) -> DatasetVersion:
    """A draft of COUNT frames, added while the clock runs."""
    frames = list(make_frames(COUNT))
    gc.collect()
    gc.freeze()  # the frames to add are the caller's; the collector need not look at them again and again
    floor = floor_of_adding(frames)
    draft = repository.create_dataset("speed").current()
    seconds = timed(lambda: draft.add_frames(frames))
    gc.unfreeze()
    for name, value in floor.items():
        report(f"floor: {name}", value, "s", "-")
    report(f"bulk add of {COUNT} frames", seconds, "s", "-")
    report("bulk add / floor", seconds / sum(floor.values()), "times", "2")
    assert seconds <= 2 * sum(floor.values())
    return draft


def test_streaming_runs_at_sixty_percent_of_a_bare_loop(draft: DatasetVersion) -> None:
    floor = floor_of_reading(draft.state().trie.leaf_blobs())

    def stream() -> None:
        for _ in draft.frames():
            pass

    seconds = min(timed(stream) for _ in range(3))
    report("streaming all frames", seconds, "s", "-")
    report("streaming: share of the bare loop's rate", floor / seconds, "times", "0.6")
    assert floor / seconds >= 0.6


def test_a_saved_edit_of_one_frame_takes_at_most_20_ms(draft: DatasetVersion) -> None:
    numbers = iter(range(0, COUNT, max(1, COUNT // 60)))
    seconds = median(lambda: draft.apply(PutFrame(frame=make_frame(next(numbers), 1))), 25)
    report("saved edit of one frame", seconds * 1e3, "ms", "20")
    assert seconds <= 0.020


def test_one_frame_by_id_takes_at_most_2_ms(draft: DatasetVersion) -> None:
    numbers = iter(range(0, COUNT, max(1, COUNT // 200)))
    seconds = median(lambda: draft.frame(frame_id(next(numbers))), 99)
    report("one frame by id", seconds * 1e3, "ms", "2")
    assert seconds <= 0.002


def life_of_a_version(first: DatasetVersion) -> dict[str, float]:
    """Returns the median seconds of a snapshot, a child, a publishing and a list of versions."""
    dataset, taken = first.dataset, defaultdict[str, list[float]](list)

    def clock(what: str, work: Callable[[], T]) -> T:
        start = time.perf_counter()
        result = work()
        taken[what].append(time.perf_counter() - start)
        return result

    tip = first
    for turn in range(7):
        published, tip = clock("snapshot", tip.snapshot)
        child = clock("child", partial(dataset.create_version, f"child {turn}", parents=[published]))
        clock("publish", child.publish)
        clock("list", lambda: [(v.name, v.status, len(v), v.updated) for v in dataset.versions()])
    return {what: sorted(values)[3] for what, values in taken.items()}


def test_versions_cost_nothing_by_their_size(repository: Repository, draft: DatasetVersion) -> None:
    """Snapshot, publish, child and list take as long at COUNT frames as at ten."""
    small = repository.create_dataset("small").current()
    small.add_frames(make_frames(10))
    little, much = life_of_a_version(small), life_of_a_version(draft)
    for what in little:
        report(f"{what}: ten frames", little[what] * 1e3, "ms", "-")
        report(f"{what}: {COUNT} frames", much[what] * 1e3, "ms", "as with ten")
        assert much[what] <= 3 * little[what] + 0.005, what


def test_a_diff_of_ten_frames_takes_at_most_10_ms(draft: DatasetVersion) -> None:
    before, child = draft.dataset.current().snapshot(name="before the diff")
    child.apply(*(PutFrame(frame=make_frame(number * (COUNT // 11), 2)) for number in range(10)))
    assert len(before.diff(child).changed) == 10
    seconds = median(lambda: before.diff(child))
    report("diff of ten changed frames", seconds * 1e3, "ms", "10")
    assert seconds <= 0.010


def test_growth_per_commit_of_ten_frames_is_small(repository: Repository, draft: DatasetVersion) -> None:
    """After gc, a commit of ten frames has added at most 30 kB."""
    version = draft.dataset.current()
    before = repository.gc(grace=0).size_after
    for turn in range(20):
        frames = [make_frame((turn * 7919 + k * 104_729) % COUNT, turn + 3) for k in range(10)]
        version.apply(*(PutFrame(frame=frame) for frame in frames))
    after = repository.gc(grace=0).size_after
    growth = (after - before) / 20 / 1000
    report("growth per commit of ten frames after gc", growth, "kB", "30")
    assert growth <= 30


_ADD = """
import resource, sys
sys.path.insert(0, sys.argv[3])
import hdstore
from frames import make_frames
repository = hdstore.init(sys.argv[1], author=hdstore.Author("Ada", "ada@example.org"))
repository.create_dataset("memory").current().add_frames(make_frames(int(sys.argv[2])))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def test_memory_of_a_bulk_add_is_bounded(tmp_path: Path) -> None:
    """Ten times the frames need but little more memory."""
    peaks = []
    for count in (COUNT, COUNT * 10):
        folder = tmp_path / str(count)
        folder.mkdir()
        run = subprocess.run(
            [sys.executable, "-c", _ADD, str(folder), str(count), str(Path(__file__).parent)],
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(float(run.stdout))
        report(f"peak memory of adding {count} frames", peaks[-1], "MiB", "-")
    assert peaks[1] <= peaks[0] * 1.3
