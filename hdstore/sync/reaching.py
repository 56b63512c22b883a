"""Finding the other repository: a folder is judged and made ready, on another machine it looked for in two places."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from hdstore.errors import ConflictError, RemoteError
from hdstore.model import Progress
from hdstore.store import HDS, Layout, Refs, RefUpdate, check_git_folder, check_layout, files
from hdstore.sync.failures import Kind, ReachError, with_retries
from hdstore.sync.urls import Place

__all__ = [
    "Candidates",
    "Folder",
    "branches_and_tags",
    "is_moved",
    "moved_elsewhere",
    "open_folder",
    "push_until_done",
    "still_to_move",
]

T = TypeVar("T")

GIT_HOSTS = frozenset(
    {
        "github.com",
        "gitlab.com",
        "bitbucket.org",
        "codeberg.org",
        "dev.azure.com",
        "ssh.dev.azure.com",
        "git.sr.ht",
    }
    | {"huggingface.co", "hf.co", "gitea.com"}
)
"""Hosts that keep git repositories and nothing else: the one at the URL is looked for first."""
_MOVED = re.compile(
    r"stale info|fetch first|non-fast-forward|needs force|already exists|failed to (update|lock)|cannot lock"
    r"|incorrect old|but expected"
)


@dataclass(frozen=True, slots=True)
class Folder:
    """A repository in a folder: where git finds it, and our layout of it if it is one of hdstore's."""

    git: Path
    layout: Layout | None

    @property
    def refs(self) -> Refs:
        """The refs there."""
        return Refs(self.git)


def open_folder(ours: Layout, place: Place, *, create: bool = False) -> Folder:
    """Returns the repository that lies in the folder ``place``, or is made there with ``create``.

    That is an hdstore repository (``.hds`` in the folder) or a bare git repository. Raises RemoteError where there is
    none, UntrustedError where it may not be opened.
    """
    assert place.folder is not None
    layout = Layout(place.folder)
    if not layout.exists and _is_bare(place.folder):
        check_git_folder(place.folder)
        if (place.folder / "hdstore").is_dir():
            Refs(place.folder).recover()
        return Folder(place.folder, None)
    if create and not layout.exists:
        _begin(layout)
    if not layout.exists:
        raise ReachError(
            f"There is no repository in {place.folder}; check the path, and that its disk is there.",
            kind=Kind.MISSING,
        )
    check_layout(layout)
    layout.restore_folders()
    # What a killed process left half done is neither to be copied nor in the way of git.
    Refs(layout.hds).recover()
    Refs(ours.hds).recover()
    return Folder(layout.hds, layout)


def _is_bare(folder: Path) -> bool:
    """Says whether git would take the folder itself for a repository."""
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()


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


def branches_and_tags(refs: Refs) -> dict[str, str]:
    """Returns what a repository exchanges: branches and tags, by their full names."""
    return {**refs.list("refs/heads/"), **refs.list("refs/tags/")}


class Pushing(Protocol):
    """What ``push_until_done`` needs of a transport."""

    @property
    def place(self) -> Place:
        """Where the other repository lies."""
        ...

    def refs(self, *, progress: Progress | None = None) -> dict[str, str]:
        """Returns the other side's branches and tags."""
        ...

    def send(self, updates: Sequence[RefUpdate], progress: Progress | None) -> None:
        """Tries once to move refs of the other side."""
        ...


class Candidates:
    """Where the git repository of a place on another machine may lie: in ``.hds`` below the URL, or at the URL.

    ``inner`` says which it is, once that is known.
    """

    def __init__(self, place: Place, inner: bool | None) -> None:
        self._place = place
        self.inner = inner

    def url(self, inner: bool | None = None) -> str:
        """Returns the URL that git is to be given, without a password."""
        place = self._place
        if place.folder is not None:
            return str(place.folder / HDS if self.inner else place.folder)
        return place.address(HDS if (self.inner if inner is None else inner) else "")

    def first(self, work: Callable[[str], T]) -> T:
        """Returns what ``work`` returns for the URL that is right; only one that is not there leads to the next."""
        if self.inner is not None:
            return work(self.url())
        hosted = self._place.host in GIT_HOSTS or self._place.path.endswith(".git")
        failures = []
        for inner in (False, True) if hosted else (True, False):
            try:
                result = work(self.url(inner))
            except ReachError as error:
                # Web hosts that hide what they have ask who wants to know, also for what is not there.
                hidden = error.kind is Kind.AUTHENTICATION and self._place.scheme in ("http", "https")
                if error.kind is not Kind.MISSING and not hidden:
                    raise
                failures.append(error)
            else:
                self.inner = inner
                return result
        raise next((error for error in failures if error.kind is Kind.AUTHENTICATION), failures[0])


def still_to_move(place: Place, updates: Sequence[RefUpdate], found: dict[str, str]) -> list[RefUpdate]:
    """Returns the updates that are not done yet; raises ConflictError where a ref is neither here nor there."""
    left = [update for update in updates if found.get(update.name) != update.new]
    for update in left:
        if found.get(update.name) != update.old:
            raise moved_elsewhere(place, update.name)
    return left


def is_moved(reason: str) -> bool:
    """Says whether a ref was refused because it is not where it was expected."""
    return bool(_MOVED.search(reason))


def push_until_done(
    transport: Pushing,
    updates: Sequence[RefUpdate],
    *,
    sleep: Callable[[float], None],
    progress: Progress | None,
) -> None:
    """Moves refs of another machine; what broke off is tried again, but nothing is sent that had arrived."""
    left = list(updates)
    first = True

    def send() -> None:
        nonlocal left, first
        if not first:
            # The answer to what was sent may be all that was lost.
            left = still_to_move(transport.place, left, transport.refs(progress=progress))
        first = False
        if left:
            try:
                transport.send(left, progress)
            except ConflictError:
                # When an answer gets lost, curl sends again by itself what was done already.
                if still_to_move(transport.place, left, transport.refs(progress=progress)):
                    raise

    with_retries(send, sleep=sleep, progress=progress)


def moved_elsewhere(place: Place, ref: str) -> ConflictError:
    """Returns the error for a ref of the other side that is not where it was expected."""
    return ConflictError(
        f"{place} was changed meanwhile: {ref} is not where it was when it was read. Pull, then push again."
    )
