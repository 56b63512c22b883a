"""A version of a dataset under the names that ClearML's scripts know: making and finding versions and frames."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hdstore.allegroai.bulk import BulkContext
from hdstore.allegroai.dataframe import AnyFrame, frame_from_native
from hdstore.allegroai.either import either
from hdstore.allegroai.version_frames import VersionFrames
from hdstore.compat.errors import MissingError
from hdstore.compat.lookup import (
    check_version_metadata,
    current_version,
    find_dataset,
    find_version,
    list_versions,
    make_version,
    one_of,
)
from hdstore.compat.places import PathLike, shown
from hdstore.compat.projection import parse_projection, project
from hdstore.compat.session import current
from hdstore.model import Frame
from hdstore.repository import Dataset as NativeDataset
from hdstore.repository import Repository

if TYPE_CHECKING:
    from hdstore.allegroai.dataset import Dataset

__all__ = ["DatasetVersion"]


class DatasetVersion(VersionFrames):
    """A version of a dataset, made by ``get_version``, ``create_version`` and the like.

    Most methods are called on the class with the names of dataset and version, or on a handle without them.
    """

    BulkContext = BulkContext

    # Making and finding versions

    @classmethod
    def create_new_dataset(
        cls,
        dataset_name: str,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        raise_if_exists: bool = False,
        dataset_project: str | None = None,
    ) -> Dataset:
        """Makes a dataset with an empty draft named Current and returns it; see ``Dataset.create``."""
        # Deferred: a dataset gives out versions, so its module needs this one.
        from hdstore.allegroai.dataset import Dataset

        return Dataset.create(
            dataset_name,
            dataset_project=dataset_project,
            description=description,
            tags=tags,
            raise_if_exists=raise_if_exists,
        )

    @staticmethod
    def get_datasets(tags: Sequence[str] | None = None) -> list[Dataset]:
        """Returns the datasets that a tag filter lets through, oldest first."""
        from hdstore.allegroai.dataset import Dataset

        return Dataset.list(tags=tags)

    @either
    def get_current(
        self: DatasetVersion | None,
        dataset_id: str | None = None,
        dataset_name: str | None = None,
        auto_upload_destination: str | bool | None = None,
        local_dataset_root_path: PathLike | None = None,
        dataset_project: str | None = None,
    ) -> DatasetVersion:
        """Returns the draft of a dataset; of several the one updated last, with a warning."""
        repository, dataset = _dataset(self, dataset_id, dataset_name, dataset_project)
        return DatasetVersion(
            repository,
            current_version(dataset, drafts_only=True),
            auto_upload_destination=auto_upload_destination,
            local_dataset_root_path=local_dataset_root_path,
        )

    @either
    def get_version(
        self: DatasetVersion | None,
        dataset_id: str | None = None,
        dataset_name: str | None = None,
        version_id: str | None = None,
        version_name: str | None = None,
        auto_upload_destination: str | bool | None = None,
        local_dataset_root_path: PathLike | None = None,
        raise_on_multiple: bool = False,
        dataset_project: str | None = None,
    ) -> DatasetVersion:
        """Returns a version by id or name; without either the current draft, or the latest version where none is.

        Of several that are meant the one updated last, with a warning, or with ``raise_on_multiple`` an
        error.
        """
        repository, dataset = _dataset(self, dataset_id, dataset_name, dataset_project)
        return DatasetVersion(
            repository,
            find_version(dataset, id=version_id, name=version_name, raise_on_multiple=raise_on_multiple),
            auto_upload_destination=auto_upload_destination,
            local_dataset_root_path=local_dataset_root_path,
        )

    @either
    def get_versions(
        self: DatasetVersion | None,
        dataset_name: str | None = None,
        dataset_id: str | None = None,
        only_published: bool = False,
        only_draft: bool = False,
        dataset_project: str | None = None,
    ) -> list[DatasetVersion]:
        """Returns the versions of a dataset, latest updated first."""
        repository, dataset = _dataset(self, dataset_id, dataset_name, dataset_project)
        found = list_versions(dataset, only_published=only_published, only_draft=only_draft)
        return [DatasetVersion(repository, version) for version in found]

    @either
    def create_version(
        self: DatasetVersion | None,
        version_name: str,
        description: str | None = None,
        dataset_id: str | None = None,
        dataset_name: str | None = None,
        parent_version_ids: Sequence[str] | None = None,
        parent_version_names: Sequence[str] | None = None,
        raise_if_exists: bool = False,
        auto_upload_destination: str | bool | None = None,
        local_dataset_root_path: PathLike | None = None,
        dataset_project: str | None = None,
    ) -> DatasetVersion:
        """Makes a draft from published parents, or an empty one without; an existing draft of the name is returned.

        Several parents are merged, later ones winning. With ``raise_if_exists`` a version of the name is an
        error.
        """
        repository, dataset = _dataset(self, dataset_id, dataset_name, dataset_project)
        made = make_version(
            dataset,
            version_name,
            description=description,
            parent_ids=parent_version_ids,
            parent_names=parent_version_names,
            raise_if_exists=raise_if_exists,
        )
        return DatasetVersion(
            repository,
            made,
            auto_upload_destination=auto_upload_destination,
            local_dataset_root_path=local_dataset_root_path,
        )

    @either
    def create_snapshot(
        self: DatasetVersion | None,
        version_name: str | None = None,
        version_id: str | None = None,
        dataset_name: str | None = None,
        dataset_id: str | None = None,
        publish_name: str | None = None,
        publish_comment: str | None = None,
        publish_metadata: Mapping[str, Any] | None = None,
        child_name: str | None = None,
        child_comment: str | None = None,
        child_metadata: Mapping[str, Any] | None = None,
        dataset_project: str | None = None,
    ) -> DatasetVersion:
        """Publishes a draft under the id it has and returns the new draft that goes on from it."""
        version = _version(
            self, dataset_id, dataset_name, version_id, version_name, dataset_project, drafts_only=True
        )
        version.flush()
        _, child = version.native.snapshot(
            name=publish_name,
            comment=publish_comment,
            metadata=None if publish_metadata is None else check_version_metadata(publish_metadata),
            child_name=child_name,
            child_comment=child_comment,
            child_metadata=None if child_metadata is None else check_version_metadata(child_metadata),
        )
        return DatasetVersion(version.repository, child)

    @either
    def remove_version(
        self: DatasetVersion | None,
        dataset_id: str | None = None,
        dataset_name: str | None = None,
        version_id: str | None = None,
        version_name: str | None = None,
        force: bool = False,
        dataset_project: str | None = None,
    ) -> None:
        """Deletes a version: a draft, or with ``force`` a published one."""
        if self is None:
            one_of(version_id, version_name, "version")
        version = _version(self, dataset_id, dataset_name, version_id, version_name, dataset_project)
        version.native.delete(force=force)

    # Reading frames

    @either
    def get_single_frame(
        self: DatasetVersion | None,
        frame_id: str,
        dataset_id: str | None = None,
        dataset_name: str | None = None,
        version_id: str | None = None,
        version_name: str | None = None,
        dataset_project: str | None = None,
    ) -> AnyFrame:
        """Returns one frame as a SingleFrame or FrameGroup; MissingError (a ValueError) where there is none."""
        version = _version(self, dataset_id, dataset_name, version_id, version_name, dataset_project)
        found = version.native.state().find(str(frame_id))
        if found is None:
            raise MissingError(f"There is no frame {frame_id!r} in version {version.native.path}.")
        return frame_from_native(found, version)

    @either
    def get_frames_by_ids(
        self: DatasetVersion | None,
        frame_ids: Collection[str],
        projection: Collection[str] | None = None,
        dataset_id: str | None = None,
        dataset_name: str | None = None,
        version_id: str | None = None,
        version_name: str | None = None,
        dataset_project: str | None = None,
    ) -> list[AnyFrame] | list[dict[str, Any]]:
        """Returns those of the frames that are there, in the order of ``frame_ids``, or parts of them as dicts."""
        version = _version(self, dataset_id, dataset_name, version_id, version_name, dataset_project)
        state = version.native.state()
        natives = [found for each in frame_ids if (found := state.find(str(each))) is not None]
        frames = [frame_from_native(native, version) for native in natives]
        if projection is None:
            return frames
        paths = parse_projection(projection)
        return [project(frame.to_dict(), paths) for frame in frames]

    @either
    def get_frames_by_source(
        self: DatasetVersion | None,
        source_uri: str,
        dataset_id: str | None = None,
        dataset_name: str | None = None,
        version_id: str | None = None,
        version_name: str | None = None,
        dataset_project: str | None = None,
    ) -> list[AnyFrame]:
        """Returns the frames with a source whose URI, or local path, fits a pattern in which ``*`` is anything."""
        version = _version(self, dataset_id, dataset_name, version_id, version_name, dataset_project)
        fits = re.compile(".*".join(map(re.escape, shown(source_uri).split("*"))), re.DOTALL).fullmatch
        roots = {f"root:{name}/": f"{place}/" for name, place in version.repository.roots.list().items()}

        def is_meant(native: Frame) -> bool:
            for source in native.sources:
                uri = shown(source.uri)
                head, slash, tail = uri.partition("/")
                local = roots.get(head + slash, head + slash) + tail
                if fits(uri) or fits(local):
                    return True
            return False

        return [frame_from_native(native, version) for native in version.native.frames() if is_meant(native)]


def _dataset(
    version: DatasetVersion | None, id: str | None, name: str | None, project: str | None
) -> tuple[Repository, NativeDataset]:
    """Returns the dataset that is named, or the one of the version where nothing is."""
    if version is not None and id is None and name is None:
        return version.repository, version.native.dataset
    repository = current() if version is None else version.repository
    return repository, find_dataset(repository, id=id, name=name, project=project)


def _version(
    version: DatasetVersion | None,
    dataset_id: str | None,
    dataset_name: str | None,
    version_id: str | None,
    version_name: str | None,
    project: str | None,
    *,
    drafts_only: bool = False,
) -> DatasetVersion:
    """Returns the version that is named, or the one at hand where nothing is."""
    if version is not None and not any((dataset_id, dataset_name, version_id, version_name)):
        return version
    repository, dataset = _dataset(version, dataset_id, dataset_name, project)
    if drafts_only and version_id is None and version_name is None:
        return DatasetVersion(repository, current_version(dataset, drafts_only=True))
    return DatasetVersion(repository, find_version(dataset, id=version_id, name=version_name))
