"""The program as a process: its names, pipes, terminals and Ctrl-C."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import hdstore.store.files as store_files
from hdstore.cli.progress import working
from hdstore.errors import CancelledError, RemoteError
from hdstore.repository import Repository

Run = Callable[..., Any]

PROGRAM = [sys.executable, "-m", "hdstore"]

HEAVY = (
    "PIL", "PySide6", "asyncio", "hdstore.demo", "hdstore.repository", "hdstore_gui", "numpy", "watchdog"
)  # fmt: skip


def test_the_program_has_two_names() -> None:
    """hdstore and hds are installed as commands, and python -m hdstore does the same."""
    folder = Path(sys.executable).parent
    for words in ([str(folder / "hdstore")], [str(folder / "hds")], PROGRAM):
        done = subprocess.run([*words, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith("hdstore ")


def test_help_loads_nothing_heavy() -> None:
    """The help of a command needs no image library and no app, so that it comes at once."""
    code = (
        "import sys, hdstore.cli as c; c.main(['version', 'list', '--help']);"
        f" print([m for m in {HEAVY!r} if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.endswith("[]\n")


def test_a_reader_that_goes_away_is_no_error(street: Path) -> None:
    """When nobody reads the output any more, the program ends quietly with 141."""
    for words in (["frame", "list", "street/Current"], ["version", "list", "street"]):
        reader, writer = os.pipe()
        os.close(reader)

        done = subprocess.run(
            [*PROGRAM, "-C", str(street), *words], stdout=writer, stderr=subprocess.PIPE, check=False
        )

        os.close(writer)
        assert (done.returncode, done.stderr) == (141, b"")


def test_a_full_disk_is_told(street: Path) -> None:
    """When the output can not be written, the program says so and ends with 9."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, "-C", str(street), "frame", "list", "street/Current"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert (done.returncode, done.stderr) == (
        9,
        "hdstore: the output can not be written: No space left on device.\n",
    )


def test_a_poor_encoding_is_no_error(opened: Repository) -> None:
    """Where the output has no letters for a name, they are escaped; JSON stays JSON."""
    opened.create_dataset("北京")
    outputs = [
        subprocess.run(
            [*PROGRAM, "-C", str(opened.folder), "dataset", *words],
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            check=True,
        ).stdout
        for words in (["list"], ["show", "北京", "--json"])
    ]

    assert b"\\u5317\\u4eac" in outputs[0]
    assert json.loads(outputs[1])["name"] == "北京"


def test_ctrl_c_ends_with_130(street: Path) -> None:
    """An interrupt while a command waits ends it quietly with 130."""
    fifo = street / "frame.json"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [*PROGRAM, "-C", str(street), "frame", "edit", "street/Current", "a", "--json", str(fifo)],
        stderr=subprocess.PIPE,
        text=True,
    )
    with fifo.open("w"):  # opens when the program has begun to read
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()

    assert (process.returncode, err) == (130, "")


def test_ctrl_c_in_long_work_changes_nothing(
    run: Run, opened: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupts in the middle of an import's writes exit 130; no commit and no root came of it."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(20):
        (photos / f"{number}.txt").write_text(str(number))
    before = opened.version("street/Current").commit
    monkeypatch.setattr(store_files, "on_step", lambda step, path: signal.raise_signal(signal.SIGINT))

    cancelled = run("import", "folder", photos, "--to", "street", code=130)

    monkeypatch.setattr(store_files, "on_step", None)
    assert "Press Ctrl-C again" in cancelled.err
    assert before == opened.version("street/Current").commit
    assert opened.roots.list() == {}
    assert opened.fsck() == []


def test_the_second_ctrl_c_stops_at_once() -> None:
    """The first interrupt waits for the next step, the second does not; Python's own handler comes back."""
    before = signal.getsignal(signal.SIGINT)

    def once_and_on() -> None:
        with working() as progress:
            signal.raise_signal(signal.SIGINT)
            progress("Reading", 1, 2)

    def twice() -> None:
        with working():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    def once_and_failed() -> None:
        with working():
            signal.raise_signal(signal.SIGINT)
            raise RemoteError("git ended by a signal")

    for work, error in (
        (once_and_on, CancelledError),
        (twice, KeyboardInterrupt),
        (once_and_failed, CancelledError),
    ):
        with pytest.raises(error):
            work()

    assert before == signal.getsignal(signal.SIGINT)


@pytest.fixture
def terminal(street: Path) -> Iterator[Callable[[str, Sequence[str]], tuple[int, str, str]]]:
    """Returns a function from what was typed on a terminal and a command to exit code, output and screen."""

    def run(typed: str, words: Sequence[str]) -> tuple[int, str, str]:
        master, slave = pty.openpty()
        os.write(master, typed.encode())
        process = subprocess.Popen(
            [*PROGRAM, "-C", str(street), *words],
            stdin=slave,
            stderr=slave,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "EDITOR": f"{sys.executable} {street / 'editor.py'}", "VISUAL": ""},
        )
        os.close(slave)
        screen = b""
        while True:
            try:
                data = os.read(master, 4096)
            except OSError:  # Linux says so when the last user of the terminal has gone
                break
            if not data:
                break
            screen += data
        out, _ = process.communicate()
        os.close(master)
        return process.returncode, out, screen.decode()

    return run


def test_a_snapshot_asks_which_draft(terminal: Any, opened: Repository) -> None:
    """On a terminal, snapshot D with several drafts asks, and asks again after an answer that is none."""
    dataset = opened.dataset("street")
    dataset.create_version("other")
    drafts = [draft.name for draft in dataset.versions(published=False)]

    code, out, screen = terminal("7\n2\n", ["version", "snapshot", "street", "--name", "v1"])

    assert code == 0
    assert "has 2 drafts" in screen
    assert f"work goes on in street/{drafts[1]}" in out
    assert dataset.version("v1").status == "published"


def test_a_deletion_asks(terminal: Any, opened: Repository) -> None:
    """On a terminal, delete asks; no, and the end of input, leave everything and exit 130; yes deletes."""
    version = opened.version("street/Current")

    assert terminal("n\n", ["frame", "delete", "street/Current", "a"])[0] == 130
    assert terminal("\x04", ["frame", "delete", "street/Current", "a"])[0] == 130
    assert len(version) == 3
    code, out, screen = terminal("y\n", ["frame", "delete", "street/Current", "a"])
    assert code == 0
    assert "Delete 1 frame from street/Current?" in screen
    assert "Deleted 1 frame" in out
    assert sorted(version.frame_ids()) == ["b", "c"]


def test_invalid_json_can_be_edited_again(terminal: Any, opened: Repository, street: Path) -> None:
    """On a terminal, text that is no frame is offered for editing again, with what was typed still in it."""
    (street / "editor.py").write_text(
        "import pathlib, sys\npath = pathlib.Path(sys.argv[-1])\ntext = path.read_text()\n"
        "path.write_text(text[:-1] if text.endswith('!') else text.replace('Köln', 'Bonn') + '!')\n"
    )

    code, out, screen = terminal("y\n", ["frame", "edit", "street/Current", "a"])

    assert code == 0
    assert "Edit it again?" in screen
    assert "Saved frame a" in out
    assert opened.version("street/Current").frame("a").metadata == {"place": "Bonn"}
