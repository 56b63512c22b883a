"""What is right and evil: deletions, publications and merges by a remote's hand, of which nothing of ours is lost."""

from __future__ import annotations

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
    DamagedError,
    DivergedError,
    HdstoreError,
    RemoteError,
    Repository,
    SetFrameMetadata,
)
from hdstore.codec import (
    decode_version,
    encode_version,
)
from hdstore.model import replace
from hdstore.store import decode_commit

ADA = Author("Ada Lovelace", "ada@example.org")


# What is right, and evil


def published_again(forger: Forger) -> None:
    """Moves the tag of a published version to other contents."""
    path = forger.path("first")
    forged = forger.draft({"stats": forger.parts(forger.tip("side"))["stats"]})
    document = decode_version(forger.read(forger.parts(forged)["version"][1]))
    own = replace(document, id=path.partition("/")[2])
    tip = forger.draft({"version": encode_version(own)})
    forger.ref(f"heads/{forger.path('side')}", decode_commit(forger.read(forged)).parents[0])
    forger.ref(f"tags/{path}", forger.tag(tip, path))


def all_deleted(plain: dict[str, Any]) -> None:
    """Deletes the dataset and each of its versions."""
    plain["deleted"] = True
    for record in plain["versions"].values():
        record["deleted"] = True


def everything_gone(forger: Forger) -> None:
    """Deletes all, and takes the refs away."""
    document(all_deleted)(forger)
    for name in forger.refs():
        if name != "heads/hdstore":
            (forger.hds / "refs" / name).unlink()


def in_circles(plain: dict[str, Any]) -> None:
    """Lets each version be continued by the next, and the last by the first."""
    names = sorted(plain["versions"])
    for name, following in zip(names, [*names[1:], names[0]], strict=True):
        plain["versions"][name]["continued_by"] = following


def our_draft_published(forger: Forger) -> None:
    """Publishes the draft that we go on with, without a word in the catalog."""
    path = forger.path("side")
    forger.ref(f"tags/{path}", forger.tag(forger.tip("side"), path))
    (forger.hds / "refs" / "heads" / path).unlink()


def unrelated(forger: Forger) -> None:
    """Offers another history under the id of our draft."""
    forger.ref(f"heads/{forger.path('side')}", forger.commit(forger.tree_of("side")))


def merged_by_hdstore(forger: Forger, *, time: str = "1700000000") -> None:
    """Says that hdstore has merged our work away."""
    tip = forger.tip("side")
    tree = forger.sorted_tree(forger.parts(tip))
    other = forger.commit(tree, tip)
    merge = forger.commit(tree, *sorted([tip, other]), name="hdstore", time=time, message="Merge both sides")
    forger.ref(f"heads/{forger.path('side')}", merge)


def no_refs(forger: Forger) -> None:
    """Has nothing at all any more."""
    for name in forger.refs():
        (forger.hds / "refs" / name).unlink()


def catalog_without_history(forger: Forger) -> None:
    """Begins the catalog anew, without its datasets."""
    forger.catalog({forger.document()[0]: None}, parent=False)


KEPT: dict[str, Forge] = {
    "a published version that moved": published_again,
    "a version continued by itself": document(in_circles),
    "our draft, published": our_draft_published,
    "another history of our draft": unrelated,
    "a merge by hdstore": merged_by_hdstore,
    "a merge far in the future": lambda f: merged_by_hdstore(f, time=str(2**40)),
    "a merge before anything": lambda f: merged_by_hdstore(f, time="0"),
    "no refs": no_refs,
    "a catalog that begins anew": catalog_without_history,
}


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("name", KEPT)
def test_what_is_here_is_kept_whatever_a_remote_says(
    name: str, repository: Repository, hub: Forger, git_fsck: Callable[[Path], str]
) -> None:
    """Publications stay what they are under their ids, work that the remote had not seen stays in a draft."""
    KEPT[name](hub)
    before = refs(repository)
    for _ in range(3):
        with suppress(DamagedError, DivergedError):
            repository.pull()
        with suppress(HdstoreError):
            repository.push()
    is_kept(repository, before)
    is_whole(repository, git_fsck)
    assert "ours" in works_of(repository)


@pytest.mark.parametrize("forge", [document(all_deleted), everything_gone], ids=["documents", "refs too"])
def test_a_deletion_of_everything_takes_no_work_that_it_has_not_seen(
    forge: Forge, repository: Repository, hub: Forger, git_fsck: Callable[[Path], str]
) -> None:
    """What goes is what the remote knew; that can be deleted by all who may push."""
    forge(hub)
    before = repository.version("plates/side").commit
    repository.pull()
    assert repository.version("plates/side").commit == before
    is_whole(repository, git_fsck)


def works_of(repository: Repository) -> set[object]:
    """Returns what the versions say about our work."""
    versions = repository.dataset("plates").versions()
    return {version.frame("f7").metadata.get("work") for version in versions if "f7" in version}


FOREIGN = (
    "heads/main", "heads/feature/x", "heads/HDSTORE", "heads/Plates.abcd2345/side.abcd2345", "tags/v1.0",
    "tags/KEEP/x", "heads/x..y", "heads/x.lock", "heads/-x", "heads/x y", "heads/\x1b[31m", "heads/@{x", "notes/x",
    "hdstore/remotes/origin/heads/main", "replace/" + "1" * 40,
)  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_refs_that_are_not_ours_are_neither_taken_nor_in_the_way(
    name: str, repository: Repository, hub: Forger, git_fsck: Callable[[Path], str]
) -> None:
    """Branches and tags of other names, even such as git does not allow, are left where they are."""
    with hdstore.open(hub.folder, author=EVE) as theirs:
        theirs.version("plates/Current").apply(SetFrameMetadata(frame_id="f1", set={"k": 3}))
    hub.ref(name, hub.tip("Current"))
    before = refs(repository)
    try:
        repository.pull()
        repository.push()
    except RemoteError as error:
        # Git itself neither serves nor takes where a ref has no name that it allows.
        said = str(error)
    else:
        said = ""
        assert repository.version("plates/Current").frame("f1").metadata["k"] == 3
    assert "\x1b" not in said
    assert not [ref for ref in repository._core.refs.list("refs/") if ref.endswith(f"/{name}")]
    is_kept(repository, before)
    is_whole(repository, git_fsck)
