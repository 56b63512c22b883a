"""Merges of whole versions: the laws that make peers converge, whatever each of them did."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.errors import CancelledError
from hdstore.merge import AUTHOR, merge_commits, merge_versions, read_conflicts
from hdstore.model import (
    Annotation,
    Author,
    Box,
    Frame,
    Label,
    Metadata,
    Schema,
    SingleFrame,
    Source,
    Stats,
    VersionDocument,
)
from hdstore.store import Layout, Objects, decode_commit
from hdstore.version import Batch, Tally, VersionState, VersionVerifier, write_commit, write_tree

ADA = Author("Ada", "ada@example.org")
DOCUMENT = VersionDocument(created=1000, dataset_id="plates.00000000", id="current.00000000")


@dataclass(frozen=True)
class Held:
    """What a version holds: frames by their ids, and what it says of itself."""

    frames: dict[str, Frame] = field(default_factory=dict)
    metadata: Metadata = field(default_factory=dict)
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """A repository without refs, in which commits are written and merged."""

    layout: Layout
    objects: Objects

    def commit(self, held: Held, *parents: str, time: int = 0, author: Author = ADA) -> str:
        """Returns a commit of a version that holds this."""
        schema = Schema(labels=tuple(Label(name=name) for name in held.labels))
        document = VersionDocument(
            created=DOCUMENT.created, dataset_id=DOCUMENT.dataset_id, id=DOCUMENT.id, metadata=held.metadata
        )
        with self.objects.pack() as writer:
            tree = write_tree(writer, document=document, schema=schema, stats=Stats(), frames=None)
            empty = write_commit(writer, tree=tree, parents=(), author=author, time=0, message="Begin")
        with Batch(self.layout.tmp) as batch, self.objects.pack() as writer:
            for frame in held.frames.values():
                batch.put(frame)
            state = VersionState(self.objects, empty)
            tree = batch.build(self.objects, writer, state, document=document, schema=schema).tree
            return write_commit(writer, tree=tree, parents=parents, author=author, time=time, message="Save")

    def merge(self, first: str, second: str, into: VersionDocument | None = None) -> str:
        return merge_commits(self.objects, self.layout.tmp, first, second, into=into)

    def state(self, commit: str) -> VersionState:
        return VersionState(self.objects, commit)

    def frames(self, commit: str) -> str:
        return self.state(commit).trie.tree

    def tree(self, commit: str) -> str:
        return decode_commit(self.objects.read(commit, "commit")).tree


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    layout = Layout(tmp_path_factory.mktemp("merging"))
    layout.create()
    return Place(layout, Objects(layout.hds))


IDS = "abcdefgh"


def frame(frame_id: str, *boxes: tuple[str, int], **fields: object) -> SingleFrame:
    """Returns a frame with annotations given by id and place."""
    values: dict[str, object] = {
        "id": frame_id,
        "sources": (Source(uri=f"s3://b/{frame_id}.jpg", content_type="image/jpeg"),),
        "annotations": tuple(
            Annotation(id=name, labels=("cat" if x % 2 else "dog",), geometry=Box(x=x, y=0, w=1, h=1))
            for name, x in boxes
        ),
    }
    return SingleFrame(**(values | fields))  # type: ignore[arg-type]


boxes = st.dictionaries(st.sampled_from("xyz"), st.integers(0, 2), max_size=3).map(
    lambda found: sorted(found.items())
)
few = st.dictionaries(st.sampled_from("kl"), st.integers(0, 2), max_size=2)


def frames_of(ids: Iterable[str] = IDS) -> st.SearchStrategy[dict[str, Frame]]:
    one = st.tuples(st.sampled_from([*ids]), boxes, few).map(
        lambda drawn: frame(drawn[0], *drawn[1], metadata=drawn[2])
    )
    return st.lists(one, max_size=6, unique_by=lambda made: made.id).map(
        lambda made: {value.id: value for value in made}
    )


held = st.builds(
    Held, frames=frames_of(), metadata=few, labels=st.lists(st.sampled_from("ABC"), unique=True).map(tuple)
)
times = st.integers(1, 3)


def check(place: Place, commit: str) -> None:
    """Checks that a commit holds what a version has to, and statistics that a count gives."""
    state, tally = place.state(commit), Tally()
    for one in state.frames():
        tally.add(one)
    assert state.stats == tally.stats()
    assert list(VersionVerifier(place.objects).commit(commit)) == []


@given(held, held, held, times, times)
def test_a_merge_is_one_commit_whoever_makes_it(
    place: Place, base: Held, one: Held, two: Held, at: int, then: int
) -> None:
    """The order of the sides makes no difference; it is nobody's, of the later time, with sorted parents, and sound."""
    root = place.commit(base)
    a, b = place.commit(one, root, time=at), place.commit(two, root, time=then)
    merged = place.merge(a, b)
    data = decode_commit(place.objects.read(merged, "commit"))

    assert merged == place.merge(b, a)
    if a != b:
        assert data.parents == tuple(sorted((a, b)))
        assert (data.author, data.committer, data.time) == (AUTHOR, AUTHOR, max(at, then))
    check(place, merged)


