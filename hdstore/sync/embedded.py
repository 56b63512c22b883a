"""Exchange through libgit2, where the git program is not installed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hdstore.errors import ConflictError, DamagedError
from hdstore.model import Progress
from hdstore.store import (
    Layout,
    Libgit2Reach,
    Lock,
    Objects,
    Refs,
    RefUpdate,
    ask_libgit2,
    check_settings,
    decode_commit,
    decode_tag,
    is_ref_name,
    libgit2_reach_from_environment,
)
from hdstore.store.reachability import walk
from hdstore.sync.failures import Kind, ReachError, failure_of
from hdstore.sync.reached import Reached
from hdstore.sync.reaching import (
    Folder,
    branches_and_tags,
    is_moved,
    moved_elsewhere,
    push_until_done,
    still_to_move,
)
from hdstore.sync.urls import Place

__all__ = ["Embedded"]


_ARRIVING = "refs/hdstore/arriving/"
"""Before the ids of what is pushed to a folder, while its refs are not moved yet."""
_FETCHING = "refs/hdstore/fetching/"
"""Before refs that were fetched, while it is not known that all of their objects are there."""


class Embedded(Reached):
    """A ``Transport`` that needs no git program.

    Settings of git and of ssh (``~/.gitconfig``, ``~/.ssh/config``) are not read. What several refs of another machine
    become is not all or none: each is compared on its own.
    """

    def __init__(self, layout: Layout, place: Place, **given: Any) -> None:
        super().__init__(layout, place, **given)
        self._reach: Libgit2Reach | None = None
        if place.scheme == "ssh" and "'" in place.path:
            raise ReachError(f"{place} has a quote in its path, which libgit2 can not pass on; install git.")

    def refs(self, *, progress: Progress | None = None) -> dict[str, str]:
        """Returns the other side's branches and tags."""
        if self._folder is not None:
            return branches_and_tags(self._folder.refs)
        answer = self._try(lambda url: self._ask("refs", url, progress=progress), progress)
        return {
            name: oid
            for name, oid in sorted(answer["refs"].items())
            if name.startswith(("refs/heads/", "refs/tags/")) and is_ref_name(name)
        }

    def fetch(self, specs: Sequence[str], *, progress: Progress | None = None) -> None:
        """Brings what ``specs`` name, sets our refs and removes those that are gone.

        libgit2 believes what it is sent. So refs first stand aside, and move when all that they need was found.
        """
        layout = self._layout
        pairs = [spec.removeprefix("+").partition(":")[::2] for spec in specs]
        aside = [(target, f"{_FETCHING}{number}/") for number, (_, target) in enumerate(pairs)]
        asked = [
            f"+{source}:{place}{'*' if source.endswith('*') else 'one'}"
            for (source, _), (_, place) in zip(pairs, aside, strict=True)
        ]
        refs = Refs(layout.hds)
        with Lock(layout.locks / "fetching.lock", what="the fetch of another process"):
            known = refs.list("refs/")
            self._try(lambda url: self._ask("fetch", url, specs=asked, progress=progress), progress)
            try:
                wanted: dict[str, str] = {}
                gone: set[str] = set()
                for target, place in aside:
                    arrived = refs.list(place)
                    if target.endswith("*"):
                        base = target.removesuffix("*")
                        wanted |= {base + name.removeprefix(place): oid for name, oid in arrived.items()}
                        gone |= {name for name in known if name.startswith(base)}
                    else:
                        wanted |= dict.fromkeys([target] if arrived else [], next(iter(arrived.values()), ""))
                self._check(known.values(), wanted.values())
                move_refs(refs, known, wanted, gone - wanted.keys())
            finally:
                left = refs.list(_FETCHING)
                refs.transaction([RefUpdate(name, oid, None) for name, oid in left.items()])

    def _check(self, known: Iterable[str], arrived: Iterable[str]) -> None:
        """Raises ReachError where something is missing or damaged that what arrived needs."""
        try:
            check_complete(Objects(self._layout.hds), known, arrived)
        except DamagedError as error:
            raise ReachError(
                f"What {self._place} sent is not whole, so nothing was taken: {error}", kind=Kind.DAMAGED
            ) from error

    def push(self, updates: Sequence[RefUpdate], *, progress: Progress | None = None) -> None:
        """Moves refs of the other side."""
        if not updates:
            return
        if self._folder is not None:
            self._push_to_folder(self._folder, updates, progress)
            return
        if self._candidates.inner is None:
            self.refs(progress=progress)
        push_until_done(self, updates, sleep=self._sleep, progress=progress)

    def send(self, updates: Sequence[RefUpdate], progress: Progress | None) -> None:
        """Tries once to move refs of another machine."""
        moves = [(update.name, update.old, update.new) for update in updates]
        answer = self._ask("push", self._candidates.url(), updates=moves, progress=progress)
        for name in answer["moved"]:
            raise moved_elsewhere(self._place, name)
        for name, reason in answer["refused"]:
            if is_moved(reason):
                raise moved_elsewhere(self._place, name)
            raise failure_of(self._place, f"{name}: {reason}")

    def _push_to_folder(
        self, folder: Folder, updates: Sequence[RefUpdate], progress: Progress | None
    ) -> None:
        """Brings the objects there under names of their own, then moves the refs, all or none."""
        refs = folder.refs
        updates = still_to_move(self._place, updates, branches_and_tags(refs))
        wanted = sorted({update.new for update in updates if update.new is not None})
        there = refs.list(_ARRIVING)
        arriving = [(_ARRIVING + oid, there.get(_ARRIVING + oid), oid) for oid in wanted]
        if arriving:
            self._ask("push", str(folder.git), updates=arriving, progress=progress)
        done = [RefUpdate(name, oid, None) for name, _, oid in arriving]
        try:
            self._move(folder, [*updates, *done])
        except ConflictError as error:
            left = refs.list(_ARRIVING)
            self._move(folder, [update for update in done if update.name in left])
            still_to_move(self._place, updates, branches_and_tags(refs))
            raise moved_elsewhere(self._place, updates[0].name) from error

    def _move(self, folder: Folder, updates: Sequence[RefUpdate]) -> None:
        if folder.layout is not None:
            folder.refs.transaction(updates)
            return
        # A repository that is not hdstore's has no place for our locks and our journal.
        moves = [(update.name, update.old, update.new) for update in updates]
        for name in self._ask("move", "", hds=folder.git, updates=moves)["moved"]:
            raise moved_elsewhere(self._place, name)

    def _ask(
        self,
        do: str,
        url: str,
        *,
        hds: Path | None = None,
        specs: Sequence[str] = (),
        updates: Sequence[tuple[str, str | None, str | None]] = (),
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        hds, place = hds or self._layout.hds, self._place
        check_settings(hds)
        if self._reach is None:
            self._reach = libgit2_reach_from_environment(
                scheme=place.scheme, host=place.host, user=place.user, password=place.password
            )
        if progress is not None:
            progress(f"Reaching {place}", 0, None)
        answer = ask_libgit2(
            hds,
            do,
            url,
            reach=self._reach,
            specs=specs,
            updates=updates,
            progress=progress,
            memory=self._memory,
            longest=self._longest,
        )
        if answer.code:
            raise failure_of(place, answer.reason, answer.messages)
        found: dict[str, Any] = json.loads(answer.output)
        return found


def check_complete(objects: Objects, known: Iterable[str], arrived: Iterable[str]) -> None:
    """Raises DamagedError unless all is there that ``arrived`` needs and that refs at ``known`` do not have."""
    new = set(arrived) - set(known)
    if not new:
        return
    commits = set()
    waiting = [commit for oid in known if (commit := _commit_of(objects, oid)) is not None]
    while waiting:
        oid = waiting.pop()
        if oid not in commits:
            commits.add(oid)
            waiting += decode_commit(objects.read(oid, "commit")).parents
    for oid in walk(objects, sorted(new), skip=commits.__contains__):
        if not objects.exists(oid):
            raise DamagedError(f"the object {oid} is missing.")


def _commit_of(objects: Objects, oid: str) -> str | None:
    """Returns the commit that a ref names or tags; None where it is something else, or not there."""
    try:
        kind, data = objects.read_any(oid)
        if kind == "tag":
            oid = decode_tag(data).target
            kind, _ = objects.read_any(oid)
    except DamagedError:
        return None
    return oid if kind == "commit" else None


def move_refs(refs: Refs, known: Mapping[str, str], wanted: Mapping[str, str], gone: Iterable[str]) -> None:
    """Sets refs to what is ``wanted`` and removes those that are ``gone``."""
    # Removed first, for the name of a ref that is gone may have become the folder of others.
    refs.transaction([RefUpdate(name, known[name], None) for name in sorted(gone)])
    refs.transaction(
        [
            RefUpdate(name, known.get(name), oid)
            for name, oid in sorted(wanted.items())
            if known.get(name) != oid
        ]
    )
