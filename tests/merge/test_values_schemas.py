"""Merges of schemas and of metadata: label by label, field by field, key by key."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from merging import COMMITS
from strategies import changed_maps, metadata, schemas

from hdstore.codec import decode_conflicts, decode_schema, encode_conflicts, encode_schema, same_value
from hdstore.merge import merge_maps, merge_schemas, resolve_map, resolve_schema
from hdstore.model import ALL_MASKS, Conflict, Label, MaskLabel, Metadata, Schema, check_schema, replace

PATH = ("version", "metadata")
CAT, DOG = Label(name="cat", color="#ff0000"), Label(name="dog")
SCHEMA = Schema(labels=(CAT, DOG), mask_labels={ALL_MASKS: (MaskLabel(labels=("cat",), value=(1,)),)})


def merge(base: Schema | None, first: Schema, second: Schema) -> tuple[Schema, list[tuple[str, ...]]]:
    schema, conflicts = merge_schemas(base, first, second, commits=COMMITS)
    return schema, [conflict.path for conflict in conflicts]


@st.composite
def three_schemas(draw: st.DrawFn) -> tuple[Schema, Schema, Schema]:
    """Returns a schema and two others that have many labels of it."""
    base, one, two = (decode_schema(encode_schema(draw(schemas))) for _ in range(3))

    def mixed(other: Schema) -> Schema:
        labels = {label.name: label for label in (*base.labels, *other.labels)}
        kept = draw(st.lists(st.sampled_from(sorted(labels)), unique=True)) if labels else []
        masks = base.mask_labels | other.mask_labels
        masks = {name: masks[name] for name in masks if draw(st.booleans())}
        return Schema(labels=tuple(labels[name] for name in kept), mask_labels=masks)

    return base, mixed(one), mixed(two)


@given(three_schemas())
def test_merged_schemas_are_valid_and_complete(sides: tuple[Schema, Schema, Schema]) -> None:
    """No label is lost or doubled, conflicts can be stored, and resolved to one side each thing is as there."""
    base, first, second = sides
    merged, conflicts = merge_schemas(base, first, second, commits=COMMITS)
    check_schema(merged)
    assert encode_schema(decode_schema(encode_schema(merged))) == encode_schema(merged)
    assert decode_conflicts(encode_conflicts(conflicts)) == conflicts

    def stays(name: str) -> bool:
        old, one, two = (side.label(name) for side in sides)
        if old is None or (one is not None and two is not None):
            return True
        return any(side is not None and not same_value(side, old) for side in (one, two))

    named = {label.name for side in (first, second) for label in side.labels}
    assert sorted(label.name for label in merged.labels) == sorted(name for name in named if stays(name))
    for side in (0, 1):
        resolved = resolve_schema(merged, conflicts, side)
        for path in (conflict.path for conflict in conflicts):
            if path[1] == "labels" and len(path) == 3:
                assert resolved.label(path[2]) == (first, second)[side].label(path[2])


@given(three_schemas())
def test_equal_and_one_sided_schemas_are_taken(sides: tuple[Schema, Schema, Schema]) -> None:
    """What one side left alone is as the other made it, without a conflict."""
    base, first, _ = sides
    for a, b in ((first, first), (base, first), (first, base)):
        assert merge(base, a, b) == (first, [])
    assert merge(None, first, first) == (first, [])


def test_fields_of_labels_merge_apart() -> None:
    """A colour here and a key there go together; two colours are a conflict and the second is shown."""
    first = replace(SCHEMA, labels=(replace(CAT, color="#00ff00"), DOG, Label(name="cow")))
    second = replace(SCHEMA, labels=(replace(CAT, key="c"), Label(name="sheep"), DOG))
    schema, paths = merge(SCHEMA, first, second)
    assert paths == []
    assert schema.labels == (
        replace(CAT, color="#00ff00", key="c"),
        Label(name="sheep"),
        DOG,
        Label(name="cow"),
    )
    schema, paths = merge(
        SCHEMA,
        first,
        replace(SCHEMA, labels=(replace(CAT, color="#0000ff", attributes={"age": ("old",)}), DOG)),
    )
    assert paths == [("schema", "labels", "cat", "color")]
    assert schema.labels[0] == replace(CAT, color="#0000ff", attributes={"age": ("old",)})


def test_attributes_and_foreign_records_merge_by_key() -> None:
    """Attributes of other names, and records of other formats, do not meet."""
    base = Schema(labels=(replace(CAT, attributes={"age": ()}, foreign={"coco": {"id": 1}}),))
    first = Schema(
        labels=(replace(CAT, attributes={"age": (), "sex": ()}, foreign={"coco": {"id": 1, "x": 1}}),)
    )
    second = Schema(
        labels=(replace(CAT, attributes={"age": ("old",)}, foreign={"coco": {"id": 2}, "voc": 1}),)
    )
    schema, paths = merge(base, first, second)
    assert paths == []
    assert schema.labels[0].attributes == {"age": ("old",), "sex": ()}
    assert schema.labels[0].foreign == {"coco": {"id": 2, "x": 1}, "voc": 1}


def test_mask_labels_merge_by_mask_and_value() -> None:
    """Other values of one mask go together; one value with two meanings is a conflict; doubled values go as one."""

    def masks(*labels: tuple[str, tuple[int, ...]], mask: str = ALL_MASKS) -> Schema:
        listed = tuple(MaskLabel(labels=(name,), value=value) for name, value in labels)
        return replace(SCHEMA, mask_labels={mask: listed})

    one, two = masks(("cat", (1,)), ("dog", (2,))), masks(("cat", (1,)), ("cow", (1, 2, 3)))
    schema, paths = merge(SCHEMA, one, two)
    assert paths == []
    assert [label.value for label in schema.mask_labels[ALL_MASKS]] == [(1,), (2,), (1, 2, 3)]
    _, paths = merge(SCHEMA, one, masks(("cow", (1,)), ("cow", (2,))))
    assert paths == [("schema", "mask_labels", ALL_MASKS, "2")]
    doubled = masks(("dog", (1,)), ("cow", (1,)))
    schema, paths = merge(SCHEMA, one, doubled)
    assert paths == [("schema", "mask_labels", ALL_MASKS)]
    assert schema.mask_labels == doubled.mask_labels
    schema, conflicts = merge_schemas(SCHEMA, replace(SCHEMA, mask_labels={}), one, commits=COMMITS)
    assert schema.mask_labels == one.mask_labels
    assert resolve_schema(schema, conflicts, 0).mask_labels == {}


@st.composite
def changed(draw: st.DrawFn, base: Metadata) -> Metadata:
    for _ in range(draw(st.integers(0, 3))):
        base = draw(changed_maps(base))
    return base


maps = metadata.flatmap(lambda base: st.tuples(st.just(base), changed(base), changed(base)))
NOTHING = object()


def value_at(held: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        held = held.get(key, NOTHING) if isinstance(held, dict) else NOTHING
    return held


@given(maps)
def test_maps_merge_key_by_key(sides: tuple[Metadata, Metadata, Metadata]) -> None:
    """A key that one side set or removed is as there; conflicts hold what both have, and resolve to it."""
    base, first, second = sides
    merged, conflicts = merge_maps(base, first, second, commits=COMMITS, path=PATH)
    assert merge_maps(base, first, second, commits=COMMITS, path=PATH) == (merged, conflicts)
    met = {conflict.path[2] for conflict in conflicts}
    for key in {*base, *first, *second} - met:
        old, one, two = (value_at(side, (key,)) for side in sides)
        if all(not isinstance(value, dict) for value in (old, one, two)):
            kept = (
                two
                if one is old or (one is not NOTHING and old is not NOTHING and same_value(one, old))
                else one
            )
            assert value_at(merged, (key,)) is kept or same_value(value_at(merged, (key,)), kept)
    for side in (0, 1):
        resolved = resolve_map(merged, conflicts, side)
        for conflict in conflicts:
            wanted = conflict.sides[side].value if conflict.sides[side].present else NOTHING
            found = value_at(resolved, conflict.path[2:])
            assert found is wanted or same_value(found, wanted)


def test_lists_are_one_and_zero_is_not_false() -> None:
    """Lists merge as wholes; 1, 1.0 and true are three values, though Python calls them equal."""
    merged, found = merge_maps({"l": [1]}, {"l": [1, 2]}, {"l": [1, 3]}, commits=COMMITS, path=PATH)
    assert merged == {"l": [1, 3]}
    assert [conflict.path for conflict in found] == [(*PATH, "l")]
    assert same_value(found[0].base.value, [1])
    merged, found = merge_maps({"k": 1}, {"k": 1.0}, {"k": 1}, commits=COMMITS, path=PATH)
    assert same_value(merged, {"k": 1.0})
    assert found == ()
    _, found = merge_maps({"k": 1}, {"k": 1.0}, {"k": True}, commits=COMMITS, path=PATH)
    assert [type(side.value) for side in found[0].sides] == [float, bool]


def test_a_map_in_place_of_a_value_is_one_thing() -> None:
    """Two maps that were added merge, two that replaced a number are a conflict, and so is one that was removed."""
    both = ({"k": {"a": 1}}, {"k": {"b": 1}})
    assert merge_maps({}, *both, commits=COMMITS, path=PATH) == ({"k": {"a": 1, "b": 1}}, ())
    assert merge_maps(None, *both, commits=COMMITS, path=PATH) == ({"k": {"a": 1, "b": 1}}, ())
    for base, first in (({"k": 1}, both[0]), ({"k": {"a": 1}}, {}), ({"k": {"a": 1}}, {"k": 1})):
        merged, found = merge_maps(base, first, both[1] | {"n": 1}, commits=COMMITS, path=PATH)
        assert merged == both[1] | {"n": 1}
        assert [conflict.path for conflict in found] == [(*PATH, "k")]


def test_very_deep_maps_merge_as_one() -> None:
    """Metadata as deep as it may be, and a stranger's that is deeper, end in a conflict and not in the stack."""

    def deep(value: int, levels: int) -> Metadata:
        held: Metadata = {"k": value}
        for _ in range(levels):
            held = {"k": held}
        return held

    for levels in (60, 400):
        merged, found = merge_maps(
            deep(0, levels), deep(1, levels), deep(2, levels), commits=COMMITS, path=PATH
        )
        assert merged == deep(2, levels)
        assert len(found) == 1
        assert len(found[0].path) <= 66
    assert isinstance(found[0], Conflict)
