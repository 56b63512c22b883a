"""Catalogs merge key by key into the commit that everybody makes: nothing is lost, nothing deleted comes back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.codec import encode_dataset, encode_view_document, view_hash
from hdstore.errors import DamagedError, ReadOnlyError
from hdstore.merge.author import AUTHOR
from hdstore.merge.catalogs import amend_catalog, merge_catalogs
from hdstore.model import (
    Author,
    Clip,
    DatasetDocument,
    Iteration,
    Order,
    Output,
    VersionRecord,
    View,
    ViewDocument,
    ViewQuery,
    replace,
)
from hdstore.store import (
    BLOB_MODE,
    TREE_MODE,
    Catalog,
    Entry,
    Layout,
    Objects,
    decode_commit,
    decode_tree,
    encode_commit,
    encode_tree,
    write_catalog,
)

ADA = Author(name="Ada Lovelace", email="ada@example.org")

Documents: TypeAlias = dict[str, DatasetDocument | ViewDocument]
Edit: TypeAlias = tuple[str, str, Any]
"""A document, what is changed of it, and to what."""


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    layout = Layout(tmp_path_factory.mktemp("catalogs"))
    layout.create()
    return Objects(layout.hds)


# What people do to a catalog.

DATASETS, VIEWS = ("a.00000000", "b.00000000"), ("v.00000000", "w.00000000")
VERSION = "x.00000000"
COMMITS = ("1" * 40, "2" * 40, "3" * 40)
QUERY = ViewQuery(dataset="a.00000000", version=VERSION)

words = st.sampled_from(["", "red", "green", "犬"])
tags = st.lists(st.sampled_from("pqrst"), max_size=3, unique=True).map(tuple)
plain = st.sampled_from([0, 0.0, -0.0, True, None, "t", [1], {}, {"k": 1}, {"k": 1.0}, {"l": {"m": 2}}])
shared = {
    "archived": st.booleans(),
    "created": st.integers(0, 9),
    "deleted": st.booleans(),
    "description": words,
    "name": words.filter(bool),
    "project": words,
    "tags": tags,
}
records = st.builds(
    VersionRecord,
    continued_by=st.sampled_from(["", "y.00000000", "z.00000000"]),
    deleted=st.booleans(),
    description=words,
    last=st.lists(st.sampled_from(COMMITS), unique=True).map(lambda found: tuple(sorted(found))),
    name=words.filter(bool),
    tags=tags,
).map(lambda record: record if record.deleted else replace(record, last=()))
views = st.builds(
    View,
    enumeration=st.sampled_from([{}, {"cat": 1}, {"cat": 2}]),
    iteration=st.sampled_from(
        [Iteration(), Iteration(limit=3), Iteration(clip=Clip(length=2)), Iteration(order=Order.RANDOM)]
    ),
    output=st.sampled_from([Output.ALL, Output.EACH]),
    pins=st.sampled_from([{VERSION: commit} for commit in COMMITS]),
    queries=st.sampled_from([(QUERY,), (QUERY, replace(QUERY, weight=2.0))]),
).filter(lambda view: not (view.iteration.clip and view.output is Output.EACH))
of_datasets = {
    **shared,
    "metadata": st.dictionaries(st.sampled_from("mn"), plain, max_size=2),
    "versions": st.dictionaries(st.sampled_from([VERSION, "y.00000000"]), records, max_size=2),
}
of_views = {**shared, "published": st.just(True), "view": views}


def edits_of(names: Iterable[str], fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Edit]:
    return st.sampled_from(sorted(fields)).flatmap(
        lambda field: st.tuples(st.sampled_from(sorted(names)), st.just(field), fields[field])
    )


edits = st.lists(edits_of(DATASETS, of_datasets) | edits_of(VIEWS, of_views), max_size=6)


def grown(held: VersionRecord | None, record: VersionRecord) -> VersionRecord:
    """Returns a record as it is put: a deletion never forgets what an earlier one had seen."""
    if held is None or not (held.deleted and record.deleted):
        return record
    return replace(record, last=tuple(sorted({*held.last, *record.last})))


def edited(documents: Documents, changes: Iterable[Edit]) -> Documents:
    """Returns the documents as somebody leaves them who makes these changes through the program."""
    found = dict(documents)
    for name, field, value in changes:
        if name in DATASETS:
            held = found.get(name) or DatasetDocument(id=name, name=name, created=5)
            if field == "versions":
                value = {
                    **held.versions,
                    **{key: grown(held.versions.get(key), new) for key, new in value.items()},
                }
        else:
            held = found.get(name) or ViewDocument(
                id=name, name=name, created=5, view=View(queries=(QUERY,), pins={VERSION: COMMITS[0]})
            )
            if field == "view" and held.published:
                continue
        found[name] = replace(held, **{field: value})
    return found


def write(objects: Objects, base: str | None, documents: Documents, *, time: int = 1) -> str:
    with objects.loose() as writer:
        held = Catalog(objects, base) if base else None
        return write_catalog(writer, held, documents.values(), author=ADA, time=time, message="Save")


def read(objects: Objects, commit: str) -> Documents:
    catalog = Catalog(objects, commit)
    return {**catalog.datasets, **catalog.views}


def texts(documents: Documents) -> set[bytes]:
    """Returns what tells documents apart to the bit; 1 is not True here."""
    return {
        encode_dataset(document) if isinstance(document, DatasetDocument) else encode_view_document(document)
        for document in documents.values()
    }


def published(documents: Documents) -> set[str]:
    held = [document for document in documents.values() if isinstance(document, ViewDocument)]
    return {view_hash(document.view) for document in held if document.published}


@given(edits, edits, edits, st.integers(0, 2), st.integers(0, 2))
def test_whoever_merges_makes_the_same(
    objects: Objects, before: list[Edit], one: list[Edit], other: list[Edit], early: int, late: int
) -> None:
    """The result is a valid, canonical catalog with all documents, records and published values of both sides."""
    base = edited({}, [("a.00000000", "description", "begun"), *before])
    root = write(objects, None, base)
    left, right = edited(base, one), edited(base, other)
    first = write(objects, root, left | {"f.00000000": DatasetDocument(id="f.00000000", name="f", created=1)})
    second = write(objects, root, right, time=late)
    first = write(objects, first, {}, time=early)

    merged = merge_catalogs(objects, first, second)

    assert merge_catalogs(objects, second, first) == merged
    assert merge_catalogs(objects, merged, first) == merge_catalogs(objects, second, merged) == merged
    assert Catalog(objects, merged).not_canonical(set()) == []
    found = read(objects, merged)
    assert found.keys() >= {*left, *right, "f.00000000"}
    assert published(found) == published(left) | published(right)
    for side in (left, right):
        for name, document in side.items():
            if isinstance(document, DatasetDocument):
                assert found[name].versions.keys() >= document.versions.keys()
    if second != root:
        commit = decode_commit(objects.read(merged, "commit"))
        assert (commit.author, commit.committer, commit.parents) == (
            AUTHOR,
            AUTHOR,
            tuple(sorted((first, second))),
        )
        assert commit.time == commit.committed == max(early, late)


@given(edits, edits, edits)
def test_what_is_deleted_stays_deleted(
    objects: Objects, before: list[Edit], one: list[Edit], other: list[Edit]
) -> None:
    """Unless a side took the deletion back: whatever else was changed meanwhile is no reason."""
    base = edited({}, [(name, "description", "") for name in (*DATASETS, *VIEWS)] + before)
    root = write(objects, None, base)
    left, right = edited(base, one), edited(base, other)
    merged = merge_catalogs(objects, write(objects, root, left, time=2), write(objects, root, right, time=3))

    def fates(documents: Documents) -> dict[tuple[str, str], bool]:
        listed = {(name, ""): document.deleted for name, document in documents.items()}
        for name in DATASETS:
            listed.update(((name, key), record.deleted) for key, record in documents[name].versions.items())
        return listed

    was, ours, theirs, now = (fates(documents) for documents in (base, left, right, read(objects, merged)))
    for key in ours.keys() | theirs.keys():
        a, b = ours.get(key, False), theirs.get(key, False)
        if key in ours and key in theirs and was.get(key, False):
            assert now[key] == (a and b), key
        else:
            assert now[key] == (a or b), key
    for key, record in read(objects, merged)["a.00000000"].versions.items():
        sides = [side["a.00000000"].versions.get(key) for side in (left, right)]
        seen = {commit for side in sides if side for commit in side.last}
        assert record.last == (tuple(sorted(seen)) if record.deleted else ())


@given(edits, edits, edits, st.booleans())
def test_changes_of_different_things_commute(
    objects: Objects, before: list[Edit], one: list[Edit], other: list[Edit], latest: bool
) -> None:
    """Each side's changes of what the other left alone are all there, whoever was later."""
    base = edited({}, before)
    ones = [edit for edit in one if edit[0] in (DATASETS[0], VIEWS[0]) and edit[1] != "created"]
    others = [edit for edit in other if edit[0] in (DATASETS[1], VIEWS[1]) and edit[1] != "created"]
    root = write(objects, None, base)
    merged = merge_catalogs(
        objects,
        write(objects, root, edited(base, ones), time=2 + latest),
        write(objects, root, edited(base, others), time=3 - latest),
    )

    assert texts(read(objects, merged)) == texts(edited(edited(base, ones), others))


