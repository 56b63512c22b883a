"""Several refs move together or not at all, whoever dies when."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hdstore.codec.streams import encode_record
from hdstore.errors import ConflictError, DamagedError, InvalidValueError, LockTimeoutError, StorageError
from hdstore.store import files
from hdstore.store.layout import Layout
from hdstore.store.objects import Objects
from hdstore.store.refs import Refs, RefUpdate

A, B, C = "refs/heads/d/a", "refs/tags/d/a", "refs/heads/hdstore"


@pytest.fixture
def refs(layout: Layout) -> Refs:
    """Returns the refs of the repository, which wait for nobody."""
    return Refs(layout.hds, patience=0)


@pytest.fixture
def commits(objects: Objects, save: Callable[..., str]) -> list[str]:
    """Returns four commits."""
    with objects.loose() as writer:
        return [save(writer, str(number)) for number in range(4)]


@pytest.fixture
def die_at_ref(
    layout: Layout, in_child: Callable[[Callable[[], None]], int]
) -> Callable[[int, list[RefUpdate]], None]:
    """Returns a function that lets a process be killed before the n-th ref of a transaction moves."""

    def run(number: int, updates: list[RefUpdate]) -> None:
        def die() -> None:
            left = iter(range(number))

            def step(what: str, path: Path) -> None:
                if what == "ref" and next(left, None) is None:
                    os._exit(42)

            files.on_step = step
            Refs(layout.hds).transaction(updates)

        assert in_child(die) == 42

    return run


def snapshot(commits: list[str]) -> list[RefUpdate]:
    """Returns the moves of a snapshot: the catalog goes on, the draft becomes a tag."""
    return [
        RefUpdate(C, commits[0], commits[1]),
        RefUpdate(B, None, commits[2]),
        RefUpdate(A, commits[2], None),
    ]


def attempt(refs: Refs, commits: list[str]) -> str:
    """Moves the refs of a snapshot and returns what went wrong."""
    try:
        refs.transaction(snapshot(commits))
    except StorageError as error:
        return str(error)
    return ""


def begin(refs: Refs, commits: list[str]) -> None:
    refs.update(RefUpdate(C, None, commits[0]))
    refs.update(RefUpdate(A, None, commits[2]))


def test_all_move(refs: Refs, layout: Layout, commits: list[str], git: Callable[..., str]) -> None:
    """Refs are made, moved and removed in one go; the journal is gone afterwards."""
    begin(refs, commits)
    git("pack-refs", "--all", "--prune")
    refs.transaction(snapshot(commits))
    assert refs.list("refs/") == {B: commits[2], C: commits[1]}
    assert [*layout.journal.iterdir(), *layout.tmp.iterdir()] == []
    refs.transaction([])


def test_none_moves_when_one_is_elsewhere(refs: Refs, layout: Layout, commits: list[str]) -> None:
    """The last ref of three is not where expected: nothing happens."""
    begin(refs, commits)
    before = refs.list("refs/")
    with pytest.raises(ConflictError):
        refs.transaction([*snapshot(commits)[:2], RefUpdate(A, commits[3], None)])
    with pytest.raises(InvalidValueError, match="only once"):
        refs.transaction([RefUpdate(A, commits[2], None), RefUpdate(A, None, commits[2])])
    assert refs.list("refs/") == before
    assert [*layout.journal.iterdir(), *layout.tmp.iterdir()] == []


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("how", ["recover", "lock", "update"])
def test_what_a_dead_process_began_is_finished(
    refs: Refs, layout: Layout, commits: list[str], die_at_ref: Callable[..., None], number: int, how: str
) -> None:
    """Opening finishes it, and so does whoever locks or moves one of its refs."""
    begin(refs, commits)
    die_at_ref(number, snapshot(commits))
    assert len(list(layout.journal.iterdir())) == 1
    expected = {B: commits[2], C: commits[1]}
    if how == "recover":
        refs.recover()
    elif how == "lock":
        with refs.lock(B):
            assert refs.get(C) == commits[1]
    else:
        refs.update(RefUpdate(C, commits[1], commits[3]))
        expected[C] = commits[3]
    assert refs.list("refs/") == expected
    assert [*layout.journal.iterdir(), *layout.tmp.iterdir()] == []


def test_a_ref_that_moved_on_is_left_and_the_target_kept(
    refs: Refs,
    layout: Layout,
    commits: list[str],
    git: Callable[..., str],
    die_at_ref: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What a foreign program moved between death and recovery stays; the commit that lost stays reachable."""
    begin(refs, commits)
    die_at_ref(0, snapshot(commits))
    for name in (C, A):
        (layout.hds / (name + ".lock")).unlink()
        git("update-ref", name, commits[3])
    with caplog.at_level(logging.WARNING):
        refs.recover()
    assert f"would move {C} from {commits[0]} to {commits[1]}" in caplog.text
    found = refs.list("refs/")
    assert {name: oid for name, oid in found.items() if "recovered" not in name} == {
        A: commits[3],
        B: commits[2],
        C: commits[3],
    }
    assert list(refs.list("refs/hdstore/recovered/").values()) == [commits[1]]
    assert list(layout.journal.iterdir()) == []