@given(held, held, times)
def test_what_one_side_did_alone_is_taken_as_it_is(place: Place, base: Held, one: Held, at: int) -> None:
    """Also where the other side saved what was there before, or the same."""
    root = place.commit(base)
    a, idle = place.commit(one, root, time=at), place.commit(base, root, time=2, author=AUTHOR)
    same = place.commit(one, root, time=5, author=AUTHOR)

    assert place.tree(place.merge(a, idle)) == place.tree(a)
    assert place.tree(place.merge(a, same)) == place.tree(a)
    assert place.merge(a, root) == place.merge(root, a) == a
    assert place.merge(a, a) == a


@given(held, st.lists(frames_of(), min_size=3, max_size=3), st.permutations(range(3)))
def test_changes_of_different_frames_join_in_any_order(
    place: Place, base: Held, edits: list[dict[str, Frame]], order: list[int]
) -> None:
    """Three sides that touch different frames, merged in any order, hold all that each did, without a conflict."""
    parts = ("abc", "def", "gh")
    root = place.commit(base)
    tips, expected = [], dict(base.frames)
    for number, (mine, edit) in enumerate(zip(parts, edits, strict=True)):
        others = {name: value for name, value in base.frames.items() if name not in mine}
        own = {name: value for name, value in edit.items() if name in mine}
        tips.append(place.commit(Held(others | own, base.metadata, base.labels), root, time=number))
        expected = {name: value for name, value in expected.items() if name not in mine} | own
    merged = reduce(place.merge, [tips[number] for number in order])

    assert place.frames(merged) == place.frames(place.commit(Held(expected)))
    assert place.tree(merged) == place.tree(reduce(place.merge, tips))
    assert not place.state(merged).has_conflicts()


steps = st.lists(st.tuples(st.integers(0, 2), st.none() | held, st.integers(0, 2), times), max_size=10)


@given(steps)
def test_peers_that_merge_each_others_merges_end_at_one_commit(
    place: Place, steps: list[tuple[int, Held | None, int, int]]
) -> None:
    """Three peers edit and merge what they last saw of one another: histories with several merge bases."""
    tips = [place.commit(Held())] * 3
    for peer, edit, other, time in steps:
        if edit is not None:
            tips[peer] = place.commit(edit, tips[peer], time=time)
        else:
            tips[peer] = place.merge(tips[peer], tips[other])
    for _ in range(2):
        for peer, other in itertools.permutations(range(3), 2):
            tips[peer] = place.merge(tips[peer], tips[other])

    assert len(set(tips)) == 1
    check(place, tips[0])


