"""Gathering the values of one column while frames stream past, and turning them into arrays at the end."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hdstore.index.columns import NO_INSTANT
from hdstore.model.moments import instant

__all__ = [
    "Arrays",
    "Codes",
    "NumberGatherer",
    "SeveralGatherer",
    "TextGatherer",
    "VectorGatherer",
    "starts_of",
]

Arrays: TypeAlias = dict[str, NDArray[Any]]

_NAN = float("nan")


class Codes(dict[str | None, int]):
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
        self._texts = Codes(None, "")
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
        self._texts = Codes(None, "")
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
        names = Codes()
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
