"""Which media an exchange is about, where media are, and fetching them when they are first used."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import hdstore
from hdstore import Mask, Preview, Repository, SingleFrame, Source, View, ViewQuery
from hdstore.errors import CancelledError, InvalidInputError, MediaError, NotFoundError, RemoteError
from hdstore.ids import content_hash
from hdstore.repository.mediating import chosen_media, parse_choice
from hdstore.sync.mediaplace import Transferred


def kept(repository: Repository, *texts: str) -> list[str]:
    """Keeps texts as media and returns their hashes."""
    return [repository.media.keep_bytes(text.encode()) for text in texts]


def frame(frame_id: str, *uris: str) -> SingleFrame:
    """Returns a frame whose one source has these URIs: of itself, its mask, its preview."""
    uri, mask, preview = (*uris, "", "")[:3]
    return SingleFrame(
        id=frame_id,
        sources=(
            Source(
                id="00",
                uri=uri,
                masks=(Mask(id="m", uri=mask),) if mask else (),
                preview=Preview(uri=preview) if preview else None,
            ),
        ),
    )


@pytest.fixture
def ada(tmp_path: Path) -> Iterator[Repository]:
    """Two versions with kept media, a view of one of them, and an old commit that names one more."""
    (tmp_path / "ada").mkdir()
    with hdstore.init(tmp_path / "ada") as made:
        a, mask, preview, b, old = kept(made, "a", "mask", "preview", "b", "old")
        first = made.create_dataset("cats").current()
        first.add_frames([frame("1", f"media:{a}", f"media:{mask}", f"media:{preview}")])
        second = made.create_dataset("dogs").current()
        second.add_frames([frame("2", f"media:{old}")])
        second.add_frames([frame("2", f"media:{b}"), frame("3", "media:not a hash")])
        view = View(queries=(ViewQuery(dataset="cats", version="Current"),))
        made.create_view("train", view)
        made.add_remote("origin", str(tmp_path / "hub"))
        yield made


@pytest.fixture
def bob(ada: Repository, tmp_path: Path) -> Iterator[Repository]:
    """A clone of what Ada pushed, without media."""
    ada.push()
    with hdstore.clone(tmp_path / "hub", tmp_path / "bob") as made:
        yield made


def names(repository: Repository, choice: str | tuple[str, ...]) -> list[str]:
    """Returns the texts that the chosen media hold."""
    known = {content_hash(text.encode()): text for text in ("a", "mask", "preview", "b", "old")}
    return sorted(known[hash] for hash in chosen_media(repository._core, parse_choice(choice)))


def test_a_choice_names_media(ada: Repository) -> None:
    """Of a version, of a view, of several, of all commits; each medium once, and what is no hash not at all."""
    assert names(ada, "none") == []
    assert names(ada, "version:cats/Current") == ["a", "mask", "preview"]
    assert names(ada, "version:dogs/Current") == ["b"]
    assert names(ada, "view:train") == ["a", "mask", "preview"]
    assert names(ada, ("view:train", "version:cats/Current", "version:dogs/Current")) == [
        "a",
        "b",
        "mask",
        "preview",
    ]
    assert names(ada, "all") == ["a", "b", "mask", "old", "preview"]


def test_a_choice_that_means_nothing_is_refused(ada: Repository) -> None:
    """Words nobody knows, and versions and views that are not there."""
    for choice in ("some", "view:", "version:", "VIEW:x"):
        with pytest.raises(InvalidInputError, match="chosen by"):
            parse_choice(choice)
    with pytest.raises(InvalidInputError, match="DATASET/VERSION"):
        names(ada, "version:cats")
    for choice in ("version:cats/none", "version:none/x", "view:none"):
        with pytest.raises(NotFoundError):
            names(ada, choice)


def test_looking_for_media_can_be_stopped(ada: Repository) -> None:
    """By what the progress callback raises."""

    def stop(what: str, done: int, total: int | None) -> None:
        raise CancelledError("Stopped.")

    with pytest.raises(CancelledError):
        list(chosen_media(ada._core, parse_choice("all"), progress=stop))


def test_a_push_sends_and_a_fetch_brings_what_was_chosen(
    bob: Repository, ada: Repository, tmp_path: Path
) -> None:
    """All that is kept goes to the remote; nothing comes with a clone; what a view needs comes alone."""
    with hdstore.open(tmp_path / "hub") as hub:
        assert list(hub.media.hashes()) == list(ada.media.hashes())
    assert list(bob.media.hashes()) == []

    assert bob.fetch_media("view:train") == Transferred(3, len("amaskpreview"))
    assert bob.fetch_media("view:train") == Transferred()
    assert sorted(bob.media.hashes()) == sorted(content_hash(x) for x in (b"a", b"mask", b"preview"))
    assert bob.fetch_media(remote="origin").files == 2
    assert list(bob.media.hashes()) == list(ada.media.hashes())
    assert bob.verify_media() == []


def test_media_come_from_whichever_remote_has_them(bob: Repository, ada: Repository, tmp_path: Path) -> None:
    """What origin lost is at another one; a remote that is gone stands in nobody's way who lacks nothing."""
    (a,) = kept(ada, "a")
    with hdstore.open(tmp_path / "hub") as hub:
        hub.media.remove(a)
    assert bob.fetch_media("version:cats/Current").missing == (a,)
    bob.add_remote("ada", str(ada.folder))
    assert bob.fetch_media("version:cats/Current") == Transferred(1, 1)
    assert bob.media.verify(a)

    bob.add_remote("gone", str(tmp_path / "gone"))
    assert not bob.fetch_media("version:cats/Current")
    bob.remove_remote("gone")
    for name in ("ada", "origin"):
        bob.remove_remote(name)
    with pytest.raises(NotFoundError, match="no remote"):
        bob.fetch_media()


