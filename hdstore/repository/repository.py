"""A repository: a folder with its versions in ``.hds``, opened, made or cloned."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from hdstore.errors import AlreadyExistsError, InvalidValueError, RepositoryNotFoundError
from hdstore.ids import named_id
from hdstore.media import Media, Roots
from hdstore.model import (
    Author,
    DatasetDocument,
    Metadata,
    Progress,
    VersionRecord,
    View,
    check_metadata,
    check_name,
)
from hdstore.repository import diffing
from hdstore.repository.author import author_from_environment
from hdstore.repository.comparing import ComparedField, compare_views, with_names
from hdstore.repository.core import Core, draft_ref
from hdstore.repository.dataset import FIRST_VERSION, Dataset, write_root
from hdstore.repository.dataviews import DataView
from hdstore.repository.indexing import IndexReport, build_index, drop_index, index_report
from hdstore.repository.naming import clean_project, clean_tags, find_one, in_project, match_tags, split_path
from hdstore.repository.reports import Finding, GcReport, ImportReport
from hdstore.repository.sharing import Sharing
from hdstore.repository.version import DatasetVersion
from hdstore.repository.views import StoredView, create_view, find_view, list_views
from hdstore.store import CATALOG_REF, Layout, RefUpdate, check_layout, write_catalog

if TYPE_CHECKING:
    from hdstore.formats import ExportReport
    from hdstore.sync.bundles import BundleReport, CreatedBundle
    from hdstore.watch import Watcher

# Formats, transport, checks and the watcher are imported where they are used: most commands need none of them, and
# reading a version must not wait for their libraries.

__all__ = ["Repository", "clone", "init", "open_repository", "verify_bundle"]

GRACE = 14 * 24 * 3600.0
"""Seconds for which ``gc`` keeps what nothing reaches: another process may be about to name it."""


class Repository(Sharing):
    """An open repository; a context manager, and safe to use from several threads."""

    def __init__(self, layout: Layout, author: Author, clock: Callable[[], float] = time.time) -> None:
        self._core = Core(layout, author, clock)

    def __repr__(self) -> str:
        return f"<Repository {self.folder}>"

    def __enter__(self) -> Repository:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of open files; work in the background goes on until it is done."""
        self._core.close()

    @property
    def folder(self) -> Path:
        """The folder that holds the repository."""
        return self._core.folder

    @property
    def hds(self) -> Path:
        """The folder .hds: a bare git repository with media and index inside."""
        return self._core.layout.hds

    @property
    def author(self) -> Author:
        """Who makes the changes of this handle."""
        return self._core.author

    @property
    def media(self) -> Media:
        """The media that are kept, and the way to those that are linked."""
        return self._core.media

    @property
    def roots(self) -> Roots:
        """The named places of this machine where linked media lie."""
        return self._core.roots

    # Datasets

    def datasets(
        self,
        *,
        partial_name: str | None = None,
        project: str | None = None,
        recursive: bool = True,
        tags: Sequence[str] = (),
        ids: Iterable[str] | None = None,
        archived: bool = True,
    ) -> list[Dataset]:
        """Returns the datasets that meet all conditions, oldest first (rows 5, 6).

        ``partial_name`` is a regular expression, ``tags`` a filter as ClearML writes it, ``project`` a path with
        slashes (with its sub-projects unless ``recursive`` is False).
        """
        try:
            pattern = re.compile(partial_name) if partial_name is not None else None
        except re.error as error:
            raise InvalidValueError(
                f"The partial name {partial_name!r} is not a regular expression: {error}."
            ) from error
        wanted = None if ids is None else set(ids)
        found = [
            document
            for document in self._core.catalog().datasets.values()
            if not document.deleted
            and (archived or not document.archived)
            and (pattern is None or pattern.search(document.name))
            and (wanted is None or document.id in wanted)
            and (project is None or in_project(document.project, clean_project(project), recursive))
            and (not tags or match_tags(document.tags, tags))
        ]
        found.sort(key=lambda document: (document.created, document.id))
        return [Dataset(self._core, document.id) for document in found]

    def dataset(self, name: str) -> Dataset:
        """Returns the dataset of this id or name; raises NotFoundError or AmbiguousNameError."""
        listed = [d for d in self._core.catalog().datasets.values() if not d.deleted]
        found = find_one(name, listed, "dataset", "this repository")
        return Dataset(self._core, found.id)

    def create_dataset(
        self,
        name: str,
        *,
        project: str = "",
        description: str = "",
        tags: str | Iterable[str] = (),
        metadata: Metadata | None = None,
    ) -> Dataset:
        """Makes a dataset with one empty draft named Current; raises AlreadyExistsError when the name is taken."""
        check_name(name, "dataset")
        check_metadata(metadata or {}, f"dataset {name!r}")
        core = self._core
        dataset_id, version_id = named_id(name), named_id(FIRST_VERSION)
        ref = draft_ref(dataset_id, version_id)
        with core.changing(f"Create dataset {name}", ref) as change:
            for other in change.datasets.values():
                if other.name == name and not other.deleted:
                    raise AlreadyExistsError(
                        f"There is a dataset {name!r} already ({other.id}); choose another name."
                    )
            commit = write_root(core, change.writer, dataset_id=dataset_id, version_id=version_id)
            change.moves.append(RefUpdate(ref, None, commit))
            change.put(
                DatasetDocument(
                    id=dataset_id,
                    name=name,
                    created=core.now(),
                    project=clean_project(project),
                    description=description,
                    tags=clean_tags(tags),
                    metadata=metadata or {},
                    versions={version_id: VersionRecord(name=FIRST_VERSION)},
                )
            )
        return Dataset(core, dataset_id)

    def version(self, path: str) -> DatasetVersion:
        """Returns the version that ``DATASET/VERSION`` names, by names or ids; a slash in a name is written %2F."""
        dataset, version = split_path(path)
        if not version:
            raise InvalidValueError(f"Say which version of {dataset!r}: DATASET/VERSION.")
        return self.dataset(dataset).version(version)

    # Views

    def views(
        self,
        *,
        text: str | None = None,
        project: str | None = None,
        recursive: bool = True,
        tags: Sequence[str] = (),
        archived: bool | None = None,
        published: bool | None = None,
    ) -> list[StoredView]:
        """Returns the stored views that meet all conditions, oldest first (row 109).

        ``text`` is a regular expression that is looked for in name, id, description, datasets and versions; ``tags``
        and ``project`` are as for ``datasets``. ``archived`` and ``published`` choose one kind; None means both.
        """
        return list_views(
            self._core,
            text=text,
            project=project,
            recursive=recursive,
            tags=tags,
            archived=archived,
            published=published,
        )

    def view(self, name: str) -> StoredView:
        """Returns the stored view of this id or name; raises NotFoundError or AmbiguousNameError."""
        return find_view(self._core, name)

    def create_view(
        self,
        name: str,
        view: View,
        *,
        project: str = "",
        description: str = "",
        tags: str | Iterable[str] = (),
    ) -> StoredView:
        """Stores a view under a name as a draft (row 107).

        Raises AlreadyExistsError when the name is taken, InvalidValueError for a view that breaks a rule,
        QuerySyntaxError for a query that can not be read, NotFoundError for a dataset or version that is not there.
        """
        return create_view(self._core, name, view, project=project, description=description, tags=tags)

    def data_view(self, view: View | str | DataView) -> DataView:
        """Returns what gives the frames of a view, in its order; a stored view may be given by its name or id."""
        if isinstance(view, str):
            view = self.view(view).value
        return DataView(self._core, view.value if isinstance(view, DataView) else view)

    def compare_views(self, left: View, right: View) -> list[ComparedField]:
        """Returns all fields of two views side by side, with names for the ids of datasets and versions (row 111)."""
        return compare_views(self.with_names(left), self.with_names(right))

    def with_names(self, view: View) -> View:
        """Returns the view for people to read: names for ids, and pins by the paths of versions."""
        return with_names(self._core, view)

    # What is named by a text, and what differs

    state = diffing.state_at
    diff = diffing.diff_of

    # Files in and out

    def import_files(
        self,
        format: str,
        path: str | Path,
        *,
        to: str,
        images: str | Path | None = None,
        media: str = "link",
        root: str | None = None,
        progress: Progress | None = None,
    ) -> ImportReport:
        """Imports files of a format (coco, voc, yolo, folder) into a draft, as one commit.

        ``to`` is ``DATASET/VERSION``, or ``DATASET`` for its draft Current; what does not exist is made. ``media`` says
        whether media stay where they lie ("link", under the named ``root``) or are kept by the repository ("store").
        Importing the same files again changes nothing.
        """
        from hdstore.repository.exchange import import_files

        return import_files(
            self,
            self._core,
            format,
            Path(path),
            to=to,
            images=images,
            media=media,
            root=root,
            progress=progress,
        )

    def export_files(
        self, format: str, path: str | Path, *, source: str, progress: Progress | None = None
    ) -> ExportReport:
        """Exports the version ``source`` in a format (coco, yolo); the report says what the format could not hold."""
        from hdstore.repository.exchange import export_files

        return export_files(self.version(source), self.media, format, Path(path), progress=progress)

    def create_bundle(
        self,
        path: str | Path,
        versions: Iterable[DatasetVersion | str] = (),
        *,
        media: str | Iterable[str] = "none",
        since: Iterable[str | Path] = (),
        progress: Progress | None = None,
    ) -> CreatedBundle:
        """Writes versions with their history into one file, for a USB stick or a mail, and says how large it is.

        ``versions`` are handles, paths ``DATASET/VERSION`` or datasets; none means all there are, and what views pin.
        The catalog always goes along. ``media`` is "none", "all" (that the frames in the bundle name),
        "version:DATASET/VERSION" or "view:NAME", or several of these. ``since`` says what the receiver has: bundles
        that were made before, remotes, or commits; that is left out.
        """
        from hdstore.repository.bundling import create_bundle

        return create_bundle(
            self, self._core, Path(path), versions, media=media, since=since, progress=progress
        )

    # The index

    def build_index(
        self, versions: Iterable[DatasetVersion | str] | None = None, *, progress: Progress | None = None
    ) -> IndexReport:
        """Indexes versions (None: all), so that searches need not, and compacts the index; returns what it then holds.

        Versions are handles or paths ``DATASET/VERSION``. Searches build what they miss by themselves.
        """
        return build_index(self, self._core, versions, progress)

    def index_status(self) -> IndexReport:
        """Returns what the index holds, and which versions are in it."""
        return index_report(self, self._core)

    def drop_index(self) -> None:
        """Removes the index; nothing is lost, the next search builds what it needs anew."""
        drop_index(self._core)

    # Care

    def fsck(self, *, progress: Progress | None = None) -> list[Finding]:
        """Verifies all that is stored and returns what is damaged, by name; an empty list means all is well."""
        from hdstore.repository.checking import check_repository

        return check_repository(self._core, progress=progress)

    def gc(self, *, grace: float = GRACE, progress: Progress | None = None) -> GcReport:
        """Packs objects and removes what nothing reaches and is older than ``grace`` seconds."""
        from hdstore.repository.cleaning import collect_garbage

        self._core.check_writable()
        return collect_garbage(self._core, grace=grace, progress=progress)

    def watch(self, on_change: Callable[[frozenset[str]], None]) -> Watcher:
        """Calls ``on_change`` with the names of refs that moved, from a thread, until the watcher is stopped."""
        from hdstore.watch import watch_refs

        return watch_refs(self.hds, on_change)


