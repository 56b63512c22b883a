"""Remotes of a repository, and exchanging versions with them: through the git program, or libgit2 where there is none.

A move begins with a fetch into ``refs/hdstore/incoming/<remote>/``, so that what both sides have is known here; then
the planner says which refs move forward, media are copied, objects follow, and refs move last. With them moves
``refs/hdstore/remotes/<remote>/``, what the remote had when last seen: from it the planner knows what was done since,
so an exchange that was refused or cut short must not change it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hdstore.errors import (
    AlreadyExistsError,
    ConflictError,
    MediaError,
    NotFoundError,
    RemoteError,
    UntrustedError,
)
from hdstore.media import Media, Roots
from hdstore.model import Progress
from hdstore.store import (
    Catalog,
    Config,
    Layout,
    Lock,
    Objects,
    Refs,
    RefUpdate,
    check_layout,
    fetch_with_libgit2,
    files,
    git_available,
    local_program,
    run_git,
)
from hdstore.sync.planning import CATALOG, Plan, plan
from hdstore.sync.urls import check_remote_name, parse_place

__all__ = ["INCOMING_REF", "Remotes", "SyncReport", "clone_into"]

INCOMING_REF = "refs/hdstore/incoming/"
"""What a remote has, while it is not decided what becomes of it here; kept media may be missing of it."""

_UNFINISHED = ".hds.unfinished"
"""Where a clone is made until it is whole."""


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
        self._config.change({f"remote.{name}.url": str(_folder_of(url))})

    def remove(self, name: str) -> None:
        """Forgets a remote and what was last seen of it."""
        self._url(name)
        self._config.change({f"remote.{name}.url": None})
        kept = {**self._refs.list(_seen_ref(name)), **self._refs.list(_incoming_ref(name))}
        with self._refs.lock(*kept):
            self._refs.transaction([RefUpdate(ref, oid, None) for ref, oid in kept.items()])

    def _url(self, name: str) -> str:
        url = self.list().get(name)
        if url is None:
            known = ", ".join(self.list()) or "none yet"
            raise NotFoundError(f"There is no remote {name!r}; there are: {known}.")
        return url

    def _below(self, prefix: str) -> dict[str, str]:
        return {name.removeprefix(prefix): oid for name, oid in self._refs.list(prefix).items()}

    def _seen(self, remote: str) -> dict[str, str]:
        return self._below(_seen_ref(remote))

    def _ours(self) -> dict[str, str]:
        return _refs_of(self._layout, self._refs)

    def _remote_layout(self, remote: str) -> Layout:
        place = _folder_of(self._url(remote))
        layout = Layout(place)
        if not layout.exists:
            raise RemoteError(f"There is no repository in {place}, which the remote {remote!r} names.")
        check_layout(layout)
        layout.restore_folders()
        # What a killed process left half done is neither to be copied nor in the way of git.
        Refs(layout.hds).recover()
        self._refs.recover()
        return layout

    def pull(self, remote: str, media: Media, *, progress: Progress | None = None) -> SyncReport:
        """Moves this repository forward to what the remote has."""
        theirs = self._remote_layout(remote)
        sender = self._fetch(remote, theirs, progress)
        # Once before media are copied for nothing, and once when nobody else can move refs.
        self._plan_pull(remote, sender)
        count, size = _copy_media(_media_of(theirs), media, progress)
        base = _seen_ref(remote)
        names = {*(f"refs/{name}" for name in (*self._ours(), *sender))}
        with self._refs.lock(*names, *(base + name for name in (*self._seen(remote), *sender))):
            before = self._seen(remote)
            moves = self._plan_pull(remote, sender)
            updates = [RefUpdate(f"refs/{name}", old, new) for name, (old, new) in _ordered(moves)]
            self._refs.transaction([*updates, *_differences(base, before, sender)])
        return _report(remote, moves, count, size)

    def _plan_pull(self, remote: str, sender: dict[str, str]) -> Plan:
        return plan(
            self._objects,
            receiver=self._ours(),
            sender=sender,
            seen=self._seen(remote),
            describe=self._describe(sender),
        )

    def push(self, remote: str, media: Media, *, progress: Progress | None = None) -> SyncReport:
        """Moves the remote forward to what this repository has; an empty folder becomes a repository."""
        place = _folder_of(self._url(remote))
        layout = Layout(place)
        if not layout.exists:
            _begin(layout)
        theirs = self._remote_layout(remote)
        receiver = self._fetch(remote, theirs, progress)
        ours = self._ours()
        moves = plan(
            self._objects,
            receiver=receiver,
            sender=ours,
            seen=self._seen(remote),
            describe=self._describe(ours),
        )
        if CATALOG in moves.ahead:
            raise RemoteError(
                f"The remote {remote!r} has changes that are not here yet; nothing was sent. Pull, then push again."
            )
        count, size = _copy_media(media, _media_of(theirs), progress)
        if moves.moves:
            try:
                self._send(theirs, moves, progress)
            except RemoteError as error:
                if _refs_of(theirs) == receiver:
                    raise
                raise RemoteError(
                    f"The remote {remote!r} was changed while this was sent; nothing was moved there. Pull, then push"
                    " again."
                ) from error
        after = {**receiver, **{name: new for name, (_, new) in moves.moves.items()}}
        self._note_seen(remote, {name: oid for name, oid in after.items() if oid is not None})
        return _report(remote, moves, count, size)

    def _note_seen(self, remote: str, now: dict[str, str]) -> None:
        base = _seen_ref(remote)
        with self._refs.lock(*(base + name for name in (*self._seen(remote), *now))):
            self._refs.transaction(_differences(base, self._seen(remote), now))

    def _fetch(self, remote: str, theirs: Layout, progress: Progress | None) -> dict[str, str]:
        """Brings what the remote has and returns its refs."""
        base = _incoming_ref(remote)
        if progress is not None:
            progress(f"Fetching from {remote}", 0, None)
        if not git_available():
            self._fetch_without_git(remote, theirs, progress)
            return self._below(base)
        run_git(
            self._layout.hds,
            "-c",
            "fetch.fsckObjects=true",
            "fetch",
            "--progress" if progress else "--quiet",
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
        self._objects.settle()
        return self._below(base)

    def _fetch_without_git(self, remote: str, theirs: Layout, progress: Progress | None) -> None:
        base = _incoming_ref(remote)
        specs = [f"+refs/heads/*:{base}heads/*", f"+refs/tags/*:{base}tags/*"]
        fetch_with_libgit2(self._layout.hds, theirs.hds, specs, progress=progress)
        self._objects.settle()
        there = _refs_of(theirs)
        gone = [
            RefUpdate(base + name, oid, None) for name, oid in self._below(base).items() if name not in there
        ]
        with self._refs.lock(*(update.name for update in gone)):
            self._refs.transaction(gone)

    def _send_without_git(self, theirs: Layout, moves: Plan, progress: Progress | None) -> None:
        """Lets the other repository fetch from this one, and moves its refs by its own locks and journal."""
        base = f"{INCOMING_REF}push/"
        updates = [RefUpdate(f"refs/{name}", old, new) for name, (old, new) in _ordered(moves)]
        specs = [f"+{update.name}:{base}{update.name}" for update in updates if update.new]
        refs = Refs(theirs.hds)
        if specs:
            fetch_with_libgit2(theirs.hds, self._layout.hds, specs, progress=progress)
        incoming = refs.list(base)
        moved = [
            update for update in updates if update.new and incoming.get(base + update.name) != update.new
        ]
        with refs.lock(*(update.name for update in updates), *incoming):
            done = [RefUpdate(name, oid, None) for name, oid in incoming.items()]
            try:
                if moved:
                    raise ConflictError(f"{moved[0].name} moved here while it was sent; push again.")
                refs.transaction([*updates, *done])
            except ConflictError as error:
                refs.transaction(done)
                raise RemoteError(f"The remote was changed meanwhile: {error}") from error

    def _send(self, theirs: Layout, moves: Plan, progress: Progress | None) -> None:
        if not git_available():
            self._send_without_git(theirs, moves, progress)
            return
        leases, specs = [], []
        for name, (old, new) in _ordered(moves):
            leases.append(f"--force-with-lease=refs/{name}:{old or ''}")
            # Without a plus: it would move the ref even where the lease says that somebody else moved it meanwhile.
            specs.append(f"{new}:refs/{name}" if new else f":refs/{name}")
        run_git(
            self._layout.hds,
            "-c",
            "push.followTags=false",
            "push",
            "--progress" if progress else "--quiet",
            "--atomic",
            "--no-verify",
            *leases,
            f"--receive-pack={local_program('receive-pack')}",
            str(theirs.hds),
            *specs,
            progress=progress,
        )

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


def _folder_of(url: str) -> Path:
    place = parse_place(url)
    if place.folder is None:
        raise RemoteError(
            f"{url!r} is not a folder of this machine; only paths and file:// can be reached so far."
        )
    return place.folder


def _refs_of(layout: Layout, refs: Refs | None = None) -> dict[str, str]:
    """Returns drafts, catalog and published versions of a repository, without the first part of their names."""
    refs = refs or Refs(layout.hds)
    found = {**refs.list("refs/heads/"), **refs.list("refs/tags/")}
    return {name.removeprefix("refs/"): oid for name, oid in found.items()}


def _begin(layout: Layout) -> None:
    """Makes an empty repository for a push, in a folder that is new or empty."""
    place = layout.folder
    with files.storage_errors(f"make a repository in {place}"):
        # A push that was cut short may have begun to make the repository.
        if place.exists() and any(found != layout.hds for found in place.iterdir()):
            raise RemoteError(
                f"{place} holds files but no repository; push to an empty folder or to a repository."
            )
        place.mkdir(parents=True, exist_ok=True)
        if layout.hds.exists():
            check_layout(layout, unfinished=True)
        layout.create()


def _seen_ref(remote: str) -> str:
    return f"refs/hdstore/remotes/{remote}/"


def _incoming_ref(remote: str) -> str:
    return f"{INCOMING_REF}{remote}/"


def _differences(prefix: str, before: dict[str, str], now: dict[str, str]) -> list[RefUpdate]:
    """Returns the moves that make the refs below ``prefix`` what they are to be now."""
    return [
        RefUpdate(prefix + name, before.get(name), now.get(name))
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]


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
        try:
            target.keep(path, expected=name)
        except MediaError as error:
            raise MediaError(
                f"The medium {name} is damaged in {source.folder}; check that repository."
            ) from error
        size += path.stat().st_size
    return len(missing), size


def clone_into(url: str, layout: Layout, *, progress: Progress | None = None) -> None:
    """Makes a repository in an empty folder and brings what ``url`` has; nothing is left when that fails.

    It is made beside its place and moved there when it is whole, so a clone that was killed can be repeated.
    """
    place = _folder_of(url)
    if not Layout(place).exists:
        raise RemoteError(f"There is no repository in {place} to clone.")
    folder = layout.folder
    aside = Layout(folder / _UNFINISHED)
    with files.storage_errors(f"make a repository in {folder}"):
        existed = folder.exists()
        if existed and any(found != aside.folder for found in folder.iterdir()):
            raise AlreadyExistsError(f"{folder} is not empty; clone into a new folder.")
        if aside.folder.is_symlink():
            raise UntrustedError(f"{aside.folder} is a symbolic link; remove it and clone again.")
        files.make_folders(aside.folder)
        with Lock(aside.folder / "lock", timeout=0, what=f"{folder}, into which a clone is being made"):
            try:
                shutil.rmtree(aside.hds, ignore_errors=True)
                aside.create()
                remotes = Remotes(aside, Objects(aside.hds), Refs(aside.hds))
                remotes.add("origin", str(place))
                remotes.pull("origin", _media_of(aside), progress=progress)
                files.rename(aside.hds, layout.hds)
                files.flush_folder(folder)
            finally:
                shutil.rmtree(aside.folder, ignore_errors=True)
                if not existed and not layout.exists:
                    shutil.rmtree(folder, ignore_errors=True)
