"""Keeping many media at once, and media that arrive in pieces."""

from __future__ import annotations

import os
import re
import shutil
import signal
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
from hdstore.media import Media, is_part

Write = Callable[..., Path]


def files(media: Media) -> list[Path]:
    """Returns every file of the store and its tmp folder."""
    return sorted(path for path in media.folder.parent.rglob("*") if path.is_file())


def left(media: Media) -> list[Path]:
    """Returns the files of the tmp folder."""
    return [path for path in files(media) if path.parent.name == "tmp"]


def test_many_files_are_in_place_when_the_block_ends(tmp_path: Path, media: Media, write: Write) -> None:
    """More than a batch, equal ones among them, large and small; nothing is left in tmp."""
    paths = [write(tmp_path / str(n), b"%d" % (n % 500)) for n in range(600)]
    paths.append(write(tmp_path / "large", os.urandom((8 << 20) + 1)))

    with media.keeping() as keeper:
        kept = [keeper.keep(path) for path in paths]

    assert kept == [content_hash(path.read_bytes()) for path in paths]
    assert list(media.hashes()) == sorted(set(kept))
    assert all(media.verify(name) for name in set(kept))
    assert {path.stat().st_mode & 0o222 for path in map(media.path_of, kept)} == {0}
    assert left(media) == []


def test_a_block_that_fails_keeps_nothing_more(tmp_path: Path, media: Media, write: Write) -> None:
    """What was in place before stays; what waited for its flush is dropped, and no file is left open."""
    handles = len(os.listdir("/proc/self/fd"))

    def keep_some(keeper: object) -> None:
        with media.keeping() as keeper:
            first = keeper.keep_bytes(b"first")
            keeper.flush()
            assert media.verify(first)
            keeper.keep_bytes(b"second")
            raise CancelledError("Stopped.")

    with pytest.raises(CancelledError):
        keep_some(media)

    assert list(media.hashes()) == [content_hash(b"first")]
    assert left(media) == []
    assert len(os.listdir("/proc/self/fd")) == handles


def test_threads_share_a_keeper(tmp_path: Path, media: Media, write: Write) -> None:
    """Each file is kept, though threads fill one another's batches."""
    paths = [[write(tmp_path / f"{n}-{m}", os.urandom(50)) for m in range(150)] for n in range(6)]
    with media.keeping() as keeper:
        threads = [
            threading.Thread(target=lambda some=some: [keeper.keep(path) for path in some]) for some in paths
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    names = sorted(content_hash(path.read_bytes()) for some in paths for path in some)
    assert list(media.hashes()) == names
    assert left(media) == []


def test_keeping_again_makes_media_young(tmp_path: Path, media: Media, write: Write) -> None:
    """Whoever collects garbage at the same time then leaves them alone, though nothing names them yet."""
    path = write(tmp_path / "a", b"bytes")
    kept = media.path_of(media.keep(path))
    for again in (lambda: media.keep(path), lambda: media.keep_bytes(b"bytes")):
        os.utime(kept, (1, 1))
        again()
        assert kept.stat().st_mtime > 10**9


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=3))
def test_a_part_goes_on_where_it_was(media: Media, data: bytes, stops: list[int]) -> None:
    """However often it is put down, it has what arrived, and the medium is kept when it is whole."""
    hash = content_hash(data)
    for stop in sorted(stops):
        with media.keeping() as keeper, keeper.part(hash, len(data)) as part:
            part.write(data[part.offset : stop])
            assert part.offset == min(stop, len(data))
        assert not media.has(hash)

    with media.keeping() as keeper, keeper.part(hash, len(data)) as part:
        assert part.offset == min(max(stops, default=0), len(data))
        part.write(data[part.offset :])
        part.finish()

    assert media.path_of(hash).read_bytes() == data
    assert left(media) == []
    media.remove(hash)


def test_wrong_bytes_are_dropped(media: Media) -> None:
    """Another hash, too few, too many: an error each time, and nothing of it stays."""
    hash = content_hash(b"right")

    def receive(data: bytes) -> None:
        with media.keeping() as keeper, keeper.part(hash, 5) as part:
            part.write(data)
            part.finish()

    for data in (b"wrong", b"rig", b"right and more"):
        with pytest.raises(MediaError, match=hash):
            receive(data)
        assert files(media) == []


def test_a_part_that_is_too_long_begins_anew(media: Media) -> None:
    """What another size left behind, or somebody put there."""
    hash = content_hash(b"right")
    place = media.folder.parent / "tmp" / f"media-{hash}.part"
    place.write_bytes(b"much too long")
    assert is_part(place.name)

    with media.keeping() as keeper, keeper.part(hash, 5) as part:
        assert part.offset == 0
        part.write(b"right")
        part.finish()

    assert media.verify(hash)