@given(edits, edits)
def test_equal_sides_give_the_same_tree(objects: Objects, before: list[Edit], one: list[Edit]) -> None:
    """Two people who did the same have nothing to settle."""
    base = edited({}, [("a.00000000", "description", "begun"), *before])
    root = write(objects, None, base)
    first, second = (write(objects, root, edited(base, one), time=time) for time in (2, 3))

    assert Catalog(objects, merge_catalogs(objects, first, second)).tree == Catalog(objects, first).tree


@given(
    edits,
    st.lists(st.tuples(st.sampled_from("abc"), edits | st.sampled_from("abc")), max_size=8),
    st.booleans(),
)
def test_three_peers_end_with_the_same_tree(
    objects: Objects, before: list[Edit], acts: list[tuple[str, list[Edit] | str]], ring: bool
) -> None:
    """Whatever they did and pulled from whom while apart, in rounds of pulls afterwards all get equal, and stay so."""
    base = edited({}, [("a.00000000", "description", "begun"), *before])
    tips = dict.fromkeys("abc", write(objects, None, base))
    for time, (peer, act) in enumerate(acts, start=2):
        if isinstance(act, str):
            tips[peer] = merge_catalogs(objects, tips[peer], tips[act])
        else:
            tips[peer] = write(objects, tips[peer], edited(read(objects, tips[peer]), act), time=time)

    def trees() -> set[str]:
        return {Catalog(objects, tip).tree for tip in tips.values()}

    star = (("a", "b"), ("a", "c"), ("b", "a"), ("c", "a"))
    rounds = 0
    while len(trees()) > 1:
        for peer, source in ("ab", "bc", "ca") if ring else star:
            tips[peer] = merge_catalogs(objects, tips[peer], tips[source])
        rounds += 1
        assert rounds < 6
    (settled,) = trees()
    for peer, source in ("ab", "bc", "ca"):
        tips[peer] = merge_catalogs(objects, tips[peer], tips[source])
    assert trees() == {settled}


