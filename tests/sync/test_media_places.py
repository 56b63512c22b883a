"""Exchanging kept media with a remote, whichever way it is reached."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sync.media_ends import PROGRAM, Ends, fill, left, make_ends, size_of

from hdstore.errors import CancelledError, MediaError, UntrustedError
from hdstore.ids import content_hash
from hdstore.sync.mediaplace import Transferred, media_place
from hdstore.sync.urls import parse_place


@pytest.fixture(params=["path", "ssh"])
def ends(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    """Two repositories."""
    yield from make_ends(tmp_path, request.param, monkeypatch)


def test_media_are_sent_and_fetched(ends: Ends) -> None:
    """What the receiving side lacks arrives whole; the second time nothing moves."""
    ours, theirs = fill(ends.near.media, 40), fill(ends.far.media, 40, seed=1)
    size = size_of(ends.near.media, ours)
    place = ends.connect()

    # The empty medium is on both sides.
    assert place.missing([*ours, *theirs]) == ours[1:]
    assert place.send(ends.near.media, ours) == Transferred(39, size)
    assert place.missing(ours) == []
    assert place.send(ends.near.media, iter(ours)) == Transferred()
    assert list(place.hashes()) == sorted({*ours, *theirs}) == list(ends.far.media.hashes())
    assert place.fetch(ends.near.media, theirs).files == 39
    assert not place.fetch(ends.near.media, theirs)

    for media in (ends.near.media, ends.far.media):
        assert list(media.hashes()) == sorted({*ours, *theirs})
        assert all(media.verify(hash) for hash in media.hashes())
        assert left(media) == []


def test_what_the_giving_side_lacks_is_told(ends: Ends) -> None:
    """The others come all the same."""
    here, there, nowhere = (
        ends.near.media.keep_bytes(b"1"),
        ends.far.media.keep_bytes(b"2"),
        content_hash(b"3"),
    )
    place = ends.connect()

    assert place.send(ends.near.media, [nowhere, here]) == Transferred(1, 1, (nowhere,))
    assert place.fetch(ends.near.media, [there, nowhere]) == Transferred(1, 1, (nowhere,))


def test_progress_counts_bytes(ends: Ends) -> None:
    """It begins with what is known and ends with all bytes."""
    ours = fill(ends.near.media, 10)
    size = size_of(ends.near.media, ours)
    told: list[tuple[str, int, int | None]] = []

    ends.connect().send(ends.near.media, ours, progress=lambda *step: told.append(step))

    assert told[-1] == ("Sending media", size, size)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_a_stopped_exchange_goes_on(ends: Ends) -> None:
    """What the caller raises comes out, from its own thread; the next exchange brings the rest."""
    ours = fill(ends.near.media, 60)
    theirs = fill(ends.far.media, 60, seed=1)
    caller = threading.get_ident()

    def stop(what: str, done: int, total: int | None) -> None:
        assert threading.get_ident() == caller
        if done:
            raise CancelledError("Stopped.")

    with pytest.raises(CancelledError):
        ends.connect().send(ends.near.media, ours, progress=stop)
    with pytest.raises(CancelledError):
        ends.connect().fetch(ends.near.media, theirs, progress=stop)
    place = ends.connect()
    place.send(ends.near.media, ours)
    place.fetch(ends.near.media, theirs)

    for media in (ends.near.media, ends.far.media):
        assert list(media.hashes()) == sorted({*ours, *theirs})
        assert all(media.verify(hash) for hash in media.hashes())
        assert left(media) == []


def test_a_part_is_gone_on_with(ends: Ends) -> None:
    """Only what is missing of it moves; a part that is wrong is dropped, and all of the medium moves."""
    for source, target in ((ends.near.media, ends.far.media), (ends.far.media, ends.near.media)):
        data = os.urandom(3 << 20)
        hash = source.keep_bytes(data)
        part = target.folder.parent / "tmp" / f"media-{hash}.part"
        for begun, moved in ((data[: 1 << 20], 2 << 20), (b"x" * (1 << 20), 3 << 20), (data, 0)):
            part.write_bytes(begun)
            place = ends.connect()
            move = place.send if source is ends.near.media else place.fetch
            assert move(ends.near.media, [hash]) == Transferred(1, moved)
            assert target.verify(hash)
            assert left(target) == []
            target.remove(hash)


def test_damaged_media_are_not_kept(ends: Ends) -> None:
    """The error names the medium; nothing of it is kept on the receiving side, nor gone on with."""
    near, far = ends.near.media, ends.far.media
    for data, source, target in ((b"right", near, far), (b"good!", far, near)):
        hash = source.keep_bytes(data)
        source.path_of(hash).chmod(0o644)
        source.path_of(hash).write_bytes(b"wrong")
        place = ends.connect()
        move = place.send if source is near else place.fetch

        with pytest.raises(MediaError, match=hash):
            move(near, [hash])

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


def test_a_folder_that_is_not_trusted_is_refused(ends: Ends) -> None:
    """A repository that would make git run something is not opened for its media either."""
    with (ends.far.hds / "config").open("a") as stream:
        stream.write("[core]\n\tfsmonitor = evil\n")

    with pytest.raises(UntrustedError):
        media_place(parse_place(str(ends.far.folder)))


def test_a_place_whose_empty_folders_were_left_out(ends: Ends) -> None:
    """A stick that was filled by a program which copies no empty folders receives media all the same."""
    shutil.rmtree(ends.far.media.folder)
    kept = ends.near.media.keep_bytes(b"x")

    ends.connect().send(ends.near.media, [kept])

    assert ends.far.media.verify(kept)


def test_two_processes_exchange_the_same_media_at_once(ends: Ends) -> None:
    """Neither disturbs the other; all is whole in the end."""
    ours, theirs = fill(ends.near.media, 60, large=4), fill(ends.far.media, 60, seed=1, large=4)
    code = (
        "import sys, hdstore\n"
        "from hdstore.sync.mediaplace import media_place\n"
        "from hdstore.sync.urls import parse_place\n"
        "place = media_place(parse_place(sys.argv[2]), program=sys.argv[3])\n"
        "media = hdstore.open(sys.argv[1]).media\n"
        "ours, theirs = list(media.hashes()), list(place.hashes())\n"
        "place.send(media, ours); place.fetch(media, theirs); place.close()\n"
    )
    url = str(ends.far.folder) if ends.kind == "path" else f"ssh://somewhere{ends.far.folder}"
    command = [sys.executable, "-c", code, str(ends.near.folder), url, PROGRAM]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]

    assert [process.communicate()[1] for process in processes] == [b"", b""]
    for media in (ends.near.media, ends.far.media):
        assert list(media.hashes()) == sorted({*ours, *theirs})
        assert all(media.verify(hash) for hash in media.hashes())
        assert left(media) == []


def test_a_full_disk_is_told_and_the_rest_comes_later(ends: Ends) -> None:
    """Whichever side's disk it is; what had arrived need not come again."""
    ours, theirs = fill(ends.near.media, 6, large=2), fill(ends.far.media, 6, seed=1, large=2)
    code = (
        "import resource, sys, hdstore\n"
        "from hdstore.errors import RemoteError, StorageError\n"
        "from hdstore.sync.mediaplace import media_place\n"
        "from hdstore.sync.urls import parse_place\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "place = media_place(parse_place(sys.argv[2]), program=sys.argv[3])\n"
        "media = hdstore.open(sys.argv[1]).media\n"
        "ours, theirs = list(media.hashes()), list(place.hashes())\n"
        "for move, hashes in ((place.send, ours), (place.fetch, theirs)):\n"
        "    try: move(media, hashes)\n"
        "    except (RemoteError, StorageError) as error: assert 'oo large' in str(error), error\n"
        "    else: raise SystemExit('all was kept')\n"
    )
    url = str(ends.far.folder) if ends.kind == "path" else f"ssh://somewhere{ends.far.folder}"
    command = [sys.executable, "-c", code, str(ends.near.folder), url, PROGRAM]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    place = ends.connect()

    place.send(ends.near.media, ours)
    place.fetch(ends.near.media, theirs)

    for media in (ends.near.media, ends.far.media):
        assert list(media.hashes()) == sorted({*ours, *theirs})
        assert all(media.verify(hash) for hash in media.hashes())
        assert left(media) == []
