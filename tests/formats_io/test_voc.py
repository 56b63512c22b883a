"""Pascal VOC folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.codec import encode_frame
from hdstore.errors import InvalidFileError, NotFoundError
from hdstore.formats import Imported, read_voc
from hdstore.model import Box, Frame

OBJECT = """<object><name>cat</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>
<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>4</xmax><ymax>3.5</ymax></bndbox></object>"""


def xml(body: str, name: str = "a.png") -> str:
    """Returns a VOC file of a picture of 10 x 5 pixels."""
    size = "<size><width>10</width><height>5</height><depth>1</depth></size>"
    return f"<annotation><filename>{name}</filename>{size}{body}</annotation>"


@pytest.fixture
def voc(tmp_path: Path, draw: Any) -> Any:
    """Returns a function that writes a VOC folder from XML files by name."""
    folder = tmp_path / "voc"

    def make(pictures: tuple[str, ...] = ("a.png",), **files: str) -> Path:
        for picture in pictures:
            draw(folder / "JPEGImages" / picture)
        for name, text in files.items():
            path = folder / "Annotations" / f"{name.replace('__', '/')}.xml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return folder

    return make


@pytest.fixture
def read(link: Any) -> Any:
    """Returns a function that reads a VOC folder whole."""

    def read(folder: Path) -> tuple[list[Frame], Imported]:
        imported = read_voc(folder, linker=link(folder))
        return list(imported.frames), imported

    return read


def test_bccd_comes_in_whole(shared_data: Any, read: Any) -> None:
    """364 images and all 4,888 objects, those of no size too, with their splits and labels."""
    frames, imported = read(shared_data("bccd"))

    assert len(frames) == 364
    assert sum(len(frame.annotations) for frame in frames) == 4888
    assert [label.name for label in imported.schema.labels] == ["WBC", "RBC", "Platelets"]
    assert sum("train" in frame.metadata["split"] for frame in frames) == 205
    assert frames[0].id == "BloodImage_00000.jpg"
    assert frames[0].metadata["split"] == ["trainval", "val"]
    assert frames[0].sources[0].uri == "root:data/JPEGImages/BloodImage_00000.jpg"
    assert frames[0].annotations[0].geometry == Box(x=260.0, y=177.0, w=231.0, h=199.0)
    assert not imported.warnings.lines()
    again, _ = read(shared_data("bccd"))
    assert [encode_frame(frame) for frame in again] == [encode_frame(frame) for frame in frames]


@pytest.mark.parametrize(("name", "frames", "objects"), [("1", 2, 2), ("2", 5, 4), ("3", 1, 1)])
def test_datumaro_samples_come_in(shared_data: Any, read: Any, name: str, frames: int, objects: int) -> None:
    """Folders without images, with lists of classes, label maps, parts and actions."""
    found, imported = read(shared_data(f"formats/voc_dataset/voc_dataset{name}"))

    assert (len(found), sum(len(frame.annotations) for frame in found)) == (frames, objects)
    assert all(frame.metadata.get("split") for frame in found if frame.annotations)
    assert imported.schema.label("cat") is not None


def test_xml_files_alone_come_in(shared_data: Any, read: Any) -> None:
    """A folder of XML files without images and without the usual folders."""
    frames, _ = read(shared_data("formats/labelformat/object_detection/PascalVOC"))

    assert [frame.id for frame in frames] == [
        "a-weird Filename.asdf.jpg",
        "aNother-weird__ filename.with.many.characters.jpg",
    ]
    assert (frames[0].sources[0].width, frames[0].sources[0].height) == (640, 416)


def test_an_object_keeps_what_its_file_says(voc: Any, read: Any) -> None:
    """Numbers unshifted, flags and parts as metadata, unknown elements under _src, no geometry without a box."""
    part = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>"
    body = OBJECT + f"<object><name>dog</name>{part}<weight unit='kg'>3</weight></object><owner>me</owner>"

    ((frame,), imported) = read(voc(a=xml(body)))

    cat, dog = frame.annotations
    assert cat.geometry == Box(x=1.0, y=2.0, w=3.0, h=1.5)
    assert cat.metadata == {"pose": "Left", "truncated": True, "difficult": False}
    assert dog.geometry is None
    assert dog.metadata == {
        "parts": [{"name": "head", "bndbox": {"xmin": "1"}}],
        "_src": {"voc": {"weight": {"@unit": "kg", "#text": "3"}}},
    }
    assert frame.metadata == {"_src": {"voc": {"owner": "me", "size": {"depth": "1"}}}}
    assert [note.what for note in imported.warnings] == ["objects without a <bndbox>, kept as labels"]


def test_odd_boxes_are_kept(voc: Any, read: Any) -> None:
    """No size, negative size; a far side that rounding would lose is kept beside the box."""

    def box(*sides: str) -> str:
        names = ("xmin", "ymin", "xmax", "ymax")
        inner = "".join(f"<{name}>{side}</{name}>" for name, side in zip(names, sides, strict=True))
        return f"<object><name>x</name><bndbox>{inner}</bndbox></object>"

    body = (
        box("3", "3", "3", "3")
        + box("5", "1", "2", "4")
        + box("0.2", "0", "0.9", "1e0")
        + box("3", "3", "3", "3")
    )
    ((frame,), imported) = read(voc(a=xml(body)))

    none, turned, rounded, twin = frame.annotations
    assert none.geometry == Box(x=3.0, y=3.0, w=0.0, h=0.0)
    assert turned.geometry == Box(x=5.0, y=1.0, w=-3.0, h=3.0)
    assert rounded.metadata["_src"]["voc"]["bndbox"] == {"xmax": 0.9, "ymax": 1.0}
    assert none.id != twin.id
    assert [note.what for note in imported.warnings] == [
        "boxes whose far side lies before the near one, kept as they are"
    ]


def test_the_name_of_the_xml_file_decides(voc: Any, read: Any) -> None:
    """Where <filename> disagrees the XML file's own name is trusted, unless only the other image is there."""
    folder = voc(
        ("a.png", "b.png", "c.png", "sub/d.png"),
        a=xml(OBJECT, "b.png"),
        x=xml("", "c.png"),
        gone=xml("", "gone.bmp"),
        sub__d=xml("", "d.png"),
    )

    frames, imported = read(folder)

    assert [(frame.id, len(frame.annotations)) for frame in frames] == [
        ("a.png", 1),
        ("b.png", 0),
        ("c.png", 0),
        ("gone.bmp", 0),
        ("sub/d.png", 0),
    ]
    assert frames[0].metadata["_src"]["voc"]["filename"] == "b.png"
    assert frames[3].sources[0].uri == "root:data/JPEGImages/gone.bmp"
    assert [note.what for note in imported.warnings] == [
        "XML files whose own name was trusted, not their <filename>",
        "images without an XML file, kept without annotations",
        f"images that are not in {folder / 'JPEGImages'}",
    ]