def dataset(**fields: Any) -> DatasetDocument:
    return DatasetDocument(**{"id": "a.00000000", "name": "a", "created": 5, **fields})


def view(**fields: Any) -> ViewDocument:
    value = View(queries=(QUERY,), pins={VERSION: COMMITS[0]})
    return ViewDocument(**{"id": "v-1.00000000", "name": "v", "created": 5, "view": value, **fields})


def merged(objects: Objects, base: Any, first: Any, second: Any) -> Documents:
    """Returns what comes of two changes of one document, the second of which is the later."""
    root = write(objects, None, {"": base} if base else {}, time=1)
    sides = [write(objects, root, {"": document}, time=time) for time, document in ((2, first), (3, second))]
    return read(objects, merge_catalogs(objects, *sides))


def one(objects: Objects, base: Any, first: Any, second: Any) -> Any:
    (found,) = merged(objects, base, first, second).values()
    return found


def test_the_latest_name_wins(objects: Objects) -> None:
    """Key by key: what only one side changed is not touched by the other; metadata merge inside."""
    base = dataset(metadata={"camera": {"lens": 1, "sensor": 1}, "old": 1}, description="d")
    first = dataset(
        name="early", project="p", metadata={"camera": {"lens": 2, "sensor": 1, "iso": 1}}, description="d"
    )
    second = dataset(name="late", metadata={"camera": {"lens": 3, "sensor": 2}, "old": 1})

    found = one(objects, base, first, second)

    assert (found.name, found.project, found.description) == ("late", "p", "")
    assert found.metadata == {"camera": {"lens": 3, "sensor": 2, "iso": 1}}


