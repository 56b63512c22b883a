"""The page for users shows only lines that work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hdstore.query import compile

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "query.md").read_text(encoding="utf-8")
LINES = [
    line
    for block in re.findall(r"```query\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line
]
FIELDS = re.findall(r"^\| `((?:rois|sources|meta)[\w.]+)`", PAGE, re.MULTILINE)


@pytest.mark.parametrize("line", LINES)
def test_a_shown_query_works(line: str) -> None:
    """Each line of the page compiles."""
    compile(line)


@pytest.mark.parametrize("field", FIELDS)
def test_a_shown_field_exists(field: str) -> None:
    """Each field of the table can be asked for."""
    compile(f"{field}:*")
