"""Two views side by side: what differs, with what belongs together beside each other (row 111)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore import (
    Augmentation,
    AugmentationSet,
    Clip,
    Dataset,
    DatasetVersion,
    Iteration,
    MappingRule,
    Order,
    Output,
    Repository,
    RoiRule,
    SetFrameMetadata,
    View,
    ViewQuery,
    replace,
)
from hdstore.repository import compare_views

A = ViewQuery(dataset="a", version="1")
B = ViewQuery(dataset="b", version="1", frame="x")
C = ViewQuery(dataset="c", version="1")
VIEW = View(queries=(A, B))


def differences(left: View, right: View) -> dict[str, tuple[Any, Any]]:
    return {field.field: (field.left, field.right) for field in compare_views(left, right) if not field.equal}


def test_equal_views_differ_in_nothing() -> None:
    """All their fields are listed all the same, those that have their default too."""
    fields = compare_views(VIEW, VIEW)

    assert all(field.equal for field in fields)
    assert [field.field for field in fields if field.field.startswith("queries[0]")] == [
        f"queries[0].{name}" for name in ("dataset", "version", "filter", "frame", "source", "rois", "weight")
    ]
    assert {"output", "projection", "iteration.order", "iteration.clip"} <= {field.field for field in fields}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"queries": (A, replace(B, frame="y"))}, {"queries[1].frame": ("x", "y")}),
        ({"queries": (A, replace(B, version="2"))}, {"queries[1].version": ("1", "2")}),
        ({"queries": (replace(A, weight=2.5), B)}, {"queries[0].weight": (1.0, 2.5)}),
        ({"queries": (replace(A, rois=(RoiRule(labels=("a",)),)), B)}, {"queries[0].rois": ([], [{"labels": ["a"]}])}),
        ({"queries": (B, A)}, {"queries[0].position": (0, 1), "queries[1].position": (1, 0)}),
        ({"mapping": (MappingRule(labels=("a",), to="b"),)},
         {"mapping[0].dataset": (None, "*"), "mapping[0].version": (None, "*"), "mapping[0].labels": (None, ["a"]),
          "mapping[0].to": (None, "b")}),
        ({"enumeration": {"cat": 0}}, {"enumeration[cat]": (None, 0)}),
        ({"output": Output.EACH}, {"output": ("all_in_frame", "frame_per_roi")}),
        ({"projection": ("id",)}, {"projection": ([], ["id"])}),
        ({"iteration": Iteration(order=Order.RANDOM, seed=0, limit=0, infinite=True)},
         {"iteration.order": ("sequential", "random"), "iteration.seed": (None, 0), "iteration.limit": (None, 0),
          "iteration.infinite": (False, True)}),
        ({"iteration": Iteration(clip=Clip(length=2))}, {"iteration.clip": (None, {"length": 2})}),
        ({"augmentation": Augmentation(sets=(AugmentationSet(cls="x"),))},
         {"augmentation.crop_around_rois": (None, False), "augmentation.sets": (None, [{"cls": "x"}])}),
        ({"pins": {"v.00000000": "0" * 40}}, {"pins[v.00000000]": (None, "0" * 40)}),
    ],
)  # fmt: skip
def test_what_differs_is_listed(change: dict[str, Any], expected: dict[str, Any]) -> None:
    """Field by field, as plain values, and the other way round when the views are."""
    other = replace(VIEW, **change)

    assert differences(VIEW, other) == expected
    turned = {field: (b, a) for field, (a, b) in expected.items()}
    assert {field.replace("position", "p"): both for field, both in differences(other, VIEW).items()} == {
        field.replace("position", "p"): both
        for field, both in (expected if "queries[0].position" in expected else turned).items()
    }


def test_queries_that_belong_together_are_aligned() -> None:
    """One that was put in or left out does not make all after it different."""
    assert set(differences(VIEW, View(queries=(C, A, B)))) == {
        "queries[0].position", "queries[1].position",
        *(f"queries[0].{name}" for name in ("dataset", "version", "filter", "frame", "source", "rois", "weight")),
    }  # fmt: skip
    # Of two queries of one version, the equal one is its partner.
    twice = View(queries=(replace(A, frame="p"), A))
    assert differences(View(queries=(A,)), twice)["queries[0].position"] == (0, 1)
    assert differences(View(queries=(A,)), View(queries=(C,))) == {"queries[0].dataset": ("a", "c")}


@given(st.lists(st.sampled_from([A, B, C, replace(A, version="2")]), min_size=1), st.randoms())
def test_views_of_the_same_queries_differ_in_places_only(queries: list[ViewQuery], random: Any) -> None:
    """Whatever their order; so no query is left without its equal."""
    turned = list(queries)
    random.shuffle(turned)
    found = differences(View(queries=tuple(queries)), View(queries=tuple(turned)))

    assert all(field.endswith(".position") for field in found)
    assert bool(found) == (queries != turned)


def test_names_stand_for_ids(repository: Repository, draft: DatasetVersion, dataset: Dataset) -> None:
    """A published view and the draft it comes from differ in what is pinned, and by which commit a version moved."""
    view = repository.create_view("a", View(queries=(ViewQuery(dataset="plates", version="Current"),)))
    value = view.value
    view.publish()
    first = draft.commit
    draft.apply(SetFrameMetadata(frame_id="a", set={"k": 1}))
    later = view.clone("b", unpin=True)
    later.publish()

    def found(left: View, right: View) -> dict[str, tuple[Any, Any]]:
        return {f.field: (f.left, f.right) for f in repository.compare_views(left, right) if not f.equal}

    assert found(value, view.value) == {"pins[plates/Current]": (None, first)}
    assert found(view.value, later.value) == {"pins[plates/Current]": (first, draft.commit)}
    # A name that two versions share would hide which one is meant.
    dataset.create_version("other").rename("Current")
    assert found(value, view.value)["queries[0].version"] == ("Current", draft.id)
    # A deleted dataset is called as it was.
    dataset.delete(force=True)
    assert found(view.value, later.value).keys() == {f"pins[plates/{draft.id}]"}
