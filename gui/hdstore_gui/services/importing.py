"""Imports into a draft: the folder the user chose becomes a root, so that its pictures may be linked and read."""

from __future__ import annotations

from pathlib import Path

from hdstore.ids import slug
from hdstore.repository import Repository
from hdstore_gui.services.tasks import Job

__all__ = ["ensure_root", "import_into"]


def ensure_root(repository: Repository, folder: Path) -> str:
    """Returns the name of the root that a folder lies under, made for it where there was none."""
    folder = folder.resolve()
    roots = repository.roots.list()
    for name, place in roots.items():
        if folder.is_relative_to(place.resolve()):
            return name
    wanted = slug(folder.name)
    name, number = wanted, 2
    while name in roots:
        name, number = f"{wanted}-{number}", number + 1
    repository.roots.add(name, folder)
    return name


def import_into(repository: Repository, kind: str, path: Path, to: str, job: Job) -> str:
    """Imports files of a format with their pictures linked, and returns the path of the draft they went to."""
    ensure_root(repository, path if path.is_dir() else path.parent)
    return repository.import_files(kind, path, to=to, progress=job).version.path
