"""Moving loose objects into packs, so that a repository stays quick after many saves."""

from __future__ import annotations

import logging
import os
import random
import shutil
import threading
from collections.abc import Iterable
from pathlib import Path

from hdstore.errors import DamagedError, HdstoreError, LockTimeoutError
from hdstore.model import Progress
from hdstore.store import files
from hdstore.store.delta import DeltaFinder
from hdstore.store.locks import Lock
from hdstore.store.objects import Objects
from hdstore.store.pack import PackWriter
from hdstore.store.presence import PackIndex, Presence, loose_path

__all__ = [
    "PACK_LOCK",
    "count_loose",
    "is_held",
    "loose_objects",
    "maybe_pack_in_background",
    "pack_loose",
    "remove_lists",
    "remove_pack",
]

_log = logging.getLogger(__name__)

PACK_LOCK = Path("hdstore") / "locks" / "packing.lock"
"""Held, inside the repository, by whoever removes objects from where they were."""

_MANY_PACKS = 64
_FEW_PACKS = 8
_SAMPLES = 4
_DIGITS = frozenset("0123456789abcdef")


def loose_objects(hds: Path, *, first: Iterable[int] = range(256)) -> list[str]:
    """Returns the ids of the loose objects whose first byte is among ``first``."""
    found: list[str] = []
    with files.storage_errors(f"list the objects of {hds}"):
        for number in first:
            name = f"{number:02x}"
            try:
                rest = os.listdir(hds / "objects" / name)
            except FileNotFoundError:
                continue
            found += [name + part for part in sorted(rest) if len(part) == 38 and _DIGITS.issuperset(part)]
    return found


def count_loose(hds: Path) -> int:
    """Returns how many objects are loose."""
    return len(loose_objects(hds))


def maybe_pack_in_background(hds: Path, *, threshold: int = 2000) -> threading.Thread | None:
    """Starts packing in a thread when about ``threshold`` objects are loose or packs are many; returns it, or None.

    How many are loose is judged by a part of the folders. A program that ends waits for the thread.
    """
    picked = random.sample(range(256), _SAMPLES)
    few_loose = len(loose_objects(hds, first=picked)) * 256 < threshold * _SAMPLES
    if few_loose and _count_packs(hds) < _MANY_PACKS:
        return None
    thread = threading.Thread(target=_pack_quietly, args=(hds,), name="hdstore-packing", daemon=False)
    thread.start()
    return thread


def _count_packs(hds: Path) -> int:
    with files.storage_errors(f"list the packs of {hds}"):
        return sum(name.endswith(".idx") for name in os.listdir(hds / "objects" / "pack"))


def _pack_quietly(hds: Path) -> None:
    try:
        pack_loose(hds, timeout=0)
    except LockTimeoutError:
        pass  # somebody is at it already
    except HdstoreError as error:
        _log.warning("Packing loose objects of %s was put off: %s", hds, error)


def pack_loose(hds: Path, *, timeout: float = 60.0, progress: Progress | None = None) -> int:
    """Moves all loose objects into one pack and returns how many there were.

    When many packs have gathered the smallest go into it too, for every look-up has to ask each of them.
    """
    objects = Objects(hds)
    presence = Presence(hds / "objects")
    with Lock(hds / PACK_LOCK, timeout=timeout, what="the packs"):
        loose = _newest_first(hds)
        packs = presence.packs()
        merged = _to_merge(packs)
        elsewhere = [index for index in packs if index not in merged]
        deltas = DeltaFinder(objects.read)
        writer = PackWriter(
            hds / "objects" / "pack", hds / "hdstore" / "tmp", deltas=deltas, progress=progress
        )
        try:
            moved = _move(objects, loose, elsewhere, writer)
            removable = [
                index
                for index in merged
                if len(_move(objects, index.in_order(), elsewhere, writer)) == index.count
            ]
            written = writer.finish()
        except BaseException:
            writer.abort()
            raise
        with files.storage_errors(f"remove packed objects from {hds / 'objects'}"):
            for oid in moved:
                files.remove(loose_path(hds / "objects", oid))
            if removable:
                remove_lists(hds / "objects")
            for index in removable:
                if index.pack != written:
                    remove_pack(index.pack)
    return len(moved)


def _newest_first(hds: Path) -> list[str]:
    """Returns the loose objects in the order in which the present stays whole and the past is made from it."""
    with files.storage_errors(f"list the objects of {hds}"):
        found = {oid: files.look(loose_path(hds / "objects", oid)) for oid in loose_objects(hds)}
    ages = {oid: state.st_mtime_ns for oid, state in found.items() if state is not None}
    return sorted(ages, key=lambda oid: -ages[oid])


def _to_merge(packs: list[PackIndex]) -> list[PackIndex]:
    """Returns the packs to be merged, the youngest first; none while there are few."""
    if len(packs) < _MANY_PACKS:
        return []
    with files.storage_errors("examine the packs"):
        found = [(index, files.look(index.pack)) for index in packs if not is_held(index.pack)]
    free = [(index, state) for index, state in found if state is not None]
    free.sort(key=lambda pair: pair[1].st_size)
    smallest = free[: len(packs) - _FEW_PACKS]
    return [index for index, state in sorted(smallest, key=lambda pair: -pair[1].st_mtime)]


def _move(objects: Objects, oids: Iterable[str], elsewhere: list[PackIndex], writer: PackWriter) -> list[str]:
    """Writes objects unless a pack that stays has them; returns those whose old place is not needed any more."""
    moved: list[str] = []
    for oid in oids:
        raw = bytes.fromhex(oid)
        if not any(raw in index for index in elsewhere):
            try:
                writer.write(*objects.read_any(oid))
            except DamagedError as error:
                _log.warning("%s", error)
                continue
        moved.append(oid)
    return moved


def is_held(pack: Path) -> bool:
    """Says whether a file beside the pack says that it is somebody else's business."""
    return any(pack.with_suffix(suffix).exists() for suffix in (".keep", ".promisor"))


def remove_pack(pack: Path) -> None:
    """Removes a pack and what lies beside it."""
    # The index goes first: without it nobody looks for the rest.
    for suffix in (".idx", ".pack", ".rev", ".bitmap", ".mtimes"):
        files.remove(pack.with_suffix(suffix))


def remove_lists(objects: Path) -> None:
    """Removes git's lists over all packs and commits, which git can make again.

    Done before what they name is removed: git believes a list, and misses what it says is there.
    """
    for path in (*(objects / "pack").glob("multi-pack-index*"), objects / "info" / "commit-graph"):
        files.remove(path)
    shutil.rmtree(objects / "info" / "commit-graphs", ignore_errors=True)
