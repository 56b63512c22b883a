"""What docs/training.md shows runs as it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "training.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"<!-- run: ([\w ]+) -->\n```python\n(.*?)```", PAGE, re.DOTALL)
SETUP = next(code for needs, code in BLOCKS if needs == "setup")
SCRIPTS = dict(re.findall(r"<!-- script: ([\w.]+) -->\n```python\n(.*?)```", PAGE, re.DOTALL))

OTHERS = {"nothing", "more", "script", "setup"}
"""Words beside the names of packages that a block needs."""


def blocks() -> Iterator[Any]:
    for number, (needs, code) in enumerate(BLOCKS):
        words = set(needs.split())
        marks = [pytest.mark.slow] if words & {"ray", "script", "mlflow"} else []
        yield pytest.param(words - OTHERS, code, id=f"{number}-{needs.replace(' ', '-')}", marks=marks)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Goes to a folder with the sample set and the page's scripts."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "sample").symlink_to(PROJECT / "assets" / "sample")
    for name, code in SCRIPTS.items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "runs").as_uri())
    return tmp_path


@pytest.mark.filterwarnings("ignore::Warning")
@pytest.mark.parametrize(("needs", "code"), list(blocks()))
def test_the_blocks_run(needs: set[str], code: str, checkout: Path, request: pytest.FixtureRequest) -> None:
    """Each block after the one that makes the repository, where its packages are installed."""
    for package in sorted(needs):
        pytest.importorskip(package, reason=f"{package} is not installed")
    if "ray" in needs:
        request.getfixturevalue("local_ray")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(SETUP, "docs/training.md", "exec"), namespace)
    if code != SETUP:
        exec(compile(code, "docs/training.md", "exec"), namespace)
    namespace["repository"].close()


def test_every_block_is_run() -> None:
    """No Python on the page that nobody tries."""
    assert PAGE.count("```python") == len(BLOCKS) + len(SCRIPTS)