def test_commits_of_one_second_are_ordered_by_their_ids(objects: Objects) -> None:
    """Somebody has to be the later one, and for everybody the same."""
    root = write(objects, None, {"": dataset()})
    names = {write(objects, root, {"": dataset(name=name)}, time=2): name for name in ("b", "c")}

    found = read(objects, merge_catalogs(objects, *names))

    assert found["a.00000000"].name == names[max(names)]


@pytest.mark.parametrize(
    ("before", "early", "late", "found"),
    [
        ("", "ab", "cb", "abc"),
        ("ab", "b", "abc", "bc"),
        ("ab", "", "ba", ""),
        ("abc", "cab", "abd", "abd"),
        ("abc", "cab", "abc", "cab"),
        ("abc", "abc", "cab", "cab"),
    ],
)
def test_tags_merge_as_sets(objects: Objects, before: str, early: str, late: str, found: str) -> None:
    """Whoever adds or removes a tag means that one; the order is that of whoever changed it."""
    documents = [dataset(tags=tuple(tags)) for tags in (before, early, late)]

    assert "".join(one(objects, *documents).tags) == found
    views = [view(tags=tuple(tags)) for tags in (before, early, late)]
    assert "".join(one(objects, *views).tags) == found


def test_a_dataset_made_twice_is_the_older(objects: Objects) -> None:
    """Two people who import the same make the same id: what both say of it is kept."""
    found = one(objects, None, dataset(created=3, description="d"), dataset(created=4, tags=("t",)))

    assert found == dataset(created=3, description="d", tags=("t",))


def test_records_of_versions_merge_like_documents(objects: Objects) -> None:
    """Of two drafts that continue a version the later side's is believed; versions that were added are all there."""
    base = dataset(versions={VERSION: VersionRecord(name="v")})
    first = dataset(
        versions={
            VERSION: VersionRecord(name="v", continued_by="y.00000000"),
            "y.00000000": VersionRecord(name="y"),
        }
    )
    second = dataset(
        versions={
            VERSION: VersionRecord(name="w", continued_by="z.00000000"),
            "z.00000000": VersionRecord(name="z"),
        }
    )

    assert one(objects, base, first, second).versions == {
        VERSION: VersionRecord(name="w", continued_by="z.00000000"),
        "y.00000000": VersionRecord(name="y"),
        "z.00000000": VersionRecord(name="z"),
    }


def test_a_draft_view_merges_by_its_parts(objects: Objects) -> None:
    """Queries are one part, the mapping another; where both changed one the later side's is taken."""
    base = view().view
    first = replace(base, enumeration={"cat": 1}, output=Output.EACH)
    second = replace(base, queries=(QUERY, replace(QUERY, weight=2.0)), output=Output.MATCHING)
    found = one(objects, view(), view(view=first, name="w"), view(view=second, description="d"))

    assert found == view(view=replace(second, enumeration={"cat": 1}), name="w", description="d")


