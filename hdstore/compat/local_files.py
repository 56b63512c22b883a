"""Local files of sources: through the media that the repository keeps, its roots, and what a script has just named."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from hdstore.compat.places import file_of, shown
from hdstore.errors import HdstoreError, MediaError

if TYPE_CHECKING:
    from hdstore.repository import Repository

__all__ = ["local_file"]

_log = logging.getLogger("hdstore.compat")


def local_file(
    uri: str | None,
    *,
    repository: Repository | None,
    hash: str = "",
    size: int | None = None,
    what: str,
    raise_on_error: bool = False,
    skip_size_check: bool = False,
    force_download: bool = False,
) -> str | None:
    """Returns the path of a local file for a URI; None, and a line in the log, where there is none.

    Without a ``repository`` the URI is what this script itself gave, so a ``file://`` one is taken as it
    is; of a frame that was read, only places that this machine has allowed are opened. Empty files are
    refused unless ``skip_size_check``. ``force_download`` verifies the bytes of a kept file against its
    hash first.
    """
    try:
        path = _find(uri, repository, hash, size, what, force_download)
        if not skip_size_check and path.stat().st_size == 0:
            raise MediaError(f"The {what} {path} is empty; skip_size_check takes it none the less.")
        return str(path)
    except (HdstoreError, OSError) as error:
        if raise_on_error:
            if isinstance(error, HdstoreError):
                raise
            raise MediaError(f"The {what} {uri} can not be read: {error.strerror}.") from error
        _log.error("%s", error)
        return None


def _find(
    uri: str | None,
    repository: Repository | None,
    hash: str,
    size: int | None,
    what: str,
    verify: bool,
) -> Path:
    if not uri:
        raise MediaError(f"The frame has no {what}.")
    if repository is None:
        path = file_of(uri)
        if path is None or not path.is_file():
            raise MediaError(
                f"There is no file for the {what} {shown(uri)} of a frame that lies in no version yet."
            )
        return path
    found = repository.media.local_path(uri, hash=hash, size=size)
    if (
        verify
        and found
        and uri.startswith("media:")
        and not repository.media.verify(uri.removeprefix("media:"))
    ):
        raise MediaError(f"The kept bytes of the {what} {uri} are not what their hash says.")
    if found is None:
        raise MediaError(
            f"There is no local file for the {what} {uri}; add the root or allow the place where it lies, or"
            " fetch the media ('hdstore media fetch')."
        )
    return found
