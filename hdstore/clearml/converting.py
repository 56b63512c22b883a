"""Entries to and from the frames that hdstore stores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from hdstore.clearml.classes import (
    ENTRY_CLASS,
    ENTRY_FIELDS,
    SUB_ENTRY_CLASS,
    SUB_ENTRY_FIELDS,
    find_class,
    give_fields,
    own_fields,
)
from hdstore.clearml.entry import DataEntry
from hdstore.clearml.image import DataEntryImage, DataSubEntryImage
from hdstore.clearml.rois import Roi, gather, rois_of
from hdstore.clearml.sub_entry import DataSubEntry
from hdstore.compat.projection import Paths, parse_projection, project
from hdstore.compat.values import deep
from hdstore.compat.wire import frame_from_dict, frame_to_dict
from hdstore.errors import InvalidValueError
from hdstore.model import Frame, FrameGroup, SingleFrame, Source

if TYPE_CHECKING:
    from hdstore.repository import Repository

__all__ = [
    "bind_entry",
    "entry_from_dict",
    "entry_from_native",
    "entry_to_dict",
    "entry_to_native",
    "item_to_dict",
    "partial_entry",
    "paths_of",
    "reader",
]

_BASES = (DataEntry, DataEntryImage, DataSubEntry, DataSubEntryImage)

_Base = TypeVar("_Base", DataEntry, DataSubEntry)


def entry_to_native(entry: DataEntry) -> Frame:
    """Returns an entry as the value that hdstore stores; one with several sub-entries is a group."""
    subs = entry.sub_data_entries
    sources = tuple(sub._medium.value(sub.name) for sub in subs)
    rest = entry._rest
    context = entry.context_id or "" if isinstance(entry, DataEntryImage) else rest.context_id
    metadata = _marked(entry, entry._metadata, _default_entry(sources), ENTRY_CLASS, ENTRY_FIELDS)
    for sub in subs:
        own = _marked(sub, sub._metadata, _default_sub(entry), SUB_ENTRY_CLASS, SUB_ENTRY_FIELDS)
        if own and metadata.get(sub.name):
            raise InvalidValueError(
                f"The metadata of an entry has no key of the name of a sub-entry, but {sub.name!r} is both."
            )
        if own:
            metadata[sub.name] = own
    return (FrameGroup if rest.is_group or len(sources) > 1 else SingleFrame)(
        id=entry.id,
        annotations=tuple(found.value for found in _gathered(entry)),
        blob=rest.blob,
        context_id=context,
        extra=deep(rest.extra),
        metadata=metadata,
        sources=sources,
        timestamp=rest.timestamp,
        vectors={name: tuple(vector) for name, vector in entry._vectors.items()},
    )


def bind_entry(entry: DataEntry, native: Frame) -> None:
    """Ties the annotations of an entry to those of the stored frame that was made of it: they keep their ids."""
    for position, (found, value) in enumerate(zip(_gathered(entry), native.annotations, strict=True)):
        for roi in found.copies:
            roi["id"] = value.id
            roi.position = position


def _gathered(entry: DataEntry) -> list[Any]:
    members: dict[str, Sequence[Roi]] = {
        sub.name: sub.get_all_annotations() if isinstance(sub, DataSubEntryImage) else []
        for sub in entry.sub_data_entries
    }
    return gather(entry._annotations, members)


def _marked(
    thing: DataEntry | DataSubEntry, metadata: dict[str, Any], default: type, class_key: str, fields_key: str
) -> dict[str, Any]:
    """Returns metadata with the class, where that is not what would be read without, and the fields it has added."""
    marked = deep(metadata)
    kind = type(thing)
    if thing._class_name or kind is not default:
        marked[class_key] = thing._class_name or kind.__name__
    if kind not in _BASES and (fields := own_fields(thing)):
        marked[fields_key] = {**marked.get(fields_key, {}), **fields}
    return marked


def _default_entry(sources: Sequence[Source]) -> type[DataEntry]:
    """Returns the class of a frame that names none: one with a picture's size, preview or masks is of pictures."""
    for source in sources:
        if source.width is not None or source.height is not None or source.preview or source.masks:
            return DataEntryImage
    return DataEntry


def _default_sub(entry: DataEntry) -> type[DataSubEntry]:
    return DataSubEntryImage if isinstance(entry, DataEntryImage) else DataSubEntry


def entry_from_native(
    native: Frame,
    home: Repository | None = None,
    *,
    numbers: Sequence[int] = (),
    kind: type[DataEntry] = DataEntry,
) -> DataEntry:
    """Returns a stored frame as an entry of the class it was made of; ``entry_to_native`` gives it back exactly.

    ``numbers`` are those that a view gives to the labels of its annotations. A frame that names no class becomes a
    ``kind``, or an entry of pictures.
    """
    metadata = deep(native.metadata)
    default = _default_entry(native.sources)
    entry = _made(metadata, default if issubclass(default, kind) else kind, DataEntry, ENTRY_CLASS)
    base = DataEntryImage if isinstance(entry, DataEntryImage) else DataEntry
    _begin(entry, base, metadata, ENTRY_CLASS, ENTRY_FIELDS, data_entry_id=native.id)
    rest = entry._rest
    rest.blob, rest.context_id, rest.timestamp = native.blob, native.context_id, native.timestamp
    rest.extra, rest.is_group = deep(native.extra), isinstance(native, FrameGroup)
    entry._vectors = {name: list(vector) for name, vector in native.vectors.items()}
    for source in native.sources:
        entry._sub_entries[source.id] = _sub_from(source, entry, home)
    _place(entry, rois_of(native.annotations, numbers))
    return entry