def test_peers_who_pull_in_a_ring_come_to_one_value(place: Place) -> None:
    """Each only ever sees what its neighbour had a round ago: the commits differ for ever, what they hold does not."""
    root = place.commit(Held({"a": frame("a", ("x", 0))}))
    tips = [place.commit(Held({"a": frame("a", ("x", n))}, {"k": n}), root, time=n) for n in (1, 2, 3)]
    seen = set()
    for _ in range(7):
        tips = [place.merge(tips[peer], tips[(peer + 1) % 3]) for peer in range(3)]
        trees = {place.tree(tip) for tip in tips}
        seen.add(len(trees))

    assert len(trees) == 1
    assert seen != {1}
    check(place, tips[0])


def test_merges_of_the_same_work_are_not_merged_anew(place: Place) -> None:
    """Two that joined the same commits in other ways: one of their trees is taken whole, without a conflict."""
    a, b = (place.commit(Held({"a": frame("a", ("x", n))}), time=n) for n in (1, 2))
    one, two = (place.commit(Held({"a": frame("a", ("x", n))}), a, b, time=2, author=AUTHOR) for n in (3, 4))

    assert place.tree(place.merge(one, two)) == max(place.tree(one), place.tree(two))
    assert not place.state(place.merge(one, two)).has_conflicts()
    person = place.commit(Held({"a": frame("a", ("x", 4))}), a, b, time=2)
    assert place.state(place.merge(one, person)).has_conflicts()


def test_criss_cross_merges_have_a_base_of_their_own(place: Place) -> None:
    """Two peers merged the same two commits with a third between: what both bases hold is no conflict."""
    root = place.commit(Held({"a": frame("a", ("x", 0))}))
    a = place.commit(Held({"a": frame("a", ("x", 1))}), root, time=1)
    b = place.commit(Held({"a": frame("a", ("x", 0)), "b": frame("b")}), root, time=2)
    one = place.commit(Held({"a": frame("a", ("x", 1)), "b": frame("b"), "c": frame("c")}), a, b, time=3)
    two = place.commit(Held({"a": frame("a", ("x", 1)), "b": frame("b", ("y", 1))}), a, b, time=4)
    merged = place.state(place.merge(one, two))

    assert place.objects.merge_bases(one, two) == [a, b]
    assert set(merged.frame_ids()) == {"a", "b", "c"}
    assert merged.frame("b") == frame("b", ("y", 1))
    assert not merged.has_conflicts()


def test_what_both_changed_differently_is_a_conflict_and_the_later_side_is_shown(place: Place) -> None:
    """In frames, schema and metadata; what one deleted and the other changed stays."""
    root = place.commit(Held({"a": frame("a", ("x", 0)), "b": frame("b", ("x", 0))}, {"k": 0}))
    late = place.commit(Held({"a": frame("a", ("x", 2))}, {"k": 1}), root, time=9)
    early = place.commit(Held({"a": frame("a", ("x", 1)), "b": frame("b", ("x", 1))}, {"k": 2}), root, time=1)
    done = merge_versions(place.objects, place.layout.tmp, early, late)
    state = place.state(done.commit)
    found = list(read_conflicts(place.objects, state))

    assert state.frame("a").annotations[0].geometry == Box(x=2, y=0, w=1, h=1)
    assert state.frame("b") == frame("b", ("x", 1))
    assert state.document.metadata == {"k": 1}
    assert {(conflict.frame_id, conflict.path) for conflict in found} == {
        ("", ("version", "metadata", "k")),
        ("a", ("annotations", "x", "geometry")),
        ("b", ()),
    }
    assert all([side.commit for side in conflict.sides] == [early, late] for conflict in found)
    assert (done.added, done.updated, done.removed, done.joined, done.conflicts) == (0, 1, 0, 0, 3)


