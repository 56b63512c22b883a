"""Datasets: made, named, tagged, filtered, archived and deleted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hdstore
from hdstore import (
    AlreadyExistsError,
    AmbiguousNameError,
    Dataset,
    DatasetVersion,
    InvalidValueError,
    NotFoundError,
    ReadOnlyError,
    Repository,
)
from hdstore.repository import quote_name, split_path
from hdstore.repository.naming import match_tags


def test_a_new_dataset_has_one_empty_draft_named_current(repository: Repository) -> None:
    """Row 1: what it was given is there, and a draft to begin with."""
    dataset = repository.create_dataset(
        "Street",
        project="cars/front",
        description="Night shots",
        tags=["night", "rain", "night"],
        metadata={"site": 7},
    )

    assert repository.datasets() == [dataset]
    assert (dataset.name, dataset.project, dataset.description) == ("Street", "cars/front", "Night shots")
    assert (dataset.tags, dataset.metadata, dataset.archived) == (("night", "rain"), {"site": 7}, False)
    assert [version.name for version in dataset.versions()] == ["Current"]
    assert dataset.current().is_draft
    assert len(dataset.current()) == 0
    assert list(dataset.current().frames()) == []


def test_the_name_of_a_dataset_is_its_own(repository: Repository) -> None:
    """A second one of the name is refused, and so is a rename to it; case makes a difference."""
    first = repository.create_dataset("plates")
    upper = repository.create_dataset("Plates")

    with pytest.raises(AlreadyExistsError, match=rf"'plates' already \({first.id}\)"):
        repository.create_dataset("plates")
    with pytest.raises(AlreadyExistsError, match=first.id):
        upper.rename("plates")
    first.rename("plates")
    assert {d.name for d in repository.datasets()} == {"plates", "Plates"}


@pytest.mark.parametrize("name", ["a/b", "100%", "50%2F", "犬の写真", "x" * 255, "dots.and.7k2m9xq4", "a b"])
def test_people_name_things_as_they_like(repository: Repository, name: str) -> None:
    """Slashes, percent signs and any script: names never become paths."""
    dataset = repository.create_dataset(name)
    version = dataset.create_version(name)

    assert repository.dataset(name) == dataset
    assert repository.dataset(dataset.id) == dataset
    assert dataset.version(name) == version
    assert repository.version(version.path) == version
    assert repository.version(f"{dataset.id}/{version.id}") == version
    assert repository.fsck() == []


@given(st.text(min_size=1, max_size=10), st.text(min_size=1, max_size=10))
def test_a_path_names_what_it_was_made_of(dataset: str, version: str) -> None:
    """Quoting and splitting are each other's inverse."""
    assert split_path(f"{quote_name(dataset)}/{quote_name(version)}") == (dataset, version)
    assert split_path(quote_name(dataset)) == (dataset, "")


@pytest.mark.parametrize("path", ["", "/", "a/", "/a", "a/b/c"])
def test_a_path_that_names_no_version_is_refused(repository: Repository, path: str) -> None:
    """The error says how a version is named."""
    with pytest.raises(InvalidValueError, match="DATASET/VERSION"):
        repository.version(path)


def test_a_path_without_a_version_asks_for_one(repository: Repository, dataset: Dataset) -> None:
    """``version`` needs both parts."""
    with pytest.raises(InvalidValueError, match="Say which version of 'plates'"):
        repository.version("plates")


def test_an_unknown_name_says_what_there_is(repository: Repository) -> None:
    """Nothing yet, names that differ in case only, or the first few that are there."""
    with pytest.raises(NotFoundError, match="no dataset 'x' in this repository: it has no dataset yet"):
        repository.dataset("x")
    for name in ("Plates", "b", "c", "d", "e", "f"):
        repository.create_dataset(name)
    with pytest.raises(NotFoundError, match="did you mean 'Plates'"):
        repository.dataset("plates")
    with pytest.raises(NotFoundError, match=r"it has 'Plates', 'b'.* and more"):
        repository.dataset("x")


