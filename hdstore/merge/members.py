"""Three-way merge of what stands in a frame: one annotation, one source with its masks."""

from __future__ import annotations

from typing import Any

from hdstore.codec import SourceMedium
from hdstore.merge.ordering import merge_order
from hdstore.merge.slots import ABSENT, Notes, Path, Three, fields_of
from hdstore.model import Annotation, Mask, Source, replace

__all__ = ["MEDIUM_FIELDS", "merge_annotation", "merge_source"]

_ANNOTATION_FIELDS = ("confidence", "geometry", "labels", "object_id", "sources")
_SOURCE_FIELDS = ("preview", "timestamp")
MEDIUM_FIELDS = ("content_type", "hash", "height", "size", "uri", "width")


def merge_annotation(notes: Notes, path: Path, three: Three) -> Annotation:
    """Returns what a merge makes of an annotation that both sides changed: field by field, metadata key by key."""
    second: Annotation = three.second
    fields = _merge_fields(notes, path, three, _ANNOTATION_FIELDS)
    fields["metadata"] = notes.choose_map((*path, "metadata"), fields_of(three, "metadata"))
    return replace(second, **fields)


def merge_source(notes: Notes, path: Path, three: Three) -> Source:
    """Returns what a merge makes of a source that both sides changed; which bytes it is merges as one thing."""
    second: Source = three.second
    fields = _merge_fields(notes, path, three, _SOURCE_FIELDS)
    medium = notes.choose((*path, "medium"), Three(*map(_medium, three)))
    fields |= {name: getattr(medium, name) for name in MEDIUM_FIELDS}
    fields["metadata"] = notes.choose_map((*path, "metadata"), fields_of(three, "metadata"))
    fields["masks"] = _merge_masks(notes, (*path, "masks"), fields_of(three, "masks"))
    return replace(second, **fields)


def _merge_fields(notes: Notes, path: Path, three: Three, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: notes.choose((*path, name), fields_of(three, name)) for name in names}


def _medium(source: Any) -> Any:
    if source is ABSENT:
        return ABSENT
    return SourceMedium(**{name: getattr(source, name) for name in MEDIUM_FIELDS})


def _merge_masks(notes: Notes, path: Path, three: Three) -> tuple[Mask, ...]:
    base, first, second = (() if masks is ABSENT else masks for masks in three)
    maps = Three(*({mask.id: mask for mask in masks} for masks in (base, first, second)))
    merged = notes.choose_members(path, maps, Notes.choose)
    return tuple(merged[name] for name in merge_order(maps, merged))