def _sub_from(source: Source, entry: DataEntry, home: Repository | None) -> DataSubEntry:
    found = entry._metadata.get(source.id)
    metadata = entry._metadata.pop(source.id) if isinstance(found, dict) and found else {}
    sub = _made(metadata, _default_sub(entry), DataSubEntry, SUB_ENTRY_CLASS)
    base = DataSubEntryImage if isinstance(sub, DataSubEntryImage) else DataSubEntry
    _begin(sub, base, metadata, SUB_ENTRY_CLASS, SUB_ENTRY_FIELDS, name=source.id, source=None)
    sub._load(source, home)
    if isinstance(sub, DataSubEntryImage):
        sub._context_id = entry._rest.context_id
    return sub


def _made(metadata: dict[str, Any], default: type[_Base], base: type[_Base], class_key: str) -> _Base:
    """Returns an object of the class that metadata names, without calling its constructor."""
    named = metadata.get(class_key)
    found = find_class(named, base) if named is not None else None
    return object.__new__(found or default)


def _begin(
    thing: DataEntry | DataSubEntry,
    base: type,
    metadata: dict[str, Any],
    class_key: str,
    fields_key: str,
    **arguments: Any,
) -> None:
    """Calls the constructor of a base, not that of a subclass, whose arguments nobody knows."""
    base.__init__(thing, metadata=metadata, **arguments)  # type: ignore[misc]
    named = thing._metadata.get(class_key)
    if named and isinstance(named, str):
        thing._class_name = thing._metadata.pop(class_key)
    fields = thing._metadata.get(fields_key)
    if type(thing) not in _BASES and isinstance(fields, dict):
        kept = give_fields(thing, thing._metadata.pop(fields_key))
        if kept:
            thing._metadata[fields_key] = kept


def _place(entry: DataEntry, rois: list[Roi]) -> None:
    """Gives annotations to the sub-entries they lie on; those of the whole, or of what is no picture, to the entry."""
    pictures = {sub.name: sub for sub in entry.sub_data_entries if isinstance(sub, DataSubEntryImage)}
    first = next(iter(entry._sub_entries), "")
    for roi in rois:
        names = list(dict.fromkeys(roi.get("sources") or ()))
        located = "poly" in roi or "mask" in roi or "_rle" in roi["meta"]
        if not names and located and first in pictures:
            names = [first]
        if names and all(name in pictures for name in names):
            for name in names:
                pictures[name]._annotations.append([roi if len(names) == 1 else roi.twin()])
        else:
            entry._annotations.append([roi])


def entry_to_dict(entry: DataEntry) -> dict[str, Any]:
    """Returns an entry as ClearML's REST interface writes a frame."""
    return frame_to_dict(entry_to_native(entry), corners=True)


def paths_of(projection: Iterable[str] | None) -> Paths | None:
    """Returns the paths of a projection; None where it is all of an entry."""
    paths = None if projection is None else parse_projection(projection)
    return None if not paths or ("*",) in paths else paths


def reader(
    projection: Iterable[str] | None,
) -> Callable[[Frame, Repository | None, Sequence[int]], DataEntry]:
    """Returns what makes entries of frames, of all that they say or of those parts that a projection names."""
    paths = paths_of(projection)

    def read(native: Frame, home: Repository | None, numbers: Sequence[int]) -> DataEntry:
        if paths is None:
            return entry_from_native(native, home, numbers=numbers)
        return partial_entry(native, home, paths, numbers=numbers)

    return read


def item_to_dict(native: Frame, numbers: Sequence[int], paths: Paths | None) -> dict[str, Any]:
    """Returns a frame of a view as a dict, with the numbers of its labels, or those parts of it that paths name."""
    plain = frame_to_dict(native, corners=True)
    for roi, number in zip(plain["rois"], numbers, strict=True):
        roi["label_num"] = number
    return plain if paths is None else project(plain, paths)


def partial_entry(
    native: Frame, home: Repository | None, paths: Paths, *, numbers: Sequence[int] = ()
) -> DataEntry:
    """Returns an entry that has only the parts of a frame that paths name, its id, names and class."""
    keys = [("id",), ("frame_type",), ("meta", ENTRY_CLASS), ("meta", ENTRY_FIELDS), ("sources", "id")]
    keys += [
        ("meta", source.id, key) for source in native.sources for key in (SUB_ENTRY_CLASS, SUB_ENTRY_FIELDS)
    ]
    if any(path[0] in ("rois", "*") for path in paths):
        keys += [("rois", key) for key in ("id", "sources")]
    picked = project(frame_to_dict(native, corners=True), [*paths, *keys])
    return entry_from_native(frame_from_dict(picked), home, numbers=numbers)


def entry_from_dict(plain: Mapping[str, Any], kind: type[DataEntry] = DataEntry) -> DataEntry:
    """Returns the entry that a dict describes: of the class it names, which is ``kind`` or one below."""
    if not isinstance(plain, Mapping):
        raise InvalidValueError(f"A dict that describes an entry is needed, not a {type(plain).__name__}.")
    entry = entry_from_native(frame_from_dict(plain), kind=kind)
    if not isinstance(entry, kind):
        raise InvalidValueError(f"This dict describes a {type(entry).__name__}, not a {kind.__name__}.")
    return entry
