"""Objects of strangers: whatever their bytes say, they are read right or refused, in bounded memory and time."""

from __future__ import annotations

import hashlib
import random
import resource
import struct
import subprocess
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import hdstore
from hdstore import HdstoreError
from hdstore.store import Objects
from hdstore.store.gitobjects import object_id
from hdstore.store.pack import encode_index
from hdstore.store.packfile import apply_delta

RANDOM = random.Random(5)


@pytest.fixture
def hds(tmp_path: Path) -> Path:
    """Returns an empty folder of objects."""
    (tmp_path / "objects" / "pack").mkdir(parents=True)
    (tmp_path / "hdstore" / "tmp").mkdir(parents=True)
    (tmp_path / "hdstore" / "locks").mkdir()
    return tmp_path


@pytest.fixture
def bounded() -> Iterator[None]:
    """Lets the process have 2 GiB more than it has, and fails what takes longer than ten seconds."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (2 << 30), before[1]))
    begun = time.monotonic()
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)
    assert time.monotonic() - begun < 10


def put_loose(hds: Path, oid: str, stored: bytes) -> None:
    path = hds / "objects" / oid[:2] / oid[2:]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(stored)


def entry(kind: int, size: int, data: bytes, base: bytes = b"") -> bytes:
    head = bytearray([kind << 4 | size & 15])
    size >>= 4
    while size:
        head[-1] |= 0x80
        head.append(size & 0x7F)
        size >>= 7
    return bytes(head) + base + zlib.compress(data)


def put_pack(hds: Path, entries: list[tuple[str, bytes]], offsets: dict[str, int] | None = None) -> None:
    """Writes a pack and an index whose checksums are right, whatever lies in them."""
    body = struct.pack(">4sII", b"PACK", 2, len(entries))
    rows = []
    for oid, data in entries:
        rows.append((bytes.fromhex(oid), zlib.crc32(data), (offsets or {}).get(oid, len(body))))
        body += data
    digest = hashlib.sha1(body).digest()
    path = hds / "objects" / "pack" / f"pack-{digest.hex()}.pack"
    path.write_bytes(body + digest)
    path.with_suffix(".idx").write_bytes(encode_index(rows, digest))


def delta_size(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def is_refused(hds: Path, oid: str) -> None:
    with pytest.raises(HdstoreError, match=oid):
        Objects(hds).read(oid)


OID = "ab" * 20
OTHER = "cd" * 20


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"no zlib",
        zlib.compress(b""),
        zlib.compress(b"blob 107374182400\0small"),
        zlib.compress(b"blob 3\0" + bytes(300 << 20)),
        zlib.compress(b"blob 999999999\0" + bytes(1 << 20)),
        zlib.compress(b"blob -1\0"),
        zlib.compress(b"blob 1e3\0x"),
        zlib.compress(b"blob \xd9\xa3\0abc"),
        zlib.compress(b"thing 3\0abc"),
        zlib.compress(b"blob 3" + b"0" * 100 + b"\0"),
        zlib.compress(b"blob 3\0abc"),
        zlib.compress(b"blob 3\0abc")[:-3],
        zlib.compress(b"blob 3\0abc") + b"more",
    ],
)
def test_a_loose_object_that_lies_is_refused(stored: bytes, hds: Path) -> None:
    """Bombs, absurd sizes, objects cut short, wrong kinds and other bytes than the hash says are all damage."""
    put_loose(hds, OID, stored)
    is_refused(hds, OID)


def test_every_cut_of_a_loose_object_is_refused_at_once(hds: Path) -> None:
    """However much of it is missing, the answer comes and it is no."""
    data = RANDOM.randbytes(300) + b"x" * 300
    oid = object_id("blob", data)
    stored = zlib.compress(b"blob 600\0" + data, 1)
    for length in range(len(stored)):
        put_loose(hds, oid, stored[:length])
        is_refused(hds, oid)
    put_loose(hds, oid, stored)
    assert Objects(hds).read(oid) == data


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize(
    "raw",
    [
        entry(3, 100 << 30, b"small"),
        entry(3, 5, bytes(300 << 20)),
        entry(3, 900 << 20, b"small"),
        entry(0, 5, b"small"),
        entry(5, 5, b"small"),
        b"\xff" * 200,
        entry(6, 5, b"small", b"\x00"),
        entry(6, 5, b"small", b"\x7f"),
        entry(6, 5, b"small", b"\xff" * 30),
        entry(7, 5, b"small", bytes.fromhex(OID)),
        entry(7, 5, b"small", bytes.fromhex(OTHER)),
        entry(7, 5, b"small", b"\xcd"),
        b"",
    ],
)
def test_an_entry_of_a_pack_that_lies_is_refused(raw: bytes, hds: Path) -> None:
    """Sizes that are not there, unknown kinds, bases before the beginning, elsewhere, or the entry itself."""
    put_pack(hds, [(OID, raw)])
    is_refused(hds, OID)


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("offset", [0, 11, 13, 10_000, 1 << 30, (1 << 31) + 5, 1 << 60])
def test_an_index_that_points_anywhere_is_refused(offset: int, hds: Path) -> None:
    """Offsets into the head, between entries, behind the end and beyond 2 GiB."""
    put_pack(hds, [(OID, entry(3, 5, b"small"))], {OID: offset})
    is_refused(hds, OID)


@pytest.mark.usefixtures("bounded")
def test_a_ring_of_differences_is_refused(hds: Path) -> None:
    """Two objects that are each made from the other have no beginning."""
    one = entry(7, 3, b"\x05\x05\x85", bytes.fromhex(OTHER))
    other = entry(7, 3, b"\x05\x05\x85", bytes.fromhex(OID))
    put_pack(hds, [(OID, one), (OTHER, other)])
    is_refused(hds, OID)


@pytest.mark.usefixtures("bounded")
def test_differences_that_grow_without_end_are_refused(hds: Path) -> None:
    """A few bytes that copy their base over and over stop at what one object may have."""
    many = b"\xf0\xff\xff\xff" * 2000
    delta = delta_size(1 << 24) + delta_size(1 << 40) + many
    base = entry(3, 1 << 24, bytes(1 << 24))
    base_oid = object_id("blob", bytes(1 << 24))
    put_pack(hds, [(base_oid, base), (OID, entry(7, len(delta), delta, bytes.fromhex(base_oid)))])
    is_refused(hds, OID)


@pytest.mark.parametrize(
    "delta",
    [
        b"",
        b"\x05",
        b"\x05\x05",
        b"\x04\x05\x90\x05",
        b"\x05\x05\x90\x06",
        b"\x05\x06\x90\x06",
        b"\x05\x05\x91\x01\x05",
        b"\x05\x05\x05abc",
        b"\x05\x03\x00abc",
        b"\x05\x05\x93\x01",
        b"\xff" * 20,
        b"\x05\x04\x90\x05",
    ],
)
def test_a_difference_that_does_not_fit_is_refused(delta: bytes) -> None:
    """Instructions that are cut short, copy from beyond the base or make another size than they say."""
    with pytest.raises(hdstore.DamagedError):
        apply_delta(b"small", delta)


@pytest.fixture
def pack(folder: Path) -> tuple[bytes, bytes, list[str]]:
    """Returns a pack with differences, its index, and the objects in it."""
    with hdstore.open(folder) as repository:
        for number in range(20):
            edit = hdstore.SetFrameMetadata(frame_id=f"f{number}", set={"k": number})
            repository.version("plates/Current").apply(edit)
        repository.gc(grace=0)
    (path,) = (folder / ".hds" / "objects" / "pack").glob("*.pack")
    index = path.with_suffix(".idx").read_bytes()
    (count,) = struct.unpack_from(">I", index, 1028)
    return path.read_bytes(), index, [index[1032 + 20 * n : 1052 + 20 * n].hex() for n in range(count)]


def reads_right_or_refuses(hds: Path, pack: bytes, index: bytes, oids: list[str]) -> int:
    """Reads all objects of a pack and returns how many were refused."""
    place = hds / "objects" / "pack" / "pack-x.pack"
    place.write_bytes(pack[:-20] + hashlib.sha1(pack[:-20]).digest())
    index = index[:-40] + place.read_bytes()[-20:]
    place.with_suffix(".idx").write_bytes(index + hashlib.sha1(index).digest())
    objects, refused = Objects(hds), 0
    for oid in oids:
        try:
            kind, data = objects.read_any(oid)
        except HdstoreError:
            refused += 1
        else:
            assert object_id(kind, data) == oid
    return refused


@pytest.mark.usefixtures("bounded")
def test_random_changes_of_a_pack_are_refused(hds: Path, pack: tuple[bytes, bytes, list[str]]) -> None:
    """Wherever a few bytes differ: each object is what its name says, or it is refused, even with right checksums."""
    data, index, oids = pack
    assert reads_right_or_refuses(hds, data, index, oids) == 0
    hurt = 0
    for _ in range(40):
        changed = bytearray(data)
        for _ in range(RANDOM.choice([1, 2, 5])):
            changed[RANDOM.randrange(12, len(data) - 20)] = RANDOM.randrange(256)
        hurt += bool(reads_right_or_refuses(hds, bytes(changed), index, oids))
    assert hurt > 20


@pytest.mark.usefixtures("bounded")
def test_random_changes_of_an_index_are_refused(hds: Path, pack: tuple[bytes, bytes, list[str]]) -> None:
    """As for packs: wrong offsets, ids and counts lead to nothing but a refusal."""
    data, index, oids = pack
    for check in (range(8, 1032), range(1032, len(index) - 40)):
        for _ in range(30):
            changed = bytearray(index)
            changed[RANDOM.choice(check)] = RANDOM.randrange(256)
            reads_right_or_refuses(hds, data, bytes(changed), oids)


def test_ancestors_are_those_of_git(folder: Path) -> None:
    """For all pairs of commits, who descends from whom and a best common ancestor are what git says."""

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", "-C", str(folder / ".hds"), *arguments], capture_output=True, text=True)

    with hdstore.open(folder) as repository:
        dataset = repository.dataset("plates")
        for name, parents in (("m1", ["first", "second"]), ("m2", ["second", "first"])):
            draft = dataset.create_version(name, parents=parents)
            draft.add_frames([hdstore.SingleFrame(id=name)])
            draft.publish()
        dataset.create_version("m3", parents=["m1", "m2"])
    objects = Objects(folder / ".hds")
    commits = git("rev-list", "--all").stdout.split()[::2]
    for one in commits:
        for other in commits:
            expected = git("merge-base", "--is-ancestor", one, other).returncode == 0
            assert objects.is_ancestor(one, other) == expected
            bases = git("merge-base", "--all", one, other).stdout.split()
            assert sorted(objects.merge_bases(one, other)) == sorted(bases)
