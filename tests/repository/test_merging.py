"""Merging versions into drafts, resolving what both changed, and going back."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest

import hdstore
from hdstore import (
    Author,
    Box,
    Conflict,
    ConflictError,
    Dataset,
    DatasetVersion,
    InvalidInputError,
    Label,
    NotFoundError,
    PutFrame,
    ReadOnlyError,
    ReplaceAnnotation,
    Repository,
    Schema,
    SetFrameMetadata,
    SingleFrame,
    replace,
)
from hdstore.merge import AUTHOR
from hdstore.model import VersionDocument
from hdstore.repository.merging import merge_into
from hdstore.store import Entry, RefUpdate, decode_tree, encode_tree
from hdstore.version import write_commit, write_tree

MakeFrame = Callable[..., SingleFrame]

BOB = Author("Bob", "bob@example.org")


def move(version: DatasetVersion, frame_id: str, x: float, annotation: str = "0") -> None:
    """Moves a box."""
    held = version.frame(frame_id).annotation(annotation)
    assert held is not None
    moved = replace(held, geometry=Box(x=x, y=0.5, w=1, h=1))
    version.apply(ReplaceAnnotation(frame_id=frame_id, annotation=moved))


def at(version: DatasetVersion, frame_id: str, annotation: str = "0") -> float:
    """Returns where a box is."""
    held = version.frame(frame_id).annotation(annotation)
    assert held is not None
    assert isinstance(held.geometry, Box)
    return held.geometry.x


@dataclass(frozen=True)
class Two:
    """Two drafts of one published version, ours and one that Bob edits."""

    ours: DatasetVersion
    theirs: DatasetVersion


@pytest.fixture
def two(repository: Repository, dataset: Dataset, draft: DatasetVersion) -> Two:
    draft.set_schema(Schema(labels=(Label(name="cat", color="#111111"),)))
    draft.set_metadata({"k": 0})
    draft.publish()
    ours = dataset.create_version("ours", parents=draft)
    theirs = as_bob(repository, draft).dataset.create_version("theirs", parents=draft)
    return Two(ours, theirs)


def as_bob(repository: Repository, version: DatasetVersion) -> DatasetVersion:
    """Returns a handle whose changes are Bob's; every look at its clock is a second later than the last."""
    other = hdstore.open(repository.folder, author=BOB)
    other._core.clock = repository._core.clock
    return other.dataset(version.dataset.id).version(version.id)


def paths(found: list[Conflict]) -> list[tuple[str, str]]:
    return [(conflict.frame_id, "/".join(conflict.path)) for conflict in found]


def test_a_merge_brings_what_the_other_did(repository: Repository, two: Two, frame: MakeFrame) -> None:
    """Frames, schema and metadata join; the draft stays what it is, and again there is nothing to do."""
    two.ours.apply(SetFrameMetadata(frame_id="b", set={"mine": 1}))
    move(two.theirs, "b", 9)
    two.theirs.add_frames([frame("d")])
    two.theirs.delete_frames(["a"])
    two.theirs.set_schema(Schema(labels=(Label(name="cat", color="#222222"), Label(name="dog"))))
    before = two.ours.commit
    report = two.ours.merge(two.theirs)

    assert (report.before, report.commit) == (before, two.ours.commit)
    assert (report.added, report.updated, report.removed, report.joined, report.conflicts) == (1, 1, 1, 1, 0)
    assert set(two.ours.frame_ids()) == {"b", "c", "d"}
    assert (two.ours.frame("b").metadata, at(two.ours, "b")) == ({"mine": 1}, 9)
    assert [label.color for label in two.ours.schema().labels] == ["#222222", ""]
    assert two.ours.state().document.id == two.ours.id
    assert two.ours.parents == (*two.theirs.parents, two.theirs.id)
    assert two.ours.conflicts() == []
    assert next(iter(two.ours.log())).author == AUTHOR
    again = two.ours.merge(two.theirs)
    assert not again
    assert again.commit == report.commit
    assert repository.fsck() == []


