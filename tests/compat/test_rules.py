"""Rules for annotations as scripts write them: names of labels or Lucene, and ranges."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.compat.rules import RoiQuery, filter_by, label_rule, roi_rule, roi_rules
from hdstore.errors import InvalidInputError
from hdstore.model import FilterBy, RoiRule
from hdstore.query import compile_annotation


@pytest.mark.parametrize(
    "label", ["cat", "traffic light", "dent__bubble", "C++", "it's", "rock-n-roll", "50%", "ANDROID", "车"]
)
def test_words_are_the_name_of_one_label(label: str) -> None:
    """Also with blanks: ClearML's Lucene would look for two labels."""
    assert roi_rule(RoiQuery(label)) == RoiRule(labels=(label,))


@pytest.mark.parametrize(
    "text",
    [
        'label.keyword:"Car" AND NOT label.keyword:"partly_occluded"',
        "'Bus Stop' Blue",
        "car OR truck",
        "NOT car",
        "ca*",
        "c?r",
        "+car -truck",
        "!car",
        "car && truck",
        "(car)",
        "/car.*/",
        "car~1",
        "car^2",
        "rois.meta.conclusion.keyword:Rejected",
    ],
)
def test_texts_with_syntax_are_lucene(text: str) -> None:
    """And can be asked."""
    assert roi_rule(RoiQuery(text)) == RoiRule(query=text)
    compile_annotation(text)


def test_a_list_is_carried_by_one_annotation_and_a_star_by_every_frame() -> None:
    """ "*" with a range is a rule all the same."""
    assert roi_rule(RoiQuery(["Car", "hidden"])) == RoiRule(labels=("Car", "hidden"))
    assert roi_rules([RoiQuery("*"), RoiQuery("a")]) == (RoiRule(labels=("a",)),)
    assert roi_rule(RoiQuery("*", [2, -1])) == RoiRule(query="*", count=(2, None))
    assert roi_rules(None) == ()


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"label": "a", "count_range": [2, 4]}, RoiRule(labels=("a",), count=(2, 4))),
        ({"label": "a", "count_range": (-1, 3)}, RoiRule(labels=("a",), count=(None, 3))),
        ({"label": "a", "count_range": [2.0, None]}, RoiRule(labels=("a",), count=(2, None))),
        ({"label": "a", "conf_range": [0.8, 1.0]}, RoiRule(labels=("a",), confidence=(0.8, 1.0))),
        ({"label": "a", "conf_range": [0.8, -1]}, RoiRule(labels=("a",), confidence=(0.8, None))),
        ({"label": "a", "must_not": True}, RoiRule(labels=("a",), must_not=True)),
    ],
)
def test_ranges_have_two_ends_that_may_be_open(rule: dict[str, Any], expected: RoiRule) -> None:
    """-1 and None are open ends."""
    assert roi_rule(rule) == expected


@pytest.mark.parametrize(
    "rule",
    [
        {"label": "a", "count_range": [1]},
        {"label": "a", "count_range": 2},
        {"label": "a", "count_range": "12"},
        {"label": "a", "count_range": [1.5, 2]},
        {"label": "a", "conf_range": ["x", 1]},
        {"label": ""},
        {"label": " "},
        {"label": []},
        {"labels": ["a"]},
        {"count_range": [1, 2]},
    ],
)
def test_other_rules_are_refused(rule: dict[str, Any]) -> None:
    """As ValueError."""
    with pytest.raises(ValueError, match=r"label|range"):
        roi_rule(rule)


ends = st.tuples(st.none() | st.integers(0, 9), st.none() | st.integers(0, 9))


@given(
    st.builds(
        RoiRule,
        labels=st.lists(st.sampled_from(["a", "b c", "d"]), min_size=1, max_size=3).map(tuple),
        count=ends,
        confidence=ends,
        must_not=st.booleans(),
    )
)
def test_a_rule_is_read_back_from_its_dict(rule: RoiRule) -> None:
    """get_queries gives what add_query takes."""
    assert roi_rule(label_rule(rule)) == rule


def test_filters_are_named_as_in_clearml() -> None:
    """By text or by the member of an enum; None is by the rules."""
    assert filter_by(None) is filter_by("label_rules") is FilterBy.RULES
    assert filter_by(FilterBy.NO_ROIS) is FilterBy.NO_ROIS
    with pytest.raises(InvalidInputError, match="filter_by_roi is one of"):
        filter_by("none")
