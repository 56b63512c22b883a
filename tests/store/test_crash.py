"""Killed at any step, a repository opens, passes git's check and holds everything that was reported as done."""

from __future__ import annotations

import os
import random
import subprocess
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hdstore.store import files
from hdstore.store.collecting import gc_objects
from hdstore.store.config import Config
from hdstore.store.layout import Layout
from hdstore.store.objects import Objects
from hdstore.store.packing import pack_loose
from hdstore.store.reachability import walk
from hdstore.store.refs import Refs, RefUpdate
from hdstore.store.safety import check

HEAD, DRAFT, NEXT, TAG = "refs/heads/hdstore", "refs/heads/d/v", "refs/heads/d/w", "refs/tags/d/v"


class Work:
    """A day's work on a repository: each step returns the refs as they are when it has returned."""

    def __init__(self, hds: Path, save: Callable[..., str]) -> None:
        self.hds = hds
        self.objects = Objects(hds)
        self.refs = Refs(hds)
        self.save = save

    def steps(self) -> Iterator[dict[str, str]]:
        """Yields after each step."""
        for step in (
            self.begin,
            self.edit,
            self.bulk,
            self.snapshot,
            self.pack,
            self.remove,
            self.settle,
            self.collect,
        ):
            step()
            yield self.refs.list("refs/")

    def commit(self, text: str, *parents: str | None) -> str:
        with self.objects.loose() as writer:
            return self.save(writer, text, *(parent for parent in parents if parent))

    def begin(self) -> None:
        self.refs.transaction(
            [RefUpdate(HEAD, None, self.commit("catalog")), RefUpdate(DRAFT, None, self.commit("draft"))]
        )

    def edit(self) -> None:
        tip = self.refs.get(DRAFT)
        self.refs.update(RefUpdate(DRAFT, tip, self.commit("edited", tip)))

    def bulk(self) -> None:
        tip = self.refs.get(DRAFT)
        assert tip is not None
        with self.objects.pack() as writer:
            for number in range(20):
                writer.write("blob", b"%d" % number * 5000)
            new = self.save(writer, "bulk", tip)
        self.refs.update(RefUpdate(DRAFT, tip, new))

    def snapshot(self) -> None:
        catalog, tip = self.refs.get(HEAD), self.refs.get(DRAFT)
        with self.refs.lock(HEAD, DRAFT, TAG, NEXT):
            self.refs.transaction(
                [
                    RefUpdate(TAG, None, tip),
                    RefUpdate(NEXT, None, self.commit("child", tip)),
                    RefUpdate(HEAD, catalog, self.commit("published", catalog)),
                    RefUpdate(DRAFT, tip, None),
                ]
            )

    def pack(self) -> None:
        pack_loose(self.hds)

    def remove(self) -> None:
        self.refs.update(RefUpdate(NEXT, self.refs.get(NEXT), None))

    def settle(self) -> None:
        Config(self.hds).change({"remote.origin.url": "/somewhere"})

    def collect(self) -> None:
        gc_objects(self.hds, grace=0, use_git=False)


def examine(hds: Path, save: Callable[..., str], allowed: list[dict[str, str]]) -> None:
    """Opens what a killed process left, compares its refs and works on with all of them."""
    check(Layout(hds.parent))
    objects, refs = Objects(hds), Refs(hds, patience=0)
    refs.recover()
    found = refs.list("refs/")
    assert found in allowed
    # Whatever a ref needs is there and whole.
    assert all(objects.read_any(oid) for oid in walk(objects, found.values(), skip=lambda _: False))
    for name in (HEAD, DRAFT, NEXT, TAG):
        with objects.loose() as writer:
            commit = save(writer, "afterwards", *filter(None, [found.get(name)]))
        refs.update(RefUpdate(name, found.get(name), commit))


