"""The blocks of ClearML's pages on the newer SDK, in our own words: datasets, entries, sources, masks, annotations.

Each test is a page; names and arguments are those of the pages, so that a script that follows them runs here with
only its import changed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hdstore.clearml import (
    DataEntry,
    DataEntryImage,
    DataSubEntry,
    DataSubEntryImage,
    HyperDataset,
    HyperDatasetManagement,
    use,
)
from hdstore.repository import Repository

pytestmark = pytest.mark.usefixtures("repository")

PHOTO = "s3://my/bucket/path_to_file.jpg"


class QADataSubEntry(DataSubEntry):
    """A text that answers, as on the page about extending entries."""

    def __init__(self, *args: object, answer: str | None = None, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.answer = answer


class QADataEntry(DataEntry):
    """A question."""

    def __init__(self, *args: object, question: str | None = None, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.question = question

    def shout(self) -> str:
        return (self.question or "").upper()


def test_hyperdatasets_are_made_bound_and_found() -> None:
    """The constructor, exists and get, by names and ids."""
    dataset = HyperDataset(
        project_name="MyProject",
        dataset_name="MyDataset",
        version_name="Current",
        description="some description text",
    )
    assert HyperDataset.exists(dataset_name="MyDataset", version_name="Current", project_name="MyProject")
    again = HyperDataset(project_name="MyProject", dataset_name="MyDataset", version_name="Current")
    found = HyperDataset.get(dataset_name="MyDataset", version_name="Current", project_name="MyProject")
    by_id = HyperDataset.get(dataset_id=dataset.dataset_id, version_id=dataset.version_id)
    same = HyperDatasetManagement.get(dataset_name="MyDataset")
    assert dataset == again == found == by_id == same
    assert (dataset.project_id, dataset.version_name, dataset.dataset_name) == (
        "MyProject",
        "Current",
        "MyDataset",
    )
    assert HyperDataset.list()[0]["comment"] == "some description text"


def test_versions_are_committed_published_and_snapshotted() -> None:
    """A snapshot keeps the id of the draft it was; the handle goes on with the next draft."""
    dataset = HyperDataset("MyProject", "MyDataset", "Current")
    dataset.commit_version()
    before = dataset.version_id
    snapshot = dataset.create_snapshot()
    assert snapshot.version_id == before != dataset.version_id
    assert snapshot.version_name.startswith("snapshot 20")
    assert not snapshot.native.is_draft
    assert (dataset.version_name, dataset.native.is_draft) == ("Current", True)
    second = dataset.create_snapshot()
    assert second.native.parents == (snapshot.version_id,)
    assert dataset.native.parents == (second.version_id,)
    dataset.publish_version()
    assert not dataset.native.is_draft


def test_child_versions_are_made_from_published_ones() -> None:
    """By parent_id; the child begins with its parent's entries."""
    parent = HyperDataset("MyProject", "MyDataset", "PublishedVersion")
    parent.add_data_entries([DataEntry("e1")])
    parent.publish_version()
    parent = HyperDataset.get(
        dataset_name="MyDataset", version_name="PublishedVersion", project_name="MyProject"
    )
    child = HyperDataset(
        project_name="MyProject",
        dataset_name="MyDataset",
        version_name="NewChildVersion",
        parent_id=parent.version_id,
    )
    assert [entry.id for entry in child] == ["e1"]


def test_metadata_and_tags_of_a_dataset() -> None:
    """set_metadata replaces; tags are those of the dataset."""
    dataset = HyperDataset("MyProject", "MyDataset", "Current")
    assert dataset.set_metadata({"source": "acme-corp", "reviewed": True})
    assert dataset.get_metadata() == {"source": "acme-corp", "reviewed": True}
    dataset.add_tags(["coco", "dogs"])
    HyperDataset("Other", "Second", "Current").add_tags("coco cats")
    found = HyperDataset.list(project_name="MyProject", partial_name="My", tags=["coco"])
    assert [(each["name"], each["tags"], each["project"]) for each in found] == [
        ("MyDataset", ["coco", "dogs"], "MyProject")
    ]
    dataset.remove_tags(["dogs"])
    assert dataset.get_tags(reload=True) == ["coco"]
    dataset.tags = ["new"]
    assert dataset.tags == ["new"]


