"""Reading and writing git objects; the only door to libgit2's object database.

Reading goes through libgit2 without a repository around it: only the ``objects`` folder is opened, so that no
configuration of a stranger, of the user or of the system is ever read. Writing is our own (``loose``,
``pack``).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pygit2

from hdstore.errors import DamagedError
from hdstore.model import Progress
from hdstore.store import files
from hdstore.store.gitobjects import OBJECT_LIMIT, check_oid, object_id
from hdstore.store.locks import Lock
from hdstore.store.loose import LooseWriter
from hdstore.store.pack import PackWriter
from hdstore.store.presence import Presence

__all__ = ["Objects", "Writer"]

_KINDS = {
    int(pygit2.enums.ObjectType.COMMIT): "commit",
    int(pygit2.enums.ObjectType.TREE): "tree",
    int(pygit2.enums.ObjectType.BLOB): "blob",
    int(pygit2.enums.ObjectType.TAG): "tag",
}


class Writer(Protocol):
    """Takes objects; they are readable, and on the disk, when its ``with`` block has ended."""

    def write(self, kind: str, data: bytes) -> str:
        """Returns the id of an object of this kind: blob, tree, commit or tag."""


def _disarm() -> None:
    """Makes libgit2 read no configuration but a repository's own, and leave trust and hashes to us."""
    for level in (
        pygit2.enums.ConfigLevel.SYSTEM,
        pygit2.enums.ConfigLevel.GLOBAL,
        pygit2.enums.ConfigLevel.XDG,
        pygit2.enums.ConfigLevel.PROGRAMDATA,
    ):
        pygit2.settings.search_path[level] = ""
    # Owners are judged before opening (``safety``), with a clearer answer.
    pygit2.settings.owner_validation = False
    # Hashes are verified here with OpenSSL's SHA-1, which takes a fourth of the time of libgit2's.
    pygit2.settings.enable_strict_hash_verification(False)


_disarm()


class _Handle:
    """What one thread has open."""

    def __init__(self, folder: Path, generation: int) -> None:
        self.generation = generation
        self.odb = pygit2.Odb(str(folder))
        self.graph = pygit2.Repository()
        self.graph.set_odb(self.odb)
        self.presence = Presence(folder)


class Objects:
    """The objects of the repository at ``hds``; safe to share between threads."""

    def __init__(self, hds: Path) -> None:
        self._folder = hds / "objects"
        self._tmp = hds / "hdstore" / "tmp"
        self._lock = hds / "hdstore" / "locks" / "objects.lock"
        self._local = threading.local()
        self._generation = 0

    def read(self, oid: str, kind: str | None = None) -> bytes:
        """Returns an object's bytes; raises DamagedError when it is missing, corrupt or of another kind."""
        found, data = self.read_any(oid)
        if kind is not None and found != kind:
            raise DamagedError(f"The object {oid} must be a {kind}, but it is a {found}.")
        return data

    def read_any(self, oid: str) -> tuple[str, bytes]:
        """Returns an object's kind and bytes."""
        check_oid(oid)
        try:
            return self._read(oid)
        except (KeyError, ValueError, OSError, pygit2.GitError):
            # Another process may have packed objects and removed the files that this handle still knows.
            self.refresh()
        try:
            return self._read(oid)
        except KeyError as error:
            raise DamagedError(
                f"The object {oid} is missing from {self._folder}; fetch it from a remote or restore a copy."
            ) from error
        except (ValueError, OSError, pygit2.GitError) as error:
            raise DamagedError(
                f"The object {oid} in {self._folder} is damaged ({error}); fetch it from a remote or "
                "restore a copy."
            ) from error

    def _read(self, oid: str) -> tuple[str, bytes]:
        odb = self._handle().odb
        _, size = odb.read_header(oid)
        if size > OBJECT_LIMIT:
            raise DamagedError(
                f"The object {oid} says it has {size} bytes; more than {OBJECT_LIMIT} are not read."
            )
        number, data = odb.read(oid)
        kind = _KINDS[int(number)]
        if object_id(kind, data) != oid:
            raise ValueError("its bytes do not have its hash")
        return kind, data

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

    @contextmanager
    def _writing(self) -> Iterator[Presence]:
        # What a writer finds it does not write: nobody may collect objects until it has finished.
        with Lock(self._lock, what="the objects", shared=True):
            presence = self._handle().presence
            presence.refresh()
            yield presence

    def merge_base(self, a: str, b: str) -> str | None:
        """Returns a best common ancestor of two commits, or None when they have none."""
        base: Any = self._graph(a, b).merge_base(a, b)
        return None if base is None else str(base)

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Says whether ``descendant`` is ``ancestor`` or was made from it."""
        if ancestor == descendant:
            return True
        return bool(self._graph(ancestor, descendant).descendant_of(descendant, ancestor))

    def _graph(self, *commits: str) -> pygit2.Repository:
        for oid in commits:
            self.read(oid, "commit")
        return self._handle().graph

    def _handle(self) -> _Handle:
        handle: _Handle | None = getattr(self._local, "handle", None)
        if handle is None or handle.generation != self._generation:
            try:
                handle = _Handle(self._folder, self._generation)
            except (pygit2.GitError, OSError, KeyError) as error:
                raise DamagedError(f"The folder {self._folder} can not be opened: {error}.") from error
            self._local.handle = handle
        return handle
