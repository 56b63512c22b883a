"""How commands are declared: each has a help text, which is its docstring, and an example."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import typer

__all__ = ["command", "group"]

_C = TypeVar("_C", bound=Callable[..., None])

_SETTINGS = {"help_option_names": ["-h", "--help"]}


def group(help_text: str, *, completion: bool = False) -> typer.Typer:
    """Returns an empty group of commands; ``completion`` adds the options that install completion."""
    return typer.Typer(
        help=help_text,
        no_args_is_help=True,
        add_completion=completion,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings=_SETTINGS,
    )


def command(app: typer.Typer, name: str, *, example: str) -> Callable[[_C], _C]:
    """Returns a decorator that adds a function to a group as a command.

    ``example`` is a command line that works; the help shows it at its end and the reference prints it.
    """
    return app.command(name, epilog=f"Example: {example}", context_settings=_SETTINGS)
