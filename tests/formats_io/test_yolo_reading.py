"""YOLO datasets in their many layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.codec import encode_frame
from hdstore.errors import InvalidFileError, NotFoundError
from hdstore.formats import Imported, read_yolo
from hdstore.model import Box, Frame, Keypoints, Polygon


@pytest.fixture
def read(link: Any) -> Any:
    """Returns a function that reads a YOLO dataset whole."""

    def read(path: Path, **options: Any) -> tuple[list[Frame], Imported]:
        imported = read_yolo(path, linker=link(path if path.is_dir() else path.parent), **options)
        return list(imported.frames), imported

    return read


@pytest.fixture
def yolo(tmp_path: Path, draw: Any) -> Any:
    """Returns a function that writes a dataset: pictures of 10 x 5 pixels, and text files by name."""
    folder = tmp_path / "yolo"

    def make(files: dict[str, str], *pictures: str) -> Path:
        for picture in pictures:
            draw(folder / picture)
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        return folder

    return make


@pytest.mark.parametrize(
    ("name", "frames", "annotations", "labels"),
    [
        ("yolo_dataset/annotations", ["Images/1.jpg"], 2, 10),
        ("yolo_dataset/labels", ["images/train/1.jpg", "images/val/1.jpg"], 4, 10),
        ("yolo_dataset/strict", ["obj_train_data/1.jpg"], 2, 10),
        ("labelformat/instance_segmentation/YOLOv8", None, 3, 4),
        ("labelformat/object_detection/YOLOv8", None, 16, 32),
        ("label_studio/test_import_yolo_data", None, 25, 4),
        ("label_studio/test_import_yolo_data_unif_dims", None, 19, 4),
    ],
)
def test_real_datasets_come_in(
    shared_data: Any, read: Any, name: str, frames: list[str] | None, annotations: int, labels: int
) -> None:
    """Darknet's layout, Ultralytics', loose ones; without a warning and twice the same."""
    found, imported = read(shared_data(f"formats/{name}"))

    assert sum(len(frame.annotations) for frame in found) == annotations
    assert len(imported.schema.labels) == labels
    assert frames is None or [frame.id for frame in found] == frames
    assert not imported.warnings.lines()
    again, _ = read(shared_data(f"formats/{name}"))
    assert [encode_frame(frame) for frame in again] == [encode_frame(frame) for frame in found]


def test_fractions_become_pixels(yolo: Any, read: Any) -> None:
    """Boxes, confidences and polygons, four points too; an empty file is an image without objects."""
    folder = yolo(
        {
            "classes.txt": "cat\nno\n\n",
            "labels/a.txt": "0 0.5 0.5 0.2 0.4\n1.0 0.5 0.5 0.2 0.4 0.75\n\n0 0 0 1 0 1 1\n0 0 0 1 0 1 1 0 1\n",
            "labels/b.txt": "",
        },
        *("images/a.png", "images/b.png", "images/c.png"),
    )

    (a, b, c), imported = read(folder)

    box = Box(x=4.0, y=1.5, w=2.0, h=2.0)
    assert [annotation.geometry for annotation in a.annotations] == [
        box,
        box,
        Polygon(rings=((0.0, 0.0, 10.0, 0.0, 10.0, 5.0),)),
        Polygon(rings=((0.0, 0.0, 10.0, 0.0, 10.0, 5.0, 0.0, 5.0),)),
    ]
    assert [annotation.labels for annotation in a.annotations] == [("cat",), ("no",), ("cat",), ("cat",)]
    assert [annotation.confidence for annotation in a.annotations] == [None, 0.75, None, None]
    assert (b.annotations, c.annotations) == ((), ())
    assert imported.warnings.lines() == [
        "images without a label file, kept without annotations: 1 (first: images/c.png)."
    ]


def test_equal_lines_are_told_apart(yolo: Any, read: Any) -> None:
    """Ids come from a line's content, so a line put between moves no other id."""
    line = "0 0.5 0.5 0.2 0.4\n"
    (one,), _ = read(yolo({"classes.txt": "cat", "a.txt": line + line}, "a.png"))
    (two,), _ = read(yolo({"a.txt": "0 0.1 0.1 0.1 0.1\n" + line + line}))

    assert len({annotation.id for annotation in two.annotations}) == 3
    assert [a.id for a in one.annotations] == [a.id for a in two.annotations[1:]]


