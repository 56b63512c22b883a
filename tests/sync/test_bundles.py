"""Bundles: what one repository writes into a file is what another one has after it, with git as the judge."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hdstore
from hdstore import (
    AlreadyExistsError,
    Author,
    CancelledError,
    Dataset,
    InvalidInputError,
    MediaError,
    NotFoundError,
    Repository,
    SetFrameMetadata,
    SingleFrame,
    Source,
    View,
    ViewQuery,
)
from hdstore.codec.bundles import BUNDLE_BATCH, ObjectBatch
from hdstore.sync.bundles import open_bundle
from hdstore.sync.bundles.objectstream import ObjectPacker, ObjectUnpacker

MakeFrame = Callable[..., SingleFrame]
EVE = Author("Eve", "eve@example.org")


def refs(repository: Repository) -> dict[str, str]:
    """Returns drafts, published versions and the catalog."""
    return repository._core.refs.list("refs/heads/") | repository._core.refs.list("refs/tags/")


def git(repository: Repository, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(repository.hds), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def whole(repository: Repository) -> None:
    """Checks that both judges find nothing, and that nothing is left over."""
    assert repository.fsck() == []
    assert git(repository, "fsck", "--strict", "--no-dangling") == ""
    assert repository._core.refs.list("refs/hdstore/incoming/") == {}
    assert list((repository.hds / "hdstore" / "tmp").iterdir()) == []


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Returns the place of a bundle."""
    return tmp_path / "plates.hdsb"


@pytest.fixture
def eve(tmp_path: Path) -> Repository:
    """Returns an empty repository."""
    (tmp_path / "eve").mkdir()
    return hdstore.init(tmp_path / "eve", author=EVE)


def keep(repository: Repository, frame_id: str, data: bytes) -> str:
    """Adds a frame with a kept medium to plates/Current and returns its hash."""
    hash = repository.media.keep_bytes(data)
    source = Source(uri=f"media:{hash}")
    repository.version("plates/Current").add_frames([SingleFrame(id=frame_id, sources=(source,))])
    return hash


def test_a_bundle_of_everything_makes_the_same_repository(
    ada: Repository, eve: Repository, file: Path, hub: Path
) -> None:
    """All refs have the ids they have after a push by git; a second time nothing is new and nothing is written."""
    view = View(queries=(ViewQuery(dataset="plates", version="Current"),))
    ada.create_view("all", view).publish()
    ada.version("plates/Current").apply(SetFrameMetadata(frame_id="a", set={"k": 1}))
    made = ada.create_bundle(file)
    assert made.size == file.stat().st_size
    assert made.needs == {}
    report = eve.apply_bundle(file)
    ada.push()
    assert refs(eve) == refs(ada) == refs(hdstore.open(hub))
    assert len(report.moved) == len(made.refs) == 4
    whole(eve)
    packs = sorted((eve.hds / "objects" / "pack").iterdir())
    assert not eve.apply_bundle(file)
    assert sorted((eve.hds / "objects" / "pack").iterdir()) == packs


def test_a_bundle_is_cloned(ada: Repository, file: Path, tmp_path: Path) -> None:
    """The clone has everything and no remote; what is no empty folder is refused, and what fails leaves nothing."""
    hash = keep(ada, "m", b"bytes of a medium")
    ada.create_bundle(file, media="all")
    with hdstore.clone(file, tmp_path / "clone") as clone:
        assert refs(clone) == refs(ada)
        assert clone.remotes() == {}
        assert clone.media.verify(hash)
        whole(clone)
    with pytest.raises(AlreadyExistsError, match="not empty"):
        hdstore.clone(file, tmp_path / "clone")
    ada.create_bundle(file, since=[ada.version("plates/v1").commit])
    with pytest.raises(NotFoundError, match="plates/v1 at"):
        hdstore.clone(file, tmp_path / "other")
    assert not (tmp_path / "other").exists()
    (tmp_path / "other").mkdir()
    with pytest.raises(NotFoundError):
        hdstore.clone(file, tmp_path / "other")
    assert list((tmp_path / "other").iterdir()) == []


