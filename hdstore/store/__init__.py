"""The store: objects, refs, the trie of frames and the catalog, as a real git repository."""

from __future__ import annotations

from hdstore.store.bulk import BulkReader
from hdstore.store.catalog import CATALOG_REF, FORMAT, Catalog, write_catalog
from hdstore.store.changes import ChangeSource, MemoryChanges
from hdstore.store.collecting import Collected, gc_objects
from hdstore.store.config import Config
from hdstore.store.git import GitReach, ask_git, git_available, local_program, run_git
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
from hdstore.store.gitreach import reach_from_environment, ssh_command_from_environment
from hdstore.store.layout import HDS, Layout
from hdstore.store.libgit2 import Libgit2Reach, ask_libgit2, libgit2_reach_from_environment
from hdstore.store.locks import Lock
from hdstore.store.objects import Objects, Writer
from hdstore.store.packing import maybe_pack_in_background
from hdstore.store.process import Answer, plain_line
from hdstore.store.refnames import is_foreign_ref, is_ref_name
from hdstore.store.refs import Refs, RefUpdate
from hdstore.store.safety import check as check_layout
from hdstore.store.safety import check_git_folder, check_settings
from hdstore.store.threeway import ThreeWay, changed_by_second
from hdstore.store.trie import ROOT_LEAF, Trie, fits
from hdstore.store.trie import update as update_trie
from hdstore.store.verify import Damage, verify_files

__all__ = [
    "BLOB_MODE",
    "CATALOG_REF",
    "FORMAT",
    "HDS",
    "ROOT_LEAF",
    "TREE_MODE",
    "Answer",
    "BulkReader",
    "Catalog",
    "ChangeSource",
    "Collected",
    "CommitObject",
    "Config",
    "Damage",
    "Entry",
    "GitReach",
    "Layout",
    "Libgit2Reach",
    "Lock",
    "MemoryChanges",
    "Objects",
    "RefUpdate",
    "Refs",
    "ThreeWay",
    "Trie",
    "Writer",
    "ask_git",
    "ask_libgit2",
    "changed_by_second",
    "check_git_folder",
    "check_layout",
    "check_settings",
    "decode_commit",
    "decode_tag",
    "decode_tree",
    "encode_commit",
    "encode_tag",
    "encode_tree",
    "fits",
    "gc_objects",
    "git_available",
    "is_foreign_ref",
    "is_ref_name",
    "libgit2_reach_from_environment",
    "local_program",
    "maybe_pack_in_background",
    "plain_line",
    "reach_from_environment",
    "run_git",
    "ssh_command_from_environment",
    "update_trie",
    "verify_files",
    "write_catalog",
]
