"""A repository with drawn pictures whose annotations are known to the pixel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from PIL import Image

import hdstore
from hdstore import (
    Annotation,
    Author,
    Box,
    DatasetVersion,
    Ellipse,
    Keypoints,
    Mask,
    MaskValue,
    Polygon,
    Repository,
    SingleFrame,
    View,
    ViewQuery,
    replace,
)
from hdstore.geometry import mask_counts
from hdstore.model import Iteration, Order, Rle
from hdstore.repository import DataView

ADA = Author("Ada Lovelace", "ada@example.org")

WIDTH, HEIGHT = 40, 30

NUMBERS = {"red": 1, "blue": 2, "road": 3, "outdoor": 9}


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """Returns an empty repository."""
    folder = tmp_path / "repository"
    folder.mkdir()
    with hdstore.init(folder, author=ADA) as made:
        yield made


@pytest.fixture
def draft(repository: Repository, tmp_path: Path) -> DatasetVersion:
    """Returns a draft of six pictures in two contexts, under a root, each with an annotation of each kind."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(6):
        pixels = np.full((HEIGHT, WIDTH, 3), number * 40, dtype=np.uint8)
        pixels[5:15, 10:30] = (255, 0, 0)
        Image.fromarray(pixels).save(folder / f"p{number}.png")
        road = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
        road[20:, : 10 + number] = 7
        Image.fromarray(road).save(folder / f"p{number}-mask.png")
    repository.roots.add("pics", folder)
    linker = repository.media.linker(root="pics")
    version = repository.create_dataset("shapes").current()
    version.add_frames(_frame(linker, folder, number) for number in range(6))
    return version


def _frame(linker: hdstore.media.Linker, folder: Path, number: int) -> SingleFrame:
    (_, source), (_, mask) = linker.sources([folder / f"p{number}.png", folder / f"p{number}-mask.png"])
    held = Mask(uri=mask.uri, hash=mask.hash, size=mask.size, width=mask.width, height=mask.height)
    return SingleFrame(
        id=f"p{number}",
        context_id="day" if number < 3 else "night",
        timestamp=number * 40,
        metadata={"city": "Köln", "number": number, "ratio": number / 2, "tags": ["a", number]},
        vectors={"clip": (0.5, float(number), -1.25)},
        sources=(replace(source, masks=(held,)),),
        annotations=annotations(number),
    )


def annotations(number: int) -> tuple[Annotation, ...]:
    """Returns one annotation of each kind."""
    runs = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    runs[2:4, 3:8] = 1
    counts = mask_counts(runs.tobytes(), height=HEIGHT, width=WIDTH)
    return (
        Annotation(
            id="box", labels=("red",), geometry=Box(x=10, y=5, w=20, h=10), confidence=0.25 + number / 10
        ),
        Annotation(id="ring", labels=("blue",), geometry=Polygon(rings=((2, 2, 12, 2, 12, 8, 2, 8),))),
        Annotation(id="runs", labels=("red",), geometry=Rle(counts=counts, height=HEIGHT, width=WIDTH)),
        Annotation(id="round", labels=("unnumbered",), geometry=Ellipse(cx=20, cy=20, rx=5, ry=3)),
        Annotation(
            id="points",
            labels=("blue",),
            geometry=Keypoints(points=(1, 2, 30, 25, 0, 0), visibility=(2, 1, 0)),
        ),
        Annotation(id="road", labels=("road",), geometry=MaskValue(value=(7,)), metadata={"lanes": 2}),
        Annotation(id="place", labels=("outdoor",)),
    )


@pytest.fixture
def value(draft: DatasetVersion) -> View:
    """Returns a view of all frames of the draft, with numbers for most labels."""
    return View(queries=(ViewQuery(dataset="shapes", version="Current"),), enumeration=NUMBERS)


@pytest.fixture
def view(repository: Repository, value: View) -> DataView:
    """Returns that view, bound to the repository."""
    return repository.data_view(value)


@pytest.fixture
def shuffled(repository: Repository, value: View) -> DataView:
    """Returns that view in a random order."""
    return repository.data_view(replace(value, iteration=Iteration(order=Order.RANDOM, seed=7)))


@pytest.fixture
def local_ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Starts a small local Ray, and ends it."""
    ray = pytest.importorskip("ray", reason="ray is not installed")
    pytest.importorskip("ray.data", reason="ray is not installed with its data extra")
    # Its own 30 seconds are short for a machine that has much else to do.
    monkeypatch.setenv("RAY_gcs_server_port_wait_time_s", "120")
    # Else it remembers the token of a home folder that is another one in each test.
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    # Its sockets lie in its folder, and the system takes no long paths for those.
    with TemporaryDirectory(prefix="ray") as folder:
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, _temp_dir=folder)
        yield ray
        ray.shutdown()
