"""Bundles as a stranger may make them: every part can be other than it should be."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hdstore import Repository
from hdstore.codec.bundles import BUNDLE_BATCH, Chunk, Header, Medium, Needs, ObjectBatch, RefRows
from hdstore.ids import content_hash
from hdstore.store.gitobjects import new_object_id
from hdstore.sync.bundles.container import BundleWriter, open_bundle
from hdstore.sync.bundles.objectstream import KINDS, ObjectUnpacker


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

    def swap(self, change: Callable[[str, bytes], bytes | None]) -> None:
        """Replaces objects by what ``change`` makes of them, without looking who names them."""
        self.objects = [(kind, change(kind, data) or data) for kind, data in self.objects]


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
    writer.write_rows(RefRows, [(name, bytes.fromhex(oid)) for name, oid in sorted(parts.refs.items())])
    writer.write_rows(Needs, [(bytes.fromhex(oid), text) for oid, text in sorted(parts.needs.items())])
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
