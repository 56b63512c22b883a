"""Files turned into sources."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hdstore.errors import InvalidValueError, MediaError, NotFoundError
from hdstore.ids import content_hash
from hdstore.media import Media
from hdstore.model import Source

OpenMedia = Callable[[], Media]
Write = Callable[..., Path]


def test_a_linked_picture_becomes_a_source(media: Media, photos: Path, draw: Write) -> None:
    """Its URI is the root and the path below, and its size is told in bytes and pixels."""
    path = draw(photos / "train/ü 1%.png", (6, 4))

    source = media.linker().source(path)

    assert source == Source(
        uri="root:photos/train/ü 1%.png",
        hash=content_hash(path.read_bytes()),
        size=path.stat().st_size,
        content_type="image/png",
        width=6,
        height=4,
    )
    assert media.local_path(source.uri, hash=source.hash, size=source.size) == path
    assert not media.has(source.hash)


def test_a_stored_picture_becomes_a_source(media: Media, tmp_path: Path, draw: Write) -> None:
    """Its URI is its hash, its bytes are kept, and no root is needed."""
    path = draw(tmp_path / "a.png", (6, 4))

    source = media.linker(policy="store").source(path)

    assert source.uri == f"media:{source.hash}"
    assert media.verify(source.hash)
    assert (source.content_type, source.width, source.height) == ("image/png", 6, 4)
    path.unlink()
    assert media.local_path(source.uri) == media.path_of(source.hash)


def test_further_fields_win(media: Media, photos: Path, draw: Write) -> None:
    """The caller knows better, and may name the source."""
    source = media.linker().source(draw(photos / "a.png"), "left", timestamp=40, width=8)

    assert (source.id, source.timestamp, source.width, source.height) == ("left", 40, 8, 4)


def test_relative_paths_begin_at_the_base(
    media: Media, photos: Path, draw: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the given folder, else at that of the process; also with dots in between."""
    draw(photos / "train/a.png")
    monkeypatch.chdir(photos)

    for linker, name in (
        (media.linker(base=photos / "train"), "a.png"),
        (media.linker(), "train/a.png"),
        (media.linker(base=photos / "val"), photos / "train" / "a.png"),
        (media.linker(base=photos), "./train/../train/a.png"),
    ):
        assert linker.source(name).uri == "root:photos/train/a.png"


def test_the_deepest_root_gives_the_shortest_path(media: Media, photos: Path, draw: Write) -> None:
    """Unless one is named, which the file must then lie under."""
    path = draw(photos / "deep/er/a.png")
    media.roots.add("zoo", photos / "deep/er")
    media.roots.add("empty", draw(photos / "empty/b.png").parent)

    assert media.linker().uri(path) == "root:zoo/a.png"
    assert media.linker(root="photos").uri(path) == "root:photos/deep/er/a.png"
    with pytest.raises(MediaError, match="root 'empty'"):
        media.linker(root="empty").uri(path)
    with pytest.raises(NotFoundError, match="no root 'other'"):
        media.linker(root="other")


def test_a_file_outside_of_all_roots_needs_a_decision(
    media: Media, photos: Path, tmp_path: Path, draw: Write
) -> None:
    """By default it is an error that says what to do; the policy "file" names it by its place."""
    outside, inside = draw(tmp_path / "other/a b.png"), draw(photos / "a.png")

    with pytest.raises(MediaError, match="name its folder as a root"):
        media.linker().source(outside)
    linker = media.linker(policy="file")
    assert linker.source(outside).uri == outside.as_uri()
    assert linker.source(inside).uri == "root:photos/a.png"
    media.roots.allow(outside.parent)
    assert media.local_path(outside.as_uri()) == outside
    with pytest.raises(InvalidValueError, match="'copy'"):
        media.linker(policy="copy")  # type: ignore[arg-type]


