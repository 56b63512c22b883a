"""Schemas, mask labels and statistics as the plain values that JSON for people and scripts is made of."""

from __future__ import annotations

from typing import Any

import msgspec

from hdstore.errors import InvalidValueError
from hdstore.model import MaskLabel, Schema, Stats

__all__ = [
    "encode_json",
    "mask_labels_from_builtins",
    "schema_from_builtins",
    "schema_to_builtins",
    "stats_to_builtins",
]


_json = msgspec.json.Encoder(order="deterministic")


def encode_json(value: Any) -> bytes:
    """Returns values of the model, or lists and maps of them, as compact JSON with sorted keys in UTF-8."""
    try:
        return _json.encode(value)
    except (TypeError, UnicodeError, RecursionError) as error:
        raise InvalidValueError(f"This can not be written as JSON: {error}.") from error


def schema_to_builtins(schema: Schema) -> dict[str, Any]:
    """Returns a schema as plain values; defaults are left out."""
    plain: dict[str, Any] = msgspec.to_builtins(schema)
    return plain


def schema_from_builtins(plain: Any) -> Schema:
    """Returns the schema that plain values describe; InvalidValueError names the field that is wrong."""
    try:
        return msgspec.convert(plain, Schema)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidValueError(f"This is not a schema: {error}.") from error


def mask_labels_from_builtins(plain: Any) -> dict[str, tuple[MaskLabel, ...]]:
    """Returns the mask labels that plain values describe, by mask id."""
    try:
        return msgspec.convert(plain, dict[str, tuple[MaskLabel, ...]])
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidValueError(f"These are not mask labels: {error}.") from error


def stats_to_builtins(stats: Stats) -> dict[str, Any]:
    """Returns statistics as plain values, with all of their fields."""
    return {
        "frames": stats.frames,
        "annotated": stats.annotated,
        "annotations": stats.annotations,
        "labels": {
            name: {"annotations": count.annotations, "frames": count.frames}
            for name, count in stats.labels.items()
        },
        "content_types": dict(stats.content_types),
    }
