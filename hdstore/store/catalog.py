"""The catalog: the branch that holds the small documents, as plain JSON that any git host shows.

Its tree is README.md, format, datasets/<id>.json and views/<id>.json. A value of ``Catalog`` is what one commit of it
holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import Protocol, TypeVar

from hdstore.codec import decode_dataset, decode_view_document, encode_dataset, encode_view_document
from hdstore.errors import DamagedError, ReadOnlyError
from hdstore.ids import NAMED_ID_PATTERN
from hdstore.model import Author, DatasetDocument, ViewDocument
from hdstore.store.gitobjects import (
    BLOB_MODE,
    TREE_MODE,
    CommitObject,
    Entry,
    decode_commit,
    decode_tree,
    encode_commit,
    encode_tree,
    object_id,
)
from hdstore.store.objects import Writer

__all__ = ["CATALOG_REF", "FOLDERS", "FORMAT", "Catalog", "Reader", "write_catalog"]

CATALOG_REF = "refs/heads/hdstore"

FORMAT = 1
"""The number of the format that this program writes."""

FOLDERS = ("datasets", "views")
"""Where the documents lie that this program knows."""

_D = TypeVar("_D", DatasetDocument, ViewDocument)

_README = """\
# An hdstore repository

This branch is the catalog of a dataset repository: a JSON document for each dataset under `datasets/`
and for each stored view under `views/`.
Versions are the other branches (drafts) and tags (published). Frames lie in their trees as MessagePack.

Open it with `hdstore clone` and `hdstore gui`.
"""


class Reader(Protocol):
    """Gives objects by their ids."""

    def read(self, oid: str, kind: str | None = None) -> bytes:
        """Returns an object's bytes; raises DamagedError when it is missing, corrupt or of another kind."""


class Catalog:
    """What one commit of the catalog says.

    ``like`` is another commit of it that was read before: documents that both share are not read again.
    """

    def __init__(self, objects: Reader, commit: str, *, like: Catalog | None = None) -> None:
        self._objects = objects
        self.commit = commit
        self._read_before = like._read_documents() if like else {}

    def _read_documents(self) -> dict[str, DatasetDocument | ViewDocument]:
        """Returns the documents that were read of this commit, by the ids of their blobs."""
        read: dict[str, DatasetDocument | ViewDocument] = {}
        if "datasets" in self.__dict__:
            read.update((self.dataset_oids[name], document) for name, document in self.datasets.items())
        if "views" in self.__dict__:
            read.update((self.view_oids[name], document) for name, document in self.views.items())
        return read

    @cached_property
    def _written(self) -> CommitObject:
        return decode_commit(self._objects.read(self.commit, "commit"))

    @property
    def time(self) -> int:
        """When it was committed, in seconds since 1970."""
        return self._written.committed

    @property
    def tree(self) -> str:
        """The id of its tree."""
        return self._written.tree

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """What its tree holds, by name; also what this program does not know."""
        return {entry.name: entry for entry in decode_tree(self._objects.read(self.tree, "tree"))}

    @cached_property
    def format(self) -> int:
        """The number of the format that the repository was written in."""
        entry = self.entries.get("format")
        text = self._objects.read(entry.oid, "blob") if entry else b""
        if not text.strip().isdigit() or len(text) > 9:
            raise DamagedError(f"The catalog at {self.commit} does not state its format number.")
        return int(text)

    def check_writable(self) -> None:
        """Raises ReadOnlyError when the repository is written in a newer format than this program knows."""
        if self.format > FORMAT:
            raise ReadOnlyError(
                f"The repository is written in format {self.format}, this program knows {FORMAT}: it can be read, not"
                " changed. Install a newer hdstore."
            )

    def _listed(self, folder: str) -> dict[str, str]:
        entry = self.entries.get(folder)
        if entry is None:
            return {}
        found = {}
        for document in decode_tree(self._objects.read(entry.oid, "tree")):
            name, dot, end = document.name.rpartition(".")
            if not dot or end != "json" or not NAMED_ID_PATTERN.fullmatch(name):
                raise DamagedError(
                    f"The catalog holds {folder}/{document.name}, which names none of its {folder}."
                )
            found[name] = document.oid
        return found

    @cached_property
    def dataset_oids(self) -> dict[str, str]:
        """The blobs of the datasets' documents, by the ids of the datasets."""
        return self._listed("datasets")

    @cached_property
    def view_oids(self) -> dict[str, str]:
        """The blobs of the stored views' documents, by the ids of the views."""
        return self._listed("views")

    @cached_property
    def datasets(self) -> dict[str, DatasetDocument]:
        """The documents of all datasets by id, deleted ones too."""
        return self._read("datasets", self.dataset_oids, DatasetDocument, decode_dataset)

    @cached_property
    def views(self) -> dict[str, ViewDocument]:
        """The documents of all stored views by id, deleted ones too."""
        return self._read("views", self.view_oids, ViewDocument, decode_view_document)

    def _read(
        self, folder: str, oids: dict[str, str], kind: type[_D], decode: Callable[[bytes, str], _D]
    ) -> dict[str, _D]:
        found = {}
        for name, oid in oids.items():
            known = self._read_before.get(oid)
            found[name] = known if isinstance(known, kind) else self._read_one(folder, name, oid, decode)
        return found

    def _read_one(self, folder: str, name: str, oid: str, decode: Callable[[bytes, str], _D]) -> _D:
        where = f"{folder}/{name}.json"
        document = decode(self._objects.read(oid, "blob"), where)
        if document.id != name:
            raise DamagedError(f"The document {where} says it is {document.id!r}.")
        return document

    def dataset(self, dataset_id: str) -> DatasetDocument | None:
        """Returns the document of one dataset, deleted or not, or None; no other is read."""
        oid = self.dataset_oids.get(dataset_id)
        return self._read_one("datasets", dataset_id, oid, decode_dataset) if oid else None

    def view(self, view_id: str) -> ViewDocument | None:
        """Returns the document of one stored view, deleted or not, or None; no other is read."""
        oid = self.view_oids.get(view_id)
        return self._read_one("views", view_id, oid, decode_view_document) if oid else None

    @property
    def is_empty(self) -> bool:
        """Whether it holds no document, as right after init."""
        return not (self.dataset_oids or self.view_oids)

    def not_canonical(self, checked: set[str]) -> list[str]:
        """Returns the paths of the documents that are not stored as this program would write them.

        ``checked`` holds the ids of blobs that need no look, and is given those that were looked at and are right.
        """
        odd = []
        documents: list[tuple[str, str, Callable[[], bytes]]] = [
            (f"datasets/{name}.json", self.dataset_oids[name], partial(encode_dataset, document))
            for name, document in self.datasets.items()
        ]
        documents += [
            (f"views/{name}.json", self.view_oids[name], partial(encode_view_document, document))
            for name, document in self.views.items()
        ]
        for path, oid, encode in documents:
            if oid in checked:
                continue
            if object_id("blob", encode()) == oid:
                checked.add(oid)
            else:
                odd.append(path)
        return odd

    @cached_property
    def pinned(self) -> frozenset[str]:
        """The commits that living views pin."""
        living = (document.view for document in self.views.values() if not document.deleted)
        return frozenset(commit for view in living for commit in view.pins.values())


