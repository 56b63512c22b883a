"""Single frames and groups as scripts change them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hdstore import model
from hdstore.allegroai import BoundingBox2D, FrameGroup, ImageAnnotation, SingleFrame
from hdstore.allegroai.dataframe import ImageAnnotation as FromDataframe
from hdstore.errors import InvalidInputError, InvalidValueError

URI = "s3://shop/plates/0001.jpg"


def test_a_frame_is_changed_through_its_attributes() -> None:
    """Every attribute can be set after the frame is made, and all of it is stored."""
    frame = SingleFrame(source=URI)
    frame.width, frame.height = 640, 480
    frame.timestamp = 40
    frame.preview_uri = "https://shop/preview.jpg"
    frame.preview_uri_timestamp = 7
    frame.metadata["alive"] = "yes"
    frame.meta["road"] = "wet"
    frame.context_id = "ride 3"
    frame.blob = "raw"
    frame.sourcedata["camera"] = 2
    frame.mask_source = "s3://shop/mask.png"
    frame.size = 1234
    frame.vectors["clip"] = [0.5, 1]
    frame.meta_blob["log"] = [1, 2]
    native = frame.to_native()
    assert native.metadata == {"alive": "yes", "road": "wet"}
    assert (native.context_id, native.blob, native.extra) == ("ride 3", "raw", {"log": [1, 2]})
    assert native.vectors == {"clip": (0.5, 1.0)}
    (source,) = native.sources
    assert (source.uri, source.width, source.height, source.timestamp, source.size) == (
        URI,
        640,
        480,
        40,
        1234,
    )
    assert source.preview == model.Preview(uri="https://shop/preview.jpg", timestamp=7)
    assert source.masks == (model.Mask(id="00", uri="s3://shop/mask.png"),)
    assert source.metadata == {"camera": 2}


def test_the_id_is_given_derived_or_random() -> None:
    """The same source gives the same id; numbers become strings; without a source it is random but stays."""
    assert SingleFrame(source=URI).id == SingleFrame(source=URI, width=3).id
    assert SingleFrame(source=URI).id != SingleFrame(source=URI + "x").id
    assert SingleFrame(id=17).id == "17"
    nothing = SingleFrame()
    assert nothing.id == nothing.id != SingleFrame().id
    assert nothing.id.isalnum()


def test_what_was_not_given_has_its_documented_default() -> None:
    """None for sizes and sources, 0 for times, empty containers; the context is the source."""
    frame = SingleFrame(
        source=URI, width=None, height=None, metadata=None, annotations=None, mask_source=None
    )
    assert (frame.width, frame.height, frame.size, frame.hash) == (None, None, None, None)
    assert (frame.timestamp, frame.preview_uri, frame.preview_uri_timestamp) == (0, None, 0)
    assert (frame.metadata, frame.annotations, frame.masks_source, frame.mask_source) == ({}, [], {}, None)
    assert (frame.context_id, frame.origin, frame.dataset_version_metadata) == (URI, {}, {})
    assert SingleFrame().source is None
    assert SingleFrame().to_native().sources == ()


def test_a_local_path_is_shown_as_it_is_and_stored_as_a_uri(tmp_path: Path) -> None:
    """The prefix file:// is added for storing and taken away for showing; other characters survive."""
    path = tmp_path / "a b#1.jpg"
    frame = SingleFrame(source=path, preview_uri=str(path), masks_source=[path])
    assert frame.source == str(path)
    assert frame.preview_source == str(path)
    (source,) = frame.to_native().sources
    assert source.uri == path.as_uri()
    assert source.masks[0].uri == path.as_uri()
    assert SingleFrame(source=f"file://{path}").source == str(path)


