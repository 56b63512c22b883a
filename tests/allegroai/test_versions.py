"""Versions: finding the one that is meant, merging parents, tags, metadata and statistics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hdstore.allegroai import (
    Dataset,
    DatasetVersion,
    ExistsError,
    HyperDatasetWarning,
    MissingError,
    SingleFrame,
    use,
)
from hdstore.errors import InvalidInputError, ReadOnlyError, RepositoryNotFoundError
from hdstore.repository import Repository, init


def frame(name: str, *labels: str) -> SingleFrame:
    made = SingleFrame(id=name, source=f"s3://shop/{name}.jpg")
    for label in labels:
        made.add_annotation(box2d_xywh=(1, 2, 3, 4), labels=[label])
    return made


def ids(version: DatasetVersion) -> set[str]:
    return {found.id for found in version}


def test_scripts_mean_the_repository_of_the_folder_or_the_chosen_one(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """use() takes a handle, a folder, or None to go back."""
    Dataset.create(dataset_name="here")
    (tmp_path / "other").mkdir()
    other = init(tmp_path / "other")
    assert use(tmp_path / "other") is not None
    Dataset.create(dataset_name="there")
    assert [dataset.name for dataset in other.datasets()] == ["there"]
    assert use(other) is other
    assert [dataset.name for dataset in Dataset.list()] == ["there"]
    use(None)
    (repository.folder / "deep").mkdir()
    monkeypatch.chdir(repository.folder / "deep")
    assert [dataset.name for dataset in Dataset.list()] == ["here"]
    (tmp_path / "nothing").mkdir()
    monkeypatch.chdir(tmp_path / "nothing")
    with pytest.raises(RepositoryNotFoundError, match="init"):
        Dataset.list()


@pytest.mark.usefixtures("repository")
def test_what_does_not_exist_is_a_value_error() -> None:
    """And a KeyError: both are how scripts ask."""
    with pytest.raises(ValueError, match="no dataset 'a'"):
        Dataset.get(dataset_name="a")
    with pytest.raises(KeyError):
        Dataset.get(dataset_id="a.00000000")
    Dataset.create(dataset_name="a")
    with pytest.raises(MissingError, match="no version 'v'"):
        DatasetVersion.get_version(dataset_name="a", version_name="v")
    with pytest.raises(MissingError, match="in project 'P'"):
        DatasetVersion.get_current(dataset_name="a", dataset_project="P")
    with pytest.raises(ValueError, match="dataset_id or dataset_name"):
        DatasetVersion.get_version()
    with pytest.raises(ValueError, match="not by both"):
        DatasetVersion.get_version(dataset_name="a", dataset_id="b")
    with pytest.raises(ValueError, match="not by both"):
        DatasetVersion.get_version(dataset_name="a", version_name="b", version_id="c")
    with pytest.raises(ValueError, match="exclude each other"):
        DatasetVersion.get_versions(dataset_name="a", only_published=True, only_draft=True)
    assert issubclass(ExistsError, ValueError)


@pytest.mark.usefixtures("repository")
def test_of_several_versions_the_latest_is_taken_with_a_warning() -> None:
    """Or an error, where the script asks for one."""
    dataset = Dataset.create(dataset_name="a")
    dataset.create_version("second")
    with pytest.warns(HyperDatasetWarning, match="2 versions in draft"):
        dataset.get_current()
    with pytest.raises(ValueError, match="say which"):
        DatasetVersion.get_version(dataset_name="a", raise_on_multiple=True)
    for version in dataset.get_versions():
        version.publish_version()
    latest = dataset.get_version()
    assert not latest.draft
    with pytest.raises(MissingError, match="no draft"):
        dataset.get_current()
    dataset.create_version("third", parent_version_ids=[latest.version_id])
    for version in dataset.get_versions():
        version.set_version_name("same")
    with pytest.warns(HyperDatasetWarning, match="3 versions named 'same'"):
        dataset.get_version(version_name="same")


@pytest.mark.usefixtures("repository")
def test_several_parents_are_merged() -> None:
    """The child holds the frames of all; of equal ids those of the later parent."""
    dataset = Dataset.create(dataset_name="a")
    dataset.delete_version(version_name="Current")
    left, right = dataset.create_version("left"), dataset.create_version("right")
    left.add_frames([frame("1"), frame("2", "old")])
    right.add_frames([frame("2", "new"), frame("3")])
    left.publish_version()
    right.publish_version()
    child = DatasetVersion.create_version(
        "both", dataset_name="a", parent_version_ids=[left.version_id], parent_version_names=["right"]
    )
    assert ids(child) == {"1", "2", "3"}
    merged = child.get_single_frame("2")
    assert isinstance(merged, SingleFrame)
    assert merged.annotations[0].labels == ["new"]
    assert child.get_parents() == [left.version_id, right.version_id]
    assert child.get_parent() == left.version_id


@pytest.mark.usefixtures("repository")
def test_children_come_from_published_versions_only() -> None:
    """A draft parent is a ValueError."""
    Dataset.create(dataset_name="a")
    with pytest.raises(ValueError, match="published"):
        DatasetVersion.create_version("b", dataset_name="a", parent_version_names=["Current"])


@pytest.mark.usefixtures("repository")
def test_a_version_says_what_it_is() -> None:
    """Ids, names, state, time, comment and tags."""
    dataset = Dataset.create(dataset_name="a")
    version = dataset.create_version("b", description="first words")
    assert (version.dataset_name, version.dataset_id) == ("a", dataset.id)
    assert version.origin["version_name"] == "b"
    assert version.comment == "first words"
    version.comment = "second words"
    assert version.comment == "second words"
    assert abs(version.last_updated - datetime.now(UTC)) < timedelta(minutes=5)
    version.add_tags(["x", "y"])
    version.remove_tags(["x"])
    assert version.tags == ["y"]
    version.set_tags(["z"])
    assert version.tags == ["z"]
    assert version.set_version_name("c")
    assert dataset.get_version(version_name="c") == version
    assert len({version, dataset.get_version(version_id=version.version_id)}) == 1


@pytest.mark.usefixtures("repository")
def test_metadata_of_a_version_is_replaced_while_it_is_a_draft() -> None:
    """Keys with a dot or a dollar are refused; published ones say False; mask labels stay unless named."""
    Dataset.create(dataset_name="a")
    version = DatasetVersion.get_current(dataset_name="a")
    assert version.set_metadata({"k": 1})
    assert version.set_metadata({"l": 2})
    assert version.get_metadata() == {"l": 2}
    assert version.set_masks_labels({7: "road", (1, 2, 3): ["cat"]})
    assert version.set_metadata({"m": 3})
    assert set(version.get_metadata()) == {"m", "mask_labels"}
    assert version.get_masks_labels() == {(7,): ["road"], (1, 2, 3): ["cat"]}
    assert version.set_metadata({"mask_labels": {"seg": [{"value": [0, 0, 1], "labels": ["sky"]}]}})
    assert version.get_masks_labels() == {(0, 0, 1): ["sky"]}
    for bad in ({"a.b": 1}, {"$a": 1}, [1], {"mask_labels": [1]}):
        with pytest.raises(ValueError, match=r"\w"):
            version.set_metadata(bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one number"):
        version.set_masks_labels({(1, 2): ["x"]})
    assert version.publish_version()
    assert not version.set_metadata({"n": 4})
    assert not version.set_masks_labels({(1, 1, 1): ["x"]})
    assert not version.publish_version()
    with pytest.raises(ReadOnlyError):
        version.add_frames([frame("1")])


@pytest.mark.usefixtures("repository")
def test_a_frame_knows_the_version_it_comes_from() -> None:
    """origin and dataset_version_metadata, also of the frames of a group."""
    Dataset.create(dataset_name="a")
    version = DatasetVersion.get_current(dataset_name="a")
    version.set_metadata({"k": 1})
    version.add_frames([frame("1")])
    found = version.get_single_frame("1")
    assert found.origin == version.origin
    assert found.dataset_version_metadata == {"k": 1}
    assert found.to_dict()["dataset"] == {"id": version.dataset_id, "version": version.version_id}
    assert found.copy().origin == version.origin


@pytest.mark.usefixtures("repository")
def test_statistics_are_counts_by_name() -> None:
    """Labels, content types, annotated and empty frames."""
    Dataset.create(dataset_name="a")
    version = DatasetVersion.get_current(dataset_name="a")
    version.add_frames([frame("1", "cat", "cat"), frame("2", "dog"), frame("3")])
    stats = version.get_stats()
    assert stats["labels"] == [{"name": "cat", "count": 2}, {"name": "dog", "count": 1}]
    assert stats["frames"] == [{"name": "annotated", "count": 2}, {"name": "empty", "count": 1}]


@pytest.mark.usefixtures("repository")
def test_committing_publishes_where_it_is_told_to() -> None:
    """What has no meaning here is refused, not ignored."""
    Dataset.create(dataset_name="a")
    version = DatasetVersion.get_current(dataset_name="a")
    version.commit_version()
    assert version.draft
    with pytest.raises(InvalidInputError, match="Statistics"):
        version.commit_version(calculate_stats=False)
    with pytest.raises(InvalidInputError, match="Statistics"):
        version.commit_version(override_stats={})
    with pytest.raises(InvalidInputError, match="task"):
        version.commit_version(publishing_task="t")
    version.commit_version(publish=True)
    assert not version.draft


@pytest.mark.usefixtures("repository")
def test_versions_are_removed_by_name_or_handle() -> None:
    """Published ones with force only."""
    dataset = Dataset.create(dataset_name="a")
    dataset.create_version("b")
    DatasetVersion.remove_version(dataset_name="a", version_name="b")
    current = dataset.get_current()
    current.publish_version()
    with pytest.raises(ReadOnlyError, match="force"):
        current.remove_version()
    current.remove_version(force=True)
    assert dataset.get_versions() == []
    with pytest.raises(ValueError, match="version_id or version_name"):
        DatasetVersion.remove_version(dataset_name="a")


@pytest.mark.usefixtures("repository")
def test_a_handle_stands_for_its_dataset() -> None:
    """Methods of the class work on a handle without names."""
    dataset = Dataset.create(dataset_name="a")
    version = dataset.get_current()
    assert version.get_versions() == [version]
    assert version.get_version(version_name="Current") == version
    assert version.get_current() == version
    child = version.create_snapshot(publish_name="one")
    assert (version.version_name, child.get_parent()) == ("one", version.version_id)
    assert version.create_version("two", parent_version_names=["one"]).dataset_name == "a"
    assert "Makes a draft" in (DatasetVersion.create_version.__doc__ or "")


@pytest.mark.usefixtures("repository")
def test_datasets_are_listed_by_tags_names_and_projects() -> None:
    """Oldest first; the tag filter is ClearML's."""
    Dataset.create("one", dataset_project="P", tags=["a", "b"])
    Dataset.create("two", dataset_project="P/Q", tags=["a"])
    Dataset.create("three", tags=["c"])

    def names(found: list[Dataset]) -> set[str]:
        return {dataset.name for dataset in found}

    assert names(Dataset.list()) == names(DatasetVersion.get_datasets()) == {"one", "two", "three"}
    assert names(DatasetVersion.get_datasets(tags=["b", "c"])) == {"one", "three"}
    assert names(DatasetVersion.get_datasets(tags=["__$all", "a", "b"])) == {"one"}
    assert names(DatasetVersion.get_datasets(tags=["a", "-b"])) == {"two"}
    assert names(Dataset.list(dataset_project="P")) == {"one", "two"}
    assert names(Dataset.list(dataset_project="P", recursive_project_search=False)) == {"one"}
    assert names(Dataset.list(partial_name="^t")) == {"two", "three"}
    assert names(Dataset.list(ids=[Dataset.get(dataset_name="one").id], include_archived=False)) == {"one"}


@pytest.mark.usefixtures("repository")
def test_a_dataset_has_metadata_of_its_own() -> None:
    """Apart from that of its versions."""
    dataset = Dataset.create("one")
    assert dataset.set_metadata({"licence": "CC0"})
    assert Dataset.get(dataset_name="one").get_metadata() == {"licence": "CC0"}
    dataset.set_tags(["x"])
    assert (dataset.tags, repr(dataset)[:9]) == (["x"], "<Dataset ")
