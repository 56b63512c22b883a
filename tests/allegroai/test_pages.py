"""The blocks of ClearML's pages on datasets, frames, annotations, masks, previews and metadata, in our own words.

Each test is a page; names and arguments are those of the pages, so that a script that follows them runs here with
only its import changed.
"""

from __future__ import annotations

from typing import Any

import pytest

from hdstore.allegroai import (
    Dataset,
    DatasetVersion,
    FrameGroup,
    HyperDatasetWarning,
    ImageAnnotation,
    SingleFrame,
)

pytestmark = pytest.mark.usefixtures("repository")

PHOTO = "https://shop.example.org/plates/0007.jpg"


def test_datasets_are_made_in_both_ways() -> None:
    """Dataset.create and DatasetVersion.create_new_dataset, in a project, with tags and a description."""
    plates = Dataset.create(dataset_name="plates")
    assert [(v.version_name, v.draft) for v in plates.get_versions()] == [("Current", True)]
    cups = DatasetVersion.create_new_dataset(dataset_name="cups two")
    assert (plates.name, cups.name) == ("plates", "cups two")
    street = Dataset.create(dataset_name="street", dataset_project="Cars")
    night = DatasetVersion.create_new_dataset(dataset_name="night", dataset_project="Cars/Night")
    assert (street.project, night.project) == ("Cars", "Cars/Night")
    tagged = DatasetVersion.create_new_dataset(
        dataset_name="tagged", tags=["One Tag", "Another Tag", "A third"], description="what it is for"
    )
    assert (tagged.tags, tagged.description) == (["One Tag", "Another Tag", "A third"], "what it is for")


def test_an_existing_dataset_is_returned_or_refused() -> None:
    """ValueError with raise_if_exists, else the one that is there."""
    first = Dataset.create(dataset_name="plates")
    assert Dataset.create(dataset_name="plates") == first
    with pytest.raises(ValueError, match="plates"):
        Dataset.create(dataset_name="plates", raise_if_exists=True)
    with pytest.raises(ValueError, match="plates"):
        DatasetVersion.create_new_dataset(dataset_name="plates", raise_if_exists=True)


def test_the_current_version_is_given() -> None:
    """The draft that every dataset begins with."""
    Dataset.create(dataset_name="plates")
    current = DatasetVersion.get_current(dataset_name="plates")
    assert (current.version_name, current.dataset_name, current.draft) == ("Current", "plates", True)


def test_datasets_are_deleted_by_how_much_they_hold() -> None:
    """Empty, drafts only, published too, and with their sources."""
    Dataset.create(dataset_name="MyDataset")
    Dataset.delete(dataset_name="MyDataset", delete_all_versions=False, force=False)

    Dataset.create(dataset_name="MyDataset")
    DatasetVersion.get_current(dataset_name="MyDataset").add_frames([SingleFrame(source=PHOTO)])
    with pytest.raises(Exception, match="MyDataset"):
        Dataset.delete(dataset_name="MyDataset", delete_all_versions=False, force=False)
    Dataset.delete(dataset_name="MyDataset", delete_all_versions=True, force=False)

    options: dict[str, Any]
    choices: list[dict[str, Any]] = [{}, {"delete_sources": True, "show_progress": True}]
    for options in choices:
        Dataset.create(dataset_name="MyDataset")
        version = DatasetVersion.get_current(dataset_name="MyDataset")
        version.add_frames([SingleFrame(source=PHOTO)])
        version.publish_version()
        with pytest.raises(Exception, match="published"):
            Dataset.delete(dataset_name="MyDataset", delete_all_versions=True, force=False)
        Dataset.delete(dataset_name="MyDataset", delete_all_versions=True, force=True, **options)
        assert Dataset.list() == []


def test_tags_of_a_dataset_come_and_go() -> None:
    """add_tags and remove_tags."""
    dataset = Dataset.create(dataset_name="plates")
    dataset.add_tags(["coco", "dogs"])
    dataset.remove_tags(["dogs"])
    assert dataset.tags == ["coco"]


