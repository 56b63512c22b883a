"""Views between repositories: documents, and the commits that they pin."""

from __future__ import annotations

from pathlib import Path

import pytest

import hdstore
from hdstore import (
    DamagedError,
    DivergedError,
    PutFrame,
    Repository,
    SetFrameMetadata,
    SingleFrame,
    Source,
    View,
    ViewQuery,
    replace,
)
from hdstore.repository.core import KEEP_REF
from hdstore.store import RefUpdate
from hdstore.version import VersionState

VIEW = View(
    queries=(ViewQuery(dataset="plates", version="Current"), ViewQuery(dataset="plates", version="v1"))
)


@pytest.fixture(params=["git", "libgit2"], autouse=True)
def _transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Runs each test through the git program, and where there is none."""
    if request.param == "libgit2":
        (tmp_path / "bin").mkdir()
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def refs(repository: Repository) -> dict[str, str]:
    return repository._core.refs.list("refs/heads/") | repository._core.refs.list("refs/tags/")


def keeps(repository: Repository) -> set[str]:
    return set(repository._core.refs.list(KEEP_REF).values())


def whole(*repositories: Repository) -> None:
    for repository in repositories:
        assert repository.fsck() == []


def test_views_and_what_they_pin_travel(ada: Repository, hub: Path, tmp_path: Path) -> None:
    """A clone has both, with frames and media, also when the draft and the dataset are gone at the source."""
    draft = ada.dataset("plates").version("Current")
    kept = ada.media.keep_bytes(b"a picture")
    draft.apply(PutFrame(frame=SingleFrame(id="kept", sources=(Source(uri=f"media:{kept}"),))))
    stored = ada.create_view("train", VIEW)
    stored.publish()
    commit = draft.commit
    draft.apply(SetFrameMetadata(frame_id="a", set={"k": 1}))
    draft.delete()
    report = ada.push()
    assert f"tags/keep/{commit}" in report.moved
    assert not ada.push()

    with hdstore.clone(hub, tmp_path / "bob", media="all") as bob:
        assert refs(bob) == refs(ada)
        view = bob.view("train")
        assert view.document == stored.document
        assert set(view.value.pins.values()) == keeps(bob) == keeps(ada)
        bob.gc(grace=0)
        state = VersionState(bob._core.objects, commit)
        assert sorted(frame.id for frame in state.frames()) == ["a", "b", "c", "kept"]
        assert bob.media.has(kept)
        assert [v.name for v in bob.dataset("plates").versions()] == ["v1"]
        whole(ada, bob, hdstore.open(hub))


def test_work_on_views_goes_back_and_forth(ada: Repository, bob: Repository, hub: Path) -> None:
    """Made, edited, published, renamed and deleted on one side, they are so on the other after an exchange."""
    ada.create_view("train", VIEW)
    assert ada.push().moved == ("heads/hdstore",)
    bob.pull()
    view = bob.view("train")
    view.edit(replace(VIEW, enumeration={"cat": 1}))
    view.publish()
    bob.push()
    ada.pull()
    assert ada.view("train").value == view.value
    assert keeps(ada) == keeps(bob) == set(view.value.pins.values())
    ada.view("train").rename("training")
    ada.push()
    assert bob.pull().moved == ("heads/hdstore",)
    assert view.name == "training"

    pinned = keeps(ada)
    twin = bob.view("training").clone("twin")
    view.delete(force=True)
    bob.push()
    ada.pull()
    assert [found.name for found in ada.views()] == ["twin"]
    assert keeps(ada) == pinned
    twin.delete()
    report = bob.push()
    assert set(report.removed) == {f"tags/keep/{commit}" for commit in pinned}
    assert set(ada.pull().removed) == set(report.removed)
    assert ada.views() == []
    assert refs(ada) == refs(bob) == refs(hdstore.open(hub))
    whole(ada, bob, hdstore.open(hub))


def test_what_is_not_sent_yet_is_ahead(ada: Repository, bob: Repository) -> None:
    """A pull neither takes it away nor fails because of it."""
    view = bob.create_view("train", VIEW)
    view.publish()
    before = refs(bob)
    report = bob.pull()

    assert not report
    assert set(report.ahead) == {"heads/hdstore", *(f"tags/keep/{commit}" for commit in keeps(bob))}
    assert refs(bob) == before


def test_a_published_view_never_changes_by_a_pull(ada: Repository, bob: Repository, hub: Path) -> None:
    """Whoever changed it by other means is found out, and nothing moves."""
    view = ada.create_view("train", VIEW)
    view.publish()
    ada.push()
    bob.pull()
    with ada._core.changing("Cheat") as change:
        document = change.view_document(view.id)
        change.put_view(replace(document, view=replace(document.view, enumeration={"cat": 2})))
    before = refs(hdstore.open(hub))
    with pytest.raises(
        DivergedError, match=r"The published view 'train' .* is not the same in both repositories"
    ):
        ada.push()
    assert refs(hdstore.open(hub)) == before


def test_a_ref_that_keeps_another_commit_is_refused(ada: Repository, bob: Repository, hub: Path) -> None:
    """From a stranger: its name is the commit it must stand at."""
    commit = ada.dataset("plates").version("v1").commit
    with hdstore.open(hub) as there:
        for name in ("0" * 40, "x"):
            there._core.refs.update(RefUpdate(KEEP_REF + name, None, commit))
            before = refs(bob)
            with pytest.raises(DamagedError, match=f"The ref tags/keep/{name} keeps the commit {commit}"):
                bob.pull()
            assert refs(bob) == before
            there._core.refs.update(RefUpdate(KEEP_REF + name, commit, None))


def test_a_ref_that_keeps_what_no_view_pins_stays_where_it_is(
    ada: Repository, bob: Repository, hub: Path
) -> None:
    """It is not brought along, and gc removes it where it stands."""
    commit = ada.dataset("plates").version("v1").commit
    with hdstore.open(hub) as there:
        there._core.refs.update(RefUpdate(KEEP_REF + commit, None, commit))
        ada.create_view("train", VIEW)
        assert not bob.pull()
        assert keeps(bob) == set()
        bob._core.refs.update(RefUpdate(KEEP_REF + commit, None, commit))
        assert not bob.pull()
        assert not bob.push()
        assert keeps(bob) == keeps(there) == {commit}
        bob.gc()
        assert keeps(bob) == set()
        there.gc()
        assert keeps(there) == set()
    ada.push()
    bob.pull()
    whole(ada, bob)
