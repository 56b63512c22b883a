"""Views on their way into training: tables, parts, parameters, and (in ``train.torch``) PyTorch datasets.

Knows views by the seam ``Items`` alone. What needs an extra package imports it when it is used.
"""

from __future__ import annotations

from hdstore.train.arrow import Exported, to_arrow, to_daft, to_parquet, to_ray
from hdstore.train.items import Items
from hdstore.train.lines import to_json, to_jsonl
from hdstore.train.params import Param, ml_params
from hdstore.train.split import Split, Splitter, assign, split, write_split

__all__ = [
    "Exported",
    "Items",
    "Param",
    "Split",
    "Splitter",
    "assign",
    "ml_params",
    "split",
    "to_arrow",
    "to_daft",
    "to_json",
    "to_jsonl",
    "to_parquet",
    "to_ray",
    "write_split",
]
