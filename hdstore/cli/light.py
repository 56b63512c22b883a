"""Parameters that load little: Typer checks each value with pydantic, whose loading takes as long as half a query.

Texts, readable paths and what is not given are taken as they are; all other values are left to Typer.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

__all__ = ["LightCommand", "LightGroup"]

_ASKS_MORE = ("exists", "parser", "path_type", "resolve_path", "writable")


class LightCommand(TyperCommand):
    """A command of light parameters."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Returns the arguments and options."""
        return _lightened(super().get_params(ctx))


class LightGroup(TyperGroup):
    """A group of light parameters."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Returns the options."""
        return _lightened(super().get_params(ctx))


def _lightened(parameters: list[Any]) -> list[Any]:
    """Makes parameters light; Typer makes them itself, and asks nobody for their class."""
    for parameter in parameters:
        if type(parameter) is TyperOption:
            parameter.__class__ = _LightOption
        elif type(parameter) is TyperArgument:
            parameter.__class__ = _LightArgument
    return parameters


class _LightOption(TyperOption):
    def process_value(self, ctx: Any, value: Any) -> Any:
        return _taken(self, ctx, value) if _is_plain(self, value) else super().process_value(ctx, value)


class _LightArgument(TyperArgument):
    def process_value(self, ctx: Any, value: Any) -> Any:
        return _taken(self, ctx, value) if _is_plain(self, value) else super().process_value(ctx, value)


def _is_plain(parameter: Any, value: Any) -> bool:
    if parameter.nargs != 1:
        return False
    if value is None:
        return not parameter.required
    if parameter.multiple:
        return False
    kind = _kind(parameter)
    if kind is Path:
        return isinstance(value, str | Path) and os.access(value, os.R_OK)
    return kind is str and isinstance(value, str)


def _kind(parameter: Any) -> Any:
    """Returns the type of a parameter; None where its values must be more than that, or this Typer does not say it."""
    descriptor = getattr(parameter, "type_descriptor", None)
    if descriptor is None:
        return None
    info = descriptor.parameter_info
    if any(getattr(info, name) for name in _ASKS_MORE) or not (info.file_okay and info.dir_okay):
        return None
    return descriptor.annotation


def _taken(parameter: Any, context: Any, value: Any) -> Any:
    """Returns a plain value for the command."""
    given = None if value is None else _kind(parameter)(value)
    return given if parameter.callback is None else parameter.callback(context, parameter, given)
