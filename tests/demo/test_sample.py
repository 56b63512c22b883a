"""The sample set is whole and holds what the demo tells about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from hdstore.demo.resources import copy_sample
from hdstore.errors import StorageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy_sample(tmp_path / "sample")
    return tmp_path / "sample"


@pytest.fixture
def document(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    return loaded


def test_every_picture_is_there_and_small(folder: Path, document: dict[str, Any]) -> None:
    """All listed pictures are JPEGs of the size that is written, and all together stay below 2.5 MB."""
    names = {image["file_name"] for image in document["images"]}
    assert names == {path.name for path in (folder / "images").iterdir()}
    for image in document["images"]:
        with Image.open(folder / "images" / image["file_name"]) as picture:
            assert picture.format == "JPEG"
            assert picture.size == (image["width"], image["height"])
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 2_500_000


def test_annotations_lie_inside_their_pictures(document: dict[str, Any]) -> None:
    """Boxes and outlines stay inside, and donuts drawn by a person have their hole."""
    sizes = {image["id"]: (image["width"], image["height"]) for image in document["images"]}
    rings = 0
    for annotation in document["annotations"]:
        width, height = sizes[annotation["image_id"]]
        x, y, w, h = annotation["bbox"]
        assert x >= 0 <= y
        assert w > 0 < h
        assert x + w <= width + 0.01
        assert y + h <= height + 0.01
        outline = annotation.get("segmentation")
        if isinstance(outline, list):
            for ring in outline:
                assert all(0 <= value <= width for value in ring[::2])
                assert all(0 <= value <= height for value in ring[1::2])
            rings += annotation["category_id"] == 1 and len(outline) >= 2
    assert rings >= 20


def test_the_mask_has_the_size_of_its_picture(folder: Path) -> None:
    """The mask holds label numbers for each pixel."""
    with Image.open(folder / "masks" / "cafe-05.png") as mask:
        assert mask.size == (480, 360)
        assert {value for _, value in mask.getcolors() or ()} == {0, 1, 2, 3, 4}


def test_an_existing_folder_is_not_written_over(folder: Path) -> None:
    """Copying the sample to a folder that is there is refused."""
    with pytest.raises(StorageError):
        copy_sample(folder)
