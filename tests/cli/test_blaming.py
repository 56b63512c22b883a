"""``hdstore log`` and ``blame``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdstore.model import (
    AddAnnotation,
    Annotation,
    Author,
    Box,
    RemoveAnnotation,
    ReplaceAnnotation,
    SetFrameMetadata,
)
from hdstore.repository import Repository

Run = Callable[..., Any]

VERSION = "street/Current"


@pytest.fixture
def saves(opened: Repository) -> list[str]:
    """Returns the commits of the draft, the first frames' first, then four by Ben.

    They change the place of a, move b's car and give it a note, remove b's bus, add a label to c.
    """
    draft = opened.version(VERSION)
    commits = [draft.commit]
    opened._core.author = Author("Ben", "ben@example.org")
    car = Annotation(
        id="car-0",
        labels=("car",),
        geometry=Box(x=4.5, y=2.0, w=10.0, h=5.0),
        confidence=0.5,
        metadata={"note": "x"},
    )
    for edit in (
        SetFrameMetadata(frame_id="a", set={"place": "Bonn"}),
        ReplaceAnnotation(frame_id="b", annotation=car),
        RemoveAnnotation(frame_id="b", annotation_id="bus-1"),
        AddAnnotation(frame_id="c", annotation=Annotation(id="new", labels=("empty",))),
    ):
        draft.apply(edit)
        commits.append(draft.commit)
    return commits


def test_a_log_tells_who_saved_what(run: Run, saves: list[str]) -> None:
    """Log shows commits, latest first, with author, time and message; --limit cuts it."""
    plain = run("log", VERSION, "--json").json
    shown = run("log", VERSION, "--limit", "20").out

    assert [one["id"] for one in plain[:4]] == saves[:0:-1]
    assert plain[0]["author"] == {"name": "Ben", "email": "ben@example.org"}
    assert [plain[1]["id"]] == plain[0]["parents"]
    assert plain[0]["time"].endswith("Z")
    assert plain[0]["message"] in shown
    assert plain[0]["id"][:10] in shown
    assert len(run("log", VERSION, "--limit", "2", "--json").json) == 2


def test_a_log_of_a_frame_tells_what_changed_in_words(run: Run, saves: list[str]) -> None:
    """Only saves that changed the frame, each with who, when, in which version, and what."""
    lines = run("log", VERSION, "--frame", "b").lines

    assert lines[0].startswith(saves[3][:10])
    assert "  Ben  street/Current  Edit frame b" in lines[0]
    assert lines[1] == '    - box "bus"  [bus-1]'
    assert lines[2].startswith(saves[2][:10])
    assert lines[3] == '    ~ box "car" moved 3.0 px, IoU 0.53  [car-0]'
    assert lines[4] == '    + box "car" meta.note: "x"  [car-0]'
    assert lines[5].startswith(saves[0][:10])
    assert lines[6:] == ["    + frame b", '    + box "car"  [car-0]', '    + box "bus"  [bus-1]']
    assert run("log", VERSION, "--frame", "b", "--limit", "1").lines == lines[:2]


def test_a_log_of_an_annotation_passes_over_the_rest_of_its_frame(run: Run, saves: list[str]) -> None:
    """--annotation leaves only saves that changed it, a removal too; --json has both values."""
    lines = run("log", VERSION, "--frame", "b", "--annotation", "bus-1").lines
    assert [line[:10] for line in lines[::2]] == [saves[3][:10], saves[0][:10]]
    assert lines[1::2] == ['    - box "bus"  [bus-1]', '    + box "bus"  [bus-1]']

    plain = run("log", VERSION, "--frame", "b", "--annotation", "car-0", "--json").json
    assert [(one["commit"]["id"], one["kind"]) for one in plain] == [
        (saves[2], "changed"),
        (saves[0], "added"),
    ]
    assert plain[0]["version"] == VERSION
    assert plain[0]["before"]["geometry"]["x"] == 1.5
    assert plain[0]["after"]["metadata"] == {"note": "x"}
    assert "before" not in plain[1]

    (change, _) = run("log", VERSION, "--frame", "a", "--json").json
    assert change["change"]["values"] == [{"path": ["metadata", "place"], "before": "Köln", "after": "Bonn"}]


def test_a_blame_has_a_line_for_each_annotation(run: Run, saves: list[str]) -> None:
    """Who added it, when, in which version, what it is, and who changed it last; --removed adds what is gone."""
    lines = run("blame", VERSION, "b").lines
    (car,) = [line for line in lines if "car-0" in line]
    assert car.split()[:2] == [saves[0][:10], "Ada"]
    assert VERSION in car
    assert 'box "car"' in car
    assert f"({saves[2][:10]})" in car
    assert f"last changed by Ben {car.split('Ben ')[1][:16]} ({saves[3][:10]})" in lines[0]
    assert not any("bus-1" in line for line in lines)

    (bus,) = [line for line in run("blame", VERSION, "b", "--removed").lines if "bus-1" in line]
    assert bus.split()[:2] == [saves[3][:10], "Ben"]
    assert bus.rstrip().endswith("removed")

    (place,) = [line for line in run("blame", VERSION, "a").lines if "meta.place" in line]
    assert place.split()[1:4] == ['"Bonn"', saves[1][:10], "Ben"]
    assert place.rstrip().endswith('"Köln"')


def test_a_blame_of_one_annotation_goes_field_by_field(run: Run, saves: list[str]) -> None:
    """Who gave each field its value, and what it was before; fields that never were anything are left out."""
    rows = {
        line.split()[0]: line for line in run("blame", VERSION, "b", "--annotation", "car-0").lines if line
    }
    assert saves[2][:10] in rows["geometry"]
    assert "box 4.5, 2, 10 x 5 " in rows["geometry"]
    assert rows["geometry"].rstrip().endswith("box 1.5, 2, 10 x 5")
    assert saves[0][:10] in rows["labels"]
    assert saves[2][:10] in rows["meta.note"]
    assert "object_id" not in rows

    plain = run("blame", VERSION, "b", "--annotation", "car-0", "--json").json
    geometry = next(one for one in plain["fields"] if one["path"] == ["geometry"])
    assert (geometry["commit"], geometry["before"]["x"]) == (saves[2], 1.5)
    assert plain["commits"].keys() == {saves[0], saves[2]}
    assert plain["commits"][saves[2]]["commit"]["author"]["name"] == "Ben"

    whole = run("blame", VERSION, "b", "--removed", "--json").json
    assert [one["id"] for one in whole["annotations"]] == ["car-0"]
    assert [(one["id"], one["commit"]) for one in whole["removed"]] == [("bus-1", saves[3])]
    assert whole["commits"].keys() == {saves[0], saves[2], saves[3]}


def test_what_is_not_there_is_said(run: Run, saves: list[str], street: Path) -> None:
    """A frame or annotation that never was, one that is gone, and an annotation of no frame."""
    assert "'zz'" in run("log", VERSION, "--frame", "zz", code=3).err
    assert "'zz'" in run("blame", VERSION, "zz", code=3).err
    gone = run("blame", VERSION, "b", "--annotation", "bus-1", code=3).err
    assert f"any more: Ben removed it in {saves[3][:10]}" in gone
    assert "'nothing'" in run("blame", VERSION, "b", "--annotation", "nothing", code=3).err
    assert "--frame" in run("log", VERSION, "--annotation", "car-0", code=2).err


def test_a_commit_of_the_log_can_be_restored(run: Run, saves: list[str]) -> None:
    """``restore --frame --at`` takes what the log of a frame shows."""
    before = run("log", VERSION, "--frame", "b").lines[-4].split()[0]
    run("restore", VERSION, "--frame", "b", "--at", before)
    rows = [line for line in run("blame", VERSION, "b").lines if "bus-1" in line or "car-0" in line]
    assert len(rows) == 2
