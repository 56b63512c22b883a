"""Changing a draft: small edits with their undo, bulk writes, writers that meet, cancelling."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

import hdstore
from hdstore import (
    AddAnnotation,
    Annotation,
    CancelledError,
    Dataset,
    DatasetVersion,
    EditConflictError,
    Frame,
    InvalidInputError,
    InvalidValueError,
    Label,
    NotFoundError,
    PutFrame,
    RemoveAnnotation,
    RemoveFrame,
    ReplaceAnnotation,
    Repository,
    Schema,
    SetFrameMetadata,
    SetSchema,
    SetVersionMetadata,
    SingleFrame,
    Source,
    replace,
)
from hdstore.model import FrameEdit
from hdstore.version import Tally

MakeFrame = Callable[..., SingleFrame]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Returns a dataset whose drafts the examples of properties use up."""
    author = hdstore.Author("Ada", "ada@example.org")
    return hdstore.init(tmp_path_factory.mktemp("scratch"), author=author).create_dataset("d")


def fresh(scratch: Dataset) -> DatasetVersion:
    for draft in scratch.versions():
        draft.delete()
    return scratch.create_version("draft")


@settings(max_examples=25)
@given(start=st.lists(strategies.frames(ids=st.sampled_from("abc"), named=True), max_size=3), data=st.data())
def test_changes_know_their_undo(scratch: Dataset, start: list[Frame], data: st.DataObject) -> None:
    """Whatever the edits, their inverse gives back tree and statistics; statistics are those of the frames."""
    draft = fresh(scratch)
    draft.add_frames(start)
    before = draft.state()
    held: dict[str, Frame | None] = {frame.id: frame for frame in before.frames()}
    edits: list[FrameEdit] = []
    for _ in range(data.draw(st.integers(1, 5))):
        frame_id = data.draw(st.sampled_from("abcd"))
        edit = data.draw(strategies.frame_edits(held.get(frame_id), frame_id))
        held[frame_id] = edit.apply(held.get(frame_id))
        edits.append(edit)
    changes = draft.apply(*edits)

    left = {frame_id: frame for frame_id, frame in held.items() if frame is not None}
    tally = Tally()
    for frame in left.values():
        tally.add(frame)
    assert {frame.id: frame for frame in draft.frames()} == left
    assert draft.stats() == tally.stats()
    assert changes.before == before.commit
    assert changes.after == draft.commit
    assert changes.frame_ids is not None
    assert len(changes.frame_ids) == changes.added + changes.updated + changes.removed
    assert changes.inverse is not None
    undone = draft.apply(*changes.inverse)
    assert draft.state().oid("frames") == before.oid("frames")
    assert draft.state().oid("stats") == before.oid("stats")
    assert undone.inverse is not None
    draft.apply(*undone.inverse)
    assert {frame.id: frame for frame in draft.frames()} == left


@settings(max_examples=15)
@given(st.lists(st.lists(strategies.frames(ids=st.sampled_from("abcdef")), max_size=6), max_size=3))
def test_statistics_are_those_of_the_frames(scratch: Dataset, batches: list[list[Frame]]) -> None:
    """Row 33: kept up by addition they equal a recount, content types and repeated ids in a batch included."""
    draft = fresh(scratch)
    last: dict[str, Frame] = {}
    for batch in batches:
        draft.add_frames(batch)
        last |= {frame.id: frame for frame in batch}
        tally = Tally()
        for frame in draft.frames():
            tally.add(frame)
        assert draft.stats() == tally.stats()
        assert len(draft) == len(last)
    assert set(draft.frame_ids()) == set(last)


def test_statistics_say_what_is_there(draft: DatasetVersion, frame: MakeFrame) -> None:
    """Counts of frames, annotated frames, annotations, labels and content types."""
    draft.add_frames([frame("v", sources=(Source(uri="v", content_type="video/mp4"),))])
    stats = draft.stats()

    assert (stats.frames, stats.annotated, stats.annotations) == (4, 2, 3)
    assert {name: (count.annotations, count.frames) for name, count in stats.labels.items()} == {
        "cat": (2, 2),
        "dog": (1, 1),
    }
    assert stats.content_types == {"image/jpeg": 3, "video/mp4": 1}


