"""A .hds folder that somebody prepared is refused or read; nothing of it runs, and nothing outside is touched."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import hdstore
from hdstore import Author, HdstoreError, Repository, SetFrameMetadata, SingleFrame, UntrustedError

ADA = Author("Ada Lovelace", "ada@example.org")

HOOKS = (
    "applypatch-msg", "commit-msg", "fsmonitor-watchman", "post-applypatch", "post-checkout", "post-commit",
    "post-index-change", "post-merge", "post-receive", "post-rewrite", "post-update", "pre-applypatch",
    "pre-auto-gc", "pre-commit", "pre-merge-commit", "pre-push", "pre-rebase", "pre-receive",
    "prepare-commit-msg", "proc-receive", "push-to-checkout", "reference-transaction", "sendemail-validate",
    "update",
)  # fmt: skip


def open_it(folder: Path) -> Repository:
    return hdstore.open(folder, author=ADA)


def use_everything(folder: Path) -> None:
    """Reads and changes a repository in every way that touches the disk."""
    with open_it(folder) as repository:
        dataset = repository.dataset("plates")
        for version in dataset.versions():
            assert len(list(version.frames())) == len(version)
        draft = dataset.current()
        draft.add_frames(SingleFrame(id=f"new{n}") for n in range(100))
        draft.apply(SetFrameMetadata(frame_id="f1", set={"k": 9}))
        repository.media.keep_bytes(b"other bytes")
        photos = folder.parent / "photos"
        photos.mkdir(exist_ok=True)
        (photos / "a.bin").write_bytes(b"a")
        os.utime(photos / "a.bin", (1, 1))
        repository.roots.add("here", photos)
        repository.import_files("folder", photos, to="plates", root="here")
        draft.snapshot()
        dataset.rename("plaques")
        repository.create_dataset("other")
        repository.fsck()
        repository.gc(grace=0)


@pytest.fixture
def hub(folder: Path, place: Path) -> Path:
    """Returns a remote of the test's repository that has something new."""
    target = place / "hub"
    with open_it(folder) as repository:
        repository.add_remote("origin", str(target))
        repository.push()
    with open_it(target) as theirs:
        theirs.version("plates/side").apply(SetFrameMetadata(frame_id="f3", set={"k": 9}))
    return target


# What would run


def arm(hds: Path, marker: Path) -> None:
    """Puts a program behind each hook of git that leaves a mark."""
    (hds / "hooks").mkdir(exist_ok=True)
    for name in HOOKS:
        path = hds / "hooks" / name
        path.write_text(f"#!/bin/sh\necho {name} >> {marker}\n")
        path.chmod(0o755)


def test_no_hook_of_either_side_ever_runs(folder: Path, hub: Path, place: Path) -> None:
    """Neither saving, publishing and collecting nor push, pull and clone call what lies in hooks/."""
    marker = place / "marker"
    arm(folder / ".hds", marker)
    arm(hub / ".hds", marker)
    with open_it(folder) as repository:
        repository.pull()
        repository.version("plates/side").snapshot()
        repository.push()
    use_everything(folder)
    with open_it(folder) as repository:
        repository.push()
    hdstore.clone(hub, place / "clone", author=ADA).close()
    assert not marker.exists(), marker.read_text()
    # The hooks are in order: git itself calls them.
    subprocess.run(
        ["git", "-C", str(folder / ".hds"), "update-ref", "refs/heads/x", "refs/heads/hdstore"], check=True
    )
    assert marker.exists()


