"""A version of a dataset as ClearML's newer SDK knows it: made or bound by its names, filled with entries."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from hdstore.clearml.adding import Intake
from hdstore.clearml.converting import entry_from_native, reader
from hdstore.clearml.entry import DataEntry
from hdstore.clearml.fields import FIELD_MAPPINGS, check_fields, read_fields, same_fields
from hdstore.clearml.management import HyperDatasetManagement
from hdstore.compat.errors import ExistsError, MissingError
from hdstore.compat.iterating import ViewIterator
from hdstore.compat.keeping import Keeping
from hdstore.compat.lookup import find_dataset, find_version
from hdstore.compat.session import current, reopened
from hdstore.errors import InvalidInputError, InvalidValueError, NotFoundError
from hdstore.repository import Dataset, DatasetVersion

if TYPE_CHECKING:
    from hdstore.repository import Repository

__all__ = ["HyperDataset"]

_log = logging.getLogger("hdstore.clearml")


class HyperDataset(HyperDatasetManagement):
    """A handle on one version of a dataset.

    Making one makes dataset and version, or binds to those that are there.

    Raises:
        MissingError: a parent is no version of the dataset (a ValueError).
        ExistsError: the version is there and ``raise_if_exists``, the dataset lies in another project, or it has
            other field mappings (a ValueError).
        InvalidInputError: the version is there and was made from another parent, or a parent is a draft.
    """

    def __init__(
        self,
        project_name: str,
        dataset_name: str,
        version_name: str,
        description: str | None = None,
        parent_id: str | Sequence[str] | None = None,
        field_mappings: Mapping[str, Any] | None = None,
        raise_if_exists: bool = False,
        *,
        parent_ids: str | Sequence[str] | None = None,
    ) -> None:
        if parent_id is not None and parent_ids is not None:
            raise InvalidInputError("Name the parents by parent_id or parent_ids, not by both.")
        self.repository = current()
        parents = _ids(parent_ids if parent_id is None else parent_id)
        try:
            dataset = find_dataset(self.repository, id=None, name=dataset_name)
        except MissingError:
            self.native = self._make(
                project_name, dataset_name, version_name, description, parents, field_mappings
            )
            return
        if dataset.project != (project_name or "").strip("/"):
            raise ExistsError(
                f"Dataset {dataset_name!r} lies in project {dataset.project!r}, not in {project_name!r}."
            )
        if field_mappings is not None:
            same_fields(dataset, field_mappings)
        if description is not None and description != dataset.description:
            dataset.describe(description)
        self.native = _bind(dataset, version_name, parents, raise_if_exists=raise_if_exists)

    @classmethod
    def _of(cls, repository: Repository, native: DatasetVersion) -> Self:
        handle = cls.__new__(cls)
        handle.repository = repository
        handle.native = native
        return handle

    def _make(
        self,
        project_name: str,
        dataset_name: str,
        version_name: str,
        description: str | None,
        parents: Sequence[str],
        field_mappings: Mapping[str, Any] | None,
    ) -> DatasetVersion:
        if parents:
            raise MissingError(f"Dataset {dataset_name!r} is new, so it has no version {parents[0]!r}.")
        fields = {} if field_mappings is None else check_fields(field_mappings)
        dataset = self.repository.create_dataset(
            dataset_name,
            project=project_name or "",
            description=description or "",
            metadata={FIELD_MAPPINGS: fields} if fields else None,
        )
        version = dataset.current()
        if version.name != version_name:
            version.rename(version_name)
        return version

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.native.path} ({self.version_id})>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (type(self), str(self.repository.folder), self.dataset_id, self.version_id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HyperDataset) and other.native == self.native

    def __hash__(self) -> int:
        return hash(self.native)

    # What it is

    @property
    def project_id(self) -> str:
        """The project of the dataset; here its name is its id."""
        return self.native.dataset.project

    project_name = project_id

    @property
    def dataset_id(self) -> str:
        """The id of the dataset, which never changes."""
        return self.native.dataset.id

    @property
    def dataset_name(self) -> str:
        """The name of the dataset."""
        return self.native.dataset.name

    @property
    def version_id(self) -> str:
        """The id of the version, which never changes."""
        return self.native.id

    @property
    def version_name(self) -> str:
        """The name of the version."""
        return self.native.name

    # Tags of the dataset

    @property
    def tags(self) -> list[str]:
        """The tags of the dataset."""
        return list(self.native.dataset.tags)

    @tags.setter
    def tags(self, tags: Iterable[str] | str | None) -> None:
        self.set_tags(tags or [])

    def get_tags(self, reload: bool = False) -> list[str]:
        """Returns the tags of the dataset; they are read anew each time, whatever ``reload`` says."""
        return self.tags

    def set_tags(self, tags: Iterable[str] | str) -> None:
        """Replaces the tags of the dataset; a string holds several with blanks between them."""
        self.native.dataset.set_tags(tags)

    def add_tags(self, tags: Iterable[str] | str) -> None:
        """Adds tags to the dataset."""
        self.native.dataset.add_tags(tags)

    def remove_tags(self, tags: Iterable[str] | str) -> None:
        """Takes tags away from the dataset."""
        self.native.dataset.remove_tags(tags)

    # Entries

    def add_data_entries(
        self,
        data_entries: Iterable[DataEntry],
        upload_local_files_destination: str | bool | None = None,
        batch_size: int = 1000,
        max_workers: int | None = None,
        show_progress: bool = True,
        upload_retries: int = 5,
        force_upload: bool = False,
        max_request_size_mb: float | None = 100,
        hash_sources: bool = False,
    ) -> dict[str, dict[str, str]]:
        """Adds entries as one save and returns why others were not: "upload" and "register", each by id.

        An entry of an id that is there is replaced. Local files are linked where they lie, or kept by the repository
        when a destination is given; which one it is does not matter. ``docs/clearml.md`` tells what each argument
        does.

        Raises:
            ReadOnlyError: the version is published.
        """
        _check_from(1, batch_size=batch_size, max_workers=1 if max_workers is None else max_workers)
        make = partial(
            Keeping,
            self.repository,
            keep_all=bool(upload_local_files_destination),
            force=force_upload,
            retries=upload_retries,
        )
        make().tell_of(upload_local_files_destination)
        intake = Intake(
            make,
            fields=read_fields(self.native.dataset),
            hash_sources=hash_sources,
            max_bytes=max_request_size_mb * 1024 * 1024 if max_request_size_mb else None,
        )
        stream = intake.stream(
            data_entries, batch_size=batch_size, workers=max_workers, show_progress=show_progress
        )
        self.native.add_frames(stream, message="Add entries")
        return {"upload": intake.upload_errors, "register": intake.register_errors}

    def delete_data_entries(
        self,
        data_entries: Iterable[Any],
        batch_size: int = 1000,
        refresh_version_stats: bool = True,
        force: bool = False,
    ) -> int:
        """Deletes entries, given as objects or ids, as one save and returns how many there were.

        Statistics are exact whatever ``refresh_version_stats`` says; ``force`` passes over what would hold the
        version back, which is nothing.
        """
        _check_from(1, batch_size=batch_size)
        ids = []
        for entry in data_entries:
            if not isinstance(entry, DataEntry | str) or not entry:
                raise InvalidValueError(f"An entry to delete is a DataEntry or an id, not {entry!r}.")
            ids.append(entry if isinstance(entry, str) else entry.id)
        return self.native.delete_frames(ids).removed if ids else 0

    def get_iterator(
        self, projection: Iterable[str] | None = None, batch_size: int | None = None
    ) -> ViewIterator[DataEntry]:
        """Returns an iterator over all entries as they stand now; ``iter()`` of it begins anew.

        With ``projection``, entries have the parts that its dotted paths name. A thread reads ahead, ``batch_size``
        (500) entries at a time.
        """
        state, read = self.native.state(), reader(projection)

        def open(start: int, worker: int, workers: int) -> Iterator[DataEntry]:
            frames = islice(state.frames(), start * workers + worker, None, workers)
            return (read(native, self.repository, ()) for native in frames)

        return ViewIterator(open, lambda: len(state), query_cache_size=batch_size)

    def __iter__(self) -> Iterator[DataEntry]:
        return (entry_from_native(native, self.repository) for native in self.native.frames())

    def vector_search(
        self,
        reference_vector: Any,
        vector_field: Any,
        number_of_neighbors: int = 50,
        fast: bool = False,
        similarity_function: str = "cosine",
    ) -> list[DataEntry]:
        """Returns the entries whose vectors of a name are most like a given one, the most like first (row 133).

        ``similarity_function`` is cosine, l2_norm or dot_product; "meta." may stand before the name. ``fast`` looks at
        some of many vectors only, by cosine.

        Raises:
            TypeError: the vector is no list or tuple, or the name no string.
            MissingError: no entry has a vector of this name (a ValueError).
            InvalidValueError: the vector has another length than theirs, or what is asked for makes no sense (a
                ValueError).
        """
        if reference_vector is not None and not isinstance(reference_vector, list | tuple):
            raise TypeError(f"A vector is a list or a tuple, not a {type(reference_vector).__name__}.")
        if not isinstance(vector_field, str) or not vector_field.strip():
            raise TypeError(f"vector_field is a string that is not empty, not {vector_field!r}.")
        try:
            found = self.native.nearest(
                reference_vector or (),
                vector_field.strip().removeprefix("meta."),
                count=number_of_neighbors,
                similarity=str(similarity_function).strip().lower(),
                fast=fast,
            )
        except NotFoundError as error:
            raise MissingError(str(error)) from error
        state = self.native.state()
        # One that was deleted since is left out.
        natives = [native for each in found.ids() if (native := state.find(each)) is not None]
        return [entry_from_native(native, self.repository) for native in natives]

    # Its life

    def create_snapshot(self) -> HyperDataset:
        """Publishes the draft under the id it has and returns a handle on it; this handle goes on with a new draft."""
        snapshot, self.native = self.native.snapshot()
        return HyperDataset._of(self.repository, snapshot)


def _reopened(kind: type[HyperDataset], folder: str, dataset_id: str, version_id: str) -> HyperDataset:
    repository = reopened(folder)
    return kind._of(repository, repository.dataset(dataset_id).version(version_id))


def _ids(given: str | Sequence[str] | None) -> list[str]:
    return [given] if isinstance(given, str) else list(given or ())


def _bind(
    dataset: Dataset, version_name: str, parents: Sequence[str], *, raise_if_exists: bool
) -> DatasetVersion:
    """Returns the version of this name, or makes it of its parents."""
    try:
        found = find_version(dataset, id=None, name=version_name)
    except MissingError:
        made_from = [find_version(dataset, id=each, name=None) for each in parents]
        return dataset.create_version(version_name, parents=made_from, strategy="overlay")
    if raise_if_exists:
        raise ExistsError(
            f"Dataset {dataset.name!r} has a version named {version_name!r} already: {found.id}."
        )
    if parents and tuple(parents) != found.parents:
        raise InvalidInputError(
            f"Version {found.path} is there and was made from {', '.join(found.parents) or 'no version'}, not from"
            f" {', '.join(parents)}."
        )
    return found


def _check_from(least: int, **numbers: int) -> None:
    for name, value in numbers.items():
        if value < least:
            raise InvalidInputError(f"{name} is {least} or more, not {value}.")
