"""A view as the flat parameters that trackers of experiments keep."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from hdstore.codec import view_to_builtins
from hdstore.model import DEFAULT_SEED, Order, View

__all__ = ["Param", "ml_params"]

Param: TypeAlias = str | int | float | bool
"""What every tracker takes."""


def ml_params(view: View, content_hash: str, *, prefix: str = "view.") -> dict[str, Param]:
    """Returns what a view says as flat names and plain values, for ``log_params`` and its like.

    What is a list in itself (rules, mapping, enumeration) is one string of JSON. What the view leaves open is left
    out, but for the order and its seed, which decide what a model sees.
    """
    plain = view_to_builtins(view)
    params: dict[str, Any] = {
        "hash": content_hash,
        "queries": len(view.queries),
        "order": str(view.iteration.order),
        "output": str(view.output),
        "pinned": view.is_pinned,
    }
    if view.iteration.order is Order.RANDOM:
        params["seed"] = DEFAULT_SEED if view.iteration.seed is None else view.iteration.seed
    for name, value in plain.get("iteration", {}).items():
        params.setdefault(name, value)
    for number, query in enumerate(plain.get("queries", ())):
        for name, value in query.items():
            params[f"query.{number}.{name}"] = value
        commit = view.pins.get(view.queries[number].version)
        if commit is not None:
            params[f"query.{number}.commit"] = commit
    for name in ("augmentation", "enumeration", "mapping", "projection"):
        if name in plain:
            params[name] = plain[name]
    return {f"{prefix}{name}": _scalar(value) for name, value in params.items()}


def _scalar(value: Any) -> Param:
    if isinstance(value, str | int | float | bool):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
