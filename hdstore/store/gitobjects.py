"""Git's objects as bytes: pure functions, checked in both directions.

What is written passes ``git fsck --strict``. What is read may come from a stranger: anything that git would
not have written raises DamagedError.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hdstore.errors import DamagedError, InvalidValueError
from hdstore.model import Author

__all__ = [
    "BLOB_MODE",
    "OBJECT_LIMIT",
    "TREE_MODE",
    "CommitObject",
    "Entry",
    "TagObject",
    "check_oid",
    "decode_commit",
    "decode_tag",
    "decode_tree",
    "encode_commit",
    "encode_tag",
    "encode_tree",
    "new_object_id",
    "object_id",
]

OBJECT_LIMIT = 1 << 30
"""The largest object in bytes: what a stranger's few kilobytes may grow to is bounded by it."""

BLOB_MODE = 0o100644
TREE_MODE = 0o040000

_MODES = {
    b"40000": TREE_MODE,
    b"100644": BLOB_MODE,
    b"100755": 0o100755,
    b"120000": 0o120000,
    b"160000": 0o160000,
}
_MODE_BYTES = {number: text for text, number in _MODES.items()}
_ENTRY = re.compile(rb"([0-7]{5,6}) ([^\0/]+)\0(.{20})", re.DOTALL)
_OID = re.compile(r"[0-9a-f]{40}")
_SIGNATURE = re.compile(rb"(.*?) ?<([^<>\n]*)> (\d{1,18}) [+-]\d{4}", re.DOTALL)
_KINDS = ("commit", "tree", "blob", "tag")
_LAST_TIME = 2**62


class Entry(NamedTuple):
    """One name in a tree."""

    mode: int
    name: str
    oid: str


@dataclass(frozen=True, slots=True)
class CommitObject:
    """A commit as git stores it; times are seconds since 1970 in UTC."""

    tree: str
    parents: tuple[str, ...]
    author: Author
    time: int
    committer: Author
    committed: int
    message: str


@dataclass(frozen=True, slots=True)
class TagObject:
    """An annotated tag as git stores it; ``target`` is the object it names."""

    target: str
    kind: str
    name: str
    author: Author
    time: int
    message: str


def object_id(kind: str, data: bytes) -> str:
    """Returns the 40-digit id git gives to these bytes."""
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data, usedforsecurity=False).hexdigest()


def new_object_id(kind: str, data: bytes) -> str:
    """Returns the id of an object that is to be written; refuses what could not be read again."""
    if kind not in _KINDS:
        raise InvalidValueError(f"{kind!r} is not a kind of object.")
    if len(data) > OBJECT_LIMIT:
        raise InvalidValueError(
            f"A {kind} of {len(data)} bytes can not be stored: {OBJECT_LIMIT} are the most."
        )
    return object_id(kind, data)


def check_oid(oid: str) -> str:
    """Returns ``oid`` when it is 40 hexadecimal digits in lower case."""
    if not _OID.fullmatch(oid):
        raise InvalidValueError(f"{oid!r} is not an object id: 40 hexadecimal digits are.")
    return oid


def _reserved(name: bytes) -> bool:
    # git refuses these in a tree, for they would climb out of, or into, a repository when checked out.
    return name in (b".", b"..") or (name[:4].lower() == b".git" and len(name) == 4)


def _sort_key(mode: int, name: bytes) -> bytes:
    # git sorts a folder as if its name ended with a slash.
    return name + b"/" if mode == TREE_MODE else name


def encode_tree(entries: Iterable[Entry]) -> bytes:
    """Returns a tree of these entries, in git's order whatever order they come in."""
    rows: list[tuple[bytes, bytes]] = []
    names: set[bytes] = set()
    for mode, name, oid in entries:
        raw = name.encode()
        text = _MODE_BYTES.get(mode)
        if text is None:
            raise InvalidValueError(f"The tree entry {name!r} can not have the mode {mode:o}.")
        if not raw or b"/" in raw or b"\0" in raw or _reserved(raw):
            raise InvalidValueError(f"{name!r} can not be the name of a tree entry.")
        if raw in names:
            raise InvalidValueError(f"The name {name!r} stands twice in one tree.")
        names.add(raw)
        rows.append((_sort_key(mode, raw), b"%s %s\0%s" % (text, raw, bytes.fromhex(check_oid(oid)))))
    rows.sort()
    return b"".join([row for _, row in rows])


def decode_tree(data: bytes) -> list[Entry]:
    """Returns the entries of a tree, in git's order."""
    entries: list[Entry] = []
    position = 0
    before = b""
    for match in _ENTRY.finditer(data):
        mode_text, raw, oid = match.groups()
        mode = _MODES.get(mode_text)
        if match.start() != position or mode is None:
            break
        key = raw + b"/" if mode == TREE_MODE else raw
        if key <= before or _reserved(raw):
            break
        try:
            entries.append(Entry(mode, raw.decode(), oid.hex()))
        except UnicodeDecodeError:
            break
        before = key
        position = match.end()
    if position != len(data):
        raise DamagedError(
            f"Stored bytes are not a tree: what begins at byte {position} is no entry in order."
        )
    return entries


