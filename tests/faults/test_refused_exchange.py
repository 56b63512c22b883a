"""An exchange that was refused changes nothing: neither the versions nor what the next one is decided by."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import hdstore
from hdstore import Author, Repository, SetFrameMetadata, SingleFrame, Source

ADA = Author("Ada Lovelace", "ada@example.org")


@pytest.fixture
def pair(folder: Path, place: Path) -> tuple[Repository, Repository]:
    """Returns two repositories with one remote between them."""
    hub = place / "hub"
    ours = hdstore.open(folder, author=ADA)
    ours.add_remote("origin", str(hub))
    ours.push()
    return ours, hdstore.clone(hub, place / "theirs", author=ADA)


def test_a_refused_push_is_refused_again(pair: tuple[Repository, Repository]) -> None:
    """Deleting a version that somebody else went on with is refused however often it is pushed."""
    ours, theirs = pair
    draft = theirs.version("plates/side")
    draft.apply(SetFrameMetadata(frame_id="f3", set={"work": "theirs"}))
    theirs.push()
    ours.version("plates/side").delete()
    for _ in range(3):
        with pytest.raises(hdstore.ConflictError):
            ours.push()
    theirs.pull()
    assert theirs.version("plates/side").frame("f3").metadata["work"] == "theirs"


def test_a_medium_that_is_refused_can_be_fetched_again(
    pair: tuple[Repository, Repository], place: Path
) -> None:
    """One that is damaged at the remote is named, and comes once it is mended; versions come all the same."""
    ours, theirs = pair
    kept = theirs.media.keep_bytes(b"a medium that will be hurt")
    source = Source(uri=f"media:{kept}")
    theirs.version("plates/Current").add_frames([SingleFrame(id="new", sources=(source,))])
    theirs.version("plates/side").delete()
    theirs.push()
    hurt = place / "hub" / ".hds" / "hdstore" / "media" / kept[:2] / kept
    good = hurt.read_bytes()
    hurt.chmod(0o644)
    hurt.write_bytes(b"A" + good[1:])
    for _ in range(2):
        with pytest.raises(hdstore.MediaError, match=kept):
            ours.pull(media="all")
        assert "new" in ours.version("plates/Current")
        assert "plates/side" not in {version.path for version in ours.dataset("plates").versions()}
        assert ours.fsck() == []
        assert not ours.media.has(kept)
    hurt.write_bytes(good)
    ours.pull(media="all")
    assert ours.media.verify(kept)


def test_a_clone_that_fails_leaves_nothing(pair: tuple[Repository, Repository], place: Path) -> None:
    """A damaged object at the other side stops the clone; the folder is as it was, and takes the next clone."""
    hub, target = place / "hub", place / "target"
    packs = hub / ".hds" / "objects" / "pack"
    shutil.copytree(packs, place / "aside")
    for pack in packs.glob("*.pack"):
        pack.chmod(0o644)
        data = bytearray(pack.read_bytes())
        data[len(data) // 2] ^= 1
        pack.write_bytes(data)
    with pytest.raises(hdstore.HdstoreError):
        hdstore.clone(hub, target, author=ADA)
    assert not target.exists()
    target.mkdir()
    with pytest.raises(hdstore.HdstoreError):
        hdstore.clone(hub, target, author=ADA)
    assert list(target.iterdir()) == []
    shutil.rmtree(packs)
    shutil.move(place / "aside", packs)
    assert hdstore.clone(hub, target, author=ADA).fsck() == []
