"""The Python of docs/clearml.md runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hdstore.repository import Repository

PAGE = Path(__file__).resolve().parents[2] / "docs" / "clearml.md"


def test_the_example_of_the_page_runs(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    """It makes a version, and a view that finds its entry."""
    [block] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(block, str(PAGE), "exec"), {})
    assert capsys.readouterr().out == "{'light': 'evening'} [(['donut'], 1)]\n"
    assert [dataset.path for dataset in repository.dataset("plates").versions()] == ["plates/first"]
