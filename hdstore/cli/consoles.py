"""The console that draws tables and bars: rich, loaded by whoever draws, since it takes longer than a query."""

from __future__ import annotations

from typing import NoReturn

from rich.console import Console

from hdstore.cli.output import OutputClosedError

__all__ = ["OwnConsole"]


class OwnConsole(Console):
    """A console that leaves it to ``main`` to end the program when nobody reads any more."""

    def on_broken_pipe(self) -> NoReturn:
        """Raises instead of ending the program here."""
        raise OutputClosedError
