"""The one seam through which git objects are exchanged with another repository, wherever and however it is reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hdstore.model import Progress
from hdstore.store import Layout, RefUpdate, git_available
from hdstore.sync.embedded import Embedded
from hdstore.sync.gitprogram import GitProgram
from hdstore.sync.urls import Place

__all__ = ["Transport", "connect"]


class Transport(Protocol):
    """Another repository, as far as refs and objects are concerned.

    All calls raise RemoteError for what could not be reached or was refused, with a sentence that says why. What
    ``progress`` raises ends them. A connection that broke is tried again a few times.
    """

    @property
    def place(self) -> Place:
        """Where the other repository lies."""
        ...

    @property
    def inner(self) -> bool:
        """Whether the git repository lies in ``.hds`` below the place; looks there when nobody has looked yet."""
        ...

    def refs(self, *, progress: Progress | None = None) -> dict[str, str]:
        """Returns the other side's branches and tags (``refs/heads/``, ``refs/tags/``); tags are not peeled."""
        ...

    def fetch(self, specs: Sequence[str], *, progress: Progress | None = None) -> None:
        """Brings the objects that ``specs`` name and sets our refs as they say, such as ``+refs/heads/*:refs/x/*``.

        Objects are checked on arrival; refs of ours that the other side does not have any more are removed. Refs move
        when everything is here. The caller's ``Objects`` are to be settled afterwards.
        """
        ...

    def push(self, updates: Sequence[RefUpdate], *, progress: Progress | None = None) -> None:
        """Moves refs of the other side and brings what they need there: all or none where the other side can.

        Raises ConflictError when a ref is not where ``old`` says (None: that it is absent); a ref that is at ``new``
        already is fine.
        """
        ...


def connect(
    layout: Layout,
    place: Place,
    *,
    create: bool = False,
    program: bool | None = None,
    inner: bool | None = None,
) -> Transport:
    """Returns the way from the repository in ``layout`` to the one at ``place``.

    A place is a folder with an hdstore repository, or a git repository. ``create`` makes an hdstore repository in a
    folder of this machine that is new or empty. ``program`` says whether the git program does the work, or libgit2;
    None takes git where it is installed. ``inner`` is what ``Transport.inner`` said the last time, to spare a look.

    A folder is judged and opened here: RemoteError where no repository is, UntrustedError where it may not be opened.
    Other machines are reached at the first call.
    """
    with_git = git_available() if program is None else program
    kind = GitProgram if with_git else Embedded
    return kind(layout, place, create=create, inner=inner)
