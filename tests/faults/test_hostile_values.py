"""Values of strangers: names that climb, depths and sizes that are absurd, formats of the future."""

from __future__ import annotations

import json
import subprocess
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import hdstore
from hdstore import (
    Annotation,
    Author,
    Box,
    DamagedError,
    HdstoreError,
    ReadOnlyError,
    Repository,
    SetFrameMetadata,
    SingleFrame,
    Source,
    UntrustedError,
)
from hdstore.store import BLOB_MODE, TREE_MODE, Entry, Objects, encode_tree

ADA = Author("Ada Lovelace", "ada@example.org")
DEEP = 100_000


def open_it(folder: Path) -> Repository:
    return hdstore.open(folder, author=ADA)


# Bytes of frames and documents


def leaf_of(folder: Path, leaf: bytes) -> str:
    with Objects(folder / ".hds").loose() as writer:
        return writer.write("tree", encode_tree([Entry(BLOB_MODE, "root", writer.write("blob", leaf))]))


def key(name: bytes) -> bytes:
    return bytes([0xA0 | len(name)]) + name


LEAVES = {
    "four billion frames": b"\xdd\xff\xff\xff\xff",
    "four billion frames and one": b"\xdd\xff\xff\xff\xff" + b"\x82\xa1@\xa6single\xa2id\xa2f1",
    "a text of four gigabytes": b"\x91\x82\xa1@\xa6single\xa2id\xdb\xff\xff\xff\xff",
    "a map of four billion keys": b"\x91\x83\xa1@\xa6single\xa2id\xa2f1\xa8metadata\xdf\xff\xff\xff\xff",
    "lists in lists": b"\x91\x83\xa1@\xa6single\xa2id\xa2f1\xa8metadata\x81\xa1k" + b"\x91" * DEEP + b"\x01",
    "maps in maps": b"\x91\x83\xa1@\xa6single\xa2id\xa2f1\xa8metadata" + b"\x81\xa1k" * DEEP + b"\x01",
    "only depth": b"\x91" * DEEP,
    "an unknown field of depth": b"\x91\x83\xa1@\xa6single\xa2id\xa2f1\xa4evil" + b"\x91" * DEEP + b"\x01",
    "a timestamp": b"\x91\x83\xa1@\xa6single\xa2id\xa2f1\xa9timestamp\xd6\xff\x00\x00\x00\x00",
    "an extension": b"\x91\xc9\xff\xff\xff\xff\x01",
}


@pytest.mark.parametrize("name", LEAVES)
def test_a_leaf_of_absurd_size_or_depth_is_damage(name: str, folder: Path, forge: Callable[..., str]) -> None:
    """Reading, editing, querying and checking say that it is damaged, and nothing worse happens."""
    forge({"frames": leaf_of(folder, LEAVES[name])})
    with open_it(folder) as repository:
        draft = repository.version("plates/Current")
        for use in (
            lambda: list(draft.frames()),
            lambda: list(draft.query("meta.k:1")),
            lambda: draft.frame("f1"),
            lambda: draft.apply(SetFrameMetadata(frame_id="f1", set={"k": 1})),
            lambda: draft.add_frames([SingleFrame(id="f1")]),
        ):
            with pytest.raises(DamagedError):
                use()
        assert any("frames" in finding.where for finding in repository.fsck())
        assert draft.dataset.version("first").frame("f1").metadata["n"] == 1
        with pytest.raises(DamagedError):
            repository.gc(grace=0)  # nobody can say which media that version needs
        assert list(repository.media.hashes())


@pytest.mark.parametrize("part", ["version", "schema", "stats"])
@pytest.mark.parametrize(
    "data",
    [
        b"\x91" * DEEP,
        b"\x81\xa1k" * DEEP,
        b"\xdf\xff\xff\xff\xff",
        b"\x81\xa8metadata" + b"\x81\xa1k" * DEEP + b"\x01",
    ],
    ids=["lists", "maps", "four billion", "metadata"],
)
def test_a_document_of_absurd_size_or_depth_is_damage(
    part: str, data: bytes, folder: Path, forge: Callable[..., str]
) -> None:
    """As for leaves; other versions are read as ever."""
    forge({part: data})
    with open_it(folder) as repository:
        draft = repository.version("plates/Current")
        with pytest.raises(DamagedError):
            getattr(draft.state(), {"version": "document"}.get(part, part))
        with pytest.raises(DamagedError):
            draft.apply(SetFrameMetadata(frame_id="f1", set={"k": 1}))
        assert any(part in finding.where for finding in repository.fsck())
        assert repository.version("plates/first").frame("f1").metadata["n"] == 1


