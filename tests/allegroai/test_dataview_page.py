"""The blocks of ClearML's page on dataviews, in our own words, run with only the import changed.

Each test is a block or two; the frames that come are worked out by hand from what the fixtures hold.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from hdstore.allegroai import DatasetVersion, DataView, FrameGroup, IterationOrder, SingleFrame
from hdstore.repository import Repository

pytestmark = pytest.mark.usefixtures("repository")


def fill(dataset: str, version: str, frames: dict[str, list[list[str]]], **metadata: dict[str, str]) -> None:
    """Makes a version whose frames have annotations with these labels."""
    DatasetVersion.create_new_dataset(dataset_name=dataset)
    made = DatasetVersion.create_version(dataset_name=dataset, version_name=version)
    listed = []
    for name, labels in frames.items():
        frame = SingleFrame(source=f"https://shop.example.org/{dataset}/{name}.jpg", id=name)
        frame.metadata.update(metadata.get(name, {}))
        for index, each in enumerate(labels):
            frame.add_annotation(box2d_xywh=(index, 0, 4, 4), labels=each, confidence=0.5 + index / 4)
        listed.append(frame)
    assert made.add_frames(listed) == []


@pytest.fixture
def pets(repository: Repository) -> None:
    """Returns nothing; myDataset/myVersion has animals."""
    fill(
        "myDataset",
        "myVersion",
        {
            "a": [["cat"]],
            "b": [["dog"]],
            "c": [["cat"], ["dog"]],
            "d": [["bird"]],
            "e": [],
        },
    )


@pytest.fixture
def traffic(repository: Repository) -> None:
    """Returns nothing; myDataset/training has cars and persons, some of them hidden."""
    fill(
        "myDataset",
        "training",
        {
            "a": [["Car"]],
            "b": [["Car", "partly_occluded"]],
            "c": [["Car"], ["partly_occluded"]],
            "d": [["Car"], ["Person"]],
            "e": [["Person"]],
            "f": [["Car", "largely_occluded"]],
        },
        a={"city": "bremen"},
        d={"city": "ulm"},
        e={"city": "bremen"},
    )


def ids(view: DataView) -> list[str]:
    """Returns what the view finds, sorted."""
    return sorted(frame.id for frame in view.to_list())


@pytest.mark.usefixtures("pets")
def test_a_query_for_one_label() -> None:
    """Frames with at least one such annotation, in an order that the seed decides."""
    view = DataView(iteration_order=IterationOrder.random, iteration_infinite=False)
    view.add_query(dataset_name="myDataset", version_name="myVersion", roi_query="cat")
    assert ids(view) == ["a", "c"]
    assert [frame.id for frame in view.get_iterator()] == [frame.id for frame in view.to_list()]
    assert all(isinstance(frame, SingleFrame) for frame in view)


@pytest.mark.usefixtures("pets")
def test_a_query_for_one_label_or_another() -> None:
    """Two queries; what both find comes once."""
    view = DataView()
    view.add_query(dataset_name="myDataset", version_name="myVersion", roi_query="cat")
    view.add_query(dataset_name="myDataset", version_name="myVersion", roi_query="dog")
    assert [frame.id for frame in view.to_list()] == ["a", "b", "c"]
    assert view.get_count() == (3, [2, 2])
    assert len(view) == 3


@pytest.mark.usefixtures("traffic")
def test_queries_for_labels_of_one_annotation_and_of_several() -> None:
    """A list is carried by one annotation; Lucene is asked of one; RoiQuery rules may be met by different ones."""

    def found(**query: object) -> list[str]:
        view = DataView()
        if "roi_queries" in query:
            version = DatasetVersion.get_version(dataset_name="myDataset", version_name="training")
            place = {"dataset_id": version.dataset_id, "version_id": version.version_id}
            view.add_multi_query(**place, **query)  # type: ignore[arg-type]
        else:
            view.add_query(dataset_name="myDataset", version_name="training", **query)  # type: ignore[arg-type]
        return ids(view)

    assert found(roi_query=["Car", "partly_occluded"]) == ["b"]
    lucene = 'label.keyword:"Car" AND NOT label.keyword:"partly_occluded"'
    assert found(roi_query=lucene) == ["a", "c", "d", "f"]
    both = [DataView.RoiQuery(label="Car"), DataView.RoiQuery(label="Person")]
    assert found(roi_queries=both) == ["d"]
    without = [DataView.RoiQuery(label="Car"), DataView.RoiQuery(label="Person", must_not=True)]
    assert found(roi_queries=without) == ["a", "b", "c", "f"]
    assert found(roi_queries=[{"label": "Car"}, {"label": "Person"}]) == ["d"]
    assert found(frame_query='meta.city:"bremen"') == ["a", "e"]
    assert found(source_query="sources.uri:*c.jpg") == ["c"]
    assert found(roi_query="*") == ["a", "b", "c", "d", "e", "f"]


@pytest.mark.usefixtures("pets")
def test_two_versions_of_one_dataset_and_one_of_another() -> None:
    """Frames of the same id are one frame within a dataset, and two across datasets."""
    fill("dataset_1", "version_1", {"a": [["car"]], "b": [["truck"]], "x": [["house"]]})
    fill("dataset_1", "version_2", {"b": [["truck"]], "c": [["bicycle"]]})
    fill("dataset_2", "some_version", {"a": [["bicycle"]]})
    view = DataView()
    lucene = 'label.keyword:"car" OR label.keyword:"truck" OR label.keyword:"bicycle"'
    for dataset, version in (
        ("dataset_1", "version_1"),
        ("dataset_1", "version_2"),
        ("dataset_2", "some_version"),
    ):
        view.add_query(dataset_name=dataset, version_name=version, roi_query=lucene)
    found = [
        (frame.origin["dataset_name"], frame.origin["version_name"], frame.id) for frame in view.to_list()
    ]
    assert sorted(found) == [
        ("dataset_1", "version_1", "a"),
        ("dataset_1", "version_1", "b"),
        ("dataset_1", "version_2", "c"),
        ("dataset_2", "some_version", "a"),
    ]


@pytest.mark.usefixtures("traffic")
def test_frames_come_for_ever_all_once_or_at_most_so_many() -> None:
    """set_iteration_parameters overrides what the view was made with."""
    view = DataView()
    view.add_query(dataset_name="myDataset", version_name="training")
    view.set_iteration_parameters(order=IterationOrder.random, infinite=True)
    assert Counter(frame.id for frame in islice(view.get_iterator(), 18)) == dict.fromkeys("abcdef", 3)
    with pytest.raises(ValueError, match="limit"):
        view.to_list()

    view.set_iteration_parameters(order=IterationOrder.random, infinite=False)
    assert ids(view) == list("abcdef")

    view.set_iteration_parameters(order=IterationOrder.random, infinite=False, maximum_number_of_frames=5000)
    assert (ids(view), len(view)) == (list("abcdef"), 6)
    view.set_iteration_parameters(maximum_number_of_frames=4)
    assert (len(view.to_list()), len(view)) == (4, 4)
    assert view.get_iteration_parameters() == {
        "order": IterationOrder.random,
        "infinite": False,
        "maximum_number_of_frames": 4,
        "random_seed": None,
    }


@pytest.mark.usefixtures("traffic")
def test_weights_say_how_often_a_query_is_drawn() -> None:
    """Five frames of the rare kind for each of the common one, exactly in the long run."""
    view = DataView(iteration_order=IterationOrder.random, iteration_infinite=True)
    view.add_query(dataset_name="myDataset", version_name="training", roi_query="Car", weight=1)
    view.add_query(
        dataset_name="myDataset",
        version_name="training",
        roi_query='label.keyword:"Car" AND label.keyword:"largely_occluded"',
        weight=5,
    )
    assert view.get_count() == (5, [5, 1])
    # The rare one is a car, too: it comes for the second query, and each fifth time for the first.
    drawn = Counter(frame.id for frame in islice(view, 600))
    assert drawn["f"] == 520
    assert sum(drawn[name] for name in "abcd") == 80


@pytest.mark.usefixtures("pets")
def test_labels_are_numbered() -> None:
    """Those without a number have -1."""
    view = DataView(iteration_order=IterationOrder.random, iteration_infinite=True)
    for label in ("cat", "dog", "bird", "sheep", "cow"):
        view.add_query(dataset_name="myDataset", version_name="myVersion", roi_query=label)
    numbers = {"cat": 1, "dog": 2, "sheep": 4, "cow": 5, "ignore": -1}
    view.set_labels(numbers)
    assert view.get_labels() == numbers
    view.set_iteration_parameters(infinite=False)
    found = {}
    for frame in view:
        assert isinstance(frame, SingleFrame)
        found[frame.id] = [annotation.label_enum for annotation in frame.annotations]
    assert found == {"a": [1], "b": [2], "c": [1, 2], "d": [-1]}


@pytest.mark.usefixtures("pets")
def test_labels_are_mapped_in_one_dataset() -> None:
    """Car becomes car where the rule holds; queries see the labels as they are stored."""
    fill("myDataset", "other", {"a": [["car"]]})
    fill("dataset_2", "aVersion", {"b": [["car"], ["Car"]]})
    fill("dataset_3", "training", {"c": [["Car"], ["Dog"]]})
    view = DataView(iteration_order=IterationOrder.random)
    view.add_query(dataset_name="myDataset", version_name="other", roi_query="car")
    view.add_query(dataset_name="dataset_2", version_name="aVersion", roi_query="car")
    view.add_query(dataset_name="dataset_3", version_name="training", roi_query="Car")
    rule = view.add_mapping_rule(
        dataset_name="dataset_3", version_name="training", from_labels=["Car"], to_label="car"
    )
    found = {
        frame.id: [a.labels for a in frame.annotations] for frame in view if isinstance(frame, SingleFrame)
    }
    assert found == {"a": [["car"]], "b": [["car"], ["Car"]], "c": [["car"], ["Dog"]]}
    assert view.get_mapping_rules() == [rule]
    assert (rule.source.labels, rule.target) == (["Car"], "car")
    version = DatasetVersion.get_version(dataset_name="dataset_3", version_name="training")
    assert (rule.source.dataset, rule.source.version) == (version.dataset_id, version.version_id)


@pytest.mark.usefixtures("traffic")
def test_a_stored_view_is_found_and_read_as_dicts() -> None:
    """By its id; parts of frames by a projection."""
    made = DataView()
    made.add_query(dataset_name="myDataset", version_name="training", roi_query="Person")
    view = DataView.get(dataview_id=made.store())
    version = DatasetVersion.get_version(dataset_name="myDataset", version_name="training")
    url = "https://shop.example.org/myDataset/{}.jpg"
    assert view.to_dict(projection=["id", "dataset.id", "sources"]) == [
        {
            "id": name,
            "dataset": {"id": version.dataset_id},
            "sources": [{"id": "00", "uri": url.format(name), "timestamp": 0}],
        }
        for name in "de"
    ]
    assert list(view.get_iterator(projection=["sources.*.uri"])) == [
        {"sources": [{"uri": url.format(name)}]} for name in "de"
    ]
    whole = view.to_dict()
    assert [roi["label_num"] for roi in whole[0]["rois"]] == [-1, -1]
    assert whole[0]["dataset"] == {"id": version.dataset_id, "version": version.version_id}


def test_groups_of_frames_come_as_groups() -> None:
    """As in the examples with several cameras; their annotations are numbered too."""
    DatasetVersion.create_new_dataset(dataset_name="sample-dataset")
    version = DatasetVersion.get_current(dataset_name="sample-dataset")
    group = FrameGroup()
    for name in ("000001", "000002"):
        group[name] = SingleFrame(source=f"https://shop.example.org/{name}.jpg")
        group[name].add_annotation(box2d_xywh=(0, 0, 1, 1), labels=["cup"])
    version.add_frames([group])
    view = DataView(iteration_order="random")
    view.set_iteration_parameters(random_seed=123)
    view.add_query(dataset_name="sample-dataset", version_name="Current", roi_query=["cup"])
    view.set_labels({"cup": 7})
    [found] = view.to_list()
    assert isinstance(found, FrameGroup)
    assert [found[name].annotations[0].label_enum for name in found] == [7, 7]
    assert found["000002"].source == "https://shop.example.org/000002.jpg"
