"""Running git: with our options only, and its failures as sentences."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hdstore.errors import CancelledError, RemoteError, StorageError
from hdstore.store.git import git_available, local_program, run_git
from hdstore.store.layout import Layout
from hdstore.store.objects import Objects
from hdstore.store.refs import Refs, RefUpdate

HEAD = "refs/heads/hdstore"


@pytest.fixture
def other(tmp_path: Path, save: Callable[..., str]) -> Layout:
    """Returns a second repository with one commit."""
    folder = tmp_path / "other"
    folder.mkdir()
    layout = Layout(folder)
    layout.create()
    with Objects(layout.hds).loose() as writer:
        for number in range(30):
            writer.write("blob", b"%d" % number)
        commit = save(writer, "theirs")
    Refs(layout.hds).update(RefUpdate(HEAD, None, commit))
    return layout


def hook(layout: Layout, name: str, marker: Path) -> None:
    (layout.hds / "hooks").mkdir(exist_ok=True)
    path = layout.hds / "hooks" / name
    path.write_text(f"#!/bin/sh\ntouch {marker}\n")
    path.chmod(0o755)


def test_git_gives_back_what_it_printed(layout: Layout) -> None:
    """Input goes in and output comes out, with and without progress."""
    assert git_available()
    oid = run_git(layout.hds, "hash-object", "-w", "--stdin", input=b"x" * 1_000_000).strip().decode()
    assert run_git(layout.hds, "cat-file", "blob", oid) == b"x" * 1_000_000
    assert run_git(layout.hds, "cat-file", "blob", oid, progress=lambda *_: None) == b"x" * 1_000_000
    listed = run_git(
        layout.hds, "cat-file", "--batch-check", input=oid.encode() + b"\n", progress=lambda *_: None
    )
    assert listed.split()[1] == b"blob"


def test_a_failure_is_the_last_thing_git_said(layout: Layout, tmp_path: Path) -> None:
    """Commands that reach others raise RemoteError, others StorageError, both with git's reason."""
    with pytest.raises(StorageError, match="git cat-file failed: fatal: Not a valid object name"):
        run_git(layout.hds, "cat-file", "blob", "nothing")
    with pytest.raises(RemoteError, match=r"git fetch failed: fatal: .*nowhere"):
        run_git(layout.hds, "-c", "a.b=c", "fetch", str(tmp_path / "nowhere"))
    with pytest.raises(RemoteError, match=r"git fetch failed: fatal: .*nowhere"):
        run_git(layout.hds, "fetch", str(tmp_path / "nowhere"), progress=lambda *_: None)


def test_a_refused_push_says_which_ref(layout: Layout, other: Layout, save: Callable[..., str]) -> None:
    """The line that names the ref goes before the one that says that something failed."""
    with Objects(layout.hds).loose() as writer:
        commit = save(writer, "ours")
    with pytest.raises(RemoteError, match=r"git push failed: ! \[rejected\].*hdstore \(fetch first\)"):
        run_git(layout.hds, "push", str(other.hds), f"{commit}:{HEAD}")


def test_a_missing_git_is_named(layout: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the program the error says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not git_available()
    with pytest.raises(StorageError, match="Could not run git"):
        run_git(layout.hds, "version")


def test_settings_of_user_system_and_repository_do_not_matter(
    layout: Layout, other: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a configuration or the environment wants to run is not run, what redirects git is not followed."""
    marker = tmp_path / "called"
    evil = f"touch {marker}"
    (tmp_path / "home" / ".gitconfig").write_text(f"[core]\n\tfsmonitor = {evil}\n\tpager = {evil}\n")
    config = layout.hds / "config"
    config.write_text(
        config.read_text() + f"[core]\n\tsshCommand = {evil}\n\tfsmonitor = {evil}\n\thooksPath = hooks\n"
    )
    hook(layout, "reference-transaction", marker)
    monkeypatch.setenv("GIT_DIR", str(other.hds))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other.objects))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", f"'core.fsmonitor'='{evil}'")
    assert run_git(layout.hds, "for-each-ref") == b""
    with pytest.raises(RemoteError):
        run_git(layout.hds, "fetch", "ssh://127.0.0.1:1/x")
    for url in (f"ext::{evil}", "fd::7"):
        with pytest.raises(RemoteError):
            run_git(layout.hds, "fetch", url)
    run_git(layout.hds, "fetch", str(other.hds), f"{HEAD}:{HEAD}")
    assert not marker.exists()


def test_replaced_objects_are_not_believed(layout: Layout, git: Callable[..., str]) -> None:
    """An object is what its id says, whatever refs/replace says."""
    one, two = (git("hash-object", "-w", "--stdin", input=data) for data in (b"1", b"2"))
    git("replace", one, two)
    assert run_git(layout.hds, "cat-file", "blob", one) == b"1"


def test_a_path_remote_runs_nothing_of_its_own(layout: Layout, other: Layout, tmp_path: Path) -> None:
    """Fetching from and pushing to a folder on this machine calls no hook there, whoever owns it."""
    marker = tmp_path / "called"
    for name in ("pre-receive", "update", "post-receive", "post-update", "reference-transaction"):
        hook(other, name, marker)
    if os.geteuid() == 0:
        for folder, folders, names in os.walk(other.hds):
            for name in (*folders, *names):
                os.chown(Path(folder) / name, 4711, -1)
        os.chown(other.hds, 4711, -1)
        os.chown(other.folder, 4711, -1)
    run_git(
        layout.hds, "fetch", f"--upload-pack={local_program('upload-pack')}", str(other.hds), f"{HEAD}:{HEAD}"
    )
    tip = Refs(layout.hds).get(HEAD)
    assert tip == Refs(other.hds).get(HEAD)
    run_git(
        layout.hds,
        "push",
        f"--receive-pack={local_program('receive-pack')}",
        str(other.hds),
        f"{tip}:refs/heads/a/b",
    )
    assert Refs(other.hds).get("refs/heads/a/b") == tip
    assert not marker.exists()


def test_progress_is_passed_on_and_can_cancel(layout: Layout, other: Layout) -> None:
    """Git's counts arrive as they are printed; what is raised on them ends git and changes nothing."""
    seen: list[tuple[str, int, int | None]] = []
    arguments = ("fetch", "--progress", f"file://{other.hds}", f"{HEAD}:{HEAD}")

    def cancel(what: str, done: int, total: int | None) -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        run_git(layout.hds, *arguments, progress=cancel)
    assert Refs(layout.hds).list("refs/") == {}
    run_git(layout.hds, *arguments, progress=lambda what, done, total: seen.append((what, done, total)))
    assert Refs(layout.hds).get(HEAD) == Refs(other.hds).get(HEAD)
    # So few objects may have arrived before git was ended; then nothing was left to count.
    assert not seen or ("Counting objects", 3, 3) in seen


@pytest.mark.parametrize("progress", [None, lambda *_: None])
def test_a_git_that_does_not_end_is_ended(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, progress: object
) -> None:
    """After the timeout git is killed and the error says so."""
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(RemoteError, match=r"did not finish within 0\.1 seconds"):
        run_git(layout.hds, "fetch", progress=progress, timeout=0.1)  # type: ignore[arg-type]
