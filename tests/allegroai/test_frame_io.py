"""Frames into a version and out of it: failures, uploads, merging, deleting, bulk changes and projections."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdstore.allegroai import (
    BulkContext,
    Dataset,
    DatasetVersion,
    FrameGroup,
    HyperDatasetWarning,
    SingleFrame,
)
from hdstore.errors import InvalidInputError, MediaError
from hdstore.ids import content_hash
from hdstore.repository import Repository

Draw = Callable[..., Path]


@pytest.fixture
def version(repository: Repository) -> DatasetVersion:
    """Returns the empty draft of a dataset."""
    assert repository.folder == Path.cwd()
    return Dataset.create(dataset_name="plates").get_current()


def single(version: DatasetVersion, frame_id: str) -> SingleFrame:
    found = version.get_single_frame(frame_id)
    assert isinstance(found, SingleFrame)
    return found


def ids(version: DatasetVersion) -> set[str]:
    return {frame.id for frame in version}


def test_adding_the_same_source_again_replaces_the_frame(version: DatasetVersion) -> None:
    """The id follows from the source."""
    version.add_frames([SingleFrame(source="s3://b/1.jpg", metadata={"a": 1})])
    version.add_frames([SingleFrame(source="s3://b/1.jpg", metadata={"b": 2})])
    assert [frame.metadata for frame in version] == [{"b": 2}]


def test_adding_is_one_save_and_equal_frames_are_no_change(version: DatasetVersion) -> None:
    """Running a script twice makes the same version."""

    def script() -> list[SingleFrame]:
        frames = [SingleFrame(source=f"s3://b/{i}.jpg") for i in range(5)]
        for frame in frames:
            frame.add_annotation(box2d_xywh=(1, 2, 3, 4), poly2d_xy=[1, 2, 3, 4, 5, 6], labels=["a"])
        return frames

    start = version.native.commit
    version.add_frames(script(), batch_size=2)
    first = version.native.commit
    assert [commit.id for commit in version.native.log()] == [first, start]
    version.add_frames(script())
    assert version.native.commit == first


def test_frames_that_can_not_be_saved_are_returned_and_the_others_saved(
    version: DatasetVersion, picture: Draw, tmp_path: Path
) -> None:
    """Each failure has the frame, a sentence and where it happened; a group fails as a whole."""
    picture("in/ok.png")
    broken = SingleFrame(source="s3://b/1.jpg", metadata={"bad": object()})
    missing = FrameGroup(
        a=SingleFrame(source=tmp_path / "in/ok.png"), b=SingleFrame(source=tmp_path / "in/missing.png")
    )
    large = SingleFrame(id="large", metadata={"text": "x" * 3000})
    fine = SingleFrame(id="fine", source=tmp_path / "in/ok.png")
    failures = version.add_frames(
        [broken, missing, large, fine],
        auto_upload_destination="s3://bucket/x",
        local_dataset_root_path=tmp_path / "in",
        max_request_size_mb=0.002,
    )
    assert [(f["frame"], f["error_type"]) for f in failures] == [
        (broken, "validation"),
        (missing, "upload"),
        (large, "register"),
    ]
    assert "missing.png" in failures[1]["error"]
    assert missing["a"].source == str(tmp_path / "in/ok.png")
    assert ids(version) == {"fine"}
    wrong: list[Any] = ["s3://b/1.jpg"]
    assert version.add_frames(wrong)[0]["error_type"] == "validation"


def test_local_files_with_a_destination_are_kept_by_the_repository(
    version: DatasetVersion, repository: Repository, picture: Draw, tmp_path: Path
) -> None:
    """By content, so equal names in two folders do not collide; masks and previews too."""
    first = picture("in/a/0001.png", color=(1, 1, 1))
    second = picture("in/b/0001.png", color=(2, 2, 2))
    frames = [
        SingleFrame(source=first, mask_source=second, preview_uri=first),
        SingleFrame(source=second),
    ]
    assert (
        version.add_frames(frames, auto_upload_destination="s3://x", local_dataset_root_path=tmp_path / "in")
        == []
    )
    assert len(ids(version)) == 2
    stored = single(version, frames[0].id)
    assert stored.source == f"media:{content_hash(first.read_bytes())}" == stored.preview_uri
    assert stored.mask_source == f"media:{content_hash(second.read_bytes())}"
    assert (stored.width, stored.height, stored.content_type) == (8, 6, "image/png")
    assert stored.size == first.stat().st_size
    first.unlink()
    path = stored.get_local_source(raise_on_error=True, force_download=True)
    assert path is not None
    assert content_hash(Path(path).read_bytes()) == stored.hash
    assert stored.get_local_mask_source() is not None
    assert stored.get_local_preview_source() is not None
    assert list(stored.get_local_masks_source()) == ["00"]
    assert len(list(repository.media.hashes())) == 2


def test_the_id_of_an_uploaded_file_follows_from_its_path_in_the_root(
    version: DatasetVersion, picture: Draw, tmp_path: Path
) -> None:
    """Two machines with the files in different places get the same frames."""
    places = []
    for machine in ("ann", "bob"):
        frame = SingleFrame(source=picture(f"{machine}/data/x/1.png"))
        version.add_frames(
            [frame], auto_upload_destination=True, local_dataset_root_path=str(tmp_path / machine / "data")
        )
        places.append(frame.id)
    assert places[0] == places[1]
    assert len(ids(version)) == 1


def test_local_files_without_a_destination_are_linked(
    version: DatasetVersion, repository: Repository, picture: Draw, tmp_path: Path
) -> None:
    """Under a root by its name, elsewhere by their path; a file that is not there is linked as well."""
    inside, outside = picture("photos/a.png"), picture("elsewhere/b.png")
    repository.roots.add("photos", tmp_path / "photos")
    frames = [SingleFrame(source=place) for place in (inside, outside, tmp_path / "missing.png")]
    assert version.add_frames(frames) == []
    assert [single(version, frame.id).source for frame in frames] == [
        "root:photos/a.png",
        str(outside),
        str(tmp_path / "missing.png"),
    ]
    assert single(version, frames[0].id).get_local_source() == str(inside)
    assert single(version, frames[0].id).hash == content_hash(inside.read_bytes())
    by_path = version.get_frames_by_source(f"{tmp_path}/photos/*")
    assert [frame.id for frame in by_path] == [frames[0].id]
    assert version.get_frames_by_source("root:photos/*.png")[0].id == frames[0].id


def test_only_the_mapped_files_are_kept(version: DatasetVersion, picture: Draw) -> None:
    """src_to_dst_mapping names the sources; the others are linked."""
    first, second = picture("a.png"), picture("b.png")
    frames = [SingleFrame(source=first), SingleFrame(source=second)]
    version.add_frames(frames, src_to_dst_mapping={str(first): "s3://bucket/a.png"})
    kinds = [(single(version, frame.id).source or "").partition(":")[0] for frame in frames]
    assert kinds[0] == "media"
    assert kinds[1] == str(second)


def test_what_was_linked_can_be_uploaded_later(
    version: DatasetVersion, repository: Repository, picture: Draw, tmp_path: Path
) -> None:
    """Frames that are read again keep their id."""
    picture("photos/a.png")
    repository.roots.add("photos", tmp_path / "photos")
    frame = SingleFrame(source=tmp_path / "photos/a.png")
    version.add_frames([frame])
    stored = single(version, frame.id)
    version.add_frames(
        [stored], auto_upload_destination="x", local_dataset_root_path=tmp_path / "photos", force_upload=True
    )
    assert (single(version, frame.id).source or "").startswith("media:")
    assert len(ids(version)) == 1


def test_a_strangers_path_is_not_opened(version: DatasetVersion, picture: Draw, tmp_path: Path) -> None:
    """What a frame had when it was read is only opened where this machine allows it."""
    secret = picture("secret/a.png")
    frame = SingleFrame(id="x", source=tmp_path / "gone.png")
    version.add_frames([frame])
    (tmp_path / "gone.png").write_bytes(secret.read_bytes())
    stored = single(version, "x")
    version.update_frames([stored])
    assert single(version, "x").hash is None
    assert stored.get_local_source() is None
    failures = version.add_frames([stored], auto_upload_destination="x", local_dataset_root_path=tmp_path)
    assert failures[0]["error_type"] == "upload"


def test_a_failed_upload_can_be_registered_all_the_same(version: DatasetVersion, tmp_path: Path) -> None:
    """register_on_upload_failure, or not unregistering, links the file instead."""
    choices: list[dict[str, Any]] = [
        {"register_on_upload_failure": True},
        {"unregister_on_upload_fail": False},
    ]
    for number, choice in enumerate(choices):
        frame = SingleFrame(id=str(number), source=tmp_path / "missing.png")
        failures = version.add_frames(
            [frame], auto_upload_destination="x", local_dataset_root_path=tmp_path, upload_retries=0, **choice
        )
        assert failures == []
    assert {frame.source for frame in version if isinstance(frame, SingleFrame)} == {
        str(tmp_path / "missing.png")
    }


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"auto_upload_destination": "s3://x"}, "needs local_dataset_root_path"),
        ({"auto_upload_destination": "s3://x", "src_to_dst_mapping": {"a": "b"}}, "together"),
        ({"local_dataset_root_path": ".", "src_to_dst_mapping": {"a": "b"}}, "together"),
        ({"force_upload": True}, "needs auto_upload_destination"),
        ({"upload_retries": -1}, "0 or more"),
        ({"batch_size": 0}, "1 or more"),
    ],
)
def test_arguments_that_make_no_sense_together_are_refused(
    version: DatasetVersion, options: dict[str, Any], problem: str
) -> None:
    """None is accepted and ignored."""
    with pytest.raises(ValueError, match=problem):
        version.add_frames([SingleFrame(id="a")], **options)


def test_a_handle_remembers_where_uploads_go(repository: Repository, picture: Draw, tmp_path: Path) -> None:
    """get_version, get_current and create_version take the destination once for all."""
    assert repository.folder == Path.cwd()
    dataset = Dataset.create(dataset_name="plates")
    place = picture("in/a.png")
    options: dict[str, Any] = {
        "auto_upload_destination": "s3://x",
        "local_dataset_root_path": tmp_path / "in",
    }
    handles = [
        DatasetVersion.get_current(dataset_name="plates", **options),
        DatasetVersion.get_version(dataset_name="plates", **options),
        dataset.create_version("other", **options),
    ]
    for handle in handles:
        frame = SingleFrame(source=place)
        handle.add_frames([frame])
        assert (single(handle, frame.id).source or "").startswith("media:")


def test_duplicates_and_progress_are_told(version: DatasetVersion, caplog: pytest.LogCaptureFixture) -> None:
    """A warning for an id that this handle has added before; lines in the log at the end of batches."""
    version.add_frames([SingleFrame(id="a")])
    with pytest.warns(HyperDatasetWarning, match="'a' was added before"):
        version.add_frames([SingleFrame(id="a")], warn_on_duplicate_frames=True)
    frames = [SingleFrame(id=str(i)) for i in range(7)]
    with caplog.at_level(logging.INFO, "hdstore.allegroai"):
        version.add_frames(frames, batch_size=2, progress_report=3)
    assert [record.args for record in caplog.records] == [("Added", 4), ("Added", 7)]


def test_updating_replaces_or_merges(version: DatasetVersion) -> None:
    """Whole frames by default; with without_fields nothing is removed and the named fields stay."""
    first = SingleFrame(id="a", source="s3://b/1.jpg", metadata={"k": 1, "deep": {"x": 1}}, context_id="c")
    first.add_annotation(labels=["old"])
    version.add_frames([first])
    version.update_frames([SingleFrame(id="a", source="s3://b/1.jpg", metadata={"l": 2})])
    assert (single(version, "a").metadata, single(version, "a").annotations) == ({"l": 2}, [])

    version.update_frames([first])
    change = SingleFrame(id="a", metadata={"deep": {"y": 2}})
    change.add_annotation(labels=["new"])
    version.update_frames([change], without_fields=["rois"])
    merged = single(version, "a")
    assert merged.metadata == {"k": 1, "deep": {"x": 1, "y": 2}}
    assert (merged.source, merged.context_id) == ("s3://b/1.jpg", "c")
    assert [a.labels for a in merged.annotations] == [["old"]]
    version.update_frames([change], without_fields=False)
    assert [a.labels for a in single(version, "a").annotations] == [["new"]]
    version.update_frames([SingleFrame(id="new", metadata={"k": 1}, context_id="c")], without_fields=["meta"])
    assert (single(version, "new").metadata, single(version, "new").context_id) == ({}, "c")
    with pytest.raises(ValueError, match="colour"):
        version.update_frames([change], without_fields=["colour"])
    with pytest.raises(ValueError, match="can not be saved"):
        version.update_frames([SingleFrame(id="a", metadata={"x": object()})])


def test_annotations_keep_their_ids_through_updates(version: DatasetVersion) -> None:
    """Also of the object that was added, without reading it again."""
    frame = SingleFrame(id="a", source="s3://b/1.jpg")
    frame.add_annotation(box2d_xywh=(1, 2, 3, 4), labels=["x"])
    version.add_frames([frame])
    before = version.native.frame("a").annotations[0].id
    frame.annotations[0].labels = ["y"]
    version.update_frames([frame])
    again = single(version, "a")
    again.annotations[0].confidence = 0.5
    version.update_frames([again])
    (stored,) = version.native.frame("a").annotations
    assert (stored.id, stored.labels, stored.confidence) == (before, ("y",), 0.5)


def test_frames_are_deleted_by_object_id_or_dict(version: DatasetVersion) -> None:
    """Ids that are not there are passed over; buckets are not reached."""
    frames = [SingleFrame(id=name, source=f"https://b/{name}.jpg") for name in "abcd"]
    version.add_frames([*frames, SingleFrame(id="bucket", source="gs://b/x.jpg")])
    assert version.delete_frames([frames[0], "b", {"id": "c"}, "nothing"]) == 3
    assert version.delete_frames(["d"], delete_sources=True) == 1
    with pytest.raises(MediaError, match="buckets"):
        version.delete_frames(["bucket"], delete_sources=True)
    assert ids(version) == {"bucket"}
    with pytest.raises(ValueError, match="id or a frame"):
        version.delete_frames([7])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="batch_size"):
        version.delete_frames([], batch_size=0)
    with pytest.raises(MediaError, match="Nothing was deleted"):
        Dataset.delete(dataset_name="plates", delete_all_versions=True, force=True, delete_sources=True)
    assert ids(version) == {"bucket"}


def test_a_bulk_context_saves_at_its_end(version: DatasetVersion) -> None:
    """One at a time; nothing is saved when its block fails."""
    start = version.native.commit
    with version.get_bulk_context() as bulk:
        assert isinstance(bulk, BulkContext)
        assert version.get_bulk_context() is bulk
        bulk.add_frame(SingleFrame(id="a"))
        bulk.add_frame(SingleFrame(id="b"))
        bulk.update_frame(SingleFrame(id="a", metadata={"k": 1}))
        bulk.delete_frame("b")
        assert version.native.commit == start
    assert {frame.id: frame.metadata for frame in version} == {"a": {"k": 1}}
    assert version.get_bulk_context() is not bulk
    version.flush()
    fresh = DatasetVersion.get_version(dataset_name="plates")
    bulk = fresh.get_bulk_context()
    bulk.add_frame(SingleFrame(id="c"))
    bulk.__exit__(RuntimeError, RuntimeError(), None)
    assert ids(fresh) == {"a"}


def test_a_bulk_context_flushes_at_its_threshold_and_on_demand(
    version: DatasetVersion, caplog: pytest.LogCaptureFixture
) -> None:
    """flush of the context and of the version do the same; the log is the caller's."""
    log = logging.getLogger("mine")
    bulk = version.get_bulk_context(flush_threshold=2, log=log, allow_update=True)
    with caplog.at_level(logging.INFO, "mine"):
        bulk.add_frame(SingleFrame(id="a", metadata={"k": 1}))
        bulk.add_frame(SingleFrame(id="b"))
    assert [record.name for record in caplog.records] == ["mine"]
    assert ids(version) == {"a", "b"}
    bulk.update_frame(SingleFrame(id="a", metadata={"l": 2}))
    bulk.update_frame(SingleFrame(id="a", metadata={"m": 3}))
    version.flush()
    assert single(version, "a").metadata == {"k": 1, "l": 2, "m": 3}
    bulk.delete_frame(single(version, "b"), delete_sources=True)
    version.publish_version()
    assert ids(version) == {"a"}
    with pytest.raises(InvalidInputError, match="1 or more"):
        Dataset.create(dataset_name="x").get_current().get_bulk_context(flush_threshold=0)


