"""Resolving conflicts: to one side, or to both where both can be kept. Pure functions of values.

A conflict says how the two sides had one thing; what it is resolved to is written into the frame (or schema, or map) as
it is now. Draft and conflict may be far apart by then, so the rules hold for every frame:

- What a conflict names as a whole (an annotation, a source, a key of metadata) becomes what the side had: it is
  replaced where it stands, put at the end where it is gone, and removed where the side had removed it.
- A field of something that is gone since, or of a frame that is, is left alone: there is nothing left to decide.
- A result that no frame may be (two sources in a single frame, an annotation on a source that is no more) is refused
  with InvalidInputError. That does not happen to a frame as its merge left it when all of its conflicts are resolved
  to one side.

Conflicts of one merge never lie within each other, so the order in which they are resolved does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from hdstore.codec import mask_value_name, typed_value
from hdstore.errors import InvalidInputError, InvalidValueError
from hdstore.ids import derive_id
from hdstore.merge.members import MEDIUM_FIELDS
from hdstore.merge.slots import ABSENT, Path, same, sort_conflicts
from hdstore.model import (
    Annotation,
    Conflict,
    Frame,
    Label,
    Metadata,
    Schema,
    Source,
    check_frame,
    check_schema,
    replace,
)

__all__ = [
    "kept_side",
    "resolve",
    "resolve_both",
    "resolve_map",
    "resolve_schema",
    "shown_in_frame",
    "shown_in_map",
    "shown_in_schema",
]


def resolve(frame: Frame | None, conflicts: Iterable[Conflict], side: int) -> Frame | None:
    """Returns the frame (None: there is none) with each of its conflicts resolved to side 0 or 1.

    Raises InvalidInputError when the frame, as it is now, can not be so.
    """
    resolved = frame
    for conflict in sort_conflicts(conflicts):
        resolved = _set_in_frame(resolved, conflict.path, _value(conflict, side))
    return _checked(resolved)


def resolve_schema(schema: Schema, conflicts: Iterable[Conflict], side: int) -> Schema:
    """Returns the schema with each of these conflicts (of paths below ``schema``) resolved to side 0 or 1."""
    for conflict in sort_conflicts(conflicts):
        schema = _set_in_schema(schema, conflict.path[1:], _value(conflict, side))
    check_schema(schema)
    return schema


def resolve_map(metadata: Metadata, conflicts: Iterable[Conflict], side: int) -> Metadata:
    """Returns a version's metadata with each of these conflicts (of paths below it) resolved to side 0 or 1."""
    for conflict in sort_conflicts(conflicts):
        metadata = _set_in_map(metadata, conflict.path[2:], _value(conflict, side))
    return metadata


def kept_side(conflict: Conflict) -> int:
    """Returns the side that changed what the other deleted; InvalidInputError where both have a value.

    It is what "both" means of a conflict whose thing can be there only once.
    """
    first, second = conflict.sides
    if first.present and second.present:
        where = f"of frame {conflict.frame_id!r}" if conflict.frame_id else "of the version"
        raise InvalidInputError(
            f"{'/'.join(conflict.path) or 'The whole'} {where} can be there only once, so both sides can not be"
            " kept; choose one side, or set it by hand."
        )
    return 0 if first.present else 1


def resolve_both(frame: Frame | None, conflicts: Iterable[Conflict]) -> Frame | None:
    """Returns the frame with both sides of each of its conflicts kept.

    An annotation with conflicts becomes two: the first side's under its id, and behind it the second side's under an
    id derived from it and the second's commit; where only its labels are a conflict it gets those of both. What one
    side deleted and the other changed is kept. Anything else can be there only once: InvalidInputError.
    """
    resolved = frame
    within: dict[str, list[Conflict]] = {}
    for conflict in sort_conflicts(conflicts):
        path = conflict.path
        if path[:1] == ("annotations",) and all(side.present for side in conflict.sides):
            within.setdefault(path[1], []).append(conflict)
        else:
            resolved = _set_in_frame(resolved, path, _value(conflict, kept_side(conflict)))
    for annotation_id, listed in within.items():
        if resolved is not None:
            resolved = _both_in_annotation(resolved, annotation_id, listed)
    return _checked(resolved)


def shown_in_frame(frame: Frame | None, conflict: Conflict) -> int | None:
    """Returns the side whose value a frame (None: there is none) holds now; None where it is neither or both."""
    return _shown(conflict, frame, lambda value: _set_in_frame(frame, conflict.path, value))


def shown_in_schema(schema: Schema, conflict: Conflict) -> int | None:
    """Returns the side whose value a schema holds now; None where it is neither or both."""
    return _shown(conflict, schema, lambda value: _set_in_schema(schema, conflict.path[1:], value))


def shown_in_map(metadata: Metadata, conflict: Conflict) -> int | None:
    """Returns the side whose value a version's metadata hold now; None where it is neither or both."""
    return _shown(conflict, metadata, lambda value: _set_in_map(metadata, conflict.path[2:], value))


def _shown(conflict: Conflict, held: Any, put: Callable[[Any], Any]) -> int | None:
    """Returns the one side that changes nothing when it is put into what is held."""
    found = [side for side in (0, 1) if same(held, put(_value(conflict, side)))]
    return found[0] if len(found) == 1 else None


