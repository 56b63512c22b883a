"""Numbers, dates and patterns one by one."""

from __future__ import annotations

import fnmatch
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.model.moments import instant, interval, moment
from hdstore.query.values import fuzzy_matcher, near_matcher, number, wildcard_matcher


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-0", 0),
        ("007", 7),
        ("-5", -5),
        ("1.5", 1.5),
        (".5", 0.5),
        ("-.5e-3", -0.0005),
        ("1e3", 1000.0),
        ("9223372036854775808", 2**63),
        ("1" * 60, float("1" * 60)),
        ("", None),
        ("+5", None),
        ("1.", None),
        ("1_000", None),
        ("0x10", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("1e99999", None),
        ("٣", None),
        (" 5", None),
        ("5\n", None),
        ("1" * 5000, None),
    ],
)
def test_a_number_is_its_decimal_form(text: str, value: float | None) -> None:
    """Only plain decimal forms of finite numbers are numbers; integers stay exact."""
    assert value == number(text)
    assert type(value) is type(number(text))


DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("text", "begin", "length"),
    [
        ("0001-01-01", DAY, DAY),
        ("0001-01-02T00:01", 2 * DAY + 60_000_000, 60_000_000),
        ("0001-01-02 00:00:01", 2 * DAY + 1_000_000, 1_000_000),
        ("0001-01-02T00:00:00.5", 2 * DAY + 500_000, 1),
        ("0001-01-02T00:00:00.1234567Z", 2 * DAY + 123_456, 1),
        ("0001-01-02T01:00:00+01:00", 2 * DAY, 1_000_000),
        ("0001-01-01T23:00:00-0100", 2 * DAY, 1_000_000),
        ("9999-12-31T23:59:59-23:59", 3_652_059 * DAY + 172_799_000_000 - 60_000_000, 1_000_000),
    ],
)
def test_a_date_covers_a_stretch_of_time(text: str, begin: int, length: int) -> None:
    """The coarser a time is written, the more it covers; without a zone it is UTC."""
    assert (begin, begin + length) == interval(text)
    assert begin == instant(text)


@pytest.mark.parametrize(
    "text",
    [
        "2024",
        "2024-10",
        "2024-1-1",
        "20241020",
        "2024-02-30",
        "0000-01-01",
        "2024-10-20T08",
        "2024-10-20T24:00",
        "2024-10-20T08:60",
        "2024-10-20T08:00:60",
        "2024-10-20Z",
        "2024-10-20T08:00+24:00",
        "2024-10-20T08:00z",
        "10/20/2024",
        "2024-W01-1",
        "2024-10-20T08:00:00.",
        "x2024-10-20",
        "２０２４-10-20",
        "2024-10-20x",
    ],
)
def test_other_forms_are_no_dates(text: str) -> None:
    """Only days and times of the calendar in ISO form are dates."""
    assert interval(text) is None
    assert instant(text) is None


@given(
    st.datetimes(
        min_value=datetime(2, 1, 1),
        max_value=datetime(9998, 1, 1),
        timezones=st.sampled_from(
            [UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))]
        ),
    )
)
def test_python_writes_times_that_read_as_they_are(when: datetime) -> None:
    """What isoformat and str give is the moment it was."""
    begin, _ = moment(when)

    assert begin == instant(when.isoformat())
    assert begin == instant(str(when))


PATTERN = st.text(alphabet="ab*?", max_size=12)


@given(PATTERN, st.text(alphabet="abc\n", max_size=12))
def test_wildcards_agree_with_the_shell(pattern: str, text: str) -> None:
    """A star is any run of characters, a question mark is one."""
    assert fnmatch.fnmatchcase(text, pattern) is wildcard_matcher(pattern)(text)


@pytest.mark.parametrize(
    ("pattern", "text", "covers"),
    [
        (r"a\*b", "a*b", True),
        (r"a\*b", "axb", False),
        (r"\?*", "?x", True),
        (r"\\*", "\\x", True),
        ("a*a", "a", False),
        ("[ab]*", "[ab]c", True),
        ("?", "猫", True),
    ],
)
def test_escaped_wildcards_are_characters(pattern: str, text: str, covers: bool) -> None:
    """A backslash takes the meaning from a star, a question mark or a backslash."""
    assert covers is wildcard_matcher(pattern)(text)


def test_no_wildcard_pattern_is_slow() -> None:
    """Thousands of stars over a long text end at once."""
    assert not wildcard_matcher("*a" * 5000 + "b")("a" * 20_000)
    assert wildcard_matcher("*a?" * 1000 + "*")("a" * 5_000)
    assert wildcard_matcher("*" * 5000)("")


@pytest.mark.parametrize(
    ("wanted", "text", "slips"),
    [
        ("cat", "cat", 0),
        ("cat", "cta", 1),
        ("cat", "at", 1),
        ("cat", "cats", 1),
        ("cat", "cot", 1),
        ("cat", "dog", 3),
        ("ca", "abc", 2),
        ("", "ab", 2),
        ("kitten", "sitting", 3),
    ],
)
def test_slips_are_counted(wanted: str, text: str, slips: int) -> None:
    """One slip adds, drops or replaces a character or swaps two neighbours."""
    for distance in range(3):
        assert (slips <= distance) is fuzzy_matcher(wanted, distance)(text)
        assert (slips <= distance) is fuzzy_matcher(text, distance)(wanted)


@pytest.mark.parametrize(
    ("phrase", "slop", "text", "meets"),
    [
        ("red car", 0, "a red car", True),
        ("red car", 0, "red, car!", True),
        ("red car", 0, "red old car", False),
        ("red car", 1, "red old car", True),
        ("red car", 1, "red red old car", True),
        ("a b a", 0, "a a b a", True),
        ("car red", 5, "red car", False),
        ("a b c", 2, "a x b y c", True),
        ("a b c", 1, "a x b y c", False),
        ("red", 0, "infrared", False),
        ("Red", 0, "red", False),
        ("red", 3, "", False),
    ],
)
def test_words_stand_near_each_other(phrase: str, slop: int, text: str, meets: bool) -> None:
    """The words stand in order, with few others between the first and the last."""
    assert meets is near_matcher(phrase, slop)(text)
