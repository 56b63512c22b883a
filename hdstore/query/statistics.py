"""Counting frames, annotations and sources by what they hold (row 33)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from hdstore.errors import InvalidInputError
from hdstore.index import Floats, VersionRows
from hdstore.model import LabelCount, RoiRule, Stats
from hdstore.query.columnar import ReadFrames
from hdstore.query.counted import Counted, count_all, count_matching
from hdstore.query.distinct import Chunk, Distinct, Gathered, Value, chunks_of, gather, pairs
from hdstore.query.found import Found
from hdstore.query.properties import Held, Property, as_found, property_of

__all__ = ["Bin", "Distribution", "Numbers", "Tally", "ValueCount", "distribution", "statistics"]

_MAX_BINS = 100_000

_Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many frames, of annotations and of sources hold something.

    Of a property of frames or sources, ``annotations`` are those of such frames that count. ``sources`` are counted
    where it is a property of sources, else 0.
    """

    frames: int
    annotations: int
    sources: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueCount(Tally):
    """Who holds a value."""

    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin(Tally):
    """Who holds a number from ``low`` on and below ``high``; the last bin holds ``high`` itself too."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The numbers among the values of a property; ``count`` counts one each time it is held."""

    count: int
    min: float
    max: float
    mean: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """The values of a property in some frames.

    ``frames``, ``annotated`` and ``annotations`` count all frames that were asked about, those that hold an annotation
    that counts, and these. ``values`` are the most frequent of ``different`` values, those of most frames first;
    ``without`` counts frames, annotations or sources that lack a value.
    """

    name: str
    scope: str
    frames: int
    annotated: int
    annotations: int
    different: int
    values: tuple[ValueCount, ...]
    without: Tally
    numbers: Numbers | None


def distribution(
    rows: VersionRows | Found,
    name: str,
    *,
    roi: RoiRule | str | None = None,
    bins: int | Sequence[float] | None = None,
    limit: int = 1000,
    read: ReadFrames | None = None,
    now: datetime | None = None,
) -> Distribution:
    """Counts who holds which value of a property: any field of the query language.

    Args:
        rows: the frames to ask.
        name: the property, such as ``label``, ``meta.city``, ``sources.content_type`` or ``rois.area``.
        roi: which annotations count (a rule, or a query on annotations); frames where none does are left out of
            everything but ``frames``. None: all.
        bins: so many bins of equal width for numbers, or their edges; numbers are then counted by bin and not one by
            one. Numbers beyond the edges given are in no bin.
        limit: how many values are listed.
        read: decodes frames whose values the index does not hold.
        now: what the word now means in ``roi``.

    Raises:
        QuerySyntaxError: there is no such field, or ``roi`` is no query.
        InvalidInputError: the field has no value of its own, the bins make no sense, or frames would have to be read.
    """
    if limit < 0:
        raise InvalidInputError(f"At most so many values are listed, which can not be {limit}.")
    _check_bins(bins)
    wanted = property_of(name)
    found = as_found(rows)
    counted = count_all(found) if roi is None else count_matching(found, roi, read, now=now)
    gathered = gather(counted, wanted, read)
    values, chunks = chunks_of(gathered if bins is None else gathered.select(numbers=False), counted, wanted)
    tallies = _count(chunks, len(values) + 1, wanted, counted)
    annotated, annotations = counted.totals
    return Distribution(
        name=name,
        scope=wanted.scope,
        frames=len(found),
        annotated=annotated,
        annotations=annotations,
        different=len(values),
        values=_most_frequent(values, tallies, limit),
        without=Tally(**_tally(tallies, len(values))),
        numbers=_numbers(gathered.select(numbers=True), bins, wanted, counted),
    )


def statistics(
    rows: VersionRows | Found,
    *,
    roi: RoiRule | str | None = None,
    read: ReadFrames | None = None,
    now: datetime | None = None,
) -> Stats:
    """Returns the counts of frames, annotations, labels and content types; of all frames they are the version's own.

    With ``roi``, frames where no annotation counts count as frames only.
    """
    found = as_found(rows)
    counted = count_all(found) if roi is None else count_matching(found, roi, read, now=now)
    counts = []
    for name in ("label", "sources.content_type"):
        wanted = property_of(name)
        of = counted if name == "label" else count_all(found)
        values, chunks = chunks_of(gather(of, wanted, read), of, wanted)
        counts.append((values, _count(chunks, len(values) + 1, wanted, of)))
    (labels, by_label), (kinds, by_kind) = counts
    annotated, annotations = counted.totals
    return Stats(
        frames=len(found),
        annotated=annotated,
        annotations=annotations,
        content_types={str(kinds[place]): int(by_kind[2][place]) for place in range(len(kinds))},
        labels={
            str(labels[place]): LabelCount(
                annotations=int(by_label[1][place]), frames=int(by_label[0][place])
            )
            for place in range(len(labels))
        },
    )