def test_masks_keep_the_ids_they_were_given() -> None:
    """A dict keeps its keys, a list is numbered; the first is the mask_source; entries can be added."""
    frame = SingleFrame(source=URI)
    frame.masks_source = {"seg": "s3://m/1.png", "instances": "s3://m/2.png"}
    assert frame.mask_source == "s3://m/1.png"
    frame.masks_source["depth"] = "s3://m/3.png"
    assert [mask.id for mask in frame.to_native().sources[0].masks] == ["seg", "instances", "depth"]
    frame.masks_source = ["s3://m/1.png", "s3://m/2.png"]
    assert frame.masks_source == {"00": "s3://m/1.png", "01": "s3://m/2.png"}
    frame.mask_source = None
    assert frame.masks_source == {}
    with pytest.raises(InvalidInputError, match="mask_source"):
        frame.masks_source = "s3://m/1.png"
    with pytest.raises(InvalidInputError, match="not both"):
        SingleFrame(source=URI, mask_source="a", masks_source=["b"])


def test_the_hash_given_is_kept_beside_the_source() -> None:
    """It lies where ClearML's queries look for it, and never takes the place of hdstore's own."""
    frame = SingleFrame(source=URI, hash="ab12")
    (source,) = frame.to_native().sources
    assert source.hash == ""
    assert source.metadata == {"hash": {"source": "ab12"}}
    assert (frame.hash, frame.get_source_hash()) == ("ab12", {"source": "ab12"})
    frame.hash = None
    assert (frame.hash, frame.sourcedata) == (None, {})


def test_another_source_forgets_what_was_known_of_the_old_file() -> None:
    """Size and content hash belong to the file."""
    native = model.SingleFrame(
        id="a", sources=(model.Source(uri=URI, hash="a" * 64, size=3, content_type="x/y"),)
    )
    frame = SingleFrame.from_native(native)
    frame.source = URI
    assert frame.to_native() == native
    frame.source = "s3://shop/other.jpg"
    (source,) = frame.to_native().sources
    assert (source.hash, source.size, source.content_type) == ("", None, "")


def test_a_copy_is_another_frame() -> None:
    """It has a new random id and shares nothing."""
    frame = SingleFrame(source=URI, metadata={"a": [1]})
    frame.add_annotation(labels=["x"])
    twin = frame.copy()
    assert twin.id != frame.id
    twin.metadata["a"].append(2)
    twin.annotations[0].labels.append("y")
    assert frame.metadata == {"a": [1]}
    assert frame.annotations[0].labels == ["x"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"width": "wide"}, "width"),
        ({"width": 1.5}, "whole number"),
        ({"metadata": [1]}, "dict"),
        ({"preview_uri_timestamp": 4}, "no preview_uri"),
        ({"blob": 3}, "blob"),
        ({"vectors": {"v": ["x"]}}, "vector"),
    ],
)
def test_values_of_a_wrong_kind_are_refused(change: dict[str, Any], problem: str) -> None:
    """At the latest when the frame is stored, with a ValueError that names the field."""
    with pytest.raises(ValueError, match=problem):
        SingleFrame(source=URI, **change).to_native()


def test_a_frame_without_a_source_keeps_its_time() -> None:
    """The time then belongs to the frame."""
    frame = SingleFrame(timestamp=25)
    assert frame.to_native() == model.SingleFrame(id=frame.id, timestamp=25)
    frame.timestamp = None
    assert frame.to_native().timestamp is None


def pair() -> FrameGroup:
    return FrameGroup(front=SingleFrame(source="s3://c/f.jpg"), rear=SingleFrame(source="s3://c/r.jpg"))


def test_a_group_is_a_dict_of_frames() -> None:
    """All that a dict can do."""
    group = FrameGroup()
    group["FrameOne"] = first = SingleFrame(source=URI, width=512, height=512)
    assert (list(group), len(group), "FrameOne" in group) == (["FrameOne"], 1, True)
    assert group.get("nothing") is None
    assert group.setdefault("FrameOne", SingleFrame()) is first
    group.update({"two": SingleFrame()}, three=SingleFrame())
    assert [*group.keys()] == ["FrameOne", "two", "three"]
    assert group.pop("two") is not None
    assert group.popitem()[0] in ("FrameOne", "three")
    assert [*group.items()] == list(zip(group.keys(), group.values(), strict=True))
    group.clear()
    assert not group
    assert [*FrameGroup(None, None, {"a": first})] == ["a"]
    with pytest.raises(InvalidValueError, match="SingleFrames"):
        group["x"] = "s3://c/f.jpg"  # type: ignore[assignment]
    with pytest.raises(InvalidValueError, match="name"):
        group[""] = first


