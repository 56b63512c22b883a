"""Regular expressions: the same answers as re, without its traps."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.query.regex import Automaton, parse_regex, regex_matcher

PARTS = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\W", r"\.", "", "[a-c-]", r"[\]x]"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{0,}"])).map(
            lambda pair: f"({pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=8,
)


@given(PARTS, st.text(alphabet="ab.1]\n", max_size=8))
def test_answers_are_those_of_re(pattern: str, text: str) -> None:
    """The automaton and the chosen matcher agree with re on the whole value."""
    right = re.fullmatch(pattern, text, re.DOTALL | re.ASCII) is not None

    assert right is regex_matcher(pattern)(text)
    assert right is Automaton(parse_regex(pattern, 0, len(pattern))).matches(text)


@pytest.mark.parametrize(
    ("pattern", "text", "covers"),
    [
        ("cat|dog", "dog", True),
        ("cat|dog", "catdog", False),
        ("", "", True),
        ("(|x)y", "y", True),
        (r"\d{2,4}", "123", True),
        (r"\w+", "añ", False),
        (r"a\/b", "a/b", True),
        (r"\^\$\{\}", "^${}", True),
        ("#@&<>~-", "#@&<>~-", True),
        (".", "\U0001f431", True),
        ("[α-ω]+", "λ", True),
        ("[^\\d]", "5", False),
        ("[\\w\\W]", "猫", True),
        ("[^\\w\\W]", "a", False),
        ("[^\\w\\W]*", "", True),
    ],
)
def test_a_pattern_covers_the_whole_value(pattern: str, text: str, covers: bool) -> None:
    """The classes are those of ASCII, signs of other dialects are characters."""
    assert covers is regex_matcher(pattern)(text)
    assert covers is Automaton(parse_regex(pattern, 0, len(pattern))).matches(text)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b",
        "(a|a)*b",
        "(a|aa)+b",
        "(.*)(.*)(.*)(.*)(.*)b",
        "a*a*a*a*a*a*b",
        "((a{0,9}){0,9}){0,9}b",
        "(a?){200}" + "a{200}b",
        "(a*)*(a*)*b",
        "(|a|aa)*b",
    ],
)
def test_no_pattern_is_exponential(pattern: str) -> None:
    """What would keep re busy for years is answered at once."""
    assert not regex_matcher(pattern)("a" * 3000)


def test_many_states_are_forgotten_and_found_again() -> None:
    """A pattern with more states than are remembered still gives right answers."""
    matches = Automaton(parse_regex("(a|b)*a(a|b){12}", 0, 16)).matches
    text = "".join(random.Random(1).choices("ab", k=6000))

    assert (text[-13] == "a") is matches(text)
    assert (text[-14] == "a") is matches(text[:-1])
    assert matches("a" * 13)
    assert not matches("a" * 12)


def test_many_different_characters_are_not_all_remembered() -> None:
    """A text of every letter there is does not fill the memory of one state."""
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 3000)))

    assert Automaton(parse_regex("(.+)*", 0, 5)).matches(text)
