"""Frames as bytes: exact, canonical, and refused with a reason when they break a rule."""

from __future__ import annotations

import datetime
import decimal
import math
import struct
from contextlib import suppress
from typing import Any

import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

from hdstore.codec import (
    complete_ids,
    decode_frame,
    encode_frame,
    frame_from_builtins,
    frame_from_json,
    frame_id_of,
    frame_to_builtins,
    frame_to_json,
    is_canonical_frame,
)
from hdstore.errors import DamagedError, InvalidValueError
from hdstore.model import (
    Annotation,
    Box,
    Ellipse,
    Frame,
    FrameGroup,
    Geometry,
    Mask,
    MaskValue,
    Polygon,
    SingleFrame,
    Source,
    replace,
)


def with_geometry(geometry: Geometry) -> SingleFrame:
    return SingleFrame(id="f", annotations=(Annotation(id="a", geometry=geometry),))


def numbers(value: Any) -> list[bytes]:
    """Returns every number of a plain value with its bits."""
    if isinstance(value, dict):
        return [bits for key in sorted(value) for bits in numbers(value[key])]
    if isinstance(value, list | tuple):
        return [bits for item in value for bits in numbers(item)]
    if isinstance(value, float):
        return [struct.pack(">d", value)]
    return [repr(value).encode()]


@given(strategies.frames())
def test_a_frame_is_read_back_as_it_was_given(frame: Frame) -> None:
    """Decoding gives the frame, its annotations named, and encoding that gives the same bytes."""
    raw = encode_frame(frame)
    again = decode_frame(raw)

    assert replace(again, annotations=()) == replace(frame, annotations=())
    assert len(again.annotations) == len(frame.annotations)
    for read, given_ in zip(again.annotations, frame.annotations, strict=True):
        assert replace(read, id=given_.id) == given_
        assert read.id
    assert encode_frame(again) == raw
    assert is_canonical_frame(raw, again)
    assert frame_id_of(raw) == frame.id


