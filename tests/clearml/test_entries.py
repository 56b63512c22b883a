"""Entries and sub-entries before they are saved: what they hold, and what the original drops."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest

from hdstore.clearml import DataEntry, DataEntryImage, DataSubEntry, DataSubEntryImage
from hdstore.clearml.converting import entry_to_native
from hdstore.errors import InvalidInputError
from hdstore.model import (
    Annotation,
    Box,
    Box3D,
    Ellipse,
    FrameGroup,
    Keypoints,
    Keypoints3D,
    MaskValue,
    Polygon,
    Polygon3D,
    SingleFrame,
)

PHOTO = "https://shop.example.org/plates/0007.jpg"


def image(**options: Any) -> tuple[DataEntryImage, DataSubEntryImage]:
    """Returns an entry with one picture."""
    entry, sub = DataEntryImage("e1"), DataSubEntryImage(source=PHOTO, **options)
    entry.add_sub_entries([sub])
    return entry, sub


def stored(entry: DataEntry) -> list[Annotation]:
    return list(entry_to_native(entry).annotations)


def test_an_entry_has_a_random_id_unless_one_is_given() -> None:
    """As uuid4 has; the original's differ each time too."""
    assert DataEntry("e1").id == "e1"
    first, second = DataEntry(), DataEntry()
    assert (len(first.id), first.id == second.id) == (32, False)


def test_sub_entries_are_known_by_their_names() -> None:
    """The same name replaces; several make a group."""
    entry = DataEntry("e1", metadata={"a": 1})
    entry.add_sub_entries([DataSubEntry("lidar", "s3://b/1.bin"), DataSubEntry("radar", "s3://b/2.bin")])
    entry.add_sub_entries([DataSubEntry("lidar", "s3://b/3.bin", metadata={"beams": 64})])
    assert [(sub.name, sub.source) for sub in entry] == [("lidar", "s3://b/3.bin"), ("radar", "s3://b/2.bin")]
    assert [sub.name for sub in entry.sub_data_entries] == ["lidar", "radar"]
    native = entry_to_native(entry)
    assert isinstance(native, FrameGroup)
    assert native.metadata == {"a": 1, "lidar": {"beams": 64}}
    assert isinstance(entry_to_native(DataEntry("e2")), SingleFrame)


def test_an_entry_without_any_medium_is_stored() -> None:
    """Questions and answers have none."""
    native = entry_to_native(DataEntry("e1", metadata={"question": "why"}))
    assert (native.sources, native.metadata) == ((), {"question": "why"})


def test_what_is_no_sub_entry_is_refused() -> None:
    """Neither a dict, nor one without a name, nor metadata under the name of a sub-entry."""
    with pytest.raises(ValueError, match="DataSubEntry is needed"):
        DataEntry().add_sub_entries([{"name": "x"}])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="name"):
        DataSubEntry("", None)
    entry = DataEntry("e1", metadata={"front": {"a": 1}})
    entry.add_sub_entries([DataSubEntry("front", PHOTO, metadata={"b": 2})])
    with pytest.raises(ValueError, match="'front' is both"):
        entry_to_native(entry)


def test_sources_are_read_and_set_by_field() -> None:
    """source and preview_source; masks have their own calls."""
    sub = DataSubEntryImage(source=PHOTO, preview_source=PHOTO + "?small")
    assert (sub.get_source(), sub.get_source("preview_source")) == (PHOTO, PHOTO + "?small")
    sub.set_source("source", "s3://b/new.jpg")
    sub.set_source(source_field="preview_source", uri=None)
    assert (sub.source, sub.preview_source, sub.get_source("mask_source")) == ("s3://b/new.jpg", None, None)
    with pytest.raises(InvalidInputError, match="set_mask_source"):
        sub.set_source("mask_source", "m.png")
    with pytest.raises(InvalidInputError, match="'sauce'"):
        sub.get_source("sauce")


