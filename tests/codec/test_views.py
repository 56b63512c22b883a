"""Views as bytes, as values of plain Python and as files of people: equal ones are equal, wrong ones are named."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Any

import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

from hdstore.codec import (
    MAX_VIEW_BYTES,
    decode_view,
    decode_view_document,
    encode_view,
    encode_view_document,
    normal_view,
    view_from_builtins,
    view_from_text,
    view_hash,
    view_to_json,
)
from hdstore.errors import DamagedError, InvalidFileError, InvalidValueError
from hdstore.ids import content_hash
from hdstore.model import (
    MAX_QUERIES,
    Augmentation,
    AugmentationSet,
    Clip,
    FilterBy,
    Iteration,
    MappingRule,
    Order,
    Output,
    RoiRule,
    View,
    ViewDocument,
    ViewQuery,
    check_view,
    replace,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
VIEW = View(queries=(ViewQuery(dataset="street", version="v1"),))
DOCUMENT = ViewDocument(id="v.00000000", name="v", created=1, view=VIEW)

names = strategies.names.filter(lambda name: name == name.strip() and name != "*")
numbers = st.floats(-1e9, 1e9) | st.integers(-(10**9), 10**9)
"""Integers too: people give them, and they are read back as floats."""


def ranges(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, Any]]:
    ordered = st.tuples(values, values).map(lambda ends: tuple(sorted(ends)))
    return ordered | st.tuples(st.none(), st.none() | values) | st.tuples(values, st.none())


rules = st.builds(
    RoiRule,
    confidence=ranges(numbers),
    count=ranges(st.integers(0, 9)),
    labels=st.lists(names, max_size=2).map(tuple),
    must_not=st.booleans(),
    query=strategies.texts,
)
queries = st.builds(
    ViewQuery,
    dataset=st.just("*") | names,
    filter=st.sampled_from(FilterBy),
    frame=strategies.texts,
    rois=st.lists(rules, max_size=2).map(tuple),
    source=strategies.texts,
    version=st.just("*") | names,
    weight=st.floats(0, 1e9, exclude_min=True) | st.integers(1, 10**9),
)
iterations = st.builds(
    Iteration,
    clip=st.none(),
    epoch=st.booleans(),
    infinite=st.booleans(),
    limit=st.none() | st.integers(0, 2**40),
    order=st.sampled_from(Order),
    seed=st.none() | st.integers(0, 2**63 - 1),
) | st.builds(
    Iteration,
    clip=st.builds(Clip, gap=st.none() | st.integers(0, 9) | st.floats(0, 9), length=st.integers(1, 9)),
    limit=st.none() | st.integers(0, 9),
)
augmentations = st.builds(
    Augmentation,
    crop_around_rois=st.booleans(),
    sets=st.lists(
        st.builds(
            AugmentationSet,
            arguments=strategies.metadata,
            cls=strategies.texts,
            strength=st.none() | numbers,
            types=st.lists(strategies.texts, max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
)
views = st.builds(
    View,
    augmentation=st.none() | augmentations,
    enumeration=st.dictionaries(names, st.integers(-(2**63), 2**63 - 1), max_size=3),
    iteration=iterations,
    mapping=st.lists(
        st.builds(
            MappingRule,
            dataset=st.just("*") | names,
            labels=st.just(("*",)) | st.lists(names, min_size=1, max_size=2).map(tuple),
            to=names,
            version=st.just("*") | names,
        ),
        max_size=2,
    ).map(tuple),
    output=st.sampled_from(Output),
    pins=st.dictionaries(st.sampled_from(["a.00000000", "b-1.00000000"]), st.just(COMMIT), max_size=2),
    projection=st.lists(st.sampled_from(["id", "metadata.a"]), max_size=2).map(tuple),
    queries=st.tuples(
        st.builds(ViewQuery, dataset=names, version=names), st.lists(queries, max_size=2).map(tuple)
    ).map(lambda both: (both[0], *both[1])),
).filter(lambda view: view.iteration.clip is None or view.output is not Output.EACH)


@given(views)
def test_a_view_is_read_back_and_has_one_form(view: View) -> None:
    """From its bytes, from plain values and from JSON text comes the same view, whose bytes and hash are the same."""
    raw = encode_view(view)
    again = decode_view(raw, "v")

    assert again == normal_view(view) == view_from_builtins(json.loads(raw))
    assert encode_view(again) == raw
    assert view_from_text(view_to_json(again), what="v") == again
    assert view_hash(view) == view_hash(again) == content_hash(raw)
    assert raw == json.dumps(json.loads(raw), ensure_ascii=False, indent=2, sort_keys=True).encode() + b"\n"


@given(views)
def test_yaml_holds_a_view_too(view: View) -> None:
    """JSON is YAML, so the text of any view without control characters reads the same by either way."""
    text = view_to_json(normal_view(view))
    if not text.isprintable() and not all(c.isprintable() or c in "\n " for c in text):
        return

    assert view_from_text(text, what="v", yaml=True) == view_from_text(text, what="v", yaml=False)


@given(views, strategies.texts, st.booleans())
def test_a_stored_view_is_read_back(view: View, text: str, archived: bool) -> None:
    """With what people say of it."""
    document = replace(DOCUMENT, view=view, description=text, project=text, archived=archived, tags=("a",))
    raw = encode_view_document(document)

    assert decode_view_document(raw, "v") == replace(document, view=normal_view(view))
    assert encode_view_document(decode_view_document(raw, "v")) == raw


def test_what_equals_its_default_is_left_out_wherever_it_comes_from() -> None:
    """A weight of 1, a star read from a file, an order given as text: the bytes are those of the shortest view."""
    given_all = view_from_builtins(
        {
            "augmentation": None,
            "enumeration": {},
            "iteration": {"order": "sequential", "infinite": False, "clip": None, "limit": None},
            "mapping": [],
            "output": "all_in_frame",
            "pins": {},
            "queries": [
                {
                    "dataset": "street",
                    "version": "v1",
                    "weight": 1,
                    "filter": "label_rules",
                    "rois": [
                        {"labels": ["cat"], "count": [1, None], "confidence": [None, None], "query": ""}
                    ],
                },
                {"dataset": "street", "version": json.loads('"*"')},
            ],
        }
    )

    assert json.loads(encode_view(given_all)) == {
        "queries": [
            {"dataset": "street", "rois": [{"labels": ["cat"]}], "version": "v1"},
            {"dataset": "street"},
        ]
    }
    assert normal_view(replace(VIEW, queries=list(VIEW.queries))) == VIEW


def test_the_hash_of_a_view_is_what_it_was() -> None:
    """It names views for ever: a change of it would be a change of the format."""
    view = replace(
        VIEW,
        enumeration={"cat": 1},
        iteration=Iteration(order=Order.RANDOM, seed=7, limit=253),
        pins={"v.00000000": COMMIT},
    )

    assert view_hash(view) == "2860147d81fc6eaee086d11f1e6e046e3195c53277966c3854a590bd8e65fcb7"
    assert view_hash(view) != view_hash(replace(view, pins={})) != view_hash(replace(view, enumeration={}))


def test_floats_stay_as_they_were_given() -> None:
    """Neither a weight nor a confidence nor an argument is rounded; an integer among arguments stays one."""
    rule = RoiRule(confidence=(0.1 + 0.2, 0.9999999999999999))
    arguments = {"a": 253.85, "b": 1, "c": -0.0, "d": 5e-324}
    view = View(
        queries=(replace(VIEW.queries[0], rois=(rule,), weight=1 / 3),),
        augmentation=Augmentation(sets=(AugmentationSet(cls="x", arguments=arguments),)),
    )
    again = decode_view(encode_view(view), "v")

    assert again == view
    assert again.augmentation is not None
    read = again.augmentation.sets[0].arguments
    assert [type(read[key]) for key in "abcd"] == [float, int, float, float]
    assert math.copysign(1, read["c"]) == -1


QUERY: dict[str, Any] = {"dataset": "street", "version": "v1"}


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ([], "the view: expected a map by name, got a list"),
        ({}, "has at least one query"),
        ({"queries": []}, "has at least one query"),
        ({"queries": {"dataset": "street"}}, "queries: expected a list, got a map by name"),
        ({"queries": [QUERY] * (MAX_QUERIES + 1)}, "at most 1000 queries, not 1001"),
        ({"queries": [{"version": "v1"}]}, r"In queries\[0\] the field 'dataset' is missing"),
        (
            {"queries": [QUERY, {**QUERY, "versoin": "v"}]},
            r"In queries\[1\] there is no field 'versoin'; did you mean 'version'",
        ),
        ({"queries": [QUERY], "zoo": 1}, r"In the view there is no field 'zoo'\."),
        ({"queries": [{"dataset": "street"}]}, "none of them names both; add a query of one version"),
        ({"queries": [{"dataset": "*", "version": "*"}]}, "none of them names both"),
        ({"queries": [{"dataset": "", "version": "v"}]}, r"dataset in queries\[0\] has 1 to"),
        (
            {"queries": [{"dataset": "a", "version": 3}]},
            r"queries\[0\].version: expected a text, got a whole number",
        ),
        ({"queries": [{**QUERY, "weight": 0}]}, r"queries\[0\].weight: expected a number > 0"),
        ({"queries": [{**QUERY, "weight": "5"}]}, r"queries\[0\].weight: expected a number, got a text"),
        (
            {"queries": [{**QUERY, "filter": "some"}]},
            r"queries\[0\].filter is 'label_rules' or 'no_rois' or 'disabled', not 'some'",
        ),
        (
            {"queries": [{**QUERY, "rois": [{"count": [3, 1]}]}]},
            r"queries\[0\].rois\[0\].count begins at 3 and ends at 1",
        ),
        (
            {"queries": [{**QUERY, "rois": [{"count": [-1, 1]}]}]},
            r"rois\[0\].count holds -1; a number of annotations is 0 or more",
        ),
        ({"queries": [{**QUERY, "rois": [{"count": [None, -1]}]}]}, "count holds -1"),
        ({"queries": [{**QUERY, "rois": [{"count": [0.5, 1]}]}]}, r"count\[0\]: expected a whole number"),
        (
            {"queries": [{**QUERY, "rois": [{}, {"confidence": [0.9, 0.1]}]}]},
            r"rois\[1\].confidence begins at 0.9 and ends at 0.1",
        ),
        ({"queries": [{**QUERY, "rois": [{"confidence": [math.nan, 0.1]}]}]}, "confidence holds nan"),
        (
            {"queries": [{**QUERY, "rois": [{"labels": [""]}]}]},
            r"labels\[0\]: expected a text of length >= 1",
        ),
        ({"queries": [QUERY], "mapping": [{"labels": [], "to": "x"}]}, r"mapping\[0\].labels is empty"),
        (
            {"queries": [QUERY], "mapping": [{"labels": ["*", "a"], "to": "x"}]},
            r"mapping\[0\].labels holds \*, which means any",
        ),
        (
            {"queries": [QUERY], "mapping": [{"labels": ["a"], "to": ""}]},
            r"mapping\[0\].to: expected a text of length",
        ),
        (
            {"queries": [QUERY], "enumeration": {"cat": 1, "dog": 1.5}},
            r"enumeration\['dog'\]: expected a whole number, got a number",
        ),
        (
            {"queries": [QUERY], "enumeration": {"cat": True}},
            r"enumeration\['cat'\]: expected a whole number",
        ),
        ({"queries": [QUERY], "enumeration": {"cat": 2**63}}, "a number of 64 bits each, but 'cat'"),
        ({"queries": [QUERY], "enumeration": {1: 1}}, "In enumeration a key is no text; put it in quotes"),
        (
            {"queries": [QUERY], "iteration": {"order": "up"}},
            "iteration.order is 'sequential' or 'random', not 'up'",
        ),
        ({"queries": [QUERY], "iteration": {"limit": -1}}, "iteration.limit: expected a whole number >= 0"),
        (
            {"queries": [QUERY], "iteration": {"clip": {"length": 3}, "order": "random"}},
            "iteration.clip asks for runs of frames",
        ),
        ({"queries": [QUERY], "iteration": {"clip": {"length": 3, "gap": -1}}}, "iteration.clip.gap is -1"),
        (
            {"queries": [QUERY], "projection": ["."]},
            "projection names fields by dotted paths, and '.' names none",
        ),
        ({"queries": [QUERY], "pins": {"v1": COMMIT}}, "pins maps ids of versions to commits"),
        (
            {"queries": [QUERY], "pins": {"v.00000000": COMMIT.upper()}},
            "pins maps ids of versions to commits",
        ),
        ({"queries": [QUERY], "pins": {"v.00000000": 3}}, r"pins\['v.00000000'\]: expected a text"),
        (
            {"queries": [QUERY], "augmentation": {"sets": [{"cls": "x", "strength": math.inf}]}},
            r"augmentation.sets\[0\].strength is inf",
        ),
        (
            {"queries": [QUERY], "augmentation": {"sets": [{"cls": "x", "arguments": {"a": 2**70}}]}},
            r"augmentation.sets\[0\].arguments has 71 bits",
        ),
    ],
)
def test_what_is_wrong_with_a_view_is_named(plain: Any, said: str) -> None:
    """The field as a file writes it, what was found, and what to do; the same for values, JSON and YAML."""
    with pytest.raises(InvalidValueError, match=said):
        view_from_builtins(plain)


@pytest.mark.parametrize(
    "view",
    [
        replace(VIEW, queries="street"),
        replace(VIEW, queries=(3,)),
        replace(VIEW, queries=None),
        replace(VIEW, enumeration={"cat": "1"}),
        replace(VIEW, iteration={"order": "down"}),
        replace(VIEW, pins=None),
        replace(VIEW, queries=(ViewQuery(dataset="\ud800", version="v"),)),
        replace(VIEW, queries=(ViewQuery(dataset="a", version="v", frame="\ud800"),)),
        replace(
            VIEW,
            augmentation=Augmentation(sets=(AugmentationSet(cls="x", arguments={"a": date(2024, 1, 1)}),)),
        ),
        replace(VIEW, augmentation=Augmentation(sets=(AugmentationSet(cls="x", arguments={"a": {1}}),))),
        replace(VIEW, augmentation=Augmentation(sets=(3,))),  # type: ignore[arg-type]
        replace(VIEW, augmentation=Augmentation(sets=3)),  # type: ignore[arg-type]
        replace(VIEW, enumeration={str(number) * 1000: number for number in range(10**4)}),
        None,
        {"queries": []},
    ],
)
def test_a_value_that_is_no_view_is_refused(view: Any) -> None:
    """Constructors check nothing; storing does, whatever is wrong."""
    with pytest.raises(InvalidValueError):
        encode_view(view)


def test_infinite_views_may_have_a_limit() -> None:
    """Clips need the sequential order; a view of both ends is no mistake."""
    check_view(replace(VIEW, iteration=Iteration(infinite=True, limit=3, clip=Clip(length=2, gap=40))))


def test_a_published_document_pins_all_it_names() -> None:
    """One that leaves a version open is refused, and found when it is read."""
    query = ViewQuery(dataset="d.00000000", version="v.00000000")
    document = replace(DOCUMENT, published=True, view=View(queries=(query,), pins={"v.00000000": COMMIT}))
    raw = encode_view_document(document)
    with pytest.raises(InvalidValueError, match=r"does not pin 'v\.00000000'"):
        encode_view_document(replace(document, view=View(queries=(query,))))
    with pytest.raises(DamagedError, match="does not pin"):
        decode_view_document(raw.replace(b'"v.00000000": "', b'"w.00000000": "'), "views/v.json")


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": " a"},
        {"id": "v"},
        {"id": "../x.00000000"},
        {"created": "now"},
        {"tags": (1,)},
        {"tags": None},
        {"description": "\ud800"},
    ],
)
def test_a_document_that_breaks_a_rule_is_refused(fields: dict[str, Any]) -> None:
    """Whatever is wrong, the error is InvalidValueError."""
    with pytest.raises(InvalidValueError):
        encode_view_document(replace(DOCUMENT, **fields))


@given(st.data())
def test_damaged_documents_are_named_so(data: st.DataObject) -> None:
    """Cut, changed or random bytes are a view or DamagedError, never another error."""
    full = replace(
        VIEW,
        enumeration={"cat": 1},
        mapping=(MappingRule(labels=("a", "b"), to="c"),),
        iteration=Iteration(clip=Clip(length=2)),
        augmentation=Augmentation(sets=(AugmentationSet(cls="x", arguments={"a": [1, 2.5]}),)),
    )
    originals: list[tuple[bytes, Callable[[bytes], object]]] = [
        (encode_view(full), lambda raw: decode_view(raw, "v")),
        (encode_view_document(replace(DOCUMENT, view=full)), lambda raw: decode_view_document(raw, "v")),
    ]
    for good, decode in originals:
        raw = bytearray(good)
        for _ in range(data.draw(st.integers(0, 3))):
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        for damaged in (
            bytes(raw),
            bytes(raw[: data.draw(st.integers(0, len(raw)))]),
            data.draw(st.binary()),
        ):
            with suppress(DamagedError):
                decode(damaged)


def test_stored_bytes_are_bounded_and_known() -> None:
    """A field of a newer format is refused rather than lost, so is what is too large or breaks a rule of views."""
    raw = encode_view_document(DOCUMENT)
    for damaged, said in (
        (raw.replace(b'"created"', b'"zoo": 1, "created"'), "unknown field `zoo`"),
        (raw + b" " * MAX_VIEW_BYTES, "has 16,.* bytes; a view has at most"),
        (raw.replace(b'"v1"', b'"*"'), "none of them names both"),
        (b"[" * 100_000, "is not a view's"),
    ):
        with pytest.raises(DamagedError, match=said):
            decode_view_document(damaged, "views/v.json")


def test_a_view_written_as_yaml() -> None:
    """Short forms, comments, words that other readers take for booleans or times, and numbers with exponents."""
    text = """\ufeff