def test_a_commit_of_the_same_draft_is_merged_as_a_pull_does(two: Two, frame: MakeFrame) -> None:
    """Where the draft has gone on from it nothing happens; where it goes on from the draft, the draft moves."""
    start = two.ours.commit
    two.ours.add_frames([frame("d")])
    later = two.ours.commit

    assert not two.ours.merge(start)
    two.ours.restore(start)
    back = two.ours.merge(later)
    assert not back
    # As if another machine had gone on from here.
    core = two.ours._core
    ref = f"refs/heads/{two.ours.dataset.id}/{two.ours.id}"
    with core.refs.lock(ref):
        tip = two.ours.commit
        core.refs.update(RefUpdate(ref, tip, start))
    forward = two.ours.merge(tip)
    assert (forward.commit, forward.added, forward.updated) == (tip, 0, 0)


def conflicting(two: Two) -> None:
    """Makes conflicts: a box, the labels of a colour, metadata, a deletion against a change."""
    move(two.ours, "b", 1)
    two.ours.delete_frames(["c"])
    two.ours.set_metadata({"k": 1})
    two.ours.set_schema(Schema(labels=(Label(name="cat", color="#aaaaaa"),)))
    move(two.theirs, "b", 2)
    move(two.theirs, "c", 2)
    two.theirs.set_metadata({"k": 2})
    two.theirs.set_schema(Schema(labels=(Label(name="cat", color="#bbbbbb"),)))
    report = two.ours.merge(two.theirs)
    assert report.conflicts == 4


def test_conflicts_wait_sorted_and_keep_a_draft_from_being_published(
    repository: Repository, two: Two
) -> None:
    """The sentence says how many there are and what to run; what gc leaves is sound."""
    conflicting(two)

    assert paths(two.ours.conflicts()) == [
        ("", "schema/labels/cat/color"),
        ("", "version/metadata/k"),
        ("b", "annotations/0/geometry"),
        ("c", ""),
    ]
    assert paths(two.ours.conflicts("b")) == [("b", "annotations/0/geometry")]
    assert two.ours.conflicts("a") == []
    for refused in (two.ours.publish, two.ours.snapshot):
        with pytest.raises(ConflictError, match=r"holds 4 conflicts .* 'hdstore conflicts plates/ours'"):
            refused()
    repository.gc(grace=0)
    assert len(two.ours.conflicts()) == 4
    assert repository.fsck() == []
    git = subprocess.run(
        ["git", "-C", str(repository.hds), "fsck", "--strict"], capture_output=True, check=False
    )
    assert git.returncode == 0, git.stderr


def test_ours_is_what_this_draft_held_before_the_merge(two: Two) -> None:
    """Whatever the clocks say and whoever made it; all conflicts resolved at once, and then it can be published."""
    conflicting(two)
    changes = two.ours.resolve(choice="ours")

    assert changes.conflicts
    assert (changes.updated, changes.removed, changes.schema, changes.metadata) == (1, 1, True, True)
    assert at(two.ours, "b") == 1
    assert "c" not in two.ours
    assert two.ours.metadata == {"k": 1}
    assert two.ours.schema().labels[0].color == "#aaaaaa"
    assert two.ours.conflicts() == []
    assert next(iter(two.ours.log())).author == two.ours._core.author
    two.ours.publish()


def test_theirs_is_the_other_side(two: Two) -> None:
    """One frame at a time, or by paths; the rest waits."""
    conflicting(two)
    two.ours.resolve("", choice="theirs", paths=[("version", "metadata", "k")])

    assert (two.ours.metadata, two.ours.schema().labels[0].color) == ({"k": 2}, "#bbbbbb")
    assert len(two.ours.conflicts("")) == 1
    two.ours.resolve("c", choice="ours")
    assert "c" not in two.ours
    two.ours.resolve("b", choice="theirs")
    assert at(two.ours, "b") == 2
    assert paths(two.ours.conflicts()) == [("", "schema/labels/cat/color")]


def test_both_sides_can_be_kept(two: Two) -> None:
    """A box that both moved becomes two; a frame that one side deleted stays."""
    conflicting(two)
    two.ours.resolve("b", choice="both")
    two.ours.resolve("c", choice="both")

    assert sorted(a.geometry.x for a in two.ours.frame("b").annotations if isinstance(a.geometry, Box)) == [
        1,
        2,
    ]
    assert at(two.ours, "c") == 2
    with pytest.raises(InvalidInputError, match="can be there only once"):
        two.ours.resolve("", choice="both")


