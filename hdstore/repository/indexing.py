"""The index as repositories use it: the rows of a version, and building, telling of and dropping it all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hdstore.model import Progress
from hdstore.repository.core import Core
from hdstore.store import CATALOG_REF, files, is_foreign_ref
from hdstore.version import VersionState, commit_of, earlier_trees

if TYPE_CHECKING:
    from hdstore.index import VersionRows
    from hdstore.repository.repository import Repository
    from hdstore.repository.version import DatasetVersion

__all__ = [
    "IndexReport",
    "IndexedVersion",
    "build_index",
    "compact_index",
    "drop_index",
    "index_damage",
    "index_report",
    "rows_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedVersion:
    """Whether a version is in the index, as it stands now: then a search in it builds nothing."""

    path: str
    dataset_id: str
    version_id: str
    indexed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReport:
    """What the index holds: files of columns, frames in them (also of what was edited since), bytes, and versions."""

    segments: int
    frames: int
    size: int
    versions: tuple[IndexedVersion, ...]


def rows_of(core: Core, state: VersionState, progress: Progress | None = None) -> VersionRows:
    """Returns the rows of a version's frames; builds those that are missing, from what is known of earlier saves."""
    return core.index.rows(state.trie.tree, near=earlier_trees(core.objects, state.commit), progress=progress)


def build_index(
    repository: Repository,
    core: Core,
    versions: Iterable[DatasetVersion | str] | None,
    progress: Progress | None,
) -> IndexReport:
    """Indexes versions (None: all there are), and makes few segments of many; returns what the index then holds.

    What was built for a version stays when a later one is cancelled.

    Raises:
        NotFoundError: there is no such version.
        StorageError: the index can not be written.
    """
    if versions is None:
        wanted = [*_versions(repository)]
    else:
        wanted = [repository.version(named) if isinstance(named, str) else named for named in versions]
    for done, version in enumerate(wanted):
        if progress is not None:
            progress("Indexing versions", done, len(wanted))
        state = version.state()
        near = earlier_trees(core.objects, state.commit)
        core.kept_index.rows(state.trie.tree, near=near, progress=progress)
    if progress is not None:
        progress("Indexing versions", len(wanted), len(wanted))
    core.kept_index.compact(_living_trees(core), progress=progress)
    return index_report(repository, core)


def index_report(repository: Repository, core: Core) -> IndexReport:
    """Returns what the index holds."""
    status = core.kept_index.status()
    versions = [
        IndexedVersion(
            path=version.path,
            dataset_id=version.dataset.id,
            version_id=version.id,
            indexed=core.kept_index.holds(version.state().trie.tree),
        )
        for version in _versions(repository)
    ]
    return IndexReport(
        segments=status.segments,
        frames=status.frames,
        size=status.size,
        versions=tuple(sorted(versions, key=lambda version: (version.path, version.version_id))),
    )


def drop_index(core: Core) -> None:
    """Removes the index; the next search builds what it needs anew.

    Raises:
        StorageError: it can not be removed.
    """
    core.kept_index.drop()


def compact_index(core: Core, progress: Progress | None = None) -> int:
    """Removes what no version needs any more and returns how many bytes that were; builds nothing."""
    if not _exists(core):
        return 0
    return core.kept_index.compact(_living_trees(core), merge=False, progress=progress)


def index_damage(core: Core) -> list[str]:
    """Returns a sentence for each file of the index that is damaged."""
    return core.kept_index.damage() if _exists(core) else []


def _exists(core: Core) -> bool:
    """Says whether there is something to look at; numpy need not be loaded to see that there is nothing."""
    return files.look(core.index_folder) is not None


def _versions(repository: Repository) -> Iterator[DatasetVersion]:
    for dataset in repository.datasets():
        yield from dataset.versions()


def _living_trees(core: Core) -> list[str]:
    """Returns the trees of frames of all versions, and of the commits that views pin."""
    found: dict[str, None] = {}
    for prefix in ("refs/heads/", "refs/tags/"):
        for name, oid in core.refs.list(prefix).items():
            if name != CATALOG_REF and not is_foreign_ref(name):
                found[VersionState(core.objects, commit_of(core.objects, oid)).trie.tree] = None
    return [*found]