def test_adding_says_what_it_did(draft: DatasetVersion, frame: MakeFrame) -> None:
    """Row 50: an existing id is overwritten, an equal frame left; the last of equal ids in a batch counts."""
    changes = draft.add_frames([frame("a"), frame("b", "dog"), frame("z", "cat"), frame("z")])

    assert (changes.added, changes.updated, changes.unchanged, changes.removed) == (1, 1, 1, 0)
    assert set(changes.frame_ids or ()) == {"b", "z"}
    assert changes.inverse is None
    assert draft.frame("z") == frame("z")
    assert next(draft.log()).message == "Add 4 frames"


def test_adding_the_same_again_makes_no_commit(draft: DatasetVersion) -> None:
    """Nor does removing what is not there, an edit that changes nothing, or no edit at all."""
    before = draft.commit
    frames = list(draft.frames())

    assert not draft.add_frames(frames)
    assert draft.add_frames(frames).unchanged == 3
    assert not draft.delete_frames(["absent"])
    assert not draft.apply(*(PutFrame(frame=f) for f in frames), RemoveFrame(frame_id="absent"))
    assert not draft.apply()
    assert not draft.add_frames([])
    assert draft.commit == before


def test_frames_stream_in_from_a_generator(draft: DatasetVersion, frame: MakeFrame) -> None:
    """A thousand frames in one commit, told as they go."""
    said: list[tuple[str, int, int | None]] = []
    before = draft.commit

    def generate() -> Iterator[SingleFrame]:
        for number in range(2500):
            yield frame(f"n{number}")

    changes = draft.add_frames(generate(), message="Many", progress=lambda *what: said.append(what))

    assert (changes.added, changes.frame_ids) == (2500, None)
    assert next(draft.log()).parents == (before,)
    assert next(draft.log()).message == "Many"
    assert ("Reading frames", 1000, None) in said
    assert ("Reading frames", 2500, 2500) in said
    assert any(what == "Writing frames" for what, _, _ in said)
    assert len(set(draft.frame_ids())) == 2503


def litter(repository: Repository) -> list[Path]:
    return [path for path in repository._core.layout.tmp.rglob("*") if path.is_file()]


@pytest.mark.parametrize("stage", ["Reading frames", "Writing frames"])
def test_cancelling_leaves_everything_as_it_was(
    repository: Repository, draft: DatasetVersion, frame: MakeFrame, stage: str
) -> None:
    """CancelledError from the callback comes through; no ref moved, no temporary file is left."""
    before = repository._core.refs.list("refs/")

    def stop(what: str, done: int, total: int | None) -> None:
        if what == stage:
            raise CancelledError("Enough.")

    with pytest.raises(CancelledError, match="Enough"):
        draft.add_frames((frame(f"n{n}") for n in range(1500)), progress=stop)

    assert repository._core.refs.list("refs/") == before
    assert litter(repository) == []
    assert len(draft) == 3
    draft.add_frames([frame("z")])
    assert repository.fsck() == []