def test_links_are_named_by_where_they_can_be_read(
    media: Media, photos: Path, tmp_path: Path, draw: Write
) -> None:
    """Within the root by their own name, into another root by that root, and elsewhere not at all."""
    pool = tmp_path / "pool"
    draw(pool / "p.png")
    draw(photos / "real/a.png")
    draw(tmp_path / "out/b.png")
    media.roots.add("pool", pool)
    (photos / "same").symlink_to(photos / "real")
    (photos / "a.png").symlink_to(photos / "real/a.png")
    (photos / "p.png").symlink_to(pool / "p.png")
    (photos / "b.png").symlink_to(tmp_path / "out/b.png")
    linker = media.linker()

    for name, uri in {
        "same/a.png": "root:photos/same/a.png",
        "a.png": "root:photos/a.png",
        "p.png": "root:pool/p.png",
    }.items():
        source = linker.source(photos / name)
        assert source.uri == uri
        assert media.local_path(uri) == (photos / name).resolve()
    with pytest.raises(MediaError, match="does not lie under"):
        linker.source(photos / "b.png")


def test_a_root_may_be_reached_by_a_link(media: Media, photos: Path, tmp_path: Path, draw: Write) -> None:
    """A folder that has two names is one root."""
    draw(photos / "a.png")
    (tmp_path / "shortcut").symlink_to(photos)

    assert media.linker().source(tmp_path / "shortcut/a.png").uri == "root:photos/a.png"


def test_names_that_are_not_utf8_are_refused(media: Media, photos: Path, draw: Write) -> None:
    """Other machines could not read them; the error shows the bytes."""
    path = Path(os.fsdecode(os.fsencode(photos) + b"/caf\xe9.png"))
    shutil.copy(draw(photos / "a.png"), path)

    with pytest.raises(InvalidValueError, match=r"caf\\xe9\.png' is not UTF-8"):
        media.linker().source(path)
    shutil.move(path, photos.parent / path.name)
    with pytest.raises(InvalidValueError, match="not UTF-8"):
        media.linker(policy="file").source(photos.parent / path.name)
    assert media.linker(policy="store").source(photos.parent / path.name).width == 6


def test_a_uri_needs_no_file(media: Media, photos: Path) -> None:
    """Labels may come before their pictures; bytes that are kept by their hash can not."""
    assert media.linker().uri(photos / "later.jpg") == "root:photos/later.jpg"
    with pytest.raises(MediaError, match="only its bytes"):
        media.linker(policy="store").uri(photos / "later.jpg")


def test_broken_pictures_become_sources_with_a_warning(media: Media, photos: Path, write: Write) -> None:
    """The bytes are what they are; the reader of the warnings decides."""
    linker = media.linker()

    source = linker.source(write(photos / "torn.jpg", b"\xff\xd8\xff\xe0"))
    empty = linker.source(write(photos / "empty.png", b""))

    assert (source.content_type, source.width, source.size) == ("image/jpeg", None, 4)
    assert (empty.content_type, empty.width, empty.size) == ("image/png", None, 0)
    assert empty.hash == content_hash(b"")
    assert [warning.split(" is ")[0] for warning in linker.warnings] == ["torn.jpg", "empty.png"]
    linker.source(photos / "torn.jpg")
    assert len(linker.warnings) == 3


def test_what_is_no_file_is_named(media: Media, photos: Path) -> None:
    """Missing files, folders and pipes."""
    os.mkfifo(photos / "pipe")
    for policy in ("link", "store"):
        for name in ("missing.jpg", "", "pipe"):
            with pytest.raises(MediaError, match=r"can not be read|not a regular file"):
                media.linker(policy=policy, base=photos).source(name)


def test_too_many_pixels_are_not_kept(media: Media, tmp_path: Path, draw: Write) -> None:
    """What is refused leaves nothing in the store."""
    path = draw(tmp_path / "bomb.bmp")
    data = bytearray(path.read_bytes())
    data[18:26] = (50_000).to_bytes(4, "little") * 2
    path.write_bytes(data)

    with pytest.raises(MediaError, match="50000 x 50000"):
        media.linker(policy="store").source(path)
    assert list(media.hashes()) == []


