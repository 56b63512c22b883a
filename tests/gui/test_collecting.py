"""Garbage collection on the GUI thread only."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import ClassVar

import pytest
from hdstore_gui.services.collecting import Collector
from hdstore_gui.services.tasks import Job, Tasks
from pytestqt.qtbot import QtBot


class Knot:
    """Refers to itself, so that only the collector can take it apart."""

    ends: ClassVar[list[threading.Thread]] = []

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        Knot.ends.append(threading.current_thread())


@pytest.fixture
def collector(qtbot: QtBot) -> Iterator[Collector]:
    made = Collector()
    yield made
    made.stop()
    assert gc.isenabled()


def test_knots_tied_on_a_worker_are_cut_on_the_gui_thread(collector: Collector, qtbot: QtBot) -> None:
    """However many the worker ties."""
    Knot.ends = []
    tasks = Tasks()

    def tie(job: Job) -> None:
        for _ in range(20_000):
            Knot()

    done: list[None] = []
    tasks.read(tie, done.append)
    qtbot.waitUntil(lambda: bool(done))
    qtbot.waitUntil(lambda: bool(Knot.ends), timeout=5000)
    tasks.close()
    gc.collect()

    assert set(Knot.ends) == {threading.main_thread()}
    assert len(Knot.ends) == 20_000
