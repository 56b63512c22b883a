"""Frames as a YOLO dataset."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hdstore.errors import AlreadyExistsError
from hdstore.formats import read_coco, read_yolo, write_yolo
from hdstore.model import (
    Annotation,
    Box,
    Ellipse,
    Keypoints,
    Label,
    Polygon,
    Rle,
    Schema,
    SingleFrame,
    Source,
)

SCHEMA = Schema(labels=(Label(name="cat"), Label(name="no")))


def frame(id: str, *annotations: Annotation, split: Any = "train", **fields: Any) -> SingleFrame:
    """Returns a frame of 100 x 50 pixels."""
    source = Source(uri=f"root:p/{id}", width=100, height=50)
    values = {"sources": (source,), "metadata": {"split": split}} | fields
    return SingleFrame(id=id, annotations=annotations, **values)


def cat(geometry: Any, id: str = "a", **fields: Any) -> Annotation:
    """Returns an annotation of a cat."""
    return Annotation(id=id, labels=("cat",), geometry=geometry, **fields)


def tree(folder: Path) -> list[str]:
    """Returns the files below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "made" / "yolo"


def test_boxes_become_a_dataset(out: Path, tmp_path: Path, draw: Any) -> None:
    """Labels, images and description lie where the tools of the field look for them."""
    picture = draw(tmp_path / "kept.png", (100, 50))
    frames = [
        frame("a.png", cat(Box(x=10.0, y=5.0, w=20.0, h=10.0))),
        frame("sub/b.png", split=["mine", "val"]),
        frame(
            "images/train/c.png",
            Annotation(id="c", labels=("dog",), geometry=Box(x=0.0, y=0.0, w=1.0, h=1.0)),
        ),
    ]

    report = write_yolo(out, frames, schema=SCHEMA, locate=lambda source: picture)

    assert tree(out) == [
        "data.yaml",
        "images/train/a.png",
        "images/train/c.png",
        "images/val/sub/b.png",
        "labels/train/a.txt",
        "labels/train/c.txt",
        "labels/val/sub/b.txt",
    ]
    assert (out / "labels/train/a.txt").read_text() == "0 0.2 0.2 0.2 0.2\n"
    assert (out / "labels/val/sub/b.txt").read_text() == ""
    assert (out / "images/train/a.png").read_bytes() == picture.read_bytes()
    assert yaml.safe_load((out / "data.yaml").read_text()) == {
        "train": "images/train",
        "val": "images/val",
        "nc": 3,
        "names": {0: "cat", 1: "no", 2: "dog"},
    }
    assert (report.frames, report.annotations, report.files) == (3, 2, 7)
    assert [str(note) for note in report.warnings] == [
        "annotations whose id was left out: 2 (first: annotation a of a.png)."
    ]
    assert [path.name for path in out.parent.iterdir()] == ["yolo"]


def test_outlines_make_a_dataset_of_segments(out: Path) -> None:
    """As soon as one annotation has an outline all lines are outlines: a dataset has one kind."""
    ring = (0.0, 0.0, 50.0, 0.0, 50.0, 25.0)
    frames = [
        frame("a.png", cat(Box(x=0.0, y=0.0, w=10.0, h=10.0))),
        frame("b.png", cat(Polygon(rings=(ring,)))),
    ]

    report = write_yolo(out, iter(frames), schema=SCHEMA)

    assert (out / "labels/train/a.txt").read_text() == "0 0 0 0.1 0 0.1 0.2 0 0.2\n"
    assert (out / "labels/train/b.txt").read_text() == "0 0 0 0.5 0 0.5 0.5\n"
    assert "boxes, written as polygons of four points" in [note.what for note in report.warnings]

    boxes = out.with_name("boxes")
    write_yolo(boxes, frames, schema=SCHEMA, task="detect")
    assert (boxes / "labels/train/b.txt").read_text() == "0 0.25 0.25 0.5 0.5\n"


def test_holes_parts_and_masks_keep_their_area(out: Path) -> None:
    """Several rings are joined by ways that enclose nothing; a mask is written by its border."""
    hole = Polygon(
        rings=(
            (10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0),
            (15.0, 15.0, 20.0, 15.0, 20.0, 20.0, 15.0, 20.0),
        )
    )
    mask = Rle(counts=(50, 10, 40, 10, 40, 3, 4, 3, 4840), height=50, width=100)
    ellipse = Ellipse(cx=50.0, cy=25.0, rx=10.0, ry=5.0)

    write_yolo(out, [frame("a.png", cat(hole, "a"), cat(mask, "b"), cat(ellipse, "c"))], schema=SCHEMA)

    areas = []
    for line in (out / "labels/train/a.txt").read_text().splitlines():
        numbers = [float(word) for word in line.split()[1:]]
        points = [(x * 100, y * 50) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
        pairs = zip(points, points[1:] + points[:1], strict=True)
        areas.append(abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in pairs) / 2))
    assert areas[:2] == pytest.approx([400 - 25, 26])
    assert areas[2] == pytest.approx(50 * math.pi, rel=0.01)


