"""The classes of entries: how a frame remembers which subclass it was made of, and finds it again."""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from hdstore.compat.errors import HyperDatasetWarning
from hdstore.errors import InvalidValueError
from hdstore.model import check_metadata

__all__ = [
    "ENTRY_CLASS",
    "ENTRY_FIELDS",
    "SUB_ENTRY_CLASS",
    "SUB_ENTRY_FIELDS",
    "find_class",
    "give_fields",
    "own_fields",
]

ENTRY_CLASS = "_clearml_data_entry_class"
SUB_ENTRY_CLASS = "_clearml_data_sub_entry_class"
"""Keys of metadata under which the name of the class stands (row 38)."""

ENTRY_FIELDS = "_clearml_data_entry_fields"
SUB_ENTRY_FIELDS = "_clearml_data_sub_entry_fields"
"""Keys of metadata under which the attributes stand that a subclass has added; an addition of hdstore."""

_Class = TypeVar("_Class")

_warned: set[str] = set()


def find_class(name: object, base: type[_Class]) -> type[_Class] | None:
    """Returns the loaded class of this name below ``base`` (or itself); None, with a warning, where there is none.

    The name may have its module in front, with a colon or dot between. No module is imported: a frame may be a
    stranger's. Of several classes of one name the one defined last is meant.
    """
    if not isinstance(name, str) or not name:
        return None
    found = None
    for candidate in _family(base):
        path = f"{candidate.__module__}.{candidate.__qualname__}"
        if name.replace(":", ".") in (candidate.__name__, path) and _is_current(candidate, found):
            found = candidate
    if found is None and name not in _warned:
        _warned.add(name)
        warnings.warn(
            f"Entries were saved as {name}, which is not loaded; they come back as {base.__name__}."
            " Import its module first.",
            HyperDatasetWarning,
            stacklevel=2,
        )
    return found


def _family(base: type[_Class]) -> Iterator[type[_Class]]:
    yield base
    for below in base.__subclasses__():
        yield from _family(below)


def _is_current(candidate: type, other: type | None) -> bool:
    """Says whether a class goes before another of its name: the one that its module still holds."""
    module = sys.modules.get(candidate.__module__)
    return other is None or module is None or getattr(module, candidate.__name__, candidate) is candidate


def own_fields(instance: object) -> dict[str, Any]:
    """Returns the public attributes that a subclass has given to an object, as far as metadata can hold them.

    Those that it can not hold are left out with a warning.
    """
    found = {}
    for name, value in vars(instance).items():
        if name.startswith("_"):
            continue
        if _is_plain(value):
            found[name] = copy.deepcopy(value)
        else:
            warnings.warn(
                f"The attribute {name!r} of a {type(instance).__name__} is not saved: metadata can not hold a"
                f" {type(value).__name__}.",
                HyperDatasetWarning,
                stacklevel=2,
            )
    return found


def _is_plain(value: Any) -> bool:
    try:
        check_metadata({"": value}, "an attribute")
    except InvalidValueError:
        return False
    return True


def give_fields(instance: object, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Gives an object the attributes that ``own_fields`` has found; returns those whose names its class has itself."""
    kind = type(instance)
    kept = {name: value for name, value in fields.items() if name.startswith("_") or hasattr(kind, name)}
    vars(instance).update((name, value) for name, value in fields.items() if name not in kept)
    return kept
