"""Two people and a server that ssh reaches: the whole way, through a wire that counts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sync.servers import SshServer
from sync.wire import Wire

import hdstore
from hdstore import Annotation, Author, Box, PutFrame, Repository, SingleFrame, Source
from hdstore.codec import encode_frame

FRAMES = 5000


def make(number: int, revision: int = 0) -> SingleFrame:
    """Returns frame ``number`` with eight boxes; another revision has moved them."""
    return SingleFrame(
        id=f"frame-{number:06d}",
        sources=(Source(uri=f"root:photos/{number:06d}.jpg", width=640, height=480),),
        annotations=tuple(
            Annotation(
                id=f"{number}-{i}",
                labels=(("cat", "dog", "bus")[(number + i) % 3],),
                confidence=((number * 31 + i * 17) % 1000) / 1000,
                geometry=Box(x=number % 97 + i, y=number % 89 + revision, w=40.5 + i, h=30.25),
            )
            for i in range(8)
        ),
    )


@pytest.fixture
def wire(ssh_server: SshServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Wire]:
    """Returns the wire to the server, whose user has signed in from the home of the test."""
    home = tmp_path / "home"
    with Wire(ssh_server.port) as made:
        ssh_server.admit(home, made.port)
        monkeypatch.setenv("GIT_SSH_COMMAND", ssh_server.command(home))
        yield made


@pytest.fixture
def hub(tmp_path: Path) -> Repository:
    """Returns the repository on the server, which is empty."""
    (tmp_path / "hub").mkdir()
    return hdstore.init(tmp_path / "hub")


@pytest.fixture
def ada(tmp_path: Path, hub: Repository, wire: Wire, ssh_server: SshServer) -> Iterator[Repository]:
    """Returns Ada's repository, whose origin is on the server."""
    (tmp_path / "ada").mkdir()
    with hdstore.init(tmp_path / "ada", author=Author("Ada", "ada@example.org")) as made:
        made.create_dataset("photos").current().add_frames(map(make, range(FRAMES)))
        made.add_remote("origin", ssh_server.url(hub.folder, port=wire.port))
        yield made


def test_a_pull_after_ten_edited_frames_moves_little(
    ada: Repository, hub: Repository, wire: Wire, ssh_server: SshServer, tmp_path: Path
) -> None:
    """At most twenty times the bytes of the ten frames, with all that ssh and git say to each other."""
    ada.push(media="none")
    url = ssh_server.url(hub.folder, port=wire.port)
    with hdstore.clone(url, tmp_path / "bob", author=Author("Bob", "bob@example.org")) as bob:
        frames = [make(number, 1) for number in range(0, FRAMES, FRAMES // 10)]
        draft = ada.dataset("photos").current()
        draft.apply(*(PutFrame(frame=frame) for frame in frames))
        ada.push(media="none")
        wire.reset()
        bob.pull()
        moved = wire.sent + wire.received
        edited = sum(len(encode_frame(frame)) for frame in frames)
        assert bob.dataset("photos").current().commit == draft.commit
        assert moved <= 20 * edited, (moved, edited)
        assert wire.connections >= 1


def test_media_travel_over_ssh_when_they_are_used(
    ada: Repository, hub: Repository, wire: Wire, ssh_server: SshServer, tmp_path: Path
) -> None:
    """A push sends them, a clone leaves them, the first use brings one, a second push sends none again."""
    data = [bytes([n]) * 200_000 for n in range(3)]
    hashes = [ada.media.keep_bytes(one) for one in data]
    ada.dataset("photos").current().add_frames(
        SingleFrame(id=f"kept {hash[:6]}", sources=(Source(uri=f"media:{hash}", hash=hash),))
        for hash in hashes
    )
    report = ada.push()
    assert report.media == 3
    assert set(hub.media.hashes()) == set(hashes)
    wire.reset()
    assert ada.push().media == 0
    assert wire.sent < 50_000

    url = ssh_server.url(hub.folder, port=wire.port)
    with hdstore.clone(url, tmp_path / "bob") as bob:
        assert list(bob.media.hashes()) == []
        path = bob.media.local_path(f"media:{hashes[1]}")
        assert path is not None
        assert path.read_bytes() == data[1]
        assert list(bob.media.hashes()) == [hashes[1]]


def test_only_this_machine_says_what_is_run_on_another_one(ada: Repository, tmp_path: Path) -> None:
    """A repository that was copied does not bring the name of a program along."""
    ada.add_remote("lab", "ssh://lab.example.org/srv/photos", program="/opt/hdstore/bin/hdstore")
    assert ada._remotes.program("lab") == "/opt/hdstore/bin/hdstore"
    shutil.copytree(ada.folder, tmp_path / "copy")
    with hdstore.open(tmp_path / "copy") as copy:
        assert copy.remotes()["lab"] == "ssh://lab.example.org/srv/photos"
        assert copy._remotes.program("lab") == "hdstore"
