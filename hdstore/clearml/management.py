"""Finding, listing and deleting datasets and their versions, and the life of one version."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hdstore.compat.errors import MissingError
from hdstore.compat.lookup import find_dataset, find_version, one_of
from hdstore.compat.session import current
from hdstore.compat.version_metadata import VersionMetadata
from hdstore.errors import InvalidInputError

if TYPE_CHECKING:
    from hdstore.clearml.hyperdataset import HyperDataset
    from hdstore.repository import DatasetVersion, Repository

__all__ = ["HyperDatasetManagement"]


class HyperDatasetManagement(VersionMetadata):
    """What can be asked of datasets without making one."""

    repository: Repository

    @classmethod
    def get(
        cls,
        dataset_name: str | None = None,
        version_name: str | None = None,
        project_name: str | None = None,
        *,
        dataset_id: str | None = None,
        version_id: str | None = None,
    ) -> HyperDataset:
        """Returns a version of a dataset, by names or ids; without one of the version, the draft or the latest.

        Raises:
            MissingError: there is no such dataset or version (a ValueError).
            InvalidInputError: a name and an id are given for one thing, or neither for the dataset.
        """
        # Deferred: a HyperDataset is also what finds them.
        from hdstore.clearml.hyperdataset import HyperDataset

        repository, version = _find(dataset_name, version_name, project_name, dataset_id, version_id)
        kind = cls if issubclass(cls, HyperDataset) else HyperDataset
        return kind._of(repository, version)

    @classmethod
    def exists(
        cls,
        dataset_name: str | None = None,
        version_name: str | None = None,
        project_name: str | None = None,
        *,
        dataset_id: str | None = None,
        version_id: str | None = None,
    ) -> bool:
        """Says whether there is a dataset, and the version where one is named ("*" as its id is any)."""
        one_of(dataset_id, dataset_name, "dataset")
        one_of(version_id, version_name, "version", required=False)
        try:
            dataset = find_dataset(current(), id=dataset_id, name=dataset_name, project=project_name)
            if version_name is not None or version_id not in (None, "*"):
                find_version(dataset, id=version_id, name=version_name)
        except MissingError:
            return False
        return True

    @classmethod
    def list(
        cls,
        project_name: str | None = None,
        partial_name: str | None = None,
        tags: Sequence[str] | None = None,
        ids: Iterable[str] | None = None,
        recursive_project_search: bool = True,
        include_archived: bool = True,
    ) -> builtins.list[dict[str, Any]]:
        """Returns what is known of the datasets that meet all that is given, oldest first.

        ``partial_name`` is a regular expression; ``tags`` is a filter: any of them, or with "__$all" in front all of
        them, and none of those after "__$not" or with a "-" in front. Each dict has "id", "name", "project", "tags",
        "created", "comment" and "version_count".
        """
        found = current().datasets(
            partial_name=partial_name,
            project=project_name,
            recursive=recursive_project_search,
            tags=tags or (),
            ids=ids,
            archived=include_archived,
        )
        return [
            {
                "id": dataset.id,
                "name": dataset.name,
                "project": dataset.project,
                "tags": builtins.list(dataset.tags),
                "system_tags": ["archived"] if dataset.archived else [],
                "created": datetime.fromtimestamp(dataset.created, UTC).isoformat(),
                "comment": dataset.description,
                "version_count": len(dataset.versions()),
            }
            for dataset in found
        ]

    @classmethod
    def delete(
        cls,
        dataset_name: str,
        version_name: str | None = None,
        project_name: str | None = None,
        *,
        force: bool = False,
    ) -> bool:
        """Deletes a version, or without its name the whole dataset; returns False where there is none.

        Raises:
            ReadOnlyError: it is published, or has published versions, and ``force`` is not given.
        """
        try:
            dataset = find_dataset(current(), id=None, name=dataset_name, project=project_name)
            version = None if version_name is None else find_version(dataset, id=None, name=version_name)
        except MissingError:
            return False
        if version is None:
            dataset.delete(all_versions=True, force=force)
        else:
            version.delete(force=force)
        return True

    # The life of one version

    def commit_version(
        self,
        *,
        publish: bool = False,
        force: bool = False,
        calculate_stats: bool | None = True,
        override_stats: Mapping[str, Any] | None = None,
        publishing_task: str | None = None,
    ) -> None:
        """With ``publish``, publishes the version; every save is a commit with exact statistics already.

        ``force`` passes over what would hold a version back, which is nothing.

        Raises:
            InvalidInputError: statistics are to be overridden or left out, or a task is named.
        """
        if override_stats is not None or calculate_stats is False:
            raise InvalidInputError(
                "Statistics follow from the entries; they can not be overridden or left out."
            )
        if publish:
            self.publish_version(force=force, publishing_task=publishing_task)
        else:
            _check_no_task(publishing_task)

    def publish_version(self, *, force: bool = False, publishing_task: str | None = None) -> None:
        """Makes the version read-only for ever; ``force`` passes over what would hold it back, which is nothing.

        Raises:
            ReadOnlyError: it is published already.
            InvalidInputError: a task is named.
        """
        _check_no_task(publishing_task)
        self.native.publish()


def _check_no_task(publishing_task: str | None) -> None:
    if publishing_task is not None:
        raise InvalidInputError("There are no tasks that publish versions here; leave out publishing_task.")


def _find(
    dataset_name: str | None,
    version_name: str | None,
    project_name: str | None,
    dataset_id: str | None,
    version_id: str | None,
) -> tuple[Repository, DatasetVersion]:
    repository = current()
    dataset = find_dataset(repository, id=dataset_id, name=dataset_name, project=project_name)
    return repository, find_version(dataset, id=version_id, name=version_name)