def test_what_yolo_can_not_hold_is_counted(out: Path) -> None:
    """Ids, metadata, further labels, confidences, kinds without a box, sizes and splits: nothing goes in silence."""
    box = Box(x=10.0, y=5.0, w=20.0, h=10.0)
    frames = [
        frame(
            "a.png",
            cat(box, "a", confidence=0.5, object_id="t", metadata={"x": 1}),
            Annotation(id="b", labels=("cat", "big"), geometry=box),
            Annotation(id="c", geometry=box),
            cat(None, "d"),
            cat(Keypoints(points=(1.0, 1.0)), "e"),
            cat(Box(x=1.0, y=1.0, w=2.0, h=2.0, angle=0.5), "f"),
            cat(Box(x=-50.0, y=1.0, w=20.0, h=2.0), "g"),
            cat(Box(x=-30.0, y=1.0, w=40.0, h=2.0), "h"),
            split="fold1",
        ),
        frame("b.png", sources=(Source(uri="root:p/b.png"),), metadata={"split": "test", "night": True}),
    ]

    report = write_yolo(out, frames, schema=SCHEMA, locate=lambda source: None)

    assert (report.frames, report.annotations) == (2, 4)
    assert [(note.what, note.count) for note in report.warnings] == [
        ("frames of no split that YOLO knows, written to train", 1),
        ("annotations whose id was left out", 4),
        ("annotations whose object id was left out", 1),
        ("annotations with a confidence, which was left out", 1),
        ("annotations with metadata, which were left out", 1),
        ("annotations of several labels, of which the first was written", 1),
        ("annotations without a label, left out", 1),
        ("annotations without a box or outline, left out", 2),
        ("turned boxes, of which the bounding boxes were written", 1),
        ("annotations outside of their image, left out", 1),
        ("annotations that reach over the edge of their image, cut", 1),
        ("images that were not found, of which only the labels were written", 1),
        ("frames with metadata beside their split, left out", 1),
        ("images of unknown size, left out with their annotations", 1),
        ("descriptions without a split for validation: 'val' names the one for training", 1),
    ]
    assert (out / "labels/train/a.txt").read_text().splitlines()[-1] == "0 0.05 0.04 0.1 0.04"


def test_names_stay_below_the_folder(out: Path) -> None:
    """Frame ids that lead out, that are URLs, that are equal but for the suffix, or of no image."""
    ids = ["../../x.png", "https://h/y.png", "a.png", "a.jpg", "b", "images/images/c.png"]

    report = write_yolo(out, [frame(id, cat(Box(x=0.0, y=0.0, w=1.0, h=1.0))) for id in ids], schema=SCHEMA)

    assert tree(out) == [
        "data.yaml",
        *(f"labels/train/{name}.txt" for name in ("a-2", "a", "b", "c", "h/y", "x")),
    ]
    assert "images whose name another one has taken, renamed" in [note.what for note in report.warnings]
    assert not list(out.parent.parent.glob("*.png"))


def test_class_numbers_of_yolo_are_kept(out: Path) -> None:
    """Labels that came from YOLO keep their numbers whatever their order, unless one is missing."""

    def label(name: str, index: int) -> Label:
        return Label(name=name, foreign={"yolo": {"index": index}})

    write_yolo(out, [], schema=Schema(labels=(label("b", 1), Label(name="c"), label("a", 0))))
    assert yaml.safe_load((out / "data.yaml").read_text())["names"] == {0: "a", 1: "b", 2: "c"}

    gap = out.with_name("gap")
    report = write_yolo(gap, [], schema=Schema(labels=(label("b", 2), label("a", 0))))
    assert yaml.safe_load((gap / "data.yaml").read_text())["names"] == {0: "b", 1: "a"}
    assert "classes that got new numbers, as YOLO's have no gaps" in [note.what for note in report.warnings]


def test_images_can_be_linked_or_left(out: Path, tmp_path: Path, draw: Any) -> None:
    """A hard link costs no space; without images only labels are written."""
    picture = draw(tmp_path / "kept.png", (100, 50))

    write_yolo(out, [frame("a.png")], schema=SCHEMA, locate=lambda source: picture, media="link")
    write_yolo(out.with_name("bare"), [frame("a.png")], schema=SCHEMA, locate=lambda s: picture, media="none")

    assert (out / "images/train/a.png").samefile(picture)
    assert tree(out.with_name("bare")) == ["data.yaml", "labels/train/a.txt"]


