"""The catalog's documents in git: datasets and views beside each other, canonical, and damaged ones named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pytest

from hdstore.codec import encode_dataset, encode_view_document
from hdstore.errors import DamagedError
from hdstore.model import Author, DatasetDocument, View, ViewDocument, ViewQuery, replace
from hdstore.store import (
    BLOB_MODE,
    TREE_MODE,
    Catalog,
    Entry,
    Objects,
    encode_commit,
    encode_tree,
    write_catalog,
)
from hdstore.store.gitobjects import object_id
from hdstore.store.layout import Layout

ADA = Author(name="Ada Lovelace", email="ada@example.org")
FIRST, SECOND = "1" * 40, "2" * 40
DATASET = DatasetDocument(id="d.00000000", name="d", created=1)
PINNED = ViewDocument(
    id="v.00000000",
    name="v",
    created=1,
    view=View(queries=(ViewQuery(dataset="d.00000000", version="a.00000000"),), pins={"a.00000000": FIRST}),
)


class Git(Protocol):
    """Runs the real git in the repository."""

    def __call__(self, *arguments: str, input: bytes | None = None) -> str: ...


def write(objects: Objects, base: Catalog | None, *documents: DatasetDocument | ViewDocument) -> Catalog:
    with objects.pack() as writer:
        commit = write_catalog(writer, base, documents, author=ADA, time=1, message="Write")
    return Catalog(objects, commit)


def test_views_stand_beside_datasets(objects: Objects, git: Git, fsck: Callable[[], None]) -> None:
    """Each document is a file of its folder; writing one leaves the others, and git likes the tree."""
    empty = write(objects, None)
    first = write(objects, empty, DATASET, PINNED)
    other = replace(PINNED, id="w-2.00000000", name="犬")
    second = write(objects, first, other)

    assert (empty.is_empty, first.is_empty) == (True, False)
    assert empty.views == {}
    assert second.datasets == {DATASET.id: DATASET}
    assert second.views == {PINNED.id: PINNED, other.id: other}
    assert second.not_canonical(set()) == []
    listed = git("ls-tree", "-r", "--name-only", second.commit).split()
    assert listed == [
        "README.md", "datasets/d.00000000.json", "format", "views/v.00000000.json", "views/w-2.00000000.json"
    ]  # fmt: skip
    shown = git("cat-file", "blob", f"{second.commit}:views/v.00000000.json") + "\n"
    assert shown.encode() == encode_view_document(PINNED)
    git("update-ref", "refs/heads/hdstore", second.commit)
    fsck()


def test_a_catalog_of_views_alone_is_not_empty(objects: Objects) -> None:
    """An exchange must not take it for a fresh one and replace it."""
    assert not write(objects, write(objects, None), PINNED).is_empty


def test_living_views_say_what_is_pinned(objects: Objects) -> None:
    """A deleted view keeps nothing; two may pin the same."""
    gone = replace(
        PINNED, id="g.00000000", deleted=True, view=replace(PINNED.view, pins={"a.00000000": SECOND})
    )
    twin = replace(PINNED, id="t.00000000")

    assert write(objects, write(objects, None), PINNED, gone, twin).pinned == {FIRST}
    assert write(objects, write(objects, None), gone).pinned == frozenset()


def damaged(objects: Objects, folder: str, name: str, data: bytes) -> Catalog:
    """Returns a catalog with one file that this program would not write."""
    with objects.pack() as writer:
        blob = writer.write("blob", data)
        inner = writer.write("tree", encode_tree([Entry(BLOB_MODE, name, blob)]))
        number = writer.write("blob", b"1\n")
        tree = encode_tree([Entry(BLOB_MODE, "format", number), Entry(TREE_MODE, folder, inner)])
        commit = encode_commit(tree=writer.write("tree", tree), parents=(), author=ADA, time=1, message="x")
        return Catalog(objects, writer.write("commit", commit))


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        (
            "v.00000000.txt",
            encode_view_document(PINNED),
            "views/v.00000000.txt, which names none of its views",
        ),
        ("v.json", encode_view_document(PINNED), "views/v.json, which names none"),
        ("w.00000000.json", encode_view_document(PINNED), "views/w.00000000.json says it is 'v.00000000'"),
        ("v.00000000.json", b"{}", "views/v.00000000.json is not a view's"),
        ("v.00000000.json", encode_view_document(PINNED)[:-9], "views/v.00000000.json is not a view's"),
    ],
)
def test_a_damaged_view_is_named(objects: Objects, name: str, data: bytes, said: str) -> None:
    """By its path; the datasets can be read all the same."""
    catalog = damaged(objects, "views", name, data)

    assert catalog.datasets == {}
    with pytest.raises(DamagedError, match=said):
        _ = catalog.views


def test_a_document_in_another_form_is_found(objects: Objects) -> None:
    """It can be read, but is not what this program would write."""
    loose = encode_view_document(PINNED).replace(b"  ", b" ")

    assert damaged(objects, "views", "v.00000000.json", loose).not_canonical(set()) == [
        "views/v.00000000.json"
    ]
    loose = encode_dataset(DATASET).replace(b"  ", b" ")
    assert damaged(objects, "datasets", "d.00000000.json", loose).not_canonical(set()) == [
        "datasets/d.00000000.json"
    ]


def test_what_two_commits_share_is_read_once(objects: Objects, layout: Layout) -> None:
    """Documents of the one that was read before are taken from it, where their bytes are the same."""
    first = write(objects, write(objects, None), DATASET, PINNED)
    changed = replace(PINNED, description="new")
    second = write(objects, first, changed)
    seen: list[str] = []

    class Counting(Objects):
        def read(self, oid: str, kind: str | None = None) -> bytes:
            seen.append(oid)
            return super().read(oid, kind)

    counting = Counting(layout.hds)
    old = Catalog(counting, first.commit)
    assert (old.datasets, old.views) == (first.datasets, first.views)
    seen.clear()
    new = Catalog(counting, second.commit, like=old)
    assert new.views == {PINNED.id: changed}
    assert new.datasets[DATASET.id] is old.datasets[DATASET.id]
    assert object_id("blob", encode_dataset(DATASET)) not in seen
    checked: set[str] = set()
    assert new.not_canonical(checked) == []
    assert checked == {
        object_id("blob", encode_dataset(DATASET)),
        object_id("blob", encode_view_document(changed)),
    }
