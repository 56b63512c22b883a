"""Fixtures of the façade's tests: a fresh repository with a clock that steps, and a draft in it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import hdstore
from hdstore import Annotation, Author, Box, Dataset, DatasetVersion, Repository, SingleFrame, Source

ADA = Author("Ada Lovelace", "ada@example.org")


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """Returns a repository in which every look at the clock is a second later."""
    folder = tmp_path / "repository"
    folder.mkdir()
    with hdstore.init(folder, author=ADA) as made:
        ticks = itertools.count(1_760_000_000)
        made._core.clock = lambda: float(next(ticks))
        yield made


@pytest.fixture
def dataset(repository: Repository) -> Dataset:
    """Returns a dataset with one empty draft."""
    return repository.create_dataset("plates")


@pytest.fixture
def draft(dataset: Dataset) -> DatasetVersion:
    """Returns a draft of three frames."""
    version = dataset.current()
    version.add_frames([frame("a"), frame("b", "cat"), frame("c", "cat", "dog")])
    return version


def frame(frame_id: str, *labels: str, **fields: object) -> SingleFrame:
    """Returns a frame with an annotation for each label."""
    values: dict[str, object] = {
        "id": frame_id,
        "sources": (Source(uri=f"s3://b/{frame_id}.jpg", content_type="image/jpeg"),),
        "annotations": tuple(
            Annotation(id=str(number), labels=(label,), geometry=Box(x=number, y=0.5, w=1, h=1))
            for number, label in enumerate(labels)
        ),
    }
    return SingleFrame(**(values | fields))  # type: ignore[arg-type]


@pytest.fixture(name="frame")
def _frame() -> Callable[..., SingleFrame]:
    """Returns a function that makes a frame with an annotation for each label."""
    return frame
