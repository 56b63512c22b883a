"""What a picture teaches, as arrays: the right annotations, at the right pixels, or an error that names the frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hdstore import (
    Annotation,
    Box,
    DatasetVersion,
    FrameGroup,
    MediaError,
    Repository,
    SingleFrame,
    Source,
    View,
    ViewQuery,
    replace,
)
from hdstore.errors import InvalidValueError
from hdstore.model import Box3D, MaskValue, Rle
from hdstore.repository import DataView
from hdstore.train.pictures import load_mask, load_picture
from hdstore.train.targets import Targets, local_file, source_of, targets_of

HEIGHT, WIDTH = 30, 40


def targets(view: DataView, position: int = 0, **options: Any) -> Targets:
    item = view.item(position)
    source = source_of(item.frame, options.pop("source", None))
    return targets_of(item, source, view.media, height=HEIGHT, width=WIDTH, **options)


def changed(view: DataView, draft: DatasetVersion, **fields: Any) -> DataView:
    """Returns the view as it is after frame p0 got other fields."""
    draft.add_frames([replace(draft.frame("p0"), **fields)])
    return view.with_value(view.value)


def test_each_kind_has_its_box_and_number(view: DataView) -> None:
    """Boxes hold what was drawn; labels without a number and without geometry are none of them."""
    found = targets(view)

    names = [view.item(0).frame.annotations[place].id for place in found.kept]
    assert names == ["box", "ring", "runs", "points", "road"]
    assert found.labels.tolist() == [1, 2, 1, 2, 3]
    assert found.labels.dtype == np.int64
    assert found.boxes.dtype == np.float32
    assert found.boxes.tolist() == [
        [10, 5, 30, 15],
        [2, 2, 12, 8],
        [3, 2, 8, 4],
        [1, 2, 30, 25],
        [0, 20, 10, 30],
    ]
    assert found.frame_labels.tolist() == [9]
    assert found.masks is None
    assert found.keypoints is None


def test_masks_cover_what_was_drawn(view: DataView) -> None:
    """Filled outlines, run lengths, and the pixels of the mask's picture; points cover nothing."""
    found = targets(view, 2, masks=True)
    assert found.masks is not None

    assert found.masks.sum(axis=(1, 2)).tolist() == [200, 60, 10, 0, 120]
    assert found.masks[4, 20:, :12].all()


def test_keypoints_come_with_their_visibility(view: DataView) -> None:
    """As x, y, visibility; annotations with fewer points are filled up with points that nobody saw."""
    found = targets(view, keypoints=True)
    assert found.keypoints is not None

    assert found.keypoints.shape == (5, 3, 3)
    assert found.keypoints[3].tolist() == [[1, 2, 2], [30, 25, 1], [0, 0, 0]]
    assert not found.keypoints[:3].any()


def test_boxes_are_cut_at_the_picture(view: DataView, draft: DatasetVersion) -> None:
    """What sticks out is cut, what lies outside or has no area is left out."""
    boxes = (
        Box(x=-5, y=-5, w=10, h=10),
        Box(x=38, y=28, w=10, h=10),
        Box(x=50, y=50, w=5, h=5),
        Box(x=3, y=3, w=0, h=5),
    )
    rois = tuple(Annotation(id=str(n), labels=("red",), geometry=box) for n, box in enumerate(boxes))
    space = Annotation(
        id="space", labels=("red",), geometry=Box3D(front=(1, 1, 1, 5, 5), back=(1, 1, 9, 5, 5))
    )

    found = targets(changed(view, draft, annotations=(*rois, space)))

    assert found.boxes.tolist() == [[0, 0, 5, 5], [38, 28, 40, 30]]
    empty = targets(changed(view, draft, annotations=()), masks=True, keypoints=True)
    assert (empty.boxes.shape, empty.labels.shape) == ((0, 4), (0,))
    assert empty.masks is not None
    assert empty.keypoints is not None
    assert (empty.masks.shape, empty.keypoints.shape) == ((0, HEIGHT, WIDTH), (0, 0, 3))


def test_annotations_belong_to_their_source(repository: Repository, draft: DatasetVersion) -> None:
    """Of a group, the annotations on the source that is loaded; without a word they are on the first."""
    uri = draft.frame("p0").sources[0].uri
    group = FrameGroup(
        id="pair",
        sources=(Source(id="left", uri=uri), Source(id="right", uri=uri)),
        annotations=(
            Annotation(id="a", labels=("red",), geometry=Box(x=0, y=0, w=5, h=5)),
            Annotation(id="b", labels=("red",), geometry=Box(x=1, y=0, w=5, h=5), sources=("right",)),
            Annotation(id="c", labels=("red",), geometry=Box(x=2, y=0, w=5, h=5), sources=("left", "right")),
        ),
    )
    draft.add_frames([group])
    query = ViewQuery(dataset="shapes", version="Current", frame="id:pair")
    view = repository.data_view(View(queries=(query,), enumeration={"red": 1}))

    assert targets(view).boxes[:, 0].tolist() == [0, 2]
    assert targets(view, source="right").boxes[:, 0].tolist() == [1, 2]
    with pytest.raises(MediaError, match="'pair' has no source 'top'"):
        source_of(group, "top")
    with pytest.raises(MediaError, match="'none' has no source"):
        source_of(SingleFrame(id="none"))


