"""Bringing a draft back to what it, or some of its frames, were at an earlier commit."""

from __future__ import annotations

from hdstore.codec import encode_schema, encode_version
from hdstore.model import replace
from hdstore.store import Writer
from hdstore.version.building import Built, write_tree
from hdstore.version.state import VersionState

__all__ = ["build_restored"]


def build_restored(writer: Writer, state: VersionState, earlier: VersionState) -> Built:
    """Returns the tree of ``state`` with frames, schema, metadata and conflicts of ``earlier``.

    What the version is (its id, creation, parents) stays. Only what differs is read.
    """
    document = replace(state.document, metadata=earlier.document.metadata)
    built = Built(
        tree=write_tree(
            writer,
            document=document,
            schema=earlier.schema,
            stats=earlier.stats,
            frames=earlier.oid("frames"),
            conflicts=earlier.oid("conflicts"),
        )
    )
    for _, old, new in state.trie.diff(earlier.trie):
        built.note(old, new)
    built.schema = encode_schema(earlier.schema) != encode_schema(state.schema)
    built.metadata = encode_version(document) != encode_version(state.document)
    built.conflicts = earlier.oid("conflicts") != state.oid("conflicts")
    return built
