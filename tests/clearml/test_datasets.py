"""HyperDataset: what is refused, what its arguments do here, and what happens to entries that can not be saved."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdstore.clearml import (
    DataEntry,
    DataEntryImage,
    DataSubEntry,
    DataSubEntryImage,
    HyperDataset,
    HyperDatasetWarning,
)
from hdstore.errors import InvalidInputError, ReadOnlyError
from hdstore.repository import Repository

pytestmark = pytest.mark.usefixtures("repository")

PHOTO = "s3://b/1.jpg"
Draw = Callable[..., Path]


@pytest.fixture
def dataset() -> HyperDataset:
    return HyperDataset("P", "D", "Current")


def pictures(*paths: Path) -> list[DataEntryImage]:
    found = []
    for path in paths:
        entry = DataEntryImage(path.stem)
        entry.add_sub_entries([DataSubEntryImage(source=path)])
        found.append(entry)
    return found


def test_a_dataset_with_a_version_of_another_name_has_that_alone(repository: Repository) -> None:
    """No empty draft is left beside it."""
    HyperDataset("P", "D", "training")
    assert [version.name for version in repository.dataset("D").versions()] == ["training"]


def test_what_is_there_and_differs_is_refused(dataset: HyperDataset) -> None:
    """Another project, an existing version with raise_if_exists, another parent, a parent in draft."""
    with pytest.raises(ValueError, match="lies in project 'P'"):
        HyperDataset("Q", "D", "Current")
    with pytest.raises(ValueError, match="'Current' already"):
        HyperDataset("P", "D", "Current", raise_if_exists=True)
    with pytest.raises(ValueError, match="no version 'gone'"):
        HyperDataset("P", "D", "child", parent_id="gone")
    with pytest.raises(ValueError, match="no version 'gone'"):
        HyperDataset("P", "new", "child", parent_id="gone")
    with pytest.raises(ValueError, match="draft"):
        HyperDataset("P", "D", "child", parent_id=dataset.version_id)
    with pytest.raises(InvalidInputError, match="not by both"):
        HyperDataset("P", "D", "child", parent_id="a", parent_ids=["b"])
    first = dataset.create_snapshot()
    with pytest.raises(InvalidInputError, match="made from no version"):
        HyperDataset("P", "D", first.version_name, parent_id=dataset.version_id)
    assert HyperDataset("P", "D", "Current", parent_id=first.version_id) == dataset


def test_several_parents_are_merged(dataset: HyperDataset) -> None:
    """The original takes one; here the later parent wins."""
    dataset.add_data_entries([DataEntry("a", {"by": 1}), DataEntry("b", {"by": 1})])
    first = dataset.create_snapshot()
    other = HyperDataset("P", "D", "other")
    other.add_data_entries([DataEntry("b", {"by": 2}), DataEntry("c", {"by": 2})])
    other.publish_version()
    both = HyperDataset("P", "D", "both", parent_ids=[first.version_id, other.version_id])
    assert {entry.id: entry.metadata["by"] for entry in both} == {"a": 1, "b": 2, "c": 2}


def test_a_description_is_set_and_replaced(repository: Repository) -> None:
    """Where none is given it stays."""
    HyperDataset("P", "D", "Current", "one")
    HyperDataset("P", "D", "Current")
    assert repository.dataset("D").description == "one"
    HyperDataset("P", "D", "Current", description="two")
    assert repository.dataset("D").description == "two"


def test_names_and_ids_exclude_each_other(dataset: HyperDataset) -> None:
    """One of them is needed for the dataset; a wrong one is a ValueError, or False."""
    for call in (HyperDataset.get, HyperDataset.exists):
        with pytest.raises(ValueError, match="not by both"):
            call(dataset_name="D", dataset_id=dataset.dataset_id)
        with pytest.raises(ValueError, match="not by both"):
            call(dataset_name="D", version_name="Current", version_id=dataset.version_id)
        with pytest.raises(ValueError, match="dataset_id or dataset_name"):
            call()
    with pytest.raises(ValueError, match="no dataset 'E'"):
        HyperDataset.get(dataset_name="E")
    with pytest.raises(ValueError, match="no version 'V'"):
        HyperDataset.get(dataset_name="D", version_name="V")
    with pytest.raises(ValueError, match="in project 'Q'"):
        HyperDataset.get(dataset_name="D", project_name="Q")
    assert HyperDataset.exists(dataset_id=dataset.dataset_id, version_id="*")
    assert not HyperDataset.exists(dataset_name="D", version_id="V")
    assert not HyperDataset.delete("D", "V")


def test_statistics_and_tasks_are_refused(dataset: HyperDataset) -> None:
    """They can not be what they are asked to be here."""
    options: list[dict[str, Any]] = [{"calculate_stats": False}, {"override_stats": {"frames": 1}}]
    for option in options:
        with pytest.raises(InvalidInputError, match="Statistics"):
            dataset.commit_version(**option)
    with pytest.raises(InvalidInputError, match="no tasks"):
        dataset.commit_version(publishing_task="t")
    with pytest.raises(InvalidInputError, match="no tasks"):
        dataset.publish_version(publishing_task="t")
    dataset.commit_version(publish=True, force=True)
    with pytest.raises(ReadOnlyError, match="published"):
        dataset.publish_version(force=True)
    assert not dataset.set_metadata({"a": 1})
    with pytest.raises(ReadOnlyError, match="published"):
        dataset.add_data_entries([DataEntry()])
    with pytest.raises(ReadOnlyError, match="published"):
        dataset.delete_data_entries(["e1"])


def test_entries_that_can_not_be_saved_are_named_and_others_saved(
    dataset: HyperDataset, tmp_path: Path, picture: Draw
) -> None:
    """A missing file, metadata that nothing can hold, and one that is too large."""
    good, missing, bad = pictures(picture("good.png"), tmp_path / "gone.png", picture("bad.png"))
    bad.metadata["when"] = object()
    large = DataEntry("large", {"text": "x" * 2_000_000})
    errors = dataset.add_data_entries(
        [good, missing, bad, large],
        upload_local_files_destination=True,
        upload_retries=1,
        max_request_size_mb=1,
    )
    assert list(errors["upload"]) == ["gone"]
    assert "gone.png" in errors["upload"]["gone"]
    assert sorted(errors["register"]) == ["bad", "large"]
    assert "max_request_size_mb" in errors["register"]["large"]
    assert [entry.id for entry in dataset] == ["good"]
    assert dataset.add_data_entries([large], max_request_size_mb=None)["register"] == {}
    with pytest.raises(ValueError, match="DataEntry is needed"):
        dataset.add_data_entries(["x"])  # type: ignore[list-item]


def test_the_files_of_what_can_not_be_saved_are_not_kept(
    dataset: HyperDataset, repository: Repository, picture: Draw
) -> None:
    """Nothing is left behind."""
    [bad] = pictures(picture("bad.png"))
    bad.metadata["when"] = object()
    assert dataset.add_data_entries([bad], "s3://b")["register"]
    assert list(repository.media.hashes()) == []


def test_files_are_kept_by_content_however_they_are_called(
    dataset: HyperDataset, repository: Repository, picture: Draw
) -> None:
    """Equal names do not overwrite each other, equal bytes are kept once; twelve entries, three threads."""
    paths = [picture(f"{folder}/0001.png", color=(folder % 4, 0, 0)) for folder in range(12)]
    entries = []
    for number, path in enumerate(paths):
        entry = DataEntryImage(f"e{number}")
        entry.add_sub_entries([DataSubEntryImage(source=path)])
        entries.append(entry)
    errors = dataset.add_data_entries(entries, "s3://b", batch_size=5, max_workers=3, force_upload=True)
    assert errors == {"upload": {}, "register": {}}
    assert len(list(repository.media.hashes())) == 4
    found = {entry.id: entry for entry in dataset}
    for number, path in enumerate(paths):
        local = found[f"e{number}"].sub_data_entries[0].get_local_source(force_download=True)
        assert Path(local or "").read_bytes() == path.read_bytes()


def test_hashes_are_known_once_they_are_asked_for(dataset: HyperDataset, picture: Draw) -> None:
    """hash_sources puts SHA-256 where the original's queries look for it."""
    [entry] = pictures(picture("a.png"))
    sub = entry.sub_data_entries[0]
    sub.set_source("preview_source", picture("p.png", color=(9, 9, 9)))
    assert (sub.get_hash(), sub.get_hash("preview_source")) == (None, None)
    dataset.add_data_entries([entry], hash_sources=True)
    [found] = dataset
    for field, name in (("source", "a.png"), ("preview_source", "p.png")):
        expected = hashlib.sha256(picture(name, color=(9, 9, 9)).read_bytes()).hexdigest()
        if field == "source":
            expected = hashlib.sha256(picture("a.png").read_bytes()).hexdigest()
        assert found.sub_data_entries[0].get_hash(field) == expected
    assert dataset.native.frame("a").sources[0].metadata["hash"]["source"] == sub.get_hash()


