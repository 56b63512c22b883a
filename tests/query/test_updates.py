"""The last save of each frame against following each frame through history by itself."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from hdstore.codec import encode_frame
from hdstore.errors import CancelledError
from hdstore.model import SingleFrame
from hdstore.query import updates as module
from hdstore.query.ordering import OrderBy, order
from hdstore.query.properties import as_found
from hdstore.query.updates import Updates, last_updates
from hdstore.repository import DatasetVersion, Repository, init
from hdstore.store import decode_commit
from hdstore.version import VersionState, write_commit


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """Returns a repository in which every look at the clock is a second later."""
    with init(tmp_path) as made:
        ticks = itertools.count(1_760_000_000)
        made._core.clock = lambda: float(next(ticks))
        yield made


def frame(name: str, value: int) -> SingleFrame:
    return SingleFrame(id=name, metadata={"value": value})


def saved(draft: DatasetVersion, commit: str) -> dict[str, str]:
    """Returns the commit that gave each frame its value, by looking at each frame in each commit."""
    objects = draft._core.objects

    def follow(name: str, commit: str) -> str:
        held = encode_frame(VersionState(objects, commit).frame(name))
        for parent in decode_commit(objects.read(commit, "commit")).parents:
            before = VersionState(objects, parent).find(name)
            if before is not None and encode_frame(before) == held:
                return follow(name, parent)
        return commit

    return {name: follow(name, commit) for name in VersionState(objects, commit).frame_ids()}


def told(draft: DatasetVersion, commit: str) -> tuple[Updates, dict[str, str]]:
    """Returns what the index says of the same."""
    core = draft._core
    rows = draft.rows(state=VersionState(core.objects, commit))
    found = last_updates(core.objects, commit, rows)
    by_id = {
        segment.text("frame.id").texts[int(segment.text("frame.id").codes[row])]: found.commit(
            segment, row
        ).id
        for segment, held in as_found(rows).parts
        for row in held.tolist()
    }
    return found, by_id


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("few", [0, 1000])
def test_each_frame_is_traced_to_the_save_of_its_value(
    repository: Repository, seed: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Saves, removals, values that come back, snapshots and saves without frames: all as history says."""
    monkeypatch.setattr(module, "_FEW", few)
    rng = random.Random(seed)
    draft = repository.create_dataset("street").current()
    names = [f"f{number}" for number in range(60)]
    for step in range(12):
        if step == 6:
            _, draft = draft.snapshot(name="v1")
            draft.set_metadata({"a": 1})
        draft.add_frames(frame(name, rng.randrange(3)) for name in rng.sample(names, rng.choice([1, 5, 40])))
        if step % 4 == 3:
            draft.delete_frames(rng.sample(names, 5))

    found, by_id = told(draft, draft.commit)

    assert by_id == saved(draft, draft.commit)
    assert {commit.id for commit in found.commits} == {*by_id.values()}


def test_a_merge_has_saved_only_what_it_made(repository: Repository) -> None:
    """Frames that a side holds with the same value are that side's."""
    dataset = repository.create_dataset("street")
    draft = dataset.current()
    draft.add_frames(frame(name, 0) for name in "abcde")
    draft.snapshot(name="v1", child_name="other")
    other = dataset.version("other")
    draft = dataset.create_version("mine", parents=["v1"])
    draft.add_frames([frame("a", 1), frame("d", 1), frame("x", 1)])
    ours = draft.commit
    other.add_frames([frame("b", 2), frame("c", 2)])
    theirs = other.commit
    draft.add_frames([frame("b", 2), frame("c", 3), frame("d", 0), frame("y", 3)])
    core = draft._core
    with core.objects.pack() as writer:
        merge = write_commit(
            writer,
            tree=decode_commit(core.objects.read(draft.commit, "commit")).tree,
            parents=(ours, theirs),
            author=core.author,
            time=core.now(),
            message="Merge",
        )

    _, by_id = told(draft, merge)

    assert by_id == saved(draft, merge)
    assert (by_id["a"], by_id["b"], by_id["c"], by_id["y"]) == (ours, theirs, merge, merge)
    assert by_id["d"] == by_id["e"] not in (ours, theirs, merge)


def test_frames_are_ordered_by_their_last_update(repository: Repository) -> None:
    """The time of the last save is a key like any other."""
    draft = repository.create_dataset("street").current()
    draft.add_frames(frame(name, 0) for name in "abc")
    draft.add_frames([frame("b", 1)])
    draft.add_frames([frame("a", 1)])
    core = draft._core

    updated = last_updates(core.objects, draft.commit, draft.rows())

    found = order(draft.rows(), OrderBy("updated", descending=True, numbers=updated))
    assert found.page(0, 9).ids() == ["a", "b", "c"]
    page = found.page(0, 1)
    assert page.cursor is not None
    assert found.after(page.cursor, 9).ids() == ["b", "c"]
    assert [commit.message for commit in updated.commits] == ["Add 1 frame", "Add 1 frame", "Add 3 frames"]


def test_history_is_read_no_further_than_needed(repository: Repository) -> None:
    """Once every frame has its save, earlier commits are left alone; progress may stop the work."""
    draft = repository.create_dataset("street").current()
    for value in range(5):
        draft.add_frames([frame("a", value)])
    core = draft._core
    steps: list[tuple[str, int, int | None]] = []

    last_updates(core.objects, draft.commit, draft.rows(), progress=lambda *step: steps.append(step))

    assert steps == [("Reading history", 0, None)]

    def stop(what: str, done: int, total: int | None) -> None:
        raise CancelledError("stop")

    with pytest.raises(CancelledError):
        last_updates(core.objects, draft.commit, draft.rows(), progress=stop)


def test_no_frames_have_no_saves(repository: Repository) -> None:
    """An empty version has nothing to tell of; a row of another version neither."""
    draft = repository.create_dataset("street").current()
    assert last_updates(draft._core.objects, draft.commit, draft.rows()).commits == ()
    draft.add_frames([frame("a", 1)])
    before = draft.commit
    old = draft.rows()
    draft.add_frames([frame("a", 2), frame("b", 2)])
    updated = last_updates(draft._core.objects, before, old)
    now = as_found(draft.rows())

    for segment, rows in now.parts:
        assert all(time != time for time in updated(segment, rows).tolist())
        if segment in {part.segment for part in old.parts}:
            with pytest.raises(KeyError):
                updated.commit(segment, int(rows[0]))