def test_what_the_draft_holds_can_be_kept_or_set_by_hand(two: Two, frame: MakeFrame) -> None:
    """Keeping changes no frame; a frame made by hand replaces the one there."""
    conflicting(two)
    shown = at(two.ours, "b")
    kept = two.ours.resolve("b", choice="keep")

    assert (kept.updated, kept.conflicts, at(two.ours, "b")) == (0, True, shown)
    two.ours.resolve(frame=frame("c", "cow"))
    assert two.ours.frame("c") == frame("c", "cow")
    assert paths(two.ours.conflicts()) == paths(two.ours.conflicts(""))
    two.ours.resolve(choice="keep")
    assert two.ours.conflicts() == []


def test_who_did_not_merge_is_asked_for_the_side(repository: Repository, two: Two) -> None:
    """Where the authors tell the sides apart they do; where not, the sides are listed, and a commit names one."""
    conflicting(two)
    elsewhere = two.ours.restore(two.ours.commit)
    assert not elsewhere
    core = two.ours._core
    for name, oid in core.refs.list("refs/hdstore/mine/").items():
        with core.refs.lock(name):
            core.refs.update(RefUpdate(name, oid, None))
    ada, bob = two.ours, as_bob(repository, two.ours)
    carol = hdstore.open(repository.folder, author=Author("Carol", "c@example.org"))
    stranger = carol.dataset(ada.dataset.id).version(ada.id)
    with pytest.raises(InvalidInputError, match=r"by Ada Lovelace \(2025-.* or [0-9a-f]{12} by Bob .*--side"):
        stranger.resolve("b", choice="ours")

    bob.resolve("b", choice="ours")
    assert at(ada, "b") == 2
    ada.resolve("c", choice="ours")
    assert "c" not in ada
    one = ada.conflicts("")[0]
    with pytest.raises(InvalidInputError, match="names no side"):
        stranger.resolve("", side="0123456789")
    stranger.resolve("", side=one.sides[0].commit[:8])
    assert ada.metadata == {"k": 1}


def test_a_resolution_that_says_nothing_clear_is_refused(two: Two, frame: MakeFrame) -> None:
    """Of choice, side and frame one is given; a conflict must be there; a published version can not be resolved."""
    conflicting(two)
    for wrong in ({}, {"choice": "ours", "side": "abcd"}, {"choice": "mine"}, {"frame": frame("x")}):
        with pytest.raises(InvalidInputError):
            two.ours.resolve("b", **wrong)  # type: ignore[arg-type]
    with pytest.raises(NotFoundError, match="no conflict in frame 'a'"):
        two.ours.resolve("a", choice="ours")
    with pytest.raises(NotFoundError, match="no conflict at annotations/1 in frame 'b'"):
        two.ours.resolve("b", choice="ours", paths=[("annotations", "1")])
    two.theirs.publish()
    with pytest.raises(NotFoundError, match="There is no conflict in plates/child"):
        two.ours.dataset.create_version("child", parents="theirs").resolve(choice="ours")
    with pytest.raises(ReadOnlyError):
        two.theirs.resolve(choice="ours")
    with pytest.raises(ReadOnlyError):
        two.theirs.merge(two.ours)


def test_damaged_conflicts_are_found(repository: Repository, two: Two) -> None:
    """fsck reads them, and names version and commit."""
    conflicting(two)
    core, state = repository._core, two.ours.state()
    entries = {e.name: e for e in decode_tree(core.objects.read(state.oid("conflicts") or "", "tree"))}
    with core.objects.loose() as writer:
        wrong = [Entry(entries["version"].mode, "version", writer.write("blob", b"\x90")), *entries.values()]
        tree = writer.write("tree", encode_tree({e.name: e for e in reversed(wrong)}.values()))
        whole = write_tree(
            writer,
            document=state.document,
            schema=state.schema,
            stats=state.stats,
            frames=state.oid("frames"),
            conflicts=tree,
        )
        commit = write_commit(writer, tree=whole, parents=[state.commit], author=BOB, time=1, message="x")
    ref = f"refs/heads/{two.ours.dataset.id}/{two.ours.id}"
    with core.refs.lock(ref):
        core.refs.update(RefUpdate(ref, state.commit, commit))
    (finding,) = repository.fsck()

    assert finding.where == f"plates/ours, conflicts of commit {commit}"