def test_bundles_follow_one_another(ada: Repository, eve: Repository, file: Path, tmp_path: Path) -> None:
    """One that was made since another holds what is new, and is refused with a name where the other one is missing."""
    ada.create_bundle(file)
    ada.version("plates/Current").apply(SetFrameMetadata(frame_id="b", set={"k": 2}))
    second = tmp_path / "second.hdsb"
    made = ada.create_bundle(second, since=[file])
    # A commit, the trees of version and frames, the leaf; and the tag, which always goes along.
    assert made.objects == 5
    assert set(made.needs.values()) == {"plates/Current", "plates/v1", "the catalog"}
    with pytest.raises(
        NotFoundError, match=r"builds on commits that are not here: .*plates/Current at .*--since"
    ):
        eve.apply_bundle(second)
    assert set(eve.verify_bundle(second).missing) == set(made.needs)
    assert len(refs(eve)) == 1
    eve.apply_bundle(file)
    assert eve.verify_bundle(second).problems == eve.verify_bundle(second).missing == ()
    eve.apply_bundle(second)
    assert refs(eve) == refs(ada)
    whole(eve)
    third = ada.create_bundle(tmp_path / "third.hdsb", since=[second])
    assert third.objects == 1
    assert eve.apply_bundle(tmp_path / "third.hdsb").moved == ()


def test_what_only_lies_about_is_not_built_upon(
    ada: Repository, eve: Repository, file: Path, tmp_path: Path
) -> None:
    """A commit that is here but that no ref reaches counts as missing, for it may be collected at any time."""
    ada.create_bundle(file)
    eve.apply_bundle(file)
    ada.version("plates/Current").apply(SetFrameMetadata(frame_id="a", set={"k": 1}))
    second = tmp_path / "second.hdsb"
    needs = ada.create_bundle(second, since=[file]).needs
    eve.dataset("plates").delete(force=True)
    missing = eve.verify_bundle(second).missing
    assert missing
    assert all(eve._core.objects.exists(oid) for oid in needs)
    with pytest.raises(NotFoundError, match="not here"):
        eve.apply_bundle(second)


def test_since_a_remote_or_a_commit(ada: Repository, bob: Repository, file: Path) -> None:
    """What a remote had when last seen is left out, or what a commit reaches; nonsense is named."""
    draft = ada.version("plates/Current")
    draft.apply(SetFrameMetadata(frame_id="a", set={"k": 1}))
    commit = draft.commit
    by_remote = ada.create_bundle(file, since=["origin"])
    bob.apply_bundle(file)
    assert refs(bob) == refs(ada)
    draft.apply(SetFrameMetadata(frame_id="a", set={"k": 2}))
    by_commit = ada.create_bundle(file, ["plates/Current"], since=[commit])
    assert by_commit.needs[commit] == "plates/Current"
    assert by_commit.objects - by_remote.objects < 20
    bob.apply_bundle(file)
    assert bob.version("plates/Current").commit == draft.commit
    for nonsense in ("nowhere", "f" * 40, __file__):
        with pytest.raises(NotFoundError, match=nonsense):
            ada.create_bundle(file, since=[nonsense])


def test_chosen_versions_travel_alone(ada: Repository, eve: Repository, file: Path) -> None:
    """Others are not taken for deleted, on either side; a dataset stands for all of its versions."""
    ada.create_dataset("other").current().add_frames([SingleFrame(id="x")])
    made = ada.create_bundle(file, ["plates/v1"])
    assert len(made.refs) == 2
    eve.apply_bundle(file)
    assert {version.path for dataset in eve.datasets() for version in dataset.versions()} == {"plates/v1"}
    assert len(ada.create_bundle(file, ["plates"]).refs) == 3
    before = refs(ada)
    eve.dataset("plates").create_version("child", parents=["v1"])
    eve.create_bundle(file)
    ada.apply_bundle(file)
    assert refs(ada).items() > {name: oid for name, oid in before.items() if "hdstore" not in name}.items()
    assert len(ada.dataset("plates").versions()) == 3
    with pytest.raises(NotFoundError, match="nothing"):
        ada.create_bundle(file, ["plates/nothing"])


def test_work_on_both_sides_is_joined(
    ada: Repository, eve: Repository, file: Path, frame: MakeFrame, tmp_path: Path
) -> None:
    """Drafts that diverged are merged as by a pull, and both sides come to the same commit."""
    ada.create_bundle(file)
    eve.apply_bundle(file)
    ada.version("plates/Current").apply(SetFrameMetadata(frame_id="a", set={"k": 1}))
    eve.version("plates/Current").add_frames([frame("d", "dog")])
    eve.create_dataset("eves").current().add_frames([frame("e")])
    ada.create_bundle(file)
    eve.create_bundle(tmp_path / "back.hdsb", since=[])
    report = eve.apply_bundle(file)
    assert len(report.merged) == 1
    ada.apply_bundle(tmp_path / "back.hdsb")
    assert refs(ada) == refs(eve)
    merged = ada.version("plates/Current")
    assert set(merged.frame_ids()) == {"a", "b", "c", "d"}
    assert merged.frame("a").metadata == {"k": 1}
    whole(ada)
    whole(eve)


