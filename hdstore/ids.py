"""Names and hashes: the only module that imports blake3.

Random ids name things people make (datasets, versions, drawn annotations); derived ids name things
that are imported, so that two people who import the same files get the same ids.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from blake3 import blake3

from hdstore.errors import InvalidValueError

__all__ = [
    "ID_PATTERN",
    "NAMED_ID_PATTERN",
    "content_hash",
    "derive_id",
    "frame_key",
    "hash_file",
    "hash_stream",
    "named_id",
    "new_hasher",
    "new_id",
    "sibling_id",
    "slug",
]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: no i, l, o, u, so an id can be read aloud."""

ID_PATTERN = re.compile(rf"[{_ALPHABET}]{{8,26}}")
NAMED_ID_PATTERN = re.compile(rf"[a-z0-9]+(?:-[a-z0-9]+)*\.[{_ALPHABET}]{{8}}")
"""A dataset or version id: a slug, a dot, eight characters; safe as a git ref and a file name."""

_CHUNK = 1 << 20


def _base32(data: bytes, length: int) -> str:
    number = int.from_bytes(data, "big")
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 32)
        digits.append(_ALPHABET[digit])
    return "".join(digits)


def new_id(length: int = 8) -> str:
    """Returns a random id of ``length`` base-32 characters (5 bits each)."""
    return _base32(secrets.token_bytes(length), length)


def slug(name: str, *, limit: int = 32) -> str:
    """Returns a readable ASCII form of ``name``, at most ``limit`` characters, never empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    text = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:limit].strip("-")
    return text or "x"


def named_id(name: str) -> str:
    """Returns a fresh dataset or version id that begins with a slug of ``name``."""
    return f"{slug(name)}.{new_id(8)}"


def derive_id(*parts: str | bytes | int) -> str:
    """Returns the 12-character id that these parts, in this order, always give."""
    hasher = blake3()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        hasher.update(len(data).to_bytes(8, "big"))
        hasher.update(data)
    return _base32(hasher.digest(8), 12)


def sibling_id(named: str, reason: str) -> str:
    """Returns the dataset or version id that everybody derives from another one, for a reason such as a tag's hash."""
    return f"{named.partition('.')[0]}.{derive_id(named, reason)[:8]}"


def frame_key(frame_id: str) -> bytes:
    """Returns the 32-byte trie key of a frame: BLAKE3 of its id in UTF-8."""
    try:
        return blake3(frame_id.encode()).digest()
    except UnicodeEncodeError as error:
        raise InvalidValueError(f"A frame id is valid Unicode, which {frame_id!r} is not.") from error


def content_hash(data: bytes) -> str:
    """Returns the BLAKE3 hash of ``data`` as 64 hexadecimal digits."""
    return blake3(data).hexdigest()


def new_hasher() -> blake3:
    """Returns a BLAKE3 hasher of no bytes yet: ``update(data)`` adds some, ``hexdigest()`` tells their hash."""
    return blake3()


def hash_stream(stream: BinaryIO, progress: Callable[[int], None] | None = None) -> str:
    """Returns the BLAKE3 hash of what is left in ``stream``; ``progress`` gets the bytes read by each step."""
    hasher = blake3()
    while chunk := stream.read(_CHUNK):
        hasher.update(chunk)
        if progress is not None:
            progress(len(chunk))
    return hasher.hexdigest()


def hash_file(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """Returns the BLAKE3 hash of a file."""
    with path.open("rb") as stream:
        return hash_stream(stream, progress)