def test_a_trie_deeper_than_its_keys_is_damage(folder: Path, forge: Callable[..., str]) -> None:
    """A tree below a tree below a tree, a hundred times and more, is not followed to its end."""
    with Objects(folder / ".hds").loose() as writer:
        tree = writer.write("tree", encode_tree([]))
        for _ in range(2000):
            tree = writer.write("tree", encode_tree([Entry(TREE_MODE, f"{n:04b}", tree) for n in range(16)]))
    forge({"frames": tree})
    with open_it(folder) as repository:
        draft = repository.version("plates/Current")
        with pytest.raises(DamagedError):
            draft.frame("f1")
        with pytest.raises(DamagedError):
            list(draft.frames())


def test_a_few_trees_that_stand_everywhere_are_damage(folder: Path, forge: Callable[..., str]) -> None:
    """Sixty small trees that name each other sixteen times would make more leaves than there are atoms."""

    def bomb(bottom: bytes) -> str:
        with Objects(folder / ".hds").loose() as writer:
            leaf = writer.write("blob", bottom)
            tree = writer.write("tree", encode_tree([Entry(BLOB_MODE, f"{n:04b}", leaf) for n in range(16)]))
            for _ in range(60):
                tree = writer.write(
                    "tree", encode_tree([Entry(TREE_MODE, f"{n:04b}", tree) for n in range(16)])
                )
        return tree

    frame = b"\x82\xa1@\xa6single\xa2id\xa2f1"
    forge({"frames": bomb(b"\x91" + frame)})
    with open_it(folder) as repository:
        draft = repository.version("plates/Current")
        one = draft.state()
        for use in (
            lambda: list(draft.frames()),
            lambda: list(draft.query("meta.k:1")),
            lambda: draft.add_frames([SingleFrame(id=f"n{n}") for n in range(100)]) and list(draft.frames()),
            lambda: draft.diff(repository.version("plates/first")),
        ):
            with pytest.raises(DamagedError):
                use()
        assert any("stands at" in finding.message for finding in repository.fsck())
    forge({"frames": bomb(b"\x91" + frame.replace(b"f1", b"f2"))})
    with open_it(folder) as repository, pytest.raises(DamagedError):
        list(repository.version("plates/Current").state().trie.diff(one.trie))


@pytest.mark.parametrize(
    "data",
    [
        b"[" * DEEP,
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b'{"id": "ID", "name": "x", "created": 1, "metadata": ' + b'{"a":' * DEEP + b"1" + b"}" * (DEEP + 1),
        b'{"created": 1e400, "id": "ID", "name": "x"}',
    ],
    ids=["lists", "maps", "metadata", "number"],
)
def test_a_catalog_of_absurd_depth_is_damage(
    data: bytes, folder: Path, forge_catalog: Callable[..., None]
) -> None:
    """The repository opens, says what is wrong, and fsck finds it."""
    with open_it(folder) as repository:
        dataset_id = repository.dataset("plates").id
    forge_catalog({f"{dataset_id}.json": data.replace(b"ID", dataset_id.encode())})
    with open_it(folder) as repository:
        with pytest.raises(DamagedError, match=dataset_id):
            repository.datasets()
        assert any(finding.kind == "catalog" for finding in repository.fsck())


def test_settings_of_absurd_depth_are_refused(folder: Path) -> None:
    """Brackets by the hundred thousand in local.toml are no TOML."""
    (folder / ".hds" / "hdstore" / "local.toml").write_text("a = " + "[" * DEEP)
    with open_it(folder) as repository, pytest.raises(HdstoreError, match="TOML"):
        repository.roots.list()


# Names


@pytest.mark.parametrize(
    "name", ["../../x", "..", ".", ".git", ".GIT", "a/b", "/etc/passwd", "root\udcff", ""]
)
def test_a_name_that_climbs_in_a_tree_is_damage(name: str, folder: Path, forge: Callable[..., str]) -> None:
    """A tree of frames whose entry is named so is not read."""
    raw = name.encode(errors="surrogateescape")
    with Objects(folder / ".hds").loose() as writer:
        leaf = writer.write("blob", b"\x90")
        tree = writer.write("tree", b"100644 %s\0%s" % (raw, bytes.fromhex(leaf)))
    forge({"frames": tree})
    with open_it(folder) as repository:
        with pytest.raises(DamagedError):
            list(repository.version("plates/Current").frames())
        assert any("frames root" in finding.where for finding in repository.fsck())


