"""Which columns a table of frames needs beyond the fixed ones: typed metadata, and vectors of one length.

Found by going through the frames once before the first row is written, so that each file has one schema.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hdstore.model import Frame

__all__ = ["MAX_TYPED", "ColumnType", "Columns", "Inference", "VectorType"]

MAX_TYPED = 500
"""How many metadata keys get a column of their own: those that most frames have."""

_EXACT = 2**53
"""Whole numbers up to here are the same as a float of 64 bits."""

_INT64 = (-(2**63), 2**63 - 1)


class ColumnType(enum.Enum):
    """What a metadata column holds."""

    BOOL = "bool"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT64 = "float64"
    STRING = "string"


@dataclass(slots=True)
class _Values:
    """What was seen under one metadata key."""

    count: int = 0
    kinds: set[type] = field(default_factory=set)
    low: int = 0
    high: int = 0

    def add(self, value: Any) -> None:
        self.count += 1
        kind = type(value)
        self.kinds.add(kind)
        if kind is int:
            self.low, self.high = min(self.low, value), max(self.high, value)

    def column(self) -> ColumnType | None:
        """Returns a type that holds all values exactly, or None where no one type does."""
        if self.kinds == {bool}:
            return ColumnType.BOOL
        if self.kinds == {str}:
            return ColumnType.STRING
        if self.kinds == {int}:
            if self.low >= _INT64[0] and self.high <= _INT64[1]:
                return ColumnType.INT64
            return ColumnType.UINT64 if self.low >= 0 else None
        if self.kinds in ({float}, {float, int}) and self.low >= -_EXACT and self.high <= _EXACT:
            return ColumnType.FLOAT64
        return None


@dataclass(frozen=True, slots=True)
class VectorType:
    """How a vector column is held: ``length`` None where lengths differ, 32 bits where these hold all values."""

    length: int | None
    is_single: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns beyond the fixed ones, by the names of metadata keys and vectors, sorted.

    ``untyped`` are the keys that stand in the JSON alone: lists, maps, values of several types, and too many.
    """

    metadata: dict[str, ColumnType]
    untyped: tuple[str, ...]
    vectors: dict[str, VectorType]


class Inference:
    """Gathers what the frames of a view hold."""

    def __init__(self) -> None:
        self._metadata: dict[str, _Values] = {}
        self._vectors: dict[str, VectorType] = {}

    def add(self, frame: Frame) -> None:
        """Looks at one frame."""
        for key, value in frame.metadata.items():
            if value is not None:
                self._metadata.setdefault(key, _Values()).add(value)
        for name, vector in frame.vectors.items():
            known = self._vectors.get(name)
            wide = np.array(vector, dtype=np.float64)
            with np.errstate(over="ignore"):
                is_single = bool((wide.astype(np.float32) == wide).all())
            if known is None:
                self._vectors[name] = VectorType(len(vector), is_single)
            else:
                length = known.length if known.length == len(vector) else None
                self._vectors[name] = VectorType(length, known.is_single and is_single)

    def columns(self) -> Columns:
        """Returns the columns that hold what was seen."""
        fitting = {
            key: column for key, values in self._metadata.items() if (column := values.column()) is not None
        }
        first = sorted(fitting, key=lambda key: (-self._metadata[key].count, key))[:MAX_TYPED]
        return Columns(
            metadata={key: fitting[key] for key in sorted(first)},
            untyped=tuple(sorted(self._metadata.keys() - set(first))),
            vectors=dict(sorted(self._vectors.items())),
        )
