"""The blocks of ClearML's page on dataviews of the newer SDK, in our own words, run with only the import changed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from hdstore.clearml import (
    DataEntry,
    DataEntryImage,
    DataSubEntryImage,
    DataView,
    HyperDataset,
    HyperDatasetQuery,
)
from hdstore.errors import QuerySyntaxError, ReadOnlyError
from hdstore.repository import Repository


def fill(dataset: str, version: str, entries: dict[str, list[list[str]]], **metadata: str) -> HyperDataset:
    """Returns a version whose entries have annotations with these labels."""
    made = HyperDataset("MyProject", dataset, version)
    listed = []
    for name, labels in entries.items():
        entry = DataEntryImage(name, {"city": metadata[name]} if name in metadata else None)
        sub = DataSubEntryImage(source=f"https://shop.example.org/{name}.jpg", width=8, height=6)
        entry.add_sub_entries([sub])
        for index, each in enumerate(labels):
            sub.add_annotation(box2d_xywh=(index, 0, 4, 4), labels=each, confidence=0.5 + index / 4)
        listed.append(entry)
    assert made.add_data_entries(listed) == {"upload": {}, "register": {}}
    return made


@pytest.fixture
def hyperdataset(repository: Repository) -> HyperDataset:
    """Returns a version with cars and persons."""
    return fill(
        "MyDataset",
        "Current",
        {"a": [["car"]], "b": [["car"], ["car"], ["pedestrian"]], "c": [["pedestrian"]], "d": []},
        a="bremen",
        c="bremen",
        d="ulm",
    )


def ids(view: DataView) -> list[str]:
    return sorted(entry.id for entry in view.to_list())


def test_a_query_with_nothing_but_a_version_finds_every_entry(hyperdataset: HyperDataset) -> None:
    """Entries come in a random order that the seed decides, as the classes they were added as."""
    dataview = DataView(name="MyDataView", iteration_order="random", iteration_random_seed=7)
    query = dataview.add_query(
        project_id=hyperdataset.project_id,
        dataset_id=hyperdataset.dataset_id,
        version_id=hyperdataset.version_id,
    )
    assert isinstance(query, HyperDatasetQuery)
    assert ids(dataview) == ["a", "b", "c", "d"]
    assert [entry.id for entry in dataview.get_iterator()] == [entry.id for entry in dataview.to_list()]
    for entry in dataview.get_iterator():
        assert isinstance(entry, DataEntryImage)
        assert entry.sub_data_entries[0].get_local_source() is None


def test_entries_are_found_by_metadata_and_labels(hyperdataset: HyperDataset) -> None:
    """frame_query, source_query, label_rules with ranges and must_not, filter_by_roi."""

    def found(**query: object) -> list[str]:
        view = DataView()
        view.add_query(
            dataset_id=hyperdataset.dataset_id,
            version_id=hyperdataset.version_id,
            **query,  # type: ignore[arg-type]
        )
        return ids(view)

    assert found(frame_query="meta.city:bremen") == ["a", "c"]
    assert found(label_rules=[{"label": "car"}]) == ["a", "b"]
    assert found(source_query="sources.uri:*b.jpg") == ["b"]
    assert found(label_rules=[{"label": "car", "count_range": [2, -1]}]) == ["b"]
    assert found(label_rules=[{"label": "car", "conf_range": [0.6, 1.0]}]) == ["b"]
    assert found(label_rules=[{"label": "car"}, {"label": "pedestrian", "must_not": True}]) == ["a"]
    assert found(label_rules=[{"label": 'label.keyword:"car" OR pedestrian'}]) == ["a", "b", "c"]
    assert found(filter_by_roi="no_rois") == ["d"]
    assert found(filter_by_roi="disabled", label_rules=[{"label": "car"}]) == ["a", "b", "c", "d"]


def test_several_datasets_and_versions_are_weighted(hyperdataset: HyperDataset) -> None:
    """Each query has its share; repetition ends once every entry has come."""
    second = fill("dataset_2", "version_a", {"x": [["van"]]})
    dataview = DataView(iteration_order="random")
    dataview.add_query(dataset_id=hyperdataset.dataset_id, version_id=hyperdataset.version_id, weight=1.0)
    dataview.add_query(dataset_id=second.dataset_id, version_id=second.version_id, weight=2.0)
    assert (dataview.get_count(), len(dataview)) == (5, 5)
    assert ids(dataview) == ["a", "b", "c", "d", "x"]

    iterator = dataview.get_iterator(allow_repetition=True)
    drawn = Counter(entry.id for entry in iterator)
    # Four entries are a third of all draws.
    assert drawn == {"a": 1, "b": 1, "c": 1, "d": 1, "x": 8}
    assert (len(iterator), len(dataview)) == (12, 12)
    parameters = dataview.get_iteration_parameters()
    assert (parameters["infinite"], parameters["limit"], dataview.get_count()) == (True, 12, 5)


def test_labels_are_mapped_and_numbered(hyperdataset: HyperDataset) -> None:
    """Mapping comes after matching, numbers after mapping."""
    dataview = DataView()
    dataview.add_query(
        dataset_id=hyperdataset.dataset_id,
        version_id=hyperdataset.version_id,
        label_rules=[{"label": "pedestrian"}],
    )
    rule = dataview.add_mapping_rule(from_labels="pedestrian", to_label="person")
    numbers = {"person": 1, "pedestrian": 2, "background": 0}
    dataview.set_labels(numbers)
    assert dataview.get_labels() == numbers
    assert rule.to_dict() == {
        "source": {"labels": ["pedestrian"], "dataset": "*", "version": "*"},
        "target": "person",
    }
    assert dataview.get_mapping_rules() == [rule]
    found = {
        entry.id: [(roi["label"], roi["label_num"]) for roi in entry.get_all_global_annotations()]
        for entry in dataview
        if isinstance(entry, DataEntryImage)
    }
    assert found == {
        "b": [(["car"], -1), (["car"], -1), (["person"], 1)],
        "c": [(["person"], 1)],
    }
    other = dataview.add_mapping_rule(["car"], "vehicle", dataset_name="MyDataset", version_name="Current")
    assert (other.source.dataset, other.source.version) == (hyperdataset.dataset_id, hyperdataset.version_id)
    assert dataview.to_dict(projection=["rois.label", "rois.label_num"])[1] == {
        "rois": [{"label": ["person"], "label_num": 1}]
    }


def test_entries_come_for_ever_or_so_many(hyperdataset: HyperDataset) -> None:
    """set_iteration_parameters; without an end there is no list."""
    dataview = DataView()
    dataview.add_query(dataset_id=hyperdataset.dataset_id, version_id=hyperdataset.version_id)
    dataview.set_iteration_parameters(infinite=True)
    assert [entry.id for entry in islice(dataview.get_iterator(), 6)] == ["a", "b", "c", "d", "a", "b"]
    with pytest.raises(ValueError, match="limit"):
        dataview.to_list()
    with pytest.raises(ValueError, match="limit"):
        len(dataview.get_iterator())
    assert len(dataview) == 4
    dataview.set_iteration_parameters(limit=1000)
    assert len(dataview) == len(dataview.to_list()) == 1000
    dataview.set_iteration_parameters(infinite=False)
    assert len(dataview) == len(dataview.to_list()) == 4
    dataview.set_iteration_parameters(limit=None)
    assert dataview.get_iteration_parameters() == {
        "order": "sequential",
        "infinite": False,
        "limit": None,
        "random_seed": None,
    }


def test_workers_share_an_iterator(hyperdataset: HyperDataset) -> None:
    """Each entry comes to one of them; set_concurrency does the same before it begins."""
    dataview = DataView(iteration_order="random")
    dataview.add_query(dataset_id=hyperdataset.dataset_id, version_id=hyperdataset.version_id)
    whole = [entry.id for entry in dataview.get_iterator()]
    shares = [dataview.get_iterator(worker_index=index, num_workers=3) for index in range(3)]
    assert [len(share) for share in shares] == [2, 1, 1]
    assert [[entry.id for entry in share] for share in shares] == [whole[0::3], whole[1::3], whole[2::3]]
    iterator = dataview.get_iterator()
    iterator.set_concurrency(worker_index=1, num_workers=2)
    assert [entry.id for entry in iterator] == whole[1::2]
    assert [entry.id for entry in dataview.get_iterator(node_id=1, num_workers=2)] == whole[1::2]


def test_entries_are_kept_in_memory_for_the_next_pass(hyperdataset: HyperDataset) -> None:
    """The same objects come again."""
    dataview = DataView()
    dataview.add_query(dataset_id=hyperdataset.dataset_id, version_id=hyperdataset.version_id)
    iterator = dataview.get_iterator(cache_in_memory=True)
    first = list(iterator)
    assert [id(entry) for entry in iterator] == [id(entry) for entry in first]
    fresh = dataview.get_iterator()
    assert {id(entry) for entry in list(fresh)}.isdisjoint(id(entry) for entry in first)


def test_local_sources_are_prefetched(
    hyperdataset: HyperDataset, picture: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    """Those that are not here are told of in the log."""
    entry = DataEntryImage("local")
    entry.add_sub_entries([DataSubEntryImage(source=picture("a.png"), masks_source=[picture("m.png")])])
    hyperdataset.add_data_entries([entry], upload_local_files_destination="yes")
    dataview = DataView()
    dataview.add_query(dataset_id=hyperdataset.dataset_id, version_id=hyperdataset.version_id)
    with caplog.at_level(logging.WARNING, "hdstore"):
        dataview.prefetch_local_sources(num_workers=2, get_previews=True)
    assert len(caplog.messages) == 4
    assert all("shop.example.org" in message for message in caplog.messages)
    for options, reason in (
        ({"force_download": True}, "downloaded"),
        ({"query_cache_size": 5}, "one by one"),
    ):
        with pytest.raises(ValueError, match=reason):
            dataview.prefetch_local_sources(**options)  # type: ignore[arg-type]


def test_a_view_is_stored_and_found_again(hyperdataset: HyperDataset, repository: Repository) -> None:
    """By its id and its name; what is changed later is stored at once, until it is published."""
    dataview = DataView(
        name="MyDataView", description="cars", tags=["x"], project_name="P", iteration_limit=3
    )
    dataview.add_query(
        dataset_id=hyperdataset.dataset_id,
        version_id=hyperdataset.version_id,
        frame_query="meta.city:*",
        label_rules=[{"label": ["car"], "count_range": [1, 2], "conf_range": [0.5, -1], "must_not": True}],
    )
    assert (dataview.id, repository.views()) == (None, [])
    dataview_id = dataview.store()
    assert (dataview.id, dataview.store()) == (dataview_id, dataview_id)
    stored = repository.view("MyDataView")
    assert (stored.description, stored.tags, stored.project) == ("cars", ("x",), "P")

    found = DataView.get(dataview_name="MyDataView")
    assert (found.id, found.name, ids(found)) == (dataview_id, "MyDataView", ids(dataview))
    [query] = found.get_queries()
    assert (query.frame_query, query.source_query, query.weight, query.filter_by_roi) == (
        "meta.city:*",
        None,
        1.0,
        "label_rules",
    )
    assert query.label_rules == [
        {"label": "car", "count_range": [1, 2], "conf_range": [0.5, -1], "must_not": True}
    ]
    found.set_labels({"car": 1})
    found.name = "Renamed"
    assert DataView.get(dataview_id=dataview_id).get_labels() == {"car": 1}
    assert DataView.get(dataview_name="Renamed").get_iteration_parameters()["limit"] == 3
    repository.view("Renamed").publish()
    with pytest.raises(ReadOnlyError, match="published"):
        found.set_labels({"car": 2})
    assert found.get_labels() == {"car": 1}
    with pytest.raises(ValueError, match="no view 'gone'"):
        DataView.get(dataview_name="gone")
    with pytest.raises(ValueError, match="not by both"):
        DataView.get("a", "b")


def test_a_script_that_stores_a_view_runs_again(hyperdataset: HyperDataset, repository: Repository) -> None:
    """The same view is the same; another one takes its place in draft, and is refused once it is published."""

    def script(label: str) -> str:
        view = DataView(name="train")
        view.add_query(
            dataset_id=hyperdataset.dataset_id,
            version_id=hyperdataset.version_id,
            label_rules=[{"label": label}],
        )
        return view.store()

    first = script("car")
    assert script("car") == first
    assert script("pedestrian") == first
    assert ids(DataView.get(dataview_name="train")) == ["b", "c"]
    repository.view("train").publish()
    with pytest.raises(ReadOnlyError, match="published"):
        script("car")
    anonymous = DataView()
    anonymous.add_query(dataset_id=hyperdataset.dataset_id, version_id=hyperdataset.version_id)
    assert anonymous.store("Other") != first
    assert (anonymous.name or "").startswith("view ")
    assert repository.view(anonymous.id or "").project == "Other"


def test_parts_of_entries_keep_their_class(hyperdataset: HyperDataset) -> None:
    """What a projection leaves out is missing, but for ids."""
    hyperdataset.add_data_entries([DataEntry("q", {"question": "why", "answer": "because"})])
    dataview = DataView()
    dataview.add_query(dataset_id=hyperdataset.dataset_id, version_id=hyperdataset.version_id)
    found = {entry.id: entry for entry in dataview.get_iterator(projection=["meta.question", "sources.uri"])}
    assert (type(found["q"]), found["q"].metadata) == (DataEntry, {"question": "why"})
    assert [sub.source for sub in found["a"]] == ["https://shop.example.org/a.jpg"]
    assert (found["a"].metadata, found["a"].get_all_annotations()) == ({}, [])
    whole = {entry.id: entry for entry in dataview.get_iterator(projection=["*"])}
    assert whole["a"].metadata == {"city": "bremen"}
    labelled = {e.id: e for e in dataview.get_iterator(projection=["rois.label", "sources.width"])}
    sub = labelled["c"].sub_data_entries[0]
    assert isinstance(sub, DataSubEntryImage)
    assert [roi["label"] for roi in sub.get_all_annotations()] == [["pedestrian"]]


def test_queries_that_mean_nothing_are_refused(hyperdataset: HyperDataset) -> None:
    """An unknown dataset or version, another project, Lucene that can not be parsed, all wildcards."""
    view = DataView()
    place = {"dataset_id": hyperdataset.dataset_id, "version_id": hyperdataset.version_id}
    with pytest.raises(ValueError, match="no dataset 'gone'"):
        view.add_query(dataset_id="gone")
    with pytest.raises(ValueError, match="no version 'gone'"):
        view.add_query(dataset_id=hyperdataset.dataset_id, version_id="gone")
    with pytest.raises(ValueError, match="in project 'Other'"):
        view.add_query(project_id="Other", **place)
    with pytest.raises(ValueError, match="narrows down"):
        view.add_query(project_id="MyProject")
    for name in ("frame_query", "source_query"):
        with pytest.raises(QuerySyntaxError):
            view.add_query(**place, **{name: "meta.a:("})  # type: ignore[arg-type]
    with pytest.raises(QuerySyntaxError):
        view.add_query(**place, label_rules=[{"label": "label:("}])
    with pytest.raises(ValueError, match="filter_by_roi"):
        view.add_query(**place, filter_by_roi="some")
    with pytest.raises(ValueError, match="weight"):
        view.add_query(**place, weight=0)
    with pytest.raises(ValueError, match="HyperDatasetQuery is needed"):
        view.add_queries(["meta.a:b"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="name that too"):
        view.add_mapping_rule("a", "b", version_name="Current")
    with pytest.raises(ValueError, match="to_label"):
        view.add_mapping_rule("a", "")
    with pytest.raises(ValueError, match="from_labels"):
        view.add_mapping_rule([], "b")
    with pytest.raises(ValueError, match="whole numbers"):
        view.set_labels({"a": 1.5})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="sequential or random"):
        DataView(iteration_order="shuffled")


def test_wildcards_mean_what_other_queries_name(hyperdataset: HyperDataset) -> None:
    """All versions of a dataset that the view names, or all of the view."""
    first = hyperdataset.create_snapshot()
    hyperdataset.add_data_entries([DataEntry("new", {"city": "bremen"})])
    view = DataView()
    view.add_query(dataset_id=first.dataset_id, version_id=first.version_id, frame_query="meta.city:ulm")
    view.add_query(frame_query="meta.city:bremen")
    assert ids(view) == ["a", "c", "d"]
    view.add_query(
        dataset_id=hyperdataset.dataset_id, version_id=hyperdataset.version_id, frame_query="id:new"
    )
    assert ids(view) == ["a", "c", "d", "new"]
    assert [(query.dataset_id, query.version_id) for query in view.get_queries()][1] == ("*", "*")
    view.set_queries(view.get_queries()[1:2])
    with pytest.raises(ValueError, match="names"):
        view.to_list()
    view.set_queries(None)
    assert view.get_queries() == []
    with pytest.raises(ValueError, match="at least one query"):
        view.to_list()