# Night shots
queries:
- dataset: street
  version: v1
  weight: 5e0
  frame: meta.city:"bremen" AND NOT meta.rain:true
  rois:
  - {labels: [no, on, "1.0", 1:30, 2024-10-20], confidence: [.5, ~], count: [0, null]}
  - must_not: True
    query: |
      label:cat
enumeration: {no: 1, y: -1}
iteration: {order: random, seed: 7, clip: }
"""
    assert view_from_text(text, what="v") == View(
        queries=(
            ViewQuery(
                dataset="street",
                version="v1",
                weight=5.0,
                frame='meta.city:"bremen" AND NOT meta.rain:true',
                rois=(
                    RoiRule(
                        labels=("no", "on", "1.0", "1:30", "2024-10-20"),
                        confidence=(0.5, None),
                        count=(0, None),
                    ),
                    RoiRule(must_not=True, query="label:cat\n"),
                ),
            ),
        ),
        enumeration={"no": 1, "y": -1},
        iteration=Iteration(order=Order.RANDOM, seed=7),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds 0 YAML documents"),
        ("a: 1\n---\nb: 1", "holds 2 YAML documents"),
        ("queries: [", "line 1, column 11"),
        ("\t", "line 1, column 1"),
        ("a: \x00", "is not YAML"),
        (
            "a: !!python/object:os.system x",
            r"YAML tags \(tag:yaml.org,2002:python/object:os.system\) are not read",
        ),
        ("a: &b 3\nc: *b", r"YAML references \(\*name\) are not read"),
        ("pins: {a.00000000: x, a.00000000: y}", "the key 'a.00000000' stands there twice"),
        ('{"pins": {"a": "x", "a": "y"}}', "the key 'a' stands there twice"),
        ('{"a": NaN}', "NaN is not a finite number"),
        ('{"a" 3}', "line 1, column 6"),
        ('{"a": ' + "1" * 5000 + "}", "Exceeds the limit"),
        ('{"a":' * 100_000, "nest more than 64 deep"),
        ("[" * 100_000, "nest more than 64 deep"),
        ("? [1]\n: 2", "a key is no text"),
        ("queries:\n- {dataset: a, version: 1}", r"queries\[0\].version: expected a text"),
        ("a: " + "x" * (1 << 20), "longer than the 1,048,576 characters"),
    ],
)
def test_a_text_that_is_no_view_is_named(text: str, said: str) -> None:
    """A stranger's file is a view or a sentence with its name: nothing is built from it, nothing grows."""
    with pytest.raises(InvalidFileError, match=f"^mine.yaml is.*{said}"):
        view_from_text(text, what="mine.yaml")


@given(st.text(alphabet='{}[]":,-&*!|>#?%@ \n\tab01.e~') | st.text())
def test_no_text_is_an_unknown_error(text: str) -> None:
    """Either way of reading gives a view or InvalidFileError."""
    for yaml in (True, False, None):
        with suppress(InvalidFileError):
            view_from_text(text, what="v", yaml=yaml)
