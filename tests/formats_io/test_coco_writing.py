"""What frames become in COCO: edited ones, and those that never were COCO."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from pycocotools.coco import COCO

from hdstore.errors import StorageError
from hdstore.formats import write_coco
from hdstore.model import (
    Annotation,
    Box,
    Box3D,
    Ellipse,
    FrameGroup,
    Keypoints,
    Label,
    Mask,
    Polygon,
    Rle,
    Schema,
    SingleFrame,
    Skeleton,
    Source,
    replace,
)

DOCUMENT: dict[str, Any] = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 10, "height": 5}],
    "categories": [{"id": 4, "name": "cat", "supercategory": "animal"}, {"id": 9, "name": "dog"}],
    "annotations": [
        {
            "id": 7,
            "image_id": 1,
            "category_id": 4,
            "segmentation": [[1, 1, 4, 1, 4, 3]],
            "bbox": [1, 1, 4, 4],
            "area": 3.5,
            "iscrowd": 0,
            "keypoints": [1, 1, 2, 0, 0, 0],
            "num_keypoints": 1,
            "note": "x",
        }
    ],
}


def edited(frame: Any, index: int, **fields: Any) -> Any:
    """Returns the frame with fields of one annotation changed."""
    annotations = list(frame.annotations)
    annotations[index] = replace(annotations[index], **fields)
    return replace(frame, annotations=tuple(annotations))


def native(*annotations: Annotation, **fields: Any) -> SingleFrame:
    """Returns a frame that never was COCO."""
    source = Source(uri="root:p/a.jpg", width=10, height=5)
    values = {"id": "p/a.jpg", "sources": (source,)} | fields
    return SingleFrame(annotations=annotations, **values)


def test_an_edited_outline_gets_a_new_bbox_and_area(coco: Any) -> None:
    """Kept numbers of the old geometry are not written over a new one; the rest stays."""
    (frame,) = coco.read(DOCUMENT)

    document = coco.write([edited(frame, 0, geometry=Polygon(rings=((0.0, 0.0, 2.0, 0.0, 2.0, 2.0),)))])

    assert document["annotations"] == [
        DOCUMENT["annotations"][0] | {"segmentation": [[0, 0, 2, 0, 2, 2]], "bbox": [0, 0, 2, 2], "area": 2}
    ]


def test_edited_keypoints_are_counted_anew(coco: Any) -> None:
    """The number of keypoints follows them; bbox and area stay those of the outline."""
    (frame,) = coco.read(DOCUMENT)
    points = Keypoints(points=(1.0, 1.0, 2.0, 2.0), visibility=(2, 1))

    document = coco.write([edited(frame, 1, geometry=points)])

    assert document["annotations"] == [
        DOCUMENT["annotations"][0] | {"keypoints": [1, 1, 2, 2, 2, 1], "num_keypoints": 2}
    ]


def test_a_removed_part_leaves_the_other(coco: Any) -> None:
    """Without its outline the object is its keypoints, without its keypoints its outline; the id stays."""
    (frame,) = coco.read(DOCUMENT)
    outline, points = frame.annotations

    (without_points,) = coco.write([replace(frame, annotations=(outline,))])["annotations"]
    (without_outline,) = coco.write([replace(frame, annotations=(points,))])["annotations"]

    assert "keypoints" not in without_points
    assert "num_keypoints" not in without_points
    assert without_points["bbox"] == [1, 1, 4, 4]
    assert without_outline["id"] == 7
    assert without_outline["bbox"] == [1, 1, 0, 0]
    assert without_outline["keypoints"] == [1, 1, 2, 0, 0, 0]


def test_another_label_is_another_category(coco: Any) -> None:
    """A label that the schema knows gives its category; one that it does not gives a new one."""
    (frame,) = coco.read(DOCUMENT)
    frame = edited(edited(frame, 0, labels=("dog",)), 1, labels=("dog",))

    assert coco.write([frame])["annotations"][0]["category_id"] == 9

    document = coco.write([edited(frame, 0, labels=("bird", "red"))])
    assert document["annotations"][0]["category_id"] == 10
    assert document["categories"][2] == {"id": 10, "name": "bird", "supercategory": ""}
    assert coco.losses == [
        "annotations of several labels, of which the first was written",
        "keypoints of another label than their object, which was left out",
    ]


def test_a_renamed_label_is_a_renamed_category(coco: Any) -> None:
    """A label that was renamed, recoloured or given a skeleton in the schema keeps the rest of its record."""
    coco.read(DOCUMENT)
    cat, dog = coco.imported.schema.labels
    skeleton = Skeleton(names=("nose", "tail"), edges=((0, 1),))
    schema = Schema(labels=(replace(cat, name="kitten", color="#ff0000", skeleton=skeleton), dog))

    categories = coco.write([], schema=schema)["categories"]

    assert categories == [
        {
            "id": 4,
            "name": "kitten",
            "supercategory": "animal",
            "color": "#ff0000",
            "keypoints": ["nose", "tail"],
            "skeleton": [[1, 2]],
        },
        {"id": 9, "name": "dog"},
    ]


def test_categories_of_two_files_get_ids_of_their_own(coco: Any) -> None:
    """Two labels that came with the same category id can not both keep it; the first does."""
    labels = [Label(name=name, foreign={"coco": {"id": 1, "name": name}}) for name in ("cat", "dog")]

    categories = coco.write([], schema=Schema(labels=(Label(name="new"), *labels)))["categories"]

    assert [(record["id"], record["name"]) for record in categories] == [(2, "new"), (1, "cat"), (3, "dog")]
    assert coco.losses == ["categories whose id another one has taken, written under a new one"]


def test_a_copied_annotation_gets_an_id_of_its_own(coco: Any) -> None:
    """A copy carries the metadata of its original, but not its COCO id; a second import of a file neither."""
    (frame,) = coco.read(DOCUMENT)
    outline = replace(frame.annotations[0], object_id=None)
    copy = replace(outline, id="copied00")

    ids = [
        record["id"] for record in coco.write([replace(frame, annotations=(copy, outline))])["annotations"]
    ]
    assert sorted(ids) == [7, 8]

    again = coco.write([frame, replace(frame, id="other.jpg")])
    assert [image["id"] for image in again["images"]] == [1, 2]
    assert [record["id"] for record in again["annotations"]] == [7, 8]
    assert [record["image_id"] for record in again["annotations"]] == [1, 2]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools with numpy 2
def test_native_frames_are_read_by_pycocotools(tmp_path: Path) -> None:
    """What was drawn in hdstore becomes COCO that the field's tools load, with every kind in a form COCO has."""
    frame = native(
        Annotation(id="a", labels=("cat",), geometry=Box(x=1.0, y=1.0, w=3.0, h=2.0), confidence=0.5),
        Annotation(id="b", labels=("cat",), geometry=Box(x=1.0, y=1.0, w=2.0, h=2.0, angle=math.pi / 4)),
        Annotation(id="c", labels=("dog",), geometry=Ellipse(cx=5.0, cy=2.0, rx=2.0, ry=1.0)),
        Annotation(id="d", labels=("dog",), geometry=Polygon(rings=((0.0, 0.0, 4.0, 0.0, 4.0, 4.0),))),
        Annotation(id="e", labels=("dog",), geometry=Rle(counts=(40, 10), height=5, width=10)),
        Annotation(id="f", labels=("dog",), geometry=Keypoints(points=(1.0, 1.0, 3.0, 4.0)), object_id="t"),
        Annotation(id="g", labels=("dog",), geometry=Box(x=0.0, y=0.0, w=1.0, h=1.0), object_id="t"),
        Annotation(id="h", labels=("sunny",), metadata={"sure": True}),
    )
    schema = Schema(labels=(Label(name="dog", color="#0000ff"), Label(name="cat")))

    report = write_coco(tmp_path / "out" / "a.json", [frame], schema=schema)

    found = COCO(str(tmp_path / "out" / "a.json"))
    records = found.loadAnns(found.getAnnIds())
    assert [record["id"] for record in records] == list(range(1, 8))
    assert [found.cats[record["category_id"]]["name"] for record in records] == [
        *("cat", "cat", "dog", "dog", "dog", "dog", "sunny")
    ]
    assert records[0]["score"] == 0.5
    assert records[1]["bbox"] == pytest.approx([2 - 2**0.5, 2 - 2**0.5, 2 * 2**0.5, 2 * 2**0.5])
    assert records[1]["area"] == pytest.approx(4)
    assert records[2]["area"] == pytest.approx(2 * math.pi, rel=0.01)
    assert records[3]["bbox"] == [0, 0, 4, 4]
    assert (records[4]["bbox"], records[4]["area"]) == ([8, 0, 2, 5], 10)
    assert records[5]["keypoints"] == [1, 1, 2, 3, 4, 2]
    assert records[5]["bbox"] == [0, 0, 1, 1]
    assert records[6]["attributes"] == {"sure": True}
    assert found.imgs[1] == {"id": 1, "file_name": "p/a.jpg", "width": 10, "height": 5}
    assert int(found.annToMask(records[4]).sum()) == 10
    assert [str(note) for note in report.warnings] == [
        "turned boxes, written as polygons of four points: 1 (first: annotation b of p/a.jpg).",
        "ellipses, written as polygons of 64 points: 1 (first: annotation c of p/a.jpg).",
        "annotations with an object id, which was left out: 1 (first: annotation g of p/a.jpg).",
        "annotations without a geometry, written without a bbox: 1 (first: annotation h of p/a.jpg).",
    ]
    assert (report.frames, report.annotations, report.files) == (1, 7, 1)