def init(folder: str | Path = ".", *, shared: bool = False, author: Author | None = None) -> Repository:
    """Makes a repository in a folder and opens it; raises AlreadyExistsError when there is one.

    With ``shared``, all members of the folder's group may write to it.
    """
    author = author or author_from_environment()
    layout = Layout(Path(folder).absolute())
    if layout.hds.exists():
        # An init that was cut short goes on, but not with what somebody put there.
        check_layout(layout, unfinished=True)
    layout.create(shared=shared)
    repository = Repository(layout, author)
    core = repository._core
    with core.refs.lock(CATALOG_REF):
        if core.refs.get(CATALOG_REF) is not None:
            raise AlreadyExistsError(f"There is a repository in {layout.folder} already.")
        with core.objects.pack() as writer:
            commit = write_catalog(
                writer, None, (), author=author, time=core.now(), message="Begin the catalog"
            )
        core.refs.update(RefUpdate(CATALOG_REF, None, commit))
    return repository


def open_repository(
    folder: str | Path = ".", *, author: Author | None = None, trusted: bool = False
) -> Repository:
    """Opens the repository of a folder or of the nearest folder above it.

    Raises RepositoryNotFoundError, or UntrustedError when it holds settings that could run programs or belongs to
    another user (``trusted`` allows the latter). Finishes what a killed process left between two steps.
    """
    start = Path(folder).absolute()
    for place in (start, *start.parents):
        layout = Layout(place)
        if layout.exists:
            check_layout(layout, trusted=trusted)
            layout.restore_folders()
            repository = Repository(layout, author or author_from_environment())
            repository._core.recover()
            return repository
    raise RepositoryNotFoundError(
        f"There is no repository in {start} or above it; make one with init or clone."
    )