def test_keypoints_come_with_their_box(yolo: Any, read: Any) -> None:
    """A description with kpt_shape is a dataset of poses: a box and keypoints of one object."""
    folder = yolo(
        {
            "data.yaml": "train: images\nkpt_shape: [2, 3]\nnames: [man]\nflip_idx: [1, 0]\n",
            "labels/a.txt": "0 0.5 0.5 0.2 0.4 0.1 0.2 2 0 0 0\n",
        },
        "images/a.png",
    )

    ((frame,), imported) = read(folder)

    box, points = frame.annotations
    assert points.geometry == Keypoints(points=(1.0, 1.0, 0.0, 0.0), visibility=(2, 0))
    assert box.object_id == points.object_id == box.id
    assert imported.metadata == {"yolo": {"flip_idx": ["1", "0"]}}


def test_a_description_says_names_and_splits(yolo: Any, read: Any) -> None:
    """Names as a map, splits as folder, list of folders or list file; YAML words stay names."""
    folder = yolo(
        {
            "data.yaml": (
                "path: .\ntrain: [images/one, images/two]\nval: lists/val.txt\ntest:\n"
                "nc: 3\nnames: {0: no, 2: '1.0', 1: on}\n"
            ),
            "lists/val.txt": "./../images/two/c.png\n/content/data/images/one/a.png\n\n",
            "labels/one/a.txt": "2 0.5 0.5 0.2 0.4\n",
        },
        *("images/one/a.png", "images/one/b.png", "images/two/c.png", "images/other/d.png"),
    )

    for path in (folder, folder / "data.yaml"):
        frames, imported = read(path)

        assert [(frame.id, frame.metadata["split"]) for frame in frames] == [
            ("images/one/a.png", ["train", "val"]),
            ("images/one/b.png", ["train"]),
            ("images/two/c.png", ["train", "val"]),
        ]
        assert [label.name for label in imported.schema.labels] == ["no", "on", "1.0"]
        assert frames[0].annotations[0].labels == ("1.0",)


def test_descriptions_from_other_machines_are_understood(
    yolo: Any, read: Any, link: Any, tmp_path: Path
) -> None:
    """A path that leads elsewhere is not followed: its end is looked for in the dataset, or where it was said to be."""
    folder = yolo(
        {
            "data.yaml": "path: /content/set\ntrain: ../train/images\nval: ../valid/images\nnames: [a]\n",
            "train/labels/a.txt": "0 0.5 0.5 0.2 0.4\n",
        },
        "train/images/a.png",
    )
    (tmp_path / "valid" / "images").mkdir(parents=True)

    (frame,), imported = read(folder)

    assert (frame.id, len(frame.annotations)) == ("train/images/a.png", 1)
    assert [note.what for note in imported.warnings] == [
        "descriptions that name another folder than their own, which was read",
        f"folders and lists that are not in {folder}",
    ]

    elsewhere = tmp_path / "descriptions"
    elsewhere.mkdir()
    (folder / "data.yaml").rename(elsewhere / "set.yaml")
    with pytest.raises(InvalidFileError, match="none of its folders"):
        read(elsewhere)
    imported = read_yolo(elsewhere / "set.yaml", linker=link(folder), images=folder)
    assert [frame.id for frame in imported.frames] == ["train/images/a.png"]


