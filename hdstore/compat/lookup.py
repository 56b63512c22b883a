"""Finding datasets and versions by the names or ids that scripts give."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from hdstore.compat.errors import ExistsError, HyperDatasetWarning, MissingError
from hdstore.errors import InvalidInputError, InvalidValueError
from hdstore.repository import Dataset, DatasetVersion, Repository

__all__ = [
    "check_version_metadata",
    "current_version",
    "find_dataset",
    "find_version",
    "list_versions",
    "make_version",
    "one_of",
]


def one_of(id: str | None, name: str | None, what: str, *, required: bool = True) -> None:
    """Checks that of an id and a name only one is given, and one at least where it is ``required``."""
    if id is not None and name is not None:
        raise InvalidInputError(f"Name the {what} by {what}_id or {what}_name, not by both.")
    if required and id is None and name is None:
        raise InvalidInputError(f"Name the {what} by {what}_id or {what}_name.")


def find_dataset(
    repository: Repository, *, id: str | None, name: str | None, project: str | None = None
) -> Dataset:
    """Returns the dataset of an id or name; MissingError where there is none.

    Of several with one name (they may come from other repositories) the newest, with a warning.
    """
    one_of(id, name, "dataset")
    found = [
        dataset
        for dataset in repository.datasets(ids=None if id is None else [id], project=project)
        if name is None or dataset.name == name
    ]
    if not found:
        where = "" if project is None else f" in project {project!r}"
        raise MissingError(f"There is no dataset {name or id!r}{where} in {repository.folder}.")
    if len(found) > 1:
        _warn(f"There are {len(found)} datasets named {name!r}; the newest, {found[-1].id}, is taken.")
    return found[-1]


def list_versions(dataset: Dataset, *, only_published: bool, only_draft: bool) -> list[DatasetVersion]:
    """Returns the versions of a dataset, latest updated first."""
    if only_published and only_draft:
        raise InvalidInputError(
            "A version is published or a draft; only_published and only_draft exclude each other."
        )
    return dataset.versions(drafts=not only_published, published=not only_draft)


def make_version(
    dataset: Dataset,
    name: str,
    *,
    description: str | None,
    parent_ids: Sequence[str] | None,
    parent_names: Sequence[str] | None,
    raise_if_exists: bool,
) -> DatasetVersion:
    """Returns the draft of this name, made of its parents where there is none yet."""
    named = [version for version in dataset.versions() if version.name == name]
    if named and raise_if_exists:
        raise ExistsError(f"Dataset {dataset.name!r} has a version named {name!r} already: {named[0].id}.")
    for version in named:
        if version.is_draft:
            return version
    parents = [find_version(dataset, id=each, name=None) for each in parent_ids or ()]
    parents += [find_version(dataset, id=None, name=each) for each in parent_names or ()]
    # As ClearML has it: the frames of later parents win, and nobody is asked.
    return dataset.create_version(name, parents=parents, strategy="overlay", description=description or "")


def find_version(
    dataset: Dataset, *, id: str | None, name: str | None, raise_on_multiple: bool = False
) -> DatasetVersion:
    """Returns the version of an id or name; without both, the current one."""
    one_of(id, name, "version", required=False)
    if id is not None:
        found = [version for version in dataset.versions() if version.id == id]
    elif name is not None:
        found = [version for version in dataset.versions() if version.name == name]
    else:
        return current_version(dataset, raise_on_multiple=raise_on_multiple)
    if not found:
        raise MissingError(f"There is no version {name or id!r} in dataset {dataset.name!r}.")
    return _latest(dataset, found, f"named {name!r}", raise_on_multiple)


def current_version(
    dataset: Dataset, *, raise_on_multiple: bool = False, drafts_only: bool = False
) -> DatasetVersion:
    """Returns the draft that is being worked on; without drafts the latest version, unless ``drafts_only``."""
    drafts = dataset.versions(published=False)
    if drafts:
        return _latest(dataset, drafts, "in draft", raise_on_multiple)
    versions = dataset.versions()
    if drafts_only or not versions:
        raise MissingError(f"Dataset {dataset.name!r} has no draft; create a version to write to.")
    return versions[0]


def _latest(
    dataset: Dataset, versions: list[DatasetVersion], what: str, raise_on_multiple: bool
) -> DatasetVersion:
    if len(versions) > 1:
        several = f"Dataset {dataset.name!r} has {len(versions)} versions {what}"
        if raise_on_multiple:
            raise InvalidInputError(f"{several}; say which by its id.")
        _warn(f"{several}; the one updated last, {versions[0].id}, is taken.")
    return versions[0]


def _warn(message: str) -> None:
    warnings.warn(message, HyperDatasetWarning, stacklevel=5)


def check_version_metadata(metadata: Any) -> dict[str, Any]:
    """Returns a version's metadata as a dict; ClearML allows no key with "$" or "."."""
    if not isinstance(metadata, dict):
        raise InvalidValueError(f"The metadata of a version is a dict, not {type(metadata).__name__}.")
    for key in metadata:
        if not isinstance(key, str) or "$" in key or "." in key:
            raise InvalidValueError(
                f"A key of a version's metadata is a string without '$' and '.', not {key!r}."
            )
    return metadata
