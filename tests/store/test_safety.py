"""A repository from a stranger is examined before anything of it is believed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hdstore.errors import RepositoryNotFoundError, StorageError, UntrustedError
from hdstore.store.config import Config
from hdstore.store.git import run_git
from hdstore.store.layout import Layout
from hdstore.store.objects import Objects
from hdstore.store.refs import Refs, RefUpdate
from hdstore.store.safety import check


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_what_we_make_is_accepted(layout: Layout, save: Callable[..., str], git: Callable[..., str]) -> None:
    """A repository in use, with remotes, packed refs and the traces of git, is opened."""
    with Objects(layout.hds).pack() as writer:
        commit = save(writer, "x")
    Refs(layout.hds).update(RefUpdate("refs/heads/hdstore", None, commit))
    Config(layout.hds).change(
        {
            "remote.origin.url": "ssh://example.org/x",
            "remote.origin.fetch": "+refs/heads/*:refs/hdstore/remotes/origin/heads/*",
            "branch.hdstore.remote": "origin",
            "user.name": "Ada",
        }
    )
    git("gc")
    check(layout)


@pytest.mark.parametrize(
    "setting",
    [
        "[core]\nsshCommand = touch /tmp/x",
        "[core]\nfsmonitor = touch /tmp/x",
        "[core]\nhooksPath = /tmp",
        "[core]\nworktree = /etc",
        "[core]\nattributesFile = /etc/passwd",
        "[core]\neditor = x",
        "[core]\ngitProxy = x",
        "[include]\npath = /etc/x",
        '[includeIf "gitdir:/"]\npath = /etc/x',
        '[filter "x"]\nclean = x',
        "[extensions]\nobjectFormat = sha256",
        "[extensions]\nworktreeConfig = true",
        '[url "/elsewhere"]\ninsteadOf = https:',
        "[credential]\nhelper = x",
        "[uploadpack]\npackObjectsHook = x",
        '[remote "origin"]\nuploadpack = x',
        '[remote "origin"]\nvcs = x',
        "[gc]\nrecentObjectsHook = x",
        '[alias]\nlog = "!x"',
        "[pack]\npackSizeLimit = 1",
    ],
)
def test_a_setting_that_could_do_harm_is_named(layout: Layout, setting: str) -> None:
    """A setting beyond the few that are harmless is refused, by its name."""
    append(layout.hds / "config", setting + "\n")
    name = setting.split("\n")[1].split(" ")[0].lower()
    with pytest.raises(UntrustedError, match=rf"config sets .*{name}"):
        check(layout)
    with pytest.raises(UntrustedError):
        check(layout, trusted=True)


@pytest.mark.parametrize(
    ("setting", "match"),
    [
        ("[core]\nrepositoryformatversion = 1", "git's format 1"),
        ("[core]\nbare = false", "working tree"),
        ("[core\n", "Line"),
        ("x" * (1 << 20), "larger than"),
    ],
)
def test_a_config_that_is_not_ours_is_refused(layout: Layout, setting: str, match: str) -> None:
    """Another format of git, a working tree, nonsense and absurd sizes are refused."""
    append(layout.hds / "config", setting)
    with pytest.raises(UntrustedError, match=match):
        check(layout)


@pytest.mark.parametrize(
    "name",
    [
        "", "HEAD", "config", "packed-refs", "objects", "objects/pack", "objects/info", "objects/ab",
        "objects/pack/pack-x.pack", "refs", "refs/heads", "refs/heads/d", "refs/heads/d/v", "hdstore", "hdstore/tmp",
        "hdstore/media", "hdstore/media/ab", "hdstore/journal", "hdstore/journal/x", "hdstore/local.toml",
    ],
)  # fmt: skip
def test_a_symbolic_link_is_refused(layout: Layout, tmp_path: Path, name: str) -> None:
    """No part of a repository may lie behind a link, even when the link leads to the same thing."""
    path = layout.hds / name if name else layout.hds
    path.parent.mkdir(exist_ok=True)
    target = tmp_path / "elsewhere"
    if path.exists():
        path.rename(target)
    path.symlink_to(target)
    with pytest.raises(UntrustedError, match="symbolic link"):
        check(layout)


@pytest.mark.parametrize(
    "name",
    [
        "objects/info/alternates",
        "objects/info/http-alternates",
        "commondir",
        "gitdir",
        "config.worktree",
        "info/grafts",
    ],
)
def test_a_redirection_is_refused(layout: Layout, name: str) -> None:
    """A file that sends git elsewhere is named, with what to do."""
    path = layout.hds / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("/elsewhere\n")
    with pytest.raises(UntrustedError, match=f"its file {name} sends git to another place; remove"):
        check(layout)


def test_hooks_do_not_matter(layout: Layout, save: Callable[..., str], tmp_path: Path) -> None:
    """A repository with hooks is opened, and the git that we run does not call them."""
    (layout.hds / "hooks").mkdir()
    for name in ("reference-transaction", "post-update", "pre-receive", "update"):
        hook = layout.hds / "hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/called\n")
        hook.chmod(0o755)
    check(layout)
    with Objects(layout.hds).loose() as writer:
        commit = save(writer, "x")
    run_git(layout.hds, "update-ref", "refs/heads/hdstore", commit)
    assert not (tmp_path / "called").exists()


def test_a_place_without_repository_says_so(tmp_path: Path, layout: Layout) -> None:
    """Nothing there, and something that is not whole, are not found."""
    with pytest.raises(RepositoryNotFoundError, match="There is no repository at"):
        check(Layout(tmp_path))
    (layout.hds / "HEAD").unlink()
    with pytest.raises(RepositoryNotFoundError, match="no HEAD"):
        check(layout)


def test_a_head_that_is_none_is_refused(layout: Layout) -> None:
    """A HEAD that names neither ref nor commit is refused."""
    (layout.hds / "HEAD").write_text("nonsense\n")
    with pytest.raises(UntrustedError, match="names no ref"):
        check(layout)


def test_packed_refs_of_absurd_size_are_refused(layout: Layout) -> None:
    """A list of refs beyond all measure is not read."""
    with (layout.hds / "packed-refs").open("wb") as stream:
        stream.truncate((256 << 20) + 1)
    with pytest.raises(UntrustedError, match="larger than"):
        check(layout)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_owner_needs_the_users_word(layout: Layout) -> None:
    """Somebody else's repository, or config in it, is opened only when it is trusted."""
    for path in (layout.hds, layout.hds / "config", layout.objects):
        os.chown(path, 4711, -1)
        with pytest.raises(UntrustedError, match="belongs to the user with the number 4711"):
            check(layout)
        check(layout, trusted=True)
        os.chown(path, 0, -1)
    check(layout)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_shared_repository_of_root_is_open_to_its_group(
    tmp_path: Path, in_child: Callable[[Callable[[], None]], int]
) -> None:
    """A member of the group opens and writes it; others do not."""
    folder = tmp_path / "shared"
    folder.mkdir()
    for path in (tmp_path, *tmp_path.parents[:3]):
        path.chmod(0o755)
    os.chown(folder, 0, 4000)
    folder.chmod(0o2775)
    layout = Layout(folder)
    layout.create(shared=True)

    def member() -> None:
        os.setgroups([4000])
        os.setuid(4711)
        os.umask(0o022)
        check(layout)
        with Objects(layout.hds).loose() as writer:
            oid = writer.write("blob", b"mine")
        Refs(layout.hds).update(RefUpdate("refs/tags/a/b", None, oid))

    def other() -> None:
        os.setgroups([])
        os.setgid(4001)
        os.setuid(4712)
        with pytest.raises(UntrustedError):
            check(layout)
        with pytest.raises(StorageError, match="permission was denied"):
            Objects(layout.hds).loose().__enter__()

    def second_member() -> None:
        os.setgroups([4000])
        os.setuid(4713)
        os.umask(0o022)
        refs = Refs(layout.hds)
        with Objects(layout.hds).pack() as writer:
            oid = writer.write("blob", b"mine")
            new = writer.write("blob", b"yours")
        refs.update(RefUpdate("refs/tags/a/b", oid, new))
        refs.transaction([RefUpdate("refs/tags/a/b", new, oid), RefUpdate("refs/tags/a/c", None, new)])

    assert [in_child(member), in_child(other), in_child(second_member)] == [0, 0, 0]