def test_snapshots_are_named_by_time_or_by_hand() -> None:
    """The published one keeps its id; the child goes on."""
    Dataset.create(dataset_name="MyDataset")
    before = DatasetVersion.get_current(dataset_name="MyDataset")
    child = DatasetVersion.create_snapshot(dataset_name="MyDataset")
    assert (child.version_name, child.draft, child.get_parent()) == ("Current", True, before.version_id)
    assert before.version_name.startswith("snapshot 20")
    assert len(before.version_name) == len("snapshot 2020-03-26T16:55:38.441671")
    assert not before.draft
    assert before.comment.startswith("published at ")
    assert before.comment.endswith(" by Ada Lovelace")

    second = DatasetVersion.create_snapshot(dataset_name="MyDataset", publish_name="NewSnapshotName")
    assert child.version_name == "NewSnapshotName"
    third = DatasetVersion.create_snapshot(dataset_name="MyDataset", child_name="NewCurrentVersionName")
    assert third.version_name == "NewCurrentVersionName"
    assert third.get_parent() == second.version_id
    last = DatasetVersion.create_snapshot(
        dataset_name="MyDataset",
        child_metadata={"abc": "1234", "def": "5678"},
        child_comment="some words",
        publish_comment="good",
        publish_metadata={"by": "hand"},
    )
    assert (last.get_metadata(), last.comment) == ({"abc": "1234", "def": "5678"}, "some words")
    assert (third.get_metadata(), third.comment) == ({"by": "hand"}, "good")


def test_child_and_root_versions_are_made() -> None:
    """A child has its parent's frames, a root has none; a draft of the name is returned or refused."""
    Dataset.create(dataset_name="MyDataset")
    parent = DatasetVersion.get_current(dataset_name="MyDataset")
    parent.add_frames([SingleFrame(source=PHOTO)])
    parent.set_version_name("PublishedVersion")
    parent.publish_version()
    child = DatasetVersion.create_version(
        dataset_name="MyDataset", parent_version_names=["PublishedVersion"], version_name="NewChildVersion"
    )
    assert [frame.id for frame in child] == [frame.id for frame in parent]
    again = DatasetVersion.create_version(
        dataset_name="MyDataset", parent_version_names=["PublishedVersion"], version_name="NewChildVersion"
    )
    assert again == child
    with pytest.raises(ValueError, match="NewChildVersion"):
        DatasetVersion.create_version(
            dataset_name="MyDataset",
            parent_version_names=["PublishedVersion"],
            version_name="NewChildVersion",
            raise_if_exists=True,
        )
    root = DatasetVersion.create_version(dataset_name="MyDataset", version_name="NewRootVersion")
    assert (list(root), root.get_parent()) == ([], None)


def test_versions_are_listed_found_deleted_and_published() -> None:
    """get_versions with its filters, get_version, delete_version and publish_version."""
    dataset = Dataset.create(dataset_name="MyDataset")
    DatasetVersion.create_snapshot(dataset_name="MyDataset", publish_name="first")
    DatasetVersion.create_version(dataset_name="MyDataset", version_name="VersionToDelete")
    names = {v.version_name for v in DatasetVersion.get_versions(dataset_name="MyDataset")}
    assert names == {"first", "Current", "VersionToDelete"}
    published = DatasetVersion.get_versions(dataset_name="MyDataset", only_published=True)
    assert [v.version_name for v in published] == ["first"]
    drafts = DatasetVersion.get_versions(dataset_name="MyDataset", only_draft=True)
    assert {v.version_name for v in drafts} == {"Current", "VersionToDelete"}
    with pytest.warns(HyperDatasetWarning, match="2 versions in draft"):
        DatasetVersion.get_version(dataset_name="MyDataset")
    named = DatasetVersion.get_version(dataset_name="MyDataset", version_name="VersionToDelete")
    assert named.version_name == "VersionToDelete"

    found = Dataset.get(dataset_name="MyDataset")
    assert found == dataset
    found.delete_version(version_name="VersionToDelete")
    current = DatasetVersion.get_version(dataset_name="MyDataset")
    assert current.version_name == "Current"
    assert current.publish_version()
    assert not current.draft


