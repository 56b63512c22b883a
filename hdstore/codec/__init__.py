"""Canonical MessagePack of values: equal values give equal bytes, and only canonical bytes are accepted by ``verify``.

Struct fields stand in the order of their names, defaults are left out, maps are sorted by key, floats are float64.
Sits on the model; knows no store. ``docs/format.md`` describes the bytes.
"""

from __future__ import annotations

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
)
from hdstore.codec.leaves import decode_leaf, join_leaf, leaf_count, split_leaf

__all__ = [
    "complete_ids",
    "decode_dataset",
    "decode_frame",
    "decode_leaf",
    "decode_schema",
    "decode_stats",
    "decode_version",
    "encode_dataset",
    "encode_frame",
    "encode_schema",
    "encode_stats",
    "encode_version",
    "frame_from_builtins",
    "frame_from_json",
    "frame_id_of",
    "frame_to_builtins",
    "frame_to_json",
    "is_canonical_frame",
    "join_leaf",
    "leaf_count",
    "same_value",
    "split_leaf",
]
