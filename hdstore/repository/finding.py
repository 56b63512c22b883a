"""What is computed over the frames of a version once they were found: counts, orders, groups, likeness.

Each of these may be asked of the frames that meet a query alone. Names and queries are checked before the index is
built.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hdstore.model import Progress, RoiRule, Stats
from hdstore.repository.searching import reader

if TYPE_CHECKING:
    from hdstore.index import VersionRows
    from hdstore.query.found import Found
    from hdstore.query.grouping import Groups
    from hdstore.query.ordering import OrderBy, Ordered
    from hdstore.query.statistics import Distribution
    from hdstore.query.updates import Updates
    from hdstore.query.vectors import Nearest
    from hdstore.repository.version import DatasetVersion

# numpy and what stands on it are loaded by whoever asks.

__all__ = ["distribution", "group", "last_updates", "nearest", "ordered", "statistics"]


def _frames(version: DatasetVersion, query: str, progress: Progress | None) -> VersionRows | Found:
    """Returns the frames that meet a query; all where it is empty."""
    return version.find(query, progress=progress) if query.strip() else version.rows(progress=progress)


def _check(names: Sequence[str], roi: RoiRule | str | None) -> None:
    from hdstore.query.counted import plan_of_roi
    from hdstore.query.properties import property_of

    for name in names:
        property_of(name)
    if roi is not None:
        plan_of_roi(roi)


def statistics(
    version: DatasetVersion,
    *,
    query: str = "",
    roi: RoiRule | str | None = None,
    progress: Progress | None = None,
) -> Stats:
    """Returns counts of frames, annotations, labels and content types; under a query, those of frames that meet it.

    ``roi`` (a rule, or a query on annotations) says which annotations count. Without either, these are the counts that
    the version keeps itself.
    """
    if not query.strip() and roi is None:
        return version.stats()
    from hdstore.query.statistics import statistics as count

    _check((), roi)
    return count(_frames(version, query, progress), roi=roi, read=reader(version._core))


def distribution(
    version: DatasetVersion,
    name: str,
    *,
    query: str = "",
    roi: RoiRule | str | None = None,
    bins: int | Sequence[float] | None = None,
    limit: int = 1000,
    progress: Progress | None = None,
) -> Distribution:
    """Returns who holds which value of a property; as ``hdstore.query.statistics.distribution`` (row 33)."""
    from hdstore.query.statistics import distribution as count

    _check((name,), roi)
    rows = _frames(version, query, progress)
    return count(rows, name, roi=roi, bins=bins, limit=limit, read=reader(version._core))


def ordered(
    version: DatasetVersion,
    by: str | OrderBy | Sequence[str | OrderBy] = (),
    *,
    descending: bool = False,
    query: str = "",
    among: Found | None = None,
    progress: Progress | None = None,
) -> Ordered:
    """Returns frames in an order, page by page; as ``hdstore.query.ordering.order`` (row 137).

    These are the frames that meet ``query``, or those that ``among`` holds, found before.
    """
    from hdstore.query.ordering import order, order_keys

    keys = order_keys(by, descending=descending)
    rows = _frames(version, query, progress) if among is None else among
    return order(rows, keys, read=reader(version._core))


def group(
    version: DatasetVersion,
    name: str = "context_id",
    *,
    query: str = "",
    roi: RoiRule | str | None = None,
    progress: Progress | None = None,
) -> Groups:
    """Returns frames by the value of a property; as ``hdstore.query.grouping.group`` (row 138)."""
    from hdstore.query.grouping import group as group_rows

    _check((name,), roi)
    return group_rows(_frames(version, query, progress), name, roi=roi, read=reader(version._core))


def nearest(
    version: DatasetVersion,
    vector: Sequence[float],
    name: str,
    *,
    query: str = "",
    count: int = 50,
    similarity: str = "cosine",
    fast: bool = False,
    progress: Progress | None = None,
) -> Nearest:
    """Returns the frames nearest to a vector; as ``hdstore.query.vectors.nearest`` (rows 133 and 134)."""
    from hdstore.query.vectors import check_question
    from hdstore.query.vectors import nearest as find

    check_question(vector, count=count, similarity=similarity, fast=fast)
    return find(
        _frames(version, query, progress),
        vector,
        name,
        count=count,
        similarity=similarity,
        fast=fast,
        read=reader(version._core),
        progress=progress,
    )


def last_updates(version: DatasetVersion, *, progress: Progress | None = None) -> Updates:
    """Returns the last save of each frame; as ``hdstore.query.updates.last_updates``, whose cost it has."""
    from hdstore.query.updates import last_updates as trace

    state = version.state()
    rows = version.rows(state=state, progress=progress)
    return trace(version._core.objects, state.commit, rows, progress=progress)
