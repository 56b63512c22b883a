"""Where the bytes of a URI lie on this machine, and where they must not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.errors import HdstoreError, MediaError, UntrustedError
from hdstore.ids import content_hash
from hdstore.media import Media

Write = Callable[..., Path]


def test_kept_media_are_found_by_their_hash(media: Media) -> None:
    """A path where they are kept, None where they are not."""
    kept = media.keep_bytes(b"x")

    assert media.local_path(f"media:{kept}") == media.path_of(kept)
    assert media.local_path(f"media:{'0' * 64}") is None


def test_linked_files_are_found_under_their_root(media: Media, photos: Path, write: Write) -> None:
    """By name alone, and with the size that the frame remembers."""
    path = write(photos / "train/ü 1%.jpg", b"12345")

    assert media.local_path("root:photos/train/ü 1%.jpg") == path
    assert media.local_path("root:photos/train/ü 1%.jpg", size=5) == path
    assert media.local_path("root:photos/train") is None
    assert media.local_path("root:photos/missing.jpg") is None
    assert media.local_path("root:elsewhere/a.jpg") is None


def test_what_lies_on_servers_has_no_local_path(media: Media) -> None:
    """Other schemes, and what is no URI at all, are None and never tried."""
    for uri in ("https://a/b.jpg", "s3://bucket/a", "gs://b/a", "ftp://x/y", "/etc/passwd", "a.jpg", "", ":"):
        assert media.local_path(uri) is None


def test_a_file_that_was_changed_is_named(media: Media, photos: Path, write: Write) -> None:
    """Another size than the frame remembers is an error, not another picture."""
    write(photos / "a.jpg", b"12345")

    with pytest.raises(MediaError, match="5 bytes, not 4"):
        media.local_path("root:photos/a.jpg", size=4)


def test_kept_bytes_stand_for_a_missing_file(media: Media, photos: Path, write: Write) -> None:
    """Also where the file was changed, and where this machine does not know the root."""
    kept = media.keep_bytes(b"1234")
    write(photos / "changed.jpg", b"12345")

    for uri in ("root:photos/a.jpg", "root:elsewhere/a.jpg", "root:photos/changed.jpg"):
        assert media.local_path(uri, hash=kept, size=4) == media.path_of(kept)


def test_a_moved_file_is_found_again(media: Media, photos: Path, write: Write) -> None:
    """By size and hash, among others of the same size, also after it was renamed in another folder."""
    for i in range(3):
        write(photos / f"train/{i}.jpg", b"other%d" % i)
    write(photos / "val/deep/new.jpg", b"wanted")

    def ask() -> Path | None:
        return media.local_path("root:photos/train/9.jpg", hash=content_hash(b"wanted"), size=6)

    assert ask() == photos / "val/deep/new.jpg"
    assert ask() == photos / "val/deep/new.jpg"
    assert media.local_path("root:photos/x", hash=content_hash(b"absent"), size=6) is None
    assert media.local_path("root:photos/x", hash=content_hash(b"wanted")) is None
    assert media.local_path("root:photos/x", hash="md5:123", size=6) is None


def test_a_moved_file_that_goes_away_is_not_told_again(media: Media, photos: Path, write: Write) -> None:
    """What was found before is looked at again each time."""
    place = write(photos / "new.jpg", b"wanted")
    hash = content_hash(b"wanted")
    assert media.local_path("root:photos/old.jpg", hash=hash, size=6) == place

    place.write_bytes(b"WANTED")
    assert media.local_path("root:photos/old.jpg", hash=hash, size=6) is None
    place.unlink()
    assert media.local_path("root:photos/old.jpg", hash=hash, size=6) is None


def test_moved_files_are_not_looked_for_elsewhere(
    media: Media, photos: Path, tmp_path: Path, write: Write
) -> None:
    """Neither behind links that leave the root, nor in a repository's own folders."""
    hash = content_hash(b"wanted")
    write(tmp_path / "outside/a", b"wanted")
    (photos / "link").symlink_to(tmp_path / "outside")
    (photos / "file").symlink_to(tmp_path / "outside/a")
    write(photos / ".hds/a", b"wanted")
    write(photos / "data/.git/a", b"wanted")

    assert media.local_path("root:photos/old", hash=hash, size=6) is None


