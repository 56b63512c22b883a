"""Exchange through libgit2, where the git program is not installed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hdstore.errors import ConflictError
from hdstore.model import Progress
from hdstore.store import (
    Layout,
    Libgit2Reach,
    RefUpdate,
    ask_libgit2,
    check_settings,
    is_ref_name,
    libgit2_reach_from_environment,
)
from hdstore.sync.failures import ReachError, failure_of, with_retries
from hdstore.sync.reaching import (
    Candidates,
    Folder,
    branches_and_tags,
    is_moved,
    moved_elsewhere,
    open_folder,
    still_to_move,
)
from hdstore.sync.urls import Place

__all__ = ["Embedded"]

T = TypeVar("T")

_ARRIVING = "refs/hdstore/arriving/"
"""Before the ids of what is pushed to a folder, while its refs are not moved yet."""
_MEMORY = 4 << 30
_LONGEST_LIST = 256 << 20


class Embedded:
    """A ``Transport`` that needs no git program.

    Settings of git and of ssh (``~/.gitconfig``, ``~/.ssh/config``) are not read. What several refs of another machine
    become is not all or none: each is compared on its own.
    """

    def __init__(
        self,
        layout: Layout,
        place: Place,
        *,
        create: bool = False,
        inner: bool | None = None,
        sleep: Callable[[float], None] = time.sleep,
        memory: int = _MEMORY,
        longest: int = _LONGEST_LIST,
    ) -> None:
        self._layout = layout
        self._place = place
        self._folder = None if place.folder is None else open_folder(layout, place, create=create)
        self._candidates = Candidates(
            place, inner if self._folder is None else self._folder.layout is not None
        )
        self._sleep = sleep
        self._memory = memory
        self._longest = longest
        self._reach: Libgit2Reach | None = None
        if place.scheme == "ssh" and "'" in place.path:
            raise ReachError(f"{place} has a quote in its path, which libgit2 can not pass on; install git.")

    @property
    def place(self) -> Place:
        """Where the other repository lies."""
        return self._place

    @property
    def inner(self) -> bool:
        """Whether the git repository lies in ``.hds`` below the place."""
        if self._candidates.inner is None:
            self.refs()
        return bool(self._candidates.inner)

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
        """Brings what ``specs`` name, sets our refs and removes those that are gone."""
        self._try(lambda url: self._ask("fetch", url, specs=specs, progress=progress), progress)

    def push(self, updates: Sequence[RefUpdate], *, progress: Progress | None = None) -> None:
        """Moves refs of the other side."""
        if not updates:
            return
        if self._folder is not None:
            self._push_to_folder(self._folder, updates, progress)
            return
        if self._candidates.inner is None:
            self.refs(progress=progress)
        left = list(updates)
        first = True

        def send() -> None:
            nonlocal left, first
            if not first:
                # The answer to what was sent may be all that was lost.
                left = still_to_move(self._place, left, self.refs(progress=progress))
            first = False
            if left:
                self._push(left, progress)

        with_retries(send, sleep=self._sleep, progress=progress)

    def _push(self, updates: Sequence[RefUpdate], progress: Progress | None) -> None:
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

    def _try(self, work: Callable[[str], T], progress: Progress | None) -> T:
        return with_retries(lambda: self._candidates.first(work), sleep=self._sleep, progress=progress)
