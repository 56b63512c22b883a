"""Splits by hash: what is promised to everybody who trains on a part."""

from __future__ import annotations

from collections import Counter

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from hdstore import DatasetVersion
from hdstore.errors import CancelledError, ConflictError, InvalidValueError, ReadOnlyError
from hdstore.model import SetFrameMetadata, SingleFrame, Source
from hdstore.train import Splitter, assign, split, write_split

SHARES = {"train": 80, "val": 10, "test": 10}

keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def frame(number: int, *, context: str = "", **metadata: object) -> SingleFrame:
    return SingleFrame(id=f"frame-{number}", context_id=context, metadata=dict(metadata))


@given(keys, keys)
def test_a_key_falls_where_the_documented_rule_says(key: str, salt: str) -> None:
    """The first 8 bytes of BLAKE3(salt, zero byte, key) over 2**64 say where on the line of shares."""
    point = int.from_bytes(blake3(f"{salt}\0{key}".encode()).digest()[:8], "big") / 2**64
    expected = "train" if point < 0.8 else "val" if point < 0.9 else "test"

    assert assign(key, SHARES, salt) == expected
    assert assign(key, {"train": 0.8, "val": 0.1, "test": 0.1}, salt) == expected


@given(keys)
def test_a_border_belongs_to_the_share_above_it(key: str) -> None:
    """To the last of 64 bits: whole numbers decide, not the rounding of floats."""
    point = int.from_bytes(blake3(f"\0{key}".encode()).digest()[:8], "big")
    whole = 2**65

    assert assign(key, {"below": 2 * point + 1, "above": whole - 2 * point - 1}) == "below"
    if point:
        assert assign(key, {"below": 2 * point, "above": whole - 2 * point}) == "above"


def test_known_keys_stay_where_they_are() -> None:
    """These never change: people have trained on them."""
    found = " ".join(assign(f"frame-{number}", SHARES, "2026") for number in range(12))

    assert found == "test train train train val train train train val train train train"


@given(st.dictionaries(st.sampled_from("abcde"), st.floats(0.001, 1000), min_size=1), keys)
def test_every_key_falls_into_a_share(shares: dict[str, float], key: str) -> None:
    """Whatever the shares, and in their own names."""
    assert assign(key, shares) in shares


def test_shares_are_met_by_many_keys() -> None:
    """Of 20,000 keys each share has its part, to within half a percent of all; another salt deals anew."""
    here, there = Splitter(SHARES, salt="a"), Splitter(SHARES, salt="b")
    names = Counter(here.assign(str(number)) for number in range(20_000))
    moved = sum(here.assign(str(n)) != there.assign(str(n)) for n in range(20_000))

    assert names["train"] == pytest.approx(16_000, abs=100)
    assert names["val"] == pytest.approx(2_000, abs=100)
    # Two independent deals differ where not both choose the same: 1 - (0.64 + 0.01 + 0.01).
    assert moved == pytest.approx(6_800, abs=200)


@given(st.lists(st.integers(0, 500), unique=True), st.lists(st.integers(501, 999), unique=True))
def test_frames_stay_when_others_come(first: list[int], later: list[int]) -> None:
    """Adding frames moves none that were there."""
    before = split([frame(number) for number in first], SHARES, by="id")
    after = split([frame(number) for number in first + later], SHARES, by="id")

    for name in SHARES:
        assert [place for place in after.positions[name] if place < len(first)] == before.positions[name]


@given(st.lists(st.sampled_from(["morning", "noon", "night", "犬"])))
def test_groups_are_never_torn(contexts: list[str]) -> None:
    """All frames of a context fall into one share, and each position into exactly one."""
    found = split([frame(number, context=one) for number, one in enumerate(contexts)], SHARES)

    places = sorted(place for places in found.positions.values() for place in places)
    assert places == list(range(len(contexts)))
    homes = {contexts[place]: set() for place in places}
    for name, held in found.positions.items():
        for place in held:
            homes[contexts[place]].add(name)
    assert all(len(names) == 1 for names in homes.values())
    assert sum(found.groups.values()) == len(set(contexts))
    assert found.counts == {name: len(held) for name, held in found.positions.items()}


