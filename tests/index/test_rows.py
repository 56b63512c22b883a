"""The rows of a version are its frames, each once, whatever was done before and whoever built the index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdstore.codec import encode_frame
from hdstore.errors import CancelledError, DamagedError
from hdstore.ids import frame_key
from hdstore.index import Index, VersionRows, building, rowsets
from hdstore.index import index as index_module
from hdstore.index.leaves import LeafPlaces
from hdstore.model import Annotation, Frame, SingleFrame
from hdstore.store import Layout, MemoryChanges, Objects, Trie, update_trie

Put = Callable[[Iterable[Frame]], str]
Held = Callable[[VersionRows], list[Frame]]


def numbered(first: int, last: int, **fields: object) -> list[Frame]:
    """Returns the frames f<first> to f<last>, without the last."""
    return [SingleFrame(id=f"f{n}", metadata={"n": n, **fields}) for n in range(first, last)]


def by_id(frames: Iterable[Frame]) -> dict[str, Frame]:
    found = {frame.id: frame for frame in frames}
    assert len(found) == len(list(frames)), "a frame stands in the rows twice"
    return found


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes segments end after a few leaves, so that a few hundred frames are many segments."""
    monkeypatch.setattr(building, "MAX_FRAMES", 40)
    monkeypatch.setattr(index_module, "_MANY", 1000)


# One tree


@pytest.mark.parametrize("number", [0, 1, 32, 33, 700])
def test_the_rows_of_a_tree_are_its_frames(index: Index, put: Put, held: Held, number: int) -> None:
    """None, one, a leaf, two leaves, many; found again without building, and by another who opens the index."""
    tree = put(numbered(0, number))
    assert not index.holds(tree)

    rows = index.rows(tree)

    assert rows.tree == tree
    assert len(rows) == number
    assert by_id(held(rows)) == by_id(numbered(0, number))
    assert all(part.live is None for part in rows.parts)
    assert index.holds(tree)
    assert index.rows(tree) is rows


def test_rows_stay_as_they_were_written(
    index: Index, make_index: Callable[[], Index], put: Put, held: Held, small: None
) -> None:
    """Another handle finds the same rows on the disk and builds nothing; more of one segment are in several."""
    tree = put(numbered(0, 300))
    rows = index.rows(tree)
    other = make_index()

    assert len(rows.parts) > 3
    assert other.holds(tree)
    found = other.rows(tree, progress=never)
    assert by_id(held(found)) == by_id(numbered(0, 300))
    assert [part.segment.path for part in found.parts] == [part.segment.path for part in rows.parts]
    assert other.status() == index.status()
    assert index.status().frames == 300
    assert index.status().trees == 1
    assert index.damage() == other.damage() == []


def never(what: str, done: int, total: int | None) -> None:
    raise AssertionError(f"{what}: nothing is to be built")


def test_no_frame_is_built_twice(index: Index, put: Put, held: Held) -> None:
    """A second version adds the rows of the leaves that it alone has, with or without its parent being told."""
    first = put(numbered(0, 500))
    index.rows(first)
    frames = [*numbered(0, 499), SingleFrame(id="f499", metadata={"n": "changed"})]
    second = put(frames)

    rows = index.rows(second, near=["0" * 40, first])
    assert by_id(held(rows)) == by_id(frames)
    assert index.status().frames < 540
    frames = [*numbered(1, 499), frames[-1]]
    third = put(frames)
    assert by_id(held(index.rows(third))) == by_id(frames)
    assert index.status().frames < 580
    assert index.status().trees == 3
    assert by_id(held(index.rows(first))) == by_id(numbered(0, 500))


def test_a_segment_ends_behind_the_leaf_that_fills_it(index: Index, put: Put, small: None) -> None:
    """Leaves are not cut: each segment holds whole ones, and no more of them than one too many frames."""
    tree = put(numbered(0, 400))
    parts = index.rows(tree).parts

    for part in parts:
        sizes = np.diff(part.segment.leaf_starts)
        assert sum(sizes[:-1]) < 40
        assert part.segment.count("frame") == sum(sizes)
    assert all(part.segment.count("frame") >= 40 for part in parts[:-1])
    leaves = [bytes(leaf).hex() for part in parts for leaf in part.segment.leaf_ids]
    assert Counter(leaves) == Counter(Trie(index._objects, tree).leaves())


