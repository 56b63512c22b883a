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
from typing import TYPE_CHECKING, Any, Protocol

from hdstore.errors import InvalidValueError
from hdstore.ids import content_hash
from hdstore.model import Changes, Frame, FrameGroup, Metadata, Progress, SingleFrame, replace
from hdstore.query.lexer import split_path

if TYPE_CHECKING:
    from hdstore.version import VersionState
    from hdstore.view import ViewItem

__all__ = ["Split", "Splitter", "assign", "split", "write_split"]

_EVERY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Which frames fell into which share.

    All maps are by the name of the share. ``positions`` has the places of its frames in what was split, counted from 0,
    ascending; ``frames`` their datasets and ids in the same order (the dataset is "" where plain frames were split);
    ``groups`` how many keys fell into it.
    """

    positions: dict[str, list[int]]
    frames: dict[str, list[tuple[str, str]]]
    groups: dict[str, int]

    @property
    def counts(self) -> dict[str, int]:
        """How many frames fell into each share."""
        return {name: len(places) for name, places in self.positions.items()}


class Draft(Protocol):
    """A version whose frames can be changed."""

    def state(self) -> VersionState:
        """Returns what it holds now."""
        ...

    def add_frames(
        self,
        frames: Iterable[Frame],
        *,
        message: str | None = None,
        base: str | None = None,
        progress: Progress | None = None,
    ) -> Changes:
        """Replaces frames as one commit, unless somebody saved the draft since ``base``."""
        ...


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

    def split(
        self,
        frames: Iterable[Frame | ViewItem],
        *,
        total: int | None = None,
        progress: Progress | None = None,
    ) -> Split:
        """Returns which frames of a view, a version or any iterable fall into which share.

        Raises:
            InvalidValueError: a frame has no key.
        """
        positions: dict[str, list[int]] = {name: [] for name in self.shares}
        names: dict[str, list[tuple[str, str]]] = {name: [] for name in self.shares}
        groups: dict[str, set[str]] = {name: set() for name in self.shares}
        done = 0
        for done, (dataset, frame) in enumerate(_frames(frames), 1):
            key = self.key(frame)
            name = self.assign(key)
            positions[name].append(done - 1)
            names[name].append((dataset, frame.id))
            groups[name].add(key)
            if progress is not None and done % _EVERY == 0:
                progress("Splitting frames", done, total)
        if progress is not None:
            progress("Splitting frames", done, done)
        counts = {name: len(keys) for name, keys in groups.items()}
        return Split(positions=positions, frames=names, groups=counts)


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
    return Splitter(shares, by=by, salt=salt).split(frames, progress=progress)


def write_split(
    draft: Draft, splitter: Splitter, key: str, *, progress: Progress | None = None
) -> tuple[Split, Changes]:
    """Writes into the metadata of a draft's frames, under ``key``, which share each fell into, as one commit.

    A view over the version then asks for ``meta.KEY:train``. Frames added later have no such key until this is done
    again, which leaves those that have it as they are.

    Raises:
        InvalidValueError: a frame has no key to split by, or ``key`` is what is split by.
        ReadOnlyError: the version is published.
        ConflictError: somebody saved the draft meanwhile; nothing was changed.
    """
    if splitter.by.removeprefix("meta.").partition(".")[0] == key:
        raise InvalidValueError(
            f"Splitting by {splitter.by} can not write to meta.{key}; choose another key."
        )
    state = draft.state()
    found = splitter.split(state.frames(), total=len(state), progress=progress)
    changed = (
        replace(frame, metadata={**frame.metadata, key: share})
        for frame in state.frames()
        if frame.metadata.get(key) != (share := splitter.share(frame))
    )
    parts = ", ".join(splitter.shares)
    message = f"Split the frames into {parts} by {splitter.by}"
    return found, draft.add_frames(changed, message=message, base=state.commit, progress=progress)


def _frames(frames: Iterable[Frame | ViewItem]) -> Iterator[tuple[str, Frame]]:
    for one in frames:
        if isinstance(one, SingleFrame | FrameGroup):
            yield "", one
        else:
            yield one.dataset, one.frame


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