def write_catalog(
    writer: Writer,
    base: Catalog | None,
    documents: Iterable[DatasetDocument | ViewDocument],
    *,
    author: Author,
    time: int,
    message: str,
    parents: Sequence[str] | None = None,
    beside: Iterable[Entry] | None = None,
) -> str:
    """Returns the commit of a catalog in which ``documents`` replace those of their ids or are added to them.

    Its parent is ``base``, unless ``parents`` are given. ``beside`` is what stands in its tree beside the folders of
    documents; None: what stands there in ``base``.
    """
    if base is not None:
        base.check_writable()
    entries = dict(base.entries) if base else {}
    if beside is not None:
        kept = {name: entry for name, entry in entries.items() if name in FOLDERS}
        entries = {**{entry.name: entry for entry in beside}, **kept}
    listed = {
        "datasets": dict(base.dataset_oids) if base else {},
        "views": dict(base.view_oids) if base else {},
    }
    for document in documents:
        if isinstance(document, ViewDocument):
            listed["views"][document.id] = writer.write("blob", encode_view_document(document))
        else:
            listed["datasets"][document.id] = writer.write("blob", encode_dataset(document))
    for folder, oids in listed.items():
        if oids:
            tree = encode_tree([Entry(BLOB_MODE, f"{name}.json", oid) for name, oid in oids.items()])
            entries[folder] = Entry(TREE_MODE, folder, writer.write("tree", tree))
    if base is None:
        entries["format"] = Entry(BLOB_MODE, "format", writer.write("blob", b"%d\n" % FORMAT))
        entries["README.md"] = Entry(BLOB_MODE, "README.md", writer.write("blob", _README.encode()))
    commit = encode_commit(
        tree=writer.write("tree", encode_tree(list(entries.values()))),
        parents=((base.commit,) if base else ()) if parents is None else parents,
        author=author,
        time=time,
        message=message + "\n",
    )
    return writer.write("commit", commit)
