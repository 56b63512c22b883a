"""Questions on a terminal; without one nothing is asked and the command refuses."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, TypeAlias

import typer

from hdstore.cli.output import visible
from hdstore.errors import CancelledError, InvalidInputError

__all__ = ["Yes", "can_ask", "choose", "confirm_deletion", "wants"]

Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def can_ask() -> bool:
    """Says whether somebody is there to answer: standard input and standard error are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def wants(question: str, *, default: bool) -> bool:
    """Asks a yes-or-no question; raises CancelledError on Ctrl-C and at the end of the input."""
    try:
        return typer.confirm(visible(question), default=default, err=True)
    except typer.Abort as error:
        raise CancelledError("Cancelled; nothing was changed.") from error


def confirm_deletion(question: str, *, yes: bool) -> None:
    """Asks before something goes, unless ``yes``.

    Raises CancelledError on no, and InvalidInputError where nobody can answer.
    """
    if yes:
        return
    if not can_ask():
        raise InvalidInputError("There is no terminal to ask on; say --yes to delete without a question.")
    if not wants(question, default=False):
        raise CancelledError("Cancelled; nothing was changed.")


def choose(question: str, choices: Sequence[str]) -> int:
    """Asks for one of several things by number and returns its index."""
    lines = [visible(question), *(f"  {number}. {visible(text)}" for number, text in enumerate(choices, 1))]
    typer.echo("\n".join(lines), err=True)
    try:
        while True:
            answer: str = typer.prompt(f"Number (1-{len(choices)})", err=True)
            if answer.strip().isdecimal() and 1 <= int(answer) <= len(choices):
                return int(answer) - 1
    except typer.Abort as error:
        raise CancelledError("Cancelled; nothing was changed.") from error
