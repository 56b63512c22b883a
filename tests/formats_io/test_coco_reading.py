"""What a COCO file becomes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hdstore.errors import CancelledError
from hdstore.formats import READERS, read_coco
from hdstore.formats.coco_record import fingerprint
from hdstore.model import Box, Keypoints, Polygon, Rle, Skeleton


def document(*annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Returns a document of one image whose category is 1."""
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 10, "height": 5}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"image_id": 1, "category_id": 1, "iscrowd": 0} | record for record in annotations],
    } | more


def test_shapes_become_geometry(coco: Any) -> None:
    """A polygon, both kinds of mask, a box; with the numbers of the file."""
    frames = coco.read(
        document(
            {"id": 1, "segmentation": [[253.85, 1, 4, 1, 4, 3], [7, 7, 8, 8, 9, 9]]},
            {"id": 2, "segmentation": {"counts": [40, 10], "size": [5, 10]}},
            {"id": 3, "segmentation": {"counts": "135", "size": [3, 3]}},
            {"id": 4, "segmentation": [], "bbox": [1, 2, 3, 4]},
            {"id": 5, "bbox": [1.5, 2, -3, 0]},
            {"id": 6},
        )
    )

    assert [annotation.geometry for annotation in frames[0].annotations] == [
        Polygon(rings=((253.85, 1.0, 4.0, 1.0, 4.0, 3.0), (7.0, 7.0, 8.0, 8.0, 9.0, 9.0))),
        Rle(counts=(40, 10), height=5, width=10),
        Rle(counts="135", height=3, width=3),
        Box(x=1.0, y=2.0, w=3.0, h=4.0),
        Box(x=1.5, y=2.0, w=-3.0, h=0.0),
        None,
    ]
    assert {annotation.labels for annotation in frames[0].annotations} == {("cat",)}


def test_outline_and_keypoints_share_an_object_id(coco: Any) -> None:
    """An object with both becomes two annotations, as every geometry is one of its own."""
    frames = coco.read(
        document(
            {
                "id": 1,
                "bbox": [0, 0, 4, 4],
                "keypoints": [1, 2, 2, 0, 0, 0],
                "num_keypoints": 1,
                "score": 0.5,
            },
            {"id": 2, "keypoints": [1, 2, 2, 0, 0, 0]},
            {"id": 3, "bbox": [0, 0, 4, 4], "keypoints": [0, 0, 0, 0, 0, 0], "num_keypoints": 0},
            categories=[{"id": 1, "name": "cat", "keypoints": ["nose", "tail"], "skeleton": [[1, 2]]}],
        )
    )

    box, points, alone, unlabelled = frames[0].annotations
    assert isinstance(box.geometry, Box)
    assert points.geometry == Keypoints(points=(1.0, 2.0, 0.0, 0.0), visibility=(2, 0), skeleton="cat")
    assert box.object_id == points.object_id == box.id
    assert box.confidence == points.confidence == 0.5
    assert alone.geometry == points.geometry
    assert alone.object_id is None
    assert isinstance(unlabelled.geometry, Box)


def test_categories_become_labels(coco: Any) -> None:
    """Labels keep their order, colour, skeleton (counted from 0) and record; two of one name stay two."""
    coco.read(
        document(
            categories=[
                {"id": 9, "name": "zebra", "color": "#00ff00", "supercategory": "animal"},
                {"id": 1, "name": "cat", "keypoints": ["nose", "tail"], "skeleton": [[1, 2], [2, 7]]},
                {"id": 3, "name": "cat"},
                {"id": 4},
            ]
        )
    )

    labels = coco.imported.schema.labels
    assert [label.name for label in labels] == ["zebra", "cat", "cat (3)", "category 4"]
    assert labels[0].color == "#00ff00"
    assert labels[0].foreign["coco"]["supercategory"] == "animal"
    assert labels[1].skeleton == Skeleton(names=("nose", "tail"), edges=((0, 1),))
    assert coco.notes == ["categories without a name of their own, told apart by their id"]


def test_what_points_nowhere_is_kept_and_told(coco: Any) -> None:
    """Annotations of unknown categories are labelled by the number; those of unknown images wait for export."""
    frames = coco.read(
        document({"id": 1, "category_id": 17}, {"id": 2, "image_id": 99}, {"id": 3, "category_id": None})
    )

    assert [annotation.labels for annotation in frames[0].annotations] == [("category 17",), ()]
    assert coco.imported.metadata["coco"]["orphans"] == [
        {"id": 2, "image_id": 99, "category_id": 1, "iscrowd": 0}
    ]
    assert coco.notes == [
        "annotations of images that the file does not list, kept for export only",
        "annotations of categories that the file does not list",
    ]


def test_attributes_are_metadata(coco: Any) -> None:
    """What CVAT and Datumaro write as attributes can be queried; all else lies under the key _src."""
    frames = coco.read(
        document(
            {"id": 1, "attributes": {"occluded": True}, "note": "x"},
            {"id": 2, "attributes": {"_src": 1}},
            images=[{"id": 1, "file_name": "a.jpg", "license": 4, "attributes": {"night": False}}],
        )
    )

    first, second = frames[0].annotations
    assert first.metadata == {
        "occluded": True,
        "_src": {"coco": {"id": 1, "iscrowd": 0, "note": "x"}},
    }
    assert second.metadata["_src"]["coco"]["attributes"] == {"_src": 1}
    assert frames[0].metadata == {
        "night": False,
        "_src": {"coco": {"id": 1, "license": 4}, "coco_check": {"absent": ["height", "width"]}},
    }


