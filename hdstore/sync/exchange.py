"""Exchanging versions with another repository: fetch, pull, push.

A move begins with a fetch into ``refs/hdstore/incoming/<remote>/``, so that what both sides have is known here; then
``planning`` says what this repository holds afterwards, and merges what went on differently on both sides. Refs move
last, all or none. With them moves ``refs/hdstore/remotes/<remote>/``, what the remote had when last seen.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hdstore.errors import (
    AlreadyExistsError,
    ConflictError,
    DamagedError,
    DivergedError,
    HdstoreError,
    LockTimeoutError,
    ReadOnlyError,
    RemoteError,
    StorageError,
    UntrustedError,
)
from hdstore.merge import note_mine
from hdstore.model import Progress
from hdstore.store import (
    CATALOG_REF,
    Catalog,
    Layout,
    Lock,
    Objects,
    Refs,
    RefUpdate,
    check_layout,
    files,
    is_foreign_ref,
)
from hdstore.sync.absent import absent_moves
from hdstore.sync.judging import check_outcome, judge
from hdstore.sync.merging import Forward, Merges, PullFirst
from hdstore.sync.planning import CATALOG, Outcome, combine
from hdstore.sync.remotes import INCOMING_REF, SEEN_REF, Remotes, incoming_ref, seen_ref
from hdstore.sync.transport import Transport, connect
from hdstore.sync.urls import parse_place

__all__ = ["Exchange", "SyncReport", "clone_into"]

_UNFINISHED = ".hds.unfinished"
"""Where a clone is made until it is whole."""

_TRUSTED = ("refs/heads/", "refs/tags/", SEEN_REF)
"""What the refs begin with of which all was judged when it came, or made here."""

_TRIES = 20
"""How often a pull begins again because somebody saved meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What an exchange moved.

    Refs are named without their first part; drafts and versions (``merged``, ``revived``, ``carried``, ``apart``) by
    ``<dataset id>/<version id>``. ``merged`` are drafts in which both sides' work was joined, ``revived`` versions
    whose deletion had not seen some work, ``carried`` maps versions that were published meanwhile to the drafts which
    have the work that went on, ``apart`` versions published on both sides to the id under which the other one is kept.
    """

    remote: str
    moved: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    ahead: tuple[str, ...] = ()
    """What the other direction would move."""
    merged: tuple[str, ...] = ()
    revived: tuple[str, ...] = ()
    carried: Mapping[str, str] | None = None
    apart: Mapping[str, str] | None = None
    media: int = 0
    media_bytes: int = 0
    media_missing: tuple[str, ...] = ()
    """Kept media that were wanted and that the sender does not have."""

    def __bool__(self) -> bool:
        return bool(self.moved or self.removed or self.media)


class Exchange:
    """The exchange of one repository with others."""

    def __init__(self, layout: Layout, objects: Objects, refs: Refs, remotes: Remotes) -> None:
        self._layout = layout
        self._objects = objects
        self._refs = refs
        self._remotes = remotes

    def ours(self) -> dict[str, str]:
        """Returns drafts, catalog and published versions of this repository, without the first part of their names."""
        found = {**self._refs.list("refs/heads/"), **self._refs.list("refs/tags/")}
        return {name.removeprefix("refs/"): oid for name, oid in found.items() if not is_foreign_ref(name)}

    def fetch(self, remote: str, *, progress: Progress | None = None) -> SyncReport:
        """Brings what a remote has, and notes it as seen; nothing of this repository's own moves."""
        sender = self._fetch(self._connect(remote), remote, progress)
        ours, seen = self.ours(), self._remotes.seen(remote)
        # What a remote deleted stays noted while it is here: from it a pull knows what the deletion had seen.
        noted = {name: oid for name, oid in seen.items() if name in ours and name not in sender}
        updates = self._note_seen(remote, {**noted, **sender})
        return SyncReport(remote=remote, moved=tuple(updates))

    def pull(self, remote: str, *, progress: Progress | None = None) -> SyncReport:
        """Brings what a remote has and joins it with what is here."""
        sender = self._fetch(self._connect(remote), remote, progress)
        return self.take(remote, sender, remote=remote, progress=progress)

    def take(
        self,
        source: str,
        sender: Mapping[str, str],
        *,
        remote: str | None = None,
        incoming: str = "",
        progress: Progress | None = None,
    ) -> SyncReport:
        """Joins what is here with refs whose objects have arrived; all refs move, or none.

        ``source`` is what people call the sender, ``remote`` the remote whose state they are. Refs below ``incoming``
        have done their service and go.
        """
        for _ in range(_TRIES):
            ours = self.ours()
            seen = self._remotes.seen(remote) if remote else {}
            outcome = combine(
                self._objects,
                Merges(self._objects, self._layout.tmp, progress),
                ours=ours,
                theirs=sender,
                seen=seen,
                elsewhere=self._remotes.tags_elsewhere(remote or ""),
                by_age=remote is None,
            )
            check_outcome(self._objects, outcome.refs, source)
            moves = _differences("refs/", ours, outcome.refs)
            if remote:
                moves += _differences(seen_ref(remote), seen, sender)
            if incoming:
                moves += [RefUpdate(name, oid, None) for name, oid in self._refs.list(incoming).items()]
            moves += absent_moves(self._objects, self._refs, ours, outcome.refs)
            # Before refs move: "ours" would mean nothing in a merge that nobody noted.
            for ours_before, merge in outcome.merged.values():
                if ours_before:
                    note_mine(self._refs, merge, ours_before)
            with self._refs.lock(
                *(f"refs/{name}" for name in (*ours, *outcome.refs)), *(m.name for m in moves)
            ):
                if self.ours() != ours or (remote and self._remotes.seen(remote) != seen):
                    continue  # somebody saved while this was merged
                # Removals last, so that a version is never without a ref.
                self._refs.transaction(sorted(moves, key=lambda move: (move.new is None, move.name)))
            return _report(source, ours, outcome, sender)
        raise LockTimeoutError(
            f"Others kept saving while what {source} has was merged; nothing was moved. Pull again."
        )

    def push(
        self,
        remote: str,
        *,
        send_media: Callable[[], object] | None = None,
        progress: Progress | None = None,
    ) -> SyncReport:
        """Moves a remote forward to what this repository has; a path that is empty becomes a repository.

        ``send_media`` is called before refs move, so that the remote never names media it could have. Raises
        DivergedError when the remote has gone on differently: pull first.
        """
        transport = self._connect(remote, create=True)
        receiver = self._fetch(transport, remote, progress)
        ours = self.ours()
        moves, ahead = self._forward(remote, ours, receiver)
        if send_media is not None:
            send_media()
        if moves:
            updates = [RefUpdate(f"refs/{name}", old, new) for name, (old, new) in moves.items()]
            # Where not all move together, the catalog names nothing that is still to come, or gone already.
            updates.sort(key=lambda update: (update.new is None, update.name == CATALOG_REF, update.name))
            try:
                transport.push(updates, progress=progress)
            except ConflictError as error:
                raise RemoteError(
                    f"The remote {remote!r} was changed while this was sent; nothing was moved there. Pull, then push"
                    " again."
                ) from error
        self._remotes.note_pushed(remote)
        after = {**receiver, **{name: new for name, (_, new) in moves.items()}}
        self._note_seen(remote, {name: oid for name, oid in after.items() if oid is not None})
        return SyncReport(
            remote=remote,
            moved=tuple(sorted(name for name, (_, new) in moves.items() if new)),
            removed=tuple(sorted(name for name, (_, new) in moves.items() if not new)),
            ahead=tuple(sorted(ahead)),
        )

    def _forward(
        self, remote: str, ours: dict[str, str], receiver: dict[str, str]
    ) -> tuple[dict[str, tuple[str | None, str | None]], list[str]]:
        """Returns the moves of the remote's refs, and what it has that is not here yet."""
        try:
            outcome = combine(
                self._objects,
                Forward(),
                ours=ours,
                theirs=receiver,
                seen=self._remotes.seen(remote),
                elsewhere=self._remotes.tags_elsewhere(remote),
            )
        except PullFirst as error:
            raise DivergedError(
                f"Both this repository and the remote {remote!r} have gone on{self._where(ours, error.commits)};"
                f" nothing was sent. Run 'hdstore pull {remote}', which joins both, then push again."
            ) from error
        if outcome.refs.get(CATALOG) != ours.get(CATALOG):
            raise RemoteError(
                f"The remote {remote!r} has changes that are not here yet; nothing was sent. Pull, then push again."
            )
        moves: dict[str, tuple[str | None, str | None]] = {}
        ahead = []
        for name in {*ours, *receiver}:
            after, held = outcome.refs.get(name), receiver.get(name)
            if after == held:
                if ours.get(name) != held:
                    ahead.append(name)
            elif after != ours.get(name):
                raise RemoteError(
                    f"The remote {remote!r} has changes that are not here yet; nothing was sent. Pull, then push again."
                )
            elif not (name.startswith("tags/") and after and held):
                moves[name] = (held, after)
        return moves, ahead

    def _where(self, ours: dict[str, str], commits: tuple[str, ...]) -> str:
        """Returns which draft these are the tips of, as people call it."""
        name = next((name for name, oid in ours.items() if oid in commits and name != CATALOG), "")
        catalog = ours.get(CATALOG)
        dataset_id, _, version_id = name.partition("/")[2].partition("/")
        dataset = Catalog(self._objects, catalog).datasets.get(dataset_id) if catalog else None
        record = dataset.versions.get(version_id) if dataset else None
        return f" in {dataset.name}/{record.name}" if dataset and record else ""

    def _connect(self, remote: str, *, create: bool = False) -> Transport:
        hds = self._layout.hds
        if not os.access(hds / "objects", os.W_OK):
            raise StorageError(
                f"Nothing can be exchanged, for {hds} can not be written: it is read-only or somebody else's; check its"
                " rights and its disk."
            )
        transport = connect(
            self._layout, self._remotes.place(remote), create=create, inner=self._remotes.inner(remote)
        )
        self._refs.recover()
        return transport

    def _fetch(self, transport: Transport, remote: str, progress: Progress | None) -> dict[str, str]:
        """Brings what the remote has and returns its refs."""
        if progress is not None:
            progress(f"Fetching from {remote}", 0, None)
        base = incoming_ref(remote)
        transport.fetch([f"+refs/heads/*:{base}heads/*", f"+refs/tags/*:{base}tags/*"], progress=progress)
        if transport.inner is not None:
            self._remotes.note_inner(remote, transport.inner)
        self._objects.settle()
        self._remotes.drop_incoming(remote, is_foreign_ref)
        sender = self._remotes.incoming(remote)
        try:
            judge(
                self._objects,
                self._layout.hds,
                sender,
                known={**self._remotes.seen(remote), **self.ours()},
                trusted=[oid for prefix in _TRUSTED for oid in self._refs.list(prefix).values()],
                source=remote,
                progress=progress,
            )
        except (DamagedError, ReadOnlyError):
            self._remotes.drop_incoming(remote)
            raise
        return sender

    def _note_seen(self, remote: str, now: dict[str, str]) -> list[str]:
        base = seen_ref(remote)
        with self._refs.lock(*(base + name for name in (*self._remotes.seen(remote), *now))):
            updates = _differences(base, self._remotes.seen(remote), now)
            self._refs.transaction(updates)
        return [update.name.removeprefix(base) for update in updates]


