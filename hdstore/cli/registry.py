"""How commands are declared: each has a help text, which is its docstring, and an example."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, ClassVar, TypeVar

import typer
from typer.main import get_group

from hdstore.cli.light import LightCommand, LightGroup

__all__ = ["LateGroup", "command", "group"]

_C = TypeVar("_C", bound=Callable[..., None])

_SETTINGS = {"help_option_names": ["-h", "--help"]}


class LateGroup(LightGroup):
    """A group whose commands are loaded when they are called, and all of them when they are listed."""

    modules: ClassVar[Mapping[str, str]] = {}
    """The module below ``hdstore.cli.commands`` whose ``add_to`` adds each command, in the order of the help."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Returns the names of all commands; loads none."""
        return [*self.modules]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Returns a command, or None; where there is none, what it may have meant is looked for among all."""
        for name in (cmd_name,) if cmd_name in self.modules else self.modules:
            if name not in self.commands:
                self.commands[name] = _load(self.modules[name], name)
        return self.commands.get(cmd_name)


def _load(module: str, name: str) -> Any:
    """Returns one command of a module; others that it adds are not made."""
    loaded = group("")
    import_module(f"hdstore.cli.commands.{module}").add_to(loaded)
    loaded.registered_commands = [info for info in loaded.registered_commands if info.name == name]
    loaded.registered_groups = [info for info in loaded.registered_groups if info.name == name]
    return get_group(loaded).commands[name]


def group(help_text: str, *, completion: bool = False, cls: type[LightGroup] = LightGroup) -> typer.Typer:
    """Returns an empty group of commands; ``completion`` adds the options that install completion."""
    return typer.Typer(
        cls=cls,
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
    return app.command(name, cls=LightCommand, epilog=f"Example: {example}", context_settings=_SETTINGS)
