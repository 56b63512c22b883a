"""What no version, ref or catalog is, from a remote that somebody prepared: refused in a sentence, and nothing moves.

Nothing of it runs, nothing outside of the repository is read or written, and it costs neither memory nor time. What a
folder may hold beside objects and refs (settings, hooks, links) is the matter of ``test_hostile_folder``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.forger import (  # noqa: F401
    EVE,
    Forge,
    Forger,
    as_bytes,
    changed,
    document,
    is_kept,
    is_whole,
    refs,
)
from sync.servers import HttpsServer, SshServer, https_server, https_site, ssh_server  # noqa: F401

import hdstore
from hdstore import (
    Author,
    DamagedError,
    HdstoreError,
    RemoteError,
    Repository,
    SetFrameMetadata,
    SingleFrame,
    Stats,
)
from hdstore.codec import (
    encode_frame,
    encode_stats,
    join_leaf,
    split_leaf,
)
from hdstore.store import BLOB_MODE, TREE_MODE, decode_tree

ADA = Author("Ada Lovelace", "ada@example.org")
DEEP = 100_000
LINK, GITLINK = 0o120000, 0o160000


# What no version is


def leaves(forger: Forger, tree: str) -> list[tuple[str, str]]:
    """Returns the names and ids of the leaves right below a tree."""
    return [(entry.name, entry.oid) for entry in decode_tree(forger.read(tree)) if entry.mode == BLOB_MODE]


def with_frames(change: Callable[[Forger, str], str]) -> Forge:
    """Returns what gives a draft the tree of frames that ``change`` makes of the one it has."""

    def forge(forger: Forger) -> None:
        tip = forger.refs()[f"heads/{forger.path('side')}"]
        tree = change(forger, forger.parts(tip)["frames"][1])
        forger.draft({"frames": (TREE_MODE, tree)})

    return forge


def with_leaf(change: Callable[[bytes], bytes]) -> Forge:
    """Returns what gives a draft other bytes in the first leaf of its frames."""

    def frames(forger: Forger, tree: str) -> str:
        rows = [(entry.mode, entry.name, entry.oid) for entry in decode_tree(forger.read(tree))]
        at = next(n for n, row in enumerate(rows) if row[0] == BLOB_MODE)
        new = forger.write("blob", change(forger.read(rows[at][2])))
        return forger.tree([*rows[:at], (BLOB_MODE, rows[at][1], new), *rows[at + 1 :]])

    return with_frames(frames)


def with_tree(mode: int, name: str) -> Forge:
    """Returns what gives the tree of a draft's frames one more entry."""

    def frames(forger: Forger, tree: str) -> str:
        rows = [(entry.mode, entry.name, entry.oid) for entry in decode_tree(forger.read(tree))]
        return forger.tree([*rows, (mode, name, forger.write("blob", b"/etc/passwd"))])

    return with_frames(frames)


def everywhere(forger: Forger, tree: str) -> str:
    """Sixty trees that name each other sixteen times."""
    made = forger.tree((BLOB_MODE, f"{n:04b}", leaves(forger, tree)[0][1]) for n in range(16))
    for _ in range(60):
        made = forger.tree((TREE_MODE, f"{n:04b}", made) for n in range(16))
    return made


def too_deep(forger: Forger, tree: str) -> str:
    """Two thousand trees, one inside the other."""
    made = forger.tree([(BLOB_MODE, "0000", leaves(forger, tree)[0][1])])
    for _ in range(2000):
        made = forger.tree([(TREE_MODE, "0000", made)])
    return made


def hostile(head: bytes) -> bytes:
    """Returns a leaf that begins so and never ends."""
    return b"\x91\x83\xa1@\xa6single\xa2id\xa2f1\xa8metadata\x81\xa1k" + head


LEAVES: dict[str, Callable[[bytes], bytes]] = {
    "frames in another order": lambda leaf: join_leaf(split_leaf(leaf)[::-1]),
    "a frame twice": lambda leaf: join_leaf([*split_leaf(leaf), split_leaf(leaf)[-1]]),
    "a frame of another place": lambda leaf: join_leaf([encode_frame(SingleFrame(id="f1x"))]),
    "no frame": lambda leaf: join_leaf([]),
    "too many frames": lambda leaf: join_leaf([encode_frame(SingleFrame(id=f"x{n}")) for n in range(70_000)]),
    "cut short": lambda leaf: leaf[:-1],
    "more behind": lambda leaf: leaf + b"\x00",
    "other bytes": lambda leaf: b"no leaf",
    "a count of four billion": lambda leaf: b"\xdd\xff\xff\xff\xff" + leaf[1:],
    "lists in lists": lambda leaf: hostile(b"\x91" * DEEP + b"\x01"),
    "a text of four gigabytes": lambda leaf: hostile(b"\xdb\xff\xff\xff\xff"),
    "not canonical": lambda leaf: join_leaf(
        [b"\x83\xa2id\xa2f1\xa1@\xa6single\xa5extra\x80", *split_leaf(leaf)[1:]]
    ),
}