def test_the_names_in_a_group_are_the_ids_of_its_sources() -> None:
    """Whatever id a frame had by itself."""
    native = pair().to_native()
    assert [source.id for source in native.sources] == ["front", "rear"]
    assert native == FrameGroup.from_native(native).to_native()


def test_the_id_of_a_group_follows_from_its_frames() -> None:
    """The order does not matter, the names and sources do."""
    one, two = (
        pair(),
        FrameGroup(rear=SingleFrame(source="s3://c/r.jpg"), front=SingleFrame(source="s3://c/f.jpg")),
    )
    assert one.id == two.id
    two["rear"].source = "s3://c/other.jpg"
    assert one.id != two.id
    assert FrameGroup(id="g").id == "g"
    empty = FrameGroup()
    assert empty.id == empty.id != FrameGroup().id


def test_metadata_of_a_frame_in_a_group_lies_under_its_name() -> None:
    """The group's own keys may not be the names of its frames."""
    group = pair()
    group.metadata = {"weather": "rain"}
    group["front"].metadata["angle"] = 45
    native = group.to_native()
    assert native.metadata == {"weather": "rain", "front": {"angle": 45}}
    back = FrameGroup.from_native(native)
    assert (back.metadata, back["front"].metadata) == ({"weather": "rain"}, {"angle": 45})
    group.metadata["front"] = 1
    with pytest.raises(InvalidValueError, match="'front' is both"):
        group.to_native()


def test_what_a_group_can_not_hold_for_one_frame_is_refused() -> None:
    """Nothing is dropped without a word."""
    group = pair()
    group["front"].blob = "raw"
    with pytest.raises(InvalidValueError, match="'front' has its own"):
        group.to_native()


def test_annotations_of_a_group_name_their_source() -> None:
    """Each lies on the frame it was added to."""
    group = pair()
    group["rear"].add_annotation(box2d_xywh=(1, 2, 3, 4), labels=["car"])
    (annotation,) = group.to_native().annotations
    assert annotation.sources == ("rear",)


def test_a_global_annotation_lies_on_every_frame_and_is_stored_once() -> None:
    """Each frame shows it; one annotation on all sources is what is stored."""
    group = pair()
    group["front"].add_annotation(labels=["first"])
    group.add_global_annotation(annotation=ImageAnnotation(labels=["city"], confidence=1.0))
    assert FromDataframe is ImageAnnotation
    assert [a.labels for a in group["rear"].annotations] == [["city"]]
    assert group.get_global_annotations() == [ImageAnnotation(labels=["city"], confidence=1.0)]
    native = group.to_native()
    assert [(a.labels, a.sources) for a in native.annotations] == [
        (("first",), ("front",)),
        (("city",), ("front", "rear")),
    ]
    back = FrameGroup.from_native(native)
    assert back.get_global_annotations() == group.get_global_annotations()
    assert back.remove_global_annotation(ImageAnnotation(labels=["city"], confidence=1.0))
    assert not back.remove_global_annotation(ImageAnnotation(labels=["city"], confidence=1.0))
    assert back.get_global_annotations() == []
    with pytest.raises(InvalidInputError, match="add the frames first"):
        FrameGroup().add_global_annotation(ImageAnnotation(labels=["x"]))
    with pytest.raises(InvalidValueError, match="Annotation"):
        group.add_global_annotation("city")  # type: ignore[arg-type]


def test_a_copy_of_a_global_annotation_that_is_changed_becomes_its_own() -> None:
    """The others stay together, under the id they had."""
    native = model.FrameGroup(
        id="g",
        sources=(model.Source(id="front"), model.Source(id="rear"), model.Source(id="side")),
        annotations=(model.Annotation(id="a1", labels=("city",), sources=("front", "rear", "side")),),
    )
    group = FrameGroup.from_native(native)
    group["rear"].annotations[0].labels = ["village"]
    found = [(a.id, a.labels, a.sources) for a in group.to_native().annotations]
    assert found == [("a1", ("city",), ("front", "side")), ("", ("village",), ("rear",))]


