"""Dates and times as people write them in metadata and queries, and the stretch of time they cover.

A moment is counted in microseconds from the year 1, UTC. The rules stand in ``docs/query.md``.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

__all__ = ["LOOKS_LIKE_DATE", "Interval", "instant", "interval", "moment"]

Interval = tuple[int, int]
"""A stretch of time: from the first microsecond (counted from the year 1, UTC) up to, without, the second."""

LOOKS_LIKE_DATE = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND


def interval(text: str) -> Interval | None:
    """Returns the time that an ISO date or time covers, or None where ``text`` is none.

    A date covers its day, a time without seconds its minute, one with seconds that second, one with a
    fraction the microsecond. Without a time zone it is UTC.
    """
    found = LOOKS_LIKE_DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        begin = date(int(year), int(month), int(day)).toordinal() * _DAY
    except ValueError:
        return None
    if hour is None:
        return begin, begin + _DAY
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 59:
        return None
    begin += (int(hour) * 3600 + int(minute) * 60 + int(second or 0)) * _SECOND
    if zone is not None and zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        if hours > 23 or minutes > 59:
            return None
        begin -= (hours * 3600 + minutes * 60) * _SECOND * (-1 if zone[0] == "-" else 1)
    if second is None:
        return begin, begin + 60 * _SECOND
    if fraction is None:
        return begin, begin + _SECOND
    begin += int(fraction[:6].ljust(6, "0"))
    return begin, begin + 1


def instant(text: str) -> int | None:
    """Returns the first microsecond of an ISO date or time in a frame, or None where ``text`` is none."""
    if len(text) < 10 or text[4] != "-":
        return None
    covered = interval(text)
    return None if covered is None else covered[0]


def moment(now: datetime) -> Interval:
    """Returns the microsecond of ``now``; without a time zone it is UTC."""
    utc = now.replace(tzinfo=UTC) if now.tzinfo is None else now.astimezone(UTC)
    seconds = utc.hour * 3600 + utc.minute * 60 + utc.second
    begin = utc.toordinal() * _DAY + seconds * _SECOND + utc.microsecond
    return begin, begin + 1
