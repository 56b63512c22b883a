"""The queries of views: annotation rules, frame queries and source queries, over frames and over the index."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from hdstore.errors import QuerySyntaxError
from hdstore.model import Annotation, FilterBy, Frame, FrameGroup, RoiRule, SingleFrame, Source, ViewQuery
from hdstore.query.columnar import compile_filter

MakeIndex = Callable[..., Any]

CAR, OCCLUDED = "Car", "partly_occluded"


def annotated(frame_id: str, *annotations: tuple[str, float | None], **fields: Any) -> Frame:
    """Returns a frame; an annotation is given by its labels with + between them and its confidence."""
    return SingleFrame(
        id=frame_id,
        annotations=tuple(
            Annotation(labels=tuple(labels.split("+")), confidence=sure) for labels, sure in annotations
        ),
        **fields,
    )


FRAMES = [
    annotated("empty"),
    annotated("car", ("Car", 0.9)),
    annotated("hidden", ("Car+partly_occluded", 0.9)),
    annotated("both", ("Car", 0.5), ("Car+partly_occluded", 0.95)),
    annotated("apart", ("Car", 0.95), ("partly_occluded", None)),
    annotated("three", ("Car", 0.8), ("Car", 0.81), ("Car", 1), ("dog", 0.1)),
    annotated("dog", ("dog", 0.7)),
    annotated("unsure", ("Car", None)),
]


@pytest.fixture
def found(index: MakeIndex) -> Callable[..., list[str]]:
    """Returns a function from the fields of a query to the ids it finds, which the reference agrees with."""
    indexed = index(FRAMES)

    def find(**fields: Any) -> list[str]:
        wanted = compile_filter(ViewQuery(dataset="d", **fields))
        ids = [*wanted.search(indexed.rows, indexed.read).ids()]
        assert ids == [frame.id for frame in indexed.alive if wanted.matches(frame)]
        assert indexed.read_rows == []
        return ids

    return find


ALL = [frame.id for frame in FRAMES]
SEEN = ["car", "both", "apart", "three", "unsure"]
CARS = ["car", "hidden", "both", "apart", "three", "unsure"]

RULES = [
    # One rule.
    ([RoiRule(labels=(CAR,))], CARS),
    ([RoiRule(query=CAR)], CARS),
    ([RoiRule(labels=("car",))], []),
    ([RoiRule(labels=(CAR, OCCLUDED))], ["hidden", "both"]),
    (
        [RoiRule(query='label.keyword:"Car" AND NOT label.keyword:"partly_occluded"')],
        SEEN,
    ),
    ([RoiRule(query="Car partly_occluded")], ["hidden", "both"]),
    ([RoiRule(labels=(CAR,), query="NOT partly_occluded")], SEEN),
    ([RoiRule(labels=(CAR,), query="confidence:>0.9")], ["both", "apart", "three"]),
    ([RoiRule()], ALL[1:]),
    # The confidence of one annotation.
    ([RoiRule(labels=(CAR,), confidence=(0.9, None))], ["car", "hidden", "both", "apart", "three"]),
    ([RoiRule(labels=(CAR,), confidence=(None, 0.8))], ["both", "three"]),
    ([RoiRule(labels=(CAR,), confidence=(0.8, 0.81))], ["three"]),
    ([RoiRule(labels=(OCCLUDED,), confidence=(0, 1))], ["hidden", "both"]),
    ([RoiRule(labels=(CAR,), confidence=(None, None))], CARS),
    # How many of them.
    ([RoiRule(labels=(CAR,), count=(2, None))], ["both", "three"]),
    ([RoiRule(labels=(CAR,), count=(2, 2))], ["both"]),
    ([RoiRule(labels=(CAR,), count=(None, 1))], ["empty", "car", "hidden", "apart", "dog", "unsure"]),
    ([RoiRule(labels=(CAR,), count=(0, 0))], ["empty", "dog"]),
    ([RoiRule(labels=(CAR,), count=(None, None))], ALL),
    ([RoiRule(labels=(CAR,), count=(2, 4), confidence=(0.8, 1))], ["three"]),
    ([RoiRule(count=(4, None))], ["three"]),
    # None of them, whatever the count says.
    ([RoiRule(labels=(CAR,), must_not=True)], ["empty", "dog"]),
    ([RoiRule(labels=(CAR,), must_not=True, count=(2, None))], ["empty", "dog"]),
    ([RoiRule(labels=(CAR,), must_not=True, confidence=(0.9, None))], ["empty", "dog", "unsure"]),
    ([RoiRule(must_not=True)], ["empty"]),
    # Several rules: each may be met by another annotation.
    ([RoiRule(labels=(CAR,)), RoiRule(labels=(OCCLUDED,))], ["hidden", "both", "apart"]),
    ([RoiRule(labels=(CAR,)), RoiRule(labels=(OCCLUDED,), must_not=True)], ["car", "three", "unsure"]),
    ([RoiRule(labels=(CAR,), count=(3, 3)), RoiRule(labels=("dog",), confidence=(None, 0.5))], ["three"]),
    ([], ALL),
]


@pytest.mark.parametrize(("rules", "expected"), RULES)
def test_annotation_rules_choose_frames(
    found: Callable[..., list[str]], rules: list[RoiRule], expected: list[str]
) -> None:
    """Rows 91 to 95 of the checklist."""
    assert found(rois=tuple(rules)) == expected


def test_a_query_may_look_at_empty_frames_or_ignore_its_rules(found: Callable[..., list[str]]) -> None:
    """Row 96: by rules, without annotations, or all."""
    rules = (RoiRule(labels=(CAR,)),)

    assert found(filter=FilterBy.NO_ROIS) == ["empty"]
    assert found(filter=FilterBy.NO_ROIS, rois=rules) == ["empty"]
    assert found(filter=FilterBy.DISABLED, rois=rules) == ALL
    assert found(filter=FilterBy.DISABLED, rois=rules, frame="id:(car OR dog)") == ["car", "dog"]


def test_all_parts_of_a_query_hold(found: Callable[..., list[str]]) -> None:
    """Rules and the frame query are joined by AND; a blank line asks nothing."""
    assert found(rois=(RoiRule(labels=(CAR,)),), frame="dog") == ["three"]
    assert found(frame=" ", source=" ") == ALL


def test_an_annotation_is_counted_once(index: MakeIndex) -> None:
    """Also when several of its labels are asked for, and few of very many annotations have one."""
    others = [annotated(f"other{n}", ("dog", None), ("bus", None)) for n in range(100)]
    indexed = index(
        [*others, annotated("one", ("Car+van", None)), annotated("two", ("Car", None), ("Car+van", None))]
    )

    def found(least: int, most: int) -> list[str]:
        rule = RoiRule(query="label:Car OR label:van", count=(least, most))
        return [
            *compile_filter(ViewQuery(dataset="d", rois=(rule,))).search(indexed.rows, indexed.read).ids()
        ]

    assert found(1, 1) == ["one"]
    assert found(2, 2) == ["two"]


@pytest.mark.parametrize("count", [(None, 0), (None, 1), (1, 1), (1, 2), (2, 2), (2, None), (3, 3), (0, 3)])
def test_annotations_that_only_frames_tell_are_counted(
    index: MakeIndex, count: tuple[int | None, int | None]
) -> None:
    """Where columns know the number of matches from below and above, frames between the two are asked."""
    kinds: list[list[str]] = [["x", "y"], ["y", "x"], ["x"], ["y"], []]
    frames = [
        SingleFrame(
            id=f"{a}{b}{c}", annotations=tuple(Annotation(metadata={"t": kinds[k]}) for k in (a, b, c))
        )
        for a, b, c in itertools.combinations_with_replacement(range(5), 3)
    ]
    indexed = index(frames)
    wanted = compile_filter(ViewQuery(dataset="d", rois=(RoiRule(query="meta.t.0:x", count=count),)))
    expected = [frame.id for frame in indexed.alive if wanted.matches(frame)]

    assert [*wanted.search(indexed.rows, indexed.read).ids()] == expected
    assert len(indexed.read_rows) < len(frames) or count == (0, 3)


def two_cameras(frame_id: str, *sources: Source, **fields: Any) -> Frame:
    return FrameGroup(id=frame_id, sources=sources, **fields)


def test_a_source_query_is_asked_of_one_source(index: MakeIndex) -> None:
    """Rows 98 and 100: any source may meet it, one source meets it wholly."""
    indexed = index(
        [
            two_cameras(
                "a", Source(id="00", uri="root:val/1.jpg", width=640), Source(id="01", uri="x", width=32)
            ),
            two_cameras("b", Source(id="00", uri="y", width=640, metadata={"hash": {"source": "h1"}})),
            two_cameras("c"),
        ]
    )

    def found(line: str) -> list[str]:
        wanted = compile_filter(ViewQuery(dataset="d", source=line))
        return [*wanted.search(indexed.rows, indexed.read).ids()]

    assert found("sources.id:00") == ["a", "b"]
    assert found("width:640") == ["a", "b"]
    assert found("sources.uri:*val* AND sources.width:640") == ["a"]
    assert found("uri:*val* AND width:32") == []
    assert found("NOT width:640") == ["a"]
    assert found('sources.meta.hash.source:("h1" OR "h2")') == ["b"]
    assert found("*:*") == ["a", "b"]
    assert found("") == ["a", "b", "c"]


def test_dates_of_a_frame_query(index: MakeIndex) -> None:
    """Row 99, and now is the moment that was given."""
    frames = [
        SingleFrame(id=f"d{day}", metadata={"updated": f"2024-10-{day}T08:30:00"}) for day in (19, 20, 30, 31)
    ]
    indexed = index(frames)

    def found(line: str) -> list[str]:
        now = datetime(2024, 10, 25, tzinfo=UTC)
        return [
            *compile_filter(ViewQuery(dataset="d", frame=line), now=now)
            .search(indexed.rows, indexed.read)
            .ids()
        ]

    assert found("meta.updated:[2024-10-20 TO 2024-10-30]") == ["d20", "d30"]
    assert found("meta.updated:[2024-10-20T08:00:00 TO 2024-10-20T09:00:00]") == ["d20"]
    assert found("meta.updated:<now") == ["d19", "d20"]
    assert found("meta.updated:2024-10-31") == ["d31"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (0, 1, 2, 3)),
        ({"rois": (RoiRule(labels=(CAR,)),)}, (0, 1, 2)),
        ({"rois": (RoiRule(labels=(CAR,), confidence=(0.81, None)),)}, (1, 2)),
        ({"rois": (RoiRule(labels=(CAR,), confidence=(1, None)), RoiRule(query="dog"))}, (2, 3)),
        ({"rois": (RoiRule(labels=("bus",), must_not=True),)}, (0, 1, 2, 3)),
        ({"rois": (RoiRule(labels=("bus",), must_not=True), RoiRule(query="dog"))}, (3,)),
        ({"rois": (RoiRule(labels=("bus",), count=(0, 0)),)}, ()),
        ({"rois": (RoiRule(query="dog"),), "filter": FilterBy.DISABLED}, (0, 1, 2, 3)),
    ],
)
def test_the_annotations_that_met_a_rule(fields: dict[str, Any], expected: tuple[int, ...]) -> None:
    """Those of any rule that asks for annotations (row 104); all, where none does."""
    three = FRAMES[5]

    assert compile_filter(ViewQuery(dataset="d", **fields)).annotations(three) == expected


@pytest.mark.parametrize(
    ("fields", "field", "position"),
    [
        ({"frame": "a AND"}, "frame", 5),
        ({"source": "cat"}, "source", 0),
        ({"rois": (RoiRule(), RoiRule(query="confidence:high"))}, "rois[1].query", 11),
        ({"rois": (RoiRule(query="label:(cat"),), "filter": FilterBy.DISABLED}, "rois[0].query", 6),
    ],
)
def test_an_error_says_which_line_of_the_query_it_is_in(
    fields: dict[str, Any], field: str, position: int
) -> None:
    """By the field of the query, and with a caret."""
    with pytest.raises(QuerySyntaxError) as caught:
        compile_filter(ViewQuery(dataset="d", **fields))

    assert caught.value.position == position
    assert caught.value.__notes__ == [caught.value.caret(), f"It stands in {field}."]


def test_rules_name_metadata_that_is_not_there(index: MakeIndex) -> None:
    """In each of the three lines."""
    frame = SingleFrame(
        id="f",
        metadata={"city": "ulm"},
        annotations=(Annotation(labels=("car",), metadata={"color": "red"}),),
        sources=(Source(metadata={"lens": 35}),),
    )
    rules = (RoiRule(query="meta.colr:red"), RoiRule(query="meta.color:red", must_not=True))
    query = ViewQuery(dataset="d", frame="meta.cty:ulm", source="meta.lens:35 meta.iso:*", rois=rules)

    assert compile_filter(query).unknown(index([frame]).rows) == [
        "No frame has meta.cty; perhaps meta.city is meant.",
        "No frame has sources.meta.iso.",
        "No frame has rois.meta.colr; perhaps rois.meta.color is meant.",
    ]