def _differences(prefix: str, before: Mapping[str, str], now: Mapping[str, str]) -> list[RefUpdate]:
    """Returns the moves that make the refs below ``prefix`` what they are to be now."""
    return [
        RefUpdate(prefix + name, before.get(name), now.get(name))
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]


def _report(source: str, ours: Mapping[str, str], outcome: Outcome, sender: Mapping[str, str]) -> SyncReport:
    now = outcome.refs
    return SyncReport(
        remote=source,
        moved=tuple(sorted(name for name, oid in now.items() if ours.get(name) != oid)),
        removed=tuple(sorted(name for name in ours if name not in now)),
        ahead=tuple(sorted(name for name in {*now, *sender} if now.get(name) != sender.get(name))),
        merged=tuple(sorted(outcome.merged)),
        revived=tuple(sorted(outcome.revived)),
        carried=dict(sorted(outcome.carried.items())),
        apart=dict(sorted(outcome.apart.items())),
    )


def clone_into(
    url: str, layout: Layout, *, program: str = "", progress: Progress | None = None
) -> SyncReport:
    """Makes a repository in an empty folder and brings what ``url``, its origin, has; nothing is left when that fails.

    It is made beside its place and moved there when it is whole, so a clone that was killed can be repeated: what had
    arrived is used.
    """
    place = parse_place(url)
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
                refs = Refs(aside.hds)
                remotes = Remotes(aside, refs)
                if not _goes_on(aside, refs, remotes, place.url, program):
                    shutil.rmtree(aside.hds, ignore_errors=True)
                    aside.create()
                    remotes.add("origin", place.url, program=program)
                exchange = Exchange(aside, Objects(aside.hds), refs, remotes)
                report = exchange.pull("origin", progress=progress)
                if CATALOG not in exchange.ours():
                    raise RemoteError(
                        f"{url} is a git repository without a catalog; nothing was cloned. Make a repository with"
                        " init, add this as a remote, and push."
                    )
                files.rename(aside.hds, layout.hds)
                files.flush_folder(folder)
            finally:
                shutil.rmtree(aside.folder, ignore_errors=True)
                if not existed and not layout.exists:
                    shutil.rmtree(folder, ignore_errors=True)
    return report


def _goes_on(aside: Layout, refs: Refs, remotes: Remotes, url: str, program: str) -> bool:
    """Says whether a clone from this URL was cut short here whose objects can be used; refs that it moved are gone."""
    try:
        check_layout(aside)
        refs.recover()
        if remotes.list() != {"origin": url} or remotes.program("origin") != (program or "hdstore"):
            return False
        # Who put them here is not known: what they name is judged as if it came now.
        moved = {name: oid for name, oid in refs.list("refs/").items() if not name.startswith(INCOMING_REF)}
        with refs.lock(*moved):
            refs.transaction([RefUpdate(name, oid, None) for name, oid in moved.items()])
    except HdstoreError:
        return False
    return True
