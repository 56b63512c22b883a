"""The memory of files seen before."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hdstore.media.facts import Facts, Stamp, stamp_of
from hdstore.media.filecache import FileCache
from hdstore.media.probe import MediaInfo

STAMP = Stamp(size=5, mtime_ns=10**18, inode=2**64 - 1)
FACTS = Facts("ab" * 32, MediaInfo(content_type="image/png", size=5, width=3, height=4, warning="ü"))
PLACE = Path("/pictures/a.png")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "index" / "files"


def kept(file: Path) -> Facts | None:
    """Returns what a new process would find of the one file above."""
    cache = FileCache(file)
    try:
        return cache.find(PLACE, STAMP)
    finally:
        cache.close()


def filled(file: Path) -> None:
    cache = FileCache(file)
    cache.remember(PLACE, STAMP, FACTS)
    cache.close()


def test_facts_are_remembered_over_processes(file: Path) -> None:
    """At once by the same handle, and after it was closed by another."""
    cache = FileCache(file)
    assert cache.find(PLACE, STAMP) is None
    cache.remember(PLACE, STAMP, FACTS)

    assert cache.find(PLACE, STAMP) == FACTS
    cache.close()
    assert cache.find(PLACE, STAMP) == FACTS
    cache.close()
    assert kept(file) == FACTS


@pytest.mark.parametrize("field", Stamp._fields)
def test_a_changed_file_is_not_known(file: Path, field: str) -> None:
    """Another size, time or inode is another file."""
    filled(file)
    cache = FileCache(file)

    assert cache.find(PLACE, STAMP._replace(**{field: getattr(STAMP, field) - 1})) is None
    assert cache.find(PLACE.with_name("b.png"), STAMP) is None
    cache.close()


def test_a_file_that_was_just_written_is_not_remembered(tmp_path: Path, file: Path) -> None:
    """A second write within the same tick of the clock would not show."""
    young = tmp_path / "young"
    young.write_bytes(b"data!")
    cache = FileCache(file)

    cache.remember(young, stamp_of(young), FACTS)
    assert cache.find(young, stamp_of(young)) is None
    long_ago = time.time_ns() - 3 * 10**9
    os.utime(young, ns=(long_ago, long_ago))
    cache.remember(young, stamp_of(young), FACTS)

    assert cache.find(young, stamp_of(young)) == FACTS
    cache.close()


def scribble(file: Path) -> None:
    file.write_bytes(b"no database at all" * 1000)


def tear(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def overwrite_pages(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    file.write_bytes(data)


def other_columns(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as connection:
        connection.execute("create table files_2 (something)")
    connection.close()


@pytest.mark.parametrize("damage", [scribble, tear, overwrite_pages, other_columns])
def test_a_damaged_file_is_made_anew(file: Path, damage: Callable[[Path], None]) -> None:
    """What was remembered is lost, and what is learnt next is kept."""
    filled(file)
    damage(file)

    assert kept(file) is None
    filled(file)

    assert kept(file) == FACTS


@pytest.mark.parametrize(
    "change", ["facts = replace(facts, 'ab', 'ac')", "stamp = 'x'", "seal = ''", "facts = null"]
)
def test_a_row_that_was_changed_is_not_believed(file: Path, change: str) -> None:
    """A row whose seal does not fit is a miss, never a wrong hash."""
    filled(file)
    with sqlite3.connect(file) as connection:
        assert connection.execute(f"update files_2 set {change}").rowcount == 1
    connection.close()

    assert kept(file) is None


def test_a_place_that_can_not_be_used_is_no_error(tmp_path: Path) -> None:
    """A folder in the way, and a repository that is gone (and stays gone): files are just read again."""
    (tmp_path / "index" / "files").mkdir(parents=True)

    for file in (tmp_path / "index" / "files", tmp_path / "gone" / "index" / "files"):
        filled(file)
        assert kept(file) is None
    assert not (tmp_path / "gone").exists()


def test_threads_share_one_memory(file: Path) -> None:
    """Each thread's facts are there for all, in memory and on the disk."""
    cache = FileCache(file)

    def work(number: int) -> None:
        for i in range(200):
            place = PLACE.with_name(f"{number}-{i}")
            cache.remember(place, STAMP, FACTS)
            assert cache.find(place, STAMP) == FACTS

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cache.close()

    again = FileCache(file)
    for number in range(4):
        assert all(again.find(PLACE.with_name(f"{number}-{i}"), STAMP) for i in range(200))
    again.close()


def test_a_busy_file_is_not_damage(file: Path) -> None:
    """While another process writes, what is known can be read, and nothing is removed."""
    filled(file)
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("begin immediate")

    assert kept(file) == FACTS
    writer.execute("rollback")
    writer.close()

    assert kept(file) == FACTS


def test_a_forked_child_opens_the_file_for_itself(file: Path) -> None:
    """Parent and child both go on with the memory after a fork, as workers of a data loader do."""
    filled(file)
    # In a process of its own: a test runner has threads, which do not survive a fork.
    code = """
import os, sys
from pathlib import Path
from hdstore.media.facts import Facts, Stamp
from hdstore.media.filecache import FileCache
place, stamp = Path("/pictures/a.png"), Stamp(5, 10**18, 2**64 - 1)
cache = FileCache(Path(sys.argv[1]))
facts = cache.find(place, stamp)
child = os.fork()
if child == 0:
    assert cache.find(place, stamp) == facts
    cache.remember(place.with_name("child"), stamp, facts)
    cache.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert facts is not None
assert cache.find(place.with_name("child"), stamp) == facts
cache.close()
"""

    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
