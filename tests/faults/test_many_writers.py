"""Many who write at once lose nothing of each other's work, whether they are processes or threads."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import hdstore
from hdstore import Annotation, Author, Repository, SetFrameMetadata

ADA = Author("Ada Lovelace", "ada@example.org")
WRITERS = 8
SAVES = 25


def at_once(work: Callable[[int], None], numbers: Iterable[int]) -> None:
    """Does the work for each number in a process of its own and waits for all."""
    start, go = os.pipe()
    children = []
    for number in numbers:
        child = os.fork()
        if child == 0:
            try:
                os.close(go)
                os.read(start, 1)  # ends when the parent has made them all
                work(number)
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        children.append(child)
    os.close(start)
    os.close(go)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * len(children), "see the captured output"


def edit_many(repository: Repository, writer: int) -> None:
    draft = repository.version("plates/Current")
    for save in range(SAVES):
        changes = draft.apply(
            SetFrameMetadata(frame_id=f"f{writer}", set={f"save{save}": save}),
            hdstore.AddAnnotation(
                frame_id="f80", annotation=Annotation(id=f"{writer}.{save}", labels=("x",))
            ),
        )
        assert changes.updated == 2


def is_complete(folder: Path, commits_before: int, git_fsck: Callable[[Path], str]) -> None:
    with hdstore.open(folder, author=ADA) as repository:
        draft = repository.version("plates/Current")
        for writer in range(WRITERS):
            saved = draft.frame(f"f{writer}").metadata
            assert {saved[f"save{save}"] for save in range(SAVES)} == set(range(SAVES))
        shared = {annotation.id for annotation in draft.frame("f80").annotations}
        assert shared >= {f"{writer}.{save}" for writer in range(WRITERS) for save in range(SAVES)}
        assert len(list(draft.log())) == commits_before + WRITERS * SAVES
        assert draft.stats().labels["x"].annotations == WRITERS * SAVES
        assert repository.fsck() == []
        assert git_fsck(folder) == ""


def test_processes_that_edit_one_draft_lose_nothing(folder: Path, git_fsck: Callable[[Path], str]) -> None:
    """Eight processes save 25 times each to frames of their own and to one they share: all is there."""
    with hdstore.open(folder, author=ADA) as repository:
        before = len(list(repository.version("plates/Current").log()))

    def work(writer: int) -> None:
        edit_many(hdstore.open(folder, author=ADA), writer)

    at_once(work, range(WRITERS))
    is_complete(folder, before, git_fsck)


def test_threads_that_share_a_handle_lose_nothing(
    repository: Repository, git_fsck: Callable[[Path], str]
) -> None:
    """Eight threads of one process, through one open repository: all is there."""
    before = len(list(repository.version("plates/Current").log()))
    start = Barrier(WRITERS)

    def work(writer: int) -> None:
        start.wait()
        edit_many(repository, writer)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(work, range(WRITERS)))
    is_complete(repository.folder, before, git_fsck)


def test_snapshots_of_two_datasets_at_once_all_stand(folder: Path, git_fsck: Callable[[Path], str]) -> None:
    """Each snapshot moves the one catalog too; the chains of both datasets are whole and named."""
    with hdstore.open(folder, author=ADA) as repository:
        names = [
            dataset.name for dataset in (repository.dataset("plates"), repository.create_dataset("other"))
        ]

    def work(number: int) -> None:
        dataset = hdstore.open(folder, author=ADA).dataset(names[number])
        for count in range(SAVES):
            draft = dataset.current()
            draft.apply(hdstore.PutFrame(frame=hdstore.SingleFrame(id=f"in{count}")))
            draft.snapshot(name=f"snapshot {count}")

    at_once(work, range(2))
    with hdstore.open(folder, author=ADA) as repository:
        for name in names:
            dataset = repository.dataset(name)
            version = dataset.current()
            for count in reversed(range(SAVES)):
                (parent,) = version.parents
                before = dataset.version(parent)
                assert before.name == f"snapshot {count}"
                assert before.continued_by == version.id
                assert f"in{count}" in before
                version = before
        assert repository.fsck() == []
        assert git_fsck(folder) == ""


def test_two_who_change_one_frame_from_one_base_are_told(repository: Repository) -> None:
    """The later gets the conflict with all three sides and loses nothing: it saves on what is there now."""
    draft = repository.version("plates/Current")
    base = draft.commit
    read = draft.frame("f5")
    outcomes: list[hdstore.EditConflictError | hdstore.Changes] = []
    start = Barrier(2)

    def work(side: str) -> None:
        start.wait()
        edit = SetFrameMetadata(frame_id="f5", set={"side": side})
        other = SetFrameMetadata(frame_id="f6" if side == "left" else "f7", set={"side": side})
        try:
            outcomes.append(draft.apply(edit, other, base=base))
        except hdstore.EditConflictError as error:
            outcomes.append(error)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, ("left", "right")))
    (saved,) = (found for found in outcomes if isinstance(found, hdstore.Changes))
    (refused,) = (found for found in outcomes if isinstance(found, hdstore.EditConflictError))
    assert saved.after == draft.commit
    assert refused.frame_id == "f5"
    assert refused.base == read
    assert refused.theirs == draft.frame("f5")
    mine = refused.ours
    assert isinstance(mine, SetFrameMetadata)
    assert {mine.set["side"], draft.frame("f5").metadata["side"]} == {"left", "right"}
    untouched = "f6" if mine.set["side"] == "left" else "f7"
    assert "side" not in draft.frame(untouched).metadata
    draft.apply(mine, base=draft.commit)
    assert draft.frame("f5").metadata["side"] == mine.set["side"]


def test_a_collection_does_not_take_what_writers_are_writing(
    folder: Path, git_fsck: Callable[[Path], str]
) -> None:
    """Collections with the usual grace, and packing, run beside four writers: nothing is missing afterwards."""

    def work(number: int) -> None:
        with hdstore.open(folder, author=ADA) as repository:
            if number == 0:
                for _ in range(6):
                    repository.gc()
                return
            draft = repository.version("plates/Current")
            for save in range(SAVES):
                draft.apply(SetFrameMetadata(frame_id=f"f{number}", set={f"save{save}": save}))
                draft.apply(SetFrameMetadata(frame_id=f"f{number}", remove=(f"save{save - 1}",)))

    at_once(work, range(5))
    with hdstore.open(folder, author=ADA) as repository:
        draft = repository.version("plates/Current")
        for number in range(1, 5):
            assert draft.frame(f"f{number}").metadata[f"save{SAVES - 1}"] == SAVES - 1
        assert repository.fsck() == []
        assert git_fsck(folder) == ""


def test_readers_see_whole_versions_while_others_write(folder: Path) -> None:
    """Whoever reads meanwhile sees a state some save left: statistics and frames of one moment."""
    readers = 2

    def work(number: int) -> None:
        with hdstore.open(folder, author=ADA) as repository:
            draft = repository.version("plates/Current")
            if number < readers:
                for _ in range(60):
                    state = draft.state()
                    frames = list(state.frames())
                    assert len(frames) == state.stats.frames
                    new = [frame for frame in frames if frame.id.startswith("new")]
                    assert len(new) % 10 == 0
                return
            for save in range(SAVES):
                draft.add_frames([hdstore.SingleFrame(id=f"new{number}.{save}.{n}") for n in range(10)])
                if number == readers:
                    repository.gc()

    at_once(work, range(readers + 2))