def test_mask_labels_are_set_and_lie_in_the_metadata() -> None:
    """The form that the page prints."""
    Dataset.create(dataset_name="MyDataset")
    version = DatasetVersion.get_version(dataset_name="MyDataset", version_name="Current")
    mapping = {(0, 0, 0): ["background"], (1, 1, 1): ["person", "sitting"], (2, 2, 2): ["cat"]}
    assert version.set_masks_labels(mapping)
    assert version.get_metadata()["mask_labels"] == {
        "_all_": [
            {"value": [0, 0, 0], "labels": ["background"]},
            {"value": [1, 1, 1], "labels": ["person", "sitting"]},
            {"value": [2, 2, 2], "labels": ["cat"]},
        ]
    }
    assert version.get_masks_labels() == mapping


def test_single_frames_are_made_added_read_updated_and_deleted() -> None:
    """The whole page on single frames."""
    Dataset.create(dataset_name="MyDataset")
    version = DatasetVersion.create_version(dataset_name="MyDataset", version_name="SingleFrame")
    empty = SingleFrame(
        source="s3://shop/plates/path_to_file.jpg",
        width=None,
        height=None,
        preview_uri="s3://shop/plates/path_to_file.jpg",
        metadata=None,
        annotations=None,
        mask_source=None,
    )
    frames = [
        SingleFrame(
            source="s3://shop/plates/path_to_file.jpg",
            width=512,
            height=512,
            preview_uri="s3://shop/plates/path_to_file.jpg",
            metadata={"alive": "yes"},
        )
    ]
    assert empty.id == frames[0].id
    assert version.add_frames(frames) == []

    frame = DatasetVersion.get_single_frame(
        frame_id=frames[0].id, dataset_name="MyDataset", version_name="SingleFrame"
    )
    same = DatasetVersion.get_single_frame(
        frame_id=frames[0].id, dataset_id=version.dataset_id, version_id=version.version_id
    )
    assert isinstance(frame, SingleFrame)
    assert frame.to_dict() == same.to_dict()
    assert (frame.width, frame.height, frame.metadata) == (512, 512, {"alive": "yes"})

    frame.add_annotation(
        poly2d_xy=[154, 343, 209, 343, 209, 423, 154, 423],
        labels=["tire"],
        metadata={"alive": "no"},
        confidence=0.5,
    )
    frame.meta["road_hazard"] = "yes"
    version.update_frames([frame])
    updated = version.get_single_frame(frame.id)
    assert isinstance(updated, SingleFrame)
    assert updated.metadata == {"alive": "yes", "road_hazard": "yes"}
    assert [(a.labels, a.confidence, a.metadata) for a in updated.annotations] == [
        (["tire"], 0.5, {"alive": "no"})
    ]

    version.delete_frames([frame])
    assert list(version) == []


def test_groups_are_made_added_read_updated_and_deleted() -> None:
    """The whole page on frame groups."""
    Dataset.create(dataset_name="MyDataset")
    version = DatasetVersion.create_version(dataset_name="MyDataset", version_name="FrameGroup")
    group = FrameGroup()
    group["FrameOne"] = SingleFrame(source=PHOTO, width=512, height=512, preview_uri=PHOTO)
    assert version.add_frames([group], upload_retries=2) == []

    found = DatasetVersion.get_single_frame(
        frame_id=group.id, dataset_name="MyDataset", version_name="FrameGroup"
    )
    assert isinstance(found, FrameGroup)
    found["FrameOne"].metadata["new_key"] = "new_value"
    version.update_frames([found])
    again = version.get_single_frame(group.id)
    assert isinstance(again, FrameGroup)
    assert again["FrameOne"].metadata == {"new_key": "new_value"}

    version.delete_frames([again])
    with pytest.raises(ValueError, match="no frame"):
        version.get_single_frame(group.id)


