"""The life of a version: draft, snapshot, publishing, children, several parents, deletion, history."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import hdstore
from hdstore import (
    AlreadyExistsError,
    Annotation,
    Author,
    Conflict,
    ConflictError,
    ConflictSide,
    Dataset,
    DatasetVersion,
    InvalidInputError,
    InvalidValueError,
    Label,
    MaskLabel,
    NotFoundError,
    PutFrame,
    ReadOnlyError,
    Repository,
    Schema,
    SetSchema,
    SetVersionMetadata,
    SingleFrame,
    Status,
    replace,
)
from hdstore.merge import update_conflicts
from hdstore.store import TREE_MODE, Entry, RefUpdate, decode_commit, decode_tree, encode_commit, encode_tree

MakeFrame = Callable[..., SingleFrame]


def ids(version: DatasetVersion) -> set[str]:
    return set(version.frame_ids())


def test_a_snapshot_keeps_its_id_and_a_draft_goes_on(dataset: Dataset, draft: DatasetVersion) -> None:
    """Rows 21, 22: the published one has name and comment of the moment, the child the draft's name and tags."""
    draft.set_tags(["night"])
    published, child = draft.snapshot()

    assert (published.id, published.status) == (draft.id, Status.PUBLISHED)
    assert re.fullmatch(r"snapshot \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", published.name)
    assert re.fullmatch(r"published at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d by Ada Lovelace", published.description)
    assert (child.name, child.tags, child.description) == ("Current", ("night",), "")
    assert (published.tags, published.continued_by, child.continued_by) == (("night",), child.id, "")
    assert child.id != draft.id
    assert child.parents == (published.id,)
    assert child.is_draft
    assert dataset.current() == child
    assert list(child.frames()) == list(published.frames())
    assert child.state().oid("frames") == published.state().oid("frames")


def test_what_a_snapshot_is_called_can_be_chosen(draft: DatasetVersion) -> None:
    """Names, comments and metadata of both; the metadata are part of what is published."""
    published, child = draft.snapshot(
        name="v1/final",
        comment="checked",
        metadata={"n": 1},
        child_name="v2",
        child_comment="to do",
        child_metadata={},
    )

    assert (published.name, published.description, published.metadata) == ("v1/final", "checked", {"n": 1})
    assert (child.name, child.description, child.metadata) == ("v2", "to do", {})
    assert draft.path == "plates/v1%2Ffinal"
    _, again = child.snapshot(metadata={"n": 2})
    assert again.metadata == {"n": 2}


def test_snapshots_again_and_again_make_a_chain(
    repository: Repository, draft: DatasetVersion, frame: MakeFrame
) -> None:
    """Row 23: each is the parent of the next and keeps its frames."""
    chain = []
    version = draft
    for number in range(3):
        version.add_frames([frame(f"new {number}")])
        published, version = version.snapshot(name=f"v{number}")
        chain.append(published)

    assert [len(v) for v in chain] == [4, 5, 6]
    assert [v.parents for v in chain] == [(), (chain[0].id,), (chain[1].id,)]
    assert repository.fsck() == []


def test_a_refused_snapshot_publishes_nothing(repository: Repository, draft: DatasetVersion) -> None:
    """Bad names and metadata are found before anything moves."""
    before = repository._core.refs.list("refs/")
    for refused in (
        {"name": "\n"},
        {"child_name": " "},
        {"metadata": {"a": {1}}},
        {"child_metadata": {1: 2}},
    ):
        with pytest.raises(InvalidValueError):
            draft.snapshot(**refused)  # type: ignore[arg-type]

    assert repository._core.refs.list("refs/") == before
    assert draft.is_draft


def test_a_published_version_refuses_every_edit(draft: DatasetVersion, frame: MakeFrame) -> None:
    """Row 18: the sentence names the version as people do and says that a child can be edited."""
    draft.publish(comment="done")
    before = draft.commit
    edits: list[Callable[[], object]] = [
        lambda: draft.add_frames([frame("z")]),
        lambda: draft.delete_frames(["a"]),
        lambda: draft.apply(PutFrame(frame=frame("z"))),
        lambda: draft.set_metadata({"a": 1}),
        lambda: draft.set_schema(Schema()),
        lambda: draft.set_mask_labels({}),
        lambda: draft.bulk().__enter__(),
    ]
    for edit in edits:
        with pytest.raises(
            ReadOnlyError,
            match=r"^Version plates/Current is published and can not be changed; create a child version of it and"
            r" edit that\.$",
        ):
            edit()
    for again in (draft.publish, draft.snapshot):
        with pytest.raises(ReadOnlyError, match=r"^Version plates/Current is published already;"):
            again()
    assert draft.commit == before
    assert draft.description == "done"


