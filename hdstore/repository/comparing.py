"""Two views side by side, field by field: what runs differ in (row 111)."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hdstore.codec import view_to_builtins
from hdstore.model import DatasetDocument, Iteration, View, ViewQuery, replace
from hdstore.repository.core import Core
from hdstore.repository.naming import quote_name

__all__ = ["ComparedField", "compare_views", "with_names"]


@dataclass(frozen=True, slots=True)
class ComparedField:
    """One field of two views as plain values; None where a view lacks it."""

    field: str
    left: Any
    right: Any

    @property
    def equal(self) -> bool:
        """Whether both say the same."""
        return bool(self.left == self.right)


def compare_views(left: View, right: View) -> list[ComparedField]:
    """Returns all fields that either view has, equal ones too.

    Queries and mapping rules are aligned: equal ones first, then those of one version, then those of one dataset, then
    what is left in its order. A field is named as in a file, by its place in ``left``; one that stands elsewhere in
    ``right`` has a field ``position`` too.
    """
    a, b = view_to_builtins(left), view_to_builtins(right)
    return [
        *_lists("queries", a.get("queries", []), b.get("queries", []), _QUERY),
        *_lists("mapping", a.get("mapping", []), b.get("mapping", []), _MAPPING),
        *_maps("enumeration", a.get("enumeration", {}), b.get("enumeration", {})),
        ComparedField("output", str(left.output), str(right.output)),
        ComparedField("projection", list(left.projection), list(right.projection)),
        *_iterations(left.iteration, right.iteration, a.get("iteration", {}), b.get("iteration", {})),
        *_augmentations(a.get("augmentation"), b.get("augmentation")),
        *_maps("pins", a.get("pins", {}), b.get("pins", {})),
    ]


_EMPTY = ViewQuery(dataset="x")
_QUERY: dict[str, Any] = {
    "dataset": None,
    "version": _EMPTY.version,
    "filter": str(_EMPTY.filter),
    "frame": "",
    "source": "",
    "rois": [],
    "weight": _EMPTY.weight,
}
_MAPPING: dict[str, Any] = {"dataset": "*", "version": "*", "labels": [], "to": None}
"""The fields with what they are where none is given, in the order they are shown."""


def _lists(
    name: str, left: list[dict[str, Any]], right: list[dict[str, Any]], fields: dict[str, Any]
) -> Iterator[ComparedField]:
    for i, j in _aligned(left, right):
        where = f"{name}[{j if i is None else i}]"
        if i is not None and j is not None and i != j:
            yield ComparedField(f"{where}.position", i, j)
        for field, default in fields.items():
            yield ComparedField(
                f"{where}.{field}",
                None if i is None else left[i].get(field, default),
                None if j is None else right[j].get(field, default),
            )


def _aligned(left: Sequence[Any], right: Sequence[Any]) -> list[tuple[int | None, int | None]]:
    """Returns pairs of places that belong together; None where one side has nothing."""
    keys: tuple[Callable[[Any], object], ...] = (
        lambda item: json.dumps(item, sort_keys=True),
        lambda item: (item.get("dataset"), item.get("version")),
        lambda item: item.get("dataset"),
        lambda item: None,
    )
    partner: dict[int, int] = {}
    free = list(range(len(right)))
    for key in keys:
        waiting: defaultdict[object, deque[int]] = defaultdict(deque)
        for j in free:
            waiting[key(right[j])].append(j)
        for i, item in enumerate(left):
            if i not in partner and waiting[key(item)]:
                partner[i] = waiting[key(item)].popleft()
        taken = set(partner.values())
        free = [j for j in free if j not in taken]
    return [*((i, partner.get(i)) for i in range(len(left))), *((None, j) for j in free)]


def _maps(name: str, left: dict[str, Any], right: dict[str, Any]) -> Iterator[ComparedField]:
    for key in sorted(left.keys() | right.keys()):
        yield ComparedField(f"{name}[{key}]", left.get(key), right.get(key))


def _iterations(
    left: Iteration, right: Iteration, a: dict[str, Any], b: dict[str, Any]
) -> Iterator[ComparedField]:
    for field in ("order", "seed", "limit", "infinite", "epoch", "clip"):
        # What is left out of the plain values equals its default, which is a plain value in all fields but the order.
        yield ComparedField(
            f"iteration.{field}",
            a.get(field, str(left.order) if field == "order" else getattr(left, field)),
            b.get(field, str(right.order) if field == "order" else getattr(right, field)),
        )


def _augmentations(left: dict[str, Any] | None, right: dict[str, Any] | None) -> Iterator[ComparedField]:
    if left is None and right is None:
        return
    for field, default in (("crop_around_rois", False), ("sets", [])):
        yield ComparedField(
            f"augmentation.{field}",
            None if left is None else left.get(field, default),
            None if right is None else right.get(field, default),
        )


def with_names(core: Core, view: View) -> View:
    """Returns the view for people to read: names for ids, and pins by the paths of versions.

    An id stays where its name is not known, or is shared by several. The value is for showing, not for storing.
    """
    datasets = core.catalog().datasets
    pinned: dict[str, str] = {}
    queries = []
    for query in view.queries:
        dataset, version = _names(datasets, query.dataset, query.version)
        queries.append(replace(query, dataset=dataset, version=version))
        if query.version in view.pins:
            pinned[f"{quote_name(dataset)}/{quote_name(version)}"] = view.pins[query.version]
    mapping = []
    for rule in view.mapping:
        dataset, version = _names(datasets, rule.dataset, rule.version)
        mapping.append(replace(rule, dataset=dataset, version=version))
    return replace(view, queries=tuple(queries), mapping=tuple(mapping), pins=pinned)


def _names(datasets: dict[str, DatasetDocument], dataset_id: str, version_id: str) -> tuple[str, str]:
    document = datasets.get(dataset_id)
    if document is None:
        return dataset_id, version_id
    shared = any(d.name == document.name and not d.deleted for i, d in datasets.items() if i != dataset_id)
    dataset = dataset_id if shared else document.name
    record = document.versions.get(version_id)
    if record is None:
        return dataset, version_id
    versions = document.versions
    # Of those that are deleted, as with their dataset, all count.
    others = (r for i, r in versions.items() if i != version_id and (record.deleted or not r.deleted))
    shared = any(other.name == record.name for other in others)
    return dataset, version_id if shared else record.name
