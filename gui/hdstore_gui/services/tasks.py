"""Work off the GUI thread: one serial lane for writes, several threads for reads, one for exchanges with others.

Results, errors and progress arrive on the GUI thread. A read in a named lane replaces the one before it: that
one is cancelled, and a result that still arrives is dropped. Widgets never see a thread.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from hdstore.errors import CancelledError

__all__ = ["Activity", "Job", "Tasks"]

_log = logging.getLogger(__name__)

T = TypeVar("T")

READERS = 3
POLL_MS = 100
QUIET_S = 0.3
"""Work that is done sooner is not worth showing."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What is being done in the background; ``total`` is None while it is not known."""

    what: str
    done: int = 0
    total: int | None = None
    others: int = 0
    """How much more work runs besides."""


class Job:
    """One piece of work: passed to the work as its progress callback, kept by the caller to cancel it."""

    def __init__(self, what: str, *, writes: bool) -> None:
        self.what = what
        self.writes = writes
        self.started = time.monotonic()
        self.done = 0
        self.total: int | None = None
        self.is_over = False
        """Whether its result was handed over, or dropped."""
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Asks the work to stop; its result is dropped."""
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether the work was asked to stop."""
        return self._cancelled.is_set()

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Notes progress; raises CancelledError when the work should stop, as hdstore's callbacks do."""
        if self._cancelled.is_set():
            raise CancelledError("The work was stopped.")
        self.what, self.done, self.total = what or self.what, done, total


Work: TypeAlias = Callable[[Job], T]
_Item: TypeAlias = tuple[Job, Callable[[Job], Any], Callable[[Any], None], Callable[[Exception], None] | None]


class Tasks(QObject):
    """Runs work on threads and hands the results over on the thread it lives in."""

    problem = Signal(object)
    """An exception that nobody else wanted to handle."""

    activity = Signal(object)
    """An ``Activity``, or None when nothing is under way."""

    _arrived = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reads: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._writes: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._apart: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._results: deque[Callable[[], None]] = deque()
        self._lanes: dict[str, Job] = {}
        self._running: list[Job] = []
        self._closed = False
        self._shown = False
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._poll = QTimer(self)
        self._poll.setInterval(POLL_MS)
        self._poll.timeout.connect(self._tell)
        self._threads = [
            threading.Thread(
                target=self._serve, args=(self._reads,), name=f"hdstore-read-{number}", daemon=True
            )
            for number in range(READERS)
        ]
        self._threads.append(
            threading.Thread(target=self._serve, args=(self._writes,), name="hdstore-write", daemon=True)
        )
        self._threads.append(
            threading.Thread(target=self._serve, args=(self._apart,), name="hdstore-apart", daemon=True)
        )
        for thread in self._threads:
            thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether work is under way or a result waits to be handed over."""
        return bool(self._running) or bool(self._results)

    def read(
        self,
        work: Work[T],
        done: Callable[[T], None],
        *,
        what: str = "",
        lane: str = "",
        failed: Callable[[Exception], None] | None = None,
    ) -> Job:
        """Runs work that changes nothing, beside other reads; ``done`` gets its result.

        A read in a ``lane`` replaces the one before it there.
        """
        job = Job(what, writes=False)
        if lane:
            before = self._lanes.get(lane)
            if before is not None:
                before.cancel()
            self._lanes[lane] = job
        self._start(self._reads, (job, work, done, failed))
        return job

    def write(
        self,
        work: Work[T],
        done: Callable[[T], None],
        *,
        what: str = "",
        failed: Callable[[Exception], None] | None = None,
    ) -> Job:
        """Runs work that changes the repository, after all writes that were asked for before."""
        job = Job(what, writes=True)
        self._start(self._writes, (job, work, done, failed))
        return job

    def apart(
        self,
        work: Work[T],
        done: Callable[[T], None],
        *,
        what: str = "",
        failed: Callable[[Exception], None] | None = None,
    ) -> Job:
        """Runs work that may take as long as a network does, beside reads and writes; it can be stopped at any time."""
        job = Job(what, writes=False)
        self._start(self._apart, (job, work, done, failed))
        return job

    def cancel_lane(self, lane: str) -> None:
        """Stops the read in a lane, if there is one."""
        job = self._lanes.pop(lane, None)
        if job is not None:
            job.cancel()

    def cancel_all(self) -> None:
        """Stops everything that was not started in order to save."""
        for job in self._running:
            if not job.writes or job.total is not None:
                job.cancel()

    def close(self) -> None:
        """Stops the reads, finishes the writes, hands over what they gave, and ends the threads."""
        if self._closed:
            return
        for job in self._running:
            if not job.writes:
                job.cancel()
        # Handing over the result of a write may ask for another one (the next frame to save).
        while any(job.writes for job in self._running):
            self._deliver()
            time.sleep(0.002)
        self._closed = True
        for _ in range(READERS):
            self._reads.put(None)
        self._writes.put(None)
        self._apart.put(None)
        for thread in self._threads:
            thread.join()
        self._poll.stop()
        self._results.clear()

    def _start(self, lane: queue.SimpleQueue[_Item | None], item: _Item) -> None:
        if self._closed:
            raise CancelledError("The app is closing; no more work is taken.")
        self._running.append(item[0])
        lane.put(item)
        if not self._poll.isActive():
            self._poll.start()

    def _serve(self, lane: queue.SimpleQueue[_Item | None]) -> None:
        while (item := lane.get()) is not None:
            job, work, done, failed = item
            outcome: Callable[[], None]
            try:
                if job.is_cancelled:
                    raise CancelledError("The work was stopped before it began.")
                result = work(job)
                outcome = self._handover(job, done, result)
            except CancelledError:
                outcome = self._handover(job, None, None)
            except Exception as error:  # every error goes to one place, also a programming error
                outcome = self._handover(job, failed or self._complain, error)
            self._results.append(outcome)
            self._arrived.emit()

    def _handover(self, job: Job, receiver: Callable[[Any], None] | None, value: Any) -> Callable[[], None]:
        def hand_over() -> None:
            self._running.remove(job)
            job.is_over = True
            for lane in [name for name, last in self._lanes.items() if last is job]:
                del self._lanes[lane]
            if receiver is not None and not job.is_cancelled:
                receiver(value)

        return hand_over

    def _deliver(self) -> None:
        while self._results:
            self._results.popleft()()
        if not self._running:
            self._poll.stop()
            self._tell()

    def _complain(self, error: Exception) -> None:
        _log.error("background work failed", exc_info=error)
        self.problem.emit(error)

    def _tell(self) -> None:
        now = time.monotonic()
        slow = [job for job in self._running if job.what and now - job.started > QUIET_S]
        if slow:
            first = slow[0]
            self._shown = True
            self.activity.emit(Activity(first.what, first.done, first.total, len(slow) - 1))
        elif self._shown:
            self._shown = False
            self.activity.emit(None)
