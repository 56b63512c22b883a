"""DataView: its iterators, weights, shares, storing, and what comes of frames afterwards."""

from __future__ import annotations

import logging
import pickle
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdstore.allegroai import DatasetVersion, DataView, HyperDatasetWarning, IterationOrder, SingleFrame
from hdstore.errors import ReadOnlyError
from hdstore.model import View
from hdstore.repository import Repository


@pytest.fixture
def version(repository: Repository) -> DatasetVersion:
    """Returns a version with seven frames, every other with a cup."""
    DatasetVersion.create_new_dataset(dataset_name="plates", dataset_project="Kitchen")
    made = DatasetVersion.get_current(dataset_name="plates")
    frames = [SingleFrame(id=f"f{number}", source=f"s3://b/{number}.jpg") for number in range(7)]
    for frame in frames[::2]:
        frame.add_annotation(box2d_xywh=(0, 0, 1, 1), labels=["cup"])
    made.add_frames(frames)
    made.set_metadata({"by": "Ada"})
    return made


@pytest.fixture
def view(version: DatasetVersion) -> DataView:
    """Returns a view of all frames."""
    made = DataView("all")
    made.add_query(dataset_name="plates", version_name="Current")
    return made


def test_a_view_is_named_first_and_reads_in_order(view: DataView) -> None:
    """Iterating it is get_iterator; an iterator is begun by next."""
    assert (view.name, view.id, len(view), bool(view)) == ("all", None, 7, True)
    assert [frame.id for frame in view] == [f"f{number}" for number in range(7)]
    iterator = view.get_iterator(query_cache_size=2, query_queue_depth=1)
    assert [next(iterator).id, next(iterator).id] == ["f0", "f1"]
    assert [frame.id for frame in iterator][:2] == ["f0", "f1"]


def test_the_same_seed_gives_the_same_order(view: DataView) -> None:
    """None is a seed too, the same on every machine; another seed gives another order."""
    view.set_iteration_parameters(order="random")
    first = [frame.id for frame in view]
    view.set_iteration_parameters(random_seed=1337)
    assert [frame.id for frame in view] == first
    view.set_iteration_parameters(random_seed=7)
    assert sorted(frame.id for frame in view) == sorted(first)
    assert [frame.id for frame in view] != first
    same = DataView(
        iteration_order=IterationOrder.random, iteration_random_seed=7, queries=view.get_queries()
    )
    assert [frame.id for frame in same] == [frame.id for frame in view]


def test_repetition_lasts_until_every_frame_has_come(view: DataView, version: DatasetVersion) -> None:
    """A view of one query stays as it is."""
    assert len(view.get_iterator(allow_repetition=True)) == 7
    assert view.get_iteration_parameters()["infinite"] is False
    view.set_queries(None)
    for query, weight in (("id:f1", 3), ("NOT id:f1", 1)):
        view.add_query(dataset_name="plates", version_name="Current", frame_query=query, weight=weight)
    drawn = Counter(frame.id for frame in view.get_iterator(allow_repetition=True))
    assert drawn == {"f1": 18} | {f"f{number}": 1 for number in (0, 2, 3, 4, 5, 6)}
    assert (len(view), view.get_count()) == (24, (7, [1, 6]))
    parameters = view.get_iteration_parameters()
    assert (parameters["infinite"], parameters["maximum_number_of_frames"]) == (True, 24)


def test_workers_share_the_frames(view: DataView) -> None:
    """Round robin; each begins anew by itself."""
    shares = [view.get_iterator(worker_index=index, num_workers=2) for index in range(2)]
    for _ in range(2):
        assert [[frame.id for frame in share] for share in shares] == [
            ["f0", "f2", "f4", "f6"],
            ["f1", "f3", "f5"],
        ]


def test_reading_goes_on_after_so_many_frames_of_a_worker(view: DataView) -> None:
    """As a process does that was forked while it read."""
    for workers in (1, 2, 3):
        for worker in range(workers):
            iterator = view.get_iterator(worker_index=worker, num_workers=workers)
            whole = [frame.id for frame in iterator]
            for start in range(len(whole)):
                assert [frame.id for frame in iterator._open(start, worker, workers)] == whole[start:]


def test_an_iterator_reads_the_versions_as_they_were(view: DataView, version: DatasetVersion) -> None:
    """What is saved meanwhile is seen by the next one."""
    iterator = view.get_iterator()
    assert len(iterator) == 7
    version.delete_frames(["f0"])
    assert len(list(iterator)) == 7
    assert len(view.to_list()) == 6


def test_frames_know_where_they_come_from(view: DataView, version: DatasetVersion) -> None:
    """Their version, its metadata, and a number for each label; a frame of no view has none."""
    view.set_labels({"cup": 3})
    first = view.to_list()[0]
    assert isinstance(first, SingleFrame)
    assert first.origin == version.origin
    assert first.dataset_version_metadata == {"by": "Ada"}
    assert first.annotations[0].label_enum == 3
    stored = version.get_single_frame("f0")
    assert isinstance(stored, SingleFrame)
    assert stored.annotations[0].label_enum is None
    assert stored.annotations == first.annotations


def test_frames_of_a_view_are_changed_and_saved(view: DataView, version: DatasetVersion) -> None:
    """Annotations keep their ids."""
    before = version.native.frame("f0").annotations
    frames = view.to_list()
    frames[0].metadata["split"] = "train"
    version.update_frames(frames[:1])
    after = version.native.frame("f0")
    assert (after.metadata, after.annotations) == ({"split": "train"}, before)