def test_what_can_not_be_had_names_the_frame(view: DataView, draft: DatasetVersion, tmp_path: Path) -> None:
    """A mask that is missing, of another size or not named; runs for another picture; a file that is gone."""
    rois = (Annotation(id="m", labels=("road",), geometry=MaskValue(value=(7,), mask="other")),)
    with pytest.raises(MediaError, match="'p0' names mask 'other'"):
        targets(changed(view, draft, annotations=rois))

    runs = Annotation(id="r", labels=("red",), geometry=Rle(counts=(4,), height=2, width=2))
    with pytest.raises(InvalidValueError, match=r"'r' of frame 'p0'.*does not fit"):
        targets(changed(view, draft, annotations=(runs,)), masks=True)
    broken = Annotation(id="r", labels=("red",), geometry=Rle(counts=(3,), height=2, width=2))
    with pytest.raises(InvalidValueError, match=r"'r' of frame 'p0'.*add up"):
        targets(changed(view, draft, annotations=(broken,)))

    mask = tmp_path / "pictures" / "p1-mask.png"
    size = mask.stat().st_size
    mask.unlink()
    with pytest.raises(MediaError, match=r"root:pics/p1-mask.png' of frame 'p1' is not on this machine"):
        targets(view, 1)
    mask.write_bytes(b"x" * (size + 1))
    with pytest.raises(MediaError, match=r"'p1': .*was changed"):
        targets(view, 1)
    item = view.item(2)
    with pytest.raises(MediaError, match=r"'p2' has 40 x 30 pixels, its picture 20 x 30"):
        targets_of(item, source_of(item.frame), view.media, height=30, width=20)
    with pytest.raises(MediaError, match="'bare' says of no place"):
        local_file(SingleFrame(id="bare"), Source(), view.media)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("L", (1, 2)), ("RGB", (1, 2)), ("I;16", (1, 2)), ("P", (1, 2)), ("RGBA", (1, 2)), ("LA", (1, 2))],
)
def test_pictures_of_every_depth_become_what_was_asked(
    mode: str, expected: tuple[int, int], tmp_path: Path
) -> None:
    """Grey, colour, palette, alpha; 16 bits lose their lower half."""
    if mode == "I;16":
        image = Image.fromarray(np.full((2, 1), 200 << 8, dtype=np.uint16))
    else:
        colours = Image.new("RGB", (1, 2), (200, 200, 200))
        image = colours.quantize(2) if mode == "P" else colours.convert(mode)
    image.save(tmp_path / "a.png")

    loaded = load_picture(tmp_path / "a.png")

    assert (loaded.mode, loaded.size) == ("RGB", expected)
    assert loaded.getpixel((0, 1)) == (200, 200, 200)
    assert load_picture(tmp_path / "a.png", mode="L").getpixel((0, 0)) == 200


def test_pictures_come_upright(tmp_path: Path) -> None:
    """A photograph that says it lies on its side is turned, as annotations mean it."""
    image = Image.new("RGB", (4, 2), (0, 0, 0))
    image.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.png", exif=exif)

    loaded = load_picture(tmp_path / "a.png")

    assert loaded.size == (2, 4)
    assert loaded.getpixel((1, 0)) == (255, 255, 255)


def test_hostile_pictures_are_refused(tmp_path: Path) -> None:
    """Too many pixels, torn files, files that are none, formats that start programs, floats in place of colours."""
    Image.new("L", (20, 20)).save(tmp_path / "large.png")
    with pytest.raises(MediaError, match="20 x 20 pixels"):
        load_picture(tmp_path / "large.png", max_pixels=399)
    torn = (tmp_path / "large.png").read_bytes()[:-30]
    (tmp_path / "torn.png").write_bytes(torn)
    (tmp_path / "text.png").write_bytes(b"no picture at all")
    (tmp_path / "script.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    # Pillow reads it, but whoever does not need it need not offer it to strangers.
    Image.new("L", (2, 2)).save(tmp_path / "old.pcx")
    for name in ("torn.png", "text.png", "script.eps", "old.pcx"):
        with pytest.raises(MediaError, match=f"{name} can not be read as a picture"):
            load_picture(tmp_path / name)
    Image.fromarray(np.zeros((2, 2), dtype=np.float32)).save(tmp_path / "deep.tiff")
    with pytest.raises(MediaError, match="32 bits"):
        load_picture(tmp_path / "deep.tiff")
    with pytest.raises(MediaError, match="absent"):
        load_picture(tmp_path / "absent.png")


def test_masks_keep_their_values(tmp_path: Path) -> None:
    """Palette numbers stay numbers, 16 bits stay whole, colours come as parts."""
    palette = Image.fromarray(np.array([[3, 250]], dtype=np.uint8), mode="L").convert("P")
    palette.save(tmp_path / "p.png")
    deep = np.array([[3, 60_000]], dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "d.png")
    Image.new("RGBA", (1, 1), (1, 2, 3, 4)).save(tmp_path / "c.png")
    Image.new("CMYK", (1, 1)).save(tmp_path / "k.tiff")

    assert load_mask(tmp_path / "p.png").tolist() == [[3, 250]]
    assert load_mask(tmp_path / "d.png").tolist() == [[3, 60_000]]
    assert load_mask(tmp_path / "c.png").tolist() == [[[1, 2, 3, 4]]]
    assert load_mask(tmp_path / "k.tiff").shape == (1, 1, 3)
