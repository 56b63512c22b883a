"""Stored views: made, found, edited, published, cloned and deleted; what they pin stays."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

import hdstore
from hdstore import (
    AlreadyExistsError,
    AmbiguousNameError,
    ConflictError,
    Dataset,
    DatasetVersion,
    InvalidFileError,
    InvalidValueError,
    Iteration,
    NotFoundError,
    Order,
    QuerySyntaxError,
    ReadOnlyError,
    Repository,
    RoiRule,
    SetFrameMetadata,
    SingleFrame,
    Source,
    View,
    ViewQuery,
    replace,
)
from hdstore.codec import encode_view_document, view_hash, view_to_json
from hdstore.model import Augmentation, AugmentationSet
from hdstore.repository.core import KEEP_REF
from hdstore.store import (
    BLOB_MODE,
    CATALOG_REF,
    TREE_MODE,
    Entry,
    RefUpdate,
    decode_commit,
    decode_tree,
    encode_commit,
    encode_tree,
)
from hdstore.version import VersionState

CURRENT = View(queries=(ViewQuery(dataset="plates", version="Current", frame="label:cat"),))
ADA = hdstore.Author("Ada", "ada@example.org")


def keeps(repository: Repository) -> set[str]:
    """Returns the commits that refs keep for views; each ref stands at the commit it names."""
    refs = repository._core.refs.list(KEEP_REF)
    assert all(name == KEEP_REF + commit for name, commit in refs.items())
    return set(refs.values())


def test_a_view_is_stored_under_a_name(repository: Repository, draft: DatasetVersion) -> None:
    """It is found by name and id, as it was given, also by who opens the repository later (row 107)."""
    made = repository.create_view("train", CURRENT, project="/cars//", description="Cats", tags="night rain")

    assert made.id.startswith("train.")
    with hdstore.open(repository.folder) as again:
        found = again.view("train")
        assert found == again.view(made.id) == made
        assert hash(found) == hash(made)
        assert (found.value, found.name, found.project) == (CURRENT, "train", "cars")
        assert (found.description, found.tags) == ("Cats", ("night", "rain"))
        assert (found.published, found.archived) == (False, False)
        assert found.created > 1_700_000_000
        assert found.content_hash == view_hash(CURRENT)
        assert again.views() == [made]
        assert repr(found) == f"<StoredView 'train' ({made.id})>"
    assert repository.fsck() == []


def test_names_of_views_are_their_own(repository: Repository, draft: DatasetVersion) -> None:
    """Unique among living views; a deleted one frees its name, and a dataset may carry it as well."""
    first = repository.create_view("plates", CURRENT)
    for taken in (
        lambda: repository.create_view("plates", CURRENT),
        lambda: first.clone("plates"),
        lambda: repository.create_view("other", CURRENT).rename("plates"),
    ):
        with pytest.raises(AlreadyExistsError, match=rf"There is a view 'plates' already \({first.id}\)"):
            taken()
    first.rename("plates")
    first.delete()
    assert repository.create_view("plates", CURRENT) != first
    with pytest.raises(NotFoundError, match=r"There is no view 'plates' \(.*\) any more; it was deleted"):
        _ = first.value
    with pytest.raises(
        NotFoundError, match="There is no view 'Plates' in this repository; did you mean 'plates'"
    ):
        repository.view("Plates")


def test_a_name_that_two_views_carry_is_asked_back(repository: Repository, draft: DatasetVersion) -> None:
    """As joining two repositories may leave it: the error names both ids."""
    first, second = repository.create_view("a", CURRENT), repository.create_view("b", CURRENT)
    with repository._core.changing("Rename") as change:
        change.put_view(replace(second.document, name="a"))
    with pytest.raises(AmbiguousNameError) as raised:
        repository.view("a")
    assert set(raised.value.candidates) == {first.id, second.id}
    assert repository.view(second.id) == second


LOST = View(
    queries=(ViewQuery(dataset="plates", version="current.00000000"),), pins={"current.00000000": "0" * 40}
)
ODD = Augmentation(sets=(AugmentationSet(cls="a", arguments={"a": {1}}),))


@pytest.mark.parametrize(
    ("view", "error", "said"),
    [
        (View(), InvalidValueError, "at least one query"),
        (View(queries=(ViewQuery(dataset="plates"),)), InvalidValueError, "none of them names both"),
        (View(queries=(ViewQuery(dataset="plaets", version="v"),)), NotFoundError, "no dataset 'plaets'"),
        (
            View(queries=(ViewQuery(dataset="plates", version="v9"),)),
            NotFoundError,
            "no version 'v9' in dataset",
        ),
        (
            LOST,
            NotFoundError,
            "pins version current.00000000 to commit 0{40}, which is not in this repository",
        ),
        (replace(CURRENT, enumeration={"cat": "1"}), InvalidValueError, r"enumeration\['cat'\]"),
        (replace(CURRENT, augmentation=ODD), InvalidValueError, "holds a set, which metadata can not keep"),
        ("plates", InvalidValueError, "A view is a value of View, not str"),
    ],
)
def test_what_can_not_be_a_view_is_not_stored(
    repository: Repository, draft: DatasetVersion, view: View, error: type[Exception], said: str
) -> None:
    """Neither made nor put into one that is there (row 89)."""
    stored = repository.create_view("good", CURRENT)
    before = repository._core.refs.list("refs/")
    for store in (lambda: repository.create_view("bad", view), lambda: stored.edit(view)):
        with pytest.raises(error, match=said):
            store()
    assert repository._core.refs.list("refs/") == before


@pytest.mark.parametrize(
    ("query", "field", "position"),
    [
        (ViewQuery(dataset="plates", version="Current", frame="label:(cat"), "frame", 6),
        (ViewQuery(dataset="plates", version="Current", source="width:[1 TO"), "source", 11),
        (
            ViewQuery(dataset="plates", version="Current", rois=(RoiRule(), RoiRule(query="a AND"))),
            "rois[1].query",
            5,
        ),
    ],
)
def test_a_query_that_can_not_be_read_is_not_stored(
    repository: Repository, draft: DatasetVersion, query: ViewQuery, field: str, position: int
) -> None:
    """The error has the place inside the text, and a note in which field of the view it stands."""
    with pytest.raises(QuerySyntaxError) as raised:
        repository.create_view("bad", View(queries=(*CURRENT.queries, query)))
    assert raised.value.position == position
    assert raised.value.caret().endswith("^")
    assert raised.value.__notes__[1:] == [f"It stands in queries[1].{field}."]
    assert repository.views() == []


def test_what_people_say_of_a_view_changes(repository: Repository, draft: DatasetVersion) -> None:
    """Published or not: name, description, tags, project, and whether it is put away (row 109)."""
    view = repository.create_view("train", CURRENT, tags="a")
    for _ in range(2):
        view.rename("training")
        view.describe("Cats at night")
        view.add_tags("b a")
        view.add_tags(["c"])
        view.remove_tags("a zoo")
        view.move("//cars/front/")
        view.archive()
        assert (view.name, view.description, view.tags) == ("training", "Cats at night", ("b", "c"))
        assert (view.project, view.archived) == ("cars/front", True)
        view.set_tags(["a"])
        view.archive(False)
        view.rename("train")
        assert (view.tags, view.archived) == (("a",), False)
        if not view.published:
            view.publish()
    assert view.value.queries[0].frame == "label:cat"
    for wrong in (lambda: view.rename(" a"), lambda: view.set_tags([""]), lambda: view.move("a\x00")):
        with pytest.raises(InvalidValueError):
            wrong()
    assert repository.fsck() == []


def test_views_are_found(repository: Repository, draft: DatasetVersion) -> None:
    """By a regular expression over names, ids, descriptions, datasets and versions, by tags, project and state."""
    repository.create_dataset("cups").current().publish()
    plates = repository.create_view(
        "day", CURRENT, project="cars", tags=("light", "old"), description="Sunny"
    )
    cups = repository.create_view(
        "night",
        View(queries=(ViewQuery(dataset="cups", version="Current"),)),
        project="cars/front",
        tags="old",
    )
    cups.publish()
    plates.archive()

    def found(**conditions: object) -> list[hdstore.StoredView]:
        return repository.views(**conditions)  # type: ignore[arg-type]

    assert found() == [plates, cups]
    assert found(text="^da") == found(text="sunny|Sunny") == found(text=plates.id) == [plates]
    # A published view holds ids; it is found by the names that they have now.
    assert found(text="^cups$") == found(text=cups.value.queries[0].dataset) == [cups]
    assert found(text="^Current$") == [plates, cups]
    assert found(text="zoo") == []
    assert found(archived=True) == found(published=False) == found(tags=["light"]) == [plates]
    assert found(archived=False) == found(published=True) == found(tags=["old", "__$not", "light"]) == [cups]
    assert found(project="cars") == [plates, cups]
    assert found(project="/cars/", recursive=False) == [plates]
    with pytest.raises(InvalidValueError, match="is not a regular expression"):
        found(text="(")


def test_a_draft_is_edited(repository: Repository, draft: DatasetVersion) -> None:
    """Its value is replaced; who read an older one is told instead of overwriting (row 106)."""
    view = repository.create_view("train", CURRENT)
    read = view.content_hash
    other = replace(CURRENT, iteration=Iteration(order=Order.RANDOM, seed=3))
    view.edit(other, base=read)
    assert view.value == other
    with pytest.raises(ConflictError, match="Somebody else changed the view 'train' since it was read"):
        view.edit(CURRENT, base=read)
    assert view.value == other
    view.edit(CURRENT)
    assert view.value == CURRENT


def test_publishing_pins_every_version(repository: Repository, draft: DatasetVersion) -> None:
    """Drafts and published ones, by ids; from then on the value never changes (row 108)."""
    published, draft = draft.snapshot(name="v1")
    draft.apply(SetFrameMetadata(frame_id="a", set={"k": 1}))
    queries = (
        *CURRENT.queries,
        ViewQuery(dataset="plates", version="v1"),
        ViewQuery(dataset="plates", frame="id:a"),
    )
    view = repository.create_view("train", View(queries=queries))
    assert keeps(repository) == set()
    view.publish()

    assert view.published
    assert view.value.pins == {draft.id: draft.commit, published.id: published.commit}
    assert [(query.dataset, query.version) for query in view.value.queries] == [
        (draft.dataset.id, version) for version in (draft.id, published.id, draft.id, published.id)
    ]
    assert keeps(repository) == {draft.commit, published.commit}
    value, pinned = view.value, draft.commit
    draft.apply(SetFrameMetadata(frame_id="a", set={"k": 2}))
    assert view.value == value
    assert VersionState(repository._core.objects, pinned).frame("a").metadata == {"k": 1}
    with pytest.raises(ReadOnlyError, match="View 'train' is published and can not be changed; clone it"):
        view.edit(CURRENT)
    with pytest.raises(ReadOnlyError, match="is published already"):
        view.publish()
    assert repository.fsck() == []


def test_a_clone_is_a_draft(repository: Repository, draft: DatasetVersion) -> None:
    """With the value and what was said of the original; its pins stay unless they are to go."""
    view = repository.create_view("train", CURRENT, tags="a", description="Cats", project="p")
    view.publish()
    view.archive()
    pinned, free = view.clone("pinned"), view.clone("free", unpin=True)

    assert (pinned.value, free.value) == (view.value, replace(view.value, pins={}))
    for clone in (pinned, free):
        assert clone.id != view.id
        assert (clone.published, clone.archived) == (False, False)
        assert (clone.tags, clone.description, clone.project) == (("a",), "Cats", "p")
        assert clone.created > view.created
        clone.edit(CURRENT)
        assert view.value.is_pinned


def test_a_pinned_view_may_be_stored_as_a_draft(repository: Repository, draft: DatasetVersion) -> None:
    """What it pins is kept, also when it names other versions with an edit; what it does not pin yet is pinned too."""
    first = draft.commit
    draft.apply(SetFrameMetadata(frame_id="a", set={"k": 1}))
    query = ViewQuery(dataset="plates", version=draft.id)
    view = repository.create_view("old", View(queries=(query,), pins={draft.id: first}))
    assert view.value == View(
        queries=(ViewQuery(dataset=draft.dataset.id, version=draft.id),), pins={draft.id: first}
    )
    assert keeps(repository) == {first}

    side = draft.dataset.create_version("side")
    view.edit(replace(view.value, queries=(*view.value.queries, ViewQuery(dataset="plates", version="side"))))
    assert view.value.pins == {draft.id: first, side.id: side.commit}
    assert keeps(repository) == {first, side.commit}
    view.edit(CURRENT)
    assert keeps(repository) == set()


def test_a_view_is_deleted(repository: Repository, draft: DatasetVersion) -> None:
    """A published one with force only; what another view pins as well is kept (row 108)."""
    view = repository.create_view("train", CURRENT)
    view.publish()
    twin = view.clone("twin")
    with pytest.raises(ReadOnlyError, match="View 'train' is published; deleting it needs force"):
        view.delete()
    assert repository.view("train") == view
    view.delete(force=True)
    assert repository.views() == [twin]
    assert keeps(repository) == {draft.commit}
    twin.delete()
    assert keeps(repository) == set()
    assert repository._core.catalog().views[view.id].deleted
    for late in (
        view.publish,
        view.delete,
        lambda: view.rename("x"),
        lambda: view.clone("y"),
        lambda: view.edit(CURRENT),
    ):
        with pytest.raises(NotFoundError, match="any more; it was deleted"):
            late()
    assert repr(view) == f"<StoredView 'train' ({view.id})>"
    assert repository.fsck() == []


def test_what_a_view_pins_outlives_its_draft(repository: Repository, dataset: Dataset) -> None:
    """After its draft, and then its dataset, is deleted and the garbage collected; frames and media are all there."""
    draft = dataset.current()
    kept = repository.media.keep_bytes(b"a picture")
    draft.add_frames([SingleFrame(id="a", sources=(Source(uri=f"media:{kept}"),))])
    view = repository.create_view(
        "train", replace(CURRENT, queries=(ViewQuery(dataset="plates", version="Current"),))
    )
    view.publish()
    commit = draft.commit
    draft.apply(SetFrameMetadata(frame_id="a", set={"k": 1}))
    moved_on = draft.commit

    draft.delete()
    repository.gc(grace=0)
    assert not repository._core.objects.exists(moved_on)
    dataset.delete(force=True)
    repository.gc(grace=0)
    assert [frame.id for frame in VersionState(repository._core.objects, commit).frames()] == ["a"]
    assert repository.media.has(kept)
    assert repository.fsck() == []
    # It can still be cloned and published; without its pins the names mean nothing any more.
    view.clone("again").publish()
    repository.view("again").delete(force=True)
    with pytest.raises(NotFoundError, match="There is no dataset"):
        view.clone("free", unpin=True).publish()
    assert [found.name for found in repository.views(text="^plates$")] == ["train", "free"]

    view.delete(force=True)
    repository.gc(grace=0)
    assert not repository._core.objects.exists(commit)
    assert not repository.media.has(kept)
    assert repository.fsck() == []


def test_gc_mends_what_keeps_pins(repository: Repository, draft: DatasetVersion) -> None:
    """A ref that went missing is made again, one that no view needs goes."""
    view = repository.create_view("train", CURRENT)
    view.publish()
    pinned = draft.commit
    draft.apply(SetFrameMetadata(frame_id="a", set={"k": 1}))
    refs = repository._core.refs
    refs.update(RefUpdate(KEEP_REF + pinned, pinned, None))
    refs.update(RefUpdate(KEEP_REF + draft.commit, None, draft.commit))
    (finding,) = repository.fsck()
    assert (
        str(finding) == f"view train ({view.id}): nothing keeps commit {pinned}, which it pins; gc mends that"
    )
    repository.gc()

    assert keeps(repository) == {pinned}
    assert repository.fsck() == []


def put(repository: Repository, path: str, data: bytes | None) -> None:
    """Writes a commit of the catalog with one file of views/ replaced or, with None, gone, as another program may."""
    core = repository._core
    tip = core.catalog().commit
    entries = {e.name: e for e in decode_tree(core.objects.read(decode_commit(core.objects.read(tip)).tree))}
    inner = {e.name: e for e in decode_tree(core.objects.read(entries["views"].oid))}
    with core.objects.pack() as writer:
        if data is None:
            del inner[path]
        else:
            inner[path] = Entry(BLOB_MODE, path, writer.write("blob", data))
        entries["views"] = Entry(TREE_MODE, "views", writer.write("tree", encode_tree(list(inner.values()))))
        tree = writer.write("tree", encode_tree(list(entries.values())))
        commit = writer.write(
            "commit", encode_commit(tree=tree, parents=(tip,), author=ADA, time=1_760_001_000, message="Hand")
        )
    core.refs.update(RefUpdate(CATALOG_REF, tip, commit))


def test_fsck_finds_what_is_wrong_with_views(repository: Repository, draft: DatasetVersion) -> None:
    """Damaged documents, pins of what is not there or is something else, and published values that changed."""
    view = repository.create_view("train", CURRENT)
    view.publish()
    name, document = f"{view.id}.json", view.document
    good = encode_view_document(document)

    def findings(data: bytes) -> list[str]:
        put(repository, name, data)
        try:
            return [str(finding) for finding in repository.fsck()]
        finally:
            tip = repository._core.catalog().commit
            (parent,) = decode_commit(repository._core.objects.read(tip)).parents
            repository._core.refs.update(RefUpdate(CATALOG_REF, tip, parent))

    assert findings(good) == []
    (found,) = findings(good[:-20])
    assert f"views/{name} is not a view's" in found
    (found,) = findings(good.replace(b"  ", b" "))
    assert found.endswith(f"views/{name}: the document is not in canonical form")
    lost = "0" * 40
    changed = replace(document, view=replace(document.view, pins={draft.id: lost}))
    missing, altered = sorted(findings(encode_view_document(changed)), key=lambda text: "published" in text)
    assert f"view train ({view.id}): it pins version {draft.id} to commit {lost}: " in missing
    assert altered.startswith(f"view train ({view.id}): it is published, but was not always what it is")
    other = repository._core.catalog().commit
    wrong = replace(document, view=replace(document.view, pins={draft.id: other}), published=True)
    assert any("holds no version" in text for text in findings(encode_view_document(wrong)))
    side = draft.dataset.create_version("side")
    wrong = replace(document, view=replace(document.view, pins={draft.id: side.commit}))
    texts = findings(encode_view_document(wrong))
    assert any(f"to commit {side.commit} of {draft.dataset.id}/{side.id}" in text for text in texts)
    assert any("nothing keeps commit" in text for text in texts)
    assert repository.fsck() == []


def test_fsck_finds_a_ref_that_keeps_another_commit(repository: Repository, draft: DatasetVersion) -> None:
    """Its name is the commit it must stand at."""
    repository._core.refs.update(RefUpdate(KEEP_REF + "1" * 40, None, draft.commit))

    assert [str(f) for f in repository.fsck()] == [
        f"ref {KEEP_REF}{'1' * 40}: it keeps the commit {draft.commit}"
    ]


def test_many_threads_store_views(repository: Repository, draft: DatasetVersion) -> None:
    """All that returned are there, each name once, and what they pin is kept."""
    results: list[str] = []

    def work(number: int) -> None:
        with hdstore.open(repository.folder, author=ADA) as own:
            try:
                made = own.create_view(f"view {number % 5}", CURRENT)
                made.publish()
                results.append(made.name)
            except AlreadyExistsError:
                results.append("taken")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == ["taken"] * 5 + [f"view {number}" for number in range(5)]
    assert sorted(view.name for view in repository.views(published=True)) == [f"view {n}" for n in range(5)]
    assert keeps(repository) == {draft.commit}
    assert repository.fsck() == []


def test_views_in_files(tmp_path: Path, repository: Repository, draft: DatasetVersion) -> None:
    """JSON and YAML by the end of the name, else by what stands in it; errors name the file and what to do."""
    value = replace(CURRENT, enumeration={"cat": 1})
    as_yaml = "queries: [{dataset: plates, version: Current, frame: 'label:cat'}]\nenumeration: {cat: 1}\n"
    for name, text in (
        ("view.json", view_to_json(value)),
        ("view.yaml", as_yaml),
        ("view.YML", as_yaml),
        ("view", as_yaml),
        ("view.txt", view_to_json(value)),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert hdstore.read_view_file(tmp_path / name) == value
    assert (
        repository.create_view("from-file", hdstore.read_view_file(str(tmp_path / "view.yaml"))).value
        == value
    )
    (tmp_path / "bad.json").write_bytes(b"\xff{}")
    (tmp_path / "long.json").write_bytes(b" " * (16 * 2**20 + 1))
    (tmp_path / "yaml.json").write_text(as_yaml)
    for name, error, said in (
        ("none.json", NotFoundError, "There is no file .*none.json to read a view from"),
        (".", NotFoundError, "There is no file"),
        ("bad.json", InvalidFileError, "bad.json: byte 0 is not UTF-8"),
        ("long.json", InvalidFileError, "long.json is longer than the 16,777,216 bytes"),
        ("yaml.json", InvalidFileError, "yaml.json is not a view: line 1, column 1"),
    ):
        with pytest.raises(error, match=said):
            hdstore.read_view_file(tmp_path / name)


def test_plain_git_has_what_views_pin(repository: Repository, draft: DatasetVersion, tmp_path: Path) -> None:
    """The refs are tags, so a clone by git has the commits too, and git finds nothing wrong with them."""

    def git(*arguments: object) -> str:
        done = subprocess.run(["git", *map(str, arguments)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    repository.create_view("train", CURRENT).publish()
    git("clone", "--quiet", repository.hds, tmp_path / "plain")
    assert git("-C", tmp_path / "plain", "tag").split() == [f"keep/{draft.commit}"]
    assert "train" in next((tmp_path / "plain" / "views").iterdir()).read_text()
    git("-C", repository.hds, "fsck", "--strict")
