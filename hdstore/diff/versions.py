"""What differs between the schemas and the metadata of two versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hdstore.codec.conflictpaths import mask_value_name
from hdstore.codec.plain import schema_to_builtins
from hdstore.diff.values import ValueChange, value_changes
from hdstore.model import Schema
from hdstore.version import VersionState

__all__ = ["compare_schemas", "compare_versions"]


def compare_versions(before: VersionState, after: VersionState) -> list[ValueChange]:
    """Returns what differs beside the frames: schema, and metadata by paths ``("version", "metadata", KEY)``."""
    metadata = (before.document.metadata, after.document.metadata)
    return [
        *compare_schemas(before.schema, after.schema),
        *value_changes(*metadata, ("version", "metadata")),
    ]


def compare_schemas(before: Schema, after: Schema) -> list[ValueChange]:
    """Returns what differs between two schemas, as plain values.

    The paths are ``("schema", "labels", NAME)`` for a label that came or went, with a field behind it for one that
    changed, and ``("schema", "mask_labels", MASK_ID, VALUE)``, where VALUE is the pixel value's numbers with commas
    between them. ``("schema", "label order")`` has the names of all labels, where those of both stand in another order.
    """
    changes = list(value_changes(_plain(before), _plain(after), ("schema",)))
    old, new = ([label.name for label in schema.labels] for schema in (before, after))
    if _common(old, new) != _common(new, old):
        changes.append(ValueChange(("schema", "label order"), old, new))
    for mask_id in sorted(before.mask_labels.keys() & after.mask_labels.keys()):
        old, new = (
            [mask_value_name(label.value) for label in schema.mask_labels[mask_id]]
            for schema in (before, after)
        )
        if _common(old, new) != _common(new, old):
            changes.append(ValueChange(("schema", "mask_labels", mask_id, "order"), old, new))
    return changes


def _plain(schema: Schema) -> dict[str, Any]:
    """Returns a schema with its labels by name and its mask labels by mask and pixel value."""
    plain = schema_to_builtins(schema)
    return {
        "labels": {label.pop("name"): label for label in plain.get("labels", ())},
        "mask_labels": {
            mask_id: {mask_value_name(label.pop("value")): label for label in labels}
            for mask_id, labels in plain.get("mask_labels", {}).items()
        },
    }


def _common(names: Sequence[str], others: Sequence[str]) -> list[str]:
    held = set(others)
    return [name for name in names if name in held]