@pytest.mark.parametrize("policy", ["link", "store"])
def test_many_sources_come_in_order(media: Media, photos: Path, draw: Write, policy: str) -> None:
    """Each path as it was given with what ``source`` says of it, however many and however large."""
    paths: list[Path | str] = [draw(photos / f"{i % 3}/{i}.png", (1 + i, 4)) for i in range(150)]
    for i in range(0, 150, 20):
        # Beyond what is read without threads.
        with open(paths[i], "ab") as file:
            file.write(os.urandom(70_000))
    linker = media.linker(policy=policy)  # type: ignore[arg-type]

    made = list(linker.sources(paths))

    assert [path for path, _ in made] == paths
    assert [source.width for _, source in made] == list(range(1, 151))
    assert made == [(Path(path), linker.source(path)) for path in paths]


def test_sources_are_made_as_they_are_asked_for(media: Media, photos: Path, draw: Write) -> None:
    """Paths are taken a bounded number ahead, and stopping early leaves no thread."""
    path = draw(photos / "a.png")
    taken = 0

    def endless() -> Iterator[Path]:
        nonlocal taken
        while True:
            taken += 1
            yield path

    before = threading.active_count()
    sources = media.linker(policy="store").sources(endless())
    for _ in range(10):
        next(sources)
    sources.close()  # type: ignore[attr-defined]

    assert taken < 1000
    assert threading.active_count() == before


def test_an_error_comes_at_the_turn_of_its_file(media: Media, photos: Path, draw: Write) -> None:
    """The files before it are delivered."""
    paths = [draw(photos / "a.png"), draw(photos / "b.png"), photos / "missing.png", photos / "a.png"]
    sources = media.linker().sources(paths)

    assert [next(sources)[0], next(sources)[0]] == paths[:2]
    with pytest.raises(MediaError, match="missing"):
        next(sources)


@pytest.mark.parametrize("policy", ["link", "store"])
def test_a_file_that_is_being_written_is_refused(media: Media, photos: Path, policy: str) -> None:
    """Its hash would be of bytes that never were a whole file."""
    path = photos / "growing.bin"
    code = (
        "import os, sys, threading\n"
        "threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0))).start()\n"
        "file = open(sys.argv[1], 'ab', buffering=0); file.truncate(2**26); print(flush=True)\n"
        "while True: file.write(b'x')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()

        with pytest.raises(MediaError, match="changed while it was read"):
            media.linker(policy=policy).source(path)  # type: ignore[arg-type]


def learnt(media: Media, path: Path) -> bool:
    """Says whether a file is known without reading it: its bytes are swapped behind its stamp."""
    status, data = path.stat(), path.read_bytes()
    with path.open("r+b") as file:
        file.write(bytes(len(data)))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    source = media.linker().source(path)
    return source.hash == content_hash(data) and source.width == 6


def test_unchanged_files_are_not_read_again(open_media: OpenMedia, photos: Path, draw: Write) -> None:
    """By the same handle, by the next process, and by another policy."""
    media = open_media()
    one, two = draw(photos / "one.png"), draw(photos / "two.png")
    list(media.linker().sources([one, two]))
    assert learnt(media, one)
    media.close()

    assert learnt(open_media(), two)


def test_what_was_learnt_is_kept_without_closing(open_media: OpenMedia, photos: Path, draw: Write) -> None:
    """A handle that is simply dropped writes what it knows."""
    path = draw(photos / "a.png")
    open_media().linker().source(path)

    assert learnt(open_media(), path)


def test_a_changed_file_is_read_again(media: Media, photos: Path, draw: Write) -> None:
    """Another time stamp is enough."""
    path = draw(photos / "a.png")
    linker = media.linker()
    first = linker.source(path)

    draw(path, colour=9)
    os.utime(path, ns=(10**18, 10**18 + 1))

    assert linker.source(path).hash == content_hash(path.read_bytes()) != first.hash


def test_removed_media_are_kept_again(media: Media, tmp_path: Path, draw: Write) -> None:
    """That a file was seen before is no proof that its bytes are still in the store."""
    path = draw(tmp_path / "a.png")
    linker = media.linker(policy="store")
    source = linker.source(path)
    media.remove(source.hash)

    assert linker.source(path) == source
    assert media.verify(source.hash)