PARTS: dict[str, Forge] = {
    **{
        f"no {part}": lambda f, part=part: f.draft({part: None})
        for part in ("version", "schema", "stats", "frames")
    },
    **{
        f"{part} of nonsense": lambda f, part=part: f.draft({part: b"\x91" * DEEP})
        for part in ("version", "schema", "stats")
    },
    "an entry that no version has": lambda f: f.draft({"more": b"x"}),
    "a link to a file": lambda f: f.draft({"more": (LINK, f.write("blob", b"/etc/passwd"))}),
    "a link for the version": lambda f: f.draft({"version": (LINK, f.write("blob", b"/etc/passwd"))}),
    "another repository inside": lambda f: f.draft({"more": (GITLINK, "1" * 40)}),
    "submodules": lambda f: f.draft(
        {".gitmodules": b'[submodule "x"]\n\tpath = x\n\turl = --upload-pack=x\n'}
    ),
    "frames that are a blob": lambda f: f.draft({"frames": b"x"}),
    "a schema that is a tree": lambda f: f.draft({"schema": (TREE_MODE, f.sorted_tree({}))}),
    "statistics that are not true": lambda f: f.draft({"stats": encode_stats(Stats(frames=7))}),
    "the version of another draft": lambda f: f.draft({"version": f.parts(f.tip("Current"))["version"]}),
    "trees that stand everywhere": with_frames(everywhere),
    "trees without end": with_frames(too_deep),
    "a leaf that is a tree": with_frames(
        lambda f, tree: f.tree(
            [(TREE_MODE, "0000", f.sorted_tree({})), (BLOB_MODE, "0001", f.write("blob", b"\x90"))]
        )
    ),
    "an entry that is no place": with_tree(BLOB_MODE, "x"),
    "a link among the leaves": with_tree(LINK, "1111"),
    "a name that climbs": with_tree(BLOB_MODE, ".."),
    "conflicts of nonsense": lambda f: f.draft(
        {"conflicts": (TREE_MODE, f.sorted_tree({"0000": (BLOB_MODE, f.write("blob", b"\x91" * DEEP))}))}
    ),
    "conflicts without end": lambda f: f.draft(
        {"conflicts": (TREE_MODE, everywhere(f, f.parts(f.tip("side"))["frames"][1]))}
    ),
    "conflicts that are a blob": lambda f: f.draft({"conflicts": b"x"}),
    **{f"a leaf: {name}": with_leaf(change) for name, change in LEAVES.items()},
}


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("name", PARTS)
def test_a_draft_that_is_no_version_is_refused(
    name: str, repository: Repository, hub: Forger, git_fsck: Callable[[Path], str]
) -> None:
    """The error names the remote or the version; nothing moves by a pull, a fetch, a push or a clone."""
    PARTS[name](hub)
    before = refs(repository)
    for exchange in (repository.pull, repository.fetch, repository.push):
        with pytest.raises((DamagedError, RemoteError)) as caught:
            exchange()
        said = str(caught.value)
        assert "plates/side" in said or "origin" in said or str(hub.folder) in said
        assert "\n" not in said
        assert refs(repository) == before
    is_whole(repository, git_fsck)
    clone = hub.folder.parent / "clone"
    with pytest.raises(HdstoreError):
        hdstore.clone(hub.folder, clone, author=ADA)
    assert not clone.exists()
    repository.version("plates/side").apply(SetFrameMetadata(frame_id="f8", set={"work": "goes on"}))


# Refs that say what is not so

REFS: dict[str, Forge] = {
    "a draft that is a tag": lambda f: f.ref(f"heads/{f.path('side')}", f.tag(f.tip("side"), f.path("side"))),
    "a draft that is a blob": lambda f: f.ref(f"heads/{f.path('side')}", f.write("blob", b"x")),
    "a draft that is a tree": lambda f: f.ref(f"heads/{f.path('side')}", f.sorted_tree({})),
    "a draft that is the catalog": lambda f: f.ref(f"heads/{f.path('side')}", f.refs()["heads/hdstore"]),
    "a draft made from the catalog": lambda f: f.ref(
        f"heads/{f.path('side')}", f.commit(f.sorted_tree(f.parts(f.tip("side"))), f.refs()["heads/hdstore"])
    ),
    "a draft that is another one": lambda f: f.ref(f"heads/{f.path('side')}", f.tip("Current")),
    "a publication without a tag": lambda f: f.ref(f"tags/{f.path('side')}", f.tip("side")),
    "a publication of another draft": lambda f: f.ref(
        f"tags/{f.path('side')}", f.tag(f.tip("Current"), f.path("side"))
    ),
    "a tag of another name": lambda f: f.ref(f"tags/{f.path('side')}", f.tag(f.tip("side"), f.path("first"))),
    "a tag of a tag": lambda f: f.ref(
        f"tags/{f.path('side')}", f.tag(f.refs()[f"tags/{f.path('first')}"], f.path("side"), kind="tag")
    ),
    "a tag of a blob": lambda f: f.ref(
        f"tags/{f.path('side')}", f.tag(f.write("blob", b"x"), f.path("side"), kind="blob")
    ),
    "a tag that lies about its kind": lambda f: f.ref(
        f"tags/{f.path('side')}", f.tag(f.write("blob", b"x"), f.path("side"))
    ),
    "a commit kept under another name": lambda f: f.ref("tags/keep/" + "0" * 40, f.tip("side")),
    "a catalog that is a blob": lambda f: f.ref("heads/hdstore", f.write("blob", b"x")),
    "a catalog that is a tag": lambda f: f.ref("heads/hdstore", f.tag(f.refs()["heads/hdstore"], "hdstore")),
    "a catalog that is a draft": lambda f: f.ref("heads/hdstore", f.tip("side")),
    "a time before all times": lambda f: f.ref(
        f"heads/{f.path('side')}", f.commit(f.tree_of("side"), f.tip("side"), time="-1")
    ),
    "a time after all times": lambda f: f.ref(
        f"heads/{f.path('side')}", f.commit(f.tree_of("side"), f.tip("side"), time="9" * 30)
    ),
    "an author of two lines": lambda f: f.ref(
        f"heads/{f.path('side')}", f.commit(f.tree_of("side"), f.tip("side"), name="Eve\ngpgsig x")
    ),
    "an object that is missing": lambda f: f.ref(
        f"heads/{f.path('side')}", f.commit("1" * 40, f.tip("side"))
    ),
}

