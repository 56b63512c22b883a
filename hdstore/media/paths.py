"""Names that strangers gave, turned into paths that never leave the place they are meant for."""

from __future__ import annotations

import os
from pathlib import Path

from hdstore.errors import InvalidValueError, UntrustedError

__all__ = ["check_relative", "inside", "is_inside", "parse_root_uri", "real"]


def parse_root_uri(uri: str) -> tuple[str, str]:
    """Returns the root's name and the path inside it that a ``root:name/path`` URI means.

    Raises:
        InvalidValueError: it is not such a URI at all.
    """
    scheme, colon, rest = uri.partition(":")
    name, slash, relative = rest.partition("/")
    if scheme != "root" or not colon or not slash or not name or not relative:
        raise InvalidValueError(f"A file under a root is written root:NAME/PATH, which {uri!r} is not.")
    return name, relative


def check_relative(relative: str) -> None:
    """Checks that a path only goes down: it is not absolute and has no empty part, no "." and no ".."."""
    if "\0" in relative or any(part in ("", ".", "..") for part in relative.split("/")):
        raise UntrustedError(
            f"{relative!r} is no plain path below a root: it is absolute or has an empty part, '.' or '..'."
        )


def inside(place: Path, relative: str) -> Path:
    """Returns the real path of ``relative`` under ``place``, which need not exist.

    Raises:
        UntrustedError: the path is absolute, climbs with "..", or a symbolic link takes it out of the place.
    """
    check_relative(relative)
    path = real(place / relative)
    if not is_inside(path, real(place)):
        raise UntrustedError(f"{relative!r} leads out of {place}; nothing outside of a root is read.")
    return path


def is_inside(path: Path, place: Path) -> bool:
    """Says whether one real path is another or lies below it."""
    return path == place or place in path.parents


def real(path: Path) -> Path:
    """Returns an absolute path without symbolic links, as far as it exists."""
    try:
        str(path).encode()
        return Path(os.path.realpath(path))
    except (OSError, ValueError) as error:
        raise UntrustedError(f"{str(path)!r} can not be a path on this machine.") from error