def test_a_bundle_meets_a_repository_of_its_own(ada: Repository, eve: Repository, file: Path) -> None:
    """Datasets that have nothing to do with each other stand side by side."""
    eve.create_dataset("eves").current().add_frames([SingleFrame(id="x")])
    ada.create_bundle(file)
    eve.apply_bundle(file)
    assert {dataset.name for dataset in eve.datasets()} == {"plates", "eves"}
    whole(eve)


KIND = st.sampled_from(("commit", "tree", "blob", "tag"))
TEXT = st.binary(max_size=50) | st.integers(0, 3).map(lambda n: b"the same beginning" * 20 + bytes((n,)) * n)


@given(st.lists(st.tuples(KIND, TEXT | st.just(bytes(1_200_000)), st.integers(0, 1)), max_size=12))
def test_any_objects_come_out_as_they_went_in(objects: list[tuple[str, bytes, int]]) -> None:
    """Whatever they are, in pieces that are no larger than they may be."""
    batches: list[ObjectBatch] = []
    with ObjectPacker(batches.append) as packer:
        for kind, data, place in objects:
            packer.add(kind, data, place)
    unpacker = ObjectUnpacker(packer.count, packer.size)
    found = [pair for batch in batches for pair in unpacker.feed(batch)]
    unpacker.finish()
    assert found == [(kind, data) for kind, data, _ in objects]
    assert all(batch.size <= BUNDLE_BATCH for batch in batches)


# Media


def test_media_travel_where_they_are_wanted(ada: Repository, eve: Repository, file: Path) -> None:
    """None unless asked for, and their size is told either way; those that are not kept are named."""
    small, large = keep(ada, "m", b"medium"), keep(ada, "n", b"x" * 2_500_000)
    gone = keep(ada, "o", b"soon gone")
    ada.media.remove(gone)
    made = ada.create_bundle(file)
    assert (made.media, made.media_named, made.media_named_bytes) == (0, 2, 2_500_006)
    assert made.lacking == ()
    made = ada.create_bundle(file, media="all")
    assert (made.media, made.media_bytes, made.lacking) == (2, 2_500_006, (gone,))
    assert made.size - made.metadata_size > 2_500_006
    report = eve.apply_bundle(file)
    assert (report.media, report.media_bytes, report.media_missing) == (2, 2_500_006, (gone,))
    assert [*eve.media.hashes()] == sorted((small, large))
    assert all(map(eve.media.verify, (small, large)))
    assert eve.media.path_of(large).stat().st_mode & 0o777 == ada.media.path_of(large).stat().st_mode & 0o777
    assert eve.media.path_of(large).stat().st_nlink == 1
    again = eve.apply_bundle(file)
    assert (again.media, again.media_missing) == (0, (gone,))


def test_media_of_a_version_or_a_view(ada: Repository, file: Path) -> None:
    """All that these name, whether their frames are new or not; only what is new where all is said."""
    first = keep(ada, "m", b"first")
    ada.version("plates/Current").snapshot(name="v2")
    second = keep(ada, "n", b"second")
    ada.create_view("one", View(queries=(ViewQuery(dataset="plates", version="Current", frame="id:n"),)))
    commit = ada.version("plates/v2").commit

    def carried(*media: str) -> set[str]:
        ada.create_bundle(file, ["plates/Current"], media=media, since=[commit])
        with open_bundle(file) as bundle:
            for _ in bundle.objects():
                pass
            return {hash for hash, _, chunks in bundle.media() if b"".join(chunks)}

    assert carried("all") == {second}
    assert carried("version:plates/v2") == {first}
    assert carried("view:one") == {second}
    assert carried("version:plates/v2", "all") == {first, second}
    for nonsense in ("some", "version:", "view"):
        with pytest.raises(InvalidInputError, match="chosen by"):
            carried(nonsense)


