"""What docs/blame.md shows works as it stands, and prints what it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import hdstore
from hdstore import (
    Annotation,
    Author,
    Box,
    RemoveAnnotation,
    ReplaceAnnotation,
    SetFrameMetadata,
    SingleFrame,
    Source,
)
from hdstore.cli import main

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "blame.md").read_text(encoding="utf-8")

CAT = Annotation(id="1", labels=("cat",), geometry=Box(x=1, y=2, w=3, h=4))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def words(text: str) -> list[list[str]]:
    """Returns the words of each line, with commits and times alike."""
    text = re.sub(r"\b[0-9a-f]{10}\b", "COMMIT", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "TIME", text)
    return [line.split() for line in text.splitlines() if line.strip("─ ")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns the folder of a repository with the saves that the page shows, which is the current one."""
    folder = tmp_path / "plates"
    folder.mkdir()
    with hdstore.init(folder, author=Author("Ada", "ada@example.org")) as repository:
        draft = repository.create_dataset("street").current()
        annotations = (CAT, Annotation(id="2", labels=("dog",)))
        draft.add_frames(
            [SingleFrame(id="a.jpg", sources=(Source(uri="s3://b/a"),), annotations=annotations)]
        )
        draft.apply(SetFrameMetadata(frame_id="a.jpg", set={"city": "Bonn"}))
        draft.snapshot(name="v1")
    with hdstore.open(folder, author=Author("Ben", "ben@example.org")) as repository:
        draft = repository.version("street/Current")
        dog = Annotation(id="1", labels=("dog",), geometry=Box(x=5, y=2, w=3, h=4), metadata={"n": 1})
        draft.apply(ReplaceAnnotation(frame_id="a.jpg", annotation=dog))
        draft.apply(RemoveAnnotation(frame_id="a.jpg", annotation_id="2"))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    return folder


def test_commands_print_what_the_page_shows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The log of the frame, and the blame of one annotation, word by word but for commits and times."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    printed = []
    for line in lines:
        capsys.readouterr()
        assert main(shlex.split(line)[1:]) == 0
        printed.append(capsys.readouterr().out)

    log, fields = blocks("text")
    assert words(printed[0]) == words(log)
    assert words(printed[2]) == words(fields)
    assert len(printed) == 3


def test_the_script_runs(folder: Path) -> None:
    """It prints a line for each annotation and field, and one for each event."""
    (script,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder.parent, capture_output=True, text=True, check=True
    )

    assert "1 Ada street/Current" in done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines()[-2:]] == ["changed", "added"]
