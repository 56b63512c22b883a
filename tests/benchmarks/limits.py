"""What the same bytes cost at the least: encoded, deflated, hashed, inflated, decoded; the measure for the speeds."""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Callable, Iterable, Sequence

import msgspec

from hdstore.codec import decode_leaf, join_leaf
from hdstore.model import Frame

LEAF = 22
"""Frames in a leaf on average."""


def timed(work: Callable[[], object]) -> float:
    """Returns the seconds that ``work`` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median(work: Callable[[], object], times: int = 9) -> float:
    """Returns the median seconds of several runs."""
    return sorted(timed(work) for _ in range(times))[times // 2]


def floor_of_adding(frames: Sequence[Frame]) -> dict[str, float]:
    """Returns the seconds to encode, deflate (zlib 1) and hash these frames once each, in leaves, on one core."""
    encoder = msgspec.msgpack.Encoder(order="deterministic")
    encoded: list[bytes] = []
    leaves: list[bytes] = []

    def encode() -> None:
        encoded.extend(encoder.encode(frame) for frame in frames)

    def deflate() -> None:
        for leaf in leaves:
            zlib.compress(leaf, 1)

    def digest() -> None:
        for leaf in leaves:
            hashlib.sha1(leaf, usedforsecurity=False).digest()

    seconds = {"encode": timed(encode)}
    leaves += [join_leaf(encoded[at : at + LEAF]) for at in range(0, len(encoded), LEAF)]
    return {**seconds, "deflate": timed(deflate), "hash": timed(digest)}


def floor_of_reading(leaves: Iterable[bytes]) -> float:
    """Returns the seconds of a bare loop that inflates and decodes these leaves."""
    stored = [zlib.compress(leaf, 1) for leaf in leaves]

    def loop() -> None:
        for data in stored:
            for _ in decode_leaf(zlib.decompress(data)):
                pass

    return min(timed(loop) for _ in range(3))