def test_conflicts_of_both_sides_stay_until_they_are_resolved(place: Place) -> None:
    """A merge brings those of either side along; what one side resolved is resolved."""
    root = place.commit(Held({"a": frame("a", ("x", 0)), "b": frame("b", ("x", 0))}))
    one = place.commit(Held({"a": frame("a", ("x", 1)), "b": frame("b", ("x", 0))}), root, time=1)
    two = place.commit(Held({"a": frame("a", ("x", 2)), "b": frame("b", ("x", 0))}), root, time=2)
    clash = place.merge(one, two)
    other = place.commit(Held({"a": frame("a", ("x", 0)), "b": frame("b", ("x", 5))}), root, time=3)
    both = place.merge(clash, other)
    before = list(read_conflicts(place.objects, place.state(clash)))

    assert list(read_conflicts(place.objects, place.state(both))) == before != []
    resolved = place.commit(Held({"a": frame("a", ("x", 1)), "b": frame("b", ("x", 0))}), clash, time=4)
    again = place.state(place.merge(resolved, both))
    assert not again.has_conflicts()
    assert again.frame("a") == frame("a", ("x", 1))
    assert again.frame("b") == frame("b", ("x", 5))


def test_versions_without_common_history_are_joined(place: Place) -> None:
    """Equal frames are one, others stand beside each other; those that differ are conflicts without a base."""
    one = place.commit(Held({"a": frame("a"), "b": frame("b", ("x", 1)), "c": frame("c")}), time=1)
    two = place.commit(Held({"a": frame("a"), "b": frame("b", ("x", 2)), "d": frame("d")}), time=2)
    state = place.state(place.merge(one, two))
    found = list(read_conflicts(place.objects, state))

    assert set(state.frame_ids()) == {"a", "b", "c", "d"}
    assert found
    assert {(conflict.frame_id, conflict.base.present) for conflict in found} == {("b", False)}


def test_a_merge_into_another_version_keeps_what_that_one_is(place: Place) -> None:
    """Its id, creation and parents are those that are given; the metadata are those of both."""
    root = place.commit(Held(metadata={"k": 0, "l": 0}))
    target = place.commit(Held(metadata={"k": 1, "l": 0}), root, time=1)
    other = place.commit(Held({"a": frame("a")}, {"k": 0, "l": 2}), root, time=2)
    document = VersionDocument(created=5, dataset_id="d.1", id="v.1", parents=("p.1",))
    merged = place.merge(target, other, into=document)
    state = place.state(merged)

    assert (state.document.id, state.document.created, state.document.parents) == ("v.1", 5, ("p.1",))
    assert state.document.metadata == {"k": 1, "l": 2}
    assert set(state.frame_ids()) == {"a"}
    assert place.merge(merged, other, into=document) == merged
    # A target that has nothing of its own does not become the other version.
    assert place.state(place.merge(root, other, into=document)).document.id == "v.1"


def test_a_merge_that_is_cancelled_writes_nothing(place: Place) -> None:
    """An exception from the progress callback ends it; no object of it is left."""
    many = {name: frame(name) for name in map(str, range(2500))}
    root = place.commit(Held())
    one = place.commit(Held({"a": frame("a")}), root, time=1)
    two = place.commit(Held(many), root, time=2)
    packs = sorted(place.layout.objects.glob("pack/*"))

    def cancel(what: str, done: int, total: int | None) -> None:
        if what == "Writing frames":
            raise CancelledError("Stop.")

    with pytest.raises(CancelledError):
        merge_commits(place.objects, place.layout.tmp, one, two, progress=cancel)
    assert sorted(place.layout.objects.glob("pack/*")) == packs
    assert list(place.layout.tmp.iterdir()) == []


def test_git_finds_no_fault(place: Place) -> None:
    """All that the tests before wrote passes git fsck --strict."""
    one = place.commit(Held({"a": frame("a", ("x", 1))}), time=1)
    place.merge(one, place.commit(Held({"a": frame("a", ("x", 2))}), time=2))
    done = subprocess.run(
        ["git", "-C", str(place.layout.hds), "fsck", "--strict", "--full"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr
