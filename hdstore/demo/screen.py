"""How the tour looks in a terminal: steps, the commands that do the same, and short results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

__all__ = ["Screen"]

_BAR = 32


class Screen:
    """Prints the tour to a console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps = 0
        # A terminal that knows no more than ASCII must not end the tour.
        self._utf8 = console.encoding.lower().replace("-", "") == "utf8"

    def line(self, text: str = "", style: str = "") -> None:
        """Prints one line."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def title(self, text: str) -> None:
        """Prints what the whole is called."""
        self.line()
        self.line(text, "bold magenta")

    def step(self, title: str, why: str, *commands: str) -> None:
        """Prints what comes next, why, and the commands that would do it."""
        self._steps += 1
        self.line()
        self._console.print(
            Text.assemble((f"{self._steps:>2}  ", "bold magenta"), (title, "bold")), soft_wrap=True
        )
        self.line(f"    {why}", "dim")
        for command in commands:
            self._console.print(Text.assemble(("    $ ", "dim"), (command, "cyan")), soft_wrap=True)

    def result(self, text: str) -> None:
        """Prints what came of a step."""
        mark = "✓" if self._utf8 else "="
        self._console.print(Text.assemble((f"    {mark} ", "green"), text), soft_wrap=True)

    def rows(self, rows: Iterable[Sequence[str]]) -> None:
        """Prints rows in columns."""
        listed = [list(row) for row in rows]
        widths = [max(map(len, column)) for column in zip(*listed, strict=True)]
        for row in listed:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.line("      " + "  ".join(cells).rstrip())

    def bars(self, counts: Iterable[tuple[str, int]]) -> None:
        """Prints numbers as bars."""
        listed = list(counts)
        most = max((count for _, count in listed), default=1)
        width = max((len(name) for name, _ in listed), default=0)
        for name, count in listed:
            bar = ("█" if self._utf8 else "#") * max(1, round(count / most * _BAR))
            self._console.print(
                Text.assemble(f"      {name.ljust(width)}  ", (bar, "magenta"), f" {count}"), soft_wrap=True
            )
