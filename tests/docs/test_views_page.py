"""What docs/views.md shows works as it stands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import hdstore
from hdstore import Annotation, SingleFrame
from hdstore.cli import main
from hdstore.codec import view_from_text

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "views.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns the folder of a repository with all the page names, which is the current one."""
    place = tmp_path / "plates"
    place.mkdir()
    with hdstore.init(place) as repository:
        for name in ("street", "rain"):
            draft = repository.create_dataset(name).current()
            draft.add_frames([SingleFrame(id="a", annotations=(Annotation(labels=("cat",)),))])
            draft.snapshot(name="v1")
        sure = Annotation(labels=("donut",), confidence=0.9)
        unsure = Annotation(labels=("donut",), confidence=0.5)
        repository.create_dataset("plates").current().add_frames(
            [SingleFrame(id="b", annotations=(sure, unsure)), SingleFrame(id="c", annotations=(unsure,))]
        )
    monkeypatch.chdir(place)
    return place


def test_the_file_is_a_view(folder: Path) -> None:
    """With every field that it shows, and it can be stored."""
    (text,) = blocks("yaml")
    view = view_from_text(text, what="the page", yaml=True)

    assert [len(query.rois) for query in view.queries] == [3, 0]
    assert (len(view.mapping), len(view.enumeration), view.iteration.limit) == (2, 3, 10000)
    with hdstore.open(folder) as repository:
        assert repository.create_view("page", view).value == view


def test_the_commands_work(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One after the other."""
    first, second = blocks("sh")
    for line in [*first.splitlines(), "hdstore view clone cats cats-2 --unpin", *second.splitlines()]:
        program, *words = shlex.split(line)
        assert (program, main(words)) == ("hdstore", 0), line
    shown = capsys.readouterr().out
    assert "2 frames." in shown
    assert "2 fields of " in shown


def test_the_snippet_runs(folder: Path) -> None:
    """It prints the one frame that meets its rule, with the numbers of its annotations."""
    (code,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder.parent,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("b (1, 1)\n", "")
