"""Frames by their rows: few of a leaf without the rest of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hdstore.codec import encode_frame, split_leaf
from hdstore.errors import DamagedError
from hdstore.ids import frame_key
from hdstore.index import Index, Segment, VersionRows, fetching
from hdstore.index.fetching import leaf_id, read_frames, read_leaf
from hdstore.model import Frame, SingleFrame
from hdstore.store import Layout, MemoryChanges, Objects, update_trie
from hdstore.store.presence import PackIndex

Put = Callable[[Iterable[Frame]], str]

FRAMES = [SingleFrame(id=f"f{number}", blob="x" * (number * 37 % 400)) for number in range(900)]


def write(objects: Objects, frames: Iterable[Frame], tree: str | None = None) -> str:
    """Writes frames as one pack, as saves do, and returns the tree."""
    changes: dict[bytes, bytes | None] = {frame_key(frame.id): encode_frame(frame) for frame in frames}
    with objects.pack() as writer:
        return update_trie(objects, writer, tree, MemoryChanges.of(changes), lambda *_: None)


@pytest.fixture
def many(objects: Objects, index: Index) -> VersionRows:
    """Returns the rows of frames in several leaves and two segments, the second one of one leaf."""
    tree = write(objects, [*FRAMES[:-1], SingleFrame(id=FRAMES[-1].id, blob="before")])
    index.rows(tree)
    rows = index.rows(write(objects, FRAMES[-1:], tree))
    assert len(rows.parts) == 2
    return rows


def frame_of(segment: Segment, row: int) -> Frame:
    column = segment.text("frame.id")
    return FRAMES[int(column.texts[int(column.codes[row])][1:])]


def leaves_of(segment: Segment) -> Iterable[np.ndarray]:
    """Returns the rows of each leaf."""
    starts = segment.leaf_starts.tolist()
    return [np.arange(a, b, dtype=np.int32) for a, b in pairwise(starts)]


class Counted(Objects):
    """Objects that say which were read whole."""

    def __init__(self, hds: Path) -> None:
        super().__init__(hds)
        self.whole: list[str] = []

    def read(self, oid: str, kind: str | None = None) -> bytes:
        self.whole.append(oid)
        return super().read(oid, kind)


def test_where_frames_stand_in_their_leaf_is_known(objects: Objects, many: VersionRows) -> None:
    """Each ends where the index says, and has the checksum that it says."""
    for part in many.parts:
        segment = part.segment
        ends, checks = segment.array("frame.end"), segment.array("frame.crc")
        for leaf, rows in enumerate(leaves_of(segment)):
            data = read_leaf(objects, segment, leaf)
            for row, raw in zip(rows, split_leaf(data), strict=True):
                assert data[: ends[row]].endswith(raw)
                assert fetching.crc32(raw) == checks[row]


def test_few_frames_are_read_without_the_rest_of_their_leaf(layout: Layout, many: VersionRows) -> None:
    """Any of them: the first, one in the middle, the last, and several; in any order."""
    objects = Counted(layout.hds)
    for part in many.parts:
        for rows in leaves_of(part.segment):
            for wanted in (rows[:1], rows[-1:], rows[1 :: len(rows) // 2], rows[[-1, 0]]):
                expected = [frame_of(part.segment, row) for row in wanted]
                assert [*read_frames(objects, part.segment, wanted)] == expected
    assert objects.whole == []


def test_most_frames_of_a_leaf_are_read_by_reading_it(layout: Layout, many: VersionRows) -> None:
    """What is asked for comes, whichever way is taken."""
    objects = Counted(layout.hds)
    segment = many.parts[0].segment
    rows = next(iter(leaves_of(segment)))

    assert [*read_frames(objects, segment, rows)] == [frame_of(segment, row) for row in rows]
    assert objects.whole == [leaf_id(segment, 0)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_leaf_never_gives_another_frame(
    layout: Layout, many: VersionRows, data: st.DataObject
) -> None:
    """Either what was saved, from bytes that are as they were, or an error."""
    segment = many.parts[0].segment
    leaves = [*leaves_of(segment)]
    leaf = data.draw(st.integers(0, len(leaves) - 1))
    path, offset = place_of(layout, leaf_id(segment, leaf))
    whole = path.read_bytes()
    place = offset + data.draw(st.integers(2, 200))
    flipped = bytes((whole[place] ^ data.draw(st.integers(1, 255)),))
    path.chmod(0o644)
    path.write_bytes(whole[:place] + flipped + whole[place + 1 :])
    try:
        for row in leaves[leaf]:
            if frame_of(segment, row) is not FRAMES[-1]:
                with suppress(DamagedError):
                    [found] = read_frames(Objects(layout.hds), segment, np.array([row], np.int32))
                    assert found == frame_of(segment, row)
    finally:
        path.write_bytes(whole)


def place_of(layout: Layout, oid: str) -> tuple[Path, int]:
    """Returns the pack that an object lies in, and where it begins."""
    for path in (layout.hds / "objects" / "pack").glob("*.idx"):
        offset = PackIndex(path).offset(bytes.fromhex(oid))
        if offset is not None:
            return path.with_suffix(".pack"), offset
    raise AssertionError(f"no pack has {oid}")


def test_what_does_not_have_its_checksum_is_read_whole(layout: Layout, many: VersionRows) -> None:
    """An index that is wrong about it only costs time."""
    segment = many.parts[0].segment
    segment._arrays["frame.crc"] = segment.array("frame.crc") + np.uint32(1)
    objects = Counted(layout.hds)
    rows = np.array([3], np.int32)

    assert [*read_frames(objects, segment, rows)] == [frame_of(segment, 3)]
    assert objects.whole == [leaf_id(segment, 0)]


def test_leaves_that_git_wrote_as_files_are_read_whole(
    layout: Layout, make_index: Callable[[], Index], put: Put
) -> None:
    """What is asked for comes, whichever way is taken."""
    [part] = make_index().rows(put(FRAMES[:40])).parts
    objects = Counted(layout.hds)

    assert [*read_frames(objects, part.segment, np.array([5], np.int32))] == [frame_of(part.segment, 5)]
    assert objects.whole == [leaf_id(part.segment, 0)]


def test_leaves_that_are_differences_from_others_are_read_whole(layout: Layout, many: VersionRows) -> None:
    """git stores a leaf as its difference from what it was before an edit, or the other way round."""
    tree = many.tree
    command = ["git", "-c", "safe.directory=*", "-C", str(layout.hds)]
    made = subprocess.run(
        [*command, "-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", "-m", "all", tree],
        check=True,
        capture_output=True,
        text=True,
    )
    subprocess.run([*command, "update-ref", "refs/heads/all", made.stdout.strip()], check=True)
    subprocess.run([*command, "repack", "-adqf", "-k"], check=True)
    objects = Counted(layout.hds)
    for part in many.parts:
        rows = np.concatenate([rows[:1] for rows in leaves_of(part.segment)])
        rows = rows if part.live is None else rows[part.live[rows]]
        assert [*read_frames(objects, part.segment, rows)] == [frame_of(part.segment, row) for row in rows]
    assert objects.whole
