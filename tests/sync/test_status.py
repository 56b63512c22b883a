"""How two sides stand: what each has and the other lacks, in saves, frames and annotations, without asking anybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hdstore
from hdstore import (
    Annotation,
    Author,
    Dataset,
    InvalidInputError,
    PutFrame,
    RemoveFrame,
    Repository,
    SingleFrame,
)
from hdstore.codec import encode_frame
from hdstore.errors import CancelledError, NotFoundError
from hdstore.merge import merge_commits
from hdstore.store import CATALOG_REF, Objects, RefUpdate, decode_commit, encode_commit
from hdstore.sync.status import Counts, VersionStanding, VersionStatus, Work, compare_refs
from hdstore.version import VersionState

MakeFrame = Callable[..., SingleFrame]


# Counted by brute force


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    folder = tmp_path_factory.mktemp("status")
    with hdstore.init(folder, author=Author("Ada", "ada@example.org")) as made:
        made.create_dataset("plates")
        yield made


Save: TypeAlias = tuple[int, dict[str, str]]
"""Which side saves, and the labels of the annotations of each frame: "-" removes the frame, "" takes all of them."""

labels = st.sampled_from(["-", "", "a", "b", "ab", "ba", "bb"])
saves = st.tuples(
    st.integers(0, 1), st.dictionaries(st.sampled_from("pqrstu"), labels, min_size=1, max_size=3)
)
merges = st.tuples(st.integers(0, 2), st.none())
"""Side 2: both at once and each in its own way, as other programs do, so that there are two best common ancestors."""


def run(repository: Repository, acts: list[tuple[int, dict[str, str] | None]]) -> tuple[str, list[str]]:
    """Returns the ref of a draft and the tips that two sides of it have after these saves and merges."""
    draft = repository.dataset("plates").current()
    ref = f"refs/heads/{draft.dataset.id}/{draft.id}"
    refs, objects = repository._core.refs, repository._core.objects
    root = [commit.id for commit in draft.log()][-1]
    tips = [root, root]
    for side, change in acts:
        if change is None:
            merged = merge_commits(objects, repository._core.layout.tmp, *tips)
            if side < 2:
                tips[side] = merged
            elif merged not in tips:
                tips = [merged, again(objects, merged)]
            continue
        with refs.lock(ref):
            refs.update(RefUpdate(ref, refs.get(ref), tips[side]))
        held = set(draft.frame_ids())
        edits = [
            RemoveFrame(frame_id=name) if text == "-" else PutFrame(frame=labelled(name, text))
            for name, text in change.items()
            if text != "-" or name in held
        ]
        if edits:
            draft.apply(*edits, message=str(len(tips)))
        tips[side] = draft.commit
    return ref.removeprefix("refs/"), tips


def again(objects: Objects, merged: str) -> str:
    """Returns another commit of the same tree and parents."""
    commit = decode_commit(objects.read(merged, "commit"))
    data = encode_commit(
        tree=commit.tree,
        parents=commit.parents,
        author=commit.author,
        time=commit.time,
        message="Merge by hand",
    )
    with objects.loose() as writer:
        return writer.write("commit", data)


def labelled(name: str, text: str) -> SingleFrame:
    return SingleFrame(
        id=name,
        annotations=tuple(Annotation(id=str(n), labels=(label,)) for n, label in enumerate(text)),
    )


def ancestors(objects: Objects, tip: str) -> set[str]:
    found, waiting = {tip}, [tip]
    while waiting:
        for parent in decode_commit(objects.read(waiting.pop(), "commit")).parents:
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found


def counted(objects: Objects, tip: str, other: str) -> Work:
    """Returns what a tip has and the other lacks, by reading all of both."""
    ours, theirs = ancestors(objects, tip), ancestors(objects, other)
    saves = len(ours - theirs)
    if not saves:
        return Work()
    common = ours & theirs
    best = [oid for oid in common if not any(oid != o and oid in ancestors(objects, o) for o in common)]
    base = max(best, key=lambda oid: (decode_commit(objects.read(oid, "commit")).committed, oid))
    old, new = ({frame.id: frame for frame in VersionState(objects, oid).frames()} for oid in (base, tip))
    before, after = (
        {(frame.id, one.id): one for frame in frames.values() for one in frame.annotations}
        for frames in (old, new)
    )

    def counts(old: dict, new: dict, differs: Callable[..., bool]) -> Counts:
        common = old.keys() & new.keys()
        changed = sum(differs(old[key], new[key]) for key in common)
        return Counts(added=len(new) - len(common), changed=changed, removed=len(old) - len(common))

    return Work(
        saves=saves,
        frames=counts(old, new, lambda a, b: encode_frame(a) != encode_frame(b)),
        annotations=counts(before, after, lambda a, b: a != b),
    )


@given(st.lists(saves | merges, max_size=8))
@settings(max_examples=25)
def test_counts_equal_those_of_brute_force(
    alone: Repository, acts: list[tuple[int, dict[str, str] | None]]
) -> None:
    """Whatever was saved and merged on either side: saves, frames and annotations of both directions."""
    objects = alone._core.objects
    ref, (ours, theirs) = run(alone, acts)

    found = compare_refs(objects, {ref: ours}, {ref: theirs})

    if ours == theirs:
        assert found.is_level
        return
    (status,) = found.versions
    assert status.ahead == counted(objects, ours, theirs)
    assert status.behind == counted(objects, theirs, ours)
    expected = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}
    assert status.standing == expected[bool(status.ahead), bool(status.behind)]
    assert found.is_behind == bool(status.behind)


def test_equal_refs_need_nothing_else(tmp_path: Path) -> None:
    """A hundred versions that are the same on both sides are compared without one object."""
    refs = {f"heads/street.0000000{n % 10}/v{n}.00000000": "1" * 40 for n in range(100)}
    refs["heads/hdstore"] = "2" * 40

    assert compare_refs(Objects(tmp_path / "nothing"), refs, refs).is_level


# What stands how


def standings(repository: Repository) -> dict[str, str]:
    found = repository.status().sync.versions
    return {"/".join(version.name): str(version.standing) for version in found}


def one(repository: Repository) -> VersionStatus:
    (found,) = repository.status().sync.versions
    return found


def test_work_here_is_ahead_until_it_is_pushed(ada: Repository, bob: Repository, frame: MakeFrame) -> None:
    """And behind for whoever has only looked; both that went on have diverged."""
    assert ada.status().sync.is_level
    draft = ada.version("plates/Current")
    draft.add_frames([frame("a", "dog"), frame("d", "cat", "dog")])

    found = one(ada)
    assert (found.name, found.there, found.standing) == (("plates", "Current"), None, "ahead")
    assert found.ahead == Work(
        saves=1, frames=Counts(added=1, changed=1), annotations=Counts(added=2, changed=1)
    )
    assert not found.behind
    ada.push()
    assert ada.status().sync.is_level
    assert bob.status().sync.is_level
    bob.fetch()
    assert one(bob).behind == found.ahead
    bob.version("plates/Current").add_frames([frame("e")])
    diverged = one(bob)
    assert (diverged.standing, diverged.behind) == ("diverged", found.ahead)
    assert diverged.ahead == Work(saves=1, frames=Counts(added=1))
    bob.pull()
    assert one(bob).standing is VersionStanding.AHEAD
    assert (one(bob).ahead.saves, one(bob).ahead.frames) == (2, Counts(added=1))


def test_a_version_that_one_side_lacks_is_compared_with_what_it_has(
    ada: Repository, bob: Repository, plates: Dataset, frame: MakeFrame
) -> None:
    """A child counts from its parent; a dataset of its own counts in full; the catalog that names them is ahead."""
    cups = ada.create_dataset("cups")
    cups.current().add_frames([frame("z", "cup")])
    cups.current().publish()
    ada.push()
    for parent in (plates.version("v1"), cups.version("Current")):
        child = parent.dataset.create_version("child", parents=parent)
        child.add_frames([frame("d", "cat")])
    ada.create_dataset("street").current().add_frames([frame("x", "car", "bus"), frame("y")])

    expected = ("cups/child", "plates/child", "street/Current")
    assert standings(ada) == dict.fromkeys(expected, "only here")
    ours = {version.name: version.ahead for version in ada.status().sync.versions}
    for dataset in ("plates", "cups"):
        assert ours[dataset, "child"] == Work(saves=2, frames=Counts(added=1), annotations=Counts(added=1))
    assert ours["street", "Current"] == Work(saves=2, frames=Counts(added=2), annotations=Counts(added=2))
    assert (ada.status().sync.catalog_ahead, ada.status().sync.catalog_behind) == (3, 0)
    ada.push()
    bob.fetch()
    assert standings(bob) == dict.fromkeys((*expected, "cups/Current"), "only there")
    behind = {version.name: version.behind for version in bob.status().sync.versions}
    for name in ("plates", "child"), ("street", "Current"):
        assert behind[name] == ours[name]
    assert behind["cups", "child"].frames == Counts(added=2)
    assert (bob.status().sync.catalog_ahead, bob.status().sync.catalog_behind) == (0, 4)


def test_publishing_is_told_apart_from_saving(ada: Repository, bob: Repository, frame: MakeFrame) -> None:
    """One side published what is a draft on the other; work that went on there is counted."""
    ada.version("plates/Current").publish()
    assert (one(ada).standing, one(ada).ahead) == ("published here", Work())
    bob.version("plates/Current").add_frames([frame("d", "cat")])
    ada.push()
    bob.fetch()

    assert one(bob).standing == "published there"
    assert one(bob).ahead.frames == Counts(added=1)
    bob.version("plates/Current").publish()
    assert one(bob).standing == "published apart"


def test_deletions_say_what_they_had_not_seen(
    ada: Repository, bob: Repository, plates: Dataset, frame: MakeFrame
) -> None:
    """A version that is gone on one side is not simply missing."""
    ada.version("plates/Current").delete()
    assert (one(ada).standing, one(ada).behind) == ("deleted here", Work())
    ada.push()
    bob.fetch()
    assert (one(bob).standing, one(bob).ahead) == ("deleted there", Work())
    bob.version("plates/Current").add_frames([frame("d")])
    assert (one(bob).standing, one(bob).ahead) == ("deleted there", Work(saves=1, frames=Counts(added=1)))


def test_names_of_both_sides_are_said(ada: Repository, bob: Repository, frame: MakeFrame) -> None:
    """Ours first; the other one where it is another."""
    bob.version("plates/Current").add_frames([frame("d")])
    bob.version("plates/Current").rename("mine")

    assert (one(bob).name, one(bob).there) == (("plates", "mine"), ("plates", "Current"))


def test_the_remote_is_chosen_like_for_git(ada: Repository, tmp_path: Path) -> None:
    """origin, or the only one; with several others it has to be said, and one that nobody saw is no reason to guess."""
    status = ada.status()
    assert (status.remote, status.seen, status.sync.versions) == ("origin", False, ())
    ada.add_remote("stick", str(tmp_path / "stick"))
    assert ada.status().remote == "origin"
    assert ada.status("stick").remote == "stick"
    ada.remove_remote("origin")
    assert ada.status().remote == "stick"
    ada.add_remote("other", str(tmp_path / "other"))
    with pytest.raises(InvalidInputError, match="say which of other, stick"):
        ada.status()
    with pytest.raises(NotFoundError, match="no remote 'nowhere'"):
        ada.status("nowhere")
    ada.remove_remote("other")
    ada.remove_remote("stick")
    assert (ada.status().remote, ada.status().seen) == (None, False)


def test_conflicts_that_wait_are_counted(ada: Repository, bob: Repository, frame: MakeFrame) -> None:
    """By draft; also where there is nothing to exchange."""
    for repository, label in ((ada, "dog"), (bob, "bird")):
        repository.version("plates/Current").add_frames([frame("a", label), frame("b", label)])
    ada.push()
    bob.pull()
    bob.push()

    assert bob.status().sync.is_level
    assert bob.status().conflicts == {"plates/Current": 2}
    assert ada.status().conflicts == {}


def test_branches_that_are_no_versions_are_passed_over(ada: Repository) -> None:
    """A git host may have made some of its own."""
    ada.push()
    commit = ada.version("plates/v1").commit
    refs = dict.fromkeys(("heads/main", "tags/v1.0", "heads/a/b/c", f"tags/keep/{commit}"), commit)

    assert compare_refs(ada._core.objects, refs, {}).is_level
    assert compare_refs(ada._core.objects, {}, refs).is_level


def test_counting_can_be_cancelled(ada: Repository, frame: MakeFrame) -> None:
    """By an exception from the progress function, as all long work."""
    ada.push()
    ada.version("plates/Current").add_frames([frame("d")])

    def stop(*_: object) -> None:
        raise CancelledError("Stop.")

    with pytest.raises(CancelledError, match="Stop"):
        ada.status(progress=stop)
    assert CATALOG_REF in ada._core.refs.list("refs/heads/")
