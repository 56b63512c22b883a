"""Keeping bytes by their hash."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.errors import CancelledError, InvalidValueError, MediaError, StorageError
from hdstore.ids import content_hash
from hdstore.media import Media, Roots

Write = Callable[..., Path]


def files(media: Media) -> list[Path]:
    """Returns every file of the store and its tmp folder."""
    return sorted(path for path in media.folder.parent.rglob("*") if path.is_file())


def run(code: str, media: Media, *arguments: str) -> subprocess.Popen[str]:
    """Starts a second process that has the media open as ``media``."""
    opened = (
        "import os, sys; from pathlib import Path; from hdstore.media import Media, Roots\n"
        "own = Path(sys.argv[1]); media = Media(own / 'media', Roots(own / 'local.toml'), own / 'tmp')\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", opened + code, str(media.folder.parent), *arguments],
        stderr=subprocess.PIPE,
        text=True,
    )


@given(st.binary(max_size=3000))
def test_bytes_are_kept_under_their_hash(tmp_path: Path, media: Media, data: bytes) -> None:
    """A file and its bytes are kept as one, and come back as they were."""
    original = tmp_path / "original"
    original.write_bytes(data)

    kept = media.keep(original)

    assert kept == content_hash(data) == media.keep_bytes(data)
    assert media.has(kept)
    assert media.path_of(kept) == media.folder / kept[:2] / kept
    assert media.path_of(kept).read_bytes() == data
    assert media.verify(kept)
    assert original.read_bytes() == data


def test_a_large_file_is_kept(tmp_path: Path, media: Media) -> None:
    """More than one step of reading, with its progress told to the last byte."""
    data = os.urandom(3 * 2**20 + 1)
    (tmp_path / "film.mp4").write_bytes(data)
    told: list[tuple[str, int, int | None]] = []

    kept = media.keep(tmp_path / "film.mp4", progress=lambda *step: told.append(step))

    assert media.path_of(kept).read_bytes() == data
    assert told[-1] == ("Keeping film.mp4", len(data), len(data))
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_kept_files_can_not_be_written(tmp_path: Path, media: Media, write: Write) -> None:
    """They are read-only, for those who may enter the media folder, and the original is left alone."""
    media.folder.chmod(0o2770)
    original = write(tmp_path / "a")
    original.chmod(0o600)

    path = media.path_of(media.keep(original))

    assert path.stat().st_mode & 0o7777 == 0o440
    assert path.parent.stat().st_mode & 0o7777 == 0o2770
    assert original.stat().st_mode & 0o7777 == 0o600


def test_equal_bytes_are_kept_once(tmp_path: Path, media: Media, write: Write) -> None:
    """A second file of the same content adds nothing and replaces nothing."""
    kept = media.keep(write(tmp_path / "a"))
    before = media.path_of(kept).stat()

    assert media.keep(write(tmp_path / "b")) == kept
    assert media.path_of(kept).stat().st_ino == before.st_ino
    assert files(media) == [media.path_of(kept)]


def test_a_torn_file_is_made_whole_again(tmp_path: Path, media: Media, write: Write) -> None:
    """Keeping the bytes again replaces a kept file of another length."""
    kept = media.keep(write(tmp_path / "a", b"all of it"))
    media.path_of(kept).chmod(0o600)
    media.path_of(kept).write_bytes(b"all")
    assert not media.verify(kept)

    media.keep(tmp_path / "a")

    assert media.verify(kept)


def test_damage_is_told_by_verify(tmp_path: Path, media: Media, write: Write) -> None:
    """A flipped bit, and bytes that are not there."""
    kept = media.keep(write(tmp_path / "a", b"right"))
    media.path_of(kept).chmod(0o600)
    media.path_of(kept).write_bytes(b"wrong")

    assert not media.verify(kept)
    assert not media.verify(content_hash(b"absent"))


def test_hashes_lists_what_is_kept(tmp_path: Path, media: Media) -> None:
    """In order, without files that are no media."""
    kept = sorted(media.keep_bytes(bytes([i])) for i in range(40))
    (media.folder / "README").write_text("")
    (media.folder / kept[0][:2] / "note").write_text("")
    (media.folder / "zz").mkdir()
    (media.folder / "zz" / kept[0]).write_text("")

    assert list(media.hashes()) == kept


def test_removed_media_are_gone(media: Media) -> None:
    """Removing twice is no error."""
    kept = media.keep_bytes(b"x")

    media.remove(kept)
    media.remove(kept)

    assert not media.has(kept)
    assert list(media.hashes()) == []


@pytest.mark.parametrize(
    "name", ["", "ab", "../" * 20 + "etc/passwd", "A" * 64, "g" * 64, "0" * 63 + "\n", "0" * 65, "/" * 64]
)
def test_hostile_hashes_are_refused(media: Media, name: str) -> None:
    """What is no hash never becomes a path."""
    for use in (
        media.path_of,
        media.has,
        media.verify,
        media.remove,
        lambda x: media.local_path(f"media:{x}"),
    ):
        with pytest.raises(InvalidValueError, match="64 lower-case"):
            use(name)


def test_a_link_in_the_store_is_not_followed(tmp_path: Path, media: Media, write: Write) -> None:
    """A copied repository can not pass off another file as a kept one."""
    name = "ab" * 32
    (media.folder / "ab").mkdir()
    media.path_of(name).symlink_to(write(tmp_path / "secret"))

    assert not media.has(name)
    assert not media.verify(name)
    assert media.local_path(f"media:{name}") is None


def test_what_is_no_file_is_refused(tmp_path: Path, media: Media) -> None:
    """Missing files, folders, pipes (without waiting for a writer) and impossible names."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "pipe", tmp_path / "nul\0"):
        with pytest.raises(MediaError, match=r"can not be read|not a regular file"):
            media.keep(path)

    assert files(media) == []


