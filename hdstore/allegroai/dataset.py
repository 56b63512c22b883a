"""A dataset under the names that ClearML's scripts know."""

from __future__ import annotations

import builtins
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hdstore.allegroai.dataset_version import DatasetVersion
from hdstore.allegroai.saving import check_no_cloud
from hdstore.compat.errors import ExistsError
from hdstore.compat.lookup import (
    current_version,
    find_dataset,
    find_version,
    list_versions,
    make_version,
    one_of,
)
from hdstore.compat.places import PathLike
from hdstore.compat.session import current
from hdstore.repository import Dataset as NativeDataset
from hdstore.repository import Repository

__all__ = ["Dataset"]

_log = logging.getLogger("hdstore.allegroai")


class Dataset:
    """A handle on a dataset; made by ``create`` and ``get``."""

    def __init__(self, repository: Repository, native: NativeDataset) -> None:
        self.repository = repository
        self.native = native

    def __repr__(self) -> str:
        return f"<Dataset {self.name!r} ({self.id})>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dataset) and other.native == self.native

    def __hash__(self) -> int:
        return hash(self.native)

    # Making, finding and deleting

    @classmethod
    def create(
        cls,
        dataset_name: str,
        dataset_project: str | None = None,
        tags: Iterable[str] | None = None,
        description: str | None = None,
        raise_if_exists: bool = False,
    ) -> Dataset:
        """Makes a dataset with an empty draft named Current and returns it.

        An existing one of the name is returned as it is, or with ``raise_if_exists`` raises ExistsError (a
        ValueError).
        """
        repository = current()
        for found in repository.datasets():
            if found.name == dataset_name:
                if raise_if_exists:
                    raise ExistsError(f"There is a dataset {dataset_name!r} already: {found.id}.")
                return cls(repository, found)
        made = repository.create_dataset(
            dataset_name, project=dataset_project or "", description=description or "", tags=tags or ()
        )
        return cls(repository, made)

    @classmethod
    def get(
        cls,
        dataset_id: str | None = None,
        dataset_name: str | None = None,
        dataset_project: str | None = None,
    ) -> Dataset:
        """Returns a dataset by id or name; MissingError (a ValueError) where there is none."""
        repository = current()
        return cls(
            repository, find_dataset(repository, id=dataset_id, name=dataset_name, project=dataset_project)
        )

    @classmethod
    def list(
        cls,
        dataset_project: str | None = None,
        partial_name: str | None = None,
        tags: Sequence[str] | None = None,
        ids: Iterable[str] | None = None,
        recursive_project_search: bool = True,
        include_archived: bool = True,
    ) -> builtins.list[Dataset]:
        """Returns the datasets that meet all that is given, oldest first.

        ``partial_name`` is a regular expression; ``tags`` is a filter: any of them, or with "__$all" in
        front all of them, and none of those after "__$not" or with a "-" in front.
        """
        repository = current()
        found = repository.datasets(
            partial_name=partial_name,
            project=dataset_project,
            recursive=recursive_project_search,
            tags=tags or (),
            ids=ids,
            archived=include_archived,
        )
        return [cls(repository, dataset) for dataset in found]

    @classmethod
    def delete(
        cls,
        dataset_id: str | None = None,
        dataset_name: str | None = None,
        delete_all_versions: bool = False,
        force: bool = False,
        delete_sources: bool = False,
        show_progress: bool = False,
        dataset_project: str | None = None,
    ) -> None:
        """Deletes a dataset: one without frames, with ``delete_all_versions`` one of drafts, with ``force`` any.

        With ``delete_sources`` (which needs ``delete_all_versions``) nothing is deleted where a source lies
        in a bucket, which hdstore does not reach; files on disks are never deleted, and what the repository
        keeps goes by ``gc``. ``show_progress`` tells the log.
        """
        repository = current()
        dataset = find_dataset(repository, id=dataset_id, name=dataset_name, project=dataset_project)
        versions = dataset.versions()
        if delete_sources and delete_all_versions:
            for number, version in enumerate(versions, start=1):
                count = check_no_cloud(version.frames())
                if show_progress:
                    _log.info("Sources of version %d of %d: %d frames", number, len(versions), count)
        name = dataset.name
        dataset.delete(all_versions=delete_all_versions, force=force)
        if show_progress:
            _log.info("Deleted dataset %s with %d versions", name, len(versions))

    # What it is

    @property
    def id(self) -> str:
        """The id of the dataset, which never changes."""
        return self.native.id

    @property
    def name(self) -> str:
        """The name of the dataset."""
        return self.native.name

    @property
    def project(self) -> str:
        """The project it belongs to."""
        return self.native.project

    @property
    def description(self) -> str:
        """What people say of it."""
        return self.native.description

    @property
    def tags(self) -> builtins.list[str]:
        """Its tags."""
        return builtins.list(self.native.tags)

    def set_tags(self, tags: Iterable[str]) -> None:
        """Replaces its tags."""
        self.native.set_tags(tags)

    def add_tags(self, tags: Iterable[str]) -> None:
        """Adds tags."""
        self.native.add_tags(tags)

    def remove_tags(self, tags: Iterable[str]) -> None:
        """Takes tags away."""
        self.native.remove_tags(tags)

    def get_metadata(self) -> dict[str, Any]:
        """Returns its own metadata, apart from that of its versions."""
        return dict(self.native.metadata)

    def set_metadata(self, metadata: Mapping[str, Any]) -> bool:
        """Replaces its own metadata and returns True."""
        self.native.set_metadata(dict(metadata))
        return True

    # Its versions

    def create_version(
        self,
        version_name: str,
        description: str | None = None,
        parent_version_ids: Sequence[str] | None = None,
        parent_version_names: Sequence[str] | None = None,
        raise_if_exists: bool = False,
        auto_upload_destination: str | bool | None = None,
        local_dataset_root_path: PathLike | None = None,
    ) -> DatasetVersion:
        """Makes a draft, as ``DatasetVersion.create_version`` does."""
        made = make_version(
            self.native,
            version_name,
            description=description,
            parent_ids=parent_version_ids,
            parent_names=parent_version_names,
            raise_if_exists=raise_if_exists,
        )
        return DatasetVersion(
            self.repository,
            made,
            auto_upload_destination=auto_upload_destination,
            local_dataset_root_path=local_dataset_root_path,
        )

    def get_version(
        self,
        version_id: str | None = None,
        version_name: str | None = None,
        raise_on_multiple: bool = False,
    ) -> DatasetVersion:
        """Returns a version by id or name, or the current one, as ``DatasetVersion.get_version`` does."""
        found = find_version(
            self.native, id=version_id, name=version_name, raise_on_multiple=raise_on_multiple
        )
        return DatasetVersion(self.repository, found)

    def get_current(self) -> DatasetVersion:
        """Returns the draft, of several the one updated last."""
        return DatasetVersion(self.repository, current_version(self.native, drafts_only=True))

    def get_versions(
        self, only_published: bool = False, only_draft: bool = False
    ) -> builtins.list[DatasetVersion]:
        """Returns the versions, latest updated first."""
        found = list_versions(self.native, only_published=only_published, only_draft=only_draft)
        return [DatasetVersion(self.repository, version) for version in found]

    def delete_version(
        self, version_name: str | None = None, version_id: str | None = None, force: bool = False
    ) -> None:
        """Deletes a version: a draft, or with ``force`` a published one."""
        one_of(version_id, version_name, "version")
        find_version(self.native, id=version_id, name=version_name).delete(force=force)
