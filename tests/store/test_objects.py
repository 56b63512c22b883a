"""Reading and writing objects, with git on the other side."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from hdstore.errors import DamagedError, InvalidValueError
from hdstore.store import files
from hdstore.store.gitobjects import object_id
from hdstore.store.layout import Layout
from hdstore.store.objects import Objects
from hdstore.store.presence import PackIndex, Presence, loose_path

NOTHING = "0" * 39 + "1"


def pack_files(layout: Layout) -> list[Path]:
    return sorted((layout.objects / "pack").iterdir())


@pytest.mark.parametrize("kind", ["loose", "pack"])
def test_what_is_written_is_read_by_us_and_by_git(
    layout: Layout, objects: Objects, git: Callable[..., str], fsck: Callable[[], None], kind: str
) -> None:
    """Objects of any size come back with their kind, here and in git, and nothing is left in tmp."""
    blobs = [b"", b"a", os.urandom(5000), b"x" * 200_000]
    with getattr(objects, kind)() as writer:
        oids = [writer.write("blob", data) for data in blobs]
        tree = writer.write("tree", b"")
        assert writer.write("blob", b"a") == oids[1]
    assert [objects.read(oid, "blob") for oid in oids] == blobs
    assert objects.read_any(tree) == ("tree", b"")
    assert [git("cat-file", "-s", oid) for oid in oids] == ["0", "1", "5000", "200000"]
    assert list(layout.tmp.iterdir()) == []
    fsck()


@pytest.mark.parametrize("kind", ["loose", "pack"])
def test_an_exception_leaves_nothing(layout: Layout, objects: Objects, kind: str) -> None:
    """When the block fails, no object and no file is there."""
    oids: list[str] = []

    def fail() -> None:
        with getattr(objects, kind)() as writer:
            oids.extend(writer.write("blob", os.urandom(10_000)) for _ in range(50))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not any(objects.exists(oid) for oid in oids)
    assert [*pack_files(layout), *layout.tmp.iterdir()] == []


@pytest.mark.parametrize("kind", ["loose", "pack"])
def test_what_is_there_is_not_written_again_but_made_young(
    layout: Layout, objects: Objects, kind: str
) -> None:
    """An object that exists costs no file; the file that holds it gets a new time, so that no collection takes it."""
    with getattr(objects, kind)() as writer:
        oid = writer.write("blob", b"once")
    (holder,) = (
        [loose_path(layout.objects, oid)] if kind == "loose" else (layout.objects / "pack").glob("*.pack")
    )
    os.utime(holder, (1, 1))
    for again in (objects.loose, objects.pack):
        with again() as writer:
            assert writer.write("blob", b"once") == oid
    assert holder.stat().st_mtime > 1
    assert len(list(layout.objects.glob("[0-9a-f][0-9a-f]/*"))) + len(pack_files(layout)) // 2 == 1


def test_an_empty_pack_writes_no_file(layout: Layout, objects: Objects) -> None:
    """A pack block without objects leaves the folder as it was."""
    with objects.pack():
        pass
    assert pack_files(layout) == []


def test_missing_and_mistaken_objects_are_told_apart(objects: Objects) -> None:
    """A missing object and one of another kind are damage that names the object; a bad id is the caller's fault."""
    with objects.loose() as writer:
        blob = writer.write("blob", b"x")
    with pytest.raises(DamagedError, match=f"{NOTHING} is missing"):
        objects.read(NOTHING)
    with pytest.raises(DamagedError, match=f"{blob} must be a tree, but it is a blob"):
        objects.read(blob, "tree")
    with pytest.raises(InvalidValueError, match="not an object id"):
        objects.read("HEAD")
    assert objects.exists(blob)
    assert not objects.exists(NOTHING)


def test_the_beginning_of_a_blob_is_read_from_a_pack(layout: Layout, objects: Objects) -> None:
    """Of any length that it has, whether it deflates well or not at all; nothing where it must be read whole."""
    blobs = [b"a", os.urandom(200_000), b"x" * 200_000, b"".join(b"%d" % n for n in range(60_000))]
    with objects.pack() as writer:
        oids = [writer.write("blob", data) for data in blobs]
        tree = writer.write("tree", b"")
    with objects.loose() as writer:
        loose = writer.write("blob", b"loose")

    for oid, data in zip(oids, blobs, strict=True):
        for length in {1, 17, 4000, 65_536, len(data) - 1, len(data)}:
            if 0 < length <= len(data):
                assert objects.read_beginning(oid, length) == data[:length]
        for length in (-1, 0, len(data) + 1, 1 << 40):
            assert objects.read_beginning(oid, length) is None
    for oid in (tree, loose, NOTHING):
        assert objects.read_beginning(oid, 1) is None
    with pytest.raises(InvalidValueError, match="not an object id"):
        objects.read_beginning("HEAD", 1)


