"""Reading a pool in any order: what is held, what is set aside, what is read how often."""

from __future__ import annotations

import errno
import gc
import os
import tempfile
import tracemalloc
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from view.making import Make

from hdstore import Frame, Repository, SingleFrame
from hdstore.errors import DamagedError, StorageError
from hdstore.index.fetching import read_frames
from hdstore.model import ViewQuery
from hdstore.query.columnar import compile_filter
from hdstore.store import Objects
from hdstore.view.pool import Asked, Pool, find_pool
from hdstore.view.reading import FrameReader, _Window

COUNT = 700


@pytest.fixture
def repository(make: Make) -> Repository:
    """A repository of frames of several sizes, in several leaves and two segments."""
    frames = [SingleFrame(id=str(number), blob="x" * (number % 50)) for number in range(COUNT)]
    made = make(one=[frames[:600]])
    made.version("one/Current").rows()
    made.version("one/Current").add_frames(frames[600:])
    return made


class Watched(Objects):
    """Objects that count how often each is read."""

    def __init__(self, hds: Path) -> None:
        super().__init__(hds)
        self.read_count: Counter[str] = Counter()

    def read(self, oid: str, kind: str | None = None) -> bytes:
        self.read_count[oid] += 1
        return super().read(oid, kind)

    def read_beginning(self, oid: str, length: int) -> bytes | None:
        self.read_count[oid] += 1
        return super().read_beginning(oid, length)


def pool_of(repository: Repository, text: str = "") -> Pool:
    version = repository.version("one/Current")
    query = ViewQuery(dataset=version.dataset.id, version=version.id, frame=text)
    asked = Asked(query, compile_filter(query), version.rows(), "one", "Current", datetime.now(UTC))
    return find_pool([asked], repository._core.objects)[0]


def ids(pool: Pool, entries: list[int]) -> list[str]:
    return [pool.text("frame.id", entry) for entry in entries]


@settings(max_examples=15)
@given(
    st.lists(st.lists(st.integers(0, COUNT - 1), max_size=300), max_size=3),
    st.sampled_from([0, 3000, 1 << 28]),
)
def test_frames_come_in_the_order_asked_for(
    repository: Repository, windows: list[list[int]], memory: int
) -> None:
    """Repeated or left out, held in memory or set aside."""
    pool = pool_of(repository)
    reader = FrameReader(pool, repository._core.objects)

    found = reader.frames([np.array(window, np.int64) for window in windows], memory=memory)
    assert [frame.id for frame in found] == [id for window in windows for id in ids(pool, window)]


@pytest.mark.parametrize("memory", [0, 10_000, 1 << 28])
def test_a_leaf_is_read_once(repository: Repository, memory: int) -> None:
    """However far apart its frames are wanted, and however little may be held."""
    pool = pool_of(repository)
    objects = Watched(repository.hds)
    order = np.random.default_rng(5).permutation(COUNT)
    order = np.concatenate([order, order[::-1]])

    frames = list(FrameReader(pool, objects).frames([order], memory=memory))
    assert [frame.id for frame in frames] == ids(pool, order.tolist())
    assert len(objects.read_count) == len(pool.leaves[1])
    assert set(objects.read_count.values()) == {1}


def test_little_is_held_in_memory(make: Make, tmp_path: Path) -> None:
    """Encoded frames beyond the limit go into a file that has no name."""
    repository = make(
        one=[[SingleFrame(id=f"{number:04}", blob=f"{number:04}" * 5000) for number in range(2000)]]
    )
    pool = pool_of(repository)
    aside = tmp_path / "aside"
    aside.mkdir()
    order = np.random.default_rng(5).permutation(len(pool))
    reader = FrameReader(pool, repository._core.objects, folder=aside)

    def peak(memory: int) -> int:
        gc.collect()
        tracemalloc.start()
        for frame, expected in zip(
            reader.frames([order], memory=memory), ids(pool, order.tolist()), strict=True
        ):
            assert frame.blob == expected * 5000
            assert list(aside.iterdir()) == []
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(1 << 30) > 24_000_000
    assert peak(1 << 20) < 16_000_000


@pytest.mark.parametrize("memory", [20_000, 1 << 28])
def test_nothing_is_held_longer_than_it_is_wanted(repository: Repository, memory: int) -> None:
    """When the last frame of a window has come, none is left, and the sizes add up."""
    pool = pool_of(repository)
    order = np.random.default_rng(5).permutation(COUNT)
    order = np.concatenate([order, order[:100]])
    window = _Window(FrameReader(pool, repository._core.objects), pool, order, memory, None)

    with window:
        assert len(list(window.frames())) == len(order)
    assert not window._held
    assert window._size == 0


def test_a_full_disk_is_an_error_that_says_so(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And what to do about it."""
    pool = pool_of(repository)
    reader = FrameReader(pool, repository._core.objects, folder=tmp_path)

    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(StorageError, match=r"could not be set aside.*allow more memory"):
        list(reader.frames([np.random.default_rng(1).permutation(COUNT)], memory=0))


def test_single_frames_can_be_asked_for(repository: Repository) -> None:
    """By their entries; leaves read last are kept."""
    pool = pool_of(repository)
    objects = Watched(repository.hds)
    reader = FrameReader(pool, objects)

    assert [reader.frame(entry).id for entry in range(COUNT)] == ids(pool, list(range(COUNT)))
    assert [reader.frame(entry).id for entry in range(COUNT)] == ids(pool, list(range(COUNT)))
    assert set(objects.read_count.values()) == {1}


@pytest.mark.parametrize("few", [True, False])
def test_rows_are_read_in_their_order(repository: Repository, few: bool) -> None:
    """Each leaf once where they ascend, decoding those alone that are asked for."""
    version = repository.version("one/Current")
    objects = Watched(repository.hds)
    expected: dict[str, Frame] = {frame.id: frame for frame in version.frames()}
    for part in version.rows().parts:
        segment = part.segment
        live = np.arange(segment.count("frame")) if part.live is None else np.flatnonzero(part.live)
        rows = live[:: 17 if few else 1].astype(np.int32)
        column = segment.text("frame.id")
        found = list(read_frames(objects, segment, rows))
        assert found == [expected[column.texts[code]] for code in column.codes[rows].tolist()]
        assert list(read_frames(objects, segment, rows[:0])) == []
    assert set(objects.read_count.values()) == {1}


def test_an_index_of_other_leaves_is_noticed(make: Make) -> None:
    """Where a leaf does not hold what the index says, no wrong frame is given."""
    repository = make(one=[[SingleFrame(id=str(number)) for number in range(3)]])
    pool = pool_of(repository)
    [segment] = pool.segments
    segment.__dict__["leaf_starts"] = np.array([0, 4], np.int32)

    with pytest.raises(DamagedError, match="delete the index"):
        FrameReader(pool, repository._core.objects).frame(0)
    with pytest.raises(DamagedError, match="delete the index"):
        list(read_frames(repository._core.objects, segment, np.arange(3, dtype=np.int32)))