def _count(
    chunks: Iterable[Chunk], count: int, wanted: Property, counted: Counted
) -> tuple[_Counts, _Counts, _Counts]:
    """Returns for each place how many frames, annotations and sources hold it."""
    frames, annotations, sources = (np.zeros(count, np.int64) for _ in range(3))
    # A label that an annotation names twice counts twice, as in the statistics that versions keep.
    repeated = wanted.scope == "annotation" and wanted.column.name == "label"
    for chunk in chunks:
        once = pairs(chunk.frames, chunk.places, count)
        places = chunk.places[once]
        frames += np.bincount(places, minlength=count)
        if wanted.scope == "annotation":
            owned = chunk.places if repeated else chunk.places[pairs(chunk.owners, chunk.places, count)]
            annotations += np.bincount(owned, minlength=count)
            continue
        held = counted.per_frame[chunk.number][chunk.frames[once]]
        annotations += np.bincount(places, held, minlength=count).astype(np.int64)
        if wanted.scope == "source":
            owned = chunk.places[pairs(chunk.owners, chunk.places, count)]
            sources += np.bincount(owned, minlength=count)
    return frames, annotations, sources


def _tally(counts: tuple[_Counts, _Counts, _Counts], place: int) -> dict[str, int]:
    return {
        name: int(count[place])
        for name, count in zip(("frames", "annotations", "sources"), counts, strict=True)
    }


def _most_frequent(
    values: Distinct, counts: tuple[_Counts, _Counts, _Counts], limit: int
) -> tuple[ValueCount, ...]:
    """Returns the counts of the values of most frames."""
    places = np.argsort(-counts[0][: len(values)], kind="stable")[:limit]
    return tuple(ValueCount(value=values[place], **_tally(counts, place)) for place in places.tolist())


# Numbers


def _check_bins(bins: int | Sequence[float] | None) -> None:
    if bins is None:
        return
    if isinstance(bins, int):
        if not 1 <= bins <= _MAX_BINS:
            raise InvalidInputError(f"Numbers go into 1 to {_MAX_BINS} bins, not {bins}.")
        return
    edges = np.asarray(bins, np.float64)
    if edges.ndim != 1 or not 2 <= len(edges) <= _MAX_BINS or not (edges[1:] > edges[:-1]).all():
        raise InvalidInputError("The edges of bins are two numbers or more that ascend.")


def _numbers(
    gathered: Gathered,
    bins: int | Sequence[float] | None,
    wanted: Property,
    counted: Counted,
) -> Numbers | None:
    found = [(number, held, held.numbers) for number, held in gathered.held if held.numbers is not None]
    if not found:
        return None
    low = min(float(values.min()) for _, _, values in found)
    high = max(float(values.max()) for _, _, values in found)
    count = sum(len(values) for _, _, values in found)
    # Divided first: the sum of large numbers may be beyond what a float holds.
    mean = sum(float((values / count).sum()) for _, _, values in found)
    binned: tuple[Bin, ...] = ()
    if bins is not None:
        binned = _bins(found, _edges(bins, low, high), wanted, counted)
    return Numbers(count=count, min=low, max=high, mean=min(max(mean, low), high), bins=binned)


def _edges(bins: int | Sequence[float], low: float, high: float) -> Floats:
    if not isinstance(bins, int):
        return np.asarray(bins, np.float64)
    if low == high:
        return np.array([low, high])
    share = np.arange(bins + 1) / bins
    edges = np.unique(low * (1 - share) + high * share)
    edges[0], edges[-1] = low, high
    return edges


def _bins(
    found: list[tuple[int, Held, Floats]], edges: Floats, wanted: Property, counted: Counted
) -> tuple[Bin, ...]:
    count = len(edges) - 1
    chunks = []
    for number, held, values in found:
        inside = (values >= edges[0]) & (values <= edges[-1])
        places = np.searchsorted(edges, values[inside], side="right") - 1
        places = np.minimum(places, count - 1).astype(np.int32)
        chunks.append(Chunk(number, held.frames[inside], held.owners[inside], places))
    counts = _count(chunks, count, wanted, counted)
    return tuple(
        Bin(low=float(edges[place]), high=float(edges[place + 1]), **_tally(counts, place))
        for place in range(count)
    )
