"""Judging a repository before it is opened: what was copied onto this disk comes from a stranger.

Refused is whatever could make git or us read or write elsewhere, or run something. Hooks are not refused, for
many tools put theirs into any bare repository: nothing that we run ever calls them.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from hdstore.errors import DamagedError, RepositoryNotFoundError, UntrustedError
from hdstore.store import files
from hdstore.store.config import CONFIG_LIMIT, Config, Setting
from hdstore.store.layout import Layout
from hdstore.store.packedrefs import PACKED_REFS_LIMIT

__all__ = ["check", "check_git_folder", "check_settings"]

_SETTINGS = re.compile(
    r"core\.(repositoryformatversion|filemode|bare|ignorecase|precomposeunicode|sharedrepository|logallrefupdates"
    r"|symlinks)"
    r"|remote\..+\.(url|pushurl|fetch|push|tagopt|prune|mirror|skipdefaultupdate|skipfetchall)"
    r"|branch\..+\.(remote|merge|pushremote|rebase|description)"
    r"|gc\.(auto|autopacklimit|autodetach|pruneexpire|packrefs|writecommitgraph|cruftpacks|bigpackthreshold"
    r"|aggressivedepth|aggressivewindow|reflogexpire|reflogexpireunreachable)"
    r"|receive\.(deny[a-z]+|autogc|fsckobjects|unpacklimit|maxinputsize)"
    r"|maintenance\.(auto|strategy)|user\.(name|email)|hdstore\..+"
)
"""Settings that can do no harm. All others are refused: many name programs that git would run."""

_REDIRECTIONS = (
    "commondir",
    "gitdir",
    "config.worktree",
    "worktrees",
    "modules",
    "shallow",
    "info/grafts",
    "objects/info/alternates",
    "objects/info/http-alternates",
)
"""Files that make git look elsewhere for objects, refs or settings, or believe in another history."""

_FILES = ("HEAD", "config", "packed-refs", "description", "hdstore/local.toml")
_FOLDERS = ("objects", "objects/info", "objects/pack", "refs", "hdstore")
_HEAD_LIMIT = 4096


def check(layout: Layout, *, trusted: bool = False, unfinished: bool = False) -> None:
    """Raises UntrustedError when the repository may not be opened, and says what is wrong with it.

    ``trusted`` says that the user has allowed this repository although somebody else owns it; nothing else is
    allowed by it. ``unfinished`` is for a folder in which a repository is about to be made: HEAD may be missing.
    """
    _check_folder(layout.hds, trusted=trusted, unfinished=unfinished)


def check_git_folder(folder: Path) -> None:
    """Does the same as ``check`` for any bare git repository."""
    _check_folder(folder, trusted=False, unfinished=False)


def _check_folder(hds: Path, *, trusted: bool, unfinished: bool) -> None:
    with files.storage_errors(f"examine the repository {hds}"):
        _check_kind(hds, folder=True)
        for name in _FOLDERS:
            _check_kind(hds / name, folder=True)
        for name in _FILES:
            _check_kind(hds / name, folder=False)
        for name in _REDIRECTIONS:
            if os.path.lexists(hds / name):
                raise _refusal(hds, f"its file {name} sends git to another place", f"remove {hds / name}")
        _check_size(hds / "config", CONFIG_LIMIT)
        _check_size(hds / "packed-refs", PACKED_REFS_LIMIT)
        settings = check_settings(hds)
        if not trusted:
            _check_owner(hds, settings)
        _check_links(hds)
        if not unfinished:
            _check_head(hds)


def _refusal(hds: Path, found: str, remedy: str) -> UntrustedError:
    return UntrustedError(
        f"The repository {hds} is not opened: {found}; {remedy} if you trust where it comes from."
    )


def _check_kind(path: Path, *, folder: bool) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        if folder and path.name == ".hds":
            raise RepositoryNotFoundError(f"There is no repository at {path}.") from None
        return
    wanted = stat.S_ISDIR if folder else stat.S_ISREG
    if not wanted(mode):
        found = "a symbolic link" if stat.S_ISLNK(mode) else "something else"
        raise UntrustedError(
            f"The repository is not opened: {path} must be a {'folder' if folder else 'file'}, but it is "
            f"{found}; put the real one in its place."
        )


def _check_size(path: Path, limit: int) -> None:
    if path.exists() and path.stat().st_size > limit:
        raise UntrustedError(
            f"The repository is not opened: {path} is larger than {limit} bytes, which none needs."
        )


def check_settings(hds: Path) -> list[Setting]:
    """Returns the settings of a repository; raises UntrustedError when one could do harm."""
    try:
        settings = Config(hds).settings()
    except DamagedError as error:
        raise UntrustedError(f"The repository {hds} is not opened: {error}") from error
    for key, value in settings:
        if not _SETTINGS.fullmatch(key):
            raise _refusal(
                hds, f"its config sets {key}, which hdstore does not need", f"remove it from {hds / 'config'}"
            )
        if key == "core.repositoryformatversion" and value != "0":
            raise _refusal(hds, f"its config asks for git's format {value}", "convert it to git's format 0")
        if key == "core.bare" and value.lower() not in ("true", "yes", "on", "1"):
            raise _refusal(
                hds, "its config says that it has a working tree", f"set core.bare in {hds / 'config'}"
            )
    return settings


def _check_owner(hds: Path, settings: list[Setting]) -> None:
    shared = _is_shared(settings)
    for path in (hds,) if shared else (hds, hds / "config", hds / "objects", hds / "refs", hds / "hdstore"):
        if not path.exists():
            continue
        found = path.stat()
        if found.st_uid == os.geteuid():
            continue
        ours = shared and found.st_uid == 0 and found.st_gid in {os.getegid(), *os.getgroups()}
        if not ours:
            raise UntrustedError(
                f"The repository {hds} is not opened: {path} belongs to the user with the number {found.st_uid}, "
                "not to you; allow this repository on this machine if you trust that user."
            )


def _is_shared(settings: list[Setting]) -> bool:
    values = [setting.value.lower() for setting in settings if setting.key == "core.sharedrepository"]
    return bool(values) and values[-1] not in ("false", "no", "off", "0", "umask", "")


def _check_links(hds: Path) -> None:
    """Refuses symbolic links among refs, objects and our own folders."""
    places = [*_below(hds / "refs"), *_entries(hds / "objects"), *_entries(hds / "objects" / "pack")]
    own = [*_entries(hds / "hdstore")]
    for name in ("index", "journal", "locks", "media", "tmp"):
        own += _entries(hds / "hdstore" / name)
    for entry in [*places, *own]:
        if entry.is_symlink():
            raise UntrustedError(
                f"The repository is not opened: {entry.path} is a symbolic link; put the real file or folder "
                "there."
            )


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def _below(folder: Path) -> Iterator[os.DirEntry[str]]:
    for entry in _entries(folder):
        yield entry
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry.path))


def _check_head(hds: Path) -> None:
    data = files.read_file(hds / "HEAD", limit=_HEAD_LIMIT)
    if data is None:
        raise RepositoryNotFoundError(
            f"There is no whole repository at {hds}: it has no HEAD; make one with init."
        )
    if not re.fullmatch(rb"ref:\s*refs/\S+\s*|[0-9a-f]{40}\s*", data):
        raise UntrustedError(f"The repository {hds} is not opened: its HEAD names no ref and no commit.")
