"""Moving loose objects into packs, so that a repository stays quick after many saves."""

from __future__ import annotations

import logging
import os
import random
import threading
from collections.abc import Iterable
from pathlib import Path

from hdstore.errors import DamagedError, HdstoreError, LockTimeoutError
from hdstore.model import Progress
from hdstore.store import files
from hdstore.store.locks import Lock
from hdstore.store.objects import Objects
from hdstore.store.pack import PackWriter
from hdstore.store.presence import Presence, loose_path

__all__ = ["PACK_LOCK", "count_loose", "loose_objects", "maybe_pack_in_background", "pack_loose"]

_log = logging.getLogger(__name__)

PACK_LOCK = Path("hdstore") / "locks" / "packing.lock"
"""Held, inside the repository, by whoever removes objects from where they were."""

_SAMPLES = 16
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
    """Starts packing in a thread when about ``threshold`` objects are loose; returns it, or None.

    How many are loose is judged by a part of the folders. A program that ends waits for the thread.
    """
    picked = random.sample(range(256), _SAMPLES)
    if len(loose_objects(hds, first=picked)) * 256 < threshold * _SAMPLES:
        return None
    thread = threading.Thread(target=_pack_quietly, args=(hds,), name="hdstore-packing", daemon=False)
    thread.start()
    return thread


def _pack_quietly(hds: Path) -> None:
    try:
        pack_loose(hds, timeout=0)
    except LockTimeoutError:
        pass  # somebody is at it already
    except HdstoreError as error:
        _log.warning("Packing loose objects of %s was put off: %s", hds, error)


def pack_loose(hds: Path, *, timeout: float = 60.0, progress: Progress | None = None) -> int:
    """Moves all loose objects into one pack and returns how many there were."""
    objects = Objects(hds)
    presence = Presence(hds / "objects")
    with Lock(hds / PACK_LOCK, timeout=timeout, what="the packs"):
        loose = loose_objects(hds)
        presence.refresh()
        writer = PackWriter(hds / "objects" / "pack", hds / "hdstore" / "tmp", progress=progress)
        moved: list[str] = []
        try:
            for oid in loose:
                if not presence.packed(oid):
                    try:
                        writer.write(*objects.read_any(oid))
                    except DamagedError as error:
                        _log.warning("%s", error)
                        continue
                moved.append(oid)
            writer.finish()
        except BaseException:
            writer.abort()
            raise
        with files.storage_errors(f"remove packed objects from {hds / 'objects'}"):
            for oid in moved:
                files.remove(loose_path(hds / "objects", oid))
    return len(moved)
