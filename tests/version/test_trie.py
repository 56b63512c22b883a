"""The trie of frames: its shape is a function of the set, and it finds, streams and compares what it holds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hdstore.codec import encode_frame
from hdstore.ids import frame_key
from hdstore.model import SingleFrame, Stats
from hdstore.store import Layout, MemoryChanges, Objects, Trie, fits, update_trie
from hdstore.store.trie import items_of
from hdstore.version import Spill, VersionVerifier


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    layout = Layout(tmp_path_factory.mktemp("trie"))
    layout.create()
    return Objects(layout.hds)


def frame(number: int, size: int) -> tuple[bytes, bytes]:
    value = SingleFrame(id=f"frame {number}", blob="x" * size)
    return frame_key(value.id), encode_frame(value)


def write(objects: Objects, base: str | None, changes: dict[bytes, bytes | None]) -> str:
    with objects.loose() as writer:
        return update_trie(objects, writer, base, MemoryChanges.of(changes), lambda *_: None)


def held(objects: Objects, tree: str) -> dict[bytes, bytes]:
    return {key: raw for blob in Trie(objects, tree).leaf_blobs() for key, raw in items_of(blob)}


# Numbers up to 120 make tries of several leaves; the larger sizes make leaves that split by bytes.
steps = st.lists(
    st.dictionaries(
        st.integers(0, 120), st.none() | st.sampled_from([0, 10, 9_000, 90_000, 300_000]), max_size=60
    ),
    min_size=1,
    max_size=5,
)


# What is left of one half is a stored leaf that fits together with the stored leaf beside it.
@example([{0: 300_000, 1: 0, 2: 0}, {0: None}])
@given(steps)
def test_equal_sets_of_frames_have_the_equal_tree_whatever_their_history(
    objects: Objects, steps: list[dict[int, int | None]]
) -> None:
    """Adds, replacements and removals in any order lead to the tree that one write of the result gives."""
    model: dict[bytes, bytes] = {}
    tree: str | None = None
    for step in steps:
        changes: dict[bytes, bytes | None] = {}
        for number, size in step.items():
            key, raw = frame(number, size or 0)
            changes[key] = None if size is None else raw
        before, tree_before = dict(model), tree
        for key, change in changes.items():
            model.pop(key, None)
            if change is not None:
                model[key] = change
        tree = write(objects, tree, changes)

        assert held(objects, tree) == model
        assert list(held(objects, tree)) == sorted(model)
        if tree_before is not None:
            found = {k: (a, b) for k, a, b in Trie(objects, tree_before).diff(Trie(objects, tree))}
            keys = before.keys() | model.keys()
            assert found == {k: (before.get(k), model.get(k)) for k in keys if before.get(k) != model.get(k)}
    assert tree == write(objects, None, dict(model))
    for key in [frame(number, 0)[0] for number in range(0, 121, 7)]:
        assert Trie(objects, tree).find(key) == model.get(key)


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_one_batch_and_many_give_the_same_tree(objects: Objects, seed: int, parts: int) -> None:
    """Three hundred frames added in one batch or in several, shuffled, have one tree id."""
    frames = [frame(number, number % 40) for number in range(300)]
    whole = write(objects, None, dict(frames))
    random.Random(seed).shuffle(frames)
    tree: str | None = None
    for part in range(parts):
        tree = write(objects, tree, dict(frames[part::parts]))

    assert tree == whole


@given(steps, st.integers(0, 60_000))
def test_spilled_changes_are_those_that_were_held(
    tmp_path_factory: pytest.TempPathFactory,
    objects: Objects,
    steps: list[dict[int, int | None]],
    limit: int,
) -> None:
    """A batch that went through the temporary file makes the tree that the same batch in memory makes."""
    folder = tmp_path_factory.mktemp("spill")
    base = write(objects, None, dict(frame(number, 5) for number in range(0, 100, 3)))
    last: dict[bytes, bytes | None] = {}
    replaced: list[bytes] = []
    told: list[bytes] = []
    spill = Spill(folder, memory_limit=limit)
    for step in steps:
        for number, size in step.items():
            key, raw = frame(number, size or 0)
            value = None if size is None else raw
            if last.get(key) is not None:
                replaced.append(last[key] or b"")
            last[key] = value
            spill.put(key, value)
    with objects.loose() as writer:
        tree = update_trie(objects, writer, base, spill.changes(told.append), lambda *_: None)
    spill.close()

    assert tree == write(objects, base, last)
    assert sorted(told) == sorted(replaced)


def test_a_bulk_update_of_a_large_trie_keeps_every_frame(tmp_path: Path, objects: Objects) -> None:
    """Rewriting five thousand frames through the temporary file loses none and moves none."""
    frames = dict(frame(number, 3) for number in range(5000))
    base = write(objects, None, dict(frames))
    spill = Spill(tmp_path, memory_limit=10_000)
    for key, raw in frames.items():
        spill.put(key, raw)
    with objects.pack() as writer:
        tree = update_trie(objects, writer, base, spill.changes(lambda _: None), lambda *_: None)
    spill.close()

    assert tree == base


def leaves(objects: Objects, tree: str) -> Iterator[int]:
    for blob in Trie(objects, tree).leaf_blobs():
        yield len(items_of(blob))


def test_leaves_hold_about_twenty_two_frames_at_every_size(objects: Objects) -> None:
    """Splitting by bits keeps leaves between half full and full."""
    for count in (500, 2000, 7000):
        tree = write(objects, None, dict(frame(number, 0) for number in range(count)))
        sizes = list(leaves(objects, tree))

        assert 18 < sum(sizes) / len(sizes) < 26
        assert max(sizes) <= 32


def test_a_leaf_fits_by_count_and_by_bytes() -> None:
    """Thirty-two frames or 256 KiB, but a single frame always."""
    assert fits(32, 256 * 1024)
    assert not fits(33, 33)
    assert not fits(2, 256 * 1024 + 1)
    assert fits(1, 10**9)


def test_the_verifier_finds_no_fault_in_what_is_written(objects: Objects) -> None:
    """The shape that update gives is the shape that the verifier asks for."""
    from hdstore.model import Author, Schema, VersionDocument
    from hdstore.version import write_commit, write_tree

    tree = write(objects, None, dict(frame(number, (number % 7) * 9000) for number in range(700)))
    with objects.loose() as writer:
        root = write_tree(
            writer,
            document=VersionDocument(created=0, dataset_id="d", id="v"),
            schema=Schema(),
            stats=Stats(frames=700),
            frames=tree,
        )
        commit = write_commit(writer, tree=root, parents=(), author=Author("A", "a@b"), time=0, message="x")

    assert list(VersionVerifier(objects).commit(commit)) == []


@given(steps)
def test_new_leaves_of_one_tree_after_another_are_each_told_once(
    objects: Objects, steps: list[dict[int, int | None]]
) -> None:
    """Together they are all leaves; of a tree that was seen there are none."""
    seen: set[str] = set()
    told: list[str] = []
    expected: set[str] = set()
    tree: str | None = None
    for step in steps:
        changes = {frame(n, 0)[0]: None if size is None else frame(n, size)[1] for n, size in step.items()}
        tree = write(objects, tree, changes)
        told += Trie(objects, tree).new_leaves(seen)
        expected.update(Trie(objects, tree).leaves())
        assert list(Trie(objects, tree).new_leaves(seen)) == []
    assert sorted(told) == sorted(expected)
