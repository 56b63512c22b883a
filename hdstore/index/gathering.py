"""Gathering the values of one column while frames stream past, and turning them into arrays at the end."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hdstore.errors import DamagedError
from hdstore.index.columns import NO_INSTANT, Kind
from hdstore.model.moments import instant

__all__ = [
    "Arrays",
    "MetadataGatherer",
    "NumberGatherer",
    "SeveralGatherer",
    "TextGatherer",
    "VectorGatherer",
    "starts_of",
]

Arrays: TypeAlias = dict[str, NDArray[Any]]

_NAN = float("nan")

_MAX_PATHS = 1024
"""How many paths of metadata a table may have: keys that are data (an id, a date) would make millions."""

_MAX_PATH_TEXT = 1 << 20
"""How many characters all paths of a table may have together: they stand in the header, which is read whole."""

_DENSE = 4
"""A path that at least one in so many owners has is stored with a cell for every owner."""

_KINDS: dict[type, int] = {
    str: Kind.TEXT,
    int: Kind.NUMBER,
    float: Kind.NUMBER,
    bool: Kind.TRUE,
    type(None): Kind.NULL,
}


class _Codes(dict[str | None, int]):
    """Distinct strings by the order in which they came; what is asked for is added, but what counts as ``nothing``."""

    def __init__(self, *nothing: str | None) -> None:
        super().__init__(dict.fromkeys(nothing, -1))
        self._nothing = nothing

    def __missing__(self, text: str) -> int:
        code = self[text] = len(self) - len(self._nothing)
        return code

    def finish(self, name: str) -> tuple[Arrays, NDArray[np.int32]]:
        """Returns the arrays of the sorted strings, and the code each first code becomes."""
        for key in self._nothing:
            del self[key]
        texts = sorted(text for text in self if text is not None)
        raw = [text.encode() for text in texts]
        starts = np.zeros(len(raw) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, raw), np.int64, len(raw)), out=starts[1:])
        arrays: Arrays = {
            f"{name}.text_starts": starts,
            f"{name}.text_data": np.frombuffer(b"".join(raw), np.uint8),
        }
        instants = [instant(text) if text[4:5] == "-" else None for text in texts]
        if any(when is not None for when in instants):
            arrays[f"{name}.instants"] = np.array(
                [NO_INSTANT if when is None else when for when in instants], np.int64
            )
        # The last one stands for -1, nothing given.
        become = np.full(len(texts) + 1, -1, np.int32)
        become[np.fromiter(map(self.__getitem__, texts), np.int64, len(texts))] = np.arange(len(texts))
        return arrays, become


class TextGatherer:
    """One string for each owner, in order; the empty one counts as none."""

    __slots__ = ("_codes", "_texts")

    def __init__(self) -> None:
        self._texts = _Codes(None, "")
        self._codes = array("i")

    def extend(self, texts: Iterable[str | None]) -> None:
        """Adds the strings of the next owners."""
        self._codes.extend(map(self._texts.__getitem__, texts))

    def finish(self, name: str) -> Arrays:
        """Returns the arrays of the column."""
        arrays, become = self._texts.finish(name)
        arrays[f"{name}.codes"] = become[np.frombuffer(self._codes, np.int32)]
        return arrays


class SeveralGatherer:
    """Several strings for each owner, in order."""

    __slots__ = ("_codes", "_counts", "_texts")

    def __init__(self) -> None:
        self._texts = _Codes(None, "")
        self._codes = array("i")
        self._counts = array("i")

    def extend(self, several: Sequence[tuple[str, ...]]) -> None:
        """Adds the strings of the next owners."""
        self._counts.extend(map(len, several))
        self._codes.extend(map(self._texts.__getitem__, chain.from_iterable(several)))

    def finish(self, name: str) -> Arrays:
        """Returns the arrays of the column, with the owners of each string."""
        arrays, become = self._texts.finish(name)
        counts = np.frombuffer(self._counts, np.int32)
        starts = starts_of(counts)
        codes = become[np.frombuffer(self._codes, np.int32)]
        owners = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        order = np.argsort(codes, kind="stable")
        by_code, owners = codes[order], owners[order]
        if len(owners):
            first = np.ones(len(owners), np.bool_)
            first[1:] = (by_code[1:] != by_code[:-1]) | (owners[1:] != owners[:-1])
            by_code, owners = by_code[first], owners[first]
        posts = np.searchsorted(by_code, np.arange(len(become))).astype(np.int32)
        arrays |= {
            f"{name}.starts": starts,
            f"{name}.codes": codes,
            f"{name}.posts": posts,
            f"{name}.owners": owners,
        }
        return arrays


class NumberGatherer:
    """One number for each owner, in order, or none."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values = array("d")

    def extend(self, values: Iterable[float | None]) -> None:
        """Adds the numbers of the next owners."""
        self._values.extend([_NAN if value is None else value for value in values])

    def finish(self, name: str) -> Arrays:
        """Returns the array of the column."""
        return {name: np.frombuffer(self._values, np.float64)}