def test_media_are_fetched_when_they_are_used(bob: Repository) -> None:
    """By several threads at once; who only looks fetches nothing; what nobody has is None, and asked for once."""
    a, b = content_hash(b"a"), content_hash(b"b")
    assert bob.media.local_path(f"media:{a}", fetch=False) is None
    found: list[Path | None] = []

    def use() -> None:
        found.append(bob.media.local_path(f"media:{a}"))

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [bob.media.path_of(a)] * 6
    assert bob.media.local_path(f"media:{content_hash(b'nobody')}") is None
    assert bob.media.local_path(f"media:{b}") == bob.media.path_of(b)
    bob.close()
    assert bob.media.local_path(f"media:{content_hash(b'mask')}") is not None


def test_a_forked_child_fetches_by_itself(bob: Repository) -> None:
    """As the workers of a loader do: its parent's connection is not used, nor ended."""
    assert bob.media.local_path(f"media:{content_hash(b'a')}") is not None
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = int(bob.media.local_path(f"media:{content_hash(b'b')}") is None)
            bob.close()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert bob.media.local_path(f"media:{content_hash(b'mask')}") is not None


def test_a_remote_that_is_away_is_told(bob: Repository, tmp_path: Path) -> None:
    """The reason is in the error of who wants the medium; the next one is not made to wait for it again."""
    (tmp_path / "hub" / ".hds" / "config").write_text("[core]\n\tbare = true\n\tfsmonitor = evil\n")
    a = content_hash(b"a")
    for _ in range(2):
        with pytest.raises(MediaError, match=r"origin: .*fsmonitor"):
            bob.media.local_path(f"media:{a}")
    assert bob.media.local_path(f"media:{a}", fetch=False) is None


def test_damage_at_a_remote_is_not_brought_here(bob: Repository, tmp_path: Path) -> None:
    """The error names the medium; others still come."""
    a, b = content_hash(b"a"), content_hash(b"b")
    with hdstore.open(tmp_path / "hub") as hub:
        hub.media.path_of(a).chmod(0o644)
        hub.media.path_of(a).write_bytes(b"x")
        assert hub.verify_media() == [a]

    with pytest.raises(MediaError, match=a):
        bob.media.local_path(f"media:{a}")

    assert not bob.media.has(a)
    assert bob.media.local_path(f"media:{b}") is not None


def test_remotes_of_a_copied_repository_are_not_asked_unasked(bob: Repository, tmp_path: Path) -> None:
    """A stranger's remotes would be; after somebody here has exchanged with one, it is asked."""
    bob.close()
    os.system(f"cp -r {tmp_path / 'bob'} {tmp_path / 'copy'}")
    uri = f"media:{content_hash(b'a')}"
    with hdstore.open(tmp_path / "copy") as copy:
        assert copy.media.local_path(uri) is None
        copy.fetch_media("none", remote="origin")
        assert copy.media.local_path(uri) is not None