def test_a_name_that_several_versions_carry_lists_their_ids(dataset: Dataset) -> None:
    """Names of versions need not be unique; the error carries the ids."""
    first, second = dataset.current(), dataset.create_version("other")
    second.rename("Current")

    with pytest.raises(AmbiguousNameError) as caught:
        dataset.version("Current")
    assert sorted(caught.value.candidates) == sorted([first.id, second.id])
    assert all(name in str(caught.value) for name in (first.id, second.id))
    with pytest.raises(AmbiguousNameError) as caught:
        dataset.current()
    assert len(caught.value.candidates) == 2
    assert dataset.version(second.id) == second


def test_the_current_version_is_the_one_draft(dataset: Dataset) -> None:
    """With several drafts the one named Current; with none the error says what to do."""
    current = dataset.current()
    other = dataset.create_version("other")
    assert dataset.current() == current
    current.publish()
    assert dataset.current() == other
    other.publish()
    with pytest.raises(NotFoundError, match="has no draft; create a version"):
        dataset.current()


ROW_6 = ["__$all", "a", "b", "__$or", "c", "__$not", "d"]


@pytest.mark.parametrize(
    ("wanted", "tags", "meets"),
    [
        ([], [], True),
        (["a", "b"], ["b"], True),
        (["a", "b"], ["c"], False),
        (["__$all", "a", "b"], ["a"], False),
        (["__$all", "a", "b"], ["a", "b", "c"], True),
        (["-a"], ["b"], True),
        (["-a"], ["a", "b"], False),
        (["__$not", "a", "b"], ["b"], True),
        (["__$not", "a", "b"], ["c"], False),
        (ROW_6, ["a", "b", "c"], True),
        (ROW_6, ["a", "b", "c", "d"], False),
        (ROW_6, ["a", "c"], False),
        (ROW_6, ["a", "b"], False),
        (["-"], ["-"], True),
    ],
)
def test_tag_filters_follow_the_algebra(wanted: list[str], tags: list[str], meets: bool) -> None:
    """Row 6: or unless told, operators hold until the next, not only for one tag, minus excludes."""
    assert match_tags(tags, wanted) is meets


def test_datasets_are_filtered_by_all_conditions(repository: Repository) -> None:
    """Row 5: part of a name, project with and without its children, tags, ids, archived or not; oldest first."""
    front = repository.create_dataset("front", project="cars/front", tags=["night"])
    rear = repository.create_dataset("rear", project="/cars//rear/", tags=["night", "rain"])
    cells = repository.create_dataset("cells", project="carsickness")
    rear.archive()

    assert repository.datasets() == [front, rear, cells]
    assert repository.datasets(partial_name="^f|s$") == [front, cells]
    assert repository.datasets(project="cars") == [front, rear]
    assert repository.datasets(project="cars", recursive=False) == []
    assert repository.datasets(project="cars/rear/", recursive=False) == [rear]
    assert repository.datasets(project="") == [front, rear, cells]
    assert repository.datasets(tags=["__$all", "night", "-rain"]) == [front]
    assert repository.datasets(ids=[cells.id, "absent"]) == [cells]
    assert repository.datasets(archived=False) == [front, cells]
    with pytest.raises(InvalidValueError, match="not a regular expression"):
        repository.datasets(partial_name="(")


def test_what_people_say_of_a_dataset_can_be_changed(repository: Repository, dataset: Dataset) -> None:
    """Rows 7, 8, 13: renamed, described, moved, tagged, archived; its id stays, and all is in the catalog's history."""
    name = dataset.id
    dataset.rename("盘子")
    dataset.describe("Many\nlines")
    dataset.move("kitchen/plates")
    dataset.set_metadata({"a": [1, 2.5]})
    dataset.set_tags("one two")
    dataset.add_tags(["two", "three"])
    dataset.remove_tags(["one", "absent"])
    dataset.archive()

    again = hdstore.open(repository.folder).dataset("盘子")
    assert (again.id, again.description, again.project) == (name, "Many\nlines", "kitchen/plates")
    assert (again.metadata, again.tags, again.archived) == ({"a": [1, 2.5]}, ("two", "three"), True)
    again.archive(False)
    assert not dataset.archived
    with pytest.raises(NotFoundError):
        repository.dataset("plates")


