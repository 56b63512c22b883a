"""Two repositories and a hub: what moves, in both directions, and what never comes back."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import hdstore
from hdstore import (
    CancelledError,
    Dataset,
    DivergedError,
    MediaError,
    NotFoundError,
    PutFrame,
    ReadOnlyError,
    RemoteError,
    Repository,
    SingleFrame,
    Source,
)
from hdstore.store import Entry, RefUpdate, decode_commit, decode_tree, encode_commit, encode_tree

MakeFrame = Callable[..., SingleFrame]


def held(repository: Repository) -> dict[str, str]:
    """Returns what a repository says it has: names, states and commits."""
    return {
        f"{version.path} {version.status}": version.commit
        for dataset in repository.datasets()
        for version in dataset.versions()
    }


def refs(repository: Repository) -> dict[str, str]:
    return repository._core.refs.list("refs/heads/") | repository._core.refs.list("refs/tags/")


def whole(*repositories: Repository) -> None:
    for repository in repositories:
        assert repository.fsck() == []
        done = subprocess.run(
            ["git", "-C", str(repository.hds), "fsck", "--strict", "--no-dangling"],
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")


def test_a_push_to_an_empty_folder_makes_a_repository(ada: Repository, hub: Path, tmp_path: Path) -> None:
    """Absent or empty, it becomes one with all versions and the same hashes; a clone has them too."""
    report = ada.push()
    assert len(report.moved) == 3
    assert report.ahead == ()
    assert not ada.push()
    with hdstore.clone(hub, tmp_path / "bob") as bob:
        assert held(bob) == held(ada)
        assert refs(bob) == refs(ada)
        assert bob.remotes() == {"origin": str(hub)}
        whole(ada, bob, hdstore.open(hub))
        again = hdstore.clone(tmp_path / "bob", tmp_path / "carol")
        assert held(again) == held(ada)


def test_a_push_to_a_fresh_repository(ada: Repository, hub: Path) -> None:
    """One that was initialised and holds nothing takes everything, its catalog is replaced."""
    hub.mkdir()
    fresh = hdstore.init(hub)
    ada.push()

    assert held(fresh) == held(ada)
    whole(fresh)


def test_a_pull_into_a_fresh_repository(ada: Repository, hub: Path, tmp_path: Path) -> None:
    """What was initialised and holds nothing becomes what the remote is."""
    ada.push()
    (tmp_path / "late").mkdir()
    late = hdstore.init(tmp_path / "late")
    late.add_remote("hub", hub.as_uri())
    report = late.pull("hub")

    assert report.remote == "hub"
    assert held(late) == held(ada)


def test_work_goes_back_and_forth(
    ada: Repository, bob: Repository, plates: Dataset, frame: MakeFrame
) -> None:
    """Each pulls what the other pushed; edits, new versions and words of the catalog travel."""
    theirs = bob.dataset("plates")
    theirs.current().add_frames([frame("d", "dog")])
    theirs.create_version("side", parents=["v1"]).delete_frames(["a"])
    theirs.rename("盘子")
    theirs.version("v1").rename("first/one")
    bob.create_dataset("other")
    bob.push()
    report = ada.pull()

    assert held(ada) == held(bob)
    assert plates.name == "盘子"
    assert set(plates.version("side").frame_ids()) == {"b", "c"}
    assert len(report.moved) == 4
    assert not ada.pull()
    plates.current().apply(PutFrame(frame=frame("e")))
    ada.push()
    assert len(bob.pull().moved) == 1
    assert held(ada) == held(bob)
    whole(ada, bob)


def test_a_draft_that_was_published_elsewhere_is_published_here(
    ada: Repository, bob: Repository, plates: Dataset
) -> None:
    """Its branch goes and its tag comes, under the same id, by pull and by push."""
    snapshot, child = bob.dataset("plates").current().snapshot(name="v2")
    assert bob.push().removed == (f"heads/{plates.id}/{snapshot.id}",)
    assert ada.pull().removed == (f"heads/{plates.id}/{snapshot.id}",)

    assert plates.version(snapshot.id).status == "published"
    assert plates.current() == child
    assert held(ada) == held(bob) == held(hdstore.open(Path(ada.remotes()["origin"])))


def test_a_deleted_version_stays_deleted(ada: Repository, bob: Repository, plates: Dataset) -> None:
    """A pull removes it here, and neither pull nor push brings it back."""
    gone = bob.dataset("plates").create_version("gone", parents=["v1"])
    bob.push()
    ada.pull()
    plates.version("gone").delete()
    assert ada.push().removed == (f"heads/{plates.id}/{gone.id}",)
    assert bob.pull().removed == (f"heads/{plates.id}/{gone.id}",)

    for repository in (ada, bob):
        repository.push()
        repository.pull()
        with pytest.raises(NotFoundError):
            repository.version("plates/gone")
    with pytest.raises(NotFoundError, match="plates/gone"):
        gone.state()


def test_what_was_deleted_here_is_not_revived_by_a_pull(
    ada: Repository, bob: Repository, plates: Dataset
) -> None:
    """The hub still has it; the tombstone here is newer."""
    side = plates.create_version("side", parents=["v1"])
    ada.push()
    side.delete()
    assert not ada.pull()
    with pytest.raises(NotFoundError):
        plates.version("side")
    ada.push()
    bob.pull()
    assert "plates/side draft" not in held(bob)


def test_a_deleted_dataset_goes_everywhere(ada: Repository, bob: Repository) -> None:
    """With all its versions, and its name is free again."""
    ada.dataset("plates").delete(force=True)
    ada.push()
    bob.pull()

    assert bob.datasets() == []
    assert bob._core.refs.list("refs/tags/") == {}
    bob.create_dataset("plates")
    bob.push()
    ada.pull()
    assert held(ada) == held(bob)


def test_a_push_of_a_draft_edited_on_both_sides_is_refused(
    ada: Repository, bob: Repository, plates: Dataset, frame: MakeFrame
) -> None:
    """It names DATASET/VERSION, and nothing moves on either side; after a pull it goes through."""
    bob.dataset("plates").current().add_frames([frame("d")])
    bob.push()
    plates.current().add_frames([frame("e")])
    before, there = refs(ada), refs(hdstore.open(Path(ada.remotes()["origin"])))

    with pytest.raises(
        DivergedError, match=r"^Both .* 'origin' have gone on in plates/Current; nothing was sent"
    ):
        ada.push()
    assert refs(ada) == before
    assert refs(hdstore.open(Path(ada.remotes()["origin"]))) == there
    ada.pull()
    ada.push()
    assert refs(hdstore.open(Path(ada.remotes()["origin"]))) == refs(ada)


def test_a_push_of_a_catalog_changed_on_both_sides_is_refused(
    ada: Repository, bob: Repository, plates: Dataset
) -> None:
    """Two descriptions: the remote's stays until ours was pulled together with it."""
    bob.dataset("plates").describe("theirs")
    bob.push()
    plates.describe("ours")
    with pytest.raises(DivergedError, match=r"nothing was sent\. Run 'hdstore pull origin'"):
        ada.push()
    assert plates.description == "ours"


