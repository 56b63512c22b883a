"""Reading and writing git objects: only the ``objects`` folder is opened, and no configuration is ever read.

Objects may come from a stranger or from a failing disk: what is read is bounded before it is inflated, and has its
hash when it is returned.
"""

from __future__ import annotations

import os
import stat
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from hdstore.errors import DamagedError
from hdstore.model import Progress
from hdstore.store import files
from hdstore.store.ancestry import Ancestry
from hdstore.store.bulk import BulkReader
from hdstore.store.gitobjects import OBJECT_LIMIT, check_oid, decode_commit, object_id
from hdstore.store.locks import Lock
from hdstore.store.loose import LooseWriter
from hdstore.store.pack import PackWriter
from hdstore.store.packfile import Bases, PackReader
from hdstore.store.presence import PackIndex, Presence, loose_path

__all__ = ["Objects", "Writer"]

_KINDS = (b"blob", b"tree", b"commit", b"tag")
_HEAD = 64
"""The first bytes of a loose object: its kind and size, and a zero."""


class Writer(Protocol):
    """Takes objects; they are readable, and on the disk, when its ``with`` block has ended."""

    def write(self, kind: str, data: bytes) -> str:
        """Returns the id of an object of this kind: blob, tree, commit or tag."""


class _Handle:
    """What one thread knows of the folder."""

    def __init__(self, folder: Path, generation: int) -> None:
        self.generation = generation
        self.presence = Presence(folder)
        self.readers: dict[PackIndex, PackReader] = {}