def test_parts_that_make_no_view_are_not_joined(objects: Objects) -> None:
    """Clips and one frame for each annotation exclude each other: the later side's view is taken whole."""
    base = view().view
    clips = replace(base, iteration=Iteration(clip=Clip(length=2)), enumeration={"cat": 1})
    each = replace(base, output=Output.EACH)

    found = one(objects, view(), view(view=clips, name="w"), view(view=each))

    assert found == view(view=each, name="w")


def test_what_is_published_goes_before_a_draft(objects: Objects) -> None:
    """Even before a later one; what people say of the view is theirs all the same."""
    value = replace(view().view, enumeration={"cat": 1})
    draft = view(view=replace(view().view, enumeration={"cat": 2}), description="d")

    for sides in ((view(published=True, view=value), draft), (draft, view(published=True, view=value))):
        assert one(objects, view(), *sides) == view(published=True, view=value, description="d")


@pytest.mark.parametrize("turned", [False, True])
def test_two_published_values_of_a_view_are_both_kept(objects: Objects, turned: bool) -> None:
    """One under an id of its own, which follows from its value, so that later merges do not add it again."""
    values = [replace(view().view, enumeration={"cat": n}) for n in (1, 2)]
    small, large = sorted(values, key=view_hash)
    sides = [
        view(view=small, published=True, name="s"),
        view(view=large, published=True, name="l", tags=("t",)),
    ]
    root = write(objects, None, {"": view()})
    first, second = (
        write(objects, root, {"": document}, time=time)
        for time, document in enumerate(sides[:: -1 if turned else 1], 2)
    )

    both = merge_catalogs(objects, first, second)
    found = read(objects, both)

    assert len(found) == 2
    kept, apart = found.pop("v-1.00000000"), *found.values()
    assert (kept.view, kept.published, kept.name) == (small, True, "s" if turned else "l")
    assert apart == replace(sides[1], id=apart.id)
    assert apart.id.startswith("v-1.")
    renamed = write(objects, both, {"": replace(apart, name="renamed")}, time=9)
    late = write(objects, second, {"": replace(sides[0 if turned else 1], description="late")}, time=10)
    again = read(objects, merge_catalogs(objects, renamed, late))
    assert again.keys() == {kept.id, apart.id}
    assert again[apart.id].name == "renamed"
    assert (again[kept.id].view, again[kept.id].description) == (small, "late")


def test_the_one_that_was_made_from_the_other_is_it(objects: Objects) -> None:
    """Nothing is written where nothing has to be decided; a fresh catalog does not matter."""
    root = write(objects, None, {"": dataset()})
    later = write(objects, root, {"": dataset(name="b")})
    empty, other = write(objects, None, {}, time=7), write(objects, None, {}, time=8)

    assert merge_catalogs(objects, root, later) == merge_catalogs(objects, later, root) == later
    assert merge_catalogs(objects, later, later) == later
    assert merge_catalogs(objects, empty, later) == merge_catalogs(objects, later, empty) == later
    assert merge_catalogs(objects, empty, other) == merge_catalogs(objects, other, empty) == other


def test_repositories_begun_apart_are_united(objects: Objects) -> None:
    """Without a common beginning both keep what they have."""
    first = write(objects, None, {"": dataset()})
    second = write(objects, None, {"": dataset(id="b.00000000", name="a")})

    assert read(objects, merge_catalogs(objects, first, second)).keys() == {"a.00000000", "b.00000000"}