def _both_in_annotation(frame: Frame, annotation_id: str, conflicts: Sequence[Conflict]) -> Frame:
    """Returns the frame with both sides' versions of one annotation; as it is where the annotation is gone."""
    held = frame.annotation(annotation_id)
    if held is None:
        return frame
    first, second = (_resolved_annotation(held, conflicts, side) for side in (0, 1))
    if [conflict.path[2:] for conflict in conflicts] == [("labels",)]:
        kept = [replace(first, labels=tuple(dict.fromkeys((*first.labels, *second.labels))))]
    else:
        taken = {annotation.id for annotation in frame.annotations}
        commit = conflicts[0].sides[1].commit
        repeat = 0
        while (new := derive_id("both", annotation_id, commit, repeat)) in taken:
            repeat += 1
        kept = [first, replace(second, id=new)]
    at = frame.annotations.index(held)
    return replace(frame, annotations=(*frame.annotations[:at], *kept, *frame.annotations[at + 1 :]))


def _resolved_annotation(annotation: Annotation, conflicts: Iterable[Conflict], side: int) -> Annotation:
    for conflict in conflicts:
        value = _value(conflict, side)
        annotation = _set_in_annotation(annotation, conflict.path[2:], value) if conflict.path[2:] else value
    return annotation


def _value(conflict: Conflict, side: int) -> Any:
    """Returns the value of a side as the model has it, or ABSENT."""
    if side not in (0, 1):
        raise InvalidInputError(f"A conflict has the sides 0 and 1, and {side!r} is neither.")
    found = conflict.sides[side]
    return typed_value(conflict.frame_id, conflict.path, found.value) if found.present else ABSENT


def _checked(frame: Frame | None) -> Frame | None:
    if frame is not None:
        try:
            check_frame(frame)
        except InvalidValueError as error:
            raise InvalidInputError(
                f"The conflicts of frame {frame.id!r} can not be resolved so: {error} Resolve those of the annotations"
                " and sources together, choose the other side, or set the frame by hand."
            ) from error
    return frame


def _set_in_frame(frame: Frame | None, path: Path, value: Any) -> Frame | None:
    """Returns the frame with what stands at a path set, or removed by ABSENT."""
    if not path:
        return None if value is ABSENT else value
    if frame is None:
        return None
    field, *rest = path
    held = getattr(frame, field)
    match field, rest:
        case ("annotations", [name, *below]):
            value = _set_member(held, name, tuple(below), value, _set_in_annotation)
        case ("sources", [name, *below]):
            value = _set_member(held, name, tuple(below), value, _set_in_source)
        case (_, [_, *_]):
            value = _set_in_map(held, rest, value)
    return replace(frame, **{field: value})


def _set_member(
    members: tuple[Any, ...], name: str, below: Path, value: Any, change: Callable[[Any, Path, Any], Any]
) -> tuple[Any, ...]:
    """Returns members of a frame with the one of this id, or what stands below it, set or removed."""
    if below:
        return tuple(change(member, below, value) if member.id == name else member for member in members)
    return _put(members, name, value, lambda member: str(member.id))


def _put(members: tuple[Any, ...], name: str, value: Any, name_of: Callable[[Any], str]) -> tuple[Any, ...]:
    """Returns members with the one of this name replaced where it stands, put at the end, or removed by ABSENT."""
    if value is ABSENT:
        return tuple(member for member in members if name_of(member) != name)
    if all(name_of(member) != name for member in members):
        return (*members, value)
    return tuple(value if name_of(member) == name else member for member in members)


def _set_in_annotation(annotation: Annotation, path: Path, value: Any) -> Annotation:
    field, *rest = path
    if rest:
        value = _set_in_map(getattr(annotation, field), rest, value)
    return replace(annotation, **{field: value})


def _set_in_source(source: Source, path: Path, value: Any) -> Source:
    match path:
        case ["medium"]:
            return replace(source, **{name: getattr(value, name) for name in MEDIUM_FIELDS})
        case ["masks", name]:
            return replace(source, masks=_put(source.masks, name, value, lambda mask: str(mask.id)))
        case ["metadata", *keys]:
            return replace(source, metadata=_set_in_map(source.metadata, keys, value))
    return replace(source, **{path[0]: value})


def _set_in_map(held: Mapping[str, Any], keys: Sequence[str], value: Any) -> dict[str, Any]:
    """Returns a map with what stands at these keys set or removed; as it is where a map on the way is gone."""
    key, *rest = keys
    changed = dict(held)
    if rest:
        if isinstance(held.get(key), dict):
            changed[key] = _set_in_map(held[key], rest, value)
    elif value is ABSENT:
        changed.pop(key, None)
    else:
        changed[key] = value
    return changed


def _set_in_schema(schema: Schema, path: Path, value: Any) -> Schema:
    match path:
        case ["labels", name]:
            return replace(schema, labels=_put(schema.labels, name, value, lambda label: str(label.name)))
        case ["labels", name, *below]:
            labels = (
                _set_in_label(label, below, value) if label.name == name else label for label in schema.labels
            )
            return replace(schema, labels=tuple(labels))
        case ["mask_labels", mask, number]:
            if mask not in schema.mask_labels:
                return schema
            value = _put(schema.mask_labels[mask], number, value, lambda one: mask_value_name(one.value))
            return replace(schema, mask_labels=schema.mask_labels | {mask: value})
    return replace(schema, mask_labels=_set_in_map(schema.mask_labels, path[1:], value))


def _set_in_label(label: Label, path: Sequence[str], value: Any) -> Label:
    field, *rest = path
    if rest:
        value = _set_in_map(getattr(label, field), rest, value)
    return replace(label, **{field: value})
