"""What exactly differs between two values of a frame or a schema: complete, by paths, and enough to redo it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

from hdstore.codec import decode_frame, encode_frame, frame_from_builtins, frame_to_builtins, same_value
from hdstore.codec.plain import schema_to_builtins
from hdstore.diff import (
    ABSENT,
    AnnotationChange,
    FrameDetails,
    ValueChange,
    change_to_builtins,
    compare_annotations,
    compare_frames,
    compare_schemas,
    detail,
    dotted,
    frame_change,
    value_changes,
)
from hdstore.model import (
    Annotation,
    Box,
    Frame,
    Label,
    MaskLabel,
    Polygon,
    Schema,
    SingleFrame,
    Source,
    replace,
)

frames = strategies.frames(ids=st.just("x"), named=True).map(lambda frame: decode_frame(encode_frame(frame)))


def redone(value: Any, changes: list[ValueChange]) -> Any:
    """Returns a plain value after changes, made from nothing but what they say."""
    for change in changes:
        if not change.path:
            value = change.after
            continue
        value = dict(value)
        inner = [
            ValueChange(other.path[1:], other.before, other.after)
            for other in changes
            if other.path[0] == change.path[0]
        ]
        new = redone(value.get(change.path[0], {}), inner) if inner else None
        if new is ABSENT:
            value.pop(change.path[0], None)
        else:
            value[change.path[0]] = new
    return value


@given(strategies.metadata, strategies.metadata)
def test_value_changes_turn_one_map_into_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Redoing them gives the other to the bit; backwards too; equal maps have none."""
    changes = list(value_changes(before, after))
    back = [ValueChange(change.path, change.after, change.before) for change in changes]

    assert same_value(redone(before, changes), after)
    assert same_value(redone(after, back), before)
    assert not list(value_changes(before, before))
    assert bool(changes) != same_value(before, after)
    assert all(change.before is not change.after for change in changes)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [("a.b", 1, 2)]),
        ({"a": 1}, {"a": 1.0}, [("a", 1, 1.0)]),
        ({"a": True}, {"a": 1}, [("a", True, 1)]),
        ({"a": None}, {}, [("a", None, ABSENT)]),
        ({}, {"a": {}}, [("a", ABSENT, {})]),
        ({"a": {}}, {"a": 3}, [("a", {}, 3)]),
        ({"a": [1, 2]}, {"a": [1, 3]}, [("a", [1, 2], [1, 3])]),
        ({"my key": 1, "b.c": 1}, {}, [(r"b\.c", 1, ABSENT), (r"my\ key", 1, ABSENT)]),
    ],
)
def test_values_change_key_by_key(before: Any, after: Any, expected: list[tuple[str, Any, Any]]) -> None:
    """Maps are looked into, lists and what changes its type are compared as a whole."""
    assert [(c.name, c.before, c.after) for c in value_changes(before, after)] == expected


def test_paths_are_written_as_queries_write_them() -> None:
    """Metadata is meta where it is metadata, and a key of that name stays."""
    assert dotted(("metadata", "metadata")) == "meta.metadata"
    assert dotted(("sources", "00", "metadata", "lens")) == "sources.00.meta.lens"
    assert dotted(("version", "metadata", "by")) == "version.meta.by"
    assert dotted(("extra", "metadata", "x")) == "extra.metadata.x"


def deep(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"end": depth}
    for _ in range(depth):
        value = {"in": value}
    return value


def test_what_nests_too_deep_is_compared_as_a_whole() -> None:
    """A stranger's nesting ends no comparison."""
    (change,) = value_changes(deep(300), deep(301))

    assert len(change.path) == 64


def apply_to_annotation(change: AnnotationChange) -> Annotation:
    """Returns the annotation after, made from the one before and what the change says."""
    fields: dict[str, Any] = {
        name: getattr(change, name)[1]
        for name in ("confidence", "labels", "object_id", "sources")
        if getattr(change, name) is not None
    }
    if change.geometry is not None:
        fields["geometry"] = change.geometry.after
    fields["metadata"] = redone(change.before.metadata, list(change.metadata))
    return replace(change.before, **fields)