def test_what_coco_can_not_hold_is_counted(tmp_path: Path) -> None:
    """Nothing is left out in silence."""
    face = (0.0, 0.0, 0.0, 1.0, 1.0)
    hole = Polygon(rings=((0.0, 0.0, 4.0, 0.0, 4.0, 4.0, 0.0, 4.0), (1.0, 1.0, 2.0, 1.0, 2.0, 2.0, 1.0, 2.0)))
    source = Source(uri="root:p/a.jpg", masks=(Mask(uri="root:p/m.png"),))
    frame = native(
        Annotation(id="a", labels=("x",), geometry=Box3D(front=face, back=face)),
        Annotation(id="b", geometry=Box(x=1.0, y=1.0, w=3.0, h=2.0)),
        Annotation(id="c", labels=("x",), geometry=hole),
        Annotation(id="d", labels=("x",), geometry=Rle(counts="~", height=5, width=10)),
        sources=(source,),
        vectors={"v": (1.0,)},
        context_id="scene",
    )

    report = write_coco(tmp_path / "a.json", [frame], schema=Schema(labels=(Label(name="x", key="1"),)))

    assert report.annotations == 1
    assert [note.what for note in report.warnings] == [
        "labels whose hot key, attributes or description were left out",
        "frames with vectors, which were left out",
        "frames with masks in pictures of their own, which were left out",
        "frames with a time or context, which were left out",
        "images of unknown size, written without width and height",
        "annotations of kinds that COCO has no form for, left out",
        "annotations without a label, left out",
        "polygons with holes, which COCO takes for further parts",
        "annotations whose mask can not be read, left out",
    ]


