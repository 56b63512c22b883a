"""How query lines are read."""

from __future__ import annotations

import pytest

from hdstore.errors import QuerySyntaxError
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
    parse,
)
from hdstore.query.parser import MAX_DEPTH


def bare(text: str) -> Clause:
    return Clause(0, 0, None, Term(0, 0, text))


def on(path: str, match: Term | Range | Wildcard | Exists | Regex | Fuzzy | Near) -> Clause:
    return Clause(0, 0, Field(0, 0, tuple(path.split("."))), match)


def term(path: str, text: str) -> Clause:
    return on(path, Term(0, 0, text))


def span(low: str | None, high: str | None, *, shape: str = "[]") -> Range:
    ends = [None if end is None else Bound(0, 0, end, False) for end in (low, high)]
    return Range(0, 0, ends[0], ends[1], shape[0] == "[", shape[1] == "]")


CAT, DOG, COW = bare("cat"), bare("dog"), bare("cow")

READINGS: list[tuple[str, Node]] = [
    ("", MatchAll(0, 0)),
    ("  \t\n ", MatchAll(0, 0)),
    ("*:*", MatchAll(0, 0)),
    ("cat", CAT),
    (" cat ", CAT),
    ('"Bus Stop"', bare("Bus Stop")),
    ("'Bus Stop'", bare("Bus Stop")),
    ('"say \\"hi\\" \\\\"', bare('say "hi" \\')),
    ("'it\\'s'", bare("it's")),
    ("it's", bare("it's")),
    ('""', bare("")),
    (r"Bus\ Stop", bare("Bus Stop")),
    (r"\AND", bare("AND")),
    (r"a\:b\*\?\(\)", bare("a:b*?()")),
    ("and", bare("and")),
    ("TO", bare("TO")),
    ("R&D|x", bare("R&D|x")),
    ("wow!", bare("wow!")),
    ("half-done+1", bare("half-done+1")),
    ("猫", bare("猫")),
    ("*", Clause(0, 0, None, Exists(0, 0))),
    ("ca?", Clause(0, 0, None, Wildcard(0, 0, "ca?"))),
    ("c*t", Clause(0, 0, None, Wildcard(0, 0, "c*t"))),
    (r"c\*\ *", Clause(0, 0, None, Wildcard(0, 0, r"c\* *"))),
    ('"ca*"', bare("ca*")),
    ("/ca[tr]/", Clause(0, 0, None, Regex(0, 0, "ca[tr]"))),
    (r"/a\/b c/", Clause(0, 0, None, Regex(0, 0, r"a\/b c"))),
    ("cat~", Clause(0, 0, None, Fuzzy(0, 0, "cat", 2))),
    ("cat~1", Clause(0, 0, None, Fuzzy(0, 0, "cat", 1))),
    ('"red car"~2', Clause(0, 0, None, Near(0, 0, "red car", 2))),
    ("'red car'~", Clause(0, 0, None, Near(0, 0, "red car", 0))),
    ("[a TO c]", Clause(0, 0, None, span("a", "c"))),
    ("cat^2", Boost(0, 0, CAT, 2.0)),
    ('"cat"^0.5', Boost(0, 0, CAT, 0.5)),
    ("(cat dog)^2", Boost(0, 0, And(0, 0, (CAT, DOG)), 2.0)),
    ("cat~1^2", Boost(0, 0, Clause(0, 0, None, Fuzzy(0, 0, "cat", 1)), 2.0)),
    # operators
    ("cat dog", And(0, 0, (CAT, DOG))),
    ("cat AND dog", And(0, 0, (CAT, DOG))),
    ("cat && dog", And(0, 0, (CAT, DOG))),
    ("cat&&dog", And(0, 0, (CAT, DOG))),
    ("cat OR dog", Or(0, 0, (CAT, DOG))),
    ("cat || dog", Or(0, 0, (CAT, DOG))),
    ("cat||dog", Or(0, 0, (CAT, DOG))),
    ("cat AND dog cow", And(0, 0, (CAT, DOG, COW))),
    ("cat OR dog AND cow", Or(0, 0, (CAT, And(0, 0, (DOG, COW))))),
    ("cat dog OR cow", Or(0, 0, (And(0, 0, (CAT, DOG)), COW))),
    ("(cat OR dog) cow", And(0, 0, (Or(0, 0, (CAT, DOG)), COW))),
    ("((cat))", CAT),
    ("(cat)(dog)", And(0, 0, (CAT, DOG))),
    ("NOT cat", Not(0, 0, CAT)),
    ("!cat", Not(0, 0, CAT)),
    ("! cat", Not(0, 0, CAT)),
    ("-cat", Not(0, 0, CAT)),
    ("-5", Not(0, 0, bare("5"))),
    ("+cat", CAT),
    ("+cat -dog", And(0, 0, (CAT, Not(0, 0, DOG)))),
    ("cat NOT dog", And(0, 0, (CAT, Not(0, 0, DOG)))),
    ("cat AND -dog", And(0, 0, (CAT, Not(0, 0, DOG)))),
    ("NOT !cat", Not(0, 0, Not(0, 0, CAT))),
    ("-(cat dog)", Not(0, 0, And(0, 0, (CAT, DOG)))),
    ('NOT"cat"', Not(0, 0, CAT)),
    ("NOTcat", bare("NOTcat")),
    ("NOT cat OR dog", Or(0, 0, (Not(0, 0, CAT), DOG))),
    # fields
    ("meta.city:bremen", term("meta.city", "bremen")),
    ("meta.city: bremen", term("meta.city", "bremen")),
    ("meta.d:'yes'", term("meta.d", "yes")),
    ("sources.0.uri:a", term("sources.0.uri", "a")),
    (r"meta.my\ key:a", Clause(0, 0, Field(0, 0, ("meta", "my key")), Term(0, 0, "a"))),
    (r"meta.a\.b:x", Clause(0, 0, Field(0, 0, ("meta", "a.b")), Term(0, 0, "x"))),
    (r"meta.a\:b:x", Clause(0, 0, Field(0, 0, ("meta", "a:b")), Term(0, 0, "x"))),
    ("meta.x:-5", term("meta.x", "-5")),
    ("meta.x:-.5", term("meta.x", "-.5")),
    ("-meta.x:-5", Not(0, 0, term("meta.x", "-5"))),
    ("meta.x:*", on("meta.x", Exists(0, 0))),
    ("meta.x:[* TO *]", on("meta.x", Exists(0, 0))),
    ("_exists_:meta.x", on("meta.x", Exists(0, 0))),
    ("_exists_: meta.x cat", And(0, 0, (on("meta.x", Exists(0, 0)), CAT))),
    ("meta.x:[-5 TO -1]", on("meta.x", span("-5", "-1"))),
    ("meta.x:{-5 TO -1}", on("meta.x", span("-5", "-1", shape="{}"))),
    ("meta.x:[1 TO 5}", on("meta.x", span("1", "5", shape="[}"))),
    ("meta.x:{1 TO *}", on("meta.x", span("1", None, shape="{]"))),
    ("meta.x:[ * TO 5 ]", on("meta.x", span(None, "5"))),
    ("meta.x:>5", on("meta.x", span("5", None, shape="{]"))),
    ("meta.x:>= -5", on("meta.x", span("-5", None))),
    ("meta.x:<'a b'", on("meta.x", Range(0, 0, None, Bound(0, 0, "a b", True), True, False))),
    ("meta.x:<5", on("meta.x", span(None, "5", shape="[}"))),
    ("meta.x:<=now", on("meta.x", span(None, "now"))),
    ('meta.x:["a b" TO "now"]', on("meta.x", Range(
        0, 0, Bound(0, 0, "a b", True), Bound(0, 0, "now", True), True, True
    ))),
    ("meta.t:[2024-10-20T08:00:00 TO *]", on("meta.t", span("2024-10-20T08:00:00", None))),
    ("meta.t:>2024-10-20T08:00:00+02:00", on("meta.t", span("2024-10-20T08:00:00+02:00", None, shape="{]"))),
    ("meta.t:2024-10-20T08:00:00Z", term("meta.t", "2024-10-20T08:00:00Z")),
    ("(meta.t:2024-10-20T08:00)", term("meta.t", "2024-10-20T08:00")),
    ("meta.u:http://x:80/~y&&z", term("meta.u", "http://x:80/~y&&z")),
    ("meta.u:http://x/y?a=1", on("meta.u", Wildcard(0, 0, "http://x/y?a=1"))),
    ("http://x/y", bare("http://x/y")),
    ("meta.x:/a b/", on("meta.x", Regex(0, 0, "a b"))),
    ("meta.x:a^3", Boost(0, 0, term("meta.x", "a"), 3.0)),
    ("label:(cat OR dog)", FieldGroup(0, 0, Field(0, 0, ("label",)), Or(0, 0, (CAT, DOG)))),
    ("meta.x:(>=10 AND <20)", FieldGroup(0, 0, Field(0, 0, ("meta", "x")), And(0, 0, (
        Clause(0, 0, None, span("10", None)), Clause(0, 0, None, span(None, "20", shape="[}")),
    )))),
    ("rois:(cat confidence:>0.5)", FieldGroup(0, 0, Field(0, 0, ("rois",)), And(0, 0, (
        CAT, on("confidence", span("0.5", None, shape="{]")),
    )))),
    ("rois:(label:(cat dog))", FieldGroup(0, 0, Field(0, 0, ("rois",)), FieldGroup(
        0, 0, Field(0, 0, ("label",)), And(0, 0, (CAT, DOG))
    ))),
    ("sources.0:(uri:a)", FieldGroup(0, 0, Field(0, 0, ("sources", "0")), term("uri", "a"))),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tree"), READINGS, ids=[text for text, _ in READINGS])
def test_a_line_is_read_as_its_tree(text: str, tree: Node) -> None:
    """Each form of the language has one reading, places aside."""
    assert tree == parse(text)


@pytest.mark.parametrize("text", [text for text, _ in READINGS])
def test_a_tree_is_written_so_that_it_reads_the_same(text: str) -> None:
    """Writing a tree and reading it again loses nothing."""
    tree = parse(text)

    assert tree == parse(format_query(tree))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a && !b || c", "a AND NOT b OR c"),
        ("'Bus Stop' Blue", '"Bus Stop" AND Blue'),
        ("(a b)^2", "(a AND b)^2"),
        ("x:>=5", "x:[5 TO *]"),
        ("meta.t:[2024-10-20T08:00:00 TO now}", "meta.t:[2024-10-20T08:00:00 TO now}"),
        ("_exists_:f", "f:*"),
        ("a (b c)", "a AND (b AND c)"),
        ("NOT (a OR b)", "NOT (a OR b)"),
    ],
)
def test_a_tree_is_written_plainly(text: str, plain: str) -> None:
    """Signs become words, and only parentheses that mean something stay."""
    assert plain == format_query(parse(text))


