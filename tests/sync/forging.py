"""Bundles as a stranger may make them: every part can be other than it should be."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import hdstore
from hdstore import Author, DamagedError, HdstoreError, Repository, SetFrameMetadata, SingleFrame, Source
from hdstore.codec.bundles import BUNDLE_BATCH, Chunk, Header, Medium, ObjectBatch
from hdstore.ids import content_hash
from hdstore.store import BLOB_MODE, TREE_MODE, Entry, decode_commit, decode_tree, encode_tree
from hdstore.store.gitobjects import new_object_id, object_id
from hdstore.store.reachability import referenced
from hdstore.sync.bundles.container import BundleWriter, open_bundle
from hdstore.sync.bundles.objectstream import KINDS, ObjectUnpacker

ADA, EVE = Author("Ada", "ada@example.org"), Author("Eve", "eve@example.org")


@dataclass
class Parts:
    """What a bundle holds; ``header`` overrides what the header says."""

    refs: dict[str, str]
    objects: list[tuple[str, bytes]]
    needs: dict[str, str] = field(default_factory=dict)
    media: list[tuple[str, bytes]] = field(default_factory=list)
    header: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, data: bytes) -> str:
        """Adds an object and returns its id."""
        self.objects.append((kind, data))
        return new_object_id(kind, data)


def take_apart(path: Path) -> Parts:
    """Returns what a good bundle holds."""
    with open_bundle(path) as bundle:
        unpacker = ObjectUnpacker(bundle.header.objects, bundle.header.object_bytes)
        objects = [pair for batch in bundle.objects() for pair in unpacker.feed(batch)]
        media = [(hash, b"".join(chunks)) for hash, _, chunks in bundle.media()]
        return Parts(dict(bundle.refs), objects, dict(bundle.needs), media)


def encode_objects(objects: Iterable[tuple[str, bytes]]) -> list[ObjectBatch]:
    """Returns the stream of these objects, each as it is."""
    stream = b"".join(
        bytes((KINDS.index(kind),)) + len(data).to_bytes(4, "big") + data for kind, data in objects
    )
    pieces = [stream[start : start + BUNDLE_BATCH] for start in range(0, len(stream), BUNDLE_BATCH)]
    return [ObjectBatch(len(piece), zlib.compress(piece)) for piece in pieces]


def put_together(path: Path, parts: Parts, *, batches: Sequence[ObjectBatch] | None = None) -> Path:
    """Writes a bundle that has the right hash, whatever it holds; ``batches`` stand for the objects' own stream."""
    said = {
        "created": 1,
        "format": 1,
        "refs": len(parts.refs),
        "needs": len(parts.needs),
        "objects": len(parts.objects),
        "object_bytes": sum(len(data) for _, data in parts.objects),
        "media": len(parts.media),
        "media_bytes": sum(len(data) for _, data in parts.media),
        "lacking": 0,
    }
    writer = BundleWriter(path)
    writer.write(Header(**{**said, **parts.header}))
    writer.write_lists(parts.refs, parts.needs)
    for batch in encode_objects(parts.objects) if batches is None else batches:
        writer.write(batch)
    for hash, data in parts.media:
        writer.write(Medium(bytes.fromhex(hash), len(data)))
        for start in range(0, len(data), BUNDLE_BATCH):
            writer.write(Chunk(data[start : start + BUNDLE_BATCH]))
    writer.finish()
    return path


def state_of(repository: Repository) -> tuple[Mapping[str, str], list[str], list[str]]:
    """Returns all that a bundle could change: refs, the files of the repository, and their bytes' hashes."""
    hds = repository.hds
    kept = (hds / "objects", hds / "refs", hds / "hdstore" / "media", hds / "hdstore" / "tmp")
    found = sorted(path for folder in kept for path in folder.rglob("*") if path.is_file())
    single = [hds / name for name in ("config", "HEAD", "packed-refs", "hdstore/local.toml")]
    found += [path for path in single if path.exists()]
    listed = [f"{path.relative_to(hds)} {content_hash(path.read_bytes())}" for path in found]
    folders = sorted(str(path) for path in repository.folder.iterdir())
    return repository._core.refs.list("refs/"), listed, folders


def entries_of(parts: Parts, oid: str) -> list[Entry]:
    return decode_tree(parts_by_id(parts)[oid])


def parts_by_id(parts: Parts) -> dict[str, bytes]:
    return {object_id(kind, data): data for kind, data in parts.objects}


def rebuild(parts: Parts, change: Callable[[list[Entry]], bytes]) -> None:
    """Gives the draft's tip another tree: what ``change`` makes of its entries."""
    name = next(name for name in parts.refs if name.startswith("refs/heads/plates"))
    data = parts_by_id(parts)[parts.refs[name]]
    commit = decode_commit(data)
    tree = parts.add("tree", change(entries_of(parts, commit.tree)))
    parts.objects = [(kind, found) for kind, found in parts.objects if found != data]
    parts.refs[name] = parts.add("commit", data.replace(commit.tree.encode(), tree.encode()))
    keep_what_is_needed(parts)


def replace_tip(parts: Parts, change: Callable[[bytes], bytes]) -> None:
    """Gives the draft another tip: what ``change`` makes of its bytes."""
    name = next(name for name in parts.refs if name.startswith("refs/heads/plates"))
    data = parts_by_id(parts)[parts.refs[name]]
    parts.objects = [(kind, found) for kind, found in parts.objects if found != data]
    parts.refs[name] = parts.add("commit", change(data))


