"""The small documents of a version and of the catalog: canonical, validated, and damaged ones named."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

from hdstore.codec import (
    decode_dataset,
    decode_schema,
    decode_stats,
    decode_version,
    encode_dataset,
    encode_schema,
    encode_stats,
    encode_version,
)
from hdstore.errors import DamagedError, InvalidValueError
from hdstore.model import (
    DatasetDocument,
    Label,
    LabelCount,
    MaskLabel,
    Schema,
    Stats,
    VersionDocument,
    VersionRecord,
    replace,
)

VERSION = VersionDocument(created=1, dataset_id="d.00000000", id="v.00000000")
DATASET = DatasetDocument(created=1, id="d.00000000", name="d")

datasets = st.builds(
    DatasetDocument,
    created=st.integers(0, 2**40),
    archived=st.booleans(),
    deleted=st.booleans(),
    description=strategies.texts,
    id=st.just("d.00000000"),
    metadata=strategies.metadata,
    name=strategies.names,
    project=strategies.texts,
    tags=st.lists(strategies.names, max_size=3).map(tuple),
    versions=st.dictionaries(
        st.sampled_from(["a.00000000", "b.00000000"]),
        st.builds(
            VersionRecord,
            archived=st.booleans(),
            continued_by=strategies.texts,
            deleted=st.booleans(),
            description=strategies.texts,
            name=strategies.names,
            tags=st.lists(strategies.names, max_size=2).map(tuple),
        ),
        max_size=2,
    ),
)
stats = st.builds(
    Stats,
    annotated=st.integers(0, 2**40),
    annotations=st.integers(0, 2**40),
    content_types=st.dictionaries(strategies.texts, st.integers(1, 99), max_size=2),
    frames=st.integers(0, 2**40),
    labels=st.dictionaries(
        strategies.names,
        st.builds(LabelCount, annotations=st.integers(0, 99), frames=st.integers(0, 99)),
        max_size=3,
    ),
)


@given(strategies.schemas)
def test_a_schema_is_read_back(schema: Schema) -> None:
    """Labels keep their order, colours, keys, skeletons, attributes and foreign records."""
    raw = encode_schema(schema)

    assert decode_schema(raw) == schema
    assert encode_schema(decode_schema(raw)) == raw


@given(stats)
def test_statistics_are_read_back(value: Stats) -> None:
    """All counts, and the same bytes again."""
    raw = encode_stats(value)

    assert decode_stats(raw) == value
    assert encode_stats(decode_stats(raw)) == raw


@given(strategies.metadata, st.lists(strategies.names, max_size=2).map(tuple))
def test_a_version_document_is_read_back(metadata: dict[str, Any], parents: tuple[str, ...]) -> None:
    """Metadata keep their types; equal documents have equal bytes whatever the order of their keys."""
    document = replace(VERSION, metadata=metadata, parents=parents)
    raw = encode_version(document)
    turned = replace(document, metadata=dict(reversed(metadata.items())))

    assert decode_version(raw) == document
    assert encode_version(turned) == raw


@given(datasets)
def test_a_dataset_document_is_plain_sorted_json(document: DatasetDocument) -> None:
    """It reads back, and its text is what ``json`` writes with sorted keys."""
    raw = encode_dataset(document)

    assert decode_dataset(raw, "d") == document
    assert raw == json.dumps(json.loads(raw), ensure_ascii=False, indent=2, sort_keys=True).encode() + b"\n"


@pytest.mark.parametrize(
    "encode",
    [
        lambda: encode_version(replace(VERSION, metadata={"a": float("nan")})),
        lambda: encode_version(replace(VERSION, metadata={"a": 2**64})),
        lambda: encode_version(replace(VERSION, metadata=None)),
        lambda: encode_version(replace(VERSION, metadata={"a": {1: 2}})),
        lambda: encode_version(replace(VERSION, created="now")),
        lambda: encode_version(replace(VERSION, parents="v")),
        lambda: encode_version(replace(VERSION, metadata={"a": "\ud800"})),
        lambda: encode_schema(Schema(labels=(Label(name="a"), Label(name="a")))),
        lambda: encode_schema(Schema(labels=(Label(name=""),))),
        lambda: encode_schema(Schema(labels=(Label(name="a\n"),))),
        lambda: encode_schema(Schema(labels=({"name": "a"},))),  # type: ignore[arg-type]
        lambda: encode_schema(Schema(labels=(Label(name="a", foreign={"coco": {1, 2}}),))),
        lambda: encode_schema(Schema(labels=5)),  # type: ignore[arg-type]
        lambda: encode_schema(None),  # type: ignore[arg-type]
        lambda: encode_schema(Schema(mask_labels={"a": (MaskLabel(labels=("x",), value=(2**70,)),)})),
        lambda: encode_stats(Stats(frames=1.5)),  # type: ignore[arg-type]
        lambda: encode_dataset(replace(DATASET, metadata={"a": float("inf")})),
        lambda: encode_dataset(replace(DATASET, tags=(1,))),
        lambda: encode_dataset(replace(DATASET, description=None)),
        lambda: encode_dataset(replace(DATASET, description="\ud800")),
        lambda: encode_dataset(replace(DATASET, project=7)),
    ],
)
def test_a_document_that_breaks_a_rule_is_refused(encode: Callable[[], bytes]) -> None:
    """Whatever is wrong, the error is InvalidValueError."""
    with pytest.raises(InvalidValueError):
        encode()


@given(st.data())
def test_damaged_documents_are_named_so(data: st.DataObject) -> None:
    """Cut, changed or random bytes are a document or DamagedError, never another error."""
    originals: list[tuple[bytes, Callable[[bytes], object]]] = [
        (encode_version(replace(VERSION, metadata={"a": [1, {"b": 2.5}]})), decode_version),
        (encode_schema(Schema(labels=(Label(name="cat", color="#ff0000"),))), decode_schema),
        (encode_stats(Stats(frames=3, labels={"cat": LabelCount(annotations=2, frames=1)})), decode_stats),
        (encode_dataset(DATASET), lambda raw: decode_dataset(raw, "datasets/d.json")),
    ]
    for good, decode in originals:
        raw = bytearray(good)
        for _ in range(data.draw(st.integers(0, 3))):
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        for damaged in (
            bytes(raw),
            bytes(raw[: data.draw(st.integers(0, len(raw)))]),
            data.draw(st.binary()),
        ):
            with suppress(DamagedError):
                decode(damaged)


def test_an_unknown_field_of_a_document_is_damage() -> None:
    """A newer format's field is refused rather than lost."""
    with pytest.raises(DamagedError, match="unknown field `zoo`"):
        decode_dataset(encode_dataset(DATASET).replace(b'"created"', b'"zoo": 1, "created"'), "d")


def test_equal_schemas_have_equal_bytes_whatever_sequence_holds_their_labels() -> None:
    """A list where a tuple is meant changes nothing."""
    with_list = Schema(labels=[Label(name="a", attributes={"x": ["1"]})])  # type: ignore[arg-type, dict-item]

    assert encode_schema(with_list) == encode_schema(
        Schema(labels=(Label(name="a", attributes={"x": ("1",)}),))
    )