def test_annotations_of_a_region_the_frame_and_a_group() -> None:
    """Frame objects, frame labels and a global annotation."""
    frame = SingleFrame(source=PHOTO)
    frame.add_annotation(box2d_xywh=(10, 10, 30, 20), labels=["test"])
    frame.add_annotation(ellipse2d_xyrrt=[40, 50, 12, 8, 0.25], labels=["cup"])
    frame.add_annotation(labels=["frame level label one", "frame level label two"])
    group = FrameGroup()
    group["one"] = frame
    group["two"] = SingleFrame(source=PHOTO + "?2")
    annotation = ImageAnnotation(labels=["cityscape"], confidence=1.0000)
    group.add_global_annotation(annotation=annotation)
    assert group.get_global_annotations() == [annotation]
    DatasetVersion.create_new_dataset(dataset_name="Example")
    version = DatasetVersion.get_current(dataset_name="Example")
    assert version.add_frames([group]) == []
    stored = version.get_single_frame(group.id)
    assert isinstance(stored, FrameGroup)
    assert [a.labels for a in stored["one"].annotations] == [
        ["test"],
        ["cup"],
        ["frame level label one", "frame level label two"],
        ["cityscape"],
    ]
    assert stored["two"].annotations == [annotation]


def test_frames_are_registered_with_masks() -> None:
    """One mask, the meaning of its pixels, and several masks by id or in a list."""
    DatasetVersion.create_new_dataset(dataset_name="Example")
    version = DatasetVersion.create_version(
        dataset_name="Example", version_name="Registering frame with mask"
    )
    frame = SingleFrame(source=PHOTO, mask_source="https://shop.example.org/masks/0007.png")
    assert version.add_frames([frame]) == []
    version.set_masks_labels(
        {(0, 0, 0): ["background"], (1, 1, 1): ["person", "sitting"], (2, 2, 2): ["cat"]}
    )
    stored = version.get_single_frame(frame.id)
    assert isinstance(stored, SingleFrame)
    assert stored.mask_source == "https://shop.example.org/masks/0007.png"

    several = SingleFrame(source=PHOTO + "?several")
    several.masks_source = {"ID 1 ": "<mask_URI_1>", "ID 2": "<mask_URI_2>"}
    assert version.add_frames([several]) == []
    several = SingleFrame(source=PHOTO + "?list")
    several.masks_source = ["https://shop.example.org/m1.png", "https://shop.example.org/m2.png"]
    assert version.add_frames([several]) == []
    stored = version.get_single_frame(several.id)
    assert isinstance(stored, SingleFrame)
    assert list(stored.masks_source) == ["00", "01"]


def test_frames_are_registered_with_a_preview() -> None:
    """preview_uri is given when the frame is made."""
    DatasetVersion.create_new_dataset(dataset_name="Example")
    version = DatasetVersion.create_version(
        dataset_name="Example", version_name="Registering frame with preview"
    )
    preview = "https://shop.example.org/small/0007.jpg"
    frame = SingleFrame(source=PHOTO, width=512, height=512, preview_uri=preview)
    assert version.add_frames([frame]) == []
    stored = version.get_single_frame(frame.id)
    assert isinstance(stored, SingleFrame)
    assert (stored.preview_uri, stored.preview_source) == (preview, preview)


def test_metadata_of_frames_and_regions() -> None:
    """At making, later through the dict, and for each annotation."""
    frame = SingleFrame(source=PHOTO, preview_uri=PHOTO, metadata={"alive": "yes"})
    frame.metadata["dangerous"] = "no"
    frame.add_annotation(box2d_xywh=(10, 10, 30, 20), labels=["tiger"], metadata={"dangerous": "yes"})
    DatasetVersion.create_new_dataset(dataset_name="Example")
    version = DatasetVersion.get_current(dataset_name="Example")
    version.add_frames([frame])
    stored = version.get_single_frame(frame.id)
    assert isinstance(stored, SingleFrame)
    assert stored.metadata == {"alive": "yes", "dangerous": "no"}
    assert stored.annotations[0].metadata == {"dangerous": "yes"}
