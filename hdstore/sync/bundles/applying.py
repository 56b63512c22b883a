"""Taking over a bundle: it is checked wholly in a quarantine; then media, objects and refs come in, in this order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from hdstore.errors import DamagedError, NotFoundError, ReadOnlyError
from hdstore.model import Progress
from hdstore.store import FORMAT, Layout, Lock, Refs, RefUpdate, files
from hdstore.sync.bundles.checking import BundleReport, Here, check_bundle, missing_commits
from hdstore.sync.bundles.container import open_bundle
from hdstore.sync.bundles.quarantine import Quarantine, new_quarantine
from hdstore.sync.remotes import INCOMING_REF

__all__ = ["Applied", "apply_bundle", "verify_bundle"]

_T = TypeVar("_T")
_NAMED = 5
"""How many prerequisites an error names."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What came in with a bundle: its report, and the media that were not kept here before."""

    bundle: BundleReport
    media: int
    media_bytes: int


def verify_bundle(
    path: Path, layout: Layout | None, here: Here | None, *, progress: Progress | None = None
) -> BundleReport:
    """Reads a bundle and returns what is in it and what is wrong; nothing of it is kept.

    Without a repository nothing is here on which it could build. Raises DamagedError where it can not be read on.
    """
    with (
        open_bundle(path) as bundle,
        _place(layout) as place,
        new_quarantine(place, here.objects if here else None) as quarantine,
    ):
        return check_bundle(bundle, quarantine, here, progress=progress)


@contextmanager
def _place(layout: Layout | None) -> Iterator[Path]:
    """Yields a folder to unpack in: that of the repository, or a temporary one where none can be written to."""
    if layout is not None and os.access(layout.tmp, os.W_OK):
        yield layout.tmp
        return
    with TemporaryDirectory(prefix="hdstore-bundle-") as name:
        yield Path(name)


def apply_bundle(
    path: Path,
    layout: Layout,
    here: Here,
    take: Callable[[str, Mapping[str, str], str], _T],
    *,
    progress: Progress | None = None,
) -> tuple[Applied, _T]:
    """Takes over a bundle that is whole and right, and returns what came in and what ``take`` returns.

    ``take`` gets what people call the bundle, its refs without their first part, and what the refs begin with that keep
    its objects meanwhile; it moves the refs of this repository, and removes those.

    Raises NotFoundError when commits are missing on which the bundle builds, ReadOnlyError for one of a newer format,
    DamagedError for anything else that is wrong with it: nothing is changed then.
    """
    with open_bundle(path) as bundle:
        if bundle.header.format > FORMAT:
            raise ReadOnlyError(
                f"The bundle {path} is of a repository of format {bundle.header.format}, this program knows {FORMAT};"
                " install a newer hdstore."
            )
        _refuse_missing(path, bundle.needs, missing_commits(here.objects, here.refs, set(bundle.needs)))
        with new_quarantine(layout.tmp, here.objects) as quarantine:
            report = check_bundle(bundle, quarantine, here, keep=True, progress=progress)
            if report.problems:
                first, more = report.problems[0], len(report.problems) - 1
                raise DamagedError(
                    f"The bundle {path} is refused: {first.where}: {first.message}"
                    f"{f'; {more:,} more' if more else ''}. 'hdstore bundle verify' lists everything."
                )
            _refuse_missing(path, report.needs, set(report.missing))
            applied = _adopt_media(report, quarantine, here)
            incoming = _adopt_objects(path, report, layout, quarantine, here)
    try:
        sender = {name.removeprefix("refs/"): oid for name, oid in report.refs.items()}
        return applied, take(report.name, sender, incoming)
    except BaseException:
        _drop(here.refs, incoming)
        raise


def _refuse_missing(path: Path, needs: Mapping[str, str], missing: set[str]) -> None:
    if missing:
        named = [f"{needs[oid] or 'a version'} at {oid[:10]}" for oid in sorted(missing)]
        more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        raise NotFoundError(
            f"The bundle {path} builds on commits that are not here: {', '.join(named[:_NAMED])}{more}; nothing was"
            " changed. Get the bundle that was made before it, or one that was made without --since."
        )


def _adopt_media(report: BundleReport, quarantine: Quarantine, here: Here) -> Applied:
    size = 0
    with files.storage_errors("keep the media of the bundle"), here.media.keeping() as keeper:
        mode = 0o444 & os.stat(here.media.folder).st_mode
        for hash, path in quarantine.media.items():
            size += path.stat().st_size
            # Linked, not copied: the name in the quarantine goes with it.
            path.chmod(mode)
            keeper.keep(path, link=True, expected=hash)
    return Applied(report, len(quarantine.media), size)


def _adopt_objects(
    path: Path, report: BundleReport, layout: Layout, quarantine: Quarantine, here: Here
) -> str:
    """Moves the pack here, and sets refs that keep what it holds; returns what they begin with."""
    incoming = f"{INCOMING_REF}bundle-{report.hash[:16]}/"
    refs = here.refs
    # While this is held nothing is collected: what was checked to be here stays here until refs reach it.
    with Lock(layout.locks / "objects.lock", what="the objects", shared=True):
        _refuse_missing(path, report.needs, missing_commits(here.objects, refs, set(report.needs)))
        for pack in quarantine.packs():
            here.objects.adopt(pack)
        names = {incoming + name.removeprefix("refs/"): oid for name, oid in report.refs.items()}
        with refs.lock(*names):
            before = refs.list(incoming)
            refs.transaction(
                [
                    RefUpdate(name, before.get(name), oid)
                    for name, oid in names.items()
                    if before.get(name) != oid
                ]
            )
    return incoming


def _drop(refs: Refs, incoming: str) -> None:
    left = refs.list(incoming)
    with refs.lock(*left):
        refs.transaction([RefUpdate(name, oid, None) for name, oid in refs.list(incoming).items()])