def verify_bundle(path: str | Path, *, progress: Progress | None = None) -> BundleReport:
    """Reads a bundle where no repository is, and says what is in it and what is wrong.

    What it builds on counts as missing; ``Repository.verify_bundle`` looks for it.
    """
    from hdstore.repository import bundling

    return bundling.verify_bundle(Path(path), None, progress=progress)


def clone(
    url: str | Path,
    folder: str | Path,
    *,
    media: str | Iterable[str] = "none",
    program: str = "",
    author: Author | None = None,
    progress: Progress | None = None,
) -> Repository:
    """Copies a repository with all versions into a new folder and opens it; ``media`` as for ``Repository.pull``.

    What ``url`` names becomes the remote "origin"; ``program`` is how hdstore is called on the machine that ssh
    reaches. ``url`` may be a bundle: then all of its media are kept, and there is no remote.
    """
    from hdstore.repository import remoting

    layout = Layout(Path(folder).absolute())
    if Path(url).is_file():
        from hdstore.repository.bundling import clone_bundle

        clone_bundle(Path(url), layout, progress=progress)
        return open_repository(layout.folder, author=author)
    remoting.clone(str(url), layout, program=program, progress=progress)
    repository = open_repository(layout.folder, author=author)
    remoting.fetch_media(repository._core, "origin", media=media, progress=progress)
    return repository
