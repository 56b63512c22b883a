"""An exchange that can not be: a sentence that says why and what to do, an exit code from the table, nothing moved."""

from __future__ import annotations

import random
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sync.servers import HttpsServer, SshServer

import hdstore
from hdstore import SingleFrame
from hdstore.cli.exits import Exit

Run = Callable[..., Any]
EXCHANGES = ("push", "pull", "fetch")


def refused(run: Run, *words: str, code: Exit) -> str:
    """Runs a command that fails; returns the sentence."""
    said = run(*words, code=int(code))
    assert said.err.startswith("hdstore: ")
    assert "Traceback" not in said.err
    assert len(said.err.strip().splitlines()) <= 2  # the sentence, and a hint
    return str(said.err)


def refs(street: Path) -> dict[str, str]:
    with hdstore.open(street) as repository:
        found: dict[str, str] = repository._core.refs.list("refs/")
        return found


@pytest.fixture(autouse=True)
def _no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody signs in by keys of whoever runs the tests."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def closed() -> Iterator[int]:
    """Yields a port at which nobody answers."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.mark.parametrize("kind", ["ssh", "https", "http", "git"])
def test_a_port_that_is_closed(run: Run, street: Path, closed: int, kind: str) -> None:
    """The host is named, and that nothing answers there."""
    run("remote", "add", "origin", f"{kind}://127.0.0.1:{closed}/srv/photos")
    before = refs(street)
    for words in EXCHANGES:
        assert "127.0.0.1" in refused(run, words, code=Exit.REMOTE)
    assert refs(street) == before
    refused(run, "clone", f"{kind}://127.0.0.1:{closed}/srv/photos", "copy", code=Exit.REMOTE)
    assert not Path("copy").exists()


@pytest.mark.parametrize("kind", ["ssh", "https"])
def test_a_name_that_nobody_knows(run: Run, street: Path, kind: str) -> None:
    """The host is named, and that it was not found."""
    run("remote", "add", "origin", f"{kind}://nowhere.invalid/srv/photos")
    for words in EXCHANGES:
        said = refused(run, words, code=Exit.REMOTE)
        assert "nowhere.invalid" in said


@pytest.mark.parametrize(("status", "word"), [(500, "broke off"), (404, "no repository"), (403, "accept")])
def test_a_server_that_fails(
    run: Run,
    street: Path,
    https_server: HttpsServer,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    word: str,
) -> None:
    """Whatever the server answers, it is said what that means."""
    monkeypatch.setenv("GIT_SSL_CAINFO", str(https_server.authority))
    run("remote", "add", "origin", https_server.url(https_server.root / "photos"))
    before = refs(street)
    https_server.failures = [status] * 40
    said = refused(run, "fetch", code=Exit.REMOTE)
    assert re.search(word, said, re.IGNORECASE), said
    assert refs(street) == before


def test_a_key_that_is_not_admitted(
    run: Run,
    street: Path,
    ssh_server: SshServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Whom the server does not know is told so, and not asked for a password that nobody types."""
    ssh_server.admit(tmp_path / "home")
    command = ssh_server.command(tmp_path / "home").replace("id_ed25519", "absent")
    monkeypatch.setenv("GIT_SSH_COMMAND", command)
    run("remote", "add", "origin", ssh_server.url(tmp_path / "photos"))
    said = refused(run, "push", code=Exit.REMOTE)
    assert "did not accept who you are" in said


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yields a folder on a disk of two megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "hdstore-test", str(place)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a file system can not be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(street: Path) -> None:
    """Saves more than the small disk can take: three megabytes that can not be compressed."""
    chance = random.Random(1)
    with hdstore.open(street) as repository:
        draft = repository.version("street/Current")
        draft.add_frames(
            SingleFrame(id=f"r{n}", metadata={"noise": chance.randbytes(1500).hex()}) for n in range(2000)
        )


def test_a_full_disk_at_the_other_side(run: Run, street: Path, small_disk: Path) -> None:
    """A push says which place is full; the remote is as it was, and takes the push when there is room."""
    run("remote", "add", "origin", small_disk / "hub")
    run("push")
    with hdstore.open(small_disk / "hub") as hub:
        before = hub._core.refs.list("refs/")
    fill(street)
    assert "full" in refused(run, "push", code=Exit.REMOTE)
    with hdstore.open(small_disk / "hub") as hub:
        assert hub._core.refs.list("refs/") == before
        assert hub.fsck() == []
    subprocess.run(["mount", "-o", "remount,size=40m", str(small_disk)], check=True)
    run("push")
    with hdstore.open(small_disk / "hub") as hub:
        assert len(hub.version("street/Current")) == 2003


def test_a_full_disk_at_this_side(run: Run, street: Path, small_disk: Path) -> None:
    """A pull and a clone say so; what is here is as it was."""
    hub = street / "hub"
    run("remote", "add", "origin", hub)
    run("push")
    run("clone", hub, small_disk / "copy")
    before = refs(small_disk / "copy")
    fill(street)
    run("push")
    assert "full" in refused(run, "-C", small_disk / "copy", "pull", code=Exit.REMOTE)
    assert refs(small_disk / "copy") == before
    assert "full" in refused(run, "clone", hub, small_disk / "other", code=Exit.STORAGE)
    assert not (small_disk / "other").exists()
    subprocess.run(["mount", "-o", "remount,size=40m", str(small_disk)], check=True)
    run("-C", small_disk / "copy", "pull")
    with hdstore.open(small_disk / "copy") as copy:
        assert len(copy.version("street/Current")) == 2003
        assert copy.fsck() == []


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Callable[[Path], None]]:
    """Returns a function that lets nobody write below a folder any more."""
    mounted: list[Path] = []

    def bind(folder: Path) -> None:
        try:
            subprocess.run(["mount", "--bind", folder, folder], check=True, capture_output=True)
            mounted.append(folder)
            subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("a file system can not be mounted here")

    yield bind
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_remote_that_can_not_be_written(run: Run, street: Path, read_only: Callable[[Path], None]) -> None:
    """It can be fetched and cloned from; a push says why it can not be."""
    hub = street / "hub"
    run("remote", "add", "origin", hub)
    run("push")
    read_only(hub)
    run("fetch")
    run("pull")
    run("clone", hub, "copy")
    with hdstore.open(street) as repository:
        repository.version("street/Current").apply(hdstore.SetFrameMetadata(frame_id="a", set={"k": 1}))
    said = refused(run, "push", "--media", "none", code=Exit.REMOTE)
    assert str(hub) in said


def test_a_repository_that_can_not_be_written(
    run: Run, street: Path, read_only: Callable[[Path], None]
) -> None:
    """Nothing can be pulled into it; status works."""
    hub = street / "hub"
    run("remote", "add", "origin", hub)
    run("push")
    run("clone", hub, "copy")
    read_only(street / "copy")
    run("-C", "copy", "status")
    with hdstore.open(street) as repository:
        repository.version("street/Current").apply(hdstore.SetFrameMetadata(frame_id="a", set={"k": 1}))
    run("push")
    for words in ("pull", "fetch"):
        assert "read-only" in run("-C", "copy", words, code=int(Exit.STORAGE)).err.lower()
    said = run("clone", hub, "copy/inside", code=int(Exit.STORAGE))
    assert "read-only" in said.err.lower()