def test_versions_and_datasets_are_deleted() -> None:
    """A draft by its name, and a dataset with published versions by force."""
    dataset = HyperDataset("MyProject", "MyDataset", "first")
    dataset.publish_version()
    HyperDataset("MyProject", "MyDataset", "VersionToDelete")
    assert HyperDataset.delete(dataset_name="MyDataset", version_name="VersionToDelete")
    assert not HyperDataset.exists(dataset_name="MyDataset", version_name="VersionToDelete")
    with pytest.raises(Exception, match="published"):
        HyperDataset.delete(dataset_name="MyDataset")
    assert HyperDataset.delete(dataset_name="MyDataset", force=True)
    assert not HyperDataset.exists(dataset_name="MyDataset")
    assert not HyperDataset.delete(dataset_name="MyDataset")


def test_entries_are_made_added_read_and_deleted(picture: Callable[..., Path]) -> None:
    """One picture, two cameras, local files that are uploaded, and get_local_source."""
    dataset = HyperDataset("MyProject", "MyDataset", "Current")
    entry = DataEntryImage(metadata={"alive": "yes"})
    sub_entry = DataSubEntryImage(
        name="image_entry_0", source=PHOTO, preview_source=PHOTO, width=512, height=512
    )
    entry.add_sub_entries([sub_entry])

    front = DataSubEntryImage(name="front", source=str(picture("car_1/front.png")))
    rear = DataSubEntryImage(name="rear", source=str(picture("car_1/rear.png", color=(1, 2, 3))))
    cars = DataEntryImage()
    cars.add_sub_entries([front, rear])

    errors = dataset.add_data_entries([entry, cars], upload_local_files_destination="s3://my-bucket/uploads")
    assert errors == {"upload": {}, "register": {}}
    assert front.source.startswith("media:")
    found = {each.id: each for each in dataset}
    assert isinstance(found[entry.id], DataEntryImage)
    assert found[entry.id].metadata == {"alive": "yes"}
    assert [sub.name for sub in found[cars.id].sub_data_entries] == ["front", "rear"]
    local = found[cars.id].sub_data_entries[0].get_local_source()
    assert Path(local or "").read_bytes() == picture("car_1/front.png").read_bytes()

    assert dataset.delete_data_entries([found[entry.id]]) == 1
    assert dataset.delete_data_entries([cars.id, "gone"]) == 1
    assert list(dataset) == []


def test_entries_of_other_classes_come_back_as_such() -> None:
    """The classes of the page, with the fields they add."""
    dataset = HyperDataset("MyProject", "MyDataset", "Current")
    entry = QADataEntry(question="what is it")
    entry.add_sub_entries(
        [QADataSubEntry("text", "text://1", answer="a store"), QADataSubEntry("more", "text://2")]
    )
    assert dataset.add_data_entries([entry]) == {"upload": {}, "register": {}}
    [found] = dataset
    assert isinstance(found, QADataEntry)
    assert (found.shout(), found.metadata) == ("WHAT IS IT", {})
    assert [type(sub) for sub in found] == [QADataSubEntry, QADataSubEntry]
    assert [sub.answer for sub in found if isinstance(sub, QADataSubEntry)] == ["a store", None]


def test_sources_and_previews_are_set_and_read_again() -> None:
    """Both fields of a sub-entry."""
    sub_entry = DataSubEntryImage(name="image_entry_0", source=PHOTO, preview_source=PHOTO)
    sub_entry.set_source(source_field="source", uri="s3://my/bucket/new_path.jpg")
    sub_entry.set_source(source_field="preview_source", uri="s3://my/bucket/new_preview.jpg")
    assert sub_entry.get_source(source_field="source") == "s3://my/bucket/new_path.jpg"
    assert sub_entry.preview_source == "s3://my/bucket/new_preview.jpg"
    assert sub_entry.get_local_source() is None
    assert sub_entry.get_local_preview_source() is None
    with pytest.raises(ValueError, match="new_path"):
        sub_entry.get_local_source(raise_on_error=True)


