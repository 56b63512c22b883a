"""Lines that are no queries: where reading stops, and what it says."""

from __future__ import annotations

import pytest

from hdstore.errors import InvalidInputError, QuerySyntaxError
from hdstore.query import compile, compile_annotation, compile_source, parse
from hdstore.query.regex import MAX_LENGTH
from hdstore.query.values import MAX_FUZZY_LENGTH

WRONG = [
    # clauses and parentheses
    ("cat AND", 7, "Expected a clause, but the query ends here"),
    ("cat OR ", 7, "Expected a clause, but the query ends here"),
    ("NOT", 3, "the query ends here"),
    ("AND cat", 0, "found the operator AND"),
    ("cat OR AND dog", 7, "found the operator AND"),
    ("cat AND OR dog", 8, 'found the operator OR; write "OR" for the word'),
    ("(cat", 0, "never closed"),
    ("a (b (c)", 2, "never closed"),
    ("cat)", 3, "closes nothing"),
    ("()", 1, "between ( and )"),
    ("label:( )", 8, "between ( and )"),
    ("(cat OR )", 8, "found )"),
    (":cat", 0, "field name directly before the colon"),
    ("meta.x :5", 7, "field name directly before the colon"),
    ("cat && && dog", 7, "found &&"),
    ("|| cat", 0, "found ||"),
    ("a ] b", 2, "found ]"),
    ("~1", 0, "found ~"),
    ("^2", 0, "found ^"),
    ("cat\\", 3, "backslash"),
    ("\\", 0, "backslash"),
    # signs
    ("a - b", 2, "directly after -"),
    ("+", 0, "directly after +"),
    ("+a OR b", 0, "one of several joined by OR"),
    ("a OR (b) OR +c d", 12, "one of several joined by OR"),
    ("meta.x:(-5 OR 3)", 8, "may be part of a number or an operator"),
    ("meta.x:(3 +5)", 10, "nothing for the operator"),
    ("label:-cat", 6, "stands before the field"),
    ("label:!cat", 6, "stands before the field"),
    ("label:+cat", 6, "stands before the field"),
    # fields
    ("a:", 2, "a value after a:"),
    ("a: AND b", 3, "found the operator AND"),
    ("a:b:c", 3, "unless it is quoted"),
    ("sources.uri:media:ab", 17, "unless it is quoted"),
    ("meta.t:>08:00", 10, "unless it is quoted"),
    ("meta..x:1", 0, "empty part"),
    (".x:1", 0, "empty part"),
    ("cat meta.:1", 4, "empty part"),
    ("cat meta" + ".a" * 100 + ":1", 4, "at most 100 parts, this one has 101"),
    ("meta.*:1", 0, "no wildcards"),
    ("*:cat", 2, "Expected * after *:"),
    ('"a b":c', 0, "without quotes"),
    ("_exists_:", 9, "Expected a field name"),
    ("_exists_:OR", 9, "Expected a field name"),
    ("_exists_:(a b)", 9, "Expected a field name"),
    ("_exists_:meta.*", 9, "no wildcards"),
    ("label:(a meta.x:b)", 9, "stand values only"),
    ("width>5", 5, "written with a colon"),
    ("meta.x=5", 6, "written with a colon"),
    (">5", 0, "written with a colon"),
    # values
    ('"cat', 0, "never closed"),
    ("label:'cat", 6, "never closed"),
    ('a"b"', 1, "Expected a blank before"),
    ('"a"b', 3, "Expected a blank before b"),
    ("a(b)", 1, "Expected a blank before ("),
    ("a[0]", 1, "Expected a blank before ["),
    ("http://x/a(1)", 10, "Expected a blank before ("),
    ("a\\\\b:c:d", 6, "unless it is quoted"),
    ('"a"\\', 3, "backslash"),
    ('"a"\\b', 3, "Expected a blank before \\"),
    ("cat~3", 3, "whole number from 0 to 2"),
    ("cat~0.5", 3, "whole number from 0 to 2"),
    ("cat~1~1", 5, "takes ~"),
    ('"a b"~101', 5, "whole number from 0 to 100"),
    ('"!"~1', 0, "a word between the quotes"),
    ("ca*~1", 3, "either wildcards or ~"),
    ("[a TO b]~1", 8, "takes ~"),
    ("x" * (MAX_FUZZY_LENGTH + 1) + "~", 0, "at most 256 characters"),
    ("cat^", 3, "a number after ^"),
    ("cat^x", 3, "a number after ^"),
    ("cat^2^3", 5, "found ^"),
    # ranges
    ("meta.x:[1 TO]", 12, "an end of the range"),
    ("meta.x:[TO 5]", 11, "Expected TO"),
    ("meta.x:[1,5]", 11, "Expected TO"),
    ("meta.x:[1 to 5]", 10, "Expected TO"),
    ("meta.x:[1 TO 5", 7, "never closed"),
    ("meta.x:[1 TO 5)", 7, "never closed"),
    ("meta.x:[1 TO 5 6]", 15, "Expected ]"),
    ("meta.x:[1* TO 5]", 8, "takes no wildcards"),
    ("meta.x:[]", 8, "an end of the range"),
    ("meta.x:>", 8, "a value after >"),
    ("meta.x:>*", 8, "takes no wildcards"),
    ("meta.x:>cat~1", 11, "takes ~"),
    ("meta.t:[now-1d TO now]", 8, "Arithmetic on now"),
    ("meta.t:<now/d", 8, "Arithmetic on now"),
    # regular expressions
    ("sources.uri:/data/x", 12, "put a path in quotes"),
    ("/data", 0, "put a path in quotes"),
    ("/a(b/", 2, "never closed"),
    ("/ab)/", 3, "closes nothing"),
    ("/ca[/", 3, "never closed"),
    ("/ca[]/", 3, "characters between"),
    ("/ca[^]/", 3, "characters between"),
    ("/[z-a]/", 2, "backwards"),
    (r"/[a-\d]/", 2, "between two single characters"),
    ("/[a-/", 2, "between two single characters"),
    ("/[[:alpha:]]/", 2, r"Write \["),
    ("/*a/", 1, "nothing before *"),
    ("/a|+/", 3, "nothing before +"),
    ("/a**/", 3, "put the inner one in parentheses"),
    ("/a+?/", 3, "put the inner one in parentheses"),
    ("/a{x}/", 2, "Expected a count"),
    ("/a{5,2}/", 2, "wrong order"),
    ("/a{1001}/", 2, "at most 1000 times"),
    ("/(a{100}){100}/", 1, "more than 1000"),
    ("/a]/", 2, "closes nothing"),
    ("/^a/", 1, "covers the whole value"),
    ("/a$/", 2, "covers the whole value"),
    (r"/\bx/", 1, "has no meaning"),
    ("/(?:a)/", 2, "no options"),
    ("/" + "(" * 33 + ")" * 33 + "/", 33, "at most 32 deep"),
    ("/" + "a" * (MAX_LENGTH + 1) + "/", 1, "at most 1000 characters"),
]


