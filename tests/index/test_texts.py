"""Dictionaries of strings: codes, order, prefixes and pieces are those of Python's own strings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hdstore.errors import DamagedError
from hdstore.index import Segment, Texts
from hdstore.index.arrays import ArrayFile, write_arrays


def texts_of(strings: list[str]) -> Texts:
    """Returns the dictionary of these strings, as a segment stores it."""
    raw = [text.encode() for text in sorted(set(strings))]
    starts = np.cumsum([0, *map(len, raw)], dtype=np.int64)
    return Texts(starts, np.frombuffer(b"".join(raw), np.uint8), None)


letters = st.text(st.sampled_from("aab\0ä犬🦀\U0010ffff\ud7ff\ue000"), max_size=6)
strings = st.lists(letters, max_size=10)


@given(strings, letters)
def test_a_dictionary_is_sorted_and_finds_what_it_holds(held: list[str], text: str) -> None:
    """By code points; a string that it does not hold has the code -1 and a place among the others."""
    found, expected = texts_of(held), sorted(set(held))

    assert list(found) == found.strings == expected
    assert len(found) == len(expected)
    assert [found[code] for code in range(len(found))] == expected
    assert [found.raw(code) for code in range(len(found))] == [one.encode() for one in expected]
    assert found.code(text) == (expected.index(text) if text in expected else -1)
    assert found.below(text) == sum(one < text for one in expected)
    assert found.below(text, equal=True) == sum(one <= text for one in expected)


@given(strings, letters)
def test_prefixes_are_found(held: list[str], prefix: str) -> None:
    """The codes of all strings that begin like it, and no others."""
    found, expected = texts_of(held), sorted(set(held))

    assert [found[code] for code in found.prefixed(prefix)] == [
        one for one in expected if one.startswith(prefix)
    ]


@given(strings, st.sampled_from([0, 200]), st.data())
def test_many_strings_are_taken_in_their_order(held: list[str], more: int, data: st.DataObject) -> None:
    """Whether they are few of the dictionary or most of it, and also twice."""
    found = texts_of([*held, *(f"ä{number}" for number in range(more)), "犬"])
    codes = data.draw(st.lists(st.integers(0, len(found) - 1), max_size=12))

    assert found.take(np.array(codes, np.int32)) == [found[code] for code in codes]


@example(["aa", "aab", "aba", "b"], "ab")
@example(["xaa", "aay", "z"], "aa")
@example(["a", "aa", "aaa", "b"], "aaa")
@example(["", "a"], "")
@example(["a", "aab"], "aa")
@example(["犬", "犬犬"], "犬")
@given(strings, letters)
def test_pieces_are_found(held: list[str], piece: str) -> None:
    """In every string that holds it, also where a find across two strings hides another one."""
    found, expected = texts_of(held), sorted(set(held))

    assert [found[code] for code in found.containing(piece)] == [one for one in expected if piece in one]


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "犬\udc80"])
def test_text_that_is_no_unicode_is_nowhere(text: str) -> None:
    """What came from a command line with broken bytes is not found, and breaks nothing."""
    found = texts_of(["a", "犬", "\ud7ff", "\ue000", "🦀"])

    assert found.code(text) == -1
    assert list(found.prefixed(text)) == []
    assert found.containing(text) == []
    assert found.below(text) == sum(one < text for one in found)


# Files of arrays


def test_arrays_of_every_kind_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Also empty ones, and such as do not lie in one piece; they can not be written to."""
    arrays = {
        "bools": np.array([True, False]),
        "bytes": np.arange(7, dtype=np.uint8),
        "codes": np.array([-1, 2**31 - 1], np.int32),
        "crcs": np.array([2**32 - 1], np.uint32),
        "starts": np.array([2**62], np.int64),
        "small": np.eye(3, dtype=np.float32),
        "numbers": np.array([np.nan, np.inf, -0.0, 5e-324]),
        "none": np.zeros((0, 20), np.uint8),
        "every second": np.arange(10, dtype=np.int32)[::2],
    }
    write_arrays(tmp_path / "file", arrays, {"more": "ä"})
    file = ArrayFile(tmp_path / "file")

    assert file.header["more"] == "ä"
    assert file.size == (tmp_path / "file").stat().st_size
    assert file.damage() == []
    for name, array in arrays.items():
        held = file.array(name)
        assert held.dtype == array.dtype
        assert file.shape(name) == held.shape == array.shape
        assert held.tobytes() == array.tobytes()
        assert not held.flags.writeable
    assert not file.has("other")
    assert file.shape("other") is None
    with pytest.raises(DamagedError, match="holds no other"):
        file.array("other")


def test_a_file_of_arrays_that_is_no_segment_is_refused(tmp_path: Path) -> None:
    """A row set is a file of arrays, too."""
    write_arrays(tmp_path / "file", {}, {"segments": []})

    with pytest.raises(DamagedError, match="no segment"):
        Segment(tmp_path / "file")
