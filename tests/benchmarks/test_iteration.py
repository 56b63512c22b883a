"""Views as ratios to what the machine can do, in one run; by hand: ``pytest -m benchmark tests/benchmarks -s``.

HDSTORE_BENCH_FRAMES sets the number of frames (100,000).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from frames import make_frames
from limits import floor_of_reading, timed

import hdstore
from hdstore import DatasetVersion, Repository
from hdstore.model import Iteration, Order, Output, RoiRule, View, ViewQuery

pytestmark = pytest.mark.benchmark

COUNT = int(os.environ.get("HDSTORE_BENCH_FRAMES", "100000"))
AUTHOR = hdstore.Author("Ada", "ada@example.org")
ALL = ViewQuery(dataset="speed", version="Current")
DONUTS = ViewQuery(dataset="speed", version="Current", rois=(RoiRule(labels=("donut",)),), weight=5)


def report(what: str, value: float, unit: str, limit: str) -> None:
    print(f"{what:<46}{value:10.3f} {unit:<6} limit {limit}")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    with hdstore.init(tmp_path_factory.mktemp("views"), author=AUTHOR) as repository:
        repository.create_dataset("speed").current().add_frames(make_frames(COUNT))
        yield repository


@pytest.fixture(scope="module")
def version(repository: Repository) -> DatasetVersion:
    version = repository.version("speed/Current")
    report("building the index", timed(version.rows), "s", "-")
    return version


@pytest.fixture(scope="module")
def floor(version: DatasetVersion) -> float:
    seconds = floor_of_reading(version.state().trie.leaf_blobs())
    report("floor: inflate and decode all leaves", seconds, "s", "-")
    return seconds


@pytest.mark.parametrize(("order", "limit"), [(Order.SEQUENTIAL, 0.6), (Order.RANDOM, 1 / 3)])
def test_items_come_at_a_share_of_a_bare_loop(
    repository: Repository, floor: float, order: Order, limit: float
) -> None:
    data = repository.data_view(View(queries=(ALL,), iteration=Iteration(order=order)))
    report(f"{order}: queries and order", timed(data.prepare), "s", "-")
    report(f"{order}: the first item", timed(lambda: next(data.items())) * 1e3, "ms", "-")

    def run() -> None:
        for _ in data.items():
            pass

    seconds = min(timed(run) for _ in range(3))
    report(f"{order}: share of the bare loop's rate", floor / seconds, "times", f"{limit:.2f}")
    assert floor / seconds >= limit

    def spill() -> None:
        for _ in data.items(memory=16 << 20):
            pass

    report(f"{order}: the same with 16 MiB of memory", floor / timed(spill), "times", "-")


def test_items_that_are_chosen_mapped_and_drawn(repository: Repository, floor: float) -> None:
    view = View(
        queries=(DONUTS, ALL),
        enumeration={"donut": 1},
        iteration=Iteration(order=Order.RANDOM, infinite=True),
        output=Output.MATCHING,
    )
    data = repository.data_view(view)
    report("weighted: queries and order", timed(data.prepare), "s", "-")

    def run() -> None:
        for _ in islice(data.items(), COUNT):
            pass

    report("weighted: share of the bare loop's rate", floor / timed(run), "times", "-")
    each = repository.data_view(View(queries=(DONUTS,), output=Output.EACH))
    report("one frame for each annotation: preparing", timed(each.prepare), "s", "-")
    report("a million ids", timed(lambda: [*islice(data.ids(), 1_000_000)]), "s", "-")
    start = 10**9
    report("entering at position 10**9", timed(lambda: next(data.items(start))) * 1e3, "ms", "-")


_ITERATE = """
import resource, sys
sys.path.insert(0, sys.argv[3])
import hdstore
from frames import make_frames
from hdstore.model import Iteration, Order, View, ViewQuery
folder, count = sys.argv[1:3]
if sys.argv[4] == "add":
    repository = hdstore.init(folder, author=hdstore.Author("Ada", "ada@example.org"))
    repository.create_dataset("speed").current().add_frames(make_frames(int(count)))
    repository.version("speed/Current").rows()
else:
    view = View(queries=(ViewQuery(dataset="speed", version="Current"),), iteration=Iteration(order=Order.RANDOM))
    with hdstore.open(folder) as repository:
        assert sum(1 for _ in repository.data_view(view)) == int(count)
    # The index is mapped, not held: what of it is resident the system may take back.
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def test_memory_of_iterating_is_bounded(tmp_path: Path) -> None:
    """Ten times the frames need but little more memory."""
    peaks = []
    for count in (COUNT, COUNT * 10):
        folder = tmp_path / str(count)
        folder.mkdir()
        for step in ("add", "iterate"):
            run = subprocess.run(
                [sys.executable, "-c", _ITERATE, str(folder), str(count), str(Path(__file__).parent), step],
                capture_output=True,
                text=True,
                check=True,
            )
        peaks.append(float(run.stdout))
        report(f"peak memory of iterating {count} frames", peaks[-1], "MiB", "-")
    assert peaks[1] <= 1024
