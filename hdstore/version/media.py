"""Which kept media frames name."""

from __future__ import annotations

from collections.abc import Iterator

from hdstore.codec import decode_leaf
from hdstore.model import Frame
from hdstore.store import Objects
from hdstore.version.state import VersionState

__all__ = ["KEPT", "kept_media", "media_of"]

KEPT = "media:"
"""How the URI of a medium begins whose bytes the repository keeps; its BLAKE3 hash follows."""


def kept_media(frame: Frame) -> Iterator[str]:
    """Returns the hashes of the kept media that a frame names: sources, masks and previews."""
    for source in frame.sources:
        uris = [source.uri, *(mask.uri for mask in source.masks)]
        if source.preview is not None:
            uris.append(source.preview.uri)
        for uri in uris:
            if uri.startswith(KEPT):
                yield uri[len(KEPT) :]


def media_of(objects: Objects, state: VersionState, seen: set[str]) -> set[str]:
    """Returns the hashes of the kept media a version names in leaves not in ``seen``, which trees and leaves join."""
    found: set[str] = set()
    for oid in state.trie.new_leaves(seen):
        for frame in decode_leaf(objects.read(oid, "blob")):
            found.update(kept_media(frame))
    return found
