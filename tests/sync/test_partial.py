"""A part of a repository: what never came is no damage, what was lost is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import hdstore
from hdstore import Dataset, PutFrame, Repository, SingleFrame, View, ViewQuery
from hdstore.store import RefUpdate

MakeFrame = Callable[..., SingleFrame]


def test_a_bundle_of_one_version_leaves_the_others_to_come(
    ada: Repository, plates: Dataset, tmp_path: Path
) -> None:
    """The check is content without them; a pull brings them, and from then on they must be there."""
    view = ada.create_view("train", View(queries=(ViewQuery(dataset="plates", version="v1"),)))
    view.publish()
    ada.create_dataset("cups")
    ada.create_bundle(tmp_path / "part.bundle", ["plates/Current"])
    (tmp_path / "dan").mkdir()
    with hdstore.init(tmp_path / "dan") as dan:
        dan.apply_bundle(tmp_path / "part.bundle")
        assert [version.name for version in dan.dataset("plates").versions()] == ["Current"]
        assert dan.fsck() == []
        dan.gc(grace=0)
        assert dan.fsck() == []

        dan.add_remote("ada", str(ada.folder))
        dan.pull("ada")
        assert dan._core.refs.list("refs/hdstore/absent/") == {}
        assert len(dan.dataset("plates").version("v1")) == 3
        assert dan.fsck() == []
        lost = next(iter(dan._core.refs.list("refs/tags/plates").items()))
        dan._core.refs.update(RefUpdate(lost[0], lost[1], None))
        assert [finding.kind for finding in dan.fsck()] == ["version"]


def test_two_publications_that_meet_in_bundles_are_told_apart_alike(
    ada: Repository, bob: Repository, plates: Dataset, frame: MakeFrame, tmp_path: Path
) -> None:
    """Nobody can say who was first but the tags: the earlier one keeps the id on both sides."""
    theirs = bob.dataset("plates").current()
    theirs.publish()
    mine = plates.current()
    mine.apply(PutFrame(frame=frame("ada")))
    mine.publish()
    ada.create_bundle(tmp_path / "ada.bundle")
    bob.create_bundle(tmp_path / "bob.bundle")
    ada.apply_bundle(tmp_path / "bob.bundle")
    bob.apply_bundle(tmp_path / "ada.bundle")

    ours = ada._core.refs.list("refs/tags/")
    assert ours == bob._core.refs.list("refs/tags/")
    assert len(ours) == 3
    assert ada.fsck() == bob.fsck() == []
