"""The bridge to MLflow: a run remembers which view it was trained on (row 112)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hdstore.codec import view_from_builtins, view_to_json
from hdstore.errors import InvalidValueError, NotFoundError
from hdstore.model import View
from hdstore.train.extras import need
from hdstore.train.params import Param, ml_params

if TYPE_CHECKING:
    from hdstore.train.items import Items

mlflow: Any = need("mlflow", extra="mlflow")
_sources: Any = need("mlflow.data.dataset_source", extra="mlflow")
_meta: Any = need("mlflow.data.meta_dataset", extra="mlflow")

__all__ = ["ARTIFACT", "HdstoreSource", "log_view"]

_DIGEST = 36
"""How many characters MLflow keeps of a dataset's digest."""

ARTIFACT = "view.json"
"""The run's artifact that holds the whole view."""

_MOST = 6000
"""How many characters MLflow keeps of a parameter."""

_NAME_MOST = 500
"""How many characters MLflow keeps of a dataset's name."""

_SOURCE_MOST = 60_000
"""How long a view's JSON may be to stand in the source itself; MLflow keeps 65,535 characters."""


class HdstoreSource(_sources.DatasetSource):
    """Where a run's data came from: a view, by its hash and, unless it is very long, its whole value."""

    def __init__(self, content_hash: str, view_json: str | None) -> None:
        self.content_hash = content_hash
        self.view_json = view_json

    @staticmethod
    def _get_source_type() -> str:
        return "hdstore"

    def load(self) -> View:
        """Returns the view; ``repository.data_view`` binds it to a repository that has its commits."""
        if self.view_json is None:
            raise NotFoundError(
                f"The view {self.content_hash[:_DIGEST]} is too long for a source; read the run's artifact {ARTIFACT}."
            )
        return view_from_builtins(json.loads(self.view_json))

    @staticmethod
    def _can_resolve(raw_source: Any) -> bool:
        return False

    @classmethod
    def _resolve(cls, raw_source: Any) -> HdstoreSource:
        raise InvalidValueError(
            "A view is logged by log_view; MLflow can not make its source of something else."
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the source as MLflow stores it."""
        return {"hash": self.content_hash, "view": self.view_json}

    @classmethod
    def from_dict(cls, source_dict: dict[Any, Any]) -> HdstoreSource:
        """Returns the source that MLflow stored."""
        return cls(source_dict["hash"], source_dict.get("view"))


def log_view(view: Items, *, name: str | None = None, context: str = "training") -> dict[str, Param]:
    """Logs a view with the active run of MLflow (one is begun where there is none), and returns the parameters.

    The run gets the pinned view as an input dataset (``name``, else the names of its datasets; the beginning of its
    hash is the digest), its parameters as ``ml_params`` gives them, and all of it as the artifact ``view.json``.
    Parameters longer than MLflow keeps stand in the artifact alone.
    """
    pinned = view.pinned()
    value, content_hash = pinned.value, pinned.content_hash
    text = view_to_json(value)
    source = HdstoreSource(content_hash, text if len(text) <= _SOURCE_MOST else None)
    called = name or ", ".join(dict.fromkeys(query.dataset for query in view.value.queries))[:_NAME_MOST]
    mlflow.log_input(_meta.MetaDataset(source, name=called, digest=content_hash[:_DIGEST]), context=context)
    params = ml_params(value, content_hash)
    params = {name: value for name, value in params.items() if len(str(value)) <= _MOST}
    mlflow.log_params(params)
    mlflow.log_text(text + "\n", ARTIFACT)
    return params