def test_several_common_ancestors_are_merged_first(objects: Objects) -> None:
    """After two people pulled from each other at once, a change that one takes back does not come again."""
    root = write(objects, None, {"": dataset()})
    left = write(objects, root, {"": dataset(description="new")}, time=2)
    right = write(objects, root, {"": dataset(project="p")}, time=3)
    crossed = [
        commit_tree_of(objects, merge_catalogs(objects, left, right), pair, 4)
        for pair in ((left, right), (right, left))
    ]
    description = write(objects, crossed[0], {"": dataset(project="p")}, time=5)
    project = write(objects, crossed[0], {"": dataset(description="new")}, time=5)
    other = write(objects, crossed[1], {"": dataset(name="n", project="p", description="new")}, time=6)

    assert len(objects.merge_bases(description, other)) == 2
    assert one_of(objects, merge_catalogs(objects, description, other)) == dataset(name="n", project="p")
    assert one_of(objects, merge_catalogs(objects, project, other)) == dataset(name="n", description="new")


def one_of(objects: Objects, commit: str) -> Any:
    (found,) = read(objects, commit).values()
    return found


def commit_tree_of(objects: Objects, commit: str, parents: Iterable[str], time: int) -> str:
    """Returns another commit with the tree of one: what a foreign program makes of a merge."""
    data = encode_commit(
        tree=Catalog(objects, commit).tree,
        parents=tuple(parents),
        author=ADA,
        time=time,
        message="Merge by hand",
    )
    with objects.loose() as writer:
        return writer.write("commit", data)


def test_a_history_that_crosses_for_ever_ends(objects: Objects) -> None:
    """A stranger can make one whose ancestors would be merged without end."""
    tips = [write(objects, None, {"": dataset(name=name)}) for name in "abc"]
    for time in range(2, 60):
        tree = tips[time % 3]
        tips = [commit_tree_of(objects, tree, tips, time * 3 + n) for n in range(3)]
    first, second = (
        write(objects, tip, {"": dataset(name=name)}, time=999) for tip, name in zip(tips, "xy", strict=False)
    )

    assert merge_catalogs(objects, first, second) == merge_catalogs(objects, second, first)


def with_files(objects: Objects, base: str, files: dict[str, str], *, time: int) -> str:
    """Returns a commit on ``base`` with other files beside its documents, as a later program may write them."""
    with objects.loose() as writer:

        def tree(entries: dict[str, str]) -> list[Entry]:
            listed = {}
            for path, text in entries.items():
                head, _, rest = path.partition("/")
                if rest:
                    below = {p.partition("/")[2]: t for p, t in entries.items() if p.startswith(head + "/")}
                    listed[head] = Entry(TREE_MODE, head, writer.write("tree", encode_tree(tree(below))))
                else:
                    listed[path] = Entry(BLOB_MODE, path, writer.write("blob", text.encode()))
            return list(listed.values())

        catalog = Catalog(objects, base)
        held = [entry for name, entry in catalog.entries.items() if name in ("format", "datasets")]
        return write_catalog(
            writer, catalog, (), author=ADA, time=time, message="x", beside=[*held, *tree(files)]
        )


def files_of(objects: Objects, tree: str, prefix: str = "") -> dict[str, str]:
    found = {}
    for entry in decode_tree(objects.read(tree, "tree")):
        if entry.mode == TREE_MODE:
            found.update(files_of(objects, entry.oid, f"{prefix}{entry.name}/"))
        else:
            found[prefix + entry.name] = objects.read(entry.oid, "blob").decode()
    return found


def test_files_of_a_later_program_merge_as_wholes(objects: Objects) -> None:
    """Each file is the side's that changed it, the later one's where both did; removed is changed."""
    root = write(objects, None, {"": dataset()})
    base = with_files(
        objects, root, {"tasks/a": "0", "tasks/b": "0", "tasks/c": "0", "gone/x": "0", "n": "0"}, time=2
    )
    first = with_files(
        objects, base, {"tasks/a": "1", "tasks/b": "1", "tasks/c": "0", "n/n": "1", "gone/x": "0"}, time=3
    )
    second = with_files(objects, base, {"tasks/a": "0", "tasks/b": "2", "tasks/d/e": "2", "n": "2"}, time=4)

    merge = merge_catalogs(objects, first, second)

    assert merge == merge_catalogs(objects, second, first)
    found = files_of(objects, Catalog(objects, merge).tree)
    del found["format"], found["datasets/a.00000000.json"]
    assert found == {"tasks/a": "1", "tasks/b": "2", "tasks/d/e": "2", "n": "2"}


