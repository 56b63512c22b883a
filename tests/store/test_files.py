"""Writing files: all or nothing, flushed before it is named, and an error in a sentence."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from hdstore.errors import DamagedError, LockTimeoutError, StorageError
from hdstore.store import files
from hdstore.store.layout import Layout
from hdstore.store.objects import Objects, Writer


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Returns the list into which the steps of the test are written: kind, and name of the file."""
    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(files, "on_step", lambda what, path: seen.append((what, path.name)))
    return seen


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Returns a folder on a disk of a quarter of a megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "hdstore-test", str(place)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a file system can not be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_file_is_flushed_before_it_gets_its_name(tmp_path: Path, steps: list[tuple[str, str]]) -> None:
    """The bytes reach the disk, then the name, then the folder."""
    files.write_file(tmp_path / "a", b"new")
    assert [what for what, _ in steps] == ["write", "fsync", "rename", "fsync"]
    assert steps[2][1] == "a"
    assert steps[3][1] == tmp_path.name
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_file_that_need_not_last_is_not_flushed(tmp_path: Path, steps: list[tuple[str, str]]) -> None:
    """Without ``durable`` nothing waits for the disk."""
    files.write_file(tmp_path / "a", b"new", durable=False, tmp=tmp_path)
    assert [what for what, _ in steps] == ["write", "rename"]


@pytest.mark.parametrize("kind", ["write", "fsync", "rename"])
def test_a_failure_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Whatever step fails, the old content stands and nothing else lies in the folder."""
    path = tmp_path / "a"
    files.write_file(path, b"old")

    def fail(what: str, where: Path) -> None:
        if what == kind:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "on_step", fail)
    with pytest.raises(StorageError, match=r"Could not write .*: the disk is full; free some space"):
        files.write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir() if entry.name != "home"] == ["a"]


def test_what_is_made_in_a_folder_of_a_group_belongs_to_the_group(tmp_path: Path) -> None:
    """Files and folders in a folder that hands on its group are writable by the group, others are as the umask says."""
    own, shared = tmp_path / "own", tmp_path / "shared"
    for folder in (own, shared):
        folder.mkdir(mode=0o755)
    shared.chmod(0o2775)
    for folder in (own, shared):
        files.write_file(folder / "file", b"x")
        files.make_folders(folder / "a" / "b")
    assert not stat.S_IMODE((own / "file").stat().st_mode) & 0o020
    assert not stat.S_IMODE((own / "a" / "b").stat().st_mode) & 0o020
    assert stat.S_IMODE((shared / "file").stat().st_mode) & 0o060 == 0o060
    for folder in (shared / "a", shared / "a" / "b"):
        assert stat.S_IMODE(folder.stat().st_mode) & 0o2070 == 0o2070


def test_reading_follows_no_link_and_takes_no_more_than_its_limit(tmp_path: Path) -> None:
    """A missing file and a folder are None; a link, a pipe and too many bytes are refused."""
    files.write_file(tmp_path / "a", b"12345")
    (tmp_path / "link").symlink_to("a")
    os.mkfifo(tmp_path / "pipe")
    assert files.read_file(tmp_path / "a", limit=5) == b"12345"
    assert files.read_file(tmp_path / "none", limit=5) is None
    assert files.read_file(tmp_path / "a" / "none", limit=5) is None
    assert files.read_file(tmp_path, limit=5) is None
    with pytest.raises(StorageError, match="symbolic link"):
        files.read_file(tmp_path / "link", limit=5)
    with pytest.raises(DamagedError, match="larger than the 4 bytes"):
        files.read_file(tmp_path / "a", limit=4)
    with pytest.raises(DamagedError, match="something else"):
        files.read_file(tmp_path / "pipe", limit=4)


def test_our_own_errors_pass_unchanged() -> None:
    """An error of ours that is an OSError too is not wrapped a second time."""
    with pytest.raises(LockTimeoutError, match="mine"), files.storage_errors("do something"):
        raise LockTimeoutError("mine")


def test_a_full_disk_is_named_and_nothing_is_left(small_disk: Path) -> None:
    """Writing a pack onto a full disk says so, leaves no file, and the repository goes on."""
    folder = small_disk / "r"
    folder.mkdir()
    layout = Layout(folder)
    layout.create()
    objects = Objects(layout.hds)

    def fill(block: AbstractContextManager[Writer]) -> None:
        with block as writer:
            for _ in range(10):
                writer.write("blob", os.urandom(100_000))

    for block in (objects.pack(), objects.loose()):
        with pytest.raises(StorageError, match="the disk is full"):
            fill(block)
    assert list(layout.tmp.iterdir()) == []
    with objects.loose() as writer:
        oid = writer.write("blob", b"small")
    assert objects.read(oid) == b"small"


def test_a_limit_of_the_file_size_is_named(
    tmp_path: Path, in_child: Callable[[Callable[[], None]], int]
) -> None:
    """A file that may not grow further gives a sentence too."""

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        with pytest.raises(StorageError, match="grow beyond what this system allows"):
            files.write_file(tmp_path / "a", b"x" * 2000)
        assert not (tmp_path / "a").exists()

    assert in_child(work) == 0


def test_a_refused_permission_is_named(tmp_path: Path, in_child: Callable[[Callable[[], None]], int]) -> None:
    """Writing into somebody else's folder says that permission was denied."""
    place = tmp_path / "theirs"
    place.mkdir()
    place.chmod(0o555)

    def work() -> None:
        if os.geteuid() == 0:
            for folder in (tmp_path, *tmp_path.parents[:3]):
                folder.chmod(0o755)
            os.setuid(65534)
        with pytest.raises(StorageError, match="permission was denied") as caught:
            files.write_file(place / "a", b"x")
        assert str(place / "a") in str(caught.value)
        assert caught.value.errno == 13

    assert in_child(work) == 0