def test_mask_ids_are_kept(tmp_path: Path) -> None:
    """The original renumbers those of a dict that is set later."""
    sub = DataSubEntryImage(source=PHOTO, masks_source={"seg": "s3://b/m.png"})
    assert sub.set_mask_source("s3://b/n.png") == "00"
    assert sub.set_mask_source(tmp_path / "o.png") == "01"
    assert sub.set_mask_source(None) is None
    assert sub.get_masks_source_dict() == {
        "seg": "s3://b/m.png",
        "00": "s3://b/n.png",
        "01": str(tmp_path / "o.png"),
    }
    sub.set_masks_source({"depth": "s3://b/d.png", "seg": "s3://b/m.png"})
    assert sub.get_mask_source() == "s3://b/d.png"
    assert (sub.get_mask_source("seg"), sub.get_mask_source("gone")) == ("s3://b/m.png", None)
    entry = DataEntryImage("e1")
    entry.add_sub_entries([sub])
    assert [mask.id for mask in entry_to_native(entry).sources[0].masks] == ["depth", "seg"]
    sub.set_masks_source(["s3://b/1.png", "s3://b/2.png"])
    assert list(sub.get_masks_source_dict()) == ["00", "01"]
    sub.set_masks_source()
    assert sub.get_mask_source() is None


@pytest.mark.parametrize(
    ("argument", "values", "expected"),
    [
        ("poly2d_xy", [0, 0, 4, 0, 4, 4], Polygon(rings=((0, 0, 4, 0, 4, 4),))),
        ("poly2d_xy", [(0, 0), (4, 0), (4, 4)], Polygon(rings=((0, 0, 4, 0, 4, 4),))),
        ("poly2d_xy", [[0, 0, 4, 0, 4, 4], [1, 1, 2, 1]], Polygon(rings=((0, 0, 4, 0, 4, 4), (1, 1, 2, 1)))),
        ("poly3d_xyz", [0, 0, 1, 4, 0, 1], Polygon3D(rings=((0, 0, 1, 4, 0, 1),))),
        ("points2d_xy", [(1, 2), (3, 4)], Keypoints(points=(1, 2, 3, 4))),
        ("points3d_xyz", [(1, 2, 3)], Keypoints3D(points=(1, 2, 3))),
        ("box2d_xywh", (10, 10, 30, 20), Box(x=10, y=10, w=30, h=20)),
        ("box2d_xywh", (10.1, 10, 30.3, 20, 0.5), Box(x=10.1, y=10, w=30.3, h=20, angle=0.5)),
        ("box3d_xyzwhxyzwh", range(10), Box3D(front=(0, 1, 2, 3, 4), back=(5, 6, 7, 8, 9))),
        ("ellipse2d_xyrrt", [5, 6, 2, 3, 0.25], Ellipse(cx=5, cy=6, rx=2, ry=3, theta=0.25)),
        ("mask_rgb", (1, 2, 3), MaskValue(value=(1, 2, 3))),
    ],
)
def test_every_geometry_is_stored_whole(argument: str, values: Any, expected: Any) -> None:
    """Several rings and turned boxes too, which the original refuses or flattens."""
    entry, sub = image()
    assert sub.add_annotation(**{argument: values}, labels=["car"], confidence=0.5, metadata={"a": 1}) == [0]
    assert stored(entry) == [
        Annotation(
            geometry=expected, labels=("car",), confidence=0.5, metadata={"a": 1}, sources=("image_entry_0",)
        )
    ]


def test_a_box_is_shown_by_its_corners_and_kept_by_its_numbers() -> None:
    """Scripts of the original read eight numbers; corners that they change move the box."""
    entry, sub = image()
    sub.add_annotation(box2d_xywh=(0.1, 0.2, 0.3, 0.4), labels=["car"])
    roi = sub.get_annotations()[0]
    assert roi["poly"] == [0.1, 0.2, 0.4, 0.2, 0.4, 0.2 + 0.4, 0.1, 0.2 + 0.4]
    assert stored(entry)[0].geometry == Box(x=0.1, y=0.2, w=0.3, h=0.4)
    roi["poly"] = [5, 5, 9, 5, 9, 8, 5, 8]
    assert stored(entry)[0].geometry == Box(x=5, y=5, w=4, h=3)