def test_a_push_behind_the_remote_says_to_pull_first(
    ada: Repository, bob: Repository, plates: Dataset
) -> None:
    """When the catalog there has gone on and ours has not, nothing is sent."""
    bob.dataset("plates").describe("theirs")
    bob.push()
    with pytest.raises(
        RemoteError, match=r"changes that are not here yet; nothing was sent\. Pull, then push again"
    ):
        ada.push()


def test_drafts_of_two_people_do_not_hinder_each_other(
    ada: Repository, bob: Repository, plates: Dataset, frame: MakeFrame
) -> None:
    """Each edits another draft: both pushes go through after a pull."""
    left = plates.create_version("left", parents=["v1"])
    ada.push()
    bob.pull()
    left.add_frames([frame("l")])
    bob.dataset("plates").current().add_frames([frame("r")])
    bob.push()
    ada.push()
    bob.pull()
    ada.pull()
    assert held(ada) == held(bob)


def test_kept_media_travel_when_asked_and_are_verified(
    ada: Repository, plates: Dataset, hub: Path, tmp_path: Path
) -> None:
    """Bytes arrive under their hash; nothing is sent twice; a damaged medium is refused by name."""
    first, second = ada.media.keep_bytes(b"first"), ada.media.keep_bytes(b"second")
    plates.current().add_frames(
        SingleFrame(id=hash, sources=(Source(uri=f"media:{hash}"),)) for hash in (first, second)
    )
    report = ada.push()
    assert (report.media, report.media_bytes) == (2, 11)
    assert ada.push().media == 0
    with hdstore.clone(hub, tmp_path / "bob", media="all") as bob:
        assert set(bob.media.hashes()) == {first, second}
        path = bob.media.local_path(f"media:{first}")
        assert path is not None
        assert path.read_bytes() == b"first"
        whole(bob)
    damaged = hdstore.open(hub).media.path_of(second)
    damaged.chmod(0o644)
    damaged.write_bytes(b"SECOND")
    ada.media.remove(second)
    with pytest.raises(MediaError, match=second):
        ada.pull(media="all")
    assert set(ada.media.hashes()) == {first}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ext::sh -c touch% /tmp/pwned", "would run a helper program"),
        ("-oProxyCommand=touch /tmp/pwned", "not the URL of a repository"),
        ("ssh://-oProxyCommand=x/y", "no host"),
        ("file://other.example.org/a", "another machine"),
        ("file:///a%00b", "names no folder"),
        ("file://", "names no folder"),
        ("", "not the URL"),
        ("a\nb", "not the URL"),
    ],
)
def test_urls_that_are_no_folder_are_refused(ada: Repository, tmp_path: Path, url: str, message: str) -> None:
    """Nothing is run, nothing reached, nothing made; as a remote and to clone from."""
    with pytest.raises(RemoteError, match=message):
        ada.add_remote("other", url)
    with pytest.raises(RemoteError, match=message):
        hdstore.clone(url, tmp_path / "clone")
    assert ada.remotes().keys() == {"origin"}
    assert not (tmp_path / "clone").exists()
    assert not Path("/tmp/pwned").exists()


