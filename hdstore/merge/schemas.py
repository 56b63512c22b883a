"""Three-way merge of what a version says of itself: its schema, and its metadata."""

from __future__ import annotations

from typing import Any

from hdstore.codec import mask_value_name
from hdstore.merge.ordering import merge_order
from hdstore.merge.slots import ABSENT, Notes, Path, Three, fields_of, same
from hdstore.model import Conflict, Label, MaskLabel, Metadata, Schema, replace

__all__ = ["merge_maps", "merge_schemas"]

_LABEL_FIELDS = ("color", "description", "key", "skeleton")


def merge_maps(
    base: Metadata | None,
    first: Metadata,
    second: Metadata,
    *,
    commits: tuple[str, str],
    path: Path,
    frame_id: str = "",
) -> tuple[Metadata, tuple[Conflict, ...]]:
    """Returns the metadata that two sides made of ``base`` (None: there was none), and what could not be decided.

    Keys merge apart, and those of maps inside too; lists are taken as one. ``path`` is where the map stands:
    ``("version", "metadata")`` for that of a version. For the rest see ``merge_frames``.
    """
    notes = Notes(commits, frame_id)
    merged = notes.choose_map(path, Three(ABSENT if base is None else base, first, second))
    return merged, notes.listed()


def merge_schemas(
    base: Schema | None, first: Schema, second: Schema, *, commits: tuple[str, str]
) -> tuple[Schema, tuple[Conflict, ...]]:
    """Returns the schema that two sides made of ``base`` (None: there was none), and what could not be decided.

    Labels merge by name, field by field, their attributes and foreign records key by key; mask labels by mask and
    pixel value. For the rest see ``merge_frames``.
    """
    base = Schema() if base is None else base
    if same(first, second) or same(base, first):
        return second, ()
    if same(base, second):
        return first, ()
    notes = Notes(commits)
    labels = Three(*({label.name: label for label in side.labels} for side in (base, first, second)))
    merged = notes.choose_members(("schema", "labels"), labels, _merge_label)
    order = merge_order(labels, merged)
    masks = notes.choose_members(
        ("schema", "mask_labels"), Three(*(side.mask_labels for side in (base, first, second))), _merge_mask
    )
    schema = replace(second, labels=tuple(merged[name] for name in order), mask_labels=masks)
    return schema, notes.listed()


def _merge_label(notes: Notes, path: Path, three: Three) -> Label:
    second: Label = three.second
    fields: dict[str, Any] = {
        name: notes.choose((*path, name), fields_of(three, name)) for name in _LABEL_FIELDS
    }
    fields["foreign"] = notes.choose_map((*path, "foreign"), fields_of(three, "foreign"))
    attributes = fields_of(three, "attributes")
    if attributes.base is ABSENT:
        attributes = attributes._replace(base={})
    fields["attributes"] = notes.choose_members((*path, "attributes"), attributes, Notes.choose)
    return replace(second, **fields)


def _merge_mask(notes: Notes, path: Path, three: Three) -> tuple[MaskLabel, ...]:
    """Returns what a merge makes of the labels of one mask, value by value unless a value stands there twice."""
    sides = [() if side is ABSENT else side for side in three]
    maps = Three(*({mask_value_name(label.value): label for label in side} for side in sides))
    if any(len(by_value) < len(side) for by_value, side in zip(maps, sides, strict=True)):
        kept: tuple[MaskLabel, ...] = notes.choose(path, three)
        return kept
    merged = notes.choose_members(path, maps, Notes.choose)
    return tuple(merged[name] for name in merge_order(maps, merged))
