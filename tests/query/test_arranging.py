"""Orders of numbers and strings, whole and in part, against Python's own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hdstore.index import Texts
from hdstore.query.arranging import NumberKey, Pile, TextKey, arrange, window

ALPHABET = ["", "\0", "a", "b", "\x7f", "é", "犬", "\uffff", "🦀"]
TEXTS = st.lists(st.sampled_from(ALPHABET), max_size=18).map("".join)
SETS = st.lists(
    st.tuples(st.sampled_from(["", "shared beginning "]), st.lists(TEXTS, max_size=8)), max_size=3
)


def dictionary(texts: Sequence[str]) -> Texts:
    raw = [text.encode() for text in texts]
    starts = np.cumsum([0, *map(len, raw)], dtype=np.int64)
    return Texts(starts, np.frombuffer(b"".join(raw), np.uint8), None)


def pile_of(sets: list[tuple[str, list[str]]], missing: bool) -> tuple[Pile, list[str]]:
    """Returns the strings of several dictionaries as a pile and as a list; where some are missing, they are empty."""
    texts: list[str] = []
    parts = []
    for prefix, own in sets:
        held = sorted({prefix + text for text in own})
        codes = [held.index(prefix + text) for text in own] + [-1] * missing
        parts.append((len(texts), codes, held))
        texts += [prefix + text for text in own] + [""] * missing
    pile = Pile(len(texts))
    for begin, codes, held in parts:
        pile.add(slice(begin, begin + len(codes)), np.array(codes, np.int32), dictionary(held))
    return pile, texts


@given(SETS, st.booleans(), st.booleans())
def test_strings_are_in_the_order_of_code_points(
    sets: list[tuple[str, list[str]]], missing: bool, descending: bool
) -> None:
    """Strings of several dictionaries come as Python sorts them, and equal ones are known to be equal."""
    pile, texts = pile_of(sets, missing)

    order, groups = arrange(np.arange(len(texts)), [TextKey(pile, descending=descending)])

    found = [texts[position] for position in order.tolist()]
    assert found == sorted(texts, reverse=descending)
    assert groups.tolist() == [found.index(text) for text in found]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.floats(-1, 1), TEXTS), max_size=12),
    st.integers(0, 12),
    st.integers(0, 12),
)
def test_a_window_is_a_part_of_the_order(rows: list[tuple[int, float, str]], begin: int, end: int) -> None:
    """A window holds what stands there in the whole order, by all keys, though it is large or empty."""
    texts = sorted({text for _, _, text in rows})
    pile = Pile(len(rows))
    codes = np.array([texts.index(text) for _, _, text in rows], np.int32)
    pile.add(slice(0, len(rows)), codes, dictionary(texts))
    keys = [
        NumberKey(np.array([row[0] for row in rows], np.uint8)),
        NumberKey(np.array([row[1] for row in rows], np.float64)),
        TextKey(pile),
        NumberKey(np.arange(len(rows))),
    ]
    expected = sorted(range(len(rows)), key=lambda place: (*rows[place], place))
    # So many that the window is selected, not cut out of the sorted whole.
    times = 5000 // max(len(rows), 1) + 1
    many = [
        NumberKey(np.tile(np.array([expected.index(n) for n in range(len(rows))]), times)),
        NumberKey(np.arange(len(rows) * times)),
    ]

    assert window(np.arange(len(rows)), keys, begin, end).tolist() == expected[begin:end]
    whole = arrange(np.arange(len(rows) * times), many)[0]
    assert window(np.arange(len(rows) * times), many, begin, end).tolist() == whole[begin:end].tolist()


def test_windows_of_many_strings_are_selected() -> None:
    """Strings that agree for long are told apart piece by piece, at both ends of a window and between."""
    texts = sorted(f"{'deep ' * (n % 5)}{n % 13}-{n:05}" for n in range(9000))
    rng = np.random.default_rng(8)
    codes = rng.permutation(9000).astype(np.int32)
    pile = Pile(9000)
    pile.add(slice(0, 9000), codes, dictionary(texts))
    places = np.argsort(codes)

    for begin, end in ((0, 1), (10, 300), (4490, 4510), (8000, 8999), (8999, 9000)):
        assert window(np.arange(9000), [TextKey(pile)], begin, end).tolist() == places[begin:end].tolist()