def test_local_sources_are_uploaded_where_a_sub_entry_asks_for_it(picture: Callable[..., Path]) -> None:
    """set_local_sources_upload_destination is for one sub-entry; others stay where they lie."""
    dataset = HyperDataset("MyProject", "MyDataset", "Current")
    one = DataSubEntryImage(name="one", source=picture("a.png"))
    other = DataSubEntryImage(name="other", source=picture("b.png"), masks_source=[picture("m.png")])
    one.set_local_sources_upload_destination("s3://my-bucket/uploads")
    entry = DataEntryImage()
    entry.add_sub_entries([one, other])
    assert dataset.add_data_entries([entry]) == {"upload": {}, "register": {}}
    assert (one.source or "").startswith("media:")
    assert (other.source, other.get_mask_source()) == (str(picture("b.png")), str(picture("m.png")))


def test_masks_are_registered_and_their_values_labelled() -> None:
    """One mask, several by number or id, and an annotation that is a value of a mask."""
    dataset = HyperDataset("MyProject", "MyDataset", "Current")
    sub_entry = DataSubEntryImage(source=PHOTO)
    assert sub_entry.set_mask_source("s3://my/bucket/labelIds.png") == "00"
    sub_entry.add_annotation(mask_rgb=(1, 1, 1), labels=["person", "sitting"])
    several = DataSubEntryImage(
        "second", PHOTO, masks_source={"seg": "s3://1.png", "instance_seg": "s3://2.png"}
    )
    entry = DataEntryImage("e1")
    entry.add_sub_entries([sub_entry, several])
    dataset.add_data_entries([entry])
    [found] = dataset
    first, second = found
    assert isinstance(first, DataSubEntryImage)
    assert isinstance(second, DataSubEntryImage)
    assert first.get_mask_source(mask_id="00") == "s3://my/bucket/labelIds.png"
    assert first.get_annotations()[0]["mask"]["value"] == [1, 1, 1]
    assert second.get_masks_source_dict() == {"seg": "s3://1.png", "instance_seg": "s3://2.png"}
    assert dataset.set_masks_labels({(0, 0, 0): ["background"], (1, 1, 1): ["person", "sitting"]})
    assert dataset.get_masks_labels() == {(0, 0, 0): ["background"], (1, 1, 1): ["person", "sitting"]}


def test_annotations_of_a_region_the_entry_and_all_sub_entries() -> None:
    """The three kinds of the page, and metadata at each level."""
    dataset = HyperDataset("MyProject", "MyDataset", "Current")
    sub_entry = DataSubEntryImage(source=PHOTO, metadata={"dangerous": "no"})
    entry = DataEntryImage("e1", metadata={"alive": "yes"})
    entry.add_sub_entries([sub_entry, DataSubEntryImage("rear", PHOTO)])
    sub_entry.add_annotation(box2d_xywh=(10, 10, 30, 20), labels=["tiger"], metadata={"dangerous": "yes"})
    entry.add_annotation(labels=["frame level label one", "frame level label two"])
    entry.add_global_annotation(labels=["cityscape"], confidence=1.0)
    dataset.add_data_entries([entry])
    [found] = dataset
    assert isinstance(found, DataEntryImage)
    first, second = found
    assert isinstance(first, DataSubEntryImage)
    assert isinstance(second, DataSubEntryImage)
    assert [roi["label"] for roi in first.get_all_annotations()] == [["tiger"], ["cityscape"]]
    assert [(roi["label"], roi["confidence"]) for roi in second.get_annotations()] == [(["cityscape"], 1.0)]
    assert [roi["label"] for roi in found.get_all_annotations()] == [
        ["frame level label one", "frame level label two"]
    ]
    assert (found.metadata, first.metadata, second.metadata) == ({"alive": "yes"}, {"dangerous": "no"}, {})
    assert first.get_annotations()[0]["meta"]["dangerous"] == "yes"
    assert len(found.get_global_annotations()) == 3


def test_another_repository_is_chosen(repository: Repository, tmp_path: Path) -> None:
    """use names it, for both of ClearML's packages; None goes back to the current folder."""
    from hdstore import allegroai
    from hdstore.repository import init

    (tmp_path / "second").mkdir()
    with init(tmp_path / "second") as second:
        use(second)
        HyperDataset("", "there", "Current")
        assert [dataset.name for dataset in allegroai.Dataset.list()] == ["there"]
        use(None)
    assert HyperDataset.list() == []
