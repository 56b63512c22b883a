"""Lines that luqum reads right too: both parsers see the same tree.

luqum takes !, && and || for words, negative numbers for prohibitions and a URL for a field; it refuses single quotes
and the empty line; and a blank between clauses binds less than OR there. What is asked here is the rest.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from luqum import tree as theirs
from luqum.thread import parse as parse_with_luqum

from hdstore.query import (
    And,
    Boost,
    Bound,
    Clause,
    Exists,
    Field,
    FieldGroup,
    Fuzzy,
    Match,
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
from hdstore.query.lexer import has_wildcard, split_path, unescape, wildcard_pattern

LINES = [
    "cat",
    "cat dog",
    "cat AND dog OR bird",
    "NOT cat AND dog",
    "NOT NOT cat",
    "+cat -dog",
    "-(cat dog)",
    "cat (dog OR bird) fish",
    "(cat AND dog) AND bird",
    r"Bus\ Stop what\?",
    '"Bus Stop" "a \\" b"',
    "*:*",
    "meta.city:*",
    "meta.city:[* TO *]",
    "meta.day:[2024-10-20 TO 2024-10-30]",
    "meta.day:[2024-10-20T08:00:00 TO *}",
    "meta.taken:2024-10-20T08:00:00",
    "sources.width:{640 TO 1280]",
    "confidence:>=0.8 confidence:<1 confidence:>0 confidence:<=5",
    "label:(cat OR dog)",
    "label:(NOT cat)",
    "rois:(label:car AND confidence:[0.5 TO *])",
    r"sources.uri:/photos\/[0-9]+/",
    "ca*  c?t  *at*",
    r"meta.my\ key:x meta.a\.b:y",
    'colour~1 "red car"~2',
    "cat^2 (cat dog)^0.5 label:cat^3",
    "犬 label:(犬 OR 🦀)",
    'sources.meta.hash.source:("h1" OR "h2")',
    'label.keyword:"Car" AND NOT label.keyword:"partly_occluded"',
]


def read(item: theirs.Item) -> Node:
    """Returns luqum's tree as ours."""
    match item:
        case theirs.Group(expr=expr) | theirs.FieldGroup(expr=expr) | theirs.Plus(a=expr):
            return read(expr)
        case theirs.AndOperation() | theirs.UnknownOperation():
            return And(0, 0, tuple(read(operand) for operand in item.children))
        case theirs.OrOperation():
            return Or(0, 0, tuple(read(operand) for operand in item.children))
        case theirs.Not(a=operand) | theirs.Prohibit(a=operand):
            return Not(0, 0, read(operand))
        case theirs.Boost(expr=expr, force=force):
            return Boost(0, 0, read(expr), float(force))
        case theirs.SearchField(name="*"):
            return MatchAll(0, 0)
        case theirs.SearchField(name=name, expr=theirs.Boost(expr=inner, force=force)):
            # luqum has the weight inside the field, which says the same.
            return Boost(0, 0, read(theirs.SearchField(name, inner)), float(force))
        case theirs.SearchField(name=name, expr=theirs.FieldGroup(expr=body) | theirs.Group(expr=body)):
            return FieldGroup(0, 0, Field(0, 0, split_path(name)), read(body))
        case theirs.SearchField(name=name, expr=expr):
            return Clause(0, 0, Field(0, 0, split_path(name)), asked(expr))
        case _:
            return Clause(0, 0, None, asked(item))


def asked(item: theirs.Item) -> Match:
    match item:
        case theirs.Word(value="*"):
            return Exists(0, 0)
        case theirs.Word(value=value) if has_wildcard(value):
            return Wildcard(0, 0, wildcard_pattern(value))
        case theirs.Word(value=value):
            return Term(0, 0, unescape(value))
        case theirs.Phrase(value=value):
            return Term(0, 0, unescape(value[1:-1]))
        case theirs.Regex(value=value):
            return Regex(0, 0, value[1:-1])
        case theirs.Fuzzy(term=term, degree=degree):
            return Fuzzy(0, 0, unescape(term.value), int(degree))
        case theirs.Proximity(term=term, degree=degree):
            return Near(0, 0, unescape(term.value[1:-1]), int(degree))
        case theirs.From(a=end, include=include):
            return Range(0, 0, bound(end), None, include, True)
        case theirs.To(a=end, include=include):
            return Range(0, 0, None, bound(end), True, include)
        case theirs.Range(low=low, high=high, include_low=include_low, include_high=include_high):
            ends = bound(low), bound(high)
            if ends == (None, None):
                return Exists(0, 0)
            return Range(0, 0, *ends, ends[0] is None or include_low, ends[1] is None or include_high)
    raise AssertionError(f"nothing of ours is like {item!r}")