@pytest.mark.parametrize("version_id", ["../../../x", "..", "a/b", "x y", "", "x\u0000y", "HEAD", "hdstore"])
def test_ids_that_climb_in_a_document_name_nothing(
    version_id: str, folder: Path, forge_catalog: Callable[..., None]
) -> None:
    """A version that the catalog calls so is not looked for in the file system; fsck says that it has no ref."""
    with open_it(folder) as repository:
        dataset = repository.dataset("plates")
        document = {
            "created": 1,
            "id": dataset.id,
            "name": "plates",
            "versions": {version_id: {"name": "evil", "continued_by": version_id}},
        }
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    forge_catalog({f"{dataset.id}.json": text.encode()})
    before = sorted(folder.parent.rglob("*"))
    with open_it(folder) as repository:
        dataset = repository.dataset("plates")
        assert "evil" not in {version.name for version in dataset.versions()}
        for name in ("evil", version_id):
            with pytest.raises(HdstoreError):
                dataset.version(name)
        assert any("evil" in finding.where for finding in repository.fsck())
        with suppress(HdstoreError):
            dataset.delete(force=True)
    outside = [path for path in folder.parent.rglob("*") if folder not in path.parents and path not in before]
    assert outside == []


def test_odd_files_among_the_refs_are_passed_over(folder: Path) -> None:
    """What can not be the name of a ref is none; the others are listed, and fsck still works."""
    heads = folder / ".hds" / "refs" / "heads"
    oid = (heads / "hdstore").read_text()
    for name in ("a b", "x~1", "x..y", "x^", "-x", "x.lock", ".hidden", "new\nline", "star*", "@{x"):
        (heads / name).write_text(oid)
    with open_it(folder) as repository:
        assert [dataset.name for dataset in repository.datasets()] == ["plates"]
        assert len(repository.dataset("plates").versions()) == 4
        assert [finding for finding in repository.fsck() if "refs/heads/-x" not in finding.where] == []


def test_a_symbolic_ref_that_climbs_is_not_followed(folder: Path, place: Path) -> None:
    """``ref: ../../x`` and rings of refs are damage."""
    (place / "x").write_text("0" * 40)
    path = folder / ".hds" / "refs" / "heads" / "hdstore"
    for target in ("../../../../x", "refs/heads/../../../../x", "/etc/passwd", "refs/heads/hdstore"):
        path.write_text(f"ref: {target}\n")
        with open_it(folder) as repository, pytest.raises(HdstoreError):
            repository.datasets()


# A format of the future


@pytest.fixture
def future(folder: Path, forge_catalog: Callable[..., None]) -> Path:
    """Returns a repository of a format that this program does not know."""
    with open_it(folder) as repository:
        repository.add_remote("origin", str(folder.parent / "hub"))
        repository.push()
    forge_catalog(format=b"999\n")
    return folder


