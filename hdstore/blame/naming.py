"""Commits by their ids, with the path of the version each was made in; read and verified once."""

from __future__ import annotations

from collections.abc import Callable

from hdstore.blame.values import Credit
from hdstore.codec import decode_version
from hdstore.errors import DamagedError
from hdstore.model import Commit
from hdstore.store import Objects, decode_commit, decode_tree

__all__ = ["Namer"]


class Namer:
    """Reads the commits that are named in one answer."""

    def __init__(self, objects: Objects, named: Callable[[str, str], str]) -> None:
        self._objects = objects
        self._named = named
        self._credits: dict[bytes, Credit] = {}
        self._versions: dict[str, tuple[str, str]] = {}

    def credit(self, oid: bytes) -> Credit:
        """Returns a commit with the version it was made in."""
        found = self._credits.get(oid)
        if found is None:
            found = self._credits[oid] = self._read(oid.hex())
        return found

    def _read(self, oid: str) -> Credit:
        data = decode_commit(self._objects.read(oid, "commit"))
        version_id, path = self._version(oid, data.tree)
        commit = Commit(
            id=oid,
            parents=data.parents,
            author=data.author,
            time=data.time,
            message=data.message.rstrip("\n"),
            version_id=version_id,
        )
        return Credit(commit=commit, version=path)

    def _version(self, commit: str, tree: str) -> tuple[str, str]:
        entries = {entry.name: entry.oid for entry in decode_tree(self._objects.read(tree, "tree"))}
        blob = entries.get("version")
        if blob is None:
            raise DamagedError(f"Commit {commit} is not a version: it holds no version.")
        if blob not in self._versions:
            document = decode_version(self._objects.read(blob, "blob"))
            self._versions[blob] = document.id, self._named(document.dataset_id, document.id)
        return self._versions[blob]
