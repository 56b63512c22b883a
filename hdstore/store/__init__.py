"""The store: objects, refs, the trie of frames and the catalog, as a real git repository. The only door to pygit2."""

from __future__ import annotations

from hdstore.store.catalog import CATALOG_REF, FORMAT, Catalog, write_catalog
from hdstore.store.gitobjects import (
    BLOB_MODE,
    TREE_MODE,
    Entry,
    decode_commit,
    decode_tag,
    decode_tree,
    encode_commit,
    encode_tag,
    encode_tree,
)
from hdstore.store.layout import Layout
from hdstore.store.objects import Objects, Writer
from hdstore.store.refs import Refs, RefUpdate
from hdstore.store.trie import ChangeSource, MemoryChanges, Trie
from hdstore.store.trie import update as update_trie

__all__ = [
    "BLOB_MODE",
    "CATALOG_REF",
    "FORMAT",
    "TREE_MODE",
    "Catalog",
    "ChangeSource",
    "Entry",
    "Layout",
    "MemoryChanges",
    "Objects",
    "RefUpdate",
    "Refs",
    "Trie",
    "Writer",
    "decode_commit",
    "decode_tag",
    "decode_tree",
    "encode_commit",
    "encode_tag",
    "encode_tree",
    "update_trie",
    "write_catalog",
]
