"""The counts at the top of docs/parity.md are those of its rows."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "parity.md").read_text(encoding="utf-8")


def test_the_counts_are_those_of_the_rows() -> None:
    """Each of the 188 rows stands there once, in order, with one of four states."""
    rows = re.findall(r"^\| (\d+) \|.*\| (done|part|later|not) \|.*\|$", PAGE, re.MULTILINE)
    counts = re.findall(r"^\| (done|part|later|not) \| (\d+) \|", PAGE, re.MULTILINE)

    assert [int(number) for number, _ in rows] == list(range(1, 189))
    assert {state: int(count) for state, count in counts} == Counter(state for _, state in rows)
