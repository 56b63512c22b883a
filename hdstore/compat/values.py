"""Values as scripts write them, brought into plain ones."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from hdstore.errors import InvalidValueError

__all__ = ["deep", "label_list", "number", "plain_dict", "whole"]


def label_list(labels: Iterable[Any] | str | None) -> list[str]:
    """Returns labels as a list; a single string is one label, not a sequence of letters."""
    if labels is None:
        return []
    # A string of numpy is a string, but can not be stored as it is.
    listed = [labels] if isinstance(labels, str) else labels
    return [str(label) if isinstance(label, str) else label for label in listed]


def plain_dict(value: Mapping[str, Any] | None, what: str) -> dict[str, Any]:
    """Returns a dict of its own for a mapping; None is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidValueError(f"{what} is a dict, not {type(value).__name__}.")
    return dict(value)


def deep(metadata: dict[str, Any]) -> dict[str, Any]:
    """Returns a copy that shares nothing; most metadata is empty, which costs nothing then."""
    return copy.deepcopy(metadata) if metadata else {}


def number(value: Any, what: str) -> int | float:
    """Returns a number as a plain int or float, whatever library it comes from."""
    try:
        plain = value.item() if hasattr(value, "item") else value
        return plain if isinstance(plain, int | float) else float(plain)
    except (TypeError, ValueError) as error:
        raise InvalidValueError(f"{what} is a number, not {value!r}.") from error


def whole(value: Any, what: str) -> int | None:
    """Returns a whole number as a plain int; None stays None."""
    if value is None:
        return None
    found = number(value, what)
    if found != int(found):
        raise InvalidValueError(f"{what} is a whole number, not {value!r}.")
    return int(found)
