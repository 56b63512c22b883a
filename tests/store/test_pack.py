"""Packs: git indexes ours to the same index, and finds in them what was written."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdstore.errors import CancelledError
from hdstore.store.delta import DeltaFinder, encode_delta
from hdstore.store.layout import Layout
from hdstore.store.objects import Objects
from hdstore.store.pack import PackWriter, encode_index
from hdstore.store.presence import PackIndex


def apply_delta(base: bytes, delta: bytes) -> bytes:
    """Follows git's instructions, written down here a second time."""
    at = 0

    def size() -> int:
        nonlocal at
        number = shift = 0
        while True:
            byte = delta[at]
            at += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return number

    assert size() == len(base)
    expected = size()
    out = b""
    while at < len(delta):
        code = delta[at]
        at += 1
        if code & 0x80:
            fields = [0] * 7
            for bit in range(7):
                if code & 1 << bit:
                    fields[bit] = delta[at]
                    at += 1
            offset = int.from_bytes(fields[:4], "little")
            length = int.from_bytes(fields[4:], "little") or 0x10000
            assert offset + length <= len(base)
            out += base[offset : offset + length]
        else:
            assert code
            out += delta[at : at + code]
            at += code
    assert len(out) == expected
    return out


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 15, 16, 4095, 4096, 5000, 70_000]), st.integers(0, 255)), min_size=1
    )
)
def test_git_makes_the_same_index_of_our_pack(
    layout: Layout, git: Callable[..., str], tmp_path: Path, sizes: list[tuple[int, int]]
) -> None:
    """Git reads the pack, agrees with each checksum in it, and its index equals ours byte for byte."""
    folder = tmp_path / f"packs-{os.urandom(4).hex()}"
    writer = PackWriter(folder, layout.tmp)
    oids = [writer.write("blob", bytes([byte]) * size) for size, byte in sizes]
    path = writer.finish()
    assert path is not None
    ours = path.with_suffix(".idx").read_bytes()
    name = git("index-pack", "--strict", "-o", str(folder / "theirs.idx"), str(path)).split()[-1]
    assert (folder / "theirs.idx").read_bytes() == ours
    assert path.name == f"pack-{name}.pack"
    assert {raw.hex() for raw in PackIndex(path.with_suffix(".idx"))} == set(oids)


def test_git_verifies_a_pack_of_many_objects(
    layout: Layout, objects: Objects, git: Callable[..., str], fsck: Callable[[], None]
) -> None:
    """A thousand objects written through the threads are all there, in their order."""
    datas = [os.urandom(50) * (number % 200) for number in range(1000)]
    seen: list[tuple[str, int, int | None]] = []
    with objects.pack(progress=lambda what, done, total: seen.append((what, done, total))) as writer:
        oids = [writer.write("blob", data) for data in datas]
    (pack,) = (layout.objects / "pack").glob("*.idx")
    git("verify-pack", str(pack))
    assert [objects.read(oid) for oid in oids] == datas
    assert list(PackIndex(pack).in_order()) == list(dict.fromkeys(oids))
    assert seen[0] == ("Writing objects", 256, None)
    fsck()


def test_cancelling_leaves_nothing(layout: Layout, objects: Objects) -> None:
    """Raising from the progress function ends the pack and removes what was written."""

    def cancel(what: str, done: int, total: int | None) -> None:
        raise CancelledError

    def write() -> None:
        with objects.pack(progress=cancel) as writer:
            for _ in range(600):
                writer.write("blob", os.urandom(8000))

    with pytest.raises(CancelledError):
        write()
    assert [*layout.tmp.iterdir(), *(layout.objects / "pack").iterdir()] == []


def test_offsets_beyond_two_gibibytes_have_their_own_table(git: Callable[..., str], tmp_path: Path) -> None:
    """An index of a huge pack is read by git as it was meant."""
    rows = [(bytes([number]) * 20, number, number << 29) for number in range(1, 12)]
    path = tmp_path / "x.idx"
    path.write_bytes(encode_index(rows, bytes(20)))
    shown = git("show-index", input=path.read_bytes()).splitlines()
    expected = [f"{offset} {raw.hex()} ({crc:08x})" for raw, crc, offset in rows]
    assert shown == expected
    assert list(PackIndex(path).in_order()) == [raw.hex() for raw, _, _ in rows]


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=300), st.binary(max_size=40))
def test_a_difference_makes_the_target(start: bytes, old: bytes, new: bytes, end: bytes) -> None:
    """Following the instructions on the base gives the target."""
    assert (
        apply_delta(start + old + end, encode_delta(start + old + end, start + new + end))
        == start + new + end
    )


def test_a_difference_of_large_objects_copies_in_parts() -> None:
    """Copies longer than one instruction may be are split."""
    base = os.urandom(1000) * 20_000
    target = base[:18_000_000] + b"new" + base[18_000_000:]
    delta = encode_delta(base, target)
    assert len(delta) < 50
    assert apply_delta(base, delta) == target


def test_versions_are_stored_as_differences(
    layout: Layout, git: Callable[..., str], fsck: Callable[[], None]
) -> None:
    """Many versions of one leaf take little room, chains stay short, and git reads each."""
    objects = Objects(layout.hds)
    leaf = bytearray(os.urandom(40_000))
    versions: dict[str, bytes] = {}
    with objects.loose() as writer:
        for number in range(60):
            leaf[700 * number : 700 * number + 4] = struct.pack(">I", number)
            versions[writer.write("blob", bytes(leaf))] = bytes(leaf)
    writer = PackWriter(layout.objects / "pack", layout.tmp, deltas=DeltaFinder(objects.read))
    for data in versions.values():
        writer.write("blob", data)
    path = writer.finish()
    assert path is not None
    git("prune-packed")
    assert path.stat().st_size < 200_000
    assert {oid: Objects(layout.hds).read(oid) for oid in versions} == versions
    chains = [
        line for line in git("verify-pack", "-v", str(path)).splitlines() if line.startswith("chain length")
    ]
    assert max(int(line.split()[3].rstrip(":")) for line in chains) == 24
    fsck()
