"""The Python of docs/allegroai.md runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hdstore.repository import Repository, init

PAGE = Path(__file__).resolve().parents[2] / "docs" / "allegroai.md"


def test_the_examples_of_the_page_run(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first makes a version and reads it, the second chooses another repository, the third asks a view."""
    first, second, third = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(first, str(PAGE), "exec"), {})
    assert "[['donut']]" in capsys.readouterr().out
    assert [dataset.name for dataset in repository.datasets()] == ["plates"]
    exec(compile(third, str(PAGE), "exec"), {})
    assert "[(['cake'], 1)]" in capsys.readouterr().out
    (tmp_path / "plates").mkdir()
    init(tmp_path / "plates").close()
    namespace: dict[str, object] = {}
    exec(compile(second.replace("/data/plates", str(tmp_path / "plates")), str(PAGE), "exec"), namespace)
    assert "use" in namespace
