"""What is printed: tables and sentences for people, raw JSON for programs.

Texts may come from a stranger's repository, so control characters are shown and never sent to the terminal.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

# rich is loaded by what draws: many commands print a line or two, and it takes longer than they do.

__all__ = [
    "OutputClosedError",
    "console",
    "count",
    "iso_time",
    "json_text",
    "note",
    "print_facts",
    "print_json",
    "print_lines",
    "print_raw",
    "print_table",
    "say",
    "size",
    "visible",
    "wall_time",
]

_WIDE = 10_000
"""Columns of an output that is no terminal: rows are not wrapped there, so that grep and cut work."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class OutputClosedError(Exception):
    """Whoever read the output closed it."""


def console(*, err: bool = False) -> Console:
    """Returns a console on standard output or standard error as it stands now, which pipes replace."""
    from hdstore.cli.consoles import OwnConsole

    stream: TextIO = sys.stderr if err else sys.stdout
    return OwnConsole(
        file=stream,
        width=None if stream.isatty() else _WIDE,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=err,
    )


def visible(text: str) -> str:
    """Returns the text with control and direction characters spelt out: it can not steer a terminal."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def print_raw(text: str) -> None:
    """Writes text as it is, and a newline."""
    _write(sys.stdout, text)


def _write(stream: TextIO, text: str, *, at_once: bool = False) -> None:
    try:
        stream.write(text)
        stream.write("\n")
        if at_once:
            stream.flush()
    except BrokenPipeError as error:
        raise OutputClosedError from error


def print_lines(lines: Iterable[str]) -> None:
    """Writes one line each, with nothing wrapped or coloured."""
    for text in lines:
        print_raw(visible(text))


def print_json(value: Any) -> None:
    """Writes one JSON value."""
    print_raw(json_text(value))


def json_text(value: Any, *, indent: int | None = 2) -> str:
    """Returns a value as JSON that standard output can take."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(value, ensure_ascii=not utf8, indent=indent)
    # JSON leaves DEL and the C1 controls as they are; they stand in strings only, where escapes are equal.
    return re.sub("[\x7f-\x9f]", lambda match: f"\\u{ord(match[0]):04x}", text)


def print_table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()
) -> None:
    """Prints a table; the columns named in ``right`` are aligned to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for header in headers:
        table.add_column(header, justify="right" if header in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(visible(str(cell))) for cell in row))
    console().print(table)


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Prints names and values in two columns; what is empty is left out."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in facts:
        if value not in ("", None):
            table.add_row(name, Text(visible(str(value))))
    console().print(table)


def say(text: str) -> None:
    """Prints one sentence for people on standard output."""
    _write(sys.stdout, visible(text), at_once=True)


def note(text: str) -> None:
    """Prints one sentence for people on standard error, beside the output."""
    _write(sys.stderr, visible(text), at_once=True)


def count(number: int, noun: str) -> str:
    """Returns a number with its noun: ``1 frame``, ``1,200 frames``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(number: int) -> str:
    """Returns a number of bytes as people read it."""
    amount = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def iso_time(seconds: int) -> str:
    """Returns a moment as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def wall_time(seconds: int) -> str:
    """Returns a moment as this machine's clock shows it."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")
