"""Gathering metadata while frames stream past: what stands at each path of their maps, as cells of columns."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from hdstore.errors import DamagedError
from hdstore.index.columns import Kind
from hdstore.index.gathering import Arrays, Codes

__all__ = ["MetadataGatherer"]

_NAN = float("nan")

_MAX_PATHS = 1024
"""How many paths of metadata a table may have: keys that are data (an id, a date) would make millions."""

_MAX_PATH_TEXT = 1 << 20
"""How many characters all paths of a table may have together: they stand in the header, which is read whole."""

_DENSE = 4
"""A path that at least one in so many owners has is stored with a cell for every owner."""


class _Path:
    """What was found at one path of metadata, and the paths that go on from it.

    Strings and numbers lie in arrays of their own, which may end before the cells do: what follows is neither.
    """

    __slots__ = ("codes", "inner", "kinds", "numbers", "owners", "path", "text", "texts")

    def __init__(self, path: tuple[str, ...], text: int) -> None:
        self.path = path
        self.text = text
        self.inner: dict[str, _Path] = {}
        self.owners = array("i")
        self.kinds = bytearray()
        self.numbers = array("d")
        self.codes = array("i")
        # Unlike in a field, the empty string is a value here.
        self.texts = Codes()

    def extend(self, owners: array[int], values: Sequence[Any], types: set[type]) -> None:
        """Adds scalars, one for each owner; ``types`` are theirs."""
        self.owners.extend(owners)
        if len(types) == 1:
            self._extend(values, *types)
        else:
            for value in values:
                self._extend((value,), type(value))

    def _extend(self, values: Sequence[Any], kind: type) -> None:
        if kind is str:
            _fill(self.codes, len(self.kinds), -1)
            self.codes.extend(map(self.texts.__getitem__, values))
            self.kinds += bytes((Kind.TEXT,)) * len(values)
        elif kind is float or kind is int:
            _fill(self.numbers, len(self.kinds), _NAN)
            self.numbers.extend(values)
            self.kinds += bytes((Kind.NUMBER,)) * len(values)
        elif kind is bool:
            self.kinds += bytes(Kind.TRUE if value else Kind.FALSE for value in values)
        elif kind is type(None):
            self.kinds += bytes((Kind.NULL,)) * len(values)
        else:
            where = "/".join(self.path)
            raise DamagedError(f"The metadata {where} of a frame hold a value that metadata can not: {kind}.")

    def finish(self, name: str, count: int) -> Arrays:
        """Returns the arrays of the cells, over ``count`` owners."""
        arrays: Arrays = {}
        owners = np.frombuffer(self.owners, np.int32)
        columns: Arrays = {"kinds": np.frombuffer(self.kinds, np.uint8)}
        if self.numbers:
            _fill(self.numbers, len(owners), _NAN)
            columns["numbers"] = np.frombuffer(self.numbers, np.float64)
        if self.codes:
            _fill(self.codes, len(owners), -1)
            arrays, become = self.texts.finish(name)
            columns["codes"] = become[np.frombuffer(self.codes, np.int32)]
        if (owners[1:] < owners[:-1]).any():
            # Owners whose maps have other keys were added behind those that have the same.
            order = np.argsort(owners, kind="stable")
            owners = owners[order]
            columns = {column: values[order] for column, values in columns.items()}
        if len(owners) * _DENSE >= count and bool((owners[1:] != owners[:-1]).all()):
            nothing = {"kinds": Kind.NOTHING, "numbers": _NAN, "codes": -1}
            for column, values in columns.items():
                columns[column] = np.full(count, nothing[column], values.dtype)
                columns[column][owners] = values
        else:
            arrays[f"{name}.owners"] = owners
        return arrays | {f"{name}.{column}": values for column, values in columns.items()}


def _fill(values: array[Any], count: int, filler: float) -> None:
    """Makes an array as long as there are cells."""
    if missing := count - len(values):
        values.extend(array(values.typecode, (filler,)) * missing)


class MetadataGatherer:
    """The metadata of each owner of one table, by paths; lists on the way are looked through."""

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self._root = _Path((), 0)
        self._paths: list[_Path] = []
        self._path_text = 0
        self._overflow: list[int] = []

    def extend(self, owners: Iterable[int], several: Sequence[dict[str, Any]]) -> None:
        """Adds the metadata of the next owners, which ascend; the more at once, the quicker."""
        self._maps(self._root, array("i", owners), several)

    def _maps(self, node: _Path, owners: array[int], maps: Sequence[dict[str, Any]]) -> None:
        """Adds maps at one path: those that have the same keys together, for most have."""
        if self._alike(node, owners, maps):
            return
        groups: dict[tuple[str, ...], list[int]] = {}
        for place, values in enumerate(maps):
            groups.setdefault(tuple(values), []).append(place)
        for places in groups.values():
            whose = array("i", [owners[place] for place in places])
            self._alike(node, whose, [maps[place] for place in places])

    def _alike(self, node: _Path, owners: array[int], maps: Sequence[dict[str, Any]]) -> bool:
        """Adds maps if all of them have the same keys, and says whether they have."""
        keys = tuple(maps[0])
        if set(map(len, maps)) != {len(keys)}:
            return False
        try:
            columns = [[values[key] for values in maps] for key in keys]
        except KeyError:
            return False
        for key, values in zip(keys, columns, strict=True):
            found = node.inner.get(key) or self._open(node, key)
            if found is None:
                self._overflow += owners
            else:
                self._values(found, owners, values)
        return True

    def _values(self, node: _Path, owners: array[int], values: Sequence[Any]) -> None:
        """Adds what stands at one path, a value for each owner."""
        types = set(map(type, values))
        if types == {dict}:
            self._maps(node, owners, values)
        elif dict in types or list in types:
            for owner, value in zip(owners, values, strict=True):
                self._value(node, array("i", (owner,)), value)
        else:
            node.extend(owners, values, types)

    def _value(self, node: _Path, owner: array[int], value: Any) -> None:
        """Adds one value at a path; of a list each item."""
        if type(value) is dict:
            self._maps(node, owner, (value,))
        elif type(value) is not list:
            node.extend(owner, (value,), {type(value)})
        elif value:
            self._values(node, owner * len(value), value)

    def _open(self, node: _Path, key: str) -> _Path | None:
        if type(key) is not str:
            raise DamagedError(f"The metadata of a frame hold a key that is no string: {key!r}.")
        text = node.text + len(key)
        if len(self._paths) >= _MAX_PATHS or self._path_text + text > _MAX_PATH_TEXT:
            return None
        self._path_text += text
        found = node.inner[key] = _Path((*node.path, key), text)
        self._paths.append(found)
        return found

    @property
    def size(self) -> int:
        """How many cells there are."""
        return sum(len(node.owners) for node in self._paths)

    def finish(self, count: int) -> tuple[Arrays, list[tuple[str, ...]]]:
        """Returns the arrays of all paths that have cells, and those paths in their order, over ``count`` owners."""
        arrays: Arrays = {}
        paths: list[tuple[str, ...]] = []
        for node in self._paths:
            if node.owners:
                arrays |= node.finish(f"{self._scope}.metadata/{len(paths)}", count)
                paths.append(node.path)
        if self._overflow:
            marks = np.zeros(count, np.bool_)
            marks[self._overflow] = True
            arrays[f"{self._scope}.overflow"] = marks
        return arrays, paths
