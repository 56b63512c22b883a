"""Queries over a million frames, as ratios in one run: ``pytest -m benchmark tests/benchmarks/test_queries.py -s``.

``docs/benchmarks.md`` says what is measured and why. HDSTORE_BENCH_FRAMES sets the number of frames (1,000,000).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import million
import pytest

import hdstore
from hdstore import DatasetVersion, PutFrame, Repository, SingleFrame

duckdb = pytest.importorskip("duckdb", reason="DuckDB is the measure: pip install 'hdstore[dev]'")

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(not million.DATA.exists(), reason="the data sets are not beside the project"),
]

COUNT = int(os.environ.get("HDSTORE_BENCH_FRAMES", str(million.FRAMES)))
TURNS = 15

LOW, HIGH = million.RANGE
LABELS = ("RBC", "Cigarette", "Battery")
"""A label of three frames of ten, of one of ten and of one in a thousand."""

COUNTING = "rois:(label:LABEL AND confidence:>=0.75)"
COUNTING_SQL = (
    "select count(distinct frame) from roi where label = label_of('LABEL') and confidence >= 0.75",
    "select count(*) from (select frame from roi where label = label_of('LABEL') and confidence >= 0.75"
    " group by frame)",
)
FINDING = f"meta.weather:rain AND meta.captured_at:[{LOW} TO {HIGH}}} AND {COUNTING}"
FINDING_SQL = (
    "select id from frame where weather = weather_of('rain')"
    f" and captured_at >= {LOW} and captured_at < {HIGH}"
    " and row in (select frame from roi where label = label_of('LABEL') and confidence >= 0.75)",
)


def report(what: str, value: float, unit: str, limit: str) -> None:
    print(f"{what:<58}{value:10.3f} {unit:<6} limit {limit}")


def medians(work: dict[str, Callable[[], Any]], turns: int = TURNS) -> dict[str, float]:
    """Returns the median seconds of several pieces of work, done in turn so that a busy moment strikes all alike."""
    taken: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(turns + 1):
        for name, call in work.items():
            start = time.perf_counter()
            call()
            if turn:  # the first one warms up
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


@pytest.fixture(scope="module")
def place() -> Path:
    return million.built(COUNT)


@pytest.fixture(scope="module")
def repository(place: Path) -> Iterator[Repository]:
    with hdstore.open(place, author=million.AUTHOR) as repository:
        yield repository


@pytest.fixture(scope="module")
def version(repository: Repository) -> DatasetVersion:
    """The published version, indexed."""
    version = repository.version(million.PATH)
    version.rows()
    return version


@pytest.fixture(scope="module")
def tables(version: DatasetVersion, place: Path) -> Any:
    from columns import Tables

    return Tables.of(version.rows(), place / "duckdb")


def ways(
    tables: Any, statements: tuple[str, ...], fetch: Callable[[Any], Any]
) -> dict[str, Callable[[], Any]]:
    """Returns each way to ask DuckDB, by its name."""

    def asking(connection: Any, statement: str) -> Callable[[], Any]:
        return lambda: fetch(connection.execute(statement))

    return {
        f"{name} {number}": asking(connection, statement)
        for name, connection in tables.ways.items()
        for number, statement in enumerate(statements)
    }


@pytest.mark.parametrize("label", LABELS)
def test_a_count_takes_at_most_1_7_times_bare_sql(version: DatasetVersion, tables: Any, label: str) -> None:
    text = COUNTING.replace("LABEL", label)
    rows = version.rows()
    asked = ways(
        tables, tuple(s.replace("LABEL", label) for s in COUNTING_SQL), lambda found: found.fetchone()[0]
    )
    expected = version.count(text)
    assert {call() for call in asked.values()} == {expected}

    taken = medians({"hdstore": lambda: len(version.find(text, rows=rows)), **asked})

    judge(f"count of {label}: {expected}", taken)


@pytest.mark.parametrize("label", LABELS)
def test_ids_take_at_most_1_7_times_bare_sql(version: DatasetVersion, tables: Any, label: str) -> None:
    text = FINDING.replace("LABEL", label)
    rows = version.rows()
    statements = tuple(s.replace("LABEL", label) for s in FINDING_SQL)
    asked = {
        **{
            f"{name}, tuples": way
            for name, way in ways(tables, statements, lambda found: found.fetchall()).items()
        },
        **{
            f"{name}, array": way
            for name, way in ways(tables, statements, lambda found: found.fetchnumpy()["id"].tolist()).items()
        },
    }
    expected = version.ids(text)
    for name, call in asked.items():
        assert sorted(call() if "array" in name else [found for (found,) in call()]) == expected

    taken = medians({"hdstore": lambda: [*version.find(text, rows=rows).ids()], **asked})

    judge(f"ids with {label} and two conditions: {len(expected)}", taken)


def judge(what: str, taken: dict[str, float]) -> None:
    ours = taken.pop("hdstore")
    for name, seconds in sorted(taken.items(), key=lambda item: item[1]):
        report(f"  DuckDB, {name}", seconds * 1e3, "ms", "-")
    report(what, ours * 1e3, "ms", "-")
    report(f"{what} / fastest SQL", ours / min(taken.values()), "times", "1.7")
    assert ours <= 1.7 * min(taken.values())


def test_a_cold_count_takes_less_than_three_imports_of_duckdb(version: DatasetVersion, place: Path) -> None:
    """Whole processes, with bytecode as an installed program has it."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(place / "bytecode")
    program = [str(Path(sys.executable).with_name("hdstore")), "-C", str(place), "query", million.PATH]

    def running(*words: str) -> Callable[[], object]:
        return lambda: subprocess.run(words, env=environment, check=True, capture_output=True)

    taken = medians(
        {
            "duckdb": running(sys.executable, "-c", "import duckdb"),
            "numpy": running(sys.executable, "-c", "import numpy"),
            **{label: running(*program, COUNTING.replace("LABEL", label), "--count") for label in LABELS},
            "two conditions": running(*program, FINDING.replace("LABEL", LABELS[0]), "--count"),
        }
    )

    bar = taken.pop("duckdb")
    report("import of duckdb", bar * 1e3, "ms", "-")
    report("import of numpy", taken.pop("numpy") * 1e3, "ms", "-")
    for what, seconds in taken.items():
        report(f"cold count: {what}", seconds * 1e3, "ms", "-")
        report(f"cold count: {what} / import of duckdb", seconds / bar, "times", "3")
    assert max(taken.values()) < 3 * bar


