"""Collecting: what the refs need stays, what nothing needs goes once it is old, and history takes little room."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hdstore.errors import CancelledError, DamagedError, StorageError
from hdstore.model import Author
from hdstore.store import files
from hdstore.store.collecting import gc_objects
from hdstore.store.gitobjects import BLOB_MODE, TREE_MODE, Entry, encode_commit, encode_tag, encode_tree
from hdstore.store.layout import Layout
from hdstore.store.objects import Objects, Writer
from hdstore.store.packing import count_loose, pack_loose
from hdstore.store.presence import loose_path
from hdstore.store.refs import Refs, RefUpdate

HEAD = "refs/heads/hdstore"
DRAFT = "refs/heads/d/v"
TAG = "refs/tags/d/v"
ADA = Author(name="Ada", email="a@b")
WEEK = 7 * 86400.0

both = pytest.mark.parametrize("use_git", [True, False], ids=["git", "alone"])


@pytest.fixture
def refs(layout: Layout) -> Refs:
    """Returns the refs of the repository."""
    return Refs(layout.hds)


def age(layout: Layout, seconds: float = 2 * WEEK) -> None:
    """Makes all objects older."""
    then = time.time() - seconds
    for path in layout.objects.rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


def packs_of(layout: Layout) -> list[Path]:
    return sorted((layout.objects / "pack").glob("*.pack"))


@both
def test_what_the_refs_need_stays_and_the_rest_goes(
    layout: Layout,
    objects: Objects,
    refs: Refs,
    git: Callable[..., str],
    fsck: Callable[[], None],
    save: Callable[..., str],
    use_git: bool,
) -> None:
    """Histories of branches and annotated tags, packed or not, end up in one pack; other objects are gone."""
    with objects.pack() as writer:
        root = save(writer, "root")
        lost = [save(writer, "lost"), writer.write("blob", b"lost")]
    with objects.loose() as writer:
        left, right = save(writer, "left", root), save(writer, "right", root)
        tag = writer.write("tag", encode_tag(target=right, name="d/v", author=ADA, time=1, message="v"))
        lost += [save(writer, "lost too", left), writer.write("blob", b"lost too")]
    refs.update(RefUpdate(HEAD, None, left))
    git("pack-refs", "--all")
    refs.update(RefUpdate(TAG, None, tag))
    done = gc_objects(layout.hds, grace=0, use_git=use_git)
    assert done.removed == 6
    assert (
        done.before > done.after == sum(path.stat().st_size for path in (layout.objects / "pack").iterdir())
    )
    assert len(packs_of(layout)) == 1
    assert count_loose(layout.hds) == 0
    assert not any(objects.exists(oid) for oid in lost)
    assert objects.merge_bases(left, right) == [root]
    assert objects.read(tag, "tag")
    assert git("log", "--format=%s", "--all").splitlines() == ["left", "right", "root"]
    assert list(layout.tmp.iterdir()) == []
    fsck()


@both
def test_collecting_twice_changes_nothing(
    layout: Layout,
    objects: Objects,
    refs: Refs,
    save: Callable[..., str],
    fsck: Callable[[], None],
    use_git: bool,
) -> None:
    """Young objects that nothing needs outlive any number of collections, and go when they have aged."""
    with objects.pack() as writer:
        commit, lost = save(writer, "kept"), save(writer, "lost")
    with objects.loose() as writer:
        loose = writer.write("blob", b"loose")
    refs.update(RefUpdate(HEAD, None, commit))
    for _ in range(3):
        assert gc_objects(layout.hds, grace=WEEK, use_git=use_git).removed == 0
        assert objects.read(lost, "commit")
        assert objects.read(loose) == b"loose"
        assert len(packs_of(layout)) == 2
        fsck()
    age(layout)
    assert gc_objects(layout.hds, grace=WEEK, use_git=use_git).removed == 4
    assert not objects.exists(lost)
    assert len(packs_of(layout)) == 1


def test_waiting_goes_on_where_it_was(
    layout: Layout, objects: Objects, refs: Refs, save: Callable[..., str]
) -> None:
    """What is kept for its youth keeps its age through a collection."""
    with objects.pack() as writer:
        commit, _ = save(writer, "kept"), save(writer, "lost")
    refs.update(RefUpdate(HEAD, None, commit))
    age(layout, WEEK)
    gc_objects(layout.hds, grace=2 * WEEK)
    oldest = min(path.stat().st_mtime for path in packs_of(layout))
    assert abs(oldest - (time.time() - WEEK)) < 60


@both
def test_what_a_young_object_needs_stays_with_it(
    layout: Layout, objects: Objects, save: Callable[..., str], use_git: bool
) -> None:
    """An old tree that only a young commit names is kept; an old one that nothing names is not."""
    with objects.pack() as writer:
        tree = writer.write("tree", encode_tree([Entry(BLOB_MODE, "f", writer.write("blob", b"old"))]))
        lost = writer.write("blob", b"lost")
        parent = save(writer, "parent")
    age(layout)
    with objects.loose() as writer:
        commit = writer.write(
            "commit", encode_commit(tree=tree, parents=[parent], author=ADA, time=1, message="young")
        )
    assert gc_objects(layout.hds, grace=WEEK, use_git=use_git).removed == 1
    assert objects.read(tree, "tree")
    assert objects.read(parent, "commit")
    assert objects.read(commit, "commit")
    assert not objects.exists(lost)


@pytest.mark.parametrize("packed", [False, True])
def test_what_a_writer_relied_on_meanwhile_stays(
    layout: Layout,
    objects: Objects,
    refs: Refs,
    monkeypatch: pytest.MonkeyPatch,
    save: Callable[..., str],
    packed: bool,
) -> None:
    """A save that finishes while a collection runs loses nothing, though it reuses old objects that nothing needed."""
    with objects.loose() as writer:
        commit = save(writer, "kept")
        old = save(writer, "old")
    refs.update(RefUpdate(HEAD, None, commit))
    if packed:
        pack_loose(layout.hds)
    age(layout)
    written: list[str] = []

    def write(what: str, path: Path) -> None:
        if what == "rename" and path.suffix == ".idx" and not written:
            written.append("")
            with objects.loose() as writer:
                # The first time these are made young; the second shows that a moved ref alone is seen too.
                written.append(save(writer, "old"))
            age(layout, 2 * WEEK)
            refs.update(RefUpdate(DRAFT, None, written[1]))

    monkeypatch.setattr(files, "on_step", write)
    gc_objects(layout.hds, grace=WEEK)
    assert written[1] == old
    assert objects.read(old, "commit")
    assert gc_objects(layout.hds, grace=0).removed == 0


def test_what_a_writer_made_young_meanwhile_stays(
    layout: Layout, objects: Objects, refs: Refs, monkeypatch: pytest.MonkeyPatch, save: Callable[..., str]
) -> None:
    """An old object that a writer relies on while a collection runs stays, before any ref needs it."""
    with objects.pack() as writer:
        commit, old = save(writer, "kept"), save(writer, "old")
    refs.update(RefUpdate(HEAD, None, commit))
    age(layout)
    seen: list[str] = []

    def write(what: str, path: Path) -> None:
        if what == "rename" and path.suffix == ".idx" and not seen:
            seen.append(what)
            with objects.loose() as writer:
                save(writer, "old")

    monkeypatch.setattr(files, "on_step", write)
    assert gc_objects(layout.hds, grace=WEEK).removed == 0
    monkeypatch.undo()
    refs.update(RefUpdate(DRAFT, None, old))
    assert objects.read(old, "commit")


def test_readers_do_not_notice(
    layout: Layout, objects: Objects, refs: Refs, save: Callable[..., str]
) -> None:
    """While objects move from pack to pack a reader finds each of them."""
    commit: tuple[str, ...] = ()
    for number in range(20):
        with objects.loose() if number % 2 else objects.pack() as writer:
            commit = (save(writer, f"{number}" * 1000, *commit),)
    refs.update(RefUpdate(HEAD, None, *commit))
    stop = threading.Event()
    errors: list[BaseException] = []
    reads = 0

    def read() -> None:
        nonlocal reads
        mine = Objects(layout.hds)
        try:
            while not stop.is_set():
                oid: str | None = commit[0]
                while oid:
                    data = mine.read(oid, "commit").decode().splitlines()
                    tree = mine.read(data[0].split()[1], "tree")
                    assert mine.read(tree[-20:].hex(), "blob")
                    oid = data[1].split()[1] if data[1].startswith("parent") else None
                reads += 1
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    for turn in range(6):
        gc_objects(layout.hds, grace=0, use_git=turn % 2 == 0)
    stop.set()
    thread.join()
    assert errors == []
    assert reads


def test_a_pack_that_somebody_holds_stays(
    layout: Layout, objects: Objects, refs: Refs, save: Callable[..., str]
) -> None:
    """A pack with a .keep file is not touched."""
    with objects.pack() as writer:
        lost = save(writer, "lost")
    (held,) = packs_of(layout)
    held.with_suffix(".keep").touch()
    age(layout)
    assert gc_objects(layout.hds, grace=0).removed == 0
    assert packs_of(layout) == [held]
    assert objects.read(lost, "commit")


@both
def test_a_damaged_repository_is_not_collected(
    layout: Layout, objects: Objects, refs: Refs, save: Callable[..., str], use_git: bool
) -> None:
    """When an object that a ref needs is missing, nothing is removed."""
    with objects.loose() as writer:
        commit = save(writer, "x")
        lost = writer.write("blob", b"lost")
        blob = writer.write("blob", b"x")
    refs.update(RefUpdate(HEAD, None, commit))
    loose_path(layout.objects, blob).unlink()
    with pytest.raises((DamagedError, StorageError), match=blob if not use_git else "pack-objects failed"):
        gc_objects(layout.hds, grace=0, use_git=use_git)
    assert objects.exists(lost)
    assert count_loose(layout.hds) == 3
    assert [*layout.tmp.iterdir(), *packs_of(layout)] == []


@both
def test_a_cancelled_collection_removes_nothing(
    layout: Layout, objects: Objects, refs: Refs, save: Callable[..., str], use_git: bool
) -> None:
    """Raising from the progress function leaves all objects where they were."""
    with objects.loose() as writer:
        commit, _ = save(writer, "kept"), save(writer, "lost")
    refs.update(RefUpdate(HEAD, None, commit))

    def cancel(what: str, done: int, total: int | None) -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        gc_objects(layout.hds, grace=0, use_git=use_git, progress=cancel)
    assert count_loose(layout.hds) == 6
    assert [*layout.tmp.iterdir(), *packs_of(layout)] == []


def test_litter_is_removed_after_a_day(layout: Layout, objects: Objects) -> None:
    """Old files in tmp and packs without index go; young ones, and what is linked elsewhere, stay."""
    young, old, linked = (layout.tmp / name for name in ("young", "old", "linked"))
    folder, orphan = layout.tmp / "gc-1", layout.objects / "pack" / "pack-x.pack"
    folder.mkdir()
    for path in (young, old, linked, folder / "x", orphan):
        path.write_bytes(b"x")
    os.link(linked, layout.hds / "refs" / "heads" / "x.lock")
    for path in (old, linked, folder, orphan):
        os.utime(path, (1, 1))
    gc_objects(layout.hds, grace=0)
    assert sorted(layout.tmp.iterdir()) == [linked, young]
    assert packs_of(layout) == []


def test_what_killed_exchanges_left_is_removed_after_a_day(layout: Layout) -> None:
    """Packs that git or libgit2 had not received to their end, and the folder in which git puts a push aside."""
    pack = layout.objects / "pack"
    left = [pack / "tmp_pack_A1b2C3", pack / "tmp_idx_x", pack / "pack_git2_a1b2c3"]
    young = pack / "tmp_pack_young"
    folder = layout.objects / "tmp_objdir-incoming-A1b2C3"
    folder.mkdir()
    for path in (*left, young, folder / "x"):
        path.write_bytes(b"x")
    for path in (*left, folder):
        os.utime(path, (1, 1))
    gc_objects(layout.hds, grace=0)
    assert [*pack.iterdir()] == [young]
    assert not folder.exists()


def test_an_empty_repository_is_collected(layout: Layout) -> None:
    """Without refs and objects there is nothing to do."""
    done = gc_objects(layout.hds, grace=0)
    assert (done.removed, done.before, done.after) == (0, 0, 0)


def test_gits_own_lists_do_not_name_what_is_gone(
    layout: Layout,
    objects: Objects,
    refs: Refs,
    git: Callable[..., str],
    fsck: Callable[[], None],
    save: Callable[..., str],
) -> None:
    """A commit graph and an index over all packs that git made by hand do not disturb afterwards."""
    with objects.pack() as writer:
        commit, lost = save(writer, "kept"), save(writer, "lost")
    refs.update(RefUpdate(HEAD, None, commit))
    refs.update(RefUpdate(DRAFT, None, lost))
    git("commit-graph", "write", "--reachable")
    git("multi-pack-index", "write")
    refs.update(RefUpdate(DRAFT, lost, None))
    assert gc_objects(layout.hds, grace=0).removed == 3
    fsck()
    git("log", "--all")


@both
def test_a_long_history_takes_little_room(
    layout: Layout, objects: Objects, refs: Refs, fsck: Callable[[], None], use_git: bool
) -> None:
    """A save that changes ten of sixty-four leaves of 47 kB costs less than 30 kB once it is collected."""
    chance = random.Random(1)
    leaves = {f"{number:06b}": chance.randbytes(47_000) for number in range(64)}
    blobs: dict[str, str] = {}

    def write(writer: Writer, names: list[str]) -> str:
        for name in names:
            at = chance.randrange(46_000)
            leaves[name] = (
                leaves[name][:at] + chance.randbytes(60) + leaves[name][at + chance.randrange(60) :]
            )
            blobs[name] = writer.write("blob", leaves[name])
        trees: dict[str, list[Entry]] = {}
        for name, oid in blobs.items():
            trees.setdefault(name[:4], []).append(Entry(BLOB_MODE, name[4:], oid))
        rows = [
            Entry(TREE_MODE, name, writer.write("tree", encode_tree(part))) for name, part in trees.items()
        ]
        return writer.write("tree", encode_tree(rows))

    parents: list[str] = []
    sizes: list[int] = []
    for count in (1, 20):
        for number in range(count):
            with objects.loose() as writer:
                tree = write(writer, chance.sample(sorted(leaves), 10) if parents else sorted(leaves))
                commit = encode_commit(tree=tree, parents=parents, author=ADA, time=number, message="save")
                parents = [writer.write("commit", commit)]
        refs.update(RefUpdate(HEAD, refs.get(HEAD), parents[0]))
        if count > 1:
            pack_loose(layout.hds)
        sizes.append(gc_objects(layout.hds, grace=0, use_git=use_git).after)
    assert sizes[1] - sizes[0] < 20 * 30_000
    fsck()
