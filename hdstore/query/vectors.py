"""Frames whose vectors are most like a given one (rows 133 and 134).

The index holds vectors as float32. What it can not tell apart is compared again by the frames' own numbers, so that the
exact search finds what comparing all frames in float64 would find. The fast search looks at few of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdstore.errors import DamagedError, InvalidValueError, NotFoundError
from hdstore.index import Floats, Segment, Vectors, VersionRows
from hdstore.model import Frame, Progress
from hdstore.query.columnar import ReadFrames
from hdstore.query.found import Found
from hdstore.query.graphs import graph_of
from hdstore.query.ordering import order
from hdstore.query.properties import as_found
from hdstore.query.runs import Run

__all__ = ["Nearest", "Similarity", "check_question", "nearest"]

_CHUNK = 1 << 22
"""Bytes of vectors that are compared at once: so few that they are still near when they are looked at again."""

_SINGLE = 2.0**-24
_DOUBLE = 2.0**-53
"""How far, as a share of it, a number may be from the one it stands for."""

_NOTHING = 2.0**-150
"""Up to this a number is 0 as a float32."""

_LARGE = 2.0**500
"""Up to this, numbers can be multiplied in pairs and summed."""

_SMALL = 1e-30
"""Sums of squares below this may have lost too much to rounding."""

_FEW = 10_000
"""Up to so many vectors of a segment, comparing all is as fast as the graph."""

_WHAT = "Comparing vectors"


class Similarity(StrEnum):
    """How vectors are compared."""

    COSINE = "cosine"
    """The cosine of the angle between them, from 1 (same direction) to -1; 0 where one of them is zero."""
    L2 = "l2_norm"
    """The Euclidean distance; the smallest is the nearest."""
    DOT = "dot_product"
    """The dot product; the largest is the nearest."""


@dataclass(frozen=True, eq=False)
class Nearest:
    """The frames nearest to a vector, nearest first; of those equally near, by id.

    ``scores`` are cosines, distances or dot products. ``approximate`` says that not all vectors were compared, so that
    nearer ones may be missing.
    """

    run: Run
    scores: tuple[float, ...]
    similarity: Similarity
    approximate: bool

    def __len__(self) -> int:
        return len(self.scores)

    def ids(self) -> list[str]:
        """Returns the ids of the frames."""
        return self.run.ids()

    def frames(self) -> list[Frame]:
        """Returns the frames themselves."""
        return self.run.frames()


def nearest(
    rows: VersionRows | Found,
    vector: Sequence[float],
    name: str,
    *,
    read: ReadFrames,
    count: int = 50,
    similarity: Similarity | str = Similarity.COSINE,
    fast: bool = False,
    progress: Progress | None = None,
) -> Nearest:
    """Returns the ``count`` frames whose vectors of a name are nearest to ``vector``.

    Frames without that vector, and those where it has another length, are passed over. ``fast`` searches by a graph
    (HNSW), by cosine only; it is built when it is first needed, and its answer says that it is approximate.

    Raises:
        InvalidValueError: the vector is none, or has another length than all there are; the count or the similarity
            makes no sense; ``fast`` with another similarity than cosine.
        NotFoundError: no frame has a vector of this name.
        MissingPackageError: ``fast`` needs usearch, and it is not installed.
    """
    wanted, similarity = check_question(vector, count=count, similarity=similarity, fast=fast)
    found = as_found(rows)
    places = _places(found, name, len(wanted), whole=isinstance(rows, VersionRows))
    query = _Query(wanted, similarity)
    if query.is_zero:
        run = _first_by_id(places, count, read)
        return Nearest(run, (0.0,) * len(run), similarity, approximate=False)
    candidates, approximate = _candidates(query, places, name, count, fast, progress)
    run, scores = _ranked(query, candidates, places, found, name, count, read)
    return Nearest(run, scores, similarity, approximate)


def check_question(
    vector: Sequence[float], *, count: int, similarity: Similarity | str, fast: bool
) -> tuple[list[float], Similarity]:
    """Returns the vector as floats, and how it is compared; raises as ``nearest`` where a question makes no sense."""
    try:
        numbers = [float(number) for number in vector]
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidValueError(f"A vector is a list of numbers: {error}.") from error
    if isinstance(vector, str | bytes | dict | set) or not numbers or not all(map(math.isfinite, numbers)):
        raise InvalidValueError("A vector is a list of one finite number or more.")
    if similarity not in set(Similarity):
        raise InvalidValueError(
            f"Vectors are compared by {', '.join(Similarity)}, which {similarity!r} is none of."
        )
    if count < 1:
        raise InvalidValueError(f"One neighbour or more is looked for, not {count}.")
    if fast and similarity != Similarity.COSINE:
        raise InvalidValueError(f"The fast search compares by cosine only, not by {similarity}.")
    return numbers, Similarity(similarity)


# Which vectors are to be compared


@dataclass(frozen=True, eq=False)
class _Place:
    """Vectors of one segment: rows ``chosen`` of their matrix; None: all."""

    number: int
    segment: Segment
    vectors: Vectors
    chosen: NDArray[np.intp] | None

    @property
    def count(self) -> int:
        return len(self.vectors.owners) if self.chosen is None else len(self.chosen)


def _places(found: Found, name: str, length: int, *, whole: bool) -> list[_Place]:
    places = []
    lengths: set[int] = set()
    for number, (segment, rows) in enumerate(found.parts):
        wanted = None
        if len(rows) < segment.count("frame"):
            wanted = np.zeros(segment.count("frame"), np.bool_)
            wanted[rows] = True
        for vectors in segment.vectors(name):
            chosen = None
            if wanted is not None:
                chosen = np.flatnonzero(wanted[vectors.owners])
                chosen = None if len(chosen) == len(vectors.owners) else chosen
            place = _Place(number, segment, vectors, chosen)
            if place.count:
                lengths.add(vectors.matrix.shape[1])
                if vectors.matrix.shape[1] == length:
                    places.append(place)
    if not places and lengths:
        raise InvalidValueError(
            f"The vectors {name!r} have {' or '.join(map(str, sorted(lengths)))} numbers, not {length}."
        )
    names = sorted({name for segment, _ in found.parts for name in segment.vector_names})
    if not places and found.parts and (whole or name not in names):
        raise NotFoundError(
            f"No frame has a vector {name!r}"
            + (f"; there are {', '.join(map(repr, names))}." if set(names) - {name} else ".")
        )
    return places


# Comparing


class _Query:
    """The vector that is looked for, and how likeness to it is told; more is nearer."""

    def __init__(self, vector: list[float], similarity: Similarity) -> None:
        self.vector = vector
        self.similarity = similarity
        # By a power of two, which changes no digit: products of the largest numbers stay below infinity.
        self._scaled = np.ldexp(np.array(vector), -_exponent(vector))
        self._length = math.hypot(*self._scaled)
        self.direction = self._scaled / (self._length or 1.0)
        """The same, as long as 1."""

    @property
    def is_zero(self) -> bool:
        """Whether nothing can be nearer to it than anything else."""
        return self.similarity is not Similarity.L2 and not any(self.vector)

    def bounds(self, matrix: NDArray[Any], unit: float) -> tuple[Floats, Floats]:
        """Returns likeness to each row of a matrix, and how far it may be from that of the frame's own numbers.

        ``unit`` is the precision of the matrix, whose numbers are those of frames rounded to float32. What can not be
        told at all may be infinitely far.
        """
        with np.errstate(all="ignore"):
            if self.similarity is Similarity.L2:
                likeness, error = self._by_distance(matrix, unit)
            else:
                likeness, error = self._by_product(matrix, unit)
        unknown = ~(np.isfinite(likeness) & np.isfinite(error))
        likeness[unknown], error[unknown] = 0.0, np.inf
        return likeness, error

    def _by_product(self, matrix: NDArray[Any], unit: float) -> tuple[Floats, Floats]:
        direction = self.direction.astype(matrix.dtype)
        products = np.einsum("ij,j->i", matrix, direction).astype(np.float64)
        squares = np.einsum("ij,ij->i", matrix, matrix).astype(np.float64)
        lengths = np.sqrt(squares)
        count = matrix.shape[1]
        share = (2 * count + 16) * unit + 4 * _SINGLE
        if self.similarity is Similarity.DOT:
            # What small numbers lose when they are rounded and squared is counted in.
            return products, share * np.sqrt(squares + count * 2.0**-120) + count * 2.0**-148
        small = squares < _SMALL
        zero = np.zeros(len(matrix), np.bool_)
        zero[small] = ~matrix[small].any(axis=1)
        error = np.where(small | ~np.isfinite(squares), np.inf, share)
        error[zero] = 0.0
        lengths = np.sqrt(squares)
        return products / np.where(lengths > 0, lengths, 1.0), error

    def _by_distance(self, matrix: NDArray[Any], unit: float) -> tuple[Floats, Floats]:
        steps = matrix - np.array(self.vector).astype(matrix.dtype)
        squares = np.einsum("ij,ij->i", steps, steps).astype(np.float64)
        distances = np.sqrt(squares)
        length = math.hypot(*self.vector)
        error = (matrix.shape[1] + 8) * unit * distances + 2 * _SINGLE * (2 * length + distances)
        return -distances, error + 1e-18  # what small numbers lose when they are rounded and squared

    def exact(self, vector: Sequence[float]) -> float:
        """Returns likeness to a frame's own numbers as it is told to people, right to the last digits."""
        if self.similarity is Similarity.L2:
            return math.dist(self.vector, vector)
        if self.similarity is Similarity.DOT:
            return _dot(np.array(self.vector), np.array(vector))
        if max(map(abs, vector)) <= _NOTHING:
            return 0.0
        scaled = np.ldexp(np.array(vector), -_exponent(vector))
        product = _dot(self._scaled, scaled)
        return min(max(product / self._length / math.hypot(*scaled), -1.0), 1.0)


