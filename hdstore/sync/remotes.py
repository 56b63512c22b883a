"""Remotes of a repository, and exchanging versions with them through the git program.

A move begins with a fetch into ``refs/hdstore/remotes/<remote>/``, so that what both sides have is known here; then the
planner says which refs move forward, media are copied, objects follow, and refs move last.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from hdstore.errors import AlreadyExistsError, MediaError, NotFoundError, RemoteError
from hdstore.media import Media, Roots
from hdstore.model import Progress
from hdstore.store import (
    Catalog,
    Config,
    Layout,
    Objects,
    Refs,
    RefUpdate,
    check_layout,
    local_program,
    run_git,
)
from hdstore.sync.planning import CATALOG, Plan, plan
from hdstore.sync.urls import check_remote_name, place_of

__all__ = ["Remotes", "SyncReport", "clone_into"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What an exchange moved: refs (without their first part) and kept media."""

    remote: str
    moved: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    ahead: tuple[str, ...] = ()
    """What the other direction would move."""
    media: int = 0
    media_bytes: int = 0

    def __bool__(self) -> bool:
        return bool(self.moved or self.removed or self.media)


class Remotes:
    """The remotes of one repository."""

    def __init__(self, layout: Layout, objects: Objects, refs: Refs) -> None:
        self._layout = layout
        self._objects = objects
        self._refs = refs
        self._config = Config(layout.hds)

    def list(self) -> dict[str, str]:
        """Returns the URLs of the remotes by name."""
        found = {}
        for setting in self._config.settings():
            if setting.key.startswith("remote.") and setting.key.endswith(".url"):
                found[setting.key.removeprefix("remote.").removesuffix(".url")] = setting.value
        return dict(sorted(found.items()))

    def add(self, name: str, url: str) -> None:
        """Adds a remote; a path is kept absolute."""
        check_remote_name(name)
        if name in self.list():
            raise AlreadyExistsError(f"There is a remote {name!r} already; remove it or choose another name.")
        self._config.change({f"remote.{name}.url": str(place_of(url))})

    def remove(self, name: str) -> None:
        """Forgets a remote and what was last seen of it."""
        self._url(name)
        self._config.change({f"remote.{name}.url": None})
        seen = self._refs.list(self._prefix(name))
        with self._refs.lock(*seen):
            self._refs.transaction([RefUpdate(ref, oid, None) for ref, oid in seen.items()])

    def _url(self, name: str) -> str:
        url = self.list().get(name)
        if url is None:
            known = ", ".join(self.list()) or "none yet"
            raise NotFoundError(f"There is no remote {name!r}; there are: {known}.")
        return url

    @staticmethod
    def _prefix(remote: str) -> str:
        return f"refs/hdstore/remotes/{remote}/"

    def _seen(self, remote: str) -> dict[str, str]:
        prefix = self._prefix(remote)
        return {name.removeprefix(prefix): oid for name, oid in self._refs.list(prefix).items()}

    def _ours(self) -> dict[str, str]:
        found = {**self._refs.list("refs/heads/"), **self._refs.list("refs/tags/")}
        return {name.removeprefix("refs/"): oid for name, oid in found.items()}

    def _remote_layout(self, remote: str) -> Layout:
        place = place_of(self._url(remote))
        layout = Layout(place)
        if not layout.exists:
            raise RemoteError(f"There is no repository in {place}, which the remote {remote!r} names.")
        check_layout(layout)
        return layout

    def pull(self, remote: str, media: Media, *, progress: Progress | None = None) -> SyncReport:
        """Moves this repository forward to what the remote has."""
        theirs = self._remote_layout(remote)
        before = self._seen(remote)
        self._fetch(remote, theirs, progress)
        sender = self._seen(remote)
        with self._refs.lock(*{f"refs/{name}" for name in (*self._ours(), *sender)}):
            moves = plan(
                self._objects,
                receiver=self._ours(),
                sender=sender,
                seen=before,
                describe=self._describe(sender),
            )
            count, size = _copy_media(_media_of(theirs), media, progress)
            self._refs.transaction([RefUpdate(f"refs/{n}", old, new) for n, (old, new) in _ordered(moves)])
        return _report(remote, moves, count, size)

    def push(self, remote: str, media: Media, *, progress: Progress | None = None) -> SyncReport:
        """Moves the remote forward to what this repository has; an empty folder becomes a repository."""
        place = place_of(self._url(remote))
        layout = Layout(place)
        if not layout.exists:
            if place.exists() and any(place.iterdir()):
                raise RemoteError(
                    f"{place} holds files but no repository; push to an empty folder or to a repository."
                )
            place.mkdir(parents=True, exist_ok=True)
            layout.create()
        theirs = self._remote_layout(remote)
        before = self._seen(remote)
        self._fetch(remote, theirs, progress)
        receiver = self._seen(remote)
        ours = self._ours()
        moves = plan(
            self._objects, receiver=receiver, sender=ours, seen=before, describe=self._describe(ours)
        )
        if CATALOG in moves.ahead:
            raise RemoteError(
                f"The remote {remote!r} has changes that are not here yet; nothing was sent. Pull, then push again."
            )
        count, size = _copy_media(media, _media_of(theirs), progress)
        if moves.moves:
            self._send(remote, theirs, moves, progress)
        return _report(remote, moves, count, size)

    def _fetch(self, remote: str, theirs: Layout, progress: Progress | None) -> None:
        base = self._prefix(remote)
        run_git(
            self._layout.hds,
            "-c",
            "fetch.fsckObjects=true",
            "fetch",
            "--quiet",
            "--prune",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--refmap=",
            f"--upload-pack={local_program('upload-pack')}",
            str(theirs.hds),
            f"+refs/heads/*:{base}heads/*",
            f"+refs/tags/*:{base}tags/*",
            progress=progress,
        )
        self._objects.refresh()

    def _send(self, remote: str, theirs: Layout, moves: Plan, progress: Progress | None) -> None:
        leases, specs = [], []
        for name, (old, new) in _ordered(moves):
            leases.append(f"--force-with-lease=refs/{name}:{old or ''}")
            specs.append(f"+{new}:refs/{name}" if new else f":refs/{name}")
        run_git(
            self._layout.hds,
            "-c",
            "push.followTags=false",
            "push",
            "--quiet",
            "--atomic",
            "--no-verify",
            *leases,
            f"--receive-pack={local_program('receive-pack')}",
            str(theirs.hds),
            *specs,
            progress=progress,
        )
        base = self._prefix(remote)
        updates = [RefUpdate(base + name, old, new) for name, (old, new) in _ordered(moves)]
        with self._refs.lock(*(update.name for update in updates)):
            self._refs.transaction(updates)

    def _describe(self, refs: dict[str, str]) -> Callable[[str], str]:
        """Returns a function from a ref to what people call it, by the catalog among ``refs``."""

        def describe(name: str) -> str:
            if name == CATALOG:
                return "the catalog"
            dataset_id, _, version_id = name.partition("/")[2].partition("/")
            commit = refs.get(CATALOG)
            dataset = Catalog(self._objects, commit).datasets.get(dataset_id) if commit else None
            record = dataset.versions.get(version_id) if dataset else None
            return f"{dataset.name}/{record.name}" if dataset and record else name

        return describe


