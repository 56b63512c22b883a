"""The word now in queries that must mean the same at any time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from hdstore.errors import QuerySyntaxError
from hdstore.model import SingleFrame
from hdstore.query import compile
from hdstore.query.fields import Scope
from hdstore.query.fixing import fix_now

WHEN = datetime(2024, 10, 20, 8, 30, 15, 42, tzinfo=UTC)
TEXT = "2024-10-20T08:30:15.000042"


@pytest.mark.parametrize(
    ("query", "fixed"),
    [
        ("meta.t:<=now", f"meta.t:<={TEXT}"),
        ("meta.t:[2024-01-01 TO now} AND cat", f"meta.t:[2024-01-01 TO {TEXT}}} AND cat"),
        ("NOT (meta.t:>now OR meta.u:{now TO *])", f"NOT (meta.t:>{TEXT} OR meta.u:{{{TEXT} TO *])"),
        ("rois:(meta.t:<now) sources:(meta.t:>now)", f"rois:(meta.t:<{TEXT}) sources:(meta.t:>{TEXT})"),
        ("meta.t:(<now OR >=now)^2", f"meta.t:(<{TEXT} OR >={TEXT})^2"),
        # Of a fixed field, in quotes, or outside of a range it is a text.
        ("id:[now TO z]", "id:[now TO z]"),
        ('meta.t:["now" TO "z"]', 'meta.t:["now" TO "z"]'),
        ("now AND meta.now:now", "now AND meta.now:now"),
        ("", ""),
    ],
)
def test_now_becomes_the_time_that_it_means(query: str, fixed: str) -> None:
    """Where it is a time at all; nothing else of the text changes."""
    assert fix_now(query, WHEN) == fixed


def test_what_is_fixed_means_what_it_meant() -> None:
    """To the microsecond, and whatever the zone of the clock."""
    fixed = fix_now("meta.t:<now", WHEN.astimezone(timezone(timedelta(hours=-7))))
    before = SingleFrame(id="a", metadata={"t": "2024-10-20T08:30:15.000041"})
    same = SingleFrame(id="b", metadata={"t": TEXT})
    for query in (compile(fixed), compile("meta.t:<now", now=WHEN)):
        assert query(before)
        assert not query(same)


def test_other_scopes_have_other_fields() -> None:
    """A query on annotations or sources is read as one; what can not be read is refused."""
    assert fix_now("meta.t:<now", WHEN, Scope.ANNOTATION) == f"meta.t:<{TEXT}"
    assert fix_now("uri:x meta.t:<now", WHEN, Scope.SOURCE) == f"uri:x meta.t:<{TEXT}"
    with pytest.raises(QuerySyntaxError):
        fix_now("meta.t:<now AND", WHEN)
