"""Long work: a progress bar on a terminal, and a Ctrl-C that stops between two steps."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from hdstore.cli.output import console, note, visible
from hdstore.errors import CancelledError, HdstoreError

if TYPE_CHECKING:
    from hdstore.model import Progress

__all__ = ["working"]


class _Interrupt:
    """Remembers the first Ctrl-C until the work asks for it; the second one stops at once."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        note("Stopping. Press Ctrl-C again to stop at once.")

    def check(self) -> None:
        if self.asked:
            raise CancelledError("Cancelled; nothing was changed.")


@contextmanager
def _listening() -> Iterator[_Interrupt]:
    """Turns Ctrl-C into a question that the work answers at its next step."""
    interrupt = _Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield interrupt
    except HdstoreError as error:
        # The git program gets the terminal's Ctrl-C too, and its end then looks like a failure.
        if interrupt.asked and not isinstance(error, CancelledError):
            raise CancelledError("Cancelled; nothing was changed.") from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def working() -> Iterator[Progress]:
    """Yields the callback for a library call; it draws on standard error when that is a terminal."""
    with _listening() as interrupt:
        if not sys.stderr.isatty():

            def quiet(_what: str, _done: int, _total: int | None) -> None:
                interrupt.check()

            yield quiet
            return
        with _bar() as draw:

            def shown(what: str, done: int, total: int | None) -> None:
                interrupt.check()
                draw(what, done, total)

            yield shown


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console(err=True),
        transient=True,
    )
    tasks: dict[str, int] = {}

    def draw(what: str, done: int, total: int | None) -> None:
        if what not in tasks:
            tasks[what] = bar.add_task(visible(what), total=total)
        bar.update(tasks[what], completed=done, total=total)  # type: ignore[arg-type]

    with bar:
        yield draw
