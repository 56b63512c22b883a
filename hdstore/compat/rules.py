"""Rules of views as scripts write them: labels and ranges of annotations, label mappings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from hdstore.compat.values import label_list, number
from hdstore.errors import InvalidInputError, InvalidValueError, QuerySyntaxError
from hdstore.model import ANY, FilterBy, RoiRule, ViewQuery
from hdstore.model import MappingRule as NativeMappingRule

__all__ = [
    "LabelSource",
    "MappingRule",
    "RoiQuery",
    "check_queries",
    "filter_by",
    "label_rule",
    "mapping_rule",
    "roi_rule",
    "roi_rules",
]

MAX_WEIGHT = 1e9

OPEN = -1
"""What stands for an end of a range that is open."""

# What makes a text a query rather than the name of a label: operators and brackets anywhere, signs before a word.
_SYNTAX = re.compile(r'[()\[\]{}"^~:\\*?]|&&|\|\||(?:^|\s)(?:[-+!/<>=\']|(?:AND|OR|NOT)(?:\s|$))')

Range: TypeAlias = Sequence[float | None] | None


class RoiQuery(NamedTuple):
    """What annotations a frame must have (rows 94, 95): those with a label, so many of them, so confident.

    ``label`` is the name of a label, a Lucene query, or a list of labels that one annotation carries together. Ranges
    are [least, most]; -1 leaves an end open. With ``must_not`` the frame has no such annotation.
    """

    label: str | Sequence[str]
    count_range: Range = None
    conf_range: Range = None
    must_not: bool = False


def roi_rule(rule: RoiQuery | Mapping[str, Any]) -> RoiRule | None:
    """Returns the rule for annotations that a script describes; None for the label "*", which every frame meets."""
    if isinstance(rule, Mapping):
        unknown = sorted(set(rule) - set(RoiQuery._fields))
        if unknown or "label" not in rule:
            raise InvalidValueError(
                f"A rule for annotations has 'label' and perhaps count_range, conf_range, must_not, not {dict(rule)}."
            )
        rule = RoiQuery(**rule)
    counts = _range(rule.count_range, "count_range")
    if any(end is not None and end != int(end) for end in counts):
        raise InvalidValueError(f"count_range is made of whole numbers, not {rule.count_range}.")
    ends: dict[str, Any] = {
        "confidence": _range(rule.conf_range, "conf_range"),
        "must_not": bool(rule.must_not),
    }
    if rule.count_range is not None:
        ends["count"] = tuple(None if end is None else int(end) for end in counts)
    if isinstance(rule.label, str):
        text = rule.label.strip()
        if text == ANY and rule == RoiQuery(rule.label):
            return None
        if not text:
            raise InvalidValueError("A rule for annotations has a label, which can not be empty.")
        return RoiRule(query=text, **ends) if _SYNTAX.search(text) else RoiRule(labels=(text,), **ends)
    labels = label_list(rule.label)
    if not labels:
        raise InvalidValueError("A rule for annotations has at least one label.")
    return RoiRule(labels=tuple(labels), **ends)


def roi_rules(rules: Iterable[RoiQuery | Mapping[str, Any]] | None) -> tuple[RoiRule, ...]:
    """Returns the rules that a frame must meet, all of them."""
    return tuple(found for rule in rules or () if (found := roi_rule(rule)) is not None)


def label_rule(rule: RoiRule) -> dict[str, Any]:
    """Returns a rule for annotations as the dict that ``roi_rule`` reads."""
    ends: dict[str, Any] = {}
    for name, (low, high) in (("count_range", rule.count), ("conf_range", rule.confidence)):
        if (low, high) != ((1, None) if name == "count_range" else (None, None)):
            ends[name] = [OPEN if low is None else low, OPEN if high is None else high]
    label: Any = list(rule.labels) if len(rule.labels) > 1 else rule.query or "".join(rule.labels)
    return {"label": label, **ends, **({"must_not": True} if rule.must_not else {})}


def _range(ends: Any, what: str) -> tuple[float | None, float | None]:
    if ends is None:
        return None, None
    listed = [ends] if isinstance(ends, str) or not isinstance(ends, Iterable) else list(ends)
    if len(listed) != 2:
        raise InvalidValueError(f"{what} is [least, most], with -1 for an end that is open, not {ends!r}.")
    low, high = (None if end is None else number(end, what) for end in listed)
    return None if low == OPEN else low, None if high == OPEN else high


def filter_by(value: Any) -> FilterBy:
    """Returns which frames a query looks at, by its name in ClearML or the member of an enum; None is by its rules."""
    name = getattr(value, "value", value)
    try:
        return FilterBy.RULES if name is None else FilterBy(name)
    except ValueError as error:
        names = ", ".join(FilterBy)
        raise InvalidInputError(f"filter_by_roi is one of {names}, not {value!r}.") from error


def check_queries(query: ViewQuery) -> None:
    """Checks the weight and the Lucene of a query; QuerySyntaxError (a ValueError) tells where reading stopped."""
    if not 0 < query.weight <= MAX_WEIGHT:
        raise InvalidValueError(
            f"The weight of a query is above 0 and at most {MAX_WEIGHT:.0e}, not {query.weight}."
        )
    # Deferred: scripts that add frames ask no query.
    from hdstore.query import compile, compile_annotation, compile_source

    checks = [("frame_query", query.frame, compile), ("source_query", query.source, compile_source)]
    checks += [("roi_query", rule.query, compile_annotation) for rule in query.rois]
    for name, text, check in checks:
        try:
            check(text)
        except QuerySyntaxError as error:
            error.add_note(f"It stands in {name}.")
            raise


class LabelSource(NamedTuple):
    """Which labels a mapping takes, and of which dataset and version; "*" is any."""

    labels: list[str]
    dataset: str
    version: str


class MappingRule(NamedTuple):
    """What labels become: annotations with all the labels of ``source`` carry ``target`` instead."""

    source: LabelSource
    target: str

    @classmethod
    def of(cls, native: NativeMappingRule) -> MappingRule:
        """Returns a rule of the library in this form."""
        return cls(LabelSource(list(native.labels), native.dataset, native.version), native.to)

    def to_dict(self) -> dict[str, Any]:
        """Returns it as ClearML's REST interface writes it."""
        return {"source": self.source._asdict(), "target": self.target}


def mapping_rule(
    from_labels: str | Iterable[str], to_label: Any, dataset: str, version: str
) -> NativeMappingRule:
    """Returns the mapping that a script describes."""
    labels = label_list(from_labels)
    if not labels or not all(labels):
        raise InvalidValueError("from_labels is a label or a list of labels, none of them empty.")
    if not isinstance(to_label, str) or not to_label:
        raise InvalidValueError(f"to_label is a label, not {to_label!r}.")
    return NativeMappingRule(dataset=dataset, version=version, labels=tuple(labels), to=to_label)