def test_doubtful_things_are_told(yolo: Any, read: Any) -> None:
    """Numbers beyond the picture, classes without a name, label files without an image, two classes of one name."""
    folder = yolo(
        {
            "data.yaml": "train: images\nnames: [cat, cat, '']\n",
            "labels/a.txt": "0 0.5 0.5 1.2 0.4\n7 0.5 0.5 0.2 0.4\n1 0.5 0.5 0.2 0.4\n",
            "labels/gone.txt": "0 0.5 0.5 0.2 0.4\n",
            "labels/readme.txt": "hello\n",
        },
        "images/a.png",
    )

    (frame,), imported = read(folder)

    assert [annotation.labels[0] for annotation in frame.annotations] == ["cat", "class 7", "cat (1)"]
    assert [str(note) for note in imported.warnings] == [
        "classes without a name of their own, told apart by their number: 2 (first: cat (1)).",
        f"label files without an image, left out: 1 (first: {folder / 'labels/gone.txt'}).",
        "lines with numbers outside of 0 to 1: 1 (first: a.txt, line 1).",
        "lines of classes without a name: 1 (first: a.txt, line 2).",
    ]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a.txt": "0 0.5 0.5 0.2\n"}, r"a\.txt: line 1 has 3 numbers"),
        ({"a.txt": "0 0.5 0.5 0.2 0.4\n0 1 1 1 1 1 1 1\n"}, r"a\.txt: line 2 has 7 numbers"),
        ({"a.txt": "cat 0.5 0.5 0.2 0.4\n"}, "begins with 'cat'"),
        ({"a.txt": "-1 0.5 0.5 0.2 0.4\n"}, "begins with '-1'"),
        ({"a.txt": "0 0.5 nan 0.2 0.4\n"}, "'nan'"),
        ({"a.txt": "0 0.5 x 0.2 0.4\n"}, "'x'"),
        ({"a.txt": "0 0.5 1e99 0.2 0.4\n"}, "'1e99'"),
        ({"b.txt": "0 0.5 0.5 0.2 0.4\n"}, r"b\.png: the size of this image can not be read"),
        ({"data.yaml": "names: [a"}, "not YAML"),
        ({"data.yaml": "- a"}, "is a map"),
        ({"data.yaml": "a: &x [1]\nb: *x\n"}, "references"),
        ({"data.yaml": "[" * 100_000}, "yaml: its values nest"),
        ({"data.yaml": "names: 5"}, "'names' is a list"),
        ({"data.yaml": "names: [[a]]"}, "'names' maps"),
        ({"data.yaml": "names: {a: b}"}, "'names' maps"),
        ({"data.yaml": "nc: many"}, "'nc' is the number"),
        ({"data.yaml": "train: {a: b}"}, "'train' is a folder"),
        ({"data.yaml": "path: [a]"}, "'path' is a folder"),
        ({"data.yaml": "kpt_shape: [17, 4]"}, "'kpt_shape' is"),
        ({"data.yaml": 'names: ["a\\tb"]', "a.txt": ""}, "control characters"),
        ({"data.yaml": "x: " + "[" * 70 + "]" * 70, "a.txt": ""}, "yaml: its values nest"),
        ({"data.yaml": "kpt_shape: [1, 3]", "a.txt": "0 0 0 1 1 0 0 5\n"}, "visibility"),
        ({"data.yaml": "kpt_shape: [1, 3]", "a.txt": "0 0 0 1 1 0 0\n"}, "a box and 1 keypoints"),
        ({"data.yaml": "train: list.txt", "list.txt": "gone.png\n"}, "line 1 names the image 'gone.png'"),
        ({"data.yaml": "train: gone", "a.txt": ""}, "none of its folders"),
        ({"one.yaml": "", "two.yaml": ""}, "several files may describe"),
        ({"classes.txt": "a"}, "none of its 2 images has a label file"),
    ],
)
def test_a_broken_dataset_is_refused(yolo: Any, read: Any, files: dict[str, str], says: str) -> None:
    """The message names the file and the line or key."""
    folder = yolo(files, "a.png")
    (folder / "b.png").write_bytes(b"no picture")

    with pytest.raises(InvalidFileError, match=says):
        read(folder)


def test_what_is_no_dataset_is_refused(tmp_path: Path, read: Any, link: Any) -> None:
    """A folder without images and one that is not there."""
    with pytest.raises(InvalidFileError, match="no image"):
        read(tmp_path)
    with pytest.raises(NotFoundError):
        read_yolo(tmp_path / "none", linker=link(tmp_path))


@given(st.text(st.sampled_from("0123456789.-+e \nx"), max_size=60))
def test_any_label_file_is_read_or_refused(yolo: Any, read: Any, text: str) -> None:
    """Whatever stands in a label file, reading succeeds or raises InvalidFileError."""
    try:
        frames, _ = read(yolo({"classes.txt": "a\nb", "a.txt": text}, "a.png"))
    except InvalidFileError:
        return
    for frame in frames:
        encode_frame(frame)


@given(st.text(st.sampled_from("abnt:-[]{}&*!|>'\"0, \n~"), max_size=40))
def test_any_description_is_read_or_refused(yolo: Any, read: Any, text: str) -> None:
    """Whatever stands in a description, reading succeeds or raises InvalidFileError."""
    try:
        read(yolo({"data.yaml": f"names: {text}", "a.txt": ""}, "a.png"))
    except InvalidFileError:
        return
