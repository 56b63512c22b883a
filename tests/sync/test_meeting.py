"""What happens when work meets work: a test for each rule of docs/sync.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import hdstore
from hdstore import (
    AddAnnotation,
    Annotation,
    Dataset,
    PutFrame,
    Repository,
    SetFrameMetadata,
    SingleFrame,
    View,
    ViewQuery,
)

MakeFrame = Callable[..., SingleFrame]


def refs(repository: Repository) -> dict[str, str]:
    return repository._core.refs.list("refs/heads/") | repository._core.refs.list("refs/tags/")


def settle(*people: Repository) -> None:
    """Pulls and pushes until nothing moves; all then have the same refs, and nothing is damaged."""
    for _ in range(4):
        for repository in people:
            repository.pull()
            repository.push()
    assert all(refs(repository) == refs(people[0]) for repository in people)
    for repository in people:
        assert repository.fsck() == []


def test_edits_of_different_things_are_both_there(ada: Repository, bob: Repository, plates: Dataset) -> None:
    """Another annotation of one frame, other frames, other keys: no conflict."""
    theirs = bob.dataset("plates").current()
    theirs.apply(AddAnnotation(frame_id="a", annotation=Annotation(id="bob", labels=("dog",))))
    bob.push()
    plates.current().apply(
        AddAnnotation(frame_id="a", annotation=Annotation(id="ada", labels=("cat",))),
        SetFrameMetadata(frame_id="b", set={"city": "Bonn"}),
    )
    report = ada.pull()

    assert report.merged == (f"{plates.id}/{plates.current().id}",)
    merged = plates.current().frame("a")
    assert {"ada", "bob"} <= {annotation.id for annotation in merged.annotations}
    assert plates.current().conflicts() == []
    settle(ada, bob)


def test_the_same_thing_edited_twice_is_a_conflict_once(
    ada: Repository, bob: Repository, plates: Dataset
) -> None:
    """Each side finds the same one; ours and theirs mean what they say on each machine."""
    bob.dataset("plates").current().apply(SetFrameMetadata(frame_id="a", set={"city": "Bonn"}))
    bob.push()
    plates.current().apply(SetFrameMetadata(frame_id="a", set={"city": "Rome"}))
    ada.pull()
    (conflict,) = plates.current().conflicts()
    assert (conflict.frame_id, conflict.path) == ("a", ("metadata", "city"))
    assert {side.value for side in conflict.sides} == {"Bonn", "Rome"}
    settle(ada, bob)
    assert bob.dataset("plates").current().conflicts() == [conflict]

    plates.current().resolve("a", choice="ours")
    assert plates.current().frame("a").metadata["city"] == "Rome"
    settle(ada, bob)
    assert bob.dataset("plates").current().conflicts() == []


def test_work_in_a_draft_that_was_snapshotted_goes_on_in_its_child(
    ada: Repository, bob: Repository, plates: Dataset, frame: MakeFrame
) -> None:
    """The snapshot is what it was; the child has both."""
    old = plates.current().id
    published, child = bob.dataset("plates").current().snapshot(name="v2")
    child.apply(PutFrame(frame=frame("bob")))
    bob.push()
    plates.current().apply(PutFrame(frame=frame("ada")))
    report = ada.pull()

    assert report.carried == {f"{plates.id}/{old}": f"{plates.id}/{child.id}"}
    assert plates.version("v2").commit == published.commit
    assert "ada" not in plates.version("v2")
    assert plates.current().id == child.id
    assert {"ada", "bob"} <= set(plates.current().frame_ids())
    settle(ada, bob)
    assert {"ada", "bob"} <= set(bob.dataset("plates").current().frame_ids())


def test_work_in_a_draft_that_was_published_gets_a_child(
    ada: Repository, bob: Repository, plates: Dataset, frame: MakeFrame, tmp_path: Path, hub: Path
) -> None:
    """Two people who went on find each other's work in the same one."""
    carol = hdstore.clone(hub, tmp_path / "carol")
    bob.dataset("plates").current().publish()
    bob.push()
    plates.current().apply(PutFrame(frame=frame("ada")))
    carol.dataset("plates").current().apply(PutFrame(frame=frame("carol")))
    ada.pull()
    carol.pull()
    assert not plates.version("Current").is_draft
    assert "ada" not in plates.version("Current")
    settle(ada, bob, carol)
    draft = bob.dataset("plates").current()
    assert draft.name == "Current (went on)"
    assert draft.parents == (plates.version("Current").id,)
    assert {"ada", "carol"} <= set(draft.frame_ids())
    carol.close()


def test_a_deletion_that_had_not_seen_some_work_is_taken_back(
    ada: Repository, bob: Repository, plates: Dataset, frame: MakeFrame
) -> None:
    """The draft is there again on both sides, with that work."""
    bob.dataset("plates").current().delete()
    bob.push()
    plates.current().apply(PutFrame(frame=frame("ada")))
    draft = plates.current()
    report = ada.pull()

    assert report.revived == (f"{plates.id}/{draft.id}",)
    assert "ada" in plates.current()
    settle(ada, bob)
    assert "ada" in bob.dataset("plates").version(draft.id)


