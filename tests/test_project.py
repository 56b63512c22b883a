"""What the project says of itself is true: version, metadata, links, files that must be there."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PAGES = [
    PROJECT / "README.md",
    PROJECT / "CONTRIBUTING.md",
    PROJECT / "CHANGELOG.md",
    *sorted((PROJECT / "docs").rglob("*.md")),
]


@pytest.fixture(scope="module")
def settings() -> dict[str, object]:
    with (PROJECT / "pyproject.toml").open("rb") as file:
        found: dict[str, object] = tomllib.load(file)
    return found


def test_versions_agree(settings: dict[str, dict[str, str]]) -> None:
    """The project file, the installed distribution and, once it is released, the change log name the same version."""
    stated = settings["project"]["version"]

    assert version("hdstore") == stated
    headings = re.findall(r"^## (.+)$", (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased" or headings[0].startswith(stated)


def test_commands_are_installed() -> None:
    """``hdstore`` and its short name start the same function."""
    found = {
        point.name: point.value
        for point in entry_points(group="console_scripts")
        if point.dist and point.dist.name == "hdstore"
    }

    assert found == {"hds": "hdstore.cli:main", "hdstore": "hdstore.cli:main"}


def test_the_library_is_typed() -> None:
    """Type checkers of users read our annotations."""
    assert (PROJECT / "hdstore" / "py.typed").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """Every relative link and picture of a page is a file of the project."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)|(?:src|href)=\"([^\"#]+)", text):
        link = target[0] or target[1]
        if re.match(r"[a-z]+:", link):
            continue
        assert (page.parent / link).exists(), link


def test_every_decision_is_listed_by_its_number() -> None:
    """Decision records are numbered without gaps."""
    numbers = sorted(int(path.name[:4]) for path in (PROJECT / "docs" / "adr").glob("[0-9]*.md"))

    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_no_large_or_foreign_file_is_kept_in_git() -> None:
    """Nothing above 2 MB, and nothing that a build or an editor left."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no checkout")
    for name in filter(None, done.stdout.split("\0")):
        path = PROJECT / name
        if path.exists():
            assert path.stat().st_size < 2_000_000, name
        assert not name.endswith((".pyc", ".orig", ".rej", "~")), name