def test_a_bad_frame_in_a_batch_changes_nothing(
    repository: Repository, draft: DatasetVersion, frame: MakeFrame
) -> None:
    """The frames before it are not saved; the error of the generator comes through as it is."""
    before = draft.commit
    with pytest.raises(InvalidValueError, match="frame 'bad'"):
        draft.add_frames([frame("z"), frame("bad", metadata={"a": {1}})])
    with pytest.raises(InvalidValueError, match="frame id"):
        draft.delete_frames(["a", ""])
    with pytest.raises(ZeroDivisionError):
        draft.add_frames(frame(str(1 // n)) for n in (1, 0))

    assert draft.commit == before
    assert litter(repository) == []


def test_bulk_changes_are_saved_together(draft: DatasetVersion, frame: MakeFrame) -> None:
    """Row 58: one commit at the end, the last change of a frame counts."""
    before = draft.commit
    with draft.bulk() as bulk:
        bulk.add_frame(frame("z"))
        bulk.add_frame(frame("y"))
        bulk.update_frame(frame("a", "dog"))
        bulk.delete_frame("b")
        bulk.delete_frame("y")
        bulk.delete_frame("absent")
        assert draft.commit == before

    (changes,) = bulk.saves
    assert (changes.added, changes.updated, changes.removed) == (1, 1, 1)
    assert next(draft.log()).parents == (before,)
    assert set(draft.frame_ids()) == {"a", "c", "z"}
    with pytest.raises(InvalidInputError, match="has ended"):
        bulk.add_frame(frame("late"))
    with pytest.raises(InvalidInputError, match="has ended"):
        bulk.delete_frame("a")


def test_bulk_changes_are_flushed_at_a_threshold(draft: DatasetVersion, frame: MakeFrame) -> None:
    """Every so many changes and at the end; what an exception finds unflushed is dropped."""
    with draft.bulk(flush_threshold=2) as bulk:
        for number in range(5):
            bulk.add_frame(frame(f"n{number}"))
        assert len(bulk.saves) == 2
        assert bulk.flush() is not None
        assert bulk.flush() is None
    assert [changes.added for changes in bulk.saves] == [2, 2, 1]

    def fail() -> None:
        with draft.bulk(flush_threshold=2) as bulk:
            for number in range(3):
                bulk.add_frame(frame(f"m{number}"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert {"m0", "m1"} <= set(draft.frame_ids())
    assert "m2" not in draft
    with pytest.raises(InvalidValueError, match="at least 1"):
        draft.bulk(flush_threshold=0)


def test_an_edit_on_frames_that_moved_is_a_conflict(draft: DatasetVersion, frame: MakeFrame) -> None:
    """With the base it was read at, an edit of a frame that somebody changed carries all three values."""
    base = draft.commit
    before = draft.frame("a")
    theirs = frame("a", "dog")
    draft.apply(PutFrame(frame=theirs))
    tip = draft.commit
    edit = SetFrameMetadata(frame_id="a", set={"x": 1})

    with pytest.raises(
        EditConflictError, match="Somebody else changed frame 'a' since it was read"
    ) as caught:
        draft.apply(edit, base=base)
    error = caught.value
    assert (error.frame_id, error.base, error.ours, error.theirs) == ("a", before, edit, theirs)
    assert draft.commit == tip
    draft.apply(RemoveFrame(frame_id="c"))
    with pytest.raises(EditConflictError) as caught:
        draft.apply(SetFrameMetadata(frame_id="c", set={"x": 1}), base=base)
    assert caught.value.theirs is None


def test_edits_of_other_frames_are_made_on_the_new_tip(draft: DatasetVersion, frame: MakeFrame) -> None:
    """Two writers who touch different frames do not hinder each other."""
    base = draft.commit
    draft.apply(PutFrame(frame=frame("a", "dog")))
    draft.apply(SetFrameMetadata(frame_id="b", set={"x": 1}), base=base)
    draft.apply(PutFrame(frame=frame("new")), base=base)

    assert draft.frame("a").labels == {"dog"}
    assert draft.frame("b").metadata == {"x": 1}
    assert "new" in draft


def test_schema_and_metadata_that_moved_are_conflicts_too(draft: DatasetVersion) -> None:
    """Each is compared with what it was at the base."""
    base = draft.commit
    draft.set_schema(Schema(labels=(Label(name="a"),)))
    draft.apply(SetVersionMetadata(metadata={"x": 1}), base=base)
    with pytest.raises(EditConflictError, match="changed the schema"):
        draft.apply(SetSchema(schema=Schema()), base=base)
    with pytest.raises(EditConflictError, match="changed the metadata of the version"):
        draft.apply(SetVersionMetadata(metadata={"y": 1}), base=base)


def test_several_edits_of_one_frame_see_each_other(draft: DatasetVersion) -> None:
    """An annotation put without an id can be named by the id it gets, in the same save."""
    frame = SingleFrame(id="n", annotations=(Annotation(labels=("cat",)),))
    draft.apply(PutFrame(frame=frame))
    (named,) = draft.frame("n").annotations
    draft.apply(
        PutFrame(frame=replace(frame, id="m")),
        ReplaceAnnotation(frame_id="m", annotation=replace(named, labels=("dog",))),
        AddAnnotation(frame_id="m", annotation=Annotation(id="x")),
        RemoveAnnotation(frame_id="m", annotation_id="x"),
    )

    assert draft.frame("m").labels == {"dog"}


def test_a_refused_edit_saves_none_of_its_save(draft: DatasetVersion, frame: MakeFrame) -> None:
    """All edits of one call or none."""
    before = draft.commit
    good = PutFrame(frame=frame("z"))
    for bad, error in (
        (RemoveAnnotation(frame_id="a", annotation_id="x"), NotFoundError),
        (AddAnnotation(frame_id="absent", annotation=Annotation(id="x")), NotFoundError),
        (AddAnnotation(frame_id="a", annotation=Annotation(id="x", sources=("zz",))), InvalidValueError),
        (SetFrameMetadata(frame_id="a", set={"a": {1}}), InvalidValueError),
        (SetFrameMetadata(frame_id="", set={}), InvalidValueError),
        (SetSchema(schema=Schema(labels=(Label(name="a"), Label(name="a")))), InvalidValueError),
        ("no edit", InvalidValueError),
    ):
        with pytest.raises(error):
            draft.apply(good, bad)  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match="zero byte"):
        draft.apply(good, message="a\0b")
    assert draft.commit == before


def test_messages_tell_what_was_edited(draft: DatasetVersion, frame: MakeFrame) -> None:
    """One frame is named, several are counted, words of the caller win."""
    draft.apply(PutFrame(frame=frame("photos/犬.jpg")))
    draft.apply(PutFrame(frame=frame("x")), PutFrame(frame=frame("y")))
    draft.set_schema(Schema(labels=(Label(name="a"),)))
    draft.set_metadata({"a": 1})
    draft.delete_frames(["x"])
    draft.apply(RemoveFrame(frame_id="y"), message="Clean up")

    assert [commit.message for commit in draft.log()][:6] == [
        "Clean up",
        "Delete 1 frame",
        "Edit the version",
        "Edit the schema",
        "Edit 2 frames",
        "Edit frame photos/犬.jpg",
    ]


def test_reading_one_frame(draft: DatasetVersion) -> None:
    """Found, absent, or no name at all."""
    state = draft.state()

    assert draft.frame("b").labels == {"cat"}
    assert state.find("absent") is None
    assert "b" in draft
    for odd in ("absent", "\ud800", "", 7, None):
        assert odd not in draft
    with pytest.raises(NotFoundError, match="There is no frame 'absent' in this version"):
        draft.frame("absent")
    assert draft
    assert [frame.id for frame in draft.query("rois.label:dog")] == ["c"]
    with pytest.raises(hdstore.QuerySyntaxError):
        draft.query("rois.label:(")


def test_a_state_does_not_move(draft: DatasetVersion) -> None:
    """What was read at one moment stays, while the handle sees what came after."""
    state = draft.state()
    frames = draft.frames()
    first = next(frames)
    draft.delete_frames(["a", "b", "c"])

    assert {first.id, *(frame.id for frame in frames)} == {"a", "b", "c"}
    assert len(state) == 3
    assert len(draft) == 0


def test_many_threads_read_and_write_one_repository(
    repository: Repository, draft: DatasetVersion, frame: MakeFrame
) -> None:
    """Writers of one draft follow each other, readers always see a whole state."""
    stop = threading.Event()

    def write(number: int) -> None:
        for step in range(4):
            draft.apply(PutFrame(frame=frame(f"{number}-{step}", "cat")))

    def read(_: int) -> int:
        count = 0
        while not stop.is_set():
            state = draft.state()
            assert len(list(state.frames())) == len(state)
            assert repository.datasets()[0].name == "plates"
            count += 1
        return count

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(read, n) for n in range(3)]
        for writer in [pool.submit(write, n) for n in range(3)]:
            writer.result()
        stop.set()
        assert all(reader.result() for reader in readers)
    assert len(draft) == 3 + 12
    assert sum(1 for _ in draft.log()) == 2 + 12
    assert repository.fsck() == []