def test_one_image_of_two_xml_files_is_two_frames(voc: Any, read: Any) -> None:
    """Neither file's objects are lost."""
    frames, _ = read(voc(a=xml(OBJECT), z=xml(OBJECT + OBJECT, "a.png")))

    assert [(frame.id, len(frame.annotations)) for frame in frames] == [("a.png", 1), ("a.png#z", 2)]
    assert frames[0].sources == frames[1].sources


def test_lists_become_splits(voc: Any, read: Any) -> None:
    """Main lists are splits; lists of one class are not; those of other tasks are kept."""
    folder = voc(("a.png", "b 1.png"), a=xml(OBJECT))
    for name, text in {
        "Main/train.txt": "a\nb 1\n",
        "Main/mine.txt": "a\n",
        "Main/cat_train.txt": "a  1\nb 1 -1\n",
        "Main/lost.txt": "zzz\n# a remark\n",
        "Layout/train.txt": "a\n",
    }.items():
        path = folder / "ImageSets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    frames, imported = read(folder)

    assert [frame.metadata["split"] for frame in frames] == [["mine", "train"], ["train"]]
    assert frames[0].metadata["_src"]["voc"]["sets"] == {"Layout": ["train"]}
    assert (
        "names in ImageSets that no image or XML file has: 1 (first: zzz in lost.txt)."
        in imported.warnings.lines()
    )


def test_another_size_is_told_and_kept(voc: Any, read: Any) -> None:
    """The source has the image's own size, the XML file's is kept."""
    ((frame,), imported) = read(voc(a=xml(OBJECT).replace("<width>10<", "<width>20<")))

    assert (frame.sources[0].width, frame.sources[0].height) == (10, 5)
    assert frame.metadata["_src"]["voc"]["size"] == {"depth": "1", "width": 20, "height": 5}
    assert [note.count for note in imported.warnings] == [1]


BOMB = '<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;">]><annotation>&y;</annotation>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>'
DEEP = "<annotation><object><name>x</name>" + "<a>" * 100 + "</a>" * 100 + "</object></annotation>"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not XML"),
        ("<annotation>", "not XML"),
        ("<annotations/>", "begins with <annotation>, not with <annotations>"),
        (BOMB, "Entities"),
        (OUTSIDE, "Entities"),
        (DEEP, "nest more than 32 deep"),
        (xml("<object/>"), "object 1 has no <name>"),
        (xml(OBJECT + OBJECT.replace("<xmin>1<", "<xmin>one<")), r"the <xmin> of object 2 \(cat\) is 'one'"),
        (xml(OBJECT.replace("<ymax>3.5</ymax>", "")), "the <ymax> of object 1"),
        (xml(OBJECT.replace("<xmin>1<", "<xmin>nan<")), "'nan'"),
        (xml(OBJECT.replace("<xmin>1<", "<xmin>1e999<")), "'1e999'"),
        (xml(OBJECT.replace("<xmin>1<", "<xmin>1_0<")), "'1_0'"),
        (xml("").replace("<width>10<", "<width>ten<"), "the width of the image is 'ten'"),
        (xml("").replace("<width>10<", "<width>-3<"), "the width of the image is '-3'"),
        ('<?xml version="1.0" encoding="nonsense"?><annotation/>', "not XML"),
    ],
)
def test_a_broken_file_is_refused(voc: Any, read: Any, text: str, says: str) -> None:
    """The message names the file and the object."""
    with pytest.raises(InvalidFileError, match=says) as caught:
        read(voc(a=text))

    assert "a.xml" in str(caught.value)


def test_what_is_no_voc_folder_is_refused(tmp_path: Path, read: Any, link: Any) -> None:
    """A missing folder, a file, a folder without XML."""
    with pytest.raises(InvalidFileError, match="no XML file"):
        read(tmp_path)
    with pytest.raises(NotFoundError):
        read_voc(tmp_path / "none", linker=link(tmp_path))
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidFileError, match="name a folder"):
        read_voc(tmp_path / "file", linker=link(tmp_path))


@given(st.data())
def test_a_damaged_file_is_read_or_refused(voc: Any, read: Any, data: st.DataObject) -> None:
    """Whatever is cut out of a file or put into it, reading succeeds or raises InvalidFileError."""
    text = xml(OBJECT)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    middle = data.draw(st.text(st.sampled_from('<>/&;"x1-.! '), max_size=6))
    folder = voc(a=text[:start] + middle + text[end:])
    try:
        frames, _ = read(folder)
    except InvalidFileError:
        return
    for frame in frames:
        encode_frame(frame)
