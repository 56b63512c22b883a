"""Repositories of every released format open and read for ever, and can be gone on with."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import make
import pytest

import hdstore
from hdstore.codec import encode_frame

HERE = Path(__file__).parent
FORMATS = sorted(path.name.removesuffix(".tar.gz") for path in HERE.glob("*.tar.gz"))


@pytest.fixture(params=FORMATS)
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """Returns a folder with a repository of a released format, and the file that says what is in it."""
    with tarfile.open(HERE / f"{request.param}.tar.gz") as archive:
        archive.extractall(tmp_path / "saved", filter="data")
    return tmp_path / "saved", HERE / f"{request.param}.json"


def test_a_saved_repository_reads_as_it_was_written(saved: tuple[Path, Path]) -> None:
    """Every dataset, version, frame, label, count and commit."""
    folder, expected = saved
    with hdstore.open(folder) as repository:
        found = json.loads(json.dumps(make.describe(repository)))
        assert found == json.loads(expected.read_text(encoding="utf-8"))
        assert repository.fsck() == []
    git = subprocess.run(
        ["git", "-C", str(folder / ".hds"), "fsck", "--strict"], capture_output=True, check=False
    )
    assert git.returncode == 0


def test_what_was_put_in_is_what_is_there(saved: tuple[Path, Path]) -> None:
    """The frames as they were given, to the bit, by the values and not by what was read then."""
    with hdstore.open(saved[0]) as repository:
        (medium,) = repository.media.hashes()
        version = repository.version("Street%2F夜/v1")
        assert len(version) == 702
        for given in make.frames(medium):
            assert encode_frame(version.frame(given.id)) == encode_frame(given)
        assert version.schema() == make.SCHEMA
        path = repository.media.local_path(f"media:{medium}")
        assert path is not None
        assert path.read_bytes() == b"bytes"


def test_work_goes_on_in_a_saved_repository(saved: tuple[Path, Path], tmp_path: Path) -> None:
    """Drafts can be edited, versions made, and the whole cloned with the same hashes."""
    with hdstore.open(saved[0]) as repository:
        street = repository.dataset("Street/夜")
        street.current().add_frames([hdstore.SingleFrame(id="today")])
        street.version("merged").publish()
        repository.gc()
        assert repository.fsck() == []
        with hdstore.clone(saved[0], tmp_path / "clone") as clone:
            assert make.describe(clone) == make.describe(repository)
            assert clone.fsck() == []
