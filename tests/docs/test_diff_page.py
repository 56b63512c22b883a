"""What docs/diff.md shows works as it stands, and prints what it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import hdstore
from hdstore import (
    AddAnnotation,
    Annotation,
    Box,
    Label,
    Polygon,
    PutFrame,
    RemoveAnnotation,
    RemoveFrame,
    ReplaceAnnotation,
    Schema,
    SetFrameMetadata,
    SingleFrame,
    replace,
)
from hdstore.cli import main

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "diff.md").read_text(encoding="utf-8")

CAR = Annotation(id="car-1", labels=("car",), confidence=0.5, geometry=Box(x=1.5, y=2, w=10, h=5))
BUS = Annotation(id="bus-1", labels=("bus",), geometry=Box(x=0, y=0, w=4, h=4))


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", PAGE, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(text) for _, text in found]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns the folder of a repository with the changes that the page shows, which is the current one."""
    with hdstore.init(tmp_path) as repository:
        draft = repository.create_dataset("street").current()
        draft.set_schema(Schema(labels=(Label(name="car", color="#ff0000"),)))
        draft.add_frames(
            [
                SingleFrame(id="a.jpg", annotations=(CAR, BUS), metadata={"city": "Bonn"}),
                SingleFrame(id="b.jpg", annotations=(Annotation(id="x", labels=("car",)),)),
            ]
        )
        _, child = draft.snapshot(name="v1")
        van = replace(CAR, labels=("van",), confidence=0.9, geometry=Box(x=4.5, y=6, w=10, h=5))
        tram = Annotation(id="tram-1", labels=("tram",), geometry=Polygon(rings=((0, 0, 9, 0, 9, 9),)))
        child.apply(
            ReplaceAnnotation(frame_id="a.jpg", annotation=van),
            RemoveAnnotation(frame_id="a.jpg", annotation_id="bus-1"),
            AddAnnotation(frame_id="a.jpg", annotation=tram),
            SetFrameMetadata(frame_id="a.jpg", set={"city": "Köln"}),
            RemoveFrame(frame_id="b.jpg"),
            PutFrame(frame=SingleFrame(id="c.jpg", annotations=(Annotation(id="r", labels=("rain",)),))),
        )
        child.set_schema(Schema(labels=(Label(name="car", color="#00ff00"),)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_print_what_the_page_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first block gives the listing under it, the others end well; --stat gives its table."""
    (first,), rest = (block.splitlines() for block in blocks("sh"))
    printed = {}
    for line in (first, *rest):
        program, *words = shlex.split(line)
        assert (program, main(words)) == ("hdstore", 0), line
        printed[line] = capsys.readouterr().out
    listing, table = blocks("text")

    assert printed[first] == listing
    assert [line.rstrip() for line in printed[rest[0]].splitlines()] == table.splitlines()
    assert (folder / "changes.html").exists()


def test_one_state_alone_shows_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the page says of a draft and its parent version."""
    assert main(["diff", "street/Current"]) == 0
    assert capsys.readouterr().out == blocks("text")[0]


def test_the_snippet_runs(folder: Path) -> None:
    """It prints counts, what changed of annotations and metadata, and the lines of the first frame."""
    (code,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()

    assert done.stderr == ""
    assert lines[:5] == [
        "1 2",
        "car-1 5.0 0.075",
        "(('car',), ('van',))",
        "meta.city Bonn Köln",
        "('c.jpg',) ('b.jpg',) ['a.jpg']",
    ]
    listing = [line.strip().rpartition("  [")[0] or line.strip() for line in blocks("text")[0].splitlines()]
    assert lines[5:] == listing[2:8]