def test_what_people_say_of_a_published_version_can_be_changed(draft: DatasetVersion) -> None:
    """Rows 27, 29: name, comment and tags live in the catalog; the published commit stays."""
    draft.publish()
    before = draft.commit
    draft.rename("第一版")
    draft.describe("good")
    draft.set_tags("a b")

    assert (draft.name, draft.description, draft.tags) == ("第一版", "good", ("a", "b"))
    assert draft.commit == before


def test_metadata_are_replaced_and_never_merged(draft: DatasetVersion) -> None:
    """Row 28."""
    draft.set_metadata({"a": 1, "b": {"c": 2}})
    draft.set_metadata({"b": {"d": 3}})

    assert draft.metadata == {"b": {"d": 3}}


def test_children_come_from_published_versions_only(dataset: Dataset, draft: DatasetVersion) -> None:
    """Row 19: a draft is no parent, the child has the parent's frames, a draft's name is its own."""
    with pytest.raises(
        InvalidInputError, match=r"published versions only, and plates/Current is a draft; publish"
    ):
        dataset.create_version("child", parents=[draft])
    draft.publish()
    child = dataset.create_version("child", parents=[draft], description="new", metadata={"a": 1})

    assert (child.parents, child.description, child.metadata) == ((draft.id,), "new", {"a": 1})
    assert ids(child) == {"a", "b", "c"}
    assert child.stats() == draft.stats()
    with pytest.raises(AlreadyExistsError, match="has a draft named 'child' already"):
        dataset.create_version("child")
    child.publish()
    assert dataset.create_version("child", parents="Current").parents == (draft.id,)


def test_a_root_version_begins_empty(dataset: Dataset, draft: DatasetVersion) -> None:
    """Row 20: a dataset may have several trees of versions."""
    root = dataset.create_version("root", metadata={"a": 1})

    assert (root.parents, len(root), root.metadata, root.schema()) == ((), 0, {"a": 1}, Schema())
    assert next(root.log()).parents == ()


def test_a_parent_belongs_to_the_same_dataset(
    repository: Repository, dataset: Dataset, draft: DatasetVersion
) -> None:
    """Versions do not grow out of other datasets."""
    draft.publish()
    with pytest.raises(InvalidInputError, match="same dataset, but plates/Current is one of another"):
        repository.create_dataset("other").create_version("v", parents=[draft])


def two_sides(
    dataset: Dataset, base: DatasetVersion
) -> tuple[DatasetVersion, DatasetVersion, DatasetVersion]:
    base.publish()
    left = dataset.create_version("left", parents=[base])
    right = dataset.create_version("right", parents=[base])
    same = dataset.create_version("same", parents=[base])
    for version, word in ((left, "left"), (right, "right")):
        version.apply(PutFrame(frame=replace(version.frame("a"), blob=word)))
        version.apply(PutFrame(frame=SingleFrame(id=word)))
        version.set_schema(Schema(labels=(Label(name="x", color=f"#{word}"), Label(name=word))))
        version.set_mask_labels({word: (MaskLabel(labels=(word,), value=(1,)),)})
        version.set_metadata({"x": word, word: 1})
    left.delete_frames(["b"])
    for version in (left, right, same):
        version.publish()
    return left, right, same


def test_of_several_parents_laid_over_each_other_the_later_wins(
    dataset: Dataset, draft: DatasetVersion
) -> None:
    """Row 152: the union of frames, labels, mask labels and metadata, in a commit with all parents."""
    left, right, _ = two_sides(dataset, draft)
    merged = dataset.create_version("merged", parents=[left, right, left], strategy="overlay")

    assert merged.parents == (left.id, right.id)
    assert ids(merged) == {"a", "b", "c", "left", "right"}
    assert merged.frame("a").blob == "right"
    assert [label.name for label in merged.schema().labels] == ["x", "left", "right"]
    assert merged.schema().labels[0].color == "#right"
    assert set(merged.schema().mask_labels) == {"left", "right"}
    assert merged.metadata == {"x": "right", "left": 1, "right": 1}
    assert next(merged.log()).parents == (left.commit, right.commit)
    assert merged.stats().frames == 5


def test_a_later_parent_wins_even_with_what_the_first_had(dataset: Dataset, draft: DatasetVersion) -> None:
    """Of base, changed and base again, the last is what counts."""
    left, _, same = two_sides(dataset, draft)

    assert dataset.create_version("m1", parents=[draft, left, same], strategy="overlay").frame("a").blob == ""
    assert (
        dataset.create_version("m2", parents=[draft, same, left], strategy="overlay").frame("a").blob
        == "left"
    )


