"""``hdstore media`` and ``hdstore serve-media``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdstore.codec.streams import encode_record
from hdstore.model import SingleFrame, Source
from hdstore.repository import Repository

Run = Callable[..., Any]


@pytest.fixture
def cloned(run: Run, opened: Repository, street: Path, tmp_path: Path) -> str:
    """Makes a clone without media of a repository with one kept medium and one link; returns its folder."""
    kept = opened.media.keep_bytes(b"a picture")
    uris = {"m": f"media:{kept}", "n": "root:photos/a.jpg"}
    opened.version("street/Current").add_frames(
        SingleFrame(id=name, sources=(Source(uri=uri),)) for name, uri in uris.items()
    )
    run("-C", street, "remote", "add", "origin", tmp_path / "hub")
    run("-C", street, "push")
    run("clone", tmp_path / "hub", tmp_path / "clone")
    return str(tmp_path / "clone")


def test_the_status_is_told(run: Run, cloned: str) -> None:
    """What is here, what a remote has, which links lead nowhere, and what to do."""
    told = run("-C", cloned, "media", "status").out
    assert "origin has 1" in told
    assert "hdstore root add photos" in told

    found = run("-C", cloned, "media", "status", "street/Current", "--json").json
    assert (found["kept"], found["fetchable"], found["nowhere"]) == (0, 1, 0)
    assert {part["place"]: part["absent"] for part in found["linked"]}["root:photos"] == 1
    run("-C", cloned, "media", "status", "street/none", code=3)


def test_media_are_fetched(run: Run, cloned: str) -> None:
    """Of what was chosen, or all; from one remote, or whichever; the second time there is nothing to do."""
    assert "Fetched 0 files" in run("-C", cloned, "media", "fetch", "none").out
    assert (
        "Fetched 1 file of media (9 B)" in run("-C", cloned, "media", "fetch", "version:street/Current").out
    )
    assert "Fetched 0 files" in run("-C", cloned, "media", "fetch", "--from", "origin").out
    assert "kept here" in run("-C", cloned, "media", "status").out
    run("-C", cloned, "media", "fetch", "pictures", code=2)
    run("-C", cloned, "media", "fetch", "--from", "nobody", code=3)


def test_damaged_media_are_found(run: Run, opened: Repository, street: Path) -> None:
    """By their hash, and with exit code 1."""
    assert "well" in run("-C", street, "media", "verify").out
    kept = opened.media.keep_bytes(b"right")
    opened.media.path_of(kept).chmod(0o644)
    opened.media.path_of(kept).write_bytes(b"wrong")

    assert f"media:{kept} is damaged" in run("-C", street, "media", "verify", code=1).out
    assert run("-C", street, "media", "verify", "--json", code=1).json == [kept]


def test_the_server_says_why_it_does_not_open(tmp_path: Path) -> None:
    """For people on standard error; what is for the other end is on standard output alone."""
    program = str(Path(sys.executable).with_name("hdstore"))
    hello = encode_record(["hello", 1, "0.1.0"])

    ended = subprocess.run(
        [program, "serve-media", str(tmp_path)], input=hello, capture_output=True, check=False
    )

    assert ended.stdout.startswith(b"\0hdstore-media\0")
    assert b"There is no repository of hdstore in" in ended.stdout
    assert ended.stderr.startswith(b"hdstore: There is no repository of hdstore in")
    assert ended.returncode == 3
