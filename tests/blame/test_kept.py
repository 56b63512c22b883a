"""What is kept of histories: derived, checked, and found again whatever happened to it."""

from __future__ import annotations

import logging
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from blame.making import Making
from blame.model import Model

from hdstore.blame import Histories, kept
from hdstore.errors import CancelledError, DamagedError, NotFoundError
from hdstore.model import Frame, SingleFrame

WORKER = Path(__file__).with_name("worker.py")


def value(name: str, number: int) -> Frame:
    return SingleFrame(id=name, metadata={"n": number})


@pytest.fixture
def commits(making: Making) -> list[str]:
    """Returns a history of forty saves that change a frame, each with its neighbours in between."""
    found = [making.save({"a": value("a", 0), **{f"o{n}": value(f"o{n}", 0) for n in range(50)}})]
    for number in range(1, 40):
        found.append(making.save({"a": value("a", number), f"o{number}": value("x", 1)}, found[-1]))
    return found


@pytest.fixture(autouse=True)
def _much_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has all be kept that is found."""
    monkeypatch.setattr("hdstore.blame.histories._WORTH", 10**9)
    monkeypatch.setattr("hdstore.blame.histories._DEAR", 1)


def check(histories: Histories, commits: list[str]) -> None:
    assert [one.commit.id for one in histories.events(commits[-1], "a")] == commits[::-1]
    blame = histories.blame(commits[-1], "a")
    assert (blame.added.commit.id, blame.last.commit.id) == (commits[0], commits[-1])
    assert [field.by.commit.id for field in blame.fields if field.path == ("metadata", "n")] == [commits[-1]]


def test_a_fresh_one_answers_from_what_is_kept(
    making: Making, commits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No commit is walked again, and only what came since is read."""
    check(making.histories(), commits)
    names = [path.name.split("-")[0] for path in making.kept()]
    assert sorted(names) == ["credits", "graph", "region"]
    walked: list[int] = []
    true = kept.KeptHistory.save_graph

    def count(self: kept.KeptHistory, graph: object) -> bool:
        walked.append(len(graph))  # type: ignore[arg-type]
        return true(self, graph)  # type: ignore[arg-type]

    monkeypatch.setattr(kept.KeptHistory, "save_graph", count)
    check(making.histories(), commits)
    assert walked == []
    commits.append(making.save({"a": value("a", 99)}, commits[-1]))
    check(making.histories(), commits)
    assert walked == [len(commits)]


