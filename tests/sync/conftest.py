"""Fixtures of the exchange's tests: a repository with a draft and a published version, and its hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sync.forging import giver, good, parts, refused, taker  # noqa: F401
from sync.servers import https_server, https_site, ssh_server  # noqa: F401
from sync.ways import way  # noqa: F401

import hdstore
from hdstore import Annotation, Author, Dataset, Repository, SingleFrame

ADA, BOB = Author("Ada", "ada@example.org"), Author("Bob", "bob@example.org")


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """Returns the place of the repository that all others exchange with; nothing is there yet."""
    return tmp_path / "hub"


@pytest.fixture
def ada(tmp_path: Path, hub: Path) -> Iterator[Repository]:
    """Returns Ada's repository: plates/v1 is published, plates/Current goes on; the hub is its origin."""
    folder = tmp_path / "ada"
    folder.mkdir()
    with hdstore.init(folder, author=ADA) as made:
        draft = made.create_dataset("plates").current()
        draft.add_frames(frame(name, "cat") for name in "abc")
        draft.snapshot(name="v1")
        made.add_remote("origin", str(hub))
        yield made


@pytest.fixture
def plates(ada: Repository) -> Dataset:
    """Returns Ada's dataset."""
    return ada.dataset("plates")


@pytest.fixture
def bob(ada: Repository, hub: Path, tmp_path: Path) -> Iterator[Repository]:
    """Returns Bob's clone of the hub, after Ada's first push."""
    ada.push()
    with hdstore.clone(hub, tmp_path / "bob", author=BOB) as made:
        yield made


def frame(frame_id: str, *labels: str) -> SingleFrame:
    """Returns a frame with an annotation for each label."""
    return SingleFrame(
        id=frame_id,
        annotations=tuple(Annotation(id=str(n), labels=(label,)) for n, label in enumerate(labels)),
    )


@pytest.fixture(name="frame")
def _frame() -> Callable[..., SingleFrame]:
    """Returns a function that makes a frame with an annotation for each label."""
    return frame
