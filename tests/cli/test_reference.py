"""The reference in docs/cli.md is what the commands say of themselves."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperArgument, TyperCommand

from hdstore.cli.reference import reference, walk

Run = Callable[..., Any]

COMMANDS = list(walk())

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"

READING = ["list", "show", "stats", "meta", "schema", "mask-labels", "log", "query", "diff", "fsck"]


def test_the_reference_is_current() -> None:
    """docs/cli.md is exactly what the generator writes; run `python -m hdstore.cli.reference docs/cli.md`."""
    assert PAGE.read_text(encoding="utf-8") == reference()


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_command_is_documented(name: str, command: TyperCommand) -> None:
    """Each command, argument and option has help, and each command an example that begins with its name."""
    example = (command.epilog or "").removeprefix("Example: ")

    assert (command.help or "").strip().endswith(".")
    assert example == name or example.startswith(name + " ")
    for param in command.params:
        assert getattr(param, "help", ""), f"{name} {param.name}"
        if isinstance(param, TyperArgument):
            assert param.metavar, f"{name} {param.name}"


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_reading_command_has_json(name: str, command: TyperCommand) -> None:
    """Commands that read have --json."""
    options = {option for param in command.params for option in param.opts}

    assert name.split()[-1] not in READING or "--json" in options


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_example_parses(name: str, command: TyperCommand) -> None:
    """The words of an example are what its command takes."""
    words = shlex.split((command.epilog or "").removeprefix("Example: "))[len(name.split()) :]

    context = command.make_context(name, words)

    assert context.args == []


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_command_helps(name: str, command: TyperCommand, run: Run) -> None:
    """--help of each command exits 0 and shows help and example."""
    shown = " ".join(run(*name.split()[1:], "--help").out.replace("│", " ").split())

    assert (command.help or "").strip().splitlines()[0] in shown
    assert " ".join((command.epilog or "").split()) in shown