class Objects:
    """The objects of the repository at ``hds``; safe to share between threads."""

    def __init__(self, hds: Path) -> None:
        self._folder = hds / "objects"
        self._tmp = hds / "hdstore" / "tmp"
        self._lock = hds / "hdstore" / "locks" / "objects.lock"
        self._local = threading.local()
        self._generation = 0
        self._bases = Bases()
        self._ancestry = Ancestry(self._read_parents)

    def read(self, oid: str, kind: str | None = None) -> bytes:
        """Returns an object's bytes; raises DamagedError when it is missing, corrupt or of another kind."""
        found, data = self.read_any(oid)
        if kind is not None and found != kind:
            raise DamagedError(f"The object {oid} must be a {kind}, but it is a {found}.")
        return data

    def read_beginning(self, oid: str, length: int) -> bytes | None:
        """Returns the first ``length`` bytes of a blob if a pack holds it as it is, else None.

        Nothing of them is verified. They are for a caller that has a checksum of what it looks for, and reads the
        object where they do not fit, or where there are none.
        """
        check_oid(oid)
        try:
            reader = self._reader(oid)
            return None if reader is None else reader.read_beginning(bytes.fromhex(oid), length)
        except (DamagedError, OSError):
            return None

    def read_any(self, oid: str) -> tuple[str, bytes]:
        """Returns an object's kind and bytes."""
        check_oid(oid)
        try:
            found = self._read(oid)
        except (DamagedError, OSError):
            found = None
        if found is None:
            # Another process may have packed objects and removed the files that this handle still knows.
            self.refresh()
            with files.storage_errors(f"read the object {oid} from {self._folder}"):
                found = self._read(oid)
        if found is None:
            raise DamagedError(
                f"The object {oid} is missing from {self._folder}; fetch it from a remote or restore a copy."
            )
        return found

    def _read(self, oid: str) -> tuple[str, bytes] | None:
        try:
            # Saves are packs: what is loose was written by git itself.
            found = self._read_packed(oid) or self._read_loose(oid)
            if found is not None and object_id(*found) != oid:
                raise DamagedError("Its bytes do not have its hash.")
        except DamagedError as error:
            raise DamagedError(
                f"The object {oid} in {self._folder} is damaged ({str(error).rstrip('.')}); fetch it from a remote or"
                " restore a copy."
            ) from error
        return found

    def _read_loose(self, oid: str) -> tuple[str, bytes] | None:
        path = loose_path(self._folder, oid)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            return None
        with os.fdopen(descriptor, "rb", buffering=0) as stream:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_size > OBJECT_LIMIT:
                raise DamagedError("Something else than an object stands in its place.")
            return _inflate_loose(stream.read(found.st_size))

    def _read_packed(self, oid: str) -> tuple[str, bytes] | None:
        reader = self._reader(oid)
        return None if reader is None else reader.read(bytes.fromhex(oid))

    def _reader(self, oid: str) -> PackReader | None:
        """Returns the reader of a pack that has the object; None when none has it."""
        handle = self._handle()
        index = handle.presence.find(oid)
        if index is None:
            return None
        reader = handle.readers.get(index)
        if reader is None:
            reader = handle.readers[index] = PackReader(index, self._bases)
        return reader

    @contextmanager
    def bulk(self) -> Iterator[BulkReader]:
        """Yields a reader of many small objects, for one thread; each costs it a fraction of what ``read`` does."""
        reader = BulkReader(self._handle().presence.packs(), self._bases, self.read)
        try:
            yield reader
        finally:
            reader.close()

    def _read_parents(self, oid: str) -> tuple[int, tuple[str, ...]]:
        commit = decode_commit(self.read(oid, "commit"))
        return commit.committed, commit.parents

    def exists(self, oid: str) -> bool:
        """Says whether the object is there."""
        return self._handle().presence.has(check_oid(oid))

    def settle(self) -> None:
        """Finds what another program has written, and sees to it that its names are on the disk."""
        with files.storage_errors(f"flush {self._folder}"):
            for folder in (self._folder, self._folder / "pack"):
                files.flush_folder(folder)
        self.refresh()

    def refresh(self) -> None:
        """Makes every thread look at the disk again at its next call."""
        self._bases = Bases()
        self._generation += 1

    @contextmanager
    def loose(self) -> Iterator[Writer]:
        """Yields a writer for a few objects; at the end all are on the disk, after an exception none."""
        with self._writing() as presence:
            writer = LooseWriter(self._folder, self._tmp, presence)
            yield writer
            writer.finish()

    @contextmanager
    def pack(self, progress: Progress | None = None) -> Iterator[Writer]:
        """Yields a writer for many objects; at the end they are on the disk as one pack, or none on failure."""
        with self._writing() as presence:
            writer = PackWriter(self._folder / "pack", self._tmp, presence=presence, progress=progress)
            try:
                yield writer
                writer.finish()
            except BaseException:
                writer.abort()
                raise

    def adopt(self, pack: Path) -> bool:
        """Moves a finished pack and its index here from elsewhere on the disk, unless all that it holds is here.

        Returns whether it did. The caller has verified what the pack holds.
        """
        index = PackIndex(pack.with_suffix(".idx"))
        folder = self._folder / "pack"
        with self._writing() as presence:
            if all(presence.renew(raw.hex()) for raw in index):
                return False
            with files.storage_errors(f"move a pack to {folder}"):
                files.rename(pack, folder / pack.name)
                # Readers look for indexes: the pack must stand there when its index appears.
                files.rename(index.path, folder / index.path.name)
                files.flush_folder(folder)
        self.refresh()
        return True

    @contextmanager
    def _writing(self) -> Iterator[Presence]:
        # What a writer finds it does not write: nobody may collect objects until it has finished.
        with Lock(self._lock, what="the objects", shared=True):
            presence = self._handle().presence
            presence.refresh()
            yield presence

    def merge_bases(self, a: str, *others: str) -> list[str]:
        """Returns all best common ancestors of two commits, in the order of time, then of id.

        Several ``others`` stand for a commit that merges them.
        """
        return self._ancestry.merge_bases(a, *others)

    def exclusive(self, tip: str, *others: str) -> Iterator[str]:
        """Streams the commits that led to ``tip`` and to none of the others."""
        return self._ancestry.exclusive(tip, *others)

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Says whether ``descendant`` is ``ancestor`` or was made from it."""
        return self._ancestry.is_ancestor(ancestor, descendant)

    def _handle(self) -> _Handle:
        handle: _Handle | None = getattr(self._local, "handle", None)
        if handle is None or handle.generation != self._generation:
            handle = self._local.handle = _Handle(self._folder, self._generation)
        return handle


def _inflate_loose(stored: bytes) -> tuple[str, bytes]:
    inflate = zlib.decompressobj()
    try:
        head, separator, begun = inflate.decompress(stored, _HEAD).partition(b"\0")
        kind, _, digits = head.partition(b" ")
        if not separator or not digits.isdigit() or len(digits) > 20:
            raise DamagedError("It does not say what it is.")
        size = int(digits)
        if size > OBJECT_LIMIT:
            raise DamagedError(f"It says it has {size} bytes; more than {OBJECT_LIMIT} are not read.")
        # One byte more than there may be: whoever says too small a size is found out.
        data = begun + inflate.decompress(inflate.unconsumed_tail, max(1, size - len(begun) + 1))
    except zlib.error as error:
        raise DamagedError(f"It can not be inflated: {error}.") from error
    if len(data) != size or not inflate.eof or kind not in _KINDS:
        raise DamagedError("It is not as long as it says, or of an unknown kind.")
    return kind.decode(), data