def test_the_beginning_of_a_blob_in_a_pack_that_is_cut_short_is_nothing(
    layout: Layout, objects: Objects
) -> None:
    """Nothing comes that may be wrong."""
    with objects.pack() as writer:
        oid = writer.write("blob", os.urandom(5000))
    (path,) = (layout.objects / "pack").glob("*.pack")
    whole = path.read_bytes()
    path.chmod(0o644)
    for end in range(0, len(whole) - 20, 101):
        path.write_bytes(whole[:end])
        assert Objects(layout.hds).read_beginning(oid, 5000) is None


@pytest.mark.parametrize("kind", ["loose", "pack"])
def test_a_changed_byte_is_noticed(layout: Layout, objects: Objects, kind: str) -> None:
    """Reading an object whose file was damaged raises, whatever byte it is."""
    with getattr(objects, kind)() as writer:
        oid = writer.write("blob", os.urandom(300))
    (path,) = (
        [loose_path(layout.objects, oid)] if kind == "loose" else (layout.objects / "pack").glob("*.pack")
    )
    whole = path.read_bytes()
    first, last = (0, len(whole)) if kind == "loose" else (12, len(whole) - 20)
    for at in range(first, last, 7):
        path.chmod(0o644)
        path.write_bytes(whole[:at] + bytes((whole[at] ^ 0x55,)) + whole[at + 1 :])
        with pytest.raises(DamagedError, match=oid):
            Objects(layout.hds).read(oid)


def test_an_object_that_lies_about_its_name_is_noticed(layout: Layout, objects: Objects) -> None:
    """A whole object under another's id is damaged."""
    path = loose_path(layout.objects, NOTHING)
    path.parent.mkdir()
    path.write_bytes(zlib.compress(b"blob 1\0x"))
    with pytest.raises(DamagedError, match="do not have its hash"):
        objects.read(NOTHING)


def test_a_bomb_is_not_unpacked(layout: Layout, objects: Objects) -> None:
    """An object that claims gigabytes is refused before memory is taken for it."""
    path = loose_path(layout.objects, NOTHING)
    path.parent.mkdir()
    path.write_bytes(zlib.compress(b"blob 4000000000\0" + bytes(1_000_000), 9))
    with pytest.raises(DamagedError, match="says it has 4000000000 bytes"):
        objects.read(NOTHING)


def test_what_others_write_is_seen_at_once(objects: Objects, git: Callable[..., str]) -> None:
    """Objects that git writes, packs and prunes while we have the repository open are found without a refresh."""
    oids = [git("hash-object", "-w", "--stdin", input=b"%d" % number) for number in range(5)]
    assert all(objects.exists(oid) for oid in oids)
    assert objects.read(oids[0]) == b"0"
    git("pack-objects", "objects/pack/pack", input="\n".join(oids).encode())
    git("prune-packed")
    assert all(objects.exists(oid) for oid in oids)
    assert [objects.read(oid) for oid in oids] == [b"0", b"1", b"2", b"3", b"4"]
    git("repack", "-a", "-d", "-k", "--no-write-bitmap-index")
    assert [objects.read(oid) for oid in oids] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_pack_that_vanished_is_not_relied_on(layout: Layout, objects: Objects) -> None:
    """After a pack was removed behind our back its objects are written anew."""
    with objects.pack() as writer:
        oid = writer.write("blob", b"here")
    with objects.loose() as writer:
        for path in pack_files(layout):
            path.unlink()
        writer.write("blob", b"here")
    assert objects.read(oid) == b"here"