WRITES: dict[str, Callable[[Repository], object]] = {
    "create dataset": lambda r: r.create_dataset("other"),
    "rename dataset": lambda r: r.dataset("plates").rename("plaques"),
    "tag dataset": lambda r: r.dataset("plates").set_tags(["x"]),
    "delete dataset": lambda r: r.dataset("plates").delete(force=True),
    "create version": lambda r: r.dataset("plates").create_version("x", parents=["first"]),
    "rename version": lambda r: r.version("plates/first").rename("x"),
    "delete version": lambda r: r.version("plates/side").delete(),
    "apply": lambda r: r.version("plates/Current").apply(SetFrameMetadata(frame_id="f1", set={"k": 5})),
    "add frames": lambda r: r.version("plates/Current").add_frames([SingleFrame(id="x")]),
    "delete frames": lambda r: r.version("plates/Current").delete_frames(["f1"]),
    "set metadata": lambda r: r.version("plates/Current").set_metadata({"x": 1}),
    "set schema": lambda r: r.version("plates/Current").set_schema(hdstore.Schema()),
    "snapshot": lambda r: r.version("plates/Current").snapshot(),
    "publish": lambda r: r.version("plates/Current").publish(),
    "gc": lambda r: r.gc(grace=0),
    "pull": lambda r: r.pull(),
    "push": lambda r: r.push(),
    "import": lambda r: r.import_files("folder", r.folder.parent / "photos", to="plates", media="store"),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_newer_format_is_read_and_never_written(write: str, future: Path) -> None:
    """Reading works; every change raises ReadOnlyError, says both formats, and leaves every file as it was."""
    photos = future.parent / "photos"
    photos.mkdir()
    (photos / "a.bin").write_bytes(b"a")
    refs = {path: path.read_bytes() for path in (future / ".hds" / "refs").rglob("*") if path.is_file()}
    with open_it(future) as repository:
        for version in repository.dataset("plates").versions():
            assert len(list(version.frames())) == len(version)
        with pytest.raises(ReadOnlyError, match="999"):
            WRITES[write](repository)
    assert refs == {
        path: path.read_bytes() for path in (future / ".hds" / "refs").rglob("*") if path.is_file()
    }


# Files in and out


CLIMBING = (
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    "a/../../b",
    "./x",
    "~/x",
    "con",
    "a//b",
    "-x",
    "x\\..\\y",
)


@pytest.mark.parametrize("format", ["yolo", "coco"])
@pytest.mark.parametrize("scheme", ["root:photos/", "file://", "s3://bucket/", ""])
def test_an_export_writes_nothing_outside_of_its_folder(
    format: str, scheme: str, folder: Path, place: Path
) -> None:
    """Frame ids, URIs and labels that climb become names inside; URIs that leave their root are refused."""
    with open_it(folder) as repository:
        repository.roots.add("photos", place)
        draft = repository.create_dataset("evil").current()
        draft.add_frames(
            SingleFrame(
                id=name,
                sources=(Source(uri=f"{scheme}{name}", width=10, height=10, content_type="image/png"),),
                annotations=(Annotation(labels=(name,), geometry=Box(x=1.0, y=1.0, w=2.0, h=2.0)),),
                metadata={"split": name, "_src": {"split": name, "file_name": name}},
            )
            for name in CLIMBING
        )
        target = place / "out" / "deep" / ("export.json" if format == "coco" else "export")
        target.parent.mkdir(parents=True)
        before = set(place.rglob("*"))
        with suppress(UntrustedError):
            repository.export_files(format, target, source="evil/Current")
            assert target.exists()
    new = {path for path in place.rglob("*") if path not in before and folder not in path.parents}
    assert all(path == target or target in path.parents for path in new), new
    assert not any(path.is_symlink() for path in new)


@pytest.mark.parametrize("media", ["link", "store"])
@pytest.mark.parametrize("name", ["../secret.png", "sub/../../secret.png", "link.png", "ABSOLUTE"])
def test_an_import_does_not_take_files_outside_of_its_folder(
    media: str, name: str, folder: Path, place: Path
) -> None:
    """A COCO file whose names climb, or a link among the pictures, brings no file from elsewhere."""
    from PIL import Image

    images = place / "images"
    images.mkdir()
    secret = place / "secret.png"
    Image.new("RGB", (7, 7), "red").save(secret)
    (images / "link.png").symlink_to(secret)
    name = str(secret) if name == "ABSOLUTE" else name
    coco = images / "coco.json"
    listed = [{"id": 1, "file_name": name, "width": 7, "height": 7}]
    coco.write_text(json.dumps({"images": listed, "annotations": [], "categories": []}))
    with open_it(folder) as repository:
        repository.roots.add("images", images)
        before = set(repository.media.hashes())
        with suppress(HdstoreError):
            repository.import_files("coco", coco, to="evil", images=images, media=media, root="images")
        assert set(repository.media.hashes()) == before
        with suppress(hdstore.NotFoundError):
            for frame in repository.version("evil/Current").frames():
                for source in frame.sources:
                    assert source.hash == ""
                    with suppress(HdstoreError):
                        assert repository.media.local_path(source.uri) in (None, images / "x")


@pytest.mark.parametrize("uri", ["root:photos/../secret", "root:photos//etc/passwd", "root:photos/link"])
def test_a_uri_that_leaves_its_root_is_refused(uri: str, folder: Path, place: Path) -> None:
    """Whatever frame names it: nothing outside of a root is read."""
    photos = place / "photos"
    photos.mkdir()
    (place / "secret").write_text("secret")
    (photos / "link").symlink_to(place / "secret")
    with open_it(folder) as repository:
        repository.roots.add("photos", photos)
        with pytest.raises((UntrustedError, hdstore.InvalidValueError)):
            repository.media.local_path(uri)


def test_roots_of_a_copied_repository_are_not_believed(folder: Path, place: Path) -> None:
    """What local.toml of a stranger allows, this machine has not allowed."""
    (place / "secret").write_text("secret")
    local = folder / ".hds" / "hdstore" / "local.toml"
    local.write_text(f'allowed = ["/"]\n[roots]\nevil = "{place}"\n')
    with open_it(folder) as repository:
        assert repository.media.local_path("root:evil/secret") is None
        with pytest.raises(UntrustedError):
            repository.media.local_path(f"file://{place}/secret")


def test_a_repository_out_of_an_archive_is_like_any_other(folder: Path, place: Path) -> None:
    """Empty folders that an archive or a sync lost are made again: it opens, reads and takes saves."""
    archive = place / "all.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        for path in folder.rglob("*"):
            if path.is_file():
                stream.write(path, path.relative_to(folder))
    with zipfile.ZipFile(archive) as stream:
        stream.extractall(place / "copy")
    with open_it(place / "copy") as repository:
        repository.version("plates/Current").apply(SetFrameMetadata(frame_id="f1", set={"k": 7}))
        repository.version("plates/Current").snapshot()
        repository.media.keep_bytes(b"more")
        assert repository.fsck() == []
    subprocess.run(
        ["git", "-C", str(place / "copy" / ".hds"), "fsck", "--strict"], check=True, capture_output=True
    )