def test_a_group_is_a_picture_a_source(coco: Any) -> None:
    """Each source of a frame group becomes an image with the annotations that lie on it."""
    box = Box(x=1.0, y=1.0, w=3.0, h=2.0)
    group = FrameGroup(
        id="moment",
        sources=(
            Source(id="left", uri="root:p/l/1.jpg", width=4, height=4),
            Source(id="right", uri="media:abc", width=4, height=4),
        ),
        annotations=(
            Annotation(id="a", labels=("x",), geometry=box),
            Annotation(id="b", labels=("x",), geometry=box, sources=("right",)),
        ),
    )

    document = coco.write([group], schema=Schema())

    assert [(image["id"], image["file_name"]) for image in document["images"]] == [
        (1, "l/1.jpg"),
        (2, "moment/right"),
    ]
    assert [record["image_id"] for record in document["annotations"]] == [1, 2]


def test_a_failed_export_leaves_the_old_file(tmp_path: Path) -> None:
    """The file is replaced when it is whole, and nothing else is left in its folder."""
    path = tmp_path / "a.json"
    path.write_text("old")

    def frames() -> Any:
        yield native()
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        write_coco(path, frames(), schema=Schema())

    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["a.json"]
    assert path.read_text() == "old"


def test_a_place_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    """What the operating system refuses is a StorageError that names the file."""
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match=r"file/a\.json"):
        write_coco(tmp_path / "file" / "a.json", [], schema=Schema())