def test_other_formats_are_not_merged(objects: Objects) -> None:
    """Neither two different ones, nor one that this program does not know."""
    root = write(objects, None, {"": dataset()})
    newer = [with_files(objects, root, {"format": "2\n", "x": text}, time=2) for text in "ab"]

    with pytest.raises(ReadOnlyError, match="the formats 1 and 2"):
        merge_catalogs(objects, root, newer[0])
    with pytest.raises(ReadOnlyError, match="written in format 2"):
        merge_catalogs(objects, *newer)


def test_a_document_that_could_not_be_written_is_refused(objects: Objects) -> None:
    """A stranger's number of a hundred bits is no metadata; the error names where it is."""
    text = encode_dataset(dataset(metadata={"n": 1})).replace(b'"n": 1', b'"n": %d' % 2**100)
    root = write(objects, None, {"": dataset(name="old")})
    with objects.loose() as writer:
        folder = encode_tree([Entry(BLOB_MODE, "a.00000000.json", writer.write("blob", text))])
        entries = {
            **Catalog(objects, root).entries,
            "datasets": Entry(TREE_MODE, "datasets", writer.write("tree", folder)),
        }
        tree = writer.write("tree", encode_tree(entries.values()))
        data = encode_commit(tree=tree, parents=(root,), author=ADA, time=2, message="x")
        strange = writer.write("commit", data)
    ours = write(objects, root, {"": dataset(description="d")})

    with pytest.raises(DamagedError, match="can not be merged"):
        merge_catalogs(objects, ours, strange)


def test_amending_follows_from_what_is_given(objects: Objects) -> None:
    """Two machines that mend the same merge write the same commit; what is there already is not written again."""
    root = write(objects, None, {"": dataset()}, time=7)

    amended = amend_catalog(objects, root, [dataset(name="b")], message="Mend")

    assert amend_catalog(objects, root, [dataset(name="b")], message="Mend") == amended
    assert amend_catalog(objects, amended, [dataset(name="b")], message="Again") == amended
    commit = decode_commit(objects.read(amended, "commit"))
    assert (commit.parents, commit.author, commit.time, commit.message) == ((root,), AUTHOR, 7, "Mend")
    assert one_of(objects, amended).name == "b"


def test_peers_in_a_ring_do_not_hand_two_values_round(objects: Objects) -> None:
    """The name that is later depends on who merges what first: once all have the same work one of the two is taken."""
    root = write(objects, None, {"": dataset()})
    a = write(objects, root, {"": dataset(name="A")}, time=2)
    b = write(objects, root, {"": dataset(name="B")}, time=4)
    c = write(objects, a, {"": dataset(name="A", description="d")}, time=8)

    names = []
    for _ in range(6):
        a = merge_catalogs(objects, a, b)
        b = merge_catalogs(objects, b, c)
        c = merge_catalogs(objects, c, a)
        names.append("".join(one_of(objects, tip).name for tip in (a, b, c)))

    assert names[0] == "BAB"
    assert len(set(names[-1])) == 1
    assert len(set(names[-4:])) == 1


def test_what_deletions_had_seen_goes_with_them(objects: Objects) -> None:
    """Two deletions have seen what either had; one that was taken back has seen nothing."""

    def of(**fields: Any) -> DatasetDocument:
        return dataset(versions={VERSION: VersionRecord(name="v", **fields)})

    gone = of(deleted=True, last=(COMMITS[0],))
    again = of(deleted=True, last=(COMMITS[1],))

    assert one(objects, of(), gone, again) == of(deleted=True, last=COMMITS[:2])
    assert one(objects, gone, again, of()) == one(objects, gone, of(), again) == of()
