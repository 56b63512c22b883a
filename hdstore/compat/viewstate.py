"""A view that a script puts together call by call, and the stored one it belongs to."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from hdstore.codec import view_hash
from hdstore.compat.errors import HyperDatasetWarning, MissingError
from hdstore.compat.iterating import ViewIterator
from hdstore.compat.lookup import find_dataset, find_version, one_of
from hdstore.compat.rules import check_queries, mapping_rule
from hdstore.compat.session import current, reopened
from hdstore.compat.version_metadata import VersionMetadata
from hdstore.errors import InvalidInputError, InvalidValueError, ReadOnlyError
from hdstore.ids import new_id
from hdstore.model import ANY, Iteration, MappingRule, Order, View, ViewQuery, replace

if TYPE_CHECKING:
    from hdstore.repository import DatasetVersion, DataView, Repository, StoredView
    from hdstore.view import ViewItem

__all__ = ["Origin", "ViewState", "find_place", "order_of"]

Item = TypeVar("Item")

Convert: TypeAlias = "Callable[[ViewItem, Origin], Item]"
"""Makes of an item of a view, and what it comes from, what a script gets."""

_log = logging.getLogger("hdstore.compat")


def order_of(value: Any) -> Order:
    """Returns an order by its name or the member of an enum."""
    try:
        return Order(getattr(value, "value", value))
    except ValueError as error:
        raise InvalidInputError(f"The order is sequential or random, not {value!r}.") from error


def find_place(
    repository: Callable[[], Repository],
    *,
    dataset_id: str | None = None,
    dataset_name: str | None = None,
    version_id: str | None = None,
    version_name: str | None = None,
    project: str | None = None,
) -> tuple[str, str]:
    """Returns the ids that names and ids of a dataset and a version mean; what is not given is "*", any.

    Raises:
        MissingError: there is no such dataset or version (a ValueError).
    """
    one_of(dataset_id, dataset_name, "dataset", required=False)
    one_of(version_id, version_name, "version", required=False)
    version = version_id or version_name or ANY
    wanted = None if project == ANY else project
    if (dataset_id or dataset_name or ANY) == ANY:
        if wanted is not None:
            raise InvalidInputError("A project narrows down a dataset; name the dataset with it.")
        return ANY, version
    dataset = find_dataset(repository(), id=dataset_id or None, name=dataset_name or None, project=wanted)
    if version == ANY:
        return dataset.id, ANY
    return dataset.id, find_version(dataset, id=version_id or None, name=version_name or None).id


class ViewState:
    """The value of a view as it stands, and where it is stored; a change of a stored view is stored at once."""

    def __init__(self, iteration: Iteration) -> None:
        self.value = View(iteration=iteration)
        self.name: str | None = None
        self.description = ""
        self.tags: tuple[str, ...] = ()
        self.project = ""
        self.stored: StoredView | None = None

    @cached_property
    def repository(self) -> Repository:
        """The repository it reads: the one that scripts mean when it is first needed."""
        return current()

    def __getstate__(self) -> dict[str, Any]:
        state = vars(self).copy()
        if "repository" in state:
            state["repository"] = str(self.repository.folder)
        state["stored"] = None if self.stored is None else self.stored.id
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if "repository" in state:
            vars(self)["repository"] = reopened(state["repository"])
        self.stored = None if state["stored"] is None else self.repository.view(state["stored"])

    def open(self) -> Repository:
        """Returns the repository it reads."""
        return self.repository

    # Changing it

    def change(self, **fields: Any) -> None:
        """Replaces parts of the view; raises ReadOnlyError where it is stored and published."""
        value = replace(self.value, **fields)
        if self.stored is not None and value != self.value:
            self.stored.edit(value)
        self.value = value

    def iterate(self, **fields: Any) -> None:
        """Replaces parts of the iteration."""
        self.change(iteration=replace(self.value.iteration, **fields))

    def set_queries(self, queries: Iterable[ViewQuery]) -> None:
        """Replaces the queries."""
        given = tuple(queries)
        for query in given:
            if not isinstance(query, ViewQuery):
                raise InvalidValueError(f"A query of a view is needed, not a {type(query).__name__}.")
            check_queries(query)
        self.change(queries=given)

    def add_queries(self, queries: Iterable[ViewQuery]) -> None:
        """Adds queries whose Lucene is sound."""
        self.set_queries((*self.value.queries, *queries))

    def add_mapping(
        self, from_labels: str | Iterable[str], to_label: str, dataset: str, version: str
    ) -> MappingRule:
        """Adds a mapping of labels and returns it."""
        rule = mapping_rule(from_labels, to_label, dataset, version)
        self.change(mapping=(*self.value.mapping, rule))
        return rule

    def set_labels(self, labels: Any) -> None:
        """Replaces the numbers of labels."""
        if not isinstance(labels, Mapping) or not all(
            isinstance(name, str) and isinstance(value, int) and not isinstance(value, bool)
            for name, value in labels.items()
        ):
            raise InvalidValueError("Labels are numbered by a dict from names to whole numbers.")
        self.change(enumeration={str(name): int(value) for name, value in labels.items()})

    # Where it is stored

    def rename(self, name: str | None) -> None:
        """Gives it another name, also where it is stored."""
        if self.stored is not None:
            if not name:
                raise InvalidInputError("A stored view has a name.")
            self.stored.rename(name)
        self.name = name

    def store(self, project: str | None = None) -> str:
        """Stores the view and returns its id; one that is stored under its name in draft gets this value.

        Raises:
            ReadOnlyError: one of the name is published and says something else.
        """
        if project is not None:
            self.project = project
            if self.stored is not None:
                self.stored.move(project)
        if self.stored is None:
            name = self.name or f"view {new_id()}"
            known = [view for view in self.repository.views() if view.name == name]
            if known and known[0].content_hash == view_hash(self.value):
                self.stored = known[0]
            elif known and known[0].published:
                raise ReadOnlyError(
                    f"There is a published view {name!r} that says something else; choose another name."
                )
            elif known:
                known[0].edit(self.value)
                _log.info("The view %s in draft was replaced", name)
                self.stored = known[0]
            else:
                self.stored = self.repository.create_view(
                    name, self.value, project=self.project, description=self.description, tags=self.tags
                )
            self.name = name
        return self.stored.id

    def load(self, id: str | None, name: str | None) -> None:
        """Takes over a stored view by its id or name; of several with one name the newest, with a warning.

        Raises:
            MissingError: there is no such view (a ValueError).
        """
        one_of(id, name, "dataview")
        found = [
            view
            for view in self.repository.views()
            if (view.id if name is None else view.name) == (name or id)
        ]
        if not found:
            raise MissingError(f"There is no view {name or id!r} in {self.repository.folder}.")
        if len(found) > 1:
            warnings.warn(
                f"There are {len(found)} views named {name!r}; the newest, {found[-1].id}, is taken.",
                HyperDatasetWarning,
                stacklevel=4,
            )
        self.stored = found[-1]
        document = self.stored.document
        self.value, self.name, self.description = document.view, document.name, document.description
        self.tags, self.project = document.tags, document.project

    # Reading it

    def handle(self, **iteration: Any) -> DataView:
        """Returns what reads the view as it stands now, or with another iteration."""
        value = self.value
        if iteration:
            value = replace(value, iteration=replace(value.iteration, **iteration))
        return self.repository.data_view(value)

    def counts(self) -> tuple[int, list[int]]:
        """Returns how many frames its queries find together, and how many each finds by itself."""
        counts = self.handle().counts()
        return counts.frames.number, [query.found.number for query in counts.queries]

    def length(self) -> int:
        """Returns how many frames come; of a view without an end, how many its queries find (row 122)."""
        iteration = self.value.iteration
        if iteration.infinite and iteration.limit is None:
            return self.counts()[0]
        return len(self.handle())

    def check_end(self, what: str) -> None:
        """Checks that the view has an end."""
        iteration = self.value.iteration
        if iteration.infinite and iteration.limit is None:
            raise InvalidInputError(f"{what} needs an end, and this view begins anew for ever; set a limit.")

    def draw_by_weights(self) -> None:
        """Lets frames be drawn by the weights of their queries until each has come; a view of one query stays."""
        handle = self.handle(infinite=True, limit=None)
        limit = handle.epoch_length
        if len(handle.resolved.queries) > 1 and limit:
            _log.info("Frames are drawn by the weights of their queries: %d of them", limit)
            self.iterate(infinite=True, limit=limit)

    def items(self, convert: Convert[Item]) -> Iterator[Item]:
        """Yields what comes, as ``convert`` makes it of an item and where it comes from."""
        return _Reading(self.repository, self.handle(), convert).open(0, 0, 1)

    def iterator(self, convert: Convert[Item], **options: Any) -> ViewIterator[Item]:
        """Returns an iterator over what comes; ``options`` are those of ViewIterator."""
        reading = _Reading(self.repository, self.handle(), convert)
        return ViewIterator(reading.open, reading.length, **options)

    def prefetch(
        self,
        *,
        workers: int | None,
        wait: bool,
        previews: bool,
        masks: bool,
        batch: int | None,
        force: bool,
    ) -> None:
        """Has the local files of the view read ahead: now, or in a thread where it is not to be waited for."""
        if batch is not None:
            raise InvalidInputError("Files are read ahead one by one; leave out query_cache_size.")
        if force:
            raise InvalidInputError(
                "Nothing is downloaded, so nothing can be downloaded anew; leave out force_download. fsck verifies"
                " kept files."
            )
        handle = self.handle()
        count = 8 if workers is None else workers

        def run() -> None:
            report = handle.prefetch(workers=count, masks=masks, previews=previews)
            for uri, reason in report.missing.items():
                _log.warning("%s can not be read ahead: %s", uri, reason)

        if wait:
            run()
        else:
            handle.prepare()
            threading.Thread(target=run, name="hdstore-prefetch", daemon=True).start()


class Origin(VersionMetadata):
    """The version that a frame of a view comes from."""

    def __init__(self, repository: Repository, dataset: tuple[str, str], version: tuple[str, str]) -> None:
        self.repository = repository
        self.origin = {
            "dataset_id": dataset[0],
            "dataset_name": dataset[1],
            "version_id": version[0],
            "version_name": version[1],
        }

    def __reduce__(self) -> tuple[Any, ...]:
        origin = self.origin
        dataset = (origin["dataset_id"], origin["dataset_name"])
        version = (origin["version_id"], origin["version_name"])
        return _origin, (str(self.repository.folder), dataset, version)

    @property
    def native(self) -> DatasetVersion:  # type: ignore[override]  # it is looked up when it is asked for
        """The library's own handle on the version."""
        return self.repository.dataset(self.origin["dataset_id"]).version(self.origin["version_id"])


