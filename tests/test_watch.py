"""Watching refs that another process moves."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hdstore.errors import NotFoundError
from hdstore.watch import Watcher, watch_refs

Calls = queue.Queue[frozenset[str]]
WAIT = 10.0
"""Seconds until a call that does not come is a failure; calls that come are not waited for."""


def git(hds: Path, *arguments: str, text: str = "") -> str:
    """Runs the real git on a repository, as a second process would."""
    done = subprocess.run(
        ["git", "-C", str(hds), *arguments], input=text, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(hds: Path, message: str) -> str:
    tree = git(hds, "mktree")
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    return git(hds, *identity, "commit-tree", tree, "-m", message)


@pytest.fixture
def hds(tmp_path: Path) -> Path:
    folder = tmp_path / ".hds"
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
    return folder


@pytest.fixture
def watched(hds: Path) -> Iterator[tuple[Path, Calls]]:
    """A watch that only events can wake: its poll is far away."""
    calls: Calls = queue.Queue()
    with watch_refs(hds, calls.put, poll=3600):
        yield hds, calls


def collect(calls: Calls, names: set[str]) -> list[frozenset[str]]:
    """Returns the calls that came until all these names were told."""
    seen: list[frozenset[str]] = []
    missing = set(names)
    while missing:
        seen.append(calls.get(timeout=WAIT))
        missing -= seen[-1]
    return seen


def test_a_ref_that_another_process_moves_is_told(watched: tuple[Path, Calls]) -> None:
    """Creating, moving and deleting a ref each make one call with its full name, also in new folders."""
    hds, calls = watched
    first, second = commit(hds, "one"), commit(hds, "two")

    for value in (["update-ref", "refs/heads/street/draft", first],
                  ["update-ref", "refs/heads/street/draft", second],
                  ["update-ref", "-d", "refs/heads/street/draft"]):  # fmt: skip
        git(hds, *value)
        assert calls.get(timeout=WAIT) == {"refs/heads/street/draft"}
    assert calls.empty()


def test_refs_that_move_together_are_one_call(hds: Path) -> None:
    """A transaction over several refs is told at once."""
    value = commit(hds, "one")
    names = {f"refs/tags/street/v{i}" for i in range(5)} | {"refs/heads/hdstore"}
    calls: Calls = queue.Queue()

    with watch_refs(hds, calls.put, debounce=0.5, poll=3600):
        git(hds, "update-ref", "--stdin", text="".join(f"create {name} {value}\n" for name in names))

        assert calls.get(timeout=WAIT) == names
    assert calls.empty()


def test_packing_refs_is_no_change(watched: tuple[Path, Calls]) -> None:
    """Refs that only move from their files into packed-refs are not told; a later move of one is."""
    hds, calls = watched
    first, second = commit(hds, "one"), commit(hds, "two")
    names = {"refs/heads/a/b", "refs/heads/a/c"}
    git(hds, "update-ref", "--stdin", text="".join(f"create {name} {first}\n" for name in names))
    collect(calls, names)

    git(hds, "pack-refs", "--all", "--prune")
    assert not (hds / "refs/heads/a").exists()
    git(hds, "update-ref", "refs/heads/a/b", second)

    assert calls.get(timeout=WAIT) == {"refs/heads/a/b"}
    git(hds, "update-ref", "-d", "refs/heads/a/c")
    assert calls.get(timeout=WAIT) == {"refs/heads/a/c"}
    assert calls.empty()


def test_locks_and_other_files_are_no_change(watched: tuple[Path, Calls]) -> None:
    """Lock files, rewritten equal values and files beside the refs make no call."""
    hds, calls = watched
    value = commit(hds, "one")
    git(hds, "update-ref", "refs/heads/a", value)
    assert calls.get(timeout=WAIT) == {"refs/heads/a"}

    (hds / "refs/heads/b.lock").write_text(value)
    (hds / "refs/heads/a").write_text(f"{value}\n")
    (hds / "config.new").write_text("")
    git(hds, "update-ref", "refs/heads/last", value)

    assert calls.get(timeout=WAIT) == {"refs/heads/last"}
    assert calls.empty()


def test_many_moves_of_one_process_are_all_told(watched: tuple[Path, Calls]) -> None:
    """However they fall into calls, no ref is missed, and the last value is what was compared."""
    hds, calls = watched
    values = [commit(hds, str(i)) for i in range(2)]
    names = [f"refs/heads/d{i % 7}/n{i}" for i in range(200)]
    lines = [f"update {name} {values[turn]}\n" for turn in (0, 1) for name in names]

    for at in range(0, len(lines), 40):
        git(hds, "update-ref", "--stdin", text="".join(lines[at : at + 40]))

    assert frozenset().union(*collect(calls, set(names))) == set(names)


def test_what_moved_before_the_watch_is_not_told(hds: Path) -> None:
    """The state at the beginning is the one to compare with."""
    value = commit(hds, "one")
    git(hds, "update-ref", "refs/heads/old", value)
    calls: Calls = queue.Queue()

    with watch_refs(hds, calls.put, poll=3600):
        git(hds, "update-ref", "refs/heads/new", value)

        assert calls.get(timeout=WAIT) == {"refs/heads/new"}


def test_lost_events_are_made_good_by_the_poll(hds: Path) -> None:
    """A folder of refs that is swapped for another sends no more events; its changes are told anyhow."""
    value = commit(hds, "one")
    calls: Calls = queue.Queue()
    with watch_refs(hds, calls.put, debounce=0, poll=0.05):
        (hds / "refs").rename(hds / "refs.old")
        (hds / "refs/heads").mkdir(parents=True)
        git(hds, "update-ref", "refs/heads/a", value)
        collect(calls, {"refs/heads/a"})
        git(hds, "update-ref", "-d", "refs/heads/a")

        collect(calls, {"refs/heads/a"})


def test_no_thread_is_left_after_stop(hds: Path) -> None:
    """Stopping joins every thread of the watch, and may be done twice."""
    before = set(threading.enumerate())
    watcher = watch_refs(hds, lambda names: None)
    assert set(threading.enumerate()) > before

    watcher.stop()
    watcher.stop()

    assert set(threading.enumerate()) == before


def test_stop_waits_for_a_call_that_is_under_way(hds: Path) -> None:
    """After it, the listener is not called any more and runs no more."""
    value = commit(hds, "one")
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def listen(names: frozenset[str]) -> None:
        begun.set()
        go_on.wait(WAIT)
        done.set()

    watcher = watch_refs(hds, listen)
    git(hds, "update-ref", "refs/heads/a", value)
    assert begun.wait(WAIT)
    timer = threading.Timer(0.05, go_on.set)
    timer.start()

    watcher.stop()

    assert done.is_set()
    timer.join()


def test_no_open_file_is_left_after_stop(hds: Path) -> None:
    """Many watches one after the other use up no handles of the system."""

    def handles() -> int:
        return len(os.listdir("/proc/self/fd"))

    watch_refs(hds, lambda names: None).stop()
    before = handles()
    for _ in range(5):
        watch_refs(hds, lambda names: None).stop()

    assert handles() <= before


def test_a_listener_may_stop_its_own_watch(hds: Path) -> None:
    """Stopping from within a call does not wait for itself."""
    value = commit(hds, "one")
    stopped = threading.Event()
    watchers: list[Watcher] = []

    def once(names: frozenset[str]) -> None:
        watchers[0].stop()
        stopped.set()

    watchers.append(watch_refs(hds, once))
    git(hds, "update-ref", "refs/heads/a", value)

    assert stopped.wait(WAIT)
    watchers[0].stop()


def test_a_failing_listener_does_not_end_the_watch(hds: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its fault is logged, and the next move is told."""
    value = commit(hds, "one")
    calls: Calls = queue.Queue()

    def fail(names: frozenset[str]) -> None:
        calls.put(names)
        raise ValueError("listener")

    with watch_refs(hds, fail, poll=3600):
        git(hds, "update-ref", "refs/heads/a", value)
        assert calls.get(timeout=WAIT) == {"refs/heads/a"}
        git(hds, "update-ref", "refs/heads/b", value)

        assert calls.get(timeout=WAIT) == {"refs/heads/b"}
    assert "A listener to moved refs failed" in caplog.text