def starts_of(counts: NDArray[np.int32]) -> NDArray[np.int32]:
    """Returns where the parts of each owner begin, and behind the last one where they end."""
    starts = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=starts[1:])
    return starts


class VectorGatherer:
    """The vectors of each frame, by name and length."""

    __slots__ = ("_groups", "size")

    def __init__(self) -> None:
        self._groups: dict[tuple[str, int], tuple[array[int], array[float]]] = {}
        self.size = 0
        """How many numbers there are."""

    def add(self, owner: int, vectors: dict[str, tuple[float, ...]]) -> None:
        """Adds a frame's vectors; frames come in ascending order."""
        for name, vector in vectors.items():
            group = self._groups.get((name, len(vector)))
            if group is None:
                group = self._groups[name, len(vector)] = (array("i"), array("f"))
            group[0].append(owner)
            # What does not fit becomes infinite there; searches look at the frame's own numbers last.
            group[1].extend(vector)
            self.size += len(vector)

    def finish(self) -> Arrays:
        """Returns the arrays of all vectors; none where there are no vectors."""
        if not self._groups:
            return {}
        keys = sorted(self._groups)
        names = _Codes()
        codes = [names[name] for name, _ in keys]
        arrays, become = names.finish("frame.vectors")
        groups = [self._groups[key] for key in keys]
        arrays["frame.vectors.numbers"] = np.concatenate([np.frombuffer(n, np.float32) for _, n in groups])
        arrays["frame.vectors.codes"] = become[codes]
        arrays["frame.vectors.lengths"] = np.array([length for _, length in keys], np.int32)
        arrays["frame.vectors.starts"] = starts_of(np.array([len(owners) for owners, _ in groups], np.int32))
        arrays["frame.vectors.owners"] = np.concatenate(
            [np.frombuffer(owners, np.int32) for owners, _ in groups]
        )
        return arrays


class _Path:
    """What was found at one path of metadata, and the paths that go on from it."""

    __slots__ = ("inner", "owners", "path", "text", "values")

    def __init__(self, path: tuple[str, ...], text: int) -> None:
        self.path = path
        self.text = text
        self.inner: dict[str, _Path] = {}
        self.owners = array("i")
        self.values: list[Any] = []


