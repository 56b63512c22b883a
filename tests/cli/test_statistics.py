"""``hdstore version stats``: counts of all, under filters, and by the values of a field."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdstore.model import Annotation, SingleFrame, Source
from hdstore.repository import init

Run = Callable[..., Any]


@pytest.fixture
def cities(run: Run, tmp_path: Path) -> Path:
    """Returns the folder of a repository with frames of three cities, some of them with cars."""
    frames = [
        SingleFrame(
            id=f"{number}",
            metadata={
                "city": ["bremen", "turin\x1b[31m", None][number % 3],
                "speed": number * 10,
                "wet": number < 2,
            },
            sources=(Source(uri=f"https://example.org/{number}.png", content_type="image/png"),)
            * (number % 2),
            annotations=tuple(
                Annotation(id=f"{n}", labels=(label,), confidence=n / 4)
                for n, label in enumerate(["car", "car", "bus"][: number % 4])
            ),
        )
        for number in range(8)
    ]
    with init(tmp_path) as repository:
        repository.create_dataset("street").current().add_frames(frames)
    return tmp_path


def test_counts_under_filters(cities: Path, run: Run) -> None:
    """A query says which frames count, another which annotations."""
    every = run("version", "stats", "street/Current", "--json").json
    some = run("version", "stats", "street/Current", "--query", "meta.speed:>=20", "--json").json
    few = run("version", "stats", "street/Current", "--roi", "confidence:>0", "--json").json

    assert (every["frames"], every["annotated"], every["annotations"]) == (8, 6, 12)
    assert every["labels"] == {
        "car": {"annotations": 10, "frames": 6},
        "bus": {"annotations": 2, "frames": 2},
    }
    assert (some["frames"], some["annotations"]) == (6, 11)
    assert few["labels"] == {"car": {"annotations": 4, "frames": 4}, "bus": {"annotations": 2, "frames": 2}}
    assert "image/png" in run("version", "stats", "street/Current", "--roi", "bus").out
    by = run("version", "stats", "street/Current", "--by", "label", "--roi", "bus")
    assert by.lines[0] == "8 frames, 2 with 2 annotations that count."


def test_values_of_a_field(cities: Path, run: Run) -> None:
    """Each value with the frames that hold it, most frequent first, and those that hold none."""
    found = run("version", "stats", "street/Current", "--by", "meta.city", "--roi", "car", "--json").json

    assert found == {
        "property": "meta.city",
        "frames": 8,
        "annotated": 6,
        "annotations": 10,
        "different": 2,
        "values": [
            {"value": "bremen", "frames": 2, "annotations": 4},
            {"value": "turin\x1b[31m", "frames": 2, "annotations": 3},
        ],
        "without": {"frames": 2, "annotations": 3},
        "numbers": None,
    }
    lines = run("version", "stats", "street/Current", "--by", "meta.city").lines
    assert lines[0] == "8 frames, 6 with 12 annotations."
    assert [line.split() for line in lines[-3:]] == [
        ["bremen", "3", "5"],
        ["turin\\x1b[31m", "3", "4"],
        ["(none)", "2", "3"],
    ]


def test_numbers_in_bins(cities: Path, run: Run) -> None:
    """Numbers are summed up, and counted by bin where that is asked for."""
    found = run("version", "stats", "street/Current", "--by", "meta.speed", "--bins", 2, "--json").json

    assert (found["numbers"]["min"], found["numbers"]["max"], found["numbers"]["mean"]) == (0, 70, 35)
    assert found["numbers"]["bins"] == [
        {"low": 0, "high": 35, "frames": 4, "annotations": 6},
        {"low": 35, "high": 70, "frames": 4, "annotations": 6},
    ]
    shown = run("version", "stats", "street/Current", "--by", "meta.speed", "--bins", 2).out
    assert "8 numbers from 0 to 70, 35 on average." in shown
    assert "0 to below 35" in shown
    assert "35 to 70" in shown


def test_sources_are_counted_for_their_fields(cities: Path, run: Run) -> None:
    """A field of sources counts sources too; booleans read as in queries; a limit is told."""
    found = run("version", "stats", "street/Current", "--by", "sources.content_type", "--json").json
    assert found["values"] == [{"value": "image/png", "frames": 4, "annotations": 8, "sources": 4}]
    assert found["without"] == {"frames": 0, "annotations": 0, "sources": 0}

    shown = run("version", "stats", "street/Current", "--by", "meta.wet", "--limit", 1).out
    assert "false" in shown
    assert "true" not in shown
    assert "1 value more; --limit shows them." in shown


def test_slips_are_told(cities: Path, run: Run) -> None:
    """Bins need a field; a field there is not, or a key that no frame has, is said."""
    assert "--by" in run("version", "stats", "street/Current", "--bins", 3, code=2).err
    assert "meta.city" in run("version", "stats", "street/Current", "--by", "city", code=2).err
    assert "meta.city" in run("version", "stats", "street/Current", "--query", "meta.citi:bremen").err