def bound(end: theirs.Item) -> Bound | None:
    if isinstance(end, theirs.Phrase):
        return Bound(0, 0, unescape(end.value[1:-1]), quoted=True)
    return None if end.value == "*" else Bound(0, 0, unescape(end.value), quoted=False)


@pytest.mark.parametrize("line", LINES)
def test_luqum_reads_a_plain_line_as_we_do(line: str) -> None:
    """Every construct that ClearML's own documents use and luqum knows."""
    assert parse(line) == read(parse_with_luqum(line))


words = st.sampled_from(
    ["cat", "Bus Stop", "犬", "a-b", "x1", "2024-10-20", "what?", "(", 'a"b', "a:b", "back\\slash"]
)
plain = st.sampled_from(["cat", "7", "0.5", "2024-10-20", "b c", "a]b"])
bounds = st.builds(Bound, st.just(0), st.just(0), plain, st.booleans())


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    low = draw(st.none() | bounds)
    return Range(0, 0, low, draw(bounds), low is None or draw(st.booleans()), draw(st.booleans()))


matches = st.one_of(
    st.builds(Term, st.just(0), st.just(0), words),
    st.builds(Wildcard, st.just(0), st.just(0), st.sampled_from(["ca*", "?at", r"a\*b*", "* *"])),
    st.builds(Regex, st.just(0), st.just(0), st.sampled_from(["ca[tr]s?", r"a\/b", ".*"])),
    st.builds(Fuzzy, st.just(0), st.just(0), st.sampled_from(["cat", "dog"]), st.integers(1, 2)),
    st.builds(Near, st.just(0), st.just(0), st.sampled_from(["red car", "x"]), st.integers(1, 9)),
    ranges(),
)
fields = st.sampled_from([("label",), ("meta", "my key"), ("meta", "a.b", "c"), ("sources", "0", "uri")])
fields_of = fields.map(lambda parts: Field(0, 0, parts))
bare = st.builds(Clause, st.just(0), st.just(0), st.none(), matches)
leaves = bare | st.builds(Clause, st.just(0), st.just(0), fields_of, matches | st.just(Exists(0, 0)))


def grown(inner: st.SearchStrategy[Node], *, grouped: bool) -> st.SearchStrategy[Node]:
    operands = st.lists(inner, min_size=2, max_size=3).map(tuple)
    kinds: list[st.SearchStrategy[Node]] = [
        st.builds(And, st.just(0), st.just(0), operands),
        st.builds(Or, st.just(0), st.just(0), operands),
        st.builds(Not, st.just(0), st.just(0), inner),
        st.builds(Boost, st.just(0), st.just(0), inner, st.sampled_from([2.0, 0.5])),
    ]
    if grouped:
        bodies = st.recursive(bare, lambda more: grown(more, grouped=False), max_leaves=3)
        kinds.append(st.builds(FieldGroup, st.just(0), st.just(0), fields_of, bodies))
        rois = st.just(Field(0, 0, ("rois",)))
        kinds.append(st.builds(FieldGroup, st.just(0), st.just(0), rois, inner))
    return st.one_of(kinds)


@settings(max_examples=200)
@given(st.recursive(leaves, lambda inner: grown(inner, grouped=True), max_leaves=6))
def test_luqum_reads_what_we_write(tree: Node) -> None:
    """Any tree, written in its plain form, is the same tree to luqum."""
    assert read(parse_with_luqum(format_query(tree))) == tree
