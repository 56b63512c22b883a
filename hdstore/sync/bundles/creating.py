"""Making a bundle: objects are gathered in a temporary file first, so that the header can say what follows."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from hdstore.codec import decode_frame, split_leaf
from hdstore.codec.bundles import (
    BUNDLE_BATCH,
    Header,
    ObjectBatch,
    encode_bundle_record,
)
from hdstore.errors import DamagedError, MediaError, StorageError
from hdstore.ids import new_hasher
from hdstore.media import Media
from hdstore.model import Progress
from hdstore.store import TREE_MODE, Objects, decode_commit, decode_tree, files
from hdstore.sync.bundles.container import BundleWriter
from hdstore.sync.bundles.objectstream import ObjectPacker
from hdstore.sync.bundles.selecting import Selection, select
from hdstore.version import KEPT, kept_media

__all__ = ["BundleContent", "CreatedBundle", "create_bundle"]

_FRAMES = "/frames/"
_HASH = re.compile(r"[0-9a-f]{64}")
_PROGRESS_EVERY = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleContent:
    """What a bundle is to hold.

    ``refs`` are full names and object ids; ``since`` are commits that the receiver has; ``media`` says whether the
    media travel that the frames in the bundle name, ``more_media`` names others. ``called`` tells people what version a
    commit is of; ``format`` is the number of the repository's format, ``created`` seconds since 1970.
    """

    refs: Mapping[str, str]
    since: Iterable[str] = ()
    media: bool = False
    more_media: Iterable[str] = ()
    called: Callable[[str], str]
    format: int
    created: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedBundle:
    """What was made; sizes are bytes.

    ``size`` is that of the file and ``metadata_size`` the part of it that is not media. ``media_named`` are the media
    that the frames in the bundle name and that are kept here, with ``media_named_bytes``, whether they travel or not.
    ``lacking`` are media that were wanted but are not kept here.
    """

    path: Path
    hash: str
    size: int
    metadata_size: int
    refs: dict[str, str]
    needs: dict[str, str]
    objects: int
    media: int
    media_bytes: int
    media_named: int
    media_named_bytes: int
    lacking: tuple[str, ...]


@dataclass(slots=True)
class _Spool:
    """Encoded records of objects in a temporary file."""

    stream: BinaryIO
    records: int = 0
    size: int = 0
    objects: int = 0
    object_bytes: int = 0
    named: set[bytes] = field(default_factory=set)
    """The hashes of the kept media that frames among the objects name."""


def create_bundle(
    path: Path,
    objects: Objects,
    media: Media,
    tmp: Path,
    content: BundleContent,
    *,
    progress: Progress | None,
) -> CreatedBundle:
    """Writes a bundle; the file is there when it is whole, and after an exception as it was before.

    Raises AlreadyExistsError when another file stands there, MediaError for a medium that is damaged here, StorageError
    when there is no room.
    """
    selection = select(objects, content.refs, content.since, progress=progress)
    needs = {oid: content.called(oid) for oid in sorted(selection.needs)}
    with _spooled(objects, selection, tmp, progress) as spool:
        named = _sizes(media, spool.named)
        wanted = set(spool.named) if content.media else set()
        wanted.update(bytes.fromhex(name) for name in content.more_media if _HASH.fullmatch(name))
        sizes = _sizes(media, wanted)
        lacking = tuple(hash.hex() for hash in sorted(wanted - sizes.keys()))
        _check_room(path.parent, spool.size + sum(sizes.values()))
        writer = BundleWriter(path)
        try:
            writer.write(_header(content, needs, spool, sizes, lacking))
            writer.write_lists(content.refs, needs, lacking)
            _copy(spool, writer)
            metadata_size = writer.size
            _write_media(writer, media, sizes, progress)
            hash = writer.hash
            writer.finish()
        except BaseException:
            writer.abort()
            raise
    return CreatedBundle(
        path=path,
        hash=hash,
        size=writer.size,
        metadata_size=metadata_size,
        refs=dict(content.refs),
        needs=needs,
        objects=spool.objects,
        media=len(sizes),
        media_bytes=sum(sizes.values()),
        media_named=len(named),
        media_named_bytes=sum(named.values()),
        lacking=lacking,
    )


def _header(
    content: BundleContent,
    needs: Mapping[str, str],
    spool: _Spool,
    sizes: Mapping[bytes, int],
    lacking: Sequence[str],
) -> Header:
    return Header(
        created=content.created,
        format=content.format,
        refs=len(content.refs),
        needs=len(needs),
        objects=spool.objects,
        object_bytes=spool.object_bytes,
        media=len(sizes),
        media_bytes=sum(sizes.values()),
        lacking=len(lacking),
    )


@contextmanager
def _spooled(
    objects: Objects, selection: Selection, tmp: Path, progress: Progress | None
) -> Iterator[_Spool]:
    """Yields the objects of a selection as records in a temporary file, which is removed afterwards."""
    aside = files.new_name(tmp, "bundle")
    with files.storage_errors(f"gather objects in {tmp}"):
        descriptor = files.open_new(aside)
        # Without a name it goes with this process, whatever happens to that.
        aside.unlink()
    with os.fdopen(descriptor, "w+b") as stream, files.storage_errors(f"gather objects in {tmp}"):
        spool = _Spool(stream)

        def emit(batch: ObjectBatch) -> None:
            data = encode_bundle_record(batch)
            spool.records += 1
            spool.size += len(data)
            stream.write(data)

        known = _KnownFrames(objects, sorted(selection.needs))
        with ObjectPacker(emit) as packer:
            for number, piece in enumerate(selection.pieces):
                data = objects.read(piece.oid, piece.kind)
                packer.add(piece.kind, data, (piece.group, piece.path))
                if piece.kind == "blob" and piece.path.startswith(_FRAMES):
                    spool.named |= known.named_media(piece.path, data)
                if progress is not None and number % _PROGRESS_EVERY == 0:
                    progress("Gathering objects", number, len(selection.pieces))
        spool.objects, spool.object_bytes = packer.count, packer.size
        stream.seek(0)
        yield spool


class _KnownFrames:
    """Tells which frames of a leaf the receiver has not: those that the leaf in its place does not hold alike."""

    def __init__(self, objects: Objects, commits: Iterable[str]) -> None:
        self._objects = objects
        self._leaves: dict[str, list[str]] = {}
        seen: set[str] = set()
        for commit in commits:
            tree = decode_commit(objects.read(commit, "commit")).tree
            waiting = [
                ("", entry) for entry in decode_tree(objects.read(tree, "tree")) if entry.name == "frames"
            ]
            while waiting:
                path, entry = waiting.pop()
                if entry.oid in seen:
                    continue
                seen.add(entry.oid)
                path = f"{path}/{entry.name}"
                if entry.mode == TREE_MODE:
                    waiting += [(path, below) for below in decode_tree(objects.read(entry.oid, "tree"))]
                else:
                    self._leaves.setdefault(path, []).append(entry.oid)

    def named_media(self, path: str, leaf: bytes) -> set[bytes]:
        """Returns the hashes of the kept media that new frames of the leaf at ``path`` name."""
        if KEPT.encode() not in leaf:
            return set()
        known = {raw for oid in self._before(path) for raw in split_leaf(self._objects.read(oid, "blob"))}
        new = (decode_frame(raw) for raw in split_leaf(leaf) if raw not in known)
        names = (name for frame in new for name in kept_media(frame))
        return {bytes.fromhex(name) for name in names if _HASH.fullmatch(name)}

    def _before(self, path: str) -> list[str]:
        """Returns the leaves that the receiver has at a path, or at that of a larger group which was split since."""
        folder, _, bits = path.rpartition("/")
        for length in range(len(bits), 0, -1):
            if found := self._leaves.get(f"{folder}/{bits[:length]}"):
                return found
        return []


def _sizes(media: Media, hashes: Iterable[bytes]) -> dict[bytes, int]:
    """Returns the sizes of the media that are kept here, in the order of their hashes."""
    found = {}
    for hash in sorted(hashes):
        state = files.look(media.path_of(hash.hex())) if media.has(hash.hex()) else None
        if state is not None:
            found[hash] = state.st_size
    return found


def _check_room(folder: Path, needed: int) -> None:
    with files.storage_errors(f"write a bundle to {folder}"):
        free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"The bundle would take {needed:,} bytes, but the disk of {folder} has {free:,} left; free some space or"
            " leave media out."
        )


def _copy(spool: _Spool, writer: BundleWriter) -> None:
    writer.count += spool.records
    while chunk := spool.stream.read(BUNDLE_BATCH):
        writer.copy(chunk)


def _write_media(
    writer: BundleWriter, media: Media, sizes: Mapping[bytes, int], progress: Progress | None
) -> None:
    done, total = 0, sum(sizes.values())

    def chunks(stream: BinaryIO, size: int, hash: str) -> Iterator[bytes]:
        nonlocal done
        hasher, left = new_hasher(), size
        while left and (chunk := stream.read(min(BUNDLE_BATCH, left))):
            hasher.update(chunk)
            left -= len(chunk)
            done += len(chunk)
            if progress is not None:
                progress("Writing media", done, total)
            yield chunk
        if left or hasher.hexdigest() != hash:
            raise MediaError(
                f"The medium {hash} is damaged here; run 'hdstore fsck', and restore it from a copy."
            )

    for raw, size in sizes.items():
        hash = raw.hex()
        try:
            stream = media.path_of(hash).open("rb")
        except OSError as error:
            raise DamagedError(f"The medium {hash} can not be read: {error.strerror}.") from error
        with stream:
            writer.write_medium(hash, size, chunks(stream, size, hash))
