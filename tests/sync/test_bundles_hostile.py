"""Bundles from strangers: whatever is wrong is found before anything moves, and costs neither memory nor disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sync.forging import Parts, encode_objects, keep_what_is_needed, put_together, state_of, take_copy

import hdstore
from hdstore import Author, HdstoreError, Repository, replace
from hdstore.codec.bundles import (
    BUNDLE_LINE,
    BundleRecord,
    Chunk,
    End,
    Header,
    Lacking,
    Medium,
    Needs,
    ObjectBatch,
    RefRows,
    decode_bundle_record,
    encode_bundle_record,
)
from hdstore.codec.streams import RecordReader, encode_record
from hdstore.ids import content_hash
from hdstore.store.delta import _copy, _size, encode_delta

ADA, EVE = Author("Ada", "ada@example.org"), Author("Eve", "eve@example.org")
DATASET, VERSION = "plates.7k2m9xq4", "current.0a8f3c5d"


Refused = Callable[..., str]


def test_what_is_forged_well_is_good(parts: Parts, tmp_path: Path) -> None:
    """The tools of these tests make a bundle that is taken: what they break is what is refused."""
    parts.media.sort()
    path = put_together(tmp_path / "again.hdsb", parts)
    with hdstore.clone(path, tmp_path / "clone") as clone:
        assert clone._core.refs.list("refs/heads/").items() <= parts.refs.items()
        assert clone.fsck() == []


# The file


@settings(max_examples=150)
@given(data=st.data())
def test_a_changed_byte_is_refused(taker: Repository, good: Path, data: st.DataObject) -> None:
    """Wherever bytes are flipped, cut off, doubled, moved or added, nothing is taken."""
    raw = good.read_bytes()
    at, to = sorted((data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(0, len(raw) - 1))))
    how = data.draw(st.sampled_from(("flip", "cut", "drop", "double", "swap", "add")))
    bad = {
        "flip": raw[:at] + bytes((raw[at] ^ data.draw(st.integers(1, 255)),)) + raw[at + 1 :],
        "cut": raw[:at],
        "drop": raw[:at] + raw[to + 1 :],
        "double": raw[: to + 1] + raw[at : to + 1] + raw[to + 1 :],
        "swap": raw[to:] + raw[:to] if to else raw[:-1],
        "add": raw + raw[at : to + 1],
    }[how]
    path = good.parent / "bad.hdsb"
    path.write_bytes(bad)
    before = state_of(taker)
    for read in (taker.verify_bundle, taker.apply_bundle):
        with pytest.raises(HdstoreError):
            read(path)
    assert state_of(taker) == before


def records_of(path: Path) -> list[BundleRecord]:
    reader = RecordReader()
    reader.feed(path.read_bytes()[len(BUNDLE_LINE) :])
    return [decode_bundle_record(value) for value in reader]


def rewritten(path: Path, records: list[BundleRecord], *, line: bytes = BUNDLE_LINE) -> Path:
    """Writes these records with the end that they should have."""
    data = line + b"".join(map(encode_bundle_record, records))
    path.write_bytes(data + encode_bundle_record(End(len(records), bytes.fromhex(content_hash(data)))))
    return path


@settings(max_examples=100)
@given(data=st.data())
def test_records_in_another_order_are_refused(taker: Repository, good: Path, data: st.DataObject) -> None:
    """Even with the right hash: records that were swapped, doubled or left out do not fit what the header says."""
    records = records_of(good)[:-1]
    assert {type(record) for record in records} == {Header, RefRows, ObjectBatch, Medium, Chunk}
    at = data.draw(st.integers(0, len(records) - 1))
    how = data.draw(st.sampled_from(("drop", "double", "swap", "other")))
    if how == "drop":
        del records[at]
    elif how == "double":
        records.insert(at, records[at])
    elif how == "swap":
        to = data.draw(st.integers(0, len(records) - 1).filter(lambda to: records[to] != records[at]))
        records[at], records[to] = records[to], records[at]
    else:
        records.insert(at, data.draw(st.sampled_from([End(0, b"h" * 32), Lacking([b"h" * 32]), Needs([])])))
    path = rewritten(good.parent / "bad.hdsb", records)
    before = state_of(taker)
    for read in (taker.verify_bundle, taker.apply_bundle):
        with pytest.raises(HdstoreError):
            read(path)
    assert state_of(taker) == before


def test_the_end_says_what_stands_before_it(refused: Refused, good: Path, tmp_path: Path) -> None:
    """A record with its own checksum that is not the one which was written, or another number of records."""
    records = records_of(good)
    head, end = records[0], records[-1]
    assert isinstance(head, Header)
    assert isinstance(end, End)
    for changed in (
        [replace(head, created=head.created + 1), *records[1:]],
        [*records[:-1], replace(end, records=end.records + 1)],
    ):
        path = tmp_path / "bad.hdsb"
        path.write_bytes(BUNDLE_LINE + b"".join(map(encode_bundle_record, changed)))
        assert "does not have its hash" in refused(path)


@pytest.mark.parametrize(
    "field", ["refs", "needs", "objects", "object_bytes", "media", "media_bytes", "lacking"]
)
@pytest.mark.parametrize("change", [-1, 1, 1 << 61])
def test_numbers_that_are_not_true_are_refused(
    parts: Parts, refused: Refused, field: str, change: int
) -> None:
    """What the header says is compared with what comes; what no disk has room for is refused at once."""
    parts.media.sort()
    said = {"refs": len(parts.refs), "objects": len(parts.objects), "media": len(parts.media)}
    said["object_bytes"] = sum(len(data) for _, data in parts.objects)
    said["media_bytes"] = sum(len(data) for _, data in parts.media)
    parts.header[field] = said.get(field, 0) + change
    if parts.header[field] >= 0:
        refused(parts)


def test_other_files_are_no_bundles(refused: Refused, good: Path, tmp_path: Path) -> None:
    """Empty, of another kind, of a later container, a folder, a pipe: each is refused with a sentence."""
    path = tmp_path / "file"
    path.write_bytes(b"")
    assert "is not a bundle" in refused(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 100)
    assert "is not a bundle" in refused(path)
    rewritten(path, records_of(good)[:-1], line=b"hdstore bundle 2\n")
    assert "newer hdstore" in refused(path)
    path.write_bytes(BUNDLE_LINE + encode_record(["bundle", {"a": 1}]))
    assert "not as it must be" in refused(path)
    path.write_bytes(BUNDLE_LINE + b"\xc6\x7f\xff\xff\xff" + b"x" * (3 << 20))
    refused(path)
    refused(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe")


def test_a_newer_format_is_refused(parts: Parts, refused: Refused) -> None:
    """A repository of a later format is not taken in part."""
    parts.header["format"] = 2
    assert "newer format 2" in refused(parts)


# Memory and disk


def test_bombs_are_not_inflated(parts: Parts, refused: Refused) -> None:
    """A piece that grows beyond what it says, an object or a difference that is larger than the header has room for."""
    zeros = zlib.compress(bytes(200 << 20), 9)
    assert "not as long as it says" in refused(parts, batches=[ObjectBatch(1 << 20, zeros)])
    head = bytes((3,)) + (900 << 20).to_bytes(4, "big")
    assert "larger ones" in refused(parts, batches=[ObjectBatch(5, zlib.compress(head))])
    base = bytes(1 << 19)
    grows = _size(len(base)) + _size(100 * len(base)) + 100 * _copy(0, len(base))
    stream = encode_objects([("blob", base)])[0]
    pieces = [
        stream,
        ObjectBatch(5 + len(grows), zlib.compress(b"\x83" + len(grows).to_bytes(4, "big") + grows)),
    ]
    parts.header["object_bytes"] = 200 << 20
    assert "too large" in refused(parts, batches=pieces)


def test_differences_need_their_base(parts: Parts, refused: Refused) -> None:
    """The first object, one after another kind, and one that does not fit what it is a difference from."""
    delta = encode_delta(b"x" * 1000, b"x" * 1000 + b"y")
    entry = b"\x83" + len(delta).to_bytes(4, "big") + delta

    def reason(before: bytes) -> str:
        piece = before + entry
        return refused(parts, batches=[ObjectBatch(len(piece), zlib.compress(piece))])

    assert "without its base" in reason(b"")
    assert "without its base" in reason(b"\x02\0\0\0\0")
    assert "does not fit its base" in reason(b"\x03\0\0\0\x05other")
    assert "unknown kind" in refused(parts, batches=[ObjectBatch(5, zlib.compress(b"\x05\0\0\0\0"))])


_PEAK = """
import re, sys
import hdstore
with hdstore.open(sys.argv[1]) as repository:
    try:
        repository.apply_bundle(sys.argv[2])
    except hdstore.HdstoreError as error:
        with open("/proc/self/status") as status:
            print(re.search(r"VmHWM:\\s*([0-9]+)", status.read())[1], error)