SETTINGS = (
    '[core]\n\tsshCommand = "touch {marker}"\n',
    '[core]\n\tfsmonitor = "touch {marker}"\n',
    "[core]\n\thooksPath = {place}/evil\n",
    '[core]\n\tpager = "touch {marker}"\n',
    '[core]\n\teditor = "touch {marker}"\n',
    '[core]\n\taskPass = "touch {marker}"\n',
    '[core]\n\tgitProxy = "touch {marker}"\n',
    '[core]\n\talternateRefsCommand = "touch {marker}"\n',
    "[core]\n\tworktree = {place}\n",
    "[core]\n\tattributesFile = {place}/evil\n",
    "[include]\n\tpath = {place}/evil.config\n",
    '[includeIf "gitdir:/"]\n\tpath = {place}/evil.config\n',
    '[uploadpack]\n\tpackObjectsHook = "touch {marker}"\n',
    '[receive]\n\tprocReceiveRefs = "refs"\n',
    '[remote "origin"]\n\tuploadpack = "touch {marker};"\n',
    '[remote "origin"]\n\treceivepack = "touch {marker};"\n',
    '[remote "origin"]\n\tvcs = "evil"\n',
    '[remote "origin"]\n\tproxy = "http://evil"\n',
    '[url "ext::touch {marker} "]\n\tinsteadOf = /\n',
    '[credential]\n\thelper = "!touch {marker}"\n',
    '[filter "x"]\n\tclean = "touch {marker}"\n',
    '[diff "x"]\n\ttextconv = "touch {marker}"\n',
    '[merge "x"]\n\tdriver = "touch {marker}"\n',
    '[gpg]\n\tprogram = "touch {marker}"\n',
    '[alias]\n\tfetch = "!touch {marker}"\n',
    "[extensions]\n\tworktreeConfig = true\n",
    "[protocol]\n\tallow = always\n",
    "[safe]\n\tdirectory = *\n",
    "[trace2]\n\teventTarget = {place}/written\n",
    "[core]\n\tbare = false\n",
    "[core]\n\trepositoryformatversion = 1\n",
    "[core\n",
    "\x00",
)


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_config_that_could_run_or_redirect_anything_is_refused(
    setting: str, folder: Path, hub: Path, place: Path
) -> None:
    """Opening it, and exchanging with it, is refused with the name of the file; nothing ran."""
    marker = place / "marker"
    text = setting.format(marker=marker, place=place)
    for hurt in (hub, folder):
        with (hurt / ".hds" / "config").open("a") as stream:
            stream.write(text)
        with pytest.raises(UntrustedError, match="config"):
            open_it(hurt)
        with pytest.raises(UntrustedError, match="config"):
            hdstore.clone(hurt, place / "clone", author=ADA)
        if hurt == hub:
            with open_it(folder) as repository:
                for exchange in (repository.push, repository.pull):
                    with pytest.raises(UntrustedError, match="config"):
                        exchange()
    assert not marker.exists()
    assert not (place / "written").exists()
    assert not (place / "clone").exists()


@pytest.mark.parametrize(
    "name",
    [
        "commondir", "gitdir", "config.worktree", "worktrees/x", "modules/x", "shallow", "info/grafts",
        "objects/info/alternates", "objects/info/http-alternates",
    ],
)  # fmt: skip
def test_a_file_that_sends_git_elsewhere_is_refused(name: str, folder: Path, hub: Path, place: Path) -> None:
    """Foreign objects, refs, settings and histories are not followed, on neither side."""
    for hurt in (hub, folder):
        path = hurt / ".hds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{place}/elsewhere\n")
        with pytest.raises(UntrustedError, match=name.split("/")[0]):
            open_it(hurt)
        if hurt == hub:
            with open_it(folder) as repository, pytest.raises(UntrustedError):
                repository.pull()


@pytest.mark.parametrize(
    "url", ["ext::sh -c touch% x", "-oProxyCommand=touch x", "--upload-pack=touch x", "fd::17", "", "a\nb"]
)
def test_a_remote_url_that_would_run_something_is_refused(url: str, folder: Path, place: Path) -> None:
    """Whether it is given or stands in the config already."""
    with open_it(folder) as repository, pytest.raises(HdstoreError):
        repository.add_remote("origin", url)
    quoted = url.replace("\n", "\\n")
    with (folder / ".hds" / "config").open("a") as stream:
        stream.write(f'[remote "origin"]\n\turl = "{quoted}"\n')
    with open_it(folder) as repository:
        for exchange in (repository.push, repository.pull):
            with pytest.raises(HdstoreError):
                exchange()
    with pytest.raises(HdstoreError):
        hdstore.clone(url, place / "clone", author=ADA)