@pytest.mark.parametrize("kind", strategies.geometries, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_kind_of_geometry_keeps_its_numbers_to_the_bit(kind: type, data: st.DataObject) -> None:
    """What was given is what is read: no float32, no box turned into a polygon, no lost angle."""
    shape = data.draw(strategies.geometries[kind])
    read = decode_frame(encode_frame(with_geometry(shape))).annotations[0].geometry

    assert type(read) is kind
    assert read == shape


@given(strategies.metadata)
def test_metadata_keep_types_and_bits(metadata: dict[str, Any]) -> None:
    """True stays True, 1 stays an integer, 1.0 a float and -0.0 negative, at every depth."""
    frame = SingleFrame(
        id="f",
        metadata=metadata,
        extra=metadata,
        sources=(Source(metadata=metadata),),
        annotations=(Annotation(id="a", metadata=metadata),),
    )
    read = decode_frame(encode_frame(frame))

    for found in (read.metadata, read.extra, read.sources[0].metadata, read.annotations[0].metadata):
        assert found == metadata
        assert numbers(found) == numbers(metadata)


@pytest.mark.parametrize("number", [253.85, -0.0, 5e-324, 2.2250738585072011e-308, 0.1 + 0.2, 1e15, 1 / 3])
def test_floats_are_kept_to_the_bit(number: float) -> None:
    """Coordinates, angles, confidences, vectors and times are the float64 that was given."""
    frame = SingleFrame(
        id="f",
        timestamp=number,
        vectors={"v": (number, 1)},
        annotations=(
            Annotation(id="a", geometry=Box(x=number, y=1, w=1, h=1, angle=number)),
            Annotation(id="b", geometry=Ellipse(cx=1, cy=1, rx=1, ry=1, theta=number)),
            Annotation(id="c", confidence=number / 1e16),
        ),
    )
    read = decode_frame(encode_frame(frame))

    box, ellipse = (read.annotations[i].geometry for i in (0, 1))
    assert isinstance(box, Box)
    assert isinstance(ellipse, Ellipse)
    for found in (read.timestamp, read.vectors["v"][0], box.x, box.angle, ellipse.theta):
        assert isinstance(found, float)
        assert struct.pack(">d", found) == struct.pack(">d", number)
    assert read.annotations[2].confidence == number / 1e16


def test_integers_given_as_coordinates_become_floats() -> None:
    """A box of integers has the bytes of the same box of floats."""
    ints, floats = Box(x=1, y=2, w=3, h=4), Box(x=1.0, y=2.0, w=3.0, h=4.0)

    assert encode_frame(with_geometry(ints)) == encode_frame(with_geometry(floats))
    assert type(decode_frame(encode_frame(with_geometry(ints))).annotations[0].geometry.x) is float  # type: ignore[union-attr]


def spelt(text: str) -> str:
    """Returns an equal string that is not the same object."""
    return "".join(list(text))


def test_a_default_that_is_spelt_out_is_left_out() -> None:
    """Equal frames have equal bytes, whoever made the strings and floats they hold."""
    plain = SingleFrame(
        id="f",
        sources=(Source(uri="u", masks=(Mask(uri="m"),)),),
        annotations=(Annotation(id="a", geometry=Ellipse(cx=1, cy=2, rx=3, ry=4)),),
    )
    told = SingleFrame(
        id="f",
        sources=(Source(uri="u", id=spelt("00"), masks=(Mask(uri="m", id=spelt("00")),)),),
        annotations=(Annotation(id="a", geometry=Ellipse(cx=1, cy=2, rx=3, ry=4, theta=float("0"))),),
    )
    json = frame_to_json(plain).replace('"uri": "m"', '"id": "00", "uri": "m"')

    assert encode_frame(told) == encode_frame(plain)
    assert encode_frame(frame_from_json(json)) == encode_frame(plain)
    assert b"theta" not in encode_frame(told)


def test_an_ellipse_turned_by_minus_zero_keeps_its_sign() -> None:
    """-0.0 equals the default but is not it."""
    read = decode_frame(encode_frame(with_geometry(Ellipse(cx=1, cy=1, rx=1, ry=1, theta=-0.0))))

    assert math.copysign(1, read.annotations[0].geometry.theta) == -1  # type: ignore[union-attr]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(number: float) -> None:
    """NaN and infinity are refused wherever a number stands."""
    for frame in (
        with_geometry(Box(x=number, y=1, w=1, h=1)),
        with_geometry(Polygon(rings=((1, number),))),
        SingleFrame(id="f", annotations=(Annotation(id="a", confidence=number),)),
        SingleFrame(id="f", metadata={"a": [{"b": number}]}),
        SingleFrame(id="f", extra={"a": number}),
        SingleFrame(id="f", timestamp=number),
        SingleFrame(id="f", sources=(Source(timestamp=number),)),
        SingleFrame(id="f", vectors={"v": (number,)}),
    ):
        with pytest.raises(InvalidValueError):
            encode_frame(frame)


@pytest.mark.parametrize(
    "number", [2**64, -(2**63) - 1, 10**30, 10**6000], ids=lambda n: f"{n.bit_length()} bits"
)
def test_integers_beyond_64_bits_are_refused(number: int) -> None:
    """They would become floats elsewhere: the message says to store a string."""
    with pytest.raises(InvalidValueError, match="64; store it as a string"):
        encode_frame(SingleFrame(id="f", metadata={"n": [number]}))
    with pytest.raises(InvalidValueError):
        encode_frame(with_geometry(MaskValue(value=(number,))))


@pytest.mark.parametrize(
    "value",
    [b"bytes", {1, 2}, decimal.Decimal("1.5"), datetime.date(2026, 1, 1), range(3), {1: "a"}, Source(), 1j],
    ids=repr,
)
def test_metadata_that_would_change_their_type_are_refused(value: Any) -> None:
    """A date or a Decimal would be read back as a string, a set as a list: each is refused by name."""
    for metadata in ({"a": value}, {"a": [{"b": value}]}):
        with pytest.raises(InvalidValueError, match="frame 'f'"):
            encode_frame(SingleFrame(id="f", metadata=metadata))


@pytest.mark.parametrize(
    "frame",
    [
        {"@": "single", "id": "f"},
        None,
        "f",
        SingleFrame(id=7),  # type: ignore[arg-type]
        SingleFrame(id="f", metadata=None),  # type: ignore[arg-type]
        SingleFrame(id="f", metadata=[1]),  # type: ignore[arg-type]
        SingleFrame(id="f", sources=({"uri": "u"},)),  # type: ignore[arg-type]
        SingleFrame(id="f", sources="u"),  # type: ignore[arg-type]
        SingleFrame(id="f", annotations=({"id": "a"},)),  # type: ignore[arg-type]
        SingleFrame(id="f", annotations=None),  # type: ignore[arg-type]
        SingleFrame(id="f", annotations=(Annotation(id="a", labels="cat"),)),  # type: ignore[arg-type]
        SingleFrame(id="f", annotations=(Annotation(id="a", labels=("",)),)),
        SingleFrame(id="f", annotations=(Annotation(id="a", geometry=SingleFrame(id="x")),)),  # type: ignore[arg-type]
        SingleFrame(id="f", annotations=(Annotation(id="a", confidence="high"),)),  # type: ignore[arg-type]
        SingleFrame(id="f", sources=(Source(size=-1),)),
        SingleFrame(id="f", sources=(Source(width=1.5),)),  # type: ignore[arg-type]
        with_geometry(Box(x="1", y=1, w=1, h=1)),  # type: ignore[arg-type]
        with_geometry(Polygon(rings=((1, 2, 3),))),
        with_geometry(Polygon(rings=(1, 2))),  # type: ignore[arg-type]
        SingleFrame(id="f", vectors={"v": ()}),
    ],
    ids=lambda frame: repr(frame)[:60],
)
def test_values_of_wrong_types_are_refused(frame: Any) -> None:
    """Constructors check nothing, so encoding does: always InvalidValueError."""
    with pytest.raises(InvalidValueError):
        encode_frame(frame)


SURROGATE = "\ud800"


@pytest.mark.parametrize(
    "frame",
    [
        SingleFrame(id=SURROGATE),
        SingleFrame(id="f", blob=SURROGATE),
        SingleFrame(id="f", metadata={SURROGATE: 1}),
        SingleFrame(id="f", metadata={"a": [SURROGATE]}),
        SingleFrame(id="f", annotations=(Annotation(id="a", labels=(SURROGATE,)),)),
    ],
    ids=repr,
)
def test_text_that_is_no_unicode_is_refused(frame: SingleFrame) -> None:
    """A lone surrogate, as file names that are not UTF-8 give, is refused; in JSON too."""
    with pytest.raises(InvalidValueError):
        encode_frame(frame)
    with pytest.raises(InvalidValueError):
        frame_to_json(frame)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_metadata_nest_at_most_64_deep() -> None:
    """64 levels are kept, 65 refused, and a million or a cycle too, without running out of stack."""
    kept = SingleFrame(id="f", metadata={"a": nested(63)})
    assert decode_frame(encode_frame(kept)) == kept
    cycle: dict[str, Any] = {}
    cycle["a"] = cycle
    for metadata in ({"a": nested(64)}, {"a": nested(100_000)}, cycle):
        with pytest.raises(InvalidValueError, match="64 deep"):
            encode_frame(SingleFrame(id="f", metadata=metadata))


@given(strategies.frames())
def test_missing_annotation_ids_are_the_same_on_every_machine(frame: Frame) -> None:
    """Ids follow from content and position; given ones stay, and all differ."""
    first, second = decode_frame(encode_frame(frame)), decode_frame(encode_frame(frame))

    assert first == second
    assert complete_ids(first) is first
    assert len({annotation.id for annotation in first.annotations}) == len(first.annotations)
    for read, given_ in zip(first.annotations, frame.annotations, strict=True):
        assert read.id == given_.id or not given_.id


def test_equal_annotations_without_ids_are_told_apart() -> None:
    """Three equal boxes get three ids; another box before them changes none of the three."""
    box, other = Annotation(labels=("cat",)), Annotation(labels=("dog",))
    alone = decode_frame(encode_frame(SingleFrame(id="f", annotations=(box,) * 3)))
    after = decode_frame(encode_frame(SingleFrame(id="f", annotations=(other, *(box,) * 3))))

    assert len({annotation.id for annotation in alone.annotations}) == 3
    assert after.annotations[1:] == alone.annotations


@given(strategies.frames())
def test_a_frame_survives_json_and_plain_values(frame: Frame) -> None:
    """JSON for people and plain dicts give back the very same bytes."""
    frame = decode_frame(encode_frame(frame))

    assert encode_frame(frame_from_json(frame_to_json(frame))) == encode_frame(frame)
    assert encode_frame(frame_from_json(frame_to_json(frame, indent=-1).encode())) == encode_frame(frame)
    assert encode_frame(frame_from_builtins(frame_to_builtins(frame))) == encode_frame(frame)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"id": "f"}',
        '{"@": "other", "id": "f"}',
        '{"@": "single"}',
        '{"@": "single", "id": "f", "unknown": 1}',
        '{"@": "single", "id": "f", "annotations": [{"labels": "cat"}]}',
        "[" * 100_000,
        '{"@": "single", "id": "\ud800"}',
        b'{"@": "single", "id": "\xff"}',
    ],
    ids=lambda text: repr(text)[:40],
)
def test_json_that_is_no_frame_is_refused(text: str | bytes) -> None:
    """Whatever is wrong with it, the error is InvalidValueError."""
    with pytest.raises(InvalidValueError):
        frame_from_json(text)