"""


def test_a_hostile_bundle_costs_little_memory(taker: Repository, parts: Parts, tmp_path: Path) -> None:
    """Objects that are gigabytes when they are unpacked are refused within 300 MiB."""
    parts.header.update(object_bytes=4 << 30, objects=10_000)
    zeros = ObjectBatch(
        1 << 20, zlib.compress(bytes((3,)) + (63 << 20).to_bytes(4, "big") + bytes((1 << 20) - 5))
    )
    rest = ObjectBatch(1 << 20, zlib.compress(bytes(1 << 20)))
    path = put_together(tmp_path / "bad.hdsb", parts, batches=[zeros, *[rest] * 500])
    arguments = [sys.executable, "-c", _PEAK, str(taker.folder), str(path)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    peak, _, reason = done.stdout.partition(" ")
    assert int(peak) < 300 << 10, reason
    assert "unknown kind" in reason


def test_a_full_disk_is_seen_before(parts: Parts, refused: Refused, tmp_path: Path) -> None:
    """What is declared is compared with the room there is, before anything is unpacked."""
    parts.header["object_bytes"] = shutil.disk_usage(tmp_path).total * 2
    assert "free some space" in refused(parts)


# Names


@pytest.mark.parametrize(
    "name",
    [
        "HEAD",
        "refs/heads/main",
        "refs/heads/hdstore.lock",
        "refs/heads/../../config",
        f"refs/heads/{DATASET}/../{VERSION}",
        f"refs/heads/{DATASET}",
        f"refs/heads/{DATASET}/{VERSION}/x",
        f"refs/heads/{DATASET}/{VERSION}\n",
        f"refs/tags/keep/{'0' * 39}",
        "refs/hdstore/remotes/origin/heads/hdstore",
        "refs/hdstore/incoming/x",
        "refs/replace/" + "0" * 40,
        "refs/notes/commits",
        "config",
        "/etc/passwd",
        "refs/heads/-x.12345678/y.12345678",
    ],
)
def test_other_refs_are_refused(parts: Parts, refused: Refused, name: str) -> None:
    """Only the catalog, drafts, published versions and commits that views pin: by their own forms of names."""
    parts.refs[name] = parts.refs["refs/heads/hdstore"]
    assert "carries no such ref" in refused(parts)


def test_refs_say_what_they_name(parts: Parts, refused: Refused) -> None:
    """A version under another's name, a draft that is a tag, a tag that is a commit, a pin of another commit."""
    draft = next(name for name in parts.refs if name.startswith("refs/heads/plates"))
    tag = next(name for name in parts.refs if name.startswith("refs/tags/plates"))
    whole, first = take_copy(parts), parts.refs
    for name, oid, reason in (
        (f"refs/heads/{DATASET}/{VERSION}", first[draft], "it names the version plates"),
        (f"refs/tags/{DATASET}/{VERSION}", first[tag], "it names the version plates"),
        (draft, first[tag], "which is a tag"),
        (tag, first[draft], "not an annotated tag"),
        (draft, first["refs/heads/hdstore"], "holds no version|does not hold the entry"),
        (f"refs/tags/keep/{'0' * 40}", first[draft], "it keeps the commit"),
        (draft, "0" * 40, "neither in the bundle"),
    ):
        parts = take_copy(whole)
        parts.refs[name] = oid
        keep_what_is_needed(parts)
        found = refused(parts)
        assert any(part in found for part in reason.split("|")), found
    parts = take_copy(whole)
    del parts.refs["refs/heads/hdstore"]
    assert "no catalog" in refused(parts)


def test_media_have_their_hash(parts: Parts, refused: Refused) -> None:
    """Other bytes, one twice, in another order; a name is 32 bytes and never a path."""
    parts.media.sort()
    good = list(parts.media)
    parts.media = [(hash, b"B" + data[1:]) for hash, data in good]
    assert "do not have this hash" in refused(parts)
    other = content_hash(b"other"), b"other"
    for media in ([*good, *good], [max(*good, other), min(*good, other)]):
        parts.media = media
        assert "not in order" in refused(parts)
    assert all(len(bytes.fromhex(hash)) == 32 for hash, _ in good)
    with pytest.raises(HdstoreError):
        decode_bundle_record(["medium", b"../../../../config", 5])
