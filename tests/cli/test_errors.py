"""Errors: one sentence on standard error, an exit code from the table, never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdstore import errors
from hdstore.cli.exits import Exit, exit_of
from hdstore.cli.output import visible
from hdstore.repository import Repository

Run = Callable[..., Any]


def _all_kinds(kind: type[errors.HdstoreError]) -> list[type[errors.HdstoreError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _all_kinds(child))]


def _instance(kind: type[errors.HdstoreError]) -> errors.HdstoreError:
    extra: dict[str, Any] = {}
    if kind is errors.QuerySyntaxError:
        extra = {"text": "a", "position": 0}
    elif kind is errors.AmbiguousNameError:
        extra = {"candidates": ()}
    elif kind is errors.EditConflictError:
        extra = {"frame_id": "a", "base": None, "ours": None, "theirs": None}
    return kind("Something.", **extra)


@pytest.mark.parametrize("kind", _all_kinds(errors.HdstoreError)[1:])
def test_every_error_has_an_exit_code(kind: type[errors.HdstoreError]) -> None:
    """Each kind of the error tree ends with a code that means something."""
    assert exit_of(_instance(kind)) not in (Exit.OK, Exit.FINDINGS, Exit.INTERNAL)


def test_every_exit_code_has_a_meaning() -> None:
    """The table of the reference has a sentence for each code."""
    assert all(code.meaning.endswith((".", ").")) for code in Exit)


def test_outside_of_a_repository_the_way_in_is_told(run: Run) -> None:
    """A command without a repository exits 3 and names init."""
    refused = run("dataset", "list", code=3)

    assert refused.err.startswith("hdstore: ")
    assert "hdstore init" in refused.err
    assert refused.out == ""


def test_what_does_not_exist_is_named(run: Run, street: Path) -> None:
    """Unknown datasets, versions, frames and remotes exit 3 and name what was asked."""
    for words in (
        ("dataset", "show", "absent"),
        ("version", "stats", "street/absent"),
        ("frame", "show", "street/Current", "absent"),
        ("push", "absent"),
        ("root", "remove", "absent"),
    ):
        refused = run(*words, code=3)
        assert "absent" in refused.err
        assert "Traceback" not in refused.err


def test_a_wrong_command_line_exits_2(run: Run, street: Path) -> None:
    """Unknown commands, options and malformed version names are usage errors."""
    run("nonsense", code=2)
    run("version", "list", code=2)
    run("dataset", "list", "--nonsense", code=2)
    run("version", "stats", "street", code=2)
    run("version", "stats", "a/b/c", code=2)
    run("frame", "list", "street/Current", "--limit", "-1", code=2)


def test_damage_exits_6_and_fsck_finds_it(run: Run, street: Path) -> None:
    """Broken packs make reading exit 6, and fsck exit 1 with the findings."""
    assert "All is well" in run("fsck").out
    assert run("fsck", "--json").json == []
    for pack in (street / ".hds" / "objects" / "pack").glob("*.pack"):
        pack.chmod(0o644)
        data = pack.read_bytes()
        pack.write_bytes(data[:12] + bytes(len(data) - 32) + data[-20:])

    damaged = run("frame", "list", "street/Current", code=6)
    found = run("fsck", "--json", code=1)

    assert damaged.err.startswith("hdstore: ")
    assert {"kind", "where", "message"} == set(found.json[0])


def test_control_characters_never_reach_the_terminal(run: Run, opened: Repository) -> None:
    """What a stranger's texts would do to a terminal is spelt out instead."""
    opened.dataset("street").describe("\x1b]0;owned\x07 \x9b31m \u202e")

    shown = run("dataset", "show", "street").out
    plain = run("dataset", "show", "street", "--json").out

    assert "\\x1b]0;owned\\x07 \\x9b31m \\u202e" in shown
    assert not {"\x1b", "\x07", "\x9b"} & set(shown + plain)


def test_visible_leaves_other_texts_alone() -> None:
    """Every script's letters, emoji and brackets pass through."""
    assert visible("Köln 北京 [bold]🙂") == "Köln 北京 [bold]🙂"


def test_markup_in_names_is_no_markup(run: Run, opened: Repository) -> None:
    """Square brackets in names and descriptions are printed as they are."""
    opened.create_dataset("[red]x[/red]", description="[bold]")

    assert "[red]x[/red]" in run("dataset", "list").out
    assert "'[red]absent'" in run("dataset", "show", "[red]absent", code=3).err


def test_a_fault_of_our_own_is_one_sentence(run: Run, street: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error nobody planned exits 70; the traceback is shown on request only."""

    def broken() -> str:
        raise RuntimeError("unplanned")

    monkeypatch.setattr("hdstore.cli.opening.open_repository", broken)
    monkeypatch.setattr("hdstore.cli.commands.datasets.open_repository", lambda context: broken())

    hidden = run("dataset", "list", code=70)
    monkeypatch.setenv("HDSTORE_TRACEBACK", "1")
    shown = run("dataset", "list", code=70)

    assert "unplanned" in hidden.err
    assert "Traceback" not in hidden.err
    assert "Traceback" in shown.err


def test_without_the_app_the_way_to_get_it_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gui without Qt exits 12 with the command that installs it."""
    for name in [name for name in sys.modules if name.startswith("hdstore_gui")]:
        monkeypatch.delitem(sys.modules, name)
    # Its modules as well: one that is loaded is found without a look at the package.
    for name in ["PySide6", *(name for name in sys.modules if name.startswith("PySide6."))]:
        monkeypatch.setitem(sys.modules, name, None)

    refused = run("gui", code=12)

    assert "pip install 'hdstore[gui]'" in refused.err


def test_without_a_screen_the_app_is_not_started(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gui without a screen exits 12 with a sentence instead of ending in Qt's abort."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)

    assert "no screen" in run("gui", code=12).err


def test_the_app_of_no_repository_is_refused(run: Run, tmp_path: Path) -> None:
    """Gui DIR exits 3 when the folder holds no repository."""
    pytest.importorskip("PySide6")

    run("gui", tmp_path, code=3)


def test_the_program_tells_its_version(run: Run) -> None:
    """--version prints name and version."""
    assert run("--version").out.startswith("hdstore 0.")