@pytest.mark.parametrize(
    "plain",
    [None, [], {}, {"@": "single", "id": 1}, {"@": "single", "id": "f", "metadata": 5}],
    ids=repr,
)
def test_plain_values_that_are_no_frame_are_refused(plain: Any) -> None:
    """Whatever is wrong with them, the error is InvalidValueError."""
    with pytest.raises(InvalidValueError):
        frame_from_builtins(plain)


def test_bytes_with_an_unknown_field_are_damaged() -> None:
    """A newer format's field is refused rather than lost when the frame is written again."""
    raw = encode_frame(SingleFrame(id="f"))
    more = bytes((raw[0] + 1,)) + raw[1:] + b"\xa3zoo\x01"

    with pytest.raises(DamagedError, match="zoo"):
        decode_frame(more)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x83\xa1@\xa6single\xa2id\xa1f\xa2id\xa1f",
        b"\x82\xa2id\xa1f\xa1@\xa6single",
        b"\x83\xa1@\xa6single\xa2id\xa1f\xa8metadata\x82\xa1a\x01\xa1a\x02",
        b"\x83\xa1@\xa6single\xa2id\xa1f\xa8metadata\x82\xa1b\x01\xa1a\x02",
        b"\x83\xa1@\xa6single\xa4blob\xa0\xa2id\xa1f",
        b"\x82\xa1@\xa6single\xa2id\xd9\x01f",
        b"\x83\xa1@\xa6single\xa2id\xa1f\xa8metadata\x81\xa1a\xcd\x00\x01",
        b"\x83\xa1@\xa6single\xa2id\xa1f\xa7sources\x91\x82\xa2id\xa200\xa3uri\xa1u",
        b"\x82\xa1@\xa6single\xa2id\xa0",
        b"\x83\xa1@\xa6single\xa2id\xa1f\xa8metadata\x81\xa1a\x81\x01\x01",
        b"\x83\xa1@\xa6single\xa2id\xa1f\xa8metadata\x81\xa1a\xc4\x01x",
    ],
    ids=[
        "a field twice",
        "fields out of order",
        "a key twice",
        "keys out of order",
        "a default spelt out",
        "a long string header",
        "a long integer",
        "a default id spelt out",
        "no id",
        "a number as key",
        "bytes as metadata",
    ],
)
def test_other_spellings_of_a_frame_are_not_canonical(raw: bytes) -> None:
    """They decode, for nothing is lost by it, but verification reports them."""
    frame = decode_frame(raw)

    assert not is_canonical_frame(raw, frame)