def test_several_parents_are_merged(dataset: Dataset, draft: DatasetVersion) -> None:
    """What each did holds, also a deletion; what both changed differently waits as a conflict."""
    left, right, same = two_sides(dataset, draft)
    merged = dataset.create_version("merged", parents=[left, right, same], metadata={"n": 1})

    assert merged.parents == (left.id, right.id, same.id)
    assert ids(merged) == {"a", "c", "left", "right"}
    assert merged.frame("a").blob == "left"  # saved later than the right one
    assert merged.metadata == {"n": 1}
    assert {(conflict.frame_id, conflict.path) for conflict in merged.conflicts()} == {
        ("", ("schema", "labels", "x", "color")),
        ("", ("version", "metadata", "x")),
        ("a", ("blob",)),
    }
    merged.resolve("a", choice="theirs")
    assert merged.frame("a").blob == "right"
    with pytest.raises(InvalidInputError, match="'merge' or 'overlay'"):
        dataset.create_version("other", parents=[left, right], strategy="theirs")  # type: ignore[arg-type]


def test_history_shows_children_before_parents(dataset: Dataset, draft: DatasetVersion) -> None:
    """Of a merged version too; every commit once, with author, time and message."""
    left, right, same = two_sides(dataset, draft)
    merged = dataset.create_version("merged", parents=[left, right, same], strategy="overlay")
    log = list(merged.log())
    place = {commit.id: number for number, commit in enumerate(log)}

    assert log[0].id == merged.commit
    assert len(place) == len(log)
    assert all(place[commit.id] < place[parent] for commit in log for parent in commit.parents)
    assert {commit.author for commit in log} == {Author("Ada Lovelace", "ada@example.org")}
    assert log[-1].message == "Begin"
    assert {commit.version_id for commit in log} == {v.id for v in (merged, left, right, same, draft)}


def test_a_draft_goes_without_a_word_and_a_published_version_by_force(
    repository: Repository, dataset: Dataset, draft: DatasetVersion
) -> None:
    """Row 30: children keep their frames, the ref is gone, the handle says what happened."""
    published, child = draft.snapshot(name="v1")
    with pytest.raises(ReadOnlyError, match="plates/v1 is published; deleting it needs force"):
        published.delete()
    published.delete(force=True)

    assert dataset.versions() == [child]
    assert ids(child) == {"a", "b", "c"}
    uses: list[Callable[[], object]] = [
        lambda: published.status,
        lambda: published.frame("a"),
        lambda: published.rename("x"),
        lambda: published.describe("x"),
        lambda: published.set_tags([]),
        lambda: published.delete(),
        lambda: published.publish(),
        lambda: published.add_frames([]),
        lambda: published.apply(),
        lambda: list(published.log()),
        lambda: dataset.create_version("v", parents=[published]),
    ]
    for use in uses:
        with pytest.raises(
            NotFoundError, match=rf"^There is no version plates/v1 \({published.id}\) any more"
        ):
            use()
    with pytest.raises(NotFoundError, match="no version 'v1'"):
        dataset.version("v1")
    child.delete()
    assert dataset.versions() == []
    repository.gc(grace=0)
    assert repository.fsck() == []


def with_conflicts(repository: Repository, version: DatasetVersion) -> None:
    """Gives a draft a conflict, as a merge leaves it."""
    core = repository._core
    tip = decode_commit(core.objects.read(version.commit, "commit"))
    entries = decode_tree(core.objects.read(tip.tree, "tree"))
    sides = (ConflictSide(commit="1" * 40, value="x"), ConflictSide(commit="2" * 40, value="y"))
    conflict = Conflict(frame_id="a", path=("blob",), sides=sides)
    with core.objects.loose() as writer:
        tree = update_conflicts(core.objects, writer, None, {"a": [conflict]})
        assert tree is not None
        data = encode_commit(
            tree=writer.write("tree", encode_tree([*entries, Entry(TREE_MODE, "conflicts", tree)])),
            parents=(version.commit,),
            author=core.author,
            time=core.now(),
            message="Merge",
        )
        commit = writer.write("commit", data)
    ref = f"refs/heads/{version.dataset.id}/{version.id}"
    core.refs.update(RefUpdate(ref, version.commit, commit))


def test_conflicts_keep_a_version_from_being_published(
    repository: Repository, draft: DatasetVersion, frame: MakeFrame
) -> None:
    """They stay through edits until they are resolved, and publishing says so."""
    with_conflicts(repository, draft)
    draft.add_frames([frame("z")])
    before = draft.commit
    for publish in (draft.publish, draft.snapshot, lambda: draft.snapshot(metadata={"a": 1})):
        with pytest.raises(
            ConflictError,
            match=r"^Version plates/Current holds 1 conflict of a merge, .* 'hdstore resolve'\.$",
        ):
            publish()
    assert draft.commit == before
    assert draft.metadata == {}


