"""Files that are not COCO are refused with the file, the place and what to do."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.errors import InvalidFileError, NotFoundError
from hdstore.formats import read_coco
from hdstore.formats.coco import MAX_ORPHANS

VALID: dict[str, Any] = {
    "info": {"year": 2020},
    "licenses": [],
    "images": [{"id": 1, "file_name": "a.jpg", "width": 10, "height": 5}],
    "categories": [{"id": 1, "name": "cat", "keypoints": ["nose", "tail"], "skeleton": [[1, 2]]}],
    "annotations": [
        {
            "id": 7,
            "image_id": 1,
            "category_id": 1,
            "segmentation": [[1, 1, 4, 1, 4, 3]],
            "bbox": [1, 1, 3, 2],
            "area": 3,
            "iscrowd": 0,
            "keypoints": [1, 1, 2, 4, 3, 1],
            "num_keypoints": 2,
        },
        {"id": 8, "image_id": 1, "category_id": 1, "segmentation": {"counts": [40, 10], "size": [5, 10]}},
    ],
}


def changed(*path: Any, to: Any) -> dict[str, Any]:
    """Returns the valid document with one value changed."""
    document = copy.deepcopy(VALID)
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return document


CASES: list[tuple[Any, str]] = [
    ("", "not JSON"),
    ("{", "not JSON"),
    ("[" * 100_000, "not JSON"),
    ('{"images": [NaN]}', "NaN"),
    ('{"images": [-Infinity]}', "Infinity"),
    ('{"images": [' + "1" * 5000 + "]}", "not JSON"),
    ("3", "a COCO file is a JSON object"),
    ("[]", "COCO results"),
    ('{"a": 1}', "no list 'images'"),
    (changed("images", to={}), "'images' is a list"),
    (changed("annotations", to=None), "'annotations' is a list in COCO, not null"),
    (changed("images", 0, to=5), "item 0 of 'images'"),
    (changed("images", 0, to={"file_name": "a.jpg"}), "image 0 of the list is None"),
    (changed("images", 0, "id", to=True), "True"),
    (changed("images", 0, "file_name", to=None), "image 1 has the file_name None"),
    (changed("images", 0, "file_name", to="../.."), "names no file"),
    (changed("images", 0, "file_name", to="a\nb"), "control characters"),
    (changed("images", 0, "width", to="ten"), "the width of image 1 is 'ten'"),
    (changed("images", 0, "width", to=-1), "the width of image 1"),
    (changed("images", 0, "height", to=2.5), "the height of image 1"),
    (changed("images", 0, "height", to=2**60), "height"),
    (changed("images", 0, "license", to=2**70), "in 64"),
    (changed("categories", 0, "id", to=[]), "category 0"),
    (changed("categories", 0, "name", to="a\tb"), "control characters"),
    (changed("annotations", 0, "image_id", to=None), "'image_id' of annotation 7"),
    (changed("annotations", 0, "id", to={}), "annotation 0 of the list"),
    (changed("annotations", 0, "category_id", to=[]), "annotation 7"),
    (changed("annotations", 0, "bbox", to=[1, 2, 3]), "four numbers"),
    (changed("annotations", 0, "bbox", to="1 2 3 4"), "the bbox of annotation 7"),
    (changed("annotations", 0, "bbox", to=[1, 2, 3, "4"]), "the bbox of annotation 7"),
    (changed("annotations", 0, "bbox", to=[1, 2, 3, True]), "the bbox of annotation 7"),
    (changed("annotations", 0, "bbox", to=[1, 2, 3, 1e300]), "too large"),
    (json.dumps(VALID).replace('"bbox": [1,', '"bbox": [1e999,'), "too large"),
    (json.dumps(VALID).replace('"area": 3', '"area": 1e999'), "finite"),
    (changed("annotations", 0, "bbox", to=[1, 2, 3, 10**400]), "too large"),
    (changed("annotations", 0, "segmentation", to="abc"), "the segmentation of annotation 7"),
    (changed("annotations", 0, "segmentation", to=[[1, 2, 3]]), "pairs"),
    (changed("annotations", 0, "segmentation", to=[[1, 2], 3]), "the segmentation of annotation 7"),
    (changed("annotations", 0, "segmentation", to={}), "the size of the mask"),
    (changed("annotations", 1, "segmentation", "size", to=[5, -1]), "the size of the mask"),
    (changed("annotations", 1, "segmentation", "size", to=[2**40, 2**40]), "the size of the mask"),
    (changed("annotations", 1, "segmentation", "counts", to=[40, 11]), "the mask of annotation 8"),
    (changed("annotations", 1, "segmentation", "counts", to=[60, -10]), "the mask of annotation 8"),
    (changed("annotations", 1, "segmentation", "counts", to=[40.5, 9.5]), "whole numbers"),
    (changed("annotations", 1, "segmentation", "counts", to="~~~"), "the mask of annotation 8"),
    (changed("annotations", 1, "segmentation", "counts", to=None), "as the counts"),
    (changed("annotations", 0, "keypoints", to=[1, 2]), "triplets"),
    (changed("annotations", 0, "keypoints", to={"a": 1}), "the keypoints of annotation 7"),
    (json.dumps(changed("annotations", 0, "x", to="\ud800")), "half of a character"),
]


@pytest.mark.parametrize(("document", "says"), CASES)
def test_a_broken_file_is_refused(coco: Any, document: Any, says: str) -> None:
    """The message names the file and the place, and is one of our errors."""
    with pytest.raises(InvalidFileError) as caught:
        coco.read(document)

    assert says in str(caught.value)
    assert str(caught.value).startswith(str(coco.folder / "in.json"))


def test_deep_metadata_is_refused(coco: Any) -> None:
    """A value that nests deeper than metadata may is refused, not carried half."""
    deep: Any = 1
    for _ in range(80):
        deep = [deep]

    for path in (("info",), ("images", 0, "x"), ("annotations", 0, "x"), ("categories", 0, "x")):
        with pytest.raises(InvalidFileError, match="nests"):
            coco.read(changed(*path, to=deep))


def test_text_of_another_encoding_is_refused(tmp_path: Path, link: Any) -> None:
    """COCO files are UTF-8; another encoding is said, not guessed."""
    path = tmp_path / "a.json"
    path.write_bytes('{"images": [{"id": 1, "file_name": "ä"}]}'.encode("latin-1"))

    with pytest.raises(InvalidFileError, match="UTF-8"):
        read_coco(path, linker=link(tmp_path))


def test_a_file_that_is_not_there_is_named(tmp_path: Path, link: Any) -> None:
    """A missing file and a folder are told apart."""
    with pytest.raises(NotFoundError, match="no file"):
        read_coco(tmp_path / "none.json", linker=link(tmp_path))
    with pytest.raises(InvalidFileError, match="folder"):
        read_coco(tmp_path, linker=link(tmp_path))


def test_a_bom_is_no_trouble(tmp_path: Path, link: Any) -> None:
    """Windows editors put a mark before UTF-8; it means nothing."""
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(VALID).encode())

    assert len(list(read_coco(path, linker=link(tmp_path)).frames)) == 1


def test_too_many_annotations_of_unlisted_images_are_refused(coco: Any) -> None:
    """A few are kept for export; a file whose images were taken out is not."""
    document = copy.deepcopy(VALID)
    document["annotations"] = [{"id": n, "image_id": 99} for n in range(MAX_ORPHANS + 1)]

    with pytest.raises(InvalidFileError, match="images that are not listed"):
        coco.read(document)


_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.text(max_size=5),
        st.sampled_from(["id", "1", 1e300, -1, 2**63]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["id", "size", "counts", "name", "x"]), inner, max_size=3),
    ),
    max_leaves=5,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += _places(item, (*path, key))
    return found


@given(
    st.lists(st.tuples(st.sampled_from(_places(VALID)), st.one_of(_values, st.just("remove"))), max_size=3)
)
def test_a_mutated_file_is_read_or_refused(coco: Any, mutations: list[tuple[tuple[Any, ...], Any]]) -> None:
    """Whatever is changed in a valid file, reading it succeeds or raises InvalidFileError."""
    document = copy.deepcopy(VALID)
    for path, value in mutations:
        place: Any = document
        try:
            for key in path[:-1]:
                place = place[key]
            if value == "remove":
                del place[path[-1]]
            else:
                place[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue
    try:
        frames = coco.read(document)
    except InvalidFileError:
        return
    coco.write(frames)
