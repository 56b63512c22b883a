"""How fast files are added, and media exchanged, as ratios to what machine and disk do alone; by hand.

``pytest -m benchmark tests/benchmarks/test_media.py -s``. HDSTORE_BENCH_FILES sets the number of files (5,000).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from limits import timed
from sync.media_ends import PROGRAM, use_as_ssh

import hdstore
from hdstore.ids import content_hash
from hdstore.media import Linker, Policy
from hdstore.sync.mediaplace import media_place
from hdstore.sync.urls import parse_place

pytestmark = pytest.mark.benchmark

COUNT = int(os.environ.get("HDSTORE_BENCH_FILES", "5000"))
SIZE = 100_000
AUTHOR = hdstore.Author("Ada", "ada@example.org")


def report(what: str, value: float, unit: str, limit: str) -> None:
    print(f"{what:<60}{value:10.3f} {unit:<6} limit {limit}")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files, all of them in the page cache, written long ago."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(COUNT):
        path = folder / f"{number:06}"
        path.write_bytes(os.urandom(SIZE))
        os.utime(path, (10**9, 10**9))
    os.sync()
    return folder


def hash_all(folder: Path) -> None:
    """Reads and hashes all files and does nothing else, in one thread, as small files are added."""
    for entry in os.scandir(folder):
        descriptor = os.open(entry.path, os.O_RDONLY)
        data = os.read(descriptor, os.fstat(descriptor).st_size + 1)
        os.close(descriptor)
        content_hash(data)


def processor_time(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def middle(seconds: list[float]) -> float:
    return sorted(seconds)[len(seconds) // 2]


def linker(place: Path, pictures: Path, policy: Policy) -> Linker:
    """Returns a linker of a new repository."""
    place.mkdir()
    repository = hdstore.init(place, author=AUTHOR)
    repository.roots.add("pictures", pictures)
    return repository.media.linker(policy=policy)


def add(made: Linker, pictures: Path) -> None:
    for _ in made.sources(entry.path for entry in os.scandir(pictures)):
        pass


def copied_and_synced(pictures: Path, target: Path) -> None:
    subprocess.run(["cp", "-r", str(pictures), str(target)], check=True)
    os.sync()


def test_adding_files_that_stay_where_they_are(pictures: Path, tmp_path: Path) -> None:
    """Against reading and hashing alone; and again, when nothing has changed."""
    floors, firsts, agains = [], [], []
    for turn in range(5):
        floors.append(processor_time(lambda: hash_all(pictures)))
        made = linker(tmp_path / str(turn), pictures, "link")
        firsts.append(processor_time(lambda made=made: add(made, pictures)))
        agains.append(processor_time(lambda made=made: add(made, pictures)))
    floor, first, again = min(floors), min(firsts), min(agains)
    report(f"hashing {COUNT} files alone", floor, "s", "-")
    report("linking them", first, "s", "-")
    report("rate of linking / rate of hashing alone", floor / first, "times", "0.6")
    report("linking / linking again", first / again, "times", "3")
    assert floor / first >= 0.45  # the rest is noise on a busy machine
    assert first / again >= 3


def test_adding_files_that_are_kept(pictures: Path, tmp_path: Path) -> None:
    """Against ``cp`` and a sync of the same files, which is what the disk allows; and again."""
    floors, firsts, agains = [], [], []
    for turn in range(3):
        floors.append(timed(lambda turn=turn: copied_and_synced(pictures, tmp_path / f"copy{turn}")))
        shutil.rmtree(tmp_path / f"copy{turn}")
        made = linker(tmp_path / f"kept{turn}", pictures, "store")
        firsts.append(timed(lambda made=made: add(made, pictures)))
        agains.append(timed(lambda made=made: add(made, pictures)))
        shutil.rmtree(tmp_path / f"kept{turn}")
    floor, first, again = middle(floors), middle(firsts), middle(agains)
    report(f"cp and sync of {COUNT} files", floor, "s", "-")
    report("keeping them", first, "s", "-")
    report("keeping / cp and sync", first / floor, "times", "2")
    report("keeping / keeping again", first / again, "times", "20")
    assert first / floor <= 2
    assert first / again >= 10  # a disk that takes bytes quickly leaves less to save


def test_exchanging_media(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To a folder and through a pipe, against ``cp`` and a sync."""
    use_as_ssh(tmp_path, monkeypatch, 'exec sh -c "exec $last"')
    for name in ("near", "far", "other"):
        (tmp_path / name).mkdir()
    near = hdstore.init(tmp_path / "near", author=AUTHOR)
    hdstore.init(tmp_path / "far", author=AUTHOR).close()
    hdstore.init(tmp_path / "other", author=AUTHOR).close()
    with near.media.keeping() as keeper:
        hashes = [keeper.keep(path) for path in pictures.iterdir()]
    floor = timed(lambda: copied_and_synced(pictures, tmp_path / "copy"))
    report(f"cp and sync of {COUNT} files", floor, "s", "-")
    ways = (("folder", str(tmp_path / "far"), 6), ("pipe", f"ssh://here{tmp_path / 'other'}", 8))
    for what, url, limit in ways:
        place = media_place(parse_place(url), program=PROGRAM)
        assert place is not None
        moved = timed(lambda place=place: place.send(near.media, hashes))
        nothing = timed(lambda place=place: place.send(near.media, hashes))
        place.close()
        report(f"sending them to a {what} / cp and sync", moved / floor, "times", str(limit))
        report(f"sending to a {what} what is there already", nothing, "s", "-")
        assert moved / floor <= limit
    near.close()
    sys.stdout.flush()
