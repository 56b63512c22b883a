"""A remote's names on our terminal, its media, links and HEAD."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

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
    MediaError,
    RemoteError,
    Repository,
    SetFrameMetadata,
    StorageError,
    UntrustedError,
)
from hdstore.cli import main
from hdstore.codec import (
    encode_dataset,
)

ADA = Author("Ada Lovelace", "ada@example.org")


# Names on a terminal


@pytest.mark.parametrize("change", ["name", "description", "version"])
def test_no_name_steers_the_terminal(
    change: str,
    repository: Repository,
    hub: Forger,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Control characters are refused, or spelt out by each command that shows them."""

    def evil(plain: dict[str, Any]) -> None:
        if change == "version":
            next(iter(plain["versions"].values()))["name"] = EVIL
        else:
            plain[change] = EVIL

    as_bytes(lambda data: encode_dataset(changed(data, evil)))(hub)
    monkeypatch.chdir(repository.folder)
    for words in (
        ("pull",), ("status",), ("push",), ("dataset", "list"), ("dataset", "show", "plates"),
        ("version", "list", "plates"),
        ("dataset", "show", EVIL), ("fsck",), ("status", "--fetch"),
    ):  # fmt: skip
        assert main([*words]) in {0, 1, 3, 4, 5, 6}
    printed = "".join(capfd.readouterr())
    assert printed
    assert not set(printed) & set("\x1b\x07\x08\r\u202e")


EVIL = "\x1b[2J\x1b]0;owned\x07\u202e\rplates"


# Media


def wrong(path: Path) -> None:
    path.write_bytes(b"other bytes")


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 8 << 40)


def linked(path: Path) -> None:
    path.symlink_to("/etc/passwd")


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("make", [wrong, huge, linked, os.mkfifo, Path.mkdir])
def test_a_medium_that_is_not_what_its_hash_says_is_not_taken(
    make: Callable[[Path], None], repository: Repository, hub: Forger, git_fsck: Callable[[Path], str]
) -> None:
    """Other bytes, endless ones, links, pipes and folders: versions come all the same, and the medium is told."""
    (medium,) = (hub.hds / "hdstore" / "media").glob("*/*")
    medium.unlink()
    make(medium)
    repository.media.remove(medium.name)
    with hdstore.open(hub.folder, author=EVE) as theirs:
        theirs.version("plates/Current").apply(SetFrameMetadata(frame_id="f1", set={"k": 3}))
    try:
        report = repository.pull(media="all")
    except (MediaError, RemoteError, StorageError) as error:
        said = str(error)
    else:
        said = " ".join(report.media_missing)
    assert medium.name in said
    assert not repository.media.has(medium.name)
    assert repository.version("plates/Current").frame("f1").metadata["k"] == 3
    left = [
        path
        for path in (repository.hds / "hdstore").rglob("*")
        if path.is_file() and path.stat().st_size > 1 << 20
    ]
    assert left == []
    is_whole(repository, git_fsck)


# Folders


@pytest.mark.parametrize(
    "name", ["HEAD", "objects", "refs", "refs/heads", "objects/pack", "hdstore/media", "packed-refs"]
)
def test_a_remote_that_links_elsewhere_is_refused(
    name: str, repository: Repository, hub: Forger, place: Path
) -> None:
    """Nothing behind the link is read, though it be a whole repository."""
    path = hub.hds / name
    shutil.copytree(hub.hds, place / "elsewhere")
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.symlink_to(place / "elsewhere" / name)
    before = refs(repository)
    for exchange in (repository.pull, repository.push, repository.fetch):
        with pytest.raises(UntrustedError, match="symbolic link"):
            exchange()
    assert refs(repository) == before


@pytest.mark.parametrize(
    "head",
    ["ref: refs/heads/nowhere", "ref: refs/tags/x", "1" * 40, "ref: ../../../etc/passwd", "ref: /etc/passwd"],
)
def test_the_head_of_a_remote_is_nothing_to_us(head: str, repository: Repository, hub: Forger) -> None:
    """Wherever it points: what is there is pulled, or the remote refused."""
    (hub.hds / "HEAD").write_text(f"{head}\n")
    try:
        repository.pull()
    except UntrustedError as error:
        said = str(error)
    else:
        said = ""
    assert ("HEAD" in said) is (".." in head or head.startswith("ref: /"))
    clone = hub.folder.parent / "clone"
    with suppress(UntrustedError):
        hdstore.clone(hub.folder, clone, author=ADA).close()
        assert "nowhere" not in (clone / ".hds" / "HEAD").read_text()
