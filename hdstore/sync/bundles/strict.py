"""What ``git fsck --strict`` would find in one object, and what hdstore never writes, found without git.

The decoders of the store take what they can make sense of; what a stranger hands over must be right in every byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hdstore.errors import DamagedError
from hdstore.store import BLOB_MODE, TREE_MODE, decode_commit, decode_tag, decode_tree

__all__ = ["object_problems"]

_PERSON = rb"[^<>\n\0]* <[^<>\n\0]*> (?:0|[1-9][0-9]{0,17}) [+-][0-9]{4}"
_OID = rb"[0-9a-f]{40}"
_COMMIT = re.compile(
    rb"tree %(oid)s\n(?:parent %(oid)s\n)*author (?!<)%(person)s\ncommitter (?!<)%(person)s\n"
    rb"(?:[a-z][A-Za-z0-9-]* [^\0\n]*\n(?: [^\0\n]*\n)*)*(?:\n[^\0]*)?" % {b"oid": _OID, b"person": _PERSON}
)
_TAG = re.compile(
    rb"object %(oid)s\ntype commit\ntag [!-~]+\ntagger (?!<)%(person)s\n(?:\n[^\0]*)?"
    % {b"oid": _OID, b"person": _PERSON}
)
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,254}")
"""Names in trees: what hdstore writes, and nothing that git or a file system would take for something else."""


def object_problems(kind: str, data: bytes) -> Iterator[str]:
    """Yields what is wrong with the bytes of an object of this kind, of which nothing else need be known."""
    try:
        if kind == "tree":
            yield from _tree(data)
        elif kind == "commit":
            decode_commit(data)
            if not _COMMIT.fullmatch(data):
                yield "it is not as git writes a commit"
        elif kind == "tag":
            decode_tag(data)
            if not _TAG.fullmatch(data):
                yield "it is not as git writes an annotated tag of a commit"
    except DamagedError as error:
        yield str(error).rstrip(".")


def _tree(data: bytes) -> Iterator[str]:
    names: set[str] = set()
    for entry in decode_tree(data):
        if entry.mode not in (BLOB_MODE, TREE_MODE):
            yield f"its entry {entry.name!r} is neither a file nor a folder"
        if not _NAME.fullmatch(entry.name):
            yield f"its entry {entry.name!r} has a name that hdstore gives to nothing"
        if entry.name in names:
            yield f"its entry {entry.name!r} is there twice"
        names.add(entry.name)
