"""Remotes as a stranger may make them: git objects and refs, whole and wrong; and what is to be kept in spite of it."""

from __future__ import annotations

import hashlib
import json
import resource
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

import hdstore
from hdstore import Author, Repository, SetFrameMetadata
from hdstore.codec import decode_dataset, encode_dataset
from hdstore.model import DatasetDocument
from hdstore.store import BLOB_MODE, TREE_MODE, Objects, Refs, decode_commit, decode_tag, decode_tree

EVE = Author("Eve", "eve@example.org")

Parts = Mapping[str, tuple[int, str]]
"""Modes and ids by name."""


@dataclass(frozen=True)
class Forger:
    """Writes into the repository of a folder what its program never would."""

    folder: Path

    @property
    def hds(self) -> Path:
        return self.folder / ".hds"

    def ref(self, name: str, oid: str) -> None:
        """Sets a ref, whatever it was."""
        path = self.hds / "refs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{oid}\n")

    def refs(self) -> dict[str, str]:
        """Returns branches and tags, without the first part of their names."""
        found = Refs(self.hds)
        listed = {**found.list("refs/heads/"), **found.list("refs/tags/")}
        return {name.removeprefix("refs/"): oid for name, oid in listed.items()}

    def write(self, kind: str, data: bytes) -> str:
        """Writes a loose object; whether it makes sense is not asked."""
        whole = b"%s %d\0" % (kind.encode(), len(data)) + data
        oid = hashlib.sha1(whole).hexdigest()
        path = self.hds / "objects" / oid[:2] / oid[2:]
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            path.write_bytes(zlib.compress(whole, 1))
        return oid

    def read(self, oid: str) -> bytes:
        """Returns an object's bytes."""
        return Objects(self.hds).read(oid)

    def tree(self, rows: Iterable[tuple[int, str, str]]) -> str:
        """Writes a tree with these modes, names and ids, in this order."""
        return self.write(
            "tree",
            b"".join(b"%o %s\0" % (mode, name.encode()) + bytes.fromhex(oid) for mode, name, oid in rows),
        )

    def sorted_tree(self, parts: Parts) -> str:
        """Writes a tree in the order that git asks for."""
        rows = [(mode, name, oid) for name, (mode, oid) in parts.items()]
        return self.tree(sorted(rows, key=lambda row: row[1] + "/" * (row[0] == TREE_MODE)))

    def commit(
        self, tree: str, *parents: str, time: str = "1700000000", name: str = "Eve", message: str = "Forged"
    ) -> str:
        """Writes a commit."""
        lines = [f"tree {tree}", *(f"parent {oid}" for oid in parents)]
        lines += [f"{role} {name} <eve@example.org> {time} +0000" for role in ("author", "committer")]
        return self.write("commit", "\n".join([*lines, "", message, ""]).encode())

    def tag(self, target: str, name: str, *, kind: str = "commit") -> str:
        """Writes an annotated tag."""
        text = f"object {target}\ntype {kind}\ntag {name}\ntagger Eve <eve@example.org> 1700000000 +0000\n\nForged\n"
        return self.write("tag", text.encode())

    def parts(self, commit: str) -> dict[str, tuple[int, str]]:
        """Returns what the tree of a commit holds."""
        entries = decode_tree(self.read(decode_commit(self.read(commit)).tree))
        return {entry.name: (entry.mode, entry.oid) for entry in entries}

    def path(self, name: str) -> str:
        """Returns the ids of a version that is called ``plates/NAME``: ``<dataset id>/<version id>``."""
        with hdstore.open(self.folder, author=EVE) as repository:
            version = repository.version(f"plates/{name}")
            return f"{version.dataset.id}/{version.id}"

    def tip(self, name: str) -> str:
        """Returns the commit of the version ``plates/NAME``."""
        found, path = self.refs(), self.path(name)
        if f"heads/{path}" in found:
            return found[f"heads/{path}"]
        return decode_tag(self.read(found[f"tags/{path}"])).target

    def tree_of(self, name: str) -> str:
        """Returns the tree of the version ``plates/NAME``."""
        return decode_commit(self.read(self.tip(name))).tree

    def draft(self, changes: Mapping[str, bytes | tuple[int, str] | None], *, version: str = "side") -> str:
        """Makes the next commit of a draft, of which some parts are these blobs or objects; returns its id."""
        name = f"heads/{self.path(version)}"
        before = self.refs()[name]
        parts = self.parts(before)
        for part, value in changes.items():
            if value is None:
                parts.pop(part)
            else:
                parts[part] = (BLOB_MODE, self.write("blob", value)) if isinstance(value, bytes) else value
        oid = self.commit(self.sorted_tree(parts), before)
        self.ref(name, oid)
        return oid

    def catalog(
        self, documents: Mapping[str, bytes | None], *, parent: bool = True, format: bytes = b"1\n"
    ) -> str:
        """Makes the next commit of the catalog with these files in ``datasets/`` changed; returns its id."""
        before = self.refs()["heads/hdstore"]
        parts = self.parts(before)
        listed = {e.name: (e.mode, e.oid) for e in decode_tree(self.read(parts["datasets"][1]))}
        for name, data in documents.items():
            if data is None:
                listed.pop(name)
            else:
                listed[name] = (BLOB_MODE, self.write("blob", data))
        parts["datasets"] = (TREE_MODE, self.sorted_tree(listed))
        parts["format"] = (BLOB_MODE, self.write("blob", format))
        oid = self.commit(self.sorted_tree(parts), *([before] if parent else []))
        self.ref("heads/hdstore", oid)
        return oid

    def document(self) -> tuple[str, bytes]:
        """Returns the file name of the first dataset's document, and its bytes."""
        entry = decode_tree(self.read(self.parts(self.refs()["heads/hdstore"])["datasets"][1]))[0]
        return entry.name, self.read(entry.oid)


