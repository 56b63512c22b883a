"""Work off the GUI thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hdstore_gui.services.tasks import Activity, Job, Tasks
from pytestqt.qtbot import QtBot

from hdstore.errors import CancelledError, StorageError


@pytest.fixture
def tasks(qtbot: QtBot) -> Iterator[Tasks]:
    made = Tasks()
    yield made
    made.close()


def test_a_result_arrives_on_the_gui_thread(tasks: Tasks, qtbot: QtBot) -> None:
    """The work itself ran elsewhere."""
    seen: list[threading.Thread] = []

    tasks.read(
        lambda job: threading.current_thread(),
        lambda thread: seen.extend([thread, threading.current_thread()]),
    )
    qtbot.waitUntil(lambda: len(seen) == 2)

    assert seen[0] is not threading.main_thread()
    assert seen[1] is threading.main_thread()


def test_writes_run_one_after_the_other(tasks: Tasks, qtbot: QtBot) -> None:
    """In the order they were asked for, never two at once."""
    order: list[int] = []
    running = threading.Semaphore(1)

    def work(number: int) -> int:
        assert running.acquire(blocking=False)
        threading.Event().wait(0.002)
        running.release()
        return number

    for number in range(20):
        tasks.write(lambda job, number=number: work(number), order.append)
    qtbot.waitUntil(lambda: len(order) == 20)

    assert order == list(range(20))


def test_a_stale_result_is_dropped(tasks: Tasks, qtbot: QtBot) -> None:
    """A newer read in the same lane replaces the older, even one that has finished its work."""
    go, results = threading.Event(), []

    tasks.read(lambda job: go.wait(5) and "old", results.append, lane="a")
    tasks.read(lambda job: "new", results.append, lane="a")
    qtbot.waitUntil(lambda: results == ["new"])
    go.set()
    qtbot.waitUntil(lambda: not tasks.is_busy)

    assert results == ["new"]


def test_cancelling_reaches_the_work(tasks: Tasks, qtbot: QtBot) -> None:
    """Its next word of progress raises."""
    began, ended = threading.Event(), threading.Event()

    def work(job: Job) -> None:
        began.set()
        try:
            while True:
                job("turning", 1, None)
        except CancelledError:
            ended.set()
            raise

    job = tasks.read(work, lambda _: pytest.fail("a cancelled read has no result"))
    assert began.wait(5)
    job.cancel()

    qtbot.waitUntil(lambda: not tasks.is_busy)
    assert ended.is_set()


def test_errors_go_to_one_place(tasks: Tasks, qtbot: QtBot, caplog: pytest.LogCaptureFixture) -> None:
    """Unless the caller takes them."""
    taken: list[Exception] = []

    def fail(job: Job) -> None:
        raise StorageError("The disk is full.")

    with qtbot.waitSignal(tasks.problem) as told:
        tasks.read(fail, lambda _: None)
    tasks.read(fail, lambda _: None, failed=taken.append)
    qtbot.waitUntil(lambda: len(taken) == 1)

    assert str(told.args[0]) == "The disk is full."
    assert "background work failed" in caplog.text


def test_long_work_is_shown_with_its_progress(tasks: Tasks, qtbot: QtBot) -> None:
    """And the showing ends with the work."""
    go = threading.Event()
    shown: list[Activity | None] = []
    tasks.activity.connect(shown.append)

    def work(job: Job) -> None:
        job("Counting sheep", 3, 10)
        go.wait(10)

    tasks.read(work, lambda _: None, what="Counting")
    qtbot.waitUntil(lambda: bool(shown))
    go.set()
    qtbot.waitUntil(lambda: shown[-1] is None)

    assert shown[0] == Activity("Counting sheep", 3, 10)


def test_closing_finishes_writes_and_those_that_follow(qtbot: QtBot) -> None:
    """A write whose result asks for another is not cut off."""
    tasks = Tasks()
    done: list[str] = []

    def first(_: object) -> None:
        done.append("first")
        tasks.write(lambda job: None, lambda _: done.append("second"))

    tasks.write(lambda job: None, first)
    tasks.close()

    assert done == ["first", "second"]
    with pytest.raises(CancelledError):
        tasks.read(lambda job: None, lambda _: None)
