"""Bundles of a repository: what people name becomes refs, commits and media, and back."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from hdstore.errors import AlreadyExistsError, DamagedError, HdstoreError, InvalidInputError, NotFoundError
from hdstore.merge import AUTHOR
from hdstore.model import Progress
from hdstore.repository.core import Core
from hdstore.repository.naming import split_path
from hdstore.repository.version import DatasetVersion
from hdstore.store import CATALOG_REF, Layout, Lock, Refs, check_layout, files
from hdstore.sync import Exchange, Remotes, SyncReport
from hdstore.sync.bundles import (
    BundleContent,
    BundleReport,
    CreatedBundle,
    Here,
    is_bundle,
    is_bundle_ref,
    open_bundle,
)
from hdstore.sync.bundles import apply_bundle as apply
from hdstore.sync.bundles import create_bundle as create
from hdstore.sync.bundles import verify_bundle as verify
from hdstore.version import VersionState, commit_of, kept_media, media_of

if TYPE_CHECKING:
    from hdstore.repository.repository import Repository

__all__ = ["apply_bundle", "clone_bundle", "create_bundle", "verify_bundle"]

_OID = re.compile(r"[0-9a-f]{40}")


def create_bundle(
    repository: Repository,
    core: Core,
    path: Path,
    versions: Iterable[DatasetVersion | str],
    *,
    media: str | Iterable[str],
    since: Iterable[str | Path],
    progress: Progress | None,
) -> CreatedBundle:
    """Makes a bundle; see ``Repository.create_bundle``."""
    refs = _chosen_refs(repository, core, versions)
    choices = [media] if isinstance(media, str) else list(media)
    every, named = _chosen_media(repository, core, choices, progress)
    content = BundleContent(
        refs=refs,
        since=_known_commits(core, since),
        media=every,
        more_media=named,
        called=lambda commit: _called(core, commit),
        format=core.catalog().format,
        created=core.now(),
    )
    return create(path, core.objects, core.media, core.layout.tmp, content, progress=progress)


def verify_bundle(path: Path, core: Core | None, *, progress: Progress | None) -> BundleReport:
    """Says what is in a bundle and what is wrong with it; see ``hdstore.verify_bundle``."""
    if core is None:
        return verify(path, None, None, progress=progress)
    return verify(path, core.layout, _here(core), progress=progress)


def apply_bundle(core: Core, path: Path, *, progress: Progress | None) -> SyncReport:
    """Takes over a bundle; see ``Repository.apply_bundle``."""
    core.check_writable()
    exchange = Exchange(core.layout, core.objects, core.refs, Remotes(core.layout, core.refs))

    def take(source: str, sender: Mapping[str, str], incoming: str) -> SyncReport:
        return exchange.take(source, sender, incoming=incoming, progress=progress)

    applied, report = apply(path, core.layout, _here(core), take, progress=progress)
    core.after_save()
    return replace(
        report,
        media=applied.media,
        media_bytes=applied.media_bytes,
        media_missing=tuple(name for name in applied.bundle.lacking if not core.media.has(name)),
    )


def clone_bundle(path: Path, layout: Layout, *, progress: Progress | None) -> None:
    """Makes a repository of what a bundle holds in a new folder; nothing is left when that fails.

    A clone that was killed can be repeated.
    """
    refs = Refs(layout.hds)
    folder = layout.folder
    with files.storage_errors(f"make a repository in {folder}"):
        existed = folder.exists()
        if existed and (any(found != layout.hds for found in folder.iterdir()) or refs.get(CATALOG_REF)):
            raise AlreadyExistsError(f"{folder} is not empty; clone into a new folder.")
        files.make_folders(folder)
        if layout.hds.exists():
            check_layout(layout, unfinished=True)
        layout.create()
    with Lock(layout.locks / "clone.lock", timeout=0, what=f"{folder}, into which a clone is being made"):
        try:
            apply_bundle(Core(layout, AUTHOR, time.time), path, progress=progress)
        finally:
            if refs.get(CATALOG_REF) is None:
                rmtree(layout.hds if existed else folder, ignore_errors=True)


def _here(core: Core) -> Here:
    return Here(core.objects, core.refs, core.media)


def _chosen_refs(
    repository: Repository, core: Core, versions: Iterable[DatasetVersion | str]
) -> dict[str, str]:
    """Returns the refs of the versions and of the catalog; without versions, all that a bundle may carry."""
    found: dict[str, str] = {}
    for chosen in versions:
        if isinstance(chosen, str):
            dataset, version = split_path(chosen)
            handles = [repository.version(chosen)] if version else repository.dataset(dataset).versions()
        else:
            handles = [chosen]
        for handle in handles:
            name, oid, _ = core.living_ref(handle.dataset.id, handle.id)
            found[name] = oid
    if not found:
        held = {**core.refs.list("refs/heads/"), **core.refs.list("refs/tags/")}
        return {name: oid for name, oid in held.items() if is_bundle_ref(name)}
    found[CATALOG_REF] = core.catalog().commit
    return dict(sorted(found.items()))


def _chosen_media(
    repository: Repository, core: Core, choices: list[str], progress: Progress | None
) -> tuple[bool, set[str]]:
    """Returns whether all media travel that frames in the bundle name, and the hashes of others that do."""
    every, named = False, set[str]()
    for choice in choices:
        kind, _, name = choice.partition(":")
        if choice == "all":
            every = True
        elif kind == "version" and name:
            named |= media_of(core.objects, repository.version(name).state(), set())
        elif kind == "view" and name:
            for frame in repository.data_view(name)._started(progress).stored():
                named.update(kept_media(frame))
        elif choice != "none":
            raise InvalidInputError(
                f"Media are chosen by all, none, version:DATASET/VERSION or view:NAME, not by {choice!r}."
            )
    return every, named


def _known_commits(core: Core, since: Iterable[str | Path]) -> list[str]:
    """Returns the commits that the receiver has, of those that are here: without them nothing can be left out."""
    found: set[str] = set()
    for given in since:
        text = str(given)
        known = {commit for oid in _objects_since(core, text) if (commit := _commit_here(core, oid))}
        if not known:
            raise NotFoundError(
                f"Nothing of what {text!r} has is here; make the bundle without --since {text}."
            )
        found |= known
    return sorted(found)


def _objects_since(core: Core, text: str) -> list[str]:
    remotes = Remotes(core.layout, core.refs)
    if text in remotes.list():
        return list(remotes.seen(text).values())
    if _OID.fullmatch(text):
        return [text]
    path = Path(text)
    if not is_bundle(path):
        raise NotFoundError(f"{text!r} is neither a remote, nor a bundle, nor a commit of 40 digits.")
    with open_bundle(path) as bundle:
        return [*bundle.refs.values(), *bundle.needs]


def _commit_here(core: Core, oid: str) -> str | None:
    try:
        return commit_of(core.objects, oid) if core.objects.exists(oid) else None
    except DamagedError:
        return None


def _called(core: Core, commit: str) -> str:
    """Returns what people call the version that a commit is of."""
    try:
        document = VersionState(core.objects, commit).document
    except HdstoreError:
        return "the catalog"
    return core.path_of(document.dataset_id, document.id)