def test_views_frames_and_versions_are_sent_to_other_processes(
    view: DataView, version: DatasetVersion, picture: Callable[..., Path]
) -> None:
    """As workers of a loader get them; local files are found there too."""
    version.add_frames(
        [SingleFrame(id="local", source=picture("a.png"))],
        auto_upload_destination="yes",
        local_dataset_root_path=picture("a.png").parent,
    )
    view.set_iteration_parameters(order="random", maximum_number_of_frames=5)
    twin = pickle.loads(pickle.dumps(view))
    assert [frame.id for frame in twin] == [frame.id for frame in view]
    view.store()
    again = pickle.loads(pickle.dumps(view))
    assert (again.id, again.name) == (view.id, "all")
    view.set_iteration_parameters(maximum_number_of_frames=None)
    frames = {frame.id: frame for frame in pickle.loads(pickle.dumps(view.to_list()))}
    assert Path(frames["local"].get_local_source()).read_bytes() == picture("a.png").read_bytes()
    assert frames["f0"].origin == version.origin
    assert pickle.loads(pickle.dumps(version)) == version


def test_files_are_prefetched_in_the_background(
    view: DataView, version: DatasetVersion, caplog: pytest.LogCaptureFixture
) -> None:
    """The call returns at once; what is missing is told of in the log."""
    with caplog.at_level(logging.WARNING, "hdstore"):
        view.prefetch_files()
        for thread in threading.enumerate():
            if thread.name == "hdstore-prefetch":
                thread.join(timeout=30)
    assert len(caplog.messages) == 7
    with pytest.raises(ValueError, match="downloaded"):
        view.prefetch_files(force_download=True)


def test_a_view_is_stored_with_what_people_say_of_it(version: DatasetVersion, repository: Repository) -> None:
    """And changed where it is stored, until it is published."""
    made = DataView(
        "train", description="cups", tags=["a"], project_name="Kitchen", maximum_number_of_frames=2
    )
    made.add_query(dataset_name="plates", version_name="Current", dataset_project="Kitchen", roi_query="cup")
    made.store()
    stored = repository.view("train")
    assert (stored.description, stored.tags, stored.project) == ("cups", ("a",), "Kitchen")
    found = DataView.get(dataview_name="train")
    assert [frame.id for frame in found] == ["f0", "f2"]
    found.add_query(dataset_name="plates", version_name="Current", frame_query="id:f1")
    found.set_iteration_parameters(maximum_number_of_frames=None)
    assert [frame.id for frame in DataView.get(found.id)] == ["f0", "f1", "f2", "f4", "f6"]
    stored.publish()
    with pytest.raises(ReadOnlyError, match="published"):
        found.set_queries(found.get_queries()[:1])
    version.delete_frames(["f0"])
    assert [frame.id for frame in DataView.get(found.id)] == ["f0", "f1", "f2", "f4", "f6"]


def test_stored_views_of_other_makers_are_read(version: DatasetVersion, repository: Repository) -> None:
    """One that gives clips gives their frames; one that gives single annotations gives those."""
    from hdstore.model import Clip, Iteration, Output, ViewQuery

    query = ViewQuery(dataset="plates", version="Current")
    version.add_frames(
        [SingleFrame(id=f"v{time}", source="s3://b/v.mp4", timestamp=time) for time in (40, 0, 80, 120, 160)]
    )
    clips = View(queries=(query,), iteration=Iteration(clip=Clip(length=2)))
    repository.create_view("clips", clips)
    found = DataView.get(dataview_name="clips")
    assert [frame.id for frame in found] == ["v0", "v40", "v80", "v120"]
    assert (len(found.to_list()), len(found.get_iterator())) == (4, 4)
    repository.create_view("each", View(queries=(query,), output=Output.EACH))
    assert [frame.id for frame in DataView.get(dataview_name="each")] == ["f0", "f2", "f4", "f6"]


def test_several_views_of_one_name_mean_the_newest(version: DatasetVersion, repository: Repository) -> None:
    """They come from other repositories; there is a warning."""
    view = DataView("mine")
    view.add_query(dataset_name="plates", version_name="Current")
    first = view.store()
    second = repository.create_view("other", repository.view(first).value)
    core = repository._core
    with core.changing("As a merge of two repositories leaves them") as change:
        from hdstore.model import replace

        document = change.view_document(second.id)
        change.put_view(replace(document, name="mine", created=document.created + 1))
    with pytest.warns(HyperDatasetWarning, match="2 views named 'mine'"):
        assert DataView.get(dataview_name="mine").id == second.id


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"dataset_name": "gone", "version_name": "Current"}, "no dataset 'gone'"),
        ({"dataset_name": "plates", "version_name": "gone"}, "no version 'gone'"),
        ({"dataset_name": "plates", "dataset_id": "x"}, "not by both"),
        ({"dataset_name": "plates", "dataset_project": "Garage"}, "in project 'Garage'"),
        ({"dataset_project": "Kitchen"}, "narrows down"),
        ({"dataset_name": "plates", "roi_query": ""}, "empty"),
        ({"dataset_name": "plates", "roi_query": []}, "at least one label"),
        ({"dataset_name": "plates", "roi_query": 'label:"cup'}, "."),
        ({"dataset_name": "plates", "frame_query": "meta.a:["}, "."),
        ({"dataset_name": "plates", "weight": -1}, "weight"),
        ({"dataset_name": "plates", "weight": float("nan")}, "weight"),
    ],
)
@pytest.mark.usefixtures("version")
def test_queries_that_mean_nothing_are_refused(arguments: dict[str, Any], reason: str) -> None:
    """As ValueError, before the view is changed."""
    view = DataView()
    with pytest.raises(ValueError, match=reason):
        view.add_query(**arguments)
    assert view.get_queries() == []
    with pytest.raises(ValueError, match="query of a view"):
        view.set_queries(["cup"])  # type: ignore[list-item]
