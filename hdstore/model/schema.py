"""The label schema of a version: its labels and what the pixel values of its masks mean."""

from __future__ import annotations

import msgspec

from hdstore.model.annotation import Metadata

__all__ = ["ALL_MASKS", "Label", "MaskLabel", "Schema", "Skeleton"]

ALL_MASKS = "_all_"
"""The mask id under which labels hold for every mask of a frame (row 85)."""


class _SchemaValue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of the schema's values."""


class Skeleton(_SchemaValue, frozen=True, kw_only=True):
    """Names of keypoints and the pairs (counted from 0) that are joined by a line."""

    edges: tuple[tuple[int, int], ...] = ()
    names: tuple[str, ...] = ()


class Label(_SchemaValue, frozen=True, kw_only=True):
    """One label: its colour (#rrggbb), hot key, skeleton, attributes and whatever an import said of it.

    ``attributes`` maps an attribute's name to the values it may take (empty: any). ``foreign`` maps a format's name
    to the record that format had, so that it can be written back unchanged.
    """

    attributes: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    color: str = ""
    description: str = ""
    foreign: Metadata = msgspec.field(default_factory=dict)
    key: str = ""
    name: str
    skeleton: Skeleton | None = None


class MaskLabel(_SchemaValue, frozen=True, kw_only=True):
    """The labels that one pixel value of a mask stands for (rows 85, 86)."""

    color: str = ""
    labels: tuple[str, ...]
    value: tuple[int, ...]


class Schema(_SchemaValue, frozen=True, kw_only=True):
    """Labels in the order they are shown, and mask labels by mask id (or ``ALL_MASKS``)."""

    labels: tuple[Label, ...] = ()
    mask_labels: dict[str, tuple[MaskLabel, ...]] = msgspec.field(default_factory=dict)

    def label(self, name: str) -> Label | None:
        """Returns the label of this name, or None."""
        for label in self.labels:
            if label.name == name:
                return label
        return None

    def with_labels(self, *labels: Label) -> Schema:
        """Returns a schema in which these labels replace those of their names or stand at the end."""
        new = {label.name: label for label in labels}
        kept = tuple(new.pop(label.name, label) for label in self.labels)
        return msgspec.structs.replace(self, labels=kept + tuple(new.values()))
