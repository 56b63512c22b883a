"""Fixtures of views: repositories of small frames."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from view.making import Make

import hdstore
from hdstore import Author, Frame, Repository

ADA = Author("Ada Lovelace", "ada@example.org")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Returns a function that makes a repository of datasets with frames; each batch is saved by itself."""
    opened: list[Repository] = []
    numbers = itertools.count()

    def new(**datasets: Sequence[Sequence[Frame]]) -> Repository:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        repository = hdstore.init(folder, author=ADA)
        opened.append(repository)
        for name, saved in datasets.items():
            version = repository.create_dataset(name).current()
            for batch in saved:
                version.add_frames(batch)
        return repository

    yield new
    for repository in opened:
        repository.close()