def _exponent(vector: Sequence[float]) -> int:
    """Returns the exponent of the largest number of a vector."""
    return math.frexp(max(map(abs, vector)))[1]


def _dot(one: Floats, other: Floats) -> float:
    """Returns the dot product, rounded once."""
    if max(np.abs(one).max(), np.abs(other).max()) > _LARGE:
        return _large_dot(one, other)
    # Each number is split in halves, whose products are exact: what rounding a product loses is known then.
    products = one * other
    high, low = _halves(one)
    other_high, other_low = _halves(other)
    lost = ((high * other_high - products) + high * other_low + low * other_high) + low * other_low
    return math.fsum([*products.tolist(), *lost.tolist()])


def _halves(numbers: Floats) -> tuple[Floats, Floats]:
    turned = numbers * 134217729.0
    high = turned - (turned - numbers)
    return high, numbers - high


def _large_dot(one: Floats, other: Floats) -> float:
    """Returns the dot product of numbers whose products may be beyond floats; infinite where it is itself."""
    whole = sum(
        (Fraction(a) * Fraction(b) for a, b in zip(one.tolist(), other.tolist(), strict=True)), Fraction()
    )
    try:
        return float(whole)
    except OverflowError:
        return math.inf if whole > 0 else -math.inf


@dataclass(frozen=True, eq=False)
class _Candidates:
    """Rows of matrices that may be among the nearest: row ``rows[i]`` of the place ``places[i]``."""

    places: NDArray[np.intp]
    rows: NDArray[np.intp]