def test_labels_without_a_place_are_kept() -> None:
    """labels alone and frame_class; the original drops both."""
    entry, sub = image()
    assert sub.add_annotation(labels=["night"]) == [0]
    assert sub.add_annotation(frame_class=["rain", "fog"]) == [1]
    assert sub.add_annotation(box2d_xywh=(0, 0, 1, 1), frame_class=["dusk"], labels="car") == [2, 3]
    found = [(a.labels, a.geometry is None, a.sources) for a in stored(entry)]
    assert found == [
        (("night",), True, ("image_entry_0",)),
        (("rain", "fog"), True, ("image_entry_0",)),
        (("car",), False, ("image_entry_0",)),
        (("dusk",), True, ("image_entry_0",)),
    ]
    with pytest.raises(InvalidInputError, match="geometry or labels"):
        sub.add_annotation(id="x")


def test_several_geometries_of_one_call_share_an_id() -> None:
    """Made up where none is given, the same each time."""
    entry, sub = image()
    sub.add_annotation(box2d_xywh=(0, 0, 1, 1), points2d_xy=[1, 2], labels=["car"])
    sub.add_annotation(box2d_xywh=(0, 0, 1, 1), points2d_xy=[1, 2], labels=["car"], id="track 7")
    sub.add_annotation(box2d_xywh=(0, 0, 1, 1), labels=["car"])
    first, second, third, fourth, fifth = (annotation.object_id for annotation in stored(entry))
    assert first == second
    assert first is not None
    assert (third, fourth, fifth) == ("track 7", "track 7", None)
    again, other = image()
    other.add_annotation(box2d_xywh=(0, 0, 1, 1), points2d_xy=[1, 2], labels=["car"])
    assert stored(again)[0].object_id == first
    assert first not in ("", "track 7")


def test_a_mask_value_can_name_its_mask() -> None:
    """mask_id is an addition; without mask_rgb it means nothing."""
    entry, sub = image(masks_source={"seg": "s3://b/m.png"})
    sub.add_annotation(mask_rgb=(1, 1, 1), mask_id="seg", labels=["person", "sitting"])
    assert stored(entry)[0].geometry == MaskValue(mask="seg", value=(1, 1, 1))
    with pytest.raises(InvalidInputError, match="mask_rgb"):
        sub.add_annotation(box2d_xywh=(0, 0, 1, 1), mask_id="seg")
    with pytest.raises(ValueError, match="whole numbers"):
        sub.add_annotation(mask_rgb=(0.5, 1, 1))


def test_annotations_are_found_and_removed() -> None:
    """By index, id and any of the labels; without arguments all go."""
    _, sub = image()
    for index, label in enumerate(["car", "dog", "cat", "dog"]):
        sub.add_annotation(box2d_xywh=(index, 0, 1, 1), labels=[label, "thing"], id=f"o{index}")
    assert [roi["label"] for roi in sub.get_annotations(index=1)] == [["dog", "thing"]]
    assert [roi["meta"]["_id"] for roi in sub.get_annotations(id="o2")] == ["o2"]
    assert (sub.get_annotations(index=9), sub.get_annotations(id="gone")) == ([], [])
    assert [roi["meta"]["_id"] for roi in sub.remove_annotations(labels=["dog", "bird"])] == ["o1", "o3"]
    assert sub.remove_annotation(id="o2") is not None
    assert sub.remove_annotation(5) is None
    with pytest.raises(ValueError, match="index, or the id"):
        sub.remove_annotation()
    assert sub.remove_annotation(0) is not None
    assert sub.remove_annotations() == []
    assert sub.get_all_annotations() == []