def test_threads_look_for_moved_files_at_once(media: Media, photos: Path, write: Write) -> None:
    """All find the same files."""
    for i in range(50):
        write(photos / f"new/{i:02}", b"%02d" % i)
    found: list[list[Path | None]] = []

    def ask() -> None:
        uris = [f"root:photos/old/{i}" for i in range(50)]
        found.append(
            [media.local_path(uri, hash=content_hash(b"%02d" % i), size=2) for i, uri in enumerate(uris)]
        )

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [[photos / f"new/{i:02}" for i in range(50)]] * 4


def test_file_uris_are_read_where_this_machine_allows(
    media: Media, photos: Path, tmp_path: Path, write: Write
) -> None:
    """Under a root or an allowed place; percent-encoded, or as it stands."""
    inside, outside = write(photos / "a b.jpg"), write(tmp_path / "other/100%.jpg")

    assert media.local_path(inside.as_uri()) == inside
    assert media.local_path(f"file://localhost{inside}") == inside
    assert media.local_path(f"file://{inside}") == inside
    assert media.local_path(f"file://{photos}/missing") is None
    with pytest.raises(UntrustedError, match="no place that this machine allows"):
        media.local_path(outside.as_uri())

    media.roots.allow(outside.parent)

    assert media.local_path(outside.as_uri()) == outside
    assert media.local_path(f"file://{outside}") == outside
    with pytest.raises(MediaError, match="not 3"):
        media.local_path(outside.as_uri(), size=3)


def test_file_uris_do_not_leave_what_is_allowed(
    media: Media, photos: Path, tmp_path: Path, write: Write
) -> None:
    """Climbing, encoded climbing, links and folders whose name only begins alike."""
    write(tmp_path / "secret")
    write(tmp_path / "pictures2/a")
    (photos / "link").symlink_to(tmp_path / "secret")

    for name in ("../secret", "link", "../pictures2/a"):
        with pytest.raises(UntrustedError):
            media.local_path(f"file://{photos}/{name}")
    for name in ("%2e%2e/secret", "..%2Fsecret"):
        assert media.local_path(f"file://{photos}/{name}") is None
    assert media.local_path(f"file://server{photos}/link") is None
    assert media.local_path("file:relative") is None


def test_roots_do_not_leave_their_place(media: Media, photos: Path, tmp_path: Path, write: Write) -> None:
    """Also where the root is unknown here, or the bytes are kept."""
    kept = media.keep(write(tmp_path / "secret"))
    (photos / "link").symlink_to(tmp_path / "secret")

    for uri in ("root:photos/../secret", "root:unknown/../secret", "root:photos//etc", "root:photos/link"):
        with pytest.raises(UntrustedError):
            media.local_path(uri, hash=kept, size=4)


names = st.lists(
    st.sampled_from(["..", ".", "", "a", "out", "%2e%2e", "%00", "\0", "C:", "\\..", "\ud800", "secret"])
    | st.text(max_size=3),
    max_size=6,
).map("/".join)


@given(st.sampled_from(["root:photos/", "file://{place}/", "file:///", "media:", "file:", "root:"]), names)
def test_no_uri_reads_what_lies_outside(media: Media, photos: Path, start: str, name: str) -> None:
    """Whatever a stranger writes, the answer is inside the root, None, or an error of ours."""
    if not (photos / "out").is_symlink():
        (photos / "out").symlink_to("/")
        (photos / "a").write_text("a")
        (photos.parent / "secret").write_text("secret")

    try:
        path = media.local_path(start.format(place=photos) + name)
    except HdstoreError:
        return

    assert path is None or path == photos / "a"