@pytest.mark.parametrize(
    "change",
    [
        lambda dataset: dataset.rename(""),
        lambda dataset: dataset.rename("a\n"),
        lambda dataset: dataset.set_tags([""]),
        lambda dataset: dataset.set_tags([7]),
        lambda dataset: dataset.set_metadata({"a": {1, 2}}),
        lambda dataset: dataset.set_metadata(None),
        lambda dataset: dataset.describe(None),
        lambda dataset: dataset.describe("\ud800"),
        lambda dataset: dataset.create_version(" "),
        lambda dataset: dataset.create_version("v", metadata={"a": float("nan")}),
        lambda dataset: dataset.current().rename(""),
        lambda dataset: dataset.current().set_tags(["\n"]),
        lambda dataset: dataset.current().describe(5),
        lambda dataset: dataset.current().set_metadata({1: 2}),
    ],
)
def test_a_refused_change_changes_nothing(
    repository: Repository, dataset: Dataset, change: Callable[[Dataset], object]
) -> None:
    """A value that breaks a rule leaves refs as they were."""
    before = repository._core.refs.list("refs/")
    with pytest.raises(InvalidValueError):
        change(dataset)

    assert repository._core.refs.list("refs/") == before


def test_an_unchanged_word_makes_no_commit(repository: Repository, dataset: Dataset) -> None:
    """Saying the same again does not lengthen the history."""
    dataset.describe("x")
    before = repository._core.catalog().commit
    dataset.describe("x")
    dataset.set_tags([])

    assert repository._core.catalog().commit == before


def test_an_empty_dataset_goes_without_a_word(repository: Repository, dataset: Dataset) -> None:
    """Row 10: its handle and those of its versions then say that it was deleted, and its name is free."""
    version = dataset.current()
    dataset.delete()

    assert repository.datasets() == []
    for use in (lambda: dataset.name, lambda: dataset.describe("x"), lambda: dataset.create_version("v")):
        with pytest.raises(NotFoundError, match=r"'plates' .* deleted"):
            use()
    with pytest.raises(NotFoundError, match=r"^There is no version plates/Current .* deleted\.$"):
        version.state()
    assert "plates" in repr(dataset)
    assert "plates/Current" in repr(version)
    assert repository.create_dataset("plates").id != dataset.id
    assert repository.fsck() == []


def test_frames_and_published_versions_are_deleted_only_on_demand(
    repository: Repository, dataset: Dataset, draft: DatasetVersion
) -> None:
    """Row 10: drafts with frames need ``all_versions``, published ones ``force``; a refusal changes nothing."""
    with pytest.raises(ReadOnlyError, match="has frames in 'Current'"):
        dataset.delete()
    other = repository.create_dataset("other")
    other.current().add_frames([hdstore.SingleFrame(id="a")])
    other.delete(all_versions=True)
    draft.snapshot()
    with pytest.raises(ReadOnlyError, match=r"published versions.*needs force"):
        dataset.delete(all_versions=True)
    assert len(dataset.versions()) == 2
    dataset.delete(force=True)
    assert repository.datasets() == []
    assert repository._core.refs.list("refs/tags/") == {}


def test_handles_are_equal_when_they_name_the_same(
    repository: Repository, dataset: Dataset, tmp_path: Path
) -> None:
    """Datasets and versions can be compared and put into sets; their repr names them."""
    again = hdstore.open(repository.folder).dataset("plates")

    assert again == dataset
    assert {again, dataset} == {dataset}
    assert again.current() == dataset.current()
    assert len({again.current(), dataset.current()}) == 1
    assert dataset != repository.create_dataset("other")
    assert dataset.current() != repository.dataset("other").current()
    assert repr(dataset) == f"<Dataset 'plates' ({dataset.id})>"
    assert repr(dataset.current()) == f"<DatasetVersion plates/Current ({dataset.current().id})>"
    assert repr(repository) == f"<Repository {repository.folder}>"
