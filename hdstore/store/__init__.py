"""The store: objects, refs, the trie of frames and the catalog, as a real git repository."""

from __future__ import annotations

from hdstore.store.catalog import CATALOG_REF, FORMAT, Catalog, write_catalog
from hdstore.store.changes import ChangeSource, MemoryChanges
from hdstore.store.collecting import Collected, gc_objects
from hdstore.store.config import Config
from hdstore.store.git import git_available, local_program, run_git
from hdstore.store.gitobjects import (
    BLOB_MODE,
    TREE_MODE,
    CommitObject,
    Entry,
    decode_commit,
    decode_tag,
    decode_tree,
    encode_commit,
    encode_tag,
    encode_tree,
)
from hdstore.store.layout import Layout
from hdstore.store.libgit2 import fetch_with_libgit2
from hdstore.store.locks import Lock
from hdstore.store.objects import Objects, Writer
from hdstore.store.packing import maybe_pack_in_background
from hdstore.store.refs import Refs, RefUpdate
from hdstore.store.safety import check as check_layout
from hdstore.store.threeway import ThreeWay, changed_by_second
from hdstore.store.trie import ROOT_LEAF, Trie, fits
from hdstore.store.trie import update as update_trie
from hdstore.store.verify import Damage, verify_files

__all__ = [
    "BLOB_MODE",
    "CATALOG_REF",
    "FORMAT",
    "ROOT_LEAF",
    "TREE_MODE",
    "Catalog",
    "ChangeSource",
    "Collected",
    "CommitObject",
    "Config",
    "Damage",
    "Entry",
    "Layout",
    "Lock",
    "MemoryChanges",
    "Objects",
    "RefUpdate",
    "Refs",
    "ThreeWay",
    "Trie",
    "Writer",
    "changed_by_second",
    "check_layout",
    "decode_commit",
    "decode_tag",
    "decode_tree",
    "encode_commit",
    "encode_tag",
    "encode_tree",
    "fetch_with_libgit2",
    "fits",
    "gc_objects",
    "git_available",
    "local_program",
    "maybe_pack_in_background",
    "run_git",
    "update_trie",
    "verify_files",
    "write_catalog",
]