def test_a_folder_without_refs_is_refused(tmp_path: Path) -> None:
    """Only a repository can be watched."""
    before = threading.active_count()

    with pytest.raises(NotFoundError, match="no repository"):
        watch_refs(tmp_path, lambda names: None)
    assert threading.active_count() == before


def test_links_in_the_refs_folder_are_not_followed(hds: Path, tmp_path: Path) -> None:
    """A repository of a stranger can not lead the watch in circles or out."""
    (tmp_path / "secret").write_text("secret")
    (hds / "refs/heads/loop").symlink_to(hds / "refs")
    (hds / "refs/heads/out").symlink_to(tmp_path / "secret")
    value = commit(hds, "one")
    calls: Calls = queue.Queue()

    with watch_refs(hds, calls.put, poll=3600):
        (tmp_path / "secret").write_text("changed")
        git(hds, "update-ref", "refs/heads/a", value)

        assert calls.get(timeout=WAIT) == {"refs/heads/a"}


def test_a_vanished_repository_loses_its_refs(hds: Path) -> None:
    """When the folder is taken away, all refs are told as gone and the watch goes on."""
    value = commit(hds, "one")
    git(hds, "update-ref", "refs/heads/a", value)
    calls: Calls = queue.Queue()

    with watch_refs(hds, calls.put, poll=0.05):
        hds.rename(hds.with_name("elsewhere"))

        collect(calls, {"refs/heads/a"})