def _ordered(moves: Plan) -> list[tuple[str, tuple[str | None, str | None]]]:
    """Returns the moves with removals last, so that a version is never without a ref."""
    return sorted(moves.moves.items(), key=lambda move: (move[1][1] is None, move[0]))


def _report(remote: str, moves: Plan, media: int, size: int) -> SyncReport:
    return SyncReport(
        remote=remote,
        moved=tuple(sorted(name for name, (_, new) in moves.moves.items() if new)),
        removed=tuple(sorted(name for name, (_, new) in moves.moves.items() if not new)),
        ahead=tuple(sorted(moves.ahead)),
        media=media,
        media_bytes=size,
    )


def _media_of(layout: Layout) -> Media:
    return Media(layout.media, Roots(layout.local), layout.tmp)


def _copy_media(source: Media, target: Media, progress: Progress | None) -> tuple[int, int]:
    """Copies the kept media that the target lacks; every byte is verified against its hash on arrival."""
    missing = [name for name in source.hashes() if not target.has(name)]
    size = 0
    for done, name in enumerate(missing):
        if progress is not None:
            progress("Copying media", done, len(missing))
        path = source.path_of(name)
        if target.keep(path) != name:
            raise MediaError(f"The medium {name} is damaged in {source.folder}; check that repository.")
        size += path.stat().st_size
    return len(missing), size


def clone_into(url: str, layout: Layout, *, progress: Progress | None = None) -> None:
    """Makes a repository in an empty folder and brings what ``url`` has; nothing is left when that fails."""
    place = place_of(url)
    source = Layout(place)
    if not source.exists:
        raise RemoteError(f"There is no repository in {place} to clone.")
    folder = layout.folder
    existed = folder.exists()
    if existed and any(folder.iterdir()):
        raise AlreadyExistsError(f"{folder} is not empty; clone into a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        layout.create()
        objects, refs = Objects(layout.hds), Refs(layout.hds)
        remotes = Remotes(layout, objects, refs)
        remotes.add("origin", str(place))
        remotes.pull("origin", _media_of(layout), progress=progress)
    except BaseException:
        shutil.rmtree(layout.hds if existed else folder, ignore_errors=True)
        raise