class MetadataGatherer:
    """The metadata of each owner of one table, by paths; lists on the way are looked through."""

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self._root = _Path((), 0)
        self._paths: list[_Path] = []
        self._path_text = 0
        self._overflow: list[int] = []

    def extend(self, owners: Sequence[int], several: Sequence[dict[str, Any]]) -> None:
        """Adds the metadata of the next owners, which ascend; the more at once, the quicker."""
        self._maps(self._root, owners, several)

    def _maps(self, node: _Path, owners: Sequence[int], maps: Sequence[dict[str, Any]]) -> None:
        """Adds maps at one path: those that have the same keys together, for most have."""
        alike: dict[tuple[str, ...], list[int]] = {}
        for place, values in enumerate(maps):
            alike.setdefault(tuple(values), []).append(place)
        for keys, places in alike.items():
            whose = [owners[place] for place in places]
            for key in keys:
                found = node.inner.get(key) or self._open(node, key)
                if found is None:
                    self._overflow += whose
                else:
                    self._values(found, whose, [maps[place][key] for place in places])

    def _values(self, node: _Path, owners: Sequence[int], values: Sequence[Any]) -> None:
        kinds = set(map(type, values))
        if kinds == {dict}:
            self._maps(node, owners, values)
        elif dict in kinds or list in kinds:
            for owner, value in zip(owners, values, strict=True):
                if type(value) is list:
                    self._values(node, [owner] * len(value), value)
                else:
                    self._values(node, (owner,), (value,))
        else:
            node.owners.extend(owners)
            node.values.extend(values)

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
        return sum(len(node.values) for node in self._paths)

    def finish(self, count: int) -> tuple[Arrays, list[tuple[str, ...]]]:
        """Returns the arrays of all paths that have cells, and those paths in their order, over ``count`` owners."""
        arrays: Arrays = {}
        paths: list[tuple[str, ...]] = []
        for node in self._paths:
            if node.values:
                arrays |= _cells(f"{self._scope}.metadata/{len(paths)}", node, count)
                paths.append(node.path)
        if self._overflow:
            marks = np.zeros(count, np.bool_)
            marks[self._overflow] = True
            arrays[f"{self._scope}.overflow"] = marks
        return arrays, paths


def _kinds(node: _Path) -> NDArray[np.uint8]:
    """Returns what each value of a path is."""
    values = node.values
    types = set(map(type, values))
    try:
        if len(types) == 1 and bool not in types:
            return np.full(len(values), _KINDS[types.pop()], np.uint8)
        kinds = np.fromiter(map(_KINDS.__getitem__, map(type, values)), np.uint8, len(values))
    except KeyError as error:
        where = "/".join(node.path)
        raise DamagedError(
            f"The metadata {where} of a frame hold a value that metadata can not: {error}."
        ) from error
    if bool in types:
        kinds[[index for index, value in enumerate(values) if value is False]] = Kind.FALSE
    return kinds


def _cells(name: str, node: _Path, count: int) -> Arrays:
    values = node.values
    owners = np.frombuffer(node.owners, np.int32)
    order = None
    if (owners[1:] < owners[:-1]).any():
        # Owners whose maps have other keys were added behind those that have the same.
        order = np.argsort(owners, kind="stable")
        owners = owners[order]
    arrays: Arrays = {}
    kinds = _kinds(node)
    numbers = codes = None
    if (kinds == Kind.NUMBER).any():
        numbers = np.full(len(values), np.nan)
        given = [value for value in values if type(value) in (int, float)]
        numbers[kinds == Kind.NUMBER] = np.fromiter(given, np.float64, len(given))
    if (kinds == Kind.TEXT).any():
        # Unlike in a field, the empty string is a value here.
        texts = _Codes()
        raw = np.full(len(values), -1, np.int32)
        given = [value for value in values if type(value) is str]
        raw[kinds == Kind.TEXT] = np.fromiter(map(texts.__getitem__, given), np.int32, len(given))
        found, become = texts.finish(name)
        arrays |= found
        codes = become[raw]
    if order is not None:
        kinds = kinds[order]
        numbers = None if numbers is None else numbers[order]
        codes = None if codes is None else codes[order]
    single = bool((owners[1:] != owners[:-1]).all())
    if single and len(owners) * _DENSE >= count:
        wide = np.zeros(count, np.uint8)
        wide[owners] = kinds
        kinds = wide
        if numbers is not None:
            spread = np.full(count, np.nan)
            spread[owners] = numbers
            numbers = spread
        if codes is not None:
            filled = np.full(count, -1, np.int32)
            filled[owners] = codes
            codes = filled
    else:
        arrays[f"{name}.owners"] = owners
    arrays[f"{name}.kinds"] = kinds
    if numbers is not None:
        arrays[f"{name}.numbers"] = numbers
    if codes is not None:
        arrays[f"{name}.codes"] = codes
    return arrays