def test_a_pack_that_goes_while_packs_are_listed_is_passed_over(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pack that another process removes between the listing and the opening disturbs nobody."""
    listed = os.listdir

    def stale(folder: Path) -> list[str]:
        return [*listed(folder), "pack-gone.idx", "pack-gone.pack"]

    monkeypatch.setattr(os, "listdir", stale)
    with objects.pack() as writer:
        oid = writer.write("blob", b"x")
    assert objects.exists(oid)


def test_threads_read_and_write_at_once(objects: Objects) -> None:
    """Every thread reads what the others wrote."""
    errors: list[BaseException] = []
    written: list[tuple[str, bytes]] = []

    def work(number: int) -> None:
        try:
            for turn in range(10):
                data = b"%d %d" % (number, turn) + bytes(5000)
                with objects.pack() if turn % 5 == 0 else objects.loose() as writer:
                    oid = writer.write("blob", data)
                written.append((oid, data))
                for known, content in tuple(written):
                    assert objects.read(known, "blob") == content
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(written) == 40


def test_everything_is_flushed_before_it_is_named(
    layout: Layout, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is flushed before it is renamed into place, and its folder before the block ends."""
    steps: list[tuple[str, Path]] = []
    monkeypatch.setattr(files, "on_step", lambda what, path: steps.append((what, path)))
    for kind in ("loose", "pack"):
        steps.clear()
        with getattr(objects, kind)() as writer:
            for _ in range(8):
                writer.write("blob", os.urandom(100))
        renames = [number for number, (what, _) in enumerate(steps) if what == "rename"]
        flushed = [
            path for what, path in steps[: renames[0]] if what == "fsync" and path.parent == layout.tmp
        ]
        assert len(flushed) == len(renames) == (8 if kind == "loose" else 2)
        after = {path for what, path in steps[renames[-1] :] if what == "fsync"}
        assert {steps[number][1].parent for number in renames} <= after


def test_a_foreign_configuration_is_not_read(layout: Layout, tmp_path: Path) -> None:
    """Objects are read although the repository's, the user's and the system's configuration are nonsense."""
    with Objects(layout.hds).loose() as writer:
        oid = writer.write("blob", b"x")
    (layout.hds / "config").write_text("[core\nnonsense")
    (tmp_path / "home" / ".gitconfig").write_text("[core\nnonsense")
    code = (
        "import sys; from pathlib import Path; from hdstore.store.objects import Objects\n"
        "sys.stdout.buffer.write(Objects(Path(sys.argv[1])).read(sys.argv[2]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(layout.hds), oid], capture_output=True, check=False
    )
    assert (done.stdout, done.returncode) == (b"x", 0), done.stderr.decode()


def test_history_is_compared_as_git_compares_it(
    objects: Objects, git: Callable[..., str], save: Callable[..., str]
) -> None:
    """Merge bases and ancestry are those of git; commits without common history have no base."""
    with objects.loose() as writer:
        root = save(writer, "root")
        left = save(writer, "left", root)
        right = save(writer, "right", root)
        merged = save(writer, "merged", left, right)
        other = save(writer, "other")
        blob = writer.write("blob", b"x")
    assert objects.merge_bases(left, right) == [root] == [git("merge-base", left, right)]
    assert objects.merge_bases(merged, left) == [left]
    assert objects.merge_bases(left, other) == []
    assert set(objects.exclusive(merged, left)) == {merged, right}
    assert list(objects.exclusive(left, merged)) == []
    assert objects.is_ancestor(root, merged)
    assert objects.is_ancestor(root, root)
    assert not objects.is_ancestor(merged, root)
    assert not objects.is_ancestor(left, right)
    with pytest.raises(DamagedError, match="must be a commit"):
        objects.is_ancestor(left, blob)
    with pytest.raises(DamagedError, match="missing"):
        objects.merge_bases(left, NOTHING)


@pytest.mark.parametrize("cut", [0, 500, 1090, -30])
def test_a_short_index_is_damaged(layout: Layout, objects: Objects, cut: int) -> None:
    """An index that was cut, or contradicts itself, is refused and not believed."""
    with objects.pack() as writer:
        writer.write("blob", b"x")
    path, _ = pack_files(layout)
    data = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(data[:cut])
    with pytest.raises(DamagedError, match="pack index"):
        PackIndex(path)
    path.write_bytes(b"\0" * 4 + data[4:])
    with pytest.raises(DamagedError, match="version 2"):
        PackIndex(path)
    path.write_bytes(data[:8] + b"\xff" * 4 + data[12:])
    with pytest.raises(DamagedError, match="contradicts itself"):
        PackIndex(path)


def test_the_index_answers_for_every_object(layout: Layout, objects: Objects) -> None:
    """All objects of a pack are found in its index, in the order they were written, and no other is."""
    with objects.pack() as writer:
        oids = [writer.write("blob", b"%d" % number) for number in range(600)]
    presence = Presence(layout.objects)
    (index,) = presence.packs()
    assert list(index.in_order()) == oids
    assert [raw.hex() for raw in index] == sorted(oids)
    others = [object_id("blob", b"-%d" % number) for number in range(600)]
    assert all(presence.has(oid) for oid in oids)
    assert not any(presence.has(oid) for oid in others)
