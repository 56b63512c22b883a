"""Git's objects: what we write git accepts, what git writes we read, and nothing else is accepted."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdstore.errors import DamagedError, InvalidValueError
from hdstore.model import Author
from hdstore.store import gitobjects
from hdstore.store.gitobjects import (
    BLOB_MODE,
    TREE_MODE,
    Entry,
    decode_commit,
    decode_tag,
    decode_tree,
    encode_commit,
    encode_tag,
    encode_tree,
    object_id,
)
from hdstore.store.objects import Objects

OID = "0123456789abcdef0123456789abcdef01234567"

oids = st.text("0123456789abcdef", min_size=40, max_size=40)
names = (
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
    .filter(lambda name: name not in (".", "..") and name.lower() != ".git")
)  # fmt: skip
entries = st.lists(
    st.builds(Entry, st.sampled_from([BLOB_MODE, TREE_MODE]), names, oids), unique_by=lambda entry: entry.name
)
words = st.text(st.characters(exclude_characters="<>", exclude_categories=["Cc", "Cs"]), max_size=20).map(
    str.strip
)
authors = st.builds(Author, name=words.filter(bool), email=words)
messages = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


@given(entries)
def test_trees_come_back_as_they_went(rows: list[Entry]) -> None:
    """Decoding what was encoded gives the same entries, whatever order they were in."""
    assert sorted(decode_tree(encode_tree(rows))) == sorted(rows)
    assert encode_tree(rows) == encode_tree(rows[::-1])


@given(oids, st.lists(oids, max_size=3), authors, st.integers(0, 2**40), messages)
def test_commits_come_back_as_they_went(
    tree: str, parents: list[str], author: Author, time: int, message: str
) -> None:
    """Decoding an encoded commit gives its parts; line ends around the message are not kept."""
    found = decode_commit(
        encode_commit(tree=tree, parents=parents, author=author, time=time, message=message)
    )
    assert (found.tree, list(found.parents), found.author, found.time) == (tree, parents, author, time)
    assert (found.committer, found.committed) == (author, time)
    assert found.message == message.strip("\n")


@given(oids, authors, st.integers(0, 2**40), messages)
def test_tags_come_back_as_they_went(target: str, author: Author, time: int, message: str) -> None:
    """Decoding an encoded tag gives its parts."""
    found = decode_tag(encode_tag(target=target, name="d/v", author=author, time=time, message=message))
    assert (found.target, found.kind, found.name, found.author, found.time) == (
        target,
        "commit",
        "d/v",
        author,
        time,
    )
    assert found.message == message.strip("\n")


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_called_damaged(data: bytes) -> None:
    """Bytes from a stranger never raise anything but DamagedError, and an accepted tree is a canonical one."""
    for decode in (decode_commit, decode_tag):
        with suppress(DamagedError):
            decode(data)
    try:
        rows = decode_tree(data)
    except DamagedError:
        return
    assert encode_tree(rows) == data


def test_git_sorts_a_tree_as_we_do(git: Callable[..., str]) -> None:
    """A tree in which folders and files compete for their places is the one git makes."""
    blob = git("hash-object", "-w", "--stdin", input=b"x")
    empty = git("mktree", input=b"")
    rows = [Entry(BLOB_MODE, name, blob) for name in ("a.b", "a0", "a-", "ä", "ab")]
    rows += [Entry(TREE_MODE, name, empty) for name in ("a", "aa", "b")]
    listing = "".join(
        f"{row.mode:06o} {'tree' if row.mode == TREE_MODE else 'blob'} {row.oid}\t{row.name}\n"
        for row in rows
    )
    assert git("mktree", input=listing.encode()) == object_id("tree", encode_tree(rows))


def test_git_reads_our_commit_and_tag(
    git: Callable[..., str], objects: Objects, fsck: Callable[[], None]
) -> None:
    """Git shows author, time and message of a commit of ours, and follows our tag to it."""
    author = Author(name="Zoë 数据", email="zoe@example.org")
    with objects.loose() as writer:
        tree = writer.write("tree", encode_tree([]))
        commit = writer.write(
            "commit",
            encode_commit(
                tree=tree, parents=(), author=author, time=1700000000, message="Überschrift\n\nText"
            ),
        )
        data = encode_tag(target=commit, name="d/v", author=author, time=1700000001, message="published")
        tag = writer.write("tag", data)
    assert (
        git("show", "-s", "--format=%an|%ae|%at|%s|%b", commit)
        == "Zoë 数据|zoe@example.org|1700000000|Überschrift|Text"
    )
    assert git("rev-parse", tag + "^{commit}") == commit
    git("update-ref", "refs/tags/d/v", tag)
    fsck()


def test_a_commit_of_git_is_read_with_what_git_adds(git: Callable[..., str], objects: Objects) -> None:
    """Time zones, encodings and signatures in a commit by others do not disturb."""
    tree = git("mktree", input=b"")
    raw = (
        f"tree {tree}\nauthor A U Thor <a@b.c> 1700000000 +0200\ncommitter C <c@d> 1700000005 -0130\n"
        "encoding ISO-8859-1\ngpgsig -----BEGIN\n line\n -----END\n\nhi\n"
    )
    found = decode_commit(
        objects.read(git("hash-object", "-w", "-t", "commit", "--stdin", input=raw.encode()), "commit")
    )
    assert (found.author, found.time) == (Author(name="A U Thor", email="a@b.c"), 1700000000)
    assert (found.committed, found.message) == (1700000005, "hi")


@pytest.mark.parametrize("name", ["", ".", "..", ".git", ".GIT", "a/b", "a\0b"])
def test_a_dangerous_name_is_not_put_into_a_tree(name: str) -> None:
    """A name that would leave a folder when checked out is refused when writing and when reading."""
    with pytest.raises(InvalidValueError, match="can not be the name"):
        encode_tree([Entry(BLOB_MODE, name, OID)])
    with pytest.raises(DamagedError):
        decode_tree(b"100644 " + name.encode() + b"\0" + bytes.fromhex(OID))


def test_a_tree_holds_a_name_once_and_in_order() -> None:
    """A name that stands twice, or out of order, makes a tree damaged."""
    a, b = (encode_tree([Entry(BLOB_MODE, name, OID)]) for name in "ab")
    assert [entry.name for entry in decode_tree(a + b)] == ["a", "b"]
    for data in (b + a, a + a, a + b[:-1], a[:-25] + b):
        with pytest.raises(DamagedError):
            decode_tree(data)
    with pytest.raises(InvalidValueError, match="twice"):
        encode_tree([Entry(BLOB_MODE, "a", OID), Entry(TREE_MODE, "a", OID)])


@pytest.mark.parametrize(
    ("author", "time"),
    [
        (Author(name="", email="a@b"), 1),
        (Author(name="  ", email="a@b"), 1),
        (Author(name="A <x>", email="a@b"), 1),
        (Author(name="A", email="a\nb"), 1),
        (Author(name="A", email="a@b"), -1),
    ],
)
def test_an_author_that_git_could_not_read_is_refused(author: Author, time: int) -> None:
    """Names with angle brackets or line ends, empty names and times before 1970 are refused with a reason."""
    with pytest.raises(InvalidValueError, match="can not be written"):
        encode_commit(tree=OID, parents=(), author=author, time=time, message="")


def test_ids_messages_and_tag_names_are_checked() -> None:
    """What is no object id, a message with a zero byte, and a tag name with a blank are refused."""
    author = Author(name="A", email="a@b")
    with pytest.raises(InvalidValueError, match="not an object id"):
        encode_commit(tree=OID.upper(), parents=(), author=author, time=1, message="")
    with pytest.raises(InvalidValueError, match="zero byte"):
        encode_commit(tree=OID, parents=(), author=author, time=1, message="a\0b")
    with pytest.raises(InvalidValueError, match="name of a tag"):
        encode_tag(target=OID, name="a b", author=author, time=1, message="")


def test_what_could_not_be_read_again_is_not_written(
    monkeypatch: pytest.MonkeyPatch, objects: Objects
) -> None:
    """An unknown kind, and an object beyond the limit, are refused by both writers."""
    monkeypatch.setattr(gitobjects, "OBJECT_LIMIT", 10)
    for block in (objects.loose, objects.pack):
        with block() as writer:
            writer.write("blob", b"x" * 10)
            with pytest.raises(InvalidValueError, match="11 bytes can not be stored"):
                writer.write("blob", b"x" * 11)
            with pytest.raises(InvalidValueError, match="not a kind of object"):
                writer.write("delta", b"")


@given(st.binary(max_size=100))
def test_the_id_is_the_one_git_gives(data: bytes) -> None:
    """The id of an object is what ``git hash-object`` prints."""
    done = subprocess.run(["git", "hash-object", "--stdin"], input=data, capture_output=True, check=True)
    assert object_id("blob", data) == done.stdout.decode().strip()