# Symbolic links


PLACES = (
    "", "HEAD", "config", "packed-refs", "description", "hooks", "info",
    "objects", "objects/pack", "objects/info", "objects/ab", "objects/pack/*.pack", "objects/pack/*.idx",
    "objects/info/commit-graph", "objects/pack/multi-pack-index",
    "refs", "refs/heads", "refs/tags", "refs/hdstore", "refs/heads/hdstore", "refs/heads/*.*", "refs/heads/*/*",
    "refs/tags/*/*", "refs/heads/hdstore.lock",
    "hdstore", "hdstore/tmp", "hdstore/locks", "hdstore/journal", "hdstore/media", "hdstore/index",
    "hdstore/local.toml", "hdstore/journal/x", "hdstore/media/??", "hdstore/media/??/*", "hdstore/tmp/gitlock-1-2",
    "hdstore/locks/objects.lock", "hdstore/locks/packing.lock", "hdstore/locks/config.lock",
    "hdstore/locks/local.toml", "hdstore/locks/refs%2Fheads%2Fhdstore.lock",
    "hdstore/index/files", "hdstore/index/files-journal", "hdstore/index/files-wal", "hdstore/index/files-shm",
)  # fmt: skip
"""Paths in .hds that a link could stand at; a pattern means the first that fits."""


