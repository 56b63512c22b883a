"""Packing loose objects: nothing is lost, git finds everything, and only one does it at a time."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hdstore.errors import LockTimeoutError
from hdstore.store import packing
from hdstore.store.layout import Layout
from hdstore.store.locks import Lock
from hdstore.store.objects import Objects
from hdstore.store.packing import PACK_LOCK, count_loose, maybe_pack_in_background, pack_loose
from hdstore.store.presence import Presence, loose_path


def fill(objects: Objects, first: int, last: int) -> dict[str, bytes]:
    datas = [b"%d " % number * 100 for number in range(first, last)]
    with objects.loose() as writer:
        return {writer.write("blob", data): data for data in datas}


def packs_of(layout: Layout) -> list[Path]:
    return sorted((layout.objects / "pack").glob("*.pack"))


def test_loose_objects_become_one_pack(layout: Layout, objects: Objects, fsck: Callable[[], None]) -> None:
    """After packing there is no loose object, each is read as before, by who has the repository open too."""
    written = fill(objects, 0, 50)
    assert count_loose(layout.hds) == 50
    assert pack_loose(layout.hds) == 50
    assert count_loose(layout.hds) == 0
    assert len(packs_of(layout)) == 1
    assert {oid: objects.read(oid) for oid in written} == written
    assert list(layout.tmp.iterdir()) == []
    fsck()
    assert pack_loose(layout.hds) == 0
    assert len(packs_of(layout)) == 1


def test_what_a_pack_has_already_is_only_removed(
    layout: Layout, objects: Objects, git: Callable[..., str]
) -> None:
    """A loose copy of a packed object goes without a new pack."""
    written = fill(objects, 0, 3)
    git("pack-objects", "objects/pack/pack", input="\n".join(written).encode())
    assert pack_loose(layout.hds) == 3
    assert len(packs_of(layout)) == 1
    assert {oid: Objects(layout.hds).read(oid) for oid in written} == written


def test_a_damaged_object_stays_where_it_is(
    layout: Layout, objects: Objects, caplog: pytest.LogCaptureFixture
) -> None:
    """One bad object keeps no other from being packed, and stays for a check to find."""
    written = fill(objects, 0, 5)
    bad = next(iter(written))
    path = loose_path(layout.objects, bad)
    path.chmod(0o644)
    path.write_bytes(b"nonsense")
    with caplog.at_level(logging.WARNING):
        assert pack_loose(layout.hds) == 4
    assert bad in caplog.text
    assert path.read_bytes() == b"nonsense"


def test_many_packs_become_few(
    layout: Layout, objects: Objects, fsck: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The smallest packs are merged when there are many; one that is held by somebody stays."""
    monkeypatch.setattr(packing, "_MANY_PACKS", 10)
    monkeypatch.setattr(packing, "_FEW_PACKS", 4)
    written: dict[str, bytes] = {}
    for number in range(9):
        written |= fill(objects, number * 10, number * 10 + 10)
        pack_loose(layout.hds)
    held = packs_of(layout)[0]
    held.with_suffix(".keep").touch()
    with objects.pack() as writer:
        large = os.urandom(50_000)
        written[writer.write("blob", large)] = large
    fill(objects, 1000, 1001)
    pack_loose(layout.hds)
    assert len(packs_of(layout)) <= 5
    assert held in packs_of(layout)
    assert {oid: objects.read(oid) for oid in written} == written
    fsck()


def test_packing_in_the_background_begins_when_many_have_gathered(layout: Layout, objects: Objects) -> None:
    """Few loose objects are left alone; many are packed by a thread that the program waits for."""
    fill(objects, 0, 30)
    assert maybe_pack_in_background(layout.hds) is None
    fill(objects, 30, 600)
    thread = maybe_pack_in_background(layout.hds, threshold=200)
    assert thread is not None
    assert not thread.daemon
    thread.join()
    assert count_loose(layout.hds) == 0


def test_only_one_packs(layout: Layout, objects: Objects, caplog: pytest.LogCaptureFixture) -> None:
    """While somebody packs, others wait or, in the background, leave it; a failure there is only logged."""
    fill(objects, 0, 600)
    with Lock(layout.hds / PACK_LOCK):
        with pytest.raises(LockTimeoutError, match="the packs"):
            pack_loose(layout.hds, timeout=0)
        thread = maybe_pack_in_background(layout.hds, threshold=100)
        assert thread is not None
        thread.join()
    assert count_loose(layout.hds) == 600
    assert caplog.text == ""
    (layout.objects / "pack").rename(layout.objects / "aside")
    (layout.objects / "pack").write_text("not a folder")
    with caplog.at_level(logging.WARNING):
        packing._pack_quietly(layout.hds)
    assert "was put off" in caplog.text


def test_a_presence_survives_packing(layout: Layout, objects: Objects) -> None:
    """Who looked before the objects moved finds them afterwards."""
    presence = Presence(layout.objects)
    (oid,) = fill(objects, 0, 1)
    assert presence.has(oid)
    pack_loose(layout.hds)
    assert presence.has(oid)
    assert presence.packed(oid)