def keyed(values: Any) -> dict[str, Any]:
    return {value.pop("id", "00"): value for value in values}


def apply_to_frame(before: Frame, after: Frame) -> Frame:
    """Returns the frame after, made from the one before, what changed, and the order of the ids after."""
    found = detail(before, after)
    plain = frame_to_builtins(replace(before, annotations=()))
    plain["kind"] = plain.pop("@")
    plain["sources"] = keyed(plain.get("sources", ()))
    for source in plain["sources"].values():
        source["masks"] = keyed(source.get("masks", ()))
    plain |= {name: plain.get(name, {}) for name in ("extra", "metadata", "vectors")}
    plain = redone(plain, [change for change in found.values if "order" not in change.path[-1]])
    plain["@"] = plain.pop("kind")
    sources = []
    for wanted in after.sources:
        source = plain["sources"][wanted.id]
        masks = source.pop("masks", {})
        source["masks"] = [{"id": mask.id, **masks.pop(mask.id)} for mask in wanted.masks]
        assert not masks
        sources.append({"id": wanted.id, **source})
    assert len(plain["sources"]) == len(sources)
    plain["sources"] = sources
    held = {annotation.id: annotation for annotation in (*before.annotations, *found.annotations_added)}
    held.update({change.id: apply_to_annotation(change) for change in found.annotations_changed})
    for gone in found.annotations_removed:
        del held[gone.id]
    annotations = tuple(held.pop(annotation.id) for annotation in after.annotations)
    assert not held
    return replace(frame_from_builtins(plain), annotations=annotations)


@given(frames, frames)
def test_what_changed_turns_one_frame_into_the_other(before: Frame, after: Frame) -> None:
    """Redoing all details gives the other frame to the bit, and they name the fields that the short form names."""
    assert encode_frame(apply_to_frame(before, after)) == encode_frame(after)
    found, short = detail(before, after), compare_frames(before, after)
    named = {"sources" if "source" in change.path[0] else change.path[0] for change in found.values}

    assert named == set(short.fields)
    assert tuple(a.id for a in found.annotations_added) == short.annotations_added
    assert tuple(a.id for a in found.annotations_removed) == short.annotations_removed
    assert tuple(change.id for change in found.annotations_changed) == short.annotations_changed
    assert short.details() == found


@given(frames)
def test_a_frame_does_not_differ_from_itself(frame: Frame) -> None:
    """Nothing is said of equal frames; one that came or went has all of its annotations."""
    found = detail(frame, frame)
    assert found == FrameDetails(before=frame, after=frame)
    assert detail(None, frame).annotations_added == frame.annotations
    assert detail(frame, None).annotations_removed == frame.annotations


def test_an_annotation_says_what_it_was_and_is() -> None:
    """Each field has both values, and metadata goes by its keys."""
    before = Annotation(
        id="a",
        labels=("cat",),
        confidence=0.5,
        geometry=Box(x=0, y=0, w=4, h=4),
        metadata={"by": {"who": "Ada"}},
    )
    after = Annotation(
        id="a",
        labels=("dog", "wet"),
        geometry=Polygon(rings=((0, 0, 4, 0, 4, 4, 0, 4),)),
        object_id="7",
        sources=("01",),
        metadata={"by": {"who": "Bob"}},
    )
    change = compare_annotations(before, after)

    assert change.id == "a"
    assert change.labels == (("cat",), ("dog", "wet"))
    assert change.confidence == (0.5, None)
    assert change.object_id == (None, "7")
    assert change.sources == ((), ("01",))
    assert change.metadata == (ValueChange(("by", "who"), "Ada", "Bob"),)
    assert change.geometry is not None
    assert (change.geometry.kind_before, change.geometry.kind_after) == ("box", "polygon")
    assert (change.geometry.distance, change.geometry.iou) == (0.0, 1.0)