def test_a_frame_taken_out_of_a_group_stands_by_itself() -> None:
    """Its annotations come along and lie on its only source."""
    group = pair()
    group["rear"].add_annotation(box2d_xywh=(1, 2, 3, 4), labels=["car"])
    group.add_global_annotation(BoundingBox2D((1, 1, 2, 2), labels=["sun"]))
    alone = FrameGroup.from_native(group.to_native())["rear"]
    native = alone.to_native()
    assert {a.labels for a in native.annotations} == {("car",), ("sun",)}
    assert all(set(a.sources) <= {"rear"} for a in native.annotations)


def test_a_dict_becomes_the_frame_again() -> None:
    """from_dict undoes to_dict; of several sources it makes a group."""
    frame = SingleFrame(
        source=URI, width=5, height=6, timestamp=3, metadata={"a": 1}, context_id="c", blob="b"
    )
    frame.add_annotation(box2d_xywh=(1, 2, 3, 4, 0.1), labels=["x"], id="o", confidence=0.25)
    back = SingleFrame.from_dict(frame.to_dict())
    assert isinstance(back, SingleFrame)
    assert back.to_native() == frame.to_native()
    group = SingleFrame.from_dict(pair().to_dict())
    assert isinstance(group, FrameGroup)
    assert group.to_native() == pair().to_native()
    one = FrameGroup(only=SingleFrame(source=URI))
    assert FrameGroup.from_dict(one.to_dict()).to_native() == one.to_native()
    assert FrameGroup.from_api_object(one.to_api_object()).to_native() == one.to_native()


def test_a_dict_of_the_rest_interface_is_read() -> None:
    """The example of the documents: separator, mask, several sources, corners of a box."""
    plain = {
        "id": "287024",
        "timestamp": 5,
        "context_id": "car",
        "meta": {"velocity": "60"},
        "sources": [
            {
                "id": "front",
                "uri": "s3://c/f.mp4",
                "timestamp": 5,
                "meta": {"fov": 129},
                "width": 800,
                "height": 600,
            },
            {
                "id": "rear",
                "uri": "s3://c/r.mp4",
                "timestamp": 5,
                "preview": {"uri": "s3://c/p.jpg", "timestamp": 0},
            },
        ],
        "rois": [
            {
                "id": "1",
                "label": ["racket"],
                "poly": [0, 0, 4, 0, 4, 4, -999999999, 6, 6, 8, 6, 8, 8],
                "confidence": 1,
            },
            {"id": "2", "label": ["lane"], "mask": {"id": "seg", "value": [0, 1, 255]}, "sources": ["front"]},
            {
                "id": "3",
                "label": ["car"],
                "poly": [1, 2, 4, 2, 4, 6, 1, 6],
                "meta": {"_type": "b2d", "_id": "t"},
            },
            {"id": "4", "label": ["sky"], "sources": ["front", "rear"], "meta": {"velocity": 5.4}},
        ],
    }
    group = SingleFrame.from_dict(plain)
    assert isinstance(group, FrameGroup)
    racket, lane, car, sky = group.to_native().annotations
    assert racket.geometry == model.Polygon(rings=((0, 0, 4, 0, 4, 4), (6, 6, 8, 6, 8, 8)))
    assert lane.geometry == model.MaskValue(mask="seg", value=(0, 1, 255))
    assert (car.geometry, car.object_id) == (model.Box(x=1, y=2, w=3, h=4), "t")
    assert (sky.sources, sky.metadata) == (("front", "rear"), {"velocity": 5.4})
    assert group["front"].sourcedata == {"fov": 129}
    assert group["rear"].preview_uri == "s3://c/p.jpg"


@pytest.mark.parametrize(
    "plain",
    [
        {},
        {"id": "a", "sources": [{"colour": 1}]},
        {"id": "a", "rois": [{"meta": {"_type": "mask"}}]},
        {"id": "a", "rois": [{"meta": {"_type": "rle"}}]},
        {"id": "a", "rois": [{"meta": {"_type": "elp"}, "poly": [1, 2]}]},
    ],
)
def test_a_dict_that_is_no_frame_is_refused(plain: dict[str, Any]) -> None:
    """With a ValueError."""
    with pytest.raises(ValueError, match=r"."):
        SingleFrame.from_dict(plain)
