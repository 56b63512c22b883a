"""Canonical MessagePack of values: equal values give equal bytes, and only canonical bytes are accepted by ``verify``.

Struct fields stand in the order of their names, defaults are left out, maps are sorted by key, floats are float64.
Sits on the model; knows no store. ``docs/format.md`` describes the bytes.
"""

from __future__ import annotations

from hdstore.codec.conflictpaths import SourceMedium, mask_value_name, plain_value, typed_value
from hdstore.codec.conflicts import conflict_id, decode_conflicts, encode_conflicts
from hdstore.codec.documents import (
    decode_dataset,
    decode_schema,
    decode_stats,
    decode_version,
    encode_dataset,
    encode_schema,
    encode_stats,
    encode_version,
)
from hdstore.codec.frames import (
    annotations_of,
    canonical_bytes,
    complete_ids,
    decode_frame,
    encode_frame,
    frame_from_builtins,
    frame_from_json,
    frame_id_of,
    frame_to_builtins,
    frame_to_json,
    is_canonical_frame,
    same_value,
    stored_values,
)
from hdstore.codec.leaves import decode_leaf, join_leaf, leaf_count, leaf_head, split_leaf
from hdstore.codec.views import (
    MAX_VIEW_BYTES,
    decode_view,
    decode_view_document,
    encode_view,
    encode_view_document,
    normal_view,
    view_from_builtins,
    view_hash,
    view_to_builtins,
    view_to_json,
)
from hdstore.codec.viewtext import view_from_text

__all__ = [
    "MAX_VIEW_BYTES",
    "SourceMedium",
    "annotations_of",
    "canonical_bytes",
    "complete_ids",
    "conflict_id",
    "decode_conflicts",
    "decode_dataset",
    "decode_frame",
    "decode_leaf",
    "decode_schema",
    "decode_stats",
    "decode_version",
    "decode_view",
    "decode_view_document",
    "encode_conflicts",
    "encode_dataset",
    "encode_frame",
    "encode_schema",
    "encode_stats",
    "encode_version",
    "encode_view",
    "encode_view_document",
    "frame_from_builtins",
    "frame_from_json",
    "frame_id_of",
    "frame_to_builtins",
    "frame_to_json",
    "is_canonical_frame",
    "join_leaf",
    "leaf_count",
    "leaf_head",
    "mask_value_name",
    "normal_view",
    "plain_value",
    "same_value",
    "split_leaf",
    "stored_values",
    "typed_value",
    "view_from_builtins",
    "view_from_text",
    "view_hash",
    "view_to_builtins",
    "view_to_json",
]
