"""Exchanging kept media with a remote, whichever way it is reached."""

from __future__ import annotations

import os
import random
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import hdstore
from hdstore import Repository
from hdstore.errors import CancelledError, MediaError, UntrustedError
from hdstore.ids import content_hash
from hdstore.media import Media
from hdstore.sync import parse_place
from hdstore.sync.mediaplace import MediaPlace, Transferred, media_place

Connect = Callable[[], MediaPlace]

PROGRAM = str(Path(sys.executable).with_name("hdstore"))


def local_ssh(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a program in the place of ssh that runs the command here, whatever the host."""
    script = folder / "ssh"
    script.write_text('#!/bin/sh\nfor last; do :; done\nexec sh -c "exec $last"\n')
    script.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(script))


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Repository]:
    """The repository on this side."""
    (tmp_path / "near").mkdir()
    with hdstore.init(tmp_path / "near") as made:
        yield made


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Repository]:
    """The repository at the other end."""
    (tmp_path / "far").mkdir()
    with hdstore.init(tmp_path / "far") as made:
        yield made


@pytest.fixture(params=["path", "ssh"])
def connect(
    request: pytest.FixtureRequest, far: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connect]:
    """Returns a function that opens the other end's media."""
    opened: list[MediaPlace] = []
    local_ssh(tmp_path, monkeypatch)
    url = str(far.folder) if request.param == "path" else f"ssh://somewhere{far.folder}"

    def connect() -> MediaPlace:
        place = media_place(parse_place(url), program=PROGRAM)
        assert place is not None
        opened.append(place)
        return place

    yield connect
    for place in opened:
        place.close()


def fill(media: Media, count: int, seed: int = 0) -> list[str]:
    """Keeps media of several sizes, an empty one and one of several chunks among them; returns their hashes."""
    chance = random.Random(seed)
    sizes = [0, (2 << 20) + 7, *(chance.randrange(1, 3000) for _ in range(count - 2))]
    with media.keeping() as keeper:
        return [keeper.keep_bytes(chance.randbytes(size)) for size in sizes]


def left(media: Media) -> list[str]:
    """Returns what lies in the tmp folder."""
    return sorted(os.listdir(media.folder.parent / "tmp"))


def test_media_are_sent_and_fetched(near: Repository, far: Repository, connect: Connect) -> None:
    """What the receiving side lacks arrives whole; the second time nothing moves."""
    ours, theirs = fill(near.media, 40), fill(far.media, 40, seed=1)
    size = sum(near.media.path_of(hash).stat().st_size for hash in ours)
    place = connect()

    # The empty medium is on both sides.
    assert place.missing([*ours, *theirs]) == ours[1:]
    assert place.send(near.media, ours) == Transferred(39, size)
    assert place.missing(ours) == []
    assert place.send(near.media, iter(ours)) == Transferred()
    assert list(place.hashes()) == sorted({*ours, *theirs}) == list(far.media.hashes())
    assert place.fetch(near.media, theirs).files == 39
    assert not place.fetch(near.media, theirs)

    for media in (near.media, far.media):
        assert list(media.hashes()) == sorted({*ours, *theirs})
        assert all(media.verify(hash) for hash in media.hashes())
        assert left(media) == []


def test_what_the_giving_side_lacks_is_told(near: Repository, far: Repository, connect: Connect) -> None:
    """The others come all the same."""
    here, there, nowhere = near.media.keep_bytes(b"1"), far.media.keep_bytes(b"2"), content_hash(b"3")
    place = connect()

    assert place.send(near.media, [nowhere, here]) == Transferred(1, 1, (nowhere,))
    assert place.fetch(near.media, [there, nowhere]) == Transferred(1, 1, (nowhere,))


def test_progress_counts_bytes(near: Repository, connect: Connect) -> None:
    """It begins with what is known and ends with all bytes."""
    ours = fill(near.media, 10)
    size = sum(near.media.path_of(hash).stat().st_size for hash in ours)
    told: list[tuple[str, int, int | None]] = []

    connect().send(near.media, ours, progress=lambda *step: told.append(step))

    assert told[-1] == ("Sending media", size, size)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_a_stopped_exchange_goes_on(near: Repository, far: Repository, connect: Connect) -> None:
    """What the caller raises comes out, from its own thread; the next exchange brings the rest."""
    ours = fill(near.media, 60)
    theirs = fill(far.media, 60, seed=1)
    caller = threading.get_ident()

    def stop(what: str, done: int, total: int | None) -> None:
        assert threading.get_ident() == caller
        if done:
            raise CancelledError("Stopped.")

    with pytest.raises(CancelledError):
        connect().send(near.media, ours, progress=stop)
    with pytest.raises(CancelledError):
        connect().fetch(near.media, theirs, progress=stop)
    place = connect()
    place.send(near.media, ours)
    place.fetch(near.media, theirs)

    for media in (near.media, far.media):
        assert list(media.hashes()) == sorted({*ours, *theirs})
        assert all(media.verify(hash) for hash in media.hashes())
        assert left(media) == []


def test_a_part_is_gone_on_with(near: Repository, far: Repository, connect: Connect) -> None:
    """Only what is missing of it moves; a part that is wrong is dropped, and all of the medium moves."""
    for source, target in ((near.media, far.media), (far.media, near.media)):
        data = os.urandom(3 << 20)
        hash = source.keep_bytes(data)
        part = target.folder.parent / "tmp" / f"media-{hash}.part"
        for begun, moved in ((data[: 1 << 20], 2 << 20), (b"x" * (1 << 20), 3 << 20), (data, 0)):
            part.write_bytes(begun)
            place = connect()
            move = place.send if source is near.media else place.fetch
            assert move(near.media, [hash]) == Transferred(1, moved)
            assert target.verify(hash)
            assert left(target) == []
            target.remove(hash)


def test_damaged_media_are_not_kept(near: Repository, far: Repository, connect: Connect) -> None:
    """The error names the medium; nothing of it is kept on the receiving side, nor gone on with."""
    for data, source, target in ((b"right", near.media, far.media), (b"good!", far.media, near.media)):
        hash = source.keep_bytes(data)
        source.path_of(hash).chmod(0o644)
        source.path_of(hash).write_bytes(b"wrong")
        place = connect()
        move = place.send if source is near.media else place.fetch

        with pytest.raises(MediaError, match=hash):
            move(near.media, [hash])

        assert not target.has(hash)
        assert left(target) == []


def test_places_without_media(tmp_path: Path) -> None:
    """A bare git repository, an empty folder, a web host: they keep no media."""
    os.system(f"git init -q --bare {tmp_path / 'bare'}")
    for url in (
        str(tmp_path / "bare"),
        str(tmp_path / "none"),
        "https://example.org/x",
        "git://example.org/x",
    ):
        assert media_place(parse_place(url)) is None


def test_a_folder_that_is_not_trusted_is_refused(far: Repository) -> None:
    """A repository that would make git run something is not opened for its media either."""
    with (far.hds / "config").open("a") as stream:
        stream.write("[core]\n\tfsmonitor = evil\n")

    with pytest.raises(UntrustedError):
        media_place(parse_place(str(far.folder)))


def test_a_place_whose_empty_folders_were_left_out(
    near: Repository, far: Repository, connect: Connect
) -> None:
    """A stick that was filled by a program which copies no empty folders receives media all the same."""
    shutil.rmtree(far.media.folder)
    kept = near.media.keep_bytes(b"x")

    connect().send(near.media, [kept])

    assert far.media.verify(kept)