def test_a_ref_that_git_took_further_needs_no_saving(
    refs: Refs,
    layout: Layout,
    objects: Objects,
    commits: list[str],
    save: Callable[..., str],
    git: Callable[..., str],
    die_at_ref: Callable[..., None],
) -> None:
    """When the ref moved and a foreign program put a commit on top, the rest is finished and nothing is kept apart."""
    begin(refs, commits)
    die_at_ref(1, snapshot(commits))
    with objects.loose() as writer:
        further = save(writer, "further", commits[1])
    git("update-ref", C, further, commits[1])
    refs.recover()
    assert refs.list("refs/") == {B: commits[2], C: further}


def test_a_journal_that_is_not_whole_is_dropped(
    refs: Refs, layout: Layout, commits: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A torn journal, and one with nonsense in it, were never begun: they go, and no ref moves."""
    begin(refs, commits)
    whole = encode_record([1, [[C, commits[0], commits[1]]]])
    bad = [
        b"",
        whole[:-1],
        encode_record([2, []]),
        encode_record([1, [["refs/../../x", None, commits[0]]]]),
        encode_record([1, [[C, None, "x"]]]),
        encode_record([1, [[C, None]]]),
        encode_record({}),
    ]
    for number, data in enumerate(bad):
        (layout.journal / str(number)).write_bytes(data)
    before = refs.list("refs/")
    with caplog.at_level(logging.WARNING):
        refs.update(RefUpdate(C, commits[0], commits[0]))
    assert refs.list("refs/") == before
    assert caplog.text.count("was never begun") == len(bad)
    assert list(layout.journal.iterdir()) == []


def test_a_journal_that_names_a_missing_object_moves_nothing(
    refs: Refs, layout: Layout, commits: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A ref is not moved to what is not there."""
    begin(refs, commits)
    (layout.journal / "x").write_bytes(encode_record([1, [[C, commits[0], "1" * 40]]]))
    with caplog.at_level(logging.WARNING):
        refs.recover()
    assert refs.get(C) == commits[0]
    assert "missing object" in caplog.text


def test_the_journal_of_a_living_process_is_left_alone(
    refs: Refs, layout: Layout, commits: list[str]
) -> None:
    """A journal that is locked is not finished by others; its refs are waited for, others can move."""
    begin(refs, commits)
    path = layout.journal / "x"
    path.write_bytes(encode_record([1, [[C, commits[0], commits[1]]]]))
    with path.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        refs.recover()
        assert refs.get(C) == commits[0]
        with pytest.raises(LockTimeoutError, match="unfinished change"), refs.lock(C, timeout=0):
            pass
        refs.update(RefUpdate(A, commits[2], commits[3]))
    refs.recover()
    assert refs.get(C) == commits[1]


def test_a_failing_disk_does_all_or_nothing(
    refs: Refs, layout: Layout, commits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever the disk begins to fail, the refs move all or not at all, if need be once it works again."""
    before = {A: commits[2], C: commits[0]}
    failed = 0
    while True:
        for name, oid in refs.list("refs/").items():
            refs.update(RefUpdate(name, oid, None))
        begin(refs, commits)
        left = iter(range(failed))

        def fail(what: str, path: Path, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(files, "on_step", fail)
            said = attempt(refs, commits)
        if not said:
            break
        assert "the disk reported an error" in said
        Refs(layout.hds).recover()
        assert refs.list("refs/") in (before, {B: commits[2], C: commits[1]})
        assert list(layout.journal.iterdir()) == []
        failed += 1
    assert failed > 20


def test_a_link_in_place_of_a_journal_is_refused(refs: Refs, layout: Layout, commits: list[str]) -> None:
    """A symbolic link among the journals is not followed."""
    (layout.journal / "x").symlink_to(layout.hds / "config")
    with pytest.raises((StorageError, DamagedError), match="symbolic link"):
        refs.recover()
