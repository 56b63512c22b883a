"""Conflicts of one frame, or of the version itself, to canonical MessagePack and back.

A stored list is an array of conflicts in the order of their paths, then of their ids. Lists come from strangers too:
what is read is bounded, has the types its paths say, and is in canonical form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from hdstore.codec.conflictpaths import may_lack, typed_value
from hdstore.codec.leaves import leaf_count
from hdstore.errors import DamagedError, InvalidValueError
from hdstore.ids import derive_id
from hdstore.model import Conflict, ConflictSide, check_frame_id

__all__ = ["MAX_CONFLICTS", "MAX_CONFLICT_BYTES", "conflict_id", "decode_conflicts", "encode_conflicts"]

MAX_CONFLICT_BYTES = 32 << 20
"""How long the stored conflicts of one frame may be: three values of a frame of 10 MB fit."""

MAX_CONFLICTS = 100_000
"""How many conflicts one frame, or the version itself, may have."""

_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder: msgspec.msgpack.Decoder[list[Conflict]] = msgspec.msgpack.Decoder(list[Conflict])

_COMMIT = re.compile(r"(?:[0-9a-f]{40})?")
_NOTHING = ConflictSide(present=False)
_NO_BASE = Conflict(sides=(_NOTHING, _NOTHING)).base


def _normal(conflict: Conflict) -> Conflict:
    """Returns a conflict as it is read back, checked by the rules of its path; raises InvalidValueError."""
    for side in (conflict.base, *conflict.sides):
        if not _COMMIT.fullmatch(side.commit):
            raise InvalidValueError(
                f"The side of a conflict is named by a commit id or not at all, not by {side.commit!r}."
            )
        if side.present:
            typed_value(conflict.frame_id, conflict.path, side.value)
        elif side.value is not None:
            raise InvalidValueError("A side of a conflict that lacks a thing has a value of it.")
    if conflict.base.commit:
        raise InvalidValueError("The common ancestor of a conflict names no commit.")
    held = [side.present for side in conflict.sides]
    if not any(held) or not (all(held) or may_lack(conflict.frame_id, conflict.path)):
        raise InvalidValueError("A side of a conflict lacks what can not be absent there.")
    if not conflict.base.present and conflict.base is not _NO_BASE:
        # The encoder leaves out a field that is its default, not one that equals it.
        return msgspec.structs.replace(conflict, base=_NO_BASE)
    return conflict


def _encode(conflict: Conflict) -> bytes:
    try:
        return _encoder.encode(_normal(conflict))
    except (msgspec.MsgspecError, TypeError, OverflowError, UnicodeError, RecursionError) as error:
        raise InvalidValueError(f"A conflict can not be stored: {error}.") from error


def conflict_id(conflict: Conflict) -> str:
    """Returns the 12-character id that this conflict has on every machine, from its canonical bytes."""
    return derive_id("conflict", _encode(conflict))


def encode_conflicts(conflicts: Iterable[Conflict]) -> bytes:
    """Returns the canonical bytes of the conflicts of one frame or version, each once, whatever order they come in.

    Raises InvalidValueError when one breaks a rule or is of another frame, or when there are too many.
    """
    rows: dict[tuple[tuple[str, ...], str], bytes] = {}
    frame_id: str | None = None
    for conflict in conflicts:
        if frame_id is None:
            frame_id = conflict.frame_id
            if frame_id:
                check_frame_id(frame_id)
        if conflict.frame_id != frame_id:
            raise InvalidValueError("The conflicts of two frames can not be stored in one list.")
        data = _encode(conflict)
        rows[conflict.path, derive_id("conflict", data)] = data
    listed = [msgspec.Raw(rows[key]) for key in sorted(rows)]
    encoded = _encoder.encode(listed)
    if len(listed) > MAX_CONFLICTS or len(encoded) > MAX_CONFLICT_BYTES:
        raise InvalidValueError(
            f"The {len(listed)} conflicts of frame {frame_id!r} have {len(encoded)} bytes; {MAX_CONFLICTS} conflicts of"
            f" {MAX_CONFLICT_BYTES} bytes are the most that are kept."
        )
    return encoded


def decode_conflicts(data: bytes) -> tuple[Conflict, ...]:
    """Returns the conflicts these bytes hold, in their order; raises DamagedError when they are not canonical."""
    if len(data) > MAX_CONFLICT_BYTES:
        raise DamagedError(f"A list of conflicts has {len(data)} bytes; {MAX_CONFLICT_BYTES} are the most.")
    if leaf_count(data) > MAX_CONFLICTS:
        raise DamagedError(
            f"A list of conflicts says it holds {leaf_count(data)}; {MAX_CONFLICTS} are the most."
        )
    try:
        conflicts = _decoder.decode(data)
        canonical = encode_conflicts(conflicts)
    except (msgspec.DecodeError, UnicodeError, RecursionError, InvalidValueError) as error:
        raise DamagedError(f"Stored bytes are not conflicts: {str(error).rstrip('.')}.") from error
    if canonical != data:
        raise DamagedError("Stored bytes are not conflicts in canonical form.")
    return tuple(conflicts)
