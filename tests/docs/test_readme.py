"""What the README tells people to type works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def story(name: str) -> str:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"<!-- story: {name} -->\n```\w+\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "hdstore"
    folder.mkdir()
    shutil.copytree(PROJECT / "assets" / "sample", folder / "assets" / "sample")
    return folder


def run(command: list[str], folder: Path) -> str:
    programs = folder / "bin"
    programs.mkdir()
    script = programs / "hdstore"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hdstore "$@"\n')
    script.chmod(0o755)
    paths = os.pathsep.join(entry for entry in sys.path if entry)
    environment = os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{PROJECT}{os.pathsep}{paths}",
        "EDITOR": "true",
    }
    environment.pop("VISUAL", None)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_shell_story_works(checkout: Path) -> None:
    """Every line of the story ends well, and the clone holds what it says."""
    shown = run(["bash", "-euc", story("shell")], checkout)
    assert "42 frames" in shown
    assert "cafe-09.jpg" in shown
    assert (checkout.parent / "colleague" / ".hds").is_dir()


def test_the_python_story_works(checkout: Path) -> None:
    """The snippet runs as it stands."""
    shown = run([sys.executable, "-W", "error", "-c", story("python")], checkout)
    assert shown.splitlines()[0] == "42 frames"
    # Four frames were changed; then come the items of the view, each with a number for every annotation.
    items = [line.partition(" (") for line in shown.splitlines()[5:]]
    assert len(items) >= 42
    assert all(frame_id.endswith(".jpg") and numbers.endswith(")") for frame_id, _, numbers in items)


def test_the_links_lead_somewhere() -> None:
    """Every relative link of the README and the pages of docs names a file that is there."""
    pages = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *(PROJECT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