def test_what_was_noted_of_a_merge_goes_with_it(repository: Repository, two: Two) -> None:
    """The ref of our side stays while the merge is there, and gc removes it afterwards."""
    conflicting(two)
    refs = repository._core.refs
    repository.gc(grace=0)
    assert len(refs.list("refs/hdstore/mine/")) == 1
    two.ours.delete()
    repository.gc(grace=0)
    assert refs.list("refs/hdstore/mine/") == {}
    assert repository.fsck() == []


def test_a_merge_again_after_resolving_brings_only_what_is_new(two: Two) -> None:
    """A resolution holds until the other side changes the same thing again."""
    conflicting(two)
    two.ours.resolve(choice="ours")
    assert not two.ours.merge(two.theirs)
    move(two.theirs, "b", 7)
    report = two.ours.merge(two.theirs)

    assert paths(two.ours.conflicts()) == [("b", "annotations/0/geometry")]
    assert report.conflicts == 1
    assert "c" not in two.ours
    assert two.ours.metadata == {"k": 1}


def test_going_back_restores_all_that_was_there(repository: Repository, two: Two, frame: MakeFrame) -> None:
    """Frames, schema, metadata and conflicts of an earlier commit, as one save more; undone the same way."""
    before = two.ours.commit
    conflicting(two)
    merged = two.ours.state()
    two.ours.resolve(choice="theirs")
    back = two.ours.restore("before the merge")

    assert back.conflicts is False
    assert "c" not in two.ours
    assert at(two.ours, "b") == 1
    assert two.ours.metadata == {"k": 1}
    two.ours.restore(merged.commit[:10])
    assert len(two.ours.conflicts()) == 4
    assert two.ours.state().oid("frames") == merged.oid("frames")
    gone = two.ours.restore(before)
    assert (gone.updated, gone.schema, gone.metadata, gone.conflicts) == (2, True, True, True)
    assert (two.ours.metadata, len(two.ours)) == ({"k": 0}, 3)
    assert not two.ours.restore(before)
    assert two.ours.parents == (*two.theirs.parents, two.theirs.id)
    assert repository.fsck() == []


def test_single_frames_can_go_back_with_their_conflicts(two: Two, frame: MakeFrame) -> None:
    """Others stay; a frame that was not there goes, one that is known nowhere is an error."""
    conflicting(two)
    merged = two.ours.commit
    two.ours.resolve(choice="theirs")
    two.ours.add_frames([frame("d")])
    changes = two.ours.restore(merged, ["b", "d"])

    assert (changes.updated, changes.removed) == (0, 1)
    assert paths(two.ours.conflicts()) == [("b", "annotations/0/geometry")]
    with pytest.raises(NotFoundError, match="'zebra' is not in plates/ours"):
        two.ours.restore(merged, ["zebra"])


def test_only_commits_of_its_own_history_are_gone_back_to(two: Two) -> None:
    """Another draft's commit, digits that name none or too few are refused."""
    move(two.theirs, "b", 3)
    for wrong in (two.theirs.commit, "f" * 40, "abc", "", "zzzzzz", "before the merge"):
        with pytest.raises(NotFoundError):
            two.ours.restore(wrong)


def test_a_version_of_another_dataset_is_not_merged_so(repository: Repository, two: Two) -> None:
    """The sentence says how that is done; what is no commit is refused too."""
    other = repository.create_dataset("other").current()
    with pytest.raises(
        InvalidInputError, match=r"other/Current is of another dataset .* 'hdstore dataset merge'"
    ):
        two.ours.merge(other)
    with pytest.raises(InvalidInputError, match="is no commit"):
        two.ours.merge("HEAD")


def test_saves_that_come_between_are_kept(two: Two, frame: MakeFrame) -> None:
    """A merge that was worked out on a tip which moved meanwhile is made again on the new one."""
    move(two.theirs, "b", 5)
    saved = []

    def into(document: VersionDocument) -> VersionDocument:
        # Called once an attempt: the first two are overtaken by a save.
        if len(saved) < 2:
            saved.append(f"new {len(saved)}")
            in_thread(lambda: two.ours.apply(PutFrame(frame=frame(saved[-1]))))
        return document

    report = merge_into(two.ours, two.theirs.commit, into, message="Merge")

    assert set(two.ours.frame_ids()) == {"a", "b", "c", "new 0", "new 1"}
    assert at(two.ours, "b") == 5
    assert report.commit == two.ours.commit


def in_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