def test_progress_goes_to_the_log(dataset: HyperDataset, caplog: pytest.LogCaptureFixture) -> None:
    """At the end of each batch, unless it is not wanted; a destination that is a bucket is told of."""
    entries = [DataEntry(f"e{number}") for number in range(5)]
    with caplog.at_level(logging.INFO, "hdstore"):
        dataset.add_data_entries(entries, batch_size=2)
        assert [record.args for record in caplog.records] == [(2,), (4,), (5,)]
        caplog.clear()
        dataset.add_data_entries(entries, "s3://bucket", show_progress=False)
    assert ["nothing is sent to s3://bucket" in message for message in caplog.messages] == [True]
    for options in ({"batch_size": 0}, {"max_workers": 0}, {"upload_retries": -1}):
        with pytest.raises(InvalidInputError, match="or more"):
            dataset.add_data_entries(entries, **options)
    with pytest.raises(InvalidInputError, match="batch_size"):
        dataset.delete_data_entries(entries, batch_size=0)


def test_vectors_have_as_many_numbers_as_their_mapping_says(repository: Repository) -> None:
    """Those among the metadata become vectors too; equal mappings bind, others are refused."""
    fields = {
        "meta.qa_vector": {"type": "dense_vector", "element_type": "float", "dims": 2},
        "meta.kind": {"type": "keyword"},
    }
    dataset = HyperDataset("P", "QA", "Current", field_mappings=fields)
    first, second, third = DataEntry("a", {"qa_vector": [1, 2], "kind": "x"}), DataEntry("b"), DataEntry("c")
    second.set_vector([1, 2, 3], metadata_field="qa_vector")
    third.set_vector([3.5, 4], metadata_field="other")
    errors = dataset.add_data_entries([first, second, third])
    assert list(errors["register"]) == ["b"]
    assert "3 numbers, not 2" in errors["register"]["b"]
    frame = dataset.native.frame("a")
    assert (frame.vectors, frame.metadata["kind"]) == ({"qa_vector": (1.0, 2.0)}, "x")
    assert {entry.id: entry.vectors for entry in dataset} == {
        "a": {"qa_vector": [1.0, 2.0]},
        "c": {"other": [3.5, 4.0]},
    }
    assert HyperDataset("P", "QA", "Current", field_mappings=fields) == dataset
    with pytest.raises(ValueError, match="other field_mappings"):
        HyperDataset("P", "QA", "next", field_mappings={"meta.qa_vector": {"type": "keyword"}})


def test_entries_are_found_by_their_vectors() -> None:
    """The most like first, by three ways of comparing; the prefix of the page may stand before the name."""
    fields = {"meta.qa_vector": {"type": "dense_vector", "element_type": "float", "dims": 2}}
    dataset = HyperDataset("P", "QA", "Current", field_mappings=fields)
    entries = []
    for name, vector in {"a": [1.0, 0.0], "b": [4.0, 4.0], "c": [0.0, 1.0], "d": [-1.0, 0.0]}.items():
        entry = DataEntry(name, metadata={"question": name})
        entry.set_vector(vector, metadata_field="qa_vector")
        entries.append(entry)
    dataset.add_data_entries([*entries, DataEntry("none")])

    def found(**options: Any) -> list[str]:
        return [entry.id for entry in dataset.vector_search([1.0, 0.1], **options)]

    assert found(vector_field="qa_vector", number_of_neighbors=10) == ["a", "b", "c", "d"]
    assert found(vector_field="meta.qa_vector", number_of_neighbors=2) == ["a", "b"]
    assert found(vector_field="qa_vector", similarity_function="l2_norm") == ["a", "c", "d", "b"]
    assert found(vector_field="qa_vector", similarity_function="dot_product") == ["b", "a", "c", "d"]
    assert found(vector_field="qa_vector", fast=True)[:1] == ["a"]
    first = dataset.vector_search((0, 1), "qa_vector", 1)[0]
    assert (first.metadata, first.vectors) == ({"question": "c"}, {"qa_vector": [0.0, 1.0]})


