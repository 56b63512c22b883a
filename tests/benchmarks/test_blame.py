"""Blame as a ratio to a bare walk of libgit2 over the same commits that compares one path; by hand, see test_speed.py.

HDSTORE_BENCH_SAVES sets the number of saves (10,000).
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pygit2
import pytest
from frames import frame_id, make_frame, make_frames

import hdstore
from hdstore import DatasetVersion, Frame, PutFrame, Repository, replace
from hdstore.codec import encode_frame
from hdstore.ids import frame_key
from hdstore.store import (
    TREE_MODE,
    Entry,
    MemoryChanges,
    RefUpdate,
    decode_commit,
    decode_tree,
    encode_tree,
    update_trie,
)
from hdstore.version import write_commit

pytestmark = pytest.mark.benchmark

SAVES = int(os.environ.get("HDSTORE_BENCH_SAVES", "10000"))
FRAMES = 10_000
ASKED = 77
AUTHOR = hdstore.Author("Ada", "ada@example.org")


def timed(work: Callable[[], object]) -> float:
    """Returns the seconds of processor time that ``work`` takes: others on the machine slow down only one of two."""
    start = time.process_time()
    work()
    return time.process_time() - start


def report(what: str, value: float, unit: str, limit: str) -> None:
    print(f"{what:<58}{value:10.3f} {unit:<6} limit {limit}")


class Overlay:
    """Reads objects that are being written too."""

    def __init__(self, objects: Any, writer: Any) -> None:
        self._objects, self._writer = objects, writer
        self._new: dict[str, bytes] = {}

    def read(self, oid: str, kind: str | None = None) -> bytes:
        return self._new.get(oid) or self._objects.read(oid, kind)

    def write(self, kind: str, data: bytes) -> str:
        oid: str = self._writer.write(kind, data)
        self._new[oid] = data
        return oid


def edits(frames: int, seed: int = 1) -> Iterator[Frame]:
    """Yields a frame with one annotation changed, again and again."""
    rng = random.Random(seed)
    held: dict[int, Frame] = {}
    save = 0
    while True:
        save += 1
        number = rng.randrange(frames)
        frame = held.get(number) or make_frame(number)
        annotations = list(frame.annotations)
        if annotations:
            at = rng.randrange(len(annotations))
            annotations[at] = replace(annotations[at], metadata={"save": save})
        frame = replace(frame, annotations=tuple(annotations), metadata={**frame.metadata, "save": save})
        held[number] = frame
        yield frame


def write_saves(version: DatasetVersion, frames: int, saves: int) -> None:
    """Writes saves of one frame each as commits, 500 a pack."""
    core = version._core
    state = version.state()
    tip, tree = state.commit, state.trie.tree
    rest = [
        entry
        for entry in decode_tree(core.objects.read(decode_commit(core.objects.read(tip)).tree))
        if entry.name != "frames"
    ]
    changed = edits(frames)
    for begin in range(0, saves, 500):
        with core.objects.pack() as writer:
            overlay: Any = Overlay(core.objects, writer)
            for number in range(begin, min(begin + 500, saves)):
                frame = next(changed)
                changes = MemoryChanges.of({frame_key(frame.id): encode_frame(frame)})
                tree = update_trie(overlay, overlay, tree, changes, lambda *_: None)
                root = overlay.write("tree", encode_tree([*rest, Entry(TREE_MODE, "frames", tree)]))
                tip = write_commit(
                    overlay, tree=root, parents=(tip,), author=AUTHOR, time=2 * 10**9 + number, message="Save"
                )
    core.refs.transaction([RefUpdate(version._ref()[0], state.commit, tip)])


def path_of(version: DatasetVersion, name: str) -> str:
    """Returns where in the commit's tree the leaf of a frame stands."""
    objects, bits = version._core.objects, f"{int.from_bytes(frame_key(name), 'big'):0256b}"
    parts, oid = ["frames"], version.state().trie.tree
    while True:
        entries = {entry.name: entry for entry in decode_tree(objects.read(oid))}
        found = entries.get("root") or next(entries[bits[:n]] for n in range(1, 5) if bits[:n] in entries)
        parts.append(found.name)
        if found.mode != TREE_MODE:
            return "/".join(parts)
        bits, oid = bits[4:], found.oid


