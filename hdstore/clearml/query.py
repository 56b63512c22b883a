"""Queries of views as ClearML's newer SDK has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hdstore.compat.rules import RoiQuery, check_queries, filter_by, label_rule, roi_rules
from hdstore.compat.session import current
from hdstore.compat.viewstate import find_place
from hdstore.model import ANY, ViewQuery

__all__ = ["HyperDatasetQuery"]


class HyperDatasetQuery:
    """Frames of a version that meet all that is given.

    "*" as the version is every version that other queries of the view name, as the dataset every dataset.
    ``label_rules`` are dicts with "label" (a name or Lucene, or a list of names) and perhaps "count_range",
    "conf_range" and "must_not"; a frame meets all of them. ``weight`` is how often this query is drawn beside the
    others.

    Raises:
        MissingError: there is no such dataset or version, or not in that project (a ValueError).
        QuerySyntaxError: a query can not be parsed (a ValueError).
    """

    def __init__(
        self,
        project_id: str = ANY,
        dataset_id: str = ANY,
        version_id: str = ANY,
        source_query: str | None = None,
        frame_query: str | None = None,
        weight: float | None = 1.0,
        filter_by_roi: Any = None,
        label_rules: Iterable[RoiQuery | Mapping[str, Any]] | None = None,
    ) -> None:
        dataset, version = find_place(
            current, dataset_id=dataset_id, version_id=version_id, project=project_id or ANY
        )
        self._native = ViewQuery(
            dataset=dataset,
            version=version,
            filter=filter_by(filter_by_roi),
            rois=roi_rules(label_rules),
            frame=frame_query or "",
            source=source_query or "",
            weight=1.0 if weight is None else float(weight),
        )
        check_queries(self._native)
        self._project_id = project_id or ANY

    @classmethod
    def _of(cls, native: ViewQuery) -> HyperDatasetQuery:
        """Returns a query of the library in this form; what it names is not looked up."""
        found = cls.__new__(cls)
        found._native = native
        found._project_id = ANY
        return found

    def __repr__(self) -> str:
        return f"<HyperDatasetQuery {self.dataset_id}/{self.version_id}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HyperDatasetQuery) and other._native == self._native

    def __hash__(self) -> int:
        return hash((self.dataset_id, self.version_id, self.frame_query))

    @property
    def native(self) -> ViewQuery:
        """The query as a value of the library."""
        return self._native

    @property
    def project_id(self) -> str:
        """The project that the dataset was looked for in, or "*"."""
        return self._project_id

    @property
    def dataset_id(self) -> str:
        """The id of the dataset, or "*"."""
        return self._native.dataset

    @property
    def version_id(self) -> str:
        """The id of the version, or "*"."""
        return self._native.version

    @property
    def source_query(self) -> str | None:
        """What a source of the frame must meet."""
        return self._native.source or None

    @property
    def frame_query(self) -> str | None:
        """What the frame must meet."""
        return self._native.frame or None

    @property
    def weight(self) -> float:
        """How often this query is drawn beside the others."""
        return self._native.weight

    @property
    def filter_by_roi(self) -> str:
        """Which frames it looks at: label_rules, no_rois or disabled."""
        return str(self._native.filter)

    @property
    def label_rules(self) -> list[dict[str, Any]]:
        """What annotations a frame must have, as dicts."""
        return list(map(label_rule, self._native.rois))
