"""Three-way merge of catalogs: a commit that follows from its two parents alone, so that everybody makes the same.

Where the two have several best common ancestors, these are merged first, in memory. Where both hold the same people's
work, merged in another order, one of the two trees is taken: three-way rules alone would let peers who pull in a ring
hand two values round for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from hdstore.errors import DamagedError, InvalidValueError, ReadOnlyError
from hdstore.merge.author import AUTHOR
from hdstore.merge.bases import is_same_work
from hdstore.merge.documents import id_apart, merge_datasets, merge_views
from hdstore.model import DatasetDocument, ViewDocument, replace
from hdstore.store import (
    TREE_MODE,
    Catalog,
    Entry,
    Objects,
    Writer,
    decode_commit,
    decode_tree,
    encode_tree,
    write_catalog,
)
from hdstore.store.ancestry import Ancestry
from hdstore.store.catalog import FOLDERS, Reader
from hdstore.store.gitobjects import object_id

__all__ = ["amend_catalog", "merge_catalogs"]

_Folder: TypeAlias = Mapping[str, Entry]

_MESSAGE = "Merge catalogs"
_MOST_VIRTUAL = 64
"""How many ancestors are merged in memory; where a history asks for more, the latest of several is taken as it is."""
_DEEPEST = 64
"""How many folders below each other are merged file by file."""


def merge_catalogs(objects: Objects, first: str, second: str) -> str:
    """Returns the commit of the catalog that holds what both have; written here unless it is one of the two.

    It is the later one where that was made from the other, or where the other holds no documents. Raises ReadOnlyError
    when the two are of different formats, or of one that this program does not know.
    """
    if first == second:
        return first
    one = Catalog(objects, first)
    other = Catalog(objects, second)
    formats = sorted({one.format, other.format})
    if len(formats) > 1:
        raise ReadOnlyError(
            f"The two catalogs are written in the formats {' and '.join(map(str, formats))} and can not be merged."
            " Bring both to one format with the newer hdstore first."
        )
    earlier, later = sorted((one, other), key=_age)
    if objects.is_ancestor(earlier.commit, later.commit):
        return later.commit
    if objects.is_ancestor(later.commit, earlier.commit):
        return earlier.commit
    for empty, full in ((earlier, later), (later, earlier)):
        if empty.is_empty:
            return full.commit
    one.check_writable()
    if is_same_work(objects, first, second):
        taken = max((one, other), key=lambda catalog: catalog.tree)
        with objects.pack() as writer:
            return _write(writer, taken, (), earlier, later)
    memory = _Memory(objects)
    base = _Virtual(memory).of(objects.merge_bases(first, second))
    with objects.pack() as writer:
        return _write_merge(memory, writer, base, first, second)


def amend_catalog(
    objects: Objects, commit: str, documents: Iterable[DatasetDocument | ViewDocument], *, message: str
) -> str:
    """Returns the commit on top of a catalog in which ``documents`` replace those of their ids or are added to them.

    It follows from what is given alone; it is ``commit`` itself where that says all of it already.
    """
    catalog = Catalog(objects, commit)
    changed = [document for document in documents if document != _held(catalog, document)]
    if not changed:
        return commit
    with objects.pack() as writer:
        return write_catalog(writer, catalog, changed, author=AUTHOR, time=catalog.time, message=message)


def _held(
    catalog: Catalog, document: DatasetDocument | ViewDocument
) -> DatasetDocument | ViewDocument | None:
    find = catalog.view if isinstance(document, ViewDocument) else catalog.dataset
    return find(document.id)


def _age(catalog: Catalog) -> tuple[int, str]:
    return catalog.time, catalog.commit


class _Memory:
    """Objects that are made for a while, before those that are stored."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._made: dict[str, tuple[str, bytes]] = {}

    def read(self, oid: str, kind: str | None = None) -> bytes:
        """Returns an object's bytes."""
        made = self._made.get(oid)
        return made[1] if made is not None and kind in (None, made[0]) else self._objects.read(oid, kind)

    def write(self, kind: str, data: bytes) -> str:
        """Returns the id of an object that is kept until this is gone."""
        oid = object_id(kind, data)
        self._made[oid] = (kind, data)
        return oid

    def parents(self, oid: str) -> tuple[int, tuple[str, ...]]:
        """Returns time and parents of a commit."""
        commit = decode_commit(self.read(oid, "commit"))
        return commit.committed, commit.parents