@pytest.mark.parametrize("name", ["", "-x", "a/b", "a..b", "a.lock", "a b", "x" * 65, "a\n"])
def test_names_of_remotes_are_safe(ada: Repository, tmp_path: Path, name: str) -> None:
    """They become parts of refs and of git's settings."""
    with pytest.raises(hdstore.InvalidValueError, match="name of a remote"):
        ada.add_remote(name, str(tmp_path))


def test_remotes_are_kept_by_name(
    ada: Repository, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path is kept absolute; removing one forgets what was seen of it; unknown ones are named."""
    ada.push()
    monkeypatch.chdir(tmp_path)
    ada.add_remote("near", "elsewhere")
    assert ada.remotes() == {"near": str(tmp_path / "elsewhere"), "origin": str(hub)}
    with pytest.raises(hdstore.AlreadyExistsError, match="'near' already"):
        ada.add_remote("near", str(hub))
    assert ada._core.refs.list("refs/hdstore/remotes/origin/")
    ada.remove_remote("origin")
    assert ada._core.refs.list("refs/hdstore/remotes/") == {}
    with pytest.raises(NotFoundError, match="no remote 'origin'; there are: near"):
        ada.push()
    ada.remove_remote("near")
    with pytest.raises(NotFoundError, match="none yet"):
        ada.pull("near")


def test_a_place_that_is_no_repository_is_named(ada: Repository, hub: Path, tmp_path: Path) -> None:
    """Absent, full of other files, or a file: pull, push and clone say so and touch nothing."""
    with pytest.raises(RemoteError, match=f"There is no repository in {hub}"):
        ada.pull()
    with pytest.raises(RemoteError, match=f"There is no repository in {hub}"):
        hdstore.clone(hub, tmp_path / "clone")
    hub.mkdir()
    (hub / "mine.txt").write_text("x")
    with pytest.raises(RemoteError, match="holds files but no repository"):
        ada.push()
    assert [path.name for path in hub.iterdir()] == ["mine.txt"]
    ada.add_remote("file", str(hub / "mine.txt"))
    with pytest.raises(hdstore.HdstoreError, match=r"mine\.txt"):
        ada.push("file")
    assert (hub / "mine.txt").read_text() == "x"


def test_a_hostile_remote_is_not_reached(ada: Repository, bob: Repository, hub: Path) -> None:
    """Its settings could run programs; neither side's git is started on it."""
    with (hub / ".hds" / "config").open("a") as config:
        config.write("[core]\n\tfsmonitor = touch /tmp/pwned\n")
    for exchange in (bob.pull, bob.push):
        with pytest.raises(hdstore.UntrustedError, match="fsmonitor"):
            exchange()
    assert not Path("/tmp/pwned").exists()


def test_a_clone_goes_into_a_new_folder(ada: Repository, hub: Path, tmp_path: Path) -> None:
    """An empty one is fine; a full one, a file or a repository stays as it is."""
    ada.push()
    (tmp_path / "empty").mkdir()
    hdstore.clone(hub, tmp_path / "empty").close()
    hdstore.clone(hub, tmp_path / "deep" / "er").close()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("x")
    for folder in (tmp_path / "full", tmp_path / "empty", ada.folder):
        with pytest.raises(hdstore.AlreadyExistsError, match="not empty; clone into a new folder"):
            hdstore.clone(hub, folder)
    with pytest.raises(hdstore.StorageError, match="mine"):
        hdstore.clone(hub, tmp_path / "full" / "mine")
    assert (tmp_path / "full" / "mine").read_text() == "x"


def test_exchanges_can_be_followed_and_cancelled(
    ada: Repository, plates: Dataset, hub: Path, tmp_path: Path, frame: MakeFrame
) -> None:
    """Fetching, git's own steps and media are told; CancelledError from the callback leaves refs as they were."""
    ada.media.keep_bytes(b"x")
    plates.current().add_frames(frame(f"n{n}", "cat") for n in range(300))
    said: list[str] = []
    ada.push(progress=lambda what, done, total: said.append(what))
    assert {"Fetching from origin", "Sending media", "Counting objects", "Writing objects"} <= set(said)

    for stage in ("Fetching from origin", "Receiving objects"):

        def stop(what: str, done: int, total: int | None, stage: str = stage) -> None:
            if what == stage:
                raise CancelledError("Enough.")

        with pytest.raises(CancelledError):
            hdstore.clone(hub, tmp_path / "clone", progress=stop)
        assert not (tmp_path / "clone").exists()
    with hdstore.clone(hub, tmp_path / "clone") as clone:
        clone.dataset("plates").current().delete_frames(["a"])
        before = refs(hdstore.open(hub))

        def stop_sending(what: str, done: int, total: int | None) -> None:
            if what == "Writing objects":
                raise CancelledError("Enough.")

        with pytest.raises(CancelledError):
            clone.push(progress=stop_sending)
        # So little may have arrived whole before git was told to stop; half of it never.
        landed = refs(hdstore.open(hub))
        assert bool(clone.push()) == (landed == before)
    whole(hdstore.open(hub))


def test_a_remote_that_moves_during_a_push_keeps_what_it_got(
    ada: Repository, bob: Repository, plates: Dataset, frame: MakeFrame
) -> None:
    """Somebody else's push wins; ours says to pull, and nothing of it is there."""
    ada.media.keep_bytes(b"x")
    bob.dataset("plates").current().add_frames([frame("theirs")])
    plates.create_version("mine", parents=["v1"])

    def meanwhile(what: str, done: int, total: int | None) -> None:
        if what == "Sending media":
            bob.push()

    plates.current().add_frames([frame("ours")])
    with pytest.raises(
        RemoteError, match=r"changed while this was sent; nothing was moved there\. Pull, then push"
    ):
        ada.push(progress=meanwhile)
    hub = hdstore.open(Path(ada.remotes()["origin"]))
    assert held(hub) == held(bob)
    whole(hub)


def test_pulling_while_another_process_edits(ada: Repository, bob: Repository, frame: MakeFrame) -> None:
    """A third writer's draft goes on during pulls; no save is lost and no pull fails."""
    mine = ada.dataset("plates").create_version("mine", parents=["v1"])
    other = hdstore.open(ada.folder)
    draft = other.dataset("plates").version(mine.id)
    done = threading.Event()

    def edit() -> None:
        for number in range(12):
            draft.apply(PutFrame(frame=frame(f"m{number}")))
        done.set()

    writer = threading.Thread(target=edit)
    writer.start()
    theirs = bob.dataset("plates").current()
    step = 0
    while not done.is_set() or step < 3:
        theirs.apply(PutFrame(frame=frame(f"t{step}")))
        bob.push()
        ada.pull()
        step += 1
    writer.join()

    assert {f"m{n}" for n in range(12)} <= set(mine.frame_ids())
    assert {f"t{n}" for n in range(step)} <= set(ada.dataset("plates").current().frame_ids())
    whole(ada)


def test_formats_are_not_mixed(ada: Repository, bob: Repository, hub: Path) -> None:
    """A hub that a newer program wrote is neither pulled from nor pushed to."""
    core = hdstore.open(hub)._core
    tip = core.catalog().commit
    tree = decode_commit(core.objects.read(tip, "commit")).tree
    with core.objects.loose() as writer:
        number = writer.write("blob", b"2\n")
        entries = [
            Entry(entry.mode, entry.name, number if entry.name == "format" else entry.oid)
            for entry in decode_tree(core.objects.read(tree, "tree"))
        ]
        data = encode_commit(
            tree=writer.write("tree", encode_tree(entries)),
            parents=(tip,),
            author=core.author,
            time=core.now(),
            message="Newer",
        )
        newer = writer.write("commit", data)
    core.refs.update(RefUpdate("refs/heads/hdstore", tip, newer))
    for exchange in (ada.pull, ada.push):
        with pytest.raises(ReadOnlyError, match="in the formats 1 and 2; nothing was moved"):
            exchange()