def contents(folder: Path) -> dict[str, tuple[bytes | None, int]]:
    """Returns every file and folder below a place with its bytes and the time of its change."""
    return {
        str(path.relative_to(folder)): (
            path.read_bytes() if path.is_file() else None,
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("kind", ["moved", "dangling", "loop"])
@pytest.mark.parametrize("name", PLACES)
def test_nothing_behind_a_symbolic_link_is_touched(name: str, kind: str, folder: Path, place: Path) -> None:
    """Wherever a link stands, what it names is neither changed nor made; the repository is refused or does without."""
    path = folder / ".hds" / name
    if "*" in name or "?" in name:
        path = next((folder / ".hds").glob(name))
    outside = place / "outside"
    outside.mkdir()
    target = outside / "target"
    if kind == "moved" and path.exists():
        shutil.move(path, target)
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
        if kind == "moved":
            target.write_bytes(b"precious")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(path if kind == "loop" else target)
    before = contents(outside)
    with suppress(HdstoreError):
        use_everything(folder)
    with suppress(HdstoreError):
        hdstore.clone(folder, place / "clone", author=ADA).close()
    with suppress(HdstoreError):
        hdstore.init(folder, author=ADA).close()
    assert contents(outside) == before, path


def test_a_medium_that_is_a_link_is_not_read(folder: Path, hub: Path, place: Path) -> None:
    """Its bytes go neither to this repository by a pull nor to another one by a push; it counts as not there."""
    secret = place / "secret"
    secret.write_bytes(b"a secret of this user")
    for hurt, other, exchange in ((hub, folder, "pull"), (folder, hub, "push")):
        (medium,) = (hurt / ".hds" / "hdstore" / "media").glob("*/*")
        shutil.rmtree(other / ".hds" / "hdstore" / "media" / medium.parent.name)
        good = medium.read_bytes()
        medium.unlink()
        medium.symlink_to(secret)
        with open_it(folder) as repository, suppress(HdstoreError):
            getattr(repository, exchange)(media="all")
        assert not [
            path for path in other.rglob("*") if path.is_file() and path.read_bytes() == secret.read_bytes()
        ]
        with open_it(hurt) as repository:
            assert not repository.media.has(medium.name)
            assert repository.media.local_path(f"media:{medium.name}") is None
        medium.unlink()
        for side in (hurt, other):
            copy = side / ".hds" / "hdstore" / "media" / medium.parent.name / medium.name
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(good)


@pytest.mark.parametrize(
    "name", ["HEAD", "config", "refs/heads/hdstore", "objects/pack/pack-x.idx", "hdstore/local.toml"]
)
def test_a_pipe_in_the_place_of_a_file_does_not_hang(name: str, folder: Path) -> None:
    """Opening a pipe waits for ever; it is refused or passed over."""
    path = folder / ".hds" / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    if name.endswith(".idx"):
        os.mkfifo(path.with_suffix(".pack"))
    with suppress(HdstoreError):
        use_everything(folder)


def test_a_pipe_in_the_place_of_an_object_does_not_hang(folder: Path) -> None:
    """Reading and checking pass over what is no file, and say so."""
    path = folder / ".hds" / "objects" / "ab" / ("0" * 38)
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)
    with open_it(folder) as repository:
        assert [finding.where for finding in repository.fsck()] == ["objects/ab/" + "0" * 38]


# Sizes


@pytest.mark.parametrize(
    "name", ["HEAD", "config", "packed-refs", "refs/heads/hdstore", "hdstore/local.toml", "hdstore/journal/x"]
)
def test_a_file_of_absurd_size_is_not_read(name: str, folder: Path, bounded: None) -> None:
    """A hundred gigabytes of nothing cost neither memory nor time."""
    path = folder / ".hds" / name
    path.touch()
    os.truncate(path, 100 << 30)
    with suppress(HdstoreError):
        use_everything(folder)


@pytest.mark.parametrize("name", ["objects/ab/" + "0" * 38, "objects/pack/pack-x.idx"])
def test_an_object_file_of_absurd_size_is_found(name: str, folder: Path, bounded: None) -> None:
    """fsck names it, in no time."""
    path = folder / ".hds" / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    os.truncate(path, 100 << 30)
    if name.endswith(".idx"):
        path.with_suffix(".pack").write_bytes(b"PACK")
    with open_it(folder) as repository:
        assert any(name in finding.where for finding in repository.fsck())


@pytest.fixture
def bounded() -> Iterator[None]:
    """Lets the process have 2 GiB more than it has, and fails what takes longer than ten seconds."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (2 << 30), before[1]))
    begun = time.monotonic()
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)
    assert time.monotonic() - begun < 10


# Who owns it


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("name", ["", "config", "objects", "refs", "hdstore"])
def test_a_repository_of_somebody_else_is_opened_only_when_allowed(name: str, folder: Path) -> None:
    """The folder or a part of it belongs to another user: that is said, with the way out."""
    os.chown(folder / ".hds" / name, 12345, 12345)
    with pytest.raises(UntrustedError, match="12345"):
        open_it(folder)
    with hdstore.open(folder, author=ADA, trusted=True) as repository:
        assert repository.dataset("plates").name == "plates"


def test_an_unfinished_repository_that_was_prepared_is_not_completed(place: Path) -> None:
    """A .hds without HEAD waits for somebody to say init: what lies in it is judged before."""
    marker, folder = place / "marker", place / "prepared"
    (folder / ".hds").mkdir(parents=True)
    (folder / ".hds" / "config").write_text(f'[core]\n\tsshCommand = "touch {marker}"\n')
    with pytest.raises(UntrustedError, match=r"sshcommand"):
        hdstore.init(folder, author=ADA)
    (folder / ".hds" / "config").unlink()
    outside = place / "outside"
    outside.mkdir()
    (folder / ".hds" / "objects").symlink_to(outside)
    with pytest.raises(UntrustedError, match="symbolic link"):
        hdstore.init(folder, author=ADA)
    assert list(outside.iterdir()) == []