def test_sources_and_masks_are_told_apart_by_their_ids() -> None:
    """What changed of a source is named by its field."""
    before = SingleFrame(id="f", sources=(Source(uri="a", hash="1", size=3),))
    after = SingleFrame(id="f", sources=(Source(uri="b", hash="1", size=4, metadata={"lens": "35"}),))

    assert [(change.name, change.before, change.after) for change in detail(before, after).values] == [
        ("sources.00.meta.lens", ABSENT, "35"),
        ("sources.00.size", 3, 4),
        ("sources.00.uri", "a", "b"),
    ]


@given(strategies.schemas, strategies.schemas)
def test_schema_changes_turn_one_schema_into_the_other(before: Schema, after: Schema) -> None:
    """Labels and mask labels after redoing are those of the other schema, and equal schemas have no changes."""
    assert not compare_schemas(before, before)
    changes = [change for change in compare_schemas(before, after) if "order" not in change.path[-1]]
    plain = {"labels": {}, "mask_labels": {}}
    for label in schema_to_builtins(before).get("labels", ()):
        plain["labels"][label.pop("name")] = label
    expected = {
        label.name: schema_to_builtins(Schema(labels=(label,)))["labels"][0] for label in after.labels
    }
    for label in expected.values():
        del label["name"]
    changes = [ValueChange(change.path[1:], change.before, change.after) for change in changes]
    found = redone(plain, [change for change in changes if change.path[0] == "labels"])["labels"]

    assert same_value(found, expected)


def test_a_schema_says_what_became_of_its_labels() -> None:
    """Labels by name and field, mask labels by mask and value, and their order."""
    before = Schema(
        labels=(Label(name="cat", color="#ff0000"), Label(name="dog"), Label(name="old")),
        mask_labels={"00": (MaskLabel(value=(1,), labels=("cat",)), MaskLabel(value=(2,), labels=("dog",)))},
    )
    after = Schema(
        labels=(Label(name="dog"), Label(name="cat", color="#00ff00"), Label(name="new", key="n")),
        mask_labels={"00": (MaskLabel(value=(2,), labels=("dog",)), MaskLabel(value=(1,), labels=("puma",)))},
    )
    found = {change.name: (change.before, change.after) for change in compare_schemas(before, after)}

    assert found == {
        "schema.labels.cat.color": ("#ff0000", "#00ff00"),
        "schema.labels.new": (ABSENT, {"key": "n"}),
        "schema.labels.old": ({}, ABSENT),
        r"schema.label\ order": (["cat", "dog", "old"], ["dog", "cat", "new"]),
        "schema.mask_labels.00.1.labels": (("cat",), ("puma",)),
        "schema.mask_labels.00.order": (["1", "2"], ["2", "1"]),
    }


@given(frames, frames)
def test_json_of_a_change_has_one_shape(before: Frame, after: Frame) -> None:
    """Whatever changed, the keys are those that are documented, and JSON holds all of it."""
    for pair in ((before, after), (before, None), (None, after)):
        change = frame_change(*pair)
        assert change is not None
        plain = json.loads(json.dumps(change_to_builtins(change), allow_nan=False))
        assert plain["status"] == change.status
        if change.status != "changed":
            assert plain.keys() == {"id", "status", "frame"}
            assert same_value(frame_from_builtins(plain["frame"]), pair[0] or pair[1])
            continue
        assert plain.keys() == {"id", "status", "annotations", "fields", "values"}
        assert plain["annotations"].keys() == {"added", "removed", "changed"}
        for value in plain["values"]:
            assert {"path"} < value.keys() <= {"path", "before", "after"}
        for changed in plain["annotations"]["changed"]:
            names = {"id", "geometry", "labels", "confidence", "object_id", "sources", "metadata"}
            assert {"id"} < changed.keys() <= names
            for name in changed.keys() - {"id", "geometry", "metadata"}:
                assert changed[name].keys() == {"before", "after"}
            if "geometry" in changed:
                assert changed["geometry"].keys() == {
                    *("kind_before", "kind_after", "distance", "iou", "before", "after")
                }
