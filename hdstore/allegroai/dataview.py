"""DataViews under the names that ClearML's scripts know: queries over versions, and the frames they yield."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from hdstore.allegroai.dataframe import AnyFrame, FrameGroup, frame_from_native
from hdstore.compat import rules
from hdstore.compat.iterating import ViewIterator
from hdstore.compat.projection import parse_projection, project
from hdstore.compat.rules import MappingRule, filter_by, roi_rules
from hdstore.compat.viewstate import Origin, ViewState, find_place, order_of
from hdstore.model import Iteration, ViewQuery

if TYPE_CHECKING:
    from hdstore.view import ViewItem

__all__ = ["DataView", "IterationOrder"]

_UNSET: Any = object()


class IterationOrder(enum.StrEnum):
    """The order in which frames come."""

    sequential = "sequential"
    """By context id, timestamp and id."""
    random = "random"
    """By a permutation that the seed decides."""


class DataView:
    """Frames of one or several versions: those that any query finds, each once, or again and again.

    Nothing is read until frames are asked for.
    """

    RoiQuery = rules.RoiQuery

    def __init__(
        self,
        name: str | None = None,
        iteration_order: IterationOrder | str = IterationOrder.sequential,
        iteration_infinite: bool = False,
        maximum_number_of_frames: int | None = None,
        auto_connect_with_task: bool = True,
        queries: Iterable[ViewQuery] | None = None,
        *,
        iteration_random_seed: int | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        project_name: str | None = None,
    ) -> None:
        self._state = ViewState(
            Iteration(
                order=order_of(iteration_order),
                infinite=bool(iteration_infinite),
                limit=maximum_number_of_frames,
                seed=iteration_random_seed,
            )
        )
        self._state.name = name
        self._state.description = description or ""
        self._state.tags = tuple(tags or ())
        self._state.project = project_name or ""
        self.set_queries(queries)

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
        dataset_name: str | None = None,
        version_name: str | None = None,
        roi_query: str | Sequence[str] | None = None,
        frame_query: str | None = None,
        source_query: str | None = None,
        weight: float = 1,
        *,
        dataset_id: str | None = None,
        version_id: str | None = None,
        dataset_project: str | None = None,
        filter_by_roi: Any = None,
    ) -> None:
        """Adds a query: frames of a version that meet all that is given; a frame that several find comes once.

        ``roi_query`` is the name of a label, a list of labels that one annotation carries together, or Lucene that is
        asked of one annotation; ``frame_query`` and ``source_query`` are Lucene. "*", or nothing, as the version is
        every version that other queries name, as the dataset every dataset. ``weight`` is how often this query is
        drawn beside the others.

        Raises:
            MissingError: there is no such dataset or version (a ValueError).
            QuerySyntaxError: a query can not be parsed (a ValueError).
        """
        rois = [] if roi_query is None else [rules.RoiQuery(roi_query)]
        self.add_multi_query(
            dataset_name,
            version_name,
            rois,
            frame_query,
            source_query,
            weight,
            dataset_id=dataset_id,
            version_id=version_id,
            dataset_project=dataset_project,
            filter_by_roi=filter_by_roi,
        )

    def add_multi_query(
        self,
        dataset_name: str | None = None,
        version_name: str | None = None,
        roi_queries: Iterable[rules.RoiQuery | Mapping[str, Any]] | None = None,
        frame_query: str | None = None,
        source_query: str | None = None,
        weight: float = 1,
        *,
        dataset_id: str | None = None,
        version_id: str | None = None,
        dataset_project: str | None = None,
        filter_by_roi: Any = None,
    ) -> None:
        """Adds a query with several rules for annotations, as RoiQuery or dicts; a frame meets all of them.

        Each may be met by another annotation.
        """
        dataset, version = find_place(
            self._state.open,
            dataset_id=dataset_id,
            dataset_name=dataset_name,
            version_id=version_id,
            version_name=version_name,
            project=dataset_project,
        )
        query = ViewQuery(
            dataset=dataset,
            version=version,
            filter=filter_by(filter_by_roi),
            rois=roi_rules(roi_queries),
            frame=frame_query or "",
            source=source_query or "",
            weight=float(weight),
        )
        self._state.add_queries([query])

    def get_queries(self) -> list[ViewQuery]:
        """Returns the queries, as values of the library."""
        return list(self._state.value.queries)

    def set_queries(self, queries: Iterable[ViewQuery] | None) -> None:
        """Replaces the queries by such as ``get_queries`` gives; None removes all."""
        self._state.set_queries(queries or ())

    # Labels

    def add_mapping_rule(
        self,
        dataset_name: str | None = None,
        version_name: str | None = None,
        from_labels: str | Iterable[str] | None = None,
        to_label: str | None = None,
        *,
        dataset_id: str | None = None,
        version_id: str | None = None,
        dataset_project: str | None = None,
    ) -> MappingRule:
        """Lets annotations that carry all of ``from_labels`` carry ``to_label`` instead; queries see them before.

        Without a dataset or version it holds for all of the view.
        """
        place = find_place(
            self._state.open,
            dataset_id=dataset_id,
            dataset_name=dataset_name,
            version_id=version_id,
            version_name=version_name,
            project=dataset_project,
        )
        return MappingRule.of(self._state.add_mapping(from_labels or (), to_label or "", *place))

    def get_mapping_rules(self) -> list[MappingRule]:
        """Returns the mappings of labels."""
        return list(map(MappingRule.of, self._state.value.mapping))

    def set_labels(self, label_dict: Mapping[str, int]) -> None:
        """Gives labels (after mapping) their numbers, ``label_enum`` of annotations; others have -1."""
        self._state.set_labels(label_dict)

    def get_labels(self) -> dict[str, int]:
        """Returns the numbers of labels."""
        return dict(self._state.value.enumeration)

    # Iteration

    def set_iteration_parameters(
        self,
        order: IterationOrder | str | None = None,
        infinite: bool | None = None,
        maximum_number_of_frames: int | None = _UNSET,
        random_seed: int | None = _UNSET,
    ) -> None:
        """Changes how frames come; what is not given stays, and None as the number or the seed takes it away."""
        given = {
            "order": None if order is None else order_of(order),
            "infinite": None if infinite is None else bool(infinite),
        }
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if maximum_number_of_frames is not _UNSET:
            changes["limit"] = maximum_number_of_frames
        if random_seed is not _UNSET:
            changes["seed"] = random_seed
        self._state.iterate(**changes)

    def get_iteration_parameters(self) -> dict[str, Any]:
        """Returns how frames come: order, infinite, maximum_number_of_frames and random_seed."""
        found = self._state.value.iteration
        return {
            "order": IterationOrder(found.order),
            "infinite": found.infinite,
            "maximum_number_of_frames": found.limit,
            "random_seed": found.seed,
        }

    # Frames

    def get_iterator(
        self,
        projection: Iterable[str] | None = None,
        query_cache_size: int | None = None,
        query_queue_depth: int | None = None,
        allow_repetition: bool = False,
        node_id: int | None = None,
        worker_index: int | None = None,
        num_workers: int | None = None,
        cache_in_memory: bool = False,
    ) -> ViewIterator[Any]:
        """Returns an iterator over the frames, or over parts of them as dicts; ``iter()`` of it begins anew.

        A thread reads ahead: ``query_queue_depth`` (5) batches of ``query_cache_size`` (500) frames.
        ``allow_repetition`` draws by the weights of the queries, frames of small ones again and again, until each has
        come, and leaves the view so. ``worker_index`` of ``num_workers`` gives each so-many-th frame.
        ``cache_in_memory`` keeps what came for the next time.
        """
        if allow_repetition:
            self._state.draw_by_weights()
        return self._state.iterator(
            _reader(projection),
            query_cache_size=query_cache_size,
            query_queue_depth=query_queue_depth,
            node_id=node_id,
            worker_index=worker_index,
            num_workers=num_workers,
            cache_in_memory=cache_in_memory,
        )

    def __iter__(self) -> Iterator[AnyFrame]:
        return cast("Iterator[AnyFrame]", self.get_iterator())

    def to_list(self) -> list[AnyFrame]:
        """Returns all frames; InvalidInputError (a ValueError) for a view without an end."""
        self._state.check_end("to_list")
        return list(self._state.items(_reader(None)))

    def to_dict(self, projection: Iterable[str] | None = None) -> list[dict[str, Any]]:
        """Returns all frames, or parts of them, as dicts; InvalidInputError for a view without an end."""
        self._state.check_end("to_dict")
        return list(self._state.items(_reader(projection, as_dicts=True)))

    def get_count(self) -> tuple[int, list[int]]:
        """Returns how many frames the queries find together, and how many each finds by itself."""
        return self._state.counts()

    def __len__(self) -> int:
        return self._state.length()

    def __bool__(self) -> bool:
        return True  # a view that finds nothing is still a view

    def prefetch_files(
        self,
        num_workers: int | None = None,
        wait: bool = False,
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


def _reader(projection: Iterable[str] | None, *, as_dicts: bool = False) -> Callable[[ViewItem, Origin], Any]:
    """Returns what makes frames, or dicts of parts of them, of the items of a view."""
    listed = None if projection is None else parse_projection(projection)
    paths = None if listed is None or ("*",) in listed else listed

    def read(item: ViewItem, origin: Origin) -> Any:
        frame = frame_from_native(item.frame, origin)
        if listed is None and not as_dicts:
            _give_numbers(frame, item.numbers)
            return frame
        plain = frame.to_dict()
        for roi, number in zip(plain["rois"], item.numbers, strict=True):
            roi["label_num"] = number
        return plain if paths is None else project(plain, paths)

    return read


def _give_numbers(frame: AnyFrame, numbers: Sequence[int]) -> None:
    """Tells the annotations of a frame what a view has numbered their labels."""
    for single in frame.values() if isinstance(frame, FrameGroup) else (frame,):
        for annotation in single.annotations:
            binding = annotation.binding
            if binding is not None and binding.position is not None:
                annotation.label_number = numbers[binding.position]