class _Sieve:
    """Keeps what may be among the ``count`` nearest of all that was put into it."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._surely = np.empty(0)
        self._parts: list[tuple[NDArray[np.intp], NDArray[np.intp], Floats]] = []

    def put(self, place: int, rows: NDArray[np.intp], likeness: Floats, error: Floats) -> None:
        """Adds rows of a place with their likeness and how far it may be off."""
        surely = np.concatenate((self._surely, likeness - error))
        if len(surely) > self._count:
            surely = np.partition(surely, len(surely) - self._count)[-self._count :]
        self._surely = surely
        most = likeness + error
        kept = most >= self._least
        self._parts.append((np.full(np.count_nonzero(kept), place), rows[kept], most[kept]))

    @property
    def _least(self) -> float:
        """What the likeness of the nearest is at least."""
        return float(self._surely.min()) if len(self._surely) == self._count else -math.inf

    def kept(self) -> _Candidates:
        """Returns what may be among the nearest."""
        places, rows, most = (
            np.concatenate(parts)
            for parts in zip(
                (np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0)), *self._parts, strict=True
            )
        )
        kept = most >= self._least
        return _Candidates(places[kept], rows[kept])


def _candidates(
    query: _Query,
    places: list[_Place],
    name: str,
    count: int,
    fast: bool,
    progress: Progress | None,
) -> tuple[_Candidates, bool]:
    """Returns what may be among the nearest, and whether others may be missing."""
    total = sum(place.count for place in places)
    sieve = _Sieve(count)
    done = 0
    approximate = False
    for number, place in enumerate(places):
        near = _by_graph(query, place, name, count, progress) if fast else None
        approximate |= near is not None
        for rows in _blocks(place if near is None else replace(place, chosen=near)):
            if progress is not None:
                progress(_WHAT, done, total)
            likeness, error = query.bounds(place.vectors.matrix[rows], _SINGLE)
            sieve.put(number, _listed(rows), likeness, error)
            done += len(likeness)
    if progress is not None:
        progress(_WHAT, total, total)
    # Again in float64, which leaves hardly more than are asked for.
    rough = sieve.kept()
    sieve = _Sieve(count)
    for number, place in enumerate(places):
        held = replace(place, chosen=rough.rows[rough.places == number])
        for rows in _blocks(held):
            matrix = place.vectors.matrix[rows].astype(np.float64)
            sieve.put(number, _listed(rows), *query.bounds(matrix, _DOUBLE))
    return sieve.kept(), approximate


def _blocks(place: _Place) -> Iterator[slice | NDArray[np.intp]]:
    """Yields the rows to compare, so many at once as memory should hold."""
    step = max(1, _CHUNK // (4 * place.vectors.matrix.shape[1]))
    for begin in range(0, place.count, step):
        end = min(begin + step, place.count)
        yield slice(begin, end) if place.chosen is None else place.chosen[begin:end]


def _listed(rows: slice | NDArray[np.intp]) -> NDArray[np.intp]:
    return np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows


def _by_graph(
    query: _Query, place: _Place, name: str, count: int, progress: Progress | None
) -> NDArray[np.intp] | None:
    """Returns rows that are near by the graph; None where comparing all that are chosen is as good."""
    total = len(place.vectors.owners)
    if place.count <= max(_FEW, total // 10):
        return None
    graph = graph_of(place.segment, name, place.vectors, progress)
    # Twice as many as needed: the graph holds numbers of few digits, and some of them may not have been found.
    wanted = math.ceil(2 * count * total / place.count) + 16
    found = np.sort(graph.nearest(query.direction.astype(np.float32), wanted))
    if place.chosen is not None:
        chosen = np.zeros(total, np.bool_)
        chosen[place.chosen] = True
        found = found[chosen[found]]
    return found if len(found) >= min(count, place.count) else None


# The answer


def _ranked(
    query: _Query,
    candidates: _Candidates,
    places: list[_Place],
    found: Found,
    name: str,
    count: int,
    read: ReadFrames,
) -> tuple[Run, tuple[float, ...]]:
    """Returns the nearest of the candidates, by the frames' own numbers."""
    ranked: list[tuple[float, str, float, int, int]] = []
    for number, place in enumerate(places):
        frames = np.sort(place.vectors.owners[candidates.rows[candidates.places == number]])
        for row, frame in zip(frames.tolist(), read(place.segment, frames), strict=True):
            vector = frame.vectors.get(name)
            if vector is None or len(vector) != len(query.vector):
                raise DamagedError(
                    f"Frame {frame.id!r} has not the vector that {place.segment.path} says; delete the index,"
                    " and it is made anew."
                )
            score = query.exact(vector)
            away = score if query.similarity is Similarity.L2 else -score
            ranked.append((away, frame.id, score, place.number, row))
    ranked = sorted(ranked)[:count]
    return (
        Run(
            tuple(segment for segment, _ in found.parts),
            np.array([number for *_, number, _ in ranked], np.int32),
            np.array([row for *_, row in ranked], np.int32),
            read,
        ),
        tuple(score for _, _, score, _, _ in ranked),
    )


def _first_by_id(places: list[_Place], count: int, read: ReadFrames) -> Run:
    """Returns the frames that come first by their ids, of those that have a vector."""
    parts = [
        (place.segment, place.vectors.owners if place.chosen is None else place.vectors.owners[place.chosen])
        for place in places
    ]
    return order(Found(tuple(parts)), "id", read=read).page(0, count)
