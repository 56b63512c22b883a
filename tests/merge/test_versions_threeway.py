"""The walk over three tries finds what the second side changed, and reads little else."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hdstore.codec import encode_frame
from hdstore.errors import DamagedError
from hdstore.ids import frame_key
from hdstore.model import SingleFrame
from hdstore.store import (
    BLOB_MODE,
    TREE_MODE,
    Entry,
    Layout,
    MemoryChanges,
    Objects,
    changed_by_second,
    encode_tree,
    update_trie,
)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    layout = Layout(tmp_path_factory.mktemp("threeway"))
    layout.create()
    return Objects(layout.hds)


def frame(number: int, size: int) -> tuple[bytes, bytes]:
    value = SingleFrame(id=f"frame {number}", blob="x" * size)
    return frame_key(value.id), encode_frame(value)


def write(objects: Objects, base: str | None, changes: dict[bytes, bytes | None]) -> str:
    with objects.loose() as writer:
        return update_trie(objects, writer, base, MemoryChanges.of(changes), lambda *_: None)


# Up to 120 numbers make tries of several leaves; the larger sizes make leaves that split by bytes.
held = st.dictionaries(st.integers(0, 120), st.sampled_from([0, 1, 2, 9_000, 300_000]), max_size=60)


@example({}, {}, dict.fromkeys(range(90), 0))
@example(dict.fromkeys(range(90), 0), {}, {})
@example(dict.fromkeys(range(90), 0), {1: 2}, {1: 1})
@given(held, held, held)
def test_what_the_second_side_changed_is_found_in_the_order_of_keys(
    objects: Objects, base: dict[int, int], first: dict[int, int], second: dict[int, int]
) -> None:
    """Each frame in which the second differs from both others comes once, with all three values."""
    sides = [dict(frame(number, size) for number, size in side.items()) for side in (base, first, second)]
    trees = [write(objects, None, dict(side)) if side else None for side in sides]
    found = list(changed_by_second(objects, *trees))
    expected = [
        (key, *(side.get(key) for side in sides))
        for key in sorted({key for side in sides for key in side})
        if sides[2].get(key) not in (sides[0].get(key), sides[1].get(key))
    ]

    assert found == expected


def test_only_what_the_second_side_changed_is_read(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    """One change among three thousand frames reads a few leaves, whatever the first side did."""
    base = dict(frame(number, 0) for number in range(3000))
    first = base | dict(frame(number, 1) for number in range(0, 3000, 2))
    trees = [write(objects, None, dict(side)) for side in (base, first, base | dict([frame(7, 2)]))]
    read: list[str] = []
    plain = Objects.read
    monkeypatch.setattr(
        Objects, "read", lambda self, oid, kind=None: read.append(oid) or plain(self, oid, kind)
    )
    found = list(changed_by_second(objects, *trees))

    assert [row.key for row in found] == [frame(7, 0)[0]]
    assert len(read) <= 3 * 4


def test_hostile_tries_are_refused(objects: Objects) -> None:
    """A tree that holds itself in effect, by standing at two places, and a tree where only a leaf may stand."""
    with objects.loose() as writer:
        leaf = writer.write("blob", b"\x90")
        inner = writer.write("tree", encode_tree([Entry(BLOB_MODE, "0", leaf)]))
        twice = writer.write(
            "tree", encode_tree([Entry(TREE_MODE, "0000", inner), Entry(TREE_MODE, "0001", inner)])
        )
        short = writer.write("tree", encode_tree([Entry(TREE_MODE, "01", inner)]))
        long = writer.write("tree", encode_tree([Entry(BLOB_MODE, "00000", leaf)]))
    for tree in (twice, short, long):
        with pytest.raises(DamagedError):
            list(changed_by_second(objects, None, None, tree))
