"""Fixtures of both of ClearML's APIs: a repository in the current folder, as scripts have it, and pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from hdstore.compat.session import use
from hdstore.repository import Repository, init


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """Returns an empty repository that lies in the current folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    use(None)
    with init(folder) as made:
        yield made
    use(None)


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Returns a function that draws a small picture at a path below ``tmp_path``."""

    def draw(
        name: str, *, size: tuple[int, int] = (8, 6), color: tuple[int, int, int] = (200, 10, 10)
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, color).save(path)
        return path

    return draw
