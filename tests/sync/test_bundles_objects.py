"""Objects from strangers: what git or fsck would object to is found before a bundle is taken."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sync.forging import (
    Parts,
    keep_what_is_needed,
    parts_by_id,
    put_together,
    rebuild,
    replace_catalog,
    replace_leaf,
    replace_tag,
    replace_tip,
    state_of,
    take_apart,
    take_copy,
)

import hdstore
from hdstore import Repository, SingleFrame, View, ViewQuery
from hdstore.codec import encode_frame, join_leaf, split_leaf
from hdstore.store import BLOB_MODE, TREE_MODE, Entry, decode_commit, encode_tree

DATASET = "plates.7k2m9xq4"
Refused = Callable[..., str]


def git_finds(kind: str, data: bytes, place: Path) -> bool:
    """Says whether git's own strict check objects to an object."""
    subprocess.run(["git", "init", "-q", "--bare", str(place)], check=True)
    command = ["git", "-C", str(place), "hash-object", "-t", kind, "-w", "--literally", "--stdin"]
    subprocess.run(command, input=data, check=True, capture_output=True)
    command = ["git", "-C", str(place), "fsck", "--strict", "--no-dangling"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return any(line.startswith("error") for line in done.stderr.splitlines())


COMMITS = {
    "no tree": lambda data: data[data.index(b"\n") + 1 :],
    "a tree in capitals": lambda data: data[:5] + data[5:45].upper() + data[45:],
    "no author": lambda data: data.replace(b"\nauthor Ada", b"\nwriter Ada"),
    "two authors": lambda data: data.replace(b"\ncommitter", b"\nauthor A <a@b> 1 +0000\ncommitter"),
    "no name": lambda data: data.replace(b"author Ada <", b"author <"),
    "a name with a bracket": lambda data: data.replace(b"author Ada <", b"author A>a <"),
    "no blank before the address": lambda data: data.replace(b"author Ada <", b"author Ada<"),
    "no address": lambda data: data.replace(b"author Ada <ada@example.org>", b"author Ada"),
    "a bracket in the address": lambda data: data.replace(b"<ada@", b"<a<da@", 1),
    "no time": lambda data: _without_time(data),
    "a padded time": lambda data: data.replace(b"example.org> ", b"example.org> 0", 1),
    "an endless time": lambda data: data.replace(b"example.org> ", b"example.org> 99999999999", 1),
    "no zone": lambda data: data.replace(b" +0000\ncommitter", b"\ncommitter"),
    "a strange zone": lambda data: data.replace(b" +0000\ncommitter", b" UTC\ncommitter"),
    "a zero byte": lambda data: data + b"x\0y\n",
    "a zero byte in a name": lambda data: data.replace(b"author Ada", b"author A\0a"),
    "nothing": lambda _: b"",
}
TAGS = {
    "no object": lambda data: data[data.index(b"\n") + 1 :],
    "no kind": lambda data: data.replace(b"type commit\n", b""),
    "a strange kind": lambda data: data.replace(b"type commit", b"type branch"),
    "no name": lambda data: data.replace(b"tag plates", b"gat plates"),
    "a padded time": lambda data: data.replace(b"example.org> ", b"example.org> 0", 1),
    "no name of a person": lambda data: data.replace(b"tagger Ada <", b"tagger <"),
}
OWN_TAGS = {
    "a tag of a tree": lambda data: data.replace(b"type commit", b"type tree"),
    "another version's": lambda data: data.replace(b"tag plates.", b"tag plated."),
    "a path": lambda data: data.replace(b"tag plates.", b"tag ../../plates."),
}


def _without_time(data: bytes) -> bytes:
    line = data[data.index(b"author") : data.index(b"\ncommitter")]
    return data.replace(line, line[: line.index(b">") + 1])


def raw_tree(*rows: tuple[bytes, bytes, str]) -> bytes:
    return b"".join(b"%s %s\0%s" % (mode, name, bytes.fromhex(oid)) for mode, name, oid in rows)


def tree_cases(blob: str) -> dict[str, bytes]:
    """Returns trees that git refuses, each with the blob as its entry."""
    return {
        "a dot": raw_tree((b"100644", b".", blob)),
        "two dots": raw_tree((b"100644", b"..", blob)),
        "a slash": raw_tree((b"100644", b"a/b", blob)),
        "no name": raw_tree((b"100644", b"", blob)),
        "git's folder": raw_tree((b"100644", b".git", blob)),
        "git's folder in capitals": raw_tree((b"100644", b".GIT", blob)),
        "git's folder on Windows": raw_tree((b"100644", b"git~1", blob)),
        "a padded mode": raw_tree((b"0100644", b"a", blob)),
        "a strange mode": raw_tree((b"100600", b"a", blob)),
        "twice": raw_tree((b"100644", b"a", blob), (b"100644", b"a", blob)),
        "not in order": raw_tree((b"100644", b"b", blob), (b"100644", b"a", blob)),
        "the null id": raw_tree((b"100644", b"a", "0" * 40)),
        "cut short": raw_tree((b"100644", b"a", blob))[:-1],
        "settings of submodules as a link": raw_tree((b"120000", b".gitmodules", blob)),
    }


@pytest.mark.parametrize("case", COMMITS)
def test_malformed_commits_are_refused(parts: Parts, refused: Refused, case: str, tmp_path: Path) -> None:
    """All that git objects to, which is asked to be sure that it does."""
    tip = next(oid for name, oid in parts.refs.items() if name.startswith("refs/heads/plates"))
    bad = COMMITS[case](parts_by_id(parts)[tip])
    assert not git_finds("commit", parts_by_id(parts)[tip], tmp_path / "judge of the good one")
    assert git_finds("commit", bad, tmp_path / "judge") or case == "a tree in capitals"
    replace_tip(parts, lambda _: bad)
    refused(parts)


@pytest.mark.parametrize("case", [*TAGS, *OWN_TAGS])
def test_malformed_tags_are_refused(parts: Parts, refused: Refused, case: str, tmp_path: Path) -> None:
    """What git objects to, and tags that do not name the version they stand for."""
    oid = next(oid for name, oid in parts.refs.items() if name.startswith("refs/tags/plates"))
    bad = {**TAGS, **OWN_TAGS}[case](parts_by_id(parts)[oid])
    assert not git_finds("tag", parts_by_id(parts)[oid], tmp_path / "judge of the good one")
    assert case in OWN_TAGS or git_finds("tag", bad, tmp_path / "judge")
    replace_tag(parts, lambda _: bad)
    refused(parts)


@pytest.mark.parametrize("case", tree_cases("0" * 40))
def test_malformed_trees_are_refused(parts: Parts, refused: Refused, case: str, tmp_path: Path) -> None:
    """Names that climb out, modes that git does not write, entries twice or in another order."""
    bad = tree_cases(parts.add("blob", b"text"))[case]
    if case not in ("the null id", "a strange mode"):
        assert git_finds("tree", bad, tmp_path / "judge")
    conflicts = parts.add("tree", bad)
    rebuild(parts, lambda entries: encode_tree([*entries, Entry(TREE_MODE, "conflicts", conflicts)]))
    refused(parts)


@pytest.mark.parametrize("mode", [0o120000, 0o160000, 0o100755])
def test_links_and_submodules_are_refused(parts: Parts, refused: Refused, mode: int) -> None:
    """git allows them, but hdstore writes none, and a checkout of one could reach outside."""
    link = parts.add("blob", b"/etc/passwd")
    rebuild(parts, lambda entries: encode_tree([*entries, Entry(mode, "link", link)]))
    assert "neither a file nor a folder" in refused(parts)


def test_trees_hold_what_belongs_there(parts: Parts, refused: Refused) -> None:
    """A version with an entry more or less, or one of another kind."""
    first = take_copy(parts)
    blob = parts.add("blob", b"text")
    rebuild(parts, lambda entries: encode_tree([*entries, Entry(BLOB_MODE, "extra", blob)]))
    assert "'extra'" in refused(parts)
    for name in ("version", "schema", "stats", "frames"):
        parts = take_copy(first)
        rebuild(parts, lambda entries, name=name: encode_tree([e for e in entries if e.name != name]))
        refused(parts)
    for name in ("version", "schema", "stats"):
        parts = take_copy(first)
        blob = parts.add("blob", b"\xc0")
        rebuild(
            parts,
            lambda entries, name=name, blob=blob: encode_tree(
                [Entry(e.mode, e.name, blob) if e.name == name else e for e in entries]
            ),
        )
        refused(parts)


def test_what_is_missing_or_not_needed_is_refused(parts: Parts, refused: Refused) -> None:
    """A bundle holds what its refs need, all of it and nothing else, and each object once."""
    first = take_copy(parts)
    parts.objects.append(("blob", b"a stowaway"))
    refused(parts, stowaway=True)
    parts = take_copy(first)
    parts.objects.append(parts.objects[3])
    assert "twice" in refused(parts)
    for number, (kind, _) in enumerate(first.objects):
        if number % 5 == 0:
            parts = take_copy(first)
            del parts.objects[number]
            reason = refused(parts)
            assert ("not an annotated tag" if kind == "tag" else "neither in the bundle") in reason


def test_what_is_here_is_not_taken_for_what_is_needed(
    taker: Repository, parts: Parts, refused: Refused, giver: Repository
) -> None:
    """Prerequisites are commits that refs reach; what lies behind others does not count."""
    tip = taker.dataset("eves").current().commit
    tree = decode_commit(taker._core.objects.read(tip, "commit")).tree
    rebuild(parts, lambda _: taker._core.objects.read(tree, "tree"))
    found = refused(parts)
    assert "neither in the bundle nor in what the bundle builds on" in found
    parts.needs = {tip: "eves/Current"}
    assert "it names the version eves" in refused(parts)
    parts.needs = {"1" * 40: "nowhere"}
    before = state_of(taker)
    with pytest.raises(hdstore.NotFoundError, match="nowhere at 1111111111"):
        taker.apply_bundle(put_together(taker.folder.parent / "bad.hdsb", parts))
    assert state_of(taker) == before


# Values


def grown(leaf: bytes) -> bytes:
    return join_leaf([encode_frame(SingleFrame(id=f"f{number}")) for number in range(40)])


LEAVES: dict[str, Callable[[bytes], bytes]] = {
    "not a leaf": lambda _: b"\xc1",
    "empty": lambda _: b"\x90",
    "nested": lambda _: b"\x91" * 5000,
    "cut short": lambda leaf: leaf[:-3],
    "followed by more": lambda leaf: leaf + b"\x00",
    "in another order": lambda leaf: join_leaf(split_leaf(leaf)[::-1]),
    "a frame twice": lambda leaf: join_leaf([*split_leaf(leaf), split_leaf(leaf)[-1]]),
    "a frame less": lambda leaf: join_leaf(split_leaf(leaf)[1:]),
    "too many": grown,
    "a frame of another place": lambda leaf: join_leaf(
        [*split_leaf(leaf), encode_frame(SingleFrame(id="zz"))]
    ),
    "another header": lambda leaf: (
        b"\xdc\x00" + bytes((leaf[0] & 15,)) + leaf[1:] if leaf[0] < 0xA0 else leaf + b"\0"
    ),
    "not canonical": lambda leaf: leaf.replace(b"\xa1n", b"\xd9\x01n", 1),
    "an unknown field": lambda leaf: leaf.replace(b"metadata", b"metadatb", 1),
    "a huge count": lambda _: b"\xdd\xff\xff\xff\xff",
}


@pytest.mark.parametrize("case", LEAVES)
def test_leaves_that_break_a_rule_are_refused(parts: Parts, refused: Refused, case: str) -> None:
    """What fsck would find later is found before: bytes that are no frames, not canonical, or in a wrong place."""
    replace_leaf(parts, LEAVES[case])
    reason = refused(parts)
    assert {"a frame of another place": "of another place", "a frame less": "statistics"}.get(
        case, ""
    ) in reason


def test_tries_of_another_shape_are_refused(parts: Parts, refused: Refused) -> None:
    """Frames that are split though they fit a leaf, an empty tree, and one tree at many places."""
    leaf = parts.add("blob", join_leaf([encode_frame(SingleFrame(id="a"))]))
    tree = parts.add("tree", encode_tree([Entry(BLOB_MODE, "0", leaf)]))
    first = take_copy(parts)

    def with_frames(oid: str) -> Callable[[list[Entry]], bytes]:
        return lambda entries: encode_tree(
            [e._replace(oid=oid) if e.name == "frames" else e for e in entries]
        )

    rebuild(parts, with_frames(tree))
    assert "frames that fit one leaf are split" in refused(parts)
    parts = take_copy(first)
    below = tree
    for _ in range(70):
        names = [f"{number:04b}" for number in range(16)]
        below = parts.add("tree", encode_tree([Entry(TREE_MODE, name, below) for name in names]))
    rebuild(parts, with_frames(below))
    assert "too" in refused(parts)
    parts = take_copy(first)
    empty = parts.add("tree", b"")
    rebuild(parts, with_frames(parts.add("tree", encode_tree([Entry(TREE_MODE, "0000", empty)]))))
    refused(parts)


def edited(files: dict[str, bytes], **fields: object) -> None:
    path = next(path for path in files if path.startswith("datasets/"))
    document = {**json.loads(files[path]), **fields}
    files[path] = (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


CATALOGS: dict[str, Callable[[dict[str, bytes]], object]] = {
    "no format": lambda files: files.pop("format"),
    "another format": lambda files: files.update(format=b"7\n"),
    "a file more": lambda files: files.update(hooks=b"#!/bin/sh\n"),
    "a folder more": lambda files: files.update({"hooks/post-checkout": b"#!/bin/sh\n"}),
    "a document that is none": lambda files: files.update({"datasets/x": b"{}"}),
    "a document of another": lambda files: files.update({f"datasets/{DATASET}.json": b"{}\n"}),
    "an unknown field": lambda files: edited(files, secret=1),
    "another id": lambda files: edited(files, id=DATASET),
    "not canonical": lambda files: edited(files, archived=False),
    "not JSON": lambda files: files.update({f"views/{DATASET}.json": b"{" * 5000}),
}


@pytest.mark.parametrize("case", CATALOGS)
def test_catalogs_that_break_a_rule_are_refused(parts: Parts, refused: Refused, case: str) -> None:
    """Documents are decoded, canonical and under their own names; nothing else lies beside them."""
    replace_catalog(parts, lambda files: CATALOGS[case](files) and None)
    refused(parts)


def test_a_published_view_that_changes_is_refused(refused: Refused, tmp_path: Path) -> None:
    """What a commit of the catalog published is the same in all that come after it."""
    (tmp_path / "own").mkdir()
    with hdstore.init(tmp_path / "own") as own:
        dataset = own.create_dataset("plates")
        dataset.current().snapshot(name="v1")
        own.create_view("cats", View(queries=(ViewQuery(dataset="plates", version="v1"),))).publish()
        dataset.describe("So that the view is published in the commit before")
        own.create_bundle(tmp_path / "own.hdsb")
    parts = take_apart(tmp_path / "own.hdsb")

    def change(files: dict[str, bytes]) -> None:
        path = next(path for path in files if path.startswith("views/"))
        document = json.loads(files[path])
        document["view"]["queries"][0]["weight"] = 2.0
        files[path] = (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()

    replace_catalog(parts, change, beginning=False)
    assert "is not what it was" in refused(parts)


CONFLICTS = {
    "not in a folder": {"x": b"\x90"},
    "none": {"version": b"\x90"},
    "nonsense": {"version": b"\xc1"},
    "of nothing": {"version": b"\x91\x80"},
    "endless": {"version": b"\x91" * 10_000},
}


@pytest.mark.parametrize("case", CONFLICTS)
def test_conflicts_that_can_not_be_read_are_refused(parts: Parts, refused: Refused, case: str) -> None:
    """What a merge left to be decided is a stranger's too."""
    rows = [Entry(BLOB_MODE, name, parts.add("blob", data)) for name, data in CONFLICTS[case].items()]
    tree = parts.add("tree", encode_tree(rows))
    rebuild(parts, lambda entries: encode_tree([*entries, Entry(TREE_MODE, "conflicts", tree)]))
    assert "conflicts of commit" in refused(parts)


def test_a_catalog_that_is_rebuilt_well_is_good(parts: Parts, tmp_path: Path) -> None:
    """So that the tests of broken ones break what they mean to."""
    replace_catalog(parts, lambda files: edited(files, name="other"))
    parts.media.sort()
    with hdstore.clone(put_together(tmp_path / "again.hdsb", parts), tmp_path / "clone") as clone:
        assert [dataset.name for dataset in clone.datasets()] == ["other"]
        assert clone.fsck() == []


def test_what_is_published_stays(giver: Repository, parts: Parts, tmp_path: Path) -> None:
    """A bundle with another publication of a version leaves ours as it is: the other one is kept beside it."""
    with hdstore.clone(put_together(tmp_path / "first.hdsb", take_copy(parts)), tmp_path / "clone") as clone:
        before = {v.path: v.commit for v in clone.dataset("plates").versions(drafts=False)}
        tag = next(name for name in parts.refs if name.startswith("refs/tags/plates"))
        draft = next(name for name in parts.refs if name.startswith("refs/heads/plates"))
        first = parts_by_id(parts)[parts.refs[tag]]
        commit = first[7:47]
        other = parts_by_id(parts)[commit.decode()].replace(b"Ada", b"Eve", 1)
        del parts.refs[draft]
        new = parts.add("commit", other)
        parts.refs[tag] = parts.add("tag", first.replace(commit, new.encode()))
        keep_what_is_needed(parts)
        report = clone.apply_bundle(put_together(tmp_path / "second.hdsb", parts))
        assert report.apart
        after = {v.commit for v in clone.dataset("plates").versions(drafts=False)}
        assert after == {*before.values(), new}
        assert clone.fsck() == []
