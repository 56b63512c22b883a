"""Frames on two sides of a merge, and what to look at in the result, for the tests of merging."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from strategies import changed_frames, frames

from hdstore.codec import decode_frame, encode_frame, plain_value
from hdstore.model import Annotation, Conflict, Frame, FrameGroup, Mask, SingleFrame, Source

COMMITS = ("a" * 40, "b" * 40)
"""The names of two sides, the earlier one first."""

ABSENT = object()
"""What ``at`` finds where there is nothing."""


def stored(frame: Frame) -> Frame:
    """Returns the frame as it is read back."""
    return decode_frame(encode_frame(frame))


_ANNOTATIONS = tuple(
    Annotation(id=name, labels=("cat",), metadata={"k": {"k": 1, "m": 2}}, sources=on)
    for name, on in (("a", ()), ("b", ("left",)), ("c", ("left",)))
)
_SINGLE = SingleFrame(
    id="x",
    annotations=_ANNOTATIONS,
    metadata={"k": 1},
    sources=(Source(id="left", uri="a", metadata={"k": 1}),),
)
_GROUP = FrameGroup(
    id="x",
    annotations=(*_ANNOTATIONS, Annotation(id="d", labels=("dog",), sources=("left", "right"))),
    sources=(*_SINGLE.sources, Source(id="right", masks=(Mask(id="m", uri="m"),))),
)


@st.composite
def some_frames(draw: st.DrawFn) -> Frame:
    """Returns a frame with a few sources and annotations, or any other frame."""
    known = st.sampled_from([_SINGLE, _GROUP]).flatmap(changed_frames)
    return stored(draw(st.one_of(known, known, known, frames(named=True))))


@st.composite
def three(draw: st.DrawFn) -> tuple[Frame, Frame, Frame]:
    """Returns a frame and what each of two people made of it."""
    base = draw(some_frames())
    first, second = (
        stored(draw(changed_frames(base, least=draw(st.sampled_from([0, 4]))))) for _ in range(2)
    )
    return base, first, second


def at(frame: Frame | None, path: tuple[str, ...]) -> Any:
    """Returns the plain value at a path of a conflict, or ABSENT."""
    if frame is None:
        return ABSENT
    if not path:
        return plain_value(frame)
    field, *rest = path
    held: Any = getattr(frame, field)
    if field in ("annotations", "sources") and rest:
        held = next((member for member in held if member.id == rest[0]), ABSENT)
        rest = rest[1:]
        if rest and held is not ABSENT:
            if rest == ["medium"]:
                names = ("content_type", "hash", "height", "size", "uri", "width")
                default = type(held)()
                fields = {name: getattr(held, name) for name in names}
                return {name: value for name, value in fields.items() if value != getattr(default, name)}
            held = getattr(held, rest[0])
            if rest[0] == "masks" and rest[1:]:
                held = next((mask for mask in held if mask.id == rest[1]), ABSENT)
                rest = rest[1:]
            rest = rest[1:]
    for key in rest:
        held = held.get(key, ABSENT) if isinstance(held, dict) else ABSENT
    return held if held is ABSENT else plain_value(held)


def side_value(conflict: Conflict, side: int) -> Any:
    """Returns the plain value of a side of a conflict, or ABSENT."""
    return conflict.sides[side].value if conflict.sides[side].present else ABSENT