class _Virtual:
    """Makes one ancestor of several; what a stranger's history can make it do is bounded."""

    def __init__(self, memory: _Memory) -> None:
        self._memory = memory
        self._ancestry = Ancestry(memory.parents)
        self._left = _MOST_VIRTUAL

    def of(self, bases: list[str]) -> str | None:
        """Returns the commit that merges all of ``bases``, which stand in the order of their times and ids."""
        if not bases:
            return None
        result, *others = bases
        for other in others:
            if self._left <= 0:
                return bases[-1]
            self._left -= 1
            base = self.of(self._ancestry.merge_bases(result, other))
            result = _write_merge(self._memory, self._memory, base, result, other)
        return result


def _write_merge(reader: Reader, writer: Writer, base: str | None, first: str, second: str) -> str:
    """Writes the merge of two commits whose common ancestor is ``base`` and returns its id."""
    one, other = (Catalog(reader, commit) for commit in sorted((first, second)))
    before = Catalog(reader, base) if base else None
    earlier, later = sorted((one, other), key=_age)
    beside = _merge_folders(reader, writer, (_beside(before), _beside(earlier), _beside(later)))
    try:
        documents: list[DatasetDocument | ViewDocument] = [*_merged_datasets(before, earlier, later)]
        documents += _merged_views(before, earlier, later)
        return _write(writer, one, documents, earlier, later, beside)
    except InvalidValueError as error:
        raise DamagedError(f"The catalogs {first} and {second} can not be merged: {error}") from error


def _write(
    writer: Writer,
    base: Catalog,
    documents: Iterable[DatasetDocument | ViewDocument],
    earlier: Catalog,
    later: Catalog,
    beside: Iterable[Entry] | None = None,
) -> str:
    return write_catalog(
        writer,
        base,
        documents,
        author=AUTHOR,
        time=later.time,
        message=_MESSAGE,
        parents=sorted((earlier.commit, later.commit)),
        beside=beside,
    )


def _differing(earlier: Mapping[str, str], later: Mapping[str, str]) -> list[str]:
    return sorted(name for name in earlier.keys() | later.keys() if earlier.get(name) != later.get(name))


def _merged_datasets(before: Catalog | None, earlier: Catalog, later: Catalog) -> Iterator[DatasetDocument]:
    """Yields the documents that are not the same on both sides; one that a side lacks is the other's."""
    for name in _differing(earlier.dataset_oids, later.dataset_oids):
        one, other = earlier.dataset(name), later.dataset(name)
        if one and other:
            yield merge_datasets(before.dataset(name) if before else None, one, other)
        elif found := one or other:
            yield found


def _merged_views(before: Catalog | None, earlier: Catalog, later: Catalog) -> list[ViewDocument]:
    """Returns the documents that are not the same on both sides, and those of published views that are kept apart."""
    merged: dict[str, ViewDocument] = {}
    apart = []
    for name in _differing(earlier.view_oids, later.view_oids):
        one, other = earlier.view(name), later.view(name)
        if one and other:
            merged[name], kept = merge_views(before.view(name) if before else None, one, other)
            if kept:
                apart.append(kept)
        elif found := one or other:
            merged[name] = found

    def taken(name: str) -> ViewDocument | None:
        return merged.get(name) or earlier.view(name)

    for document in apart:
        name = id_apart(document, taken)
        if taken(name) is None:
            merged[name] = replace(document, id=name)
    return [*merged.values()]


def _beside(catalog: Catalog | None) -> dict[str, Entry]:
    entries = catalog.entries if catalog else {}
    return {name: entry for name, entry in entries.items() if name not in FOLDERS}


def _merge_folders(
    reader: Reader, writer: Writer, sides: tuple[_Folder, _Folder, _Folder], depth: int = 0
) -> list[Entry]:
    """Returns the merged entries of base, earlier and later side; a file that this program does not know is a whole."""
    merged = []
    for name in sorted(sides[1].keys() | sides[2].keys()):
        before, one, other = (side.get(name) for side in sides)
        if one == other or before == one:
            held = other
        elif before == other:
            held = one
        elif one and other and one.mode == other.mode == TREE_MODE and depth < _DEEPEST:
            folders = (_inside(reader, before), _inside(reader, one), _inside(reader, other))
            inside = _merge_folders(reader, writer, folders, depth + 1)
            held = Entry(TREE_MODE, name, writer.write("tree", encode_tree(inside))) if inside else None
        else:
            held = other
        if held is not None:
            merged.append(held)
    return merged


def _inside(reader: Reader, entry: Entry | None) -> dict[str, Entry]:
    if entry is None or entry.mode != TREE_MODE:
        return {}
    return {found.name: found for found in decode_tree(reader.read(entry.oid, "tree"))}
