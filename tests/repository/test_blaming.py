"""Who changed a frame, asked of a version: over snapshots, children, merges, and from what was kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import hdstore
from hdstore import (
    AddAnnotation,
    Annotation,
    Author,
    Box,
    DatasetVersion,
    PutFrame,
    RemoveAnnotation,
    RemoveFrame,
    ReplaceAnnotation,
    Repository,
    SetFrameMetadata,
    SetVersionMetadata,
    SingleFrame,
    replace,
)
from hdstore.diff import ABSENT
from hdstore.errors import CancelledError, NotFoundError

BEN = Author("Ben", "ben@example.org")


def changed(draft: DatasetVersion, frame_id: str, annotation_id: str, **fields: object) -> str:
    """Saves an annotation with other fields and returns the commit."""
    old = draft.frame(frame_id).annotation(annotation_id)
    assert old is not None
    draft.apply(ReplaceAnnotation(frame_id=frame_id, annotation=replace(old, **fields)))
    return draft.commit


def test_a_history_tells_each_save_of_a_frame(repository: Repository, draft: DatasetVersion) -> None:
    """Latest first, with author, version and both values; saves of other frames and of versions are not in it."""
    added = draft.commit
    relabelled = changed(draft, "b", "0", labels=("dog",))
    draft.apply(SetFrameMetadata(frame_id="c", set={"city": "Bonn"}))
    published, child = draft.snapshot(name="v1")
    child.apply(SetVersionMetadata(metadata={"note": 1}))
    repository._core.author = BEN
    child.apply(RemoveFrame(frame_id="b"))
    child.publish()
    last = child.dataset.create_version("next", parents=[child])

    events = list(last.history("b"))

    assert [event.kind for event in events] == ["removed", "changed", "added"]
    assert [event.commit.id for event in events[1:]] == [relabelled, added]
    assert [event.version for event in events] == [child.path, published.path, published.path]
    assert events[0].commit.author == BEN
    assert events[1].before == events[2].after
    assert events[0].before == events[1].after
    assert events[0].after is None
    assert events[2].before is None
    with pytest.raises(NotFoundError, match="'b'"):
        last.blame("b")
    assert [event.commit.id for event in draft.history("b")] == [relabelled, added]


def test_a_blame_tells_who_gave_each_field_its_value(repository: Repository, draft: DatasetVersion) -> None:
    """Geometry, labels and keys of metadata each have their own save, and what stood there before."""
    added = draft.commit
    repository._core.author = BEN
    moved = changed(draft, "c", "1", geometry=Box(x=9, y=9, w=1, h=1))
    noted = changed(draft, "c", "1", metadata={"sure": True})
    draft.apply(AddAnnotation(frame_id="c", annotation=Annotation(id="new", labels=("cow",))))

    blame = draft.blame("c")
    one = blame.annotation("1")

    assert one is not None
    by = {field.path: (field.by.commit.id, field.before) for field in one.fields}
    assert by[("geometry",)] == (moved, Box(x=1.0, y=0.5, w=1.0, h=1.0))
    assert by[("labels",)] == (added, ABSENT)
    assert by[("metadata", "sure")] == (noted, ABSENT)
    assert (one.added.commit.id, one.last.commit.id) == (added, noted)
    assert one.last.commit.author == BEN
    assert blame.last.commit.id == draft.commit
    assert [field.path for field in blame.fields if field.by.commit.id != added] == []
    assert draft.blame("a").last.commit.id == added


def test_what_was_removed_is_told_when_asked_for(draft: DatasetVersion) -> None:
    """An annotation that was removed, put back and removed again is named with the last save."""
    old = draft.frame("c").annotation("1")
    assert old is not None
    draft.apply(RemoveAnnotation(frame_id="c", annotation_id="1"))
    draft.apply(AddAnnotation(frame_id="c", annotation=old))
    latest = changed(draft, "c", "1", labels=("cow",))
    draft.apply(RemoveAnnotation(frame_id="c", annotation_id="1"))

    (gone,) = draft.blame("c", removed=True).removed

    assert gone.annotation.labels == ("cow",)
    assert gone.by.commit.id == draft.commit
    assert draft.blame("c").removed == ()
    events = list(draft.history("c", "1"))
    assert [event.kind for event in events] == ["removed", "changed", "added", "removed", "added"]
    assert events[1].commit.id == latest


def test_a_merge_is_not_named_for_what_others_did(repository: Repository, draft: DatasetVersion) -> None:
    """Two people change two fields of one annotation: each is named for theirs, and the last of them for the whole."""
    published, mine = draft.snapshot(name="base")
    repository._core.author = BEN
    theirs = mine.dataset.create_version("theirs", parents=[published])
    labelled = changed(theirs, "b", "0", labels=("cow",))
    repository._core.author = Author("Cyd", "cyd@example.org")
    moved = changed(mine, "b", "0", geometry=Box(x=7, y=7, w=7, h=7))
    assert mine.merge(theirs).conflicts == 0

    (one,) = mine.blame("b").annotations

    by = {field.path: field.by.commit.id for field in one.fields}
    assert (by["geometry",], by["labels",]) == (moved, labelled)
    assert one.last.commit.id == moved
    assert mine.blame("b").last.commit.id == moved
    # What it joined is told by those who did it.
    assert [event.commit.id for event in mine.history("b")][:2] == [moved, labelled]
    assert [event.commit.id for event in mine.history("b", "0")][:2] == [moved, labelled]
    assert [event.commit.id for event in mine.history("a")] == [published.history("a").__next__().commit.id]


def test_a_frame_is_restored_to_what_its_history_shows(draft: DatasetVersion) -> None:
    """A commit that the history names is one to restore from; that is a save of its own, and blamed."""
    before = draft.frame("b")
    changed(draft, "b", "0", labels=("cow",))
    first = list(draft.history("b"))[-1]

    draft.restore(first.commit.id, ["b"])

    assert draft.frame("b") == before
    (one,) = draft.blame("b").annotations
    assert one.last.commit.id == draft.commit
    assert [event.kind for event in draft.history("b")] == ["changed", "changed", "added"]


def test_work_can_be_cancelled_and_is_done_afterwards(repository: Repository, draft: DatasetVersion) -> None:
    """The first question tells of its progress; cancelled, it leaves nothing behind that hinders the next."""
    for number in range(3):
        draft.apply(SetFrameMetadata(frame_id="a", set={"n": number}))

    def stop(what: str, done: int, total: int | None) -> None:
        if what == "Looking for changes of the frame":
            raise CancelledError(what)

    for _ in range(2):
        with pytest.raises(CancelledError):
            draft.blame("a", progress=stop)
        with pytest.raises(CancelledError):
            next(draft.history("a", progress=stop))
    assert len(list(draft.history("a"))) == 4


def test_answers_go_on_after_gc(repository: Repository, draft: DatasetVersion) -> None:
    """Objects are packed anew, deltas and all, between two questions of one handle and of a fresh one."""
    commits = [draft.commit]
    for number in range(40):
        draft.apply(PutFrame(frame=SingleFrame(id="a", metadata={"n": number})))
        commits.append(draft.commit)
        if number == 20:
            assert [event.commit.id for event in draft.history("a")] == commits[::-1]
            repository.gc(grace=0)
    assert [event.commit.id for event in draft.history("a")] == commits[::-1]
    with hdstore.open(repository.folder) as again:
        version = again.version(draft.path)
        assert [event.commit.id for event in version.history("a")] == commits[::-1]
        assert version.blame("a").fields[-1].by.commit.id == commits[-1]


@pytest.fixture
def many(draft: DatasetVersion, frame: Callable[..., SingleFrame]) -> DatasetVersion:
    """Returns a draft in which one frame was saved more often than is looked at anew each time."""
    for number in range(30):
        draft.apply(PutFrame(frame=frame("a", "cat", metadata={"n": number})))
    return draft


def test_datasets_are_kept_apart(repository: Repository, many: DatasetVersion) -> None:
    """A question about one dataset reads nothing of another; what is known may be deleted at any time."""
    many.blame("a")
    kept = repository._core.layout.index / "history"
    assert [path.name for path in kept.iterdir()] == [many.dataset.id]
    other = repository.create_dataset("other").current()
    other.add_frames([SingleFrame(id="a")])
    assert [event.commit.id for event in other.history("a")] == [other.commit]
    assert repository.fsck() == []
