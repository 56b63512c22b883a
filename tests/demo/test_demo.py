"""The guided tour: what it makes, what it shows, and which folders it leaves alone."""

from __future__ import annotations

import io
import json
import re
import shlex
import sys
from pathlib import Path

import pytest
from rich.console import Console

import hdstore
from hdstore.cli import main
from hdstore.demo import run_demo
from hdstore.demo.resources import copy_sample, sample

_EDITOR = """
import json, pathlib, sys
counter, path = map(pathlib.Path, sys.argv[1:])
count = len(counter.read_text()) if counter.exists() else 0
counter.write_text("x" * (count + 1))
frame = json.loads(path.read_text())
frame["annotations"][0]["confidence"] = count / 1000
path.write_text(json.dumps(frame))
"""
"""An editor that makes another change each time, so that people who edit one frame change it differently."""


def tour(folder: Path, *, gui: bool = False) -> tuple[int, str]:
    out = io.StringIO()
    console = Console(file=out, width=200, markup=False, highlight=False, emoji=False)
    return run_demo(folder, gui=gui, console=console), out.getvalue()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HDSTORE_AUTHOR", "Ada Lovelace <ada@example.org>")
        folder = tmp_path_factory.mktemp("tour") / "demo"
        code, text = tour(folder)
    assert code == 0
    return folder, text


def test_the_tour_leaves_a_sound_repository(finished: tuple[Path, str]) -> None:
    """The versions are there with their frames, and fsck finds nothing."""
    folder, _ = finished
    with hdstore.open(folder) as repository:
        versions = {version.name: version for version in repository.dataset("breakfast").versions()}
        assert set(versions) == {"imported", "corrected", "Current"}
        assert {name for name, version in versions.items() if version.is_draft} == {"Current"}
        assert {len(version) for version in versions.values()} == {42}
        assert repository.fsck() == []
        assert repository.remotes() == {"origin": str(folder / "backup")}


def test_the_mistakes_are_mended_in_one_version_only(finished: tuple[Path, str]) -> None:
    """The doubtful donuts stand in the snapshot and are gone from the corrected version."""
    folder, _ = finished
    doubtful = "rois:(label:donut AND confidence:<0.5)"
    with hdstore.open(folder) as repository:
        before = repository.version("breakfast/imported")
        after = repository.version("breakfast/corrected")
        corrections = json.loads(sample().joinpath("corrections.json").read_text(encoding="utf-8"))
        assert {frame.id for frame in before.query(doubtful)} == set(corrections)
        assert list(after.query(doubtful)) == []
        assert {change.id for change in before.diff(after).changed} == set(corrections)


def test_the_clone_has_everything(finished: tuple[Path, str]) -> None:
    """The colleague's repository has the same versions, frames and pictures."""
    folder, _ = finished
    with hdstore.open(folder) as ours, hdstore.open(folder / "colleague") as theirs:
        assert sorted(ours.media.hashes()) == sorted(theirs.media.hashes())
        for version in ours.dataset("breakfast").versions():
            other = theirs.version(f"{version.dataset.id}/{version.id}")
            assert other.commit == version.commit
            assert other.status is version.status
        frame = theirs.version("breakfast/imported").frame("cafe-05.jpg")
        for medium in (frame.sources[0], *frame.sources[0].masks):
            path = theirs.media.local_path(medium.uri, hash=medium.hash, size=medium.size)
            assert path is not None
            assert path.stat().st_size == medium.size


def test_two_people_end_with_the_same(finished: tuple[Path, str]) -> None:
    """No conflict is left, both are level with the remote, and each box is its author's."""
    folder, text = finished
    with hdstore.open(folder) as ours, hdstore.open(folder / "colleague") as theirs:
        draft = ours.version("breakfast/Current")
        assert draft.conflicts() == []
        assert ours.status().sync.is_level
        blame = draft.blame("bakery-12.jpg")
        changed = [one for one in blame.annotations if one.last.commit.id != one.added.commit.id]
        # Both saved within one second. Where the draft showed Bea's plate, it was she who made it that of Ada.
        plate, *others = (one.last.commit.author.name for one in changed)
        assert plate in ("Ada Lovelace", "Bea")
        assert others == ["Ada Lovelace", "Bea"]
        assert changed[0].annotation.geometry == hdstore.Box(x=46, y=117, w=209, h=208)
        assert draft.frame("bakery-12.jpg").metadata["checked"] is True
        theirs.pull()
        assert theirs.status().sync.is_level
    assert "Bea           213 x 212 at 44, 115" in text


def test_every_command_that_is_shown_works(
    finished: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typed one after the other in another folder, the commands of the tour all end well."""
    commands = [line.partition("$ ")[2] for line in finished[1].splitlines() if line.startswith("    $ ")]
    assert len(commands) >= 30
    folder = tmp_path / "typed"
    copy_sample(folder / "sample")
    monkeypatch.chdir(folder)
    editor = tmp_path / "editor.py"
    editor.write_text(_EDITOR)
    monkeypatch.setenv("EDITOR", shlex.join((sys.executable, str(editor), str(tmp_path / "count"))))
    for command in commands:
        if command.startswith("hdstore gui"):
            continue
        program, *arguments = shlex.split(command)
        assert program == "hdstore"
        assert main(arguments) == 0, command


def test_running_it_again_changes_nothing(finished: tuple[Path, str]) -> None:
    """A second run in the same folder says that the demo is there, and ends well."""
    folder, _ = finished
    with hdstore.open(folder) as repository:
        before = {version.id: version.commit for version in repository.dataset("breakfast").versions()}
    code, text = tour(folder)
    with hdstore.open(folder) as repository:
        after = {version.id: version.commit for version in repository.dataset("breakfast").versions()}
    assert code == 0
    assert before == after
    assert "already" in text


def test_without_a_screen_it_says_how_to_open_the_app(
    finished: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no window can be opened the tour ends well and names the command that opens it later."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    folder, _ = finished
    code, text = tour(folder, gui=True)
    assert code == 0
    assert f"hdstore gui {folder}" in text


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    """Somebody's files are left alone."""
    (tmp_path / "thesis.txt").write_text("important")
    with pytest.raises(hdstore.AlreadyExistsError, match="not empty"):
        tour(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "home") == ["thesis.txt"]


def test_a_file_is_refused(tmp_path: Path) -> None:
    """A file can not become the demo's folder."""
    path = tmp_path / "file"
    path.write_text("important")
    with pytest.raises(hdstore.AlreadyExistsError):
        tour(path)


def test_another_repository_is_refused(tmp_path: Path) -> None:
    """A repository that the demo did not make is left alone."""
    folder = tmp_path / "mine"
    folder.mkdir()
    with hdstore.init(folder) as repository:
        repository.create_dataset("work")
    with pytest.raises(hdstore.AlreadyExistsError, match="did not make"):
        tour(folder)


def test_the_tour_fits_a_terminal_that_knows_ascii_only(tmp_path: Path) -> None:
    """No character is printed that such a terminal could not show."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    console = Console(file=out, width=200, markup=False, highlight=False, emoji=False)
    assert run_demo(tmp_path / "demo", gui=False, console=console) == 0
    out.flush()
    assert re.search(rb"donut +#+ \d+", raw.getvalue())
