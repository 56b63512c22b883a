"""``hdstore frame``: list, show, edit and delete."""

from __future__ import annotations

import io
import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdstore.repository import Repository

Run = Callable[..., Any]
Editor = Callable[[str], None]


@pytest.fixture
def editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Editor:
    """Returns a function that makes Python statements over ``text`` the user's editor."""

    def set_editor(statements: str) -> None:
        program = tmp_path / "editor"
        program.write_text(
            f"#!{sys.executable}\nimport pathlib, sys\npath = pathlib.Path(sys.argv[-1])\n"
            f"text = path.read_text()\n{statements}\npath.write_text(text)\n"
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.delenv("VISUAL", raising=False)
        monkeypatch.setenv("EDITOR", str(program))

    return set_editor


def test_frames_are_listed_by_id(run: Run, street: Path) -> None:
    """List prints sorted ids, at most --limit of them, or one JSON object."""
    assert run("frame", "list", "street/Current").lines == ["a", "b", "c"]
    assert run("frame", "list", "street/Current", "--limit", "1").lines == ["a"]
    assert run("frame", "list", "street/Current", "-n", "2", "--json").json == {"count": 3, "ids": ["a", "b"]}


def test_a_frame_is_shown(run: Run, street: Path) -> None:
    """Show prints facts and annotations for people, and the whole frame as JSON."""
    shown = run("frame", "show", "street/Current", "b").out
    plain = run("frame", "show", "street/Current", "b", "--json").json

    assert "box 1.5, 2, 10 x 5" in shown
    assert "place: Köln" in shown
    assert [annotation["id"] for annotation in plain["annotations"]] == ["car-0", "bus-1"]
    run("frame", "show", "street/Current", "absent", code=3)


def test_a_frame_is_replaced_from_a_file(run: Run, street: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Edit --json takes a frame from a file or standard input, adds one of a new id, and keeps equal ones."""
    plain = run("frame", "show", "street/Current", "a", "--json").json
    plain["metadata"]["place"] = "Bonn"
    file = street / "a.json"
    file.write_text(json.dumps(plain))

    assert "Saved frame a" in run("frame", "edit", "street/Current", "a", "--json", file).out
    assert "Nothing changed" in run("frame", "edit", "street/Current", "a", "--json", file).out

    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({**plain, "id": "new"})))
    assert "Added frame new" in run("frame", "edit", "street/Current", "new", "--json", "-").out
    assert run("frame", "show", "street/Current", "new", "--json").json["metadata"]["place"] == "Bonn"


def test_a_frame_of_another_id_is_refused(run: Run, street: Path) -> None:
    """The id inside the JSON has to be the one on the command line, and the JSON has to be a frame."""
    file = street / "a.json"
    file.write_text('{"@": "single", "id": "other"}')
    run("frame", "edit", "street/Current", "a", "--json", file, code=2)
    file.write_text('{"@": "single", "id": "a", "sources": 5}')
    refused = run("frame", "edit", "street/Current", "a", "--json", file, code=2)
    assert "sources" in refused.err
    run("frame", "edit", "street/Current", "a", "--json", street / "absent.json", code=9)


def test_the_editor_saves_what_was_typed(run: Run, street: Path, editor: Editor) -> None:
    """Edit opens the frame's JSON in EDITOR and saves the result as one commit."""
    editor("text = text.replace('Köln', 'Bonn')")

    assert "Saved frame a" in run("frame", "edit", "street/Current", "a").out
    assert "place: Bonn" in run("frame", "show", "street/Current", "a").out


def test_an_unchanged_frame_is_not_saved(run: Run, street: Path, editor: Editor) -> None:
    """Edit says that nothing changed when the text comes back as it was, and makes no commit."""
    editor("")
    before = len(run("log", "street/Current", "--json").json)

    assert "Nothing changed" in run("frame", "edit", "street/Current", "a").out
    assert before == len(run("log", "street/Current", "--json").json)


def test_text_that_can_not_be_saved_is_kept(run: Run, street: Path, editor: Editor) -> None:
    """Without a terminal, invalid JSON is refused and the text stays in the file that the error names."""
    editor("text = text + 'much work'")

    refused = run("frame", "edit", "street/Current", "a", code=2)

    kept = Path(refused.err.split("is kept in ")[1].splitlines()[0])
    assert kept.read_text().endswith("much work")
    kept.unlink()


def test_an_editor_that_fails_changes_nothing(
    run: Run, street: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor that is absent or ends with an error is a usage error."""
    monkeypatch.setenv("VISUAL", "false")
    assert "ended with status 1" in run("frame", "edit", "street/Current", "a", code=2).err
    monkeypatch.setenv("VISUAL", str(street / "no-such-editor"))
    assert "can not be started" in run("frame", "edit", "street/Current", "a", code=2).err


def test_an_interrupted_editor_loses_nothing(run: Run, street: Path, editor: Editor) -> None:
    """Ctrl-C while the editor runs is the editor's; what it had written by then is kept."""
    editor(
        "import os, signal\npath.write_text(text + 'much work')\nos.kill(os.getppid(), signal.SIGINT)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )

    refused = run("frame", "edit", "street/Current", "a", code=2)

    kept = Path(refused.err.split("is kept in ")[1].splitlines()[0])
    assert kept.read_text().endswith("much work")
    kept.unlink()


def test_a_frame_changed_meanwhile_is_a_conflict(
    run: Run,
    opened: Repository,
    editor: Editor,
    street: Path,
) -> None:
    """When somebody saves the frame while the editor is open, the edit exits 4 and keeps the text."""
    editor(
        "import subprocess\n"
        "other = path.with_suffix('.other')\n"
        "other.write_text(text.replace('Köln', 'Ulm'))\n"
        f"subprocess.run([sys.executable, '-m', 'hdstore', '-C', {str(street)!r}, 'frame', 'edit',"
        " 'street/Current', 'a', '--json', str(other)], check=True, stdout=subprocess.DEVNULL)\n"
        "other.unlink()\n"
        "text = text.replace('Köln', 'Bonn')"
    )

    refused = run("frame", "edit", "street/Current", "a", code=4)

    kept = Path(refused.err.split("is kept in ")[1].splitlines()[0])
    assert "Bonn" in kept.read_text()
    kept.unlink()
    assert opened.version("street/Current").frame("a").metadata == {"place": "Ulm"}


def test_frames_are_deleted_by_id_or_query(run: Run, street: Path) -> None:
    """Delete takes ids or --query, wants --yes without a terminal, and does nothing when an id is unknown."""
    run("frame", "delete", "street/Current", "a", code=2)
    run("frame", "delete", "street/Current", code=2)
    run("frame", "delete", "street/Current", "a", "--query", "label:car", "--yes", code=2)
    run("frame", "delete", "street/Current", "a", "absent", "--yes", code=3)
    assert run("frame", "list", "street/Current").lines == ["a", "b", "c"]

    run("frame", "delete", "street/Current", "c", "--yes")
    assert "nothing was deleted" in run("frame", "delete", "street/Current", "--query", "label:cat").out
    run("frame", "delete", "street/Current", "--query", "label:bus", "--yes")
    assert run("frame", "list", "street/Current").lines == ["a"]
