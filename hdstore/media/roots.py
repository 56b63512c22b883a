"""Roots: names for folders, mapped to real places on each machine.

A source that is linked says ``root:photos/train/a.jpg``; where "photos" lies is a setting of this machine
(``hdstore/local.toml``), so the same frames are read wherever the folder is. Nothing else is read.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hdstore.errors import (
    AlreadyExistsError,
    InvalidFileError,
    InvalidValueError,
    NotFoundError,
    StorageError,
)
from hdstore.media.files import exclusive, read_small, replace_file
from hdstore.media.paths import inside, parse_root_uri, real
from hdstore.media.toml import dump_toml

__all__ = ["Roots"]

_MAX_NAME = 64
_LIMIT = 1 << 20
_SEALED = ("roots", "allowed", "remotes", "programs")
"""What is believed only in the folder that it was given to."""

_Stamp = tuple[int, int, int] | None


class Roots:
    """The roots and allowed places of this machine, kept in one ``local.toml``.

    Safe to share between threads; several processes may change the file at once. Tables that this class does
    not know stay as they are.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: tuple[_Stamp, dict[str, Any]] = (None, {})

    def list(self) -> dict[str, Path]:
        """Returns the place of every root, by name."""
        return {name: Path(place) for name, place in sorted(self._roots(self._read()).items())}

    def place(self, name: str) -> Path:
        """Returns the folder that a root is mapped to.

        Raises:
            NotFoundError: this machine has no such root.
        """
        place = self._roots(self._read()).get(name)
        if place is None:
            raise NotFoundError(
                f"This machine has no root {name!r}; add it with the folder where its files lie."
            )
        return Path(place)

    def add(self, name: str, place: Path) -> None:
        """Maps a root to a folder of this machine; mapping it to the same folder again changes nothing."""
        _check_name(name)
        text = str(_folder(place))

        def change(settings: dict[str, Any]) -> None:
            roots = self._roots(settings)
            if roots.get(name, text) != text:
                raise AlreadyExistsError(
                    f"The root {name!r} is {roots[name]} on this machine; remove it before it becomes {text}."
                )
            settings["roots"] = roots | {name: text}

        self._change(change)

    def remove(self, name: str) -> None:
        """Forgets where a root lies on this machine; its files stay."""

        def change(settings: dict[str, Any]) -> None:
            roots = self._roots(settings)
            if name not in roots:
                raise NotFoundError(f"This machine has no root {name!r} that could be removed.")
            settings["roots"] = {key: place for key, place in roots.items() if key != name}

        self._change(change)

    def resolve(self, uri: str) -> Path:
        """Returns the real path of a ``root:name/path`` URI, which need not exist.

        Raises:
            NotFoundError: this machine has no such root.
            UntrustedError: the path would leave the root's place.
        """
        name, relative = parse_root_uri(uri)
        return inside(self.place(name), relative)

    def allowed(self) -> tuple[Path, ...]:
        """Returns the places from which ``file://`` URIs are read besides the roots."""
        return tuple(map(Path, self._allowed(self._read())))

    def allow(self, place: Path) -> None:
        """Lets ``file://`` URIs be read from a folder of this machine."""
        text = str(_folder(place))

        def change(settings: dict[str, Any]) -> None:
            places = self._allowed(settings)
            settings["allowed"] = places if text in places else (*places, text)

        self._change(change)

    def disallow(self, place: Path) -> None:
        """Takes back what ``allow`` gave."""
        text = str(real(place))

        def change(settings: dict[str, Any]) -> None:
            places = self._allowed(settings)
            if text not in places:
                raise NotFoundError(f"{text} is not among the allowed places of this machine.")
            settings["allowed"] = [other for other in places if other != text]

        self._change(change)

    def noted_remotes(self) -> tuple[str, ...]:
        """Returns the URLs of remotes that somebody at this machine has exchanged with."""
        return self._noted(self._read())

    def note_remote(self, url: str) -> None:
        """Remembers that somebody at this machine exchanges with the remote at a URL."""
        if url in self.noted_remotes():
            return

        def change(settings: dict[str, Any]) -> None:
            settings["remotes"] = [*(noted for noted in self._noted(settings) if noted != url), url]

        self._change(change)

    def program(self, url: str) -> str:
        """Returns what hdstore is called on the machine of the remote at a URL."""
        return self._programs(self._read()).get(url, "hdstore")

    def set_program(self, url: str, program: str) -> None:
        """Says what hdstore is called on the machine of the remote at a URL; a repository can not say so itself."""
        if not program or not program.isprintable():
            raise InvalidValueError(f"{program!r} can not be the name of a program.")

        def change(settings: dict[str, Any]) -> None:
            settings["programs"] = {**self._programs(settings), url: program}

        self._change(change)

    def _change(self, change: Callable[[dict[str, Any]], None]) -> None:
        with exclusive(self._path.parent / "locks" / self._path.name):
            settings = dict(self._read())
            change(settings)
            settings["folder"] = self._folder_number()
            replace_file(self._path, dump_toml(settings).encode(), tmp=self._path.parent / "tmp")
            self._known = (None, {})

    def _read(self) -> dict[str, Any]:
        """Returns the settings; the file is read again only when it was replaced."""
        try:
            now = os.stat(self._path)
            stamp = (now.st_ino, now.st_mtime_ns, now.st_size)
            known, settings = self._known
            if known == stamp:
                return settings
            settings = self._own(tomllib.loads(read_small(self._path, limit=_LIMIT).decode()))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StorageError(f"{self._path} can not be read: {error.strerror}.") from error
        except (ValueError, RecursionError) as error:
            raise InvalidFileError(f"{self._path} is not TOML: {error}.") from error
        self._known = (stamp, settings)
        return settings

    def _own(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Returns the settings without the places, remotes and programs, unless they were given to this very folder.

        A repository that was copied onto this disk is a stranger's, and so are the places it says may be read. A copy
        has another inode number, which nobody who packs a folder can foresee.
        """
        if settings.get("folder") == self._folder_number():
            return settings
        return {key: value for key, value in settings.items() if key not in _SEALED}

    def _folder_number(self) -> int:
        return os.stat(self._path.parent).st_ino

    def _roots(self, settings: dict[str, Any]) -> dict[str, str]:
        roots = settings.get("roots", {})
        if not isinstance(roots, dict) or not all(map(_is_place, roots.values())):
            raise InvalidFileError(f"[roots] in {self._path} gives each name one absolute path as a string.")
        return dict(roots)

    def _programs(self, settings: dict[str, Any]) -> dict[str, str]:
        programs = settings.get("programs", {})
        if not isinstance(programs, dict) or not all(isinstance(one, str) for one in programs.values()):
            raise InvalidFileError(
                f"[programs] in {self._path} gives each URL the name of a program as a string."
            )
        return dict(programs)

    def _noted(self, settings: dict[str, Any]) -> tuple[str, ...]:
        noted = settings.get("remotes", [])
        if not isinstance(noted, list | tuple) or not all(isinstance(url, str) for url in noted):
            raise InvalidFileError(f"'remotes' in {self._path} is a list of URLs as strings.")
        return tuple(noted)

    def _allowed(self, settings: dict[str, Any]) -> tuple[str, ...]:
        places = settings.get("allowed", [])
        if not isinstance(places, list | tuple) or not all(map(_is_place, places)):
            raise InvalidFileError(f"'allowed' in {self._path} is a list of absolute paths as strings.")
        return tuple(places)


def _is_place(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("/") and "\0" not in value


def _folder(place: Path) -> Path:
    folder = real(place)
    if not folder.is_dir():
        raise NotFoundError(f"{place} is not a folder of this machine.")
    return folder


def _check_name(name: str) -> None:
    good = name.isprintable() and name == name.strip() and not set(name) & set("/\\:")
    if not good or not 0 < len(name) <= _MAX_NAME or name in (".", ".."):
        raise InvalidValueError(
            f"The name of a root has 1 to {_MAX_NAME} printable characters, none of them / \\ or :, and no"
            f" blank at an end, unlike {name!r}."
        )