def test_a_frame_that_can_not_be_saved_stops_a_bulk_context(version: DatasetVersion) -> None:
    """At once, with the reason."""
    bulk = version.get_bulk_context()
    with pytest.raises(ValueError, match="can not be saved"):
        bulk.add_frame(SingleFrame(id="a", metadata={"x": object()}))


def test_frames_are_found_by_ids_and_by_source(version: DatasetVersion) -> None:
    """In the order asked for; the pattern's star is anything, all else is itself."""
    version.add_frames(
        [
            SingleFrame(id="a", source="https://h/x[1]/a.jpg"),
            SingleFrame(id="b", source="https://h/y/b.jpg"),
            FrameGroup(
                id="g", left=SingleFrame(source="s3://h/l.jpg"), right=SingleFrame(source="s3://h/r.jpg")
            ),
        ]
    )
    found = DatasetVersion.get_frames_by_ids(["g", "x", "a"], dataset_name="plates", version_name="Current")
    assert [frame.id for frame in found if not isinstance(frame, dict)] == ["g", "a"]

    def sources(pattern: str) -> set[str]:
        return {f.id for f in DatasetVersion.get_frames_by_source(pattern, dataset_name="plates")}

    assert sources("https://h/*") == {"a", "b"}
    assert sources("*/x[1]/*") == {"a"}
    assert sources("*r.jpg") == {"g"}
    assert sources("https://h/y/b.jpg") == {"b"}
    assert sources("https://h/y/b") == set()