@pytest.mark.parametrize(("text", "position", "says"), WRONG, ids=[text[:30] for text, _, _ in WRONG])
def test_a_wrong_line_says_where_and_what(text: str, position: int, says: str) -> None:
    """The error points at the character and says in words what should stand there."""
    with pytest.raises(QuerySyntaxError) as caught:
        parse(text)

    assert position == caught.value.position
    assert says in str(caught.value)
    assert text == caught.value.text
    assert str(caught.value).endswith(".")


UNANSWERABLE = [
    ("lable:cat", 0, "A frame has no field 'lable'"),
    ("cat lable:cat", 4, "Perhaps meta.lable is meant"),
    ("width:640", 0, "Perhaps meta.width or sources.width is meant"),
    ("area:>5", 0, "Perhaps meta.area or rois.area is meant"),
    ("rois.lable:cat", 0, "An annotation has no field 'lable'"),
    ("sources.front.uri:x", 0, "A source has no field 'front'"),
    ("sources.masks.meta.x:1", 0, "A mask has no field 'meta'"),
    ("sources.preview.0.uri:x", 0, "A preview has no field '0'"),
    ("rois:(sources.uri:x)", 6, "plain value without parts"),
    ("label.x:cat", 0, "plain value without parts"),
    ("confidence.keyword:1", 0, "plain value without parts"),
    ("rois:cat", 5, "no value of its own"),
    ("sources.preview:x", 16, "no value of its own"),
    ("sources.masks:(x)", 0, "Only rois and sources group clauses"),
    ("sources:(front)", 9, "A value needs a field here"),
    ("meta:5", 5, "name a key"),
    ("meta:(a OR b)", 6, "name a key"),
    ("sources.width:wide", 14, "width holds numbers, which 'wide' is not"),
    ("confidence:(0.5 OR high)", 19, "which 'high' is not"),
    ("sources.width:6*", 14, "ask for a number"),
    ("sources.width:[1 TO x]", 20, "which 'x' is not"),
    ("timestamp:[2024-10-20 TO *]", 11, "which '2024-10-20' is not"),
    ("meta.x:[1 TO b]", 8, "of one kind"),
    ("meta.x:[b TO 2024-10-20]", 13, "of one kind"),
    ("meta.x:[5 TO now]", 8, "of one kind"),
    ("meta.x:[2024-02-30 TO *]", 8, "not in the calendar"),
    ("meta.x:<2024-10-20T25:00", 8, "not in the calendar"),
    ("rois:(sources:(label:x))", 15, "stand values only"),
]


@pytest.mark.parametrize(
    ("text", "position", "says"), UNANSWERABLE, ids=[text for text, _, _ in UNANSWERABLE]
)
def test_a_question_that_no_frame_can_answer_is_refused(text: str, position: int, says: str) -> None:
    """A wrong field or kind of value is an error with its place, not a silent nothing."""
    parse(text)
    with pytest.raises(QuerySyntaxError) as caught:
        compile(text)

    assert position == caught.value.position
    assert says in str(caught.value)


def test_an_annotation_and_a_source_know_only_their_own_fields() -> None:
    """Paths of a whole frame mean nothing to one part of it."""
    with pytest.raises(QuerySyntaxError, match="An annotation has no field 'uri'"):
        compile_annotation("uri:x")
    with pytest.raises(QuerySyntaxError, match="A source has no field 'label'"):
        compile_source("label:x")
    with pytest.raises(QuerySyntaxError, match="stand values only"):
        compile_annotation("sources:(front OR label:x)")


def test_the_error_is_an_invalid_input_with_a_caret() -> None:
    """Whoever shows the error can point at its place."""
    with pytest.raises(InvalidInputError) as caught:
        parse("a:b:c")

    assert isinstance(caught.value, QuerySyntaxError)
    assert caught.value.caret() == "a:b:c\n   ^"