# Catalogs


CATALOGS: dict[str, Forge] = {
    "a document of nonsense": as_bytes(lambda data: b"nonsense"),
    "a document of depth": as_bytes(lambda data: b'{"metadata":' + b"[" * DEEP + b"]" * DEEP + b"}"),
    "a document of forty megabytes": as_bytes(lambda data: data.rstrip() + b" " * (40 << 20)),
    "another spelling": as_bytes(lambda data: json.dumps(json.loads(data)).encode()),
    "a name that climbs": lambda f: f.catalog({"..": b"x"}),
    "a name with a backslash": lambda f: f.catalog({"..\\..\\evil.json": f.document()[1]}),
    "a name of a device": lambda f: f.catalog({"aux.json": f.document()[1]}),
    "a name that is no id": lambda f: f.catalog({"Evil.json": f.document()[1]}),
    "a document of another id": lambda f: f.catalog({"other.abcd2345.json": f.document()[1]}),
    "no format": lambda f: f.catalog({}, format=b"x"),
    "a format of a thousand digits": lambda f: f.catalog({}, format=b"1" * 1000),
}


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("name", [*REFS, *CATALOGS])
def test_refs_and_catalogs_that_say_what_is_not_so_are_refused(
    name: str, repository: Repository, hub: Forger, git_fsck: Callable[[Path], str]
) -> None:
    """As for drafts: nothing moves, and the error is one sentence."""
    {**REFS, **CATALOGS}[name](hub)
    before = refs(repository)
    for exchange in (repository.pull, repository.push):
        with pytest.raises((DamagedError, RemoteError)) as caught:
            exchange()
        assert "\n" not in str(caught.value)
        assert refs(repository) == before
    is_whole(repository, git_fsck)


# Other ways to it

SOME = {
    name: {**PARTS, **REFS, **CATALOGS}[name]
    for name in (
        "no stats", "a link to a file", "trees that stand everywhere", "a leaf: lists in lists",
        "a leaf: not canonical",
        "a draft that is another one", "a tag of another name", "a document of depth", "a name that climbs",
        "an author of two lines", "an object that is missing",
    )
}  # fmt: skip


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("name", SOME)
def test_the_same_is_refused_without_git(
    name: str,
    repository: Repository,
    hub: Forger,
    git_fsck: Callable[[Path], str],
    monkeypatch: pytest.MonkeyPatch,
    place: Path,
) -> None:
    """libgit2 believes what it is sent; what it brought is judged."""
    SOME[name](hub)
    before = refs(repository)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(place / "nothing"))
        for exchange in (repository.pull, repository.push):
            with pytest.raises((DamagedError, RemoteError)):
                exchange()
            assert refs(repository) == before
        assert repository.fsck() == []
    is_whole(repository, git_fsck)


@pytest.mark.parametrize("kind", ["ssh", "https"])
def test_the_same_is_refused_from_other_machines(
    kind: str,
    repository: Repository,
    hub: Forger,
    git_fsck: Callable[[Path], str],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Whatever way it comes."""
    folder = tmp_path / "hub"
    shutil.copytree(hub.folder, folder)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    server: SshServer | HttpsServer = request.getfixturevalue(f"{kind}_server")
    if isinstance(server, SshServer):
        server.admit(tmp_path / "home")
        monkeypatch.setenv("GIT_SSH_COMMAND", server.command(tmp_path / "home"))
    else:
        monkeypatch.setenv("GIT_SSL_CAINFO", str(server.authority))
    repository.add_remote("far", server.url(folder))
    assert repository.fetch("far")
    before = refs(repository)
    for name, forge in SOME.items():
        shutil.rmtree(folder)
        shutil.copytree(hub.folder, folder)
        forge(Forger(folder))
        with pytest.raises((DamagedError, RemoteError)):
            repository.pull("far")
        assert refs(repository) == before, name
    is_whole(repository, git_fsck)