Forge = Callable[[Forger], object]
"""Makes something of a remote."""


def document(change: Callable[[dict[str, Any]], object]) -> Forge:
    """Returns what gives the document of the dataset other contents, canonical as ever."""

    def forge(forger: Forger) -> None:
        name, data = forger.document()
        plain = json.loads(data)
        change(plain)
        forger.catalog({name: encode_dataset(decode_dataset(json.dumps(plain).encode(), name))})

    return forge


def as_bytes(change: Callable[[bytes], bytes]) -> Forge:
    """Returns what gives the document of the dataset other bytes."""
    return lambda forger: forger.catalog({forger.document()[0]: change(forger.document()[1])})


def changed(data: bytes, change: Callable[[dict[str, Any]], object]) -> DatasetDocument:
    plain = json.loads(data)
    change(plain)
    document: DatasetDocument = msgspec.convert(plain, DatasetDocument)
    return document


@pytest.fixture
def hub(repository: Repository, place: Path) -> Forger:
    """Returns the remote of the test's repository, which has work that the remote has not seen."""
    repository.add_remote("origin", str(place / "hub"))
    repository.push()
    repository.version("plates/side").apply(SetFrameMetadata(frame_id="f7", set={"work": "ours"}))
    return Forger(place / "hub")


@pytest.fixture
def bounded() -> Iterator[None]:
    """Lets the process have 2 GiB more than it has, and fails what takes longer than twenty seconds."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (2 << 30), before[1]))
    begun = time.monotonic()
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)
    assert time.monotonic() - begun < 20


def refs(repository: Repository) -> dict[str, str]:
    """Returns all that a repository says it has, also of what others have."""
    found: dict[str, str] = repository._core.refs.list("refs/")
    return {name: oid for name, oid in found.items() if not name.startswith("refs/hdstore/incoming/")}


def is_whole(repository: Repository, git_fsck: Callable[[Path], str]) -> None:
    assert repository.fsck() == []
    # What git refuses at the very end of a fetch it leaves behind, where no ref names it.
    repository.gc(grace=0)
    assert git_fsck(repository.folder) == ""


def is_kept(repository: Repository, before: dict[str, str]) -> None:
    """Checks that all that was published here still is, and all that was saved is part of a draft or publication."""
    core: Any = repository._core
    now = refs(repository)
    tips = {oid for name, oid in now.items() if name.startswith("refs/heads/")}
    for name, oid in before.items():
        if name.startswith("refs/tags/"):
            assert now[name] == oid, name
        elif name.startswith("refs/heads/"):
            assert any(core.objects.is_ancestor(oid, tip) for tip in tips), name
