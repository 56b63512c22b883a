"""Names and hashes: safe as refs and file names, the same on every machine where they must be."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from hdstore.errors import InvalidValueError
from hdstore.ids import (
    ID_PATTERN,
    NAMED_ID_PATTERN,
    content_hash,
    derive_id,
    frame_key,
    hash_file,
    hash_stream,
    named_id,
    new_id,
    slug,
)
from hdstore.store.refnames import check_ref_name

texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(texts)
def test_an_id_made_of_a_name_is_safe_everywhere(name: str) -> None:
    """Whatever people type, the id is a ref, a file name, and its slug readable ASCII."""
    made = named_id(name)

    assert NAMED_ID_PATTERN.fullmatch(made)
    check_ref_name(f"refs/heads/{made}/{made}")
    assert 0 < len(slug(name)) <= 32
    assert slug(slug(name)) == slug(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Street", "street"),
        ("Café Été", "cafe-ete"),
        ("--a//b..c--", "a-b-c"),
        ("犬", "x"),
        ("", "x"),
        ("a" * 40, "a" * 32),
        ("a" * 31 + "-b", "a" * 31),
        ("HEAD.lock", "head-lock"),
    ],
)
def test_a_slug_is_what_people_recognise(name: str, expected: str) -> None:
    """Lower case, dashes between words, never empty, cut at 32."""
    assert slug(name) == expected


@pytest.mark.parametrize("length", [8, 12, 26])
def test_random_ids_have_their_alphabet_and_length(length: int) -> None:
    """Crockford's base 32 without i, l, o, u; no two alike."""
    ids = {new_id(length) for _ in range(200)}

    assert len(ids) == 200
    assert all(ID_PATTERN.fullmatch(name) and len(name) == length for name in ids)


def test_derived_ids_never_change() -> None:
    """They are in repositories: other values would make imports differ between versions of the program."""
    assert derive_id("annotation", b"\x81", 0) == derive_id("annotation", b"\x81", 0)
    assert derive_id() == "6d8kzt7q9t4y"
    assert derive_id("a", 1, b"b") == "g3qck8j81mv2"


@given(st.lists(texts | st.binary() | st.integers(), max_size=4), st.lists(texts | st.binary(), max_size=4))
def test_derived_ids_differ_when_their_parts_do(
    one: list[str | bytes | int], other: list[str | bytes | int]
) -> None:
    """The boundaries of parts count: ("ab", "c") is not ("a", "bc")."""

    def plain(parts: list[str | bytes | int]) -> list[bytes]:
        return [part if isinstance(part, bytes) else str(part).encode() for part in parts]

    assert (derive_id(*one) == derive_id(*other)) == (plain(one) == plain(other))


def test_the_key_of_a_frame_is_blake3_of_its_id() -> None:
    """As the format says; an id that is no Unicode has none."""
    assert frame_key("犬.jpg") == blake3("犬.jpg".encode()).digest()
    with pytest.raises(InvalidValueError, match="valid Unicode"):
        frame_key("\ud800")


@given(st.binary(max_size=100))
def test_hashes_of_bytes_streams_and_files_agree(data: bytes) -> None:
    """All are BLAKE3 in hexadecimal."""
    assert content_hash(data) == hash_stream(io.BytesIO(data)) == blake3(data).hexdigest()


def test_hashing_tells_how_far_it_is(tmp_path: Path) -> None:
    """Each step is told in bytes; together they are the file."""
    path = tmp_path / "large"
    path.write_bytes(bytes(2_500_000))
    steps: list[int] = []

    assert hash_file(path, steps.append) == content_hash(bytes(2_500_000))
    assert sum(steps) == 2_500_000
    assert len(steps) == 3
