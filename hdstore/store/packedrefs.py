"""The file ``packed-refs``: refs that git has gathered into one list."""

from __future__ import annotations

import os
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from hdstore.errors import DamagedError, InvalidValueError
from hdstore.store import files
from hdstore.store.gitlock import GitLock
from hdstore.store.gitobjects import check_oid
from hdstore.store.locks import Lock
from hdstore.store.refnames import check_ref_name

__all__ = ["PACKED_REFS_LIMIT", "PackedRefs"]

PACKED_REFS_LIMIT = 256 << 20

_Stamp: TypeAlias = tuple[int, int, int]


class PackedRefs:
    """Reads the list again only when the file was replaced."""

    def __init__(self, hds: Path) -> None:
        self._path = hds / "packed-refs"
        self._tmp = hds / "hdstore" / "tmp"
        self._lock = hds / "hdstore" / "locks" / "packed-refs.lock"
        self._known: tuple[_Stamp | None, MappingProxyType[str, str]] = (None, MappingProxyType({}))

    def all(self) -> MappingProxyType[str, str]:
        """Returns all packed refs by name."""
        stamp = self._stamp()
        known, refs = self._known
        if stamp != known:
            data = files.read_file(self._path, limit=PACKED_REFS_LIMIT) or b""
            refs = MappingProxyType(self._parse(data))
            self._known = (stamp, refs)
        return refs

    def remove(self, name: str) -> None:
        """Takes a ref off the list; this is on the disk when it returns."""
        if name not in self.all():
            return
        with Lock(self._lock, what="the packed refs"), GitLock(self._path, self._tmp) as lock:
            lines = (files.read_file(self._path, limit=PACKED_REFS_LIMIT) or b"").splitlines(keepends=True)
            kept: list[bytes] = []
            skipping = False
            for line in lines:
                if not line.startswith(b"^"):
                    skipping = line.rstrip(b"\n").partition(b" ")[2] == name.encode()
                if not skipping:
                    kept.append(line)
            lock.write(b"".join(kept))
            lock.commit()

    def _stamp(self) -> _Stamp | None:
        with files.storage_errors(f"read {self._path}"):
            try:
                found = os.stat(self._path, follow_symlinks=False)
            except FileNotFoundError:
                return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _parse(self, data: bytes) -> dict[str, str]:
        refs: dict[str, str] = {}
        for number, line in enumerate(data.splitlines(), 1):
            if line[:1] in (b"#", b"^"):
                continue
            try:
                oid, _, name = line.decode().partition(" ")
                refs[check_ref_name(name)] = check_oid(oid)
            except (InvalidValueError, UnicodeDecodeError) as error:
                raise DamagedError(f"Line {number} of {self._path} is not a ref: {error}") from error
        return refs
