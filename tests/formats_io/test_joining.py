"""Several imports into one version, and the small things that all formats share."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hdstore.formats import Warnings, join_metadata
from hdstore.formats.base import clean_name

FIRST = {
    "coco": {
        "absent": ["annotations", "categories"],
        "file": {"info": {"year": 2017, "url": "a"}, "licenses": [{"id": 1}], "absent": 3},
        "orphans": [{"id": 5, "image_id": 9}],
    }
}
SECOND = {
    "coco": {"file": {"info": {"year": 2018}, "licenses": [{"id": 1}, {"id": 2}]}, "absent": ["categories"]},
    "yolo": {"flip_idx": ["0"]},
}


def test_a_second_import_keeps_what_the_first_said() -> None:
    """Maps and lists are joined; where two values differ the later one stands."""
    joined = join_metadata(FIRST, SECOND)

    assert joined == {
        "coco": {
            "absent": ["categories"],
            "file": {
                "info": {"year": 2018, "url": "a"},
                "licenses": [{"id": 1}, {"id": 2}],
                "absent": 3,
            },
            "orphans": [{"id": 5, "image_id": 9}],
        },
        "yolo": {"flip_idx": ["0"]},
    }


_absent = st.lists(st.sampled_from(["annotations", "categories"]), unique=True, min_size=1)
_json = st.recursive(
    st.one_of(st.none(), st.integers(0, 3), st.text("ab", max_size=2)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["absent", "file", "x"]), inner, max_size=3),
    ),
    max_leaves=8,
)
_record = st.fixed_dictionaries(
    {"file": _json}, optional={"absent": _absent.map(sorted), "orphans": st.lists(_json)}
)
_metadata = st.dictionaries(st.sampled_from(["coco", "yolo"]), _record, max_size=2)


@given(_metadata, _metadata)
def test_joining_twice_changes_nothing(before: dict[str, Any], new: dict[str, Any]) -> None:
    """Importing the same files again is no change, and no argument is touched."""
    copies = copy.deepcopy((before, new))

    once = join_metadata(before, new)

    assert join_metadata(once, new) == once
    assert (before, new) == copies


def test_two_coco_files_export_as_one(coco: Any) -> None:
    """Images and annotations of two files with the same ids get ids of their own; nothing is lost."""
    document = {
        "licenses": [{"id": 1}],
        "images": [{"id": 1, "file_name": "a.jpg", "width": 4, "height": 4}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0},
            {"id": 2, "image_id": 50, "category_id": 1, "iscrowd": 0},
        ],
    }
    first = coco.read(document)
    metadata = coco.imported.metadata
    document["images"][0]["file_name"] = "b.jpg"  # type: ignore[index]
    second = coco.read(document)

    found = coco.write([*first, *second], metadata=join_metadata(metadata, coco.imported.metadata))

    assert found["licenses"] == [{"id": 1}]
    assert [(image["id"], image["file_name"]) for image in found["images"]] == [(1, "a.jpg"), (2, "b.jpg")]
    assert [(record["id"], record["image_id"]) for record in found["annotations"]] == [
        (1, 1),
        (3, 2),
        (2, 50),
    ]


def test_warnings_count_and_name_the_first() -> None:
    """One line a kind, in the order in which kinds were met."""
    warnings = Warnings()
    warnings.add("odd things", "a.jpg")
    warnings.add("others", count=0)
    warnings.add("plain")
    warnings.add("odd things", "b.jpg", count=2)

    assert len(warnings) == 2
    assert warnings.lines() == ["odd things: 3 (first: a.jpg).", "plain: 1."]


@given(st.text(st.sampled_from("ab./\\: C"), max_size=12))
def test_clean_names_stay_below(name: str) -> None:
    """Whatever a file says, its name becomes a plain relative path, and cleaning it again changes nothing."""
    clean = clean_name(name)

    assert not any(part in ("", ".", "..") for part in clean.split("/")) or not clean
    assert "\\" not in clean
    assert clean_name(clean) == clean