def test_the_query_after_an_edit_costs_at_most_30_ms_more(version: DatasetVersion) -> None:
    text = COUNTING.replace("LABEL", LABELS[1])
    draft = version.dataset.create_version(f"edits {time.time_ns()}", parents=[version.id])
    try:
        before, after = [], []
        for turn in range(TURNS):
            draft.count(text)
            before.append(seconds_of(lambda: draft.count(text)))
            frame = draft.frame(million.frame_id(turn * (COUNT // TURNS)))
            assert isinstance(frame, SingleFrame)
            draft.apply(PutFrame(frame=million.copy_of(frame, turn * (COUNT // TURNS), 1)))
            after.append(seconds_of(lambda: draft.count(text)))
    finally:
        draft.delete()
    more = [late - early for early, late in zip(before, after, strict=True)]
    report("count in a draft", statistics.median(before) * 1e3, "ms", "-")
    report("count after an edit of one frame", statistics.median(after) * 1e3, "ms", "-")
    report("more after an edit of one frame", statistics.median(more) * 1e3, "ms", "30")
    report("more after an edit of one frame, at most", max(more) * 1e3, "ms", "-")
    assert statistics.median(more) <= 0.030


def seconds_of(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


_IN_A_PROCESS = """
import resource, sys, time
import hdstore, hdstore.index.fetching, hdstore.query, hdstore.repository
repository = hdstore.open(sys.argv[2], author=hdstore.Author("Ada", "ada@example.org"))
version = repository.version(sys.argv[3])
start = time.perf_counter()
if sys.argv[1] == "stream":
    for frame in version.frames():
        pass
else:
    repository.drop_index()
    version.rows()
seconds = time.perf_counter() - start
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def test_the_index_is_built_in_at_most_three_times_streaming(place: Path) -> None:
    """Peak memory is stated; the index of this test is the one that the others use from then on."""

    def run(what: str) -> tuple[float, float]:
        done = subprocess.run(
            [sys.executable, "-c", _IN_A_PROCESS, what, str(place), million.PATH],
            capture_output=True,
            text=True,
            check=True,
        )
        seconds, peak = map(float, done.stdout.split())
        return seconds, peak

    pairs = [(run("stream"), run("build")) for _ in range(3)]
    streaming = statistics.median(stream[0] for stream, _ in pairs)
    building = statistics.median(build[0] for _, build in pairs)
    report("streaming all frames", streaming, "s", "-")
    report("building the index", building, "s", "-")
    report("building the index: peak memory", max(build[1] for _, build in pairs), "MiB", "-")
    report("building the index / streaming", statistics.median(b[0] / s[0] for s, b in pairs), "times", "3")
    assert statistics.median(build[0] / stream[0] for stream, build in pairs) <= 3


def test_memory_of_a_bulk_add_is_bounded(place: Path) -> None:
    """Ten times the frames need but little more memory."""
    small, large = million.facts(million.built(COUNT // 10)), million.facts(place)
    for facts in (small, large):
        what = f"adding {facts['frames']:.0f} frames"
        report(f"{what} of {facts['annotations']:.0f} annotations", facts["seconds"], "s", "-")
        report(f"{what}: peak memory", facts["peak"], "MiB", "-")
    assert large["peak"] <= small["peak"] * 1.3
