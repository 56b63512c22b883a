"""The repository that scripts mean without naming it: the one of the current folder, or the one that was chosen."""

from __future__ import annotations

import os
from pathlib import Path

from hdstore.errors import RepositoryNotFoundError
from hdstore.repository import Repository, open_repository

__all__ = ["current", "current_or_none", "reopened", "use"]

_chosen: Repository | None = None
_opened: dict[Path, Repository] = {}


def use(repository: Repository | str | os.PathLike[str] | None) -> Repository | None:
    """Chooses the repository that all calls mean from now on, by handle or folder, and returns it.

    None goes back to the repository of the current folder.
    """
    global _chosen
    if repository is None or isinstance(repository, Repository):
        _chosen = repository
    else:
        _chosen = open_repository(Path(repository))
    return _chosen


def current() -> Repository:
    """Returns the chosen repository, or the one of the current folder or above it.

    Raises:
        RepositoryNotFoundError: none was chosen, and there is none in or above the current folder.
    """
    if _chosen is not None:
        return _chosen
    folder = Path.cwd()
    found = _opened.get(folder)
    if found is None or not found.hds.is_dir():
        found = _opened[folder] = open_repository(folder)
    return found


def reopened(folder: str) -> Repository:
    """Returns the repository of a folder that this user has opened before, perhaps in another process."""
    if _chosen is not None and str(_chosen.folder) == folder:
        return _chosen
    place = Path(folder)
    found = _opened.get(place)
    if found is None or not found.hds.is_dir():
        found = _opened[place] = open_repository(place, trusted=True)
    return found


def current_or_none() -> Repository | None:
    """Returns the repository that ``current`` would, or None where there is none."""
    try:
        return current()
    except RepositoryNotFoundError:
        return None
