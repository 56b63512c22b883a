"""What a remote's URL names: a folder of this machine, or a place that ssh, https or git's own protocol reaches."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hdstore.errors import InvalidValueError, RemoteError

__all__ = ["Place", "check_remote_name", "parse_place"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HELPER = re.compile(r"[A-Za-z0-9+.-]*::")
_SCP = re.compile(r"(?:([^@/:]+)@)?(\[[^\]/]+\]|[^/:@]+):(.+)", re.DOTALL)
"""``[user@]host:path``, as git and scp write it; a drive letter or a path with a colon behind a slash is none."""
_SCHEMES = ("ssh", "https", "http", "git")
_WORD = re.compile(r"[A-Za-z0-9._~%+=-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a remote lies.

    ``scheme`` is "path" (then ``folder`` is absolute), "ssh", "https", "http" or "git". ``url`` is what was given, a
    password included; as a string a place shows none. ``path`` is what the other machine calls the place; one that
    begins with "~" or without a slash begins at the user's home there.
    """

    scheme: str
    url: str = field(repr=False)
    folder: Path | None = None
    host: str = ""
    path: str = ""
    port: int | None = None
    user: str = ""
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.address()

    def address(self, inside: str = "") -> str:
        """Returns the URL without its password; ``inside`` names something in the folder."""
        url = self.url
        if self.password is not None:
            start, _, rest = url.partition("//")
            machine, slash, path = rest.partition("/")
            logon, _, machine = machine.rpartition("@")
            url = f"{start}//{logon.partition(':')[0]}@{machine}{slash}{path}"
        return f"{url.rstrip('/')}/{inside}" if inside else url

    @property
    def site(self) -> str:
        """The URL of the machine alone, without user and path; empty for a folder."""
        if self.scheme == "path":
            return ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" if self.port is None else f"{self.scheme}://{host}:{self.port}"


def check_remote_name(name: str) -> None:
    """Checks that a remote's name is safe as a part of a ref."""
    if not _NAME.fullmatch(name) or ".." in name or name.endswith((".", ".lock")):
        raise InvalidValueError(
            f"The name of a remote has letters, digits, dots, dashes and underscores, not {name!r}."
        )


def parse_place(url: str) -> Place:
    """Returns the place that a path or URL names.

    Raises RemoteError for what names none, for schemes that would run programs (``ext::``), and for what a program
    could take for an option.
    """
    if not url or url.startswith("-") or any(ord(c) < 32 or ord(c) == 127 for c in url):
        raise RemoteError(f"{url!r} is not the URL of a repository.")
    if url.startswith("file://"):
        return _path(url, _file_path(url))
    scheme = _SCHEME.match(url)
    if scheme and url[scheme.end() :].startswith("//"):
        return _from_url(url, scheme[1].lower())
    if _HELPER.match(url):
        raise RemoteError(f"{url!r} would run a helper program, which hdstore does not do; say ssh or https.")
    scp = _SCP.fullmatch(url)
    if scp and not Path(url).exists():
        user, host, path = scp[1] or "", scp[2].strip("[]"), scp[3]
        _check_words(url, host, user)
        if path.startswith("-"):
            raise RemoteError(f"{url!r} names a path that a program could take for an option.")
        return Place(scheme="ssh", url=url, host=host, user=user, path=path.removeprefix("/~/"))
    return _path(url, url)


def _path(url: str, path: str) -> Place:
    # What ".." names depends on links, so they are followed; other paths are kept as people wrote them.
    folder = Path(os.path.realpath(path) if ".." in Path(path).parts else path).absolute()
    return Place(scheme="path", url=str(folder), folder=folder)


def _file_path(url: str) -> str:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise RemoteError(f"{url!r} names a folder of another machine; say a path of this one, or ssh.")
    path = unquote(parts.path)
    if not path or "\0" in path:
        raise RemoteError(f"{url!r} names no folder; say file:// and an absolute path.")
    return path


def _from_url(url: str, scheme: str) -> Place:
    if scheme not in _SCHEMES:
        raise RemoteError(f"{url!r} can not be reached: hdstore knows paths, file, {', '.join(_SCHEMES)}.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise RemoteError(f"That is not a URL: {error}.") from error
    path = unquote(parts.path)
    shown = f"{scheme}://{host}{parts.path}"
    if not path.strip("/") or "\0" in path or "\n" in path:
        raise RemoteError(f"{shown!r} names no repository; a path goes behind the host.")
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise RemoteError(f"{shown!r} has a part behind ? or #, which no repository has; write %3F or %23.")
    user = unquote(parts.username or "")
    password = None if parts.password is None else unquote(parts.password)
    _check_words(shown, host, user)
    if any(ord(char) < 32 for char in password or ""):
        raise RemoteError(f"The password for {shown!r} has characters that none has.")
    if password is not None and scheme not in ("http", "https"):
        raise RemoteError(f"{shown!r} can not take a password; use a key.")
    if scheme == "ssh":
        path = path.removeprefix("/") if path.startswith("/~") else path
    if path.startswith("-"):
        raise RemoteError(f"{shown!r} names a path that a program could take for an option.")
    # Git knows schemes in lower case only.
    url = scheme + url[len(scheme) :]
    return Place(scheme=scheme, url=url, host=host, port=port, user=user, path=path, password=password)


def _check_words(url: str, host: str, user: str) -> None:
    """Refuses hosts and users that a program could take for options."""
    is_address = ":" in host and re.fullmatch(r"[0-9A-Fa-f:.%a-z]+", host)
    if (not is_address and not _WORD.fullmatch(host)) or host.startswith("-"):
        raise RemoteError(f"{url!r} has no host that could be reached.")
    if user.startswith("-") or any(c in user for c in " '\"\\`$;|&<>"):
        raise RemoteError(f"{url!r} names a user that can not be one.")
