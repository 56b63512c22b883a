"""Merging a version of another dataset, under other names where it calls things differently."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hdstore import (
    Annotation,
    Dataset,
    DatasetVersion,
    InvalidInputError,
    Label,
    MaskLabel,
    PutFrame,
    ReadOnlyError,
    RemoveFrame,
    Repository,
    Schema,
    SetFrameMetadata,
    SingleFrame,
)

MakeFrame = Callable[..., SingleFrame]


@pytest.fixture
def other(repository: Repository, frame: MakeFrame) -> DatasetVersion:
    """Returns a draft of another dataset that shares two frames with the first, one of them with other content."""
    version = repository.create_dataset("cars").current()
    version.add_frames([frame("a"), frame("b", "Kitty"), frame("x", "Kitty", "dog")])
    return version


def labels(version: DatasetVersion, frame_id: str) -> list[tuple[str, ...]]:
    return [annotation.labels for annotation in version.frame(frame_id).annotations]


def test_equal_frames_become_one_and_others_are_conflicts(
    repository: Repository, dataset: Dataset, draft: DatasetVersion, other: DatasetVersion
) -> None:
    """Without a common ancestor; the draft stays of its dataset, and only what is new comes the next time."""
    report = dataset.merge(other)

    assert (report.added, report.removed) == (1, 0)
    assert set(draft.frame_ids()) == {"a", "b", "c", "x"}
    assert {(conflict.frame_id, conflict.base.present) for conflict in draft.conflicts()} == {("b", False)}
    assert (draft.state().document.dataset_id, draft.state().document.id) == (dataset.id, draft.id)
    draft.resolve(choice="ours")
    assert not dataset.merge(other)
    other.apply(SetFrameMetadata(frame_id="x", set={"n": 1}))
    again = dataset.merge(other, into=draft)
    assert (again.added, again.updated, again.conflicts) == (0, 1, 0)
    assert draft.frame("x").metadata == {"n": 1}
    assert repository.fsck() == []


def test_labels_and_ids_are_renamed_on_the_way(
    repository: Repository, dataset: Dataset, draft: DatasetVersion, other: DatasetVersion
) -> None:
    """In annotations, schema and mask labels; the other dataset stays as it is."""
    other.set_schema(
        Schema(
            labels=(Label(name="Kitty", color="#111111"), Label(name="dog")),
            mask_labels={"m": (MaskLabel(labels=("Kitty", "dog"), value=(1,)),)},
        )
    )
    before = other.commit
    report = dataset.merge(
        other, into="Current", labels={"Kitty": "cat"}, ids={"x": "new"}, id_prefix="cars/"
    )

    assert (report.added, report.conflicts) == (3, 0)
    assert set(draft.frame_ids()) == {"a", "b", "c", "cars/a", "cars/b", "new"}
    assert labels(draft, "new") == [("cat",), ("dog",)]
    assert [label.name for label in draft.schema().labels] == ["cat", "dog"]
    assert draft.schema().mask_labels["m"][0].labels == ("cat", "dog")
    assert draft.stats().labels["cat"].annotations == 4
    assert other.commit == before
    assert repository.fsck() == []


def test_what_is_new_comes_under_the_same_names_again(
    dataset: Dataset, draft: DatasetVersion, other: DatasetVersion, frame: MakeFrame
) -> None:
    """A change, a deletion, an addition; what was done here stays, and other names are another source."""
    names = {"labels": {"Kitty": "cat"}, "id_prefix": "cars/"}
    dataset.merge(other, **names)  # type: ignore[arg-type]
    draft.apply(SetFrameMetadata(frame_id="cars/b", set={"mine": 1}))
    assert not dataset.merge(other, **names)  # type: ignore[arg-type]
    other.apply(
        SetFrameMetadata(frame_id="b", set={"n": 1}),
        RemoveFrame(frame_id="a"),
        PutFrame(frame=frame("y", "Kitty")),
    )
    report = dataset.merge(other, **names)  # type: ignore[arg-type]

    assert (report.added, report.updated, report.removed, report.conflicts) == (1, 1, 1, 0)
    assert draft.frame("cars/b").metadata == {"mine": 1, "n": 1}
    assert labels(draft, "cars/y") == [("cat",)]
    held = set(draft.frame_ids())
    elsewhere = dataset.merge(other, id_prefix="more/")
    assert (elsewhere.added, elsewhere.removed) == (3, 0)
    dataset.merge(other)
    assert set(draft.frame_ids()) == held | {"more/b", "more/x", "more/y", "x", "y"}


def test_two_labels_can_become_one(dataset: Dataset, other: DatasetVersion, draft: DatasetVersion) -> None:
    """In the schema the one that had the name stays; an annotation carries it once."""
    other.set_schema(
        Schema(labels=(Label(name="Kitty", color="#111111"), Label(name="dog", color="#222222")))
    )
    other.apply(
        PutFrame(frame=SingleFrame(id="z", annotations=(Annotation(id="0", labels=("Kitty", "dog")),)))
    )
    dataset.merge(other, labels={"Kitty": "dog"}, id_prefix="n/")

    assert [(label.name, label.color) for label in draft.schema().labels] == [("dog", "#222222")]
    assert labels(draft, "n/z") == [("dog",)]


def test_a_new_draft_can_take_it(dataset: Dataset, draft: DatasetVersion, other: DatasetVersion) -> None:
    """It begins empty."""
    report = dataset.merge(other, name="from cars")

    assert dataset.version("from cars").id == report.version_id
    assert set(dataset.version("from cars").frame_ids()) == {"a", "b", "x"}


def test_what_can_not_be_merged_is_refused(
    repository: Repository, dataset: Dataset, draft: DatasetVersion, other: DatasetVersion
) -> None:
    """Ids that fall together, a published draft, one of another dataset, itself; no draft is made by a failure."""
    with pytest.raises(InvalidInputError, match="the same id"):
        dataset.merge(other, ids={"a": "b"}, name="new")
    with pytest.raises(InvalidInputError, match="the same id"):
        dataset.merge(other, ids={"a": "q", "b": "q"}, name="new")
    with pytest.raises(InvalidInputError, match="not both"):
        dataset.merge(other, into=draft, name="new")
    with pytest.raises(InvalidInputError, match="into itself"):
        dataset.merge(draft)
    with pytest.raises(InvalidInputError, match="no draft of the dataset"):
        dataset.merge(draft, into=other)
    assert [version.name for version in dataset.versions()] == ["Current"]
    draft.publish()
    with pytest.raises(ReadOnlyError):
        dataset.merge(other, into="Current")
