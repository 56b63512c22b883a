"""Exchange with other repositories: refs by ``sync``, kept media by ``mediating``, in the order that keeps both whole.

A push sends media before refs, so that a remote never names what it could have and has not. A pull moves refs first:
what they name stays at the remote, and is fetched when it is wanted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hdstore.model import Progress
from hdstore.repository import mediating
from hdstore.repository.core import Core
from hdstore.store import Layout
from hdstore.sync import Exchange, Remotes, SyncReport, clone_into
from hdstore.sync.mediaplace import Transferred

__all__ = ["clone", "exchange_of", "fetch", "fetch_media", "pull", "push"]


def exchange_of(core: Core) -> Exchange:
    """Returns the exchange of a repository with others."""
    return Exchange(core.layout, core.objects, core.refs, Remotes(core.layout, core.refs))


def fetch(core: Core, remote: str, *, progress: Progress | None) -> SyncReport:
    """Brings what a remote has, without changing any draft, name or published version here."""
    core.check_writable()
    return exchange_of(core).fetch(remote, progress=progress)


def pull(core: Core, remote: str, *, media: str | Iterable[str], progress: Progress | None) -> SyncReport:
    """Brings what a remote has, joins it with what is here, and fetches the media that were chosen."""
    core.check_writable()
    mediating.check_choice(media)
    report = exchange_of(core).pull(remote, progress=progress)
    core.after_save()
    return _with_media(report, fetch_media(core, remote, media=media, progress=progress))


def push(core: Core, remote: str, *, media: str | Iterable[str], progress: Progress | None) -> SyncReport:
    """Sends what is here and a remote lacks: first the media that were chosen, then versions and names."""
    core.check_writable()
    mediating.check_choice(media)
    sent: list[Transferred] = []

    def send() -> None:
        sent.append(mediating.push_media(core, remote, media, progress=progress))

    report = exchange_of(core).push(remote, send_media=send, progress=progress)
    return _with_media(report, *sent)


def fetch_media(
    core: Core, remote: str, *, media: str | Iterable[str], progress: Progress | None
) -> Transferred:
    """Fetches the chosen kept media that are not here from a remote; what arrived stays whatever happens."""
    return mediating.fetch_media(core, remote, media, progress=progress)


def clone(url: str, layout: Layout, *, program: str, progress: Progress | None) -> SyncReport:
    """Makes a repository in a new folder with all versions that ``url`` has, which becomes the remote "origin"."""
    return clone_into(url, layout, program=program, progress=progress)


def _with_media(report: SyncReport, *moved: Transferred) -> SyncReport:
    return replace(
        report,
        media=sum(part.files for part in moved),
        media_bytes=sum(part.bytes for part in moved),
        media_missing=tuple(name for part in moved for name in part.missing),
    )
