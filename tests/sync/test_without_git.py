"""Exchange where the git program is not installed: libgit2 moves the objects, our own locks the refs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import hdstore
from hdstore import CancelledError, DivergedError, PutFrame, Repository, SingleFrame

MakeFrame = Callable[..., SingleFrame]


@pytest.fixture
def no_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment whose PATH holds no program at all."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def commits(repository: Repository) -> dict[str, str]:
    return {v.id: v.commit for d in repository.datasets() for v in d.versions()}


@pytest.mark.usefixtures("no_git")
def test_push_clone_and_pull_need_no_git_program(ada: Repository, hub: Path, tmp_path: Path) -> None:
    """Versions, catalog and deletions travel in both directions, and equal hashes arrive."""
    ada.push()
    bob = hdstore.clone(hub, tmp_path / "bob")
    assert commits(bob) == commits(ada)
    assert bob.fsck() == []

    dataset = bob.datasets()[0]
    version = next(v for v in dataset.versions() if v.is_draft)
    version.apply(PutFrame(frame=SingleFrame(id="from bob")))
    published, child = version.snapshot(name="bob's")
    bob.push()
    report = ada.pull()

    assert report.moved
    assert commits(ada) == commits(bob)
    assert "from bob" in ada.datasets()[0].version(published.id)
    child.delete()
    bob.push()
    ada.pull()
    assert commits(ada) == commits(bob)
    assert hdstore.open(hub).fsck() == []
    assert not ada.pull()


@pytest.mark.usefixtures("no_git")
def test_divergence_waits_for_a_pull_and_cancelling_changes_nothing(
    ada: Repository, hub: Path, tmp_path: Path
) -> None:
    """Work on both sides is not pushed over; a progress that raises stops the exchange; a pull merges."""
    ada.push()
    bob = hdstore.clone(hub, tmp_path / "bob")
    for repository, name in ((ada, "a"), (bob, "b")):
        draft = next(v for v in repository.datasets()[0].versions() if v.is_draft)
        draft.apply(PutFrame(frame=SingleFrame(id=name)))
    bob.push()
    before = commits(ada)

    def stop(what: str, done: int, total: int | None) -> None:
        raise CancelledError("enough")

    with pytest.raises(CancelledError):
        ada.pull(progress=stop)
    with pytest.raises(DivergedError):
        ada.push()
    assert commits(ada) == before
    ada.pull()
    ada.push()
    bob.pull()
    assert commits(ada) == commits(bob)
    assert ada.fsck() == []
