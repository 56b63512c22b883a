"""The rules that a view must meet and that types alone can not state.

``check_view`` raises ``InvalidValueError`` with the field that is wrong as a file writes it: ``queries[0].rois[1]``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from hdstore.errors import InvalidValueError
from hdstore.ids import NAMED_ID_PATTERN
from hdstore.model.rules import check_metadata, check_name
from hdstore.model.view import ANY, Iteration, MappingRule, Order, Output, RoiRule, View, ViewQuery

__all__ = ["MAX_QUERIES", "check_view"]

MAX_QUERIES = 1000
"""How many queries a view may have, also once its wildcards are written out."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
_INT64 = range(-(2**63), 2**63)


def check_view(view: View) -> None:
    """Checks the queries, ranges, mapping, enumeration, iteration and pins of a view whose field types are right."""
    _check_queries(view.queries)
    for number, rule in enumerate(view.mapping):
        _check_mapping(rule, f"mapping[{number}]")
    for label, value in view.enumeration.items():
        if not label or value not in _INT64:
            raise InvalidValueError(
                f"enumeration gives labels a number of 64 bits each, but {label!r} has {value!r}."
            )
    _check_clip(view.iteration, view.output)
    for path in view.projection:
        if not path.strip("."):
            raise InvalidValueError(f"projection names fields by dotted paths, and {path!r} names none.")
    if view.augmentation is not None:
        for number, one in enumerate(view.augmentation.sets):
            where = f"augmentation.sets[{number}]"
            check_metadata(one.arguments, f"{where}.arguments")
            if one.strength is not None and not math.isfinite(one.strength):
                raise InvalidValueError(f"{where}.strength is {one.strength}, which is not a finite number.")
    for version_id, commit in view.pins.items():
        if not NAMED_ID_PATTERN.fullmatch(version_id) or not _COMMIT.fullmatch(commit):
            raise InvalidValueError(
                f"pins maps ids of versions to commits of 40 hexadecimal digits, but {version_id!r} to {commit!r}."
            )


def _check_queries(queries: Sequence[ViewQuery]) -> None:
    if not queries:
        raise InvalidValueError("A view has at least one query: say a dataset and a version in queries.")
    if len(queries) > MAX_QUERIES:
        raise InvalidValueError(f"A view has at most {MAX_QUERIES} queries, not {len(queries)}.")
    for number, query in enumerate(queries):
        where = f"queries[{number}]"
        check_name(query.dataset, f"dataset in {where}")
        check_name(query.version, f"version in {where}")
        for position, rule in enumerate(query.rois):
            _check_roi(rule, f"{where}.rois[{position}]")
    if all(ANY in (query.dataset, query.version) for query in queries):
        raise InvalidValueError(
            f"A query with {ANY} as its dataset or version means those that the view's other queries name, and none of"
            " them names both; add a query of one version of one dataset."
        )


def _check_roi(rule: RoiRule, where: str) -> None:
    _check_range(rule.confidence, f"{where}.confidence")
    _check_range(rule.count, f"{where}.count")
    for bound in rule.count:
        if bound is not None and bound < 0:
            raise InvalidValueError(f"{where}.count holds {bound}; a number of annotations is 0 or more.")


def _check_range(ends: tuple[float | None, float | None], where: str) -> None:
    low, high = ends
    for end in ends:
        if end is not None and not math.isfinite(end):
            raise InvalidValueError(
                f"{where} holds {end}, which is not a finite number; null leaves an end open."
            )
    if low is not None and high is not None and low > high:
        raise InvalidValueError(f"{where} begins at {low} and ends at {high}; write the lower end first.")


def _check_clip(iteration: Iteration, output: Output) -> None:
    clip = iteration.clip
    if clip is None:
        return
    if iteration.order is not Order.SEQUENTIAL:
        raise InvalidValueError(
            f"iteration.clip asks for runs of frames, which need the order {Order.SEQUENTIAL}, not {iteration.order};"
            " leave one of the two out."
        )
    if output is Output.EACH:
        raise InvalidValueError(
            f"iteration.clip gives runs of frames, and the output {output} one frame for each annotation; leave one of"
            " the two out."
        )
    if clip.gap is not None and not (math.isfinite(clip.gap) and clip.gap >= 0):
        raise InvalidValueError(
            f"iteration.clip.gap is {clip.gap}; it is a number of milliseconds, 0 or more."
        )


def _check_mapping(rule: MappingRule, where: str) -> None:
    if not rule.labels:
        raise InvalidValueError(
            f"{where}.labels is empty; name the labels that become {rule.to!r}, or {ANY}."
        )
    if ANY in rule.labels and len(rule.labels) > 1:
        raise InvalidValueError(f"{where}.labels holds {ANY}, which means any label, beside other labels.")
    check_name(rule.dataset, f"dataset in {where}")
    check_name(rule.version, f"version in {where}")