def _origin(folder: str, dataset: tuple[str, str], version: tuple[str, str]) -> Origin:
    return Origin(reopened(folder), dataset, version)


class _Reading(Generic[Item]):
    """Reads a view and tells what each item comes from."""

    def __init__(self, repository: Repository, handle: DataView, convert: Convert[Item]) -> None:
        self._repository = repository
        self._handle = handle
        self._convert = convert
        self._origins: dict[int, Origin] = {}

    @property
    def _width(self) -> int:
        """How many frames one item holds."""
        clip = self._handle.value.iteration.clip
        return 1 if clip is None else clip.length

    def length(self) -> int | None:
        """Returns how many frames come; None without an end."""
        iteration = self._handle.value.iteration
        endless = iteration.infinite and iteration.limit is None
        return None if endless else len(self._handle) * self._width

    def open(self, start: int, worker: int, workers: int) -> Iterator[Item]:
        """Yields what comes to a worker, after the first ``start`` frames of its own; clips frame by frame."""
        begun, skipped = divmod(start, self._width)
        for item in self._handle.items(begun * workers, worker, workers):
            for single in islice(item.clip or (item,), skipped, None):
                yield self._convert(single, self._origin(single))
            skipped = 0

    def _origin(self, item: ViewItem) -> Origin:
        found = self._origins.get(item.query)
        if found is None:
            query = self._handle.resolved.queries[item.query]
            found = self._origins[item.query] = Origin(
                self._repository, (query.dataset, item.dataset), (query.version, item.version)
            )
        return found
