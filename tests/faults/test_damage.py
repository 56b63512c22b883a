"""Whatever is hurt is found by fsck, by its name; fsck itself never fails over it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import hdstore
from hdstore import Author
from hdstore.codec import encode_frame, encode_stats, encode_version, join_leaf
from hdstore.model import VersionDocument
from hdstore.repository import Finding
from hdstore.store import BLOB_MODE, Entry, Objects, encode_tree

ADA = Author("Ada Lovelace", "ada@example.org")


def findings(folder: Path) -> list[Finding]:
    with hdstore.open(folder, author=ADA) as repository:
        return repository.fsck()


def names(found: Iterable[Finding], *words: str) -> bool:
    """Says whether one of the findings names one of these."""
    return any(word in f"{finding.where} {finding.message}" for finding in found for word in words)


def flips(size: int, every: int) -> list[int]:
    """Returns the first and last 64 positions, and every nth between."""
    return sorted({*range(min(64, size)), *range(0, size, every), *range(max(0, size - 64), size)})


def flip(folder: Path, path: Path, positions: Iterable[int], check: Callable[[list[Finding]], bool]) -> None:
    """Flips one byte after the other and checks what is found each time."""
    good = path.read_bytes()
    path.chmod(0o644)
    for position in positions:
        hurt = bytearray(good)
        hurt[position] ^= 0xFF
        path.write_bytes(hurt)
        found = findings(folder)
        assert check(found), f"byte {position} of {path.name}: {found}"
    path.write_bytes(good)
    assert findings(folder) == []


def unpack(folder: Path) -> None:
    """Makes all objects loose."""
    packs = folder / ".hds" / "objects" / "pack"
    aside = folder / "aside"
    shutil.move(packs, aside)
    packs.mkdir()
    for pack in aside.glob("*.pack"):
        with pack.open("rb") as stream:
            command = ["git", "-C", str(folder / ".hds"), "unpack-objects", "-q"]
            subprocess.run(command, stdin=stream, check=True)
    shutil.rmtree(aside)


def loose_objects(folder: Path) -> list[Path]:
    return sorted(
        (folder / ".hds" / "objects").glob("[0-9a-f][0-9a-f]/*"), key=lambda path: path.stat().st_size
    )


def biggest_pack(folder: Path) -> Path:
    return max((folder / ".hds" / "objects" / "pack").glob("*.pack"), key=lambda path: path.stat().st_size)


def a_medium(folder: Path) -> Path:
    (found,) = (folder / ".hds" / "hdstore" / "media").glob("*/*")
    return found


def draft_of(folder: Path) -> tuple[str, str]:
    """Returns ids of the dataset and of its draft Current."""
    with hdstore.open(folder, author=ADA) as repository:
        draft = repository.version("plates/Current")
        return draft.dataset.id, draft.id


# Bytes


def test_every_flipped_byte_of_a_loose_object_is_found(folder: Path) -> None:
    """The object is named, by its file or by its id."""
    unpack(folder)
    path = next(path for path in loose_objects(folder) if path.stat().st_size > 100)
    oid = path.parent.name + path.name
    where = f"objects/{path.parent.name}/{path.name}"
    flip(folder, path, range(path.stat().st_size), lambda found: names(found, oid, where))


def test_flipped_bytes_of_a_pack_are_found(folder: Path) -> None:
    """The pack is named, and among what lies inside it the objects that are hurt."""
    path = biggest_pack(folder)
    flip(
        folder, path, flips(path.stat().st_size, 97), lambda found: names(found, f"objects/pack/{path.name}")
    )
    assert subprocess.run(["git", "-C", str(folder / ".hds"), "fsck"], capture_output=True).returncode == 0


def test_hurt_objects_inside_a_pack_are_named(folder: Path) -> None:
    """What lies at the flipped byte is what is said to be hurt."""
    path = biggest_pack(folder)
    command = ["git", "verify-pack", "-v", str(path.with_suffix(".idx"))]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines() if " blob " in line or " tree " in line]
    oid, offset, length = rows[3][0], int(rows[3][4]), int(rows[3][3])

    def is_named(found: list[Finding]) -> bool:
        files = [finding for finding in found if finding.kind == "file"]
        return names(files, oid) and not names(files, rows[5][0])

    flip(folder, path, [offset + length // 2], is_named)


def test_flipped_bytes_of_a_pack_index_are_found(folder: Path) -> None:
    """The index is named."""
    path = biggest_pack(folder).with_suffix(".idx")
    flip(
        folder, path, flips(path.stat().st_size, 41), lambda found: names(found, f"objects/pack/{path.name}")
    )


def test_every_flipped_byte_of_a_medium_is_found(folder: Path) -> None:
    """The medium is named by its hash."""
    path = a_medium(folder)
    flip(folder, path, range(path.stat().st_size), lambda found: names(found, path.name))


def test_every_flipped_byte_of_a_ref_is_found(folder: Path) -> None:
    """The ref is named; the others are still verified."""
    dataset_id, version_id = draft_of(folder)
    ref = f"refs/heads/{dataset_id}/{version_id}"
    flip(
        folder, folder / ".hds" / ref, range(41), lambda found: {finding.where for finding in found} == {ref}
    )


def test_a_flipped_byte_of_the_ref_of_the_catalog_is_found(folder: Path) -> None:
    """Without a catalog nobody knows names, but versions are verified all the same."""
    path = folder / ".hds" / "refs" / "heads" / "hdstore"
    flip(folder, path, [0, 20, 40], lambda found: names(found, "refs/heads/hdstore", "catalog"))


# Files cut short and files gone


def kinds(folder: Path) -> dict[str, tuple[Path, tuple[str, ...]]]:
    """Returns a file of each kind and how a finding may name it."""
    dataset_id, version_id = draft_of(folder)
    unpacked = loose_objects(folder)
    found = {
        "pack": (biggest_pack(folder), (biggest_pack(folder).stem,)),
        "index": (biggest_pack(folder).with_suffix(".idx"), (biggest_pack(folder).stem,)),
        "medium": (a_medium(folder), (a_medium(folder).name,)),
        "draft": (
            folder / ".hds" / "refs" / "heads" / dataset_id / version_id,
            (version_id, "plates/Current"),
        ),
        "catalog": (folder / ".hds" / "refs" / "heads" / "hdstore", ("refs/heads/hdstore",)),
    }
    if unpacked:
        found["loose"] = (unpacked[0], (unpacked[0].parent.name + unpacked[0].name, unpacked[0].name))
    return found


@pytest.mark.parametrize("kind", ["pack", "index", "medium", "draft", "catalog"])
@pytest.mark.parametrize("harm", ["gone", "empty", "short", "longer"])
def test_a_file_that_is_gone_or_cut_is_found(kind: str, harm: str, folder: Path) -> None:
    """Each kind of file, removed, emptied, cut short or continued, is named."""
    path, words = kinds(folder)[kind]
    path.chmod(0o644)
    data = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "short": data[: len(data) // 2], "longer": data + b"more"}[harm])
    found = findings(folder)
    assert names(found, *words), found


@pytest.mark.parametrize("harm", ["gone", "empty", "short", "longer"])
def test_a_loose_object_that_is_gone_or_cut_is_found(harm: str, folder: Path) -> None:
    """Any loose object, be it a commit, tree, leaf, document or tag: its id is named, and what it is needed for."""
    unpack(folder)
    for path in loose_objects(folder)[::7]:
        data = path.read_bytes()
        path.chmod(0o644)
        if harm == "gone":
            path.unlink()
        else:
            path.write_bytes({"empty": b"", "short": data[: len(data) // 2], "longer": data + b"more"}[harm])
        found = findings(folder)
        assert names(found, path.parent.name + path.name), (path, found)
        assert harm == "longer" or any(finding.kind != "file" for finding in found), found
        path.write_bytes(data)
    assert findings(folder) == []


def test_a_removed_tag_is_found(folder: Path) -> None:
    """A published version that lost its tag is missing, says the catalog."""
    dataset_id, _ = draft_of(folder)
    with_tags = folder / ".hds" / "refs" / "tags" / dataset_id
    min(with_tags.iterdir()).unlink()
    found = findings(folder)
    assert names(found, "plates/first", "plates/second"), found


def test_a_damaged_list_of_packed_refs_is_found(folder: Path) -> None:
    """The file and the line are named."""
    subprocess.run(["git", "-C", str(folder / ".hds"), "pack-refs", "--all"], check=True)
    assert findings(folder) == []
    path = folder / ".hds" / "packed-refs"
    path.write_text(path.read_text().replace("refs/heads/", "refs/heads~", 1))
    assert names(findings(folder), "packed-refs")


# Objects that are whole, and wrong


def frames_tree(folder: Path, leaf: bytes, name: str = "root") -> str:
    """Returns a tree of frames with one leaf."""
    with Objects(folder / ".hds").loose() as writer:
        return writer.write("tree", encode_tree([Entry(BLOB_MODE, name, writer.write("blob", leaf))]))


def one_frame(**fields: Any) -> bytes:
    return encode_frame(hdstore.SingleFrame(id="f1", **fields))


def test_wrong_statistics_are_found(folder: Path, forge: Callable[..., Any]) -> None:
    """Statistics that are not those of the frames are named by version and commit."""
    commit = forge({"stats": encode_stats(hdstore.Stats(frames=7))})
    (finding,) = findings(folder)
    assert finding.kind == "version"
    assert "plates/Current" in finding.where
    assert commit in finding.where
    assert "statistics" in finding.message


@pytest.mark.parametrize("part", ["version", "schema", "stats"])
@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x81\xa1x\x01", b"[]"])
def test_documents_that_can_not_be_read_are_found(
    part: str, data: bytes, folder: Path, forge: Callable[..., Any]
) -> None:
    """The part and the commit are named."""
    commit = forge({part: data})
    found = findings(folder)
    assert any(part in finding.where and commit in finding.where for finding in found), found


@pytest.mark.parametrize("part", ["version", "schema", "stats", "frames"])
def test_a_missing_part_of_a_version_is_found(part: str, folder: Path, forge: Callable[..., Any]) -> None:
    """The part and the commit are named."""
    commit = forge({part: None})
    assert names(findings(folder), part)
    assert names(findings(folder), commit)


def test_a_document_of_another_version_is_found(folder: Path, forge: Callable[..., Any]) -> None:
    """A version that says it is another one is named by both ids."""
    dataset_id, version_id = draft_of(folder)
    forge({"version": encode_version(VersionDocument(created=1, dataset_id=dataset_id, id="other.00000000"))})
    found = findings(folder)
    assert names(found, "other.00000000"), found
    assert names(found, version_id, "plates/Current"), found


@pytest.mark.parametrize(
    ("leaf", "word"),
    [
        (b"\x91" + b"\x83\xa1@\xa6single\xa2id\xa2f1\xa8metadata\x80", "canonical"),
        (b"\x91" + b"\x82\xa2id\xa2f1\xa1@\xa6single", "canonical"),
        (b"\xdc\x00\x01" + b"\x82\xa1@\xa6single\xa2id\xa2f1", "canonical"),
        (b"\x92" + b"\x82\xa1@\xa6single\xa2id\xa2f1" * 2, "order"),
        (b"\x90", "0 frames"),
        (b"\xdd\xff\xff\xff\xff", "not a leaf"),
        (b"\x91\x82\xa1@\xa6single\xa2id\x01", "not a frame"),
        (b"\x91\x82\xa1@\xa6single\xa2id\xa3../", ""),
        (b"not a leaf", "not a leaf"),
    ],
)
def test_a_leaf_that_breaks_a_rule_is_found(
    leaf: bytes, word: str, folder: Path, forge: Callable[..., Any]
) -> None:
    """The place in the trie, or the frame, is named and what is wrong there."""
    commit = forge({"frames": frames_tree(folder, leaf)})
    found = findings(folder)
    assert found
    assert names(found, commit, "frames root", "frame 'f1'"), found
    assert word in " ".join(finding.message for finding in found), found


def test_a_leaf_in_the_wrong_place_is_found(folder: Path, forge: Callable[..., Any]) -> None:
    """A leaf under bits that its frames do not have, and a name that is no bits, are named."""
    forge({"frames": frames_tree(folder, join_leaf([one_frame()]), "0000")})
    assert names(findings(folder), "frames 0000"), findings(folder)
    forge({"frames": frames_tree(folder, join_leaf([one_frame()]), "photo")})
    assert names(findings(folder), "'photo'"), findings(folder)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda text: b"{", "datasets/"),
        (lambda text: text.replace(b'"plates"', b"17"), "datasets/"),
        (lambda text: text.replace(b"plates.", b"plates2."), "plates2."),
        (lambda text: text.replace(b'"id"', b'"unknown"'), "datasets/"),
        (lambda text: text.replace(b"\n", b" "), "canonical"),
    ],
)
def test_a_damaged_document_of_the_catalog_is_found(
    change: Callable[[bytes], bytes], word: str, folder: Path, forge_catalog: Callable[..., None]
) -> None:
    """The document is named, and versions are verified all the same."""
    dataset_id, _ = draft_of(folder)
    command = ["git", "-C", str(folder / ".hds"), "show", f"hdstore:datasets/{dataset_id}.json"]
    text = subprocess.run(command, check=True, capture_output=True).stdout
    forge_catalog({f"{dataset_id}.json": change(text)})
    found = findings(folder)
    assert {finding.kind for finding in found} == {"catalog"}, found
    assert names(found, word), found


@pytest.mark.parametrize("name", ["..", "../../x.json", "x", "Plates.json", "con.json"])
def test_a_name_that_is_no_dataset_in_the_catalog_is_found(
    name: str, folder: Path, forge_catalog: Callable[..., None]
) -> None:
    """What stands among the documents is named."""
    forge_catalog({name: b"{}"})
    found = findings(folder)
    assert found
    assert {finding.kind for finding in found} == {"catalog"}, found
