"""Three-way merge of the catalog's documents: key by key, the latest wins, nothing is lost.

Documents merge on their plain JSON values. The sides come in the order of their commits' times, then ids: where both
say something else of one key, the later one is believed. That suits what people call things and say of them; what must
not be decided so has a rule of its own: deletions, tags, and what is published.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from hdstore.codec import (
    decode_dataset,
    decode_view_document,
    encode_dataset,
    encode_view_document,
    same_value,
    view_from_builtins,
    view_hash,
    view_to_builtins,
)
from hdstore.errors import InvalidValueError
from hdstore.ids import derive_id
from hdstore.model import DatasetDocument, View, ViewDocument

__all__ = ["id_apart", "merge_datasets", "merge_views"]

_ABSENT: Final = object()
"""In place of a value that a side does not hold; what equals its default is not held."""


def merge_datasets(
    base: DatasetDocument | None, earlier: DatasetDocument, later: DatasetDocument
) -> DatasetDocument:
    """Returns what both sides made of a dataset's document; ``base`` is None where both added it.

    A deletion stays unless a side took it back, the records of all versions are kept, ``created`` is the smaller.
    """
    plain, ours, theirs = (
        _plain_dataset(document) if document else {} for document in (base, earlier, later)
    )
    merged = _merge_document(plain, ours, theirs)
    known, one, other = (side.get("versions", {}) for side in (plain, ours, theirs))
    merged["versions"] = {
        name: (
            _merge_record(known.get(name, {}), one[name], other[name])
            if name in one and name in other
            else one.get(name, other.get(name))
        )
        for name in one.keys() | other.keys()
    }
    return decode_dataset(json.dumps(merged).encode(), f"datasets/{later.id}.json")


def merge_views(
    base: ViewDocument | None, earlier: ViewDocument, later: ViewDocument
) -> tuple[ViewDocument, ViewDocument | None]:
    """Returns what both sides made of a stored view, and the document that has to be kept beside it, or None.

    What is published goes before a draft. Two published values are both kept: the one with the smaller hash has the id,
    the other side's document is given back as it is and needs an id of its own (``id_apart``). The parts of drafts
    (queries, mapping, ...) are each taken whole; where they do not fit together, the later side's view is.
    """
    plain, ours, theirs = (_plain_view(document) if document else {} for document in (base, earlier, later))
    merged = _merge_document(plain, ours, theirs)
    published = sorted((d for d in (earlier, later) if d.published), key=lambda d: view_hash(d.view))
    if published:
        first, last = published[0], published[-1]
        apart = last if view_hash(first.view) != view_hash(last.view) else None
        return _with_view({**merged, "published": True}, first.view, later.id), apart
    for view in (_merge_drafts(base.view if base else None, earlier.view, later.view), later.view):
        if view is None:
            continue
        document = _with_view(merged, view, later.id)
        try:
            encode_view_document(document)
        except InvalidValueError:
            # Longer than a view may be.
            continue
        return document, None
    return later, None


def id_apart(document: ViewDocument, taken: Callable[[str], ViewDocument | None]) -> str:
    """Returns the id under which a published view is kept beside another one of its id.

    It follows from id and value, so that everybody gives the same. ``taken`` returns what has an id; one that another
    value has is passed over.
    """
    value = view_hash(document.view)
    number = 0
    while True:
        found = f"{document.id.rpartition('.')[0]}.{derive_id(document.id, value, number)[:8]}"
        other = taken(found)
        if other is None or (other.published and view_hash(other.view) == value):
            return found
        number += 1


def _plain_dataset(document: DatasetDocument) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(encode_dataset(document))
    return plain


def _plain_view(document: ViewDocument) -> dict[str, Any]:
    """Returns a stored view's document without its view."""
    plain: dict[str, Any] = json.loads(encode_view_document(document))
    del plain["view"]
    return plain


def _with_view(plain: dict[str, Any], view: View, view_id: str) -> ViewDocument:
    data = json.dumps({**plain, "view": view_to_builtins(view)}).encode()
    return decode_view_document(data, f"views/{view_id}.json")


def _merge_drafts(base: View | None, earlier: View, later: View) -> View | None:
    """Returns the view of the parts that each side changed, or None where they are no view together."""
    known, one, other = (view_to_builtins(view) if view else {} for view in (base, earlier, later))
    try:
        return view_from_builtins(_merge_maps(known, one, other, _choose))
    except InvalidValueError:
        return None


def _merge_document(base: dict[str, Any], earlier: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """Merges what the documents of datasets and views have in common."""
    merged = _merge_named(base, earlier, later)
    merged["created"] = min(earlier["created"], later["created"])
    return merged


def _merge_record(base: dict[str, Any], earlier: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    merged = _merge_named(base, earlier, later)
    merged.pop("last", None)
    if merged.get("deleted"):
        # What either of those who deleted it had seen.
        merged["last"] = sorted({*earlier.get("last", ()), *later.get("last", ())})
    return merged


def _merge_named(base: dict[str, Any], earlier: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """Merges what has tags and can be deleted.

    A deletion needs no rule of its own: of a truth value two sides can not make two new ones.
    """
    merged = _merge_maps(base, earlier, later, _merge_values)
    merged["tags"] = _merge_tags(base.get("tags", ()), earlier.get("tags", ()), later.get("tags", ()))
    return merged


def _merge_maps(
    base: dict[str, Any],
    earlier: dict[str, Any],
    later: dict[str, Any],
    merge: Callable[[Any, Any, Any], Any],
) -> dict[str, Any]:
    """Returns what ``merge`` makes of the values of each key; _ABSENT stands for none."""
    merged = {}
    for key in sorted(earlier.keys() | later.keys()):
        held = merge(base.get(key, _ABSENT), earlier.get(key, _ABSENT), later.get(key, _ABSENT))
        if held is not _ABSENT:
            merged[key] = held
    return merged


def _merge_values(base: Any, earlier: Any, later: Any) -> Any:
    if isinstance(earlier, dict) and isinstance(later, dict):
        return _merge_maps(base if isinstance(base, dict) else {}, earlier, later, _merge_values)
    return _choose(base, earlier, later)


def _choose(base: Any, earlier: Any, later: Any) -> Any:
    """Returns the value of the side that changed it; of the later one where both did."""
    return earlier if _same(base, later) and not _same(base, earlier) else later


def _same(one: Any, other: Any) -> bool:
    if one is _ABSENT or other is _ABSENT:
        return one is other
    return same_value(one, other)


def _merge_tags(base: Iterable[str], earlier: Sequence[str], later: Sequence[str]) -> list[str]:
    """Returns the tags that are left or were added, in the order of whoever changed them; the earlier side's first."""
    before = list(base)
    if before == list(later):
        return list(dict.fromkeys(earlier))
    if before == list(earlier):
        return list(dict.fromkeys(later))
    gone = {tag for tag in before if tag not in earlier or tag not in later}
    return [tag for tag in dict.fromkeys((*earlier, *later)) if tag not in gone]
