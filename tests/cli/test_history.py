"""``hdstore query`` and ``nearest``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hdstore.model import SingleFrame
from hdstore.repository import Repository

Run = Callable[..., Any]


def test_a_query_prints_what_is_asked_for(run: Run, street: Path) -> None:
    """--count prints a number, --ids a line a frame, --json one object, nothing a table."""
    car = ("query", "street/Current", "label:car")

    assert run(*car, "--count").lines == ["2"]
    assert run(*car, "--ids").lines == ["a", "b"]
    assert run(*car, "--ids", "--limit", "1").lines == ["a"]
    assert run(*car, "--json").json == {"count": 2, "ids": ["a", "b"]}
    assert run(*car, "--json", "--limit", "1").json == {"count": 2, "ids": ["a"]}
    assert "bus, car" in run(*car).out
    assert "2 frames; 1 are shown" in run(*car, "--limit", "1").out
    assert "1 frame." in run("query", "street/Current", "label:bus").out
    run(*car, "--count", "--ids", code=2)


def test_a_wrong_query_shows_where(run: Run, street: Path) -> None:
    """A query that can not be parsed exits 2 with a caret under the place, also behind wide characters."""
    plain = run("query", "street/Current", "label:(car", code=2)
    wide = run("query", "street/Current", "label:車 AND (", code=2)

    line, caret = plain.err.splitlines()[-2:]
    assert line == "  label:(car"
    assert caret.strip() == "^"
    line, caret = wide.err.splitlines()[-2:]
    assert caret.index("^") >= line.index("(") + 1


def test_a_query_is_sorted_by_any_field(run: Run, opened: Repository) -> None:
    """Frames come by the field; those without it come last, also from the largest down."""
    speeds = {"f0": {"speed": 30}, "f1": {}, "f2": {"speed": 10}, "f3": {"speed": 20}}
    draft = opened.version("street/Current")
    draft.add_frames([SingleFrame(id=frame_id, metadata=held) for frame_id, held in speeds.items()])
    asked = ("query", "street/Current", "id:f*", "--sort", "meta.speed")

    assert run(*asked, "--ids").lines == ["f2", "f3", "f0", "f1"]
    assert run(*asked, "--ids", "--descending").lines == ["f0", "f3", "f2", "f1"]
    assert run(*asked, "--json", "--start", 1, "--limit", 2).json == {"count": 4, "ids": ["f3", "f0"]}
    assert "has no field" in run("query", "street/Current", "id:f*", "--sort", "speed", code=2).err


def test_the_nearest_frames_come_by_their_likeness(run: Run, opened: Repository) -> None:
    """The frame itself is the nearest; a name that it has no vector of is refused with those it has."""
    vectors = {"f0": (1.0, 0.0), "f1": (0.9, 0.1), "f2": (0.0, 1.0)}
    draft = opened.version("street/Current")
    draft.add_frames([SingleFrame(id=frame_id, vectors={"clip": held}) for frame_id, held in vectors.items()])
    asked = ("nearest", "street/Current", "f0", "--vector", "clip", "--count", 2)

    found = run(*asked, "--json").json
    assert [frame["id"] for frame in found["frames"]] == ["f0", "f1"]
    assert found["frames"][0]["score"] == 1.0
    assert found["approximate"] is False
    assert run(*asked, "--query", "NOT id:f0").lines[-1].split()[0] == "f2"
    assert "it has clip" in run("nearest", "street/Current", "f0", "--vector", "dino", code=3).err