def test_nodes_know_their_place() -> None:
    """Start and end of each node cut its words out of the text."""
    text = "  meta.city:bremen AND NOT (cat OR rois:(dog))  "
    tree = parse(text)

    assert isinstance(tree, And)
    first, second = tree.operands
    assert text[first.start : first.end] == "meta.city:bremen"
    assert text[second.start : second.end].rstrip(")") == "NOT (cat OR rois:(dog"
    assert isinstance(first, Clause)
    assert first.field is not None
    assert text[first.field.start : first.field.end] == "meta.city"
    assert text[first.match.start : first.match.end] == "bremen"
    assert isinstance(second, Not)
    assert isinstance(second.operand, Or)
    group = second.operand.operands[1]
    assert text[group.start : group.end] == "rois:(dog)"


def test_nesting_is_bounded_by_a_clear_error() -> None:
    """Deep nesting is refused with its place, never with a RecursionError."""
    deepest = "(" * MAX_DEPTH + "cat" + ")" * MAX_DEPTH

    assert parse(deepest) == CAT
    for too_deep in (f"({deepest})", "(" * 100_000, "NOT " * 100_000 + "a", "!" * (MAX_DEPTH + 1) + "a"):
        with pytest.raises(QuerySyntaxError, match="nests at most 50 deep"):
            parse(too_deep)
    with pytest.raises(QuerySyntaxError, match="nests at most 50 deep"):
        parse("rois:(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1))


def test_long_lists_are_flat() -> None:
    """Two thousand clauses joined by OR are one node."""
    tree = parse(" OR ".join(f"label{i}" for i in range(2000)))

    assert isinstance(tree, Or)
    assert len(tree.operands) == 2000
