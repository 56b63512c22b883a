"""Parts of frames: dotted paths like ``sources.*.uri`` applied to the dict of a frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from hdstore.errors import InvalidInputError

__all__ = ["Paths", "parse_projection", "project"]

Paths: TypeAlias = list[tuple[str, ...]]

_ABSENT = object()


def parse_projection(projection: Iterable[str]) -> Paths:
    """Returns dotted paths taken apart.

    A part of a path is a name, ``*`` for all names or elements, or the index of an element. A name applied to a list is
    looked up in all its elements.
    """
    if isinstance(projection, str):
        raise InvalidInputError("A projection is a list of paths; put the one path into a list.")
    paths = [tuple(path.split(".")) for path in projection]
    for path in paths:
        if not all(path):
            raise InvalidInputError(
                f"A path of a projection is names with dots between, not {'.'.join(path)!r}."
            )
    return paths


def project(plain: Mapping[str, Any], paths: Paths) -> dict[str, Any]:
    """Returns only the parts of a frame's dict that the paths name; those it does not have are left out."""
    found = _pick(plain, paths)
    return found if isinstance(found, dict) else {}


def _pick(value: Any, paths: Paths) -> Any:
    if any(not path for path in paths):
        return value
    if isinstance(value, Mapping):
        items = {
            key: _below(item, [path[1:] for path in paths if path[0] in (key, "*")])
            for key, item in value.items()
        }
        return {key: item for key, item in items.items() if item is not _ABSENT} or _ABSENT
    if isinstance(value, list):
        named = [path for path in paths if path[0] != "*" and not path[0].isdigit()]
        elements = [
            _below(item, named + [path[1:] for path in paths if path[0] in (str(index), "*")])
            for index, item in enumerate(value)
        ]
        return [item for item in elements if item is not _ABSENT] or _ABSENT
    return _ABSENT


def _below(value: Any, paths: Paths) -> Any:
    return _pick(value, paths) if paths else _ABSENT
