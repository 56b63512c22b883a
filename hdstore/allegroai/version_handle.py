"""One version: what it is and what people say of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from hdstore.compat.session import reopened
from hdstore.compat.version_metadata import VersionMetadata
from hdstore.repository import DatasetVersion as NativeVersion
from hdstore.repository import Repository

__all__ = ["VersionHandle"]


class VersionHandle(VersionMetadata):
    """A handle on one version; it always shows what stands there now."""

    def __init__(self, repository: Repository, native: NativeVersion) -> None:
        self.repository = repository
        self.native = native

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (type(self), str(self.repository.folder), self.dataset_id, self.version_id)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.native.path} ({self.version_id})>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VersionHandle) and other.native == self.native

    def __hash__(self) -> int:
        return hash(self.native)

    @property
    def version_id(self) -> str:
        """The id of the version, which never changes."""
        return self.native.id

    @property
    def version_name(self) -> str:
        """The name of the version; several may share one."""
        return self.native.name

    @property
    def dataset_id(self) -> str:
        """The id of its dataset."""
        return self.native.dataset.id

    @property
    def dataset_name(self) -> str:
        """The name of its dataset."""
        return self.native.dataset.name

    @property
    def draft(self) -> bool:
        """Whether it can be written to."""
        return self.native.is_draft

    @property
    def last_updated(self) -> datetime:
        """When it was last changed, in UTC."""
        return datetime.fromtimestamp(self.native.updated, UTC)

    @property
    def comment(self) -> str:
        """What people say of it."""
        return self.native.description

    @comment.setter
    def comment(self, text: str) -> None:
        self.native.describe(text)

    @property
    def origin(self) -> dict[str, str]:
        """Ids and names of the dataset and the version."""
        return {
            "dataset_id": self.dataset_id,
            "dataset_name": self.dataset_name,
            "version_id": self.version_id,
            "version_name": self.version_name,
        }

    def set_version_name(self, name: str) -> bool:
        """Gives it another name and returns True."""
        self.native.rename(name)
        return True

    def get_parent(self) -> str | None:
        """Returns the id of the version it was made from, the first where it has several; None for a root."""
        return next(iter(self.native.parents), None)

    def get_parents(self) -> list[str]:
        """Returns the ids of all versions it was made from."""
        return list(self.native.parents)

    def get_stats(self) -> dict[str, list[dict[str, Any]]]:
        """Returns its counts by content type, by label and by frames "annotated" and "empty"; they are always exact."""
        stats = self.native.stats()
        frames = {"annotated": stats.annotated, "empty": stats.frames - stats.annotated}
        labels = {name: count.annotations for name, count in stats.labels.items()}
        counts = {"content_types": stats.content_types, "frames": frames, "labels": labels}
        return {
            kind: [{"name": name, "count": count} for name, count in found.items()]
            for kind, found in counts.items()
        }

    # Tags

    @property
    def tags(self) -> list[str]:
        """Its tags."""
        return list(self.native.tags)

    def set_tags(self, tags: Iterable[str]) -> None:
        """Replaces its tags."""
        self.native.set_tags(tags)

    def add_tags(self, tags: Iterable[str]) -> None:
        """Adds tags."""
        self.native.set_tags((*self.native.tags, *tags))

    def remove_tags(self, tags: Iterable[str]) -> None:
        """Takes tags away."""
        gone = set(tags)
        self.native.set_tags(tag for tag in self.native.tags if tag not in gone)


def _reopened(kind: type[VersionHandle], folder: str, dataset_id: str, version_id: str) -> VersionHandle:
    """Returns a handle in another process; what a bulk context holds does not come along."""
    repository = reopened(folder)
    return kind(repository, repository.dataset(dataset_id).version(version_id))