def bare_walk(version: DatasetVersion, path: str) -> int:
    """Returns how often the object at a path differs from commit to commit."""
    repository = pygit2.Repository(str(version._core.layout.hds))
    changes = 0
    last: pygit2.Oid | None = None
    found: pygit2.Oid | None
    for commit in repository.walk(version.commit, pygit2.enums.SortMode.TOPOLOGICAL):
        assert isinstance(commit, pygit2.Commit)
        try:
            found = commit.tree[path].id
        except KeyError:
            found = None
        changes += found != last
        last = found
    return changes


def forget(version: DatasetVersion) -> None:
    """Removes what is known of histories."""
    version._core.histories.clear()
    shutil.rmtree(version._core.layout.index / "history", ignore_errors=True)


_FRESH = """
import sys, time
import hdstore
import hdstore.blame
with hdstore.open(sys.argv[1]) as repository:
    version = repository.version(sys.argv[2])
    version.state()
    start = time.process_time()
    version.blame(sys.argv[3])
    print(time.process_time() - start)
"""


def fresh(version: DatasetVersion, name: str) -> float:
    """Returns the seconds of a blame in a process of its own, once that has opened the repository."""
    command = [sys.executable, "-c", _FRESH, str(version._core.folder), version.path, name]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(5)]
    return min(map(float, runs))


def measure(version: DatasetVersion, what: str, saves: int, *, limited: bool = True) -> None:
    """Reports the first blame against a bare walk, and later ones; checks the limits."""
    name = frame_id(ASKED % FRAMES if limited else 0)
    path = path_of(version, name)
    walked, first = [], []
    for _ in range(5):
        walked.append(timed(lambda: bare_walk(version, path)))
        forget(version)
        version._core.objects.refresh()
        first.append(timed(lambda: version.blame(name)))
    ratio = min(first) / min(walked)
    report(f"{what}: bare walk over {saves} commits", min(walked) * 1e3, "ms", "-")
    report(f"{what}: first blame", min(first) * 1e3, "ms", "-")
    report(f"{what}: first blame / bare walk", ratio, "times", "3" if limited else "-")
    again = fresh(version, name)
    report(f"{what}: again, in a fresh process", again * 1e3, "ms", f"{saves / 1000:g}" if limited else "-")
    other = timed(lambda: version.blame(frame_id((ASKED + 1) % FRAMES if limited else 1)))
    report(f"{what}: another frame for the first time", other * 1e3, "ms", "-")
    if limited:
        assert ratio <= 3
        assert again <= saves / 1e6


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    with hdstore.init(tmp_path, author=AUTHOR) as repository:
        yield repository


@pytest.mark.parametrize("packed", [False, True], ids=["as written", "after gc"])
def test_blame_takes_at_most_three_bare_walks_and_then_a_millisecond_for_a_thousand_saves(
    repository: Repository, packed: bool
) -> None:
    version = repository.create_dataset("speed").current()
    version.add_frames(make_frames(FRAMES))
    write_saves(version, FRAMES, SAVES)
    if packed:
        repository.gc(grace=0)
    measure(version, "after gc" if packed else "as written", SAVES)


def test_real_saves_in_packs_of_their_own(repository: Repository) -> None:
    """Saves by the façade: packs of one save each, merged in the background; the walk stays within its limit."""
    version = repository.create_dataset("speed").current()
    version.add_frames(make_frames(FRAMES))
    saves = SAVES // 10
    changed = edits(FRAMES)
    for _ in range(saves):
        version.apply(PutFrame(frame=next(changed)))
    name = frame_id(ASKED)
    path = path_of(version, name)
    walked = min(timed(lambda: bare_walk(version, path)) for _ in range(5))
    first = []
    for _ in range(5):
        forget(version)
        first.append(timed(lambda: version.blame(name)))
    report(f"real saves: bare walk over {saves} commits", walked * 1e3, "ms", "-")
    report("real saves: first blame / bare walk", min(first) / walked, "times", "-")
    known = timed(lambda: version.blame(name))
    version.apply(PutFrame(frame=next(changed)))
    report("real saves: blame when asked again", known * 1e3, "ms", "-")
    report("real saves: blame after one more save", timed(lambda: version.blame(name)) * 1e3, "ms", "-")


def test_a_frame_that_every_save_changes(repository: Repository) -> None:
    """Every value of it has to be read once, leaf by leaf; how long that takes is reported."""
    version = repository.create_dataset("speed").current()
    version.add_frames(make_frames(FRAMES))
    write_saves(version, 1, SAVES)
    measure(version, "one frame", SAVES, limited=False)
