"""Naming states, and what is compared with what: versions, commits, what a remote had, and where a draft came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import hdstore
from hdstore import (
    AmbiguousNameError,
    Author,
    Dataset,
    DatasetVersion,
    InvalidInputError,
    NotFoundError,
    PutFrame,
    Repository,
    SetFrameMetadata,
    SingleFrame,
)
from hdstore.repository.diffing import Counted, base_of, changes_of, name_of, state_at

MakeFrame = Callable[..., SingleFrame]


@pytest.fixture
def other(repository: Repository, draft: DatasetVersion, tmp_path: Path) -> Iterator[Repository]:
    """Returns a clone of the repository; it calls the dataset otherwise, and its draft is two saves ahead."""
    with hdstore.clone(
        repository.folder, tmp_path / "other", author=Author("Bob", "bob@example.org")
    ) as clone:
        dataset = clone.dataset("plates")
        dataset.rename("dishes")
        theirs = dataset.current()
        theirs.rename("Theirs")
        theirs.apply(SetFrameMetadata(frame_id="a", set={"by": "Bob"}))
        theirs.apply(PutFrame(frame=SingleFrame(id="d")))
        repository.add_remote("bob", str(clone.folder))
        repository.fetch("bob")
        yield clone


def commits(version: DatasetVersion) -> list[str]:
    return [commit.id for commit in version.log()]


def test_a_version_is_named_by_its_path_and_its_commits(
    repository: Repository, draft: DatasetVersion
) -> None:
    """The tip, one commit of its history, a commit alone; in full or by enough digits."""
    tip, first = commits(draft)
    draft.publish()

    assert state_at(repository, "plates/Current").commit == tip
    assert state_at(repository, f"{draft.dataset.id}/{draft.id}").commit == tip
    for text in (first, first[:7], f"plates/Current@{first[:7]}", f"plates/Current@{first}"):
        assert repository.state(text).commit == first
    assert name_of(repository, repository.state(first)) == f"plates/Current@{first[:10]}"


def test_what_names_nothing_is_refused(repository: Repository, draft: DatasetVersion) -> None:
    """Too few digits, commits of other histories, objects that are no versions."""
    other = repository.create_dataset("other").current()
    (elsewhere,) = commits(other)
    tree = draft.state().oid("frames")
    assert tree is not None

    for text in (
        f"plates/Current@{elsewhere}",
        "plates/Current@1234567",
        "f" * 40,
        "fffffff",
        tree,
        "plates/no",
    ):
        with pytest.raises(NotFoundError):
            state_at(repository, text)
    for text in (elsewhere[:6], "plates", "plates/", "no:plates"):
        with pytest.raises(InvalidInputError):
            state_at(repository, text)
    with pytest.raises(NotFoundError, match="no commit of a version"):
        state_at(repository, repository._core.catalog().commit)


def test_a_prefix_that_several_commits_share_is_ambiguous(repository: Repository, dataset: Dataset) -> None:
    """All of them are named."""
    from hdstore.repository.diffing import _one_of

    several = ["abcdef1" + digit * 33 for digit in "123"]
    with pytest.raises(AmbiguousNameError) as raised:
        _one_of("abcdef1", several, "the history of any version")
    assert raised.value.candidates == tuple(several)
    assert _one_of("abcdef12", several, "") == several[1]


def test_names_with_signs_are_written_with_percents(repository: Repository, dataset: Dataset) -> None:
    """A colon, an at sign, a slash in a name; a colon alone is no remote's where no remote is called so."""
    odd = repository.create_dataset("a:b/c")
    version = odd.create_version("fix@1234567")

    assert state_at(repository, "a%3Ab%2Fc/fix%401234567").commit == version.commit
    assert state_at(repository, "a:b%2Fc/fix%401234567").commit == version.commit
    with pytest.raises(NotFoundError):
        state_at(repository, "a:b%2Fc/fix@1234567")


