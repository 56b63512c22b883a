"""Copies of frozen values with some fields changed, for layers that do not know how values are made."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

__all__ = ["replace"]

_T = TypeVar("_T", bound=msgspec.Struct)


def replace(value: _T, **fields: Any) -> _T:
    """Returns a copy of ``value`` with these fields changed."""
    return msgspec.structs.replace(value, **fields)