def test_frames_without_a_context_go_by_their_first_source() -> None:
    """Two frames of one picture stay together."""
    twins = [SingleFrame(id=name, sources=(Source(uri="root:photos/1.jpg"),)) for name in "ab"]

    assert {Splitter(SHARES).key(twin) for twin in twins} == {"root:photos/1.jpg"}


@pytest.mark.parametrize(
    ("by", "metadata", "key"),
    [
        ("meta.patient", {"patient": "p7"}, "p7"),
        ("meta.patient", {"patient": 7}, "7"),
        ("meta.patient", {"patient": 7.0}, "7"),
        ("meta.trip.day", {"trip": {"day": True}}, "true"),
        ("meta.trip", {"trip": {"b": [1, 2.5], "a": None}}, '{"a":null,"b":[1,2.5]}'),
        (r"meta.a\.b", {"a.b": "x"}, "x"),
    ],
)
def test_metadata_groups_frames(by: str, metadata: dict[str, object], key: str) -> None:
    """Texts as they are, other values as JSON; equal numbers are equal."""
    assert Splitter(SHARES, by=by).key(frame(1, **metadata)) == key


def test_a_frame_without_a_key_is_named() -> None:
    """Nothing is put anywhere by chance."""
    with pytest.raises(InvalidValueError, match=r"'frame-1' has no meta\.patient"):
        split([frame(1, other=1)], SHARES, by="meta.patient")
    with pytest.raises(InvalidValueError, match="'frame-1' has neither a context nor a source"):
        split([frame(1)], SHARES)


@pytest.mark.parametrize(
    "shares", [{}, {"train": 0}, {"train": -1}, {"train": float("nan")}, {"": 1}, {"a": float("inf")}]
)
def test_shares_that_are_none_are_refused(shares: dict[str, float]) -> None:
    """No share, no name, or a number that is not above 0."""
    with pytest.raises(InvalidValueError, match="share"):
        Splitter(shares)
    with pytest.raises(InvalidValueError, match="context"):
        Splitter(SHARES, by="patient")


def test_a_split_tells_its_progress_and_can_be_stopped() -> None:
    """The callback gets the number of frames, and an exception from it ends the work."""
    told: list[tuple[str, int, int | None]] = []
    split([frame(number) for number in range(3)], SHARES, by="id", progress=lambda *now: told.append(now))
    assert told[-1] == ("Splitting frames", 3, 3)

    def stop(what: str, done: int, total: int | None) -> None:
        raise CancelledError("Cancelled.")

    with pytest.raises(CancelledError):
        split([frame(1)], SHARES, by="id", progress=stop)


def test_a_draft_says_where_its_frames_fell(draft: DatasetVersion) -> None:
    """One commit; frames that came later get their part when it is done again, and the others stay as they are."""
    splitter = Splitter(SHARES, by="id")
    found, changes = write_split(draft, splitter, "part")
    draft.add_frames([frame(99)])
    later, more = write_split(draft, splitter, "part")

    assert (changes.updated, more.updated) == (6, 1)
    held = {one.id: one.metadata["part"] for one in draft.frames()}
    assert held == {id: name for name, frames in later.frames.items() for _, id in frames}
    for name in SHARES:
        assert set(found.frames[name]) <= set(later.frames[name])


def test_a_split_overwrites_nobody(draft: DatasetVersion) -> None:
    """What somebody saved while it ran stays, and the caller is told to do it again."""

    def interfere(what: str, done: int, total: int | None) -> None:
        if what == "Splitting frames":
            draft.apply(SetFrameMetadata(frame_id="p0", set={"mine": True}))

    with pytest.raises(ConflictError, match="shapes/Current since its frames were read"):
        write_split(draft, Splitter(SHARES), "part", progress=interfere)

    assert draft.frame("p0").metadata["mine"] is True
    assert not any("part" in one.metadata for one in draft.frames())


def test_a_split_by_a_key_does_not_write_it(draft: DatasetVersion) -> None:
    """Else doing it again would split by what it had written."""
    with pytest.raises(InvalidValueError, match="choose another key"):
        write_split(draft, Splitter(SHARES, by="meta.city"), "city")
    draft.publish()
    with pytest.raises(ReadOnlyError):
        write_split(draft, Splitter(SHARES), "part")