def test_given_numbers_are_tied_to_the_geometry(coco: Any) -> None:
    """A bbox that follows from the geometry is not stored; area and a bbox that does not are, with its fingerprint."""
    frames = coco.read(
        document(
            {"id": 1, "segmentation": [[1, 1, 4, 1, 4, 3]], "bbox": [1, 1, 3, 2], "area": 3},
            {"id": 2, "segmentation": [[1, 1, 4, 1, 4, 3]], "bbox": [1, 1, 4, 3], "area": 3},
        )
    )

    first, second = frames[0].annotations
    of = fingerprint(first.geometry)
    assert first.metadata["_src"] == {"coco": {"id": 1, "iscrowd": 0, "area": 3}, "coco_check": {"of": of}}
    assert second.metadata["_src"]["coco"]["bbox"] == [1, 1, 4, 3]


def test_the_fingerprint_never_changes() -> None:
    """It lies in every imported frame: another value would make all their areas count as stale."""
    found = [
        fingerprint(shape)
        for shape in (
            None,
            Box(x=1.0, y=2.0, w=3.5, h=4.0),
            Box(x=1.0, y=2.0, w=3.5, h=4.0, angle=0.5),
            Polygon(rings=((1.0, 2.0, 3.0, 4.0, 5.0, 6.0),)),
            Keypoints(points=(1.0, 2.0), visibility=(2,)),
            Rle(counts="135", height=3, width=3),
            Rle(counts=(1, 3, 5), height=3, width=3),
        )
    ]

    assert found == [
        "",
        "f60q9th9f06e",
        "kn1jpjqq5x63",
        "krmwbxmevt7w",
        "hpkvc5d83ewn",
        "478jxhvgknn0",
        "a36b4n9b1wgn",
    ]


def test_names_become_frame_ids(coco: Any) -> None:
    """Ids are clean relative paths; equal names are told apart, and nothing leads out of the folder."""
    names = [
        "b/a.jpg",
        "./b/a.jpg",
        "x\\y.jpg",
        "../../etc/passwd",
        "/abs/c.jpg",
        "C:\\d.jpg",
        "https://h/e.jpg",
    ]

    frames = coco.read({"images": [{"id": n, "file_name": name} for n, name in enumerate(names)]})

    assert [frame.id for frame in frames] == [
        "b/a.jpg",
        "b/a.jpg#1",
        "x/y.jpg",
        "etc/passwd",
        "abs/c.jpg",
        "d.jpg",
        "https://h/e.jpg",
    ]
    assert frames[3].sources[0].uri == "root:data/etc/passwd"
    assert frames[6].sources[0].uri == "https://h/e.jpg"
    assert [image["file_name"] for image in coco.write(frames)["images"]] == names


def test_images_that_are_there_are_linked(tmp_path: Path, link: Any, draw: Any) -> None:
    """Sources of found images carry hash and size; one of another size than the file says is told."""
    folder = tmp_path / "photos"
    draw(folder / "a.png", (10, 5))
    draw(folder / "b.png", (7, 7))
    (tmp_path / "outside.png").write_bytes((folder / "a.png").read_bytes())
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    (folder / "notes.bin").write_bytes(b"no picture")
    path = tmp_path / "a.json"
    path.write_text(
        '{"images": [{"id": 1, "file_name": "a.png", "width": 10, "height": 5},'
        ' {"id": 2, "file_name": "b.png", "width": 10, "height": 5},'
        ' {"id": 3, "file_name": "link.png", "width": 10, "height": 5},'
        ' {"id": 4, "file_name": "notes.bin", "width": 10, "height": 5}]}'
    )

    imported = read_coco(path, linker=link(folder), images=folder)
    sources = [frame.sources[0] for frame in imported.frames]

    assert [source.uri for source in sources[:2]] == ["root:data/a.png", "root:data/b.png"]
    assert [len(source.hash) for source in sources] == [64, 64, 0, 64]
    assert [(source.width, source.height) for source in sources] == [(10, 5), (7, 7), (10, 5), (10, 5)]
    assert [(note.what, note.count) for note in imported.warnings] == [
        ("images of another size than the file says", 2),
        (f"images that are not in {folder}", 1),
    ]


def test_images_outside_of_all_roots_have_no_uri(tmp_path: Path, link: Any) -> None:
    """Where no root covers the place of an absent image, the frame still comes in."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    path = tmp_path / "elsewhere" / "a.json"
    path.write_text('{"images": [{"id": 1, "file_name": "a.png", "width": 10, "height": 5}]}')

    (frame,) = read_coco(path, linker=link(tmp_path / "root")).frames

    assert (frame.sources[0].uri, frame.sources[0].width) == ("", 10)


def test_progress_is_told_and_can_cancel(tmp_path: Path, link: Any) -> None:
    """The caller hears of the images, and an error it raises stops the import."""
    path = tmp_path / "a.json"
    images = [{"id": number, "file_name": f"{number}.jpg"} for number in range(250)]
    path.write_text(json.dumps({"images": images}))
    told: list[tuple[str, int, int | None]] = []

    list(READERS["coco"](path, linker=link(tmp_path), progress=lambda *step: told.append(step)).frames)

    assert told == [("Reading images", done, 250) for done in (100, 200, 250)]

    def cancel(what: str, done: int, total: int | None) -> None:
        raise CancelledError("stop")

    with pytest.raises(CancelledError):
        list(read_coco(path, linker=link(tmp_path), progress=cancel).frames)