def test_a_projection_takes_parts_of_frames(version: DatasetVersion) -> None:
    """Dotted paths with names, indices and stars; absent parts are left out."""
    group = FrameGroup(
        id="g", l=SingleFrame(source="s3://h/l.jpg", width=4), r=SingleFrame(source="s3://h/r.jpg")
    )
    group["l"].add_annotation(box2d_xywh=(1, 2, 3, 4), labels=["a"], metadata={"k": 1})
    group.metadata = {"x": {"y": 1, "z": 2}}
    version.add_frames([group])

    def parts(*paths: str) -> Any:
        (found,) = version.get_iterator(projection=paths)
        return found

    assert parts("id", "dataset.id") == {"id": "g", "dataset": {"id": version.dataset_id}}
    assert parts("sources.*.uri") == {"sources": [{"uri": "s3://h/l.jpg"}, {"uri": "s3://h/r.jpg"}]}
    assert parts("sources.1.uri") == {"sources": [{"uri": "s3://h/r.jpg"}]}
    assert parts("sources.uri", "sources.0.width") == {
        "sources": [{"width": 4, "uri": "s3://h/l.jpg"}, {"uri": "s3://h/r.jpg"}]
    }
    assert parts("sources.*.width") == {"sources": [{"width": 4}]}
    assert parts("meta.x.y", "meta.*.z") == {"meta": {"x": {"y": 1, "z": 2}}}
    assert parts("rois.*.label", "rois.*.meta.k", "nothing") == {"rois": [{"label": ["a"], "meta": {"k": 1}}]}
    assert version.get_frames_by_ids(["g"], projection=["meta", "meta.x.y", "sources.0.*.q"]) == [
        {"meta": {"x": {"y": 1, "z": 2}}}
    ]
    with pytest.raises(ValueError, match="list of paths"):
        version.get_iterator(projection="id")
    with pytest.raises(ValueError, match="dots between"):
        version.get_iterator(projection=["a..b"])


