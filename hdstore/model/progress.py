"""How long work tells what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Progress"]

Progress: TypeAlias = Callable[[str, int, int | None], None]
"""Called as ``progress(what, done, total)``; ``total`` is None while it is not known.

To cancel, raise ``hdstore.errors.CancelledError`` from it: nothing is then changed.
"""