def _signature(author: Author, time: int) -> bytes:
    name, email = author.name.strip(), author.email.strip()
    if not name or re.search(r"[<>\x00-\x1f]", name + email):
        raise InvalidValueError(
            f"The author {author.name!r} <{author.email}> can not be written: a name must not be empty, and "
            "neither name nor address may hold < > or control characters."
        )
    if not 0 <= time < _LAST_TIME:
        raise InvalidValueError(f"The time {time} can not be written: it must be seconds since 1970.")
    return f"{name} <{email}> {time} +0000".encode()


def _message(text: str) -> bytes:
    if "\0" in text:
        raise InvalidValueError("A message can not hold a zero byte.")
    try:
        return text.strip("\n").encode() + b"\n"
    except UnicodeEncodeError as error:
        raise InvalidValueError(f"The message is not valid text: {error}.") from error


def encode_commit(
    *,
    tree: str,
    parents: Sequence[str],
    author: Author,
    time: int,
    message: str,
    committer: Author | None = None,
    committed: int | None = None,
) -> bytes:
    """Returns a commit; who commits, and when, is the author and ``time`` unless given."""
    lines = [b"tree " + check_oid(tree).encode()]
    lines += [b"parent " + check_oid(parent).encode() for parent in parents]
    lines.append(b"author " + _signature(author, time))
    lines.append(b"committer " + _signature(committer or author, time if committed is None else committed))
    return b"\n".join([*lines, b"", _message(message)])


def encode_tag(
    *, target: str, name: str, author: Author, time: int, message: str, kind: str = "commit"
) -> bytes:
    """Returns an annotated tag that names the object ``target`` of this kind."""
    if kind not in _KINDS:
        raise InvalidValueError(f"{kind!r} is not a kind of object.")
    if not name or re.search(r"[\x00-\x20]", name):
        raise InvalidValueError(f"{name!r} can not be the name of a tag.")
    lines = [
        b"object " + check_oid(target).encode(),
        b"type " + kind.encode(),
        b"tag " + name.encode(),
        b"tagger " + _signature(author, time),
    ]
    return b"\n".join([*lines, b"", _message(message)])


class _Headers:
    """Reads the header lines of a commit or tag one after the other."""

    def __init__(self, data: bytes, what: str) -> None:
        head, separator, body = data.partition(b"\n\n")
        if not separator:
            # An empty message leaves only the newline of the last header.
            head, body = data.removesuffix(b"\n"), b""
        self._lines = head.split(b"\n")
        self._next = 0
        self._what = what
        self.message = body.decode(errors="replace").strip("\n")

    def damaged(self, why: str) -> DamagedError:
        return DamagedError(f"Stored bytes are not a {self._what}: {why}.")

    def has(self, name: bytes) -> bool:
        return self._next < len(self._lines) and self._lines[self._next].startswith(name + b" ")

    def take(self, name: bytes) -> bytes:
        if not self.has(name):
            raise self.damaged(f"the line {name.decode()!r} is missing")
        line = self._lines[self._next]
        self._next += 1
        return line[len(name) + 1 :]

    def oid(self, name: bytes) -> str:
        text = self.take(name).decode(errors="replace")
        if not _OID.fullmatch(text):
            raise self.damaged(f"{text!r} is not an object id")
        return text

    def signature(self, name: bytes) -> tuple[Author, int]:
        match = _SIGNATURE.fullmatch(self.take(name))
        if match is None:
            raise self.damaged(f"the line {name.decode()!r} does not name a person and a time")
        person, email, time = match.groups()
        return Author(name=person.decode(errors="replace"), email=email.decode(errors="replace")), int(time)


def decode_commit(data: bytes) -> CommitObject:
    """Returns the commit these bytes hold; headers that others add (signatures) are passed over."""
    headers = _Headers(data, "commit")
    tree = headers.oid(b"tree")
    parents = []
    while headers.has(b"parent"):
        parents.append(headers.oid(b"parent"))
    author, time = headers.signature(b"author")
    committer, committed = headers.signature(b"committer")
    return CommitObject(
        tree=tree,
        parents=tuple(parents),
        author=author,
        time=time,
        committer=committer,
        committed=committed,
        message=headers.message,
    )


def decode_tag(data: bytes) -> TagObject:
    """Returns the annotated tag these bytes hold."""
    headers = _Headers(data, "tag")
    target = headers.oid(b"object")
    kind = headers.take(b"type").decode(errors="replace")
    if kind not in _KINDS:
        raise headers.damaged(f"{kind!r} is not a kind of object")
    name = headers.take(b"tag").decode(errors="replace")
    author, time = headers.signature(b"tagger")
    return TagObject(target=target, kind=kind, name=name, author=author, time=time, message=headers.message)