def replace_tag(parts: Parts, change: Callable[[bytes], bytes]) -> None:
    """Gives the published version another tag: what ``change`` makes of its bytes."""
    name = next(name for name in parts.refs if name.startswith("refs/tags/plates"))
    data = parts_by_id(parts)[parts.refs[name]]
    parts.objects = [(kind, found) for kind, found in parts.objects if found != data]
    parts.refs[name] = parts.add("tag", change(data))


def replace_leaf(parts: Parts, change: Callable[[bytes], bytes]) -> None:
    """Gives the draft's tip a trie in which one leaf is other bytes."""
    by_id = parts_by_id(parts)

    def rebuilt(entries: list[Entry]) -> bytes:
        frames = next(entry.oid for entry in entries if entry.name == "frames")
        trie = decode_tree(by_id[frames])
        leaf = next(entry for entry in trie if entry.mode == BLOB_MODE)
        new = parts.add("blob", change(by_id[leaf.oid]))
        made = parts.add("tree", encode_tree([e._replace(oid=new) if e == leaf else e for e in trie]))
        return encode_tree([e._replace(oid=made) if e.name == "frames" else e for e in entries])

    rebuild(parts, rebuilt)


def replace_catalog(
    parts: Parts, change: Callable[[dict[str, bytes]], None], *, beginning: bool = True
) -> None:
    """Gives the bundle a catalog with other files; ``change`` gets their bytes by path.

    Unless it is a ``beginning``, the catalog's commit has the parents that it had.
    """
    by_id = parts_by_id(parts)
    tip = parts.refs["refs/heads/hdstore"]
    commit = decode_commit(by_id[tip])
    files: dict[str, bytes] = {}
    for entry in decode_tree(by_id[commit.tree]):
        if entry.mode == TREE_MODE:
            for below in decode_tree(by_id[entry.oid]):
                files[f"{entry.name}/{below.name}"] = by_id[below.oid]
        else:
            files[entry.name] = by_id[entry.oid]
    change(files)
    folders: dict[str, list[Entry]] = {}
    for path, data in files.items():
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, []).append(Entry(BLOB_MODE, name, parts.add("blob", data)))
    top = folders.pop("", [])
    top += [Entry(TREE_MODE, name, parts.add("tree", encode_tree(rows))) for name, rows in folders.items()]
    tree = parts.add("tree", encode_tree(top))
    data = by_id[tip].replace(commit.tree.encode(), tree.encode())
    if beginning:
        data = b"".join(line for line in data.splitlines(keepends=True) if not line.startswith(b"parent"))
    parts.refs["refs/heads/hdstore"] = parts.add("commit", data)
    keep_what_is_needed(parts)


def keep_what_is_needed(parts: Parts) -> None:
    """Drops the objects that no ref needs, and those that are there twice."""
    by_id = {object_id(kind, data): (kind, data) for kind, data in parts.objects}
    met: dict[str, tuple[str, bytes]] = {}
    waiting = list(parts.refs.values())
    while waiting:
        oid = waiting.pop()
        if oid in met or oid not in by_id:
            continue
        kind, data = met[oid] = by_id[oid]
        with suppress(DamagedError):  # what can not be read needs nothing
            waiting += [below for below, _ in referenced(kind, data)]
    parts.objects = list(met.values())


def take_copy(parts: Parts) -> Parts:
    return Parts(
        dict(parts.refs), list(parts.objects), dict(parts.needs), list(parts.media), dict(parts.header)
    )


@pytest.fixture(scope="module")
def giver(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Returns a repository with a published version, a draft, a view that pins and a medium; not to be changed."""
    made = hdstore.init(tmp_path_factory.mktemp("giver"), author=ADA)
    draft = made.create_dataset("plates").current()
    hash = made.media.keep_bytes(b"bytes of a medium")
    frames = [SingleFrame(id=f"f{number}", metadata={"n": number}) for number in range(100)]
    draft.add_frames([*frames, SingleFrame(id="m", sources=(Source(uri=f"media:{hash}"),))])
    _, draft = draft.snapshot(name="v1")
    draft.apply(SetFrameMetadata(frame_id="f1", set={"k": 1}))
    made.media.keep_bytes(b"another medium")
    return made


@pytest.fixture(scope="module")
def good(giver: Repository, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a bundle of all of it."""
    path = tmp_path_factory.mktemp("bundle") / "good.hdsb"
    giver.create_bundle(path, media="all")
    return path


@pytest.fixture
def parts(good: Path) -> Parts:
    """Returns the parts of the good bundle."""
    return take_apart(good)


@pytest.fixture(scope="module")
def taker(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Returns a repository of somebody else's, which every test leaves as it was."""
    made = hdstore.init(tmp_path_factory.mktemp("taker"), author=EVE)
    made.create_dataset("eves").current().add_frames([SingleFrame(id="x")])
    return made


@pytest.fixture
def refused(taker: Repository, tmp_path: Path) -> Callable[..., str]:
    """Returns a function that expects both verify and apply to refuse, and nothing to change; it returns the reason.

    That there are objects which no ref needs is no reason unless it is said: it would hide the one that is meant.
    """

    def check(parts: Parts | Path, *, stowaway: bool = False, **more: Any) -> str:
        path = parts if isinstance(parts, Path) else put_together(tmp_path / "bad.hdsb", parts, **more)
        before = state_of(taker)
        try:
            report = taker.verify_bundle(path)
        except HdstoreError as error:
            reason = str(error)
        else:
            assert report.problems, "verify found nothing"
            reason = "; ".join(f"{problem.where}: {problem.message}" for problem in report.problems)
        with pytest.raises(HdstoreError):
            taker.apply_bundle(path)
        assert state_of(taker) == before
        assert ("no ref of the bundle needs it" in reason) is stowaway, reason
        return reason

    return check
