"""What a command line loads: only what it needs, so that it answers at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command, get_group

from hdstore.cli.app import app
from hdstore.cli.registry import LateGroup, group

Run = Callable[..., Any]

ROOT = get_command(app)
assert isinstance(ROOT, LateGroup)


@pytest.mark.parametrize("module", sorted(set(ROOT.modules.values())))
def test_the_app_names_every_command_of_its_modules(module: str) -> None:
    """What a module adds is what the app says it adds; else it would never be found."""
    loaded = group("")
    import_module(f"hdstore.cli.commands.{module}").add_to(loaded)

    assert set(get_group(loaded).commands) == {name for name, home in ROOT.modules.items() if home == module}


def loaded_by(street: Path, *words: str) -> set[str]:
    """Returns the modules that a command line loads, and checks that it ends well."""
    code = (
        "import sys, hdstore.cli as c; e = c.main(sys.argv[1:]); print(*sys.modules, sep='\\n'); sys.exit(e)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "-C", str(street), *words], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines())


def test_a_search_loads_what_it_needs_alone(street: Path) -> None:
    """Neither tables, nor the checks of options, nor other commands, nor media are loaded to count frames."""
    loaded = loaded_by(street, "query", "street/Current", "label:car", "--count")

    assert "numpy" in loaded
    assert not loaded & {"rich.console", "pydantic", "PIL", "hdstore.cli.commands.files", "hdstore.formats"}


def test_what_needs_no_index_loads_no_numpy(street: Path) -> None:
    """Only searches wait for it."""
    loaded = loaded_by(street, "version", "list", "street")

    assert "rich.table" in loaded
    assert not loaded & {"numpy", "pydantic", "PIL", "hdstore.cli.commands.frames"}


def test_numpy_starts_no_threads_and_leaves_no_trace() -> None:
    """What numpy is told is not told to programs that the command line starts."""
    code = (
        "import os; from hdstore.cli.numerics import load_numpy; load_numpy();"
        " print(len(os.listdir('/proc/self/task')), 'OPENBLAS_NUM_THREADS' in os.environ)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "1 False\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["query", "street/Current"], "LUCENE"),
        (["query", "street/Current", "label:car", "--limit", "few"], "--limit"),
        (["query", "street/Current", "label:car", "--limit", "-1"], "--limit"),
        (["import", "coco"], "PATH"),
        (["import", "word", "file", "--to", "street"], "coco"),
    ],
)
def test_what_a_command_is_given_is_still_checked(run: Run, words: list[str], said: str) -> None:
    """Arguments that are missing or wrong are named, although most are taken without Typer's checks."""
    assert said in run(*words, code=2).err


def test_a_place_that_may_not_be_read_is_refused_by_its_option(run: Run, tmp_path: Path) -> None:
    """The message names the option, and nothing is searched."""
    closed = tmp_path / "closed"
    closed.touch(mode=0)
    if os.access(closed, os.R_OK):
        pytest.skip("this user may read everything")

    assert "-C" in run("-C", closed, "dataset", "list", code=2).err
