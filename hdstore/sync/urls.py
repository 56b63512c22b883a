"""What a remote's URL names: for now, a repository in a folder of this machine."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hdstore.errors import InvalidValueError, RemoteError

__all__ = ["check_remote_name", "place_of"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def check_remote_name(name: str) -> None:
    """Checks that a remote's name is safe as a part of a ref."""
    if not _NAME.fullmatch(name) or ".." in name or name.endswith((".", ".lock")):
        raise InvalidValueError(
            f"The name of a remote has letters, digits, dots, dashes and underscores, not {name!r}."
        )


def place_of(url: str) -> Path:
    """Returns the folder that a path or a ``file://`` URL names; raises RemoteError for what is no folder here."""
    if not url or url.startswith("-") or "\0" in url or "\n" in url:
        raise RemoteError(f"{url!r} is not the URL of a repository.")
    if url.startswith("file://"):
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost"):
            raise RemoteError(f"{url!r} names a folder of another machine; say a path of this one.")
        path = unquote(parts.path)
        if not path or "\0" in path:
            raise RemoteError(f"{url!r} names no folder; say file:// and an absolute path.")
        return Path(path)
    if _SCHEME.match(url) or re.match(r"[^/]+@[^/]+:", url):
        raise RemoteError(
            f"{url!r} is not a folder of this machine; only paths and file:// can be reached so far."
        )
    return Path(url).absolute()
