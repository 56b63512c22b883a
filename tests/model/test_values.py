"""Frames and schemas: what they say of themselves, and the rules they must meet."""

from __future__ import annotations

from typing import Any

import pytest
import strategies
from hypothesis import given

from hdstore.errors import InvalidValueError
from hdstore.model import (
    Annotation,
    Frame,
    FrameGroup,
    Keypoints,
    Keypoints3D,
    Label,
    MaskLabel,
    MaskValue,
    Polygon,
    Polygon3D,
    Rle,
    Schema,
    SingleFrame,
    Source,
    check_frame,
    check_frame_id,
    check_metadata,
    check_name,
)


def test_a_frame_falls_back_on_its_first_source() -> None:
    """Context and time are the first source's where none were given (rows 41, 42)."""
    sources = (Source(uri="s3://b/a.mp4", timestamp=40), Source(id="01", uri="x"))

    assert FrameGroup(id="f", sources=sources).context == "s3://b/a.mp4"
    assert FrameGroup(id="f", sources=sources).time == 40
    assert FrameGroup(id="f", sources=sources, context_id="c", timestamp=0).context == "c"
    assert FrameGroup(id="f", sources=sources, context_id="c", timestamp=0).time == 0
    assert (SingleFrame(id="f").context, SingleFrame(id="f").time) == ("", 0)


def test_parts_of_a_frame_are_found_by_id() -> None:
    """Annotations and sources by id, None where there is none; labels of all annotations together."""
    frame = SingleFrame(
        id="f",
        sources=(Source(uri="u"),),
        annotations=(Annotation(id="a", labels=("cat", "dog")), Annotation(id="b", labels=("cat",))),
    )

    assert frame.annotation("b") == frame.annotations[1]
    assert frame.annotation("c") is None
    assert frame.source("00") == frame.sources[0]
    assert frame.source("01") is None
    assert frame.labels == {"cat", "dog"}


def test_labels_replace_those_of_their_names_or_stand_at_the_end() -> None:
    """The order of a schema is the order people see; it does not change by a new colour."""
    schema = Schema(
        labels=(Label(name="a"), Label(name="b")), mask_labels={"m": (MaskLabel(labels=("a",), value=(1,)),)}
    )
    new = schema.with_labels(Label(name="c"), Label(name="a", color="#00ff00"))

    assert [label.name for label in new.labels] == ["a", "b", "c"]
    assert new.label("a") == Label(name="a", color="#00ff00")
    assert new.label("z") is None
    assert new.mask_labels == schema.mask_labels
    assert schema.with_labels() == schema


@given(strategies.schemas)
def test_adding_a_schema_to_itself_changes_nothing(schema: Schema) -> None:
    """Importing the same labels again leaves the schema as it is."""
    assert schema.with_labels(*schema.labels) == schema
    assert Schema(mask_labels=schema.mask_labels).with_labels(*schema.labels) == schema


@given(strategies.frames(named=True))
def test_generated_frames_meet_the_rules(frame: Frame) -> None:
    """The strategies make what the rules allow."""
    check_frame(frame)


@pytest.mark.parametrize("name", ["a", "犬/猫", "100%", "x" * 255, "é" * 255, "a b"])
def test_names_people_give_are_allowed(name: str) -> None:
    """Slashes, percent signs, blanks inside and any script."""
    check_name(name, "dataset")


@pytest.mark.parametrize(
    "name", ["", " a", "a ", "a\n", "a\x7f", "\0", "x" * 256, "\ud800", 7, None], ids=repr
)
def test_names_that_would_confuse_are_refused(name: Any) -> None:
    """Empty, with a blank at an end, with control characters, too long, or no text."""
    with pytest.raises(InvalidValueError, match="name of a dataset"):
        check_name(name, "dataset")


@pytest.mark.parametrize("frame_id", ["a", "photos/犬.jpg", "x" * 1024, "é" * 512, " "])
def test_frame_ids_are_paths_of_any_script(frame_id: str) -> None:
    """1 to 1,024 bytes of UTF-8."""
    check_frame_id(frame_id)


@pytest.mark.parametrize("frame_id", ["", "x" * 1025, "é" * 513, "a\nb", "a\0", "\ud800", 7], ids=repr)
def test_frame_ids_that_no_file_has_are_refused(frame_id: Any) -> None:
    """Empty, too long, with control characters, or no text."""
    with pytest.raises(InvalidValueError, match="frame id"):
        check_frame_id(frame_id)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (SingleFrame(id="f", sources=(Source(), Source(id="01"))), "use a FrameGroup"),
        (FrameGroup(id="f", sources=(Source(), Source())), "empty or not unique"),
        (FrameGroup(id="f", sources=(Source(id=""),)), "empty or not unique"),
        (SingleFrame(id="f", annotations=(Annotation(id="a"), Annotation(id="a"))), "'a' twice"),
        (SingleFrame(id="f", annotations=(Annotation(),)), "has no id"),
        (SingleFrame(id="f", annotations=(Annotation(id="a", sources=("01",)),)), "lies on sources"),
    ],
)
def test_a_frame_that_contradicts_itself_is_refused(frame: Frame, message: str) -> None:
    """Each rule that types can not state has its own sentence."""
    with pytest.raises(InvalidValueError, match=message):
        check_frame(frame)


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        (Polygon(rings=((1.0, 2.0, 3.0),)), "odd number"),
        (Keypoints(points=(1.0,)), "odd number"),
        (Keypoints(points=(1.0, 2.0), visibility=(1, 2)), "1 keypoints but 2 visibilities"),
        (Polygon3D(rings=((1.0, 2.0),)), "triplets"),
        (Keypoints3D(points=(1.0,)), "triplets"),
        (MaskValue(value=(1, 2)), "mask value"),
        (MaskValue(value=(-1,)), "mask value"),
        (Rle(counts=(), height=-1, width=1), "negative size"),
        (Rle(counts=(-1,), height=1, width=1), "negative run"),
    ],
)
def test_a_geometry_whose_numbers_do_not_pair_up_is_refused(geometry: Any, message: str) -> None:
    """The sentence names frame and annotation."""
    frame = SingleFrame(id="f", annotations=(Annotation(id="a", geometry=geometry),))
    with pytest.raises(InvalidValueError, match=f"Annotation 'a' of frame 'f' .*{message}"):
        check_frame(frame)


@pytest.mark.parametrize(
    "metadata",
    [None, [], "a", {1: 2}, {"a": {2: 3}}, {"a": b""}, {"a": float("nan")}, {"a": 2**64}],
    ids=repr,
)
def test_metadata_are_json_like(metadata: Any) -> None:
    """Anything else is refused with where it stands."""
    with pytest.raises(InvalidValueError, match="the version"):
        check_metadata(metadata, "the version")


@given(strategies.metadata)
def test_json_like_metadata_are_allowed(metadata: dict[str, Any]) -> None:
    """Null, booleans, 64-bit integers, finite floats, strings, lists and maps."""
    check_metadata(metadata, "the version")
