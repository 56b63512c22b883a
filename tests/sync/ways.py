"""The ways in which a repository can be reached, for tests that are to hold for each; and small repositories."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sync.servers import HttpsServer, SshServer

from hdstore.model import Author
from hdstore.store import (
    BLOB_MODE,
    Entry,
    Layout,
    Objects,
    Refs,
    RefUpdate,
    encode_commit,
    encode_tag,
    encode_tree,
)
from hdstore.sync.embedded import Embedded
from hdstore.sync.gitprogram import GitProgram
from hdstore.sync.urls import parse_place

ALL = ("+refs/heads/*:refs/hdstore/incoming/hub/heads/*", "+refs/tags/*:refs/hdstore/incoming/hub/tags/*")
INCOMING = "refs/hdstore/incoming/hub/"


@dataclass
class Way:
    """One way: by git or libgit2, to a folder, through ssh or https. ``slept`` are the pauses before further tries."""

    program: bool
    kind: str
    server: SshServer | HttpsServer | None
    home: Path
    slept: list[float] = field(default_factory=list)

    def url(self, folder: Path, *, port: int | None = None) -> str:
        """Returns what a folder is called on this way."""
        return str(folder) if self.server is None else self.server.url(folder, port=port)

    def connect(
        self, ours: Layout, folder: Path, *, port: int | None = None, create: bool = False, **bounds: int
    ) -> GitProgram | Embedded:
        """Returns the transport to the repository in ``folder``, through a forwarded port if one is given."""
        if port is not None and isinstance(self.server, SshServer):
            self.server.admit(self.home, port)
        kind = GitProgram if self.program else Embedded
        place = parse_place(self.url(folder, port=port))
        return kind(ours, place, create=create, sleep=self.slept.append, **bounds)

    @property
    def at_once(self) -> bool:
        """Whether several refs of the other side move together or not at all."""
        return self.program or self.kind == "path"


@pytest.fixture(
    params=[(program, kind) for kind in ("path", "ssh", "https") for program in (True, False)],
    ids=lambda param: f"{param[1]}-{'git' if param[0] else 'libgit2'}",
)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Way:
    """Returns each way in turn; the user may enter."""
    program, kind = request.param
    home = tmp_path / "home"
    server = None
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    if kind == "ssh":
        server = request.getfixturevalue("ssh_server")
        server.admit(home)
        monkeypatch.setenv("GIT_SSH_COMMAND", server.command(home))
    elif kind == "https":
        server = request.getfixturevalue("https_server")
        monkeypatch.setenv("GIT_SSL_CAINFO", str(server.authority))
    return Way(program, kind, server, home)


def new_repository(folder: Path) -> Layout:
    """Makes an empty repository."""
    folder.mkdir()
    layout = Layout(folder)
    layout.create()
    return layout


def commit(layout: Layout, *contents: bytes, parents: Sequence[str] = ()) -> str:
    """Writes a commit that holds a file for each of ``contents``; returns its id."""
    with Objects(layout.hds).loose() as writer:
        entries = [
            Entry(name=f"{number:05}", oid=writer.write("blob", data), mode=BLOB_MODE)
            for number, data in enumerate(contents)
        ]
        tree = writer.write("tree", encode_tree(entries))
        data = encode_commit(
            tree=tree, parents=parents, author=Author("A", "a@example.org"), time=1700000000, message="saved"
        )
        return writer.write("commit", data)


def tag(layout: Layout, name: str, target: str) -> str:
    """Writes an annotated tag; returns its id."""
    with Objects(layout.hds).loose() as writer:
        data = encode_tag(
            target=target, name=name, author=Author("A", "a@example.org"), time=1700000000, message="kept"
        )
        return writer.write("tag", data)


def put(layout: Layout, **refs: str) -> None:
    """Moves branches to commits."""
    known = Refs(layout.hds)
    for name, oid in refs.items():
        full = f"refs/heads/{name}"
        known.update(RefUpdate(full, known.get(full), oid))


def incoming(layout: Layout) -> dict[str, str]:
    """Returns what a fetch of ``ALL`` has brought, by the names on the other side."""
    found = Refs(layout.hds).list(INCOMING)
    return {name.replace(INCOMING, "refs/"): oid for name, oid in found.items()}


def whole(*layouts: Layout) -> None:
    """Checks that nothing is missing or damaged in the repositories."""
    for layout in layouts:
        done = subprocess.run(
            ["git", f"--git-dir={layout.hds}", "fsck", "--strict", "--no-dangling"],
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, b""), done
