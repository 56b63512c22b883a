"""Parts of frames: dotted paths like ``sources.*.uri`` applied to the dict of a frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from hdstore.errors import InvalidInputError

__all__ = ["project"]

_Paths: TypeAlias = dict[str, "_Paths"]


def _tree(projection: Iterable[str]) -> _Paths:
    if isinstance(projection, str):
        raise InvalidInputError("A projection is a list of paths; put the one path into a list.")
    tree: _Paths = {}
    for path in projection:
        if not all(path.split(".")):
            raise InvalidInputError(f"A path of a projection is names with dots between, not {path!r}.")
        node = tree
        for part in path.split("."):
            node = node.setdefault(part, {})
    return tree


def project(plain: Mapping[str, Any], projection: Iterable[str]) -> dict[str, Any]:
    """Returns only the parts of a frame's dict that the paths name; those it does not have are left out.

    A part of a path is a name, ``*`` for all names or elements, or the index of an element. A name applied
    to a list is looked up in all its elements.
    """
    found = _pick(plain, _tree(projection))
    return found if isinstance(found, dict) else {}


_ABSENT = object()


def _pick(value: Any, paths: _Paths) -> Any:
    if not paths:
        return value
    if isinstance(value, Mapping):
        wanted = {key: _merged(paths, key) for key in value if key in paths or "*" in paths}
        picked = {key: _pick(value[key], inner) for key, inner in wanted.items()}
        kept = {key: item for key, item in picked.items() if item is not _ABSENT}
        return kept or _ABSENT
    if isinstance(value, list):
        return _pick_elements(value, paths)
    return _ABSENT


def _merged(paths: _Paths, key: str) -> _Paths:
    """Returns the paths below a key: its own and those of ``*``; an end among them takes the whole."""
    below = [paths[name] for name in (key, "*") if name in paths]
    if any(not inner for inner in below):
        return {}
    merged: _Paths = {}
    for inner in below:
        for name, rest in inner.items():
            merged[name] = _merged({"*": merged[name], name: rest}, name) if name in merged else rest
    return merged


def _pick_elements(values: list[Any], paths: _Paths) -> Any:
    named = {name: rest for name, rest in paths.items() if name != "*" and not name.isdigit()}
    picked = []
    for index, value in enumerate(values):
        key = str(index)
        if key in paths or "*" in paths:
            inner = _merged(paths, key)
            picked.append(_pick(value, inner | named if inner else inner))
        elif named:
            picked.append(_pick(value, named))
    kept = [item for item in picked if item is not _ABSENT]
    return kept or (_ABSENT if values else [])
