"""Locks: one holder at a time, whoever it is, and none that outlives its holder."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from hdstore.errors import LockTimeoutError, StorageError
from hdstore.store.locks import Lock, backoff


def test_a_held_lock_is_refused_with_a_sentence(tmp_path: Path) -> None:
    """Who can not get the lock in time is told what it waited for and which file it is."""
    path = tmp_path / "locks" / "x.lock"
    with (
        Lock(path),
        pytest.raises(LockTimeoutError, match=r"Waited 0 seconds to change the catalog.*x\.lock"),
    ):
        Lock(path, timeout=0, what="the catalog").acquire()
    with Lock(path, timeout=0):
        pass


def test_threads_take_turns(tmp_path: Path) -> None:
    """Increments of several threads under one lock are all counted."""
    path = tmp_path / "x.lock"
    counter = tmp_path / "counter"
    counter.write_text("0")

    def work() -> None:
        for _ in range(25):
            with Lock(path):
                counter.write_text(str(int(counter.read_text()) + 1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.read_text() == "100"


def test_shared_holders_exclude_only_who_wants_it_alone(tmp_path: Path) -> None:
    """Two may share a lock; alone it is had after both have gone."""
    path = tmp_path / "x.lock"
    alone = Lock(path, timeout=0)
    with Lock(path, shared=True, timeout=0):
        with Lock(path, shared=True, timeout=0):
            assert not alone.try_acquire()
        assert not alone.try_acquire()
    assert alone.try_acquire()
    assert not Lock(path, shared=True).try_acquire()
    alone.release()
    alone.release()
    assert Lock(path, shared=True).try_acquire()


def test_a_dead_holder_holds_nothing(tmp_path: Path, in_child: Callable[[Callable[[], None]], int]) -> None:
    """A lock whose holder was killed is free."""
    path = tmp_path / "x.lock"

    def die_holding() -> None:
        Lock(path).acquire()
        os._exit(7)

    assert in_child(die_holding) == 7
    assert Lock(path, timeout=0).try_acquire()


def test_a_forked_child_does_not_keep_a_lock_that_was_given_back(
    tmp_path: Path, in_child: Callable[[Callable[[], None]], int]
) -> None:
    """Giving a lock back frees it although a child inherited the open file."""
    lock = Lock(tmp_path / "x.lock")
    lock.acquire()

    def take_again() -> None:
        lock.release()
        assert Lock(tmp_path / "x.lock", timeout=0).try_acquire()

    assert in_child(take_again) == 0


def test_a_lock_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """A symbolic link in place of the lock file is not followed."""
    (tmp_path / "x.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="symbolic link"):
        Lock(tmp_path / "x.lock").acquire()
    assert not (tmp_path / "elsewhere").exists()


def test_waiting_has_an_end() -> None:
    """Backing off yields at once, and stops when the time is over."""
    assert len(list(backoff(0))) == 1
    assert 2 <= len(list(backoff(0.01))) <= 10
