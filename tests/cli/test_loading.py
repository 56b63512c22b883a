"""What a command line loads: only what it needs, so that it answers at once."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from typer.main import get_command, get_group

from hdstore.cli.app import app
from hdstore.cli.registry import LateGroup, group

ROOT = get_command(app)
assert isinstance(ROOT, LateGroup)


@pytest.mark.parametrize("module", sorted(set(ROOT.modules.values())))
def test_the_app_names_every_command_of_its_modules(module: str) -> None:
    """What a module adds is what the app says it adds; else it would never be found."""
    loaded = group("")
    import_module(f"hdstore.cli.commands.{module}").add_to(loaded)

    assert set(get_group(loaded).commands) == {
        name for name, home in LateGroup.modules.items() | ROOT.modules.items() if home == module
    }


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
    loaded = loaded_by(street, "version", "list", "street")

    assert "rich.table" in loaded
    assert not loaded & {"numpy", "pydantic", "PIL", "hdstore.cli.commands.frames"}