def test_what_a_remote_had_is_named_as_it_is_named_there(repository: Repository, other: Repository) -> None:
    """By its names, by ours where it does not know them, by ids; it stays what was seen until the next fetch."""
    theirs = other.dataset("dishes").current()
    ours = repository.dataset("plates").current()

    for text in ("bob:dishes/Theirs", "bob:plates/Theirs", f"bob:{ours.dataset.id}/{ours.id}"):
        assert state_at(repository, text).commit == theirs.commit
    seen = theirs.commit
    theirs.apply(PutFrame(frame=SingleFrame(id="e")))
    assert state_at(repository, "bob:dishes/Theirs").commit == seen
    (before,) = [c.id for c in other.dataset("dishes").current().log() if "Edit frame a" in c.message]
    assert state_at(repository, f"bob:dishes/Theirs@{before[:8]}").commit == before
    # A commit that only the remote has is found too.
    assert state_at(repository, before[:10]).commit == before

    found = repository.diff("plates/Current", "bob:dishes/Theirs")
    assert (found.added, found.removed, [change.id for change in found.changed]) == (("d",), (), ["a"])
    for text in ("bob:nothing/Theirs", "bob:dishes/Current2"):
        with pytest.raises(NotFoundError):
            state_at(repository, text)


def test_a_remote_knows_a_published_version(repository: Repository, other: Repository) -> None:
    """A tag goes before a branch of the same id."""
    other.dataset("dishes").current().publish()
    repository.fetch("bob")

    assert (
        state_at(repository, "bob:dishes/Theirs").commit == other.dataset("dishes").version("Theirs").commit
    )


def test_a_draft_was_made_from_its_parent(repository: Repository, draft: DatasetVersion) -> None:
    """Its base is the parent at that time, however many saves ago, and after merges too."""
    published, child = draft.snapshot(name="v1")
    for number in range(3):
        child.apply(SetFrameMetadata(frame_id="a", set={"n": number}))

    assert base_of(repository, child.state()).commit == published.commit
    again, grandchild = child.snapshot(name="v2")
    assert base_of(repository, grandchild.state()).commit == again.commit
    assert base_of(repository, again.state()).commit == published.commit
    assert len(base_of(repository, published.state())) == 0
    both = draft.dataset.create_version("both", parents=[again, published])
    both.apply(SetFrameMetadata(frame_id="b", set={"n": 1}))
    assert base_of(repository, both.state()).commit == again.commit
    assert [change.id for change in repository.diff(child.path).changed] == ["a"]


def test_a_merged_draft_keeps_its_base(repository: Repository, other: Repository) -> None:
    """The work of two people on one draft has one beginning."""
    ours = repository.dataset("plates").current()
    begin = base_of(repository, ours.state()).commit
    ours.apply(SetFrameMetadata(frame_id="b", set={"by": "Ada"}))
    repository.pull("bob")

    assert len(next(iter(ours.log())).parents) == 2
    assert base_of(repository, ours.state()).commit == begin


def test_changes_come_by_their_ids_and_are_counted(repository: Repository, draft: DatasetVersion) -> None:
    """A limit cuts what is given, never what is counted."""
    published, child = draft.snapshot(name="v1")
    child.add_frames([SingleFrame(id=f"{number:03}") for number in range(100)])
    states = published.state(), child.state()
    everything = Counted(changes_of(*states))

    assert [change.id for change in everything] == [f"{number:03}" for number in range(100)]
    assert (everything.more, everything.summary().frames_added) == (0, 100)
    few = Counted(changes_of(*states), limit=3)
    assert [change.id for change in few] == ["000", "001", "002"]
    assert (few.more, few.summary().frames_added) == (97, 100)
    none = Counted(changes_of(*states, query="id:05*"), limit=0)
    assert list(none) == []
    assert (none.more, none.summary().frames_added) == (10, 10)


def test_many_changes_are_not_held_to_be_sorted(
    repository: Repository, draft: DatasetVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond a number they come in the order of the trie, each once; a limit below it still sorts."""
    monkeypatch.setattr("hdstore.repository.diffing.SORTED", 10)
    published, child = draft.snapshot(name="v1")
    names = [f"{number:03}" for number in range(40)]
    child.add_frames([SingleFrame(id=name) for name in names])
    states = published.state(), child.state()
    ids = [change.id for change in Counted(changes_of(*states))]

    assert ids != names
    assert sorted(ids) == names
    assert ids == [change.id for change in changes_of(*states)]
    assert [change.id for change in Counted(changes_of(*states), limit=4)] == names[:4]
    cut = Counted(changes_of(*states), limit=20)
    assert len(list(cut)) == 20
    assert cut.more == 20
