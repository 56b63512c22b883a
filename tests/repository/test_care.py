"""Making, opening, verifying and cleaning a repository."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from pathlib import Path

import pytest

import hdstore
from hdstore import (
    AlreadyExistsError,
    Author,
    DatasetVersion,
    InvalidValueError,
    Mask,
    Preview,
    Repository,
    RepositoryNotFoundError,
    SingleFrame,
    Source,
    StorageError,
    UntrustedError,
)
from hdstore.repository import author_from_environment


def test_a_repository_is_found_from_below(repository: Repository, draft: DatasetVersion) -> None:
    """``open`` looks in the folder and in those above it."""
    deep = repository.folder / "photos" / "2026"
    deep.mkdir(parents=True)

    with hdstore.open(deep) as found:
        assert found.folder == repository.folder
        assert len(found.version("plates/Current")) == 3


def test_a_folder_without_a_repository_says_what_to_do(tmp_path: Path) -> None:
    """Absent folders too; nothing is made by looking."""
    for folder in (tmp_path, tmp_path / "absent" / "deep"):
        with pytest.raises(RepositoryNotFoundError, match="make one with init or clone"):
            hdstore.open(folder)
    assert list(tmp_path.glob(".hds")) == []


def test_init_does_not_touch_what_is_there(repository: Repository, draft: DatasetVersion) -> None:
    """A second one is refused, and all stays."""
    before = repository._core.refs.list("refs/")
    with pytest.raises(AlreadyExistsError, match=r"There is a repository in .* already"):
        hdstore.init(repository.folder)
    assert repository._core.refs.list("refs/") == before
    with pytest.raises(StorageError, match="no such folder"):
        hdstore.init(repository.folder / "absent")


def test_an_unfinished_init_is_finished_by_the_next(tmp_path: Path) -> None:
    """Killed after any file it made, it can be called again."""
    hdstore.init(tmp_path).close()
    shutil.rmtree(tmp_path / ".hds" / "refs")
    (tmp_path / ".hds" / "HEAD").unlink()
    hdstore.init(tmp_path).close()

    assert hdstore.open(tmp_path).datasets() == []
    assert hdstore.open(tmp_path).fsck() == []


def test_a_shared_repository_is_the_groups(tmp_path: Path) -> None:
    """New folders belong to the group and may be written by it; git knows it too."""
    repository = hdstore.init(tmp_path, shared=True)
    repository.create_dataset("a")

    for folder in (repository.hds, repository.hds / "objects", repository.hds / "refs" / "heads"):
        mode = folder.stat().st_mode
        assert mode & stat.S_ISGID
        assert mode & stat.S_IWGRP
    config = (repository.hds / "config").read_text()
    assert "sharedrepository = group" in config.lower().replace("true", "group")
    assert hdstore.open(tmp_path).fsck() == []


def test_a_hostile_repository_is_not_opened(repository: Repository) -> None:
    """Settings that run programs are refused before anything is read."""
    with (repository.hds / "config").open("a") as config:
        config.write("[core]\n\tsshCommand = touch /tmp/pwned\n")
    with pytest.raises(UntrustedError, match="sshcommand"):
        hdstore.open(repository.folder)


def test_git_reads_the_repository(repository: Repository, draft: DatasetVersion) -> None:
    """``git log``, ``git fsck`` and a plain clone work: README and documents are what it shows."""
    draft.snapshot(name="v1")
    plain = repository.folder.parent / "plain"

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert git("-C", str(repository.hds), "fsck", "--strict", "--no-dangling") == ""
    assert "Add 3 frames" in git("-C", str(repository.hds), "log", "--all", "--format=%s")
    assert "Ada Lovelace" in git("-C", str(repository.hds), "log", "-1", "--all", "--format=%an")
    git("clone", "--quiet", str(repository.hds), str(plain))
    assert "hdstore repository" in (plain / "README.md").read_text()
    assert '"name": "plates"' in (plain / "datasets" / f"{draft.dataset.id}.json").read_text()


def test_what_is_damaged_is_named(repository: Repository, draft: DatasetVersion) -> None:
    """A flipped byte in a file of objects is found, with the version it hurts."""
    assert repository.fsck() == []
    (pack, *_) = sorted((repository.hds / "objects" / "pack").glob("*.pack"), key=lambda p: -p.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 0xFF
    pack.chmod(0o644)
    pack.write_bytes(data)

    with hdstore.open(repository.folder) as again:
        findings = again.fsck()
    assert findings
    assert any(finding.kind == "file" and pack.name in str(finding) for finding in findings)


def test_damaged_and_lost_media_are_named(repository: Repository, draft: DatasetVersion) -> None:
    """Kept bytes that are not what their hash says, and frames whose kept media are gone."""
    kept, lost = repository.media.keep_bytes(b"kept"), repository.media.keep_bytes(b"lost")
    source = Source(uri=f"media:{kept}", preview=Preview(uri=f"media:{lost}"))
    draft.add_frames([SingleFrame(id="m", sources=(source,))])
    assert repository.fsck() == []
    path = repository.media.path_of(kept)
    path.chmod(0o644)
    path.write_bytes(b"Kept")
    repository.media.remove(lost)

    findings = {finding.where: finding.message for finding in repository.fsck()}
    assert "not what their hash says" in findings[kept]
    assert "not kept here" in findings[lost]


def age(repository: Repository) -> None:
    """Makes all kept media look as if they had been kept long ago."""
    for name in repository.media.hashes():
        os.utime(repository.media.path_of(name), (1, 1))


def test_gc_removes_media_that_nothing_needs_any_more(repository: Repository, draft: DatasetVersion) -> None:
    """Kept media stay while any commit names them, as source, mask or preview, and while they are young."""
    source, mask, preview, old, unused = (repository.media.keep_bytes(b"x" * n) for n in range(1, 6))
    sources = Source(
        uri=f"media:{source}", masks=(Mask(uri=f"media:{mask}"),), preview=Preview(uri=f"media:{preview}")
    )
    draft.add_frames(
        [SingleFrame(id="m", sources=(sources,)), SingleFrame(id="o", sources=(Source(uri=f"media:{old}"),))]
    )
    draft.delete_frames(["o"])
    assert repository.gc().media_removed == 0
    age(repository)
    report = repository.gc()

    assert (report.media_removed, report.media_bytes) == (1, 5)
    assert set(repository.media.hashes()) == {source, mask, preview, old}
    assert not repository.media.has(unused)
    assert repository.fsck() == []
    draft.dataset.delete(force=True)
    assert repository.gc().media_removed == 4
    assert repository.fsck() == []


def test_gc_keeps_every_version(repository: Repository, draft: DatasetVersion) -> None:
    """What refs reach is packed and stays, from this handle and from others."""
    for number in range(20):
        draft.add_frames([SingleFrame(id=f"n{number}")])
    published, child = draft.snapshot(name="v1")
    child.delete()
    held = {frame.id for frame in published.frames()}
    repository.gc(grace=-60)

    assert {frame.id for frame in published.frames()} == held
    with hdstore.open(repository.folder) as again:
        assert {frame.id for frame in again.version("plates/v1").frames()} == held
        assert again.fsck() == []
    assert sum(1 for _ in published.log()) == 22


def test_a_watcher_tells_which_refs_moved(repository: Repository, draft: DatasetVersion) -> None:
    """Another handle's save is told by the name of the draft's ref."""
    told: list[str] = []
    watcher = repository.watch(told.extend)
    try:
        with hdstore.open(repository.folder) as other:
            other.version("plates/Current").delete_frames(["a"])
        end = time.monotonic() + 10
        while not any(draft.id in name for name in told) and time.monotonic() < end:
            os.sched_yield()
    finally:
        watcher.stop()
    assert any(draft.id in name for name in told)


@pytest.mark.parametrize(
    ("settings", "author"),
    [
        ({"HDSTORE_AUTHOR": "Grace <g@x>"}, Author("Grace", "g@x")),
        ({"GIT_AUTHOR_NAME": "G", "GIT_AUTHOR_EMAIL": "g@y"}, Author("G", "g@y")),
        ({"config": '[user]\n\tname = "Grace H"\n\temail = g@z\n'}, Author("Grace H", "g@z")),
        ({"config": "[user]\n\tname = A\n\temail = a@z\n", "GIT_AUTHOR_NAME": "B"}, Author("B", "a@z")),
    ],
)
def test_the_author_is_taken_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], author: Author
) -> None:
    """HDSTORE_AUTHOR, then git's variables, then the user's git settings."""
    monkeypatch.delenv("HDSTORE_AUTHOR")
    config = settings.pop("config", None)
    if config:
        (Path(os.environ["HOME"]) / ".gitconfig").write_text(config)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    assert author_from_environment() == author


def test_without_settings_the_login_name_is_the_author(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something is always there, and a wrong form is refused."""
    monkeypatch.delenv("HDSTORE_AUTHOR")
    found = author_from_environment()
    assert found.name
    assert "@" in found.email
    monkeypatch.setenv("HDSTORE_AUTHOR", "nobody")
    with pytest.raises(InvalidValueError, match="Name <mail>"):
        author_from_environment()
