"""Views as ClearML's newer SDK has them: queries over versions, and the entries they yield."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hdstore.clearml.converting import item_to_dict, paths_of, reader
from hdstore.clearml.entry import DataEntry
from hdstore.clearml.query import HyperDatasetQuery
from hdstore.compat.iterating import ViewIterator
from hdstore.compat.rules import MappingRule, RoiQuery
from hdstore.compat.viewstate import Origin, ViewState, find_place, order_of
from hdstore.errors import InvalidInputError, InvalidValueError
from hdstore.model import ANY, Iteration, ViewQuery

if TYPE_CHECKING:
    from hdstore.view import ViewItem

__all__ = ["DataView"]

_UNSET: Any = object()


class DataView:
    """Entries of one or several versions: those that any query finds, each once, or again and again.

    Nothing is read until entries are asked for, and nothing is stored until ``store`` is called.
    """

    Iterator = ViewIterator

    def __init__(
        self,
        name: str | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        iteration_order: str = "sequential",
        iteration_infinite: bool = False,
        iteration_random_seed: int | None = None,
        iteration_limit: int | None = None,
        auto_connect_with_task: bool = True,
        project_name: str | None = None,
    ) -> None:
        self._state = ViewState(
            Iteration(
                order=order_of(iteration_order),
                infinite=bool(iteration_infinite),
                limit=iteration_limit,
                seed=iteration_random_seed,
            )
        )
        self._state.name = name
        self._state.description = description or ""
        self._state.tags = tuple(tags or ())
        self._state.project = project_name or ""

    def __repr__(self) -> str:
        return f"<DataView {self.name!r} of {len(self.get_queries())} queries>"

    @classmethod
    def get(cls, dataview_id: str | None = None, dataview_name: str | None = None) -> DataView:
        """Returns a stored view by its id or name; MissingError (a ValueError) where there is none."""
        found = cls()
        found._state.load(dataview_id, dataview_name)
        return found

    @property
    def id(self) -> str | None:
        """The id of the stored view; None where it is not stored."""
        return None if self._state.stored is None else self._state.stored.id

    @property
    def name(self) -> str | None:
        """Its name."""
        return self._state.name

    @name.setter
    def name(self, name: str | None) -> None:
        self._state.rename(name)

    def store(self, project_name: str | None = None) -> str:
        """Stores the view under its name, or a random one, and returns its id.

        A view of the name that is stored in draft gets this value; changes that are made later are stored at once.

        Raises:
            ReadOnlyError: a view of the name is published.
        """
        return self._state.store(project_name)

    # Queries

    def add_query(
        self,
        *,
        project_id: str = ANY,
        dataset_id: str = ANY,
        version_id: str = ANY,
        source_query: str | None = None,
        frame_query: str | None = None,
        weight: float | None = 1.0,
        filter_by_roi: Any = None,
        label_rules: Iterable[RoiQuery | Mapping[str, Any]] | None = None,
    ) -> HyperDatasetQuery:
        """Adds a query, and returns it; HyperDatasetQuery tells what its arguments mean."""
        query = HyperDatasetQuery(
            project_id, dataset_id, version_id, source_query, frame_query, weight, filter_by_roi, label_rules
        )
        self.add_queries(query)
        return query

    def add_queries(self, queries: HyperDatasetQuery | Iterable[HyperDatasetQuery]) -> None:
        """Adds one query or several."""
        self._state.add_queries(
            _native(query) for query in ([queries] if isinstance(queries, HyperDatasetQuery) else queries)
        )

    def get_queries(self) -> list[HyperDatasetQuery]:
        """Returns the queries."""
        return list(map(HyperDatasetQuery._of, self._state.value.queries))

    def set_queries(self, queries: Iterable[HyperDatasetQuery] | None) -> None:
        """Replaces the queries; None removes all."""
        self._state.set_queries(map(_native, queries or ()))

    # Labels

    def add_mapping_rule(
        self,
        from_labels: str | Iterable[str],
        to_label: str,
        dataset_id: str | None = None,
        dataset_name: str | None = None,
        version_id: str | None = None,
        version_name: str | None = None,
        project_name: str | None = None,
    ) -> MappingRule:
        """Lets annotations that carry all of ``from_labels`` carry ``to_label`` instead; queries see them before.

        Without a dataset or version it holds for all of the view.
        """
        if version_name is not None and dataset_id is None and dataset_name is None:
            raise InvalidInputError("A version is found by its name in a dataset; name that too.")
        place = find_place(
            self._state.open,
            dataset_id=dataset_id,
            dataset_name=dataset_name,
            version_id=version_id,
            version_name=version_name,
            project=project_name,
        )
        return MappingRule.of(self._state.add_mapping(from_labels, to_label, *place))

    def get_mapping_rules(self) -> list[MappingRule]:
        """Returns the mappings of labels."""
        return list(map(MappingRule.of, self._state.value.mapping))

    def set_labels(self, label_dict: Mapping[str, int]) -> None:
        """Gives labels (after mapping) their numbers, ``label_num`` of annotations; others have -1."""
        self._state.set_labels(label_dict)

    def get_labels(self) -> dict[str, int]:
        """Returns the numbers of labels."""
        return dict(self._state.value.enumeration)

    # Iteration

    def get_iteration_parameters(self) -> dict[str, Any]:
        """Returns how entries come: order, infinite, limit and random_seed."""
        found = self._state.value.iteration
        return {
            "order": str(found.order),
            "infinite": found.infinite,
            "limit": found.limit,
            "random_seed": found.seed,
        }

    def set_iteration_parameters(self, *, infinite: bool | None = None, limit: int | None = _UNSET) -> None:
        """Changes whether entries come again and again, and how many; None as the limit takes it away.

        Order and seed are given when the view is made.
        """
        if infinite is not None:
            self._state.iterate(infinite=bool(infinite))
        if limit is not _UNSET:
            self._state.iterate(limit=limit)

    # Entries

    def get_iterator(
        self,
        projection: Iterable[str] | None = None,
        query_cache_size: int | None = None,
        query_queue_depth: int | None = 5,
        allow_repetition: bool = False,
        auto_synthetic_epoch_limit: bool | None = None,
        node_id: int | None = None,
        worker_index: int | None = None,
        num_workers: int | None = None,
        cache_in_memory: bool = False,
    ) -> ViewIterator[DataEntry]:
        """Returns an iterator over the entries; ``iter()`` of it begins anew.

        With ``projection``, entries have the parts that its dotted paths name. A thread reads ahead:
        ``query_queue_depth`` batches of ``query_cache_size`` (500) entries. ``allow_repetition`` (also called
        ``auto_synthetic_epoch_limit``) draws by the weights of the queries, entries of small ones again and again,
        until each has come, and leaves the view so. ``worker_index`` of ``num_workers`` gives each so-many-th entry.
        ``cache_in_memory`` keeps what came for the next time.
        """
        if allow_repetition or auto_synthetic_epoch_limit:
            self._state.draw_by_weights()
        return self._state.iterator(
            _convert(projection),
            query_cache_size=query_cache_size,
            query_queue_depth=query_queue_depth,
            node_id=node_id,
            worker_index=worker_index,
            num_workers=num_workers,
            cache_in_memory=cache_in_memory,
        )

    def __iter__(self) -> ViewIterator[DataEntry]:
        return self.get_iterator()

    def to_list(self) -> list[DataEntry]:
        """Returns all entries; InvalidInputError (a ValueError) for a view without an end."""
        self._state.check_end("to_list")
        return list(self._state.items(_convert(None)))

    def to_dict(self, projection: Iterable[str] | None = None) -> list[dict[str, Any]]:
        """Returns all entries, or parts of them, as ``to_api_object`` gives them; InvalidInputError without an end."""
        self._state.check_end("to_dict")
        paths = paths_of(projection)

        def read(item: ViewItem, origin: Origin) -> dict[str, Any]:
            return item_to_dict(item.frame, item.numbers, paths)

        return list(self._state.items(read))

    def get_count(self) -> int:
        """Returns how many entries the queries find."""
        return self._state.counts()[0]

    def __len__(self) -> int:
        return self._state.length()

    def __bool__(self) -> bool:
        return True  # a view that finds nothing is still a view

    def prefetch_local_sources(
        self,
        num_workers: int | None = None,
        wait: bool = True,
        query_cache_size: int | None = None,
        get_previews: bool = False,
        get_masks: bool = True,
        force_download: bool = False,
    ) -> None:
        """Has the local files of all sources read ahead by ``num_workers`` (8) threads; the log tells of missing ones.

        Unless it shall ``wait``, it goes on in the background. Nothing is downloaded: ``force_download`` is
        refused, and so is ``query_cache_size``, for there are no batches.
        """
        self._state.prefetch(
            workers=num_workers,
            wait=wait,
            previews=get_previews,
            masks=get_masks,
            batch=query_cache_size,
            force=force_download,
        )


def _native(query: HyperDatasetQuery) -> ViewQuery:
    if not isinstance(query, HyperDatasetQuery):
        raise InvalidValueError(f"A HyperDatasetQuery is needed, not a {type(query).__name__}.")
    return query.native


def _convert(projection: Iterable[str] | None) -> Callable[[ViewItem, Origin], DataEntry]:
    """Returns what makes entries, or parts of them, of the items of a view."""
    read = reader(projection)
    return lambda item, origin: read(item.frame, origin.repository, item.numbers)