def test_cancelling_leaves_nothing(tmp_path: Path, media: Media, write: Write) -> None:
    """An error from the progress callback goes through, and no file is left over."""

    def stop(what: str, done: int, total: int | None) -> None:
        raise CancelledError("Stopped.")

    with pytest.raises(CancelledError):
        media.keep(write(tmp_path / "a"), progress=stop)

    assert files(media) == []


def test_a_writer_that_dies_leaves_nothing_kept(tmp_path: Path, media: Media, write: Write) -> None:
    """Killed between writing and naming, it leaves at most a file in tmp."""
    write(tmp_path / "a", bytes(9 * 2**20))

    process = run(
        "media.keep(Path(sys.argv[2]), progress=lambda *_: os._exit(9))", media, str(tmp_path / "a")
    )

    process.communicate(timeout=60)
    assert process.returncode == 9
    assert list(media.hashes()) == []
    assert [path.parent.name for path in files(media)] == ["tmp"]


def test_a_full_disk_is_a_storage_error(tmp_path: Path, media: Media, write: Write) -> None:
    """Whether a block or the last byte does not fit, the error says so and no file is left over."""
    write(tmp_path / "large", bytes(3 * 2**20))
    write(tmp_path / "small", bytes(2000))
    code = (
        "import resource; from hdstore.errors import StorageError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "for name in sys.argv[2:]:\n"
        "    try: media.keep(Path(name))\n"
        "    except StorageError as error: assert 'too large' in str(error), error\n"
        "    else: raise SystemExit(f'{name} was kept')\n"
    )

    process = run(code, media, str(tmp_path / "large"), str(tmp_path / "small"))

    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0
    assert files(media) == []


def test_a_place_that_can_not_be_written_is_a_storage_error(tmp_path: Path, write: Write) -> None:
    """A file where the store should be."""
    write(tmp_path / "file")
    media = Media(tmp_path / "file" / "media", Roots(tmp_path / "local.toml"), tmp_path / "file")

    with pytest.raises(StorageError, match="Keeping media"):
        media.keep_bytes(b"x")


def test_threads_keep_the_same_file_at_once(tmp_path: Path, media: Media, write: Write) -> None:
    """Every thread gets the hash, and one good file is kept."""
    original = write(tmp_path / "a", os.urandom(100_000))
    start = threading.Barrier(8)
    kept: list[str] = []

    def keep() -> None:
        start.wait()
        kept.append(media.keep(original))

    threads = [threading.Thread(target=keep) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert kept == [content_hash(original.read_bytes())] * 8
    assert media.verify(kept[0])
    assert files(media) == [media.path_of(kept[0])]


def test_processes_keep_the_same_files_at_once(tmp_path: Path, media: Media, write: Write) -> None:
    """Neither fails nor disturbs the other."""
    paths = [str(write(tmp_path / str(i), os.urandom(5000))) for i in range(30)]
    processes = [run("for path in sys.argv[2:]: media.keep(Path(path))", media, *paths) for _ in range(2)]

    assert [process.communicate(timeout=60)[1] for process in processes] == ["", ""]
    assert list(media.hashes()) == sorted(content_hash(Path(path).read_bytes()) for path in paths)
    assert all(media.verify(name) for name in media.hashes())


def test_a_hard_link_is_made_only_when_asked_for(tmp_path: Path, media: Media, write: Write) -> None:
    """The default never shares a file with other programs; a link does, and verify tells what came of it."""
    one, two = write(tmp_path / "one", b"one"), write(tmp_path / "two", b"two")

    copied, linked = media.keep(one), media.keep(two, link=True)

    assert not media.path_of(copied).samefile(one)
    if not media.path_of(linked).samefile(two):
        pytest.skip("this file system shares blocks, which is better than a hard link")
    assert two.stat().st_mode & 0o222
    two.write_bytes(b"2 2")
    one.write_bytes(b"1 1")
    assert media.verify(copied)
    assert not media.verify(linked)
    assert files(media) == sorted(map(media.path_of, (copied, linked)))


def test_a_hard_link_across_file_systems_is_a_copy(media: Media, write: Write) -> None:
    """Where no link can be, the bytes are copied."""
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or os.stat(elsewhere).st_dev == os.stat(media.folder).st_dev:
        pytest.skip("there is no second file system")
    original = write(elsewhere / f"hdstore-test-{os.getpid()}", b"far")
    try:
        kept = media.keep(original, link=True)
    finally:
        original.unlink()

    assert media.verify(kept)


def test_a_link_to_a_file_is_kept_as_the_file(tmp_path: Path, media: Media, write: Write) -> None:
    """A symbolic link that the user names is followed, also when hard links are wanted."""
    original = write(tmp_path / "a", b"bytes")
    (tmp_path / "link").symlink_to(original)

    kept = media.keep(tmp_path / "link", link=True)

    assert not media.path_of(kept).is_symlink()
    assert media.path_of(kept).read_bytes() == b"bytes"