def test_a_deleted_dataset_with_unseen_work_is_taken_back(
    ada: Repository, bob: Repository, plates: Dataset, frame: MakeFrame
) -> None:
    """What the deletion had seen is gone, the edited draft is there."""
    bob.dataset("plates").delete(force=True)
    bob.push()
    plates.current().apply(PutFrame(frame=frame("ada")))
    ada.pull()
    assert [version.name for version in plates.versions()] == ["Current"]
    settle(ada, bob)
    assert "ada" in bob.dataset("plates").current()


def test_a_new_version_in_a_deleted_dataset_takes_it_back(
    ada: Repository, bob: Repository, plates: Dataset
) -> None:
    """Who deleted did not know of it."""
    bob.dataset("plates").delete(force=True)
    bob.push()
    plates.create_version("mine", parents=["v1"])
    ada.pull()
    assert [version.name for version in plates.versions()] == ["mine"]
    settle(ada, bob)
    assert len(bob.dataset("plates").version("mine")) == 3


def test_deletions_travel_between_peers_without_the_hub(
    ada: Repository, bob: Repository, plates: Dataset
) -> None:
    """Bob never saw the draft at Ada, only at the hub; her deletion had seen it all the same."""
    bob.add_remote("ada", str(ada.folder))
    plates.current().delete()
    report = bob.pull("ada")
    assert report.revived == ()
    assert bob.dataset("plates").versions(published=False) == []


def test_two_publications_of_one_draft_are_kept_both(
    ada: Repository, bob: Repository, plates: Dataset, frame: MakeFrame
) -> None:
    """The hub's keeps the id; the other has one of its own, and its contents and name."""
    draft = plates.current().id
    first, _ = bob.dataset("plates").current().snapshot(name="bob's")
    theirs = first.commit
    bob.push()
    plates.current().apply(PutFrame(frame=frame("ada")))
    second, child = plates.current().snapshot(name="ada's")
    ours = second.commit
    report = ada.pull()

    assert list(report.apart or {}) == [f"{plates.id}/{draft}"]
    assert plates.version(draft).commit == theirs
    assert plates.version("bob's").commit == theirs
    assert plates.version("ada's").commit == ours
    assert plates.version("ada's").continued_by == child.id
    settle(ada, bob)
    assert bob.dataset("plates").version("ada's").commit == ours
    assert bob.dataset("plates").version(draft).commit == theirs


def test_the_same_publication_twice_is_one(ada: Repository, bob: Repository, plates: Dataset) -> None:
    """Two tags of one commit: the hub's stays, nothing else is made."""
    bob.dataset("plates").current().publish()
    bob.push()
    plates.current().publish()
    report = ada.pull()
    assert not report.apart
    assert len(plates.versions()) == 2
    settle(ada, bob)


def test_names_given_on_both_sides(ada: Repository, bob: Repository, plates: Dataset) -> None:
    """Different fields are both there; two datasets of one name are told apart by their ids."""
    bob.dataset("plates").describe("white ones")
    bob.create_dataset("cups")
    bob.push()
    plates.set_tags("kitchen")
    ada.create_dataset("cups")
    ada.pull()
    assert (plates.description, plates.tags) == ("white ones", ("kitchen",))
    with pytest.raises(hdstore.AmbiguousNameError, match="cups"):
        ada.dataset("cups")
    settle(ada, bob)


def test_views_made_on_both_sides(ada: Repository, bob: Repository) -> None:
    """Both are everywhere, with the commits they pin."""
    for repository, name in ((ada, "mine"), (bob, "yours")):
        stored = repository.create_view(name, View(queries=(ViewQuery(dataset="plates", version="v1"),)))
        stored.publish()
        if repository is bob:
            bob.push()
    ada.pull()
    assert {view.name for view in ada.views()} == {"mine", "yours"}
    settle(ada, bob)


def test_repositories_that_began_apart_are_united(ada: Repository, tmp_path: Path) -> None:
    """Each keeps what it had."""
    (tmp_path / "dan").mkdir()
    with hdstore.init(tmp_path / "dan") as dan:
        dan.create_dataset("forks")
        dan.add_remote("ada", str(ada.folder))
        dan.pull("ada")
        assert {dataset.name for dataset in dan.datasets()} == {"plates", "forks"}
        ada.add_remote("dan", str(dan.folder))
        ada.pull("dan")
        assert refs(ada) == refs(dan)


def test_a_fetch_changes_nothing_here(
    ada: Repository, bob: Repository, plates: Dataset, frame: MakeFrame
) -> None:
    """It brings objects and what the remote has; a pull then joins them."""
    bob.dataset("plates").current().apply(PutFrame(frame=frame("bob")))
    bob.push()
    before = refs(ada)
    report = ada.fetch()
    assert report.moved == (f"heads/{plates.id}/{plates.current().id}",)
    assert refs(ada) == before
    assert not ada.fetch()
    ada.pull()
    assert "bob" in plates.current()
