"""A repository's dealings with others: remotes, push and pull, bundles, and media that lie elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hdstore.model import Progress
from hdstore.repository.core import Core

if TYPE_CHECKING:
    from hdstore.repository.mediastatus import MediaStatus
    from hdstore.repository.standing import RepositoryStatus
    from hdstore.sync import Remotes, SyncReport
    from hdstore.sync.bundles import BundleReport
    from hdstore.sync.mediaplace import Transferred

__all__ = ["Sharing"]


class Sharing:
    """What every repository can do with other repositories."""

    _core: Core

    # Other repositories

    @cached_property
    def _remotes(self) -> Remotes:
        from hdstore.sync import Remotes

        return Remotes(self._core.layout, self._core.refs)

    def remotes(self) -> dict[str, str]:
        """Returns the other repositories known here: name to URL."""
        return self._remotes.list()

    def add_remote(self, name: str, url: str, *, media: str = "", program: str = "") -> None:
        """Adds a remote: a path, or an ssh, https or git URL; raises AlreadyExistsError when the name is taken.

        ``media`` is the path or ssh URL of the repository that keeps its media, where it does not do so itself (a git
        host); ``program`` is how hdstore is called on the machine that ssh reaches.
        """
        self._remotes.add(name, url, media=media, program=program)

    def remove_remote(self, name: str) -> None:
        """Forgets a remote and what was last seen of it."""
        self._remotes.remove(name)

    def fetch(self, remote: str = "origin", *, progress: Progress | None = None) -> SyncReport:
        """Brings what a remote has, to look at and compare; no draft, name or published version here changes."""
        from hdstore.repository import remoting

        return remoting.fetch(self._core, remote, progress=progress)

    def push(
        self, remote: str = "origin", *, media: str | Iterable[str] = "all", progress: Progress | None = None
    ) -> SyncReport:
        """Sends versions and catalog to a remote, and kept media that it lacks.

        ``media`` is "all", "none", "version:DATASET/VERSION" or "view:NAME", or several of these. Raises DivergedError,
        and moves nothing, when the remote has gone on differently: pull first.
        """
        from hdstore.repository import remoting

        return remoting.push(self._core, remote, media=media, progress=progress)

    def pull(
        self, remote: str = "origin", *, media: str | Iterable[str] = "none", progress: Progress | None = None
    ) -> SyncReport:
        """Brings what a remote has and joins it with what is here; drafts that both went on with are merged.

        What both changed differently becomes conflicts of the draft, to be resolved later. ``media`` chooses as for
        ``push``; media that are not fetched now are fetched when they are first used.
        """
        from hdstore.repository import remoting

        return remoting.pull(self._core, remote, media=media, progress=progress)

    def status(self, remote: str | None = None, *, progress: Progress | None = None) -> RepositoryStatus:
        """Returns what differs from what a remote had when last seen, and the conflicts that wait here.

        Without a name it is ``origin``, or the only remote there is. The remote itself is not asked: ``fetch`` does.
        """
        from hdstore.repository.standing import repository_status

        return repository_status(self._core, self._remotes, remote, progress=progress)

    # Bundles

    def verify_bundle(self, path: str | Path, *, progress: Progress | None = None) -> BundleReport:
        """Reads a bundle and says what is in it, what is wrong, and what it builds on that is missing here."""
        from hdstore.repository.bundling import verify_bundle

        return verify_bundle(Path(path), self._core, progress=progress)

    def apply_bundle(self, path: str | Path, *, progress: Progress | None = None) -> SyncReport:
        """Joins what a bundle brings with what is here, as a pull does.

        Raises DamagedError for a bundle that is not right in every byte, NotFoundError when it builds on commits that
        are missing here; nothing is changed then.
        """
        from hdstore.repository.bundling import apply_bundle

        return apply_bundle(self._core, Path(path), progress=progress)

    def fetch_media(
        self,
        choice: str | Iterable[str] = "all",
        *,
        remote: str | None = None,
        progress: Progress | None = None,
    ) -> Transferred:
        """Brings kept media that are not here from a remote, or from whichever has them; ``choice`` as for ``push``."""
        from hdstore.repository import mediating

        self._core.check_writable()
        if remote is None:
            return mediating.fetch_from_any(self._core, choice, progress=progress)
        return mediating.fetch_media(self._core, remote, choice, progress=progress)

    def media_status(self, version: str | None = None, *, progress: Progress | None = None) -> MediaStatus:
        """Returns where the media of ``DATASET/VERSION`` are, or of all versions: here, at remotes, nowhere."""
        from hdstore.repository.mediastatus import media_status

        return media_status(self._core, version, progress=progress)

    def verify_media(self, *, progress: Progress | None = None) -> list[str]:
        """Reads all kept media, and returns the hashes of those whose bytes are damaged."""
        from hdstore.repository.mediastatus import verify_media

        return verify_media(self._core, progress=progress)