def test_versions_are_listed_by_their_last_change(
    dataset: Dataset, draft: DatasetVersion, frame: MakeFrame
) -> None:
    """Row 26: latest first; only drafts or only published ones on demand."""
    published, child = draft.snapshot()
    other = dataset.create_version("other")
    child.add_frames([frame("z")])

    assert dataset.versions() == [child, other, published]
    assert dataset.versions(published=False) == [child, other]
    assert dataset.versions(drafts=False) == [published]
    assert dataset.updated == child.updated
    assert child.created <= child.updated


def test_edits_of_version_parts_are_undone_too(draft: DatasetVersion) -> None:
    """Schema and metadata have inverses as frames have; what is set to what it is makes no commit."""
    before = draft.state()
    schema = Schema(labels=[Label(name="x", attributes={"a": ["1"]})])  # type: ignore[arg-type, dict-item]
    changes = draft.apply(SetSchema(schema=schema), SetVersionMetadata(metadata={"a": (1, 2)}))

    assert (changes.schema, changes.metadata, changes.frame_ids) == (True, True, ())
    assert not draft.apply(SetSchema(schema=schema))
    assert not draft.set_metadata({"a": [1, 2]})
    assert draft.set_metadata({"a": [True, 2]}).metadata
    draft.set_metadata({"a": [1, 2]})
    assert changes.inverse is not None
    assert draft.apply(*changes.inverse)
    assert draft.state().oid("version") == before.oid("version")
    assert draft.state().oid("schema") == before.oid("schema")


def test_a_diff_names_what_was_done(dataset: Dataset, draft: DatasetVersion, frame: MakeFrame) -> None:
    """Frames added, removed and changed, with annotations and fields apart, and nothing else."""
    published, child = draft.snapshot()
    old = child.frame("c")
    new = replace(
        old,
        blob="x",
        annotations=(replace(old.annotations[1], confidence=0.5), Annotation(id="new", labels=("truck",))),
    )
    child.apply(PutFrame(frame=new), PutFrame(frame=frame("z")))
    child.delete_frames(["a"])
    child.set_metadata({"a": 1})
    diff = published.diff(child)

    assert (diff.added, diff.removed, diff.schema, diff.metadata) == (("z",), ("a",), False, True)
    (change,) = diff.changed
    assert (change.id, change.fields) == ("c", ("blob",))
    assert change.annotations_added == ("new",)
    assert change.annotations_removed == ("0",)
    assert change.annotations_changed == ("1",)
    assert not published.diff(published)
    back = child.diff(published)
    assert (back.added, back.removed) == (diff.removed, diff.added)


def test_the_format_of_a_newer_program_is_read_and_not_written(
    repository: Repository, draft: DatasetVersion
) -> None:
    """Neither catalog nor drafts are changed; reading goes on."""
    core = repository._core
    catalog = core.catalog()
    entries = {
        e.name: e
        for e in decode_tree(core.objects.read(decode_commit(core.objects.read(catalog.commit)).tree))
    }
    with core.objects.loose() as writer:
        entries["format"] = entries["format"]._replace(oid=writer.write("blob", b"2\n"))
        data = encode_commit(
            tree=writer.write("tree", encode_tree(list(entries.values()))),
            parents=(catalog.commit,),
            author=core.author,
            time=core.now(),
            message="Newer",
        )
        newer = writer.write("commit", data)
    core.refs.update(RefUpdate("refs/heads/hdstore", catalog.commit, newer))

    with hdstore.open(repository.folder) as again:
        version = again.version("plates/Current")
        assert len(list(version.frames())) == 3
        for change in (
            lambda: version.rename("x"),
            lambda: version.set_metadata({"a": 1}),
            lambda: version.delete_frames(["a"]),
            lambda: version.publish(),
            lambda: again.create_dataset("other"),
        ):
            with pytest.raises(
                ReadOnlyError, match=r"format 2, this program knows 1: .* Install a newer hdstore"
            ):
                change()
        assert [(finding.kind, finding.message) for finding in again.fsck()] == [
            ("catalog", "it is written in the newer format 2")
        ]


def test_authors_are_kept_as_they_are_given(tmp_path: Path) -> None:
    """A name of any script; one that git could not write is refused."""
    hdstore.init(tmp_path, author=Author("丽", "li@例.org"))
    repository = hdstore.open(tmp_path, author=Author("", ""))

    with pytest.raises(InvalidValueError, match="author"):
        repository.create_dataset("a")
    assert repository.datasets() == []
