"""Where a remote keeps media, and what an exchange of media answers: one seam for folders and for other machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from hdstore.media import Media
from hdstore.model import Progress
from hdstore.sync.reaching import GIT_HOSTS
from hdstore.sync.urls import Place

__all__ = ["MediaPlace", "Transferred", "may_keep_media", "media_place"]


@dataclass(frozen=True, slots=True)
class Transferred:
    """What an exchange of media moved: files and bytes that were sent, and hashes that the giving side lacks."""

    files: int = 0
    bytes: int = 0
    missing: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files)


class MediaPlace(Protocol):
    """The kept media of a remote. One thread uses a place at a time.

    What arrived stays, whatever happens later: an exchange that was cut short goes on where it was. A medium is in
    place only when it is whole and its bytes have its hash. All methods raise RemoteError when the other side can not
    be reached or breaks the rules, MediaError when it gives other bytes than it was asked for.
    """

    def hashes(self) -> Iterator[str]:
        """Yields the hashes of all media that are kept there, in order."""

    def missing(self, hashes: Iterable[str]) -> list[str]:
        """Returns those of the hashes that are not kept there, in the order in which they were given."""

    def send(self, media: Media, hashes: Iterable[str], *, progress: Progress | None = None) -> Transferred:
        """Brings kept media there; those that are there already are passed over."""

    def fetch(self, media: Media, hashes: Iterable[str], *, progress: Progress | None = None) -> Transferred:
        """Brings media from there to be kept here; those that are here already are passed over."""

    def close(self) -> None:
        """Lets go of the other side."""


def may_keep_media(place: Place) -> bool:
    """Says, without asking anybody, whether a remote at ``place`` can keep media."""
    return place.scheme == "path" or (place.scheme == "ssh" and place.host not in GIT_HOSTS)


def media_place(place: Place, *, program: str = "hdstore") -> MediaPlace | None:
    """Returns the media of the remote at ``place``; None where such a remote keeps none.

    A folder keeps media when it holds a repository of hdstore, and a machine that ssh reaches when hdstore is
    installed there: ``program`` says what it is called there. A host of git repositories keeps none.
    """
    if place.scheme == "path":
        from hdstore.sync.mediapath import path_place

        return path_place(place)
    if may_keep_media(place):
        from hdstore.sync.mediassh import SshPlace

        return SshPlace(place, program)
    return None