FRAME = FrameGroup(
    id="f",
    metadata={"a": [1, 2.5, "x", None, {"b": True}]},
    sources=(Source(uri="u"), Source(id="01", uri="v")),
    annotations=(
        Annotation(id="a", labels=("cat",), geometry=Box(x=1.5, y=2, w=3, h=4), sources=("01",)),
        Annotation(id="b", geometry=Polygon(rings=((0, 0, 1, 1), (2.5, 2.5)))),
    ),
)


@given(st.data())
def test_bytes_that_were_cut_or_changed_never_crash(data: st.DataObject) -> None:
    """Truncated, mutated or random bytes are a frame or DamagedError, and nothing else."""
    raw = bytearray(encode_frame(FRAME))
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    for damaged in (bytes(raw), cut, data.draw(st.binary(max_size=40))):
        with suppress(DamagedError):
            is_canonical_frame(damaged, decode_frame(damaged))
        for read in (decode_frame, frame_id_of):
            with suppress(DamagedError):
                read(damaged)


@pytest.mark.parametrize("tail", [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\x91" * 200_000])
def test_hostile_lengths_and_depths_are_damage(tail: bytes) -> None:
    """Four billion items that are not there, or endless nesting, take neither memory nor stack."""
    raw = b"\x83\xa1@\xa6single\xa2id\xa1f\xa8metadata\x81\xa1a" + tail

    with pytest.raises(DamagedError):
        decode_frame(raw)
    with pytest.raises(DamagedError):
        frame_id_of(raw)


def test_two_masks_of_equal_ids_are_refused() -> None:
    """Mask ids are kept as they were given, so two equal ones can not be told apart."""
    with pytest.raises(InvalidValueError, match="share an id"):
        encode_frame(SingleFrame(id="f", sources=(Source(masks=(Mask(uri="a"), Mask(uri="b"))),)))


def test_faults_of_the_original_are_absent() -> None:
    """T1 to T4: several rings, the angle of a box, labels alone and mask ids are all kept."""
    frame = SingleFrame(
        id="f",
        sources=(Source(uri="u", masks=(Mask(id="seg", uri="m"), Mask(id="depth", uri="n"))),),
        annotations=(
            Annotation(id="rings", geometry=Polygon(rings=((0, 0, 9, 0, 9, 9), (1, 1, 2, 1, 2, 2)))),
            Annotation(id="turned", geometry=Box(x=1, y=2, w=3, h=4, angle=0.7853981633974483)),
            Annotation(id="whole", labels=("night", "rain")),
        ),
    )

    assert decode_frame(encode_frame(frame)) == frame
