"""Packages that only some extras bring: imported where they are needed, and missed in a sentence."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from hdstore.errors import MissingPackageError

__all__ = ["need"]


def need(module: str, *, extra: str) -> Any:
    """Returns an imported module of an optional package.

    Raises:
        MissingPackageError: the package is not installed; ``extra`` is what brings it.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise MissingPackageError(
            f"This needs the package {package}, which is not installed; pip install 'hdstore[{extra}]' brings it."
        ) from error
