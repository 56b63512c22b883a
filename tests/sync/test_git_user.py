"""People who know git find in a repository of ours what they expect, and what they do with git is understood."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import hdstore
from hdstore import Dataset, DatasetVersion, Repository, SetFrameMetadata, SingleFrame

MakeFrame = Callable[..., SingleFrame]


@pytest.fixture
def git(tmp_path: Path) -> Callable[..., str]:
    """Returns a function that runs git as a user does, in a folder, and returns what it printed."""
    home = tmp_path / "gil"
    home.mkdir()
    settings = {
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Gil",
        "GIT_AUTHOR_EMAIL": "gil@example.org",
        "GIT_COMMITTER_NAME": "Gil",
        "GIT_COMMITTER_EMAIL": "gil@example.org",
        "PATH": os.environ["PATH"],
    }

    def run(folder: Path, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, env=settings, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture
def draft(plates: Dataset) -> DatasetVersion:
    """Returns Ada's draft."""
    return plates.current()


def branch(version: DatasetVersion) -> str:
    return f"{version.dataset.id}/{version.id}"


def test_a_plain_clone_shows_the_catalog(
    ada: Repository, hub: Path, tmp_path: Path, git: Callable[..., str]
) -> None:
    """What is checked out is the branch hdstore: a README and readable documents."""
    ada.push()
    git(tmp_path, "clone", "-q", str(hub / ".hds"), "plain")
    plain = tmp_path / "plain"
    assert git(plain, "branch", "--show-current").strip() == "hdstore"
    assert "hdstore clone" in (plain / "README.md").read_text()
    (document,) = (plain / "datasets").iterdir()
    assert '"plates"' in document.read_text()
    assert git(plain, "status", "--short") == ""
    for folder in (hub / ".hds", ada.hds, plain):
        assert git(folder, "fsck", "--strict", "--no-progress") == ""


def test_the_history_of_a_version_is_a_log(
    ada: Repository, draft: DatasetVersion, git: Callable[..., str], frame: MakeFrame
) -> None:
    """Saves are commits with their authors and messages; a publication is an annotated tag with its message."""
    draft.add_frames([frame("d", "dog")], message="Add what came in on Monday")
    published, _ = draft.snapshot(name="monday", comment="For the first training")
    log = git(ada.hds, "log", "--format=%an <%ae> %s", f"refs/tags/{branch(published)}")
    assert "Ada <ada@example.org> Add what came in on Monday" in log.splitlines()
    assert len(git(ada.hds, "log", "--format=%h", branch(draft.dataset.current())).splitlines()) >= 2
    tags = git(ada.hds, "tag", "-l").split()
    assert branch(published) in tags
    shown = git(ada.hds, "show", "--no-patch", f"refs/tags/{branch(published)}")
    assert "Tagger: Ada <ada@example.org>" in shown
    assert "For the first training" in shown


def test_a_draft_that_git_moved_forward_is_picked_up(
    ada: Repository, draft: DatasetVersion, bob: Repository, hub: Path, git: Callable[..., str]
) -> None:
    """Commits pushed by plain git, into the hub or into a repository at work, are what everybody has afterwards."""
    theirs = bob.version("plates/Current")
    theirs.apply(SetFrameMetadata(frame_id="a", set={"by": "bob"}))
    git(bob.hds, "push", "-q", str(hub / ".hds"), branch(theirs))
    assert "1 save behind" in str_of_status(ada)
    ada.pull()
    assert draft.frame("a").metadata["by"] == "bob"

    theirs.apply(SetFrameMetadata(frame_id="b", set={"by": "bob"}))
    git(bob.hds, "push", "-q", str(ada.hds), branch(theirs))
    assert draft.frame("b").metadata["by"] == "bob"
    draft.apply(SetFrameMetadata(frame_id="c", set={"by": "ada"}))
    ada.push()
    git(bob.hds, "fetch", "-q", str(hub / ".hds"), f"{branch(draft)}:{branch(draft)}")
    assert theirs.frame("c").metadata["by"] == "ada"
    for repository in (ada, bob, hdstore.open(hub)):
        assert repository.fsck() == []


def str_of_status(repository: Repository) -> str:
    """Returns how many saves are behind, in words."""
    repository.fetch()
    (row,) = repository.status().sync.versions
    return f"{row.behind.saves} save behind"


def test_branches_and_tags_of_others_are_left_alone(
    ada: Repository, bob: Repository, hub: Path, tmp_path: Path, git: Callable[..., str]
) -> None:
    """Somebody keeps scripts in the same repository: it stays where it is, and disturbs neither fsck nor gc."""
    git(tmp_path, "init", "-q", "-b", "main", "scripts")
    scripts = tmp_path / "scripts"
    (scripts / "train.py").write_text("print()\n")
    git(scripts, "add", "train.py")
    git(scripts, "commit", "-q", "-m", "Train")
    git(scripts, "tag", "v1.0")
    for folder in (ada.hds, hub / ".hds"):
        git(scripts, "push", "-q", str(folder), "main", "main:feature/faster", "v1.0")
    bob.version("plates/Current").apply(SetFrameMetadata(frame_id="a", set={"by": "bob"}))
    bob.pull()
    bob.push()
    ada.pull()
    assert not ada.push()
    assert "main" not in git(bob.hds, "for-each-ref")
    assert "refs/heads/main" in git(ada.hds, "for-each-ref")
    for repository in (ada, bob):
        assert repository.fsck() == []
        repository.gc(grace=0)
        assert [dataset.name for dataset in repository.datasets()] == ["plates"]
        assert repository.status().sync.versions == ()
        assert len(list(repository.version("plates/Current").query("id:a"))) == 1
    assert git(ada.hds, "show", "main:train.py") == "print()\n"
    assert not hdstore.clone(hub, tmp_path / "clone").fsck()


def test_a_bundle_of_git_carries_a_repository(
    ada: Repository, tmp_path: Path, git: Callable[..., str], draft: DatasetVersion
) -> None:
    """What `git bundle` wrote of ours can be cloned by git, and is then a remote like any other."""
    git(ada.hds, "bundle", "create", "-q", str(tmp_path / "all.bundle"), "--branches", "--tags")
    git(tmp_path, "clone", "-q", "--mirror", "all.bundle", "mirror.git")
    git(tmp_path / "mirror.git", "remote", "remove", "origin")
    with hdstore.clone(tmp_path / "mirror.git", tmp_path / "copy") as copy:
        assert copy.version("plates/Current").commit == draft.commit
        assert copy.fsck() == []
