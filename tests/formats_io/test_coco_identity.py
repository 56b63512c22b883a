"""What came from COCO goes back to COCO as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.codec import decode_frame, encode_frame
from hdstore.formats import read_coco, write_coco

FILES = [
    "taco/annotations.json",
    *(
        f"formats/coco_dataset/{name}"
        for name in (
            "coco/annotations/instances_train.json",
            "coco/annotations/instances_val.json",
            "coco/annotations/person_keypoints_train.json",
            "coco/annotations/person_keypoints_val.json",
            "coco/annotations/captions_val.json",
            "coco/annotations/labels_val.json",
            "coco/annotations/image_info_train.json",
            "coco/annotations/panoptic_train.json",
            "coco/annotations/stuff_train.json",
            "mmdet_coco/annotations/instances_val.json",
            "coco_roboflow/val/_annotations.coco.json",
        )
    ),
    "formats/labelformat/object_detection/COCO/train.json",
    "formats/labelformat/instance_segmentation/COCO/instances.json",
    "formats/labelformat/instance_segmentation/COCO/instances_with_binary_mask.json",
    "formats/label_studio/test_import_coco/coco_import_input.json",
]


@pytest.mark.parametrize("name", FILES)
def test_real_files_come_out_as_they_went_in(
    name: str, shared_data: Any, link: Any, tmp_path: Path, same_coco: Any
) -> None:
    """Ids, floats, masks, unknown keys and repeated ids of real COCO files survive import, storage and export."""
    path = shared_data(name)

    imported = read_coco(path, linker=link(path.parent))
    frames = [decode_frame(encode_frame(frame)) for frame in imported.frames]
    out = tmp_path / "out.json"
    report = write_coco(out, frames, schema=imported.schema, metadata=imported.metadata)

    document = json.loads(path.read_text())
    same_coco(document, json.loads(out.read_text()))
    assert len(document["images"]) == report.frames == len(frames)
    assert len(document["annotations"]) == report.annotations


def test_taco_is_imported_without_its_images(shared_data: Any, link: Any) -> None:
    """1,500 images that are not there cost one warning; their annotations, sizes and places are there."""
    path = shared_data("taco/annotations.json")

    imported = read_coco(path, linker=link(path.parent))
    frames = list(imported.frames)

    assert len(frames) == 1500
    assert sum(len(frame.annotations) for frame in frames) == 4784
    assert len(imported.schema.labels) == 60
    assert sorted((note.count for note in imported.warnings), reverse=True) == [1500, 2]
    assert frames[0].id == "batch_1/000006.jpg"
    assert frames[0].sources[0].uri == "root:data/batch_1/000006.jpg"
    assert (frames[0].sources[0].width, frames[0].sources[0].height) == (1537, 2049)
    assert len(imported.metadata["coco"]["file"]["scene_annotations"]) == 4296


def test_importing_twice_gives_equal_bytes(shared_data: Any, link: Any) -> None:
    """Two people who import one file store the same frames."""
    path = shared_data("taco/annotations.json")

    first, second = (
        [encode_frame(frame) for frame in read_coco(path, linker=link(path.parent)).frames] for _ in range(2)
    )

    assert first == second


# Random documents

_numbers = st.one_of(
    st.integers(-1000, 5000),
    st.floats(-1e6, 1e6, allow_nan=False, allow_infinity=False),
)
_words = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), _numbers, _words),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_words, inner, max_size=3)),
    max_leaves=6,
)
_unknown = st.dictionaries(_words.map("x_{}".format), _json, max_size=2)
_ids = st.one_of(st.integers(0, 6), st.sampled_from(["a", "b", 2.0, 2**40]))


@st.composite
def _rle(draw: st.DrawFn) -> dict[str, Any]:
    height, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    counts, left = [], height * width
    while left:
        counts.append(draw(st.integers(0, left)))
        left -= counts[-1]
        if len(counts) > 8:
            counts.append(left)
            left = 0
    return {"counts": counts, "size": [height, width]}


_segmentation = st.one_of(
    st.just([]),
    st.lists(
        st.lists(st.tuples(_numbers, _numbers), max_size=4).map(lambda r: [n for p in r for n in p]),
        max_size=3,
    ),
    _rle(),
    st.just({"counts": "135", "size": [3, 3]}),
    st.just({"counts": [9], "size": [3, 3], "extra": 1}),
    st.just([1, 2.5, 3, 4]),
    st.none(),
)
_keypoints = st.lists(st.tuples(_numbers, _numbers, st.sampled_from([0, 1, 2, 2.0, 0.5])), max_size=3).map(
    lambda points: [number for point in points for number in point]
)


def _optional(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keys)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Draws a COCO document with everything that people write, and much that they should not."""
    image_ids = draw(st.lists(_ids, min_size=1, max_size=4))
    images = [
        draw(_unknown)
        | draw(
            _optional(
                width=st.one_of(st.none(), st.integers(0, 9000)),
                height=st.integers(0, 9000),
                attributes=st.one_of(_json, st.just({})),
                license=st.integers(),
                coco_url=_words,
            ).filter(lambda record: -(2**63) <= record.get("license", 0) < 2**63)
        )
        | {"id": id, "file_name": draw(st.sampled_from(["a.jpg", "b/c d.png", "./a.jpg", "x\\y.jpg"]))}
        for id in image_ids
    ]
    categories = [
        draw(_unknown)
        | draw(
            _optional(
                supercategory=_words,
                color=st.sampled_from(["#00ff00", [1, 2, 3], "red"]),
                keypoints=st.lists(_words, max_size=3),
                skeleton=st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=2), max_size=3),
            )
        )
        | {"id": id, "name": draw(st.sampled_from(["cat", "dog", "車", ""]))}
        for id in draw(st.lists(_ids, max_size=4))
    ]
    annotations = [
        draw(_unknown)
        | draw(
            _optional(
                id=_ids,
                category_id=st.one_of(st.none(), _ids),
                bbox=st.one_of(st.just([]), st.none(), st.lists(_numbers, min_size=4, max_size=4)),
                area=_json,
                iscrowd=st.integers(0, 1),
                segmentation=_segmentation,
                keypoints=st.one_of(_keypoints, st.just([0, 0, 0] * 3)),
                num_keypoints=st.integers(0, 3),
                score=st.one_of(_numbers, st.none(), _words),
                attributes=st.one_of(_json, st.dictionaries(_words, _json, max_size=2)),
            )
        )
        | {"image_id": draw(st.sampled_from(image_ids) if draw(st.booleans()) else _ids)}
        for _ in range(draw(st.integers(0, 6)))
    ]
    document = draw(_optional(info=_json, licenses=st.lists(_json, max_size=2))) | draw(_unknown)
    return document | {"images": images, "categories": categories, "annotations": annotations}


@given(documents())
def test_any_document_comes_out_as_it_went_in(coco: Any, same_coco: Any, document: dict[str, Any]) -> None:
    """Import, storage and export are the identity on COCO documents, up to order."""
    frames = coco.read(document)
    found = coco.write(frames)

    same_coco(document, found)
