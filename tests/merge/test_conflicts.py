"""The tree of conflicts of a version: what is put in comes out, and two of them merge as sets."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from merging import COMMITS

from hdstore.codec import conflict_id, encode_conflicts
from hdstore.errors import DamagedError, InvalidValueError
from hdstore.ids import frame_key
from hdstore.merge import conflicts_of, merge_conflict_trees, read_conflicts, update_conflicts
from hdstore.model import Author, Conflict, ConflictSide, Schema, Stats, VersionDocument
from hdstore.store import BLOB_MODE, TREE_MODE, Entry, Layout, Objects, Writer, encode_tree
from hdstore.version import VersionState, write_commit, write_tree

Held: TypeAlias = dict[str, tuple[Conflict, ...]]

ADA = Author("Ada", "ada@example.org")
NEIGHBOUR = next(f"n{i}" for i in count() if frame_key(f"n{i}")[0] == frame_key("a")[0])
"""A frame whose conflicts stand in one folder with those of the frame "a"."""


class Watched(Objects):
    """Objects that note what is read."""

    def __init__(self, hds: Path) -> None:
        super().__init__(hds)
        self.seen: set[str] = set()

    def read(self, oid: str, kind: str | None = None) -> bytes:
        self.seen.add(oid)
        return super().read(oid, kind)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    folder = tmp_path / "repository"
    folder.mkdir(exist_ok=True)
    found = Layout(folder)
    found.create()
    return found


@pytest.fixture
def objects(layout: Layout) -> Watched:
    return Watched(layout.hds)


def conflict(frame_id: str, key: str, value: int) -> Conflict:
    """Returns one of the conflicts that a frame may have at one path."""
    path = ("metadata", key) if frame_id else ("version", "metadata", key)
    sides = (ConflictSide(commit=COMMITS[0], value=value), ConflictSide(commit=COMMITS[1], value=-1))
    return Conflict(frame_id=frame_id, path=path, sides=sides)


@st.composite
def held(draw: st.DrawFn) -> Held:
    """Returns conflicts by frame."""
    found: defaultdict[str, dict[str, Conflict]] = defaultdict(dict)
    drawn = st.tuples(
        st.sampled_from(["", "a", NEIGHBOUR, "b", "c"]), st.sampled_from("kl"), st.integers(1, 3)
    )
    for frame_id, key, value in draw(st.lists(drawn, max_size=8)):
        one = conflict(frame_id, key, value)
        found[frame_id][conflict_id(one)] = one
    return sort(found)


def sort(by_frame: dict[str, dict[str, Conflict]]) -> Held:
    return {
        frame_id: tuple(sorted(ones.values(), key=lambda one: (one.path, conflict_id(one))))
        for frame_id, ones in by_frame.items()
        if ones
    }


def write(objects: Objects, *trees: Held) -> list[str | None]:
    """Returns trees of these conflicts."""
    with objects.pack() as writer:
        return [update_conflicts(objects, writer, None, one) for one in trees]


def state(objects: Objects, tree: str | None) -> VersionState:
    """Returns a version that has this tree of conflicts and nothing else."""
    document = VersionDocument(created=1, dataset_id="d.00000000", id="v.00000000")
    with objects.pack() as writer:
        whole = write_tree(
            writer, document=document, schema=Schema(), stats=Stats(), frames=None, conflicts=tree
        )
        return VersionState(
            objects, write_commit(writer, tree=whole, parents=(), author=ADA, time=1, message="Save")
        )


def read(objects: Objects, tree: str | None) -> Held:
    found: defaultdict[str, dict[str, Conflict]] = defaultdict(dict)
    for one in read_conflicts(objects, state(objects, tree)):
        found[one.frame_id][conflict_id(one)] = one
    return sort(found)


def expected(bases: Iterable[Held], first: Held, second: Held, new: Held) -> Held:
    """Returns what a merge has by the algebra of sets."""

    def ids(one: Held) -> dict[str, Conflict]:
        return {conflict_id(item): item for items in one.values() for item in items}

    known = {name for base in bases for name in ids(base)}
    a, b = ids(first), ids(second)
    kept = {name: one for name, one in (a | b).items() if (name in a and name in b) or name not in known}
    places = {(one.frame_id, one.path) for one in ids(new).values()}
    kept = {name: one for name, one in kept.items() if (one.frame_id, one.path) not in places} | ids(new)
    by_frame: defaultdict[str, dict[str, Conflict]] = defaultdict(dict)
    for name, one in kept.items():
        by_frame[one.frame_id][name] = one
    return sort(by_frame)


@settings(max_examples=25)
@given(held(), held())
def test_what_is_put_in_comes_out(objects: Watched, before: Held, change: Held) -> None:
    """Conflicts are read again as they were, replaced frame by frame, and a tree is there only while there are some."""
    (tree,) = write(objects, before)
    assert (tree is None) == (not before)
    assert read(objects, tree) == before
    with objects.pack() as writer:
        after = update_conflicts(objects, writer, tree, change)
    found = state(objects, after)
    for frame_id in ("", "a", NEIGHBOUR, "b", "c", "unknown"):
        assert conflicts_of(objects, found, frame_id) == (before | change).get(frame_id, ())
    with objects.pack() as writer:
        gone = update_conflicts(objects, writer, after, dict.fromkeys(before | change, ()))
    assert gone is None
    assert write(objects, before | change) == [after]


@settings(max_examples=40)
@given(st.lists(held(), max_size=2), held(), held(), held(), st.booleans())
def test_trees_merge_as_sets(
    objects: Watched, bases: list[Held], first: Held, second: Held, new: Held, near: bool
) -> None:
    """Resolved stays resolved, added stays, new supersedes; sides can be exchanged, and the tree is that of the set."""
    if near and bases:
        # Sides as they are after real work: the base, with a few frames changed.
        first, second = bases[0] | dict(list(first.items())[:1]), bases[-1] | dict(list(second.items())[:1])
    if len(new) > 2:
        new = {}
    *known, one, two = write(objects, *bases, first, second)
    with objects.pack() as writer:
        merged = merge_conflict_trees(objects, writer, known, one, two, new)
        assert merge_conflict_trees(objects, writer, known[::-1], two, one, new) == merged
    wanted = expected(bases, first, second, new)
    assert read(objects, merged) == wanted
    assert write(objects, wanted) == [merged]


def test_what_any_of_several_bases_had_is_resolved(objects: Watched) -> None:
    """With two merge bases a side that is as one of them has still resolved what the other base had."""
    one, other = {"a": (conflict("a", "k", 1),)}, {"a": (conflict("a", "l", 1),)}
    first, second = write(objects, one, other)
    with objects.pack() as writer:
        for bases in ([None, second], [second, None]):
            assert merge_conflict_trees(objects, writer, bases, None, second, {}) is None
        assert merge_conflict_trees(objects, writer, [first, second], first, second, {}) is None
        assert merge_conflict_trees(objects, writer, [first, None], first, second, {}) == second


def test_what_is_equal_is_not_read(objects: Watched) -> None:
    """Only folders and blobs that differ on both sides are read: a few conflicts among many cost little."""
    many = {f"frame {i}": (conflict(f"frame {i}", "k", 1),) for i in range(2000)}
    base, first, second = write(
        objects,
        many,
        many | {"frame 1": ()},
        many | {"frame 2": (), "frame 3": (conflict("frame 3", "l", 1),)},
    )
    objects.seen.clear()
    with objects.pack() as writer:
        merged = merge_conflict_trees(objects, writer, [base], first, second, {})
    assert objects.seen == {base, first, second}
    with objects.pack() as writer:
        assert merge_conflict_trees(objects, writer, [base], base, second, {}) == second
        assert merge_conflict_trees(objects, writer, [base, None], second, second, {}) == second
        objects.seen.clear()
        new = {"frame 4": (conflict("frame 4", "m", 1),)}
        update_conflicts(objects, writer, merged, new)
        assert len(objects.seen) == 2
        objects.seen.clear()
        merge_conflict_trees(objects, writer, [base], first, second, new)
        # The trees, one folder that is equal in all three, and the one blob in it.
        assert len(objects.seen) == 5


def test_git_is_content_with_the_trees(layout: Layout, objects: Watched) -> None:
    """git fsck --strict accepts folders, blobs and their order, and lists the paths the format page names."""
    found = {
        frame_id: (conflict(frame_id, "k", 1),) for frame_id in ("", "a", NEIGHBOUR, *map(str, range(300)))
    }
    version = state(objects, write(objects, found)[0])
    command = ["git", "-c", "safe.directory=*", "-C", str(layout.hds)]
    subprocess.run([*command, "fsck", "--strict", "--no-dangling"], check=True, capture_output=True)
    tree = f"{version.commit}:conflicts"
    listed = subprocess.run(
        [*command, "ls-tree", "-r", "--name-only", tree], check=True, capture_output=True, text=True
    ).stdout.split()
    keys = [frame_key(frame_id).hex() for frame_id in found if frame_id]
    assert sorted(listed) == sorted(["version", *(f"{key[:2]}/{key}" for key in keys)])
    order = [one.frame_id for one in read_conflicts(objects, version)]
    assert order[0] == ""
    assert order[1:] == sorted(order[1:], key=frame_key)


def test_conflicts_stand_under_their_own_frame(objects: Watched) -> None:
    """Conflicts given for another frame than theirs are refused before anything is written."""
    with objects.pack() as writer, pytest.raises(InvalidValueError, match="frame 'b'"):
        update_conflicts(objects, writer, None, {"b": (conflict("a", "k", 1),)})


def hostile(writer: Writer) -> Iterable[str]:
    """Returns trees that a stranger may have made."""
    key = frame_key("a").hex()
    other = frame_key("b").hex()
    blob = writer.write("blob", encode_conflicts([conflict("a", "k", 1)]))
    folder = writer.write("tree", encode_tree([Entry(BLOB_MODE, key, blob)]))
    empty = writer.write("tree", b"")

    def top(*entries: tuple[int, str, str]) -> str:
        return writer.write("tree", encode_tree([Entry(*entry) for entry in entries]))

    yield empty
    yield top((TREE_MODE, key[:2], empty))
    yield top((BLOB_MODE, key[:2], blob))
    yield top((TREE_MODE, "version", folder))
    yield top((BLOB_MODE, "version", blob))
    yield top((TREE_MODE, "zz", folder))
    yield top((TREE_MODE, other[:2], folder))
    yield top((TREE_MODE, key[:2], folder), (TREE_MODE, other[:2], folder))
    yield top((TREE_MODE, key[:2], top((BLOB_MODE, key, writer.write("blob", b"\x90")))))
    yield top((TREE_MODE, key[:2], top((BLOB_MODE, key, writer.write("blob", b"junk")))))
    yield top((TREE_MODE, key[:2], top((BLOB_MODE, key[:-1] + "g", blob))))
    yield top((TREE_MODE, key[:2], top((BLOB_MODE, key[:2] + "0" * 62, blob))))
    yield top((TREE_MODE, key[:2], top((TREE_MODE, key, folder))))
    yield top((TREE_MODE, key[:2], top((BLOB_MODE, key, "0" * 39 + "1"))))


def test_trees_of_strangers_are_checked(objects: Watched) -> None:
    """Names, kinds and places that this program would not write are damage, and no tree stands at two places."""
    with objects.pack() as writer:
        trees = list(hostile(writer))
    for tree in trees:
        version = state(objects, tree)
        with pytest.raises(DamagedError):
            list(read_conflicts(objects, version))
