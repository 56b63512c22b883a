"""The index answers any query as the Python reference does."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import frames as any_frames
from strategies import scalars

from hdstore.model import (
    Annotation,
    Box,
    Box3D,
    Ellipse,
    FilterBy,
    Frame,
    FrameGroup,
    Keypoints,
    Mask,
    MaskValue,
    Polygon,
    Polygon3D,
    Preview,
    Rle,
    RoiRule,
    SingleFrame,
    Source,
    ViewQuery,
)
from hdstore.query import (
    And,
    Boost,
    Bound,
    Clause,
    Exists,
    Field,
    FieldGroup,
    Fuzzy,
    MatchAll,
    Near,
    Node,
    Not,
    Or,
    Range,
    Regex,
    Term,
    Wildcard,
    format_query,
)
from hdstore.query.columnar import FrameFilter, compile_filter, compile_text

NOW = datetime(2024, 10, 20, 12, tzinfo=UTC)

TEXTS = [
    "cat", "Cat", "cats", "Bus Stop", "red car", "a red and blue car", "ca", "a", "", "007", "640", "true", "false",
    "null", "now", "2024-10-20", "2024-10-20T08:30:15Z", "2024-10-21T00:10:00+01:00", "2024-02-31", "犬", "\ue000",
    "🦀", "a.b", "root:photos/1.jpg",
]  # fmt: skip
NUMBERS = [
    0,
    1,
    2,
    7,
    -5,
    640,
    0.5,
    7.5,
    -0.0,
    1e300,
    2**53,
    2**53 + 1,
    2**53 + 2,
    -(2**53) - 1,
    2**63,
    100.0,
    25,
]
KEYS = ["x", "y", "0", "1", "keyword", "a.b"]

MATCH_FIELDS = [
    "id",
    "context_id",
    "blob",
    "label",
    "labels",
    "rois.label",
    "rois.1.label",
    "rois.id",
    "rois.type",
]
MATCH_FIELDS += [
    "rois.object_id",
    "rois.sources",
    "sources.id",
    "sources.uri",
    "sources.1.uri",
    "sources.hash",
]
MATCH_FIELDS += ["sources.content_type", "sources.masks.uri", "sources.masks.1.id", "sources.preview.uri"]
NUMBER_FIELDS = [
    "timestamp",
    "confidence",
    "rois.0.confidence",
    "rois.area",
    "rois.x",
    "rois.y",
    "rois.w",
    "rois.h",
]
NUMBER_FIELDS += [
    "sources.width",
    "sources.size",
    "sources.timestamp",
    "sources.0.height",
    "sources.masks.width",
]
PARTS = ["rois", "sources", "rois.1", "sources.2", "sources.masks", "sources.masks.1", "sources.preview"]


# Frames


def some_value(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.randrange(9 if depth < 3 else 6)
    if kind < 3:
        return rng.choice(TEXTS)
    if kind < 5:
        return rng.choice(NUMBERS)
    if kind == 5:
        return rng.choice([True, False, None])
    if kind < 7:
        return [some_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return some_metadata(rng, depth + 1)


def some_metadata(rng: random.Random, depth: int = 0) -> dict[str, Any]:
    return {key: some_value(rng, depth) for key in rng.sample(KEYS, rng.choice([0, 1, 1, 2, 3]))}


def some_geometry(rng: random.Random) -> Any:
    def run(count: int) -> tuple[float, ...]:
        return tuple(rng.choice([0, 1, 5, 10, 0.1, -3, 25]) for _ in range(count))

    x, y, w, h = run(4)
    return rng.choice(
        [
            None,
            Box(x=x, y=y, w=w, h=h),
            Box(x=x, y=y, w=w, h=h, angle=0.5),
            Polygon(rings=(run(8),)),
            Polygon(rings=(run(6), run(6), run(2))),
            Polygon(rings=()),
            Ellipse(cx=x, cy=y, rx=w, ry=h, theta=1),
            Keypoints(points=run(4), visibility=(0, 2)),
            Polygon3D(rings=(run(9),)),
            Box3D(front=run(5), back=run(5)),  # type: ignore[arg-type]
            MaskValue(value=(7,)),
            Rle(counts=(3, 2, 1), height=2, width=3),
            Rle(counts="not runs", height=5, width=5),
        ]
    )


def some_source(rng: random.Random, source_id: str) -> Source:
    size = rng.choice([None, 0, 480, 640, 2**53])
    return Source(
        id=source_id,
        uri=rng.choice([*TEXTS[:3], "", f"root:photos/{rng.randrange(100)}.jpg"]),
        content_type=rng.choice(["", "image/jpeg"]),
        hash=rng.choice(["", "ab", "cd"]),
        width=size,
        height=rng.choice([None, 480]),
        size=size,
        timestamp=rng.choice(NUMBERS),
        metadata=some_metadata(rng) if rng.random() < 0.3 else {},
        masks=tuple(
            Mask(id=i, uri=rng.choice(TEXTS), width=size) for i in rng.sample("abc", rng.choice([0, 0, 1, 2]))
        ),
        preview=Preview(uri=rng.choice(TEXTS)) if rng.random() < 0.2 else None,
    )


def some_annotation(rng: random.Random, number: int, sources: list[str]) -> Annotation:
    return Annotation(
        id=rng.choice(["a", "b", "cat"]) + str(number),
        labels=tuple(rng.choices([text for text in TEXTS if text], k=rng.choice([0, 1, 1, 2]))),
        confidence=rng.choice([None, 0, 0.25, 0.5, 1, 2.0**53]),
        object_id=rng.choice([None, "", "a", "cat"]),
        sources=tuple(rng.sample(sources, min(len(sources), rng.choice([0, 0, 1, 2])))),
        geometry=some_geometry(rng),
        metadata=some_metadata(rng) if rng.random() < 0.3 else {},
    )


def some_frame(rng: random.Random, number: int) -> Frame:
    names = rng.sample(["00", "a", "cat"], rng.choice([0, 1, 1, 2, 3]))
    kind = SingleFrame if len(names) < 2 else FrameGroup
    return kind(
        id=f"{rng.choice(['cat', 'train/', '犬'])}{number}",
        context_id=rng.choice(["", "a", "cat"]),
        timestamp=rng.choice([None, *NUMBERS]),
        blob=rng.choice(["", "", "", "cat"]),
        metadata=some_metadata(rng),
        sources=tuple(some_source(rng, name) for name in names),
        annotations=tuple(some_annotation(rng, i, names) for i in range(rng.choice([0, 0, 1, 2, 3, 5]))),
    )


def some_frames(seed: int, count: int) -> list[Frame]:
    rng = random.Random(seed)
    return [some_frame(rng, number) for number in range(count)]


# Queries


def bound(text: str) -> Bound:
    return Bound(0, 0, text, quoted=text == "now")


@st.composite
def ranges(draw: st.DrawFn, ends: list[str]) -> Range:
    low, high = draw(st.none() | st.sampled_from(ends)), draw(st.sampled_from(ends))
    return Range(
        0,
        0,
        None if low is None else bound(low),
        bound(high) if low is None or draw(st.booleans()) else None,
        low is None or draw(st.booleans()),
        draw(st.booleans()),
    )


def spelled(number: float) -> str:
    return str(number) if isinstance(number, int) else repr(number).replace("e+", "e")


terms = st.builds(Term, st.just(0), st.just(0), st.sampled_from(TEXTS))
number_terms = st.builds(Term, st.just(0), st.just(0), st.sampled_from([spelled(n) for n in NUMBERS]))
patterns = st.one_of(
    st.sampled_from(
        ["c*", "*a*", "*t", "?at", "c?t*", "*car", "*a*a*", "r*/?.jpg", r"*\*", "**a**", "犬*", "*🦀*"]
    ).map(lambda pattern: Wildcard(0, 0, pattern)),
    st.sampled_from(
        ["[cC]ats?", "ca.*", ".*ar", "a|b.*", ".", "(cat|犬)1?", "root:photos/[0-9]+.jpg", "a{0}", "☃"]
    ).map(lambda pattern: Regex(0, 0, pattern.replace("/", r"\/"))),
    st.builds(Fuzzy, st.just(0), st.just(0), st.sampled_from(["cat", "act", "Bus"]), st.integers(0, 2)),
    st.builds(
        Near, st.just(0), st.just(0), st.sampled_from(["red car", "car", "Bus Stop"]), st.integers(0, 2)
    ),
)
exists = st.just(Exists(0, 0))
text_ranges = ranges([text for text in TEXTS if text and text not in ("now",)])
number_ranges = ranges([spelled(number) for number in NUMBERS])
time_ranges = ranges(["2024-10-20", "2024-10-20T08:30:15Z", "2024-10-21", "now"]).map(
    lambda r: Range(
        0,
        0,
        r.low and Bound(0, 0, r.low.text, quoted=False),
        r.high and Bound(0, 0, r.high.text, quoted=False),
        r.include_low,
        r.include_high,
    )
)
plain_text_ranges = ranges(["cat", "a", "犬", "\ue000", "Z", "zz"])


def clause(fields: st.SearchStrategy[str], matches: st.SearchStrategy[Any]) -> st.SearchStrategy[Node]:
    return st.builds(
        Clause, st.just(0), st.just(0), fields.map(lambda name: Field(0, 0, tuple(name.split(".")))), matches
    )


def metadata_fields(prefix: tuple[str, ...]) -> st.SearchStrategy[Field]:
    paths = st.lists(st.sampled_from(KEYS), min_size=1, max_size=3).filter(
        lambda path: path[1:] != ["keyword"]
    )
    return paths.map(lambda path: Field(0, 0, (*prefix, *path)))


metadata_matches = st.one_of(
    terms, number_terms, number_terms, number_ranges, time_ranges, plain_text_ranges, patterns, exists
)


def metadata(*prefixes: str) -> st.SearchStrategy[Node]:
    fields = st.sampled_from(prefixes).flatmap(lambda name: metadata_fields(tuple(name.split("."))))
    return st.builds(Clause, st.just(0), st.just(0), fields, metadata_matches)


text_matches = st.one_of(terms, terms, patterns, text_ranges, exists)
number_matches = st.one_of(number_terms, number_ranges, exists)


def short(names: list[str], prefix: str) -> st.SearchStrategy[str]:
    """Returns the fields that belong to a part, as they are named inside it."""
    found = {name.removeprefix(prefix).lstrip(".") for name in names if name.startswith(prefix)}
    return st.sampled_from(sorted(name for name in found if name and not name[0].isdigit()))


def combined(leaves: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    def grown(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        operands = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return st.one_of(
            st.builds(And, st.just(0), st.just(0), operands),
            st.builds(Or, st.just(0), st.just(0), operands),
            st.builds(Not, st.just(0), st.just(0), inner),
            st.builds(Boost, st.just(0), st.just(0), inner, st.just(2.0)),
        )

    return st.recursive(leaves, grown, max_leaves=4)


def values_of_one(names: st.SearchStrategy[str], matches: st.SearchStrategy[Any]) -> st.SearchStrategy[Node]:
    body = combined(st.builds(Clause, st.just(0), st.just(0), st.none(), matches))
    fields = names.map(lambda name: Field(0, 0, tuple(name.split("."))))
    return st.builds(FieldGroup, st.just(0), st.just(0), fields, body)


annotation_clauses = st.one_of(
    st.builds(Clause, st.just(0), st.just(0), st.none(), terms),
    clause(short(MATCH_FIELDS, "rois"), text_matches),
    clause(short(NUMBER_FIELDS, "rois"), number_matches),
    metadata("meta", "rois.metadata"),
    values_of_one(st.sampled_from(["label", "sources", "type"]), text_matches),
)
source_clauses = st.one_of(
    clause(short(MATCH_FIELDS, "sources"), text_matches),
    clause(short(NUMBER_FIELDS, "sources"), number_matches),
    clause(short(PARTS, "sources"), exists),
    metadata("meta"),
)
annotation_queries = combined(annotation_clauses)
source_queries = combined(source_clauses)


def group(name: str, body: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.builds(FieldGroup, st.just(0), st.just(0), st.just(Field(0, 0, tuple(name.split(".")))), body)


queries = combined(
    st.one_of(
        st.builds(Clause, st.just(0), st.just(0), st.none(), text_matches),
        clause(st.sampled_from(MATCH_FIELDS), text_matches),
        clause(st.sampled_from(NUMBER_FIELDS), number_matches),
        clause(st.sampled_from(PARTS), exists),
        metadata("meta", "metadata", "rois.meta", "rois.1.meta", "sources.meta", "sources.0.meta"),
        clause(st.sampled_from(["meta", "rois.meta", "sources.meta"]), exists),
        group("rois", annotation_queries),
        group("rois.1", annotation_queries),
        group("sources", source_queries),
        group("sources.0", source_queries),
        values_of_one(st.sampled_from(MATCH_FIELDS), terms | patterns),
        st.just(MatchAll(0, 0)),
    )
)
lines = queries.map(format_query)

ends = st.none() | st.integers(0, 3)
sureness = st.none() | st.sampled_from([0, 0.25, 0.5, 1])
rules = st.builds(
    RoiRule,
    confidence=st.tuples(sureness, sureness),
    count=st.just((1, None)) | st.tuples(ends, ends),
    labels=st.lists(st.sampled_from(["cat", "Bus Stop", "犬", "a"]), max_size=2).map(tuple),
    must_not=st.booleans(),
    query=st.just("") | annotation_queries.map(format_query),
)
view_queries = st.builds(
    ViewQuery,
    dataset=st.just("d"),
    filter=st.sampled_from(
        [FilterBy.RULES, FilterBy.RULES, FilterBy.RULES, FilterBy.NO_ROIS, FilterBy.DISABLED]
    ),
    frame=st.just("") | lines,
    rois=st.lists(rules, max_size=2).map(tuple),
    source=st.just("") | source_queries.map(format_query),
)


# The law


@pytest.fixture(scope="module")
def corpus() -> list[list[Frame]]:
    """Frames enough that rows are listed as well as marked."""
    return [some_frames(1, 260), some_frames(2, 60)]


def check(indexed: Any, wanted: FrameFilter) -> None:
    expected = [frame.id for frame in indexed.alive if wanted.matches(frame)]
    assert list(wanted.search(indexed.rows, indexed.read).ids()) == expected


@pytest.fixture
def city(index: Any, corpus: list[list[Frame]]) -> Any:
    few = [row % 40 == 3 for row in range(60)]
    most = [row % 7 != 3 for row in range(260)]
    return index(*corpus, *corpus, live=[None, few, most, None])


@settings(max_examples=300)
@given(lines)
def test_the_index_answers_as_the_reference_does(city: Any, line: str) -> None:
    """Any line finds the frames that the Python predicate accepts, over full and partial segments."""
    check(city, compile_text(line, now=NOW))


@settings(max_examples=120)
@given(view_queries)
def test_rules_of_views_find_what_the_reference_accepts(city: Any, query: ViewQuery) -> None:
    """Annotation rules, frame queries and source queries together."""
    check(city, compile_filter(query, now=NOW))


@settings(max_examples=25)
@given(st.lists(any_frames(named=True), max_size=6), st.lists(lines, min_size=1, max_size=6))
def test_any_frames_at_all_are_found(index: Any, frames: list[Frame], some: list[str]) -> None:
    """Frames of any shape: the index loses and invents nothing."""
    indexed = index(frames)
    for line in some:
        check(indexed, compile_text(line, now=NOW))


@settings(max_examples=40)
@given(st.lists(scalars | st.lists(scalars, max_size=2), max_size=8), st.data())
def test_values_are_found_by_what_they_are(index: Any, values: list[Any], data: st.DataObject) -> None:
    """A scalar of metadata asked for as it stands, or as the end of a range, whatever its kind."""
    indexed = index([SingleFrame(id=str(i), metadata={"x": value}) for i, value in enumerate(values)])
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    for value in flat:
        for match in asks_for(value, data.draw(st.booleans())):
            tree = Clause(0, 0, Field(0, 0, ("meta", "x")), match)
            check(indexed, compile_text(format_query(tree), now=NOW))


def asks_for(value: Any, included: bool) -> list[Any]:
    if value is None or isinstance(value, bool):
        return [Term(0, 0, {None: "null", True: "true", False: "false"}[value])]
    if isinstance(value, str):
        asked: list[Any] = [Term(0, 0, value)]
        if value:
            asked.append(Range(0, 0, Bound(0, 0, f"a{value}", quoted=True), None, included, True))
            asked.append(Wildcard(0, 0, rf"*\{value[0]}*" if value[0] in "*?\\" else f"*{value[0]}*"))
        return asked
    end = bound(spelled(value))
    return [
        Term(0, 0, end.text),
        Range(0, 0, None, end, True, included),
        Range(0, 0, end, None, included, True),
    ]