def test_a_killed_process_loses_nothing_that_it_reported(
    layout: Layout, tmp_path: Path, save: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each possible death the refs stand before or after the step that was under way, and all works on."""
    # A process that dies takes nothing from the system's memory: not waiting for the disk changes nothing here.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    subprocess.run(["cp", "-a", layout.folder, tmp_path / "rehearsal"], check=True)
    states = [{}, *Work(tmp_path / "rehearsal" / ".hds", save).steps()]
    deaths = done = 0

    def die(what: str, path: Path) -> None:
        """Copies what a process leaves that is killed now (links between files too), and examines the copy."""
        nonlocal deaths
        deaths += 1
        left = tmp_path / str(deaths)
        subprocess.run(["cp", "-a", layout.folder, left], check=True)
        with monkeypatch.context() as patch:
            patch.setattr(files, "on_step", None)
            examine(left / ".hds", save, states[done : done + 2])
            if deaths % 16 == 0:
                command = ["git", "-C", str(left / ".hds"), "fsck", "--strict", "--full", "--no-dangling"]
                assert subprocess.run(command, check=True, capture_output=True).stdout == b""

    monkeypatch.setattr(files, "on_step", die)
    for state in Work(layout.hds, save).steps():
        done += 1
        assert state == states[done]
    assert deaths > 150


def test_nothing_is_named_before_it_is_on_the_disk(
    layout: Layout, save: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a ref moves the names of objects and journals are flushed, and before a step returns all names are."""
    unsettled: set[Path] = set()

    def follow(what: str, path: Path) -> None:
        if what == "rename":
            assert not written, f"{path} gets its name while {written} are not on the disk"
            unsettled.add(path.parent)
        elif what == "write" and path.parent == layout.tmp and not path.name.startswith("gitlock"):
            written.add(path)
        elif what == "fsync":
            written.discard(path)
            unsettled.discard(path)
        elif what == "ref":
            assert not {folder for folder in unsettled if layout.hds / "refs" not in folder.parents}

    written: set[Path] = set()
    monkeypatch.setattr(files, "on_step", follow)
    for _ in Work(layout.hds, save).steps():
        assert not unsettled
        assert not written


def test_processes_that_die_at_each_others_side_lose_nothing(
    layout: Layout, save: Callable[..., str], git: Callable[..., str], fsck: Callable[[], None]
) -> None:
    """Savers and a collector work at once and are killed again and again: every save that returned is there."""
    with Objects(layout.hds).loose() as writer:
        root = save(writer, "root")
    Refs(layout.hds).transaction([RefUpdate(DRAFT, None, root), RefUpdate(NEXT, None, root)])
    reading, writing = os.pipe()

    def save_on() -> None:
        objects, refs = Objects(layout.hds), Refs(layout.hds)
        for number in range(1000):
            with refs.lock(DRAFT, NEXT):
                tip, other = refs.get(DRAFT), refs.get(NEXT)
                with objects.loose() if number % 2 else objects.pack() as writer:
                    new = save(writer, f"{os.getpid()} {number}", tip)
                refs.transaction([RefUpdate(DRAFT, tip, new), RefUpdate(NEXT, other, new)])
            os.write(writing, f"{new}\n".encode())

    def collect() -> None:
        for number in range(1000):
            gc_objects(layout.hds, grace=3600, use_git=number % 4 == 3)
            pack_loose(layout.hds)

    def start(work: Callable[[], None], lifetime: int) -> int:
        pid = os.fork()
        if pid:
            return pid
        try:
            left = iter(range(lifetime))
            files.on_step = lambda what, path: os._exit(42) if next(left, None) is None else None
            work()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)

    chance = random.Random(1)
    running = {start(work, chance.randrange(100, 400)): work for work in (save_on, save_on, collect)}
    for _ in range(25):
        pid, status = os.wait()
        assert os.waitstatus_to_exitcode(status) == 42
        work = running.pop(pid)
        running[start(work, chance.randrange(20, 300))] = work
    for pid in running:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 42
    os.close(writing)
    with os.fdopen(reading) as stream:
        reported = stream.read().split()
    refs = Refs(layout.hds)
    refs.recover()
    assert refs.get(DRAFT) == refs.get(NEXT)
    assert len(reported) > 50
    assert set(reported) <= set(git("rev-list", DRAFT).split())
    fsck()