def test_an_entry_is_labelled_as_a_whole() -> None:
    """The original loses these of pictures."""
    entry, sub = image()
    sub.add_annotation(box2d_xywh=(0, 0, 1, 1), labels=["car"])
    assert entry.add_annotation(labels=["frame level label one", "two"]) == 0
    assert entry.add_annotation("i", ["three"], 0.5, {"by": "hand"}) == 1
    assert [roi["label"] for roi in entry.get_all_annotations()] == [
        ["frame level label one", "two"],
        ["three"],
    ]
    whole = [a for a in stored(entry) if not a.sources]
    assert [(a.labels, a.object_id, a.confidence, a.metadata) for a in whole] == [
        (("frame level label one", "two"), None, None, {}),
        (("three",), "i", 0.5, {"by": "hand"}),
    ]
    assert entry.get_annotations(id="i") == entry.get_annotations(index=1)
    assert entry.remove_annotation(id="i") is not None
    assert [roi["label"] for roi in entry.remove_annotations(label="two")] == [
        ["frame level label one", "two"]
    ]


def test_a_global_annotation_is_stored_once_on_all_pictures() -> None:
    """Changing the copy on one picture makes it that picture's own."""
    entry = DataEntryImage("e1")
    with pytest.raises(InvalidInputError, match="add those first"):
        entry.add_global_annotation(labels=["x"])
    front, rear = DataSubEntryImage("front", PHOTO), DataSubEntryImage("rear", PHOTO + "?2")
    entry.add_sub_entries([front, rear])
    assert entry.add_global_annotation(labels=["cityscape"], confidence=1.0) == [0, 0]
    assert entry.add_global_annotation(box2d_xywh=(0, 0, 1, 1), labels=["sky"], id="s") == [1, 1]
    assert [(a.labels, a.sources) for a in stored(entry)] == [
        (("cityscape",), ("front", "rear")),
        (("sky",), ("front", "rear")),
    ]
    assert len(entry.get_all_global_annotations()) == 4
    assert [roi["sources"] for roi in entry.get_global_annotations(id="s")] == [["front"], ["rear"]]
    rear.get_annotations(id="s")[0]["label"].append("blue")
    assert [(a.labels, a.sources) for a in stored(entry)] == [
        (("cityscape",), ("front", "rear")),
        (("sky",), ("front",)),
        (("sky", "blue"), ("rear",)),
    ]
    assert entry.remove_global_annotation(0) is not None
    assert len(entry.remove_global_annotations(label="sky")) == 2
    assert entry.remove_global_annotation(0) is None
    assert stored(entry) == []


def test_the_context_is_that_of_the_first_picture_that_has_one() -> None:
    """It groups the moments of a video."""
    entry = DataEntryImage("e1")
    entry.add_sub_entries(
        [
            DataSubEntryImage("a", "s3://b/v.mp4", timestamp=40),
            DataSubEntryImage("b", "s3://b/w.mp4", timestamp=40, context_id="scene 1"),
            DataSubEntryImage("c", "s3://b/x.mp4", context_id="scene 2"),
        ]
    )
    assert (entry.context_id, entry_to_native(entry).context_id) == ("scene 1", "scene 1")
    assert entry_to_native(entry).time == 40
    assert entry.sub_data_entries[2].context_id == "scene 2"  # type: ignore[attr-defined]


def test_vectors_are_lists_or_tuples() -> None:
    """As in the original; the prefix meta. may stand in front of the name."""
    entry = DataEntry("e1")
    entry.set_vector([1, 2.5], metadata_field="qa_vector")
    entry.set_vector((3, 4), "meta.other")
    assert entry.vectors == {"qa_vector": [1.0, 2.5], "other": [3.0, 4.0]}
    assert entry_to_native(entry).vectors == {"qa_vector": (1.0, 2.5), "other": (3.0, 4.0)}
    with pytest.raises(TypeError, match="list or a tuple"):
        entry.set_vector({1, 2}, "v")
    with pytest.raises(TypeError, match="metadata_field"):
        entry.set_vector([1], "")


def test_annotations_can_be_copied_and_sent_to_other_processes() -> None:
    """They are dicts; a copy is still the copy of its twin."""
    entry = DataEntryImage("e1")
    entry.add_sub_entries([DataSubEntryImage("front", PHOTO), DataSubEntryImage("rear", PHOTO)])
    entry.add_global_annotation(labels=["x"])
    for twin in (copy.deepcopy(entry), pickle.loads(pickle.dumps(entry))):
        assert stored(twin) == stored(entry)
        assert [a.sources for a in stored(twin)] == [("front", "rear")]
