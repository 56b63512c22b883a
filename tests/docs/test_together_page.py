"""What docs/together.md tells two people to type works, and prints what it says."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "together.md").read_text(encoding="utf-8")

EDITOR = """
import json, os, sys
path = sys.argv[1]
frame = json.load(open(path))

def first(label):
    return next(one for one in frame["annotations"] if one["labels"][0] == label)

if frame["metadata"].get("checked"):
    first("donut")["labels"] = ["bagel"]
elif os.environ["HDSTORE_AUTHOR"].startswith("Ada"):
    first("plate")["geometry"].update(x=46, y=117, w=209, h=208)
    del first("donut")["confidence"]
else:
    first("plate")["geometry"].update(x=44, y=115, w=213, h=212)
    first("coffee")["labels"].append("spilt")
    frame["metadata"]["checked"] = "Bob"
json.dump(frame, open(path, "w"))
"""
"""Does to the picture what the page says that each of them does."""

MARK = "--- next block"


def told(text: str) -> list[str]:
    """Returns lines without what differs each time: commits, times, folders, and whose save was the later one."""
    text = re.sub(r"\b[0-9a-f]{10}\b", "COMMIT", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "TIME", text)
    text = re.sub(r"/\S*/together", "FOLDER", text)
    lines = [line.replace("    * ", "      ").rstrip() for line in text.splitlines()]
    sides = sorted(line for line in lines if line.startswith(("      ours", "      theirs")))
    return [sides.pop() if line.startswith(("      ours", "      theirs")) else line for line in lines]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Returns what each block of commands printed, typed in one shell."""
    folder = tmp_path_factory.mktemp("page")
    checkout = folder / "hdstore"
    shutil.copytree(PROJECT / "assets" / "sample", checkout / "assets" / "sample")
    (folder / "editor.py").write_text(EDITOR)
    programs = folder / "bin"
    programs.mkdir()
    for name, words in (("hdstore", "-m hdstore"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (programs / name).chmod(0o755)
    paths = os.pathsep.join(entry for entry in sys.path if entry)
    environment = os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{PROJECT}{os.pathsep}{paths}",
        "EDITOR": shlex.join((sys.executable, str(folder / "editor.py"))),
    }
    environment.pop("VISUAL", None)
    script = f"echo '{MARK}'\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
    done = subprocess.run(
        ["bash", "-euc", script], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split(f"{MARK}\n")


def test_every_block_prints_what_stands_below_it(printed: list[str]) -> None:
    """Ids of commits and times are others each time; all else is as it stands there."""
    parts = re.findall(r"```sh\n.*?```(?:\n\n```text\n(.*?)```)?", PAGE, re.DOTALL)
    assert len(parts) == len(printed)
    shown = [(told(text), told(out)) for text, out in zip(parts, printed, strict=True) if text]
    assert len(shown) == 5
    for text, out in shown:
        assert out == text


def test_the_log_and_the_blame_name_both(printed: list[str]) -> None:
    """The frame's saves are those of people, and Bob's label is Bob's."""
    (out,) = [out for out in printed if "Frame bakery-12.jpg, added by Ada" in out]
    assert not re.search(r"  hdstore  ", out)
    (coffee,) = [line for line in out.splitlines() if '"coffee", "spilt"' in line]
    assert re.search(r"Bob \S+ \S+ \(", coffee)
    (donut,) = [line for line in out.splitlines() if "czynx86mwf5f   box" in line]
    assert re.search(r"Ada \S+ \S+ \(", donut)
