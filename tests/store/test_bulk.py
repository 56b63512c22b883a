"""Reading many objects in a row: the same bytes as reading one by one, and the same trust in none of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from hdstore.errors import DamagedError
from hdstore.store.objects import Objects


@pytest.fixture
def written(objects: Objects) -> dict[str, tuple[str, bytes]]:
    """Returns objects by id: blobs of all sizes in several packs, some loose."""
    rng = random.Random(1)
    found = {}
    for number in range(4):
        with objects.loose() if number == 3 else objects.pack() as writer:
            for _ in range(300):
                data = rng.randbytes(rng.choice([0, 1, 100, 900, 1100, 5000])) * rng.choice([1, 1, 40])
                found[writer.write("blob", data)] = ("blob", data)
    return found


def test_what_is_read_is_what_was_written(
    objects: Objects, written: dict[str, tuple[str, bytes]], git: Callable[..., str]
) -> None:
    """In packs of one kind and another, loose, and stored by their differences after git has packed anew."""
    for _ in range(2):
        with objects.bulk() as reader:
            for oid, (kind, data) in written.items():
                assert reader.read(bytes.fromhex(oid), kind) == data
        git("repack", "-adkfq")
        objects.refresh()


def test_another_kind_is_refused(objects: Objects, written: dict[str, tuple[str, bytes]]) -> None:
    """An object of another kind than asked for, or none at all, is an error that names it."""
    oid = next(iter(written))
    with objects.bulk() as reader:
        with pytest.raises(DamagedError, match="must be a tree"):
            reader.read(bytes.fromhex(oid), "tree")
        with pytest.raises(DamagedError, match="missing"):
            reader.read(bytes(20), "blob")


def test_damage_is_found(objects: Objects, layout_packs: list[Path]) -> None:
    """Whatever byte of a pack is another than was written, no other bytes are returned for it."""
    pack = max(layout_packs, key=lambda path: path.stat().st_size)
    pack.chmod(0o600)
    good = pack.read_bytes()
    ids = [raw.hex() for raw in objects._handle().presence.packs()[0]]
    whole = {oid: objects.read(oid) for oid in ids}
    for at in range(12, len(good) - 20, len(good) // 40):
        pack.write_bytes(good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :])
        objects.refresh()
        with objects.bulk() as reader:
            for oid in ids:
                try:
                    assert reader.read(bytes.fromhex(oid), "blob") == whole[oid]
                except DamagedError:
                    continue
    pack.write_bytes(good)


@pytest.fixture
def layout_packs(objects: Objects) -> list[Path]:
    """Returns the only pack of a repository: a few blobs."""
    with objects.pack() as writer:
        for number in range(20):
            writer.write("blob", f"{number} ".encode() * 200)
    return [index.pack for index in objects._handle().presence.packs()]


def test_packs_that_are_removed_meanwhile_stay_readable(
    objects: Objects, written: dict[str, tuple[str, bytes]], git: Callable[..., str]
) -> None:
    """Another process packs anew between two reads: what was open is read on, the rest is found again."""
    with objects.bulk() as reader:
        for number, (oid, (kind, data)) in enumerate(written.items()):
            if number == 5:
                git("repack", "-adkq")
            assert reader.read(bytes.fromhex(oid), kind) == data
