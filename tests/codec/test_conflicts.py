"""Conflicts as bytes: canonical, and nothing else is read."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from merging import COMMITS, three
from strategies import json_values

from hdstore.codec import conflict_id, conflicts, decode_conflicts, encode_conflicts
from hdstore.errors import DamagedError, InvalidValueError
from hdstore.merge import merge_frames
from hdstore.model import Conflict, ConflictSide, Frame, replace

A, B = COMMITS


def conflict(*path: str, values: tuple[Any, Any] = (1, 2), frame_id: str = "x") -> Conflict:
    """Returns a conflict of two values at a path."""
    sides = (ConflictSide(commit=A, value=values[0]), ConflictSide(commit=B, value=values[1]))
    return Conflict(frame_id=frame_id, path=path, sides=sides)


KEY = conflict("metadata", "k")


@given(three())
def test_conflicts_of_merges_are_read_back(frames: tuple[Frame, Frame, Frame]) -> None:
    """What a merge notes comes back as it was, in its order, with ids that do not depend on where it comes from."""
    found = merge_frames(*frames, commits=COMMITS).conflicts
    read = decode_conflicts(encode_conflicts(reversed(found)))
    assert read == found
    assert [conflict_id(one) for one in read] == [conflict_id(one) for one in found]
    assert len({conflict_id(one) for one in found}) == len(found)
    assert encode_conflicts(read) == encode_conflicts(found)


@given(st.dictionaries(st.text(max_size=2), st.tuples(json_values, json_values), min_size=1, max_size=4))
def test_values_of_metadata_come_back_to_the_bit(held: dict[str, tuple[Any, Any]]) -> None:
    """Whatever metadata may hold stands in a conflict as it was."""
    given = [conflict("metadata", key, values=values) for key, values in held.items()]
    data = encode_conflicts([*given, *given])
    read = decode_conflicts(data)
    assert [one.path for one in read] == sorted(one.path for one in given)
    assert encode_conflicts(read) == data
    assert msgspec.msgpack.encode([one.sides[0].value for one in read], order="deterministic") == (
        msgspec.msgpack.encode([held[one.path[1]][0] for one in read], order="deterministic")
    )


@pytest.mark.parametrize(
    "bad",
    [
        conflict(),
        conflict("annotations", "a"),
        conflict("annotations", "a", values=({"id": "a"}, {"id": "b"})),
        conflict("annotations", "a", "geometry", values=({"@": "box"}, None)),
        conflict("annotations", "a", "id", values=("a", "b")),
        conflict("annotations", "a", "metadata"),
        conflict("annotations", "a", "labels", "0", values=("a", "b")),
        conflict("sources", "s", "uri", values=("a", "b")),
        conflict("sources", "s", "medium", values=({"id": "s"}, {})),
        conflict("sources", "s", "masks", values=([], [])),
        conflict("sources", "s", "masks", "m", values=({"id": "n", "uri": ""}, {"id": "m", "uri": ""})),
        conflict("metadata"),
        conflict("metadata", *"k" * 80),
        conflict("metadata", "k", values=(float("nan"), 1)),
        conflict("kind", values=("single", "group")),
        conflict("id", values=("a", "b")),
        conflict("vectors", "v", values=([1.0], "x")),
        conflict("schema", "labels", "cat", "color", values=("", "#ff0000")),
        conflict("metadata", "k", frame_id=""),
        conflict("schema", "labels", "cat", "name", values=("a", "b"), frame_id=""),
        conflict("schema", "mask_labels", "m", "1", values=({"labels": [], "value": [2]}, None), frame_id=""),
        conflict("metadata", "k", frame_id="x\n"),
        replace(KEY, sides=(KEY.sides[0], ConflictSide(commit="HEAD", value=1))),
        replace(KEY, sides=(ConflictSide(commit=A, present=False), ConflictSide(commit=B, present=False))),
        replace(KEY, sides=(KEY.sides[0], ConflictSide(commit=B, present=False, value=1))),
        replace(KEY, base=ConflictSide(commit=A)),
        replace(
            conflict("context_id", values=("a", "b")),
            sides=(ConflictSide(commit=A, value="a"), ConflictSide(commit=B, present=False)),
        ),
    ],
    ids=lambda one: "/".join(one.path)[:40],
)
def test_what_breaks_a_rule_is_neither_written_nor_read(bad: Conflict) -> None:
    """Unknown paths, values of another kind, impossible sides: refused both ways."""
    with pytest.raises(InvalidValueError):
        encode_conflicts([bad])
    with pytest.raises(DamagedError):
        decode_conflicts(msgspec.msgpack.encode([bad], order="deterministic"))


def test_conflicts_of_two_frames_do_not_mix() -> None:
    """A list is of one frame, or of the version."""
    with pytest.raises(InvalidValueError, match="two frames"):
        encode_conflicts([KEY, conflict("metadata", "k", frame_id="y")])


def test_only_canonical_bytes_are_read() -> None:
    """Another order, one twice, a default written out, and bytes behind the end are damage."""
    one, two = KEY, conflict("metadata", "m")
    assert decode_conflicts(encode_conflicts([two, one])) == (one, two)
    good = msgspec.msgpack.encode([one, two], order="deterministic")
    assert decode_conflicts(good) == (one, two)
    plain = msgspec.to_builtins(one)
    for bad in (
        msgspec.msgpack.encode([two, one], order="deterministic"),
        msgspec.msgpack.encode([one, one], order="deterministic"),
        msgspec.msgpack.encode([plain | {"base": {"present": False}}], order="deterministic"),
        msgspec.msgpack.encode([plain | {"new": 1}], order="deterministic"),
        good + b"\xc0",
        good[:-1],
        b"",
        b"\xc0",
        b"\x91" * 100_000,
    ):
        with pytest.raises(DamagedError):
            decode_conflicts(bad)


def test_what_is_read_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that is too long, or says so, is refused before it is decoded, and never written."""
    with pytest.raises(DamagedError, match="4294967295"):
        decode_conflicts(b"\xdd\xff\xff\xff\xff")
    with pytest.raises(DamagedError, match="bytes"):
        decode_conflicts(bytes(conflicts.MAX_CONFLICT_BYTES + 1))
    deep: Any = None
    for _ in range(100):
        deep = [deep]
    with pytest.raises(DamagedError, match="deep"):
        decode_conflicts(msgspec.msgpack.encode([conflict("metadata", "k", values=(1, deep))]))
    monkeypatch.setattr(conflicts, "MAX_CONFLICTS", 1)
    with pytest.raises(InvalidValueError, match="the most that are kept"):
        encode_conflicts([KEY, conflict("metadata", "m")])
