"""What the two ends of an exchange of media over a pipe say to one another.

Each message is a record (see ``hdstore.codec.streams``) that holds a list: its kind, then its values. The end that was
started, the server, begins with ``MAGIC``, so that what a login prints before it can be told from it.

    client                          server
    hello, PROTOCOL, version        hello, PROTOCOL, version
    list, hash                      hashes, HASHES             those after a hash, in order; none: that was all
    missing, HASHES                 missing, BITS              one bit for each hash, the first is the highest
    offer, HASHES                   offsets, [INT]             what is there of each: -1 all, else bytes of a part
    put, HASH, size, offset         (nothing yet)
    data, BYTES  ...  end           kept, HASH                 once it is on the disk, in the order of the puts
                                    again, HASH                the part changed meanwhile: put it from its beginning
                                    refused, HASH              the bytes do not have this hash; nothing is kept
    flush                           flushed                    when all that was put is answered
    get, HASH, offset               medium, HASH, size, offset; data, BYTES ... end
                                    absent, HASH
                                    error, kind, sentence      the last word of the server

A client may ask on before it has its answers; they come in the order of the questions. HASHES are 32 bytes each.
"""

from __future__ import annotations

import re
from typing import Any

from hdstore.errors import DamagedError

__all__ = [
    "BATCH",
    "CHUNK",
    "LIMIT",
    "MAGIC",
    "PROTOCOL",
    "READ",
    "SIZE_LIMIT",
    "check_size",
    "join_hashes",
    "split_hashes",
]

PROTOCOL = 1
MAGIC = b"\0hdstore-media\0"

CHUNK = 1 << 20
"""The most bytes of a medium in one message."""

BATCH = 4096
"""The most hashes in one message."""

READ = 128 << 10
LIMIT = CHUNK + 2 * READ
"""The largest message that is read: a chunk, with room for what is read behind it."""

SIZE_LIMIT = 1 << 48
"""The most bytes of a medium."""

_HASH = re.compile(r"[0-9a-f]{64}")


def join_hashes(hashes: list[str]) -> bytes:
    """Returns hashes as they are sent."""
    return b"".join(map(bytes.fromhex, hashes))


def split_hashes(data: Any, *, most: int = BATCH) -> list[str]:
    """Returns the hashes of a message; raises DamagedError when they are none, or too many."""
    if not isinstance(data, bytes) or len(data) % 32 or len(data) > 32 * most:
        raise DamagedError(f"A message should hold up to {most} hashes of 32 bytes, but does not.")
    return [data[i : i + 32].hex() for i in range(0, len(data), 32)]


def check_size(value: Any) -> int:
    """Returns a size or an offset of a message; raises DamagedError when it can be none."""
    if type(value) is not int or not 0 <= value <= SIZE_LIMIT:
        raise DamagedError("A message should hold a number of bytes, but does not.")
    return value