def test_what_is_no_plain_file_is_not_gone_on_with(tmp_path: Path, media: Media, write: Write) -> None:
    """A symbolic link is refused, and a file with a second name left as it is: nobody's bytes are written over."""
    hash = content_hash(b"right")
    secret = write(tmp_path / "secret", b"rig")
    place = media.folder.parent / "tmp" / f"media-{hash}.part"
    place.symlink_to(secret)
    with pytest.raises(StorageError), media.keeping() as keeper:
        keeper.part(hash, 5)
    place.unlink()
    os.link(secret, place)

    with media.keeping() as keeper, keeper.part(hash, 5) as part:
        assert part.offset == 0
        part.write(b"right")
        part.finish()

    assert secret.read_bytes() == b"rig"
    assert media.verify(hash)
    with pytest.raises(InvalidValueError), media.keeping() as keeper:
        keeper.part("../" * 10 + "x", 5)


def test_two_receive_the_same_medium(media: Media) -> None:
    """The second one gets a file of its own, and both end well."""
    hash = content_hash(b"right")
    with media.keeping() as one, media.keeping() as other, one.part(hash, 5) as first:
        first.write(b"ri")
        with other.part(hash, 5) as second:
            assert second.offset == 0
            second.write(b"right")
            second.finish()
        other.flush()
        assert media.verify(hash)
        first.write(b"ght")
        first.finish()

    assert media.verify(hash)
    assert left(media) == []


def test_what_a_killed_process_received_is_gone_on_with(media: Media) -> None:
    """Its lock goes with it; its bytes stay, also of a medium that was whole but not in place."""
    whole, half = content_hash(b"whole"), content_hash(b"halfhalf")
    code = (
        "import os, signal, sys; from pathlib import Path; from hdstore.media import Media, Roots\n"
        "own = Path(sys.argv[1]); media = Media(own / 'media', Roots(own / 'local.toml'), own / 'tmp')\n"
        "keeper = media.keeping()\n"
        "part = keeper.part(sys.argv[2], 5); part.write(b'whole'); part.finish()\n"
        "part = keeper.part(sys.argv[3], 8); part.write(b'half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(media.folder.parent), whole, half], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert list(media.hashes()) == []

    with media.keeping() as keeper:
        for hash, size, have, rest in ((whole, 5, 5, b""), (half, 8, 4, b"half")):
            with keeper.part(hash, size) as part:
                assert part.offset == have
                part.write(rest)
                part.finish()

    assert media.verify(whole)
    assert media.verify(half)
    assert left(media) == []


def test_old_parts_are_removed(media: Media) -> None:
    """Those that nobody went on with; young ones and those that somebody is adding to stay."""
    names = [content_hash(bytes([n])) for n in range(3)]
    tmp = media.folder.parent / "tmp"
    with media.keeping() as keeper:
        for name in names[:2]:
            with keeper.part(name, 5) as part:
                part.write(b"123")
        with keeper.part(names[2], 5) as part:
            part.write(b"12")
            for name in (names[1], names[2]):
                os.utime(tmp / f"media-{name}.part", (1, 1))
            (tmp / "other").write_bytes(b"")
            os.utime(tmp / "other", (1, 1))

            assert media.remove_parts(before=1000) == 3
            assert [media.part_size(name) for name in names] == [3, 0, 2]
            assert (tmp / "other").exists()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("count", [3, 300])
def test_bytes_are_on_the_disk_before_their_names(tmp_path: Path, media: Media, count: int) -> None:
    """And the names before the block ends; of few files, and of several batches: seen by the system."""
    code = (
        "import sys; from pathlib import Path; from hdstore.media import Media, Roots\n"
        "own = Path(sys.argv[1]); media = Media(own / 'media', Roots(own / 'local.toml'), own / 'tmp')\n"
        "with media.keeping() as keeper:\n"
        "    for n in range(int(sys.argv[2])): keeper.keep_bytes(b'%d' % n)\n"
    )
    trace = tmp_path / "trace"
    calls = "openat,fsync,fdatasync,syncfs,rename,renameat,renameat2"
    command = ["strace", "-f", "-y", "-qq", "-e", f"trace={calls}", "-o", str(trace)]
    ran = [*command, sys.executable, "-c", code, str(media.folder.parent), str(count)]
    subprocess.run(ran, check=True)

    made: set[str] = set()
    flushed: set[str] = set()
    unnamed: set[str] = set()
    named = 0
    for line in trace.read_text().splitlines():
        call, _, rest = line.split(None, 1)[1].partition("(")
        if call.startswith("rename"):
            source, target = re.findall(r'"([^"]+)"', rest)
            assert source in flushed, line
            unnamed.add(os.path.dirname(target))
            named += 1
        elif call == "openat":
            if "O_CREAT" in rest:
                made.update(re.findall(r'"([^"]+)"', rest))
        elif call == "syncfs":
            flushed |= made
            unnamed.clear()
        else:
            place = re.search(r"<([^>]+)>", rest)
            assert place is not None
            flushed.add(place[1])
            unnamed.discard(place[1])
    assert named == count
    assert unnamed == set()