def test_local_files_of_new_frames_are_the_scripts_own(
    repository: Repository, picture: Draw, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """None and a line in the log where there is none; empty files are refused unless told otherwise."""
    place = picture("a.png")
    assert SingleFrame(source=place).get_local_source() == str(place)
    assert SingleFrame(source=tmp_path / "no.png").get_local_source() is None
    assert "no.png" in caplog.text
    with pytest.raises(MediaError, match="no source"):
        SingleFrame().get_local_source(raise_on_error=True)
    with pytest.raises(MediaError, match="no local file"):
        SingleFrame(source="https://h/a.jpg").get_local_source(raise_on_error=True)
    with pytest.raises(MediaError, match="no mask 'x'"):
        SingleFrame(mask_source=place).get_local_mask_source(raise_on_error=True, mask_id="x")
    empty = tmp_path / "empty.png"
    empty.touch()
    assert SingleFrame(source=empty).get_local_source() is None
    assert SingleFrame(source=empty).get_local_source(skip_size_check=True) == str(empty)
    kept = repository.media.keep(place)
    assert SingleFrame(source=f"media:{kept}").get_local_source() == str(repository.media.path_of(kept))


def test_hashes_of_local_files_are_sha256(picture: Draw, repository: Repository) -> None:
    """Of local files, or of all that lies on this machine with allow_download."""
    import hashlib

    place, other = picture("a.png"), picture("b.png", color=(0, 0, 0))
    frame = SingleFrame(source=place, preview_uri=other, masks_source=[other])
    frame.update_source_files_hash()
    first, second = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (place, other))
    assert frame.get_source_hash() == {"source": first, "preview_source": second, "mask_source": [second]}
    assert frame.hash == first
    kept = SingleFrame(source=f"media:{repository.media.keep(place)}")
    kept.update_source_files_hash()
    assert kept.get_source_hash() == {}
    kept.update_source_files_hash(allow_download=True)
    assert kept.get_source_hash() == {"source": first}