@pytest.mark.parametrize(
    ("arguments", "error", "reason"),
    [
        (({1.0}, "v"), TypeError, "list or a tuple"),
        (([1.0], ""), TypeError, "vector_field"),
        (([1.0], 5), TypeError, "vector_field"),
        ((None, "v"), ValueError, "finite"),
        (([], "v"), ValueError, "finite"),
        (([1.0], "v", 0), ValueError, "neighbour"),
        (([1.0, 2.0], "v"), ValueError, "1 numbers, not 2"),
        (([1.0], "w"), ValueError, "No entry|No frame"),
        (([1.0], "v", 5, True, "l2_norm"), ValueError, "cosine"),
        (([1.0], "v", 5, False, "likeness"), ValueError, "likeness"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(
    dataset: HyperDataset, arguments: tuple[Any, ...], error: type[Exception], reason: str
) -> None:
    """With the errors of the original."""
    entry = DataEntry("a")
    entry.set_vector([1.0], "v")
    dataset.add_data_entries([entry])
    with pytest.raises(error, match=reason):
        dataset.vector_search(*arguments)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ([], "a dict"),
        ({"qa": {"type": "keyword"}}, "meta.NAME"),
        ({"meta.": {"type": "keyword"}}, "meta.NAME"),
        ({"meta.a": "keyword"}, "says the type"),
        ({"meta.a": {"dims": 3}}, "says the type"),
        ({"meta.a": {"type": "dense_vector"}}, "'dims'"),
        ({"meta.a": {"type": "dense_vector", "dims": 0}}, "'dims'"),
    ],
)
def test_field_mappings_are_checked(fields: Any, reason: str) -> None:
    """Before anything is made."""
    with pytest.raises(ValueError, match=reason):
        HyperDataset("P", "D", "Current", field_mappings=fields)
    assert HyperDataset.list() == []


def test_read_entries_are_changed_and_saved_in_place(dataset: HyperDataset) -> None:
    """Annotations keep their ids, whatever else changes."""
    [entry] = pictures(Path("/photos/a.jpg"))
    [sub] = entry.sub_data_entries
    assert isinstance(sub, DataSubEntryImage)
    sub.add_annotation(box2d_xywh=(0, 0, 1, 1), labels=["car"])
    dataset.add_data_entries([entry])
    before = dataset.native.frame("a").annotations
    sub.add_annotation(box2d_xywh=(5, 5, 1, 1), labels=["dog"])
    dataset.add_data_entries([entry])
    [found] = dataset
    found.metadata["seen"] = True
    dataset.add_data_entries([found])
    after = dataset.native.frame("a")
    assert after.annotations[:1] == before
    assert (len(after.annotations), after.metadata["seen"]) == (2, True)


def test_a_copy_of_a_stored_global_annotation_becomes_its_own(dataset: HyperDataset) -> None:
    """One keeps the id, the other gets another."""
    entry = DataEntryImage("e1")
    entry.add_sub_entries([DataSubEntryImage("front", PHOTO), DataSubEntryImage("rear", PHOTO)])
    entry.add_global_annotation(labels=["sky"])
    dataset.add_data_entries([entry])
    [before] = dataset.native.frame("e1").annotations
    [found] = dataset
    rear = found.sub_data_entries[1]
    assert isinstance(rear, DataSubEntryImage)
    rear.get_annotations()[0]["label"].append("blue")
    assert dataset.add_data_entries([found]) == {"upload": {}, "register": {}}
    kept, new = dataset.native.frame("e1").annotations
    assert (kept.id, kept.labels, kept.sources) == (before.id, ("sky",), ("front",))
    assert (new.id != before.id, new.labels, new.sources) == (True, ("sky", "blue"), ("rear",))


def test_an_entry_whose_class_is_not_loaded_comes_back_as_its_base(dataset: HyperDataset) -> None:
    """With one warning; saving it again keeps its class and fields."""

    class Passing(DataEntryImage):
        pass

    class PassingSub(DataSubEntry):
        pass

    entry = Passing("e1", {"a": 1})
    entry.mood = "good"  # type: ignore[attr-defined]
    entry.add_sub_entries([PassingSub("s", PHOTO)])
    dataset.add_data_entries([entry])
    before = dataset.native.frame("e1")
    assert before.metadata["_clearml_data_entry_class"] == "Passing"
    frame = before.__class__(id="e1", metadata={**before.metadata, "_clearml_data_entry_class": "gone.Gone"})
    dataset.native.add_frames([frame])
    with pytest.warns(HyperDatasetWarning, match="gone.Gone"):
        [found] = dataset
    assert type(found) is DataEntry
    [again] = dataset
    dataset.add_data_entries([again])
    assert dataset.native.frame("e1") == frame


def test_attributes_that_metadata_can_not_hold_are_left_out_with_a_warning(dataset: HyperDataset) -> None:
    """The rest is saved."""

    class Model(DataEntry):
        pass

    entry = Model("e1")
    entry.net, entry.size, entry._secret = object(), (1, 2), 3  # type: ignore[attr-defined]
    with pytest.warns(HyperDatasetWarning, match="'net' of a Model"):
        dataset.add_data_entries([entry])
    [found] = dataset
    assert (type(found), vars(found)["size"], hasattr(found, "net")) == (Model, [1, 2], False)


def test_a_stranger_s_fields_replace_no_method(dataset: HyperDataset) -> None:
    """They stay metadata, and go out as they came."""

    class Plain(DataEntry):
        pass

    dataset.add_data_entries([Plain("e1")])
    frame = dataset.native.frame("e1")
    fields = {"add_annotation": "x", "_id": "y", "fine": 1}
    hostile = frame.__class__(id="e1", metadata={**frame.metadata, "_clearml_data_entry_fields": fields})
    dataset.native.add_frames([hostile])
    [found] = dataset
    assert (found.id, found.add_annotation(labels=["a"]), vars(found)["fine"]) == ("e1", 0, 1)
    found.remove_annotations()
    dataset.add_data_entries([found])
    assert dataset.native.frame("e1") == hostile
