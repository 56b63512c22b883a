"""``hdstore bundle``: what people see of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdstore.model import SetFrameMetadata, SingleFrame, Source
from hdstore.repository import Repository

Run = Callable[..., Any]


@pytest.fixture
def medium(opened: Repository) -> str:
    """Returns the hash of a kept medium that a frame of street/Current names."""
    hash = opened.media.keep_bytes(b"x" * 5000)
    source = Source(uri=f"media:{hash}")
    opened.version("street/Current").add_frames([SingleFrame(id="m", sources=(source,))])
    return hash


def test_a_bundle_goes_from_one_to_another(run: Run, street: Path, medium: str) -> None:
    """Created, verified and applied; sizes are told with and without media."""
    said = run("bundle", "create", "plain.hdsb").lines
    assert said[0].startswith("Made plain.hdsb: 2 refs, ")
    assert "with all media (--media all)" in said[1]
    said = run("bundle", "create", "full.hdsb", "street", "--media", "all").lines
    assert "1 file of media 4.9 KiB" in said[1]
    assert run("bundle", "verify", "full.hdsb").lines[-1] == "All is well."
    run("init", "other")
    assert run("-C", "other", "bundle", "apply", "full.hdsb").lines == [
        "Applied full.hdsb: 2 refs, 1 file of media (4.9 KiB)."
    ]
    assert run("-C", "other", "bundle", "apply", "full.hdsb").lines == ["Applied full.hdsb: nothing was new."]
    assert run("-C", "other", "frame", "list", "street/Current").lines == ["a", "b", "c", "m"]
    assert run("-C", "other", "fsck").lines == ["All is well."]


def test_bundles_in_json(run: Run, street: Path, medium: str) -> None:
    """Programs get the numbers."""
    made = run("bundle", "create", "full.hdsb", "--media", "all", "--json").json
    read = run("bundle", "verify", "full.hdsb", "--json").json
    assert made["size"] == read["size"] == (street / "full.hdsb").stat().st_size
    assert made["hash"] == read["hash"]
    assert made["refs"] == read["refs"]
    assert (made["media"], made["media_bytes"], read["media_bytes"]) == (1, 5000, 5000)
    assert (read["findings"], read["missing"], read["needs"]) == ([], [], {})


def test_what_a_bundle_builds_on_is_named(run: Run, street: Path, opened: Repository) -> None:
    """One that was made since another says so, and is refused elsewhere with what to get."""
    run("bundle", "create", "first.hdsb")
    opened.version("street/Current").apply(SetFrameMetadata(frame_id="a", set={"k": 1}))
    said = run("bundle", "create", "second.hdsb", "--since", "first.hdsb").out
    assert "builds on" in said
    assert "street/Current at " in said
    run("init", "other")
    said = run("-C", "other", "bundle", "verify", "second.hdsb", code=1).out
    assert "the bundle builds on street/Current at this commit, which is not here" in said
    assert "2 findings." in said
    said = run("-C", "other", "bundle", "apply", "second.hdsb", code=3).err
    assert "builds on commits that are not here" in said
    assert "without --since" in said
    run("-C", "other", "bundle", "apply", "first.hdsb")
    assert run("-C", "other", "bundle", "verify", "second.hdsb").lines[-1] == "All is well."
    run("-C", "other", "bundle", "apply", "second.hdsb")


def test_a_damaged_bundle_is_refused(run: Run, street: Path, opened: Repository) -> None:
    """With one sentence and an exit code, wherever it is read."""
    run("bundle", "create", "full.hdsb")
    data = (street / "full.hdsb").read_bytes()
    (street / "full.hdsb").write_bytes(data[: len(data) // 2])
    for command in ("verify", "apply"):
        said = run("bundle", command, "full.hdsb", code=6).err
        assert said.count("\n") == 1
        assert "it is cut short after" in said
    assert "there is no bundle" in run("bundle", "apply", "none", code=3).err.lower()
    assert "is no bundle; choose another name" in run("bundle", "create", street, code=4).err


def test_a_bundle_outside_of_a_repository(run: Run, street: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be verified and cloned where no repository is."""
    run("bundle", "create", "full.hdsb")
    (street.parent / "away").mkdir()
    monkeypatch.chdir(street.parent / "away")
    file = street / "full.hdsb"
    assert run("bundle", "verify", file).lines[-1] == "All is well."
    run("-C", ".", "bundle", "verify", file)
    run("-C", "/nowhere", "bundle", "verify", file, code=3)
    assert run("clone", file, "copy").out.startswith("Cloned 1 dataset into ")
    assert run("-C", "copy", "frame", "list", "street/Current").lines == ["a", "b", "c"]
