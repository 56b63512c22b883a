"""Parts of a dataset by the hash of what belongs together: the same for everybody, and stable when frames are added.

A key (a frame's id, its context, or a value of its metadata) falls into a share by its hash alone:

    point = first 8 bytes of BLAKE3(salt, a zero byte, key) as a big-endian number, over 2**64

The shares, divided by their sum, are laid end to end in the order given; the key belongs to the share that holds the
point. So no frame changes sides because others came, and frames of one key are never torn apart. Shares are shares of
*keys*: where groups differ much in size, the shares of frames follow only roughly.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from hdstore.errors import InvalidValueError
from hdstore.ids import content_hash
from hdstore.model import Frame, FrameGroup, Metadata, Progress, SingleFrame
from hdstore.query.lexer import split_path

if TYPE_CHECKING:
    from hdstore.view import ViewItem

__all__ = ["Split", "Splitter", "assign", "split"]

_EVERY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Which frames fell into which share.

    ``positions`` has, by the name of the share, the places of its frames in what was split, counted from 0, ascending;
    ``groups`` how many keys fell into it.
    """

    positions: dict[str, list[int]]
    groups: dict[str, int]

    @property
    def counts(self) -> dict[str, int]:
        """How many frames fell into each share."""
        return {name: len(places) for name, places in self.positions.items()}


class Splitter:
    """Says into which share a frame falls.

    ``by`` is "context" (frames of one video or scene stay together; without a context, the first source's URI),
    "id", or a path into the frame's metadata such as "meta.patient" or "meta.trip.day". Shares are relative: 80, 10,
    10 and 0.8, 0.1, 0.1 are the same.
    """

    def __init__(self, shares: Mapping[str, float], *, by: str = "context", salt: str = "") -> None:
        self.shares = _checked(shares)
        self.by = by
        self.salt = salt
        self._names = tuple(self.shares)
        self._key = _key_reader(by)
        parts = [Fraction(share) for share in self.shares.values()]
        # Whole numbers, so that no machine's rounding moves a key at a border.
        self._ends = [math.ceil(end * 2**64 / sum(parts)) for end in accumulate(parts)]

    def assign(self, key: str) -> str:
        """Returns the share of a key."""
        digest = content_hash(f"{self.salt}\0{key}".encode())
        return self._names[bisect_right(self._ends, int(digest[:16], 16))]

    def key(self, frame: Frame) -> str:
        """Returns the key of a frame; raises InvalidValueError naming a frame that has none."""
        return self._key(frame)

    def share(self, frame: Frame) -> str:
        """Returns the share of a frame; raises InvalidValueError naming a frame that has no key."""
        return self.assign(self._key(frame))


def assign(key: str, shares: Mapping[str, float], salt: str = "") -> str:
    """Returns the name of the share that a key falls into; see the module for how."""
    return Splitter(shares, salt=salt).assign(key)


def split(
    frames: Iterable[Frame | ViewItem],
    shares: Mapping[str, float],
    *,
    by: str = "context",
    salt: str = "",
    progress: Progress | None = None,
) -> Split:
    """Returns which frames of a view, a version or any iterable fall into which share.

    Raises:
        InvalidValueError: the shares are wrong, or a frame has no key of the kind that ``by`` asks for.
    """
    splitter = Splitter(shares, by=by, salt=salt)
    positions: dict[str, list[int]] = {name: [] for name in splitter.shares}
    seen: dict[str, set[str]] = {name: set() for name in splitter.shares}
    place = -1
    for place, frame in enumerate(_frames(frames)):
        key = splitter.key(frame)
        name = splitter.assign(key)
        positions[name].append(place)
        seen[name].add(key)
        if progress is not None and place % _EVERY == 0:
            progress("Splitting frames", place, None)
    if progress is not None:
        progress("Splitting frames", place + 1, place + 1)
    return Split(positions=positions, groups={name: len(keys) for name, keys in seen.items()})


def _frames(frames: Iterable[Frame | ViewItem]) -> Iterator[Frame]:
    for one in frames:
        yield one if isinstance(one, SingleFrame | FrameGroup) else one.frame


def _checked(shares: Mapping[str, float]) -> dict[str, float]:
    if not shares:
        raise InvalidValueError("A split needs shares, for example train=80, val=10, test=10.")
    for name, share in shares.items():
        if not name or not math.isfinite(share) or share <= 0:
            raise InvalidValueError(f"Each share is a name and a number above 0, not {name!r} and {share!r}.")
    return dict(shares)


def _key_reader(by: str) -> Callable[[Frame], str]:
    if by == "id":
        return lambda frame: frame.id
    if by == "context":
        return _context
    root, *parts = split_path(by)
    if root != "meta" or not parts or not all(parts):
        raise InvalidValueError(
            f"Frames are split by 'context', 'id' or a path like 'meta.patient', not {by!r}."
        )
    return lambda frame: _metadata(frame, parts)


def _context(frame: Frame) -> str:
    if not frame.context:
        raise InvalidValueError(
            f"Frame {frame.id!r} has neither a context nor a source to group it by; split by id or by metadata."
        )
    return frame.context


def _metadata(frame: Frame, parts: Sequence[str]) -> str:
    value = _find(frame.metadata, parts)
    if value is None:
        raise InvalidValueError(
            f"Frame {frame.id!r} has no meta.{'.'.join(parts)} to group it by; give it one, or split by something else."
        )
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def _find(metadata: Metadata, parts: Sequence[str]) -> Any:
    value: Any = metadata
    for part in parts:
        value = value.get(part) if isinstance(value, dict) else None
    return value