def test_a_folder_with_something_in_it_is_not_touched(out: Path) -> None:
    """An old export would mix with the new one; an empty folder is fine."""
    out.mkdir(parents=True)
    write_yolo(out, [frame("a.png")], schema=SCHEMA)

    with pytest.raises(AlreadyExistsError, match="new or an empty folder"):
        write_yolo(out, [], schema=SCHEMA)


def test_a_failed_export_leaves_nothing(out: Path) -> None:
    """The dataset is put in place when it is whole."""

    def frames() -> Any:
        yield frame("a.png")
        raise RuntimeError("no more")

    for task in ("auto", "detect"):
        with pytest.raises(RuntimeError):
            write_yolo(out, frames(), schema=SCHEMA, task=task)  # type: ignore[arg-type]
    assert not list(out.parent.iterdir())


@pytest.fixture
def linker(link: Any, tmp_path: Path) -> Any:
    return link(tmp_path)


_pixels = st.floats(0, 1, allow_nan=False)


@given(
    st.lists(
        st.one_of(
            st.tuples(_pixels, _pixels, _pixels, _pixels).map(
                lambda n: Box(x=n[0] * 60, y=n[1] * 30, w=n[2] * 40, h=n[3] * 20)
            ),
            st.lists(st.tuples(_pixels, _pixels), min_size=3, max_size=6).map(
                lambda points: Polygon(rings=(tuple(v for x, y in points for v in (x * 100, y * 50)),))
            ),
        ),
        max_size=4,
    )
)
def test_our_export_reads_back_to_a_millionth_of_a_pixel(
    out: Path, tmp_path: Path, linker: Any, draw: Any, shapes: list[Any]
) -> None:
    """Twelve digits are enough for any pixel."""
    picture = draw(tmp_path / "kept.png", (100, 50))
    shutil.rmtree(out, ignore_errors=True)
    kinds = {type(shape) for shape in shapes}
    shapes = [shape for shape in shapes if len(kinds) < 2 or isinstance(shape, Polygon)]

    given_frame = frame("a.png", *(cat(shape, str(index)) for index, shape in enumerate(shapes)))
    write_yolo(out, [given_frame], schema=SCHEMA, locate=lambda source: picture)
    (found,) = read_yolo(out, linker=linker).frames

    for shape, annotation in zip(shapes, found.annotations, strict=True):
        given_numbers, read_numbers = (
            [shape.x, shape.y, shape.w, shape.h] if isinstance(shape, Box) else list(shape.rings[0])
            for shape in (shape, annotation.geometry)
        )
        assert read_numbers == pytest.approx(given_numbers, abs=1e-6)


@pytest.mark.parametrize(
    "name",
    [
        "yolo_dataset/labels",
        "labelformat/instance_segmentation/YOLOv8",
        "labelformat/object_detection/YOLOv8",
    ],
)
def test_real_datasets_come_back(shared_data: Any, link: Any, out: Path, name: str) -> None:
    """Boxes, polygons, labels and splits of real datasets survive export and import."""
    folder = shared_data(f"formats/{name}")
    imported = read_yolo(folder, linker=link(folder))
    frames = list(imported.frames)
    by_uri = {frame.sources[0].uri: folder / frame.id for frame in frames}

    write_yolo(out, frames, schema=imported.schema, locate=lambda source: by_uri[source.uri])
    again = list(read_yolo(out, linker=link(out)).frames)

    assert len(again) == len(frames)
    numbers = [
        sorted(
            (
                a.labels,
                [
                    round(v, 6)
                    for v in (
                        a.geometry.rings[0]
                        if isinstance(a.geometry, Polygon)
                        else (a.geometry.x, a.geometry.y, a.geometry.w, a.geometry.h)
                    )
                ],
            )  # type: ignore[union-attr]
            for frame in some
            for a in frame.annotations
        )
        for some in (frames, again)
    ]
    assert numbers[0] == numbers[1]


def test_coco_becomes_yolo(shared_data: Any, link: Any, out: Path) -> None:
    """4,784 outlines of real data, of which 114 have several parts, become segments."""
    path = shared_data("taco/annotations.json")
    imported = read_coco(path, linker=link(path.parent))

    report = write_yolo(out, imported.frames, schema=imported.schema)

    assert (report.frames, report.annotations) == (1500, 4784)
    assert {note.what: note.count for note in report.warnings}[
        "outlines of several rings, joined into one"
    ] == 114
