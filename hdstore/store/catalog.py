"""The catalog: the branch that holds the small documents, as plain JSON that any git host shows.

Its tree is README.md, format, datasets/<id>.json. A value of ``Catalog`` is what one commit of it holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from hdstore.codec import decode_dataset, encode_dataset
from hdstore.errors import DamagedError, ReadOnlyError
from hdstore.ids import NAMED_ID_PATTERN
from hdstore.model import Author, DatasetDocument
from hdstore.store.gitobjects import (
    BLOB_MODE,
    TREE_MODE,
    Entry,
    decode_commit,
    decode_tree,
    encode_commit,
    encode_tree,
    object_id,
)
from hdstore.store.objects import Objects, Writer

__all__ = ["CATALOG_REF", "FORMAT", "Catalog", "write_catalog"]

CATALOG_REF = "refs/heads/hdstore"

FORMAT = 1
"""The number of the format that this program writes."""

_README = """\
# An hdstore repository

This branch is the catalog of a dataset repository: a JSON document for each dataset under `datasets/`.
Versions are the other branches (drafts) and tags (published). Frames lie in their trees as MessagePack.

Open it with `hdstore clone` and `hdstore gui`.
"""


class Catalog:
    """What one commit of the catalog says."""

    def __init__(self, objects: Objects, commit: str) -> None:
        self._objects = objects
        self.commit = commit

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        tree = decode_commit(self._objects.read(self.commit, "commit")).tree
        return {entry.name: entry for entry in decode_tree(self._objects.read(tree, "tree"))}

    @cached_property
    def format(self) -> int:
        """The number of the format that the repository was written in."""
        entry = self._entries.get("format")
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

    @cached_property
    def _documents(self) -> dict[str, str]:
        entry = self._entries.get("datasets")
        if entry is None:
            return {}
        found = {}
        for document in decode_tree(self._objects.read(entry.oid, "tree")):
            name, dot, end = document.name.rpartition(".")
            if not dot or end != "json" or not NAMED_ID_PATTERN.fullmatch(name):
                raise DamagedError(f"The catalog holds {document.name!r}, which names no dataset.")
            found[name] = document.oid
        return found

    @cached_property
    def datasets(self) -> dict[str, DatasetDocument]:
        """The documents of all datasets by id, deleted ones too."""
        found = {}
        for dataset_id, oid in self._documents.items():
            document = decode_dataset(self._objects.read(oid, "blob"), f"datasets/{dataset_id}.json")
            if document.id != dataset_id:
                raise DamagedError(f"The document datasets/{dataset_id}.json says it is {document.id!r}.")
            found[dataset_id] = document
        return found

    def is_canonical(self, dataset_id: str) -> bool:
        """Says whether a dataset's document is stored as this program would write it."""
        return object_id("blob", encode_dataset(self.datasets[dataset_id])) == self._documents[dataset_id]


def write_catalog(
    writer: Writer,
    base: Catalog | None,
    documents: Iterable[DatasetDocument],
    *,
    author: Author,
    time: int,
    message: str,
) -> str:
    """Returns the commit of a catalog in which ``documents`` replace those of their ids or are added to them."""
    if base is not None:
        base.check_writable()
    entries = dict(base._entries) if base else {}
    listed = dict(base._documents) if base else {}
    for document in documents:
        listed[document.id] = writer.write("blob", encode_dataset(document))
    if listed:
        tree = encode_tree([Entry(BLOB_MODE, f"{name}.json", oid) for name, oid in listed.items()])
        entries["datasets"] = Entry(TREE_MODE, "datasets", writer.write("tree", tree))
    if base is None:
        entries["format"] = Entry(BLOB_MODE, "format", writer.write("blob", b"%d\n" % FORMAT))
        entries["README.md"] = Entry(BLOB_MODE, "README.md", writer.write("blob", _README.encode()))
    commit = encode_commit(
        tree=writer.write("tree", encode_tree(list(entries.values()))),
        parents=(base.commit,) if base else (),
        author=author,
        time=time,
        message=message + "\n",
    )
    return writer.write("commit", commit)
