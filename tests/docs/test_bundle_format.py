"""What docs/format.md says of bundles is enough to read one: with MessagePack, zlib and git's rules alone."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path
from typing import Any

import msgpack
from blake3 import blake3

import hdstore
from hdstore import Author, SetFrameMetadata, SingleFrame, Source


def read_records(data: bytes) -> list[list[Any]]:
    assert data.startswith(b"hdstore bundle 1\n")
    start, records, at = 17, [], 0
    unpacker = msgpack.Unpacker()
    unpacker.feed(data[start:])
    for checksum, body in unpacker:
        assert zlib.crc32(body) == checksum
        record = msgpack.unpackb(body)
        if record[0] == "end":
            assert record[1:] == [len(records), blake3(data[: start + at]).digest()]
        at = unpacker.tell()
        records.append(record)
    assert start + at == len(data)
    return records


def number(delta: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (delta[at] & 127) << shift
        shift += 7
        at += 1
        if delta[at - 1] < 128:
            return value, at


def patched(base: bytes, delta: bytes) -> bytes:
    """Follows git's instructions of a difference."""
    base_size, at = number(delta, 0)
    size, at = number(delta, at)
    made = b""
    while at < len(delta):
        code = delta[at]
        at += 1
        if code < 128:
            made += delta[at : at + code]
            at += code
            continue
        fields = []
        for bit in range(7):
            fields.append(delta[at] if code & 1 << bit else 0)
            at += bool(code & 1 << bit)
        offset = int.from_bytes(bytes(fields[:4]), "little")
        made += base[offset : offset + (int.from_bytes(bytes(fields[4:]), "little") or 0x10000)]
    assert (len(base), len(made)) == (base_size, size)
    return made


def read_objects(records: list[list[Any]]) -> dict[bytes, tuple[int, bytes]]:
    stream = b""
    for record in records:
        if record[0] == "objects":
            piece = zlib.decompress(record[2])
            assert len(piece) == record[1] <= 1 << 20
            stream += piece
    found: dict[bytes, tuple[int, bytes]] = {}
    at, before = 0, b""
    while at < len(stream):
        kind, length = stream[at], int.from_bytes(stream[at + 1 : at + 5], "big")
        body = stream[at + 5 : at + 5 + length]
        at += 5 + length
        before = patched(before, body) if kind & 128 else body
        name = ("", "commit", "tree", "blob", "tag")[kind & 127]
        oid = hashlib.sha1(f"{name} {len(before)}\0".encode() + before).digest()
        found[oid] = (kind, before)
    return found


def test_a_bundle_is_what_the_page_says(tmp_path: Path) -> None:
    """Records, lists, objects with differences, media and the end."""
    (tmp_path / "a").mkdir()
    with hdstore.init(tmp_path / "a", author=Author("Ada", "ada@example.org")) as repository:
        hash = repository.media.keep_bytes(b"x" * 1_500_000)
        draft = repository.create_dataset("plates").current()
        source = Source(uri=f"media:{hash}")
        draft.add_frames(SingleFrame(id=f"f{n}", metadata={"n": n}, sources=(source,)) for n in range(20))
        draft.apply(SetFrameMetadata(frame_id="f3", set={"k": 1}))
        made = repository.create_bundle(tmp_path / "b", media="all", since=[])
        refs = {**repository._core.refs.list("refs/heads/"), **repository._core.refs.list("refs/tags/")}
    records = read_records((tmp_path / "b").read_bytes())
    assert [record[0] for record in records] == [
        "bundle",
        "refs",
        "objects",
        "medium",
        "bytes",
        "bytes",
        "end",
    ]
    head = records[0]
    objects = read_objects(records)
    assert head[2:] == [
        1,
        len(refs),
        0,
        len(objects),
        sum(len(data) for _, data in objects.values()),
        1,
        1_500_000,
        0,
    ]
    assert any(kind & 128 for kind, _ in objects.values())
    assert records[1][1] == [[name, bytes.fromhex(oid)] for name, oid in sorted(refs.items())]
    assert all(bytes.fromhex(oid) in objects for oid in refs.values())
    assert records[3][1:] == [bytes.fromhex(hash), 1_500_000]
    assert blake3(records[4][1] + records[5][1]).hexdigest() == hash
    assert made.objects == len(objects)