@pytest.mark.parametrize(
    ("limit", "most"), [("_MAX_PARTS", 40), ("_MAX_CELLS", 40), ("_MAX_BYTES", 1), ("_MAX_NUMBERS", 40)]
)
def test_a_segment_ends_when_any_of_its_tables_is_full(
    index: Index, put: Put, held: Held, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    """Annotations, cells of metadata, bytes of strings, numbers of vectors: memory stays bounded whatever comes."""
    monkeypatch.setattr(building, limit, most)
    frames = [
        SingleFrame(id=f"f{n}", metadata={"n": n}, vectors={"v": (1.0,) * 40}, annotations=())
        for n in range(200)
    ]
    if limit == "_MAX_PARTS":
        marks = tuple(Annotation(id=str(n)) for n in range(3))
        frames = [SingleFrame(id=frame.id, annotations=marks) for frame in frames]
    rows = index.rows(put(frames))

    assert len(rows.parts) > 2
    assert by_id(held(rows)) == by_id(frames)


# Histories


class World:
    """A repository's objects, an index over them, and what each tree must hold."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder)
        self.layout.create()
        self.objects = Objects(self.layout.hds)
        self.trees: list[tuple[str, dict[str, Frame]]] = []
        self.before: dict[str, list[str]] = {}
        self.write(None, {})
        self.open()

    def open(self) -> None:
        place = self.layout
        lock = place.locks / "index.lock"
        self.index = Index(place.index / "frames", self.objects, tmp=place.tmp, lock=lock)

    def write(self, parent: int | None, changes: dict[str, Frame | None]) -> None:
        base, frames = self.trees[parent] if parent is not None else (None, {})
        raw = {frame_key(name): frame and encode_frame(frame) for name, frame in changes.items()}
        with self.objects.loose() as writer:
            tree = update_trie(self.objects, writer, base, MemoryChanges.of(raw), lambda *_: None)
        frames = {name: frame for name, frame in {**frames, **changes}.items() if frame is not None}
        if base is not None:
            self.before.setdefault(tree, [base, *self.before.get(base, [])])
        self.trees.append((tree, frames))

    def check(self, number: int, *, near: bool) -> None:
        tree, frames = self.trees[number]
        rows = self.index.rows(tree, near=self.before.get(tree, ()) if near else ())
        ids = [name for part in rows.parts for name in ids_of(part)]
        assert sorted(ids) == sorted(frames)
        assert len(rows) == len(frames)
        numbers = {
            name: n for part in rows.parts for name, n in zip(ids_of(part), numbers_of(part), strict=True)
        }
        assert numbers == {name: frame.metadata["n"] for name, frame in frames.items()}


def ids_of(part: object) -> list[str]:
    segment, live = part.segment, part.live  # type: ignore[attr-defined]
    column = segment.text("frame.id")
    codes = column.codes if live is None else column.codes[live]
    return [column.texts[code] for code in codes.tolist()]


def numbers_of(part: object) -> list[float]:
    segment, live = part.segment, part.live  # type: ignore[attr-defined]
    cells = segment.cells("frame", ("n",))
    assert cells.owners is None
    return list((cells.numbers if live is None else cells.numbers[live]).tolist())


serial = count()
some_names = st.sets(st.integers(0, 150), max_size=60) | st.sets(st.integers(0, 150), max_size=2)
edits = st.tuples(st.just("edit"), st.integers(0, 30), some_names, st.booleans())
looks = st.tuples(st.just("look"), st.integers(0, 30), st.booleans())
others = st.tuples(st.sampled_from(["open", "compact", "drop", "forget"]), st.integers(0, 30))
histories = st.lists(edits | looks | others, max_size=30)


def play(world: World, history: list[tuple[object, ...]]) -> Iterator[int]:
    """Does what a history says; yields the trees that are to be looked at."""
    for step in history:
        what, number = step[0], int(str(step[1])) % len(world.trees)
        if what == "edit":
            names, removed = step[2], step[3]
            assert isinstance(names, set)
            changes = {
                f"f{n}": None if removed else SingleFrame(id=f"f{n}", metadata={"n": next(serial)})
                for n in names
            }
            world.write(number, changes)
        elif what == "look":
            world.check(number, near=bool(step[2]))
        elif what == "open":
            world.open()
        elif what == "compact":
            trees = [tree for tree, _ in world.trees[number:]]
            world.index.compact(trees, merge=number % 2 == 0)
        elif what == "forget":
            world.index._sets.forget([world.trees[number][0]])
        else:
            world.index.drop()
        yield number


@pytest.mark.parametrize(
    "examples", [pytest.param(50, id="some"), pytest.param(1000, id="many", marks=pytest.mark.long)]
)
def test_rows_are_right_after_any_history(examples: int) -> None:
    """Adding, editing, removing, branching, with merges of small segments, two handles, compaction and loss between."""

    @settings(max_examples=examples)
    @given(histories, st.sampled_from([1, 3, 48]), st.sampled_from([40, 1 << 15]))
    def check(history: list[tuple[object, ...]], many: int, most: int) -> None:
        with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setattr(index_module, "_MANY", many)
            patch.setattr(index_module, "_REMEMBERED", 2)
            patch.setattr(building, "MAX_FRAMES", most)
            world = World(Path(folder))
            for _ in play(world, history):
                pass
            for number in range(len(world.trees)):
                world.check(number, near=number % 2 == 0)
            assert world.index.damage() == []
            assert list(world.layout.tmp.iterdir()) == []

    check()


def test_edits_one_by_one_end_in_few_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each edit adds a small segment; when there are too many they become one, and the large one is left alone."""
    monkeypatch.setattr(index_module, "_MANY", 6)
    monkeypatch.setattr(index_module, "_TINY", 1 << 16)
    world = World(tmp_path)
    world.write(
        0, {f"f{n}": SingleFrame(id=f"f{n}", metadata={"n": n, "t": f"{n}" * 50}) for n in range(900)}
    )
    world.check(1, near=False)
    (large,) = world.index.rows(world.trees[1][0]).parts
    assert large.segment.size > 1 << 16
    most = 0
    for number in range(1, 40):
        world.write(number, {f"f{number * 7}": SingleFrame(id=f"f{number * 7}", metadata={"n": -number})})
        world.check(number + 1, near=True)
        status = world.index.status()
        most = max(most, status.segments)
        assert status.segments <= 10
    assert most >= 6
    rows = world.index.rows(world.trees[-1][0])
    assert large.segment.path.name in [part.segment.path.name for part in rows.parts]
    for number in (1, 17, 40):
        world.check(number, near=False)


def test_a_version_of_many_medium_segments_gets_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments too large to be merged for their own sake are merged where one version stands in too many."""
    monkeypatch.setattr(index_module, "_MANY", 4)
    monkeypatch.setattr(index_module, "_TINY", 1)
    monkeypatch.setattr(building, "MAX_FRAMES", 40)
    world = World(tmp_path)
    world.write(0, {f"f{n}": SingleFrame(id=f"f{n}", metadata={"n": n}) for n in range(300)})
    monkeypatch.setattr(index_module, "_MANY", 48)
    world.check(1, near=False)
    before = world.index.status()
    assert before.segments > 5
    monkeypatch.setattr(building, "MAX_FRAMES", 1 << 15)
    monkeypatch.setattr(index_module, "_MANY", 4)
    world.write(1, {"f0": SingleFrame(id="f0", metadata={"n": -1})})
    world.check(2, near=True)

    assert world.index.status().segments == 1
    world.check(1, near=False)


def test_rows_that_are_held_outlive_the_segments(
    index: Index, put: Put, held: Held, make_index: Callable[[], Index]
) -> None:
    """Whoever has rows can go on reading them when the index was dropped or merged by somebody else."""
    frames = numbered(0, 100)
    rows = index.rows(put(frames))
    make_index().drop()

    assert by_id(held(rows)) == by_id(frames)
    assert rows.parts[0].segment.damage() == []
    assert not index._shelf.folder.exists()
    assert index.rows(rows.tree) is rows
    assert len(index.rows(put(numbered(0, 101)), near=[rows.tree])) == 101


def test_a_leaf_that_is_missing_is_named_and_leaves_no_trace(index: Index, put: Put, layout: Layout) -> None:
    """A version with a damaged leaf can not be indexed; the others can, before and after."""
    good, bad = put(numbered(0, 50)), put(numbered(50, 200))
    hurt = list(Trie(index._objects, bad).leaves())[2]
    (layout.objects / hurt[:2] / hurt[2:]).unlink()
    index._objects.refresh()
    index.rows(good)

    for _ in range(2):
        with pytest.raises(DamagedError, match=hurt):
            index.rows(bad, near=[good])
    assert len(index.rows(good)) == 50
    assert index.status().segments == 1
    assert list(layout.tmp.iterdir()) == []


def test_leaves_of_deleted_versions_do_not_hinder_a_merge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of a tree whose leaves a collection removed are forgotten when their segment is merged."""
    monkeypatch.setattr(index_module, "_MANY", 3)
    world = World(tmp_path)
    for number in range(3):
        world.write(0, {f"f{n}": SingleFrame(id=f"f{n}", metadata={"n": n, "k": number}) for n in range(90)})
        world.check(number + 1, near=False)
    gone = world.trees[1][0]
    for leaf in Trie(world.objects, gone).leaves():
        (world.layout.objects / leaf[:2] / leaf[2:]).unlink()
    world.objects.refresh()
    world.open()
    world.write(2, {"f1": SingleFrame(id="f1", metadata={"n": -1})})
    world.check(4, near=True)

    assert world.index.status().segments == 1
    assert not world.index.holds(gone)
    with pytest.raises(DamagedError, match="missing"):
        world.index.rows(gone)
    for number in (2, 3, 4):
        world.check(number, near=False)


def test_row_sets_that_nobody_asks_for_are_forgotten(
    index: Index, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of trees that are known is bounded; those used last stay."""
    monkeypatch.setattr(rowsets, "_KEPT", 4)
    monkeypatch.setattr(rowsets, "_SPARED", 0)
    monkeypatch.setattr(index_module, "_REMEMBERED", 1)
    trees = [put(numbered(0, n)) for n in range(1, 8)]
    for tree in trees:
        index.rows(tree)
        index.rows(trees[0])

    known = [tree for tree in trees if index.holds(tree)]
    assert len(known) == 4
    assert trees[0] in known
    assert trees[-1] in known


# Cancelling


def test_a_build_that_is_cancelled_leaves_nothing(
    index: Index, put: Put, held: Held, layout: Layout, small: None
) -> None:
    """Wherever it is cancelled: no file in tmp, no segment that does not count; the next one builds all."""
    first = put(numbered(0, 100))
    index.rows(first)
    before = sorted(path.name for path in index._shelf.folder.iterdir())
    frames = numbered(0, 2000)
    tree = put(frames)
    for stop in count(1):
        said: list[tuple[int, int | None]] = []

        def progress(
            what: str,
            done: int,
            total: int | None,
            stop: int = stop,
            said: list[tuple[int, int | None]] = said,
        ) -> None:
            said.append((done, total))
            if len(said) == stop:
                raise CancelledError("Enough.")

        with suppress(CancelledError):
            rows = index.rows(tree, progress=progress)
            break
        assert sorted(path.name for path in index._shelf.folder.iterdir()) == before
        assert list(layout.tmp.iterdir()) == []
        assert not index.holds(tree)
    assert stop > 3
    assert by_id(held(rows)) == by_id(frames)
    assert said[-1] == (said[-1][1], said[-1][1])
    assert [done for done, _ in said] == sorted(done for done, _ in said)


def test_a_merge_that_is_cancelled_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows that were asked for are known by then; the merge is done another time."""
    monkeypatch.setattr(index_module, "_MANY", 3)
    world = World(tmp_path)
    for number in range(3):
        world.write(number, {f"f{n}": SingleFrame(id=f"f{n}", metadata={"n": number}) for n in range(40)})
        world.check(number + 1, near=True)
    world.write(3, {"f1": SingleFrame(id="f1", metadata={"n": -1})})
    calls = count()

    def second(what: str, done: int, total: int | None) -> None:
        if done == 0 and next(calls) == 1:
            raise CancelledError("Enough.")

    with pytest.raises(CancelledError):
        world.index.rows(world.trees[4][0], near=world.before[world.trees[4][0]], progress=second)
    assert world.index.status().segments == 4
    assert list(world.layout.tmp.iterdir()) == []
    for number in range(5):
        world.check(number, near=False)
    world.write(4, {"f2": SingleFrame(id="f2", metadata={"n": -2})})
    world.check(5, near=True)
    assert world.index.status().segments <= 2


# Leaves by their ids


@given(
    st.lists(
        st.tuples(st.sampled_from([b"\0" * 8, b"\xff" * 8, b"a" * 8]), st.binary(min_size=12, max_size=12)),
        max_size=12,
    ),
    st.data(),
)
def test_leaves_are_found_by_their_ids(rows: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    """Also those of which somebody sought two that begin alike."""
    ids = [*dict.fromkeys(begin + end for begin, end in rows)]
    split = data.draw(st.integers(0, len(ids)))
    held, other = ids[:split], ids[split:]
    places = LeafPlaces(np.frombuffer(b"".join(held), np.uint8).reshape(-1, 20))

    found = places.find(np.frombuffer(b"".join(ids), np.uint8).reshape(-1, 20))

    assert found.tolist() == [*range(len(held)), *[-1] * len(other)]