def test_the_status_says_where_media_are(bob: Repository, ada: Repository, tmp_path: Path) -> None:
    """Kept here, at a remote, nowhere; links that are there, that are gone, that this machine can not know."""
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "here.jpg").write_bytes(b"1234")
    bob.roots.add("photos", photos)
    lost = content_hash(b"lost")
    draft = bob.dataset("cats").current()
    draft.add_frames(
        [
            frame("l1", "root:photos/here.jpg", f"media:{lost}"),
            frame("l2", "root:photos/gone.jpg", "root:unknown/x.jpg", "https://example.org/x.jpg"),
            frame("l3", "root:photos/here.jpg", "file:///etc/passwd"),
        ]
    )
    bob.media.local_path(f"media:{content_hash(b'a')}")
    bob.add_remote("gone", f"ssh://127.0.0.1:1{tmp_path}/x")

    status = bob.media_status()

    assert (status.kept, status.kept_bytes) == (1, 1)
    assert status.fetchable == 3
    assert status.remotes == {"origin": 3}
    assert status.nowhere == 2
    assert status.examples == {lost: "l1"}
    assert list(status.unreachable) == ["gone"]
    linked = {part.place: part for part in status.linked}
    assert (linked["root:photos"].present, linked["root:photos"].absent) == (1, 1)
    assert linked["root:photos"].missing == {"root:photos/gone.jpg": "There is no such file."}
    assert "hdstore root add unknown" in linked["root:unknown"].missing["root:unknown/x.jpg"]
    assert linked["https:"].elsewhere == 1
    assert "allow" in linked["file:"].missing["file:///etc/passwd"]
    assert bob.media_status("dogs/Current").fetchable == 1


def test_what_a_remote_may_have_is_no_damage(bob: Repository) -> None:
    """fsck is silent about media that are fetched when they are used, and finds them missing without any remote."""
    assert bob.fsck() == []
    bob.remove_remote("origin")
    assert {finding.kind for finding in bob.fsck()} == {"media"}


def test_a_push_to_a_host_of_git_alone_sends_no_media(ada: Repository) -> None:
    """Nobody is asked for what such a host can not keep."""
    ada.add_remote("web", "git@github.com:x/y.git")
    with pytest.raises(RemoteError):
        ada.add_remote("bad", "ext::x")
    assert not hdstore.repository.mediating.push_media(ada._core, "web", "all")


def test_gc_leaves_parts_for_as_long_as_other_things(bob: Repository) -> None:
    """Who fetches a film over a weekend finds on Monday what had arrived."""
    hash = content_hash(b"a film")
    with bob.media.keeping() as keeper, keeper.part(hash, 100) as part:
        part.write(b"a fi")
    place = bob.hds / "hdstore" / "tmp" / f"media-{hash}.part"
    weekend = time.time() - 3 * 86400
    os.utime(place, (weekend, weekend))

    assert bob.gc().media_bytes == 0
    assert bob.media.part_size(hash) == 4
    assert bob.gc(grace=86400).media_bytes == 4
    assert not place.exists()


def test_a_prefetch_brings_many_at_once(bob: Repository, tmp_path: Path) -> None:
    """What the remotes have comes here; what they lack, or can not be asked for, is in the report."""
    hub = tmp_path / "hub" / ".hds" / "hdstore" / "media"
    lost = content_hash(b"mask")
    (hub / lost[:2] / lost).unlink()

    report = bob.data_view("train").prefetch(previews=True)

    assert (report.found, report.size) == (2, len("apreview"))
    assert list(report.missing) == [f"media:{lost}"]
    assert bob.media.has(content_hash(b"preview"))


def test_a_prefetch_without_its_remote_says_why(bob: Repository, tmp_path: Path) -> None:
    """For each medium, and at once."""
    (tmp_path / "hub" / ".hds" / "config").write_text("[core]\n\tbare = true\n\tfsmonitor = evil\n")

    report = bob.data_view("train").prefetch()

    assert report.found == 0
    assert all("fsmonitor" in reason for reason in report.missing.values())