@pytest.mark.parametrize("what", ["cut", "flipped", "empty", "gone", "folder", "link", "other", "older"])
def test_whatever_is_damaged_is_found_again(
    making: Making,
    commits: list[str],
    what: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each file in turn: the answers stay right, and the file is whole again afterwards."""
    caplog.set_level(logging.CRITICAL)
    check(making.histories(), commits[:20])
    older = {path.name: path.read_bytes() for path in making.kept()}
    check(making.histories(), commits)
    for path in making.kept():
        good = path.read_bytes()
        path.unlink()
        if what == "folder":
            path.mkdir()
        elif what == "link":
            path.symlink_to("/dev/zero")
        elif what != "gone":
            bad = {
                "cut": good[: len(good) // 2],
                "flipped": good[:-70] + bytes([good[-70] ^ 1]) + good[-69:],
                "empty": b"",
                "other": b"something else\n" * 100,
                "older": older.get(path.name, b""),
            }[what]
            path.write_bytes(bad)
        check(making.histories(), commits)
        if path.is_dir():
            path.rmdir()
        check(making.histories(), commits)
        check(making.histories(), commits[:20])


def test_any_flipped_byte_is_noticed(making: Making, commits: list[str]) -> None:
    """Many places of each file: no answer is another for it."""
    check(making.histories(), commits)
    rng = random.Random(1)
    for path in making.kept():
        good = path.read_bytes()
        for at in [rng.randrange(len(good)) for _ in range(12)]:
            path.write_bytes(good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :])
            check(making.histories(), commits)


def test_what_came_from_elsewhere_is_not_believed(
    making: Making, make: Callable[[], Making], commits: list[str]
) -> None:
    """A folder that was copied with a repository may say anything: here, the history of another one."""
    other = make()
    foreign = [other.save({"a": value("a", number)}) for number in range(3)]
    assert list(other.histories().events(foreign[-1], "a"))
    check(making.histories(), commits)
    folder = making.layout.index / "history"
    shutil.rmtree(folder)
    shutil.copytree(other.layout.index / "history", folder)
    before = [path.read_bytes() for path in making.kept()]
    check(making.histories(), commits)
    assert [path.read_bytes() for path in making.kept()] != before


def test_a_region_of_another_order_of_commits_is_not_believed(making: Making) -> None:
    """Two heads that were asked about in the other order stand at other positions."""
    base = making.save({"a": value("a", 0)})
    left = making.save({"a": value("a", 1)}, base)
    right = making.save({"a": value("a", 2)}, base)
    merge = making.save({"a": value("a", 3)}, left, right)
    for first, second in ((left, right), (right, left)):
        for tip in (first, second, merge):
            events = [one.commit.id for one in making.histories().events(tip, "a")]
            assert events == Model(making.objects, tip, "a").events()
        (making.layout.index / "history" / "plates.1" / "graph").unlink()


def test_a_folder_that_can_not_be_written_only_costs_time(making: Making, commits: list[str]) -> None:
    """Something stands in its place: answers are right, nothing is kept."""
    making.layout.index.joinpath("history").write_text("")
    check(making.histories(), commits)
    assert making.kept() == []


def test_cancelling_leaves_what_was_there(making: Making, commits: list[str]) -> None:
    """Nothing half read is kept, and no file is left behind."""

    def stop(what: str, done: int, total: int | None) -> None:
        raise CancelledError(what)

    histories = making.histories()
    with pytest.raises(CancelledError):
        histories.blame(commits[-1], "a", progress=stop)
    assert making.kept() == []
    assert list(making.layout.tmp.iterdir()) == []
    check(histories, commits)


def test_few_files_are_kept(making: Making, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those asked for longest ago go first; the commits stay."""
    monkeypatch.setattr(kept, "_KEPT", 8)
    monkeypatch.setattr(kept, "_SPARED", 2)
    tip = making.save({f"o{n}": value(f"o{n}", 0) for n in range(30)})
    for number in range(30):
        making.histories().blame(tip, f"o{number}")
        assert len(making.kept()) <= 9
    assert "graph" in {path.name for path in making.kept()}


def test_what_never_was_is_not_found(making: Making, commits: list[str]) -> None:
    """A frame of no commit has no history and no blame; a commit that is no version is named."""
    histories = making.histories()
    assert list(histories.events(commits[-1], "nobody")) == []
    assert list(histories.events(commits[-1], "a", "nobody")) == []
    with pytest.raises(NotFoundError, match="'nobody'"):
        histories.blame(commits[-1], "nobody")
    with pytest.raises(DamagedError, match="missing"):
        histories.blame("0" * 40, "a")


def test_two_processes_keep_one_history(making: Making, commits: list[str]) -> None:
    """Both ask, and write what they find, while saves go on; each answer is right."""
    command = [sys.executable, str(WORKER), str(making.layout.folder)]
    begun = [
        subprocess.Popen([*command, str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for seed in range(2)
    ]
    for number in range(40, 60):
        commits.append(making.save({"a": value("a", number)}, commits[-1]))
        for process in begun:
            assert process.stdin is not None
            process.stdin.write(f"{commits[-1]}\n")
            process.stdin.flush()
        for process in begun:
            assert process.stdout is not None
            assert process.stdout.readline().split() == [str(len(commits)), commits[-1]]
    for process in begun:
        process.communicate()
        assert process.returncode == 0
    check(making.histories(), commits)
    assert os.listdir(making.layout.tmp) == []
