"""What a repository holds, read off the GUI thread, as plain values for the tree and the panels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hdstore.model import Schema, Stats
from hdstore.repository import DatasetVersion, Repository
from hdstore.version import VersionState

__all__ = ["DatasetEntry", "OpenVersion", "VersionEntry", "open_version", "read_catalog"]


@dataclass(frozen=True, slots=True)
class VersionEntry:
    """One version as the tree shows it."""

    id: str
    name: str
    path: str
    is_draft: bool
    updated: int
    frames: int
    annotated: int
    description: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DatasetEntry:
    """One dataset with its versions, latest first."""

    id: str
    name: str
    project: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    versions: tuple[VersionEntry, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class OpenVersion:
    """The version that is shown, as it stood at one commit."""

    version: DatasetVersion
    state: VersionState
    id: str
    name: str
    dataset: str
    path: str
    is_draft: bool
    commit: str
    updated: int
    schema: Schema
    stats: Stats
    parents: tuple[str, ...] = ()
    description: str = ""
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)


def read_catalog(repository: Repository) -> tuple[DatasetEntry, ...]:
    """Returns the datasets and versions of a repository."""
    return tuple(
        DatasetEntry(
            id=dataset.id,
            name=dataset.name,
            project=dataset.project,
            description=dataset.description,
            tags=tuple(dataset.tags),
            versions=tuple(_version_entry(version) for version in dataset.versions()),
        )
        for dataset in repository.datasets()
    )


def _version_entry(version: DatasetVersion) -> VersionEntry:
    stats = version.stats()
    return VersionEntry(
        id=version.id,
        name=version.name,
        path=version.path,
        is_draft=version.is_draft,
        updated=version.updated,
        frames=stats.frames,
        annotated=stats.annotated,
        description=version.description,
        tags=tuple(version.tags),
    )


def open_version(version: DatasetVersion) -> OpenVersion:
    """Returns a version as it stands now; everything in it is read, so that the GUI thread need not."""
    state = version.state()
    return OpenVersion(
        version=version,
        state=state,
        id=version.id,
        name=version.name,
        dataset=version.dataset.name,
        path=version.path,
        is_draft=version.is_draft,
        commit=state.commit,
        updated=version.updated,
        schema=state.schema,
        stats=state.stats,
        parents=tuple(version.parents),
        description=version.description,
        tags=tuple(version.tags),
        metadata=dict(state.document.metadata),
    )