def test_a_damaged_medium_stops_a_bundle(ada: Repository, file: Path) -> None:
    """Its hash is verified while it is written; the bundle that was there before stays."""
    ada.create_bundle(file)
    before = file.read_bytes()
    path = ada.media.path_of(keep(ada, "m", b"medium"))
    path.chmod(0o644)
    path.write_bytes(b"MEDIUM")
    with pytest.raises(MediaError, match="damaged here"):
        ada.create_bundle(file, media="all")
    assert file.read_bytes() == before
    assert [*file.parent.glob(".*")] == []


# The file


def test_another_file_is_not_written_over(ada: Repository, file: Path) -> None:
    """A bundle may be replaced, anything else may not."""
    file.write_bytes(b"my thesis")
    with pytest.raises(AlreadyExistsError, match="no bundle"):
        ada.create_bundle(file)
    with pytest.raises(AlreadyExistsError, match="no bundle"):
        ada.create_bundle(file.parent)
    assert file.read_bytes() == b"my thesis"


@pytest.mark.parametrize("stage", ["Finding objects", "Gathering objects", "Writing media"])
def test_a_cancelled_bundle_leaves_nothing(ada: Repository, file: Path, stage: str) -> None:
    """Wherever it is stopped, there is neither a bundle nor a part of one."""
    keep(ada, "m", b"medium")
    ada.version("plates/Current").add_frames(SingleFrame(id=str(number)) for number in range(6000))

    def stop(what: str, _done: int, _total: int | None) -> None:
        if what == stage:
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        ada.create_bundle(file, media="all", progress=stop)
    assert sorted(path.name for path in file.parent.iterdir()) == ["ada", "home"]
    assert list((ada.hds / "hdstore" / "tmp").iterdir()) == []


@pytest.mark.parametrize("stage", ["Reading the bundle", "Verifying objects", "Verifying frames"])
def test_a_cancelled_apply_changes_nothing(ada: Repository, eve: Repository, file: Path, stage: str) -> None:
    """Nothing was moved before all was verified."""
    keep(ada, "m", b"medium")
    ada.version("plates/Current").add_frames(SingleFrame(id=str(number)) for number in range(6000))
    ada.create_bundle(file, media="all")
    before = eve._core.refs.list("refs/")

    def stop(what: str, _done: int, _total: int | None) -> None:
        if what == stage:
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        eve.apply_bundle(file, progress=stop)
    assert eve._core.refs.list("refs/") == before
    assert list(eve.media.hashes()) == []
    whole(eve)
    eve.apply_bundle(file)
    assert refs(eve) == refs(ada)


def test_a_bundle_is_small_where_versions_are_alike(
    ada: Repository, plates: Dataset, file: Path, tmp_path: Path
) -> None:
    """Many saves take little more than one, as in a bundle of git."""
    plates.current().add_frames(
        SingleFrame(id=str(number), metadata={"text": str(number) * 20}) for number in range(2000)
    )
    once = ada.create_bundle(file).size
    for number in range(60):
        plates.current().apply(SetFrameMetadata(frame_id=str(number), set={"k": number}))
    often = ada.create_bundle(file).size
    git(ada, "bundle", "create", "-q", str(tmp_path / "git"), "--all")
    assert often < (tmp_path / "git").stat().st_size * 1.5
    assert often < once * 2


def test_objects_larger_than_a_record_travel(ada: Repository, eve: Repository, file: Path) -> None:
    """An object may go over several records, and differ from a large one before it."""
    draft = ada.version("plates/Current")
    big = "".join(f"{number:x}" for number in range(700_000))
    draft.add_frames([SingleFrame(id="big", metadata={"text": big})])
    draft.apply(SetFrameMetadata(frame_id="big", set={"k": 1}))
    ada.create_bundle(file)
    eve.apply_bundle(file)
    assert refs(eve) == refs(ada)
    whole(eve)
    draft.add_frames([SingleFrame(id="huge", blob="x" * (65 << 20))])
    with pytest.raises(InvalidInputError, match="through a remote"):
        ada.create_bundle(file)


def test_without_a_repository(ada: Repository, file: Path, tmp_path: Path) -> None:
    """A bundle of everything can be verified anywhere; one that builds on something says on what."""
    keep(ada, "m", b"medium")
    ada.create_bundle(file, media="all")
    report = hdstore.verify_bundle(file)
    assert (report.problems, report.missing, report.media) == ((), (), 1)
    needs = ada.create_bundle(tmp_path / "next.hdsb", since=[file]).needs
    assert set(hdstore.verify_bundle(tmp_path / "next.hdsb").missing) == set(needs)
    with pytest.raises(NotFoundError, match="no bundle"):
        hdstore.verify_bundle(tmp_path / "none")
